package investigate

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"vedette/internal/event"
)

// lookout is what the second reading keeps: calls of others that came the
// same way, calls with credentials that the subject handed out, and what of
// the subject's calls had been seen before.
type lookout struct {
	s        *subject
	pedigree *pedigree
	during   []call             // the subject's calls in the time in question
	acts     map[event.Key]bool // the same, for copies that lie before it
	ways     map[string]bool
	agents   map[string]bool
	handed   map[string]int64 // credentials that the subject handed out, since when
	asked    map[apiName]bool
	values   [numDimensions]map[string]bool // of the calls of that time

	mu      sync.Mutex
	workers []*watcher
	calls   kept[call]

	opened  []call // with credentials that the subject handed out
	others  []call
	earlier *past
}

func newLookout(s *subject, own *gathered) *lookout {
	l := &lookout{s: s, pedigree: newPedigree(own.grants.list), during: between(own.calls.list, s.first, s.last),
		acts: map[event.Key]bool{}, ways: map[string]bool{}, agents: map[string]bool{}, asked: map[apiName]bool{}, calls: keptCalls(s), earlier: newPast()}
	for d := range l.values {
		l.values[d] = map[string]bool{}
	}
	for i := range l.during {
		c := &l.during[i]
		l.acts[c.key] = true
		l.asked[nameOf(c.api)] = true
		for d := range l.values {
			if v := dimension(d).of(c); v != "" {
				l.values[d][v] = true
			}
		}
		if c.flags&event.ServiceMade != 0 {
			continue
		}
		// The place of a call that a service made is that service's.
		if c.from.network != "-" {
			l.ways[c.from.network] = true
		}
		if c.from.agent != "" {
			l.agents[c.from.agent] = true
		}
	}
	l.handed = l.pedigree.opened(func(c *caller) bool { return c.principal == s.uid || s.wide[c.key] || s.wide[c.session] }, s.from)
	return l
}

type watcher struct {
	*keeper
	look    *lookout
	calls   kept[call]
	earlier *past
}

func (l *lookout) worker() *watcher {
	w := &watcher{keeper: newKeeper(l.s), look: l, calls: l.calls, earlier: newPast()}
	l.mu.Lock()
	l.workers = append(l.workers, w)
	l.mu.Unlock()
	return w
}

// event takes what the second reading wants of an event.
func (w *watcher) event(file string, record int, native []byte, ev *event.Event) {
	s, l := w.s, w.look
	if ev.Time > s.to {
		return
	}
	ev.Resolve()
	if w.mine(ev) {
		if ev.Time < s.first && !l.acts[ev.Key] {
			w.earlier.add(w.call(file, record, nil, ev), l)
		}
		return
	}
	if ev.Time < s.from {
		return
	}
	if l.wasHanded(&ev.Actor, ev.Time) {
		w.calls.add(w.call(file, record, native, ev))
		return
	}
	if ev.Has(event.ServiceMade) {
		return
	}
	if p := w.place(ev); l.agents[p.agent] || l.ways[p.network] {
		w.calls.add(w.call(file, record, native, ev))
	}
}

// wasHanded reports whether a credential is one that the subject handed out.
func (l *lookout) wasHanded(a *event.Actor, at int64) bool {
	if t, ok := l.handed[string(a.Key)]; ok && len(a.Key) > 0 && at >= t {
		return true
	}
	t, ok := l.handed[string(a.Session)]
	return ok && len(a.Session) > 0 && at >= t && at <= t+maxSession
}

func (l *lookout) join() {
	var parts []*kept[call]
	for _, w := range l.workers {
		parts = append(parts, &w.calls)
		l.earlier.join(w.earlier)
	}
	l.calls.join(parts)
	for _, c := range l.calls.list {
		a := event.Actor{Key: []byte(c.who.key), Session: []byte(c.who.session)}
		if l.wasHanded(&a, c.time) {
			l.opened = append(l.opened, c)
		} else {
			l.others = append(l.others, c)
		}
	}
	l.workers = nil
}

