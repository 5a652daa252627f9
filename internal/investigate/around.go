package investigate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

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
	out.Cited = cite(cited, limit)
	out.EvidenceTotal = len(l.others)
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

// past is what the subject did before the time in question, as far back as the
// input goes.
type past struct {
	first int64 // of its calls, or 0 where there are none
	seen  [numDimensions]map[string]bool
	days  map[int64]*day
}

// day is one earlier day of the subject's.
type day struct {
	first  call
	shared map[apiName]bool // asked for on that day and in the time in question
	hours  [24]bool
}

func newPast() *past {
	p := &past{days: map[int64]*day{}}
	for d := range p.seen {
		p.seen[d] = map[string]bool{}
	}
	return p
}

// maxDays bounds the earlier days that are remembered, the newest.
const maxDays = 1000

// add remembers a call. The place and the credential of one that a service
// made say nothing of the subject.
func (p *past) add(c call, l *lookout) {
	if p.first == 0 || c.time < p.first {
		p.first = c.time
	}
	for d := range p.seen {
		if v := dimension(d).of(&c); l.values[d][v] {
			p.seen[d][v] = true
		}
	}
	at := time.Unix(0, c.time).UTC()
	n := at.Unix() / 86400
	if n >= l.s.first/int64(24*time.Hour) {
		return // the day of the finding itself is no earlier day
	}
	x := p.days[n]
	if x == nil {
		x = &day{first: c, shared: map[apiName]bool{}}
		p.days[n] = x
		p.trim()
	}
	if compareCalls(&c, &x.first) < 0 {
		x.first = c
	}
	if a := nameOf(c.api); l.asked[a] {
		x.shared[a] = true
		x.hours[at.Hour()] = true
	}
}

// trim forgets the oldest day where there are too many.
func (p *past) trim() {
	for len(p.days) > maxDays {
		oldest := int64(math.MaxInt64)
		for n := range p.days {
			oldest = min(oldest, n)
		}
		delete(p.days, oldest)
	}
}

func (p *past) join(o *past) {
	if o.first != 0 && (p.first == 0 || o.first < p.first) {
		p.first = o.first
	}
	for d := range p.seen {
		for v := range o.seen[d] {
			p.seen[d][v] = true
		}
	}
	for n, x := range o.days {
		y := p.days[n]
		if y == nil {
			p.days[n] = x
			continue
		}
		if compareCalls(&x.first, &y.first) < 0 {
			y.first = x.first
		}
		for a := range x.shared {
			y.shared[a] = true
		}
		for h := range x.hours {
			y.hours[h] = y.hours[h] || x.hours[h]
		}
	}
	p.trim()
}

// dimension is a side of a call that may be seen for the first time.
type dimension int

const (
	byAPI dimension = iota
	byService
	byRegion
	byNetwork
	byClient
	byKey
	numDimensions
)

var dimensionNames = [numDimensions]string{"operation", "service", "region", "network", "client", "credential"}

// of is the call's value on that side, or "".
func (d dimension) of(c *call) string {
	switch d {
	case byAPI:
		return c.api.Service + ":" + c.api.Name
	case byService:
		return c.api.Service
	case byRegion:
		if c.api.Global {
			return ""
		}
		return c.region
	case byKey:
		return c.who.key
	}
	if c.flags&event.ServiceMade != 0 {
		return ""
	}
	if d == byClient {
		return c.from.family
	}
	if c.from.network == "-" {
		return ""
	}
	return c.from.network
}

// FirstSeen is what the caller had never used before in this input.
type FirstSeen struct {
	// Since is its first call in the input, where that lies before the time in
	// question; without it nothing can be said to be new.
	Since string      `json:"since,omitempty"`
	Days  int         `json:"days"` // of earlier days with calls
	Rows  []Dimension `json:"rows"`
	Cited
}

