package engine

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
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
	before  *link // that led to who asked, once all links are known
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

// maxSession is the longest that a credential which a call hands out lives:
// 36 hours, of GetSessionToken and GetFederationToken of an IAM user (AWS STS
// API Reference, DurationSeconds). Sessions of roles and of the console live
// 12 hours, those of the root user one.
const maxSession = int64(36 * time.Hour)

// active is the time from a caller's first call to its last.
type active struct{ first, last atomic.Int64 }

func (s *active) add(t int64) {
	for old := s.first.Load(); t < old && !s.first.CompareAndSwap(old, t); old = s.first.Load() {
	}
	for old := s.last.Load(); t > old && !s.last.CompareAndSwap(old, t); old = s.last.Load() {
	}
}

// newActive returns no time yet for each caller, or nil where there are no
// links: then nobody asks for it.
func (e *Engine) newActive() []active {
	if len(e.links.all) == 0 {
		return nil
	}
	times := make([]active, e.contexts.callers.len())
	for i := range times {
		times[i].first.Store(math.MaxInt64)
		times[i].last.Store(math.MinInt64)
	}
	return times
}

// origins resolves who stands behind each context, from observed links alone.
// A link counts for calls that it does not come after. One by the name of a
// session, which may be used again, must not come before them by more than a
// credential lives; the id of a key is of one credential alone.
type origins struct {
	e *Engine
	// byKey and bySession are the links in order of the credential that they
	// issued, or of the session, and of time. A session name can be taken by
	// several callers: then it leads nowhere.
	byKey, bySession []*link
	// behind marks the principals that stand behind some other context.
	behind map[uint32]bool
	memo   []originMemo // by caller, over all its calls
	wide   []uint64     // by caller: its group of the second pass, or 0
}

type originMemo struct {
	linked bool   // a link leads to the caller
	cut    bool   // the chain is longer than is followed
	origin uint32 // symbol of the origin's principal, or 0
	kind   event.ActorKind
}

func (e *Engine) origins(times []active) *origins {
	o := &origins{e: e, behind: map[uint32]bool{}, memo: make([]originMemo, e.contexts.callers.len())}
	all := e.sortedLinks()
	for i := range all {
		l := &all[i]
		times[e.contexts.callerOf(l.from)].add(l.time)
		if l.issued != 0 {
			o.byKey = append(o.byKey, l)
		}
		if l.session != 0 {
			o.bySession = append(o.bySession, l)
		}
	}
	sortBy(issuedKey, o.byKey)
	sortBy(issuedSession, o.bySession)
	o.byKey = withoutCopies(o.byKey)
	o.bySession = withoutCopies(e.ofOnePrincipal(o.bySession))
	for i := range all {
		l := &all[i]
		l.before = o.step(e.contexts.at(l.from).caller, l.time, l.time)
	}
	for i := range o.memo {
		first, last := int64(math.MaxInt64), int64(math.MinInt64)
		if times != nil {
			first, last = times[i].first.Load(), times[i].last.Load()
		}
		o.memo[i] = o.resolve(e.contexts.callers.at(uint32(i)), first, last)
		if m := o.memo[i]; m.origin != 0 {
			o.behind[m.origin] = true
		}
	}
	o.wide = make([]uint64, len(o.memo))
	for i := range o.wide {
		o.wide[i] = o.hashWide(uint32(i))
	}
	return o
}

// sortedLinks returns the links in order of time.
func (e *Engine) sortedLinks() []link {
	slices.SortFunc(e.links.all, func(a, b link) int {
		if c := cmp.Or(cmp.Compare(a.time, b.time), a.key.Compare(b.key)); c != 0 {
			return c
		}
		x, y := e.contexts.at(a.from), e.contexts.at(b.from)
		return cmp.Or(strings.Compare(e.symbols.text(x.principal), e.symbols.text(y.principal)), e.compareContexts(x, y))
	})
	return e.links.all
}

func issuedKey(l *link) uint32     { return l.issued }
func issuedSession(l *link) uint32 { return l.session }

// sortBy orders links by a symbol of theirs, and then as they are.
func sortBy(of func(*link) uint32, list []*link) {
	slices.SortStableFunc(list, func(a, b *link) int { return cmp.Compare(of(a), of(b)) })
}

// withoutCopies keeps the first of the links that copies of one call gave.
func withoutCopies(list []*link) []*link {
	return slices.CompactFunc(list, func(a, b *link) bool {
		return a.key == b.key && a.issued == b.issued && a.session == b.session && a.time == b.time
	})
}

