package scan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/exception"
	"vedette/internal/finding"
	"vedette/internal/triage"
)

const day = 24 * time.Hour

// judged scans calls with exceptions, and keeps the facts of its findings.
func judged(t *testing.T, calls []call, list *exception.List) (*Result, map[string]*finding.Facts) {
	t.Helper()
	opts := options(t, folder(t, map[string]string{"log.json": lines(calls)}))
	opts.Engine.Workers = 1 // so that the map needs no lock
	judge, facts := triage.New(triage.DefaultWeights()), map[string]*finding.Facts{}
	opts.Engine.Judge, opts.Engine.Notable = judge.Judge, triage.Notable
	opts.Engine.Judged = func(f *finding.Finding, x *finding.Facts) {
		facts[f.ID] = x
		list.Apply(x, &f.Judgement, judge.PutAside)
	}
	return run(t, opts), facts
}

// inspector is a burst of the role that the exception is for.
func inspector(first int, at time.Duration) []call {
	return burst(first, 30, 6, 10*time.Second, call{At: at, Role: "inspector", Session: "nightly", Key: "ASIA1", IP: "203.0.113.7", Agent: "Boto3/1.28"})
}

func change(calls []call, f func(c *call)) []call {
	out := append([]call(nil), calls...)
	for i := range out {
		f(&out[i])
	}
	return out
}

