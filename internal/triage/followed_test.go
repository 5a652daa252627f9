package triage

import (
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
