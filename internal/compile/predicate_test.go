package compile

import (
	"strings"
	"testing"

	"vedette/internal/cloud/all"
	"vedette/internal/event"
	"vedette/internal/plan"
)

func registry(t testing.TB) *event.Registry {
	t.Helper()
	reg := event.NewRegistry()
	for _, p := range all.Providers() {
		if err := p.Register(reg); err != nil {
			t.Fatal(err)
		}
	}
	return reg
}

// TestPredicateIsTheSelector holds the predicates of a log against the
// selector, over every name that a catalogue knows.
func TestPredicateIsTheSelector(t *testing.T) {
	reg := registry(t)
	selectors := map[string]*plan.Selector{
		"discovery":  {Classes: []event.Class{event.ClassDiscovery}},
		"data reads": {Classes: []event.Class{event.ClassDataRead, event.ClassCrypto}},
		"technique":  {Classes: []event.Class{event.ClassDiscovery}, Techniques: []string{"T1087"}},
		"excluding":  {Classes: []event.Class{event.ClassDiscovery}, Exclude: []plan.Name{{Service: "ec2.amazonaws.com", API: plan.Any}}},
		"anywhere":   {Classes: []event.Class{event.ClassDiscovery}, Exclude: []plan.Name{{API: "ListTagsForResource"}, {API: "storage.buckets.list"}}},
		"one more":   {Classes: []event.Class{event.ClassDiscovery}, Include: []plan.Name{{API: "GetSecretValue"}, {API: "CreateTags"}}},
		"services":   {Techniques: []string{"T1087"}, Classes: []event.Class{event.ClassDiscovery}, Include: []plan.Name{{Service: "kms.amazonaws.com", API: plan.Any}, {Service: "microsoft.compute", API: plan.Any}, {Cloud: event.GCP, Service: "compute.googleapis.com", API: plan.Any}}},
		"but one":    {Classes: []event.Class{event.ClassDiscovery}, Include: []plan.Name{{Service: "ec2.amazonaws.com", API: "DescribeInstances"}}, Exclude: []plan.Name{{Service: "ec2.amazonaws.com", API: plan.Any}}},
	}
	for name, sel := range selectors {
		for _, l := range logs {
			p, _ := predicate(sel, l.of, l.shape, reg)
			selected := 0
			for _, a := range reg.All() {
				if !a.Known || a.Cloud != l.of[0].Cloud() {
					continue
				}
				for _, logged := range a.Logged {
					in := false
					for _, of := range l.of {
						in = in || a.Log == of
					}
					if !in {
						continue
					}
					n := logged
					want := sel.Selects(a, false)
					if got := p.Selects(a.Service, n); got != want {
						t.Errorf("%s, %s: %s %s is selected: %v, want %v", name, l.of[0], a.Service, n, got, want)
					}
					if want {
						selected++
					}
				}
			}
			if name == "discovery" && selected < 11 {
				t.Errorf("%s: only %d names are selected", l.of[0], selected)
			}
		}
	}
}

