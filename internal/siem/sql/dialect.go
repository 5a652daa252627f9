package sql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// dialect is how one engine writes what engines write differently.
type dialect struct {
	name, product string
	// text reads a member of the JSON column record as text, NULL or empty
	// where it is absent; path has the members from the outside in.
	text func(path []string) string
	// time reads an RFC 3339 time, in UTC.
	time func(expr string) string
	// tried is time where what is none becomes NULL instead of ending the
	// statement; nil where the dialect has nothing that does so.
	tried   func(expr string) string
	match   func(expr, re string) string
	replace func(expr, re, with string) string
	// group writes a back reference to a group of a regular expression.
	group func(with string) string
	// bin is the start of the window of that length, aligned to the Unix
	// epoch, that a time lies in.
	bin func(expr string, length time.Duration) string
	// interval writes a duration.
	interval func(d time.Duration) string
	// list collects distinct values, in order, at most n, of rows for which the
	// condition holds if there is one.
	list func(expr, where string, n int) string
	// json reads a member that may be an object, as JSON text; nil where text
	// does.
	json   func(path []string) string
	string func(s string) string
	quote  string // around names
	// streams says that the engine reads without end: windows are its own.
	streams bool
}

// ansi writes a string literal of standard SQL, in which quotes are doubled
// and a backslash is one. What cannot be seen is written as U&” has it.
func ansi(s string) string {
	if shown(s) {
		return `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
	}
	return `U&'` + escaped(strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(s), `\%04X`, `\+%06X`) + `'`
}

// postgres is [ansi] for engines that have E” in place of U&”. No text there
// holds a null character, so that anything else serves for it.
func postgres(s string) string {
	if shown(s) {
		return ansi(s)
	}
	s = strings.ReplaceAll(s, "\x00", "\ufffd")
	return `E'` + escaped(strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(s), `\u%04X`, `\U%08X`) + `'`
}

// backslashed writes a string literal where a backslash begins an escape.
func backslashed(s string) string {
	return `'` + escaped(strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s), `\u%04X`, `\U%08X`) + `'`
}

// bytewise is [backslashed] where escapes are of bytes.
func bytewise(s string) string {
	var b strings.Builder
	for _, c := range strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) {
		if unicode.IsGraphic(c) {
			b.WriteRune(c)
			continue
		}
		for _, x := range []byte(string(c)) {
			fmt.Fprintf(&b, `\x%02X`, x)
		}
	}
	return `'` + b.String() + `'`
}

// shown reports whether all of a text can be seen: no control, format or
// bidirectional mark is in it.
func shown(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// escaped writes runes that cannot be seen by their numbers.
func escaped(s, short, long string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case unicode.IsGraphic(c):
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, long, c)
		default:
			fmt.Fprintf(&b, short, c)
		}
	}
	return b.String()
}

// jsonPath writes a path as JSONPath does, members in quotes.
func jsonPath(path []string) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, p := range path {
		if plainName(p) {
			b.WriteString("." + p)
		} else {
			b.WriteString(`."` + p + `"`)
		}
	}
	return b.String()
}

func plainName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
	})
}

func list(path []string, str func(string) string) string {
	quoted := make([]string, len(path))
	for i, p := range path {
		quoted[i] = str(p)
	}
	return strings.Join(quoted, ", ")
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// amount is a length as intervals have it: in minutes where it is whole ones,
// else in seconds. Lengths are whole seconds.
func amount(d time.Duration) (n int64, unit string) {
	if d%time.Minute == 0 {
		return int64(d / time.Minute), "MINUTE"
	}
	return int64(d / time.Second), "SECOND"
}

// bare, plural, quoted, worded and measured write intervals, each the way of
// some dialects.
func bare(d time.Duration) string {
	n, unit := amount(d)
	return fmt.Sprintf("INTERVAL %d %s", n, unit)
}

func plural(d time.Duration) string { return bare(d) + "S" }

func quoted(d time.Duration) string {
	n, unit := amount(d)
	return fmt.Sprintf("INTERVAL '%d' %s", n, unit)
}

func worded(d time.Duration) string {
	n, unit := amount(d)
	return fmt.Sprintf("INTERVAL '%d %ss'", n, strings.ToLower(unit))
}

// measured says how many digits the number has where they are more than two,
// which is what standard SQL takes where it is not said.
func measured(d time.Duration) string {
	n, _ := amount(d)
	if digits := len(strconv.FormatInt(n, 10)); digits > 2 {
		return fmt.Sprintf("%s(%d)", quoted(d), digits)
	}
	return quoted(d)
}

// plus adds a duration to a time.
func (d *dialect) plus(x string, by time.Duration) string {
	if d.name == "bigquery" {
		return "TIMESTAMP_ADD(" + x + ", " + d.interval(by) + ")"
	}
	return x + " + " + d.interval(by)
}

func dollar(with string) string { return with }

// slashed writes group references as \1.
func slashed(with string) string { return strings.ReplaceAll(with, "$", `\`) }

func dialects() []*dialect {
	trino := dialect{
		text:  func(p []string) string { return "json_extract_scalar(record, " + ansi(bracketPath(p)) + ")" },
		json:  func(p []string) string { return "json_format(json_extract(record, " + ansi(bracketPath(p)) + "))" },
		time:  func(x string) string { return "from_iso8601_timestamp_nanos(" + x + ")" },
		tried: func(x string) string { return "try(from_iso8601_timestamp_nanos(" + x + "))" },
		match: func(x, re string) string { return "regexp_like(" + x + ", " + ansi(re) + ")" },
		replace: func(x, re, with string) string {
			return "regexp_replace(" + x + ", " + ansi(re) + ", " + ansi(with) + ")"
		},
		group: dollar,
		bin: func(x string, d time.Duration) string {
			return fmt.Sprintf("from_unixtime(floor(to_unixtime(%s) / %s) * %s)", x, seconds(d), seconds(d))
		},
		interval: quoted,
		list: func(x, where string, n int) string {
			return fmt.Sprintf("slice(array_sort(array_agg(DISTINCT %s)%s), 1, %d)", x, filter(where), n)
		},
		string: ansi, quote: `"`,
	}
	athena := trino
	athena.name, athena.product = "athena", "Amazon Athena (SQL)"
	athena.text, athena.json = hive, nil
	athena.time = func(x string) string { return "from_iso8601_timestamp(" + x + ")" }
	athena.tried = func(x string) string { return "try(from_iso8601_timestamp(" + x + "))" }
	trino.name, trino.product = "trino", "Trino (SQL)"
	return []*dialect{
		{
			name: "duckdb", product: "DuckDB (SQL)",
			text: func(p []string) string { return "record->>" + ansi(jsonPath(p)) },
			time: func(x string) string { return "CAST(" + x + " AS TIMESTAMP)" },
			// A TIMESTAMP has the text's clock whatever its offset; text without
			// one would be of the session's zone.
			tried: func(x string) string {
				return "TRY_CAST(regexp_replace(" + x + `, '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC'`
			},
			match: func(x, re string) string { return "regexp_matches(" + x + ", " + ansi(re) + ")" },
			replace: func(x, re, with string) string {
				return "regexp_replace(" + x + ", " + ansi(re) + ", " + ansi(with) + ", 'g')"
			},
			group: slashed,
			bin: func(x string, d time.Duration) string {
				return "time_bucket(" + bare(d) + ", " + x + ", TIMESTAMP '1970-01-01')"
			},
			interval: bare,
			list: func(x, where string, n int) string {
				return fmt.Sprintf("list_slice(list_sort(list(DISTINCT %s)%s), 1, %d)", x, filter(where), n)
			},
			string: postgres, quote: `"`,
		},
		{
			name: "postgresql", product: "PostgreSQL (SQL)",
			text:  func(p []string) string { return "record #>> ARRAY[" + list(p, ansi) + "]" },
			time:  func(x string) string { return "CAST(" + x + " AS timestamptz) AT TIME ZONE 'UTC'" },
			match: func(x, re string) string { return x + " ~ " + ansi(re) },
			replace: func(x, re, with string) string {
				return "regexp_replace(" + x + ", " + ansi(re) + ", " + ansi(with) + ", 'g')"
			},
			group: slashed,
			bin: func(x string, d time.Duration) string {
				return "date_bin(" + worded(d) + ", " + x + ", TIMESTAMP '1970-01-01')"
			},
			interval: worded,
			list: func(x, where string, n int) string {
				return fmt.Sprintf("(array_agg(DISTINCT %s COLLATE \"C\" ORDER BY %s COLLATE \"C\")%s)[1:%d]", x, x, filter(where), n)
			},
			string: postgres, quote: `"`,
		},
		{
			name: "clickhouse", product: "ClickHouse (SQL)",
			text:  func(p []string) string { return "JSONExtractString(record, " + list(p, bytewise) + ")" },
			json:  func(p []string) string { return "JSONExtractRaw(record, " + list(p, bytewise) + ")" },
			time:  func(x string) string { return "parseDateTime64BestEffort(" + x + ", 6, 'UTC')" },
			tried: func(x string) string { return "parseDateTime64BestEffortOrNull(" + x + ", 6, 'UTC')" },
			match: func(x, re string) string { return "match(" + x + ", " + bytewise(re) + ")" },
			replace: func(x, re, with string) string {
				return "replaceRegexpAll(" + x + ", " + bytewise(re) + ", " + bytewise(with) + ")"
			},
			group: slashed,
			bin: func(x string, d time.Duration) string {
				return "toStartOfInterval(" + x + ", " + bare(d) + ", 'UTC')"
			},
			interval: bare,
			list: func(x, where string, n int) string {
				return fmt.Sprintf("arraySlice(arraySort(groupUniqArray(%s)%s), 1, %d)", x, filter(where), n)
			},
			string: bytewise, quote: `"`,
		},
		{
			name: "spark", product: "Apache Spark (SQL)",
			text:  func(p []string) string { return "get_json_object(record, " + backslashed(bracketed(p, "'")) + ")" },
			time:  func(x string) string { return "to_timestamp(" + x + ")" },
			tried: func(x string) string { return "try_cast(" + x + " AS TIMESTAMP)" },
			match: func(x, re string) string { return "rlike(" + x + ", " + backslashed(re) + ")" },
			replace: func(x, re, with string) string {
				return "regexp_replace(" + x + ", " + backslashed(re) + ", " + backslashed(with) + ")"
			},
			group: dollar,
			bin: func(x string, d time.Duration) string {
				return fmt.Sprintf("timestamp_seconds(floor(unix_timestamp(%s) / %s) * %s)", x, seconds(d), seconds(d))
			},
			interval: plural,
			list: func(x, where string, n int) string {
				return fmt.Sprintf("slice(sort_array(collect_set(%s)%s), 1, %d)", x, filter(where), n)
			},
			string: backslashed, quote: "`",
		},
		&athena,
		&trino,
		{
			name: "bigquery", product: "Google BigQuery (SQL)",
			text: func(p []string) string { return "JSON_VALUE(record, " + backslashed(jsonPath(p)) + ")" },
			json: func(p []string) string { return "TO_JSON_STRING(JSON_QUERY(record, " + backslashed(jsonPath(p)) + "))" },
			time: func(x string) string { return "TIMESTAMP(" + x + ")" },
			// Its times end at the microsecond, and text that goes on is none.
			tried: func(x string) string {
				return "SAFE_CAST(REGEXP_REPLACE(" + x + ", " + backslashed(`([.][0-9]{6})[0-9]+`) + ", " + backslashed(`\1`) + ") AS TIMESTAMP)"
			},
			match: func(x, re string) string { return "REGEXP_CONTAINS(" + x + ", " + backslashed(re) + ")" },
			replace: func(x, re, with string) string {
				return "REGEXP_REPLACE(" + x + ", " + backslashed(re) + ", " + backslashed(with) + ")"
			},
			group: slashed,
			bin: func(x string, d time.Duration) string {
				return fmt.Sprintf("TIMESTAMP_SECONDS(DIV(UNIX_SECONDS(%s), %s) * %s)", x, seconds(d), seconds(d))
			},
			interval: bare,
			list: func(x, where string, n int) string {
				return bigqueryList(x, where, n)
			},
			string: backslashed, quote: "`",
		},
		{
			name: "flink", product: "Apache Flink (SQL)",
			text:  func(p []string) string { return "JSON_VALUE(record, " + ansi(jsonPath(p)) + ")" },
			json:  func(p []string) string { return "JSON_QUERY(record, " + ansi(jsonPath(p)) + ")" },
			time:  func(x string) string { return "TO_TIMESTAMP(REPLACE(REPLACE(" + x + ", 'T', ' '), 'Z', ''))" },
			match: func(x, re string) string { return "REGEXP_EXTRACT(" + x + ", " + ansi("("+re+")") + ", 1) IS NOT NULL" },
			replace: func(x, re, with string) string {
				return "REGEXP_REPLACE(" + x + ", " + ansi(re) + ", " + ansi(with) + ")"
			},
			group:    dollar,
			interval: measured,
			list:     func(x, where string, n int) string { return "ARRAY_AGG(DISTINCT " + x + ")" + filter(where) },
			string:   ansi, quote: "`", streams: true,
		},
	}
}

