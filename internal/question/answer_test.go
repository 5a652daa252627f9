package question

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/event"
)

const head = `
- id: x
  title: X
  question: Who?
  why: why
  techniques: [T1580]
  logs: [cloudtrail.management]
  reading: read
  benign: [none]
  next: [ask]
  source: chosen
`

// parse reads a question with this definition, lines indented by two spaces.
func parse(t *testing.T, definition string) *Question {
	t.Helper()
	list, err := Parse("x.yaml", []byte(head+definition))
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func TestParseRefuses(t *testing.T) {
	for definition, want := range map[string]string{
		"  calls: {classes: [discovery]}":                                                    "by needs a field",
		"  calls: {classes: [lists]}\n  by: [principal]":                                     `"lists" is no class`,
		"  calls: {}\n  by: [principal]":                                                     "calls need classes or apis",
		"  calls: {apis: [GetUser]}\n  by: [principal]":                                      "is no API",
		"  calls: {classes: [discovery], outcome: bad}\n  by: [principal]":                   "is no outcome",
		"  calls: {classes: [discovery], where: {who: x}}\n  by: [principal]":                `"who" is no field`,
		"  calls: {classes: [discovery], where: {key: '(?i)x'}}\n  by: [principal]":          "an expression is of",
		"  calls: {classes: [discovery], where: {key: 'a\\d'}}\n  by: [principal]":           "an expression is of",
		"  calls: {classes: [discovery], where: {key: '['}}\n  by: [principal]":              "missing closing",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  having: {things: 2}":          "is no figure",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  per: 30s":                     "at least a minute",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  per: soon":                    "is no duration",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  spike: {times: 3, least: 2}":  "a spike needs per",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  then: [{}]":                   "a stage is one of",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  then: [{rare: {value: api}}]": "rare needs most",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  colour: red":                  "colour",
		"  calls: {classes: [discovery]}\n  by: [principal]\n  then: [{after: {calls: {classes: [write]}, within: 1h}}, {after: {calls: {classes: [write]}, within: 1h}}]": "after stands once",
		"  calls: {every: true, classes: [write]}\n  by: [principal]": "have no classes, techniques or apis",
	} {
		_, err := Parse("x.yaml", []byte(head+definition))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "x.yaml:2: question ") {
			t.Errorf("%s\n%v, want %q", definition, err, want)
		}
	}
	if _, err := Parse("x.yaml", []byte("a: b")); err == nil {
		t.Error("a mapping is no list")
	}
}

// did is a call of a test.
type did struct {
	at      string // time of day, with days before as "-3 10:00"
	who     string
	service string
	name    string
	change  func(*event.Event)
}

var apis = event.NewRegistry()

func (d did) event(t interface{ Fatal(...any) }, n int) *event.Event {
	day, clock := 0, d.at
	if strings.Contains(d.at, " ") {
		if _, err := fmt.Sscanf(d.at, "%d %s", &day, &clock); err != nil {
			t.Fatal(err)
		}
	}
	at, err := time.Parse("15:04:05", clock+":00")
	if err != nil {
		t.Fatal(err)
	}
	at = time.Date(2026, 3, 10+day, at.Hour(), at.Minute(), 0, 0, time.UTC)
	class := event.ClassDiscovery
	if strings.HasPrefix(d.name, "Assume") {
		class = event.ClassSession
	}
	ev := &event.Event{
		Cloud: event.AWS, Log: event.CloudTrailManagement, Time: at.UnixNano(), ID: fmt.Appendf(nil, "id-%02d", n),
		API:     apis.Add(event.API{Cloud: event.AWS, Service: d.service + ".amazonaws.com", Name: d.name, Class: class, Known: true}),
		Account: []byte("111122223333"), Region: []byte("eu-west-1"), Address: []byte("198.51.100.7"),
		Actor: event.Actor{Kind: event.AWSUser, Principal: []byte(d.who), Key: []byte("AKIA" + d.who)},
	}
	if d.change != nil {
		d.change(ev)
	}
	return ev
}

// answered asks a question of calls, by several collectors.
func answered(t *testing.T, q *Question, collectors int, calls []did) *Answer {
	a := Ask(q, math.MinInt64, math.MaxInt64, func(*event.API, event.Log, bool) bool { return false })
	var list []*Collector
	for range collectors {
		list = append(list, a.Collector())
	}
	for i, c := range calls {
		list[i%collectors].Event(c.event(t, i))
	}
	ans, err := a.Answer()
	if err != nil {
		t.Fatal(err)
	}
	return ans
}

// ids are the ids of events of all rows, in order.
func ids(a *Answer) string {
	var list []string
	for _, r := range a.Rows {
		list = append(list, strings.Join(r.Evidence, " "))
	}
	return strings.Join(list, "; ")
}

