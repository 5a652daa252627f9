package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/plan"
)

// Whoever wrote a log chooses the ids in it, and so both halves of the keys.
// Whatever he holds still, keys spread over the slots: they are met a few times
// each, not by all that come after them.
func TestChosenKeysSpread(t *testing.T) {
	const n = 20000
	for name, key := range map[string]func(i uint64) event.Key{
		"one first half":   func(i uint64) event.Key { return event.Key{Hi: 7 << 40, Lo: i} },
		"one second half":  func(i uint64) event.Key { return event.Key{Hi: i << 20, Lo: 7} },
		"the golden ratio": func(i uint64) event.Key { return event.Key{Hi: i << 20, Lo: 0x9e3779b97f4a7c15} },
		"next to it":       func(i uint64) event.Key { return event.Key{Hi: i << 20, Lo: 0x9e3779b97f4a7c14} },
		"high bits alone":  func(i uint64) event.Key { return event.Key{Hi: i << 48, Lo: i << 48} },
	} {
		s := newKeySet()
		s.reset(n)
		var keys []event.Key
		met := 0
		for i := range uint64(n) {
			k := key(i)
			if p := s.slot(k, func(place int32) bool { met++; return keys[place] == k }); *p == 0 {
				keys = append(keys, k)
				*p = int32(len(keys))
			}
		}
		if len(keys) != n {
			t.Errorf("%s: %d keys, want %d", name, len(keys), n)
		}
		if met > 20*n {
			t.Errorf("%s: keys are met %d times each", name, met/n)
		}
	}
}

// Copies of an act that say different things of it, in files named any way: the
// same findings, whichever run it is and whichever copy comes first.
func TestCopiesThatDiffer(t *testing.T) {
	denied := t1580()
	denied.Detection = "T1580.denied"
	denied.Windows[0].Select.Outcomes = []event.Outcome{event.Denied}
	denied.Windows[0].Trigger = plan.Condition{{DistinctTargets: 3}}
	opts := Options{
		Plans: []*plan.Plan{t1580(), denied}, Evidence: -1, Notable: func(*event.API) bool { return false },
		Judge: func(f *finding.Facts) finding.Judgement {
			return finding.Judgement{
				Priority: 1, Claims: []string{fmt.Sprint(f.Console, f.Made, f.NoMFA, f.Listings, f.Open, f.DeniedTargets, f.Operations[0].Targets)},
			}
		},
	}
	rapid.Check(t, func(rt *rapid.T) {
		var acts []act
		for i := range rapid.IntRange(10, 30).Draw(rt, "n") {
			a := act{
				At: time.Duration(i) * time.Second, API: rapid.IntRange(0, 3).Draw(rt, "api"), Principal: "p", Account: "1", Key: "k",
				Address: "198.51.100.7", Agent: "aws-cli", Kind: event.AWSUser, Region: "eu-west-1", ID: fmt.Sprint(i),
			}
			for range rapid.IntRange(1, 3).Draw(rt, "copies") {
				a.Flags = rapid.SampledFrom([]event.Flag{0, event.Console, event.NoMFA, event.Console | event.NoMFA}).Draw(rt, "flags")
				a.Target = rapid.SampledFrom([]string{"", `{"a":1}`, "{\n \"a\": 1\n}", `{"a":2}`, `{"a":" 2"}`, `{"maxItems":3}`}).Draw(rt, "target")
				a.Outcome = rapid.SampledFrom([]event.Outcome{event.OK, event.Denied, event.Throttled}).Draw(rt, "outcome")
				acts = append(acts, a)
			}
		}
		number := func(acts []act) {
			for i := range acts {
				acts[i].file = uint32(i)
			}
		}
		number(acts)
		want, _ := evaluate(t, acts, 1, opts)
		other := rapid.Permutation(acts).Draw(rt, "order")
		number(other)
		got, _ := evaluate(t, other, rapid.IntRange(1, 3).Draw(rt, "collectors"), opts)
		if d := cmp.Diff(withoutAt(want), withoutAt(got)); d != "" {
			rt.Fatalf("findings differ (-in order +shuffled):\n%s", d)
		}
	})
}

// How a request is written says nothing of what was asked for, and what it
// says inside quotes does.
func TestTargetsByTokens(t *testing.T) {
	e, err := New(registry(1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := e.Collector()
	for _, same := range [][]string{
		{"", "null", "{}", "{ }"},
		{`{"a":[1,"x y"],"b":null}`, "{\n\t\"a\" : [ 1, \"x y\" ],\r\n\t\"b\" : null\n}"},
		{`{"a":"\" {"}`, `{ "a": "\" {" }`},
		{`{"a":"\\","b":"c"}`, `{ "a":"\\", "b":"c" }`},
	} {
		for _, s := range same[1:] {
			if c.target([]byte(s)) != c.target([]byte(same[0])) {
				t.Errorf("%q differs from %q", s, same[0])
			}
		}
	}
	for _, differ := range [][2]string{
		{`{"a":"x y"}`, `{"a":"xy"}`}, {`{"a":"\" x"}`, `{"a":"\"x"}`}, {`{ "a":"\\ b" }`, `{ "a":"\\b" }`},
		{"projects/a b", "projects/ab"}, {`{"a":1}`, "{}"},
	} {
		if c.target([]byte(differ[0])) == c.target([]byte(differ[1])) {
			t.Errorf("%q equals %q", differ[0], differ[1])
		}
	}
	pretty := []byte("{\n \"a\": \"b\"\n}")
	if n := testing.AllocsPerRun(10, func() { c.target(pretty) }); n > 0 {
		t.Errorf("%v allocations a request", n)
	}
}
