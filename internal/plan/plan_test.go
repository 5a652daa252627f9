package plan_test

import (
	"testing"

	"pgregory.net/rapid"

	"vedette/internal/event"
	"vedette/internal/plan"
)

const (
	mgmt  = event.CloudTrailManagement
	graph = event.AzureGraph
)

func TestCovers(t *testing.T) {
	describe := &event.API{Cloud: event.AWS, Service: "ec2.amazonaws.com", Name: "DescribeInstances", Class: event.ClassDiscovery, Known: true, Technique: "T1580"}
	users := &event.API{Cloud: event.AWS, Service: "iam.amazonaws.com", Name: "ListUsers", Class: event.ClassDiscovery, Known: true, Technique: "T1087.004", Secondary: "T1580"}
	novel := &event.API{Cloud: event.AWS, Service: "new.amazonaws.com", Name: "ListThings", Class: event.ClassDiscovery}
	object := &event.API{Cloud: event.AWS, Service: "s3.amazonaws.com", Name: "GetObject", Class: event.ClassDataRead, Known: true}
	list := &event.API{Cloud: event.GCP, Service: "compute.googleapis.com", Name: "compute.instances.list", Class: event.ClassDiscovery, Known: true, Technique: "T1580"}
	discovery := []event.Class{event.ClassDiscovery}

	for _, c := range []struct {
		name string
		sel  plan.Selector
		api  *event.API
		log  event.Log
		flag event.Flag
		want bool
	}{
		{"class", plan.Selector{Classes: discovery}, describe, mgmt, 0, true},
		{"another class", plan.Selector{Classes: discovery}, object, mgmt, 0, false},
		{"denied, no flag changes it", plan.Selector{Classes: discovery}, describe, mgmt, event.Console | event.Page | event.ReadOnly, true},
		{"unknown read", plan.Selector{Classes: discovery}, novel, mgmt, event.ReadOnly, true},
		{"unknown, log says nothing", plan.Selector{Classes: discovery}, novel, mgmt, 0, true},
		{"unknown, log says write", plan.Selector{Classes: discovery}, novel, mgmt, event.Writes, false},
		{"catalogue outranks the log's flag", plan.Selector{Classes: discovery}, describe, mgmt, event.Writes, true},
		{"unknown write by name", plan.Selector{Include: []plan.Name{{API: "ListThings"}}}, novel, mgmt, event.Writes, true},
		{"service-made", plan.Selector{Classes: discovery}, describe, mgmt, event.ServiceMade, false},
		{"service-made, by name", plan.Selector{Include: []plan.Name{{API: "*"}}}, describe, mgmt, event.ServiceMade, false},
		{"service-made, asked for", plan.Selector{Classes: discovery, Services: true}, describe, mgmt, event.ServiceMade, true},
		{"log not listed", plan.Selector{Classes: discovery, Logs: []event.Log{event.CloudTrailData}}, describe, mgmt, 0, false},
		{"log shut out", plan.Selector{Classes: discovery, NotLogs: []event.Log{mgmt}}, describe, mgmt, 0, false},
		{"log that holds no events", plan.Selector{Classes: discovery}, describe, event.CloudTrailDigest, 0, false},
		{"other cloud", plan.Selector{Classes: discovery, Clouds: []event.Cloud{event.Azure}}, describe, mgmt, 0, false},
		{"technique", plan.Selector{Classes: discovery, Techniques: []string{"T1580"}}, describe, mgmt, 0, true},
		{"second technique", plan.Selector{Classes: discovery, Techniques: []string{"T1580"}}, users, mgmt, 0, true},
		{"parent technique", plan.Selector{Classes: discovery, Techniques: []string{"T1087"}}, users, mgmt, 0, true},
		{"half a technique", plan.Selector{Classes: discovery, Techniques: []string{"T158"}}, describe, mgmt, 0, false},
		{"no technique known", plan.Selector{Classes: discovery, Techniques: []string{"T1580"}}, novel, mgmt, 0, false},
		{"excluded", plan.Selector{Classes: discovery, Exclude: []plan.Name{{Service: "ec2.amazonaws.com", API: "*"}}}, describe, mgmt, 0, false},
		{"excluded elsewhere", plan.Selector{Classes: discovery, Exclude: []plan.Name{{Service: "rds.amazonaws.com", API: "DescribeInstances"}}}, describe, mgmt, 0, true},
		{"included outranks excluded", plan.Selector{Classes: discovery, Include: []plan.Name{{API: "DescribeInstances"}}, Exclude: []plan.Name{{API: "*"}}}, describe, mgmt, 0, true},
		{"included in another class", plan.Selector{Include: []plan.Name{{Cloud: event.AWS, Service: "s3.amazonaws.com", API: "GetObject"}}}, object, event.CloudTrailData, event.ReadOnly, true},
		{"included for another cloud", plan.Selector{Include: []plan.Name{{Cloud: event.Azure, API: "compute.instances.list"}}}, list, event.GCPDataAccess, 0, false},
		{"nothing asked for", plan.Selector{}, describe, mgmt, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.sel.Covers(c.api, c.log, c.flag, event.OK); got != c.want {
				t.Errorf("Covers = %v, want %v", got, c.want)
			}
			m, err := plan.NewMatcher(&plan.Selector{}, &c.sel)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second answer comes from the table
				if got := m.Match(c.api, c.log, c.flag, event.OK) == 2; got != c.want {
					t.Errorf("Match = %v, want %v", got, c.want)
				}
			}
		})
	}
}

