package localdate

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in     string
		prefer Order
		want   string
	}{
		{"16/04/2025, 05:50:00.000", Unknown, "2025-04-16T05:50:00Z"},
		{"11/04/2025, 10:14:36.000", Unknown, "2025-04-11T10:14:36Z"},
		{"11/04/2025, 10:14:36.000", MonthFirst, "2025-11-04T10:14:36Z"},
		{"6/3/2021, 4:11:48.323 PM", Unknown, "2021-06-03T16:11:48.323Z"},
		{"6/3/2021, 4:11:48.323 PM", DayFirst, "2021-03-06T16:11:48.323Z"},
		{"6/3/2021, 4:11:48.323 pm", Unknown, "2021-03-06T16:11:48.323Z"},
		{"6/3/2021, 12:11:48\u202fAM", Unknown, "2021-06-03T00:11:48Z"},
		{"12/31/2021, 12:00:00 PM", DayFirst, "2021-12-31T12:00:00Z"},
		{"16.4.2025, 05:50:00", MonthFirst, "2025-04-16T05:50:00Z"},
		{"3.4.2025, 05:50:00", MonthFirst, "2025-04-03T05:50:00Z"},
		{"2025-04-16, 5:50:00 a.m.", Unknown, "2025-04-16T05:50:00Z"},
		{"16/04/25 05:50", Unknown, "2025-04-16T05:50:00Z"},
		{"29/02/2024, 00:00:00", Unknown, "2024-02-29T00:00:00Z"},
	} {
		got, ok := Parse([]byte(c.in), c.prefer)
		if !ok || got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("Parse(%q, %d) = %v, %v; want %s", c.in, c.prefer, got, ok, c.want)
		}
	}
	for _, in := range []string{
		"", "2025", "16/04/2025", "16/13/2025, 05:50:00", "30/02/2025, 05:50:00", "29/02/2023, 00:00:00",
		"16/04/2025, 25:00:00", "16/04/2025, 13:00:00 PM", "16/04/2025, 05:60:00", "16/04/2025, 05:50:00 XM",
		"16/04-2025, 05:50:00", "16/04/2025x05:50:00", "123/4/2025, 05:50:00", "0/4/2025, 05:50:00", "2025-04-16T05:50:00Z",
		"16/04/2025, 05:50:00.", "16/04/2025, 0:00:0",
	} {
		if got, ok := Parse([]byte(in), Unknown); ok {
			t.Errorf("Parse(%q) = %v, want it refused", in, got)
		}
	}
}

func TestOrderOf(t *testing.T) {
	for in, want := range map[string]Order{
		"16/04/2025, 05:50:00": DayFirst, "04/16/2025, 05:50:00": MonthFirst, "11/04/2025, 05:50:00": Unknown,
		"1.2.2025, 05:50:00": DayFirst, "2025-13-01, 05:50:00": Unknown, "hello": Unknown,
	} {
		if got := OrderOf([]byte(in)); got != want {
			t.Errorf("OrderOf(%q) = %d, want %d", in, got, want)
		}
	}
}

// What is read is a date that exists, and reading it in its own order gives
// the same instant as writing and reading it again.
func FuzzParse(f *testing.F) {
	f.Add("16/04/2025, 05:50:00.000", uint8(0))
	f.Add("6/3/2021, 4:11:48.323 PM", uint8(2))
	f.Fuzz(func(t *testing.T, s string, o uint8) {
		got, ok := Parse([]byte(s), Order(o%3))
		if !ok {
			return
		}
		again, ok := Parse([]byte(got.Format("02/01/2006, 15:04:05.000000000")), DayFirst)
		if got.Year() > 999 && (!ok || !again.Equal(got)) {
			t.Fatalf("%q: %v, then %v %v", s, got, again, ok)
		}
	})
}
