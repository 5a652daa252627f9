package rehearse

import (
	"context"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// TestSilenceMustSaySomething: a counter-test whose calls a detection does not
// count cannot fail by it, and so fails.
func TestSilenceMustSaySomething(t *testing.T) {
	counted := func(ids ...string) func(context.Context, string) (*finding.Report, error) {
		return func(context.Context, string) (*finding.Report, error) {
			r := &finding.Report{}
			for _, id := range ids {
				r.Findings = append(r.Findings, finding.Finding{Detections: []finding.Detection{{ID: id}}})
			}
			return r, nil
		}
	}
	for _, c := range []struct {
		name, detections, run, trail string
		counts                       []string
		other                        bool // detections that the user named judge
		why                          string
	}{
		{name: "each counts", detections: "[T1613, T1619]", counts: []string{"T1619", "T1613", "T1613"}},
		{name: "one does not", detections: "[T1613, T1619]", counts: []string{"T1619"}, why: "no call that T1613 counts"},
		{name: "one of a group", detections: "[related]", counts: []string{"T1619"}},
		{name: "none of a group", detections: "[related]", why: "no call that one of related counts"},
		{name: "none is named", counts: nil},
		{name: "no record", trail: " ", why: "left no record"},
		{name: "switched off", detections: "[T1613]", run: `{"logs":[],"calls":1}`, trail: " "},
		{name: "judged by others", detections: "[T1613]", other: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(strings.Replace(good, "kind: attack", "kind: benign", 1), "{at_least: low}", "{silent: true}", 1)
			text, _, _ = strings.Cut(text, "signal:")
			if c.detections != "" {
				text += "detections: " + c.detections + "\n"
			}
			tests, err := loadOne(text)
			if err != nil {
				t.Fatal(err)
			}
			run, trail := ran, oneCall
			if c.run != "" {
				run = c.run
			}
			if c.trail != "" {
				trail = c.trail
			}
			j := judged("")
			j.Busiest, j.Detections, j.AsAsked = counted(c.counts...), []string{"T1613", "T1619"}, !c.other
			got, err := Verify(t.Context(), playedRun(t, run, trail), tests, false, always(j))
			if err != nil {
				t.Fatal(err)
			}
			r := got.Results[0]
			if (c.why == "") != (r.Status == Passed) || !strings.Contains(strings.Join(r.Why, "\n"), c.why) {
				t.Errorf("%s because %q, want %q", r.Status, r.Why, c.why)
			}
			if want := slices.Compact(slices.Sorted(slices.Values(c.counts))); c.trail == "" && !slices.Equal(r.Counted, want) {
				t.Errorf("counted by %v, want %v", r.Counted, want)
			}
		})
	}
}
