// Package siemtest is the proof of a SIEM backend: what every backend must
// hold, whatever its language.
package siemtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// Logs are the logs that rules read, each by the name of its first class.
func Logs() []event.Log {
	return []event.Log{event.CloudTrailManagement, event.AzureActivity, event.AzureKeyVault, event.AzureStorage, event.AzureGraph, event.GCPDataAccess}
}

// Rule returns a rule over the given logs: ten calls or five distinct APIs in
// 15 minutes, with bands of risk.
func Rule(logs ...event.Log) *siem.Rule {
	r := &siem.Rule{
		ID: "t1580-burst", Detection: "T1580", Version: "1.0.0", Title: "Cloud Infrastructure Discovery", Profile: "vedette",
		Description: "One principal asks in a short time what there is.", Techniques: []string{"T1580", "T1526"},
		Severity: "low", BuildingBlock: true, Confidence: "medium", References: []string{"https://attack.mitre.org/techniques/T1580/"},
		FalsePositives: []string{"Posture management"},
		Window:         siem.Window{Length: 15 * time.Minute},
		Trigger:        plan.Condition{{Events: 10}, {DistinctAPIs: 5}},
		Bands: []plan.Band{
			{Risk: 90, When: plan.Condition{{DistinctAPIs: 10, Events: 50}}},
			{Risk: 70, When: plan.Condition{{DistinctAPIs: 7, Events: 20}}},
			{Risk: 50, When: plan.Condition{{DistinctAPIs: 5}, {Events: 10}}},
		},
		MaxAPIs: 50, MaxAddresses: 10,
	}
	for _, l := range logs {
		r.Legs = append(r.Legs, siem.Leg{Log: l, Select: predicate(l)})
	}
	return r
}

func predicate(l event.Log) *plan.Predicate {
	switch l {
	case event.AzureKeyVault, event.AzureStorage, event.AzureGraph:
		return &plan.Predicate{Names: []plan.Name{{Cloud: event.Azure, Service: "microsoft.keyvault", API: "secretlist"}, {Cloud: event.Azure, Service: "microsoft.keyvault", API: "keylist"}}}
	case event.AzureActivity:
		return &plan.Predicate{Verbs: true, Match: `/(list)[a-z0-9_]*/action$`, Names: []plan.Name{{Cloud: event.Azure, Service: "microsoft.costmanagement", API: "query/action"}}}
	case event.GCPDataAccess:
		return &plan.Predicate{Verbs: true, Match: `(^|[.])(([Gg]et|[Ll]ist)([^a-z.][A-Za-z0-9_]*)?)$`, Unless: `(^|[.])([Ll]istLogEntries)$`}
	}
	return &plan.Predicate{
		Verbs: true, Match: `^(([Dd]escribe|[Gg]et|[Ll]ist)([^a-z.][A-Za-z0-9_]*)?)$`, Unless: `^([Gg]et[A-Za-z0-9_]*[Tt]oken)$`,
		Names:    []plan.Name{{Cloud: event.AWS, Service: "iam.amazonaws.com", API: "GenerateCredentialReport"}},
		NotNames: []plan.Name{{Cloud: event.AWS, Service: "codecommit.amazonaws.com", API: "GetFile"}},
	}
}

// Run holds a backend against the suite.
func Run(t *testing.T, b siem.Backend) {
	t.Helper()
	t.Run("Fields", func(t *testing.T) { fields(t, b) })
	for name, r := range rules() {
		t.Run(name, func(t *testing.T) { rule(t, b, r) })
	}
	t.Run("Package", func(t *testing.T) { pack(t, b) })
	t.Run("Hostile", func(t *testing.T) { hostile(t, b) })
	t.Run("Whole", func(t *testing.T) { whole(t, b) })
	t.Run("Unsaid", func(t *testing.T) { unsaid(t, b) })
	t.Run("Long", func(t *testing.T) { long(t, b) })
}

