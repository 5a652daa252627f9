package triage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// then is an operation that followed.
func then(cloud event.Cloud, service, name string, minute int, o event.Outcome) finding.FollowOn {
	return finding.FollowOn{
		API: &event.API{Cloud: cloud, Service: service, Name: name}, Requests: 1, Outcome: o,
		Time: time.Date(2026, 3, 17, 14, minute, 0, 0, time.UTC),
	}
}

// TestWhatCameOfWhatFollowed: the evidence marks what was refused and what
// failed, names what succeeded however much did not, and says where nothing
// did. The points are the same whatever came of it.
func TestWhatCameOfWhatFollowed(t *testing.T) {
	trail := func(name string, minute int, o event.Outcome) finding.FollowOn {
		return then(event.AWS, "cloudtrail.amazonaws.com", name, minute, o)
	}
	settings := func(o event.Outcome) finding.FollowOn {
		return then(event.Azure, "microsoft.insights", "diagnosticsettings/delete", 1, o)
	}
	flow := then(event.AWS, "ec2.amazonaws.com", "DeleteFlowLogs", 5, event.Invalid)
	for _, c := range []struct {
		name   string
		follow []finding.FollowOn
		text   string
		vain   bool
	}{
		{"all succeeded", []finding.FollowOn{trail("StopLogging", 1, event.OK), trail("DeleteTrail", 2, event.OK)},
			"then StopLogging at 14:01:00, DeleteTrail at 14:02:00", false},
		{"refused and failed", []finding.FollowOn{trail("StopLogging", 1, event.Denied), flow},
			"then StopLogging (refused) at 14:01:00, DeleteFlowLogs (failed) at 14:05:00", true},
		{"absent, throttled and other", []finding.FollowOn{trail("StopLogging", 1, event.Absent), trail("DeleteTrail", 2, event.Throttled), trail("UpdateTrail", 3, event.Other)},
			"then StopLogging (failed) at 14:01:00, DeleteTrail (failed) at 14:02:00, UpdateTrail (failed) at 14:03:00", true},
		{"the fifth succeeded", []finding.FollowOn{
			trail("StopLogging", 1, event.Denied), trail("DeleteTrail", 2, event.Denied), trail("UpdateTrail", 3, event.Denied),
			trail("PutEventSelectors", 4, event.Denied), then(event.AWS, "ec2.amazonaws.com", "DeleteFlowLogs", 5, event.OK)},
			"then StopLogging (refused) at 14:01:00, DeleteTrail (refused) at 14:02:00, UpdateTrail (refused) at 14:03:00, DeleteFlowLogs at 14:05:00 and 1 more", false},
		{"begun at Azure", []finding.FollowOn{settings(event.Other)}, "then diagnosticsettings/delete (no success logged) at 14:01:00", false},
		{"failed at Azure", []finding.FollowOn{settings(event.Absent)}, "then diagnosticsettings/delete (failed) at 14:01:00", true},
	} {
		f := askedAll("DescribeInstances")
		f.Follow = c.follow
		j := New(DefaultWeights()).Judge(f)
		n, text := points(j, "follow_logging")
		if text != c.text {
			t.Errorf("%s: %q, want %q", c.name, text, c.text)
		}
		if want := min(20, 14*len(c.follow)); n != want {
			t.Errorf("%s: %d points, want %d whatever came of it", c.name, n, want)
		}
		for _, r := range j.Reasons {
			if vain := r.Factor == "follow_logging" && c.vain; r.NoneSucceeded != vain {
				t.Errorf("%s: none of %s succeeded: %v, want %v", c.name, r.Factor, r.NoneSucceeded, vain)
			}
		}
	}
}

