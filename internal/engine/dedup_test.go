package engine

import (
	"testing"

	"vedette/internal/event"
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
