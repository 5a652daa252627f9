// Package engine turns scoring events into findings: it drops copies of one
// act, lays windows over event time, joins what fires into bursts and bursts
// into findings, and looks for campaigns over several accounts.
//
// Events may come in any order, from any number of goroutines. What comes out
// depends on the events alone.
package engine

import (
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
	hist "vedette/internal/history"
	"vedette/internal/plan"
)

// Options says how a run counts.
type Options struct {
	// Plans are the detections to run; at most 16 windows in all.
	Plans []*plan.Plan
	// BySession groups by session (else credential) instead of by principal.
	BySession bool
	// KeepCopies switches deduplication off.
	KeepCopies bool
	// Memory bounds what calls take in memory, in bytes; what is over it
	// goes to temporary files. Zero means no bound.
	Memory int64
	// Workers is how many goroutines evaluate; at least 1.
	Workers int
	// Rows asks for a row a firing window, see [Engine.Rows].
	Rows bool
	// Detail is how many findings, in order, are told in full; the others have
	// their verdict, actor and figures alone. Zero means all.
	Detail int
	// Evidence is the greatest number of events a finding lists; negative
	// means all.
	Evidence int
	// Family names the client family of a user agent.
	Family func(agent []byte) string
	// Network names the network of an address, from --geoip or otherwise
	// the /24 or /48 it lies in; nil means [Network].
	Network func(address string) string
	// Judge, where set, judges the facts of each finding and of each of its
	// slices: findings are then in order of priority. It is called from many
	// goroutines. The facts are valid until it returns.
	Judge func(*finding.Facts) finding.Judgement
	// Priority, where set, is the priority that Judge gives, without the words:
	// it spares judging slices in full that are not the worst.
	Priority func(*finding.Facts) int
	// Judged, where set, is called with each judged finding and the facts of
	// the whole of it, Sources among them, and may change its judgement. The
	// finding has its id, actor, times and figures. It is called from many
	// goroutines. The facts are valid until it returns.
	Judged func(*finding.Finding, *finding.Facts)
	// Joined, where set, is called with the judgement of each finding of a
	// campaign and the number of accounts that the campaign's findings are of.
	Joined func(j *finding.Judgement, accounts int)
	// Notable says of an API that a call of it, made by who enumerates,
	// matters by itself; needed where Judge is set.
	Notable func(*event.API) bool
	// Baseline, where set, is what is known from before; see [hist.Baseline].
	Baseline *hist.Baseline
	// Learn asks for profiles, see [Engine.Profiles]. Benign says of a
	// finding's id that its calls are to be learned too.
	Learn  bool
	Benign func(id string) bool
	// TechniqueName gives the name of an ATT&CK technique, or "".
	TechniqueName func(id string) string
}

// Engine collects the calls of one run and evaluates them once.
type Engine struct {
	opts     Options
	registry *event.Registry
	windows  []*window
	symbols  *symbols
	contexts *contexts
	budget   budget
	leftover bool // some plan sees what others leave over
	calls    *store[call, *call]
	others   *store[keyOnly, *keyOnly]
	links    linkTable
	regions  regionTable

	seedA, seedB maphash.Seed // of texts
	targetSeed   maphash.Seed
	// copies holds the accounts of further copies of an act, by its key.
	copiesMu sync.Mutex
	copies   map[event.Key][]uint32

	first    atomic.Int64 // time of the first scoring event
	rows     []finding.Row
	profiles []*hist.Pack
}

// window is a plan's window as the engine runs it.
type window struct {
	plan   *plan.Plan
	spec   *plan.Window
	length int64
	bit    uint16
	least  int // calls without which it cannot fire
}

// Stats counts what a run did with its events.
type Stats struct {
	Duplicates int // copies dropped
	Scoring    int // scoring events left
	Spilled    int // tuples that went to disk
}

