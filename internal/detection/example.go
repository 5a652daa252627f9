package detection

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
)

// Bounds of an example: enough for any threshold worth showing.
const (
	maxExampleCalls = 20_000
	maxExampleSpan  = 31 * 24 * time.Hour
)

// exampleStart is when every example begins, at a multiple of every usual
// length of window, so that it also reads well under tumbling windows.
var exampleStart = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *reader) examples(n *yaml.Node, d *Detection) {
	m := r.mapping(n, "examples", "fire", "silent")
	if m == nil {
		return
	}
	r.require(m, "fire", "silent")
	first := map[string]int{}
	read := func(field string) (list []Example) {
		for _, c := range r.list(m.fields[field], field) {
			e, ok := r.example(c, field == "fire")
			if !ok {
				continue
			}
			if line, dup := first[e.Name]; dup && e.Name != "" {
				r.errorf(e.pos, "two examples are named %q, the first on line %d", e.Name, line)
			} else {
				first[e.Name] = e.pos.line
			}
			list = append(list, e)
		}
		return list
	}
	d.Fire, d.Silent = read("fire"), read("silent")
}

func (r *reader) example(n *yaml.Node, fire bool) (e Example, ok bool) {
	known := []string{"name", "events"}
	if fire {
		known = []string{"name", "risk", "events"}
	}
	m := r.mapping(n, "an example", known...)
	if m == nil {
		return e, false
	}
	r.require(m, "name", "events")
	e.pos, e.risk = m.pos, m.pos
	e.Name = r.text(m.fields["name"], "name")
	if f := m.fields["risk"]; f != nil {
		e.risk = at(f)
	}
	e.Risk = r.number(m.fields["risk"], "risk", 0, 100, -1)
	total := 0
	for _, c := range r.list(m.fields["events"], "events") {
		call, ok := r.call(c)
		if !ok {
			continue
		}
		if total += call.Count; total > maxExampleCalls {
			r.errorf(at(c), "an example has at most %d calls", maxExampleCalls)
			break
		}
		if call.At+time.Duration(call.Count-1)*call.Every > maxExampleSpan {
			r.errorf(at(c), "an example spans at most %v", maxExampleSpan)
		}
		e.Calls = append(e.Calls, call)
	}
	return e, true
}

func (r *reader) call(n *yaml.Node) (c Call, ok bool) {
	m := r.mapping(n, "an event", "at", "every", "count", "cloud", "log", "service", "api", "unknown", "class",
		"read_only", "service_made", "outcome", "actor", "account", "region", "address", "target")
	if m == nil {
		return c, false
	}
	before := len(r.problems)
	f := m.fields
	r.require(m, "cloud", "service", "api")
	c.APIs, c.apis = r.apis(f["api"])
	c.At = r.duration(f["at"], "at", 0, maxExampleSpan, 0)
	c.Every = r.duration(f["every"], "every", 0, 24*time.Hour, time.Second)
	c.Count = r.number(f["count"], "count", 1, maxExampleCalls, len(c.APIs))
	if c.Count < len(c.APIs) {
		r.errorf(at(f["count"]), "count is %d, but %d APIs are to be called", c.Count, len(c.APIs))
	}
	if f["service"] != nil {
		c.Service = r.service(f["service"])
	}
	if f["cloud"] != nil {
		c.Cloud, _ = event.ParseCloud(r.oneOf(f["cloud"], "cloud", strs(event.Clouds())))
	}
	c.Log = defaultLog(c.Cloud)
	if f["log"] != nil {
		c.Log, _ = event.ParseLog(r.oneOf(f["log"], "log", strs(audited())))
		if c.Log != event.NoLog && c.Cloud != event.NoCloud && c.Log.Cloud() != c.Cloud {
			r.errorf(at(f["log"]), "%v is no log of %v", c.Log, c.Cloud)
		}
	}
	c.Unknown, _ = r.truth(f["unknown"], "unknown")
	c.Class = event.ClassDiscovery
	if f["class"] != nil {
		c.Class, _ = event.ParseClass(r.oneOf(f["class"], "class", strs(classes())))
		if !c.Unknown {
			r.errorf(at(f["class"]), "the catalogue gives the class; it is for events with unknown: true")
		}
	}
	if read, given := r.truth(f["read_only"], "read_only"); given {
		c.Flags |= event.Writes
		if read {
			c.Flags ^= event.Writes | event.ReadOnly
		}
	}
	if made, _ := r.truth(f["service_made"], "service_made"); made {
		c.Flags |= event.ServiceMade
	}
	if f["outcome"] != nil {
		c.Outcome, _ = event.ParseOutcome(r.oneOf(f["outcome"], "outcome", strs(outcomes())))
	}
	c.Actor = r.either(f["actor"], "actor", "alice")
	c.Account = r.either(f["account"], "account", "111122223333")
	c.Region = r.either(f["region"], "region", "")
	c.Address = r.either(f["address"], "address", "")
	c.Target = r.either(f["target"], "target", "")
	return c, len(r.problems) == before
}

