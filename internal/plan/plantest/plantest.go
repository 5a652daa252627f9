// Package plantest evaluates plans by brute force: every window is counted
// from scratch. It is slow and plain on purpose, an oracle to hold faster
// evaluators against.
package plantest

import (
	"cmp"
	"slices"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Firing is a window that fires for one group.
type Firing struct {
	Principal string
	Account   string
	Window    string
	// From and To bound the window, [From, To), in nanoseconds since the
	// Unix epoch. A sliding window starts at one of its events.
	From, To     int64
	Events       int
	DistinctAPIs int
	Risk         int
}

// Evaluate returns the windows of the plan that fire for any group (principal,
// account), in order of group, window (as the plan lists them) and time. The
// events may be in any order. Of events with equal keys the first one given is
// taken. Within a window, throttled calls for one API and target count as one
// event, or none where that request was answered otherwise.
func Evaluate(p *plan.Plan, events []event.Event) []Firing {
	events = distinct(events)
	var firings []Firing
	for _, g := range groups(events) {
		for i := range p.Windows {
			w := &p.Windows[i]
			var scoring []*event.Event
			for j := range events {
				e := &events[j]
				if string(e.Actor.Principal) == g.principal && string(e.Account) == g.account && w.Select.Covers(e.API, e.Log, e.Flags, e.Outcome) {
					scoring = append(scoring, e)
				}
			}
			for _, from := range starts(w, scoring) {
				to := from + int64(w.Length)
				f := count(scoring, from, to)
				if w.Trigger.Holds(f) {
					firings = append(firings, Firing{g.principal, g.account, w.Name, from, to, f.Events, f.DistinctAPIs, w.Risk(f)})
				}
			}
		}
	}
	return firings
}

// Verdict says whether anything fires, and the highest risk of what does. It
// has the form that detection.Check asks for.
func Verdict(p *plan.Plan, events []event.Event) (fired bool, risk int) {
	for _, f := range Evaluate(p, events) {
		fired, risk = true, max(risk, f.Risk)
	}
	return fired, risk
}

// starts lists where windows begin, in order, each once.
func starts(w *plan.Window, scoring []*event.Event) []int64 {
	var list []int64
	for _, e := range scoring {
		start := e.Time
		if w.Kind == plan.Tumbling {
			start -= ((start % int64(w.Length)) + int64(w.Length)) % int64(w.Length)
		}
		list = append(list, start)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func count(scoring []*event.Event, from, to int64) plan.Figures {
	type request struct {
		api    *event.API
		target string
	}
	events := 0
	seen, targets := map[*event.API]bool{}, map[request]bool{}
	answered, throttled := map[request]bool{}, map[request]bool{}
	for _, e := range scoring {
		if e.Time < from || e.Time >= to {
			continue
		}
		seen[e.API] = true
		r := request{e.API, string(e.Target)}
		targets[r] = true
		if e.Outcome == event.Throttled {
			throttled[r] = true
		} else {
			answered[r] = true
			events++
		}
	}
	for r := range throttled {
		if !answered[r] {
			events++
		}
	}
	return plan.Figures{Events: events, DistinctAPIs: len(seen), DistinctTargets: len(targets)}
}

func distinct(events []event.Event) []event.Event {
	seen := map[event.Key]bool{}
	var list []event.Event
	for i := range events {
		if k := events[i].Key; !seen[k] {
			seen[k] = true
			list = append(list, events[i])
		}
	}
	return list
}

type group struct{ principal, account string }

func groups(events []event.Event) []group {
	var list []group
	for i := range events {
		list = append(list, group{string(events[i].Actor.Principal), string(events[i].Account)})
	}
	slices.SortFunc(list, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.principal, b.principal), cmp.Compare(a.account, b.account))
	})
	return slices.Compact(list)
}
