// Package tsv reads tables of facts that are part of the program.
package tsv

import (
	"fmt"
	"strings"
)

// Row is a row below the header.
type Row struct {
	Line   int // in the file, from 1
	Fields []string
}

// Rows reads a table: fields between tabs, a header of the columns' names, and
// below it rows of as many fields. Lines that are empty or begin with # are
// none. The header is given as the names with a blank between them, so that
// who reads by position reads what is there. An error names file and line.
func Rows(file, text, header string) ([]Row, error) {
	columns := strings.Fields(header)
	var rows []Row
	seen, n := false, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		switch {
		case !seen && strings.Join(fields, " ") != strings.Join(columns, " "):
			return nil, fmt.Errorf("%s:%d: the columns are %q, want %q", file, n, fields, columns)
		case !seen:
			seen = true
		case len(fields) != len(columns):
			return nil, fmt.Errorf("%s:%d: %d fields, want %d", file, n, len(fields), len(columns))
		default:
			rows = append(rows, Row{n, fields})
		}
	}
	if !seen {
		return nil, fmt.Errorf("%s: no header", file)
	}
	return rows, nil
}

// Must returns the fields of [Rows]. A table that it reads is part of the
// program and read by a test: that it cannot be read is a mistake in the build.
func Must(file, text, header string) [][]string {
	rows, err := Rows(file, text, header)
	if err != nil {
		panic(err)
	}
	list := make([][]string, len(rows))
	for i, r := range rows {
		list[i] = r.Fields
	}
	return list
}
