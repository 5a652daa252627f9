package qradar

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"

	"vedette/internal/plan"
	"vedette/internal/siem"
)

// Where the service and the name of an operation stand in a selection. No
// literal holds their first sign.
const serviceHere, nameHere = "\x01", "\x02"

// selections prints the selections of all places.
func (p *printer) selections() error {
	for _, at := range p.places {
		s := at.Select
		var any []string
		switch {
		case at.Raw:
			name := nameHere
			if at.FoldCase {
				name = "LOWER(" + nameHere + ")"
			}
			any = append(any, p.in(at, name, apis(s.Names)))
		case s.Match != "":
			one, err := matches(s.Match)
			if err != nil {
				return err
			}
			if s.Unless != "" {
				unless, err := matches(s.Unless)
				if err != nil {
					return err
				}
				one += "\n    AND NOT (" + unless + ")"
			}
			if len(s.NotNames) > 0 {
				one += "\n    AND NOT (" + p.among(at, s.NotNames) + ")"
			}
			if len(s.Names) > 0 {
				one = "(" + one + ")"
			}
			any = append(any, one)
		}
		if !at.Raw && len(s.Names) > 0 {
			any = append(any, p.among(at, s.Names))
		}
		p.selected = append(p.selected, strings.Join(any, "\n    OR "))
	}
	return nil
}

// matches prints a condition that holds where a name matches. Whether MATCHES
// looks at the whole text or for a part of it is not documented, so the
// expression is made to mean the same either way.
func matches(expr string) (string, error) {
	if strings.ContainsAny(expr, `'\`) || strings.ContainsFunc(expr, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return "", fmt.Errorf("%w: quotes and escapes in %q", siem.ErrNotSaid, expr)
	}
	whole := false
	if re, err := syntax.Parse(expr, syntax.Perl); err == nil && re.Op == syntax.OpConcat {
		whole = re.Sub[0].Op == syntax.OpBeginText && re.Sub[len(re.Sub)-1].Op == syntax.OpEndText
	}
	if !whole {
		expr = ".*(?:" + expr + ").*"
	}
	return nameHere + " MATCHES '" + expr + "'", nil
}

func (p *printer) among(at siem.Place, names []plan.Name) string {
	var any []string
	for _, of := range siem.ByService(names) {
		if of.Whole {
			any = append(any, p.in(at, serviceHere, []string{of.Service}))
			continue
		}
		any = append(any, "("+p.in(at, serviceHere, []string{of.Service})+" AND "+p.in(at, nameHere, of.APIs)+")")
	}
	return strings.Join(any, " OR ")
}

func apis(names []plan.Name) []string {
	var list []string
	for _, n := range names {
		list = append(list, n.API)
	}
	return list
}

// in prints a condition that holds for the values of a column. How a literal
// says a quote or a backslash is not documented: a value that has one is
// matched with any sign in their place, and so is what cannot be seen.
func (p *printer) in(at siem.Place, expr string, values []string) string {
	var plain, any []string
	for _, v := range values {
		if strings.ContainsFunc(v, odd) {
			any = append(any, expr+" MATCHES '^"+nearly(v)+"$'")
			p.g.SayOf(at.Leg.Log, siem.Selection, siem.Approximated,
				"where a name has a sign that a literal may not hold, any sign does")
		} else {
			plain = append(plain, quote(v))
		}
	}
	switch {
	case len(plain) == 1:
		any = append([]string{expr + " = " + plain[0]}, any...)
	case len(plain) > 1:
		any = append([]string{expr + " IN (" + strings.Join(plain, ", ") + ")"}, any...)
	}
	if len(any) == 1 {
		return any[0]
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// odd are the signs that no literal holds. A star is one, for no reader is to
// see a comment where none is.
func odd(r rune) bool { return r == '\'' || r == '\\' || r == '*' || !unicode.IsGraphic(r) }

// nearly writes a regular expression for a text of which letters, digits and
// signs without a meaning of their own count.
func nearly(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '_' || r == '-' || r == '/' || r == ':' || r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			b.WriteRune(r)
		} else {
			b.WriteString("[^A-Za-z0-9]")
		}
	}
	return b.String()
}

// quote prints a string literal of text that has nothing odd.
func quote(s string) string { return "'" + s + "'" }