// Dimension is one side of the calls.
type Dimension struct {
	Name  string  `json:"name"`
	New   []Count `json:"new"` // by calls; at most 20
	Total int     `json:"new_total"`
	Known int     `json:"known"` // values that were seen before
}

func (l *lookout) firstSeen(limit int) FirstSeen {
	out := FirstSeen{Days: len(l.earlier.days), Rows: []Dimension{}}
	if l.earlier.first == 0 {
		out.Cited = cite(nil, limit)
		return out
	}
	out.Since = stamp(l.earlier.first)
	var cited []*call
	for d := range numDimensions {
		fresh, known := map[string]*Count{}, map[string]bool{}
		for i := range l.during {
			c := &l.during[i]
			v := d.of(c)
			switch {
			case v == "":
			case l.earlier.seen[d][v]:
				known[v] = true
			case fresh[v] == nil:
				fresh[v] = &Count{Name: v, Calls: 1}
				cited = append(cited, c)
			default:
				fresh[v].Calls++
			}
		}
		if len(fresh)+len(known) > 0 {
			out.Rows = append(out.Rows, Dimension{Name: dimensionNames[d], Total: len(fresh), Known: len(known),
				New: top(fresh, func(a, b *Count) int { return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Name, b.Name)) })})
		}
	}
	// A new network says more than a new operation does.
	slices.Reverse(cited)
	out.Cited = cite(distinct(cited), limit)
	return out
}

// Benign is what speaks for an ordinary reason.
type Benign struct {
	Aside       string   `json:"put_aside,omitempty"` // why the finding is put aside
	Tools       []string `json:"tools"`               // that the calls resemble
	Claims      []string `json:"claims"`              // what the client says it is
	Calls       int      `json:"calls"`
	ServiceMade int      `json:"service_made"`
	Console     int      `json:"console"`
	// Recurring are earlier days, newest first, on which half or more of the
	// same operations were called; SameHour counts those of them on which that
	// was within an hour of the same time of day. At most 20 are listed.
	Recurring      []Recurrence `json:"recurring"`
	RecurringTotal int          `json:"recurring_total"`
	SameHour       int          `json:"same_hour"`
	Cited
}

// Recurrence is an earlier day.
type Recurrence struct {
	Date   string `json:"date"`
	Shared int    `json:"shared_apis"`
	Of     int    `json:"of_apis"`
}

func (l *lookout) benign(limit int) Benign {
	b := Benign{Tools: []string{}, Claims: []string{}, Recurring: []Recurrence{}, Calls: len(l.during)}
	if f := l.s.opts.Finding; f != nil {
		b.Aside = f.Aside
		b.Claims = append(b.Claims, f.Claims...)
		for _, t := range f.Tools {
			b.Tools = append(b.Tools, t.Name+" ("+t.Confidence+" confidence)")
		}
	}
	var cited []*call
	for i := range l.during {
		switch c := &l.during[i]; {
		case c.flags&event.ServiceMade != 0:
			b.ServiceMade++
			cited = append(cited, c)
		case c.flags&event.Console != 0:
			b.Console++
		}
	}
	days := make([]int64, 0, len(l.earlier.days))
	for n := range l.earlier.days {
		days = append(days, n)
	}
	slices.Sort(days)
	slices.Reverse(days)
	hour := time.Unix(0, l.s.first).UTC().Hour()
	for _, n := range days {
		x := l.earlier.days[n]
		if 2*len(x.shared) < len(l.asked) {
			continue
		}
		b.RecurringTotal++
		if x.hours[hour] || x.hours[(hour+1)%24] || x.hours[(hour+23)%24] {
			b.SameHour++
		}
		if len(b.Recurring) < maxRows {
			b.Recurring = append(b.Recurring, Recurrence{time.Unix(n*86400, 0).UTC().Format(time.DateOnly), len(x.shared), len(l.asked)})
		}
		cited = append(cited, &x.first)
	}
	b.Cited = cite(cited, limit)
	return b
}
