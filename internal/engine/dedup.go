package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"vedette/internal/event"
)

var errTooManyWindows = errors.New("more than 8 windows over all detections")

func compareInt[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

func compareString(a, b string) int { return strings.Compare(a, b) }

// dedup moves every act once from the store of calls to the store of groups
// and counts the copies it drops.
func (e *Engine) dedup(groups *store[call, *call]) (Stats, error) {
	var dropped, kept atomic.Int64
	type worker struct {
		calls []call
		keys  []keyOnly
		out   *storeWriter[call, *call]
	}
	var writers []*storeWriter[call, *call]
	err := parallel(e.opts.Workers, func() *worker {
		w := &worker{out: &storeWriter[call, *call]{s: groups}}
		e.copiesMu.Lock()
		writers = append(writers, w.out)
		e.copiesMu.Unlock()
		return w
	}, func(w *worker, p int) (err error) {
		if w.calls, err = e.calls.take(p, w.calls); err != nil {
			return fmt.Errorf("read back calls: %w", err)
		}
		if !e.opts.KeepCopies {
			n := len(w.calls)
			w.calls = e.distinct(w.calls)
			dropped.Add(int64(n - len(w.calls)))
			if w.keys, err = e.others.take(p, w.keys); err != nil {
				return fmt.Errorf("read back event ids: %w", err)
			}
			dropped.Add(int64(copiesOf(w.keys, w.calls)))
		}
		kept.Add(int64(len(w.calls)))
		for _, c := range w.calls {
			w.out.add(int(e.contexts.at(c.context).principal%partitions), c)
		}
		return nil
	})
	for _, w := range writers {
		w.flush()
	}
	return Stats{Duplicates: int(dropped.Load()), Scoring: int(kept.Load())}, err
}

// copiesOf counts the events that do not score and of which another copy was
// met: an equal key before, or a call, which are in order of key.
func copiesOf(keys []keyOnly, calls []call) (n int) {
	slices.SortFunc(keys, func(a, b keyOnly) int { return event.Key(a).Compare(event.Key(b)) })
	k := 0
	for i := range keys {
		key := event.Key(keys[i])
		for k < len(calls) && calls[k].key.Less(key) {
			k++
		}
		if i > 0 && keys[i] == keys[i-1] || k < len(calls) && calls[k].key == key {
			n++
		}
	}
	return n
}

// distinct keeps one call of each key, in place. The order that decides is
// total over content, so that it does not matter who came first.
func (e *Engine) distinct(calls []call) []call {
	slices.SortFunc(calls, func(a, b call) int {
		if a.key != b.key {
			return a.key.Compare(b.key)
		}
		return e.compareCopies(&a, &b)
	})
	out := calls[:0]
	for i := 0; i < len(calls); {
		j := i + 1
		for j < len(calls) && calls[j].key == calls[i].key {
			j++
		}
		if j-i > 1 && calls[i].shared() {
			e.noteCopies(calls[i:j])
		}
		out = append(out, calls[i])
		i = j
	}
	return out
}

// compareCopies orders copies of one act, the one to keep first: the terminal
// record of an operation, then the copy that knows its caller, then by
// content, then by where it lies.
func (e *Engine) compareCopies(a, b *call) int {
	if a.rank() != b.rank() {
		return b.rank() - a.rank()
	}
	if a.context != b.context || a.api != b.api || a.time != b.time || a.outcome != b.outcome ||
		a.reason != b.reason || a.region != b.region || a.id != b.id || a.target != b.target {
		if c := e.compareContent(a, b); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
}

func (e *Engine) compareContent(a, b *call) int {
	ca, cb := e.contexts.at(a.context), e.contexts.at(b.context)
	if ka, kb := vague(ca.kind), vague(cb.kind); ka != kb {
		if ka {
			return 1
		}
		return -1
	}
	if c := cmp.Or(
		cmp.Compare(a.time, b.time), e.compareContexts(ca, cb),
		cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.reason, b.reason),
		strings.Compare(e.regions.names[a.region], e.regions.names[b.region]), e.compareTexts(a.id, b.id),
	); c != 0 {
		return c
	}
	if a.api != b.api {
		x, y := e.api(a.api), e.api(b.api)
		return cmp.Or(strings.Compare(x.Service, y.Service), strings.Compare(x.Name, y.Name))
	}
	return 0
}

func (e *Engine) api(id uint32) *event.API { return e.registry.At(id) }

// vague reports whether a kind of principal says little of who called.
func vague(k event.ActorKind) bool {
	return k == event.UnknownActor || k == event.AWSAccount || k == event.GCPRedacted
}

// noteCopies remembers the accounts in which further copies of an act lie.
func (e *Engine) noteCopies(copies []call) {
	var accounts []uint32
	for i := range copies {
		c := e.contexts.at(copies[i].context)
		for _, a := range [...]uint32{c.account, c.recipient} {
			if a != 0 && !slices.Contains(accounts, a) {
				accounts = append(accounts, a)
			}
		}
	}
	e.copiesMu.Lock()
	e.copies[copies[0].key] = accounts
	e.copiesMu.Unlock()
}
