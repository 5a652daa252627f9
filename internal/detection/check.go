package detection

import (
	"fmt"
	"slices"
	"strconv"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Evaluate runs a plan over the events of one example and says whether any
// window fired for any group, and the highest risk of those that did.
type Evaluate func(p *plan.Plan, events []event.Event) (fired bool, risk int)

// Check holds a detection against the catalogues in reg and runs its examples
// through evaluate. It returns what is wrong, in the order of the file:
//
//   - an example that does not behave, or that calls an API which no
//     catalogue lists and which it does not mark as unknown;
//   - a selection that no API of the catalogues satisfies, a window whose
//     trigger wants more distinct APIs than its selection has;
//   - as warnings: names that no catalogue lists, alternatives of a trigger
//     that change nothing, windows that can fire without a risk.
//
// reg must be the caller's to spoil: unknown APIs of examples are added to it.
func Check(d *Detection, reg *event.Registry, evaluate Evaluate) Problems {
	r := &report{file: d.File}
	catalogue := slices.DeleteFunc(reg.All(), func(a *event.API) bool { return !a.Known })
	r.checkNames(d, catalogue, reg)
	r.checkWindows(d, catalogue)
	p, err := Lower(d, Options{})
	if err != nil {
		r.errorf(d.pos, "%s", err)
	} else {
		for i := range d.Fire {
			r.checkExample(&d.Fire[i], true, p, reg, evaluate)
		}
		for i := range d.Silent {
			r.checkExample(&d.Silent[i], false, p, reg, evaluate)
		}
	}
	r.problems.sort()
	return r.problems
}

func (r *report) checkNames(d *Detection, catalogue []*event.API, reg *event.Registry) {
	for _, n := range d.names {
		if slices.ContainsFunc(catalogue, n.Matches) {
			continue
		}
		effect := "unless a log writes this very name, it includes nothing"
		if n.excluded {
			effect = "unless a log writes this very name, it excludes nothing"
		}
		r.warnf(n.pos, "%s; %s", missing(reg, n.Cloud, n.Service, n.API), effect)
	}
}

func (r *report) checkWindows(d *Detection, catalogue []*event.API) {
	for i := range d.Windows {
		w := &d.Windows[i]
		r.slack(w)
		sel := d.selector(w)
		if sel == nil {
			continue
		}
		at := w.pos
		if w.Select != nil {
			at = w.selected
		}
		count := 0
		for _, a := range catalogue {
			if sel.Selects(a, false) {
				count++
			}
		}
		if count == 0 && len(sel.Include) == 0 {
			r.errorf(at, "window %q selects no API of any catalogue", w.Name)
			continue
		}
		most, bounded := breadth(sel, catalogue, count)
		if bounded && !slices.ContainsFunc(grid(w, most), func(f plan.Figures) bool { return w.Trigger.Holds(f) }) {
			r.errorf(w.trigger[0], "window %q can never fire: its trigger wants more distinct APIs than the %d that are selected", w.Name, most)
		}
	}
}

// breadth is the greatest number of distinct APIs that the selector can
// select. count is how many of the catalogues' it does. bounded is false where
// calls that no catalogue knows count too.
func breadth(s *plan.Selector, catalogue []*event.API, count int) (most int, bounded bool) {
	if len(s.Classes) > 0 && len(s.Techniques) == 0 {
		return 0, false
	}
	for _, n := range s.Include {
		switch {
		case n.API == plan.Any || n.Service == "" || n.Service == plan.Any || n.Cloud == event.NoCloud:
			return 0, false
		case !slices.ContainsFunc(catalogue, n.Matches):
			count++
		}
	}
	return count, true
}

func (r *report) checkExample(e *Example, fire bool, p *plan.Plan, reg *event.Registry, evaluate Evaluate) {
	before := len(r.problems)
	events := e.events(reg, r)
	if len(r.problems) > before {
		return
	}
	fired, risk := evaluate(p, events)
	switch {
	case fire && !fired:
		r.errorf(e.pos, "example %q must fire and stays silent", e.Name)
	case !fire && fired:
		r.errorf(e.pos, "example %q must stay silent and fires, with risk %d", e.Name, risk)
	case fire && e.Risk >= 0 && e.Risk != risk:
		r.errorf(e.risk, "example %q fires with risk %d, not %d", e.Name, risk, e.Risk)
	}
}

// missing says that no catalogue lists an API, and which one was perhaps
// meant.
func missing(reg *event.Registry, cloud event.Cloud, service, name string) string {
	var services, names, elsewhere []string
	for _, a := range reg.All() {
		if !a.Known || cloud != event.NoCloud && a.Cloud != cloud {
			continue
		}
		services = append(services, a.Service)
		if service == "" || service == plan.Any || a.Service == service {
			names = append(names, a.Name)
		} else if a.Name == name {
			elsewhere = append(elsewhere, a.Service)
		}
	}
	hint := ""
	slices.Sort(elsewhere)
	slices.Sort(names)
	slices.Sort(services)
	if len(elsewhere) > 0 {
		hint = ": it is an API of " + elsewhere[0]
	} else if near := nearest(name, slices.Compact(names)); near != "" {
		hint = ": did you mean " + strconv.Quote(near) + "?"
	} else if near := nearest(service, slices.Compact(services)); near != "" && near != service {
		hint = ": did you mean the service " + near + "?"
	}
	where := service
	if where == "" {
		where = plan.Any
	}
	return fmt.Sprintf("no catalogue lists %q of service %s%s", name, where, hint)
}
