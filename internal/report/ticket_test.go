package report

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// outside is a Markdown text without its fenced blocks and code spans, as
// CommonMark finds them (0.31.2, 4.5 and 6.1): what of it may be markup.
func outside(t interface{ Errorf(string, ...any) }, text string) []string {
	var lines []string
	fence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence != "":
			if line == run && len(run) >= len(fence) {
				fence = ""
			}
		case len(run) >= 3 && line == run:
			fence = run
		default:
			lines = append(lines, withoutSpans(t, line))
		}
	}
	if fence != "" {
		t.Errorf("a fence %s is never closed", fence)
	}
	return lines
}

var backticks = regexp.MustCompile("`+")

func withoutSpans(t interface{ Errorf(string, ...any) }, line string) string {
	var b strings.Builder
	for {
		open := backticks.FindStringIndex(line)
		if open == nil {
			return b.String() + line
		}
		b.WriteString(line[:open[0]] + "x")
		run := line[open[0]:open[1]]
		rest := line[open[1]:]
		end := -1
		for _, m := range backticks.FindAllStringIndex(rest, -1) {
			if m[1]-m[0] == len(run) {
				end = m[1]
				break
			}
		}
		if end < 0 {
			t.Errorf("a code span is never closed: %q", line)
			return b.String()
		}
		line = rest[end:]
	}
}

// markup is what could have a meaning in a ticket, beside what we write
// ourselves.
var markup = regexp.MustCompile(`[<>\[\]!*_\\#@&~^$={}"]|://|www\.|:[a-z]+:`)

// ours are lines' beginnings that are ours.
var ours = regexp.MustCompile(`^(#{1,3} |- \[ \] |  - |- |\| )`)

func checkTicket(t interface{ Errorf(string, ...any) }, text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); term.Safe(line) != line {
			t.Errorf("characters that do not show themselves: %q", line)
		}
	}
	cells := 0
	for _, line := range outside(t, text) {
		if m := markup.FindString(ours.ReplaceAllString(line, "")); m != "" && !strings.HasPrefix(line, "| ---") {
			t.Errorf("%q in %q", m, line)
		}
		if !strings.HasPrefix(line, "|") {
			cells = 0
			if strings.Contains(line, "|") {
				t.Errorf("a bar in %q", line)
			}
			if regexp.MustCompile(`^ *([-+]|\d+[.)]) *$|^\d+[.)] |^    `).MatchString(line) {
				t.Errorf("a list or code that is not ours: %q", line)
			}
			continue
		}
		if n := strings.Count(line, "|"); cells == 0 {
			cells = n
		} else if n != cells {
			t.Errorf("a row of %d cells among rows of %d: %q", n, cells, line)
		}
	}
}

func TestTicketIsHarmless(t *testing.T) {
	for _, r := range fixtures() {
		checkTicket(t, writeDocument(t, Markdown, r))
	}
	for _, p := range payloads {
		checkTicket(t, writeDocument(t, Markdown, poisoned(p)))
	}
	root := readSchema(t)
	rapid.Check(t, func(t *rapid.T) { checkTicket(t, writeDocument(t, Markdown, drawReport(t, root))) })
}

// The properties of a layer of format 4.5 with the types that its
// specification gives them: mitre-attack/attack-navigator,
// layers/spec/v4.5/layerformat.md. There is no JSON Schema of it.
var layerFormat = map[string]map[string]string{
	"layer": {"versions": "object Version!", "name": "string!", "description": "string", "domain": "string!", "customDataURL": "string", "filters": "object Filter",
		"sorting": "number", "layout": "object Layout", "hideDisabled": "bool", "techniques": "array Technique", "gradient": "object Gradient",
		"legendItems": "array LegendItem", "showTacticRowBackground": "bool", "tacticRowBackground": "string", "selectTechniquesAcrossTactics": "bool",
		"selectSubtechniquesWithParent": "bool", "selectVisibleTechniques": "bool", "metadata": "array Metadata", "links": "array Link"},
	"Version": {"attack": "string", "navigator": "string!", "layer": "string!"},
	"Technique": {"techniqueID": "string!", "tactic": "string", "comment": "string", "enabled": "bool", "score": "number", "color": "string",
		"metadata": "array Metadata", "links": "array Link", "showSubtechniques": "bool"},
	"Gradient": {"colors": "array string!", "minValue": "number!", "maxValue": "number!"},
	"Metadata": {"name": "string!", "value": "string!"},
}

