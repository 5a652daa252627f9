package engine

// numbering numbers distinct keys from 0 on, in the order in which they come.
// It is an open table whose entries are of the epoch in which they were set,
// so that emptying it costs nothing.
type numbering struct {
	keys  []uint32 // by number
	epoch uint32
	slots []numberSlot
}

type numberSlot struct{ key, epoch, number uint32 }

// begin empties the numbering.
func (t *numbering) begin() {
	t.keys = t.keys[:0]
	t.epoch++
}

// of returns the number of a key.
func (t *numbering) of(key uint32) uint32 {
	if 2*len(t.keys) >= len(t.slots) {
		t.grow()
	}
	s := t.slot(key)
	if s.epoch != t.epoch {
		*s = numberSlot{key, t.epoch, uint32(len(t.keys))}
		t.keys = append(t.keys, key)
	}
	return s.number
}

// slot returns the slot of a key, or the empty one that it belongs into.
func (t *numbering) slot(key uint32) *numberSlot {
	mask := uint64(len(t.slots) - 1)
	for i := uint64(key) * 0x9e3779b97f4a7c15 >> 32 & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.epoch != t.epoch || s.key == key {
			return s
		}
	}
}

func (t *numbering) grow() {
	t.slots, t.epoch = make([]numberSlot, max(64, 2*len(t.slots))), 1
	for n, k := range t.keys {
		*t.slot(k) = numberSlot{k, t.epoch, uint32(n)}
	}
}