// The matcher says what the definition says, for any selectors and for APIs
// met in any order.
func TestMatcherIsCovers(t *testing.T) {
	clouds := append([]event.Cloud{event.NoCloud}, event.Clouds()...)
	techniques := []string{"", "T1580", "T1087", "T1087.004"}
	names := []string{"A", "B", plan.Any}
	rapid.Check(t, func(t *rapid.T) {
		some := func(label string, n int) []int {
			return rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(3, n), rapid.ID[int]).Draw(t, label)
		}
		selectors := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *plan.Selector {
			s := &plan.Selector{Services: rapid.Bool().Draw(t, "services")}
			for _, i := range some("clouds", 3) {
				s.Clouds = append(s.Clouds, event.Clouds()[i])
			}
			for _, i := range some("logs", int(event.NumLogs)) {
				s.Logs = append(s.Logs, event.Log(i))
			}
			for _, i := range some("notlogs", int(event.NumLogs)) {
				s.NotLogs = append(s.NotLogs, event.Log(i))
			}
			for _, i := range some("classes", int(event.NumClasses)) {
				s.Classes = append(s.Classes, event.Class(i))
			}
			for _, i := range some("outcomes", int(event.NumOutcomes)) {
				s.Outcomes = append(s.Outcomes, event.Outcome(i))
			}
			for _, i := range some("techniques", 3) {
				s.Techniques = append(s.Techniques, techniques[i+1])
			}
			name := rapid.Custom(func(t *rapid.T) plan.Name {
				return plan.Name{
					Cloud:   rapid.SampledFrom(clouds).Draw(t, "cloud"),
					Service: rapid.SampledFrom(append([]string{""}, names...)).Draw(t, "service"),
					API:     rapid.SampledFrom(names).Draw(t, "api"),
				}
			})
			s.Include = rapid.SliceOfN(name, 0, 2).Draw(t, "include")
			s.Exclude = rapid.SliceOfN(name, 0, 2).Draw(t, "exclude")
			return s
		}), 0, 5).Draw(t, "selectors")
		m, err := plan.NewMatcher(selectors...)
		if err != nil {
			t.Fatal(err)
		}
		apis := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.API {
			return event.API{
				Cloud:     rapid.SampledFrom(event.Clouds()).Draw(t, "cloud"),
				Service:   rapid.SampledFrom(names[:2]).Draw(t, "service"),
				Name:      rapid.SampledFrom(names[:2]).Draw(t, "name"),
				Class:     event.Class(rapid.IntRange(0, int(event.NumClasses)-1).Draw(t, "class")),
				Known:     rapid.Bool().Draw(t, "known"),
				Technique: rapid.SampledFrom(techniques).Draw(t, "technique"),
				Secondary: rapid.SampledFrom(techniques).Draw(t, "secondary"),
			}
		}), 1, 6).Draw(t, "apis")
		for i := range apis {
			apis[i].ID = uint32(i)
		}
		for range 30 {
			a := &apis[rapid.IntRange(0, len(apis)-1).Draw(t, "which")]
			l := event.Log(rapid.IntRange(0, int(event.NumLogs)-1).Draw(t, "log"))
			f := event.Flag(rapid.IntRange(0, 31).Draw(t, "flags"))
			o := event.Outcome(rapid.IntRange(0, int(event.NumOutcomes)-1).Draw(t, "outcome"))
			var want uint64
			for i, s := range selectors {
				if s.Covers(a, l, f, o) {
					want |= 1 << i
				}
			}
			if got := m.Match(a, l, f, o); got != want {
				t.Fatalf("Match(%+v, %v, %b) = %b, want %b", a, l, f, got, want)
			}
		}
	})
}

