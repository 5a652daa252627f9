package main

import (
	"slices"
	"testing"

	"vedette/internal/detection"
	"vedette/internal/scenario"
	"vedette/internal/triage"
)

// only is the library with some of its scenarios.
func only(lib *scenario.Library, keep func(*scenario.Scenario) bool) *scenario.Library {
	part := *lib
	part.Scenarios = nil
	for _, s := range lib.Scenarios {
		if keep(s) {
			part.Scenarios = append(part.Scenarios, s)
		}
	}
	return &part
}

func isHostile(s *scenario.Scenario) bool { return s.Label == scenario.Hostile }

func priorities(t *testing.T, lib *scenario.Library, forge scenario.Forge) map[string]judged {
	t.Helper()
	list, err := judgeAll(lib, forge, triage.DefaultWeights())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]judged{}
	for _, j := range list {
		m[j.scenario.ID] = j
	}
	return m
}

// holdsUnder fails where a forged field lowers a priority.
func holdsUnder(t *testing.T, lib *scenario.Library, honest map[string]judged, forge scenario.Forge) {
	t.Helper()
	forged := priorities(t, lib, forge)
	for _, s := range lib.Scenarios {
		if a, b := honest[s.ID], forged[s.ID]; b.priority < a.priority {
			t.Errorf("%s: %d becomes %d with %+v\n%v\n%v", s.ID, a.priority, b.priority, forge, reasons(a), reasons(b))
		}
	}
}

func reasons(j judged) (list []string) {
	if j.finding != nil {
		for _, r := range j.finding.Reasons {
			list = append(list, r.Text)
		}
	}
	return list
}

// TestForgedUserAgentsLowerNothing plays every hostile scenario with what a
// client might say of itself to look harmless.
func TestForgedUserAgentsLowerNothing(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	lib = only(lib, isHostile)
	honest := priorities(t, lib, scenario.Forge{})
	for _, agent := range []string{
		"Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.220 md/arch#x86_64 lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.145",
		"APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5",
		"Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.220 lang/python#3.12.4 Botocore/1.34.145 APN_1826889", // Prowler
		"AWS Internal",
		"cloudformation.amazonaws.com",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	} {
		holdsUnder(t, lib, honest, scenario.Forge{UserAgent: agent})
	}
}

// TestForgedSessionsLowerNothing does so with names of sessions.
func TestForgedSessionsLowerNothing(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	lib = only(lib, func(s *scenario.Scenario) bool { return isHostile(s) && hasRole(s) })
	honest := priorities(t, lib, scenario.Forge{})
	for _, name := range []string{"AWSConfig-Describe", "terraform", "i-0123456789abcdef0", "aws-go-sdk-1700000000000000000"} {
		holdsUnder(t, lib, honest, scenario.Forge{Session: name})
	}
}

// TestForgedRolesLowerNothing does so with names of roles, one scenario at a
// time: one name in many accounts is one caller to the engine.
func TestForgedRolesLowerNothing(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range lib.Scenarios {
		if !isHostile(s) || !hasRole(s) {
			continue
		}
		n++
		one := only(lib, func(o *scenario.Scenario) bool { return o == s })
		honest := priorities(t, one, scenario.Forge{})
		for _, name := range []string{"AWSServiceRoleForConfig", "DatadogIntegrationRole", "ProwlerRole"} {
			holdsUnder(t, one, honest, scenario.Forge{Role: name})
		}
	}
	if n < 8 {
		t.Errorf("%d scenarios by roles", n)
	}
}

// hasRole reports whether the caller of a scenario is a role whose name
// someone chose.
func hasRole(s *scenario.Scenario) bool {
	return slices.Contains([]string{"role", "instance", "ci", "vendor"}, s.Actor)
}

// TestToolsAreTold holds attribution against who is who: runs of a tool are
// named with medium confidence or more, and no benign caller is taken for one
// but those that do run it.
func TestToolsAreTold(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]string{ // by family
		"pacu": "Pacu", "enumerate-iam": "enumerate-iam", "cloudfox": "CloudFox", "scoutsuite": "ScoutSuite",
		"aws-recon": "aws_recon", "cloudmapper": "CloudMapper", "azurehound": "AzureHound", "gcp-scanner": "gcp_scanner",
		"from-instance": "Stratus Red Team",
	}
	told := 0
	for id, j := range priorities(t, lib, scenario.Forge{UserAgent: "Boto3/1.34.145 Botocore/1.34.145"}) {
		var named []string
		if j.finding != nil {
			for _, r := range j.finding.Tools {
				if r.Confidence != "low" {
					named = append(named, r.Name)
				}
			}
		}
		switch want := runs[j.scenario.Family]; {
		case j.scenario.Label == scenario.Benign:
			if len(named) > 0 && j.scenario.Family != "posture" && j.scenario.Family != "inventory" {
				t.Errorf("%s is taken for %v", id, named)
			}
		case want != "" && !slices.Contains(named, want):
			t.Errorf("%s is taken for %v, and is %s", id, named, want)
		case want != "":
			told++
		}
	}
	if told < 25 {
		t.Errorf("%d runs of tools", told)
	}
}

// TestVendors holds what is put aside against who is who.
func TestVendors(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := priorities(t, lib, scenario.Forge{})
	for _, id := range []string{"aws-monitoring", "aws-cost-tool", "aws-vendor-posture"} {
		if f := all[id].finding; f == nil || f.Aside == "" || all[id].level != "informational" {
			t.Errorf("%s: a vendor's daily work is not put aside: %d, %v", id, all[id].priority, reasons(all[id]))
		}
	}
	for _, id := range []string{"aws-vendor-posture-first", "aws-vendor-name", "aws-vendor-broken-into"} {
		if f := all[id].finding; f == nil || f.Aside != "" {
			t.Errorf("%s is put aside", id)
		}
	}
	if j := all["aws-vendor-broken-into"]; !slices.ContainsFunc(reasons(j), func(s string) bool {
		return s == "by way of the account of Datadog, known as a vendor (monitoring)"
	}) {
		t.Errorf("the vendor behind the calls is not named: %v", reasons(j))
	}
	for id, j := range all {
		if j.scenario.Label == scenario.Hostile && j.finding != nil && j.finding.Aside != "" {
			t.Errorf("%s is put aside: %s", id, j.finding.Aside)
		}
	}
}

// TestProvidersOwnCallsAreAside: where calls score that the provider made
// itself, they are found and put aside, by its own mark.
func TestProvidersOwnCallsAreAside(t *testing.T) {
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	trail, err := newTrail(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"aws-cloudformation", "aws-recorder", "azure-backup", "gcp-agent"}
	for n, s := range lib.Scenarios {
		if slices.Contains(want, s.ID) || s.ID == "gcp-scanner" {
			if err := trail.add(lib.Play(s, n, start, scenario.Forge{})); err != nil {
				t.Fatal(err)
			}
		}
	}
	found, err := findings(trail.dir, triage.DefaultWeights(), detection.Options{Services: true})
	if err != nil {
		t.Fatal(err)
	}
	aside := map[string]bool{}
	for i := range found {
		id := trail.scenarios[found[i].Actor.ID].ID
		if slices.Contains(want, id) != (found[i].Aside != "") {
			t.Errorf("%s: aside because %q", id, found[i].Aside)
		}
		aside[id] = found[i].Aside != ""
	}
	for _, id := range append(want, "gcp-scanner") {
		if _, ok := aside[id]; !ok {
			t.Errorf("%s is not found", id)
		}
	}
}
