package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// As many detections as calls have bits for fire on one burst and give one
// finding; one more is refused.
func TestSixteenDetectionsGiveOneFinding(t *testing.T) {
	var plans []*plan.Plan
	for i := range maxWindows {
		p := t1580()
		p.Detection = fmt.Sprintf("D%02d", i)
		plans = append(plans, p)
	}
	var acts []act
	for i := range 12 {
		acts = append(acts, act{At: time.Duration(i) * time.Second, API: i % 6, Principal: "p", Account: "a", ID: fmt.Sprint(i)})
	}
	found, _ := evaluate(t, acts, 1, Options{Plans: plans, Evidence: -1})
	if len(found) != 1 || len(found[0].Detections) != maxWindows || found[0].Events != 12 {
		t.Fatalf("%d findings: %+v", len(found), found)
	}
	if _, err := New(registry(1), Options{Plans: append(plans, t1580())}); err != errTooManyWindows {
		t.Errorf("one window more: %v", err)
	}
}

// What another detection selects, and does not fire on, changes nothing of the
// bursts of one: not where they start, nor whether two are one.
func TestCallsOfAnotherDetectionJoinNothing(t *testing.T) {
	plans := func(kind plan.Kind) []*plan.Plan {
		ok, denied := t1580(), t1580()
		denied.Detection = "denied"
		ok.Windows[0].Kind, denied.Windows[0].Kind = kind, kind
		ok.Windows[0].Select.Outcomes = []event.Outcome{event.OK}
		denied.Windows[0].Select.Outcomes, denied.Windows[0].Trigger = []event.Outcome{event.Denied}, plan.Condition{{Events: 1000}}
		return []*plan.Plan{ok, denied}
	}
	check := func(t fataler, tb testing.TB, acts, others []act) {
		for _, kind := range []plan.Kind{plan.Sliding, plan.Tumbling} {
			want, _ := evaluate(tb, acts, 1, Options{Plans: plans(kind), Evidence: -1})
			got, _ := evaluate(tb, append(acts[:len(acts):len(acts)], others...), 1, Options{Plans: plans(kind), Evidence: -1})
			if d := cmp.Diff(withoutAt(want), withoutAt(got)); d != "" {
				t.Fatalf("window %v: findings differ (-alone +with others):\n%s", kind, d)
			}
		}
	}
	other := func(at time.Duration) act {
		return act{At: at, API: 3, Principal: "u", Account: "1", Kind: event.AWSUser, ID: fmt.Sprint("other ", at), Outcome: event.Denied,
			Address: "198.51.100.1", Agent: "boto3", Key: "AKIA1"}
	}
	// 33 minutes lie between the bursts, and a call just inside the second's bin.
	acts := append(burst(12, 6, "u", "1", 10*time.Minute, time.Second), burst(12, 6, "u", "1", 43*time.Minute+20*time.Second, time.Second)...)
	check(t, t, acts, []act{other(30*time.Minute + 30*time.Second)})
	rapid.Check(t, func(rt *rapid.T) {
		var acts, others []act
		for range rapid.IntRange(1, 4).Draw(rt, "bursts") {
			at := time.Duration(rapid.IntRange(0, 6*60).Draw(rt, "at")) * time.Minute
			acts = append(acts, burst(12, 6, "u", "1", at, 20*time.Second)...)
		}
		for range rapid.IntRange(1, 20).Draw(rt, "others") {
			others = append(others, other(time.Duration(rapid.IntRange(0, 6*60).Draw(rt, "other"))*time.Minute))
		}
		check(rt, t, acts, others)
	})
}

// Bursts at either end of the times that records may have: neither meets the
// other, and the last bin has an end.
func TestWindowsAtTheEndsOfTime(t *testing.T) {
	first := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).Sub(epoch)
	last := time.Date(2149, 12, 31, 23, 59, 0, 0, time.UTC).Sub(epoch)
	for _, kind := range []plan.Kind{plan.Sliding, plan.Tumbling} {
		p := t1580()
		p.Windows[0].Kind = kind
		found, _ := evaluate(t, append(burst(12, 6, "u", "1", first, time.Second), burst(12, 6, "u", "1", last, time.Second)...), 1, Options{Plans: []*plan.Plan{p}})
		if len(found) != 2 || found[0].Events != 12 || found[1].Events != 12 {
			t.Errorf("window %v: %d findings: %+v", kind, len(found), found)
		}
	}
}

type fataler interface{ Fatalf(string, ...any) }
