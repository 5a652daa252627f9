package sql

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

var settled = regexp.MustCompile(`(?i)window_start(,| \+) INTERVAL '?990'? ?second`)

// TestSeconds holds that a window that is no whole number of minutes is asked
// for as long as it is, in each dialect's grammar.
func TestSeconds(t *testing.T) {
	want := map[string][2]string{
		"sql:duckdb":     {"time_bucket(INTERVAL 90 SECOND, ts, ", "c.ts < a.ts + INTERVAL 90 SECOND\n"},
		"sql:postgresql": {"date_bin(INTERVAL '90 seconds', ts, ", "c.ts < a.ts + INTERVAL '90 seconds'\n"},
		"sql:clickhouse": {"toStartOfInterval(ts, INTERVAL 90 SECOND, 'UTC')", "c.ts < a.ts + INTERVAL 90 SECOND\n"},
		"sql:spark":      {"floor(unix_timestamp(ts) / 90) * 90", "c.ts < a.ts + INTERVAL 90 SECONDS\n"},
		"sql:trino":      {"floor(to_unixtime(ts) / 90) * 90", "c.ts < a.ts + INTERVAL '90' SECOND\n"},
		"sql:athena":     {"floor(to_unixtime(ts) / 90) * 90", "c.ts < a.ts + INTERVAL '90' SECOND\n"},
		"sql:bigquery":   {"DIV(UNIX_SECONDS(ts), 90) * 90", "c.ts < TIMESTAMP_ADD(a.ts, INTERVAL 90 SECOND)\n"},
		"sql:flink":      {"DESCRIPTOR(ts), INTERVAL '90' SECOND)", "DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '90' SECOND)"},
	}
	for _, b := range Backends() {
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Window.Length = 90 * time.Second
		for i, kind := range []siem.WindowKind{siem.Tumbling, siem.Overlapping} {
			r.Window.Kind = kind
			if query := compileRule(t, b, r, b.Fields()).Query; !strings.Contains(query, want[b.Name()][i]) {
				t.Errorf("%s, %s: no %q in\n%s", b.Name(), kind, want[b.Name()][i], query)
			}
		}
		// Windows that a run looks at are those of the seconds that have settled.
		r.Window.Kind = siem.Tumbling
		r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
		if query := compileRule(t, b, r, b.Fields()).Query; b.Name() != "sql:flink" && !settled.MatchString(query) {
			t.Errorf("%s: no window settles after 990 seconds in\n%s", b.Name(), query)
		}
	}
}

// TestFlinkWindows holds that the hop divides the length, as the engine asks,
// is what the header says, and that numbers of three digits and more say so.
func TestFlinkWindows(t *testing.T) {
	var flink siem.Backend
	for _, b := range Backends() {
		if b.Name() == "sql:flink" {
			flink = b
		}
	}
	for length, want := range map[time.Duration]string{
		15 * time.Minute:                 "INTERVAL '5' MINUTE, INTERVAL '15' MINUTE",
		10 * time.Minute:                 "INTERVAL '200' SECOND(3), INTERVAL '10' MINUTE",
		5 * time.Minute:                  "INTERVAL '100' SECOND(3), INTERVAL '5' MINUTE",
		2 * time.Minute:                  "INTERVAL '40' SECOND, INTERVAL '2' MINUTE",
		24 * time.Hour:                   "INTERVAL '480' MINUTE(3), INTERVAL '1440' MINUTE(4)",
		100 * time.Second:                "INTERVAL '25' SECOND, INTERVAL '100' SECOND(3)",
		7 * time.Second:                  "INTERVAL '1' SECOND, INTERVAL '7' SECOND",
		time.Second:                      "INTERVAL '1' SECOND, INTERVAL '1' SECOND",
		1000*time.Hour + 100*time.Second: "INTERVAL '900025' SECOND(6), INTERVAL '3600100' SECOND(7)",
	} {
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Window = siem.Window{Length: length, Kind: siem.Overlapping}
		h := hop(length)
		if h <= 0 || length%h != 0 {
			t.Errorf("%s: windows start every %s", length, h)
		}
		query := compileRule(t, flink, r, flink.Fields()).Query
		if !strings.Contains(query, "HOP(TABLE calls, DESCRIPTOR(ts), "+want+")") {
			t.Errorf("%s: no %s in\n%s", length, want, query)
		}
		text := strings.Join(strings.Fields(strings.ReplaceAll(query, "\n--", " ")), " ")
		if says := fmt.Sprintf("windows start every %s: a burst of up to %s lies", siem.Duration(h), siem.Duration(length-h)); !strings.Contains(text, says) {
			t.Errorf("%s: the header does not say %q:\n%s", length, says, query)
		}
	}
}
