package engine

import "encoding/binary"

// targetSet is the distinct pairs of API and request among some calls, with
// marks for each. It is an open table whose entries are of the epoch in which
// they were set.
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

// Marks of a pair. A new one has none.
const (
	markSeen = 1 << iota
	markRefused
	markAnswered
)

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

// get returns the marks of a pair. They are valid until the next call of get.
func (s *targetSet) get(api uint32, target [6]byte) *uint8 {
	h := uint64(binary.LittleEndian.Uint32(target[:])) | uint64(api)<<32
	h ^= uint64(binary.LittleEndian.Uint16(target[4:])) << 16
	h *= 0x9e3779b97f4a7c15
	mask := uint64(len(s.slots) - 1)
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		if slot.epoch != s.epoch {
			*slot = targetSlot{api: api, epoch: s.epoch, target: target}
			return &slot.mark
		}
		if slot.api == api && slot.target == target {
			return &slot.mark
		}
	}
}

// targetIn is a call's target with its region: the same list in two regions is
// two requests.
func targetIn(c *call) [6]byte {
	t := c.target
	t[0] ^= byte(c.region)
	t[1] ^= byte(c.region >> 8)
	return t
}
