package triage

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// drawFacts makes facts of any size that a finding can have.
func drawFacts(t *rapid.T) *finding.Facts {
	small := rapid.IntRange(0, 40)
	words := func(what string) []string {
		list := make([]string, small.Draw(t, what))
		for i := range list {
			list[i] = fmt.Sprintf("%s%d", what, i)
		}
		return list
	}
	cloud := rapid.SampledFrom([]event.Cloud{event.AWS, event.Azure, event.GCP}).Draw(t, "cloud")
	f := &finding.Facts{
		Cloud:      cloud,
		Kind:       rapid.SampledFrom([]event.ActorKind{event.AWSRoot, event.AWSRole, event.GCPServiceAccount}).Draw(t, "kind"),
		Principal:  rapid.SampledFrom([]string{"", "arn:aws:iam::1:role/x", "arn:aws:iam::1:role/aws-service-role/x"}).Draw(t, "principal"),
		First:      time.Unix(0, 0),
		Services:   words("service"),
		Categories: words("category"),
		Regions:    words("region"),
		Networks:   words("network"),
		Clients:    rapid.SliceOf(rapid.SampledFrom([]string{"terraform", "boto3", "prowler"})).Draw(t, "clients"),
		Accounts:   small.Draw(t, "accounts"), Minute: small.Draw(t, "minute"), Burst: small.Draw(t, "burst"),
		Changes: small.Draw(t, "changes"), KeyNetworks: small.Draw(t, "networks of a key"),
		LongLived: rapid.Bool().Draw(t, "long-lived"), Instance: rapid.Bool().Draw(t, "instance"),
	}
	names := []string{"GetCallerIdentity", "GetAccountAuthorizationDetails", "DescribeInstances", "GetPasswordData", "storageaccounts/listkeys/action"}
	for i := range rapid.IntRange(1, 40).Draw(t, "operations") {
		name := fmt.Sprintf("ListThings%d", i)
		if i < len(names) {
			name = names[i]
		}
		n := rapid.IntRange(1, 500).Draw(t, "events")
		ok := rapid.IntRange(0, n).Draw(t, "ok")
		o := finding.Operation{
			API: &event.API{Cloud: cloud, Service: rapid.SampledFrom([]string{"iam.amazonaws.com", "ec2.amazonaws.com", "service1"}).Draw(t, "service"), Name: name,
				Breadth: rapid.SampledFrom([]string{"", "account", "resource"}).Draw(t, "breadth"), Weight: uint8(rapid.IntRange(0, 5).Draw(t, "weight"))},
			Events: n, OK: ok, Denied: rapid.IntRange(0, n-ok).Draw(t, "denied"), Open: rapid.IntRange(0, n).Draw(t, "open"),
			Targets: rapid.IntRange(1, n).Draw(t, "targets"), New: rapid.Bool().Draw(t, "new"),
		}
		o.Requests = rapid.IntRange(o.Targets, n).Draw(t, "requests")
		o.Refused, o.DeniedTargets = min(o.Denied, o.Requests), min(o.Denied, o.Targets)
		f.Operations = append(f.Operations, o)
		f.Events += n
		f.Outcomes.OK += o.OK
		f.Outcomes.Denied += o.Denied
		f.DeniedTargets += min(o.Denied, o.Targets)
		f.Listings += n
		f.Open += o.Open
	}
	f.Console, f.NoMFA = rapid.IntRange(0, f.Events).Draw(t, "console"), rapid.IntRange(0, f.Events).Draw(t, "no MFA")
	left := f.Outcomes.Denied
	for i := range f.Reasons {
		f.Reasons[i] = rapid.IntRange(0, left).Draw(t, "reason")
		left -= f.Reasons[i]
	}
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"aws iam.amazonaws.com CreateAccessKey", "aws iam.amazonaws.com AttachUserPolicy"}), 0, 6).Draw(t, "follow") {
		part := strings.SplitN(key, " ", 3)
		f.Follow = append(f.Follow, finding.FollowOn{API: &event.API{Cloud: event.AWS, Service: part[1], Name: part[2]}, Time: time.Unix(1, 0)})
	}
	if rapid.Bool().Draw(t, "history") {
		f.History = finding.History{Days: small.Draw(t, "days"), Active: small.Draw(t, "active"), Recurs: small.Draw(t, "recurs"), From: "principal",
			Idle: time.Duration(small.Draw(t, "idle")) * 24 * time.Hour, NewServices: words("new service"), NewRegions: words("new region")}
		if rapid.Bool().Draw(t, "elsewhere") {
			f.History.NewNetworks, f.History.NewClients = words("new network"), words("new client")
		}
	}
	return f
}

// drawWeights changes some of the weights within what a file may say.
func drawWeights(t *rapid.T) *Weights {
	w := DefaultWeights()
	var b strings.Builder
	b.WriteString("factors:\n")
	for _, name := range []string{"services", "denied", "known", "follow_keys", "new_apis"} {
		if rapid.Bool().Draw(t, name) {
			fmt.Fprintf(&b, "  %s: {group: %s, least: %v, each: %v, cap: %v}\n", name, rapid.SampledFrom([]string{"breadth", "follow"}).Draw(t, "group"),
				rapid.Float64Range(-10, 100).Draw(t, "least"), rapid.Float64Range(-1e6, 1e6).Draw(t, "each"), rapid.Float64Range(0, 100).Draw(t, "cap"))
		}
	}
	b.WriteString("  volume: {each: 1, cap: 50}\n")
	if err := w.Overlay("drawn.yaml", []byte(b.String())); err != nil {
		t.Fatalf("%v\n%s", err, &b)
	}
	return w
}

