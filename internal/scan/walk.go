package scan

import (
	"context"

	"vedette/internal/cloud"
	"vedette/internal/event"
	"vedette/internal/finding"
)

// Walk reads files as [Run] does and shows every event to visit, file by file
// in order of name, with the record that it was decoded from. Both are valid
// until visit returns. It returns what was lost, at most a few of each file;
// the error is [ErrNothing], or the context's.
func Walk(ctx context.Context, paths []string, providers []cloud.Provider, visit func(file string, r *Record, ev *event.Event)) ([]finding.Problem, error) {
	files, problems, cleanup, err := expand(paths, nil)
	defer cleanup()
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return problems, ErrNothing
	}
	reg, shapes, err := tables(providers)
	if err != nil {
		return nil, err
	}
	r := newReader(providers, shapes, reg)
	r.ctx = ctx
	for _, in := range files {
		r.visit = func(rec *Record, ev *event.Event) {
			if rec.Verdict == event.Decoded {
				visit(in.name, rec, ev)
			}
		}
		r.file(in)
		problems = append(problems, r.problems...)
		if err := ctx.Err(); err != nil {
			return problems, err
		}
	}
	return problems, nil
}
