package investigate

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// Facts are the figures that answers are worded from, by the names that a
// guide asks for them with. Lists are cut, and say of how many.
type Facts struct {
	Lineage    Lineage    `json:"lineage"`
	Activity   Activity   `json:"activity"`
	Slice      Part       `json:"slice"`
	Changes    Changes    `json:"changes"`
	Neighbours Neighbours `json:"neighbours"`
	FirstSeen  FirstSeen  `json:"first_seen"`
	Denials    Denials    `json:"denials"`
	Resources  Resources  `json:"resources"`
	Benign     Benign     `json:"benign"`
	Coverage   Coverage   `json:"coverage"`
}

// Cited is the events that a fact rests on, as many as were asked for.
type Cited struct {
	Evidence      []finding.Evidence `json:"evidence"`
	EvidenceTotal int                `json:"evidence_total"`
}

// maxRows bounds the lists of facts.
const maxRows = 20

func facts(s *subject, own *gathered, look *lookout, cov []finding.Coverage) Facts {
	calls, during, limit := own.calls.list, look.during, s.opts.Evidence
	back := lineage(look.pedigree, during, limit)
	return Facts{
		Lineage:    back,
		Activity:   activity(s, calls, limit),
		Slice:      part(s, calls, limit),
		Changes:    changes(s, calls, look, limit),
		Neighbours: look.neighbours(back.Ways, limit),
		FirstSeen:  look.firstSeen(limit),
		Denials:    denials(calls, limit),
		Resources:  resources(s, calls, limit),
		Benign:     look.benign(limit),
		Coverage:   blind(s, cov),
	}
}

// cite lists the calls that matter, the first of them where there are too
// many.
func cite(calls []*call, limit int) Cited {
	c := Cited{Evidence: []finding.Evidence{}, EvidenceTotal: len(calls)}
	for i, x := range calls {
		if limit >= 0 && i >= limit {
			break
		}
		c.Evidence = append(c.Evidence, x.evidence())
	}
	return c
}

// citing lists what stands for each row of a fact first, then all others that
// it rests on.
func citing(rows, all []*call, limit int) Cited { return cite(distinct(append(rows, all...)), limit) }

// distinct drops calls that stand twice, and keeps the order.
func distinct(calls []*call) []*call {
	seen := map[*call]bool{}
	return slices.DeleteFunc(calls, func(c *call) bool {
		twice := seen[c]
		seen[c] = true
		return twice
	})
}

// between returns the calls, which are in order of time, of a time; both ends
// belong to it.
func between(calls []call, from, to int64) []call {
	at := func(c call, t int64) int { return cmp.Compare(c.time, t) }
	i, _ := slices.BinarySearchFunc(calls, from, at)
	j, _ := slices.BinarySearchFunc(calls, to+1, at)
	return calls[i:max(i, j)]
}

// Activity is what the caller did before, during and after the time in
// question.
type Activity struct {
	Before Span `json:"before"`
	During Span `json:"during"`
	After  Span `json:"after"`
	Cited
}

// Span sums up calls.
type Span struct {
	Calls    int              `json:"calls"`
	Writes   int              `json:"writes"`
	Reads    int              `json:"reads"` // all that are no writes
	Outcomes finding.Outcomes `json:"outcomes"`
	APIs     int              `json:"distinct_apis"`
	First    string           `json:"first,omitempty"`
	Last     string           `json:"last,omitempty"`
	// Services are those called most; at most 20.
	Services      []Service `json:"services"`
	ServicesTotal int       `json:"services_total"`
}

// Service sums up the calls to one service.
type Service struct {
	Name   string `json:"name"`
	Calls  int    `json:"calls"`
	Reads  int    `json:"reads"`
	Writes int    `json:"writes"`
	Failed int    `json:"failed"` // calls with any outcome but ok
	Denied int    `json:"denied"`
	First  string `json:"first"`
	Last   string `json:"last"`
}

func activity(s *subject, calls []call, limit int) Activity {
	before, during, after := between(calls, s.from, s.first-1), between(calls, s.first, s.last), between(calls, s.last+1, s.to)
	a := Activity{Before: span(before), During: span(during), After: span(after)}
	var ends []*call
	for _, list := range [][]call{before, during, after} {
		if n := len(list); n > 0 {
			ends = append(ends, &list[0], &list[n-1])
		}
	}
	a.Cited = cite(distinct(ends), limit)
	return a
}

