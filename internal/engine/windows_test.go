package engine

import (
	"fmt"
	"testing"
	"time"

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
