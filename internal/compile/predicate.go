package compile

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
	"vedette/internal/plan"
)

// shape says where in the names of a log the verb stands.
type shape struct {
	// start and end enclose a verb pattern in a regular expression.
	start, end string
	// cased says that words can be told apart by letter case.
	cased bool
	// listed says that the catalogue alone decides: these logs have few
	// operations and put their verbs anywhere.
	listed bool
}

// logs are the logs that rules read. Those that products keep in one place
// are one: it goes by the name of its first.
var logs = []struct {
	of    []event.Log
	shape shape
}{
	{[]event.Log{event.CloudTrailManagement, event.CloudTrailData, event.CloudTrailNetwork}, shape{start: `^`, end: `$`, cased: true}},
	{[]event.Log{event.AzureActivity}, shape{start: `/`, end: `/action$`}},
	{[]event.Log{event.AzureKeyVault}, shape{listed: true}},
	{[]event.Log{event.AzureStorage}, shape{start: `^`, end: `$`}},
	{[]event.Log{event.AzureGraph}, shape{listed: true}},
	{[]event.Log{event.GCPDataAccess, event.GCPActivity, event.GCPPolicy}, shape{start: `(^|[.])`, end: `$`, cased: true}},
}

// predicate says a selector by the names in logs that are kept together. It
// selects nothing where the selector does not see them. differs says in what
// it is not the selector.
func predicate(sel *plan.Selector, of []event.Log, sh shape, reg *event.Registry) (p *plan.Predicate, differs []string) {
	p = &plan.Predicate{}
	if !slices.ContainsFunc(of, sel.Sees) {
		return p, nil
	}
	log := of[0]
	if i := slices.IndexFunc(of, func(l event.Log) bool { return !sel.Sees(l) }); i >= 0 {
		differs = append(differs, "which of these logs a call is in is told by the catalogue's name of it, not by the record")
		// Verbs are said of the log that comes first, which most calls are in.
		sh.listed = sh.listed || i == 0
	}
	var known []*event.API
	for _, a := range reg.All() {
		if a.Known && slices.Contains(of, a.Log) {
			known = append(known, a)
		}
	}
	in, out := write(sel.Include, log, sh, known, reg), write(sel.Exclude, log, sh, known, reg)
	if lost := append(in.lost, out.lost...); len(lost) > 0 {
		differs = append(differs, "what no catalogue lists and no service goes with is not told here: "+strings.Join(lost, ", "))
	}
	services, notServices := whole(in.names), whole(out.names)
	p = &plan.Predicate{Match: expression(sh, in.words), Names: services}
	// An API of unknown technique is not known to be of any.
	if len(sel.Techniques) == 0 && !sh.listed {
		var yes, no []catalog.Pattern
		last := lastWords(known)
		for _, v := range catalog.Patterns() {
			if !concerns(v, last) {
				continue
			}
			if slices.Contains(sel.Classes, v.Class) {
				yes = append(yes, v)
			} else {
				no = append(no, v)
			}
		}
		yes = slices.DeleteFunc(yes, func(v catalog.Pattern) bool { return covered(v, yes) && !beaten(v, no) })
		no = slices.DeleteFunc(no, func(v catalog.Pattern) bool { return !takesFrom(v, yes) || covered(v, no) })
		verbs := len(yes) > 0
		yes, no = append(yes, in.words...), append(no, out.words...)
		p.Match, p.Unless, p.NotNames = expression(sh, yes), expression(sh, no), notServices
		// What verbs say wrongly is a word of the expressions where no other
		// API says otherwise of that word, and listed else.
		names, notNames := exceptions(p, sel, known)
		alike := words(names, true, sel, known)
		yes, no = append(yes, alike...), append(no, words(notNames, false, sel, known)...)
		p = &plan.Predicate{Match: expression(sh, yes), Unless: expression(sh, no), Verbs: verbs, Words: len(alike) > 0, Names: services, NotNames: notServices}
	}
	names, notNames := exceptions(p, sel, known)
	p = &plan.Predicate{Match: p.Match, Unless: p.Unless, Verbs: p.Verbs, Words: p.Words, Names: append(names, p.Names...), NotNames: append(notNames, p.NotNames...)}
	// What is written and listed nowhere.
	for _, n := range in.names {
		if n.API != plan.Any && !p.Selects(n.Service, n.API) && reg.Lookup(log.Cloud(), n.Service, n.API) == nil {
			p.Names = append(p.Names, n)
		}
	}
	for _, n := range out.names {
		if n.API != plan.Any && p.Selects(n.Service, n.API) && reg.Lookup(log.Cloud(), n.Service, n.API) == nil {
			p.NotNames = append(p.NotNames, n)
		}
	}
	if p.Match == "" {
		p.Unless, p.NotNames = "", nil
	}
	order := func(a, b plan.Name) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.API, b.API)) }
	slices.SortFunc(p.Names, order)
	slices.SortFunc(p.NotNames, order)
	return &plan.Predicate{Match: p.Match, Unless: p.Unless, Verbs: p.Verbs, Words: p.Words, Names: slices.Compact(p.Names), NotNames: slices.Compact(p.NotNames)}, differs
}