func TestStages(t *testing.T) {
	region := func(r string) func(*event.Event) { return func(ev *event.Event) { ev.Region = []byte(r) } }
	role := func(ev *event.Event) {
		ev.Actor.Kind, ev.Target = event.AWSAccount, []byte(`{"roleArn": "arn:aws:iam::1:role/r", "roleSessionName": "s"}`)
	}
	for name, c := range map[string]struct {
		definition string
		calls      []did
		want       string
	}{
		"after, in time and before": {
			"  calls: {apis: [ec2.amazonaws.com/DescribeVpcs]}\n  then: [{after: {calls: {apis: [s3.amazonaws.com/ListBuckets]}, within: 1h}}]\n  by: [principal]",
			[]did{{at: "10:00", who: "a", service: "ec2", name: "DescribeVpcs"}, {at: "10:10", who: "a", service: "s3", name: "ListBuckets"},
				{at: "11:10", who: "a", service: "ec2", name: "DescribeVpcs"}, {at: "11:11", who: "a", service: "ec2", name: "DescribeVpcs"},
				{at: "10:20", who: "b", service: "ec2", name: "DescribeVpcs"}, {at: "10:10", who: "c", service: "s3", name: "ListBuckets"}, {at: "10:10", who: "c", service: "ec2", name: "DescribeVpcs"}},
			"id-02; id-06",
		},
		"after, linked by the role": {
			"  calls: {classes: [discovery]}\n  then: [{after: {calls: {apis: [sts.amazonaws.com/AssumeRole], where: {kind: '^aws_account$'}}, within: 1h, link: assumed}}]\n  by: [principal]",
			[]did{{at: "10:00", who: "account:2", service: "sts", name: "AssumeRole", change: role}, {at: "10:05", who: "arn:aws:iam::1:role/r", service: "s3", name: "ListBuckets"},
				{at: "10:05", who: "arn:aws:iam::1:role/other", service: "s3", name: "ListBuckets"}},
			"id-01",
		},
		"first seen, and after": {
			"  calls: {classes: [discovery]}\n  then: [{first_seen: {value: api, of: principal, last: 1d}}, {after: {calls: {apis: [sts.amazonaws.com/AssumeRole], where: {kind: '^aws_account$'}}, within: 1h, link: assumed}}]\n  by: [principal]",
			[]did{{at: "-5 08:00", who: "account:2", service: "sts", name: "AssumeRole", change: role}, {at: "-5 12:00", who: "arn:aws:iam::1:role/r", service: "s3", name: "ListBuckets"},
				{at: "10:00", who: "account:2", service: "sts", name: "AssumeRole", change: role}, {at: "10:05", who: "arn:aws:iam::1:role/r", service: "s3", name: "ListBuckets"},
				{at: "10:05", who: "arn:aws:iam::1:role/r", service: "ec2", name: "DescribeVpcs"}, {at: "12:05", who: "arn:aws:iam::1:role/r", service: "ec2", name: "DescribeVpcs"}},
			"id-04",
		},
		"rare": {
			"  calls: {classes: [discovery]}\n  then: [{rare: {value: api, most: 1, among: 3}}]\n  by: [principal]",
			[]did{{at: "10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "b", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "c", service: "s3", name: "ListBuckets"}, {at: "10:01", who: "c", service: "ec2", name: "DescribeVpcs"}},
			"id-03",
		},
		"rare among too few": {
			"  calls: {classes: [discovery]}\n  then: [{rare: {value: api, most: 1, among: 3}}]\n  by: [principal]",
			[]did{{at: "10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:01", who: "c", service: "ec2", name: "DescribeVpcs"}},
			"",
		},
		"first seen": {
			"  calls: {classes: [discovery]}\n  then: [{first_seen: {value: region, of: principal, last: 1d}}]\n  by: [principal]",
			[]did{{at: "-5 10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "a", service: "s3", name: "ListBuckets", change: region("us-west-2")},
				{at: "10:00", who: "new", service: "s3", name: "ListBuckets", change: region("us-west-2")}, {at: "10:00", who: "a", service: "s3", name: "ListBuckets", change: region("")}},
			"id-02",
		},
		"silent": {
			"  calls: {classes: [discovery]}\n  then: [{silent: {of: principal, last: 1d, gap: 3d}}]\n  by: [principal]",
			[]did{{at: "-5 10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "-2 10:00", who: "b", service: "s3", name: "ListBuckets"},
				{at: "10:00", who: "b", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "new", service: "s3", name: "ListBuckets"}},
			"id-01",
		},
		"spike": {
			"  calls: {classes: [discovery]}\n  by: [principal]\n  per: 1h\n  spike: {times: 3, least: 3}",
			[]did{{at: "08:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "09:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:01", who: "a", service: "s3", name: "ListBuckets"}, {at: "10:02", who: "a", service: "s3", name: "ListBuckets"},
				{at: "08:00", who: "b", service: "s3", name: "ListBuckets"}, {at: "08:01", who: "b", service: "s3", name: "ListBuckets"}, {at: "10:00", who: "b", service: "s3", name: "ListBuckets"}, {at: "10:01", who: "b", service: "s3", name: "ListBuckets"}, {at: "10:02", who: "b", service: "s3", name: "ListBuckets"}},
			"id-02 id-03 id-04",
		},
		"networks, and calls of services": {
			"  calls: {classes: [discovery], where: {address: '^[0-9a-f.:]+$'}}\n  by: [key]\n  having: {networks: 2}",
			[]did{{at: "08:00", who: "a", service: "s3", name: "ListBuckets"}, {at: "09:00", who: "a", service: "s3", name: "ListBuckets", change: func(ev *event.Event) { ev.Address = []byte("198.51.100.9") }},
				{at: "09:00", who: "b", service: "s3", name: "ListBuckets"}, {at: "09:00", who: "b", service: "s3", name: "ListBuckets", change: func(ev *event.Event) { ev.Address = []byte("2001:db8:1::1") }},
				{at: "09:00", who: "a", service: "s3", name: "ListBuckets", change: func(ev *event.Event) { ev.Address, ev.Flags = []byte("203.0.113.1"), event.ServiceMade }}},
			"id-02 id-03",
		},
	} {
		got := ids(answered(t, parse(t, c.definition), 2, c.calls))
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	few := answered(t, parse(t, "  calls: {classes: [discovery]}\n  then: [{rare: {value: api, most: 1, among: 3}}]\n  by: [principal]"), 1, nil)
	if len(few.Notes) != 1 {
		t.Errorf("notes: %q", few.Notes)
	}
}

// Calls without an id are calls each, as nothing says that one is the copy of
// another.
func TestCallsWithoutIDCountEach(t *testing.T) {
	q := parse(t, "  calls: {classes: [discovery]}\n  by: [principal]")
	none := func(ev *event.Event) { ev.ID = nil }
	same := func(ev *event.Event) { ev.ID = []byte("same") }
	var calls []did
	for range 3 {
		calls = append(calls, did{at: "10:00", who: "a", service: "s3", name: "ListBuckets", change: none}, did{at: "10:00", who: "a", service: "s3", name: "ListBuckets", change: same})
	}
	calls = append(calls, did{at: "10:01", who: "a", service: "s3", name: "ListBuckets", change: none})
	for _, collectors := range []int{1, 3} {
		ans := answered(t, q, collectors, calls)
		if len(ans.Rows) != 1 || ans.Rows[0].Counts[0] != 5 || ids(ans) != "same" {
			t.Errorf("%d collectors: %+v", collectors, ans.Rows)
		}
	}
}

// Answers do not depend on who read which file, nor in what order; copies of a
// record count once.
func TestAnswersHoldInAnyOrder(t *testing.T) {
	list, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"DescribeVpcs", "ListBuckets", "GetCallerIdentity", "DescribeTrails"}
	rapid.Check(t, func(t *rapid.T) {
		q := list[rapid.IntRange(0, len(list)-1).Draw(t, "question")]
		var events []*event.Event
		for i := range rapid.IntRange(1, 40).Draw(t, "calls") {
			d := did{at: fmt.Sprintf("%d %02d:%02d", -rapid.IntRange(0, 20).Draw(t, "day"), rapid.IntRange(8, 12).Draw(t, "hour"), rapid.IntRange(0, 3).Draw(t, "minute")),
				who: rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "who"), service: "ec2", name: rapid.SampledFrom(names).Draw(t, "name")}
			events = append(events, d.event(t, i))
		}
		ask := func(order []int, collectors int) []Row {
			a := Ask(q, math.MinInt64, math.MaxInt64, func(*event.API, event.Log, bool) bool { return false })
			var list []*Collector
			for range collectors {
				list = append(list, a.Collector())
			}
			for i, n := range order {
				list[i%collectors].Event(events[n])
				list[(i+1)%collectors].Event(events[n])
			}
			ans, err := a.Answer()
			if err != nil {
				t.Fatal(err)
			}
			return ans.Rows
		}
		order := make([]int, len(events))
		for i := range order {
			order[i] = i
		}
		want := ask(order, 1)
		if d := cmp.Diff(want, ask(rapid.Permutation(order).Draw(t, "order"), 3)); d != "" {
			t.Fatalf("%s: %s", q.ID, d)
		}
	})
}