// TestNothingThatFollowedIsHidden: the limit of a group takes points and no
// evidence. Each kind of what followed is a reason, be it of 0 points, and says
// what the limit took; what own weights leave out is none.
func TestNothingThatFollowedIsHidden(t *testing.T) {
	f := askedAll("DescribeInstances")
	f.Follow = []finding.FollowOn{
		then(event.AWS, "cloudtrail.amazonaws.com", "StopLogging", 1, event.OK),
		then(event.AWS, "cloudtrail.amazonaws.com", "DeleteTrail", 2, event.OK),
		then(event.AWS, "ec2.amazonaws.com", "ModifySnapshotAttribute", 3, event.Denied),
		then(event.AWS, "iam.amazonaws.com", "CreateAccessKey", 4, event.OK),
		then(event.AWS, "iam.amazonaws.com", "AttachUserPolicy", 5, event.Denied),
		then(event.AWS, "secretsmanager.amazonaws.com", "GetSecretValue", 6, event.OK),
		then(event.AWS, "ec2.amazonaws.com", "RunInstances", 7, event.Invalid),
	}
	var got []finding.Reason
	sum := 0
	j := New(DefaultWeights()).Judge(f)
	for _, r := range j.Reasons {
		sum += r.Points
		if strings.HasPrefix(r.Factor, "follow_") {
			got = append(got, r)
		}
	}
	if want := []finding.Reason{
		{Factor: "follow_logging", Points: 20, Text: "then StopLogging at 14:01:00, DeleteTrail at 14:02:00"},
		{Factor: "follow_sharing", Points: 4, Text: "then ModifySnapshotAttribute (refused) at 14:03:00 (4 of 14 points: what followed counts 24 at most)", NoneSucceeded: true},
		{Factor: "follow_keys", Text: "then CreateAccessKey at 14:04:00 (0 of 10 points: what followed counts 24 at most)"},
		{Factor: "follow_policy", Text: "then AttachUserPolicy (refused) at 14:05:00 (0 of 8 points: what followed counts 24 at most)", NoneSucceeded: true},
		{Factor: "follow_secrets", Text: "then GetSecretValue at 14:06:00 (0 of 2 points: what followed counts 24 at most)"},
		{Factor: "follow_compute", Text: "then RunInstances (failed) at 14:07:00 (0 of 6 points: what followed counts 24 at most)", NoneSucceeded: true},
	}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if p := New(DefaultWeights()).Priority(f); sum != j.Priority || p != sum {
		t.Errorf("priority %d, without words %d, and the reasons add up to %d", j.Priority, p, sum)
	}
	w := DefaultWeights()
	if err := w.Overlay("own.yaml", []byte("factors: {follow_keys: {each: 0, cap: 0}, follow_secrets: {group: novelty}}\ngroups: {novelty: 1.5}")); err != nil {
		t.Fatal(err)
	}
	j = New(w).Judge(f)
	if slices.ContainsFunc(j.Reasons, func(r finding.Reason) bool { return r.Factor == "follow_keys" }) {
		t.Errorf("what is off is a reason: %+v", j.Reasons)
	}
	w.Groups["novelty"] = 0.4
	if n, text := points(New(w).Judge(f), "follow_secrets"); n != 0 || !strings.HasSuffix(text, " (0 of 2 points: the group novelty counts 0.4 at most)") {
		t.Errorf("%d %q", n, text)
	}
}

// TestNoSuccessfulChange: what was tried and refused is no change, and the
// evidence does not read as if nothing had been tried.
func TestNoSuccessfulChange(t *testing.T) {
	f := askedAll("ec2 DescribeInstances", "iam ListUsers", "s3 ListBuckets")
	f.Last = time.Date(2026, 3, 17, 13, 10, 0, 0, time.UTC)
	change := func(name string, minute int, o event.Outcome) finding.FollowOn {
		e := then(event.AWS, "iam.amazonaws.com", name, minute, o)
		e.API.Class = event.ClassWrite
		return e
	}
	for _, c := range []struct {
		follow []finding.FollowOn
		text   string
	}{
		{nil, "no successful change is logged in the hour around"},
		{[]finding.FollowOn{then(event.AWS, "secretsmanager.amazonaws.com", "GetSecretValue", 1, event.Denied), change("CreateUser", 11, event.Denied)},
			"no successful change is logged in the hour around"}, // a read, and an hour and a minute later
		{[]finding.FollowOn{change("CreateUser", 1, event.Denied), change("CreateAccessKey", 10, event.Invalid)},
			"no successful change is logged in the hour around, where 2 or more were tried"},
	} {
		f.Follow = c.follow
		if n, text := points(New(DefaultWeights()).Judge(f), "reads_only"); n != 4 || text != c.text {
			t.Errorf("%d %q, want %q", n, text, c.text)
		}
	}
	f.Changes = 1
	if n, _ := points(New(DefaultWeights()).Judge(f), "reads_only"); n != 0 {
		t.Errorf("%d points where something was changed", n)
	}
}
