package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/finding"
	"vedette/internal/scenario"
	"vedette/internal/triage"
	"vedette/internal/tune"
)

// vedette runs a command that must end with a code, and returns its output.
func vedette(t *testing.T, code int, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Main(args, IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Getenv: plainUTF8}); got != code {
		t.Fatalf("%v: exit code %d, want %d\n%s", args, got, code, errs.Bytes())
	}
	return out.Bytes()
}

// scenarioTrail writes every other scenario into a folder, over four days,
// with a file of labels beside it.
func scenarioTrail(t *testing.T) (dir, labels string) {
	t.Helper()
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	dir, labels = filepath.Join(work, "logs"), filepath.Join(work, "labels.yaml")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var attacks, benign strings.Builder
	for n, s := range lib.Scenarios {
		if n%2 == 0 {
			continue
		}
		at := time.Date(2026, 3, 17+n/2%4, 6, 0, n, 0, time.UTC)
		p := lib.Play(s, n, at, scenario.Forge{})
		if err := os.WriteFile(filepath.Join(dir, s.ID+".json"), bytes.Join(p.Records, []byte("\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		entry := fmt.Sprintf("  - {name: %q, principal: %q, from: %s, until: %s}\n", s.ID, p.Principal, at.Format(time.RFC3339), at.Add(24*time.Hour).Format(time.RFC3339))
		if s.Label == scenario.Hostile {
			attacks.WriteString(entry)
		} else {
			benign.WriteString(entry)
		}
	}
	if err := os.WriteFile(labels, []byte("attacks:\n"+attacks.String()+"benign:\n"+benign.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, labels
}

const higherThresholds = `
id: T1580
name: Cloud Infrastructure Discovery
version: "1.0.1"
description: As the built-in detection, with higher thresholds.
techniques: [T1580]
severity: medium
confidence: medium
select: {classes: [discovery]}
windows:
  - name: burst
    length: 15m
    trigger: {any: [{events: 40}, {distinct_apis: 12}]}
    bands: [{risk: 50, any: [{events: 40}, {distinct_apis: 12}]}]
quiet: 30m
max_length: 24h
examples:
  fire:
    - name: forty calls
      risk: 50
      events: [{cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 40, every: 1s}]
  silent:
    - name: thirty-nine calls
      events: [{cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 39, every: 1s}]
`

// What tune says is what two scans give, counted by hand: rates, changes,
// attacks, budget. The number of workers and the memory change nothing.
func TestTuneIsTwoScans(t *testing.T) {
	dir, labels := scenarioTrail(t)
	own := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(own, []byte("factors:\n  denied: {least: 20, each: 0.5, cap: 4}\n  open: {least: 60, each: 0.3, cap: 0}\n  bulk: {least: 0, each: 9, cap: 45}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	higher := filepath.Join(t.TempDir(), "higher.yaml")
	if err := os.WriteFile(higher, []byte(higherThresholds), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := tune.LoadLabels(labels)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ scan, tune []string }{
		{[]string{"--weights", own}, []string{"--with-weights", own}},
		{[]string{"--detection", higher, "--window", "tumbling"}, []string{"--with-detection", higher, "--with-window", "tumbling"}},
		{[]string{"--window", "sliding", "--weights", own, "--identity", "session"}, []string{"--with-window", "sliding", "--with-weights", own, "--identity", "session"}},
	} {
		var same []string
		if i := slices.Index(c.tune, "--identity"); i >= 0 {
			same = c.tune[i:]
		}
		before, after := scanned(t, append([]string{"scan", dir, "-q", "-f", "json", "--evidence", "0"}, same...)), scanned(t, append([]string{"scan", dir, "-q", "-f", "json", "--evidence", "0"}, c.scan...))
		args := append([]string{"tune", dir, "--labels", labels, "--budget", "2/day", "-q", "-f", "json"}, c.tune...)
		text := vedette(t, ExitDone, append(args, "--workers", "1")...)
		if i == 0 {
			if again := vedette(t, ExitDone, append(args, "--workers", "4", "--memory", "64KiB")...); !bytes.Equal(text, again) {
				t.Errorf("%v: other workers, other bytes", c.tune)
			}
		}
		var r tune.Report
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		byHand(t, &r, before, after)
		attacksByHand(t, &r, known, before, after)
	}
}

func scanned(t *testing.T, args []string) *finding.Report {
	t.Helper()
	r := &finding.Report{}
	if err := json.Unmarshal(vedette(t, ExitDone, args...), r); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) < 10 {
		t.Fatalf("%v: %d findings", args, len(r.Findings))
	}
	return r
}

func byHand(t *testing.T, r *tune.Report, before, after *finding.Report) {
	t.Helper()
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s[:10])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	days := int(day(before.Summary.LastEvent).Sub(day(before.Summary.FirstEvent)).Hours()/24) + 1
	if r.Input.Days != days {
		t.Errorf("%d days, want %d", r.Input.Days, days)
	}
	for i, side := range []*tune.Side{&r.Before, r.After} {
		list := [][]finding.Finding{before.Findings, after.Findings}[i]
		for _, l := range side.Levels {
			n := 0
			for _, f := range list {
				if f.Level == l.Level {
					n++
				}
			}
			if l.Findings != n || math.Abs(l.PerDay-float64(n)/float64(days)) > 0.006 {
				t.Errorf("%s: %+v, want %d over %d days", l.Level, l, n, days)
			}
		}
		// One priority less, and the budget is exceeded.
		from := func(p int) (n int) {
			for _, f := range list {
				if f.Priority >= p {
					n++
				}
			}
			return n
		}
		if b := side.Budget; from(b.MinPriority) > 2*days || b.MinPriority > 0 && from(b.MinPriority-1) <= 2*days || b.MinPriority == 0 || b.Findings != from(b.MinPriority) {
			t.Errorf("from %d on %d, from one less on %d", b.MinPriority, from(b.MinPriority), from(b.MinPriority-1))
		}
	}
	// What has the same id on both sides and another level is a change, and
	// nothing else with that id is.
	level := map[string]string{}
	for _, f := range before.Findings {
		level[f.ID] = f.Level
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, f := range after.Findings {
		if l, ok := level[f.ID]; ok && l != f.Level {
			want[f.ID+" "+l+" "+f.Level] = true
		}
		delete(level, f.ID)
	}
	removed := 0
	for _, c := range r.Changes {
		if c.Before != nil && c.After != nil && c.Before.ID == c.After.ID {
			got[c.Before.ID+" "+c.Before.Level+" "+c.After.Level] = true
		}
		if c.Kind == "removed" {
			removed++
			if _, ok := level[c.Before.ID]; !ok {
				t.Errorf("%s is removed, and there after the change", c.Before.ID)
			}
		}
	}
	if removed > len(level) {
		t.Errorf("%d removed, %d ids gone", removed, len(level))
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("moved: %v\nwant %v", got, want)
	}
}

func attacksByHand(t *testing.T, r *tune.Report, labels *tune.Labels, before, after *finding.Report) {
	t.Helper()
	worst := func(l *tune.Label, list []finding.Finding) (p int) {
		p = -1
		for _, f := range list {
			first, errA := time.Parse(time.RFC3339Nano, f.FirstSeen)
			last, errB := time.Parse(time.RFC3339Nano, f.LastSeen)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if strings.EqualFold(f.Actor.ID, l.Principal) && !first.After(l.Until) && !last.Before(l.From) {
				p = max(p, f.Priority)
			}
		}
		return p
	}
	medium := triage.DefaultWeights().Levels["medium"]
	states := map[string]int{}
	if len(r.Attacks) != len(labels.Attacks) {
		t.Fatalf("%d attacks, %d labels", len(r.Attacks), len(labels.Attacks))
	}
	for i, a := range r.Attacks {
		b, c := worst(&labels.Attacks[i], before.Findings), worst(&labels.Attacks[i], after.Findings)
		state := map[[2]bool]string{{true, true}: "caught", {true, false}: "lost", {false, true}: "gained", {false, false}: "missed"}[[2]bool{b >= medium, c >= medium}]
		states[state]++
		if a.State != state {
			t.Errorf("%s is %s, want %s: %d before, %d after", a.Name, a.State, state, b, c)
		}
		if state == "lost" && len(a.Why) == 0 {
			t.Errorf("%s is lost without a reason", a.Name)
		}
	}
	t.Logf("%v: %v, %d changes", r.Changed, states, len(r.Changes))
	if states["caught"] == 0 {
		t.Error("no attack is caught")
	}
	if states["lost"] == 0 {
		t.Error("a change that loses nothing tests nothing")
	}
}
