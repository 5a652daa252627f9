package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/finding"
)

// slices cuts the finding's principal twice, by session (else credential)
// and by network and client family, and evaluates each part by itself: a
// stolen credential wears its owner's name, and the slice is where it shows.
func (w *groupWorker) slices(f *found, m []call) {
	e := w.e
	bySession := w.cut("session", m, func(id uint32) string { return e.symbols.text(cutOf(e.contexts.at(id))) })
	byNetwork := w.cut("network", m, func(id uint32) string { return w.networkOf(id) })
	f.SlicesTotal = len(bySession) + len(byNetwork)
	all := append(limit(bySession), limit(byNetwork)...)
	slices.SortFunc(all, compareSlices)
	f.Slices = all
	for i := range all {
		// The whole principal is no part of itself.
		if all[i].Fires && all[i].Events < f.Events {
			f.WorstSlice = all[i].Name
			break
		}
	}
}

// networkOf names the network and client of a context. A private address
// means something only together with its endpoint.
func (w *groupWorker) networkOf(id uint32) string {
	e := w.e
	c := e.contexts.at(id)
	key := place{c.address, c.endpoint, c.agent}
	if s, ok := w.places[key]; ok {
		return s
	}
	s := "-"
	if c.address != 0 {
		s = e.opts.Network(e.symbols.text(c.address))
	}
	if c.endpoint != 0 {
		s += " via " + e.symbols.text(c.endpoint)
	}
	if family := w.family(c.agent); family != "" {
		s += " " + family
	}
	w.places[key] = s
	return s
}

// place is where a call came from and with what.
type place struct{ address, endpoint, agent uint32 }

func limit(s []finding.Slice) []finding.Slice {
	slices.SortFunc(s, compareSlices)
	if len(s) > maxSliced {
		s = s[:maxSliced]
	}
	return s
}

// compareSlices puts the worst first.
func compareSlices(a, b finding.Slice) int {
	fires := func(s *finding.Slice) int {
		if s.Fires {
			return 0
		}
		return 1
	}
	return cmp.Or(fires(&a)-fires(&b), b.RiskScore-a.RiskScore, b.Outcomes.Denied-a.Outcomes.Denied, b.Events-a.Events,
		b.DistinctAPIs-a.DistinctAPIs, strings.Compare(a.FirstSeen, b.FirstSeen),
		strings.Compare(a.Cut, b.Cut), strings.Compare(a.Name, b.Name))
}

// cut groups calls by a label of their context and evaluates each group.
func (w *groupWorker) cut(name string, m []call, label func(context uint32) string) []finding.Slice {
	parts := map[string][]call{}
	var names []string
	for i := range m {
		l := label(m[i].context)
		if l == "" {
			l = "-"
		}
		if parts[l] == nil {
			names = append(names, l)
		}
		parts[l] = append(parts[l], m[i])
	}
	out := make([]finding.Slice, 0, len(names))
	var fires []fired
	for _, n := range names {
		calls := parts[n]
		s := finding.Slice{
			Cut: name, Name: n,
			FirstSeen: formatTime(calls[0].time), LastSeen: formatTime(calls[len(calls)-1].time),
		}
		fires = w.e.sweep(&w.tally, calls, fires[:0])
		for i := range fires {
			s.RiskScore = max(s.RiskScore, fires[i].risk)
		}
		if len(fires) > 0 {
			peak := &fires[0]
			for i := range fires {
				if fires[i].better(peak) {
					peak = &fires[i]
				}
			}
			p := w.window(peak)
			s.Fires, s.Peak = true, &p
		}
		w.tally.reset(len(w.apis), throttled(calls))
		for i := range calls {
			addOutcome(&s.Outcomes, &calls[i])
			w.tally.add(&calls[i])
		}
		s.Events, s.DistinctAPIs = w.tally.events, w.tally.apis
		for i := range calls {
			w.tally.remove(&calls[i])
		}
		out = append(out, s)
	}
	return out
}
