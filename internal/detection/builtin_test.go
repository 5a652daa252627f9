package detection_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/cloud/catalog"
	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/plan/plantest"
)

// catalogues returns a registry with the real catalogues of the three clouds.
func catalogues(t testing.TB) *event.Registry {
	t.Helper()
	reg := event.NewRegistry()
	for _, c := range event.Clouds() {
		tsv, err := os.ReadFile(filepath.Join("..", "cloud", c.String(), "catalog.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := catalog.Parse(c, tsv)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			reg.Add(e.API)
		}
	}
	return reg
}

// Every built-in detection is sound: its names are in the catalogues, its
// examples fire and stay silent as they say, and not even a warning is left.
func TestBuiltin(t *testing.T) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
		t.Run(d.ID, func(t *testing.T) {
			ran := 0
			evaluate := func(p *plan.Plan, events []event.Event) (bool, int) {
				ran++
				return plantest.Verdict(p, events)
			}
			for _, p := range detection.Check(d, catalogues(t), evaluate) {
				t.Error(p)
			}
			if ran != len(d.Fire)+len(d.Silent) {
				t.Errorf("%d of %d examples ran", ran, len(d.Fire)+len(d.Silent))
			}
		})
	}
	if want := []string{
		"T1613", "T1538", "T1580.denied", "T1087.004", "T1069.003", "T1654", "T1619", "T1201", "T1518.001", "T1526", "T1580.slow", "T1580.sweep", "T1580",
	}; !slices.Equal(ids, want) {
		t.Errorf("built-in detections are %v, want %v", ids, want)
	}
}

