package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"

	"vedette/internal/event"
	"vedette/internal/finding"
	hist "vedette/internal/history"
)

// run is one evaluation.
type run struct {
	e       *Engine
	path    func(uint32) string
	apis    []*event.API
	origins *origins
	several map[uint64]bool
	wide    *store[call, *call]
	kinds   *kinds // where findings are judged

	campaignMu sync.Mutex
}

// found is a finding with what the second pass and the order need.
type found struct {
	finding.Finding
	first, last int64
	scope       string
	leftover    bool // of a plan that sees what others leave over
	wide        []uint64
	calls       []call // until its details are filled in
}

// groupWorker is what one goroutine needs to evaluate groups.
type groupWorker struct {
	*run
	tally tally
	calls []call
	fired []fired
	marks []bool
	out   []*found
	wideW *storeWriter[call, *call]

	rowsOut  []finding.Row
	profiles *hist.Pack // of its own, so that it can outlive the engine

	// Scratch of accountGroups.
	groups   map[accountGroup]uint32
	numbered []uint32 // by call: the number of its group
	ends     []int    // by group: where it ends among keys
	scores   []bool   // by group: some call of it is no note
	keys     []sortKey
	sorted   []call

	// Scratch of assemble.
	order              []int32
	perAPI             []apiCount
	symbolsA, symbolsB symbolCounts
	labelled           []labelled
	part, rest         []call
	sliceFired         []fired
	factWorker         factWorker
	whole              met                 // the contexts of a finding
	labels             numbering           // of the parts of a cut
	partOf             []uint32            // by context of the finding: its part
	parts              []slicePart         // of a cut
	noteOf             []uint32            // by note around the finding: its part
	partNotes          []call              // those notes, by part
	done               map[uint32][]int64  // by API: when notes say that it was done; nil until asked for
	notes              []call              // of the group
	followed           []uint8             // by API: 0 not asked yet, 1 no, 2 yes
	undone             map[uint32][]uint32 // by API, see undoing

	families map[uint32]string // of user agents
	stations []uint32          // by number of station: number of its network and client, plus one
	numbers  map[string]uint32 // of the names of networks and clients
	networks []string          // names by number
}

func (r *run) newWorker() *groupWorker {
	return &groupWorker{
		run: r, profiles: &hist.Pack{}, wideW: &storeWriter[call, *call]{s: r.wide}, groups: map[accountGroup]uint32{},
		families: map[uint32]string{}, numbers: map[string]uint32{},
	}
}

// accounts evaluates the groups (principal, account) and sets calls aside
// for the second pass.
func (r *run) accounts(groups *store[call, *call]) ([]*found, error) {
	r.several = r.origins.severalAccounts()
	var workers []*groupWorker
	err := parallel(r.e.opts.Workers, func() *groupWorker {
		w := r.newWorker()
		r.e.copiesMu.Lock()
		workers = append(workers, w)
		r.e.copiesMu.Unlock()
		return w
	}, func(w *groupWorker, p int) (err error) {
		if w.calls, err = groups.take(p, w.calls); err != nil {
			return err
		}
		w.accountGroups()
		return nil
	})
	var all []*found
	for _, w := range workers {
		w.wideW.flush()
		all = append(all, w.out...)
		r.e.rows = append(r.e.rows, w.rowsOut...)
		if w.profiles.Len() > 0 {
			r.e.profiles = append(r.e.profiles, w.profiles)
		}
	}
	slices.SortFunc(r.e.rows, compareRows)
	return all, err
}

// cutOf returns the symbol by which a principal is cut into sessions: the
// session, else the credential.
func cutOf(c *caller) uint32 {
	if c.session != 0 {
		return c.session
	}
	return c.key
}

// accountGroup is what the first pass groups by.
type accountGroup struct {
	principal, account, cut uint32
	cloud                   event.Cloud
}

func (w *groupWorker) accountGroups() {
	e := w.e
	// A group gets a number: calls are put in order of it by counting, and in
	// order of time within each.
	clear(w.groups)
	w.ends, w.scores, w.numbered = w.ends[:0], w.scores[:0], slices.Grow(w.numbered[:0], len(w.calls))
	last, number := ^uint32(0), uint32(0)
	for i := range w.calls {
		if id := e.contexts.callerOf(w.calls[i].context); id != last {
			last = id
			x := e.contexts.callers.at(id)
			g := accountGroup{x.principal, x.account, 0, x.cloud}
			if e.opts.BySession {
				g.cut = cutOf(x)
			}
			n, ok := w.groups[g]
			if !ok {
				n = uint32(len(w.groups))
				w.groups[g] = n
				w.ends, w.scores = append(w.ends, 0), append(w.scores, false)
			}
			number = n
		}
		w.numbered = append(w.numbered, number)
		w.ends[number]++
		if w.calls[i].windows != 0 {
			w.scores[number] = true
		}
	}
	start := 0
	for g, n := range w.ends {
		w.ends[g], start = start, start+n // where it starts; its end once it is filled
	}
	calls := w.calls
	w.keys = slices.Grow(w.keys[:0], len(calls))[:len(calls)]
	for i, g := range w.numbered {
		w.keys[w.ends[g]] = sortKey{calls[i].time, uint32(i)}
		w.ends[g]++
	}
	start = 0
	for g, end := range w.ends {
		keys := w.keys[start:end]
		start = end
		if !w.scores[g] {
			continue // notes alone
		}
		slices.SortFunc(keys, func(a, b sortKey) int {
			switch { // most of the sort is this: no call of a function
			case a.time < b.time:
				return -1
			case a.time > b.time:
				return 1
			}
			return compareCalls(&calls[a.call], &calls[b.call])
		})
		w.sorted = slices.Grow(w.sorted[:0], len(keys))
		for _, k := range keys {
			w.sorted = append(w.sorted, calls[k.call])
		}
		w.evaluate(w.sorted, groupKey{scope: "account"})
	}
	for i := range calls {
		if h, ok := w.origins.wideHash(calls[i].context); ok && w.several[h] {
			w.wideW.add(int(h%partitions), calls[i])
		}
	}
}

// sortKey stands for a call in a sort.
type sortKey struct {
	time int64
	call uint32 // index
}

// compareCalls is the order of calls within a group.
func compareCalls(a, b *call) int {
	switch {
	case a.time != b.time:
		return cmp.Compare(a.time, b.time)
	case a.key != b.key:
		return a.key.Compare(b.key)
	case a.file != b.file:
		return cmp.Compare(a.file, b.file)
	}
	return cmp.Compare(a.record, b.record)
}

// details fills in the findings that are to be told in full, which are the
// first in order.
func (r *run) details(found []*found) {
	if n := r.e.opts.Detail; n > 0 && n < len(found) {
		found = found[:n]
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(r.e.opts.Workers, len(found)) {
		wg.Go(func() {
			w := r.newWorker()
			for i := next.Add(1) - 1; i < int64(len(found)); i = next.Add(1) - 1 {
				w.detail(found[i])
			}
		})
	}
	wg.Wait()
}

// findingID is the hash of detection, group and the first event's id.
func findingID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
