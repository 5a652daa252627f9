package sql

import (
	"strings"
	"testing"

	"vedette/internal/event"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

// A record whose time is none does not end the statement where the dialect can
// go on, and is in no window then: what reads the time and what leaves out what
// it could not read stand in each leg together. Instants of the statement
// itself are read as they were, so that a fault in one is not passed over.
func TestTimesThatAreNone(t *testing.T) {
	tried := map[string]string{
		"sql:duckdb":     `TRY_CAST(regexp_replace(coalesce(record->>'$.eventTime', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts`,
		"sql:clickhouse": "parseDateTime64BestEffortOrNull(JSONExtractString(record, 'eventTime'), 6, 'UTC') AS ts",
		"sql:spark":      "try_cast(coalesce(get_json_object(record, '$[\\'eventTime\\']'), '') AS TIMESTAMP) AS ts",
		"sql:trino":      `try(from_iso8601_timestamp_nanos(coalesce(json_extract_scalar(record, '$["eventTime"]'), ''))) AS ts`,
		"sql:athena":     "try(from_iso8601_timestamp(coalesce(eventtime, ''))) AS ts",
		"sql:bigquery":   `SAFE_CAST(REGEXP_REPLACE(coalesce(JSON_VALUE(record, '$.eventTime'), ''), '([.][0-9]{6})[0-9]+', '\\1') AS TIMESTAMP) AS ts`,
	}
	for _, b := range Backends() {
		d := b.(Backend).d
		query := compileRule(t, b, inRange(siem.Tumbling), b.Fields()).Query
		left := strings.Count(query, "    AND ts IS NOT NULL\n")
		want, ok := tried[b.Name()]
		if !ok {
			if left != 0 || d.tried != nil {
				t.Errorf("%s leaves out what it cannot leave out:\n%s", b.Name(), query)
			}
			continue
		}
		if left != 2 || strings.Count(query, want) != 1 {
			t.Errorf("%s: %q or what leaves out the rest is not there:\n%s", b.Name(), want, query)
		}
		if literal := d.time(d.string("2024-05-06T13:00:00Z")); !strings.Contains(query, "AND ts >= "+literal) {
			t.Errorf("%s: no %s in\n%s", b.Name(), literal, query)
		}
		whole := compileRule(t, b, siemtest.Rule(event.CloudTrailManagement), b.Fields()).Query
		if strings.Count(whole, "    AND ts IS NOT NULL\n") != 1 {
			t.Errorf("%s, without a range:\n%s", b.Name(), whole)
		}
	}
}
