package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	shares             []share             // by part
	noteOf             []uint32            // by note around the finding: its part
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

// groupKey says which pass a group belongs to.
type groupKey struct {
	scope string // "account" or "origin"
	// accounts are the findings of the accounts that a wide group touches.
	accounts []*found
}

// evaluate finds the findings of one group, whose calls are in order of
// (time, key): first those of the usual plans, then those of plans that see
// what these left over.
func (w *groupWorker) evaluate(calls []call, g groupKey) {
	if w.e.opts.Judge != nil {
		if calls = w.parted(calls); len(calls) == 0 {
			return
		}
	}
	p := pass{groupKey: g, learn: w.e.opts.Learn && g.scope == "account"}
	if w.e.opts.Judge != nil {
		p.base = w.begin(calls)
	}
	w.pass(&p, calls)
	if w.e.leftover {
		rest := calls
		if len(p.taken) > 0 {
			rest = w.rest[:0]
			from := 0
			for _, s := range p.taken {
				rest = append(rest, calls[from:s.start]...)
				from = s.end
			}
			rest = append(rest, calls[from:]...)
			w.rest = rest
		}
		p.leftover = true
		w.pass(&p, rest)
	}
	if p.learn {
		w.profile(calls, p.spans)
	}
}

// pass is one way over the calls of a group.
type pass struct {
	groupKey
	leftover bool
	base     history // from before the run
	learn    bool
	taken    []span // calls of findings, in order
	spans    []span // of these, those that are not learned
}

func (w *groupWorker) pass(p *pass, calls []call) {
	w.fired = w.e.sweep(&w.tally, calls, p.leftover, w.fired[:0])
	if len(w.fired) == 0 {
		return
	}
	if w.e.opts.Rows && p.scope == "account" {
		w.rows(calls, w.fired)
	}
	if len(w.e.windows) > 1 {
		slices.SortStableFunc(w.fired, func(a, b fired) int { return cmp.Compare(a.start, b.start) })
	}
	previous := ""
	past := p.base
	learned := 0 // calls before this are in the past, or were in findings
	for i := 0; i < len(w.fired); {
		j, cut := w.extent(calls, i)
		end := len(calls)
		if cut {
			end = w.fired[j].start
		}
		windows := w.fired[i:j]
		i = j
		m := w.members(calls, windows, end)
		if p.scope == "origin" && !w.campaign(m, p.accounts) {
			previous = ""
			continue
		}
		f := w.assemble(m, windows, p.groupKey)
		f.leftover = p.leftover
		start := windows[0].start
		if w.e.opts.Judge != nil && start > learned {
			past.learn(calls[learned:start])
		}
		for k := range windows {
			learned = max(learned, min(windows[k].end, end))
		}
		if w.e.opts.Judge != nil {
			w.judge(f, m, &past)
			past.add(&w.factWorker.whole)
		}
		if !p.leftover {
			p.taken = append(p.taken, span{start, learned})
			if w.e.opts.Benign == nil || !w.e.opts.Benign(f.ID) {
				p.spans = append(p.spans, span{start, learned})
			}
		}
		f.Continues = previous
		previous = ""
		if cut {
			previous = f.ID
		}
		w.out = append(w.out, f)
	}
}

// extent returns the firing windows [i, j) that make one finding: each shares
// a call with an earlier one or follows it within the quiet period. cut says
// that it ends because it grew too long.
func (w *groupWorker) extent(calls []call, i int) (j int, cut bool) {
	p := w.e.windows[w.fired[i].window].plan
	first := calls[w.fired[i].start].time
	last := w.lastOf(calls, &w.fired[i])
	end := w.fired[i].end
	for j = i + 1; j < len(w.fired); j++ {
		f := &w.fired[j]
		at := calls[f.start].time
		if f.start >= end && time.Duration(at-last) >= p.Quiet {
			return j, false
		}
		if p.MaxLength > 0 && time.Duration(at-first) >= p.MaxLength {
			return j, true
		}
		if f.end > end {
			end = f.end
		}
		last = max(last, w.lastOf(calls, f))
	}
	return j, false
}

// lastOf returns the time of the last call that a firing window selects.
func (w *groupWorker) lastOf(calls []call, f *fired) int64 {
	bit := w.e.windows[f.window].bit
	for i := f.end - 1; i > f.start; i-- {
		if calls[i].windows&bit != 0 {
			return calls[i].time
		}
	}
	return calls[f.start].time
}

