package hunt

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/siem"
)

// What a client may print. An identity that the logs hold is text of whoever
// made the calls, so that a row can be long; none is that long.
const maxLine = 8 << 20

// limits bound a result: how many rows, and how many bytes in all.
type limits struct{ rows, bytes int }

var usual = limits{rows: 1 << 20, bytes: 1 << 30}

// readRows reads what a client prints: a JSON object a line, with the columns
// that [siem.Columns] lists and no others.
func readRows(r io.Reader, most limits) ([]finding.Row, error) {
	var rows []finding.Row
	err := eachLine(r, most, func(line []byte) error {
		row, err := readRow(line)
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, compareRows)
	return rows, nil
}

// eachLine reads lines that are not empty, within limits.
func eachLine(r io.Reader, most limits, row func(line []byte) error) error {
	b := bufio.NewReaderSize(r, 64<<10)
	total, rows := 0, 0
	for n := 1; ; n++ {
		line, err := readLine(b)
		total += len(line)
		switch {
		case errors.Is(err, errLong):
			return fmt.Errorf("line %d is longer than %d bytes", n, maxLine)
		case err != nil && err != io.EOF:
			return err
		case total > most.bytes:
			return fmt.Errorf("more than %d bytes: narrow the time with --since and --until", most.bytes)
		}
		if line := bytes.TrimSpace(line); len(line) > 0 {
			if err := row(line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			if rows++; rows > most.rows {
				return fmt.Errorf("more than %d rows: narrow the time with --since and --until", most.rows)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

var errLong = errors.New("the line is too long")

func readLine(b *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			return nil, errLong
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// compareRows is the order of rows that queries ask for; engines compare text
// in their own ways.
func compareRows(a, b finding.Row) int {
	return cmp.Or(b.RiskScore-a.RiskScore, b.DiscoveryCount-a.DiscoveryCount, strings.Compare(a.CloudProvider, b.CloudProvider),
		strings.Compare(a.Identity, b.Identity), strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.TimeGenerated, b.TimeGenerated))
}

func readRow(line []byte) (finding.Row, error) {
	var row finding.Row
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return row, fmt.Errorf("%.200q is no row as JSON", line)
	}
	c := columns{members: members}
	row = finding.Row{
		TimeGenerated: c.time(siem.ColTime), CloudProvider: c.text(siem.ColProvider), Identity: c.text(siem.ColIdentity), AccountID: c.text(siem.ColAccount),
		DiscoveryCount: c.count(siem.ColEvents), DistinctAPIs: c.count(siem.ColAPIs), APIList: c.list(siem.ColAPIList),
		DistinctRegions: c.count(siem.ColRegions), SourceIPs: c.list(siem.ColAddresses),
		FirstSeen: c.time(siem.ColFirst), LastSeen: c.time(siem.ColLast), RiskScore: c.count(siem.ColRisk),
	}
	if c.err != nil {
		return row, c.err
	}
	for name := range members {
		if !slices.Contains(siem.Columns(), name) {
			return row, fmt.Errorf("%.60q is no column of a row", name)
		}
	}
	if !slices.ContainsFunc(event.Clouds(), func(x event.Cloud) bool { return siem.Provider(x) == row.CloudProvider }) {
		return row, fmt.Errorf("%s is %.60q", siem.ColProvider, row.CloudProvider)
	}
	if row.RiskScore > 100 {
		return row, fmt.Errorf("%s is %d", siem.ColRisk, row.RiskScore)
	}
	return row, nil
}

// columns reads members of a row; err is the first error.
type columns struct {
	members map[string]json.RawMessage
	err     error
}

func (c *columns) fail(name string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s is %.60q", name, c.members[name])
		if c.members[name] == nil {
			c.err = fmt.Errorf("it has no column %s", name)
		}
	}
}

func (c *columns) text(name string) (s string) {
	if raw := c.members[name]; raw == nil || string(raw) == "null" || json.Unmarshal(raw, &s) != nil {
		c.fail(name)
	}
	return s
}

// number reads a whole number; clients put large ones in quotes.
func (c *columns) number(name string) int64 {
	n, err := strconv.ParseInt(strings.Trim(string(c.members[name]), `"`), 10, 64)
	if err != nil {
		c.fail(name)
	}
	return n
}

func (c *columns) count(name string) int {
	n := c.number(name)
	if n < 0 || n > 1<<48 {
		c.fail(name)
	}
	return int(n)
}

// time reads microseconds since the Unix epoch, of the years that RFC 3339
// can write.
func (c *columns) time(name string) string { return c.instant(name).Format(time.RFC3339Nano) }

func (c *columns) instant(name string) time.Time {
	t := time.UnixMicro(c.number(name)).UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		c.fail(name)
	}
	return t
}

// list reads an array, or the JSON text of one. Engines have no value for a
// list of nothing.
func (c *columns) list(name string) []string {
	raw := c.members[name]
	var packed string
	if json.Unmarshal(raw, &packed) == nil && packed != "" {
		raw = json.RawMessage(packed)
	}
	list := []string{}
	if raw == nil || json.Unmarshal(raw, &list) != nil {
		c.fail(name)
	}
	if list == nil {
		list = []string{}
	}
	return list
}
