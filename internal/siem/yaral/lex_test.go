package yaral

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

type token struct {
	kind byte // w word, s text, n number, v variable, l list, or the sign
	text string
	line int
}

// lex takes a text apart. A variable holds its path: $e.principal.ip[0].
func lex(s string) ([]token, error) {
	var list []token
	line := 1
	word := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*`)
	variable := regexp.MustCompile(`^\$[A-Za-z_][A-Za-z0-9_]*(\.[a-z_][a-z0-9_]*|\[[0-9]+\]|\["[A-Za-z0-9_]+"\])*`)
	for i := 0; i < len(s); {
		c := s[i]
		take := func(kind byte, n int) {
			list = append(list, token{kind, s[i : i+n], line})
			i += n
		}
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ':
			i++
		case strings.HasPrefix(s[i:], "//"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case c == '"':
			var b strings.Builder
			j := i + 1
			for ; ; j++ {
				if j >= len(s) || s[j] == '\n' {
					return nil, fmt.Errorf("line %d: a text has no end", line)
				}
				if s[j] == '"' {
					break
				}
				if s[j] == '\\' {
					if j++; j >= len(s) || s[j] != '\\' && s[j] != '"' {
						return nil, fmt.Errorf("line %d: escape of %q", line, s[j:min(j+1, len(s))])
					}
				}
				b.WriteByte(s[j])
			}
			list = append(list, token{'s', b.String(), line})
			i = j + 1
		case c == '`':
			n := strings.IndexAny(s[i+1:], "`\n")
			if n < 0 || s[i+1+n] != '`' {
				return nil, fmt.Errorf("line %d: a literal has no end", line)
			}
			list = append(list, token{'s', s[i+1 : i+1+n], line})
			i += n + 2
		case c == '$':
			m := variable.FindString(s[i:])
			if m == "" {
				return nil, fmt.Errorf("line %d: no variable", line)
			}
			take('v', len(m))
		case c == '%':
			m := word.FindString(s[i+1:])
			if strings.Count(m, ".") != 1 {
				return nil, fmt.Errorf("line %d: no column of a data table", line)
			}
			take('l', 1+len(m))
		case c >= '0' && c <= '9':
			n := 1
			for i+n < len(s) && (s[i+n] >= '0' && s[i+n] <= '9' || strings.IndexByte("mhd", s[i+n]) >= 0) {
				n++
			}
			take('n', n)
		case strings.HasPrefix(s[i:], "<=") || strings.HasPrefix(s[i:], ">=") || strings.HasPrefix(s[i:], "!="):
			list = append(list, token{'o', s[i : i+2], line})
			i += 2
		case strings.IndexByte("=<>", c) >= 0:
			take('o', 1)
		case strings.IndexByte("(){},:+", c) >= 0:
			take(c, 1)
		default:
			m := word.FindString(s[i:])
			if m == "" || strings.ContainsFunc(m, func(r rune) bool { return r > unicode.MaxASCII }) {
				return nil, fmt.Errorf("line %d: %q has no place here", line, s[i:min(i+10, len(s))])
			}
			take('w', len(m))
		}
	}
	return list, nil
}
