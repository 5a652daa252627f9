package scan

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/detection"
	"vedette/internal/plan"
	"vedette/internal/triage"
)

// One read with two evaluations gives what two runs give, to the byte: other
// windows, other detections, other weights.
func TestCompareIsTwoRuns(t *testing.T) {
	paths := []string{filepath.Join("..", "..", "examples")}
	if dir := filepath.Join("..", "..", "..", "shared", "logs", "aws"); exists(dir) {
		paths = append(paths, dir)
	}
	opts := options(t, paths...)
	tumbling := options(t, paths...)
	denied := options(t, paths...)
	light := options(t, paths...)

	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	kind := plan.Tumbling
	tumbling.Engine.Plans, denied.Engine.Plans = nil, nil
	for _, d := range list {
		if d.Group != "" {
			continue // run when it is asked for
		}
		p, err := detection.Lower(d, detection.Options{Kind: &kind, Services: true})
		if err != nil {
			t.Fatal(err)
		}
		tumbling.Engine.Plans = append(tumbling.Engine.Plans, p)
		if d.ID == "T1580.denied" {
			if p, err = detection.Lower(d, detection.Options{}); err != nil {
				t.Fatal(err)
			}
			denied.Engine.Plans = append(denied.Engine.Plans, p)
		}
	}
	w := triage.DefaultWeights()
	factor := w.Factors["denied"]
	factor.Cap = 0
	w.Factors["denied"] = factor
	light.Engine.Judge = triage.New(w).Judge

	want := run(t, opts)
	if len(want.Report.Findings) == 0 {
		t.Fatal("nothing is found")
	}
	for name, other := range map[string]Options{"tumbling": tumbling, "denied": denied, "light": light} {
		alone := run(t, other)
		before, after, err := Compare(context.Background(), opts, other.Engine)
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(alone.Report, want.Report) {
			t.Errorf("%s: the other options change nothing", name)
		}
		if d := cmp.Diff(want.Report, before.Report); d != "" {
			t.Errorf("%s, before: %s", name, d)
		}
		if d := cmp.Diff(alone.Report, after.Report); d != "" {
			t.Errorf("%s, after: %s", name, d)
		}
	}
}
