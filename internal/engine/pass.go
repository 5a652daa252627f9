package engine

import (
	"cmp"
	"slices"
	"time"
)

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
