package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
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
	w.factNotes(facts, func(uint32) bool { return true })
	f.Judgement = e.opts.Judge(facts)
	if e.opts.Judged != nil {
		w.factSources(facts) // before the slices take the scratch
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
	for _, id := range w.factWorker.contexts {
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

func (w *groupWorker) judgeSlices(f *found, m []call, whole *finding.Facts, past *history, label func(uint32) uint32, text func(uint32) string) {
	first := label(m[0].context)
	if !slices.ContainsFunc(m, func(c call) bool { return label(c.context) != first }) {
		return // one part, which is the whole
	}
	labels := w.labels[:0]
	last, l := ^uint32(0), uint32(0)
	for i := range m {
		if m[i].context != last {
			last, l = m[i].context, label(m[i].context)
		}
		labels = append(labels, labelled{l, int32(i)})
	}
	w.labels = labels
	slices.SortFunc(labels, func(a, b labelled) int {
		return cmp.Or(cmp.Compare(a.label, b.label), cmp.Compare(a.call, b.call))
	})
	facts := &w.factWorker.part
	for i := 0; i < len(labels); {
		part, l := w.part[:0], labels[i].label
		for ; i < len(labels) && labels[i].label == l; i++ {
			part = append(part, m[labels[i].call])
		}
		w.part = part
		if len(part) < minSliceAPIs || len(part) < minSliceCalls && !w.hasAPIs(part, minSliceAPIs) || !f.Lowered && !w.standsOut(part, whole) {
			continue
		}
		w.facts(facts, part, past)
		w.factNotes(facts, func(id uint32) bool { return label(id) == l })
		if w.e.opts.Priority != nil && w.e.opts.Priority(facts) < f.Priority {
			continue
		}
		j := w.e.opts.Judge(facts)
		j.Slice = cmp.Or(text(l), "-")
		if worse(&j, &f.Judgement) {
			f.Judgement = j
		}
	}
}

// standsOut reports whether a slice's shares of refusals or of calls that ask
// for all are a fifth above those of the whole, or all of it was refused and
// not all of the whole. All else that is counted is
// greater in the whole, so that a slice which does not stand out is no worse,
// unless the whole was judged less for what the slice may not share.
func (w *groupWorker) standsOut(part []call, whole *finding.Facts) bool {
	denied, lists, open := 0, 0, 0
	for i := range part {
		c := &part[i]
		if c.outcome == event.Denied {
			denied++
		}
		if w.kinds.lists[c.api] {
			lists++
			if c.status&openCall != 0 {
				open++
			}
		}
	}
	above := func(n, of, wholeN, wholeOf int) bool {
		return n*wholeOf*5 > (wholeN*5+wholeOf)*of
	}
	return denied == len(part) && whole.Outcomes.Denied < whole.Events ||
		denied > 0 && above(denied, len(part), whole.Outcomes.Denied, whole.Events) ||
		open > 0 && above(open, lists, whole.Open, whole.Listings)
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