// TestPredicateOfUnknownNames holds the predicates against the verbs for
// names that no catalogue lists.
func TestPredicateOfUnknownNames(t *testing.T) {
	reg := registry(t)
	sel := &plan.Selector{Classes: []event.Class{event.ClassDiscovery}}
	tests := []struct {
		log  event.Log
		name string
		want bool
	}{
		{event.CloudTrailManagement, "ListWidgets", true},
		{event.CloudTrailManagement, "DescribeWidget", true},
		{event.CloudTrailManagement, "Getaway", false},
		{event.CloudTrailManagement, "GetWidgetCredentials", false},
		{event.CloudTrailManagement, "GetWidgetToken", false},
		{event.CloudTrailManagement, "CreateWidget", false},
		{event.CloudTrailManagement, "WidgetList", false},
		{event.AzureActivity, "widgets/listkeys/action", true},
		{event.AzureActivity, "widgets/getstatus/action", true},
		{event.AzureActivity, "widgets/restart/action", false},
		{event.AzureActivity, "widgets/write", false},
		{event.GCPDataAccess, "google.cloud.widgets.Widgets.ListWidgets", true},
		{event.GCPDataAccess, "widgets.projects.aggregatedList", true},
		{event.GCPDataAccess, "widgets.projects.insert", false},
	}
	for _, tt := range tests {
		for _, l := range logs {
			if l.of[0] != tt.log {
				continue
			}
			p, _ := predicate(sel, l.of, l.shape, reg)
			if got := p.Selects("widgets.example", tt.name); got != tt.want {
				t.Errorf("%s: %s is selected: %v, want %v\n%s\n%s", tt.log, tt.name, got, tt.want, p.Match, p.Unless)
			}
			if n := len(p.Match) + len(p.Unless); n > 1500 {
				t.Errorf("%s: the expressions have %d characters", tt.log, n)
			}
			for _, never := range []string{`\`, `(?`, `{`, `"`, `'`} {
				if strings.Contains(p.Match+p.Unless, never) {
					t.Errorf("%s: %q is not portable", tt.log, never)
				}
			}
		}
	}
}

// TestPredicateOfWrittenNames: what a detection names counts, and what it
// excludes does not, where no catalogue lists it too.
func TestPredicateOfWrittenNames(t *testing.T) {
	reg := registry(t)
	sel := &plan.Selector{
		Classes: []event.Class{event.ClassDiscovery},
		Include: []plan.Name{
			{Cloud: event.AWS, API: "HarvestInventory"}, {Service: "acme.amazonaws.com", API: "Survey"}, {Service: "whole.amazonaws.com", API: plan.Any},
			{API: "google.acme.v1.Acme.Survey"}, {Service: "microsoft.acme", API: "things/survey/action"},
		},
		Exclude: []plan.Name{
			{Service: "acme.amazonaws.com", API: "ListWidgets"}, {Service: "ec2.amazonaws.com", API: plan.Any}, {API: "DescribeNothing"},
			{API: "google.acme.v1.Acme.ListThings"}, {Service: "compute.googleapis.com", API: plan.Any}, {Service: "microsoft.acme", API: plan.Any},
		},
	}
	for _, c := range []struct {
		log           event.Log
		service, name string
	}{
		{event.CloudTrailManagement, "any.amazonaws.com", "HarvestInventory"},
		{event.CloudTrailManagement, "any.amazonaws.com", "HarvestInventories"},
		{event.CloudTrailManagement, "acme.amazonaws.com", "Survey"},
		{event.CloudTrailManagement, "other.amazonaws.com", "Survey"},
		{event.CloudTrailManagement, "whole.amazonaws.com", "Anything"},
		{event.CloudTrailManagement, "acme.amazonaws.com", "ListWidgets"},
		{event.CloudTrailManagement, "acme.amazonaws.com", "ListWidget"},
		{event.CloudTrailManagement, "other.amazonaws.com", "ListWidgets"},
		{event.CloudTrailManagement, "ec2.amazonaws.com", "DescribeWhatIsNew"},
		{event.CloudTrailManagement, "ec2.amazonaws.com", "DescribeInstances"},
		{event.CloudTrailManagement, "any.amazonaws.com", "DescribeNothing"},
		{event.CloudTrailManagement, "any.amazonaws.com", "DescribeNothings"},
		{event.GCPDataAccess, "acme.googleapis.com", "google.acme.v1.Acme.Survey"},
		{event.GCPDataAccess, "acme.googleapis.com", "google.acme.v1.Acme.ListThings"},
		{event.GCPDataAccess, "acme.googleapis.com", "google.acme.v1.Acme.ListOthers"},
		{event.GCPDataAccess, "compute.googleapis.com", "compute.novelties.list"},
		{event.AzureActivity, "microsoft.acme", "things/survey/action"},
		{event.AzureActivity, "microsoft.acme", "things/listkeys/action"},
		{event.AzureActivity, "microsoft.other", "things/listkeys/action"},
	} {
		for _, l := range logs {
			if l.of[0] != c.log {
				continue
			}
			p, differs := predicate(sel, l.of, l.shape, reg)
			a := reg.Lookup(c.log.Cloud(), c.service, c.name)
			if a == nil {
				// No catalogue lists it: its class is by its verb.
				plain, _ := predicate(&plan.Selector{Classes: sel.Classes}, l.of, l.shape, reg)
				a = &event.API{Cloud: c.log.Cloud(), Service: c.service, Name: c.name}
				if plain.Selects(c.service, c.name) {
					a.Class = event.ClassDiscovery
				}
			}
			if got, want := p.Selects(c.service, c.name), sel.Selects(a, false); got != want {
				t.Errorf("%s %s: selected %v, want %v\n%s\n%s\n%v\n%v", c.service, c.name, got, want, p.Match, p.Unless, p.Names, p.NotNames)
			}
			if len(differs) > 0 {
				t.Errorf("%s: %v", c.log, differs)
			}
		}
	}
}

// TestPredicateSaysWhatItIsNot: what no predicate holds is told.
func TestPredicateSaysWhatItIsNot(t *testing.T) {
	reg := registry(t)
	discovery := []event.Class{event.ClassDiscovery}
	for _, c := range []struct {
		name string
		sel  plan.Selector
		log  event.Log
		want string // a part of what is said; "" for nothing
	}{
		{"all of CloudTrail", plan.Selector{Logs: []event.Log{event.CloudTrailManagement, event.CloudTrailData, event.CloudTrailNetwork}}, event.CloudTrailManagement, ""},
		{"a part of CloudTrail", plan.Selector{Logs: []event.Log{event.CloudTrailData}}, event.CloudTrailManagement, "the catalogue's name of it"},
		{"all but a part", plan.Selector{NotLogs: []event.Log{event.GCPActivity}}, event.GCPDataAccess, "the catalogue's name of it"},
		{"a name for another log", plan.Selector{Exclude: []plan.Name{{API: "ListBuckets"}}}, event.AzureActivity, ""},
		{"a name for no log", plan.Selector{Exclude: []plan.Name{{API: "things/survey/action"}}}, event.AzureActivity, "things/survey/action"},
		{"signs", plan.Selector{Exclude: []plan.Name{{Cloud: event.AWS, API: "a'b"}}}, event.CloudTrailManagement, "a'b"},
	} {
		c.sel.Classes = discovery
		for _, l := range logs {
			if l.of[0] != c.log {
				continue
			}
			p, differs := predicate(&c.sel, l.of, l.shape, reg)
			if got := strings.Join(differs, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if n := len(p.NotNames); n > 120 {
				t.Errorf("%s: %d names are taken out one by one", c.name, n)
			}
		}
	}
}

// TestPredicateHasVerbs holds that a predicate says whether it goes by verbs,
// by names in any service that was not asked for, or by neither.
func TestPredicateHasVerbs(t *testing.T) {
	reg := registry(t)
	names := []plan.Name{{API: "HarvestInventory"}, {API: "DescribeInstances"}, {Service: "kms.amazonaws.com", API: plan.Any}}
	for _, l := range logs {
		for what, c := range map[string]struct {
			sel          plan.Selector
			verbs, words bool
		}{
			"names":      {plan.Selector{Include: names}, false, false},
			"buckets":    {plan.Selector{Include: []plan.Name{{Service: "s3.amazonaws.com", API: "ListBuckets"}}}, false, l.of[0].Cloud() == event.AWS},
			"classes":    {plan.Selector{Classes: []event.Class{event.ClassDiscovery}}, !l.shape.listed, !l.shape.listed},
			"both":       {plan.Selector{Classes: []event.Class{event.ClassDiscovery}, Include: names}, !l.shape.listed, !l.shape.listed},
			"techniques": {plan.Selector{Classes: []event.Class{event.ClassDiscovery}, Techniques: []string{"T1087"}}, false, false},
		} {
			p, _ := predicate(&c.sel, l.of, l.shape, reg)
			if p.Verbs != c.verbs || p.Words != c.words {
				t.Errorf("%s, %s: verbs: %v, words: %v, %q", l.of[0], what, p.Verbs, p.Words, p.Match)
			}
		}
	}
}
