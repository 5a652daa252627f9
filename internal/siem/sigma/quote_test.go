package sigma

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem/siemtest"
)

// plain reads a value of a rule ("Sigma modifiers", escaping): the text that
// it stands for, and whether it has wildcards.
func plain(s string) (text string, wild bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`\*?`, s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		case s[i] == '*' || s[i] == '?':
			wild = true
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), wild
}

// FuzzScalar holds that a scalar is read as what it was made of, wherever it
// stands, and shows all that it holds.
func FuzzScalar(f *testing.F) {
	for _, s := range append(siemtest.Hostile(), "", " ", "a: b", "a #b", "- a", "? a", "null", "True", "on", "1e3", "0x1", "~", "x\u00a0", "x\x85y", "\ufeffx", "http://x/?a=b", "a, b", "a (b)", "=", "<<", "*a", "&a", "!a", "%a", "@a", "x:", ":x", "2024-05-06", "a:\tb") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names are UTF-8")
		}
		for _, quote := range []func(string) string{scalar, literal} {
			lit := quote(s)
			if strings.ContainsFunc(lit, func(r rune) bool { return r != ' ' && (unicode.IsSpace(r) || !unicode.IsGraphic(r)) }) {
				t.Errorf("%q holds what cannot be seen", lit)
			}
			var doc map[string]any
			if err := yaml.Load([]byte("k: "+lit+"\nl:\n    - "+lit+"\n    - end\n"+lit+": v\n"), &doc); err != nil {
				if s == "k" || s == "l" {
					t.Skip("a key stands twice")
				}
				t.Fatalf("%q: %v", lit, err)
			}
			got, ok := doc["k"].(string)
			list, _ := doc["l"].([]any)
			if !ok || len(list) != 2 || list[0] != got || doc[got] == nil {
				t.Fatalf("%q reads as %v", lit, doc)
			}
			wild := false
			if lit == literal(s) && lit != scalar(s) {
				got, wild = plain(got)
			}
			if got != s || wild {
				t.Errorf("%q reads as %q", lit, got)
			}
		}
	})
}

// FuzzTexts holds that whatever a detection file says, texts are read as the
// documents that they were written as.
func FuzzTexts(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s, s)
	}
	f.Add("x\n---\ntitle: y", "# x: |\n  y")
	f.Fuzz(func(t *testing.T, text, name string) {
		if !utf8.ValidString(text) || !utf8.ValidString(name) {
			t.Skip("detections are UTF-8")
		}
		r := siemtest.Rule(event.CloudTrailManagement, event.AzureActivity)
		r.Title, r.Description, r.FalsePositives, r.References = text, text, []string{text, text}, []string{text}
		for i := range r.Legs {
			s := r.Legs[i].Select
			s.Names = append(s.Names, plan.Name{Service: name, API: name})
			s.NotNames = append(s.NotNames, plan.Name{Service: name, API: name})
		}
		for form, text := range texts(compile(t, r)) {
			for _, fault := range check(text) {
				t.Errorf("%s: %s", form, fault)
			}
		}
	})
}
