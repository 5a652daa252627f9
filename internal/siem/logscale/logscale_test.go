package logscale

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }

// TestRead holds that every rule of the suite is in the grammar, with every
// log in it, and has its columns in order.
func TestRead(t *testing.T) {
	for name, r := range siemtest.Rules() {
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		texts := []string{out.Query}
		for _, f := range out.Further {
			texts = append(texts, f.Text)
		}
		want := siem.Columns()
		if r.CountsTargets() {
			want = slices.Insert(want, slices.Index(want, siem.ColAPIs)+1, siem.ColTargets)
		}
		for _, text := range texts {
			columns, err := read(text)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
			} else if !slices.Equal(columns, want) {
				t.Errorf("%s has the columns %v", name, columns)
			}
			if len(r.Legs) == 1 {
				continue
			}
			for _, l := range r.Legs {
				if n := strings.Count(text, `Leg="`+l.Log.String()+`"`); n < 2 {
					t.Errorf("%s: %s stands %d times in the query", name, l.Log, n)
				}
			}
		}
		for _, g := range out.Grades {
			if g.Feature == siem.Source && g.Said != siem.Exact {
				t.Errorf("%s: %s is %s", name, g.Log, g.Said)
			}
		}
	}
}

// TestReadRejects holds that the reader sees what is wrong.
func TestReadRejects(t *testing.T) {
	const end = ` | table([@id], limit=1)`
	if _, err := read(`#a="b"` + end); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		`#a="b`, `#a=/b`, `#a="b" AND`, `#a="b" AND NOT | #c="d"`, `(#a="b"`, `#a="b")`, `#a="b" | | #c="d"`, `#a="b" AND #c="d" OR #e="f"`,
		`#a="*"`, `#a=""`, `#a="\x"`, `#a=/(/`, `#a=/b/x`, `evil(#a)`, `drop(evil=[@id])`, `drop([Nope])`, `Nope="b"`, `#a="b"; #c="d"`, `lower(@id)`,
		`A := @id`, `A := lower(Nope)`, `A := format("%s%s", field=[@id])`, `A := coalesce(["@id"])`, `case { | A := "b" }`, `case { #a="b" | A := "c"; }`,
		`case { #a="b" | A := "c"`, `!drop([@id])`, `split(@id)`, `groupBy([@id], function=[lower(@id)], limit=max)`, "#a=\"b\x00\"", "#a=\"b\u2028\" ~",
	} {
		if _, err := read(wrong + end); err == nil {
			t.Errorf("%q passes", wrong)
		}
	}
	if _, err := read(`#a="b"`); err == nil {
		t.Error("a query without columns passes")
	}
}

// TestWindows holds the arithmetic of windows: all that a row lies in, and
// the due ones.
func TestWindows(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.Window.Kind = siem.Overlapping
	r.Schedule = &siem.Schedule{Every: 10 * time.Minute, Settle: 20 * time.Minute}
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| Hop := @timestamp - (@timestamp % 300000)", "| WindowStart[0] := Hop - 0", "| WindowStart[1] := Hop - 300000", "| WindowStart[2] := Hop - 600000",
		"| split(WindowStart)", "| Due := end() - (end() % 600000)", "| test(WindowStart + 2100000 <= Due)", "| test(WindowStart + 2100000 > Due - 600000)",
		`| match(file="vedette_exceptions.csv", field=Identity, column=Identity, mode=glob, include=[Expires], strict=false)`, "| test(Until <= Day)",
	} {
		if !strings.Contains(out.Query, want+"\n") {
			t.Errorf("the query lacks %s", want)
		}
	}
	if strings.Contains(out.Query, "WindowStart[3]") {
		t.Error("a row lies in a fourth window")
	}
	if text := out.Further[0].Text; strings.Contains(text, "match(") || strings.Contains(text, "end()") {
		t.Error("the form for people has a schedule")
	}
}

// TestFirst holds that a list ends at its cap, and that a shorter one stays.
func TestFirst(t *testing.T) {
	tokens, err := lex(first(3, "Api"))
	if err != nil || tokens[2].kind != 's' {
		t.Fatalf("%v, %v", tokens, err)
	}
	for _, flags := range []string{"", "(?m)"} { // whether lines have ends of their own is not said of replace
		re := regexp.MustCompile(flags + tokens[2].text)
		for list, want := range map[string]string{"": "", "a": "a", "a\nb\nc": "a\nb\nc", "a\nb\nc\nd": "a\nb\nc", "a\nb\nc\nd\ne f\ng": "a\nb\nc"} {
			if got := re.ReplaceAllString(list, "$1"); got != want {
				t.Errorf("%s%q gives %q", flags, list, got)
			}
		}
	}
}