// New returns an engine for one run.
func New(reg *event.Registry, opts Options) (*Engine, error) {
	e := &Engine{
		opts: opts, registry: reg, symbols: newSymbols(), contexts: newContexts(),
		seedA: maphash.MakeSeed(), seedB: maphash.MakeSeed(), targetSeed: maphash.MakeSeed(), copies: map[event.Key][]uint32{},
	}
	if e.opts.Workers < 1 {
		e.opts.Workers = 1
	}
	if e.opts.Network == nil {
		e.opts.Network = Network
	}
	e.first.Store(math.MaxInt64)
	e.budget.max = opts.Memory
	if opts.Memory <= 0 {
		e.budget.max = 1 << 62
	}
	for _, p := range opts.Plans {
		e.leftover = e.leftover || p.Leftover
		for i := range p.Windows {
			if len(e.windows) == maxWindows {
				return nil, errTooManyWindows
			}
			w := &p.Windows[i]
			e.windows = append(e.windows, &window{
				plan: p, spec: w, length: int64(w.Length), bit: 1 << len(e.windows), least: least(w.Trigger),
			})
		}
	}
	e.calls = newStore[call](&e.budget, callSize, 256)
	e.others = newStore[keyOnly](&e.budget, 16, 512)
	return e, nil
}

// least is how many calls a trigger needs at least.
func least(c plan.Condition) int {
	n := 0
	for i, t := range c {
		if m := max(t.Events, t.DistinctAPIs, t.DistinctTargets); i == 0 || m < n {
			n = m
		}
	}
	return n
}

// Close removes temporary files.
func (e *Engine) Close() error { return e.budget.close() }

// Collector is one goroutine's way into the engine.
type Collector struct {
	e       *Engine
	cache   contextCache
	calls   storeWriter[call, *call]
	others  storeWriter[keyOnly, *keyOnly]
	matcher *plan.Matcher
	links   []link
	regions map[string]uint16
	dense   []byte // scratch: a request without its white space

	first      int64
	notability []uint8  // by API: 0 not asked yet, 1 no, 2 yes
	here       struct { // the region asked for last
		name   string
		number uint16
	}
}

// Collector returns a new collector; each goroutine needs its own.
func (e *Engine) Collector() *Collector {
	c := &Collector{e: e, cache: newContextCache(), regions: map[string]uint16{}, matcher: e.newMatcher(), first: math.MaxInt64}
	c.calls.s, c.others.s = e.calls, e.others
	return c
}

// newMatcher returns a matcher over the engine's windows, of which there are
// few enough for one.
func (e *Engine) newMatcher() *plan.Matcher {
	var selectors []*plan.Selector
	for _, w := range e.windows {
		selectors = append(selectors, &w.spec.Select)
	}
	m, err := plan.NewMatcher(selectors...)
	if err != nil {
		panic("engine: " + err.Error())
	}
	return m
}

// Add takes an event in. file and record say where it lies: file numbers are
// in order of path, records count from 0. ServiceMade in the result says that
// the event does not score only because the provider made the call itself.
func (c *Collector) Add(ev *event.Event, file, record uint32) Taken {
	mask := uint16(c.matcher.Match(ev.API, ev.Log, ev.Flags, ev.Outcome))
	if mask != 0 || ev.API.Class == event.ClassSession || ev.Has(event.ServiceMade) {
		// Who called matters; it may turn out that the provider did.
		ev.Resolve()
		mask = uint16(c.matcher.Match(ev.API, ev.Log, ev.Flags, ev.Outcome))
		if len(ev.Grant.Via) > 0 {
			c.link(ev)
		}
	}
	e := c.e
	part := int(ev.Key.Hi >> 58)
	noted := mask == 0 && e.opts.Judge != nil && c.noteworthy(ev)
	if mask == 0 && !noted {
		if !e.opts.KeepCopies {
			c.others.add(part, keyOnly(ev.Key))
		}
		if ev.Has(event.ServiceMade) && c.matcher.Match(ev.API, ev.Log, ev.Flags&^event.ServiceMade, ev.Outcome) != 0 {
			return ServiceMade
		}
		return Context
	}
	t := call{
		time: ev.Time, key: ev.Key, context: e.context(&c.cache, ev), api: ev.API.ID,
		region: c.region(ev.Region), file: file, record: record,
		answer: answerOf(ev.Outcome, ev.Reason), status: callStatus(min(ev.Rank, maxRank)), windows: mask,
	}
	if ev.Shared {
		t.status |= sharedCall
	}
	if ev.Has(event.Console) {
		t.status |= consoleCall
	}
	if ev.Has(event.NoMFA) {
		t.status |= noMFACall
	}
	if ev.Has(event.ServiceMade) {
		t.status |= madeCall
	}
	if k, ok := event.ParseUUID(ev.ID); !ok || k != ev.Key {
		t.id = e.symbols.internClipped(ev.ID)
	}
	if noted && !c.notable(ev.API) { // of a change it does not matter to what
		c.calls.add(part, t)
		return Context
	}
	if e.opts.Judge != nil && !noted && event.AsksForAll(ev.Cloud, ev.Target) {
		t.status |= openCall
	}
	t.target = c.target(ev.Target)
	c.calls.add(part, t)
	if noted {
		return Context
	}
	c.first = min(c.first, ev.Time)
	return Scored
}

