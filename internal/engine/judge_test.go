package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// TestSlicesInAnyOrder: which slice stands does not depend on which is judged
// first, and none is left out, those least that look like the whole.
func TestSlicesInAnyOrder(t *testing.T) {
	var acts []act
	for s, outcome := range []event.Outcome{event.OK, event.OK, event.Denied} {
		b := burst(40, 8, "u", "1", time.Duration(s)*time.Millisecond, 20*time.Second)
		for i := range b {
			b[i].Key, b[i].ID, b[i].Outcome = fmt.Sprintf("ASIA%d", s), fmt.Sprintf("%d/%d", s, i), outcome
			b[i].Address = "198.51.100.7"
		}
		acts = append(acts, b...)
	}
	judge := func(f *finding.Facts) finding.Judgement {
		switch {
		case f.Events == len(acts):
			return finding.Judgement{Priority: 10}
		case f.Outcomes.Denied > 0:
			return finding.Judgement{Priority: 20}
		}
		return finding.Judgement{Priority: 30}
	}
	for range 2 {
		slices.Reverse(acts) // symbols are numbered as they come
		found, _ := evaluate(t, acts, 1, Options{Judge: judge, Notable: func(*event.API) bool { return false }})
		if len(found) != 1 || found[0].Priority != 30 || found[0].Slice != "ASIA0" {
			t.Errorf("%d findings, priority %d for %s, want 30 for ASIA0", len(found), found[0].Priority, found[0].Slice)
		}
	}
}

// TestNumbering: the first key gets 0, equal keys the same number, and begin
// forgets them all.
func TestNumbering(t *testing.T) {
	var n numbering
	for range 3 {
		n.begin()
		want := map[uint32]uint32{}
		for i := range uint32(1000) {
			k := i * i % 337 * 64
			if _, ok := want[k]; !ok {
				want[k] = uint32(len(want))
			}
			if got := n.of(k); got != want[k] || n.keys[got] != k {
				t.Fatalf("key %d: %d, want %d", k, got, want[k])
			}
		}
		if len(n.keys) != len(want) {
			t.Fatalf("%d keys, want %d", len(n.keys), len(want))
		}
	}
}
