package rehearse

import (
	"context"
	"slices"
	"strings"
)

// quiet fills in which detections counted a call of a counter-test, and fails
// the test where its silence would say nothing: it left no record, or a detection
// that it names, or each of a group that it names, counted none of its calls.
// Where it names none, calls that nothing counts are what it may be about: those
// that a service makes itself. What was switched off by whoever played it, or is
// judged by other detections than the test asks for, is not held against it.
func (res *Result) quiet(ctx context.Context, trail string, t *Test, r *Run, j Judging) error {
	if t.Kind != Benign || r.Expect.SeedRisk != 0 {
		return nil
	}
	if res.Records > 0 {
		report, err := j.Busiest(ctx, trail)
		if err != nil {
			return err
		}
		for _, f := range report.Findings {
			for _, d := range f.Detections {
				if !slices.Contains(res.Counted, d.ID) {
					res.Counted = append(res.Counted, d.ID)
				}
			}
		}
		slices.Sort(res.Counted)
	}
	if !j.AsAsked || len(res.Logs) < len(r.logs(t.Provider, nil)) {
		return nil
	}
	var missed []string
	for _, id := range t.Detections {
		if slices.Contains(j.Detections, id) && !slices.Contains(res.Counted, id) {
			missed = append(missed, id)
		}
	}
	switch {
	case res.Records == 0:
		res.fail("its silence says nothing: its calls left no record")
	case len(missed) > 0:
		res.fail("its silence says nothing: it makes no call that %s counts", strings.Join(missed, ", "))
	case len(res.Counted) == 0 && len(t.Detections) > 0:
		res.fail("its silence says nothing: it makes no call that one of %s counts", strings.Join(t.Detections, ", "))
	}
	return nil
}
