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

// TestNotesOfParts: each part has its own notes in order, so that no slice
// walks over those of the others: anyone can call from many networks.
func TestNotesOfParts(t *testing.T) {
	w := &groupWorker{parts: make([]slicePart, 3)}
	w.labels.begin()
	for k := range uint32(3) {
		w.labels.of(k)
	}
	notes := []call{{context: 2, time: 1}, {context: 0, time: 2}, {context: 7, time: 3}, {context: 2, time: 4}, {context: 0, time: 5}}
	w.splitNotes(notes, func(id uint32) uint32 { return id })
	begin := 0
	for part, want := range [][]int64{{2, 5}, nil, {1, 4}} {
		var got []int64
		for _, n := range w.partNotes[begin:w.parts[part].notes] {
			got = append(got, n.time)
		}
		if begin = w.parts[part].notes; !slices.Equal(got, want) {
			t.Errorf("part %d has the notes of %v, want %v", part, got, want)
		}
	}
}
