package kusto

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"vedette/internal/siem/siemtest"
)

// readString reads a string literal back ("The string data type", Kusto), and
// returns what stands after it.
func readString(t *testing.T, lit string) (value, rest string) {
	t.Helper()
	verbatim := strings.HasPrefix(lit, "@")
	s := strings.TrimPrefix(lit, "@")
	if !strings.HasPrefix(s, `"`) {
		t.Fatalf("no literal: %q", lit)
	}
	var b strings.Builder
	for s = s[1:]; s != ""; {
		c := s[0]
		s = s[1:]
		switch {
		case c == '"' && verbatim && strings.HasPrefix(s, `"`):
			b.WriteByte('"')
			s = s[1:]
		case c == '"':
			return b.String(), s
		case c == '\\' && !verbatim:
			c, s = s[0], s[1:]
			digits := map[byte]int{'u': 4, 'U': 8}[c]
			if digits == 0 {
				if c != '"' && c != '\\' {
					t.Fatalf("escape \\%c in %q", c, lit)
				}
				b.WriteByte(c)
				continue
			}
			v, err := strconv.ParseUint(s[:digits], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteRune(rune(v))
			s = s[digits:]
		default:
			b.WriteByte(c)
		}
	}
	t.Fatalf("no end of %q", lit)
	return "", ""
}

// FuzzQuote holds that a literal says what it was made of, ends where it
// ends, and shows all that it holds.
func FuzzQuote(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names are UTF-8")
		}
		lit := quote(s)
		if got, rest := readString(t, lit); got != s || rest != "" {
			t.Errorf("%q reads back as %q and %q", lit, got, rest)
		}
		if strings.ContainsFunc(lit, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q holds what cannot be seen", lit)
		}
		if !strings.ContainsAny(s, "\r\n") {
			if got, rest := readString(t, verbatim(s)); got != s || rest != "" {
				t.Errorf("%q reads back as %q and %q", verbatim(s), got, rest)
			}
		}
	})
}
