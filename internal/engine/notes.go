package engine

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// A note is a call that does not score but says what its caller did besides:
// that it changed something, or what it did next. It is kept as a call that no
// window selects, so that copies of it are dropped and it may go to disk like
// any other.

// noteworthy reports whether a call that does not score is to be kept as a
// note: it changed something, or it matters by itself whatever came of it.
func (c *Collector) noteworthy(ev *event.Event) bool {
	if !c.notable(ev.API) && (ev.API.Class != event.ClassWrite && !ev.Has(event.Writes) || ev.Outcome != event.OK) {
		return false
	}
	ev.Resolve()
	return !ev.Has(event.ServiceMade)
}

// notable says whether a call of the API matters by itself, from a table of
// the collector's own.
func (c *Collector) notable(a *event.API) bool {
	for int(a.ID) >= len(c.notability) {
		c.notability = append(c.notability, 0)
	}
	if c.notability[a.ID] == 0 {
		c.notability[a.ID] = 1
		if c.e.opts.Notable(a) {
			c.notability[a.ID] = 2
		}
	}
	return c.notability[a.ID] == 2
}

// part takes the notes out of the calls of a group. Both stay in order.
func (w *groupWorker) parted(calls []call) (scoring []call) {
	w.notes, w.done = w.notes[:0], nil
	scoring = calls[:0]
	for i := range calls {
		if calls[i].windows == 0 {
			w.notes = append(w.notes, calls[i])
		} else {
			scoring = append(scoring, calls[i])
		}
	}
	return scoring
}

// How far from its discovery a caller's other calls count.
const (
	writesAround = time.Hour
	followAfter  = 6 * time.Hour
)

// around returns those of the notes that may say something of facts.
func around(notes []call, f *finding.Facts) []call {
	before := func(n call, t int64) int { return cmp.Compare(n.time, t) }
	from, _ := slices.BinarySearchFunc(notes, f.First.UnixNano()-int64(followAfter), before)
	n, _ := slices.BinarySearchFunc(notes[from:], f.Last.UnixNano()+int64(followAfter)+1, before)
	return notes[from : from+n]
}

// factNotes fills in what the callers of the facts did besides, by the notes
// that belong to the facts.
func (w *groupWorker) factNotes(f *finding.Facts, own []call) {
	first, last := f.First.UnixNano(), f.Last.UnixNano()
	notes := around(own, f)
	var changes uint32Set
	asked := &w.factWorker.targets
	asked.begin(len(notes))
	for i := range notes {
		n := &notes[i]
		follow := w.follows(n.api)
		if n.time >= first-int64(writesAround) && n.time <= last+int64(writesAround) && n.outcome() == event.OK && (!follow || w.apis[n.api].Class == event.ClassWrite) {
			changes.add(n.api)
		}
		if !follow || n.time < first {
			continue
		}
		mark := asked.get(n.api, n.target)
		if k := slices.IndexFunc(f.Follow, func(x finding.FollowOn) bool { return x.API.ID == n.api }); k >= 0 {
			if *mark == 0 {
				f.Follow[k].Requests++
			}
			*mark = markSeen
			// What came of an operation is the best that came of it: a call that
			// was refused does not hide the later one that was not.
			if x := &f.Follow[k]; x.Outcome != event.OK && n.outcome() == event.OK {
				x.Time, x.Outcome, x.EventID = time.Unix(0, n.time).UTC(), event.OK, w.eventID(n)
			}
			continue
		}
		*mark = markSeen
		f.Follow = append(f.Follow, finding.FollowOn{
			API: w.apis[n.api], Requests: 1, Time: time.Unix(0, n.time).UTC(), Outcome: n.outcome(), EventID: w.eventID(n),
		})
	}
	f.Changes = len(changes)
	if len(f.Follow) > 0 && f.Changes > 0 {
		w.factUndone(f)
	}
}

// follows reports whether a call of the API matters by itself.
func (w *groupWorker) follows(api uint32) bool {
	if w.followed == nil {
		w.followed = make([]uint8, len(w.apis))
	}
	if w.followed[api] == 0 {
		w.followed[api] = 1
		if w.e.opts.Notable(w.apis[api]) {
			w.followed[api] = 2
		}
	}
	return w.followed[api] == 2
}

// factUndone marks what followed that the caller made and unmade, by all that
// it changed in the time.
func (w *groupWorker) factUndone(f *finding.Facts) {
	if w.done == nil {
		// Once for all slices of all findings of the group.
		w.done = map[uint32][]int64{}
		for i := range w.notes {
			if n := &w.notes[i]; n.outcome() == event.OK {
				w.done[n.api] = append(w.done[n.api], n.time)
			}
		}
	}
	from, to := f.First.UnixNano()-int64(followAfter), f.Last.UnixNano()+int64(followAfter)
	for i := range f.Follow {
		f.Follow[i].Undone = slices.ContainsFunc(w.undoing(f.Follow[i].API), func(api uint32) bool {
			times := w.done[api]
			k, _ := slices.BinarySearch(times, from)
			return k < len(times) && times[k] <= to
		})
	}
}

// undoing returns the APIs of calls that undo one, or that it undoes.
func (w *groupWorker) undoing(a *event.API) []uint32 {
	list, ok := w.undone[a.ID]
	if !ok {
		names := opposites(a.Name)
		for _, b := range w.apis {
			if b.Cloud == a.Cloud && b.Service == a.Service && slices.Contains(names, b.Name) {
				list = append(list, b.ID)
			}
		}
		if w.undone == nil {
			w.undone = map[uint32][]uint32{}
		}
		w.undone[a.ID] = list
	}
	return list
}

// opposites lists the names of calls that undo an operation, or that it undoes.
func opposites(name string) []string {
	for _, pair := range [...][2]string{{"Create", "Delete"}, {"Attach", "Detach"}, {"Start", "Stop"}, {"Put", "Delete"}, {"Add", "Remove"}, {"Enable", "Disable"}, {"Run", "Terminate"}} {
		for i := range pair {
			if rest, ok := strings.CutPrefix(name, pair[i]); ok {
				list := []string{pair[1-i] + rest}
				if pair[i] == "Delete" {
					list = append(list, "Put"+rest)
				}
				return list
			}
		}
	}
	return nil
}
