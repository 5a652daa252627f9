package detection_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/plan"
)

// sound is a detection without a fault. The tests of errors change a line of
// it at a time.
const sound = `id: X1
name: A name
version: "1"
techniques: [T1580]
select:
  classes: [discovery]
windows:
  - name: burst
    length: 15m
    trigger: {events: 10}
    bands:
      - {risk: 70, events: 20}
      - {risk: 50}
examples:
  fire:
    - name: ten
      events:
        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 10}
  silent:
    - name: nine
      events:
        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 9}
`

func TestLoad(t *testing.T) {
	d, err := detection.Load("x.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	p, err := detection.Lower(d, detection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &plan.Plan{
		Detection: "X1", Name: "A name", Version: "1", Techniques: []string{"T1580"},
		Windows: []plan.Window{{
			Name: "burst", Length: 15 * time.Minute, Kind: plan.Sliding,
			Select:  plan.Selector{Classes: []event.Class{event.ClassDiscovery}},
			Trigger: plan.Condition{{Events: 10}},
			Bands:   []plan.Band{{Risk: 70, When: plan.Condition{{Events: 20}}}, {Risk: 50}},
		}},
		Quiet: 30 * time.Minute, MaxLength: 24 * time.Hour,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// Each fault is reported where it is, with words that help.
func TestLoadErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string // a change of the sound detection
		want     string // every problem, in order
	}{
		{"syntax", "techniques: [T1580]", "techniques: [T1580",
			`5:7: not YAML: did not find expected ',' or ']'`},
		{"tab", "  - name: burst", "\t- name: burst",
			`8:1: not YAML: found character that cannot start any token`},
		{"nested mapping", "name: A name", "name: A: name",
			`2:8: not YAML: mapping values are not allowed in this context`},
		{"two documents", "name: A name", "name: A name\n---\na: 1",
			`1:1: not one YAML document: yaml: construct errors: <unknown position>: yaml: expected single document, found multiple`},
		{"bytes", "name: A name", "name: A \xff name",
			`2:9: this byte is not UTF-8`},
		{"no mapping", sound, "- a\n",
			`1:1: a detection is a mapping (fields: id, part_of, group, leftover, name, version, description, techniques, severity, confidence, references, select, windows, quiet, max_length, false_positives, examples), not a list`},
		{"unknown field", "version:", "versoin:",
			"1:1: a detection lacks \"version\"\n3:1: a detection has no field \"versoin\": did you mean \"version\"?"},
		{"field of nowhere", "name: A name", "name: A name\nowner: me",
			`3:1: a detection has no field "owner": its fields are id, part_of, group, leftover, name, version, description, techniques, severity, confidence, references, select, windows, quiet, max_length, false_positives, examples`},
		{"given twice", "name: A name", "name: A name\nname: B",
			`3:1: "name" is given twice, first with the value on line 2`},
		{"missing id", "id: X1\n", "", `1:1: a detection lacks "id"`},
		{"odd id", "id: X1", "id: X 1", `1:5: id is up to 64 letters, digits, dots, dashes and underscores, not "X 1"`},
		{"number for text", `version: "1"`, "version: 1.0", `3:10: version is text, not the number 1.0: write it in quotes`},
		{"nothing", "name: A name", "name:", `2:6: name is text, not nothing`},
		{"blank", "name: A name", `name: "  "`, `2:7: name is empty`},
		{"control character", "name: A name", `name: "A\e[31m"`, `2:7: name is one line without control characters`},
		{"technique", "[T1580]", "[T1580, T15.80]", `4:21: a technique is an ATT&CK id such as T1580 or T1087.004, not "T15.80"`},
		{"technique twice", "[T1580]", "[T1580, T1580]", `4:21: techniques lists "T1580" twice`},
		{"no techniques", "[T1580]", "[]", `4:13: techniques is empty`},
		{"list wanted", "[T1580]", "T1580", `4:13: techniques is a list, not "T1580"`},
		{"severity", "name: A name", "name: A name\nseverity: hihg", `3:11: severity is one of informational, low, medium, high, critical, not "hihg"; did you mean "high"?`},
		{"reference", "name: A name", "name: A name\nreferences: [https://a.example/, ftp://b]", `3:34: a reference is an address that starts with https://, not "ftp://b"`},
		{"anchor", "techniques: [T1580]", "techniques: &t [T1580]", `4:13: anchors and aliases are not used in detections`},
		{"alias", "version: \"1\"\ntechniques: [T1580]", "version: &v \"1\"\ntechniques: [*v]",
			"3:10: anchors and aliases are not used in detections\n4:14: anchors and aliases are not used in detections"},
		{"tag", "name: A name", "name: !thing A name", `2:7: tags such as !thing are not used in detections`},

		{"class", "[discovery]", "[discover]", `6:13: an entry of classes is one of other, discovery, data_read, crypto, session, write, not "discover"; did you mean "discovery"?`},
		{"class twice", "[discovery]", "[discovery, discovery]", `6:24: classes lists "discovery" twice`},
		{"log", "  classes: [discovery]", "  classes: [discovery]\n  logs: [cloudtrail.managment]",
			`7:10: an entry of logs is one of cloudtrail.management, cloudtrail.data, cloudtrail.network_activity, azure.activity, azure.key_vault, azure.storage, azure.microsoft_graph, gcp.admin_activity, gcp.data_access, gcp.policy_denied, gcp.system_event, not "cloudtrail.managment"; did you mean "cloudtrail.management"?`},
		{"log of another cloud", "  classes: [discovery]", "  classes: [discovery]\n  clouds: [aws]\n  logs: [azure.activity]",
			`6:3: no log is left that the selection sees: clouds, logs and not_logs shut out all of them`},
		{"selects nothing", "  classes: [discovery]", "  clouds: [aws]", `6:3: a selection needs classes, include or both; else it selects nothing`},
		{"narrows nothing", "  classes: [discovery]", "  techniques: [T1580]\n  exclude: [{api: A}]\n  include: [{api: A}]",
			"6:15: techniques narrow classes, and there are none\n7:12: exclude takes from classes, and there are none"},
		{"included twice", "  classes: [discovery]", "  include: [{api: A}, {api: [B, A]}]", `6:33: include names A twice`},
		{"everything", "  classes: [discovery]", "  include: [{cloud: aws, api: \"*\"}]", `6:31: "*" needs a service; for everything use classes`},
		{"service in capitals", "  classes: [discovery]", "  include: [{service: EC2.amazonaws.com, api: A}]", `6:23: services are in lower case: "ec2.amazonaws.com"`},
		{"cloud", "  classes: [discovery]", "  include: [{cloud: asw, api: A}]", `6:21: cloud is one of aws, azure, gcp, not "asw"; did you mean "aws"?`},
		{"services", "  classes: [discovery]", "  classes: [discovery]\n  services: yes", `7:13: services is true or false, not "yes"`},
		{"no selection", "select:\n  classes: [discovery]\n", "", `6:5: a window lacks "select", and the detection has none for all windows`},

		{"no windows", strings.SplitAfter(strings.SplitAfter(sound, "windows:\n")[1], "- {risk: 50}\n")[0], "", `7:9: windows is a list, not nothing`},
		{"windows of one name", "examples:", "  - name: burst\n    length: 1h\n    trigger: {events: 30}\n    bands: [{risk: 1}]\nexamples:",
			`14:5: two windows are named "burst", the first on line 8`},
		{"bare number", "15m", "900", `9:13: length is a span of time such as 15m, not the number 900`},
		{"no unit", "15m", "15 minutes", `9:13: length is a span of time such as 90s, 15m or 24h, not "15 minutes"`},
		{"too short", "15m", "1ms", `9:13: length is from 1s to 744h0m0s, not 1ms`},
		{"longer than a finding", "15m", "25h", `9:13: length 25h0m0s is more than max_length 24h0m0s, at which findings are cut`},
		{"kind", "    length: 15m", "    length: 15m\n    kind: slidng", `10:11: kind is one of sliding, tumbling, not "slidng"; did you mean "sliding"?`},
		{"threshold of zero", "trigger: {events: 10}", "trigger: {events: 0}", `10:23: events is from 1 to 1000000000, not 0`},
		{"threshold below zero", "trigger: {events: 10}", "trigger: {distinct_apis: -5}", `10:30: distinct_apis is from 1 to 1000000000, not -5`},
		{"threshold in words", "trigger: {events: 10}", "trigger: {events: ten}", `10:23: events is a whole number, not "ten"`},
		{"huge threshold", "trigger: {events: 10}", "trigger: {events: 99999999999999999999}", `10:23: events is a whole number, not the number 99999999999999999999`},
		{"hexadecimal", "trigger: {events: 10}", "trigger: {events: 0x10}", `10:23: events is a whole number in decimal digits, not "0x10"`},
		{"empty trigger", "trigger: {events: 10}", "trigger: {}", `10:14: a trigger needs a threshold: events, distinct_apis or distinct_targets`},
		{"trigger and any", "trigger: {events: 10}", "trigger: {events: 10, any: [{distinct_apis: 5}]}", `10:23: a trigger has both "any" and "events": move it into the list, or leave the list out`},
		{"empty alternative", "trigger: {events: 10}", "trigger: {any: [{events: 10}, {}]}", `10:35: an alternative needs a threshold: events, distinct_apis or distinct_targets`},
		{"risk", "risk: 70", "risk: 170", `12:16: risk is from 0 to 100, not 170`},
		{"risk order", "risk: 70", "risk: 50", `13:16: bands are tried in order, so the highest risk comes first: 50 stands after 50`},
		{"band out of reach", "{risk: 70, events: 20}", "{risk: 70, events: 10}",
			`13:9: no window can get risk 50: wherever the trigger and this band hold, a band above holds too`},

		{"no silent example", "  silent:\n    - name: nine\n      events:\n        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 9}\n", "",
			`15:3: examples lacks "silent"`},
		{"examples of one name", "name: nine", "name: ten", `20:7: two examples are named "ten", the first on line 16`},
		{"risk of silence", "    - name: nine", "    - name: nine\n      risk: 5", `21:7: an example has no field "risk": its fields are name, events`},
		{"few for many", "api: DescribeInstances, count: 9}", "api: [A, B], count: 1}", `22:72: count is 1, but 2 APIs are to be called`},
		{"many", "count: 9}", "count: 20000}\n        - {cloud: aws, service: a, api: B}", `23:11: an example has at most 20000 calls`},
		{"long", "count: 9}", "count: 9, every: 24h, at: 600h}", `22:11: an example spans at most 744h0m0s`},
		{"log of the event", "count: 9}", "count: 9, log: gcp.data_access}", `22:91: gcp.data_access is no log of aws`},
		{"class of the known", "count: 9}", "count: 9, class: write}", `22:93: the catalogue gives the class; it is for events with unknown: true`},
		{"outcome", "count: 9}", "count: 9, outcome: refused}", `22:95: outcome is one of ok, denied, absent, throttled, invalid, other, not "refused"`},
		{"several at once", "name: A name\nversion: \"1\"", "nmae: A name\nversion: 1",
			"1:1: a detection lacks \"name\"\n2:1: a detection has no field \"nmae\": did you mean \"name\"?\n3:10: version is text, not the number 1: write it in quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(sound, c.old) < 1 {
				t.Fatalf("%q is not in the sound detection", c.old)
			}
			_, err := detection.Load("x.yaml", []byte(strings.Replace(sound, c.old, c.new, 1)))
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), "x.yaml:", "")
			if got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestLoadEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		_, err := detection.Load("x.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "x.yaml:1:") {
			t.Errorf("Load(%q): %v", text, err)
		}
	}
	_, err := detection.Load("x.yaml", make([]byte, 1<<20+1))
	if err == nil || !strings.Contains(err.Error(), "at most 1048576") {
		t.Errorf("a file of more than a megabyte: %v", err)
	}
}

