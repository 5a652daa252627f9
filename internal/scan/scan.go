// Package scan is the batch run: from files to findings, a summary of what
// was read and what was lost, and the coverage verdict.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vedette/internal/cloud"
	"vedette/internal/cloud/shape"
	"vedette/internal/coverage"
	"vedette/internal/detection"
	"vedette/internal/engine"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/history"
	"vedette/internal/plan"
	"vedette/internal/seed"
)

// Options says what to scan and how.
type Options struct {
	// Paths are files, folders, patterns, or "-" for Stdin.
	Paths []string
	Stdin io.Reader
	// Providers are the clouds to read.
	Providers []cloud.Provider
	// Engine holds the detections and how to count; its Workers is also the
	// number of files read at a time.
	Engine engine.Options
	// Seed, where set, replaces the engine: the result has Rows.
	Seed *detection.Seed
	// Progress, where set, is kept up to date while files are read.
	Progress *Progress

	visitor func() Visitor // set by Visit
}

// Progress is how far a scan has come; safe for concurrent use.
type Progress struct {
	Total   atomic.Int64 // compressed bytes to read
	Done    atomic.Int64 // compressed bytes of files finished
	Records atomic.Int64
}

// Result is what a scan gives.
type Result struct {
	Report finding.Report
	// Rows is the seed profile's result, or that of [engine.Options].Rows.
	Rows []finding.Row
	// Profiles are what was learned, where [engine.Options].Learn is set.
	Profiles []*history.Pack
	// First and Last are the times of the first and last event, in
	// nanoseconds; equal to zero when there is none.
	First, Last int64
	// Days counts the UTC days on which there is an event.
	Days int
}

// ErrNothing says that none of the paths led to a file.
var ErrNothing = errors.New("no file to read")

// tally is one worker's share of the summary.
type tally struct {
	records, events, skipped, unparsed int
	serviceMade                        []int // by evaluation
	bytes                              int64
	first, last                        int64
	day                                int64              // of the event before, from 1970 on
	days                               map[int64]struct{} // with events
	logs                               [event.NumLogs]struct{ records, events int }
	files                              []fileTally
}

type fileTally struct {
	file     int
	problems []finding.Problem
	lost     int
	notLog   bool
}