func TestMatcherLimits(t *testing.T) {
	selectors := make([]*plan.Selector, plan.MaxSelectors)
	for i := range selectors {
		selectors[i] = &plan.Selector{Include: []plan.Name{{API: plan.Any}}}
	}
	m, err := plan.NewMatcher(selectors...)
	if err != nil {
		t.Fatal(err)
	}
	a := &event.API{ID: 5, Cloud: event.AWS, Name: "A"}
	if got := m.Match(a, mgmt, 0, event.OK); got != ^uint64(0) {
		t.Errorf("Match = %x, want all 64", got)
	}
	if got := m.Match(nil, mgmt, 0, event.OK); got != 0 {
		t.Errorf("Match(nil) = %x, want 0", got)
	}
	if _, err := plan.NewMatcher(append(selectors, selectors[0])...); err == nil {
		t.Error("65 selectors were taken")
	}
	if n := testing.AllocsPerRun(100, func() { m.Match(a, mgmt, event.Writes, event.OK) }); n != 0 {
		t.Errorf("Match allocates %v times for an API it has met", n)
	}
}

// The band grid of the query Vedette began with: what each corner gives.
func TestRisk(t *testing.T) {
	w := plan.Window{Bands: []plan.Band{
		{Risk: 90, When: plan.Condition{{Events: 50, DistinctAPIs: 10}}},
		{Risk: 70, When: plan.Condition{{Events: 20, DistinctAPIs: 7}}},
		{Risk: 50, When: plan.Condition{{DistinctAPIs: 5}, {Events: 10}}},
	}}
	for _, c := range []struct{ events, apis, want int }{
		{50, 10, 90}, {49, 10, 70}, {50, 9, 70}, {20, 7, 70}, {19, 7, 50}, {20, 6, 50},
		{10, 1, 50}, {9, 1, 0}, {5, 5, 50}, {4, 4, 0},
	} {
		if got := w.Risk(plan.Figures{Events: c.events, DistinctAPIs: c.apis}); got != c.want {
			t.Errorf("Risk(%d, %d) = %d, want %d", c.events, c.apis, got, c.want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	m, err := plan.NewMatcher(&plan.Selector{Classes: []event.Class{event.ClassDiscovery}, NotLogs: []event.Log{graph}})
	if err != nil {
		b.Fatal(err)
	}
	a := &event.API{ID: 900, Cloud: event.AWS, Class: event.ClassDiscovery, Known: true}
	var sum uint64
	for b.Loop() {
		sum += m.Match(a, mgmt, event.ReadOnly, event.OK)
	}
	if sum == 0 {
		b.Fatal("never matched")
	}
}
