package question

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// MaxCalls is how many selected calls are held at a time, some 100 bytes each.
const MaxCalls = 8 << 20

// ErrTooMany says that more calls are selected than are held.
var ErrTooMany = errors.New("too many calls are selected: narrow the time with --since and --until, or name fewer logs")

// Asked is a question while events are shown to it.
type Asked struct {
	q     *Question
	since int64 // nanoseconds since 1970, from
	until int64 // and before
	// unlisted selects APIs that no catalogue lists.
	unlisted Unlisted
	uses     []Field
	texts    texts
	sets     []*calls // those of the question, and those that they follow

	mu    sync.Mutex
	parts []*Collector
	count int
}

// Unlisted says whether a call of an API that no catalogue lists is selected by
// its name, for the calls of the question or those that they follow.
type Unlisted func(a *event.API, l event.Log, earlier bool) bool

// Ask prepares a question for events from since and before until, in
// nanoseconds since the Unix epoch. What no catalogue lists is left to unlisted,
// so that files and queries go by the same expressions.
func Ask(q *Question, since, until int64, unlisted Unlisted) *Asked {
	a := &Asked{q: q, since: since, until: until, unlisted: unlisted, uses: q.Uses(), texts: texts{by: map[string]uint32{"": 0}, list: []string{""}}}
	a.sets = append(a.sets, newCalls(&q.Calls, q.LogClasses()))
	if e := q.Earlier(); e != nil {
		a.sets = append(a.sets, newCalls(&e.Calls, q.LogClasses()))
	}
	return a
}

// calls is a [Calls] ready to be matched.
type calls struct {
	of            *Calls
	selector      *plan.Selector
	where, unless []condition
}

type condition struct {
	field Field
	re    *regexp.Regexp
}

func newCalls(c *Calls, logs []event.Log) *calls {
	return &calls{of: c, selector: c.Selector(logs), where: conditions(c.Where), unless: conditions(c.Unless)}
}

func conditions(m map[Field]string) []condition {
	var list []condition
	for _, f := range Fields() {
		if re, ok := m[f]; ok {
			list = append(list, condition{f, regexp.MustCompile(re)}) // checked by Parse
		}
	}
	return list
}

// call is a selected call. Its fields are numbers of texts.
type call struct {
	at     int64 // microseconds since 1970
	id     string
	before bool // it is one that others must follow
	values [numFields]uint32
}

// numFields is how many fields [Fields] lists.
const numFields = 13

func (c *call) value(f Field) uint32 { return c.values[slices.Index(fieldOrder, f)] }

var fieldOrder = Fields()

// texts numbers texts. The numbers depend on who came first and decide nothing
// but equality.
type texts struct {
	mu   sync.Mutex
	by   map[string]uint32
	list []string
}

func (t *texts) number(s []byte) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.by[string(s)]; ok {
		return n
	}
	text := string(s)
	n := uint32(len(t.list))
	t.by[text] = n
	t.list = append(t.list, text)
	return n
}

// Collector takes events of one goroutine.
type Collector struct {
	a       *Asked
	calls   []call
	apis    []map[*event.API]bool // by set
	scratch []byte
	full    bool
}

// Collector returns a further collector.
func (a *Asked) Collector() *Collector {
	c := &Collector{a: a}
	for range a.sets {
		c.apis = append(c.apis, map[*event.API]bool{})
	}
	a.mu.Lock()
	a.parts = append(a.parts, c)
	a.mu.Unlock()
	return c
}

// Event takes an event. What is kept of it is copied.
func (c *Collector) Event(ev *event.Event) {
	if ev.Time < c.a.since || ev.Time >= c.a.until || c.full {
		return
	}
	for i, set := range c.a.sets {
		if !set.selector.Sees(ev.Log) {
			continue
		}
		selected, met := c.apis[i][ev.API]
		if !met {
			if ev.API.Known {
				selected = set.selector.Selects(ev.API, false) || set.of.Listed(ev.API)
			} else {
				selected = c.a.unlisted(ev.API, ev.Log, i > 0)
			}
			c.apis[i][ev.API] = selected
		}
		if !selected || !set.outcome(ev.Outcome) {
			continue
		}
		ev.Resolve()
		if ev.Has(event.ServiceMade) && !set.of.Services || !c.holds(set, ev) {
			continue
		}
		c.add(ev, i > 0)
	}
}

