package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"vedette/internal/finding"
)

// SeedColumns are the columns of the seed profile's result, in order.
func SeedColumns() []string {
	return []string{"TimeGenerated", "CloudProvider", "Identity", "AccountId", "DiscoveryCount", "DistinctAPIs",
		"APIList", "DistinctRegions", "SourceIPs", "FirstSeen", "LastSeen", "RiskScore"}
}

// SeedFormats lists the formats that [WriteSeed] knows.
func SeedFormats() []Format { return []Format{Table, JSON, NDJSON, CSV} }

// WriteSeed writes the rows of the seed profile with exactly the columns of
// its query: as a table, a JSON array of rows, a row a line, or CSV with the
// lists as JSON arrays. In JSON the values stand letter for letter; in CSV
// and in the table hostile ones are defused as in [Write].
func WriteSeed(w io.Writer, format string, rows []finding.SeedRow, opts Options) error {
	b := bufio.NewWriter(w)
	var err error
	switch Format(format) {
	case Table:
		seedTable(b, rows, opts)
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
		err = seedCSV(b, rows)
	default:
		return unknownFormat(format, SeedFormats())
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write seed rows as %s: %w", format, err)
	}
	return nil
}

func seedCSV(w io.Writer, rows []finding.SeedRow) error {
	c := csv.NewWriter(w)
	c.Write(SeedColumns())
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

// seedTable shows the rows for a person: the figures in columns, and below
// them the calls and the addresses.
func seedTable(w *bufio.Writer, rows []finding.SeedRow, opts Options) {
	p := newPage(w, opts)
	if len(rows) == 0 {
		p.line("No row: no identity reached the seed's thresholds in a bin of 15 minutes, in what this input shows of the calls on the seed's lists. What it cannot show stands in the summary.")
		return
	}
	cols := []column{
		{head: "RISK", right: true}, {head: "CLOUD"}, {head: "IDENTITY", flex: true}, {head: "ACCOUNT"},
		{head: "COUNT", right: true}, {head: "APIS", right: true}, {head: "REGIONS", right: true}, {head: "BIN"},
	}
	cells := make([][]string, len(rows))
	for i, r := range rows {
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
	for i, r := range rows {
		t.row(i, riskStyle(r.RiskScore))
		p.field("when", span(r.FirstSeen, r.LastSeen)+", bin of "+clock(r.TimeGenerated))
		p.items("from", r.SourceIPs, 0)
		p.items("calls", r.APIList, 0)
		p.blank()
	}
}
