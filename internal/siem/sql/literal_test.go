package sql

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"vedette/internal/siem/siemtest"
)

// read reads a literal back by the rules of the dialect's own documentation,
// and returns what stands after it.
func read(t *testing.T, dialect, lit string) (value, rest string) {
	t.Helper()
	escapes := byte(0) // the sign that begins an escape
	switch {
	case strings.HasPrefix(lit, "U&'"):
		lit, escapes = lit[2:], 'U'
	case strings.HasPrefix(lit, "E'"):
		lit, escapes = lit[1:], 'E'
	case dialect == "clickhouse" || dialect == "spark" || dialect == "bigquery":
		escapes = 'E'
	}
	if !strings.HasPrefix(lit, "'") {
		t.Fatalf("%s: no literal: %q", dialect, lit)
	}
	number := func(s string, n int) (rune, string) {
		v, err := strconv.ParseUint(s[:n], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return rune(v), s[n:]
	}
	var b strings.Builder
	for s := lit[1:]; s != ""; {
		c := s[0]
		s = s[1:]
		switch {
		case c == '\'' && strings.HasPrefix(s, "'") && (escapes != 'E' || strings.HasPrefix(lit, "'") && (dialect == "duckdb" || dialect == "postgresql")):
			b.WriteByte('\'')
			s = s[1:]
		case c == '\'':
			return b.String(), s
		case c == '\\' && escapes == 'U':
			var r rune
			switch {
			case s[0] == '\\':
				b.WriteByte('\\')
				s = s[1:]
				continue
			case s[0] == '+':
				r, s = number(s[1:], 6)
			default:
				r, s = number(s, 4)
			}
			b.WriteRune(r)
		case c == '\\' && escapes == 'E':
			c, s = s[0], s[1:]
			var r rune
			switch c {
			case 'u':
				r, s = number(s, 4)
				b.WriteRune(r)
			case 'U':
				r, s = number(s, 8)
				b.WriteRune(r)
			case 'x':
				r, s = number(s, 2)
				b.WriteByte(byte(r))
			case '\\', '\'':
				b.WriteByte(c)
			default:
				t.Fatalf("%s: escape \\%c", dialect, c)
			}
		default:
			b.WriteByte(c)
		}
	}
	t.Fatalf("%s: no end of %q", dialect, lit)
	return "", ""
}

// FuzzQuote holds that a literal says what it was made of, ends where it
// ends, and shows all that it holds.
func FuzzQuote(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Add("U&'\\0041'")
	f.Add("\U000e0041\u0000\\")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names are UTF-8")
		}
		for _, d := range dialects() {
			lit := d.string(s)
			want := s
			if d.name == "duckdb" || d.name == "postgresql" {
				want = strings.ReplaceAll(s, "\x00", "\ufffd")
			}
			if got, rest := read(t, d.name, lit); got != want || rest != "" {
				t.Errorf("%s: %q reads back as %q and %q", d.name, lit, got, rest)
			}
			if strings.ContainsFunc(lit, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				t.Errorf("%s: %q holds what cannot be seen", d.name, lit)
			}
		}
	})
}