// members returns the calls of a finding: the union of its firing windows,
// before the cut.
func (w *groupWorker) members(calls []call, windows []fired, limit int) []call {
	start, end := windows[0].start, 0
	for i := range windows {
		end = max(end, windows[i].end)
	}
	end = min(end, limit)
	if cap(w.marks) < end-start {
		w.marks = make([]bool, end-start)
	}
	marks := w.marks[:end-start]
	clear(marks)
	var done [maxWindows]int // up to where each window has marked
	for i := range windows {
		f := &windows[i]
		bit := w.e.windows[f.window].bit
		for k := max(f.start, done[f.window]); k < min(f.end, end); k++ {
			if calls[k].windows&bit != 0 {
				marks[k-start] = true
			}
		}
		done[f.window] = max(done[f.window], f.end)
	}
	n := 0
	for _, m := range marks {
		if m {
			n++
		}
	}
	out := make([]call, 0, n)
	for k, m := range marks {
		if m {
			out = append(out, calls[start+k])
		}
	}
	return out
}

// campaigns is the second pass: origins and names over all accounts. It
// links the findings of one campaign, and makes a finding of what no account
// shows by itself.
func (r *run) campaigns(accounts []*found) ([]*found, error) {
	byWide := map[uint64][]*found{}
	for _, f := range accounts {
		for _, h := range f.wide {
			byWide[h] = append(byWide[h], f)
		}
	}
	var workers []*groupWorker
	err := parallel(r.e.opts.Workers, func() *groupWorker {
		w := r.newWorker()
		r.e.copiesMu.Lock()
		workers = append(workers, w)
		r.e.copiesMu.Unlock()
		return w
	}, func(w *groupWorker, p int) (err error) {
		if w.calls, err = r.wide.take(p, w.calls); err != nil {
			return err
		}
		w.wideGroups(byWide)
		return nil
	})
	for _, w := range workers {
		accounts = append(accounts, w.out...)
	}
	return accounts, err
}

func (w *groupWorker) wideGroups(byWide map[uint64][]*found) {
	hash := make(map[uint32]uint64)
	for i := range w.calls {
		id := w.calls[i].context
		if _, ok := hash[id]; !ok {
			hash[id], _ = w.origins.wideHash(id)
		}
	}
	// The hash of a group goes into the sort once, in place of a look-up at
	// every comparison.
	calls := make([]wideCall, len(w.calls))
	for i, c := range w.calls {
		calls[i] = wideCall{hash[c.context], c}
	}
	slices.SortFunc(calls, func(a, b wideCall) int {
		if a.group != b.group {
			return cmp.Compare(a.group, b.group)
		}
		return compareCalls(&a.call, &b.call)
	})
	for i := range calls {
		w.calls[i] = calls[i].call
	}
	for i := 0; i < len(calls); {
		j := i + 1
		for j < len(calls) && calls[j].group == calls[i].group {
			j++
		}
		w.evaluate(w.calls[i:j], groupKey{scope: "origin", accounts: byWide[calls[i].group]})
		i = j
	}
}

type wideCall struct {
	group uint64
	call  call
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

// campaign looks at a burst of a wide group. Where accounts show it by
// themselves, their findings get one campaign id; else, if it touches several
// accounts, it is a finding of its own, and campaign returns true.
func (w *groupWorker) campaign(m []call, accounts []*found) bool {
	account := w.e.contexts.at(m[0].context).account
	if !slices.ContainsFunc(m, func(c call) bool { return w.e.contexts.at(c.context).account != account }) {
		return false
	}
	first, last := m[0].time, m[len(m)-1].time
	id := w.campaignID(m)
	own := false
	// A finding may belong to several wide groups, which are looked at side
	// by side.
	w.campaignMu.Lock()
	defer w.campaignMu.Unlock()
	for _, f := range accounts {
		if f.first <= last && first <= f.last {
			own = true
			if f.Campaign == "" || id < f.Campaign {
				f.Campaign = id
			}
		}
	}
	return !own
}

func (w *groupWorker) campaignID(m []call) string {
	wide, _ := w.origins.wideOf(m[0].context)
	return findingID("campaign", wide.text, string(m[0].key.AppendUUID(nil)))
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
