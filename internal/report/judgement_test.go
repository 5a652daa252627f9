package report

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// In every output the reasons that are shown add up to the priority.
func TestReasonsAddUp(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, r *finding.Report) {
		write := func(format string) string {
			var out bytes.Buffer
			if err := Write(&out, format, r, Options{Terminal: term.Terminal{Width: 120, Unicode: true}}); err != nil {
				t.Fatalf("%v", err)
			}
			return out.String()
		}
		var got finding.Report
		if err := json.Unmarshal([]byte(write("json")), &got); err != nil {
			t.Fatalf("%v", err)
		}
		lines := strings.Split(write("ndjson"), "\n")
		ocsf := strings.Split(write("ocsf"), "\n")
		rows, err := csv.NewReader(strings.NewReader(write("csv"))).ReadAll()
		if err != nil {
			t.Fatalf("%v", err)
		}
		priority, reasons := slices.Index(rows[0], "priority"), slices.Index(rows[0], "reasons")
		for i := range r.Findings {
			want := r.Findings[i].Priority
			sums := map[string]int{"json": sum(got.Findings[i].Reasons)}
			var line finding.Finding
			if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
				t.Fatalf("%v", err)
			}
			sums["ndjson"] = sum(line.Reasons)
			var o struct {
				Unmapped finding.Judgement `json:"unmapped"`
			}
			if err := json.Unmarshal([]byte(ocsf[i]), &o); err != nil {
				t.Fatalf("%v", err)
			}
			sums["ocsf"] = sum(o.Unmapped.Reasons)
			var list []string
			if err := json.Unmarshal([]byte(rows[i+1][reasons]), &list); err != nil {
				t.Fatalf("%v", err)
			}
			for _, s := range list {
				points, _, _ := strings.Cut(s, " ")
				n, err := strconv.Atoi(points)
				if err != nil {
					t.Fatalf("csv: %q has no points", s)
				}
				sums["csv"] += n
			}
			main, _, others := mainReasons(r.Findings[i].Reasons)
			sums["table"] = sum(main) + others
			for format, n := range sums {
				if n != want {
					t.Fatalf("finding %d: the reasons of %s add up to %d, and the priority is %d", i, format, n, want)
				}
			}
			if got.Findings[i].Priority != want || rows[i+1][priority] != strconv.Itoa(want) {
				t.Fatalf("finding %d: another priority than %d", i, want)
			}
		}
	}
	for _, r := range fixtures() {
		check(t, r)
	}
	root := readSchema(t)
	rapid.Check(t, func(t *rapid.T) { check(t, drawReport(t, root)) })
}

func sum(reasons []finding.Reason) (n int) {
	for _, r := range reasons {
		n += r.Points
	}
	return n
}

// pointsShown are the points of the lines that have some, in the pages.
var pointsShown = regexp.MustCompile(`(?m)^(?:      why       |                 )\s*([+-]\d+) `)

// The pages show the figures that add up, not only hold them.
func TestPagesShowThePoints(t *testing.T) {
	r := threeClouds()
	r.Findings = r.Findings[:1]
	var table, explain bytes.Buffer
	if err := Write(&table, "table", r, Options{Brief: true}); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, m := range pointsShown.FindAllStringSubmatch(table.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		total += n
	}
	if total != r.Findings[0].Priority {
		t.Errorf("the table's points add up to %d, not %d:\n%s", total, r.Findings[0].Priority, table.String())
	}
	if err := Explain(&explain, &r.Findings[0], Options{}); err != nil {
		t.Fatal(err)
	}
	total = 0
	_, rest, _ := strings.Cut(explain.String(), "POINTS")
	for _, line := range strings.Split(rest, "\n")[1:] {
		if len(line) < 8 || strings.TrimSpace(line[:8]) == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[:8]))
		if err != nil {
			t.Fatalf("no priority below the reasons: %q", line)
		}
		if strings.HasPrefix(line[8:], "  priority ") {
			if n != total || n != r.Findings[0].Priority {
				t.Errorf("explain adds up to %d, not %d", total, n)
			}
			return
		}
		total += n
	}
	t.Error("explain shows no sum")
}

func TestMainReasons(t *testing.T) {
	points := func(list ...int) (out []finding.Reason) {
		for _, n := range list {
			out = append(out, finding.Reason{Factor: strconv.Itoa(n), Points: n})
		}
		return out
	}
	for _, c := range []struct {
		all, shown     []finding.Reason
		others, points int
	}{
		{points(), nil, 0, 0},
		{points(9, 4), points(9, 4), 0, 0},
		{points(9, 4, 3, 2), points(9, 4, 3, 2), 0, 0},              // one more fits where its count would stand
		{points(9, 4, 3, 2, 1), points(9, 4, 3), 2, 3},              // light ones are counted
		{points(9, 4, 3, 2, 2, 1), points(9, 4, 3, 2), 2, 3},        // unless they weigh together
		{points(9, 8, 7, 6, 5, 4), points(9, 8, 7, 6, 5), 1, 4},     // five at most
		{points(9, 8, 7, 6, 5, -20), points(9, 8, 7, 6, -20), 1, 5}, // what lowers is as weighty
	} {
		shown, others, p := mainReasons(c.all)
		if diff := cmp.Diff(c.shown, shown); diff != "" || others != c.others || p != c.points {
			t.Errorf("%v: %v, and %d others with %d points", c.all, shown, others, p)
		}
	}
}

// Findings that are put aside stand below the others and are counted, however
// they are ordered, and none is left out.
func TestPutAside(t *testing.T) {
	r := threeClouds()
	r.Findings[0], r.Findings[2] = r.Findings[2], r.Findings[0] // the one put aside comes first
	r.Tally()
	var out bytes.Buffer
	if err := Write(&out, "table", r, Options{}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	aside := strings.Index(text, "Put aside: 1 finding\n")
	if aside < 0 || strings.Index(text, "77d1e2f3") < aside || strings.Index(text, "3f2a9c1d7") > aside || strings.Index(text, "3f2a9c1d0") > aside {
		t.Errorf("the finding put aside does not stand below the others:\n%s", text)
	}
	if !strings.Contains(text, "because    "+r.Findings[0].Aside) {
		t.Error("the table does not say why it is put aside")
	}
	if got := verdict(r); !strings.Contains(got, "1 critical, 1 low, 1 informational; 1 put aside.") {
		t.Errorf("verdict: %q", got)
	}
	for _, format := range []string{"json", "ndjson", "csv", "ocsf"} {
		out.Reset()
		if err := Write(&out, format, r, Options{}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), r.Findings[0].Aside); n < 1 {
			t.Errorf("%s does not say why a finding is put aside", format)
		}
	}
}
