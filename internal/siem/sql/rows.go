package sql

import (
	"fmt"
	"strings"

	"vedette/internal/siem"
)

// Rows returns the statement that gives the rows of a compiled rule as JSON;
// see [siem.Tabular].
func (b Backend) Rows(out *siem.Output) (string, error) {
	write, ok := rowForms[b.d.name]
	if !ok {
		return "", fmt.Errorf("%w: rows of %s", siem.ErrNotSaid, b.Product())
	}
	var columns []column
	for _, name := range siem.Columns() {
		c := column{name: name, of: "found." + b.d.quote + name + b.d.quote}
		switch name {
		case siem.ColTime, siem.ColFirst, siem.ColLast:
			c.kind = aTime
		case siem.ColAPIList, siem.ColAddresses:
			c.kind = aList
		}
		columns = append(columns, c)
	}
	return "SELECT\n  " + write(columns) + "\nFROM (\n" + statement(out.Query) + ") AS found", nil
}

type columnKind uint8

const (
	plain columnKind = iota
	aTime
	aList
)

// column is a column of the result: its name, what it is, and how it is read.
type column struct {
	name string
	kind columnKind
	of   string
}

// rowForms are how engines write a row as JSON; what each has is from its own
// documentation of functions.
var rowForms = map[string]func([]column) string{
	"duckdb": func(list []column) string {
		return object("json_object(", list, ansi, func(c column) string { return "epoch_us(" + c.of + ")" }, nil) + " AS found"
	},
	"postgresql": func(list []column) string {
		return object("json_build_object(", list, ansi, func(c column) string {
			return "CAST(extract(epoch FROM " + c.of + ") * 1000000 AS bigint)"
		}, nil) + " AS found"
	},
	"spark": func(list []column) string {
		return "to_json(" + object("named_struct(", list, backslashed, func(c column) string { return "unix_micros(" + c.of + ")" }, nil) + ") AS found"
	},
	// Clients of the others print columns as JSON by themselves; Trino's has
	// no arrays.
	"clickhouse": func(list []column) string {
		return named(list, `"`, func(c column) string { return "toUnixTimestamp64Micro(toDateTime64(" + c.of + ", 6, 'UTC'))" }, nil)
	},
	"trino": trinoRow, "athena": trinoRow,
}

func trinoRow(list []column) string {
	return named(list, `"`, func(c column) string { return "CAST(round(to_unixtime(" + c.of + ") * 1000000) AS bigint)" },
		func(c column) string { return "json_format(CAST(" + c.of + " AS JSON))" })
}

// object calls a function that takes names and values in turn.
func object(call string, list []column, str func(string) string, time, array func(column) string) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, str(c.name)+", "+c.value(time, array))
	}
	return call + strings.Join(parts, ",\n    ") + ")"
}

// named lists the columns under their names.
func named(list []column, quote string, time, array func(column) string) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, c.value(time, array)+" AS "+quote+c.name+quote)
	}
	return strings.Join(parts, ",\n  ")
}

func (c column) value(time, array func(column) string) string {
	switch {
	case c.kind == aTime:
		return time(c)
	case c.kind == aList && array != nil:
		return array(c)
	}
	return c.of
}

// statement is a query without the comments that stand before it. Clients
// look for the ends of statements by themselves, not all of them well.
func statement(query string) string {
	for strings.HasPrefix(query, "--") {
		_, query, _ = strings.Cut(query, "\n")
	}
	return query
}
