package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vedette/internal/cloud/all"
	"vedette/internal/cloud/client"
	"vedette/internal/detection"
	"vedette/internal/engine"
	"vedette/internal/finding"
	"vedette/internal/plan"
	"vedette/internal/scan"
	"vedette/internal/scenario"
	"vedette/internal/triage"
)

// judged is a scenario with the priority of its worst finding.
type judged struct {
	scenario *scenario.Scenario
	priority int
	level    string
	finding  *finding.Finding
}

// judgeAll plays every scenario by a caller of its own, with its usual days
// before, and judges what fires.
func judgeAll(lib *scenario.Library, forge scenario.Forge, weights *triage.Weights) ([]judged, error) {
	work, err := os.MkdirTemp("", "vedette-quality-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	t, err := newTrail(filepath.Join(work, "all"))
	if err != nil {
		return nil, err
	}
	for n, s := range lib.Scenarios {
		if err := t.add(lib.Play(s, n, start.Add(4*time.Hour+time.Duration(n)*13*time.Second), forge)); err != nil {
			return nil, err
		}
	}
	// A benign day around them, by other callers.
	for n, s := range lib.Scenarios {
		if s.Label == scenario.Benign {
			one := *s
			one.Usual = nil
			for i := range min(max(s.PerDay, 1), 4) {
				p := lib.PlayAgain(&one, n+1000, i, start.Add(time.Duration(i)*5*time.Hour), scenario.Forge{})
				for i := range p.Principals {
					p.Principals[i] += " of the day"
				}
				if err := t.add(p); err != nil {
					return nil, err
				}
			}
		}
	}
	found, err := findings(t.dir, weights, detection.Options{})
	if err != nil {
		return nil, err
	}
	worst := map[string]*finding.Finding{}
	for i := range found {
		f := &found[i]
		last, err := time.Parse(time.RFC3339Nano, f.LastSeen)
		if err != nil {
			return nil, err
		}
		for _, who := range t.principals(f) {
			s := t.scenarios[who]
			if s == nil && t.scenarios[who+" of the day"] != nil {
				continue
			}
			if s == nil {
				return nil, fmt.Errorf("a finding is about %s, who plays no scenario", who)
			}
			if old := worst[s.ID]; !last.Before(t.first[who]) && (old == nil || f.Priority > old.Priority) {
				worst[s.ID] = f
			}
		}
	}
	var list []judged
	for _, s := range lib.Scenarios {
		j := judged{scenario: s, level: "none"}
		if f := worst[s.ID]; f != nil {
			j.priority, j.level, j.finding = f.Priority, f.Level, f
		}
		list = append(list, j)
	}
	slices.SortStableFunc(list, func(a, b judged) int {
		return cmp.Or(b.priority-a.priority, cmp.Compare(a.scenario.ID, b.scenario.ID))
	})
	return list, nil
}

// principals are whom a finding is about: of one over several accounts, whose
// those are.
func (t *trail) principals(f *finding.Finding) []string {
	if f.Scope != "origin" {
		return []string{f.Actor.ID}
	}
	var list []string
	for _, a := range f.Accounts {
		list = append(list, t.owner[a.ID])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// findings scans a folder with the built-in detections, judged.
func findings(dir string, weights *triage.Weights, opts detection.Options) ([]finding.Finding, error) {
	builtin, err := detection.Builtin()
	if err != nil {
		return nil, err
	}
	var plans []*plan.Plan
	for _, d := range builtin {
		if !d.ByDefault() {
			continue
		}
		p, err := detection.Lower(d, opts)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	judge := triage.New(weights)
	res, err := scan.Run(context.Background(), scan.Options{
		Paths: []string{dir}, Providers: all.Providers(),
		Engine: engine.Options{
			Plans: plans, Workers: 2, Evidence: 0, Family: client.Family,
			Judge: judge.Judge, Priority: judge.Priority, Joined: judge.Joined, Notable: triage.Notable,
		},
	})
	if err != nil {
		return nil, err
	}
	return res.Report.Findings, nil
}

// triageQuality writes docs/triage-quality.md.
func triageQuality(out io.Writer) error {
	lib, err := scenario.Load()
	if err != nil {
		return err
	}
	list, err := judgeAll(lib, scenario.Forge{}, triage.DefaultWeights())
	if err != nil {
		return err
	}
	// With no footprint of any tool known: stricter than to leave out the one
	// family that is looked at.
	blind := triage.DefaultWeights()
	tool := blind.Factors["tool"]
	tool.Each = 0
	blind.Factors["tool"] = tool
	without, err := judgeAll(lib, scenario.Forge{}, blind)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# How well triage ranks

Written by `+"`go run ./quality triage`"+`: do not edit. %d hostile and %d benign scenarios over three clouds
([internal/scenario](../internal/scenario)), each by a caller of its own, all in one trail, with a benign day around them. The scenarios
are made, not captured, and the weights were set by looking at them: take this as a check that nothing slipped, not as
a promise for your logs; what it makes of others stands under [Hold-out](#hold-out). Tests hold captured trails beside it (internal/scan/triage_test.go). Scenarios of which
nothing fires have level none.

`, labelled(list, scenario.Hostile), labelled(list, scenario.Benign))
	writeLevels(&b, list)
	fmt.Fprintf(&b, `
## One family left out

Hostile scenarios at medium or higher, by family, with all that is known of tools and with nothing known of any tool,
which is less than leaving out the family in question.

| family | scenarios | medium or higher | without footprints |
| --- | --- | --- | --- |
`)
	all, blindly := byFamily(list), byFamily(without)
	for _, f := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", f, all[f].n, all[f].caught, blindly[f].caught)
	}
	n, caught, blindCaught := 0, 0, 0
	for f := range all {
		n, caught, blindCaught = n+all[f].n, caught+all[f].caught, blindCaught+blindly[f].caught
	}
	fmt.Fprintf(&b, "| all | %d | %d (%.0f %%) | %d (%.0f %%) |\n", n, caught, 100*float64(caught)/float64(n), blindCaught, 100*float64(blindCaught)/float64(n))
	loud, quiet := loudBenign(list), loudBenign(without)
	fmt.Fprintf(&b, "\nBenign scenarios at medium or higher: %d of %d, %d without footprints.\n", loud, labelled(list, scenario.Benign), quiet)

	fmt.Fprintf(&b, "\n## The ten worst misorderings\n\n")
	writeMisordered(&b, list)
	fmt.Fprintf(&b, "\n## All scenarios\n\n")
	writeAll(&b, list)
	if err := holdout(&b); err != nil {
		return err
	}
	_, err = out.Write(b.Bytes())
	return err
}

// writeLevels counts scenarios by level and label.
func writeLevels(b *bytes.Buffer, list []judged) {
	fmt.Fprintf(b, "| level | hostile | benign |\n| --- | --- | --- |\n")
	levels := append([]string{"none"}, triage.Levels()...)
	slices.Reverse(levels)
	for _, level := range levels {
		n := map[scenario.Label]int{}
		for _, j := range list {
			if j.level == level {
				n[j.scenario.Label]++
			}
		}
		fmt.Fprintf(b, "| %s | %d | %d |\n", level, n[scenario.Hostile], n[scenario.Benign])
	}
}

// writeMisordered lists the ten pairs that stand the wrong way round and
// furthest apart.
func writeMisordered(b *bytes.Buffer, list []judged) {
	fmt.Fprintf(b, "| benign | priority | stands above hostile | priority |\n| --- | --- | --- | --- |\n")
	pairs := misordered(list)
	for _, p := range pairs[:min(10, len(pairs))] {
		fmt.Fprintf(b, "| %s | %d | %s | %d |\n", p[0].scenario.ID, p[0].priority, p[1].scenario.ID, p[1].priority)
	}
	if len(pairs) == 0 {
		fmt.Fprintln(b, "| none | | | |")
	}
}

// writeAll lists every scenario with what made its priority.
func writeAll(b *bytes.Buffer, list []judged) {
	fmt.Fprintf(b, "| priority | level | | scenario | why |\n| --- | --- | --- | --- | --- |\n")
	for _, j := range list {
		fmt.Fprintf(b, "| %d | %s | %s | %s |", j.priority, j.level, j.scenario.Label, j.scenario.ID)
		if j.finding != nil {
			for _, r := range j.finding.Reasons {
				if r.Points != 0 {
					fmt.Fprintf(b, " %s %+d", r.Factor, r.Points)
				}
			}
			for _, t := range j.finding.Tools {
				fmt.Fprintf(b, "; like %s (%s)", t.Name, t.Confidence)
			}
		}
		fmt.Fprintln(b, " |")
	}
}

// medium is the least priority of the level that asks for a look.
var medium = triage.DefaultWeights().Levels["medium"]

type familyCount struct{ n, caught int }

// byFamily counts the hostile scenarios.
func byFamily(list []judged) map[string]familyCount {
	m := map[string]familyCount{}
	for _, j := range list {
		if j.scenario.Label != scenario.Hostile {
			continue
		}
		c := m[j.scenario.Family]
		c.n++
		if j.priority >= medium {
			c.caught++
		}
		m[j.scenario.Family] = c
	}
	return m
}

func labelled(list []judged, l scenario.Label) (n int) {
	for _, j := range list {
		if j.scenario.Label == l {
			n++
		}
	}
	return n
}

func loudBenign(list []judged) (n int) {
	for _, j := range list {
		if j.scenario.Label == scenario.Benign && j.priority >= medium {
			n++
		}
	}
	return n
}

// misordered lists the pairs in which a benign scenario stands above a hostile
// one, the furthest apart first.
func misordered(list []judged) [][2]judged {
	var pairs [][2]judged
	for _, benign := range list {
		for _, hostile := range list {
			if benign.scenario.Label == scenario.Benign && hostile.scenario.Label == scenario.Hostile && benign.priority > hostile.priority {
				pairs = append(pairs, [2]judged{benign, hostile})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]judged) int {
		return cmp.Or((b[0].priority-b[1].priority)-(a[0].priority-a[1].priority), cmp.Compare(a[0].scenario.ID, b[0].scenario.ID), cmp.Compare(a[1].scenario.ID, b[1].scenario.ID))
	})
	return pairs
}
