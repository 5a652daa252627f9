package aws

import "hash/maphash"

// identityCache keeps resolved identities by the hash of the element: the
// same few callers fill most of a trail. It is direct-mapped and of fixed
// size, so that an intruder who mints sessions cannot make it grow.
type identityCache struct {
	hashes []identityHash // by slot; apart, since they are looked at first
	slots  []identity
	large  identity // too long to be kept: the last one alone
	parts  parts    // of the one being resolved
}

// identityHash stands for an element: to compare its bytes would fetch some
// 500 of them from far away each time.
type identityHash [2]uint64

const (
	identitySlots = 1 << 14
	// maxIdentity bounds the element that a slot keeps, in bytes; real ones
	// have a few hundred.
	maxIdentity = 4 << 10
)

// identitySeeds are of all decoders of a process, so that an element has one
// [event.Actor] Ref in all of them. No input can know them.
var identitySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func (c *identityCache) get(raw []byte) (*identity, identityHash) {
	if c.slots == nil {
		c.hashes = make([]identityHash, identitySlots)
		c.slots = make([]identity, identitySlots)
	}
	hash := identityHash{maphash.Bytes(identitySeeds[0], raw), maphash.Bytes(identitySeeds[1], raw)}
	if len(raw) > maxIdentity {
		c.large = identity{}
		c.large.resolve(raw, &c.parts)
		return &c.large, hash
	}
	i := hash[0] % identitySlots
	id := &c.slots[i]
	if c.hashes[i] != hash {
		id.resolve(raw, &c.parts)
		c.hashes[i] = hash
	}
	return id, hash
}
