package siem

import (
	"testing"
	"time"
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