// TestStatement47_ExceptionsAreNarrow: an exception for what a role did puts
// that aside and nothing else: what the role never did shows as if there were
// no exception, and says what was new; and the exception ends.
func TestStatement47_ExceptionsAreNarrow(t *testing.T) {
	none := exception.NewList()
	_, facts := judged(t, inspector(0, 0), none)
	if len(facts) != 1 {
		t.Fatalf("%d findings of the routine", len(facts))
	}
	var rule *exception.Rule
	for _, f := range facts {
		var err error
		if rule, err = exception.For(f, exception.Terms{ID: "inspector", Reason: "nightly inventory", Owner: "Platform", Life: 30 * day}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := exception.Append("", nil, rule)
	if err != nil {
		t.Fatal(err)
	}

	const principal = "arn:aws:iam::111122223333:role/inspector"
	later := inspector(1000, 3*day)
	denied := change(later, func(c *call) {
		if c.Name == "DescribeVolumes" {
			c.Code = "Client.UnauthorizedOperation"
		}
	})
	stolen := burst(2000, 30, 12, 5*time.Second, call{At: 3 * day, Role: "inspector", Session: "nightly", Key: "ASIA1", IP: "192.0.2.66", Agent: "Boto3/1.28"})
	for name, c := range map[string]struct {
		calls  []call
		misses []string // what the reason says; none where it is put aside
	}{
		"the same again":            {later, nil},
		"from the same network":     {change(later, func(c *call) { c.IP = "203.0.113.99" }), nil},
		"fewer operations":          {burst(1000, 30, 5, time.Second, later[0]), nil},
		"a new operation":           {join(later, burst(3000, 7, 7, time.Second, later[0])), []string{"operation rds.amazonaws.com DescribeDBInstances"}},
		"a new network":             {change(later, func(c *call) { c.IP = "192.0.2.66" }), []string{"network 192.0.2.0/24"}},
		"a new client":              {change(later, func(c *call) { c.Agent = "python-requests/2.31" }), []string{"client python-requests"}},
		"refusals":                  {denied, []string{"refused operation ec2.amazonaws.com DescribeVolumes"}},
		"a private address":         {change(later, func(c *call) { c.IP = "10.1.2.3" }), []string{"network 10.1.2.3 (private, without an endpoint)"}},
		"a key made afterwards":     {join(later, []call{{At: 3*day + time.Hour, Source: "iam.amazonaws.com", Name: "CreateAccessKey", ID: uuid(4000), Role: "inspector", Session: "nightly", Key: "ASIA1", IP: "203.0.113.7", Agent: "Boto3/1.28", Write: true}}), []string{"then iam.amazonaws.com CreateAccessKey at 2024-05-09T10:00:00Z"}},
		"stolen, inside a routine":  {join(later, stolen), []string{"network 192.0.2.0/24", "operations ", "rds.amazonaws.com DescribeDBInstances"}},
		"when it has expired":       {inspector(1000, 31*day), []string{"it expired at 2024-06-05T09:04:50Z"}},
		"the last call at its end":  {inspector(1000, 30*day), []string{"it expired at 2024-06-05T09:04:50Z"}},
		"the last call just before": {inspector(1000, 30*day-time.Second), nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := exception.Parse("exceptions.yaml", text)
			if err != nil {
				t.Fatal(err)
			}
			with, _ := judged(t, c.calls, list)
			without, _ := judged(t, c.calls, none)
			if len(with.Report.Findings) != 1 || len(without.Report.Findings) != 1 {
				t.Fatalf("%d and %d findings", len(with.Report.Findings), len(without.Report.Findings))
			}
			got, want := with.Report.Findings[0], without.Report.Findings[0]
			if got.Actor.ID != principal {
				t.Fatalf("a finding of %s", got.Actor.ID)
			}
			sum := 0
			for _, r := range got.Reasons {
				sum += r.Points
			}
			if sum != got.Priority {
				t.Errorf("reasons add up to %d, the priority is %d", sum, got.Priority)
			}
			if c.misses == nil {
				if why := "exception inspector: nightly inventory (Platform, until 2024-06-05T09:04:50Z)"; got.Aside != why || got.Level != "informational" {
					t.Errorf("put aside because %q, at level %s", got.Aside, got.Level)
				}
				if use := list.Uses(epoch.Add(10 * day))[0]; use.Hits != 1 || use.State != "live" {
					t.Errorf("use %+v", use)
				}
				return
			}
			if got.Aside != "" || got.Priority != want.Priority || got.Level != want.Level {
				t.Errorf("priority %d, put aside because %q; without the exception it is %d", got.Priority, got.Aside, want.Priority)
			}
			at := slices.IndexFunc(got.Reasons, func(r finding.Reason) bool { return r.Factor == "exception" })
			if at < 0 {
				t.Fatalf("reasons %+v", got.Reasons)
			}
			reason := got.Reasons[at]
			if !slices.IsSortedFunc(got.Reasons, func(a, b finding.Reason) int { return b.Points - a.Points }) {
				t.Errorf("reasons are not in order: %+v", got.Reasons)
			}
			if len(got.Reasons) != len(want.Reasons)+1 || reason.Points != 0 || !strings.HasPrefix(reason.Text, "exception inspector does not cover: ") {
				t.Errorf("reasons %+v", got.Reasons)
			}
			for _, m := range c.misses {
				if !strings.Contains(reason.Text, m) {
					t.Errorf("%q does not say %q", reason.Text, m)
				}
			}
			if use := list.Uses(epoch.Add(10 * day))[0]; use.Hits != 0 || use.State != "unused" {
				t.Errorf("use %+v", use)
			}
		})
	}

	// Others are not touched, whatever they share with the role.
	list, err := exception.Parse("exceptions.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, like := range []func(c *call){
		func(c *call) { c.Role = "inspector2" },
		func(c *call) { c.Account = "444455556666" }, // a role of that name in another account
		func(c *call) { c.Role, c.User = "", "inspector" },
	} {
		calls := change(later, like)
		with, _ := judged(t, calls, list)
		without, _ := judged(t, calls, none)
		if diff := cmp.Diff(findings(t, without), findings(t, with)); diff != "" {
			t.Errorf("the exception touches another principal:\n%s", diff)
		}
	}
}

// Names that callers choose lead to no exception: none that means more than
// they do, and none at all for a caller whom the log does not name.
func TestExceptionForHostileNames(t *testing.T) {
	for name, like := range map[string]call{
		"a pattern":   {User: "*"},
		"a new key":   {User: "x\n    expires: 2999-01-01"},
		"a direction": {User: "x\u202ey"},
		"not text":    {User: "x\x7f"},
	} {
		t.Run(name, func(t *testing.T) {
			_, facts := judged(t, burst(0, 30, 6, time.Second, like), exception.NewList())
			for _, f := range facts {
				r, err := exception.For(f, exception.Terms{ID: "x", Reason: "r", Owner: "o", Life: day})
				if err == nil || !strings.Contains(err.Error(), "cannot be written into an exception") {
					t.Errorf("rule %+v, error %v", r, err)
				}
			}
			if len(facts) != 1 {
				t.Errorf("%d findings", len(facts))
			}
		})
	}
}