// filter is the clause that narrows an aggregate.
func filter(where string) string {
	if where == "" {
		return ""
	}
	return " FILTER (WHERE " + where + ")"
}

// bigqueryList passes over what is narrowed away as NULL: the dialect has no
// clause for it, and sorts by nothing but what it collects.
func bigqueryList(x, where string, n int) string {
	if where != "" {
		x = "IF(" + where + ", " + x + ", NULL)"
		return fmt.Sprintf("ARRAY_AGG(DISTINCT %s IGNORE NULLS ORDER BY %s LIMIT %d)", x, x, n)
	}
	return fmt.Sprintf("ARRAY_AGG(DISTINCT %s ORDER BY %s LIMIT %d)", x, x, n)
}

// bracketPath is a JSONPath with members in brackets, which older readers
// take for every name.
func bracketPath(path []string) string { return bracketed(path, `"`) }

func bracketed(path []string, quote string) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, p := range path {
		b.WriteString("[" + quote + p + quote + "]")
	}
	return b.String()
}

// hive reads a column of the table that Athena's documentation makes for
// CloudTrail: structures with names in lower case, what differs by event as
// JSON text. Other logs are JSON in a column record.
func hive(path []string) string {
	if !slices.Contains(hiveColumns, path[0]) {
		return "json_extract_scalar(record, " + ansi(bracketPath(path)) + ")"
	}
	return strings.ToLower(strings.Join(path, "."))
}

var hiveColumns = []string{
	"eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode",
	"errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID", "resources", "eventType",
	"apiVersion", "readOnly", "recipientAccountId", "serviceEventDetails", "sharedEventID", "vpcEndpointId", "eventCategory",
}
