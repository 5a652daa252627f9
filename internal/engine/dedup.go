package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"vedette/internal/event"
)

var errTooManyWindows = fmt.Errorf("more than %d windows over all detections", maxWindows)

func compareInt[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

func compareString(a, b string) int { return strings.Compare(a, b) }

// dedup moves every act once from the store of calls to the store of groups
// and counts the copies it drops. It notes in times, where there are any, from
// when to when each caller called.
func (e *Engine) dedup(groups *store[call, *call], times []active) (Stats, error) {
	var dropped, kept atomic.Int64
	type worker struct {
		calls []call
		keys  []keyOnly
		set   keySet
		out   *storeWriter[call, *call]
	}
	var writers []*storeWriter[call, *call]
	err := parallel(e.opts.Workers, func() *worker {
		w := &worker{out: &storeWriter[call, *call]{s: groups}, set: newKeySet()}
		e.copiesMu.Lock()
		writers = append(writers, w.out)
		e.copiesMu.Unlock()
		return w
	}, func(w *worker, p int) (err error) {
		if w.calls, err = e.calls.take(p, w.calls); err != nil {
			return fmt.Errorf("read back calls: %w", err)
		}
		if !e.opts.KeepCopies {
			if w.keys, err = e.others.take(p, w.keys); err != nil {
				return fmt.Errorf("read back event ids: %w", err)
			}
			n := len(w.calls)
			w.set.reset(n + len(w.keys))
			w.calls = e.distinct(w.calls, &w.set)
			dropped.Add(int64(n - len(w.calls)))
			dropped.Add(int64(w.set.copiesOf(w.keys, w.calls)))
		}
		scoring := 0
		for _, c := range w.calls {
			if c.windows != 0 {
				scoring++
			}
			if times != nil {
				times[e.contexts.callerOf(c.context)].add(c.time)
			}
			w.out.add(int(e.contexts.at(c.context).principal%partitions), c)
		}
		kept.Add(int64(scoring))
		return nil
	})
	for _, w := range writers {
		w.flush()
	}
	return Stats{Duplicates: int(dropped.Load()), Scoring: int(kept.Load())}, err
}

// keySet numbers the keys of one part. It is an open-addressing table of
// places in a list, kept from part to part.
type keySet struct {
	seed  [2]uint64
	slots []int32 // place in the list, plus one
	mask  uint64
}

func newKeySet() keySet { return keySet{seed: [2]uint64{rand.Uint64(), rand.Uint64()}} }

// reset empties the set and makes room for n keys.
func (s *keySet) reset(n int) {
	size := 1 << bits.Len(uint(2*n))
	if cap(s.slots) < size {
		s.slots = make([]int32, size)
	} else {
		s.slots = s.slots[:size]
		clear(s.slots)
	}
	s.mask = uint64(size - 1)
}

// slot returns the slot of a key: the one for which is says that it holds
// the key, else the empty one that it belongs into.
func (s *keySet) slot(k event.Key, is func(place int32) bool) *int32 {
	// The parts of a store share the first bits of a key, and who wrote a log
	// may choose them all: both halves are met by random seeds, since one that
	// is known could be chosen so that all keys meet in one slot. The second
	// product brings what differs in high bits down to those that count.
	hi, lo := bits.Mul64(k.Hi^s.seed[0], k.Lo^s.seed[1])
	hi, lo = bits.Mul64(hi^lo, 0x9e3779b97f4a7c15)
	for i := (hi ^ lo) & s.mask; ; i = (i + 1) & s.mask {
		if p := &s.slots[i]; *p == 0 || is(*p-1) {
			return p
		}
	}
}

// copiesOf counts the events that do not score and of which another copy was
// met: a call, or an equal key before. The set is of the calls' keys, has room
// for the others, and becomes one of both.
func (s *keySet) copiesOf(keys []keyOnly, calls []call) (n int) {
	key := func(i int32) event.Key {
		if int(i) < len(calls) {
			return calls[i].key
		}
		return event.Key(keys[int(i)-len(calls)])
	}
	for i := range keys {
		k := event.Key(keys[i])
		if p := s.slot(k, func(j int32) bool { return key(j) == k }); *p == 0 {
			*p = int32(len(calls)+i) + 1
		} else {
			n++
		}
	}
	return n
}

// distinct keeps one call of each key, in place, and enters their keys into the
// set, which is empty. The order that decides is total over content, so that it
// does not matter who came first.
func (e *Engine) distinct(calls []call, s *keySet) []call {
	out := calls[:0]
	var copies []call // of those kept, which are among them
	for _, c := range calls {
		p := s.slot(c.key, func(i int32) bool { return out[i].key == c.key })
		if *p == 0 {
			out = append(out, c)
			*p = int32(len(out))
			continue
		}
		kept := &out[*p-1]
		if e.compareCopies(&c, kept) < 0 {
			*kept, c = c, *kept
		}
		copies = append(copies, c)
	}
	slices.SortFunc(copies, func(a, b call) int {
		return cmp.Or(a.key.Compare(b.key), bytes.Compare(a.target[:], b.target[:]))
	})
	for i := 0; i < len(copies); {
		j := i + 1
		for j < len(copies) && copies[j].key == copies[i].key {
			j++
		}
		key := copies[i].key
		kept := &out[*s.slot(key, func(i int32) bool { return out[i].key == key })-1]
		e.joinTargets(kept, copies[i:j])
		if kept.shared() {
			e.noteCopies(*kept, copies[i:j])
		}
		i = j
	}
	return out
}

// joinTargets gives a call that has copies which differ from it in nothing but
// what was asked for a target that stands for all of theirs. Hashes of targets
// have a seed of the run, so that which of them is less decides nothing. The
// copies are in order of target.
func (e *Engine) joinTargets(kept *call, copies []call) {
	own := kept.target
	last := own
	for i := range copies {
		c := &copies[i]
		if c.target == own || c.target == last || e.compareContent(c, kept) != 0 {
			continue
		}
		last = c.target
		for k := range kept.target {
			kept.target[k] ^= c.target[k]
		}
	}
}

// compareCopies orders copies of one act, the one to keep first: by content,
// then by where it lies.
func (e *Engine) compareCopies(a, b *call) int {
	return cmp.Or(e.compareContent(a, b), cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
}

// compareContent orders copies of one act by all that is kept of them but
// where they lie and which target they have, the one to keep first: the
// terminal record of an operation, then what scores before a note, then the
// copy that knows its caller, then the one that knows what was asked for.
func (e *Engine) compareContent(a, b *call) int {
	if a.rank() != b.rank() {
		return b.rank() - a.rank()
	}
	if (a.windows == 0) != (b.windows == 0) {
		return compareInt(b.windows, a.windows)
	}
	if a.context == b.context && a.api == b.api && a.time == b.time && a.answer == b.answer && a.region == b.region &&
		a.id == b.id && a.asks() == b.asks() && a.status == b.status && a.windows == b.windows {
		return 0 // as copies mostly are
	}
	ca, cb := e.contexts.at(a.context), e.contexts.at(b.context)
	if ka, kb := vague(ca.kind), vague(cb.kind); ka != kb {
		if ka {
			return 1
		}
		return -1
	}
	if a.asks() != b.asks() {
		if a.asks() {
			return -1
		}
		return 1
	}
	if c := cmp.Or(
		cmp.Compare(a.time, b.time), e.compareContexts(ca, cb),
		cmp.Compare(a.outcome(), b.outcome()), cmp.Compare(a.reason(), b.reason()),
		strings.Compare(e.regions.names[a.region], e.regions.names[b.region]), e.compareTexts(a.id, b.id),
	); c != 0 {
		return c
	}
	if a.api != b.api {
		x, y := e.api(a.api), e.api(b.api)
		if c := cmp.Or(strings.Compare(x.Service, y.Service), strings.Compare(x.Name, y.Name)); c != 0 {
			return c
		}
	}
	// A bit is set where the record says so: the copy that says more.
	return cmp.Or(compareInt(b.status, a.status), compareInt(b.windows, a.windows))
}

func (e *Engine) api(id uint32) *event.API { return e.registry.At(id) }

// vague reports whether a kind of principal says little of who called.
func vague(k event.ActorKind) bool {
	return k == event.UnknownActor || k == event.AWSAccount || k == event.GCPRedacted
}

// noteCopies remembers the accounts in which the copies of an act lie.
func (e *Engine) noteCopies(kept call, copies []call) {
	var accounts []uint32
	note := func(c *call) {
		x := e.contexts.at(c.context)
		for _, a := range [...]uint32{x.account, x.recipient} {
			if a != 0 && !slices.Contains(accounts, a) {
				accounts = append(accounts, a)
			}
		}
	}
	note(&kept)
	for i := range copies {
		note(&copies[i])
	}
	e.copiesMu.Lock()
	e.copies[kept.key] = accounts
	e.copiesMu.Unlock()
}