// Whatever the facts and the weights, the reasons add up to the priority,
// which lies between 0 and 100 and in its level, and the same facts give the
// same judgement.
func TestReasonsSumToThePriority(t *testing.T) {
	levels := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		f, w := drawFacts(t), DefaultWeights()
		if rapid.Bool().Draw(t, "own weights") {
			w = drawWeights(t)
		}
		j := New(w).Judge(f)
		sum := 0
		for _, r := range j.Reasons {
			sum += r.Points
			if r.Text == "" || r.Factor == "" {
				t.Fatalf("a reason without words: %+v", r)
			}
			if _, ok := w.Factors[r.Factor]; !ok && r.Points != 0 && r.Factor != "limit" && r.Factor != "aside" {
				t.Fatalf("there is no factor %q", r.Factor)
			}
		}
		if sum != j.Priority || j.Priority < 0 || j.Priority > 100 {
			t.Fatalf("priority %d, and the reasons add up to %d: %+v", j.Priority, sum, j.Reasons)
		}
		if j.Level != w.level(j.Priority) {
			t.Fatalf("priority %d is not %s", j.Priority, j.Level)
		}
		if j.Aside != "" && j.Priority >= w.Levels["low"] {
			t.Fatalf("put aside with priority %d", j.Priority)
		}
		if diff := cmp.Diff(j, New(w).Judge(f)); diff != "" {
			t.Fatalf("judged again, it differs:\n%s", diff)
		}
		levels[j.Level]++
	})
	if len(levels) < 3 {
		t.Errorf("the facts drawn reach %v: the property says little", levels)
	}
}

// The files are read, and every kind of what follows has a factor.
func TestDataFiles(t *testing.T) {
	w := DefaultWeights()
	kinds := map[string]bool{}
	for key, kind := range followOn() {
		kinds[kind] = true
		if _, ok := w.Factors["follow_"+kind]; !ok {
			t.Errorf("%s: no factor for the kind %q", key, kind)
		}
	}
	if len(kinds) < 6 || len(bulk()) < 10 {
		t.Errorf("%d kinds of what follows, %d operations that answer for all", len(kinds), len(bulk()))
	}
	for name, f := range w.Factors {
		if f.Cap <= 0 || f.Each == 0 || f.Group != "" && w.Groups[f.Group] == 0 {
			t.Errorf("factor %s can add nothing: %+v", name, f)
		}
	}
}

func TestOverlay(t *testing.T) {
	w := DefaultWeights()
	if err := w.Overlay("own.yaml", []byte("levels: {high: 70}\nfactors: {pace: {each: 2, cap: 9}}\ngroups: {breadth: 30}\nshares: {denied_in_console: 1}\n")); err != nil {
		t.Fatal(err)
	}
	want := DefaultWeights()
	want.Levels["high"], want.Factors["pace"], want.Groups["breadth"], want.Shares["denied_in_console"] = 70, Factor{Group: "breadth", Least: 14, Each: 2, Cap: 9}, 30, 1
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("laid over (-want +got):\n%s", diff)
	}
	for text, says := range map[string]string{
		"factors: {paces: {each: 1, cap: 1}}":                    `no factor "paces"`,
		"factors: {pace: {each: 1, cap: 101}}":                   "cap 101",
		"factors: {pace: {each: 1, cap: .nan}}":                  "cap NaN",
		"factors: {pace: {each: .inf, cap: 1}}":                  "not both numbers",
		"factors: {pace: {least: -.inf, each: 1, cap: 1}}":       "not both numbers",
		"factors: {pace: {group: nobody, each: 1, cap: 1}}":      `no group "nobody"`,
		"factors: {pace: {each: 1, cap: 1, most: 3}}":            "most",
		"groups: {breadth: -1}":                                  "group breadth",
		"shares: {denied_in_console: 1.5}":                       "between 0 and 1",
		"shares: {denied_by_nobody: 0.5}":                        "no share",
		"levels: {dire: 90}":                                     `no level "dire"`,
		"levels: {high: 90}":                                     "critical begins at 80",
		"levels: {low: 0}":                                       "low begins at 0",
		"weights: 1":                                             "weights",
		"[":                                                      "own.yaml",
		"factors: {apis: {group: breadth, each: 1e400, cap: 1}}": "1e400",
	} {
		if err := DefaultWeights().Overlay("own.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "own.yaml") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want something of %q", text, err, says)
		}
	}
}

func TestWilson(t *testing.T) {
	// Lower bounds of Wilson's score interval for z = 1.96, worked out apart.
	for _, c := range []struct {
		k, n int
		want float64
	}{{0, 10, 0}, {10, 10, 0.7225}, {5, 10, 0.2366}, {29, 29, 0.8830}, {0, 0, 0}} {
		if got := wilson(c.k, c.n); math.Abs(got-c.want) > 0.0001 {
			t.Errorf("wilson(%d, %d) = %.4f, want %.4f", c.k, c.n, got, c.want)
		}
	}
}