// Taken says how an event counts.
type Taken uint8

// An event scores, or would but for who made the call, or is context.
const (
	Context Taken = iota
	ServiceMade
	Scored
)

// region numbers a region, through a map of the collector's own. A file is of
// one region as a rule.
func (c *Collector) region(r []byte) uint16 {
	if c.here.name == string(r) && len(r) > 0 {
		return c.here.number
	}
	if len(r) > maxText {
		r = r[:maxText]
	}
	name := string(r)
	n, ok := c.regions[name]
	if !ok {
		n = c.e.regions.number(name)
		c.regions[name] = n
	}
	c.here.name, c.here.number = name, n
	return n
}

// regionTable numbers the regions of a run. There are some dozens of them;
// made-up ones past the last number share it.
type regionTable struct {
	mu      sync.Mutex
	numbers map[string]uint16
	names   []string
}

const maxRegions = 1<<16 - 1

func (t *regionTable) number(name string) uint16 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.numbers[name]
	if ok {
		return n
	}
	if t.numbers == nil {
		t.numbers = map[string]uint16{}
	}
	if len(t.names) == maxRegions {
		t.names = append(t.names, "(others)")
	}
	n = uint16(min(len(t.names), maxRegions))
	if int(n) < maxRegions {
		t.names = append(t.names, name)
		t.numbers[name] = n
	}
	return n
}

// Close hands over what the collector still holds.
func (c *Collector) Close() {
	c.calls.flush()
	c.others.flush()
	for first := c.e.first.Load(); c.first < first && !c.e.first.CompareAndSwap(first, c.first); first = c.e.first.Load() {
	}
	c.e.links.add(c.links)
	c.links = nil
}

// Run evaluates everything that was collected. path names a file by number.
// It may be called once, after all collectors are closed.
func (e *Engine) Run(path func(file uint32) string) ([]finding.Finding, Stats, error) {
	if !e.opts.Rows {
		e.complete() // rows stand beside those of languages that cannot
	}
	groups := newStore[call](&e.budget, callSize, 256)
	groups.free = e.calls.free
	times := e.newActive()
	stats, err := e.dedup(groups, times)
	if err != nil {
		return nil, stats, err
	}
	origins := e.origins(times)
	wide := newStore[call](&e.budget, callSize, 256)
	wide.free = e.calls.free

	run := &run{e: e, path: path, apis: e.registry.All(), origins: origins, wide: wide}
	if e.opts.Judge != nil {
		run.kinds = newKinds(run.apis)
	}
	found, err := run.accounts(groups)
	if err != nil {
		return nil, stats, err
	}
	found, err = run.campaigns(found)
	if err != nil {
		return nil, stats, err
	}
	if e.opts.Joined != nil {
		joined(found, e.opts.Joined)
	}
	slices.SortFunc(found, compareFindings)
	run.details(found)
	out := make([]finding.Finding, len(found))
	for i, f := range found {
		out[i] = f.Finding
	}
	stats.Spilled = int(e.budget.spilled.Load())
	return out, stats, nil
}

// compareFindings is the order of findings: priority, risk, peak events,
// first seen, id.
func compareFindings(a, b *found) int {
	switch {
	case a.Priority != b.Priority:
		return b.Priority - a.Priority
	case a.RiskScore != b.RiskScore:
		return b.RiskScore - a.RiskScore
	case a.Peak.Events != b.Peak.Events:
		return b.Peak.Events - a.Peak.Events
	case a.first != b.first:
		return compareInt(a.first, b.first)
	}
	return compareString(a.ID, b.ID)
}

// parallel runs f for every part, on as many goroutines as are allowed, each
// with its own worker state, and returns the first error by part.
func parallel[W any](workers int, newWorker func() W, f func(w W, part int) error) error {
	var errs [partitions]error
	var wg sync.WaitGroup
	var next atomic.Int64
	for range workers {
		wg.Go(func() {
			w := newWorker()
			for p := next.Add(1) - 1; p < partitions; p = next.Add(1) - 1 {
				errs[p] = f(w, int(p))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// formatTime writes an instant as findings do.
func formatTime(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
