package engine

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// target hashes what a call asked for, with a seed that no input can know:
// who chooses what he asks for must not choose that it looks like one thing.
// How a JSON object is laid out says nothing of what was asked for. It is zero
// where nothing was.
func (c *Collector) target(asked []byte) [6]byte {
	if len(asked) > 0 && asked[0] == '{' && spaced(asked) {
		c.dense = dense(c.dense, asked)
		asked = c.dense
	}
	switch string(asked) {
	case "", "null", "{}":
		return [6]byte{}
	}
	h := maphash.Bytes(c.e.targetSeed, asked)
	return [6]byte{byte(h), byte(h >> 8), byte(h >> 16), byte(h >> 24), byte(h >> 32), byte(h >> 40)}
}

// spaced reports whether a text has white space of JSON anywhere, in quotes or
// not. Who indents with tabs breaks lines too. Most records are written without.
func spaced(b []byte) bool { return bytes.IndexByte(b, ' ') >= 0 || bytes.IndexByte(b, '\n') >= 0 }

// dense returns a JSON text without the white space outside its strings, in
// space's place.
func dense(space, text []byte) []byte {
	out := slices.Grow(space[:0], len(text))[:len(text)]
	n := 0
	quoted, escaped := false, false
	for _, c := range text {
		if c <= ' ' && !quoted && (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
			continue
		}
		if c == '"' && !escaped {
			quoted = !quoted
		}
		escaped = c == '\\' && !escaped
		out[n] = c
		n++
	}
	return out[:n]
}

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
