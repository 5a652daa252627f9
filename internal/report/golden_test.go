package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/finding"
	"vedette/internal/term"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was written with the file of that name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", name, diff)
	}
}

var terminals = map[string]term.Terminal{
	"80":       {Width: 80, Unicode: true},
	"80-ascii": {Width: 80},
	"160":      {Width: 160, Unicode: true},
	"80-color": {Interactive: true, Width: 80, Unicode: true, Color: true},
}

func TestGolden(t *testing.T) {
	for name, r := range fixtures() {
		write := func(file, format string, term term.Terminal) {
			var out bytes.Buffer
			if err := Write(&out, format, r, Options{Terminal: term, Version: "1.2.3"}); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"/"+file, out.Bytes())
		}
		write("findings.json", "json", term.Terminal{})
		write("findings.ndjson", "ndjson", term.Terminal{})
		write("findings.csv", "csv", term.Terminal{})
		write("ocsf.ndjson", "ocsf", term.Terminal{})
		for file, format := range map[string]Format{"report.html": HTML, "report.md": Markdown, "layer.json": Navigator} {
			golden(t, name+"/"+file, []byte(writeDocument(t, format, r)))
		}
		for width, terminal := range terminals {
			write("table-"+width+".txt", "table", terminal)
			var out bytes.Buffer
			for i := range r.Findings {
				if err := Explain(&out, &r.Findings[i], Options{Terminal: terminal}); err != nil {
					t.Fatal(err)
				}
			}
			if out.Len() > 0 {
				golden(t, name+"/explain-"+width+".txt", out.Bytes())
			}
		}
	}
	for file, format := range map[string]string{"seed.csv": "csv", "seed.json": "json", "seed.ndjson": "ndjson", "seed.txt": "table"} {
		var out bytes.Buffer
		if err := WriteRows(&out, format, seedRows(), Options{Terminal: terminals["80"]}); err != nil {
			t.Fatal(err)
		}
		golden(t, "seed/"+file, out.Bytes())
	}
}

// Pages fit their terminal, and hold nothing that a terminal obeys but our
// own colours.
func TestPagesAreHarmless(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, r *finding.Report, terminal term.Terminal) {
		var out bytes.Buffer
		if err := Write(&out, "table", r, Options{Terminal: terminal}); err != nil {
			t.Errorf("%v", err)
		}
		for i := range r.Findings {
			if err := Explain(&out, &r.Findings[i], Options{Terminal: terminal, Evidence: -1}); err != nil {
				t.Errorf("%v", err)
			}
		}
		text := out.String()
		if terminal.Color {
			for _, s := range []term.Style{term.Heading, term.Faint, term.Strong, term.High, term.Medium, term.Low} {
				start, end, _ := strings.Cut(s.Paint("|", true), "|")
				text = strings.ReplaceAll(strings.ReplaceAll(text, start, ""), end, "")
			}
		}
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if term.Safe(line) != line {
				t.Errorf("unsafe line %q", line)
			}
			if w := term.Width(line); w > terminal.Width {
				t.Errorf("line of %d cells on a terminal of %d: %q", w, terminal.Width, line)
			}
			if !terminal.Unicode && term.SafeASCII(line) != line {
				t.Errorf("not ASCII: %q", line)
			}
		}
	}
	for _, r := range fixtures() {
		for _, terminal := range terminals {
			check(t, r, terminal)
		}
	}
	root := readSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		check(t, drawReport(t, root), term.Terminal{Interactive: true, Width: rapid.IntRange(60, 200).Draw(t, "width"), Unicode: rapid.Bool().Draw(t, "unicode")})
	})
}

// No format for programs holds a character that acts on the terminal it may
// be printed on, or bytes that are not UTF-8.
func TestProgramFormatsAreHarmless(t *testing.T) {
	for name, r := range fixtures() {
		for _, format := range []string{"json", "ndjson", "csv", "ocsf"} {
			var out bytes.Buffer
			if err := Write(&out, format, r, Options{}); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if !utf8.ValidString(text) {
				t.Errorf("%s as %s is not UTF-8", name, format)
			}
			for _, c := range text {
				if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) || c == '\u2028' || c == '\u2029' {
					t.Errorf("%s as %s holds %U", name, format, c)
				}
				if format != "csv" && strings.ContainsRune("<>&", c) {
					t.Errorf("%s as %s holds %q", name, format, c)
				}
			}
		}
	}
}

// What the escapes stand for is what the log held.
func TestJSONKeepsStrings(t *testing.T) {
	r := hostile()
	r.Findings[0].Keys = nil // not UTF-8: replaced
	r.Findings[0].Chain[0].From = ""
	r.Findings[0].Evidence[0].Service = ""
	r.Findings[0].Actor.Name += "\U000E0041\x7f\u0085"
	var out bytes.Buffer
	if err := Write(&out, "json", r, Options{}); err != nil {
		t.Fatal(err)
	}
	var got finding.Report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Findings[0].Actor != r.Findings[0].Actor || got.Findings[0].Clients[0] != r.Findings[0].Clients[0] ||
		got.Findings[0].Chain[0] != r.Findings[0].Chain[0] || got.Findings[0].Evidence[0] != r.Findings[0].Evidence[0] {
		t.Errorf("strings changed: %+v", got.Findings[0])
	}
}

