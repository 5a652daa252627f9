package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// RowColumns are the columns of rows, in order.
func RowColumns() []string {
	return []string{"TimeGenerated", "CloudProvider", "Identity", "AccountId", "DiscoveryCount", "DistinctAPIs",
		"APIList", "DistinctRegions", "SourceIPs", "FirstSeen", "LastSeen", "RiskScore"}
}

// RowFormats lists the formats that [WriteRows] knows.
func RowFormats() []Format { return []Format{Table, JSON, NDJSON, CSV} }

// WriteRows writes rows with exactly the columns of
// its query: as a table, a JSON array of rows, a row a line, or CSV with the
// lists as JSON arrays. In JSON the values stand letter for letter; in CSV
// and in the table hostile ones are defused as in [Write].
func WriteRows(w io.Writer, format string, rows []finding.Row, opts Options) error {
	b := bufio.NewWriter(w)
	var err error
	switch Format(format) {
	case Table:
		rowTable(b, rows, opts)
	case JSON:
		err = writeArray(b, len(rows), "", func(i int) any { return &rows[i] })
		b.WriteByte('\n')
	case NDJSON:
		for i := range rows {
			if err = writeLine(b, &rows[i]); err != nil {
				break
			}
		}
	case CSV:
		err = rowCSV(b, rows)
	default:
		return unknownFormat(format, RowFormats())
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write rows as %s: %w", format, err)
	}
	return nil
}

func rowCSV(w io.Writer, rows []finding.Row) error {
	c := csv.NewWriter(w)
	c.Write(RowColumns())
	for _, r := range rows {
		c.Write([]string{
			cell(r.TimeGenerated), cell(r.CloudProvider), cell(r.Identity), cell(r.AccountID),
			strconv.Itoa(r.DiscoveryCount), strconv.Itoa(r.DistinctAPIs), jsonArray(r.APIList),
			strconv.Itoa(r.DistinctRegions), jsonArray(r.SourceIPs),
			cell(r.FirstSeen), cell(r.LastSeen), strconv.Itoa(r.RiskScore),
		})
	}
	c.Flush()
	return c.Error()
}

// rowTable shows the rows for a person: the figures in columns, and below
// them the calls and the addresses.
func rowTable(w *bufio.Writer, rows []finding.Row, opts Options) {
	p := newPage(w, opts)
	if len(rows) == 0 {
		p.line("No row: no identity reached the thresholds within one bin, in what this input shows. What it cannot show stands in the summary.")
		return
	}
	cols := []column{
		{head: "RISK", right: true}, {head: "CLOUD"}, {head: "IDENTITY", flex: true}, {head: "ACCOUNT"},
		{head: "COUNT", right: true}, {head: "APIS", right: true}, {head: "REGIONS", right: true}, {head: "BIN"},
	}
	shown := rows
	if p.limit > 0 && len(shown) > p.limit {
		shown = shown[:p.limit]
	}
	cells := make([][]string, len(shown))
	for i, r := range shown {
		cells[i] = []string{strconv.Itoa(r.RiskScore), r.CloudProvider, r.Identity, r.AccountID,
			strconv.Itoa(r.DiscoveryCount), strconv.Itoa(r.DistinctAPIs), strconv.Itoa(r.DistinctRegions), clock(r.TimeGenerated)}
		if p.width < wide {
			// The bin moves below, where there is room for it.
			cells[i] = cells[i][:len(cells[i])-1]
		}
	}
	if p.width < wide {
		cols = cols[:len(cols)-1]
	}
	t := p.table(cols, cells)
	t.header()
	for i, r := range shown {
		t.row(i, riskStyle(r.RiskScore))
		// Whom to look for must be there to be copied.
		if t.cut(i, 2) {
			p.whole("who", r.Identity)
		}
		if t.cut(i, 3) {
			p.whole("account", r.AccountID)
		}
		p.field("when", span(r.FirstSeen, r.LastSeen)+", bin of "+clock(r.TimeGenerated))
		p.items("from", r.SourceIPs, 0)
		p.items("calls", more(r.APIList, r.DistinctAPIs), 0)
		p.blank()
	}
	if n := len(rows) - len(shown); n > 0 {
		p.line(term.Plural(n, "more row") + ", lower in order: `--limit 0` shows them all, and the formats for programs always do.")
		p.blank()
	}
}
