package yaral

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }

func compiled(t *testing.T, r *siem.Rule) *siem.Output {
	t.Helper()
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRead reads every rule and every search of the suite.
func TestRead(t *testing.T) {
	for name, r := range siemtest.Rules() {
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if errors.Is(err, siem.ErrNotSaid) {
			continue // a log that the product has no documented place for
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read, err := readRule(out.Query)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out.Query)
			continue
		}
		if want := map[siem.WindowKind]string{siem.Tumbling: "by", siem.Overlapping: "over"}[r.Window.Kind]; read.window != want || read.span != 15 {
			t.Errorf("%s: window %s %d", name, read.window, read.span)
		}
		if read.meta["rule_name"] != r.Title || read.meta["techniques"] != "T1580, T1526" || read.meta["mitre_attack_technique"] != "Cloud Infrastructure Discovery" {
			t.Errorf("%s: meta %v", name, read.meta)
		}
		excepted := strings.Contains(out.Query, "not $Identity in %vedette_exceptions.identity")
		if excepted != (r.Schedule != nil) {
			t.Errorf("%s: exceptions %v", name, excepted)
		}
		search, err := readSearch(out.Further[0].Text)
		if err != nil {
			t.Errorf("%s: search: %v\n%s", name, err, out.Further[0].Text)
		} else if search.order[0] != "$risk_score" {
			t.Errorf("%s: search in order of %v", name, search.order)
		}
	}
}

// TestReadRejects holds that the reader sees what is wrong.
func TestReadRejects(t *testing.T) {
	text := compiled(t, siemtest.Rule(event.CloudTrailManagement, event.GCPDataAccess)).Query
	if _, err := readRule(text); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"rule ", "rules "}, {"  match:", "  matsch:"}, {" by 15m", " by 15x"}, {" by 15m", " by 49h"}, {" by 15m", " within 15m"},
		{"count_distinct($Api)", "count_distinct($Nope)"}, {"count_distinct($Api)", "count_distinct()"}, {"count_distinct($Api)", "dc($Api)"},
		{"strings.coalesce(", "strings.coalesce(("}, {"strings.coalesce(", "strings.evil("}, {"$e and", "not"}, {"$e and ", "$e and and "},
		{"$e and ", "true and "}, {"re.regex($Name, `", "re.regex($Name, `("}, {"re.regex($Name, `", "re.regex($Name, "}, {"\n}\n", "\n"},
		{"\n}\n", "\n}\n}\n"}, {"$Api = ", "Api = "}, {"$Api = ", "$Api = $Api = "}, {`"AWS_CLOUDTRAIL"`, `"AWS_CLOUDTRAIL`}, {"$Identity, ", "$Nobody, "},
		{"$risk_score = ", "$risk_score = $DistinctAPIs + "}, {"allow_zero_values = true", "allow_zero_values"}, {"author = ", `author = "a" author = `},
		{`, "GCP")`, ")"}, {"$DiscoveryCount >= 10", "$Discoveries >= 10"},
	} {
		wrong := strings.Replace(text, change[0], change[1], 1)
		if wrong == text {
			t.Fatalf("%q does not stand in the text", change[0])
		}
		if _, err := readRule(wrong); err == nil {
			t.Errorf("%q for %q passes", change[1], change[0])
		}
	}
}

// TestBounds holds the bounds of the match section.
func TestBounds(t *testing.T) {
	for length, ok := range map[time.Duration]bool{
		time.Minute: true, 15 * time.Minute: true, 90 * time.Minute: true, 48 * time.Hour: true,
		30 * time.Second: false, 90 * time.Second: false, 49 * time.Hour: false, 0: false,
	} {
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Window.Length = length
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if ok != (err == nil) || !ok && !errors.Is(err, siem.ErrNotSaid) {
			t.Errorf("%s: %v", length, err)
		}
		if err != nil {
			continue
		}
		read, err := readRule(out.Query)
		if err != nil || time.Duration(read.span)*time.Minute != length {
			t.Errorf("%s reads back as %+v, %v", length, read, err)
		}
	}
}

