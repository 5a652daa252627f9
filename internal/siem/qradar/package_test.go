package qradar_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/siem"
	"vedette/internal/siem/qradar"
	"vedette/internal/siem/siemtest"
)

func packaged(t *testing.T) map[string]string {
	t.Helper()
	r := siemtest.Rules()["scheduled"]
	out, err := backend.Compile(r, backend.Fields())
	if err != nil {
		t.Fatal(err)
	}
	files, err := backend.Package([]*siem.Output{out})
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for _, f := range files {
		list[f.Path] = string(f.Data)
	}
	return list
}

// TestPackageReads reads the searches of a package, which have no comment,
// and holds that each property that they read is created for the log source
// type that they read it of.
func TestPackageReads(t *testing.T) {
	files := packaged(t)
	search := files["searches/t1580-burst.aql"]
	if strings.Contains(search, "/*") {
		t.Error("the search has a comment")
	}
	for path, text := range files {
		if strings.HasSuffix(path, ".filter.aql") {
			if _, err := readFilter(text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		} else if strings.HasSuffix(path, ".aql") {
			if _, err := read(text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	var props []struct {
		Property struct{ Name string }
		JSON     []struct {
			Type       int `json:"log_source_type_id"`
			Expression string
		} `json:"property_json_expressions"`
		Regex []struct {
			Type  int `json:"log_source_type_id"`
			Regex string
			Group int `json:"capture_group"`
		} `json:"property_expressions"`
	}
	if err := json.Unmarshal([]byte(files["properties.json"]), &props); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, p := range props {
		for _, x := range p.JSON {
			have[fmt.Sprint(p.Property.Name, x.Type)] = true
			if !strings.HasPrefix(x.Expression, `/"`) || !strings.HasSuffix(x.Expression, `"`) {
				t.Errorf("%s: %q is no path", p.Property.Name, x.Expression)
			}
		}
		for _, x := range p.Regex {
			have[fmt.Sprint(p.Property.Name, x.Type)] = true
			if re := expression(x.Regex); re.NumSubexp() != 1 || x.Group != 1 {
				t.Errorf("%s: %q has %d groups", p.Property.Name, x.Regex, re.NumSubexp())
			}
		}
	}
	for name, m := range backend.Fields().Logs {
		texts := []string{m.Where, m.Set["raw_where"]}
		for _, role := range siem.Roles() {
			texts = append(texts, m.Expr(role))
		}
		for _, text := range texts {
			if text == "" {
				continue
			}
			list, err := lex(text)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
			for _, l := range list {
				if l.kind == 'p' && !have[l.text+m.Source] {
					t.Errorf("%s reads %q, which the package does not create for %s", name, l.text, m.Source)
				}
			}
		}
	}
}

// TestScheduled holds that runs one after the other look at each window once,
// and at none before it has settled.
func TestScheduled(t *testing.T) {
	q, err := read(packaged(t)["searches/t1580-burst.aql"])
	if err != nil {
		t.Fatal(err)
	}
	base := time.Date(2024, 5, 6, 13, 0, 0, 0, time.UTC)
	var calls []row
	for w := 0; w < 8; w++ {
		for i := 0; i < 10; i++ {
			calls = append(calls, row{"devicetype": int64(347), "devicetime": base.Add(time.Duration(w)*15*time.Minute + time.Duration(i)*80*time.Second).UnixMilli(), "eventcount": int64(1),
				"Cloud Service": "ec2.amazonaws.com", "Cloud Operation": "DescribeInstances", "Cloud Event ID": fmt.Sprint(w, i), "Cloud Account": "111122223333",
				"AWS Identity Type": "IAMUser", "AWS Identity ARN": "arn:aws:iam::111122223333:user/ann", "Cloud Address": "192.0.2.1", "AWS Event Type": "AwsApiCall"})
		}
	}
	seen := map[string]int{}
	for run := 0; run < 12; run++ {
		now := base.Add(time.Duration(run)*15*time.Minute + 7*time.Minute) // jobs never start on the dot
		for _, r := range (reading{now: now.UnixMilli()}).run(q, calls) {
			start, err := time.Parse(time.DateTime, r["TimeGenerated"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if now.Before(start.Add(30 * time.Minute)) {
				t.Errorf("at %s the window of %s had not settled", now, start)
			}
			seen[start.Format("15:04")]++
		}
	}
	want := map[string]int{}
	for w := 0; w < 8; w++ {
		want[base.Add(time.Duration(w)*15*time.Minute).Format("15:04")] = 1
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

// written compiles T1580 for AWS into a folder, and returns a reader of its
// files.
func written(t *testing.T, args ...string) func(name string) *aql {
	t.Helper()
	dir := t.TempDir()
	program(t, append([]string{"compile", "T1580", "--target", "qradar", "--cloud", "aws", "-o", dir}, args...)...)
	return func(name string) *aql {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "qradar", name))
		if err != nil {
			t.Fatal(err)
		}
		q, err := read(string(data))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
}

// TestBeside holds that the forms beside the query count what it counts: the
// flat one has its rows, and the one of calls has their operations.
func TestBeside(t *testing.T) {
	file := written(t)
	query, flat, calls := file("t1580-burst.aql"), file("t1580-burst.flat.aql"), file("t1580-burst.calls.aql")
	dirs, _ := filepath.Glob("../../../testdata/cases/*/events.json")
	fired := 0
	for _, path := range dirs {
		source := events(t, path)
		want := map[string]string{}
		for _, r := range (reading{}).run(query, source) {
			want[fmt.Sprint(r["TimeGenerated"], r["Identity"], r["AccountId"])] = fmt.Sprint(r["DiscoveryCount"], r["DistinctAPIs"])
		}
		fired += len(want)
		key := func(r row) string {
			return fmt.Sprint(time.UnixMilli(r["WindowStart"].(int64)).UTC().Format(time.DateTime), r["Identity"], r["AccountId"])
		}
		got := map[string]string{}
		for _, r := range (reading{}).run(flat, source) {
			got[key(r)] = fmt.Sprint(r["DiscoveryCount"], r["DistinctAPIs"])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s, flat: %s", path, d)
		}
		apis := map[string]map[string]bool{}
		for _, r := range (reading{}).run(calls, source) {
			if apis[key(r)] == nil {
				apis[key(r)] = map[string]bool{}
			}
			apis[key(r)][fmt.Sprint(r["ApiService"], "/", r["ApiName"])] = true
		}
		for k, v := range want {
			if !strings.HasSuffix(v, fmt.Sprint(" ", len(apis[k]))) {
				t.Errorf("%s: %s counts %s, and %d operations are listed", path, k, v, len(apis[k]))
			}
		}
	}
	if fired < 20 {
		t.Errorf("%d rows are no test", fired)
	}
}

// TestShifted holds that the shifted queries find, in calls moved by as much,
// what the query finds.
func TestShifted(t *testing.T) {
	file := written(t, "--window", "overlapping")
	query := file("t1580-burst.aql")
	calls := events(t, "../../../testdata/cases/three-bins/events.json")
	found := reading{}.run(query, calls)
	if len(found) == 0 {
		t.Fatal("nothing to compare")
	}
	for _, m := range []int{5, 10} {
		hop := time.Duration(m) * time.Minute
		var moved []row
		for _, r := range calls {
			c := row{}
			for k, v := range r {
				c[k] = v
			}
			c["devicetime"] = c["devicetime"].(int64) + hop.Milliseconds()
			moved = append(moved, c)
		}
		var want []result
		for _, r := range results(found) {
			for _, at := range []*string{&r.Time, &r.First, &r.Last} {
				when, err := time.Parse(time.DateTime, *at)
				if err != nil {
					t.Fatal(err)
				}
				*at = when.Add(hop).Format(time.DateTime)
			}
			want = append(want, r)
		}
		got := results(reading{}.run(file(fmt.Sprintf("t1580-burst.shifted-%dm.aql", m)), moved))
		if d := cmp.Diff(inOrder(want), got); d != "" {
			t.Errorf("%s: %s", hop, d)
		}
	}
}

// TestInstall runs the package's script against a stand-in of QRadar's API,
// twice: the second time there is nothing left to do.
func TestInstall(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to run install.py with")
	}
	dir := t.TempDir()
	for path, text := range packaged(t) {
		if !strings.Contains(path, "/") {
			if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	const under = "/api/config/event_sources/custom_properties/"
	stored := map[string][]map[string]any{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("SEC") != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		kind := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, under), "/api/")
		if !slices.Contains([]string{"regex_properties", "property_json_expressions", "property_expressions", "reference_data/sets"}, kind) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.Method == http.MethodGet {
			field, value, _ := strings.Cut(r.URL.Query().Get("filter"), "=")
			list := []map[string]any{}
			for _, x := range stored[kind] {
				if x[field] == strings.Trim(value, `"`) {
					list = append(list, x)
				}
			}
			json.NewEncoder(w).Encode(list)
			return
		}
		made := map[string]any{}
		if kind == "reference_data/sets" {
			for k := range r.URL.Query() {
				made[k] = r.URL.Query().Get(k)
			}
		} else {
			body, _ := io.ReadAll(r.Body)
			if err := json.Unmarshal(body, &made); err != nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
		}
		for _, need := range map[string][]string{"regex_properties": {"name", "property_type"}, "reference_data/sets": {"name", "element_type"},
			"property_json_expressions": {"regex_property_identifier", "expression", "log_source_type_id"},
			"property_expressions":      {"regex_property_identifier", "regex", "log_source_type_id"}}[kind] {
			if made[need] == nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
		}
		made["identifier"] = fmt.Sprint(kind, len(stored[kind]))
		stored[kind] = append(stored[kind], made)
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(made)
	}))
	defer server.Close()
	var counts []string
	for range 2 {
		cmd := exec.Command(python, filepath.Join(dir, "install.py"))
		cmd.Env = append(os.Environ(), "QRADAR_URL="+server.URL, "QRADAR_TOKEN=secret")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		counts = append(counts, fmt.Sprint(len(stored["regex_properties"]), len(stored["property_json_expressions"]), len(stored["property_expressions"]), len(stored["reference_data/sets"])))
	}
	if counts[0] != counts[1] || strings.HasPrefix(counts[0], "0 ") || !strings.HasSuffix(counts[0], " 1") {
		t.Errorf("after one run and after two: %v", counts)
	}
}

// TestSpan holds that a page of a custom rule says the whole length.
func TestSpan(t *testing.T) {
	for length, want := range map[time.Duration]string{15 * time.Minute: "Cloud Account in 15 minutes\n", 90 * time.Second: "Cloud Account in 90 seconds\n"} {
		r := siemtest.Rules()["scheduled"]
		r.Window.Length = length
		b := qradar.Backend{}
		out, err := b.Compile(r, b.Fields())
		if err != nil {
			t.Fatal(err)
		}
		files, err := b.Package([]*siem.Output{out})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasPrefix(f.Path, "rules/") && !strings.Contains(string(f.Data), want) {
				t.Errorf("no %q in\n%s", want, f.Data)
			}
		}
	}
}
