package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/finding"
)

// judge has a finding judged, for its principal and for each slice that is
// not the whole of it. The worst verdict stands.
func (w *groupWorker) judge(f *found, m []call, past *history) {
	e := w.e
	facts := &w.factWorker.whole
	w.facts(facts, m, past)
	if f.scope == "origin" {
		facts.Principal = f.Actor.ID
	}
	w.whole, w.factWorker.met = w.factWorker.met, w.whole
	w.factNotes(facts, w.notes)
	f.Judgement = e.opts.Judge(facts)
	if e.opts.Judged != nil {
		w.factSources(facts)
	}
	for _, cut := range []struct {
		label func(uint32) uint32
		text  func(uint32) string
	}{
		{func(id uint32) uint32 { return cutOf(e.contexts.at(id).caller) }, e.symbols.text},
		{w.networkOf, func(n uint32) string { return w.networks[n] }},
	} {
		w.judgeSlices(f, m, facts, past, cut.label, cut.text)
	}
	if e.opts.Judged != nil {
		e.opts.Judged(&f.Finding, facts)
	}
}

// factSources lists from where and with what the counted calls came.
func (w *groupWorker) factSources(f *finding.Facts) {
	e := w.e
	for _, id := range w.whole.keys {
		x := e.contexts.at(id)
		f.Sources = append(f.Sources, finding.Source{
			Account: e.symbols.text(x.account), Client: w.family(x.agent),
			Address: e.symbols.text(x.address), Endpoint: e.symbols.text(x.endpoint), Network: w.network(id),
		})
	}
	slices.SortFunc(f.Sources, func(a, b finding.Source) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Client, b.Client), strings.Compare(a.Network, b.Network),
			strings.Compare(a.Address, b.Address), strings.Compare(a.Endpoint, b.Endpoint))
	})
	f.Sources = slices.Compact(f.Sources)
}

// A slice of fewer calls and fewer operations fires in no detection by itself,
// and says nothing that the principal does not.
const (
	minSliceCalls = 10
	minSliceAPIs  = 5
)

// slicePart is a slice as it is counted before any of its calls is taken out.
type slicePart struct {
	events int
	end    int // of its calls, among those taken out; -1 where they are too few
	notes  int // the end of its notes, see splitNotes
}

// judgeSlices judges the slices of a cut. Every one is: what makes the whole
// look better (lists with a filter, changes, a routine, a policy that refused)
// may be the owner's alone.
func (w *groupWorker) judgeSlices(f *found, m []call, whole *finding.Facts, past *history, label func(uint32) uint32, text func(uint32) string) {
	w.labels.begin()
	w.partOf = w.partOf[:0]
	for _, id := range w.whole.keys {
		w.partOf = append(w.partOf, w.labels.of(label(id)))
	}
	if len(w.labels.keys) == 1 {
		return // one part, which is the whole
	}
	w.parts = append(w.parts[:0], make([]slicePart, len(w.labels.keys))...)
	parts := w.parts
	for i := range m {
		parts[w.partOf[w.whole.calls[i]]].events++
	}
	n := 0
	for i := range parts {
		s := &parts[i]
		s.end = -1
		if s.events >= minSliceAPIs {
			s.end = n
			n += s.events
		}
	}
	if n == 0 {
		return
	}
	w.part = slices.Grow(w.part[:0], n)[:n]
	for i := range m {
		if s := &parts[w.partOf[w.whole.calls[i]]]; s.end >= 0 {
			w.part[s.end] = m[i]
			s.end++
		}
	}
	w.splitNotes(around(w.notes, whole), label)
	facts := &w.factWorker.part
	begin := 0 // of the part's notes
	for i := range parts {
		s := &parts[i]
		notes := w.partNotes[begin:s.notes]
		begin = s.notes
		if s.end < 0 {
			continue
		}
		part := w.part[s.end-s.events : s.end]
		if len(part) < minSliceCalls && !w.hasAPIs(part, minSliceAPIs) {
			continue
		}
		w.facts(facts, part, past)
		w.factNotes(facts, notes)
		if w.e.opts.Priority != nil && w.e.opts.Priority(facts) < f.Priority {
			continue
		}
		j := w.e.opts.Judge(facts)
		j.Slice = cmp.Or(text(w.labels.keys[i]), "-")
		if worse(&j, &f.Judgement) {
			f.Judgement = j
		}
	}
}

// splitNotes sorts notes by the part that they belong to, and leaves them in
// order in each; those of no part are dropped.
func (w *groupWorker) splitNotes(notes []call, label func(uint32) uint32) {
	known := uint32(len(w.parts))
	w.noteOf = w.noteOf[:0]
	last, part := ^uint32(0), uint32(0)
	for k := range notes {
		if id := notes[k].context; id != last {
			last, part = id, w.labels.of(label(id))
		}
		if w.noteOf = append(w.noteOf, part); part < known {
			w.parts[part].notes++
		}
	}
	n := 0
	for i := range w.parts {
		s := &w.parts[i]
		n, s.notes = n+s.notes, n
	}
	w.partNotes = slices.Grow(w.partNotes[:0], n)[:n]
	for k, part := range w.noteOf {
		if part < known {
			s := &w.parts[part]
			w.partNotes[s.notes] = notes[k]
			s.notes++
		}
	}
}

// hasAPIs reports whether a few calls are of that many APIs.
func (w *groupWorker) hasAPIs(calls []call, n int) bool {
	for i := range calls {
		if !slices.ContainsFunc(calls[:i], func(c call) bool { return c.api == calls[i].api }) {
			n--
		}
	}
	return n <= 0
}

// joined tells the findings of each campaign over how many accounts it goes.
func joined(found []*found, tell func(*finding.Judgement, int)) {
	accounts := map[string]map[string]bool{}
	for _, f := range found {
		if f.Campaign == "" || f.scope != "account" {
			continue
		}
		if accounts[f.Campaign] == nil {
			accounts[f.Campaign] = map[string]bool{}
		}
		accounts[f.Campaign][f.Cloud.Account.ID] = true
	}
	for _, f := range found {
		if n := len(accounts[f.Campaign]); n > 1 {
			tell(&f.Judgement, n)
		}
	}
}

// worse reports whether a verdict on a slice takes the place of another: by
// priority, then by the slice's name, the whole before its parts.
func worse(a, b *finding.Judgement) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	return b.Slice != "" && a.Slice < b.Slice
}
