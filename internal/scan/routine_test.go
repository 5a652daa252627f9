package scan

import (
	"testing"
	"time"

	"vedette/internal/history"
)

// TestHourlyRoutine: a burst that comes every hour is known from the fourth day
// on, each of them, as one that comes every day is; from the trail's own days
// and from a baseline of them, learned day by day or at once.
func TestHourlyRoutine(t *testing.T) {
	const day = 24 * time.Hour
	hourly := func(n int) (calls []call) {
		for hour := range 24 {
			calls = append(calls, burst(n*10000+hour*100, 24, 12, 2*time.Second, call{User: "inv", At: time.Duration(n)*day - 9*time.Hour + time.Duration(hour)*time.Hour})...)
		}
		return calls
	}
	var days [][]call
	for n := range 7 {
		days = append(days, hourly(n))
	}
	res := scanCalls(t, join(days...))
	if n := len(res.Report.Findings); n != 7*24 {
		t.Fatalf("%d findings", n)
	}
	for i := range res.Report.Findings {
		f := &res.Report.Findings[i]
		points, _ := saidOf(f, "recurs")
		if known := f.FirstSeen >= epoch.Add(3*day-9*time.Hour).Format(time.RFC3339); known != (points < 0) {
			t.Errorf("%s: %s", f.FirstSeen, reasons(f))
		}
	}

	learn := func(old *history.Baseline, calls []call) *history.Baseline {
		opts := options(t, folder(t, map[string]string{"log.json": lines(calls)}))
		opts.Engine.Learn = true
		h, profiles := history.Learn(old, run(t, opts).Profiles, 90, nil)
		return written(t, h, profiles)
	}
	var steps *history.Baseline
	for _, calls := range days[:6] {
		steps = learn(steps, calls)
	}
	for name, base := range map[string]*history.Baseline{"at once": learn(nil, join(days[:6]...)), "day by day": steps} {
		opts := options(t, folder(t, map[string]string{"log.json": lines(days[6])}))
		opts.Engine.Baseline = base
		res := run(t, opts)
		if len(res.Report.Findings) != 24 {
			t.Fatalf("%d findings", len(res.Report.Findings))
		}
		for i := range res.Report.Findings {
			f := &res.Report.Findings[i]
			if _, text := saidOf(f, "recurs"); text != "a burst like it on each of 6 earlier days, from the same networks" {
				t.Errorf("learned %s: %s: %s", name, f.FirstSeen, reasons(f))
			}
		}
	}
}
