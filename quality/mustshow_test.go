package main

import (
	"slices"
	"testing"

	"vedette/internal/detection"
	"vedette/internal/scenario"
	"vedette/internal/triage"
)

// levelsOf judges scenarios by id.
func levelsOf(t *testing.T, ids ...string) map[string]judged {
	t.Helper()
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	list, err := judgeAll(only(lib, func(s *scenario.Scenario) bool { return slices.Contains(ids, s.ID) }), scenario.Forge{}, triage.DefaultWeights())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]judged{}
	for _, j := range list {
		m[j.scenario.ID] = j
	}
	for _, id := range ids {
		if m[id].scenario == nil {
			t.Fatalf("there is no scenario %s", id)
		}
	}
	return m
}

// TestQuietBreadth: with no baseline and no denied call, runs shaped like
// Pacu, CloudFox and ScoutSuite by an admin key reach medium, and so does a
// tour of the console over ten services by a single sign-on admin from a new
// network; Terraform's refresh of equal size stays low.
func TestQuietBreadth(t *testing.T) {
	loud := []string{"aws-pacu-all", "aws-pacu-ec2", "aws-cloudfox", "aws-scoutsuite", "aws-console-tour", "aws-slow"}
	quiet := []string{"aws-terraform-refresh-first", "aws-terraform-refresh-role"}
	m := levelsOf(t, append(slices.Clone(loud), quiet...)...)
	for _, id := range loud {
		if m[id].priority < medium {
			t.Errorf("%s: %d %v", id, m[id].priority, reasons(m[id]))
		}
	}
	for _, id := range quiet {
		if m[id].priority >= medium {
			t.Errorf("%s: %d %v", id, m[id].priority, reasons(m[id]))
		}
	}
}

// TestStatement28_SlowIsFound: four new operations an hour through a day.
func TestStatement28_SlowIsFound(t *testing.T) {
	m := levelsOf(t, "aws-slow")
	f := m["aws-slow"].finding
	if f == nil || f.Detections[0].ID != "T1580.slow" || f.DistinctAPIs < 80 {
		t.Fatalf("found: %+v", f)
	}
}

// TestCounterTests: what is refused or broad all day and means nothing stays
// low; what is hostile and refused stays at medium or higher, also where the
// log does not say what refused it.
func TestCounterTests(t *testing.T) {
	quiet := []string{
		"aws-console-ec2-restricted", "aws-console-vpc-restricted", "aws-posture-scan-under-scp", "aws-build-lost-grant",
		"aws-terraform-refresh-lost-grant", "aws-recorder", "aws-recorder-refused", "aws-backup-agent", "aws-poller",
	}
	loud := []string{"aws-user-data-unknown", "aws-enumerate-iam-silent", "aws-pacu-ec2-refused-silent"}
	m := levelsOf(t, append(slices.Clone(quiet), loud...)...)
	for _, id := range quiet {
		if m[id].priority >= medium {
			t.Errorf("%s: %d %v", id, m[id].priority, reasons(m[id]))
		}
	}
	for _, id := range loud {
		if m[id].priority < medium {
			t.Errorf("%s: %d %v", id, m[id].priority, reasons(m[id]))
		}
	}
}

// TestStatement49_OneFindingAnIncident: each scenario's steps make one finding
// by its caller, however many windows fire.
func TestStatement49_OneFindingAnIncident(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	trail, err := newTrail(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, s := range lib.Scenarios {
		if s.Label != scenario.Hostile || s.Usual != nil || s.Actor == "vendor" {
			continue
		}
		n++
		if err := trail.add(lib.Play(s, i, start, scenario.Forge{})); err != nil {
			t.Fatal(err)
		}
	}
	found, err := findings(trail.dir, triage.DefaultWeights(), detection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i := range found {
		if found[i].Scope == "account" {
			seen[found[i].Actor.ID]++
		}
	}
	for who, k := range seen {
		if s := trail.scenarios[who]; k > 1 && s != nil && s.Family != "slow" && s.ID != "aws-enumerate-iam-slow" {
			t.Errorf("%s makes %d findings", s.ID, k)
		}
	}
	if len(seen) < n*9/10 {
		t.Errorf("%d of %d make a finding", len(seen), n)
	}
}