// What the built-in detections of no group are lowered to, word for word.
func TestLoweredBuiltin(t *testing.T) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(d *detection.Detection) bool { return d.Group != "" })
	discovery := []event.Class{event.ClassDiscovery}
	want := []*plan.Plan{
		{
			Detection: "T1580.denied", Name: "Cloud Infrastructure Discovery, refused", Version: "1.0.0",
			Techniques: []string{"T1580", "T1526", "T1087.004", "T1069.003"},
			Quiet:      30 * time.Minute, MaxLength: 24 * time.Hour,
			Windows: []plan.Window{{
				Name: "refused", Length: 15 * time.Minute, Kind: plan.Sliding,
				Select: plan.Selector{
					NotLogs: []event.Log{event.AzureGraph}, Classes: discovery, Outcomes: []event.Outcome{event.Denied},
				},
				Trigger: plan.Condition{{DistinctAPIs: 5}, {DistinctTargets: 15}},
				Bands: []plan.Band{
					{Risk: 90, When: plan.Condition{{DistinctAPIs: 15}}},
					{Risk: 70, When: plan.Condition{{DistinctAPIs: 5}, {DistinctTargets: 15}}},
				},
			}},
		},
		{
			Detection: "T1087.004", Name: "Cloud Account and Group Discovery in Microsoft Graph", Version: "1.0.0",
			Techniques: []string{"T1087.004", "T1069.003"},
			Quiet:      30 * time.Minute, MaxLength: 24 * time.Hour,
			Windows: []plan.Window{{
				Name: "collection", Length: 5 * time.Minute, Kind: plan.Sliding,
				Select:  plan.Selector{Clouds: []event.Cloud{event.Azure}, Logs: []event.Log{event.AzureGraph}, Classes: discovery},
				Trigger: plan.Condition{{Events: 20, DistinctAPIs: 8}, {Events: 200, DistinctAPIs: 4}},
				Bands: []plan.Band{
					{Risk: 70, When: plan.Condition{{Events: 50, DistinctAPIs: 14}}},
					{Risk: 50, When: plan.Condition{{Events: 20, DistinctAPIs: 8}}},
					{Risk: 30, When: plan.Condition{{Events: 200, DistinctAPIs: 4}}},
				},
			}},
		},
		{
			Detection: "T1580.slow", Name: "Cloud Infrastructure Discovery, slow", Version: "1.0.0",
			Techniques: []string{"T1580", "T1526"},
			Quiet:      30 * time.Minute, MaxLength: 48 * time.Hour, Leftover: true,
			Windows: []plan.Window{{
				Name: "day", Length: 24 * time.Hour, Kind: plan.Sliding,
				Select:  plan.Selector{NotLogs: []event.Log{event.AzureGraph}, Classes: discovery},
				Trigger: plan.Condition{{DistinctAPIs: 40}},
				Bands:   []plan.Band{{Risk: 50, When: plan.Condition{{DistinctAPIs: 80}}}, {Risk: 30, When: plan.Condition{{DistinctAPIs: 40}}}},
			}},
		},
		{
			Detection: "T1580.sweep", Name: "Cloud Infrastructure Discovery, resource by resource", Version: "1.0.0",
			Techniques: []string{"T1580", "T1619"},
			Quiet:      30 * time.Minute, MaxLength: 24 * time.Hour,
			Windows: []plan.Window{{
				Name: "sweep", Length: 15 * time.Minute, Kind: plan.Sliding,
				Select:  plan.Selector{NotLogs: []event.Log{event.AzureGraph}, Classes: discovery},
				Trigger: plan.Condition{{DistinctTargets: 60}},
				Bands: []plan.Band{
					{Risk: 70, When: plan.Condition{{DistinctTargets: 300}}},
					{Risk: 50, When: plan.Condition{{DistinctTargets: 60}}},
				},
			}},
		},
		{
			Detection: "T1580", Name: "Cloud Infrastructure Discovery", Version: "1.0.0",
			Techniques: []string{"T1580", "T1526", "T1619", "T1613", "T1087.004", "T1069.003", "T1518.001", "T1538", "T1654"},
			Quiet:      30 * time.Minute, MaxLength: 24 * time.Hour,
			Windows: []plan.Window{{
				Name: "burst", Length: 15 * time.Minute, Kind: plan.Sliding,
				Select:  plan.Selector{NotLogs: []event.Log{event.AzureGraph}, Classes: discovery},
				Trigger: plan.Condition{{Events: 10}, {DistinctAPIs: 5}},
				Bands: []plan.Band{
					{Risk: 90, When: plan.Condition{{Events: 50, DistinctAPIs: 10}}},
					{Risk: 70, When: plan.Condition{{Events: 20, DistinctAPIs: 7}}},
					{Risk: 50, When: plan.Condition{{DistinctAPIs: 5}, {Events: 10}}},
				},
			}},
		},
	}
	var got []*plan.Plan
	for _, d := range list {
		p, err := detection.Lower(d, detection.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plans (-want +got):\n%s", diff)
	}

	tumbling := plan.Tumbling
	for _, d := range list {
		p, err := detection.Lower(d, detection.Options{Kind: &tumbling, Services: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range p.Windows {
			if w.Kind != plan.Tumbling || !w.Select.Services {
				t.Errorf("%s/%s: options changed nothing", d.ID, w.Name)
			}
		}
		if d.Select.Services || d.Windows[0].Kind != plan.Sliding {
			t.Errorf("%s: lowering changed the detection", d.ID)
		}
	}
}

// Statement 45: every band of every built-in detection is given to some
// window, found by trying all figures up to beyond the greatest threshold.
func TestStatement45EveryBandReached(t *testing.T) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		p, err := detection.Lower(d, detection.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range p.Windows {
			given := map[int]bool{}
			for events := 1; events <= 310; events++ {
				for apis := 1; apis <= events && apis <= 90; apis++ {
					for _, targets := range []int{apis, (apis + events) / 2, events} {
						f := plan.Figures{Events: events, DistinctAPIs: apis, DistinctTargets: targets}
						if w.Trigger.Holds(f) {
							given[w.Risk(f)] = true
						}
					}
				}
			}
			want := map[int]bool{}
			for _, b := range w.Bands {
				want[b.Risk] = true
			}
			if diff := cmp.Diff(want, given); diff != "" {
				t.Errorf("%s/%s: risks (-bands +given):\n%s", d.ID, w.Name, diff)
			}
		}
	}
}

// The T1580 burst is found at every phase against the edges of the bins that
// a tumbling window has (statement 24), and tumbling windows miss some.
func TestStatement24EveryPhase(t *testing.T) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	d := list[slices.IndexFunc(list, func(d *detection.Detection) bool { return d.ID == "T1580" })]
	i := slices.IndexFunc(d.Fire, func(e detection.Example) bool { return e.Name == "ten calls that straddle a quarter of an hour" })
	events, err := d.Fire[i].Events(catalogues(t))
	if err != nil {
		t.Fatal(err)
	}
	tumbling := plan.Tumbling
	missed := map[*plan.Kind]int{}
	for _, kind := range []*plan.Kind{nil, &tumbling} {
		p, err := detection.Lower(d, detection.Options{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		for range 900 {
			for j := range events {
				events[j].Time += int64(time.Second)
			}
			if fired, _ := plantest.Verdict(p, events); !fired {
				missed[kind]++
			}
		}
	}
	if missed[nil] != 0 {
		t.Errorf("sliding windows miss %d of 900 phases", missed[nil])
	}
	// Ten calls over nine minutes straddle an edge in 540 of 900 phases.
	if missed[&tumbling] != 540 {
		t.Errorf("tumbling windows miss %d of 900 phases, want 540", missed[&tumbling])
	}
}
