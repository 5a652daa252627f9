package engine

import (
	"slices"
	"strings"
	"time"

	"vedette/internal/finding"
	hist "vedette/internal/history"
)

// history is what a group's caller did before a finding: its calls strictly
// before, those of earlier findings left out, since what fired is not learned.
type history struct {
	apis     numberSet
	regions  numberSet
	contexts map[uint32]bool
	days     map[int64]bool
	first    int64
	last     int64
	calls    int

	bursts []earlierBurst

	// base is what a baseline knows of the caller, or of its account where it
	// does not know the caller; from says which.
	base *hist.Profile
	from string
	// peers is what all callers of the account did, or nil.
	peers *hist.Profile

	// Worked out from contexts when asked for.
	networks, clients, services map[string]bool
}

// earlierBurst is an earlier finding of the group, of which nothing is learned but
// that it was: what comes back every day is no news.
type earlierBurst struct {
	apis     numberSet
	day      hist.Day
	networks []string
}

// add keeps a burst, by the facts of the whole of it, which come in order of
// time: of a day each set of operations and networks once, in the bounds of a
// profile.
func (h *history) add(f *finding.Facts) {
	b := earlierBurst{day: hist.DayOf(f.First.UnixNano()), networks: slices.Clone(f.Networks)}
	for i := range f.Operations {
		b.apis.set(f.Operations[i].API.ID)
	}
	ofDay, days := 0, map[hist.Day]bool{}
	for i := range h.bursts {
		o := &h.bursts[i]
		if days[o.day] = true; o.day != b.day {
			continue
		}
		if ofDay++; ofDay == hist.MaxDayBursts || slices.Equal(o.apis, b.apis) && slices.Equal(o.networks, b.networks) {
			return
		}
	}
	if len(days) == hist.MaxBurstDays && !days[b.day] {
		first := h.bursts[0].day
		h.bursts = slices.DeleteFunc(h.bursts, func(o earlierBurst) bool { return o.day == first })
	}
	h.bursts = append(h.bursts, b)
}

// recurs counts the earlier days with a burst that has nine tenths of the
// operations of the facts, and all of their networks. Clients have no say:
// whoever knows the usual one can send its name.
func (h *history) recurs(w *groupWorker, f *finding.Facts) int {
	days := map[hist.Day]bool{}
	today := hist.DayOf(f.First.UnixNano())
	enough := func(same int) bool { return same*10 >= len(f.Operations)*9 }
	for i := range h.bursts {
		b := &h.bursts[i]
		if b.day >= today || days[b.day] || !within(f.Networks, b.networks) {
			continue
		}
		same := 0
		for k := range f.Operations {
			if b.apis.has(f.Operations[k].API.ID) {
				same++
			}
		}
		if enough(same) {
			days[b.day] = true
		}
	}
	if h.base == nil || h.from != fromPrincipal {
		return len(days)
	}
	for i := range h.base.Bursts {
		b := &h.base.Bursts[i]
		if b.Day >= today || days[b.Day] || !within(f.Networks, b.Networks) {
			continue
		}
		same := 0
		for k := range f.Operations {
			if _, ok := slices.BinarySearch(b.APIs, w.e.apiText(f.Operations[k].API)); ok {
				same++
			}
		}
		if enough(same) {
			days[b.Day] = true
		}
	}
	return len(days)
}

// within reports whether all of a list are in another.
func within(list, in []string) bool {
	return !slices.ContainsFunc(list, func(x string) bool { return !slices.Contains(in, x) })
}

// missing lists what is not known.
func missing(list []string, known map[string]bool) (fresh []string) {
	for _, x := range list {
		if !known[x] {
			fresh = append(fresh, x)
		}
	}
	return fresh
}

// learn adds calls.
func (h *history) learn(calls []call) {
	for i := range calls {
		c := &calls[i]
		if h.calls == 0 || c.time < h.first {
			h.first = c.time
		}
		if h.calls == 0 || c.time > h.last {
			h.last = c.time
		}
		h.calls++
		h.apis.set(c.api)
		h.regions.set(uint32(c.region))
		if h.contexts == nil {
			h.contexts, h.days = map[uint32]bool{}, map[int64]bool{}
		}
		h.contexts[c.context] = true
		h.days[floor(c.time, int64(24*time.Hour))] = true
	}
	h.networks = nil
}

