package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// factWorker is scratch for counting facts. Marks hold the epoch in which they
// were last set, so that nothing is cleared between one count and the next.
type factWorker struct {
	epoch      uint32
	marks      []uint32 // by API
	places     []int32  // by API: its place among the operations
	services   []uint32 // by number of service, see [kinds]
	categories []uint32
	named      []uint16
	targets    targetSet
	requests   targetSet // targets by region
	met        met
	uses       []keyUse // by context
	keys       numbering
	keyNets    []keyNets         // by key
	networks   map[uint32]string // by address

	whole, part finding.Facts // reused: the whole of a finding, and one slice
}

// met is the contexts of some calls.
type met struct {
	numbering
	calls []uint32 // by call: the number of its context
}

// kinds numbers the services and categories of the APIs of a run, in order of
// name.
type kinds struct {
	service, category    []uint16 // by API
	services, categories []string
	lists                []bool // by API: a call of it lists many
}

func newKinds(apis []*event.API) *kinds {
	k := &kinds{service: make([]uint16, len(apis)), category: make([]uint16, len(apis)), lists: make([]bool, len(apis))}
	for _, x := range []struct {
		of    []uint16
		names *[]string
		name  func(*event.API) string
	}{
		{k.service, &k.services, func(a *event.API) string { return a.Service }},
		{k.category, &k.categories, func(a *event.API) string { return cmp.Or(a.Category, a.Service) }},
	} {
		for _, a := range apis {
			*x.names = append(*x.names, x.name(a))
		}
		slices.Sort(*x.names)
		*x.names = slices.Compact(*x.names)
		// Made-up names past the last number share it.
		*x.names = (*x.names)[:min(len(*x.names), 1<<16)]
		for i, a := range apis {
			k.lists[i] = listing(a)
			n, _ := slices.BinarySearch(*x.names, x.name(a))
			x.of[i] = uint16(min(n, len(*x.names)-1))
		}
	}
	return k
}

// facts counts what judgement rests on into f, from calls in order of time,
// against what the caller did before.
func (w *groupWorker) facts(f *finding.Facts, calls []call, h *history) {
	e := w.e
	fw := &w.factWorker
	fw.begin(w, len(calls))
	first := e.contexts.at(calls[0].context)
	*f = finding.Facts{
		Cloud: first.cloud, Kind: first.kind, Principal: e.symbols.text(first.principal),
		First: time.Unix(0, calls[0].time).UTC(), Last: time.Unix(0, calls[len(calls)-1].time).UTC(), Events: len(calls),
		Operations: f.Operations[:0], Services: f.Services[:0], Categories: f.Categories[:0], Regions: f.Regions[:0],
		Networks: f.Networks[:0], Clients: f.Clients[:0], UserAgents: f.UserAgents[:0],
	}
	var regions uint32Set
	from, hour := 0, 0
	lastContext, context := ^uint32(0), uint32(0)
	for i := range calls {
		c := &calls[i]
		a := w.apis[c.api]
		if fw.marks[c.api] != fw.epoch {
			fw.marks[c.api], fw.places[c.api] = fw.epoch, int32(len(f.Operations))
			f.Operations = append(f.Operations, finding.Operation{API: a, New: !h.apis.has(c.api), After: time.Duration(c.time - calls[0].time)})
		}
		op := &f.Operations[fw.places[c.api]]
		op.Events++
		addOutcome(&f.Outcomes, c)
		target, request := fw.targets.get(c.api, c.target), fw.requests.get(c.api, targetIn(c))
		if *target == 0 {
			op.Targets++
		}
		if *request == 0 {
			op.Requests++
		}
		was := *request
		switch c.outcome() {
		case event.OK:
			op.OK++
			*request |= markAnswered
			if was&(markRefused|markAnswered) == markRefused {
				op.Refused--
			}
		case event.Denied:
			op.Denied++
			*request |= markRefused
			if was&markRefused == 0 {
				f.Reasons[c.reason()]++
				op.Reasons[c.reason()]++
			}
			if was&(markRefused|markAnswered) == 0 {
				op.Refused++
			}
			if *target&markRefused == 0 {
				f.DeniedTargets++
				op.DeniedTargets++
			}
			*target |= markRefused
		}
		*target |= markSeen
		*request |= markSeen
		if !a.Global {
			regions.add(uint32(c.region))
		}
		list := w.kinds.lists[c.api]
		open := c.status&openCall != 0 && (list || first.cloud == event.AWS)
		if open {
			op.Open++
		}
		if list {
			f.Listings++
			if open {
				f.Open++
			}
		}
		if c.status&consoleCall != 0 {
			f.Console++
		}
		if c.status&noMFACall != 0 {
			f.NoMFA++
		}
		if c.status&madeCall != 0 {
			f.Made++
		}
		for c.time-calls[from].time >= int64(time.Minute) {
			from++
		}
		f.Minute = max(f.Minute, i-from+1)
		if c.context != lastContext {
			lastContext, context = c.context, fw.met.of(c.context)
			w.keyOf(context, c.context)
		}
		fw.met.calls = append(fw.met.calls, context)
		for c.time-calls[hour].time >= int64(time.Hour) {
			fw.leave(fw.met.calls[hour])
			hour++
		}
		fw.enter(context)
	}
	w.factPlaces(f, regions)
	w.factKeys(f)
	f.History = h.against(w, f)
}

