package scan

import (
	"context"
	"fmt"
	"strings"

	"vedette/internal/coverage"
	"vedette/internal/event"
	"vedette/internal/finding"
)

// Visit reads files as [Run] does, several at a time, and shows every event to
// a visitor instead of an engine. Each worker asks for a visitor of its own by
// newVisitor; what they see together does not depend on how many there are,
// its order and division do. An event is valid until the visitor returns.
//
// The result has the summary and the coverage verdict, and no findings.
func Visit(ctx context.Context, opts Options, newVisitor func() func(ev *event.Event)) (*Result, error) {
	files, problems, cleanup, err := expand(opts.Paths, opts.Stdin)
	defer cleanup()
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		err := ErrNothing
		if empty := folders(opts.Paths); len(empty) > 0 {
			err = fmt.Errorf("%w in %s", err, strings.Join(empty, ", "))
		}
		return nil, err
	}
	reg := event.NewRegistry()
	for _, p := range opts.Providers {
		if err := p.Register(reg); err != nil {
			return nil, err
		}
	}
	opts.visitor = newVisitor
	workers, err := readAll(ctx, &opts, reg, nil, files)
	if err != nil {
		return nil, err
	}
	cov := coverage.NewCounter()
	for _, w := range workers {
		cov.Merge(w.coverage)
	}
	res := &Result{}
	sum := summarise(res, -1, workers, files, problems)
	res.Report.SchemaVersion, res.Report.Findings, res.Report.Summary = finding.SchemaVersion, []finding.Finding{}, *sum
	if res.Report.Coverage, err = cov.Report(); err != nil {
		return nil, err
	}
	return res, nil
}
