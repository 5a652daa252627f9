package yaral

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"vedette/internal/siem/siemtest"
)

// FuzzIn holds that a condition on a hostile value holds for it alone, is one
// condition, and shows all that it has.
func FuzzIn(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s, "xy")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		if !utf8.ValidString(s) || !utf8.ValidString(other) {
			t.Skip("names are UTF-8")
		}
		for _, values := range [][]string{{s}, {s, "another"}} {
			text := in("$Name", values, false)
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				t.Fatalf("%q holds what cannot be seen", text)
			}
			list, err := lex(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			r := &reader{list: list}
			var e *expr
			func() {
				defer func() {
					if err := recover(); err != nil {
						t.Fatalf("%q: %v", text, err)
					}
				}()
				e = r.or()
			}()
			if r.at != len(list) {
				t.Fatalf("%q is more than one condition", text)
			}
			if !(env{vars: map[string]any{"$Name": s}}).holds(e) {
				t.Errorf("%q does not hold for %q", text, s)
			}
			if other != s && other != "another" && (env{vars: map[string]any{"$Name": other}}).holds(e) {
				t.Errorf("%q holds for %q", text, other)
			}
		}
	})
}

// FuzzQuote holds that a text reads back as what can be seen of it.
func FuzzQuote(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("texts are UTF-8")
		}
		list, err := lex(quote(s))
		if err != nil || len(list) != 1 || list[0].text != visible(s) {
			t.Errorf("%q reads back as %v, %v", quote(s), list, err)
		}
		list, err = lex(pattern(s))
		if err != nil || len(list) != 1 || strings.ContainsFunc(list[0].text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q reads back as %v, %v", pattern(s), list, err)
		}
	})
}
