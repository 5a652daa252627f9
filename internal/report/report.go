// Package report writes what a scan found, one file a format. Whatever the
// logs hold, the output is harmless to the terminal, the spreadsheet or the
// program that reads it, and equal reports are equal bytes.
package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// Format is the name of an output format.
type Format string

// The formats.
const (
	Table  Format = "table"  // for a person, findings, summary and coverage
	JSON   Format = "json"   // the whole report as one object
	NDJSON Format = "ndjson" // findings only, one object a line
	CSV    Format = "csv"    // findings only, one row each
	OCSF   Format = "ocsf"   // findings only, one OCSF Detection Finding a line
)

// Formats lists the formats in the order in which help shows them.
func Formats() []Format { return []Format{Table, JSON, NDJSON, CSV, OCSF} }

// Options are what a format may need to know beside the report.
type Options struct {
	// Terminal is what the reader can show; formats for programs ignore it.
	// A width of 0 stands for 120.
	Terminal term.Terminal
	// Version is the program's version, for formats that name the product.
	Version string
	// Brief leaves the table without what was read and what could not be
	// seen: findings, and the answer in a sentence.
	Brief bool
	// Limit is how many findings the table and documents show, and rows the
	// table of rows; 0 stands for all.
	Limit int
	// Evidence is how many pieces of evidence [Explain] shows: 0 stands for
	// 25, less than 0 for all that the finding holds.
	Evidence int
	// APIs is how many operations [Explain] shows: 0 stands for 50, less than 0
	// for all.
	APIs int
	// Saved says of a document that is made from saved findings what it lacks
	// for that reason; empty where it is not.
	Saved []string
	// Commands are what goes on from the finding of an id, each as the words
	// of a command line, for documents; nil where there are none.
	Commands func(id string) [][]string
	// Playbook is what to do about a finding, for documents; nil where there
	// is none.
	Playbook func(*finding.Finding) []Section
}

// Write writes the report in the format of that name. An unknown name is an
// error, as is a writer that fails.
//
// The formats ndjson, csv and ocsf hold findings alone: where there are none
// they say nothing of what could not be seen, so whoever calls should put
// [Summary] where a person reads it.
func Write(w io.Writer, format string, r *finding.Report, opts Options) error {
	b := bufio.NewWriter(w)
	var err error
	switch Format(format) {
	case Table:
		err = writeTable(b, r, opts)
	case JSON:
		err = writeJSON(b, r)
	case NDJSON:
		err = writeNDJSON(b, r.Findings)
	case CSV:
		err = writeCSV(b, r.Findings)
	case OCSF:
		err = writeOCSF(b, r, opts)
	default:
		return unknownFormat(format, Formats())
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write report as %s: %w", format, err)
	}
	return nil
}

func unknownFormat(name string, known []Format) error {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = string(f)
	}
	return fmt.Errorf("unknown format %q: expected one of %s", name, strings.Join(names, ", "))
}
