package engine

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"strings"

	"vedette/internal/event"
)

// caller is who called, as symbols.
type caller struct {
	principal, name, account     uint32
	session, key, label, creator uint32
	delegates                    uint32 // of creator, as event.Actor has them
	cloud                        event.Cloud
	kind                         event.ActorKind
	partial                      bool
}

// station is where a call came from and which further account recorded it,
// as symbols.
type station struct {
	address, endpoint, agent, recipient uint32
}

// context is a caller at a station: what many calls share.
type context struct {
	*caller
	*station
}

// suffix marks a name or label that is the end of the caller's principal,
// from the byte offset in the other bits on: the usual case, and a text saved.
const suffix = 1 << 31

// contexts are the callers, the stations, and which of them met, of a run.
// A call keeps the number of the meeting alone.
type contexts struct {
	callers  *table[hash128, caller]
	stations *table[hash128, station]
	meetings *table[meeting, struct{}]
}

func newContexts() *contexts {
	return &contexts{newTable[hash128, caller](), newTable[hash128, station](), newTable[meeting, struct{}]()}
}

// meeting is a caller and a station by number.
type meeting struct{ caller, station uint32 }

func (m meeting) slot() uint64 {
	hi, lo := bits.Mul64(uint64(m.caller)<<32|uint64(m.station), 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// at returns context number i.
func (c *contexts) at(i uint32) context {
	m := c.meetings.key(i)
	return context{c.callers.at(m.caller), c.stations.at(m.station)}
}

// callerOf returns the number of the caller of context number i.
func (c *contexts) callerOf(i uint32) uint32 { return c.meetings.key(i).caller }

// contextCache is one goroutine's view of the contexts: direct-mapped tables,
// the first of which answers for the usual call by one look-up.
type contextCache struct {
	contexts numberCache // by who called and from where, see meet
	callers  numberCache // by event.Actor.Ref, else by hash
	stations numberCache
	buf      []byte
}

func newContextCache() contextCache {
	return contextCache{contexts: make(numberCache, 1<<15), callers: make(numberCache, 1<<13), stations: make(numberCache, 1<<13)}
}

// numberCache holds the numbers of some keys, one at the place of each.
type numberCache []numbered

type numbered struct {
	key hash128 // no key is zero but by a chance of one in 2^128
	n   uint32
}

// at returns the place of a key. Its number is there if the key is.
func (c numberCache) at(key hash128) *numbered { return &c[key.a%uint64(len(c))] }

// meet is the hash of a caller at a station. No bit of the two is lost: that
// pairs which differ meet is as unlikely as that their parts do.
func meet(caller, station hash128) hash128 {
	const odd = 0x9e3779b97f4a7c15
	return hash128{caller.a*odd + station.a, caller.b*odd + station.b}
}

// context returns the number of the event's context.
func (e *Engine) context(cc *contextCache, ev *event.Event) uint32 {
	at := e.hashParts(cc, cc.buf[:0], ev.Address, ev.Endpoint, ev.UserAgent, ev.Recipient)
	ref := refOf(ev)
	if ref == (hash128{}) {
		ref = e.hashCaller(cc, ev)
	}
	key := meet(ref, at)
	hit := cc.contexts.at(key)
	if hit.key != key {
		m := meeting{e.caller(cc, ev, ref), e.station(cc, ev, at)}
		*hit = numbered{key, e.contexts.meetings.get(m, func() struct{} { return struct{}{} })}
	}
	return hit.n
}

// refOf is the hash that the decoder gave for the caller, or zero.
func refOf(ev *event.Event) hash128 { return hash128{ev.Actor.Ref[0], ev.Actor.Ref[1]} }

// caller returns the number of the event's caller, for which ref stands.
func (e *Engine) caller(cc *contextCache, ev *event.Event, ref hash128) uint32 {
	hit := cc.callers.at(ref)
	if hit.key != ref {
		whole := ref
		if refOf(ev) == ref {
			// Several elements of records may be one caller.
			whole = e.hashCaller(cc, ev)
		}
		*hit = numbered{ref, e.contexts.callers.get(whole, func() caller { return e.newCaller(ev) })}
	}
	return hit.n
}

func (e *Engine) hashCaller(cc *contextCache, ev *event.Event) hash128 {
	a := &ev.Actor
	b := append(cc.buf[:0], byte(ev.Cloud), byte(a.Kind))
	return e.hashParts(cc, b, a.Principal, a.Name, ev.Account, a.Session, a.Key, a.Label, a.Creator, a.Delegates)
}

// station returns the number of the event's station, whose hash is h.
func (e *Engine) station(cc *contextCache, ev *event.Event, h hash128) uint32 {
	hit := cc.stations.at(h)
	if hit.key != h {
		*hit = numbered{h, e.contexts.stations.get(h, func() station {
			in := e.symbols.internClipped
			return station{address: in(ev.Address), endpoint: in(ev.Endpoint), agent: in(ev.UserAgent), recipient: in(ev.Recipient)}
		})}
	}
	return hit.n
}

// hashParts hashes texts, each with its length before it.
func (e *Engine) hashParts(cc *contextCache, b []byte, parts ...[]byte) hash128 {
	for _, p := range parts {
		b = append(b, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16))
		b = append(b, p...)
	}
	cc.buf = b
	return hash128{maphash.Bytes(e.seedA, b), maphash.Bytes(e.seedB, b)}
}

func (e *Engine) newCaller(ev *event.Event) caller {
	in := e.symbols.internClipped
	a := &ev.Actor
	if a.Kind == event.AWSRole {
		// The end of the session, which is kept: labelOf does not ask for it.
		a.Label = nil
	}
	c := caller{
		principal: in(a.Principal), account: in(ev.Account), session: in(a.Session),
		key: in(a.Key), creator: in(a.Creator), delegates: in(a.Delegates), cloud: ev.Cloud, kind: a.Kind, partial: a.Partial,
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
func (e *Engine) textOf(c *caller, s uint32) string {
	if s&suffix != 0 {
		return e.symbols.text(c.principal)[s&^suffix:]
	}
	return e.symbols.text(s)
}

// nameOf returns the context's name across accounts, or "".
func (e *Engine) nameOf(c *caller) string {
	return e.textOf(c, c.name)
}

// label returns a name for people: the context's label, else what follows
// the last slash of the principal.
func (e *Engine) labelOf(c *caller) string {
	if c.label != 0 && c.kind != event.AWSRole {
		return e.textOf(c, c.label)
	}
	p := e.symbols.text(c.principal)
	return p[strings.LastIndexByte(p, '/')+1:]
}

// compareContexts orders contexts by what they say, never by number.
func (e *Engine) compareContexts(a, b context) int {
	return cmp.Or(
		cmp.Compare(a.cloud, b.cloud), cmp.Compare(a.kind, b.kind),
		e.compareTexts(a.principal, b.principal), e.compareTexts(a.account, b.account),
		e.compareTexts(a.session, b.session), e.compareTexts(a.key, b.key),
		e.compareTexts(a.address, b.address), e.compareTexts(a.agent, b.agent),
		e.compareTexts(a.endpoint, b.endpoint), e.compareTexts(a.recipient, b.recipient),
		e.compareTexts(a.creator, b.creator), e.compareTexts(a.delegates, b.delegates),
		strings.Compare(e.textOf(a.caller, a.label), e.textOf(b.caller, b.label)), strings.Compare(e.nameOf(a.caller), e.nameOf(b.caller)),
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
