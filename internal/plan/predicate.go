package plan

import (
	"regexp"
	"sync"
)

// Predicate selects APIs by the names that logs show, in a form that every
// query language can say: two regular expressions and two short lists. It is
// a [Selector] seen from outside, where no catalogue is at hand.
//
// A name is the one logged, without its version: for AWS without the API date
// behind it, for Google Cloud without version segments, for Azure Resource
// Manager in lower case and without the provider's namespace.
type Predicate struct {
	// Match selects a name and Unless takes it back; an empty expression
	// matches nothing. Both keep to what POSIX ERE, RE2, PCRE and Java have in
	// common: literals, [ ], ( ), |, *, +, ?, ^ and $.
	Match, Unless string
	// Verbs says that verbs are in Match, by which it selects what no catalogue
	// lists; Words that whole names are whose services are told by catalogues,
	// and not by what was asked for.
	Verbs, Words bool
	// Names are selected and NotNames are not, whatever the expressions say.
	// Each has its service; Any as the API is all of the service.
	Names, NotNames []Name

	once          sync.Once
	match, unless *regexp.Regexp
}

// Selects reports whether the predicate selects the API that service logs as
// name.
func (p *Predicate) Selects(service, name string) bool {
	p.once.Do(func() {
		p.match, p.unless = compile(p.Match), compile(p.Unless)
	})
	if lists(p.Names, service, name) {
		return true
	}
	return p.match.MatchString(name) && !p.unless.MatchString(name) && !lists(p.NotNames, service, name)
}

func compile(expr string) *regexp.Regexp {
	if expr == "" {
		expr = `[^\s\S]`
	}
	return regexp.MustCompile(expr)
}

func lists(names []Name, service, name string) bool {
	for _, n := range names {
		if n.Service == service && (n.API == name || n.API == Any) {
			return true
		}
	}
	return false
}