// ofOnePrincipal drops the sessions that several principals obtained, from
// links in order of session.
func (e *Engine) ofOnePrincipal(list []*link) []*link {
	kept := list[:0]
	for i := 0; i < len(list); {
		j, one := i+1, true
		for ; j < len(list) && list[j].session == list[i].session; j++ {
			one = one && e.contexts.at(list[j].from).principal == e.contexts.at(list[i].from).principal
		}
		if one {
			kept = append(kept, list[i:j]...)
		}
		i = j
	}
	return kept
}

// step returns the link that a caller's credential came from, as calls
// between two times show it, or nil.
func (o *origins) step(c *caller, first, last int64) *link {
	if c.key != 0 {
		if l := nearest(o.byKey, issuedKey, c.key, math.MinInt64, first, last); l != nil {
			return l
		}
	}
	if c.session != 0 {
		return nearest(o.bySession, issuedSession, c.session, first-maxSession, first, last)
	}
	return nil
}

// nearest returns, of the links to a symbol from a time on, the last one before
// the first call, else the first one before the last call.
func nearest(list []*link, of func(*link) uint32, symbol uint32, from, first, last int64) *link {
	after, _ := slices.BinarySearchFunc(list, symbol, func(l *link, symbol uint32) int {
		if c := cmp.Compare(of(l), symbol); c != 0 {
			return c
		}
		if l.time <= first {
			return -1
		}
		return 1
	})
	if i := after - 1; i >= 0 && of(list[i]) == symbol && list[i].time >= from && first <= last {
		return list[i]
	}
	if after < len(list) && of(list[after]) == symbol && list[after].time <= last {
		return list[after]
	}
	return nil
}

// issued reports whether each step from a caller back to its origin is by the
// id of an issued credential, and there is one.
func (o *origins) issued(c *caller, first, last int64) bool {
	chain, cut := o.chain(c, first, last)
	if cut {
		return false
	}
	for i := len(chain) - 1; i >= 0; i-- {
		l := chain[i]
		if c.key == 0 || l.issued != c.key {
			return false
		}
		c = o.e.contexts.at(l.from).caller
	}
	return len(chain) > 0
}

// chain returns the links from a caller, as calls between two times show it,
// back to its origin, origin first; cut says that it goes on before.
func (o *origins) chain(c *caller, first, last int64) (chain []*link, cut bool) {
	for l := o.step(c, first, last); l != nil && !comesBack(chain, l); l = l.before {
		if len(chain) == finding.MaxChain {
			cut = true
			break
		}
		chain = append(chain, l)
	}
	slices.Reverse(chain)
	return chain, cut
}

// comesBack reports whether a chain comes back to a link. Links do not go forward in
// time, so that it lies among the last ones.
func comesBack(chain []*link, l *link) bool {
	for i := len(chain) - 1; i >= 0 && chain[i].time == l.time; i-- {
		if chain[i] == l {
			return true
		}
	}
	return false
}

// of returns the origin of caller number id, as calls between two times show
// it.
func (o *origins) of(id uint32, first, last int64) originMemo {
	if m := o.memo[id]; !m.linked {
		return m // no time is as wide as that of all its calls
	}
	return o.resolve(o.e.contexts.callers.at(id), first, last)
}

// resolve finds the origin of a caller. A session that an AWS service handed
// out to its own workload has no origin but the workload.
func (o *origins) resolve(c *caller, first, last int64) (m originMemo) {
	if chain, cut := o.chain(c, first, last); len(chain) > 0 {
		m.linked, m.cut = true, cut
		origin := o.e.contexts.at(chain[0].from)
		if origin.kind != event.AWSService {
			m.origin, m.kind = origin.principal, origin.kind
			return m
		}
	}
	if c.creator != 0 {
		m.origin, m.kind = c.creator, event.UnknownActor
	}
	return m
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
// there is none. Over all accounts a caller is taken whole, with the origin
// that all its calls show.
func (o *origins) wideOf(id uint32) (w wide, ok bool) {
	return o.wideOfCaller(o.e.contexts.callerOf(id))
}

func (o *origins) wideOfCaller(id uint32) (w wide, ok bool) {
	e := o.e
	c := e.contexts.callers.at(id)
	if m := o.memo[id]; m.origin != 0 {
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