// begin makes the scratch ready for a number of calls.
func (fw *factWorker) begin(w *groupWorker, calls int) {
	if fw.marks == nil {
		fw.marks, fw.places = make([]uint32, len(w.apis)), make([]int32, len(w.apis))
		fw.services, fw.categories = make([]uint32, len(w.kinds.services)), make([]uint32, len(w.kinds.categories))
		fw.networks = map[uint32]string{}
	}
	fw.epoch++
	fw.targets.begin(calls)
	fw.requests.begin(calls)
	fw.met.begin()
	fw.keys.begin()
	fw.met.calls, fw.uses, fw.keyNets = slices.Grow(fw.met.calls[:0], calls), fw.uses[:0], fw.keyNets[:0]
}

// factPlaces names services, categories, regions, networks and clients.
func (w *groupWorker) factPlaces(f *finding.Facts, regions uint32Set) {
	e, fw := w.e, &w.factWorker
	distinct := func(list []string, marks []uint32, of []uint16, names []string) []string {
		fw.named = fw.named[:0]
		for i := range f.Operations {
			if n := of[f.Operations[i].API.ID]; marks[n] != fw.epoch {
				marks[n] = fw.epoch
				fw.named = append(fw.named, n)
			}
		}
		slices.Sort(fw.named)
		for _, n := range fw.named {
			list = append(list, names[n])
		}
		return list
	}
	f.Services = distinct(f.Services, fw.services, w.kinds.service, w.kinds.services)
	f.Categories = distinct(f.Categories, fw.categories, w.kinds.category, w.kinds.categories)
	for _, r := range regions {
		if name := e.regions.names[r]; name != "" && name != "-" {
			f.Regions = append(f.Regions, name)
		}
	}
	add := func(list []string, name string) []string {
		if slices.Contains(list, name) {
			return list
		}
		return append(list, name)
	}
	var accounts uint32Set
	origin := uint32(0)
	first, last := f.First.UnixNano(), f.Last.UnixNano()
	f.Issued = true
	for k, id := range fw.met.keys {
		x := e.contexts.at(id)
		accounts.add(x.account)
		f.Networks = append(f.Networks, w.network(id))
		f.Clients = add(f.Clients, w.family(x.agent))
		if x.agent != 0 && len(f.UserAgents) < maxAgents {
			f.UserAgents = add(f.UserAgents, e.symbols.text(x.agent))
		}
		key := e.symbols.text(x.key)
		switch {
		case strings.HasPrefix(key, "AKIA"), x.kind == event.GCPServiceAccount && key != "":
			f.LongLived = true
		}
		if x.creator != 0 && x.kind == event.AWSRole {
			f.Instance = true
		}
		m := w.origins.of(e.contexts.callerOf(id), first, last)
		if m.origin != 0 {
			if o := e.symbols.text(m.origin); f.Origin == "" || o < f.Origin {
				f.Origin = o
			}
		}
		f.Issued = f.Issued && (k == 0 || m.origin == origin) && w.origins.issued(x.caller, first, last)
		origin = m.origin
	}
	f.Accounts = len(accounts)
	for _, list := range [][]string{f.Regions, f.Networks, f.Clients, f.UserAgents} {
		slices.Sort(list)
	}
	f.Networks = slices.Compact(f.Networks)
}

// listing reports whether a call of the API lists many.
func listing(a *event.API) bool {
	if a.Breadth != "" {
		return a.Breadth == "account"
	}
	name := a.Name[strings.LastIndexAny(a.Name, "./")+1:]
	return strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "list")
}

// maxAgents bounds how many user agents facts carry: anyone can send as many
// as they like.
const maxAgents = 64

// network names the network of a context, without the client. Through an
// endpoint that is the endpoint, whatever the address: whoever owns the network
// behind it can give his machines any. A private address without one says
// nothing.
func (w *groupWorker) network(id uint32) string {
	c := w.e.contexts.at(id)
	if c.endpoint != 0 {
		return w.e.symbols.text(c.endpoint)
	}
	if c.address == 0 {
		return "-"
	}
	if w.factWorker.networks == nil {
		w.factWorker.networks = map[uint32]string{}
	}
	name, ok := w.factWorker.networks[c.address]
	if ok {
		return name
	}
	name = w.e.symbols.text(c.address)
	if ip, err := netip.ParseAddr(name); err != nil || !ip.IsPrivate() {
		name = w.e.opts.Network(name)
	} else {
		name = finding.PrivateNetwork
	}
	w.factWorker.networks[c.address] = name
	return name
}

// uint32Set is a small set of numbers.
type uint32Set []uint32

func (s *uint32Set) add(n uint32) {
	if !slices.Contains(*s, n) {
		*s = append(*s, n)
	}
}