func checkLayer(t *testing.T, kind string, v any) {
	t.Helper()
	props, ok := layerFormat[kind]
	m, isMap := v.(map[string]any)
	if !ok || !isMap {
		t.Fatalf("%s: %v", kind, v)
	}
	for name, typ := range props {
		if _, has := m[name]; strings.HasSuffix(typ, "!") && !has {
			t.Errorf("%s has no %s", kind, name)
		}
	}
	for name, value := range m {
		typ, of, _ := strings.Cut(strings.TrimSuffix(props[name], "!"), " ")
		good := false
		switch x := value.(type) {
		case string:
			good = typ == "string"
		case float64:
			good = typ == "number"
		case bool:
			good = typ == "bool"
		case map[string]any:
			good = typ == "object"
			checkLayer(t, of, x)
		case []any:
			good = typ == "array"
			for _, e := range x {
				if _, text := e.(string); text {
					good = good && of == "string"
				} else {
					checkLayer(t, of, e)
				}
			}
		}
		if !good {
			t.Errorf("%s.%s is %v, want %q", kind, name, value, props[name])
		}
	}
}

// TestNumbersInATicket: a number that ends a sentence is a number; at the head
// of a line it would begin a list.
func TestNumbersInATicket(t *testing.T) {
	for text, want := range map[string]string{
		"for one hour and up to 12. Others": "for one hour and up to 12. Others",
		"up to 12.)":                        "up to 12.)",
		"1. x":                              "`1`. x",
		" 1. x":                             " `1`. x",
		"a .":                               "a .",
	} {
		if got := inline(text, 100); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestLayer(t *testing.T) {
	reports := fixtures()
	for i, p := range payloads {
		r := poisoned(p)
		for j := range r.Findings { // techniques are the program's own
			r.Findings[j].Techniques = t1580(1)
		}
		reports[string(rune('a'+i))] = r
	}
	for name, r := range reports {
		text := writeDocument(t, Navigator, r)
		var v map[string]any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkLayer(t, "layer", v)
		versions := v["versions"].(map[string]any)
		if versions["layer"] != "4.5" || v["domain"] != "enterprise-attack" {
			t.Errorf("%s: %v, %v", name, versions, v["domain"])
		}
		for _, x := range v["techniques"].([]any) {
			x := x.(map[string]any)
			if !regexp.MustCompile(`^T\d{4}(\.\d{3})?$`).MatchString(x["techniqueID"].(string)) {
				t.Errorf("%s: technique %v", name, x["techniqueID"])
			}
		}
	}
	// The score is the greatest priority; what is put aside is not in it; the
	// parent of a sub-technique is unfolded.
	var l layer
	if err := json.Unmarshal([]byte(writeDocument(t, Navigator, fixtures()["three-clouds"])), &l); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range l.Techniques {
		s := x.ID
		if x.Score != nil {
			s += " " + points(*x.Score) + " " + x.Metadata[0].Value
		}
		got = append(got, s)
	}
	if want := []string{"T1087.004 81 1", "T1087", "T1580 81 2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func points(n int) string { return strings.TrimPrefix(signed(n), "+") }

// A report of many findings of one technique has a comment of bounded length.
func TestLayerIsBounded(t *testing.T) {
	r := &finding.Report{}
	for range 100 {
		r.Findings = append(r.Findings, threeClouds().Findings[0])
	}
	var l layer
	if err := json.Unmarshal([]byte(writeDocument(t, Navigator, r)), &l); err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Split(l.Techniques[0].Comment, "\n")); n != maxLayerFindings+1 || !strings.HasSuffix(l.Techniques[0].Comment, "and 80 more findings") {
		t.Errorf("%d lines: %s", n, l.Techniques[0].Comment)
	}
}

// Equal reports are equal bytes, whatever ran before.
func TestDocumentsAreDeterministic(t *testing.T) {
	for _, f := range DocumentFormats() {
		a, b := writeDocument(t, f, fixtures()["three-clouds"]), writeDocument(t, f, fixtures()["three-clouds"])
		if a != b {
			t.Errorf("%s differs from itself", f)
		}
		before, after := threeClouds(), threeClouds()
		writeDocument(t, f, after)
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s changes the report", f)
		}
		if err := WriteDocument(brokenWriter{}, string(f), threeClouds(), Options{}); err == nil {
			t.Errorf("%s: a writer that fails is not reported", f)
		}
	}
	if err := WriteDocument(os.Stderr, "pdf", nothing(), Options{}); err == nil || !strings.Contains(err.Error(), "html, markdown, navigator") {
		t.Errorf("unknown format: %v", err)
	}
}