func TestCSVCells(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": `'\t=1`, "\r=1": `'\r=1`, "  =1": "'  =1",
		"＝1": "'＝1", "\"=1": "'\"=1", "arn:aws:iam::1:user/a": "arn:aws:iam::1:user/a", "": "", "a=b": "a=b", "[]": "[]", "\ufeff=1": `'\ufeff=1`,
	} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
	for name, r := range fixtures() {
		var out bytes.Buffer
		if err := Write(&out, "csv", r, Options{}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != len(r.Findings)+1 {
			t.Errorf("%s: %d rows for %d findings", name, len(rows), len(r.Findings))
		}
		for _, row := range rows[1:] {
			for i, c := range row {
				if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r") {
					t.Errorf("%s: column %s begins a formula: %q", name, rows[0][i], c)
				}
			}
		}
	}
}

// "Nothing found" says in the same breath what could not be seen.
func TestNothingIsNeverUnqualified(t *testing.T) {
	empty := &finding.Report{}
	open := nothing()
	open.Coverage = []finding.Coverage{{Provider: "gcp", Service: "*", Region: "*", Log: "gcp.data_access", Verdict: "reads_seen", Reads: 5}}
	for _, c := range []struct {
		r    *finding.Report
		want string
	}{
		{nothing(), "Nothing found in 0 discovery calls among 5 events, but this input cannot show everything: gcp.data_access (not in this input)."},
		{open, "Nothing found in 0 discovery calls among 5 events, in which reads are logged; what no log of this input covers was not seen."},
		{empty, "Nothing could be found: 0 records read, and no audited call of a cloud among them."},
	} {
		if got := verdict(c.r); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := rowVerdict(nothing(), nil); got != "No row in 5 events, but this input cannot show everything: gcp.data_access (not in this input)." {
		t.Errorf("seed: %q", got)
	}
	if got := rowVerdict(nothing(), seedRows()); got != "2 rows, the highest risk 90." {
		t.Errorf("seed: %q", got)
	}
	lossy := nothing()
	lossy.Summary.Unparsed = 1
	if got := verdict(lossy); !strings.Contains(got, "lost") {
		t.Errorf("lost input is not told: %q", got)
	}
}

// A list in a cell is a JSON array whatever its members hold.
func TestListsInCells(t *testing.T) {
	for _, want := range [][]string{
		{"a\u0301\u0302\u0303\u0304", "b"}, {"a\U0001e8d0\U0001e8d1\U0001e8d2\U0001e8d3\U0001e8d4"}, {"\U000e0001\u202e\x00"}, {},
	} {
		var got []string
		if err := json.Unmarshal([]byte(cell(jsonArray(want))), &got); err != nil {
			t.Errorf("%q: %v", want, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// However narrow the terminal, an id stands whole where it is to be typed.
func TestIDsAreNeverCut(t *testing.T) {
	for width := range 200 {
		r := threeClouds()
		var b bytes.Buffer
		if err := Write(&b, "table", r, Options{Terminal: term.Terminal{Width: width + 1, Unicode: true}}); err != nil {
			t.Fatal(err)
		}
		for _, id := range shortIDs(r.Findings) {
			if !strings.Contains(b.String(), " "+id+" ") {
				t.Fatalf("%d cells wide: no %s in\n%s", width+1, id, b.String())
			}
		}
	}
	// A long one is of several that begin alike.
	for _, width := range []int{50, 60, 80} {
		var b strings.Builder
		w := bufio.NewWriter(&b)
		p := newPage(w, Options{Terminal: term.Terminal{Width: width, Unicode: true}})
		f := threeClouds().Findings[:2:2]
		f[0].ID, f[1].ID = "0123456789abcde0", "0123456789abcde1"
		p.overview(f, shortIDs(f), []int{0, 1}).row(1, term.Plain)
		w.Flush()
		if line := strings.TrimSuffix(b.String(), "\n"); !strings.Contains(line, " 0123456789abcde1 ") || term.Width(line) > width {
			t.Errorf("%d cells wide: %s", width, line)
		}
	}
}

// What was lost of one file for one reason is one line, with how often.
func TestProblemsInGroups(t *testing.T) {
	r := nothing()
	s := &r.Summary
	for i := range 15 {
		s.Problems = append(s.Problems, finding.Problem{File: "a.json", Record: 7 + i, Offset: 100, Reason: "not valid JSON"})
	}
	s.Problems = append(s.Problems, finding.Problem{File: "a.json", Record: 3, Reason: "no time"}, finding.Problem{File: "b.json", Reason: "not valid JSON"})
	for i := range 10 {
		s.Problems = append(s.Problems, finding.Problem{File: fmt.Sprintf("c%d.json", i), Reason: "denied"})
	}
	s.ProblemsTotal = 40
	var b bytes.Buffer
	if err := Summary(&b, r, Options{Terminal: term.Terminal{Width: 120}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  a.json, record 7, byte 100 and 14 more of the file: not valid JSON\n  a.json, record 3: no time\n  b.json: not valid JSON\n  c0.json: denied\n",
		"  c6.json: denied\n  and 16 more (--format json lists them)\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// That all else was read is said only where no problem can have ended a file.
func TestLostSaysWhatWasRead(t *testing.T) {
	record, file := finding.Problem{File: "a", Record: 3, Reason: "x"}, finding.Problem{File: "b", Reason: "y"}
	const all, ended = "unparsed. What else was in these files was read.", "unparsed. Where no record is named, the rest of the file is lost; what else was in these files was read."
	for _, c := range []struct {
		problems []finding.Problem
		total    int
		want     string
	}{
		{[]finding.Problem{record}, 1, all},
		{[]finding.Problem{record, file}, 2, ended},
		{[]finding.Problem{file}, 1, ended},
		{[]finding.Problem{record}, 2, ended},
	} {
		r := nothing()
		r.Summary.Problems, r.Summary.ProblemsTotal = c.problems, c.total
		var text, ticket bytes.Buffer
		if err := Summary(&text, r, Options{Terminal: term.Terminal{Width: 200}}); err != nil {
			t.Fatal(err)
		}
		if err := WriteDocument(&ticket, "markdown", r, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{text.String(), ticket.String()} {
			if !strings.Contains(s, c.want) {
				t.Errorf("%v: no %q in\n%s", c.problems, c.want, s)
			}
		}
	}
}

// Long lists of a finding end with how many more there are.
func TestExplainIsBounded(t *testing.T) {
	f := threeClouds().Findings[0]
	f.APIs, f.DistinctAPIs, f.Slices, f.SlicesTotal = nil, 60, nil, 23
	for i := range 60 {
		f.APIs = append(f.APIs, finding.API{Service: "s", Name: fmt.Sprintf("List%03d", i), Events: 1, Known: true})
	}
	for i := range 20 {
		f.Slices = append(f.Slices, finding.Slice{Cut: "session", Name: fmt.Sprintf("part%03d", i), Events: 1})
	}
	explain := func() string {
		var b bytes.Buffer
		if err := Explain(&b, &f, Options{Terminal: term.Terminal{Width: 120}}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	page := explain()
	for text, want := range map[string]bool{
		"List049": true, "List050": false, "and 10 more APIs with 10 calls; --apis all shows them\n": true,
		"part014": true, "part015": false, "and 5 more slices; --format json has all\n": true, "and 3 slices not listed\n": true,
	} {
		if strings.Contains(page, text) != want {
			t.Errorf("%q: %v\n%s", text, !want, page)
		}
	}
	f.APIs, f.DistinctAPIs, f.Slices, f.SlicesTotal = f.APIs[:50], 50, f.Slices[:15], 15
	if page = explain(); strings.Contains(page, "format json") || strings.Contains(page, "--apis") {
		t.Errorf("nothing is left out:\n%s", page)
	}
}

func TestShortIDs(t *testing.T) {
	f := func(ids ...string) []finding.Finding {
		out := make([]finding.Finding, len(ids))
		for i, id := range ids {
			out[i].ID = id
		}
		return out
	}
	if diff := cmp.Diff([]string{"aaaaaaaa0", "aaaaaaaa1", "bbbbbbbb", "c", "same", "same"},
		shortIDs(f("aaaaaaaa00", "aaaaaaaa11", "bbbbbbbb00", "c", "same", "same"))); diff != "" {
		t.Error(diff)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestErrors(t *testing.T) {
	if err := Write(io.Discard, "xml", nothing(), Options{}); err == nil || !strings.Contains(err.Error(), "table, json, ndjson, csv, ocsf") {
		t.Errorf("unknown format: %v", err)
	}
	if err := WriteRows(io.Discard, "ocsf", nil, Options{}); err == nil || !strings.Contains(err.Error(), "table, json, ndjson, csv") {
		t.Errorf("unknown seed format: %v", err)
	}
	for _, f := range Formats() {
		if err := Write(brokenWriter{}, string(f), threeClouds(), Options{}); err == nil {
			t.Errorf("%s: a writer that fails is not reported", f)
		}
	}
	for _, f := range RowFormats() {
		if err := WriteRows(brokenWriter{}, string(f), seedRows(), Options{}); err == nil {
			t.Errorf("seed %s: a writer that fails is not reported", f)
		}
	}
	if Explain(brokenWriter{}, &threeClouds().Findings[0], Options{}) == nil || Summary(brokenWriter{}, nothing(), Options{}) == nil ||
		RowSummary(brokenWriter{}, nothing(), nil, Options{}) == nil {
		t.Error("a writer that fails is not reported")
	}
}
