package investigate

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// call is what is kept of an event.
type call struct {
	time    int64
	key     event.Key
	who     *caller
	from    *place
	api     *event.API
	id      string
	region  string
	account string
	file    string
	record  int
	rank    uint8
	outcome event.Outcome
	reason  event.Reason
	flags   event.Flag
	detail  *detail // nil where the record says no more
}

// writes reports whether the call changes something, by the log's own word,
// else by the class of the API.
func (c *call) writes() bool {
	switch {
	case c.flags&event.Writes != 0:
		return c.api.Class != event.ClassDiscovery && c.api.Class != event.ClassSession
	case c.flags&event.ReadOnly != 0:
		return false
	}
	return c.api.Class == event.ClassWrite
}

// caller is who made a call, with which credential.
type caller struct {
	cloud     event.Cloud
	kind      event.ActorKind
	partial   bool
	principal string
	name      string // of the principal without where it lives, where partial
	session   string
	key       string
	creator   string
	delegates string // as event.Actor has them
}

// place is where a call came from, and with what client.
type place struct {
	address, endpoint string
	agent             string // without what differs from call to call
	network           string // with the private endpoint, as in the name of a slice
	family            string
}

// slice is the name of the part of a caller that comes from here.
func (p *place) slice() string { return strings.TrimSpace(p.network + " " + p.family) }

