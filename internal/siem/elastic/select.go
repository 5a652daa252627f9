package elastic

import (
	"fmt"
	"strings"
	"unicode"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// words are how a language without functions writes the conditions of a rule.
// What differs by log stands in the settings of the field map.
type words struct {
	settings     string // prefix of their names
	and, or, not string
	// equal compares a field with a value, by case.
	equal func(field, value string) string
	// match holds a field against an expression for whole values.
	match func(field, re string, fold bool) string
	// folded is an expression as it stands in the text without letter case.
	folded func(re string) string
	// whole puts brackets around a setting where one may need them.
	whole func(condition string) string
}

var eqlWords = words{
	settings: "eql_", and: " and ", or: " or ", not: "not ",
	equal: func(field, value string) string { return field + " == " + eqlQuote(value) },
	match: func(field, re string, fold bool) string {
		if fold {
			return field + " regex~ " + eqlQuote(re)
		}
		return field + " regex " + eqlQuote(re)
	},
	folded: func(re string) string { return re },
	whole:  func(c string) string { return "(" + c + ")" },
}

// A clause of Lucene's that is nothing but a negation matches nothing, so that
// settings stand without brackets.
var luceneWords = words{
	settings: "lucene_", and: " AND ", or: " OR ", not: "NOT ",
	equal: func(field, value string) string { return field + ":" + luceneQuote(value) },
	match: func(field, re string, fold bool) string {
		if fold {
			re = folded(re)
		}
		return field + ":/" + strings.ReplaceAll(re, "/", `\/`) + "/"
	},
	folded: folded,
	whole:  func(c string) string { return c },
}

// conditions are those of the calls of a log that count; false where the field
// map has no words for one of them.
func (w words) conditions(at siem.Place) ([]string, bool) {
	all := []string{w.equal("data_stream.dataset", at.Set["dataset"]), "(" + w.selection(at) + ")"}
	var needs []string
	switch {
	case len(at.Outcomes) == 0:
	case at.Only(event.Denied):
		needs = append(needs, "denied")
	case at.Only(event.OK):
		needs = append(needs, "ok")
	default:
		return nil, false
	}
	if at.Raw && at.Set["raw_where"] != "" {
		needs = append(needs, "raw_where")
	}
	if !at.Raw && at.Set[w.settings+"where"] != "" {
		needs = append(needs, "where")
	}
	for _, n := range needs {
		condition := at.Set[w.settings+n]
		if condition == "" {
			return nil, false
		}
		all = append(all, w.whole(condition))
	}
	if at.Expr(siem.ServiceMade) != "" && !at.Services && !at.Raw {
		made := at.Set[w.settings+"made"]
		if made == "" {
			return nil, false
		}
		all = append(all, w.not+"("+made+")")
	}
	return all, true
}

// selection says the predicate over the names as logged: of AWS with the API
// date behind them, of Google Cloud with versions between, of Azure in any
// letter case.
func (w words) selection(at siem.Place) string {
	field, s := at.Set["action"], at.Select
	if at.Raw {
		var res []string
		for _, n := range s.Names {
			res = append(res, exactly(n.API))
		}
		return w.any(field, "("+strings.Join(res, "|")+")", at.FoldCase)
	}
	fold := at.Log.Cloud() == event.Azure
	var any []string
	if s.Match != "" {
		one := w.any(field, lucene(s.Match)+tail(at), fold)
		if s.Unless != "" {
			one += w.and + w.not + w.any(field, lucene(s.Unless)+tail(at), fold)
		}
		if len(s.NotNames) > 0 {
			one += w.and + w.not + "(" + w.named(at, s.NotNames) + ")"
		}
		any = append(any, "("+one+")")
	}
	if len(s.Names) > 0 {
		any = append(any, w.named(at, s.Names))
	}
	return strings.Join(any, w.or)
}

// named says that a call has one of these names.
func (w words) named(at siem.Place, names []plan.Name) string {
	var any []string
	for _, of := range siem.ByService(names) {
		if provider := at.Set["provider"]; of.Whole && provider != "" {
			any = append(any, w.equal(provider, of.Service))
			continue
		}
		var res []string
		if of.Whole {
			res = append(res, exactly(of.Service)+"/.*")
		}
		for _, api := range of.APIs {
			res = append(res, logged(at, of.Service, api))
		}
		one := w.any(at.Set["action"], "("+strings.Join(res, "|")+")"+tail(at), at.Log.Cloud() == event.Azure)
		if provider := at.Set["provider"]; provider != "" {
			one = "(" + w.equal(provider, of.Service) + w.and + one + ")"
		}
		any = append(any, one)
	}
	return strings.Join(any, w.or)
}

// any says that a field matches an expression, by as many as it takes.
func (w words) any(field, re string, fold bool) string {
	length := func(re string) int { return len(re) }
	if fold {
		length = func(re string) int { return len(w.folded(re)) }
	}
	var any []string
	for _, part := range within(re, length) {
		any = append(any, w.match(field, part, fold))
	}
	if len(any) == 1 {
		return any[0]
	}
	return "(" + strings.Join(any, w.or) + ")"
}

// tail is what a log may have behind a name.
func tail(at siem.Place) string {
	if at.Log.Cloud() == event.AWS {
		return "(20[0-9_]+(v[0-9]+)?)?"
	}
	return ""
}

// logged is the expression for an operation as its log writes it.
func logged(at siem.Place, service, api string) string {
	switch at.Log.Cloud() {
	case event.Azure:
		return exactly(service + "/" + api)
	case event.GCP:
		const version = "v[0-9]+[a-z0-9]*[.]"
		return "((alpha|beta|v[0-9]+[a-z0-9]*)[.])?" + strings.ReplaceAll(exactly(api), `\.`, "[.]("+version+")?")
	}
	return exactly(api)
}

// exactly is an expression that matches a text and nothing else; what cannot
// be seen is any one character. A backslash is in a class, so that it escapes
// no slash that ends an expression.
func exactly(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\\':
			b.WriteString(`[\\]`)
		case !unicode.IsGraphic(c):
			b.WriteByte('.')
		case c < 0x80 && c != '_' && c != '/' && !unicode.IsLetter(c) && !unicode.IsDigit(c):
			b.WriteString(`\` + string(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// folded makes an expression match in any letter case of ASCII, by classes:
// Lucene's query syntax has no switch for it.
func folded(re string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(re); i++ {
		c := re[i]
		switch {
		case c == '\\' && i+1 < len(re):
			b.WriteString(re[i : i+2])
			i++
		case c == '[' || c == ']':
			class = c == '['
			b.WriteByte(c)
		case !letter(c):
			b.WriteByte(c)
		case class && i+2 < len(re) && re[i+1] == '-' && letter(re[i+2]):
			fmt.Fprintf(&b, "%c-%c%c-%c", c|0x20, re[i+2]|0x20, c&^0x20, re[i+2]&^0x20)
			i += 2
		case class:
			b.Write([]byte{c &^ 0x20, c | 0x20})
		default:
			b.Write([]byte{'[', c &^ 0x20, c | 0x20, ']'})
		}
	}
	return b.String()
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// maxRegex is the greatest length of an expression (index.max_regex_length,
// "Index settings").
const maxRegex = 1000

// within takes an expression apart at the alternatives of its longest group,
// until each part is as short as an index takes it. Together the parts match
// what it matches.
func within(re string, length func(string) int) []string {
	if length(re) <= maxRegex {
		return []string{re}
	}
	head, list, rest := alternatives(re)
	switch n := len(list); n {
	case 0:
		return []string{re}
	case 1:
		return within(head+list[0]+rest, length)
	default:
		join := func(list []string) string { return head + "(" + strings.Join(list, "|") + ")" + rest }
		return append(within(join(list[:n/2]), length), within(join(list[n/2:]), length)...)
	}
}

// alternatives returns those of the longest group of an expression that is in
// no other and not repeated, with what stands before and behind it; none where
// there is no such group.
func alternatives(re string) (head string, list []string, rest string) {
	depth, start, class := 0, 0, false
	var bars []int
	for i := 0; i < len(re); i++ {
		switch c := re[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			if depth++; depth == 1 {
				start, bars = i, nil
			}
		case c == '|' && depth == 1:
			bars = append(bars, i)
		case c == ')':
			if depth--; depth > 0 || i+1 < len(re) && strings.IndexByte("*+?{", re[i+1]) >= 0 {
				continue
			}
			if i-start <= len(strings.Join(list, "|")) {
				continue
			}
			head, list, rest = re[:start], nil, re[i+1:]
			from := start + 1
			for _, bar := range bars {
				list, from = append(list, re[from:bar]), bar+1
			}
			list = append(list, re[from:i])
		}
	}
	return head, list, rest
}
