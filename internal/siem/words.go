package siem

import (
	"fmt"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Words are a language's words for a trigger: the names of the counts, and
// how conditions join.
type Words struct {
	Events, APIs, Targets string
	And, Or               string // with blanks around them
}

// Condition writes a condition, such as "apis >= 5 or events >= 10".
func (w Words) Condition(c plan.Condition) string {
	var any []string
	for _, t := range c {
		var all []string
		for _, x := range []struct {
			name  string
			least int
		}{{w.APIs, t.DistinctAPIs}, {w.Targets, t.DistinctTargets}, {w.Events, t.Events}} {
			if x.least > 0 {
				all = append(all, fmt.Sprintf("%s >= %d", x.name, x.least))
			}
		}
		one := strings.Join(all, w.And)
		if len(all) > 1 && len(c) > 1 {
			one = "(" + one + ")"
		}
		any = append(any, one)
	}
	return strings.Join(any, w.Or)
}

// OfService is the names of one service in a list of names.
type OfService struct {
	Service string
	APIs    []string
	Whole   bool // all of the service, whatever else is listed
}

// ByService takes a list in order apart by service.
func ByService(names []plan.Name) []OfService {
	var list []OfService
	for _, n := range names {
		if len(list) == 0 || list[len(list)-1].Service != n.Service {
			list = append(list, OfService{Service: n.Service})
		}
		last := &list[len(list)-1]
		if n.API == plan.Any {
			last.Whole = true
		} else if !slices.Contains(last.APIs, n.API) {
			last.APIs = append(last.APIs, n.API)
		}
	}
	return list
}

// Only reports whether a leg asks for one outcome and which.
func (l *Leg) Only(o event.Outcome) bool { return len(l.Outcomes) == 1 && l.Outcomes[0] == o }

// Indent puts the further lines of a text under its first.
func Indent(text, by string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}
