package detection_test

import (
	"strings"
	"testing"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/plan/plantest"
)

func TestCheck(t *testing.T) {
	if got := check(t, sound); got != "" {
		t.Fatalf("the sound detection has problems:\n%s", got)
	}
	for _, c := range []struct {
		name     string
		old, new string
		want     string
	}{
		{"fires too late", "count: 10}", "count: 9}", `16:7: example "ten" must fire and stays silent`},
		{"fires too early", "count: 9}", "count: 10}", `20:7: example "nine" must stay silent and fires, with risk 50`},
		{"another risk", "- name: ten\n", "- name: ten\n      risk: 70\n", `17:13: example "ten" fires with risk 50, not 70`},
		{"slip in a name", "api: DescribeInstances, count: 10", "api: DescribeInstnaces, count: 10",
			`18:57: no catalogue lists "DescribeInstnaces" of service ec2.amazonaws.com: did you mean "DescribeInstances"?; or mark the event with unknown: true`},
		{"another service", "service: ec2.amazonaws.com, api: DescribeInstances, count: 10", "service: ec2.amazonaws.com, api: ListBuckets, count: 10",
			`18:57: no catalogue lists "ListBuckets" of service ec2.amazonaws.com: it is an API of s3.amazonaws.com; or mark the event with unknown: true`},
		{"service without its domain", "service: ec2.amazonaws.com, api: DescribeInstances, count: 10", "service: ec2.amazonaws.co, api: DescribeSpotPlaces, count: 10",
			`18:56: no catalogue lists "DescribeSpotPlaces" of service ec2.amazonaws.co: did you mean the service ec2.amazonaws.com?; or mark the event with unknown: true`},
		{"known after all", "count: 10}", "count: 10, unknown: true}",
			`18:57: a catalogue lists DescribeInstances of ec2.amazonaws.com: leave out "unknown"`},
		{"unknown of two classes", "count: 9}", "count: 9}\n        - {cloud: aws, service: a, api: B, unknown: true, class: write}\n        - {cloud: aws, service: a, api: B, unknown: true}",
			`24:41: B of a is of class discovery here and of class write elsewhere`},
		{"dead names", "classes: [discovery]", "classes: [discovery]\n  include: [{service: lambda.amazonaws.com, api: ListFunction}]\n  exclude: [{api: Nonsense}]",
			"7:50: warning: no catalogue lists \"ListFunction\" of service lambda.amazonaws.com: did you mean \"ListFunctions\"?; unless a log writes this very name, it includes nothing\n" +
				"8:19: warning: no catalogue lists \"Nonsense\" of service *; unless a log writes this very name, it excludes nothing"},
		{"no API", "classes: [discovery]", "classes: [discovery]\n  techniques: [T9999]",
			"9:5: window \"burst\" selects no API of any catalogue\n17:7: example \"ten\" must fire and stays silent"},
		{"too few APIs", "trigger: {events: 10}", "select: {include: [{cloud: aws, service: ec2.amazonaws.com, api: [DescribeInstances, DescribeVpcs]}]}\n    trigger: {distinct_apis: 3}",
			"11:14: window \"burst\" can never fire: its trigger wants more distinct APIs than the 2 that are selected\n17:7: example \"ten\" must fire and stays silent"},
		{"idle alternative", "trigger: {events: 10}", "trigger: {any: [{events: 10}, {events: 12, distinct_apis: 2}, {distinct_apis: 10}]}",
			"10:35: warning: this alternative changes nothing: wherever it holds, another one does\n10:67: warning: this alternative changes nothing: wherever it holds, another one does"},
		{"no risk", "      - {risk: 50}\n", "",
			`8:5: warning: window "burst" fires with 10 events and 1 distinct APIs, for which no band gives a risk: it gets 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(sound, c.old) {
				t.Fatalf("%q is not in the sound detection", c.old)
			}
			if got := check(t, strings.Replace(sound, c.old, c.new, 1)); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func check(t *testing.T, text string) string {
	t.Helper()
	d, err := detection.Load("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(detection.Check(d, catalogues(t), plantest.Verdict).Error(), "x.yaml:", "")
}

// Statement 45 on the seed's own bands: its 30 is found to be out of reach.
func TestStatement45SeedBand(t *testing.T) {
	text := strings.NewReplacer(
		"trigger: {events: 10}", "trigger: {any: [{events: 10}, {distinct_apis: 5}]}",
		"      - {risk: 70, events: 20}\n      - {risk: 50}\n",
		`      - {risk: 90, distinct_apis: 10, events: 50}
      - {risk: 70, distinct_apis: 7, events: 20}
      - {risk: 50, any: [{distinct_apis: 5}, {events: 10}]}
      - {risk: 30}
`).Replace(sound)
	_, err := detection.Load("x.yaml", []byte(text))
	const want = "x.yaml:15:9: no window can get risk 30: wherever the trigger and this band hold, a band above holds too"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	// Without it the bands are sound.
	if _, err := detection.Load("x.yaml", []byte(strings.Replace(text, "      - {risk: 30}\n", "", 1))); err != nil {
		t.Errorf("the other three: %v", err)
	}
}

// An example's events are what the file says, with the catalogue's API and
// what a log would say of it.
func TestExampleEvents(t *testing.T) {
	text := strings.Replace(sound, "count: 10}", `count: 10}
        - {at: 1s, every: 2s, count: 4, cloud: gcp, service: new.googleapis.com, api: [a.list, b.create], unknown: true, read_only: false,
           outcome: denied, actor: eve, account: p, region: r, address: 192.0.2.1, target: t, service_made: true, log: gcp.admin_activity}`, 1)
	d, err := detection.Load("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	reg := catalogues(t)
	events, err := d.Fire[0].Events(reg)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 14 {
		t.Fatalf("%d events, want 14", len(events))
	}
	keys := map[event.Key]bool{}
	var eve []event.Event
	for i, e := range events {
		keys[e.Key] = true
		if i > 0 && events[i-1].Time > e.Time {
			t.Error("events are out of order")
		}
		if string(e.Actor.Principal) == "eve" {
			eve = append(eve, e)
		} else if e.Flags != event.ReadOnly || e.Log != event.CloudTrailManagement || e.API != reg.Lookup(event.AWS, "ec2.amazonaws.com", "DescribeInstances") {
			t.Errorf("event %d: flags %b, log %v, API %v", i, e.Flags, e.Log, e.API.Name)
		}
	}
	if len(keys) != 14 {
		t.Errorf("%d distinct keys, want 14", len(keys))
	}
	if len(eve) != 4 || eve[1].Time-eve[0].Time != 2e9 || eve[0].API.Name != "a.list" || eve[1].API.Name != "b.create" || eve[2].API.Name != "a.list" {
		t.Fatalf("eve's calls are wrong: %+v", eve)
	}
	e := eve[0]
	if e.Cloud != event.GCP || e.Log != event.GCPActivity || e.Flags != event.Writes|event.ServiceMade || e.Outcome != event.Denied ||
		string(e.Account) != "p" || string(e.Region) != "r" || string(e.Address) != "192.0.2.1" || string(e.Target) != "t" ||
		e.API.Known || e.API.Class != event.ClassDiscovery {
		t.Errorf("eve's first call: %+v", e)
	}
	if _, err := d.Fire[0].Events(event.NewRegistry()); err == nil || !strings.Contains(err.Error(), "no catalogue lists") {
		t.Errorf("against an empty catalogue: %v", err)
	}
}

func TestProblemsErr(t *testing.T) {
	warning := detection.Problem{File: "f", Line: 1, Col: 2, Warning: true, Message: "w"}
	fault := detection.Problem{File: "f", Line: 3, Col: 4, Message: "e"}
	if err := (detection.Problems{warning}).Err(); err != nil {
		t.Errorf("a warning is an error: %v", err)
	}
	if err := (detection.Problems{warning, fault}).Err(); err == nil || err.Error() != "f:3:4: e" {
		t.Errorf("got %v", err)
	}
	if got := (detection.Problems{warning, fault}).Error(); got != "f:1:2: warning: w\nf:3:4: e" {
		t.Errorf("got %q", got)
	}
}

// What was not made by Load is not taken on trust.
func TestLowerErrors(t *testing.T) {
	sel := &plan.Selector{Classes: []event.Class{event.ClassDiscovery}}
	trigger := plan.Condition{{Events: 1}}
	for want, d := range map[string]*detection.Detection{
		"no window":       {},
		"selects nothing": {Windows: []detection.Window{{Length: 1, Trigger: trigger}}},
		"no length":       {Select: sel, Windows: []detection.Window{{Trigger: trigger}}},
		"no trigger":      {Select: sel, Windows: []detection.Window{{Length: 1}}},
	} {
		if _, err := detection.Lower(d, detection.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