// long holds that a rule that is longer than the product takes is an error of
// Compile that says so, and that whatever Compile gives can be packaged.
func long(t *testing.T, b siem.Backend) {
	for _, logs := range [][]event.Log{{event.CloudTrailManagement}, {event.CloudTrailManagement, event.GCPDataAccess}} {
		r := Rule(logs...)
		r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
		for i := range 1000 {
			r.Legs[0].Select.Names = append(r.Legs[0].Select.Names, plan.Name{Cloud: event.AWS, Service: "example.amazonaws.com", API: fmt.Sprintf("PurgeThings%d", i)})
		}
		out, err := b.Compile(r, b.Fields())
		switch {
		case err != nil:
			if advice := strings.Contains(err.Error(), "--cloud"); !errors.Is(err, siem.ErrNotSaid) || advice != (len(logs) > 1) {
				t.Errorf("%d logs: %v", len(logs), err)
			}
		case out.Limit > 0 && len([]rune(out.Query)) > out.Limit:
			t.Errorf("%d characters, the limit is %d", len([]rune(out.Query)), out.Limit)
		default:
			if _, err := b.Package([]*siem.Output{out}); err != nil {
				t.Error(err)
			}
		}
	}
}

// rules are the rules of the suite: each feature alone and all together.
// Rules are the rules of the suite, for readers of a language to hold texts
// against.
func Rules() map[string]*siem.Rule { return rules() }

func rules() map[string]*siem.Rule {
	list := map[string]*siem.Rule{}
	for _, l := range Logs() {
		list["log "+l.String()] = Rule(l)
	}
	list["all logs"] = Rule(Logs()...)
	r := Rule(event.CloudTrailManagement, event.AzureActivity)
	r.BySession, r.Window.Kind, r.KeepCopies = true, siem.Overlapping, true
	list["sessions, overlapping, copies"] = r
	r = Rule(event.CloudTrailManagement)
	r.Kind, r.BuildingBlock, r.ID = siem.Denied, false, "t1580-denied"
	r.Legs[0].Outcomes, r.Legs[0].Services = []event.Outcome{event.Denied}, true
	list["denied"] = r
	r = Rule(event.CloudTrailManagement)
	r.Kind, r.BuildingBlock, r.ID = siem.Sweep, false, "t1580-sweep"
	r.Trigger = plan.Condition{{DistinctTargets: 40}}
	r.Bands = []plan.Band{{Risk: 50, When: plan.Condition{{DistinctTargets: 40}}}}
	list["sweep"] = r
	r = Rule(Logs()...)
	r.Bands = []plan.Band{{Risk: 50}} // no language has a choice of nothing but its end
	list["one risk"] = r
	r = Rule(event.CloudTrailManagement, event.AzureActivity)
	r.Profile, r.ID, r.KeepCopies = "seed", "t1580-seed", true
	for i := range r.Legs {
		r.Legs[i].Raw, r.Legs[i].FoldCase, r.Legs[i].NeedsCaller = true, i == 1, i == 0
		r.Legs[i].Select = &plan.Predicate{Names: []plan.Name{{API: "DescribeInstances"}, {API: "microsoft.compute/virtualmachines/read"}}}
	}
	r.Bands = append(r.Bands, plan.Band{Risk: 30})
	list["seed"] = r
	r = Rule(Logs()...)
	r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
	list["scheduled"] = r
	return list
}

// fields holds that the field map says where its facts come from.
func fields(t *testing.T, b siem.Backend) {
	f := b.Fields()
	if f.Language == "" || len(f.Logs) == 0 {
		t.Fatalf("language %q with %d logs", f.Language, len(f.Logs))
	}
	for name, m := range f.Logs {
		if m.Source == "" || m.From == "" {
			t.Errorf("%s: source %q, from %q: both are needed", name, m.Source, m.From)
		}
		for _, r := range []siem.Role{siem.Time, siem.API, siem.Principal, siem.AccountID} {
			if m.Expr(r) == "" {
				t.Errorf("%s has no %s", name, r)
			}
		}
	}
}

