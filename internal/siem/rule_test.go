package siem

import (
	"errors"
	"testing"
	"time"

	"vedette/internal/event"
)

func TestReads(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		x, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct {
		kind                                 WindowKind
		length                               time.Duration
		since, until, readsSince, readsUntil string
	}{
		{Tumbling, 15 * time.Minute, "2024-05-06T13:00:00Z", "2024-05-06T13:15:00Z", "2024-05-06T13:00:00Z", "2024-05-06T13:15:00Z"},
		{Tumbling, 15 * time.Minute, "2024-05-06T13:14:59.999Z", "2024-05-06T13:15:00.000001Z", "2024-05-06T13:00:00Z", "2024-05-06T13:30:00Z"},
		{Tumbling, 7 * time.Minute, "2024-05-06T13:05:00Z", "", "2024-05-06T13:05:00Z", ""}, // 1715000700 is a multiple of 420
		{Tumbling, 7 * time.Minute, "2024-05-06T13:04:59Z", "2024-05-06T13:05:01Z", "2024-05-06T12:58:00Z", "2024-05-06T13:12:00Z"},
		{Tumbling, time.Hour, "1969-12-31T23:59:59Z", "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"},
		{Tumbling, time.Hour, "", "2024-05-06T13:00:00+05:30", "", "2024-05-06T08:00:00Z"},
		{Overlapping, 15 * time.Minute, "2024-05-06T13:05:00Z", "2024-05-06T13:06:00Z", "2024-05-06T12:50:00Z", "2024-05-06T13:21:00Z"},
		{Overlapping, 15 * time.Minute, "", "", "", ""},
	} {
		r := &Rule{Window: Window{Length: c.length, Kind: c.kind}, Range: Range{at(c.since), at(c.until)}}
		if got := r.Reads(); !got.Since.Equal(at(c.readsSince)) || !got.Until.Equal(at(c.readsUntil)) {
			t.Errorf("%s windows of %s, %s: reads %s", c.kind, c.length, r.Range, got)
		}
	}
}

// TestSchedule holds that a look-back covers its windows in whole minutes, and
// that cron's fields are within their ranges.
func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		length, every, back time.Duration
		cron                string
	}{
		{15 * time.Minute, 15 * time.Minute, time.Hour, "*/15 * * * *"},
		{45 * time.Second, 15 * time.Minute, 32 * time.Minute, "*/15 * * * *"}, // of 31 and a half
		{90 * time.Second, 15 * time.Minute, 33 * time.Minute, "*/15 * * * *"},
		{24 * time.Hour, time.Hour, 49*time.Hour + 15*time.Minute, "0 */1 * * *"},
		{24 * time.Hour, 6 * time.Hour, 54*time.Hour + 15*time.Minute, "0 */6 * * *"},
	} {
		r := &Rule{Window: Window{Length: c.length}, Schedule: &Schedule{Every: c.every, Settle: 15 * time.Minute}}
		if back, cron := r.Lookback(), r.Schedule.Cron(); back != c.back || cron != c.cron {
			t.Errorf("windows of %s every %s: looks back %s by %q, want %s by %q", c.length, c.every, back, cron, c.back, c.cron)
		}
	}
}

// TestTooLong holds that fewer clouds are advised only where there are more
// than one.
func TestTooLong(t *testing.T) {
	for _, c := range []struct {
		logs []event.Log
		want string
	}{
		{[]event.Log{event.CloudTrailManagement}, "cannot be said in this language: the query of x has 12 characters, Y takes 10"},
		{[]event.Log{event.AzureActivity, event.AzureGraph}, "cannot be said in this language: the query of x has 12 characters, Y takes 10"},
		{[]event.Log{event.AzureActivity, event.GCPDataAccess}, "cannot be said in this language: the query of x has 12 characters, Y takes 10: compile it for each --cloud by itself"},
	} {
		r := &Rule{ID: "x"}
		for _, l := range c.logs {
			r.Legs = append(r.Legs, Leg{Log: l})
		}
		if err := TooLong(r, "Y", 12, 10); !errors.Is(err, ErrNotSaid) || err.Error() != c.want {
			t.Errorf("%v: %v", c.logs, err)
		}
	}
}