func (s *calls) outcome(o event.Outcome) bool {
	switch s.of.Outcome {
	case "ok":
		return o == event.OK
	case "denied":
		return o == event.Denied
	case "failed":
		return o != event.OK
	}
	return true
}

func (c *Collector) holds(s *calls, ev *event.Event) bool {
	for _, w := range s.where {
		if !w.re.Match(c.value(w.field, ev)) {
			return false
		}
	}
	for _, w := range s.unless {
		if w.re.Match(c.value(w.field, ev)) {
			return false
		}
	}
	return true
}

func (c *Collector) add(ev *event.Event, before bool) {
	x := call{at: ev.Time / 1000, id: string(ev.ID), before: before}
	for i, f := range fieldOrder {
		if slices.Contains(c.a.uses, f) {
			x.values[i] = c.a.texts.number(c.value(f, ev))
		}
	}
	if before && c.a.q.Earlier().Linked() {
		x.values[0] = c.a.texts.number(assumed(ev.Target))
	}
	c.calls = append(c.calls, x)
	if len(c.calls)%1024 == 0 {
		c.a.mu.Lock()
		c.a.count += 1024
		c.full = c.a.count > MaxCalls
		c.a.mu.Unlock()
	}
}

// value is a field of an event, valid until the next call.
func (c *Collector) value(f Field, ev *event.Event) []byte {
	switch f {
	case Principal:
		return ev.Actor.Principal
	case Kind:
		return []byte(ev.Actor.Kind.String())
	case Account:
		return ev.Account
	case Service:
		return []byte(ev.API.Service)
	case API:
		c.scratch = append(append(append(c.scratch[:0], ev.API.Service...), '/'), ev.API.Name...)
		if ev.Cloud == event.Azure {
			return bytes.ToLower(c.scratch)
		}
		return c.scratch
	case Region:
		return ev.Region
	case Address:
		return ev.Address
	case Network:
		return network.ReplaceAll(network6.ReplaceAll(ev.Address, []byte("$1::/48")), []byte("$1.0/24"))
	case Session:
		if len(ev.Actor.Session) > 0 {
			return ev.Actor.Session
		}
		return ev.Actor.Key
	case Key:
		return ev.Actor.Key
	case Client:
		return client.ReplaceAll(ev.UserAgent, nil)
	case Target:
		return ev.Target
	case Error:
		return ev.ErrorCode
	}
	return nil
}

// What makes a network of an address, and a client of a user agent. Queries
// have the same expressions.
const (
	Network4Expr = `^([0-9]+[.][0-9]+[.][0-9]+)[.][0-9]+$`
	Network6Expr = `^([0-9a-fA-F]+:[0-9a-fA-F]+:[0-9a-fA-F]+):.*$`
	// ClientExpr is what is no part of a client's name: CloudTrail puts some
	// user agents in brackets.
	ClientExpr = `^\[|[/ ;].*$`
)

var (
	network  = regexp.MustCompile(Network4Expr)
	network6 = regexp.MustCompile(Network6Expr)
	client   = regexp.MustCompile(ClientExpr)
)

// assumed is the role that a request of AssumeRole names.
func assumed(request []byte) []byte {
	_, rest, ok := bytes.Cut(request, []byte(`"roleArn"`))
	if !ok {
		return nil
	}
	rest = bytes.TrimLeft(rest, " \t\r\n:")
	if len(rest) == 0 || rest[0] != '"' {
		return nil
	}
	arn, _, _ := bytes.Cut(rest[1:], []byte(`"`))
	return arn
}

// gathered returns the selected calls of all collectors in one order, whatever
// the collectors, and copies of one record once. Without an id nothing tells a
// copy.
func (a *Asked) gathered() ([]call, error) {
	var all []call
	for _, p := range a.parts {
		if p.full {
			return nil, fmt.Errorf("question %s: %w", a.q.ID, ErrTooMany)
		}
		all = append(all, p.calls...)
		p.calls = nil
	}
	slices.SortFunc(all, func(x, y call) int {
		if n := cmp.Or(cmp.Compare(x.at, y.at), strings.Compare(x.id, y.id)); n != 0 {
			return n
		}
		if x.before != y.before {
			if x.before {
				return -1
			}
			return 1
		}
		for i := range x.values {
			if x.values[i] != y.values[i] {
				return strings.Compare(a.texts.list[x.values[i]], a.texts.list[y.values[i]])
			}
		}
		return 0
	})
	return slices.CompactFunc(all, func(x, y call) bool { return x.id != "" && x == y }), nil
}