// TestPackage holds the files against the fields of their schemas, and that
// the texts in them are those that were compiled.
func TestPackage(t *testing.T) {
	r := siemtest.Rules()["scheduled"]
	r.Title, r.Description = "A: \"b\" #c\n- d: e", "x: {y}\n%z"
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	files, err := Backend{}.Package([]*siem.Output{out})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string][]byte{}
	for _, f := range files {
		by[f.Path] = f.Data
	}
	load := func(path string, keys ...string) map[string]any {
		t.Helper()
		m := map[string]any{}
		if err := yaml.Load(by[path], &m); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for k := range m {
			if !slices.Contains(keys, k) {
				t.Errorf("%s: no field %s in its schema", path, k)
			}
		}
		for _, k := range keys {
			if _, ok := m[k]; !ok {
				t.Errorf("%s lacks %s", path, k)
			}
		}
		if s, _ := m["$schema"].(string); !regexp.MustCompile(`^https://schemas\.humio\.com/[a-z]+/v[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(s) {
			t.Errorf("%s has the schema %q", path, s)
		}
		return m
	}
	load("cloud-discovery/manifest.yaml", "$schema", "name", "version", "type", "minHumioVersion", "description", "author", "licenseUrl")
	m := load("cloud-discovery/scheduled-searches/t1580-burst.yaml", "$schema", "name", "description", "enabled", "queryString", "queryStart", "queryEnd", "schedule",
		"timeZone", "backfillLimit", "actionNameReferences", "labels")
	if m["queryString"] != out.Query || m["queryStart"] != "60m" || m["schedule"] != "*/15 * * * *" || m["enabled"] != false {
		t.Errorf("the scheduled search is %v", m)
	}
	m = load("cloud-discovery/queries/t1580-burst.yaml", "$schema", "name", "queryString", "timeInterval")
	if m["queryString"] != out.Further[0].Text {
		t.Error("the saved query is another")
	}
	rows, err := csv.NewReader(strings.NewReader(string(by[Exceptions]))).ReadAll()
	if err != nil || len(rows) != 1 || rows[0][0] != "Identity" {
		t.Errorf("the list of exceptions is %v, %v", rows, err)
	}
	r.Schedule = nil
	if _, err := (Backend{}).Package([]*siem.Output{out}); err == nil {
		t.Error("a rule without a schedule is packed")
	}
}

// TestBounds holds that a rule of a thousand names stays in proportion: no
// documented limit of a query's length is known.
func TestBounds(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	for i := range 1000 {
		r.Legs[0].Select.Names = append(r.Legs[0].Select.Names, plan.Name{Cloud: event.AWS, Service: "ec2.amazonaws.com", API: "Describe" + strings.Repeat("x", i%20)})
	}
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(out.Query); err != nil {
		t.Fatal(err)
	}
	if len(out.Query) > 8000 { // the names are twenty different ones
		t.Errorf("%d bytes", len(out.Query))
	}
}

// FuzzIn holds that a filter on hostile values ends where it ends and says
// what it was made of.
func FuzzIn(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s, "other")
		f.Add("other", s)
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			t.Skip("names are UTF-8")
		}
		for _, values := range [][]string{{a}, {a, b}} {
			text := in("@id", values, false)
			tokens, err := lex(text)
			if err != nil || len(tokens) != 3 {
				t.Fatalf("%q: %v, %v", text, tokens, err)
			}
			if _, err := read(text + " | table([@id], limit=1)"); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			switch tokens[2].kind {
			case 's':
				if tokens[2].text != a || len(values) > 1 {
					t.Errorf("%q reads back as %q", a, tokens[2].text)
				}
			case 'r':
				re := regexp.MustCompile(`(?s)` + goRegex(tokens[2].text))
				for _, v := range values {
					if !re.MatchString(v) {
						t.Errorf("%q does not match %q", text, v)
					}
				}
				if re.MatchString("no such name at all") {
					t.Errorf("%q matches what it was not made of", text)
				}
			}
		}
	})
}

// FuzzRegex holds that an expression between slashes ends where it ends and
// means what it meant.
func FuzzRegex(f *testing.F) {
	f.Add(`^a/b$`, "a/b")
	f.Add(`a\/b`, "a/b")
	f.Add(`a\`, "a")
	f.Add("", "a")
	f.Add(`[/]`, "/")
	f.Add("a\nb", "a\nb")
	for _, s := range siemtest.Hostile() {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, re, s string) {
		before, err := regexp.Compile(re)
		if err != nil || !utf8.ValidString(re) || strings.Contains(re, `\Q`) || strings.Contains(re, `\C`) {
			t.Skip("no expression")
		}
		text := regex(re)
		tokens, err := lex("A=" + text)
		if err != nil || len(tokens) != 3 || tokens[2].kind != 'r' {
			t.Fatalf("%q: %v, %v", text, tokens, err)
		}
		if strings.Contains(tokens[2].text, "..?") {
			t.Skip("holds what has no escape")
		}
		after, err := regexp.Compile(goRegex(tokens[2].text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if before.MatchString(s) != after.MatchString(s) {
			t.Errorf("%q and %q differ on %q", re, text, s)
		}
	})
}
