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
	}
	for name, sel := range selectors {
		for _, l := range logs {
			p := predicate(sel, l.of, l.shape, reg)
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
			p := predicate(sel, l.of, l.shape, reg)
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
