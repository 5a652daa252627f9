package yaral

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"vedette/internal/plan"
	"vedette/internal/siem"
)

// each is the expression of a role over the events of all logs; "" where no
// log has one.
func (p *printer) each(r siem.Role) string {
	return p.per(func(at siem.Place) string { return at.Expr(r) })
}

// per prints an expression that differs by log. The language has no condition
// outside of outcomes: an expression is made empty for the events of other
// logs, and the first that is not empty is taken.
func (p *printer) per(of func(siem.Place) string) string {
	var exprs []string
	types := map[string][]string{}
	for _, at := range p.places {
		if e := of(at); e != "" {
			if types[e] == nil {
				exprs = append(exprs, e)
			}
			types[e] = append(types[e], regexp.QuoteMeta(at.Source))
		}
	}
	if len(exprs) == 0 {
		return ""
	}
	if len(types[exprs[0]]) == len(p.places) {
		return exprs[0]
	}
	var parts []string
	for _, e := range exprs {
		parts = append(parts, fmt.Sprintf("re.capture(strings.concat($e.metadata.log_type, \" \",\n    %s),\n    %s)",
			siem.Indent(e, "    "), pattern("(?s)^(?:"+strings.Join(types[e], "|")+") (.*)$")))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "strings.coalesce(\n  " + strings.Join(parts, ",\n  ") + ")"
}

// provider names the cloud by the log type: a name must come from a field.
func (p *printer) provider() string {
	expr := "$e.metadata.log_type"
	for _, at := range p.places {
		expr = fmt.Sprintf("re.replace(%s, %s, %s)", expr, pattern("^"+regexp.QuoteMeta(at.Source)+"$"), quote(siem.Provider(at.Leg.Log.Cloud())))
	}
	return expr
}

// predicate prints a leg's selection over $Service and $Name.
func predicate(l *siem.Leg) string {
	s := l.Select
	if l.Raw {
		var apis []string
		for _, n := range s.Names {
			apis = append(apis, n.API)
		}
		return in("$Name", apis, l.FoldCase)
	}
	var any []string
	if s.Match != "" {
		one := "re.regex($Name, " + pattern(s.Match) + ")"
		if s.Unless != "" {
			one += "\n  and not re.regex($Name, " + pattern(s.Unless) + ")"
		}
		if len(s.NotNames) > 0 {
			one += "\n  and not (" + siem.Indent(among(s.NotNames), "    ") + ")"
		}
		any = append(any, "("+one+")")
	}
	if len(s.Names) > 0 {
		any = append(any, among(s.Names))
	}
	return strings.Join(any, "\nor ")
}

func among(names []plan.Name) string {
	var any []string
	for _, of := range siem.ByService(names) {
		if of.Whole {
			any = append(any, in("$Service", []string{of.Service}, false))
			continue
		}
		any = append(any, "("+in("$Service", []string{of.Service}, false)+" and "+in("$Name", of.APIs, false)+")")
	}
	return strings.Join(any, "\nor ")
}

// in prints a condition that holds for the values of an expression. Several
// are one regular expression, because the product limits the number of "and"
// and "or" in a rule; so is what cannot be seen, which has no place in a text.
func in(expr string, values []string, fold bool) string {
	if len(values) == 1 && visible(values[0]) == values[0] && !fold {
		return expr + " = " + quote(values[0])
	}
	exact := make([]string, len(values))
	for i, v := range values {
		exact[i] = exactly(v)
	}
	flags := "s"
	if fold {
		flags = "is"
	}
	return "re.regex(" + expr + ", `(?" + flags + ")^(?:" + strings.Join(exact, "|") + ")$`)"
}

// exactly writes a regular expression of RE2 that matches a text alone, in
// letters that a literal in back quotes takes as they are.
func exactly(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune("_-/:,= ", c):
			b.WriteRune(c)
		case c == '.':
			b.WriteString("[.]")
		default:
			fmt.Fprintf(&b, `\x{%X}`, c)
		}
	}
	return b.String()
}

// pattern prints a regular expression as a literal in back quotes, which
// takes all but a back quote as it is.
func pattern(re string) string {
	var b strings.Builder
	b.WriteByte('`')
	escaped := false
	for _, c := range re {
		switch {
		case c == '`' || !unicode.IsGraphic(c):
			if escaped { // the escape is of the letter that is written by number
				s := strings.TrimSuffix(b.String(), `\`)
				b.Reset()
				b.WriteString(s)
			}
			fmt.Fprintf(&b, `\x{%X}`, c)
			escaped = false
		default:
			b.WriteRune(c)
			escaped = c == '\\' && !escaped
		}
	}
	return b.String() + "`"
}

// quote prints a text in double quotes, in which a backslash escapes ("String
// and regular expression literals", YARA-L 2.0). It must be visible: see [in].
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(visible(s)) + `"`
}

// visible takes out what cannot be seen.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsGraphic(c) || c != ' ' && unicode.IsSpace(c) {
			return ' '
		}
		return c
	}, s)
}
