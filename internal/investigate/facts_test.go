package investigate

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// busy is what happens around the theft: deploy's ordinary days, what it does
// after, whom it lets in, and others.
func busy() []object {
	deploy, eve := role("deploy", "s", "ASIADEPLOY"), user("eve", "AKIAEVE")
	var records []object
	for day := 1; day <= 5; day++ {
		records = append(records, aws(100+day, float64(-1440*day), role("deploy", "ci", "ASIAOLD"), "ec2", "DescribeA", object{"sourceIPAddress": "198.51.100.1"}))
	}
	for i := range 3 {
		records = append(records, aws(200+i, 60+float64(i), deploy, "s3", "GetBucketPolicy", object{"readOnly": true, "errorCode": "AccessDenied",
			"errorMessage":      "User: x is not authorized to perform: s3:GetBucketPolicy on resource: arn:aws:s3:::b" + fmt.Sprint(i) + " with an explicit deny in a service control policy",
			"requestParameters": object{"bucketName": "b" + fmt.Sprint(i)}}))
	}
	return append(records,
		aws(210, 70, deploy, "iam", "CreateAccessKey", object{"readOnly": false, "requestParameters": object{"userName": "eve"}, "responseElements": object{"accessKey": object{"accessKeyId": "AKIAEVE"}}}),
		aws(211, 71, deploy, "cloudtrail", "StopLogging", object{"readOnly": false, "errorCode": "AccessDenied", "requestParameters": object{"name": "trail"}}),
		aws(220, 80, eve, "ec2", "RunInstances", object{"readOnly": false, "sourceIPAddress": "192.0.2.7", "userAgent": "x"}),
		aws(221, 60, user("eve", "AKIAEARLIER"), "ec2", "DescribeB", object{"sourceIPAddress": "192.0.2.7", "userAgent": "x"}),
		aws(230, 30, user("zoe", "AKIAZOE"), "s3", "ListBuckets", object{"userAgent": "aws-cli/2"}),
		aws(231, 31, user("tom", "AKIATOM"), "s3", "ListBuckets", object{"sourceIPAddress": "192.0.2.8"}),
		aws(232, 32, user("far", "AKIAFAR"), "s3", "ListBuckets", object{"sourceIPAddress": "192.0.2.9", "userAgent": "y"}),
		aws(240, 5000, deploy, "ec2", "DescribeB", nil), // long after
	)
}

