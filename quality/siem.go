package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vedette/internal/cloud/all"
	"vedette/internal/detection"
	"vedette/internal/engine"
	"vedette/internal/finding"
	"vedette/internal/plan"
	"vedette/internal/scan"
	"vedette/internal/scenario"
)

// siemCoverage writes docs/siem-coverage.md.
func siemCoverage(out io.Writer) error {
	var b bytes.Buffer
	if err := grades(&b); err != nil {
		return err
	}
	if err := measured(&b); err != nil {
		return err
	}
	_, err := out.Write(b.Bytes())
	return err
}

// rules are the detections that the default package of T1580 is made of, and
// the one of the directory.
var ruleIDs = []string{"T1580", "T1580.denied", "T1580.sweep", "T1087.004"}

// measured counts, for each rule, the alerts on a benign day and the hostile
// scenarios it catches.
func measured(b *bytes.Buffer) error {
	lib, err := scenario.Load()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "vedette-quality-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	day, err := benignDay(lib, filepath.Join(work, "benign"))
	if err != nil {
		return err
	}
	bad, err := hostile(lib, filepath.Join(work, "hostile"))
	if err != nil {
		return err
	}
	builtin, err := detection.Builtin()
	if err != nil {
		return err
	}
	type result struct {
		id     string
		alerts map[string]int // by benign family
		caught map[string]bool
	}
	var results []result
	for _, id := range ruleIDs {
		i := slices.IndexFunc(builtin, func(d *detection.Detection) bool { return d.ID == id })
		if i < 0 {
			return fmt.Errorf("there is no detection %s", id)
		}
		rows, events, err := fires(builtin[i], day)
		if err != nil {
			return err
		}
		day.events = events
		r := result{id, map[string]int{}, map[string]bool{}}
		for _, row := range rows {
			s := day.scenarios[row.Identity]
			if s == nil {
				return fmt.Errorf("%s fires for %s, who plays no scenario", id, row.Identity)
			}
			r.alerts[s.Family]++
		}
		if rows, bad.events, err = fires(builtin[i], bad); err != nil {
			return err
		}
		for _, row := range rows {
			s := bad.scenarios[row.Identity]
			if s == nil {
				return fmt.Errorf("%s fires for %s, who plays no scenario", id, row.Identity)
			}
			last, err := time.Parse(time.RFC3339Nano, row.LastSeen)
			if err != nil {
				return err
			}
			if !last.Before(bad.first[row.Identity]) {
				r.caught[s.ID] = true
			}
		}
		results = append(results, r)
	}

	fmt.Fprintf(b, `
## What the rules raise and catch

Measured with the engine, which the compiled queries are held against: rows of closed bins of 15 minutes, by principal,
as a scheduled rule raises them. The trails are made, not captured ([internal/scenario](../internal/scenario)): a benign
day of %s calls by applications, deployment, builds, posture scanners, backups, consoles and people in three clouds, and
%d hostile scenarios, each by a caller of its own. Take the numbers to compare rules, not as a forecast for your logs:
which families you have decides. No exception list is in use.

| rule | alerts on the benign day | per 100,000 benign calls | hostile scenarios caught |
| --- | --- | --- | --- |
`, thousands(day.events), len(bad.scenarios))
	union := map[string]bool{}
	for _, r := range results {
		n := 0
		for _, k := range r.alerts {
			n += k
		}
		for id := range r.caught {
			union[id] = true
		}
		fmt.Fprintf(b, "| %s | %d | %.1f | %d of %d |\n", r.id, n, float64(n)*100000/float64(day.events), len(r.caught), len(bad.scenarios))
	}
	fmt.Fprintf(b, "| any of them | | | %d of %d |\n\nWho raises them on the benign day:\n\n| family |", len(union), len(bad.scenarios))
	families := map[string]bool{}
	for _, s := range day.scenarios {
		families[s.Family] = true
	}
	for _, r := range results {
		fmt.Fprintf(b, " %s |", r.id)
	}
	fmt.Fprintf(b, "\n| --- |%s\n", strings.Repeat(" --- |", len(results)))
	for _, f := range sorted(families) {
		fmt.Fprintf(b, "| %s |", f)
		for _, r := range results {
			fmt.Fprintf(b, " %d |", r.alerts[f])
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "\nHostile scenarios, and which rules catch them:\n\n| scenario | what it is |")
	for _, r := range results {
		fmt.Fprintf(b, " %s |", r.id)
	}
	fmt.Fprintf(b, "\n| --- | --- |%s\n", strings.Repeat(" --- |", len(results)))
	for _, s := range lib.Scenarios {
		if s.Label != scenario.Hostile {
			continue
		}
		fmt.Fprintf(b, "| %s | %s |", s.ID, s.About)
		for _, r := range results {
			mark := ""
			if r.caught[s.ID] {
				mark = "yes"
			}
			fmt.Fprintf(b, " %s |", mark)
		}
		fmt.Fprintln(b)
	}
	return nil
}

// fires runs a detection over a trail in bins and returns the rows, and how
// many calls there were, copies and second records of one act once.
func fires(d *detection.Detection, t *trail) ([]finding.Row, int, error) {
	kind := plan.Tumbling
	p, err := detection.Lower(d, detection.Options{Kind: &kind})
	if err != nil {
		return nil, 0, err
	}
	res, err := scan.Run(context.Background(), scan.Options{
		Paths: []string{t.dir}, Providers: all.Providers(),
		Engine: engine.Options{Plans: []*plan.Plan{p}, Workers: 2, Rows: true, Detail: 1},
	})
	if err != nil {
		return nil, 0, err
	}
	sum := &res.Report.Summary
	if sum.Unparsed+sum.Skipped > 0 {
		return nil, 0, fmt.Errorf("%s: %d records unparsed, %d skipped", t.dir, sum.Unparsed, sum.Skipped)
	}
	return res.Rows, sum.Events - sum.Duplicates, nil
}

func sorted(set map[string]bool) []string {
	var list []string
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