// Neighbours are others that came from the same network, or with the very
// same client, in the time that is looked at.
type Neighbours struct {
	Rows      []Neighbour `json:"rows"` // those from the same network first, then by calls; at most 20
	RowsTotal int         `json:"rows_total"`
	Networks  int         `json:"networks"` // of the caller, that were looked for
	Clients   int         `json:"clients"`
	// SameNetwork counts the others that came from the same network.
	SameNetwork int `json:"same_network"`
	Cited
}

// Neighbour is one of the others.
type Neighbour struct {
	Principal string   `json:"principal"`
	Kind      string   `json:"kind"`
	Network   string   `json:"network,omitempty"` // that both came from
	Client    string   `json:"client,omitempty"`  // that both say they used
	Behind    bool     `json:"stands_behind"`     // a way back of the caller's credentials leads over it
	Calls     int      `json:"calls"`
	Writes    int      `json:"writes"`
	Denied    int      `json:"denied"`
	Services  []string `json:"services"` // at most 3, in order of their first call
	First     string   `json:"first"`
	Last      string   `json:"last"`
	EventID   string   `json:"event_id"` // of the first call
	at        *call
}

func (l *lookout) neighbours(ways []Way, limit int) Neighbours {
	behind := map[string]bool{}
	for _, w := range ways {
		for _, link := range w.Chain {
			behind[link.From] = true
		}
	}
	by := map[string]*Neighbour{}
	whole := wholes(l.others)
	for i := range l.others {
		c := &l.others[i]
		who := cmp.Or(whole[c.who], c.who.principal)
		n := by[who]
		if n == nil {
			n = &Neighbour{Principal: who, Kind: c.who.kind.String(), Services: []string{}, First: stamp(c.time), EventID: c.id,
				Behind: behind[who], at: c}
			by[who] = n
		}
		n.Calls++
		n.Last = stamp(c.time)
		if c.writes() {
			n.Writes++
		}
		if c.outcome == event.Denied {
			n.Denied++
		}
		if n.Network == "" && l.ways[c.from.network] {
			n.Network = c.from.network
		}
		if n.Client == "" && l.agents[c.from.agent] {
			n.Client = c.from.agent
		}
		if len(n.Services) < maxNamed && !slices.Contains(n.Services, c.api.Service) {
			n.Services = append(n.Services, c.api.Service)
		}
	}
	out := Neighbours{RowsTotal: len(by), Networks: len(l.ways), Clients: len(l.agents)}
	for _, n := range by {
		if n.Network != "" {
			out.SameNetwork++
		}
	}
	out.Rows = top(by, func(a, b *Neighbour) int {
		far := func(n *Neighbour) int {
			if n.Network != "" {
				return 0
			}
			return 1
		}
		return cmp.Or(far(a)-far(b), b.Calls-a.Calls, strings.Compare(a.Principal, b.Principal))
	})
	var cited []*call
	for i := range out.Rows {
		cited = append(cited, out.Rows[i].at)
	}
	rests := make([]*call, len(l.others))
	for i := range l.others {
		rests[i] = &l.others[i]
	}
	out.Cited = citing(cited, rests, limit)
	return out
}

// wholes finds, for callers whose records leave out a part of the name, the
// one principal among the calls that has that name, if it is one.
func wholes(calls []call) map[*caller]string {
	parts, names := map[*caller]string{}, map[string]bool{}
	for i := range calls {
		if who := calls[i].who; who.partial {
			parts[who] = ""
		} else {
			names[who.principal] = true
		}
	}
	if len(parts) == 0 {
		return nil
	}
	by := map[string]string{} // by scheme and object
	for n := range names {
		scheme, _, _ := strings.Cut(n, ":")
		object := scheme + ":" + n[strings.LastIndexByte(n, '/')+1:]
		if _, twice := by[object]; twice {
			n = ""
		}
		by[object] = n
	}
	for who := range parts {
		parts[who] = by[who.name]
	}
	return parts
}