// compareCalls is a total order over content; where copies of one act are
// equal, over where they lie.
func compareCalls(a, b *call) int {
	return cmp.Or(cmp.Compare(a.time, b.time), a.key.Compare(b.key), cmp.Compare(b.rank, a.rank), strings.Compare(a.id, b.id),
		strings.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
}

// evidence is the call as findings cite it.
func (c *call) evidence() finding.Evidence {
	return finding.Evidence{
		EventID: c.id, Time: stamp(c.time), Service: c.api.Service, Operation: c.api.Name, Outcome: c.outcome.String(),
		Account: c.account, Region: c.region, IP: c.from.address, At: finding.At{File: c.file, Record: c.record},
	}
}

// maxKept bounds the calls of one kind that are kept. It is a variable for
// tests.
var maxKept = 1 << 20

// kept is a bounded list of things that happened, those nearest to the time
// in question. What is kept of a whole does not depend on how it was split.
type kept[T any] struct {
	first, last int64
	of          func(*T) *call
	list        []T
	dropped     int
}

// add keeps x; now and then it drops what is furthest.
func (k *kept[T]) add(x T) {
	if k.list = append(k.list, x); len(k.list) >= 2*maxKept {
		k.cut()
	}
}

// cut drops all but the nearest.
func (k *kept[T]) cut() {
	if len(k.list) <= maxKept {
		return
	}
	slices.SortFunc(k.list, func(a, b T) int {
		x, y := k.of(&a), k.of(&b)
		return cmp.Or(cmp.Compare(k.distance(x.time), k.distance(y.time)), compareCalls(x, y))
	})
	k.dropped += len(k.list) - maxKept
	clear(k.list[maxKept:])
	k.list = slices.Clip(k.list[:maxKept])
}

func (k *kept[T]) distance(t int64) int64 {
	switch {
	case t < k.first:
		return k.first - t
	case t > k.last:
		return t - k.last
	}
	return 0
}

// join takes in what others kept, puts all in order and leaves one of each
// act: the copy that says most.
func (k *kept[T]) join(parts []*kept[T]) {
	for _, p := range parts {
		k.list = append(k.list, p.list...)
		k.dropped += p.dropped
	}
	k.cut()
	slices.SortFunc(k.list, func(a, b T) int {
		x, y := k.of(&a), k.of(&b)
		return cmp.Or(x.key.Compare(y.key), cmp.Compare(y.rank, x.rank), compareCalls(x, y))
	})
	k.list = slices.CompactFunc(k.list, func(a, b T) bool { return k.of(&a).key == k.of(&b).key })
	slices.SortFunc(k.list, func(a, b T) int { return compareCalls(k.of(&a), k.of(&b)) })
}

// keeper makes calls of events. Each goroutine has its own: equal callers and
// places are one in memory.
type keeper struct {
	s       *subject
	callers map[string]*caller
	places  map[string]*place
	names   map[string]string
	meant   map[string]bool // principals that were asked about
	issues  []*issue        // by API
	asked   []bool          // by API: issues knows it
	buf     []byte
}

func newKeeper(s *subject) *keeper {
	return &keeper{s: s, callers: map[string]*caller{}, places: map[string]*place{}, names: map[string]string{}, meant: map[string]bool{}}
}

// maxNames bounds the texts that are remembered to be shared.
const maxNames = 1 << 16

func (k *keeper) call(file string, record int, native []byte, ev *event.Event) call {
	return call{
		time: ev.Time, key: ev.Key, who: k.caller(ev), from: k.place(ev), api: ev.API, id: text(ev.ID), region: k.name(ev.Region),
		account: k.name(ev.Account), file: file, record: record, rank: ev.Rank, outcome: ev.Outcome, reason: ev.Reason,
		flags: ev.Flags, detail: k.detail(native, ev),
	}
}

// text is a copy of a text in a log; what is no UTF-8 is replaced.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

func (k *keeper) name(b []byte) string {
	if s, ok := k.names[string(b)]; ok {
		return s
	}
	if len(k.names) >= maxNames {
		clear(k.names)
	}
	s := text(b)
	k.names[string(b)] = s
	return s
}

func (k *keeper) compose(parts ...[]byte) []byte {
	k.buf = k.buf[:0]
	for _, p := range parts {
		k.buf = append(append(k.buf, p...), 0)
	}
	return k.buf
}

func (k *keeper) caller(ev *event.Event) *caller {
	a := &ev.Actor
	name := k.compose([]byte{byte(ev.Cloud), byte(a.Kind)}, a.Principal, a.Session, a.Key, a.Creator, a.Delegates)
	if c := k.callers[string(name)]; c != nil {
		return c
	}
	if len(k.callers) >= maxNames {
		clear(k.callers)
	}
	c := &caller{cloud: ev.Cloud, kind: a.Kind, partial: a.Partial, principal: text(a.Principal), session: text(a.Session), key: text(a.Key), creator: text(a.Creator), delegates: text(a.Delegates)}
	if c.partial {
		c.name = text(a.Name)
	}
	k.callers[string(name)] = c
	return c
}

func (k *keeper) place(ev *event.Event) *place {
	name := k.compose(ev.Address, ev.Endpoint, ev.UserAgent)
	if p := k.places[string(name)]; p != nil {
		return p
	}
	if len(k.places) >= maxNames {
		clear(k.places)
	}
	p := &place{address: text(ev.Address), endpoint: text(ev.Endpoint), agent: sameClient(text(ev.UserAgent)), network: "-"}
	key := string(name)
	if p.address != "" {
		p.network = k.s.opts.Network(p.address)
	}
	if p.endpoint != "" {
		p.network += " via " + p.endpoint
	}
	if len(ev.UserAgent) > 0 {
		p.family = k.s.opts.Family(ev.UserAgent)
	}
	k.places[key] = p
	return p
}

// gathered is what the first reading keeps: the subject's calls, and each
// handing-out of a credential by anybody.
type gathered struct {
	s       *subject
	mu      sync.Mutex
	workers []*gatherer
	calls   kept[call]
	grants  kept[grant]
}

func newGathered(s *subject) *gathered {
	return &gathered{s: s, calls: keptCalls(s), grants: kept[grant]{first: s.first, last: s.last, of: func(g *grant) *call { return &g.call }}}
}

func keptCalls(s *subject) kept[call] {
	return kept[call]{first: s.first, last: s.last, of: func(c *call) *call { return c }}
}

type gatherer struct {
	*keeper
	calls  kept[call]
	grants kept[grant]
}

func (g *gathered) worker() *gatherer {
	w := &gatherer{keeper: newKeeper(g.s), calls: g.calls, grants: g.grants}
	g.mu.Lock()
	g.workers = append(g.workers, w)
	g.mu.Unlock()
	return w
}

func (g *gathered) join() {
	var calls []*kept[call]
	var grants []*kept[grant]
	for _, w := range g.workers {
		calls, grants = append(calls, &w.calls), append(grants, &w.grants)
	}
	g.calls.join(calls)
	g.grants.join(grants)
	g.workers = nil
}

// own takes what the first reading wants of an event.
func (w *gatherer) own(file string, record int, native []byte, ev *event.Event) {
	s := w.s
	within := ev.Time >= s.from && ev.Time <= s.to
	issues := w.issue(ev.API)
	if !within && (issues == nil && ev.API.Class != event.ClassSession || ev.Time > s.to) {
		return
	}
	ev.Resolve()
	if g, ok := w.grant(file, record, native, ev, issues); ok {
		w.grants.add(g)
	}
	if within && w.mine(ev) {
		w.calls.add(w.call(file, record, native, ev))
	}
}
