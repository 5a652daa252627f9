package scan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"vedette/internal/finding"
)

// verdicts is who was found where, with which figures and which risk: what
// nothing that a caller can set may change.
func verdicts(res *Result) []string {
	var out []string
	for _, f := range res.Report.Findings {
		out = append(out, fmt.Sprintf("%s %s in %s: %d events, %d APIs, risk %d, peak %d/%d at %s", f.Scope, f.Actor.ID, f.Cloud.Account.ID,
			f.Events, f.DistinctAPIs, f.RiskScore, f.Peak.Events, f.Peak.DistinctAPIs, f.Peak.Start))
	}
	return out
}

func join(calls ...[]call) []call {
	var out []call
	for _, c := range calls {
		out = append(out, c...)
	}
	return out
}

// disguise rewrites what a caller chooses: the user agent, and the name of a
// role's session wherever it stands.
func disguise(calls []call, agent string, session func(i int) string) []call {
	out := append([]call(nil), calls...)
	for i := range out {
		if out[i].User == "" && out[i].Role == "" {
			continue // the provider's own call has no client
		}
		out[i].Agent = agent
		if out[i].Role != "" {
			out[i].Session = session(i)
		}
	}
	return out
}

// TestStatement18_ClientSettableFieldsChangeNothing: whoever calls itself an
// AWS service, and whatever a session is called, is found as before.
func TestStatement18_ClientSettableFieldsChangeNothing(t *testing.T) {
	calls := join(
		burst(0, 60, 12, 2*time.Second, call{User: "ada", Agent: "Boto3/1.28"}),
		burst(100, 25, 8, time.Second, call{Role: "deploy", Session: "build-1", Key: "ASIA1", Agent: "aws-cli/2.1"}),
		burst(200, 12, 6, time.Second, call{Role: "deploy", Session: "build-2", Key: "ASIA2", At: 2 * time.Hour}),
		burst(300, 15, 1, 100*time.Millisecond, call{Role: "app", Session: "i-0abc", Key: "ASIA3", Code: "Client.UnauthorizedOperation"}),
		burst(400, 5, 5, time.Minute, call{Role: "ci", Session: "x", Key: "ASIA4", Agent: "Terraform/1.5"}),
		burst(500, 4, 4, time.Minute, call{User: "quiet"}),
		burst(600, 40, 12, time.Second, call{}), // an AWS service
	)
	before := scanCalls(t, calls)
	want := verdicts(before)
	if len(want) != 5 || before.Report.Summary.ServiceMade != 40 {
		t.Fatalf("%d service-made; the five callers to disguise are\n%s", before.Report.Summary.ServiceMade, strings.Join(want, "\n"))
	}
	for _, agent := range []string{"AWS Internal", "cloudformation.amazonaws.com", "config.amazonaws.com", ""} {
		for name, session := range map[string]func(int) string{
			"one name":            func(int) string { return "AWSCloudFormation" },
			"a name for each":     func(i int) string { return fmt.Sprintf("s-%d", i) },
			"an AWS service's":    func(int) string { return "AWS Internal" },
			"another role's name": func(int) string { return "app" },
		} {
			if agent == "" {
				agent = " "
			}
			after := scanCalls(t, disguise(calls, agent, session))
			if got := verdicts(after); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("agent %q, sessions by %s:\n%s\nwant\n%s", agent, name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if after.Report.Summary.ServiceMade != 40 {
				t.Errorf("agent %q: %d calls count as made by the provider", agent, after.Report.Summary.ServiceMade)
			}
		}
	}
}

// foreign is thirty calls of eight kinds with the credentials of somebody
// else, from another network and with another client.
func foreign(like call) []call {
	like.IP, like.Agent = "203.0.113.200", "Boto3/1.34.11 md/Botocore#1.34.11"
	like.At += 70 * time.Second
	return burst(90000, 30, 8, 2*time.Second, like)
}

// sliceOf returns the slices of a cut with that number of events.
func slicesOf(f *finding.Finding, cut string, events int) []finding.Slice {
	var out []finding.Slice
	for _, s := range f.Slices {
		if s.Cut == cut && s.Events == events {
			out = append(out, s)
		}
	}
	return out
}

// TestForeignSliceOfUser: thirty calls of a thief amid nine hundred of the
// user are a slice with its own figures.
func TestForeignSliceOfUser(t *testing.T) {
	calls := join(burst(0, 900, 4, time.Second, call{User: "ada"}), foreign(call{User: "ada"}))
	res := scanCalls(t, calls)
	if len(res.Report.Findings) != 1 {
		t.Fatalf("%d findings: %v", len(res.Report.Findings), verdicts(res))
	}
	checkForeign(t, &res.Report.Findings[0], 930)
}

// TestForeignSliceOfInstanceRole: the same amid four hundred sessions of
// instances that share network and client, with a session stolen from one.
func TestForeignSliceOfInstanceRole(t *testing.T) {
	var calls []call
	for i := range 400 {
		calls = append(calls, burst(i*2, 2, 2, time.Second, call{Role: "app", Session: fmt.Sprintf("i-%017x", i), Key: fmt.Sprintf("ASIA%016d", i), At: time.Duration(i) * time.Second})...)
	}
	calls = append(calls, foreign(call{Role: "app", Session: fmt.Sprintf("i-%017x", 7), Key: fmt.Sprintf("ASIA%016d", 7)})...)
	res := scanCalls(t, calls)
	if len(res.Report.Findings) != 1 {
		t.Fatalf("%d findings: %v", len(res.Report.Findings), verdicts(res))
	}
	f := &res.Report.Findings[0]
	checkForeign(t, f, 830)
	if f.SessionsTotal != 400 {
		t.Errorf("%d sessions", f.SessionsTotal)
	}
	// The session that was stolen stands out from the others as well.
	if s := slicesOf(f, "session", 32); len(s) != 1 || !s[0].Fires || s[0].RiskScore != 70 {
		t.Errorf("the stolen session: %+v", s)
	}
}

func checkForeign(t *testing.T, f *finding.Finding, total int) {
	t.Helper()
	if f.Events != total {
		t.Errorf("%d events, want %d", f.Events, total)
	}
	s := slicesOf(f, "network", 30)
	if len(s) != 1 {
		t.Fatalf("no slice of thirty: %+v", f.Slices)
	}
	x := s[0]
	if !x.Fires || x.DistinctAPIs != 8 || x.RiskScore != 70 || x.Outcomes.OK != 30 || !strings.Contains(x.Name, "203.0.113.0/24") || !strings.Contains(x.Name, "boto3") ||
		x.FirstSeen != "2024-05-06T09:01:10Z" || x.LastSeen != "2024-05-06T09:02:08Z" || x.Peak == nil || x.Peak.Events != 30 {
		t.Errorf("the foreign slice: %+v", x)
	}
	if f.WorstSlice == "" {
		t.Error("no slice is named as the worst")
	}
}

// TestStatement15_ChainFromBytes: the session that AssumeRole handed out leads
// back to who asked for it, by the key alone, and the role keeps its finding.
func TestStatement15_ChainFromBytes(t *testing.T) {
	assume := call{User: "bert", Source: "sts.amazonaws.com", Name: "AssumeRole", ID: uuid(1), Key: "AKIABERT",
		Params: map[string]any{"roleArn": "arn:aws:iam::111122223333:role/app", "roleSessionName": "anything"},
		Response: map[string]any{"credentials": map[string]any{"accessKeyId": "ASIASTOLEN", "sessionToken": "FwoGZXIvYXdzEBY", "expiration": "May 6, 2024, 10:00:00 AM"},
			"assumedRoleUser": map[string]any{"assumedRoleId": "AROAAPP:anything", "arn": "arn:aws:sts::111122223333:assumed-role/app/anything"}}}
	calls := append(burst(10, 29, 1, 100*time.Millisecond, call{Role: "app", Session: "anything", Key: "ASIASTOLEN", At: time.Minute, Code: "Client.UnauthorizedOperation"}), assume)
	res := scanCalls(t, calls)
	if len(res.Report.Findings) != 1 {
		t.Fatalf("findings %v", verdicts(res))
	}
	f := &res.Report.Findings[0]
	if f.Actor.ID != "arn:aws:iam::111122223333:role/app" || f.Outcomes.Denied != 29 {
		t.Errorf("actor %+v, outcomes %+v", f.Actor, f.Outcomes)
	}
	if f.Origin == nil || f.Origin.ID != "arn:aws:iam::111122223333:user/bert" || len(f.Chain) != 1 || f.Chain[0].Via != "AssumeRole" || f.Chain[0].EventID != uuid(1) {
		t.Errorf("origin %+v, chain %+v", f.Origin, f.Chain)
	}
}

// TestStatement16_ServiceMadeFromBytes: what the provider calls itself does
// not score, and is counted, unless it is asked for.
func TestStatement16_ServiceMadeFromBytes(t *testing.T) {
	calls := burst(0, 30, 8, time.Second, call{})
	res := scanCalls(t, calls)
	if len(res.Report.Findings) != 0 || res.Report.Summary.ServiceMade != 30 || res.Report.Summary.Events != 30 {
		t.Errorf("findings %v, summary %+v", verdicts(res), res.Report.Summary)
	}
}

// TestStatement48_EvidenceAndSecrets: findings carry event ids and ATT&CK ids,
// and nothing of what requests and responses hold.
func TestStatement48_EvidenceAndSecrets(t *testing.T) {
	const secret = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
	calls := burst(0, 12, 6, time.Second, call{Role: "app", Session: "s", Key: "ASIASTOLEN",
		Params: map[string]any{"password": secret}, Response: map[string]any{"sessionToken": secret, "credentials": map[string]any{"secretAccessKey": secret}}})
	assume := call{User: "bert", Source: "sts.amazonaws.com", Name: "AssumeRole", ID: uuid(77), Params: map[string]any{"externalId": secret},
		Response: map[string]any{"credentials": map[string]any{"accessKeyId": "ASIASTOLEN", "sessionToken": secret}, "assumedRoleUser": map[string]any{"arn": "arn:aws:sts::111122223333:assumed-role/app/s"}}}
	res := scanCalls(t, append(calls, assume))
	if len(res.Report.Findings) != 1 {
		t.Fatalf("findings %v", verdicts(res))
	}
	f := &res.Report.Findings[0]
	text := whole(t, res)
	if strings.Contains(text, secret) {
		t.Error("a secret of the records is in the report")
	}
	ids := map[string]bool{}
	for _, e := range f.Evidence {
		ids[e.EventID] = true
	}
	for i := range 12 {
		if !ids[uuid(i)] {
			t.Errorf("event %s is not in the evidence", uuid(i))
		}
	}
	techniques := map[string]bool{}
	for _, x := range f.Techniques {
		techniques[x.ID] = x.Name != "" || true
	}
	if !techniques["T1580"] {
		t.Errorf("techniques %v", f.Techniques)
	}
	var back map[string]any
	if err := json.Unmarshal([]byte(text), &back); err != nil {
		t.Error(err)
	}
}
