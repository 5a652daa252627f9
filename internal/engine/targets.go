package engine

import "encoding/binary"

// targetSet is the distinct pairs of API and request among some calls, with a
// mark for each: 0 new, 1 seen, 2 refused. It is an open table whose entries
// are of the epoch in which they were set.
type targetSet struct {
	epoch uint32
	slots []targetSlot
}

type targetSlot struct {
	api    uint32
	epoch  uint32
	target [6]byte
	mark   uint8
}

// begin empties the set and makes room for a number of calls.
func (s *targetSet) begin(calls int) {
	s.epoch++
	n := 64
	for n < 2*calls {
		n *= 2
	}
	if n > len(s.slots) {
		s.slots, s.epoch = make([]targetSlot, n), 1
	}
}

// get returns the mark of a call's pair. It is valid until the next call of get.
func (s *targetSet) get(c *call) *uint8 {
	h := uint64(binary.LittleEndian.Uint32(c.target[:])) | uint64(c.api)<<32
	h ^= uint64(binary.LittleEndian.Uint16(c.target[4:])) << 16
	h *= 0x9e3779b97f4a7c15
	mask := uint64(len(s.slots) - 1)
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		if slot.epoch != s.epoch {
			*slot = targetSlot{api: c.api, epoch: s.epoch, target: c.target}
			return &slot.mark
		}
		if slot.api == c.api && slot.target == c.target {
			return &slot.mark
		}
	}
}
