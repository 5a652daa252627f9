package sql

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

// inRange is a rule that asks about some minutes of a day.
func inRange(kind siem.WindowKind) *siem.Rule {
	r := siemtest.Rule(event.CloudTrailManagement, event.GCPDataAccess)
	r.Window.Kind = kind
	r.Range = siem.Range{Since: time.Date(2024, 5, 6, 13, 5, 0, 0, time.UTC), Until: time.Date(2024, 5, 6, 23, 55, 0, 500_000_000, time.UTC)}
	return r
}

func compileRule(t *testing.T, b siem.Backend, r *siem.Rule, f *siem.Fields) *siem.Output {
	t.Helper()
	out, err := b.Compile(r, f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A range bounds what each leg reads, and which windows come back.
func TestRange(t *testing.T) {
	for _, b := range Backends() {
		d := b.(Backend).d
		for kind, want := range map[siem.WindowKind][2]string{
			siem.Tumbling:    {"2024-05-06T13:00:00Z", "2024-05-07T00:00:00Z"},
			siem.Overlapping: {"2024-05-06T12:50:00Z", "2024-05-07T00:10:00.5Z"},
		} {
			query := compileRule(t, b, inRange(kind), b.Fields()).Query
			for text, n := range map[string]int{
				"    AND ts >= " + d.time(d.string(want[0])) + "\n":                2,
				"    AND ts < " + d.time(d.string(want[1])) + "\n":                 2,
				" last_seen >= " + d.time(d.string("2024-05-06T13:05:00Z")):        1,
				" first_seen < " + d.time(d.string("2024-05-06T23:55:00.5Z")):      1,
				"-- Asks about windows from 2024-05-06T13:05:00Z and before 2024-": 1,
			} {
				if got := strings.Count(query, text); got != n {
					t.Errorf("%s, %s: %q is there %d times, not %d:\n%s", b.Name(), kind, text, got, n, query)
				}
			}
		}
		if query := compileRule(t, b, siemtest.Rule(event.CloudTrailManagement), b.Fields()).Query; strings.Contains(query, "ts >= '") || strings.Contains(query, "last_seen >=") {
			t.Errorf("%s: a rule without a range has one", b.Name())
		}
	}
}

// Settings of a field map narrow partitions: each where its end is given, the
// literal quoted for the dialect.
func TestPartitions(t *testing.T) {
	overlay := siem.MustFields("own.yaml", []byte(`
language: sql
logs:
  cloudtrail.management:
    set:
      since: day >= {{since "%Y-%m-%d"}} AND hour >= {{since "%H:%M:%S"}} AND n >= {{since "%s"}}
      until: day <= {{until "%Y/%m'%d%%" "2h"}}
`))
	for _, b := range Backends() {
		d := b.(Backend).d
		since := "day >= " + d.string("2024-05-06") + " AND hour >= " + d.string("13:00:00") + " AND n >= " + d.string("1715000400")
		until := "day <= " + d.string("2024/05'07%")
		r := inRange(siem.Tumbling)
		for _, ends := range []siem.Range{r.Range, {Since: r.Range.Since}, {Until: r.Range.Until}, {}} {
			f := b.Fields()
			if err := f.Merge(overlay); err != nil {
				t.Fatal(err)
			}
			r.Range = ends
			query := compileRule(t, b, r, f).Query
			if strings.Contains(query, since) == ends.Since.IsZero() || strings.Contains(query, until) == ends.Until.IsZero() {
				t.Errorf("%s, %s:\n%s", b.Name(), ends, query)
			}
		}
	}
}

func TestPartitionFaults(t *testing.T) {
	b := Backends()[0]
	for setting, want := range map[string]string{
		`day >= {{since "%Y-%j"}}`:        "%j is none of",
		`day >= {{since "%"}}`:            "is none of",
		`day >= {{until "%Y" "soon"}}`:    "is no duration",
		`day >= {{until "%Y" "-1h"}}`:     "is no duration",
		`day >= {{until "%Y" "1h" "1h"}}`: "one duration",
		`day >= {{since}}`:                "since",
		`day >= {{upto "%Y"}}`:            "upto",
	} {
		f := b.Fields()
		f.Logs["cloudtrail.management"].Set = map[string]string{"since": setting}
		if _, err := b.Compile(inRange(siem.Tumbling), f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	f := b.Fields()
	f.Logs["cloudtrail.management"].Set = map[string]string{"since": `day <= {{until "%Y"}}`}
	r := inRange(siem.Tumbling)
	r.Range.Until = time.Time{}
	if _, err := b.Compile(r, f); err == nil || !strings.Contains(err.Error(), "no such end") {
		t.Error(err)
	}
}

// The statement that clients run has all columns and no comment, and is
// refused where nobody runs one.
func TestRows(t *testing.T) {
	ran := 0
	for _, b := range Backends() {
		for name, r := range siemtest.Rules() {
			out, err := b.Compile(r, b.Fields())
			if err != nil {
				continue
			}
			rows, err := b.(siem.Tabular).Rows(out)
			if b.Name() == "sql:bigquery" || b.Name() == "sql:flink" {
				if err == nil {
					t.Errorf("%s gives rows", b.Name())
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			ran++
			head, _, ok := strings.Cut(rows, "\nFROM (\nWITH calls AS (")
			if !ok || strings.Contains(rows, "\n--") || !strings.HasSuffix(rows, ") AS found") {
				t.Errorf("%s, %s:\n%s", b.Name(), name, rows)
			}
			for _, c := range siem.Columns() {
				if !strings.Contains(head, c) {
					t.Errorf("%s has no %s", b.Name(), c)
				}
			}
		}
	}
	if ran == 0 {
		t.Error("nothing was compiled")
	}
}
