package triage

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// askedAll is the facts of calls of one caller: each operation once, asking for all.
func askedAll(names ...string) *finding.Facts {
	f := &finding.Facts{Cloud: event.AWS, Kind: event.AWSUser, Principal: "arn:aws:iam::111122223333:user/ada", First: time.Unix(0, 0), Last: time.Unix(60, 0)}
	for _, n := range names {
		service, name, _ := strings.Cut(n, " ")
		f.Operations = append(f.Operations, finding.Operation{
			API:    &event.API{Cloud: event.AWS, Service: service + ".amazonaws.com", Name: name, Class: event.ClassDiscovery, Breadth: "account", Category: service},
			Events: 1, OK: 1, Open: 1, Targets: 1, Requests: 1,
		})
		f.Events++
		f.Outcomes.OK++
		f.Listings++
		f.Open++
		if n := service + ".amazonaws.com"; len(f.Services) == 0 || f.Services[len(f.Services)-1] != n {
			f.Services, f.Categories = append(f.Services, n), append(f.Categories, service)
		}
	}
	return f
}

func points(j finding.Judgement, factor string) (n int, text string) {
	for _, r := range j.Reasons {
		if r.Factor == factor {
			return r.Points, r.Text
		}
	}
	return 0, ""
}

// TestStatement30_BulkCalls: a call that answers for all weighs as many reads;
// a list over all zones is one list.
func TestStatement30_BulkCalls(t *testing.T) {
	j := New(DefaultWeights())
	bulk := j.Judge(askedAll("iam GetAccountAuthorizationDetails", "config SelectResourceConfig", "resource-explorer-2 Search", "cloudcontrolapi ListResources", "tagging GetResources"))
	n, text := points(bulk, "bulk")
	if n < 25 || !strings.Contains(text, "GetAccountAuthorizationDetails") {
		t.Errorf("bulk calls: %d, %q", n, text)
	}
	var zones finding.Facts
	zones.Cloud = event.GCP
	for _, kind := range []string{"instances", "disks", "addresses", "subnetworks", "routers"} {
		zones.Operations = append(zones.Operations, finding.Operation{
			API:    &event.API{Cloud: event.GCP, Service: "compute.googleapis.com", Name: "compute." + kind + ".aggregatedList", Breadth: "account"},
			Events: 1, OK: 1, Open: 1, Targets: 1, Requests: 1,
		})
		zones.Events++
	}
	if n, _ := points(j.Judge(&zones), "bulk"); n != 0 {
		t.Errorf("lists over all zones count as bulk: %d", n)
	}
}

// TestStatement42_UnusualOperations: what all callers of an account use adds
// nothing, what one of a thousand uses adds the most.
func TestStatement42_UnusualOperations(t *testing.T) {
	j := New(DefaultWeights())
	last := -1
	for _, unusual := range []float64{0, 0.1, 0.5, 1} {
		f := askedAll("ec2 DescribeInstances", "rds DescribeDBInstances", "s3 ListBuckets", "iam ListUsers", "iam ListRoles")
		f.History.Peers = 1000
		for i := range f.Operations {
			f.Operations[i].Unusual = unusual
		}
		n, _ := points(j.Judge(f), "unusual")
		if unusual == 0 && n != 0 || n < last || unusual == 1 && n != 5 {
			t.Errorf("five operations, each %v unusual: %d points", unusual, n)
		}
		last = n
	}
}

// TestStatement43_DeniedShare: the share of refusals has a floor and a bound
// of confidence: two of two refused is no certainty, and not even five of five
// is what fifty of fifty is; what a policy of the organisation refused weighs
// less than what no policy allowed, and an unknown reason as much.
func TestStatement43_DeniedShare(t *testing.T) {
	j := New(DefaultWeights())
	denied := func(n int, reason event.Reason) int {
		f := askedAll("ec2 DescribeInstanceAttribute")
		o := &f.Operations[0]
		o.API.Breadth = "resource"
		o.Events, o.OK, o.Denied, o.Targets, o.Open = n, 0, n, n, 0
		o.Requests, o.Refused, o.DeniedTargets = n, n, n
		f.Events, f.DeniedTargets = n, n
		f.Outcomes = finding.Outcomes{Denied: n}
		f.Reasons[reason], o.Reasons[reason] = n, n
		p, _ := points(j.Judge(f), "denied")
		return p
	}
	if n := denied(2, event.ReasonIdentity); n != 0 {
		t.Errorf("two of two: %d", n)
	}
	five, fifty := denied(5, event.ReasonIdentity), denied(50, event.ReasonIdentity)
	if five <= 0 || five >= fifty {
		t.Errorf("five of five: %d, fifty of fifty: %d", five, fifty)
	}
	if scp := denied(50, event.ReasonSCP); scp*2 >= fifty {
		t.Errorf("by a service control policy: %d, by no policy: %d", scp, fifty)
	}
	if unknown := denied(50, event.ReasonUnknown); unknown != fifty {
		t.Errorf("for an unknown reason: %d, by no policy: %d", unknown, fifty)
	}
}

