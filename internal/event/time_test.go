package event

import (
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2023-07-10T11:42:31Z":                "2023-07-10T11:42:31Z",
		"2023-07-10t11:42:31z":                "2023-07-10T11:42:31Z",
		"2023-07-10 11:42:31":                 "2023-07-10T11:42:31Z",
		"2023-07-10 11:42:31 UTC":             "2023-07-10T11:42:31Z",
		"2023-07-10 11:42:31.5 UTC":           "2023-07-10T11:42:31.5Z",
		"2022-02-08 09:23:37+11:00":           "2022-02-07T22:23:37Z",
		"2022-02-08 09:23:37 +1100":           "2022-02-07T22:23:37Z",
		"2022-02-08T09:23:37-05":              "2022-02-08T14:23:37Z",
		"2019-12-19T00:49:36.313482371Z":      "2019-12-19T00:49:36.313482371Z",
		"2019-12-19T00:49:36.31348237199999Z": "2019-12-19T00:49:36.313482371Z",
		"2019-12-19T00:49:36,1Z":              "2019-12-19T00:49:36.1Z",
		"2019-12-19T00:49:36.1234567Z":        "2019-12-19T00:49:36.1234567Z",
		"2016-12-31T23:59:60Z":                "2017-01-01T00:00:00Z",
		"2024-02-29T00:00:00Z":                "2024-02-29T00:00:00Z",
		"2000-02-29T00:00:00Z":                "2000-02-29T00:00:00Z",
		"1900-02-28T00:00:00Z":                "1900-02-28T00:00:00Z",
		"1969-12-31T23:59:59.999999999Z":      "1969-12-31T23:59:59.999999999Z",
	} {
		w, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ParseTime([]byte(in))
		if !ok || got != w.UnixNano() {
			t.Errorf("ParseTime(%q) = %d, %v; want %d", in, got, ok, w.UnixNano())
		}
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for _, in := range []string{
		"", "2023", "2023-07-10", "2023-07-10T11:42", "2023-07-10T11:42:3",
		"2023-07-10T11:42:31.", "2023-07-10T11:42:31.Z", "2023-07-10T11:42:31X",
		"2023-07-10T11:42:31ZZ", "2023-07-10T11:42:31 ", "2023-07-10T11:42:31+",
		"2023-07-10T11:42:31+1", "2023-07-10T11:42:31+24:00", "2023-07-10T11:42:31+01:60",
		"2023-07-10T11:42:31+01:0", "2023-07-10T11:42:31+01:000", "2023-07-10T11:42:31+01:",
		"2023-13-10T11:42:31Z", "2023-00-10T11:42:31Z", "2023-02-29T11:42:31Z",
		"1900-02-29T11:42:31Z", "2023-07-32T11:42:31Z", "2023-07-00T11:42:31Z",
		"2023-07-10T24:00:00Z", "2023-07-10T11:60:31Z", "2023-07-10T11:42:61Z",
		"2023-07-10T11:42:60Z", "2023/07/10T11:42:31Z", "2023-07-10X11:42:31Z",
		"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"1677-09-21T00:12:43Z", "2262-04-11T23:47:15Z", "1601-01-01T00:00:00Z",
		"1899-12-31T23:59:59.999999999Z", "1900-01-01T00:59:59+01:00", "2150-01-01T00:00:00Z", "2149-12-31T23:00:00-01:00", "-023-07-10T11:42:31Z",
		"16/04/2025, 05:50:00.000", "1688989351000",
	} {
		if got, ok := ParseTime([]byte(in)); ok {
			t.Errorf("ParseTime(%q) = %d, want it refused", in, got)
		}
	}
}

// Every instant that time.Time writes is read back to the nanosecond,
// whatever the zone.
func TestParseTimeInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Int64Range(minUnix*int64(time.Second), maxUnix*int64(time.Second)).Draw(t, "nanos")
		zone := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "zone")
		text := time.Unix(0, want).In(time.FixedZone("", zone*60)).Format(time.RFC3339Nano)
		if got, ok := ParseTime([]byte(text)); !ok || got != want {
			t.Fatalf("ParseTime(%q) = %d, %v; want %d", text, got, ok, want)
		}
	})
}

func TestParseTimeDoesNotAllocate(t *testing.T) {
	b := []byte("2019-12-19T00:49:36.313482371+01:00")
	if n := testing.AllocsPerRun(100, func() { ParseTime(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// strict is RFC 3339 without the liberties of time.Parse: an hour of one
// digit, zones of 24 hours or 60 minutes.
var strict = regexp.MustCompile(`^.{10}T\d\d:.*(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// Whatever both read, they read alike, and whatever RFC 3339 allows within
// the range is read.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2023-07-10T11:42:31Z", "2019-12-19T00:49:36.313482371+01:00", "2022-02-08 09:23:37+11:00",
		"2016-12-31T23:59:60Z", "2024-02-29T00:00:00-0500", "2023-07-10 11:42:31 UTC", "0000-02-29T00:00:00Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseTime([]byte(s))
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || !strict.MatchString(s) {
			return
		}
		inside := want.Unix() >= minUnix && want.Unix() <= maxUnix
		if ok != inside || ok && got != want.UnixNano() {
			t.Fatalf("ParseTime(%q) = %d, %v; time.Parse has %v", s, got, ok, want)
		}
	})
}
