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