// minPeers is how many callers an account must have before it says something
// how many of them use an API.
const minPeers = 10

// Whose history it is.
const (
	fromPrincipal = "principal"
	fromAccount   = "account"
	fromCloud     = "organisation"
)

// against says what of the facts is new, and marks the operations that are.
func (h *history) against(w *groupWorker, f *finding.Facts) finding.History {
	out := finding.History{Recurs: h.recurs(w, f), From: fromPrincipal}
	if h.peers != nil && h.peers.Callers >= minPeers {
		out.Peers = h.peers.Callers
		for i := range f.Operations {
			o := &f.Operations[i]
			name := w.e.apiText(o.API)
			k, ok := slices.BinarySearchFunc(h.peers.APIs, name, func(s hist.Seen, n string) int { return strings.Compare(s.Name, n) })
			callers := 0
			if ok {
				callers = h.peers.APIs[k].Callers
			}
			o.Unusual = unusual(callers, h.peers.Callers)
		}
	}
	if h.calls == 0 && h.base == nil {
		out.From = ""
		return out
	}
	if h.networks == nil {
		h.networks, h.clients, h.services = map[string]bool{}, map[string]bool{}, map[string]bool{}
		for id := range h.contexts {
			h.networks[w.network(id)] = true
			h.clients[w.family(w.e.contexts.at(id).agent)] = true
		}
		for i, a := range w.apis {
			if h.apis.has(uint32(i)) {
				h.services[a.Service] = true
			}
		}
		if h.base != nil {
			for _, s := range h.base.Networks {
				h.networks[s.Name] = true
			}
			for _, s := range h.base.Clients {
				h.clients[s.Name] = true
			}
			for _, s := range h.base.APIs {
				service, _, _ := strings.Cut(s.Name, " ")
				h.services[service] = true
			}
		}
	}
	days := map[hist.Day]bool{}
	for d := range h.days {
		days[hist.DayOf(d)] = true
	}
	first := hist.DayOf(f.First.UnixNano())
	last := int64(-1 << 62)
	if h.calls > 0 {
		first, last = hist.DayOf(h.first), h.last
	}
	if h.base != nil {
		for _, d := range h.base.Days {
			days[d] = true
			first = min(first, d)
		}
		if n := len(h.base.Days); n > 0 {
			last = max(last, (int64(h.base.Days[n-1])+1)*int64(24*time.Hour)-1)
		}
		for i := range f.Operations {
			o := &f.Operations[i]
			o.New = o.New && !hist.Has(h.base.APIs, w.e.apiText(o.API))
		}
		if h.calls == 0 {
			out.From = h.from
		}
	}
	out.Days = int(hist.DayOf(f.First.UnixNano())-first) + 1
	out.Active = len(days)
	out.Idle = max(0, time.Duration(f.First.UnixNano()-last))
	out.NewServices = missing(f.Services, h.services)
	if out.From == fromPrincipal { // others' networks and clients say nothing of this caller
		out.NewNetworks = missing(f.Networks, h.networks)
		out.NewNetworks = slices.DeleteFunc(out.NewNetworks, func(n string) bool { return n == finding.PrivateNetwork })
		out.NewClients = missing(f.Clients, h.clients)
	}
	for _, r := range f.Regions {
		i := slices.Index(w.e.regions.names, r)
		if (i < 0 || !h.regions.has(uint32(i))) && (h.base == nil || !hist.Has(h.base.Regions, r)) {
			out.NewRegions = append(out.NewRegions, r)
		}
	}
	return out
}

// numberSet is a set of small numbers.
type numberSet []uint64

func (b *numberSet) set(n uint32) {
	for int(n/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b numberSet) has(n uint32) bool { return int(n/64) < len(b) && b[n/64]&(1<<(n%64)) != 0 }
