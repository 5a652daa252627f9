package engine

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"vedette/internal/event"
)

// link is one observed handing-out of a credential.
type link struct {
	time    int64
	key     event.Key // of the event
	from    uint32    // context of who asked for it
	issued  uint32    // symbol of the credential's id, or 0
	session uint32    // symbol of the session's ARN, or 0
	id      uint32    // symbol of the event's id, or 0 where the key is the id
	via     string
}

type linkTable struct {
	mu  sync.Mutex
	all []link
}

func (t *linkTable) add(l []link) {
	t.mu.Lock()
	t.all = append(t.all, l...)
	t.mu.Unlock()
}

// link notes what a call handed out.
func (c *Collector) link(ev *event.Event) {
	e := c.e
	l := link{
		time: ev.Time, key: ev.Key, from: e.context(&c.cache, ev),
		issued: e.symbols.intern(ev.Grant.Key), session: e.symbols.intern(ev.Grant.Session), via: ev.Grant.Via,
	}
	if k, ok := event.ParseUUID(ev.ID); !ok || k != ev.Key {
		l.id = e.symbols.intern(ev.ID)
	}
	c.links = append(c.links, l)
}

// origins resolves who stands behind each context, from observed links alone.
type origins struct {
	e *Engine
	// byKey and bySession lead from an issued credential to its link. A
	// session name can be taken by several callers: then it leads nowhere.
	byKey, bySession map[uint32]*link
	// behind marks the principals that stand behind some other context.
	behind map[uint32]bool
	memo   []originMemo // by caller
	wide   []uint64     // by caller: its group of the second pass, or 0
}

type originMemo struct {
	done   bool
	origin uint32 // symbol of the origin's principal, or 0
	kind   event.ActorKind
}

// maxChain bounds how far a chain is followed.
const maxChain = 16

func (e *Engine) origins() *origins {
	o := &origins{
		e: e, byKey: map[uint32]*link{}, bySession: map[uint32]*link{}, behind: map[uint32]bool{},
		memo: make([]originMemo, len(e.contexts.callers.keys)),
	}
	all := e.links.all
	slices.SortFunc(all, func(a, b link) int {
		return cmp.Or(cmp.Compare(a.time, b.time), a.key.Compare(b.key),
			strings.Compare(e.symbols.text(e.contexts.at(a.from).principal), e.symbols.text(e.contexts.at(b.from).principal)))
	})
	ambiguous := map[uint32]bool{}
	for i := range all {
		l := &all[i]
		if l.issued != 0 && o.byKey[l.issued] == nil {
			o.byKey[l.issued] = l
		}
		if l.session == 0 {
			continue
		}
		if old := o.bySession[l.session]; old == nil {
			o.bySession[l.session] = l
		} else if e.contexts.at(old.from).principal != e.contexts.at(l.from).principal {
			ambiguous[l.session] = true
		}
	}
	for s := range ambiguous {
		delete(o.bySession, s)
	}
	for i := range o.memo {
		if m := o.of(uint32(i)); m.origin != 0 {
			o.behind[m.origin] = true
		}
	}
	o.wide = make([]uint64, len(o.memo))
	for i := range o.wide {
		o.wide[i] = o.hashWide(uint32(i))
	}
	return o
}

// step returns the link that a caller's credential came from, or nil.
func (o *origins) step(c *caller) *link {
	if c.key != 0 {
		if l := o.byKey[c.key]; l != nil {
			return l
		}
	}
	if c.session != 0 {
		return o.bySession[c.session]
	}
	return nil
}

// issued reports whether each step from a caller back to its origin is by the
// id of an issued credential, and there is one.
func (o *origins) issued(c *caller) bool {
	for n := range maxChain {
		l := o.step(c)
		if l == nil {
			return n > 0
		}
		if c.key == 0 || o.byKey[c.key] != l {
			return false
		}
		c = o.e.contexts.at(l.from).caller
	}
	return false
}

// chain returns the links from a caller back to its origin, origin first.
func (o *origins) chain(c *caller) []*link {
	var chain []*link
	for range maxChain {
		l := o.step(c)
		if l == nil || slices.Contains(chain, l) {
			break
		}
		chain = append(chain, l)
		c = o.e.contexts.at(l.from).caller
	}
	slices.Reverse(chain)
	return chain
}

// of returns the origin of caller number id. A session that an AWS service handed
// out to its own workload has no origin but the workload.
func (o *origins) of(id uint32) originMemo {
	m := &o.memo[id]
	if m.done {
		return *m
	}
	m.done = true
	c := o.e.contexts.callers.at(id)
	if chain := o.chain(c); len(chain) > 0 {
		first := o.e.contexts.at(chain[0].from)
		if first.kind != event.AWSService {
			m.origin, m.kind = first.principal, first.kind
			return *m
		}
	}
	if c.creator != 0 {
		m.origin, m.kind = c.creator, event.UnknownActor
	}
	return *m
}

// wide is the group of the second pass that a caller belongs to: its origin
// over all accounts, else its name over all accounts.
type wide struct {
	text string
	kind event.ActorKind
	// origin tells an observed origin from a mere name.
	origin bool
}

// wideOf returns the group of the second pass of a context, or ok false where
// there is none.
func (o *origins) wideOf(id uint32) (w wide, ok bool) {
	return o.wideOfCaller(o.e.contexts.callerOf(id))
}

func (o *origins) wideOfCaller(id uint32) (w wide, ok bool) {
	e := o.e
	c := e.contexts.callers.at(id)
	if m := o.of(id); m.origin != 0 {
		return wide{e.symbols.text(m.origin), m.kind, true}, true
	}
	if o.behind[c.principal] {
		return wide{e.symbols.text(c.principal), c.kind, true}, true
	}
	if name := e.nameOf(c); name != "" {
		return wide{name, c.kind, false}, true
	}
	return wide{}, false
}

// wideHash stands for the wide group of a context in tables. ok is false where there is
// none.
func (o *origins) wideHash(id uint32) (h uint64, ok bool) {
	h = o.wide[o.e.contexts.callerOf(id)]
	return h, h != 0
}

// hashWide makes the hash of a caller, with a seed that no input can know.
func (o *origins) hashWide(id uint32) uint64 {
	w, ok := o.wideOfCaller(id)
	if !ok {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(o.e.targetSeed)
	scope := byte(o.e.contexts.callers.at(id).cloud)
	if w.origin {
		scope = 0xff
	}
	h.WriteByte(scope)
	h.WriteString(w.text)
	return h.Sum64() | 1
}

// severalAccounts returns the wide groups that touch two accounts or more.
func (o *origins) severalAccounts() map[uint64]bool {
	type touch struct {
		group   uint64
		account uint32
	}
	touches := make([]touch, 0, len(o.wide))
	for i, h := range o.wide {
		if h != 0 {
			touches = append(touches, touch{h, o.e.contexts.callers.at(uint32(i)).account})
		}
	}
	slices.SortFunc(touches, func(a, b touch) int { return cmp.Compare(a.group, b.group) })
	several := map[uint64]bool{}
	for i := 1; i < len(touches); i++ {
		if a, b := touches[i-1], touches[i]; a.group == b.group && a.account != b.account {
			several[b.group] = true
		}
	}
	return several
}