// yamlBreaks are what YAML counts as the end of a line.
var yamlBreaks = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

func FuzzLoad(f *testing.F) {
	f.Add([]byte(sound))
	for _, name := range []string{"t1580.yaml", "graph.yaml", "seed.yaml"} {
		text, ok := detection.Source(name)
		if !ok {
			f.Fatal(name)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := detection.Load("f", data)
		if err != nil {
			lines := len(yamlBreaks.Split(string(data), -1)) + 1
			for _, p := range err.(detection.Problems) {
				if p.Line < 1 || p.Line > lines || p.Col < 1 || p.Message == "" {
					t.Errorf("problem is nowhere: %+v", p)
				}
			}
			return
		}
		if _, err := detection.Lower(d, detection.Options{}); err != nil {
			t.Errorf("a detection that loads cannot be lowered: %v", err)
		}
		// Only the sanity of Check is of interest here: it may find anything
		// but must not panic.
		detection.Check(d, event.NewRegistry(), func(*plan.Plan, []event.Event) (bool, int) { return false, 0 })
	})
}

// Lists are bounded, so that no file of a megabyte costs more than a moment.
func TestLoadBounds(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"list", "[T1580]", "[" + strings.Repeat("T1580, ", 1001) + "]", "4:7014: techniques has more than 1000 entries"},
		{"alternatives", "{events: 10}", "{any: [" + strings.Repeat("{events: 10},", 9) + "]}", "10:125: any has at most 8 alternatives"},
		{"windows", "windows:\n", "windows:\n" + strings.Repeat("  - {length: 1h}\n", 16), "24:5: a detection has at most 16 windows"},
		{"names", "  classes: [discovery]", "  include:\n" + strings.Repeat("    - {api: ["+strings.Repeat("A,", 1000)+"]}\n", 2), "include names A twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := detection.Load("x.yaml", []byte(strings.Replace(sound, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q is not among the errors: %.300v", c.want, err)
			}
		})
	}
	var b strings.Builder
	b.WriteString("  include:\n")
	for i := range 6 {
		b.WriteString("    - {api: [")
		for j := range 1000 {
			fmt.Fprintf(&b, "A%d, ", i*1000+j)
		}
		b.WriteString("]}\n")
	}
	_, err := detection.Load("x.yaml", []byte(strings.Replace(sound, "  classes: [discovery]\n", b.String(), 1)))
	if err == nil || !strings.Contains(err.Error(), "include names more than 5000 APIs") {
		t.Errorf("6,000 names: %.300v", err)
	}
}
