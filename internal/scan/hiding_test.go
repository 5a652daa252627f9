package scan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vedette/internal/finding"
)

// saidOf returns what a factor says of a finding.
func saidOf(f *finding.Finding, factor string) (points int, text string) {
	for _, r := range f.Reasons {
		if r.Factor == factor {
			return r.Points, r.Text
		}
	}
	return 0, ""
}

// passwords asks for the passwords of some machines, each once, and is refused.
func passwords(n int, like call) []call {
	out := make([]call, n)
	for i := range out {
		c := like
		c.Source, c.Name, c.Code = "ec2.amazonaws.com", "GetPasswordData", "Client.UnauthorizedOperation"
		c.Params = map[string]any{"instanceId": fmt.Sprintf("i-%017d", i)}
		c.At += time.Duration(i) * 100 * time.Millisecond
		c.ID = uuid(700000 + i)
		out[i] = c
	}
	return out
}

// repeated is one call, n times.
func repeated(n int, like call) []call {
	out := make([]call, n)
	for i := range out {
		out[i] = like
		out[i].At += time.Duration(i) * 10 * time.Millisecond
		out[i].ID = uuid(800000 + i)
	}
	return out
}

// TestRepeatedCallsHideNoRefusals: whoever asks two hundred times for what
// everybody is told, or for one thing that it may see, is no less refused.
func TestRepeatedCallsHideNoRefusals(t *testing.T) {
	thief := call{Role: "app", Session: "x", Key: "ASIA1"}
	refused := passwords(29, thief)
	alone := scanCalls(t, refused).Report.Findings[0]
	if alone.Level != "high" {
		t.Fatal(reasons(&alone))
	}
	whoami := thief
	whoami.Source, whoami.Name = "sts.amazonaws.com", "GetCallerIdentity"
	f := scanCalls(t, join(refused, repeated(200, whoami))).Report.Findings[0]
	if f.Priority < alone.Priority {
		t.Errorf("among 200 times who it is: %s\nalone: %s", reasons(&f), reasons(&alone))
	}
	if _, text := saidOf(&f, "denied"); text != "29 of 29 different requests refused over 29 resources" {
		t.Errorf("%q", text)
	}
	if _, text := saidOf(&f, "none_answered"); text != "not one call was answered but the one that asks who the caller is" {
		t.Errorf("%q", text)
	}

	allowed := thief
	allowed.Source, allowed.Name, allowed.Params = "ec2.amazonaws.com", "DescribeVolumes", map[string]any{"volumeSet": "vol-1"}
	one := scanCalls(t, join(refused, repeated(1, allowed))).Report.Findings[0]
	many := scanCalls(t, join(refused, repeated(200, allowed))).Report.Findings[0]
	if many.Priority < one.Priority || many.Level != "high" {
		t.Errorf("among 200 times one that is answered: %s\namong one: %s", reasons(&many), reasons(&one))
	}

	// One that a policy of the organisation refuses is no reason for the others.
	policy := allowed
	policy.Code, policy.Message = "AccessDenied", "not authorized to perform this with an explicit deny in a service control policy"
	f = scanCalls(t, join(refused, repeated(200, policy))).Report.Findings[0]
	if f.Priority < alone.Priority || strings.Contains(fmt.Sprint(f.Reasons), "organisation") {
		t.Errorf("among 200 times one that a policy refuses: %s\nalone: %s", reasons(&f), reasons(&alone))
	}

	// What is answered in the end was not refused: a grant takes a while to work.
	granted := allowed
	granted.Source, granted.Name, granted.Code = "", "", "Client.UnauthorizedOperation"
	late := burst(600000, 12, 12, time.Second, granted)
	for range 5 {
		n := len(late)
		granted.Code, granted.At = "", granted.At+time.Minute
		late = append(late, burst(600000+n, 12, 12, time.Second, granted)...)
	}
	f = scanCalls(t, late).Report.Findings[0]
	if points, text := saidOf(&f, "denied"); points != 0 || f.Outcomes.Denied == 0 {
		t.Errorf("refused before the grant: %d, %q", points, text)
	}
}

