package triage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/footprint"
)

// factsOf are facts of operations called one after the other, pace apart.
func factsOf(ops []footprint.Operation, pace time.Duration) *finding.Facts {
	f := &finding.Facts{Cloud: event.AWS, Kind: event.AWSRole}
	for i, o := range ops {
		o = o.Canonical()
		a := &event.API{Cloud: event.AWS, Service: o.Service, Name: o.Name, Class: event.ClassDiscovery, ID: uint32(i)}
		f.Operations = append(f.Operations, finding.Operation{API: a, Events: 1, OK: 1, Targets: 1, Requests: 1, After: time.Duration(i) * pace})
		f.Events++
	}
	return f
}

// named lists tools with their confidence, as "Pacu high".
func named(f *finding.Facts) (list []string) {
	for _, a := range newToolIndex().tools(f, true) {
		list = append(list, a.Name+" "+a.Confidence)
	}
	return list
}

func reversed(ops []footprint.Operation) []footprint.Operation {
	ops = slices.Clone(ops)
	slices.Reverse(ops)
	return ops
}

// everyday lists what Terraform, the console or both (2) call.
func everyday(least int) (ops []footprint.Operation) {
	for o, n := range footprint.Everyday() {
		if n >= least {
			ops = append(ops, o)
		}
	}
	slices.SortFunc(ops, func(a, b footprint.Operation) int { return strings.Compare(a.Service+a.Name, b.Service+b.Name) })
	return ops
}