// Run scans. Input that cannot be read costs only itself: it is named in the
// summary. The error is of the run as a whole.
func Run(ctx context.Context, opts Options) (*Result, error) {
	results, err := evaluate(ctx, opts, opts.Engine)
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// Compare reads once and evaluates twice: as opts say, and with other options
// of the engine. Each result is what [Run] gives with these. Both evaluations
// hold their calls at the same time, each within its own Memory. The seed
// profile has none: Seed must not be set.
func Compare(ctx context.Context, opts Options, other engine.Options) (before, after *Result, err error) {
	results, err := evaluate(ctx, opts, opts.Engine, other)
	if err != nil {
		return nil, nil, err
	}
	return results[0], results[1], nil
}

// evaluate reads the input and gives a result for each set of the engine's
// options; the first says how many workers read.
func evaluate(ctx context.Context, opts Options, sets ...engine.Options) ([]*Result, error) {
	files, problems, cleanup, err := inputs(&opts)
	defer cleanup()
	if err != nil {
		return nil, err
	}
	reg, shapes, err := tables(opts.Providers)
	if err != nil {
		return nil, err
	}
	engines := make([]*engine.Engine, len(sets))
	for i, set := range sets {
		if engines[i], err = engine.New(reg, set); err != nil {
			return nil, err
		}
		defer engines[i].Close()
	}
	workers, err := readAll(ctx, &opts, reg, shapes, engines, files)
	if err != nil {
		return nil, err
	}
	cov := coverage.NewCounter()
	for _, w := range workers {
		cov.Merge(w.coverage)
	}
	results := make([]*Result, len(sets))
	for i := range sets {
		res := &Result{}
		sum := summarise(res, i, workers, files, problems)
		if res.Report.Coverage, err = cov.Report(); err != nil {
			return nil, err
		}
		if results[i], err = conclude(res, sum, &opts, &sets[i], engines[i], workers, files); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// inputs finds the files to read; that there is none is an error which says
// where none was.
func inputs(opts *Options) (files []input, problems []finding.Problem, cleanup func(), err error) {
	files, problems, cleanup, err = expand(opts.Paths, opts.Stdin)
	if err != nil || len(files) > 0 {
		return files, problems, cleanup, err
	}
	err = ErrNothing
	if empty := folders(opts.Paths); len(empty) > 0 {
		err = fmt.Errorf("%w in %s", err, strings.Join(empty, ", "))
	}
	for _, p := range problems {
		err = fmt.Errorf("%w\n%s: %s", err, p.File, p.Reason)
	}
	return nil, problems, cleanup, err
}

// tables loads what readers need, both at the same time: it is most of what a
// small scan takes.
func tables(providers []cloud.Provider) (reg *event.Registry, shapes shape.Tables, err error) {
	loaded := make(chan error)
	go func() {
		var err error
		shapes, err = shape.Load()
		loaded <- err
	}()
	reg, err = registry(providers)
	// A statement of its own: within one, shapes could be read before it is
	// there.
	err = errors.Join(err, <-loaded)
	return reg, shapes, err
}

// registry holds the catalogues of the clouds.
func registry(providers []cloud.Provider) (*event.Registry, error) {
	reg := event.NewRegistry()
	for _, p := range providers {
		if err := p.Register(reg); err != nil {
			return nil, err
		}
	}
	return reg, nil
}

// conclude fills in what was found.
func conclude(res *Result, sum *finding.Summary, opts *Options, set *engine.Options, eng *engine.Engine, workers []*worker, files []input) (*Result, error) {
	res.Report.SchemaVersion = finding.SchemaVersion
	res.Report.Findings = []finding.Finding{}
	if opts.Seed != nil {
		rows := workers[0].seed
		for _, w := range workers[1:] {
			rows.Merge(w.seed)
		}
		res.Rows = rows.Rows()
		res.Report.Summary = *sum
		return res, nil
	}
	found, stats, err := eng.Run(func(f uint32) string { return files[f].name })
	if err != nil {
		return nil, err
	}
	res.Report.Findings = found
	res.Rows, res.Profiles = eng.Rows(), eng.Profiles()
	if b := set.Baseline; b != nil && sum.Events > 0 && b.To >= history.DayOf(res.First) {
		sum.Notes = append(sum.Notes, fmt.Sprintf("the baseline goes on to %s and this input begins on %s: what the baseline saw first on that day or later is left out", b.To, history.DayOf(res.First)))
	}
	sum.Duplicates, sum.Scoring = stats.Duplicates, stats.Scoring
	sum.Detections = detections(set.Plans)
	res.Report.Summary = *sum
	res.Report.Tally()
	return res, nil
}

func detections(plans []*plan.Plan) []string {
	out := []string{}
	for _, p := range plans {
		out = append(out, p.Detection)
	}
	return out
}

// worker reads files, one at a time.
type worker struct {
	reader     *reader
	collectors []*engine.Collector // one an evaluation
	coverage   *coverage.Counter
	seed       *seed.Counter
	visitor    Visitor
	tally      tally
	file       uint32
	name       string // of the file
	progress   *Progress
	unseen     int64 // records not yet told to progress
}

func readAll(ctx context.Context, opts *Options, reg *event.Registry, shapes shape.Tables, engines []*engine.Engine, files []input) ([]*worker, error) {
	n := max(opts.Engine.Workers, 1)
	n = min(n, len(files))
	workers := make([]*worker, n)
	// Workers take the next file themselves: each hand-off between goroutines
	// would be a chance for the system to leave a processor idle.
	var next atomic.Int64
	var wg sync.WaitGroup
	if opts.Progress != nil {
		for _, f := range files {
			opts.Progress.Total.Add(f.size)
		}
	}
	for i := range workers {
		w := &worker{coverage: coverage.NewCounter(), progress: opts.Progress}
		if opts.Seed != nil {
			w.seed = seed.NewCounter(opts.Seed)
		}
		for _, e := range engines {
			w.collectors = append(w.collectors, e.Collector())
		}
		if opts.visitor != nil {
			w.visitor = opts.visitor()
		}
		w.tally.serviceMade = make([]int, max(len(engines), 1))
		w.tally.first, w.tally.last = math.MaxInt64, math.MinInt64
		w.reader = newReader(opts.Providers, shapes, reg)
		w.reader.ctx = ctx
		w.reader.visit = w.record
		w.reader.wrapped = w.coverage.Wrapped
		workers[i] = w
		wg.Go(func() {
			for f := next.Add(1) - 1; f < int64(len(files)) && ctx.Err() == nil; f = next.Add(1) - 1 {
				w.read(int(f), files[f])
			}
			for _, c := range w.collectors {
				c.Close()
			}
		})
	}
	wg.Wait()
	return workers, ctx.Err()
}

func newReader(providers []cloud.Provider, shapes shape.Tables, reg *event.Registry) *reader {
	r := &reader{shapes: shapes, ctx: context.Background()}
	for _, p := range providers {
		r.decoders = append(r.decoders, p.NewDecoder(reg))
	}
	return r
}

func (w *worker) read(f int, in input) {
	w.file, w.name = uint32(f), in.name
	w.reader.file(in)
	w.tally.bytes += w.reader.bytes
	if w.reader.lost > 0 || w.reader.notLog {
		w.tally.files = append(w.tally.files, fileTally{f, w.reader.problems, w.reader.lost, w.reader.notLog})
	}
	if w.progress != nil {
		w.progress.Done.Add(in.size)
		w.progress.Records.Add(w.unseen)
		w.unseen = 0
	}
}

// dayOf numbers the UTC days, that of 1970-01-01 being 0.
func dayOf(nanos int64) int64 {
	const length = int64(24 * time.Hour)
	day := nanos / length
	if nanos%length < 0 {
		day--
	}
	return day
}

func (t *tally) onDay(day int64) {
	if t.days == nil {
		t.days = map[int64]struct{}{}
	}
	t.day = day
	t.days[day] = struct{}{}
}

// record counts one record and hands its event on.
func (w *worker) record(r *Record, ev *event.Event) {
	t := &w.tally
	t.records++
	w.unseen++
	t.logs[r.Log].records++
	w.coverage.Record(r.Log)
	switch r.Verdict {
	case event.Skipped:
		t.skipped++
		return
	case event.Broken:
		t.unparsed++
		return
	}
	t.events++
	t.logs[r.Log].events++
	t.first, t.last = min(t.first, ev.Time), max(t.last, ev.Time)
	if day := dayOf(ev.Time); day != t.day || t.days == nil {
		t.onDay(day)
	}
	w.coverage.Event(ev)
	if w.visitor != nil {
		w.visitor.Event(w.name, r, ev)
		return
	}
	if w.seed != nil {
		w.seed.Event(ev)
		return
	}
	for i, c := range w.collectors {
		if c.Add(ev, w.file, r.Number) == engine.ServiceMade {
			t.serviceMade[i]++
		}
	}
}

// formatTime writes an instant as findings do.
func formatTime(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
