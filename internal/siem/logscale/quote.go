package logscale

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// quote prints a string literal, for texts that hold nothing but what can be
// seen and no *, which is a wildcard in a filter and has no escape: see [in].
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// plain reports whether a literal in a filter says a text as it is.
func plain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r == '*' || !unicode.IsGraphic(r) })
}

// in prints a filter that holds for the values of a field. Several, and what
// no literal can say, are said by an expression that matches them alone.
func in(field string, values []string, fold bool) string {
	if len(values) == 1 && plain(values[0]) && !fold {
		return field + "=" + quote(values[0])
	}
	flag := ""
	if fold {
		flag = "i"
	}
	var exact []string
	for _, v := range values {
		if e := exactly(v); !slices.Contains(exact, e) {
			exact = append(exact, e)
		}
	}
	return field + "=/^(" + strings.Join(exact, "|") + ")$/" + flag
}

// exactly writes a regular expression that matches a text alone, in what the
// vendor's list of patterns has ("Regular Expression Syntax Patterns").
func exactly(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-' || c == ' ':
			b.WriteRune(c)
		case strings.ContainsRune(`/.()[]{}^$|+*?\`, c):
			b.WriteString(`\` + string(c))
		case c > 0x7f && unicode.IsGraphic(c):
			b.WriteRune(c)
		case c <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, c)
		default: // has no escape: any one character, of one or two units
			b.WriteString("..?")
		}
	}
	return b.String()
}

// regex prints an expression between slashes. A slash in it would end it, and
// what cannot be seen is written by its number.
func regex(re string) string {
	var b strings.Builder
	escaped := false
	for _, c := range re {
		switch {
		case escaped:
			escaped = false
			if unicode.IsGraphic(c) {
				b.WriteString(`\` + string(c))
			} else {
				b.WriteString(exactly(string(c)))
			}
		case c == '\\':
			escaped = true
		case c == '/':
			b.WriteString(`\/`)
		case unicode.IsGraphic(c):
			b.WriteRune(c)
		default:
			b.WriteString(exactly(string(c)))
		}
	}
	if escaped { // no expression ends so
		b.WriteString(`\\`)
	}
	if b.Len() == 0 {
		return "/^/" // two slashes would be a comment
	}
	return "/" + b.String() + "/"
}