// whole are the names that stand for all of a service.
func whole(names []plan.Name) []plan.Name {
	return slices.DeleteFunc(slices.Clone(names), func(n plan.Name) bool { return n.API != plan.Any })
}

// exceptions lists the known names of which the expressions of p say
// otherwise than the selector.
func exceptions(p *plan.Predicate, sel *plan.Selector, known []*event.API) (names, notNames []plan.Name) {
	for _, a := range known {
		want := sel.Sees(a.Log) && sel.Selects(a, false)
		for _, logged := range a.Logged {
			n := plan.Name{Cloud: a.Cloud, Service: a.Service, API: logged}
			if p.Selects(n.Service, n.API) == want {
				continue
			}
			if want {
				names = append(names, n)
			} else {
				notNames = append(notNames, n)
			}
		}
	}
	return names, notNames
}

// words are the last words of names, as patterns: those that stand only in
// names that are all wanted, or all not.
func words(names []plan.Name, want bool, sel *plan.Selector, known []*event.API) []catalog.Pattern {
	var list []catalog.Pattern
	for _, n := range names {
		word := lastWord(n.API)
		alike := !slices.ContainsFunc(known, func(a *event.API) bool {
			return (sel.Sees(a.Log) && sel.Selects(a, false)) != want &&
				slices.ContainsFunc(a.Logged, func(l string) bool { return strings.EqualFold(lastWord(l), word) })
		})
		v := catalog.Pattern{Prefix: word, Exact: true}
		if alike && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// lastWords are the parts of the known names that have the verb, in lower
// case.
func lastWords(known []*event.API) []string {
	var list []string
	for _, a := range known {
		for _, logged := range a.Logged {
			list = append(list, strings.ToLower(lastWord(logged)))
		}
	}
	return list
}

// lastWord is the part of a logged name that has the verb.
func lastWord(logged string) string {
	name := strings.TrimSuffix(logged, "/action")
	return name[strings.LastIndexAny(name, "./")+1:]
}

// concerns reports whether a pattern says something of a log's names: it is a
// single word, which any name may begin with, or it names something known.
func concerns(v catalog.Pattern, last []string) bool {
	prefix, suffix := strings.ToLower(v.Prefix), strings.ToLower(v.Suffix)
	if v.Class == event.ClassDiscovery && !v.Exact && v.Suffix == "" && v.Prefix[1:] == prefix[1:] {
		return true
	}
	return slices.ContainsFunc(last, func(name string) bool {
		if v.Exact {
			return name == prefix
		}
		return len(name) >= len(prefix)+len(suffix) && strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix)
	})
}

// covered reports whether another pattern of the list matches all that v does.
func covered(v catalog.Pattern, list []catalog.Pattern) bool {
	return slices.ContainsFunc(list, func(w catalog.Pattern) bool {
		return w != v && !w.Exact && hasPrefix(v.Prefix, w.Prefix) && (w.Suffix == "" || !v.Exact && w.Suffix == v.Suffix)
	})
}

// beaten reports whether a pattern of another class could match a name of v's
// if it were not for v.
func beaten(v catalog.Pattern, no []catalog.Pattern) bool {
	return slices.ContainsFunc(no, func(w catalog.Pattern) bool {
		return !w.Exact && hasPrefix(v.Prefix, w.Prefix) && w.Suffix == "" && len(w.Prefix) < len(v.Prefix)
	})
}

// takesFrom reports whether v can match a name that one of the list matches
// too, naming more letters of it.
func takesFrom(v catalog.Pattern, list []catalog.Pattern) bool {
	return slices.ContainsFunc(list, func(w catalog.Pattern) bool {
		return !w.Exact && hasPrefix(v.Prefix, w.Prefix) && len(v.Prefix)+len(v.Suffix) > len(w.Prefix)+len(w.Suffix) ||
			strings.EqualFold(v.Prefix, w.Prefix) && v.Suffix != ""
	})
}

// expression matches what any of the patterns does.
func expression(sh shape, list []catalog.Pattern) string {
	var open, exact, others []string
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b catalog.Pattern) int { return cmp.Compare(a.Prefix, b.Prefix) })
	for _, v := range list {
		prefix := word(v.Prefix, sh.cased)
		switch {
		case v.Exact:
			exact = append(exact, prefix)
		case v.Suffix == "":
			open = append(open, prefix)
		default:
			others = append(others, prefix+anything+word(v.Suffix, sh.cased))
		}
	}
	var parts []string
	if len(open) > 0 {
		rest := `([^a-z.][A-Za-z0-9_]*)?`
		if !sh.cased {
			rest = `[a-z0-9_]*`
		}
		parts = append(parts, `(`+strings.Join(open, `|`)+`)`+rest)
	}
	parts = append(append(parts, factored(exact)...), factored(others)...)
	if len(parts) == 0 {
		return ""
	}
	return sh.start + `(` + strings.Join(parts, `|`) + `)` + sh.end
}

