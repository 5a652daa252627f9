package investigate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
)

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
