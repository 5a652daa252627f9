package engine

import (
	"cmp"
	"hash/maphash"
	"strings"
	"sync"

	"vedette/internal/event"
)

// context is who called and from where, as symbols: what many calls share.
type context struct {
	principal, name, account, recipient uint32
	session, key, label, creator        uint32
	address, endpoint, agent            uint32
	cloud                               event.Cloud
	kind                                event.ActorKind
}

// suffix marks a name or label that is the end of the context's principal,
// from the byte offset in the other bits on: the usual case, and a text saved.
const suffix = 1 << 31

// contextHash identifies a context: two independent 64-bit hashes over its
// parts, with seeds that no input can know.
type contextHash struct{ a, b uint64 }

// contexts is the table of all contexts of a run, filled by many goroutines.
type contexts struct {
	seedA, seedB maphash.Seed
	mu           sync.RWMutex
	hashes       []contextHash
	slots        []uint32
	chunks       [][]context
	n            int
}

const contextChunk = 1 << 12

func newContexts() *contexts {
	return &contexts{seedA: maphash.MakeSeed(), seedB: maphash.MakeSeed(), slots: make([]uint32, 1<<10)}
}

// at returns context number i.
func (c *contexts) at(i uint32) *context { return &c.chunks[i/contextChunk][i%contextChunk] }

func (c *contexts) find(h contextHash) (id uint32, slot int) {
	mask := len(c.slots) - 1
	for i := int(h.a) & mask; ; i = (i + 1) & mask {
		n := c.slots[i]
		if n == 0 {
			return 0, i
		}
		if c.hashes[n-1] == h {
			return n - 1, -1
		}
	}
}

// get returns the number of the context with hash h, made by build if it is
// new.
func (c *contexts) get(h contextHash, build func() context) uint32 {
	c.mu.RLock()
	id, slot := c.find(h)
	c.mu.RUnlock()
	if slot < 0 {
		return id
	}
	made := build()
	c.mu.Lock()
	defer c.mu.Unlock()
	if 2*(c.n+1) > len(c.slots) {
		c.slots = make([]uint32, 2*len(c.slots))
		mask := len(c.slots) - 1
		for i, h := range c.hashes {
			j := int(h.a) & mask
			for c.slots[j] != 0 {
				j = (j + 1) & mask
			}
			c.slots[j] = uint32(i) + 1
		}
	}
	if id, slot = c.find(h); slot < 0 {
		return id
	}
	id = uint32(c.n)
	if c.n%contextChunk == 0 {
		c.chunks = append(c.chunks, make([]context, contextChunk))
	}
	*c.at(id) = made
	c.hashes = append(c.hashes, h)
	c.n++
	c.slots[slot] = id + 1
	return id
}

// contextCache is one goroutine's view of the table: direct-mapped, so that
// the usual call costs one hash of its caller.
type contextCache struct {
	hashes []contextHash
	ids    []uint32
	buf    []byte
}

const contextSlots = 1 << 13

// context returns the number of the event's context.
func (e *Engine) context(cc *contextCache, ev *event.Event) uint32 {
	if cc.hashes == nil {
		cc.hashes = make([]contextHash, contextSlots)
		cc.ids = make([]uint32, contextSlots)
	}
	b := cc.buf[:0]
	b = append(b, byte(ev.Cloud), byte(ev.Actor.Kind))
	a := &ev.Actor
	for _, p := range [...][]byte{a.Principal, a.Name, ev.Account, ev.Recipient, a.Session, a.Key,
		a.Label, a.Creator, ev.Address, ev.Endpoint, ev.UserAgent} {
		b = append(b, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16))
		b = append(b, p...)
	}
	cc.buf = b
	h := contextHash{maphash.Bytes(e.contexts.seedA, b), maphash.Bytes(e.contexts.seedB, b)}
	i := h.b % contextSlots
	if cc.hashes[i] == h {
		return cc.ids[i]
	}
	id := e.contexts.get(h, func() context { return e.newContext(ev) })
	cc.hashes[i], cc.ids[i] = h, id
	return id
}

// maxText bounds what is kept of a text that callers choose.
const maxText = 1024

func (e *Engine) newContext(ev *event.Event) context {
	in := func(b []byte) uint32 {
		if len(b) > maxText {
			b = b[:maxText]
		}
		return e.symbols.intern(b)
	}
	a := &ev.Actor
	if a.Kind == event.AWSRole {
		// The end of the session, which is kept: labelOf does not ask for it.
		a.Label = nil
	}
	c := context{
		principal: in(a.Principal), account: in(ev.Account), recipient: in(ev.Recipient),
		session: in(a.Session), key: in(a.Key), creator: in(a.Creator),
		address: in(ev.Address), endpoint: in(ev.Endpoint), agent: in(ev.UserAgent),
		cloud: ev.Cloud, kind: a.Kind,
	}
	end := func(b []byte) uint32 {
		n := len(a.Principal) - len(b)
		if len(b) > 0 && n >= 0 && len(a.Principal) <= maxText && string(a.Principal[n:]) == string(b) {
			return suffix | uint32(n)
		}
		return in(b)
	}
	c.name, c.label = end(a.Name), end(a.Label)
	return c
}

// textOf returns the text of a name or label of the context.
func (e *Engine) textOf(c *context, s uint32) string {
	if s&suffix != 0 {
		return e.symbols.text(c.principal)[s&^suffix:]
	}
	return e.symbols.text(s)
}

// nameOf returns the context's name across accounts, or "".
func (e *Engine) nameOf(c *context) string {
	return e.textOf(c, c.name)
}

// label returns a name for people: the context's label, else what follows
// the last slash of the principal.
func (e *Engine) labelOf(c *context) string {
	if c.label != 0 && c.kind != event.AWSRole {
		return e.textOf(c, c.label)
	}
	p := e.symbols.text(c.principal)
	return p[strings.LastIndexByte(p, '/')+1:]
}

// compareContexts orders contexts by what they say, never by number.
func (e *Engine) compareContexts(a, b *context) int {
	return cmp.Or(
		cmp.Compare(a.cloud, b.cloud), cmp.Compare(a.kind, b.kind),
		e.compareTexts(a.principal, b.principal), e.compareTexts(a.account, b.account),
		e.compareTexts(a.session, b.session), e.compareTexts(a.key, b.key),
		e.compareTexts(a.address, b.address), e.compareTexts(a.agent, b.agent),
		e.compareTexts(a.endpoint, b.endpoint), e.compareTexts(a.recipient, b.recipient),
		e.compareTexts(a.creator, b.creator),
		strings.Compare(e.textOf(a, a.label), e.textOf(b, b.label)), strings.Compare(e.nameOf(a), e.nameOf(b)),
	)
}

// compareTexts orders symbols by their texts; a text goes before none.
func (e *Engine) compareTexts(x, y uint32) int {
	if x == y {
		return 0
	}
	if x == 0 || y == 0 {
		return cmp.Compare(y, x)
	}
	return strings.Compare(e.symbols.text(x), e.symbols.text(y))
}