// TestWhoamiWhateverTheOrderOfTies: whether it began by asking who it is rests
// on time alone; calls at the same time are in no order.
func TestWhoamiWhateverTheOrderOfTies(t *testing.T) {
	others := []string{"iam ListUsers", "ec2 DescribeInstances", "rds DescribeDBInstances", "s3 ListBuckets"}
	for _, c := range []struct {
		name   string
		whoami time.Duration
		after  [4]time.Duration
		want   bool
	}{
		{"all at once", 0, [4]time.Duration{}, true},
		{"first", 0, [4]time.Duration{1, 1, 2, 3}, true},
		{"second", 1, [4]time.Duration{0, 2, 2, 3}, true},
		{"at once with the second", 1, [4]time.Duration{0, 1, 1, 1}, true},
		{"third", 1, [4]time.Duration{0, 0, 1, 1}, false},
		{"last", 4, [4]time.Duration{0, 1, 2, 3}, false},
	} {
		for place := range 5 { // of GetCallerIdentity among the operations
			f := askedAll(slices.Insert(slices.Clone(others), place, "sts GetCallerIdentity")...)
			after := slices.Insert(slices.Clone(c.after[:]), place, c.whoami)
			for i := range f.Operations {
				f.Operations[i].After = after[i]
			}
			n, text := points(New(DefaultWeights()).Judge(f), "whoami")
			if n > 0 != c.want {
				t.Errorf("%s, at place %d: %v", c.name, place, n)
			}
			// It began with that only where nothing came before.
			want := ""
			switch {
			case c.want && slices.Min(c.after[:]) < c.whoami:
				want = "it asked who it is (GetCallerIdentity) after no other operation than ListUsers, and looked at 4 further services"
			case c.want:
				want = "it began by asking who it is (GetCallerIdentity), then looked at 4 further services"
			}
			if text != want {
				t.Errorf("%s, at place %d: %q, want %q", c.name, place, text, want)
			}
		}
	}
}

// TestStatement44_SumsAndSameBytes: the reasons add up, and judging twice says
// the same.
func TestStatement44_SumsAndSameBytes(t *testing.T) {
	j := New(DefaultWeights())
	f := askedAll("sts GetCallerIdentity", "iam ListUsers", "iam ListRoles", "ec2 DescribeInstances", "ec2 DescribeVolumes", "rds DescribeDBInstances", "s3 ListBuckets", "eks ListClusters")
	a, b := j.Judge(f), New(DefaultWeights()).Judge(f)
	if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
		t.Error("two judges differ")
	}
	sum := 0
	for _, r := range a.Reasons {
		sum += r.Points
	}
	if sum != a.Priority || j.Priority(f) != a.Priority {
		t.Errorf("reasons come to %d, priority %d, without words %d", sum, a.Priority, j.Priority(f))
	}
}

// TestStatement45_EveryLevelIsReached over a grid of facts, and priorities
// from 0 to 100.
func TestStatement45_EveryLevelIsReached(t *testing.T) {
	j := New(DefaultWeights())
	levels := map[string]bool{}
	least, most := 100, 0
	all := []string{"sts GetCallerIdentity", "account ListRegions", "amp ListWorkspaces", "dms DescribeEndpoints", "ec2 DescribeInstances", "gamelift ListBuilds", "iam ListUsers",
		"iot ListThings", "kafka ListClusters", "lex ListBots", "mq ListBrokers", "rds DescribeDBInstances", "s3 ListBuckets", "sms GetServers", "xray GetGroups"}
	for n := 1; n <= len(all); n++ {
		for _, denied := range []int{0, 10, 60} {
			for _, root := range []bool{false, true} {
				f := askedAll(all[:n]...)
				if root {
					f.Kind = event.AWSRoot
				}
				if denied > 0 {
					o := &f.Operations[n-1]
					o.Events, o.Denied, o.OK, o.Targets = denied, denied, 0, denied
					o.Requests, o.Refused, o.DeniedTargets = denied, denied, denied
					f.Events += denied - 1
					f.DeniedTargets, f.Outcomes.Denied = denied, denied
					f.Reasons[event.ReasonIdentity], o.Reasons[event.ReasonIdentity] = denied, denied
				}
				v := j.Judge(f)
				levels[v.Level] = true
				least, most = min(least, v.Priority), max(most, v.Priority)
			}
		}
	}
	for _, l := range Levels() {
		if !levels[l] {
			t.Errorf("level %s is never reached", l)
		}
	}
	if least > 10 || most < 90 {
		t.Errorf("priorities from %d to %d", least, most)
	}
}

// Volume alone never passes low, however great.
func TestVolumeAloneNeverPassesLow(t *testing.T) {
	j := New(DefaultWeights())
	f := askedAll("ec2 DescribeInstances", "ec2 DescribeVolumes", "ec2 DescribeSnapshots", "ec2 DescribeImages", "ec2 DescribeVpcs")
	f.Events, f.Minute = 1000000, 50000
	f.Outcomes.OK = f.Events
	f.Regions = []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for i := range f.Operations {
		f.Operations[i].Events = f.Events / 5
	}
	if v := j.Judge(f); v.Level != "low" && v.Level != "informational" {
		t.Errorf("%d %s: %+v", v.Priority, v.Level, v.Reasons)
	}
}