func (r *reader) either(n *yaml.Node, what, missing string) string {
	if n == nil {
		return missing
	}
	return r.text(n, what)
}

// defaultLog is the log that shows most of a cloud's calls.
func defaultLog(c event.Cloud) event.Log {
	switch c {
	case event.AWS:
		return event.CloudTrailManagement
	case event.Azure:
		return event.AzureActivity
	case event.GCP:
		return event.GCPDataAccess
	}
	return event.NoLog
}

func outcomes() (list []event.Outcome) {
	for o := range event.NumOutcomes {
		list = append(list, o)
	}
	return list
}

// Events builds the example's events, in order of time. APIs are looked up in
// reg; those that the example calls unknown are added to it. An API that is
// missing is an error that names the nearest ones.
func (e *Example) Events(reg *event.Registry) ([]event.Event, error) {
	r := &report{}
	events := e.events(reg, r)
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	return events, nil
}

func (e *Example) events(reg *event.Registry, r *report) []event.Event {
	var events []event.Event
	for i := range e.Calls {
		c := &e.Calls[i]
		apis := make([]*event.API, len(c.APIs))
		for j, name := range c.APIs {
			apis[j] = reg.Lookup(c.Cloud, c.Service, name)
			switch known := apis[j] != nil && apis[j].Known; {
			case known && c.Unknown:
				r.errorf(c.apis[j], "a catalogue lists %s of %s: leave out \"unknown\"", name, c.Service)
			case c.Unknown && apis[j] != nil && apis[j].Class != c.Class:
				r.errorf(c.apis[j], "%s of %s is of class %v here and of class %v elsewhere", name, c.Service, c.Class, apis[j].Class)
			case c.Unknown && apis[j] == nil:
				apis[j] = reg.Add(event.API{Cloud: c.Cloud, Service: c.Service, Name: name, Class: c.Class})
			case !known && !c.Unknown:
				r.errorf(c.apis[j], "%s; or mark the event with unknown: true", missing(reg, c.Cloud, c.Service, name))
			}
		}
		for j := range c.Count {
			events = append(events, c.event(apis[j%len(apis)], j, len(events)))
		}
	}
	slices.SortStableFunc(events, func(a, b event.Event) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return a.Key.Compare(b.Key)
	})
	return events
}

// event is the i-th of the events that the call stands for, and the n-th of
// the example.
func (c *Call) event(api *event.API, i, n int) event.Event {
	id := fmt.Appendf(nil, "example-%d", n+1)
	e := event.Event{
		Cloud: c.Cloud, Log: c.Log, Flags: c.Flags,
		Time: exampleStart.Add(c.At + time.Duration(i)*c.Every).UnixNano(),
		ID:   id, Key: event.Digest([]byte("example"), id),
		API: api, Outcome: c.Outcome,
		Region: []byte(c.Region), Account: []byte(c.Account), Address: []byte(c.Address), Target: []byte(strings.ReplaceAll(c.Target, "#", strconv.Itoa(i+1))),
		Actor: event.Actor{Principal: []byte(c.Actor), Label: []byte(c.Actor)},
	}
	if c.Outcome == event.Denied {
		e.Reason = event.ReasonUnknown
	}
	switch c.Cloud {
	case event.AWS:
		e.Actor.Kind = event.AWSUser
	case event.Azure:
		e.Actor.Kind = event.AzureUser
	case event.GCP:
		e.Actor.Kind = event.GCPUser
	}
	if e.Flags&(event.ReadOnly|event.Writes) == 0 && api != nil {
		switch api.Class {
		case event.ClassDiscovery, event.ClassDataRead:
			e.Flags |= event.ReadOnly
		case event.ClassWrite:
			e.Flags |= event.Writes
		}
	}
	return e
}
