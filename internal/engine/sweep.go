package engine

import (
	"vedette/internal/event"
	"vedette/internal/plan"
)

// fired is a window that fires: the calls [start, end) of its group that lie
// in it (those that its plan selects, the first of them at start), and its
// figures.
type fired struct {
	start, end int
	window     uint8
	risk       int
	events     int
	apis       int
	from, to   int64 // the window's bounds, [from, to)
}

// better reports whether f is the greater peak: by risk, events, distinct
// APIs, then the earlier.
func (f *fired) better(o *fired) bool {
	switch {
	case f.risk != o.risk:
		return f.risk > o.risk
	case f.events != o.events:
		return f.events > o.events
	case f.apis != o.apis:
		return f.apis > o.apis
	}
	return f.from < o.from
}

// tally counts what is in a window while it moves. Adding and removing the
// same calls leaves it as it was, so one tally serves every group.
type tally struct {
	perAPI []int32
	apis   int
	events int
	// tries counts, for groups that were throttled, the calls for one API
	// and target: a throttled call adds to the events only where no other
	// attempt of the same request does.
	tries map[try]tries
	// targets counts, for windows that ask for it, the calls for one API and
	// target.
	targets map[try]int32
}

type try struct {
	api    uint32
	target [6]byte
}

type tries struct{ throttled, answered int32 }

func (t *tally) reset(apis int, throttled bool) {
	if len(t.perAPI) < apis {
		t.perAPI = make([]int32, apis)
	}
	t.tries = nil
	if throttled {
		t.tries = map[try]tries{}
	}
}

func (t *tally) add(c *call) {
	if t.targets != nil {
		t.targets[try{c.api, c.target}]++
	}
	if t.perAPI[c.api]++; t.perAPI[c.api] == 1 {
		t.apis++
	}
	if t.tries == nil {
		t.events++
		return
	}
	k := try{c.api, c.target}
	n := t.tries[k]
	before := n.events()
	if c.outcome() == event.Throttled {
		n.throttled++
	} else {
		n.answered++
	}
	t.events += n.events() - before
	t.tries[k] = n
}

func (t *tally) remove(c *call) {
	if t.targets != nil {
		k := try{c.api, c.target}
		if t.targets[k]--; t.targets[k] == 0 {
			delete(t.targets, k)
		}
	}
	if t.perAPI[c.api]--; t.perAPI[c.api] == 0 {
		t.apis--
	}
	if t.tries == nil {
		t.events--
		return
	}
	k := try{c.api, c.target}
	n := t.tries[k]
	before := n.events()
	if c.outcome() == event.Throttled {
		n.throttled--
	} else {
		n.answered--
	}
	t.events += n.events() - before
	if n == (tries{}) {
		delete(t.tries, k)
	} else {
		t.tries[k] = n
	}
}

// events is what the attempts of one request count for.
func (n tries) events() int {
	if n.answered == 0 && n.throttled > 0 {
		return 1
	}
	return int(n.answered)
}

// retries reports whether calls hold throttled ones, which count once with
// their retries. Where every record counts, they do.
func (e *Engine) retries(calls []call) bool {
	if e.opts.KeepCopies {
		return false
	}
	for i := range calls {
		if calls[i].outcome() == event.Throttled {
			return true
		}
	}
	return false
}

// sweep lays the engine's windows over calls, which are in order of (time,
// key), and appends those that fire, window by window in order of time:
// windows of leftover plans, or all others.
func (e *Engine) sweep(t *tally, calls []call, leftover bool, dst []fired) []fired {
	t.reset(e.registry.Len(), e.retries(calls))
	for _, w := range e.windows {
		if w.plan.Leftover != leftover || len(calls) < w.least {
			continue
		}
		t.targets = nil
		if w.spec.CountsTargets() {
			t.targets = map[try]int32{}
		}
		if w.spec.Kind == plan.Tumbling {
			dst = w.tumble(t, calls, dst)
		} else {
			dst = w.slide(t, calls, dst)
		}
	}
	t.targets = nil
	return dst
}

// index returns the window's number.
func (w *window) index() uint8 {
	var i uint8
	for b := w.bit; b > 1; b >>= 1 {
		i++
	}
	return i
}

func (w *window) verdict(t *tally, start, end int, from int64) (fired, bool) {
	f := plan.Figures{Events: t.events, DistinctAPIs: t.apis, DistinctTargets: len(t.targets)}
	if !w.spec.Trigger.Holds(f) {
		return fired{}, false
	}
	return fired{
		start: start, end: end, window: w.index(), events: t.events, apis: t.apis,
		risk: w.spec.Risk(f), from: from, to: from + w.length,
	}, true
}

// slide anchors a window [t, t+length) at each instant at which a selected
// call lies. Calls of one instant enter and leave together.
func (w *window) slide(t *tally, calls []call, dst []fired) []fired {
	end := 0
	for start := 0; start < len(calls); {
		if calls[start].windows&w.bit == 0 {
			start++
			continue
		}
		from := calls[start].time
		if end < start {
			end = start
		}
		for end < len(calls) && calls[end].time-from < w.length {
			if calls[end].windows&w.bit != 0 {
				t.add(&calls[end])
			}
			end++
		}
		if f, ok := w.verdict(t, start, end, from); ok {
			dst = append(dst, f)
		}
		for start < len(calls) && calls[start].time == from {
			if calls[start].windows&w.bit != 0 {
				t.remove(&calls[start])
			}
			start++
		}
	}
	return dst
}

// tumble cuts time into bins of the window's length, aligned to the epoch.
func (w *window) tumble(t *tally, calls []call, dst []fired) []fired {
	for start := 0; start < len(calls); {
		if calls[start].windows&w.bit == 0 {
			start++
			continue
		}
		from := floor(calls[start].time, w.length)
		end := start
		for end < len(calls) && calls[end].time-from < w.length {
			if calls[end].windows&w.bit != 0 {
				t.add(&calls[end])
			}
			end++
		}
		if f, ok := w.verdict(t, start, end, from); ok {
			dst = append(dst, f)
		}
		for i := start; i < end; i++ {
			if calls[i].windows&w.bit != 0 {
				t.remove(&calls[i])
			}
		}
		start = end
	}
	return dst
}

// floor rounds an instant down to a multiple of length, also before 1970.
func floor(ns, length int64) int64 {
	r := ns % length
	if r < 0 {
		r += length
	}
	return ns - r
}