// factored writes words that begin with the same verb as one part: the verb
// and what follows it. Words keep their order.
func factored(words []string) []string {
	var parts []string
	for i := 0; i < len(words); {
		verb := firstWord(words[i])
		j := i + 1
		for j < len(words) && verb != "" && firstWord(words[j]) == verb {
			j++
		}
		if j == i+1 {
			parts = append(parts, words[i])
		} else {
			var rest []string
			for _, w := range words[i:j] {
				rest = append(rest, w[len(verb):])
			}
			parts = append(parts, verb+`(`+strings.Join(rest, `|`)+`)`)
		}
		i = j
	}
	return parts
}

const anything = `[A-Za-z0-9_]*`

// firstWord is the verb that a word of an expression begins with, such as
// "[Gg]et" of "[Gg]etObject"; "" where letter case does not tell it.
func firstWord(w string) string {
	if !strings.HasPrefix(w, "[") {
		return ""
	}
	i := strings.IndexByte(w, ']') + 1
	for i < len(w) && 'a' <= w[i] && w[i] <= 'z' {
		i++
	}
	if strings.HasPrefix(w[i:], anything) {
		i += len(anything)
	}
	return w[:i]
}

// word writes a word of a pattern as names of the log do: a name may begin
// with a small letter, and where it has no capitals the pattern has none.
func word(w string, cased bool) string {
	lower := strings.ToLower(w)
	if !cased || w == "" {
		return lower
	}
	return `[` + strings.ToUpper(w[:1]) + lower[:1] + `]` + strings.ReplaceAll(w[1:], `.`, `[.]`)
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