func TestTools(t *testing.T) {
	enum := footprint.OfTool("pacu", "ec2__enum")
	stratus := footprint.OfTool("stratus-red-team", "")
	part := func(tool string, of, n int) (ops []footprint.Operation) {
		for i, o := range footprint.OfTool(tool, "") {
			if i*n%of < n {
				ops = append(ops, o)
			}
		}
		return ops
	}
	for _, c := range []struct {
		name string
		ops  []footprint.Operation
		pace time.Duration
		want []string
	}{
		{"a module in its order", enum, time.Second, []string{"Pacu high"}},
		{"in a log that keeps seconds", enum, 0, nil},
		{"the other way round", reversed(enum), time.Second, nil},
		{"one operation missing", slices.Delete(slices.Clone(enum), 4, 5), time.Second, []string{"Pacu high"}},
		{"half of the module", enum[:6], time.Second, nil},
		{"all of CloudFox", footprint.OfTool("cloudfox", ""), 0, []string{"CloudFox high"}},
		{"half of CloudFox", part("cloudfox", 2, 1), 0, []string{"CloudFox medium"}},
		{"a fifth of CloudFox", part("cloudfox", 5, 1), 0, []string{"CloudFox low"}},
		{"four of CloudFox", footprint.OfTool("cloudfox", "")[:4], 0, nil},
		{"half of enumerate-iam", part("enumerate-iam", 2, 1), 0, []string{"enumerate-iam medium"}},
		{"all of Prowler", footprint.OfTool("prowler", ""), 0, []string{"Prowler high"}},
		{"Stratus Red Team", stratus, 3 * time.Second, []string{"Stratus Red Team medium"}},
		{"what Terraform and the console call, all of it", everyday(1), time.Second, nil},
		{"what both call", everyday(2), time.Second, nil},
		{"nothing", nil, 0, nil},
	} {
		if got := named(factsOf(c.ops, c.pace)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestToolsByLoggedNames: an operation is known by the name that the log has,
// too.
func TestToolsByLoggedNames(t *testing.T) {
	f := factsOf(footprint.OfTool("cloudfox", ""), 0)
	for i := range f.Operations {
		a := f.Operations[i].API
		a.Name, a.Logged = "renamed."+a.Name, []string{"other", a.Name}
	}
	if got := named(f); !slices.Equal(got, []string{"CloudFox high"}) {
		t.Errorf("%v", got)
	}
}

// TestBasis: what an attribution rests on is said in figures.
func TestBasis(t *testing.T) {
	ops := footprint.OfTool("pacu", "ec2__enum")
	ops = append(slices.Clone(ops), footprint.Operation{Service: "x.amazonaws.com", Name: "ListNothingKnown"})
	got := newToolIndex().tools(factsOf(ops, time.Second), true)
	if len(got) == 0 || got[0].Basis != "13 of 14 operations of its ec2__enum follow one another in its order" {
		t.Errorf("%+v", got)
	}
	got = newToolIndex().tools(factsOf(footprint.OfTool("cloudfox", ""), 0), true)
	if len(got) == 0 || !strings.HasPrefix(got[0].Basis, "109 of 109 operations are among the 109 that it calls; 2") || !strings.HasSuffix(got[0].Basis, "of them no other tool known calls") {
		t.Errorf("%+v", got)
	}
}

// disguise is a user agent of others that a tool puts on.
func disguise(tool string) string {
	i := slices.IndexFunc(footprint.Programs(), func(p footprint.Program) bool { return p.Name == tool })
	return footprint.Programs()[i].Disguises[17]
}

func TestClientRaises(t *testing.T) {
	few := footprint.OfTool("pacu", "ec2__enum")[:3]
	nine := footprint.OfTool("pacu", "iam__enum_permissions")[:9]
	for _, c := range []struct {
		name, family, agent string
		ops                 []footprint.Operation
		want                []string
	}{
		{"its own name", "pacu", "Boto3/1.34 Pacu-Session-8c1e", few, []string{"Pacu high"}},
		{"a name that it puts on", "terraform", disguise("pacu"), few, []string{"Pacu low"}},
		{"another name, and calls of nobody", "boto3", "Boto3/1.34", nine, nil},
		{"a tool without operations", "trufflehog", "TruffleHog", few[:1], []string{"TruffleHog high"}},
	} {
		f := factsOf(c.ops, 0)
		f.Clients, f.UserAgents = []string{c.family}, []string{c.agent}
		if got := named(f); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// A disguise never takes away what the calls say.
	f := factsOf(footprint.OfTool("cloudfox", ""), 0)
	for _, family := range []string{"terraform", "prowler", "console", "aws-service"} {
		f.Clients = []string{family}
		if got := named(f); !slices.Contains(got, "CloudFox high") {
			t.Errorf("as %s: %v", family, got)
		}
	}
}

// TestAgainst: a client that is not the tool's, nor a library of what it is
// written with, is told, and changes neither confidence nor points.
func TestAgainst(t *testing.T) {
	scout := factsOf(footprint.OfTool("scoutsuite", ""), time.Second)
	judge := New(DefaultWeights())
	plain := judge.Judge(scout)
	if len(plain.Tools) == 0 || plain.Tools[0].Name != "ScoutSuite" || plain.Tools[0].Against != "" {
		t.Fatalf("without a client: %+v", plain.Tools)
	}
	for _, c := range []struct {
		families []string
		against  string // how it goes on after "which calls itself "
	}{
		{[]string{"console"}, "console; ScoutSuite calls by boto3, botocore and 6 more, unless it is made to hide"},
		{[]string{"terraform", "console"}, "console, terraform; "},
		{[]string{"boto3"}, ""},
		{[]string{"console", "botocore"}, ""},
		{[]string{"unknown"}, ""},
		{[]string{"console", "unknown"}, ""},
		{nil, ""},
	} {
		scout.Clients = c.families
		got := judge.Judge(scout)
		i := slices.IndexFunc(got.Tools, func(r finding.Resemblance) bool { return r.Name == "ScoutSuite" })
		if i < 0 {
			t.Fatalf("%v: %+v", c.families, got.Tools)
		}
		against, said := strings.CutPrefix(got.Tools[i].Against, "the client speaks against it, which calls itself ")
		if said != (c.against != "") || !strings.HasPrefix(against, c.against) {
			t.Errorf("%v: %q, want %q", c.families, got.Tools[i].Against, c.against)
		}
		if got.Tools[i].Confidence != plain.Tools[0].Confidence || toolPoints(got) != toolPoints(plain) || toolPoints(plain) == 0 {
			t.Errorf("%v: %s confidence and %d points, without a client %s and %d", c.families, got.Tools[i].Confidence, toolPoints(got), plain.Tools[0].Confidence, toolPoints(plain))
		}
	}
	// Pacu puts on clients of others; that one does speaks for it.
	pacu := factsOf(footprint.OfTool("pacu", "iam__enum_permissions"), time.Second)
	for agent, want := range map[string]bool{"Mozilla/5.0 (nobody)": true, disguise("pacu"): false} {
		pacu.Clients, pacu.UserAgents = []string{"console"}, []string{agent}
		got := newToolIndex().tools(pacu, true)
		if len(got) == 0 || got[0].Name != "Pacu" || (got[0].Against != "") != want {
			t.Errorf("with %s: %+v", agent, got)
		}
	}
}

func toolPoints(j finding.Judgement) int {
	for _, r := range j.Reasons {
		if r.Factor == "tool" {
			return r.Points
		}
	}
	return 0
}

// TestToolPoints: tools of intruders and auditors add points, emulation none.
func TestToolPoints(t *testing.T) {
	j := New(DefaultWeights())
	points := func(ops []footprint.Operation, pace time.Duration) int {
		return toolPoints(j.Judge(factsOf(ops, pace)))
	}
	for _, c := range []struct {
		name string
		ops  []footprint.Operation
		want int
	}{
		{"offensive, high", footprint.OfTool("cloudfox", ""), 14},
		{"dual, high", footprint.OfTool("scoutsuite", ""), 14},
		{"emulation", footprint.OfTool("stratus-red-team", ""), 0},
		{"everyday", everyday(1), 0},
	} {
		if got := points(c.ops, time.Second); got != c.want {
			t.Errorf("%s: %d points, want %d", c.name, got, c.want)
		}
	}
}

// TestNoMatchAllocatesNothing: most findings are like no tool.
func TestNoMatchAllocatesNothing(t *testing.T) {
	x := newToolIndex()
	for _, f := range []*finding.Facts{factsOf(everyday(2), time.Second), factsOf(everyday(1), time.Second), factsOf(nil, 0)} {
		f.Clients, f.UserAgents = []string{"boto3"}, []string{"Boto3/1.34.145"}
		if n := testing.AllocsPerRun(20, func() { x.tools(f, true); x.incidents(f) }); n != 0 {
			t.Errorf("%v allocations over %d operations", n, len(f.Operations))
		}
	}
}

func TestIncidents(t *testing.T) {
	x := newToolIndex()
	for _, id := range []string{"muddled-libra-s-evolution-to-the-cloud", "crimson-collective-a-new-threat-group-observed-operating-in"} {
		i, ok := footprint.OfIncident(id)
		if !ok {
			t.Fatal(id)
		}
		got := x.incidents(factsOf(i.Discovery, time.Second))
		if len(got) == 0 || got[0].Name != i.Title || got[0].Link != i.Link || !strings.HasPrefix(got[0].Basis, "similarity, not attribution: ") {
			t.Errorf("%s: %+v", id, got)
		}
	}
	for name, ops := range map[string][]footprint.Operation{
		"everyday": everyday(1), "Prowler": footprint.OfTool("prowler", ""), "enumerate-iam": footprint.OfTool("enumerate-iam", ""),
		"four operations": {{Service: "s3.amazonaws.com", Name: "ListBuckets"}, {Service: "iam.amazonaws.com", Name: "ListUsers"}, {Service: "sts.amazonaws.com", Name: "GetCallerIdentity"}, {Service: "ses.amazonaws.com", Name: "GetSendQuota"}},
	} {
		if got := x.incidents(factsOf(ops, time.Second)); len(got) > 0 {
			t.Errorf("%s is like %+v", name, got)
		}
	}
}

// TestIncidentInAzure: Storm-0501 shows by what followed, since its reads
// alone are those of anyone who looks into a directory.
func TestIncidentInAzure(t *testing.T) {
	i, ok := footprint.OfIncident("storm-0501-s-evolving-techniques-lead-to-cloud-based-ransom")
	if !ok {
		t.Fatal("the incident is not there")
	}
	f := factsOf(i.Discovery, time.Second)
	if got := newToolIndex().incidents(f); len(got) > 0 {
		t.Errorf("reads alone: %+v", got)
	}
	for _, o := range i.Other[:2] {
		f.Follow = append(f.Follow, finding.FollowOn{API: &event.API{Cloud: event.Azure, Service: o.Service, Name: o.Name}})
	}
	if got := newToolIndex().incidents(f); len(got) != 1 || got[0].Name != i.Title {
		t.Errorf("%+v", got)
	}
}

// TestIncidentsWeighNothing: they are shown, and no reason names them.
func TestIncidentsWeighNothing(t *testing.T) {
	i, _ := footprint.OfIncident("muddled-libra-s-evolution-to-the-cloud")
	v := New(DefaultWeights()).Judge(factsOf(i.Discovery, time.Second))
	if len(v.Incidents) == 0 {
		t.Fatal("no incident")
	}
	for _, r := range v.Reasons {
		if strings.Contains(r.Text, i.Title) {
			t.Errorf("%+v", r)
		}
	}
}