func span(calls []call) Span {
	s := Span{Calls: len(calls), Services: []Service{}}
	if len(calls) == 0 {
		return s
	}
	s.First, s.Last = stamp(calls[0].time), stamp(calls[len(calls)-1].time)
	apis := map[apiName]bool{}
	by := map[string]*Service{}
	for i := range calls {
		c := &calls[i]
		apis[nameOf(c.api)] = true
		v := by[c.api.Service]
		if v == nil {
			v = &Service{Name: c.api.Service, First: stamp(c.time)}
			by[c.api.Service] = v
		}
		v.Calls++
		v.Last = stamp(c.time)
		if c.writes() {
			s.Writes++
			v.Writes++
		} else {
			s.Reads++
			v.Reads++
		}
		if c.outcome != event.OK {
			v.Failed++
		}
		if c.outcome == event.Denied {
			v.Denied++
		}
		*outcomeOf(&s.Outcomes, c.outcome)++
	}
	s.APIs, s.ServicesTotal = len(apis), len(by)
	s.Services = top(by, func(a, b *Service) int { return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Name, b.Name)) })
	return s
}

// outcomeOf is where calls of an outcome are counted.
func outcomeOf(o *finding.Outcomes, outcome event.Outcome) *int {
	switch outcome {
	case event.OK:
		return &o.OK
	case event.Denied:
		return &o.Denied
	case event.Absent:
		return &o.Absent
	case event.Throttled:
		return &o.Throttled
	case event.Invalid:
		return &o.Invalid
	}
	return &o.Other
}

// top returns the first values of a map in an order, which must be total.
func top[K comparable, V any](m map[K]*V, order func(a, b *V) int) []V {
	list := make([]*V, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	slices.SortFunc(list, order)
	out := make([]V, 0, min(len(list), maxRows))
	for _, v := range list[:min(len(list), maxRows)] {
		out = append(out, *v)
	}
	return out
}

// apiName is an API over two readings, which have registries of their own.
type apiName struct{ service, name string }

func nameOf(a *event.API) apiName { return apiName{a.Service, a.Name} }

// Part is what the judged slice of the caller did in the time in question.
type Part struct {
	Name string `json:"name,omitempty"` // empty where no part stands out
	Span
	// Rest counts the caller's other calls of that time.
	Rest int `json:"rest"`
	Cited
}

// part sums up the judged slice. Its name is a session, else a key, or a
// network with a client.
func part(s *subject, calls []call, limit int) Part {
	during := between(calls, s.first, s.last)
	p := Part{Name: s.Slice, Rest: len(during), Span: span(nil)}
	if s.Slice == "" {
		p.Cited = cite(nil, limit)
		return p
	}
	var of []call
	for i := range during {
		c := &during[i]
		if cmp.Or(c.who.session, c.who.key) == s.Slice || c.from.slice() == s.Slice {
			of = append(of, *c)
		}
	}
	p.Span, p.Rest = span(of), len(during)-len(of)
	var ends []*call
	for i := range of {
		// The refusals say most of what a part was after.
		if i == 0 || i == len(of)-1 || of[i].outcome == event.Denied {
			ends = append(ends, &of[i])
		}
	}
	p.Cited = cite(ends, limit)
	return p
}

// Coverage is what the input cannot show of the caller's cloud.
type Coverage struct {
	Blind []Blind `json:"blind"`
	Cited
}

// Blind is one kind of log, what it leaves unseen, and how to see it.
type Blind struct {
	Log     string `json:"log"`
	Verdict string `json:"verdict"`
	Unseen  string `json:"unseen"`
	Enable  string `json:"enable,omitempty"`
}

// Seeable counts the kinds of log of which it is known how to see more.
func (c Coverage) Seeable() (n int) {
	for _, b := range c.Blind {
		if b.Enable != "" {
			n++
		}
	}
	return n
}

func blind(s *subject, rows []finding.Coverage) Coverage {
	c := Coverage{Blind: []Blind{}, Cited: cite(nil, 0)}
	for _, r := range rows {
		if r.Provider == s.Provider && r.Service == "*" && r.Blind != "" {
			c.Blind = append(c.Blind, Blind{r.Log, r.Verdict, r.Blind, r.Enable})
		}
	}
	return c
}