// bytesOf is a walk as JSON; where the records lie is left out if asked.
func bytesOf(t testing.TB, w *Walk, anywhere bool) string {
	t.Helper()
	b, err := json.MarshalIndent(w, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if anywhere {
		b = regexp.MustCompile(`"at": \{[^}]*\}`).ReplaceAll(b, nil)
	}
	return string(b)
}

func TestFacts(t *testing.T) {
	w := run(t, burst(options(t, deployUID, 2, write(t, 7, append(theft(), busy()...)...)), 0, 5))
	f := &w.Facts

	a := f.Activity
	if a.Before.Calls != 1 || a.During.Calls != 12 || a.During.APIs != 12 || a.After.Calls != 5 || a.After.Writes != 2 || a.After.Outcomes.Denied != 4 {
		t.Errorf("activity %+v", a)
	}
	if s := a.After.Services; len(s) != 3 || s[0] != (Service{"s3.amazonaws.com", 3, 3, 0, 3, 3, "2026-03-17T13:00:00Z", "2026-03-17T13:02:00Z"}) {
		t.Errorf("services after %+v", s)
	}
	says(t, w, "around", "In the 24 hours after it made 5 calls to 3 operations, 2 of them changes and 4 denied, the last at 2026-03-17 13:11:00.")

	c := f.Changes
	if c.Calls != 3 || c.Succeeded != 2 || len(c.Rows) != 3 || c.Rows[0].Operation != "CreateAccessKey" || c.Rows[0].Kind != "keys" || c.Rows[0].When != "after" ||
		c.Rows[1].Operation != "StopLogging" || c.Rows[1].Outcome != "denied" || shortName(c.Rows[2].Principal) != "user/eve" {
		t.Errorf("changes %+v", c)
	}
	// The calls with the key that it made for eve, and not those with her own.
	if len(c.Opened) != 1 || shortName(c.Opened[0].Principal) != "user/eve" || c.Opened[0].Calls != 1 || c.Opened[0].EventID != uuid(220) {
		t.Errorf("opened %+v", c.Opened)
	}

	n := f.Neighbours
	var who []string
	for _, r := range n.Rows {
		who = append(who, shortName(r.Principal)+" "+r.Network+" "+r.Client)
	}
	want := []string{"user/bob 203.0.113.5 Boto3/1.34", "role/build 203.0.113.5 Boto3/1.34", "user/zoe 203.0.113.5 ", "user/ada 203.0.113.5 Boto3/1.34", "user/tom  Boto3/1.34"}
	slices.Sort(who)
	slices.Sort(want)
	if !slices.Equal(who, want) || n.SameNetwork != 4 {
		t.Errorf("neighbours %q, want %q", who, want)
	}

	s := f.FirstSeen
	fresh := map[string]string{}
	for _, d := range s.Rows {
		fresh[d.Name] = fmt.Sprint(d.Total, d.Known)
	}
	if s.Days != 5 || fresh["operation"] != "11 1" || fresh["network"] != "1 0" || fresh["service"] != "0 1" || fresh["client"] != "0 1" || fresh["credential"] != "1 0" {
		t.Errorf("first seen %+v", s)
	}

	d := f.Denials
	if d.Calls != 4 || d.Rows[0].Permission != "s3:GetBucketPolicy" || !d.Rows[0].Stated || d.Rows[0].Reason != "organization_policy" || d.Rows[0].Total != 3 ||
		d.Rows[0].Resources[0] != "arn:aws:s3:::b0" || d.Rows[1].Stated {
		t.Errorf("denials %+v", d)
	}
	says(t, w, "refused", "s3:GetBucketPolicy was refused 3 times over 3 resources (a policy of the organisation).")

	if r := f.Resources; r.RowsTotal != 4 || r.Rows[0].Name != "eve" || r.Rows[0].Kind != "user" || r.Rows[0].Changed != 1 {
		t.Errorf("resources %+v", r)
	}
	if b := f.Benign; b.RecurringTotal != 0 {
		t.Errorf("benign %+v", b)
	}
	if len(f.Coverage.Blind) == 0 {
		t.Error("nothing is blind")
	}
	for _, s := range w.Steps {
		if len(s.Answer) == 0 || len(s.Next) == 0 {
			t.Errorf("step %s has no answer or leads nowhere", s.ID)
		}
	}
}

// TestSchedule: the same calls at the same hour of earlier days are told of as
// a schedule, and at another hour as no more than a repetition.
func TestSchedule(t *testing.T) {
	who := user("cron", "AKIACRON")
	var records []object
	id := 0
	for day := range 4 {
		shift := 0.0
		if day == 3 {
			shift = -300
		}
		for _, name := range []string{"DescribeInstances", "DescribeVpcs", "DescribeSubnets"} {
			id++
			records = append(records, aws(id, float64(-1440*day)+shift, who, "ec2", name, nil))
		}
	}
	w := run(t, burst(options(t, "arn:aws:iam::111122223333:user/cron", 1, write(t, 5, records...)), 0, 5))
	if b := w.Facts.Benign; b.RecurringTotal != 3 || b.SameHour != 2 || b.Recurring[0] != (Recurrence{"2026-03-16", 3, 3}) || len(b.Evidence) != 3 {
		t.Errorf("benign %+v", b)
	}
	says(t, w, "benign", "On 3 earlier days it called half or more of the same operations, on 2 of them within an hour")
}

// TestSliceOfAFinding: the part that is judged, by network and by session.
func TestSliceOfAFinding(t *testing.T) {
	deploy := role("deploy", "s", "ASIADEPLOY")
	dir := write(t, 5, aws(1, 0, deploy, "ec2", "DescribeA", nil), aws(2, 1, deploy, "ec2", "DescribeB", object{"sourceIPAddress": "192.0.2.1", "errorCode": "Client.UnauthorizedOperation"}),
		aws(3, 2, role("deploy", "t", "ASIAT"), "ec2", "DescribeC", nil))
	for name, calls := range map[string]int{"192.0.2.1 Boto3": 1, "arn:aws:sts::111122223333:assumed-role/deploy/s": 2} {
		o := options(t, "", 1, dir)
		o.Finding = &finding.Finding{ID: "f", Scope: "account", Actor: finding.Actor{ID: deployUID, Kind: "iam_role"}, FirstSeen: "2026-03-17T12:00:00Z", LastSeen: "2026-03-17T12:02:00Z"}
		o.Finding.Slice = name
		w := run(t, o)
		if w.Facts.Slice.Calls != calls || w.Facts.Slice.Rest != 3-calls || w.Subject.Finding != "f" {
			t.Errorf("%s: %+v", name, w.Facts.Slice)
		}
	}
}

// TestOriginOverAccounts: a finding over several accounts is its caller's by
// name, and of the sessions and keys that it lists.
func TestOriginOverAccounts(t *testing.T) {
	there := role("audit", "x", "ASIAX")
	there["sessionContext"].(object)["sessionIssuer"].(object)["arn"] = "arn:aws:iam::444455556666:role/audit"
	dir := write(t, 5, aws(1, 0, role("audit", "y", "ASIAY"), "ec2", "DescribeA", nil), aws(2, 1, there, "ec2", "DescribeB", nil),
		aws(3, 1, role("other", "z", "ASIAZ"), "ec2", "DescribeC", nil), aws(4, 1, role("other", "q", "ASIAQ"), "ec2", "DescribeC", nil))
	o := options(t, "", 1, dir)
	o.Finding = findingOf("role/audit", "iam_role", "2026-03-17T12:00:00Z", "2026-03-17T12:02:00Z")
	o.Finding.Scope, o.Finding.Keys = "origin", []finding.Count{{Name: "ASIAZ", Events: 1}}
	if w := run(t, o); w.Facts.Activity.During.Calls != 3 || w.Subject.Principal != "role/audit" {
		t.Errorf("%+v, %+v", w.Subject, w.Facts.Activity.During)
	}
}

// TestEvidence: as many as asked for, the rest counted, none twice.
func TestEvidence(t *testing.T) {
	o := burst(options(t, deployUID, 1, write(t, 100, append(theft(), busy()...)...)), 0, 5)
	all := run(t, o)
	o.Evidence = 2
	few := run(t, o)
	for i := range all.Steps {
		a, f := all.Steps[i].Cited, few.Steps[i].Cited
		seen := map[string]bool{}
		for _, e := range a.Evidence {
			if seen[e.EventID] {
				t.Errorf("step %s cites %s twice", all.Steps[i].ID, e.EventID)
			}
			seen[e.EventID] = true
		}
		if len(a.Evidence) != a.EvidenceTotal || f.EvidenceTotal != a.EvidenceTotal || len(f.Evidence) != min(2, a.EvidenceTotal) {
			t.Errorf("step %s: %d of %d, and %d of %d", all.Steps[i].ID, len(a.Evidence), a.EvidenceTotal, len(f.Evidence), f.EvidenceTotal)
		}
	}
}

func TestWhomIsMeant(t *testing.T) {
	dir := write(t, 5, aws(1, 0, user("ada", "AKIA1"), "ec2", "DescribeA", nil), aws(2, 1, user("ada2", "AKIA2"), "ec2", "DescribeB", nil))
	o := options(t, "", 1, dir)
	o.Principal = func(uid string) bool { return strings.Contains(uid, "user/ada") }
	var many *ManyError
	if _, err := Run(o); !errors.As(err, &many) || len(many.Principals) != 2 || !strings.Contains(err.Error(), "2 principals have that name: arn:aws:iam::111122223333:user/ada, ") {
		t.Errorf("two are meant: %v", err)
	}
	o.Name = "ARN:aws:iam::111122223333:user/ada"
	if w := run(t, o); w.Subject.Principal != "arn:aws:iam::111122223333:user/ada" || w.Facts.Activity.During.Calls != 1 {
		t.Errorf("one is named whole: %+v", w.Subject)
	}
	if _, err := Run(options(t, "nobody", 1, dir)); !errors.Is(err, ErrNoCalls) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := Run(burst(options(t, "arn:aws:iam::111122223333:user/ada", 1, dir), 300, 400)); !errors.Is(err, ErrNoCalls) {
		t.Errorf("at another time: %v", err)
	}
}
