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
	bySession := w.cut("session", m, f.leftover, func(id uint32) uint32 { return cutOf(e.contexts.at(id).caller) }, e.symbols.text)
	byNetwork := w.cut("network", m, f.leftover, w.networkOf, func(n uint32) string { return w.networks[n] })
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

// networkOf returns the number of a context's network and client, whose name
// is in w.networks. A private address means something only together with its
// endpoint.
func (w *groupWorker) networkOf(id uint32) uint32 {
	e := w.e
	at := e.contexts.meetings.key(id).station
	if n := len(w.stations); int(at) >= n {
		w.stations = append(w.stations, make([]uint32, int(at)+1+n/2-n)...)
	}
	if n := w.stations[at]; n != 0 {
		return n - 1
	}
	c := e.contexts.stations.at(at)
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
	n, ok := w.numbers[s]
	if !ok {
		n = uint32(len(w.networks))
		w.numbers[s] = n
		w.networks = append(w.networks, s)
	}
	w.stations[at] = n + 1
	return n
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

// labelled is a call, by its place in the finding, with the number of the
// part that it belongs to.
type labelled struct {
	label uint32
	call  int32
}

// cut groups calls by the label of their context and evaluates each part.
func (w *groupWorker) cut(name string, m []call, leftover bool, label func(context uint32) uint32, text func(label uint32) string) []finding.Slice {
	labels := w.labelled[:0]
	for i := range m {
		labels = append(labels, labelled{label(m[i].context), int32(i)})
	}
	w.labelled = labels
	slices.SortFunc(labels, func(a, b labelled) int {
		if a.label != b.label {
			return cmp.Compare(a.label, b.label)
		}
		return cmp.Compare(a.call, b.call)
	})
	var out []finding.Slice
	for i := 0; i < len(labels); {
		part := w.part[:0]
		l := labels[i].label
		for ; i < len(labels) && labels[i].label == l; i++ {
			part = append(part, m[labels[i].call])
		}
		w.part = part
		s := w.slice(part, leftover)
		s.Cut, s.Name = name, text(l)
		if s.Name == "" {
			s.Name = "-"
		}
		out = append(out, s)
	}
	return out
}

// slice gives a part's own figures.
func (w *groupWorker) slice(calls []call, leftover bool) finding.Slice {
	s := finding.Slice{FirstSeen: formatTime(calls[0].time), LastSeen: formatTime(calls[len(calls)-1].time)}
	w.sliceFired = w.e.sweep(&w.tally, calls, leftover, w.sliceFired[:0])
	fires := w.sliceFired
	if len(fires) > 0 {
		peak := &fires[0]
		for i := range fires {
			s.RiskScore = max(s.RiskScore, fires[i].risk)
			if fires[i].better(peak) {
				peak = &fires[i]
			}
		}
		p := w.window(peak)
		s.Fires, s.Peak = true, &p
	}
	w.tally.reset(len(w.apis), w.e.retries(calls))
	for i := range calls {
		addOutcome(&s.Outcomes, &calls[i])
		w.tally.add(&calls[i])
	}
	s.Events, s.DistinctAPIs = w.tally.events, w.tally.apis
	for i := range calls {
		w.tally.remove(&calls[i])
	}
	return s
}
