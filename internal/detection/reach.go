package detection

import (
	"slices"

	"vedette/internal/plan"
)

// grid lists figures such that a window's trigger and bands tell no other
// figures apart from all of these: if any figures pass some of the thresholds
// and miss the others, figures of the grid do the same. most is the greatest
// number of distinct APIs that there can be; 0 is no bound. In a window there
// is at least one event, and there are never more targets than events nor more
// APIs than targets.
func grid(w *Window, most int) []plan.Figures {
	events, apis, targets := []int{1}, []int{1}, []int{1}
	note := func(c plan.Condition) {
		for _, t := range c {
			events = append(events, max(t.Events, 1))
			apis = append(apis, max(t.DistinctAPIs, 1))
			targets = append(targets, max(t.DistinctTargets, 1))
		}
	}
	note(w.Trigger)
	for _, b := range w.Bands {
		note(b.When)
	}
	slices.Sort(apis)
	apis = slices.Compact(apis)
	targets = append(targets, apis...)
	slices.Sort(targets)
	targets = slices.Compact(targets)
	events = append(events, targets...)
	slices.Sort(events)
	events = slices.Compact(events)
	var all []plan.Figures
	for _, a := range apis {
		if most > 0 && a > most {
			break
		}
		for _, t := range targets {
			for _, e := range events {
				if e >= t && t >= a {
					all = append(all, plan.Figures{Events: e, DistinctAPIs: a, DistinctTargets: t})
				}
			}
		}
	}
	return all
}

// reach reports bands that no window can get.
func (r *reader) reach(w *Window) {
	points := grid(w, 0)
	for i, b := range w.Bands {
		if slices.ContainsFunc(points, func(f plan.Figures) bool {
			return w.Trigger.Holds(f) && band(w, f) == i
		}) {
			continue
		}
		r.errorf(w.bands[i], "no window can get risk %d: wherever the trigger and this band hold, a band above holds too", b.Risk)
	}
}

// band is the index of the band that the figures get; -1 is none.
func band(w *Window, f plan.Figures) int {
	return slices.IndexFunc(w.Bands, func(b plan.Band) bool { return b.When.Holds(f) })
}

// slack warns of a trigger's alternatives that change nothing and of figures
// that fire without a band.
func (r *report) slack(w *Window) {
	points := grid(w, 0)
	for i := range w.Trigger {
		others := slices.Delete(slices.Clone(w.Trigger), i, i+1)
		if len(others) > 0 && !slices.ContainsFunc(points, func(f plan.Figures) bool {
			return w.Trigger[i:i+1].Holds(f) && !others.Holds(f)
		}) {
			r.warnf(w.trigger[i], "this alternative changes nothing: wherever it holds, another one does")
		}
	}
	for _, f := range points {
		if w.Trigger.Holds(f) && band(w, f) < 0 {
			r.warnf(w.pos, "window %q fires with %d events and %d distinct APIs, for which no band gives a risk: it gets 0", w.Name, f.Events, f.DistinctAPIs)
			return
		}
	}
}