// TestRefusedResources: said and counted are the resources that were refused,
// not those that were asked for, and one that is answered over and over takes
// no sweep away.
func TestRefusedResources(t *testing.T) {
	thief := call{Role: "app", Session: "x", Key: "ASIA1"}
	some := passwords(20, thief)
	for i := 12; i < 20; i++ {
		some[i].Code = ""
	}
	f := scanCalls(t, some).Report.Findings[0]
	if n, text := saidOf(&f, "denied_sweep"); n != 16 || text != "GetPasswordData refused for 12 different resources" {
		t.Errorf("%d points: %q", n, text)
	}
	if _, text := saidOf(&f, "denied"); text != "12 of 20 calls refused over 12 resources" {
		t.Errorf("%q", text)
	}

	refused := passwords(15, thief)
	own := thief
	own.Source, own.Name, own.Params = "ec2.amazonaws.com", "GetPasswordData", map[string]any{"instanceId": "i-own"}
	f = scanCalls(t, join(refused, repeated(16, own))).Report.Findings[0]
	if _, text := saidOf(&f, "denied_sweep"); text != "GetPasswordData refused for 15 different resources" {
		t.Errorf("with its own machine sixteen times: %s", reasons(&f))
	}
}

// TestThiefAmidWhatExcusesTheOwner: a stolen session weighs as it does alone,
// give or take five, whatever its owner does: one that builds, and one whom a
// policy of the organisation refuses most.
func TestThiefAmidWhatExcusesTheOwner(t *testing.T) {
	thief := call{Role: "deploy", Session: "x", Key: "ASIA2", IP: "192.0.2.66", Agent: "Boto3/1.34", At: 3 * time.Minute}
	whoami := thief
	whoami.Source, whoami.Name, whoami.ID = "sts.amazonaws.com", "GetCallerIdentity", uuid(500000)
	reader := thief
	reader.At += time.Second
	reads := append(burst(500001, 12, 12, 2*time.Second, reader), whoami)
	owner := call{Role: "deploy", Session: "ci", Key: "ASIA1"}

	// Thirteen kinds of change: the whole is one that builds, or with three of
	// them at least no mere reader.
	var builds []call
	for i, name := range []string{"RunInstances", "CreateSecurityGroup", "CreateVolume", "CreateSubnet", "CreateVpc", "CreateRouteTable", "CreateTags",
		"AllocateAddress", "AttachVolume", "CreateKeyPair", "CreateNatGateway", "ModifyVpcAttribute", "CreateRoute"} {
		c := owner
		c.Source, c.Name, c.Write, c.ID, c.At = "ec2.amazonaws.com", name, true, uuid(510000+i), time.Duration(i)*time.Second
		builds = append(builds, c)
	}
	open := burst(520000, 120, 6, 2*time.Second, owner)
	filtered := burst(530000, 120, 6, 2*time.Second, owner)
	for i := range filtered {
		filtered[i].Params = map[string]any{"filterSet": map[string]any{"items": []any{map[string]any{"name": "vpc-id"}}}}
	}
	scp := func(calls []call) []call {
		for i := range calls {
			calls[i].Code, calls[i].Message = "AccessDenied", "not authorized to perform this with an explicit deny in a service control policy"
		}
		return calls
	}
	var posture []call
	for i, region := range []string{"us-west-1", "eu-west-3", "eu-north-1", "sa-east-1", "ap-south-1", "ca-central-1", "me-south-1"} {
		like := owner
		like.Region, like.At = region, time.Duration(i)*time.Minute
		posture = append(posture, scp(burst(540000+100*i, 12, 12, time.Second, like))...)
	}
	brute := passwords(15, reader)

	for _, c := range []struct {
		name         string
		owner, thief []call
	}{
		{"a builder that lists all", join(builds, open), reads},
		{"three changes", join(builds[:3], open), reads},
		{"lists with a filter", join(builds[:3], filtered), reads},
		{"a posture scan under a service control policy", posture, join(reads, brute)},
	} {
		alone := scanCalls(t, c.thief).Report.Findings[0]
		amid := scanCalls(t, join(c.owner, c.thief)).Report.Findings[0]
		if d := amid.Priority - alone.Priority; d < -5 || d > 5 || amid.Judgement.Slice == "" {
			t.Errorf("%s: amid the owner's calls %s (%q)\nalone %s", c.name, reasons(&amid), amid.Judgement.Slice, reasons(&alone))
		}
	}

	// In one session the policy excuses, and is said of, the owner's refusals alone.
	for i := range brute {
		brute[i].Session, brute[i].Key, brute[i].IP, brute[i].Agent = owner.Session, owner.Key, owner.IP, owner.Agent
	}
	f := scanCalls(t, join(posture, brute)).Report.Findings[0]
	if n, text := saidOf(&f, "denied_sweep"); n < 20 || text != "GetPasswordData refused for 15 different resources" {
		t.Errorf("%d points: %q", n, text)
	}
	if _, text := saidOf(&f, "denied"); !strings.HasSuffix(text, ", mostly by a policy of the organisation or of the session") {
		t.Errorf("%q", text)
	}
}