// compile compiles a rule with a fresh field map; nil where the language
// cannot say it.
func compile(t *testing.T, b siem.Backend, r *siem.Rule) *siem.Output {
	t.Helper()
	out, err := b.Compile(r, b.Fields())
	if errors.Is(err, siem.ErrNotSaid) {
		t.Log(err)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rule(t *testing.T, b siem.Backend, r *siem.Rule) {
	out := compile(t, b, r)
	if out == nil {
		if len(r.Legs) == 1 && r.Legs[0].Log == event.CloudTrailManagement {
			t.Errorf("%s cannot say this rule over CloudTrail at all", b.Name())
		}
		return
	}
	if out.Rule != r {
		t.Error("the output is not of the rule")
	}
	if again := compile(t, b, r); again.Query != out.Query {
		t.Error("two runs give two texts")
	}
	if !strings.HasSuffix(out.Query, "\n") || strings.Contains(out.Query, "\r") {
		t.Error("the query does not end in a line break, or has a carriage return")
	}
	if out.Limit > 0 && len([]rune(out.Query)) > out.Limit {
		t.Errorf("%d characters, the limit is %d", len([]rune(out.Query)), out.Limit)
	}
	for _, line := range strings.Split(out.Query, "\n") {
		if strings.TrimRight(line, " \t") != line {
			t.Errorf("white space at the end of %q", line)
		}
	}
	grades(t, out)
	for _, l := range siem.Losses(out) {
		if strings.Contains(out.Query, "(compile --format json says how)") {
			break // the header is short: Lost names them
		}
		words := strings.Fields(l)
		text := strings.Join(strings.Fields(strings.NewReplacer("\n//", " ", "\n#", " ", "\n--", " ", "\n *", " ").Replace(out.Query)), " ")
		if head := strings.Join(words[:min(4, len(words))], " "); !strings.Contains(text, head) {
			t.Errorf("the query's header does not say %q", l)
		}
	}
	for _, f := range out.Further {
		if f.Name == "" || f.Language == "" || f.Why == "" || f.Ext == "" || strings.TrimSpace(f.Text) == "" {
			t.Errorf("a further form lacks something: %+v", f)
		}
	}
}

// grades holds that every feature of every leg is graded once, and that what
// is not exact says how.
func grades(t *testing.T, out *siem.Output) {
	t.Helper()
	seen := map[string]bool{}
	for _, g := range out.Grades {
		k := fmt.Sprint(g.Feature, " of ", g.Log)
		if seen[k] {
			t.Errorf("%s is graded twice", k)
		}
		seen[k] = true
		if lossy := g.Said == siem.Approximated || g.Said == siem.Impossible; lossy != (g.How != "") {
			t.Errorf("%s is %s: %q", k, g.Said, g.How)
		}
	}
	for _, f := range siem.Features() {
		for _, l := range out.Rule.Legs {
			if k := fmt.Sprint(f, " of ", l.Log); !seen[k] {
				t.Errorf("%s is not graded", k)
			}
		}
	}
}

// pack holds that a package has files, each once and with a sound path.
func pack(t *testing.T, b siem.Backend) {
	var outputs []*siem.Output
	for _, name := range []string{"scheduled", "denied", "sweep"} {
		r := rules()[name]
		r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
		if out := compile(t, b, r); out != nil {
			outputs = append(outputs, out)
		}
	}
	for _, out := range outputs {
		for _, g := range out.Grades {
			if g.Feature == siem.Exceptions && (g.Said != siem.Approximated || !strings.Contains(g.How, siem.ByIdentity)) {
				t.Errorf("%s, %s: exceptions are %s: %q", out.Rule.ID, g.Log, g.Said, g.How)
			}
		}
	}
	files, err := b.Package(outputs)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("the package is empty")
	}
	var paths []string
	for _, f := range files {
		if f.Path == "" || strings.HasPrefix(f.Path, "/") || strings.Contains(f.Path, "..") || strings.Contains(f.Path, `\`) || len(f.Data) == 0 {
			t.Errorf("file %q with %d bytes", f.Path, len(f.Data))
		}
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	if len(slices.Compact(paths)) != len(files) {
		t.Errorf("a path stands twice: %v", paths)
	}
	again, err := b.Package(outputs)
	if err != nil || len(again) != len(files) {
		t.Fatalf("a second run gives %d files, %v", len(again), err)
	}
	for i := range files {
		if again[i].Path != files[i].Path || string(again[i].Data) != string(files[i].Data) {
			t.Errorf("two runs give two %s", files[i].Path)
		}
	}
}

// Hostile are names that try to leave their quotes. Backends put names of
// detection files, which others may have written, into queries.
func Hostile() []string {
	return []string{
		`x"y`, `x'y`, "x`y", `x\`, `x\"y`, `x\'y`, `x''y`, `x""y`, "x\ny", "x\r\ny", "x\x00y", `x*/y`, `x--y`, `x//y`, `x#y`, `x;y`, `x|y`,
		`x)y`, `x]]>y`, `x$$y`, `x${y}`, `x{{y}}`, `x%y`, `x?y`, `x/y/`, "x\u2028y", "x\u202ey", "x\u00a0y", `$x$`, `[[x`, `(?x)`,
		`") or 1==1 //`, `') OR 1=1 --`, `" | delete`, `"] | outputlookup x`,
	}
}

// whole holds that all of a service is said by its name alone.
func whole(t *testing.T, b siem.Backend) {
	for _, log := range []event.Log{event.CloudTrailManagement, event.AzureActivity, event.GCPDataAccess} {
		service := map[event.Log]string{event.CloudTrailManagement: "whole.amazonaws.com", event.AzureActivity: "microsoft.whole", event.GCPDataAccess: "whole.googleapis.com"}[log]
		text := func(change func(p *plan.Predicate, n plan.Name)) string {
			r := Rule(log)
			change(r.Legs[0].Select, plan.Name{Cloud: log.Cloud(), Service: service, API: plan.Any})
			out := compile(t, b, r)
			if out == nil {
				return ""
			}
			return out.Query
		}
		plain := text(func(*plan.Predicate, plan.Name) {})
		if plain == "" {
			continue
		}
		in := text(func(p *plan.Predicate, n plan.Name) { p.Names = append(p.Names, n) })
		out := text(func(p *plan.Predicate, n plan.Name) { p.NotNames = append(p.NotNames, n) })
		for what, q := range map[string]string{"included": in, "left out": out} {
			if q == plain || !strings.Contains(q, "whole") {
				t.Errorf("%s: %s is not %s", log, service, what)
			}
		}
		if in == out {
			t.Errorf("%s: %s is included as it is left out", log, service)
		}
	}
}

// unsaid holds that a rule that no language can say is none.
func unsaid(t *testing.T, b siem.Backend) {
	r := Rule(event.CloudTrailManagement)
	r.Unsaid = "outcomes"
	if out, err := b.Compile(r, b.Fields()); !errors.Is(err, siem.ErrNotSaid) || out != nil {
		t.Errorf("%v, %v", out, err)
	}
}

// hostile holds that a hostile name changes nothing but itself: the text with
// it, and with a harmless name in its place, have the same lines.
func hostile(t *testing.T, b siem.Backend) {
	lines := func(name string) int {
		r := Rule(event.CloudTrailManagement)
		r.Title, r.Description = "T "+name, "D "+name
		r.FalsePositives = []string{name}
		r.Legs[0].Select.Names = append(r.Legs[0].Select.Names, plan.Name{Cloud: event.AWS, Service: name, API: name})
		r.Legs[0].Select.NotNames = append(r.Legs[0].Select.NotNames, plan.Name{Cloud: event.AWS, Service: name, API: name})
		out := compile(t, b, r)
		if out == nil {
			return 0
		}
		if strings.ContainsAny(out.Query, "\x00\r\u2028\u202e") {
			t.Errorf("%q: control characters reach the query", name)
		}
		return strings.Count(out.Query, "\n")
	}
	plain := lines("xy")
	for _, name := range Hostile() {
		// Longer names may wrap a comment.
		if n := lines(name); n < plain || n > plain+3 {
			t.Errorf("%q: %d lines, %d with a harmless name", name, n, plain)
		}
	}
}