// TestFirstWord holds what the vendor's content manager needs: it takes the
// first word behind "rule " for the name, and the file must have that name.
func TestFirstWord(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.Title, r.Description = "The rule evil", "A rule evil { meta: }"
	if text := compiled(t, r).Query; !strings.HasPrefix(text, "rule vedette_t1580_burst {\n") {
		t.Errorf("begins with %q", text[:40])
	}
}

// TestPackage holds what the content manager checks: a rule stands in a file
// of its name and has an entry with keys that it knows.
func TestPackage(t *testing.T) {
	var outputs []*siem.Output
	for _, kind := range []siem.Kind{siem.Burst, siem.Denied} {
		r := siemtest.Rules()["scheduled"]
		r.Kind, r.BuildingBlock, r.ID = kind, kind == siem.Burst, "t1580-"+kind.String()
		outputs = append(outputs, compiled(t, r))
	}
	files, err := Backend{}.Package(outputs)
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]map[string]any
	texts := map[string]string{}
	for _, f := range files {
		texts[f.Path] = string(f.Data)
	}
	if err := yaml.Unmarshal([]byte(texts["rule_config.yaml"]), &entries); err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	known := []string{"alerting", "archive_time", "archived", "create_time", "enabled", "id", "resource_name", "revision_create_time", "revision_id", "run_frequency", "type"}
	for name, entry := range entries {
		read, err := readRule(texts["rules/"+name+".yaral"])
		if err != nil || read.name != name {
			t.Errorf("%s: %v", name, err)
		}
		for key := range entry {
			if !slices.Contains(known, key) {
				t.Errorf("%s has the key %s", name, key)
			}
		}
		if entry["enabled"] != true || entry["alerting"] != strings.HasSuffix(name, "_denied") {
			t.Errorf("%s: %v", name, entry)
		}
	}
	var tables map[string]tableConfig
	if err := yaml.Unmarshal([]byte(texts["data_table_config.yaml"]), &tables); err != nil || len(tables[Table].Columns) != 4 || tables[Table].Columns[0].Column != "identity" {
		t.Errorf("%v, %v", tables, err)
	}
	for _, row := range strings.Split(strings.TrimSpace(texts["data_tables/"+Table+".csv"]), "\n") {
		if strings.Count(row, ",") != 3 {
			t.Errorf("row %q", row)
		}
	}
	outputs[0].Rule.Schedule = nil
	if _, err := (Backend{}).Package(outputs); err == nil {
		t.Error("a rule without a schedule is packed")
	}
}

// TestRisk holds the risk of a detection against the bands themselves.
func TestRisk(t *testing.T) {
	for _, bands := range [][]plan.Band{
		siemtest.Rule(event.CloudTrailManagement).Bands,
		append(slices.Clone(siemtest.Rule(event.CloudTrailManagement).Bands), plan.Band{Risk: 30}),
		{{Risk: 20, When: plan.Condition{{Events: 30}}}, {Risk: 90, When: plan.Condition{{DistinctAPIs: 3, DistinctTargets: 2}, {Events: 7}}}},
		{{Risk: 40}, {Risk: 90, When: plan.Condition{{Events: 1}}}},
		nil,
	} {
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Bands = bands
		read, err := readRule(compiled(t, r).Query)
		if err != nil {
			t.Fatal(err)
		}
		score := read.outcome[len(read.outcome)-1]
		if score.name != "$risk_score" {
			t.Fatalf("the last outcome is %s", score.name)
		}
		for events := range 55 {
			for apis := range 12 {
				f := plan.Figures{Events: events, DistinctAPIs: apis, DistinctTargets: apis / 2}
				want := 0
				for _, b := range bands {
					if len(b.When) == 0 || b.When.Holds(f) {
						want = b.Risk
						break
					}
				}
				e := env{vars: map[string]any{"$DiscoveryCount": events, "$DistinctAPIs": apis, "$DistinctTargets": apis / 2}}
				if got := e.number(score.expr); got != want {
					t.Fatalf("%+v: risk %d, want %d", f, got, want)
				}
			}
		}
	}
}
