package plantest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/event"
	"vedette/internal/plan"
)

var (
	read  = &event.API{ID: 1, Cloud: event.AWS, Service: "s", Name: "ListA", Class: event.ClassDiscovery, Known: true}
	other = &event.API{ID: 2, Cloud: event.AWS, Service: "s", Name: "ListB", Class: event.ClassDiscovery, Known: true}
	write = &event.API{ID: 3, Cloud: event.AWS, Service: "s", Name: "CreateA", Class: event.ClassWrite, Known: true}
)

func at(second int64, api *event.API, actor, account string) event.Event {
	return event.Event{
		Cloud: event.AWS, Log: event.CloudTrailManagement, API: api, Time: second * int64(time.Second),
		Key:     event.Digest([]byte(api.Name), []byte(actor), []byte(account), []byte{byte(second)}),
		Actor:   event.Actor{Principal: []byte(actor)},
		Account: []byte(account),
	}
}

// Counted by hand.
func TestEvaluate(t *testing.T) {
	const s = int64(time.Second)
	p := &plan.Plan{Windows: []plan.Window{{
		Name: "w", Length: 10 * time.Second,
		Select:  plan.Selector{Classes: []event.Class{event.ClassDiscovery}},
		Trigger: plan.Condition{{Events: 3}},
		Bands:   []plan.Band{{Risk: 9, When: plan.Condition{{DistinctAPIs: 2}}}, {Risk: 4}},
	}}}
	throttled := func(e event.Event) event.Event { e.Outcome = event.Throttled; return e }

	for _, c := range []struct {
		name   string
		kind   plan.Kind
		events []event.Event
		want   []Firing
	}{
		{"over an edge", plan.Sliding,
			[]event.Event{at(8, read, "a", "1"), at(12, read, "a", "1"), at(17, other, "a", "1")},
			[]Firing{{"a", "1", "w", 8 * s, 18 * s, 3, 2, 9}}},
		{"over an edge, in bins", plan.Tumbling,
			[]event.Event{at(8, read, "a", "1"), at(12, read, "a", "1"), at(17, other, "a", "1")}, nil},
		{"one bin", plan.Tumbling,
			[]event.Event{at(19, read, "a", "1"), at(10, read, "a", "1"), at(17, read, "a", "1")},
			[]Firing{{"a", "1", "w", 10 * s, 20 * s, 3, 1, 4}}},
		{"before 1970", plan.Tumbling,
			[]event.Event{at(-1, read, "a", "1"), at(-10, read, "a", "1"), at(-7, read, "a", "1")},
			[]Firing{{"a", "1", "w", -10 * s, 0, 3, 1, 4}}},
		{"the window's end is outside", plan.Sliding,
			[]event.Event{at(0, read, "a", "1"), at(5, read, "a", "1"), at(10, read, "a", "1")}, nil},
		{"two windows", plan.Sliding,
			[]event.Event{at(0, read, "a", "1"), at(1, read, "a", "1"), at(9, read, "a", "1"), at(10, read, "a", "1")},
			[]Firing{{"a", "1", "w", 0, 10 * s, 3, 1, 4}, {"a", "1", "w", s, 11 * s, 3, 1, 4}}},
		{"apart by principal and account", plan.Sliding,
			[]event.Event{at(0, read, "a", "1"), at(1, read, "b", "1"), at(2, read, "a", "2")}, nil},
		{"copies are one", plan.Sliding,
			[]event.Event{at(0, read, "a", "1"), at(0, read, "a", "1"), at(1, read, "a", "1")}, nil},
		{"writes do not score", plan.Sliding,
			[]event.Event{at(0, read, "a", "1"), at(1, write, "a", "1"), at(2, read, "a", "1")}, nil},
		{"tries of a throttled request are one", plan.Sliding,
			[]event.Event{throttled(at(0, read, "a", "1")), throttled(at(1, read, "a", "1")), at(2, other, "a", "1")}, nil},
		{"an answer takes the place of its tries", plan.Sliding,
			[]event.Event{throttled(at(0, read, "a", "1")), at(1, read, "a", "1"), at(2, other, "a", "1")}, nil},
		{"a throttled request counts", plan.Sliding,
			[]event.Event{throttled(at(0, read, "a", "1")), throttled(at(1, read, "a", "1")), at(2, other, "a", "1"), at(3, other, "a", "1")},
			[]Firing{{"a", "1", "w", 0, 10 * s, 3, 2, 9}, {"a", "1", "w", s, 11 * s, 3, 2, 9}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.Windows[0].Kind = c.kind
			if diff := cmp.Diff(c.want, Evaluate(p, c.events)); diff != "" {
				t.Errorf("firings (-want +got):\n%s", diff)
			}
		})
	}
}
