package scan

import (
	"context"

	"vedette/internal/coverage"
	"vedette/internal/event"
	"vedette/internal/finding"
)

// Visitor is shown the events of the files that one worker reads: file by
// file, in no order, and within a file in the order in which they lie. Record
// and event are valid until Event returns.
type Visitor interface {
	Event(file string, r *Record, ev *event.Event)
}

// Visit reads the input as [Run] does, as many files at a time as the engine's
// options have Workers, and shows every event to the visitor of the worker
// that read it; visitor is called once for each worker. What the visitors
// keep must be put together without regard to which of them saw what. The
// result has no findings, but the summary and the coverage verdict.
func Visit(ctx context.Context, opts Options, visitor func() Visitor) (*Result, error) {
	files, problems, cleanup, err := inputs(&opts)
	defer cleanup()
	if err != nil {
		return nil, err
	}
	reg, shapes, err := tables(opts.Providers)
	if err != nil {
		return nil, err
	}
	opts.Seed, opts.visitor = nil, visitor
	workers, err := readAll(ctx, &opts, reg, shapes, nil, files)
	if err != nil {
		return nil, err
	}
	cov := coverage.NewCounter()
	for _, w := range workers {
		cov.Merge(w.coverage)
	}
	res := &Result{}
	res.Report.SchemaVersion, res.Report.Findings = finding.SchemaVersion, []finding.Finding{}
	res.Report.Summary = *summarise(res, 0, workers, files, problems)
	res.Report.Coverage, err = cov.Report()
	return res, err
}
