package sumo

import (
	"fmt"
	"strings"
	"unicode"
)

// in prints a condition that holds for the values of a field. What has no
// place in a literal is matched by its number.
func in(field string, values []string) string {
	var literals, any []string
	for _, v := range values {
		if literal(v) {
			literals = append(literals, quote(v))
		} else {
			any = append(any, field+" matches "+exactly(v))
		}
	}
	switch {
	case len(literals) == 1:
		any = append([]string{field + " = " + literals[0]}, any...)
	case len(literals) > 1:
		any = append([]string{field + " in (" + strings.Join(literals, ", ") + ")"}, any...)
	}
	if len(any) == 1 {
		return any[0]
	}
	return "(" + strings.Join(any, " or ") + ")"
}

// literal reports whether a text can stand between quotes as it is. Quotes and
// backslashes have escapes of which the documentation shows the first only;
// braces in twos are parameters of search templates, and what looks like a
// comment is better not tried.
func literal(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r == '\\' || !unicode.IsGraphic(r) }) {
		return false
	}
	for _, two := range []string{"{{", "}}", "//", "/*", "*/"} {
		if strings.Contains(s, two) {
			return false
		}
	}
	return true
}

// quote prints a literal of a text that holds no quote and no backslash.
func quote(s string) string { return `"` + s + `"` }

// regex prints a regular expression (RE2), whose delimiter is the slash.
func regex(re string) string {
	var b strings.Builder
	for _, r := range re {
		switch {
		case r == '/' || r == '"' || !unicode.IsGraphic(r):
			fmt.Fprintf(&b, `\x{%X}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return "/" + b.String() + "/"
}

// exactly prints a regular expression that matches a text alone.
func exactly(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '_') {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%X}`, r)
		}
	}
	return "/^" + b.String() + "$/"
}
