package rows

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"vedette/internal/codec/localdate"
)

// columns.txt lists the column names by which a header is told.
//
//go:embed columns.txt
var columnsText string

// knownColumns maps a column name in lower case to how sure it makes us: 2
// for a name that is enough on its own, 1 for one that needs a second.
var knownColumns = sync.OnceValue(func() map[string]int {
	known := map[string]int{}
	for line := range strings.Lines(columnsText) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '!':
			known[strings.TrimSpace(line[1:])] = 2
		default:
			known[line] = 1
		}
	}
	return known
})

// maxColumns bounds a table's width and maxColumnName the names of its
// columns, which every row repeats.
const (
	maxColumns    = 4096
	maxColumnName = 256
)

// sniffHeader tells whether the text begins with a header of known columns,
// and which byte separates them. brk ends lines.
func sniffHeader(text []byte, brk byte) (separator byte, ok bool) {
	for _, sep := range []byte{',', ';', '\t'} {
		cells, n := record(nil, text, sep, brk, false)
		if n == 0 { // the header goes on beyond what we see
			cells, _ = record(nil, append(bytes.Clone(text), brk), sep, brk, true)
		}
		if isHeader(cells) {
			return sep, true
		}
	}
	return 0, false
}

// lineBreak returns the byte that ends the lines of a text that begins like
// this: a line feed, or a carriage return where there is none ("CSV
// Macintosh"). The last byte is left out, which a line feed may follow.
func lineBreak(head []byte) byte {
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head[:max(0, len(head)-1)], '\r') >= 0 {
		return '\r'
	}
	return '\n'
}

func isHeader(cells [][]byte) bool {
	score := 0
	for _, c := range cells {
		score += knownColumns()[strings.ToLower(plainColumn(c))]
	}
	return score >= 2
}

// plainColumn is a column's name without the time zone that the Azure portal
// puts behind it.
func plainColumn(cell []byte) string {
	name, _, _ := strings.Cut(string(cell), " [")
	return strings.TrimSpace(name)
}

// record splits the first record of text. n is its length with the line
// break, or 0 if the record does not end within text. With lines set, a line
// break ends a record even inside quotes. Cells are views into text, or into
// new memory where quotes had to be taken out.
func record(cells [][]byte, text []byte, sep, brk byte, lines bool) (_ [][]byte, n int) {
	pos := 0
	for {
		var cell []byte
		if pos < len(text) && text[pos] == '"' {
			var ok bool
			if cell, pos, ok = quoted(text, pos+1, brk, lines); !ok {
				return cells, 0
			}
		}
		start := pos
		for pos < len(text) && text[pos] != sep && text[pos] != brk {
			pos++
		}
		if pos == len(text) {
			return cells, 0
		}
		tail := text[start:pos]
		if text[pos] == brk {
			tail = bytes.TrimSuffix(tail, []byte("\r"))
		}
		switch {
		case cell == nil:
			cell = tail
		case len(tail) > 0:
			cell = append(bytes.Clone(cell), tail...)
		}
		if len(cells) < maxColumns {
			cells = append(cells, cell)
		}
		if text[pos] == brk {
			return cells, pos + 1
		}
		pos++
	}
}

// quoted reads a quoted cell whose opening quote lies before pos.
func quoted(text []byte, pos int, brk byte, lines bool) (cell []byte, end int, ok bool) {
	start, doubled := pos, false
	for {
		i := bytes.IndexByte(text[pos:], '"')
		if lines {
			if j := bytes.IndexByte(text[pos:], brk); j >= 0 && (i < 0 || j < i) {
				cell = bytes.TrimSuffix(text[start:pos+j], []byte("\r"))
				if cell == nil {
					cell = []byte{}
				}
				return cell, pos + j, true
			}
		}
		if i < 0 {
			return nil, 0, false
		}
		pos += i + 1
		if pos < len(text) && text[pos] == '"' {
			doubled = true
			pos++
			continue
		}
		cell = text[start : pos-1 : pos-1]
		if doubled {
			cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
		}
		return cell, pos, true
	}
}

// table is a CSV file being read.
type table struct {
	w      window
	sep    byte
	brk    byte // ends lines; 0 before the first
	drop   bool // the line at hand was too long: what is left of it is no row
	lines  bool // quotes were found broken: a line is a row from there on
	cells  [][]byte
	header [][]byte // names, with JSON quotes
	first  []byte   // the header as it stands
	json   []byte
	open   bool // no line break ends the row at hand
	sure   int  // rows since the last that left a date's order open
}

func readCSV(open func() io.Reader, yield func(Row) error) error {
	order, err := dateOrder(open())
	if err != nil {
		return err
	}
	t := table{w: window{r: open()}}
	return t.each(func(raw []byte, offset int64, err error) error {
		row := Row{Raw: raw, Offset: offset, Err: err, Open: t.open}
		if err == nil {
			if t.json, row.Err = t.object(t.json[:0], order); row.Err == nil {
				row.JSON = t.json
			}
		}
		return yield(row)
	})
}

// each walks the records after the header. raw is without the line break.
func (t *table) each(row func(raw []byte, offset int64, err error) error) error {
	t.begin()
	for rows := 0; ; rows++ {
		raw, err := t.next()
		switch {
		case raw != nil:
		case t.w.err == nil && t.header == nil && len(t.w.rest()) > 0:
			return errNoHeader
		case t.w.err == nil && rows == 1 && bytes.ContainsAny(t.first, "\r\n"):
			return errAllHeader
		default:
			return t.w.err
		}
		t.open = raw[len(raw)-1] != t.brk
		at := t.w.offset()
		size := len(raw)
		t.w.pos += size
		raw = bytes.TrimRight(raw, "\r\n")
		switch {
		case len(raw) == 0:
		case err != nil && t.header == nil:
			return errNoHeader
		case err != nil:
			if err := row(raw, at, err); err != nil {
				return err
			}
		case t.header == nil && !isHeader(t.cells):
			return errNoHeader
		case t.header == nil && !t.lines && t.swallows():
			t.lines, t.w.pos = true, t.w.pos-size
		case t.header == nil || !bytes.Equal(raw, t.first) && isHeader(t.cells):
			t.name(raw)
		case bytes.Equal(raw, t.first): // files put together repeat it
		default:
			if err := row(raw, at, nil); err != nil {
				return err
			}
		}
	}
}

// What keeps a table from being read at all.
var (
	errNoHeader  = errors.New("the header cannot be read, and so no row")
	errAllHeader = errors.New("the header takes in all rows")
)

// swallows reports whether the header at hand takes in what comes after it,
// since a quote of it was not closed where it should be: no name is as long as
// a few rows, and a table is seldom a header alone.
func (t *table) swallows() bool {
	for _, c := range t.cells {
		if bytes.IndexByte(c, t.brk) >= 0 && (len(c) > maxColumnName || t.w.pos == t.w.end && t.w.eof) {
			return true
		}
	}
	return false
}

// begin passes over a byte order mark and blank lines before the header, and
// finds out what ends lines.
func (t *table) begin() {
	for {
		head := t.w.rest()
		if t.w.offset() == 0 && bytes.HasPrefix(head, bom) {
			t.w.pos += len(bom)
			continue
		}
		text := bytes.TrimLeft(head, " \t\r\n")
		// Of the line that the header begins on, white space may be its first cell.
		t.w.pos += bytes.LastIndexAny(head[:len(head)-len(text)], "\r\n") + 1
		if bytes.IndexByte(text, '\n') >= 0 || len(text) >= sniffed && lineBreak(text) == '\r' || !t.w.more() {
			t.brk = lineBreak(text)
			return
		}
	}
}

// sniffed is how much of a text tells its kind.
const sniffed = 4 << 10

// next splits the next record into cells and returns it with its line break;
// nil at the end.
func (t *table) next() ([]byte, error) {
	for {
		if t.drop {
			t.dropLine()
		}
		text := t.w.rest()
		if t.header == nil && t.sep == 0 && len(text) > 0 {
			if sep, ok := sniffHeader(text, t.brk); ok {
				t.sep = sep
			}
		}
		if t.sep != 0 && len(text) > 0 {
			cells, n := record(t.cells[:0], text, t.sep, t.brk, t.lines)
			t.cells = cells
			if t.header == nil && n == len(text) && n < MaxRow && !t.w.eof {
				t.w.more() // whether anything follows says what the header is
				continue
			}
			if n > 0 {
				return text[:n], nil
			}
		}
		if t.w.more() {
			continue
		}
		text = t.w.rest()
		if len(text) == 0 || t.sep == 0 {
			return nil, nil
		}
		// The last line has no line break, or a quote was never closed.
		if t.w.eof {
			if cells, n := record(t.cells[:0], append(bytes.Clone(text), t.brk), t.sep, t.brk, t.lines); n > 0 {
				t.cells = cells
				return text, nil
			}
		}
		if t.header == nil && !t.lines {
			t.lines = true
			continue
		}
		t.lines = true
		if n := bytes.IndexByte(text, t.brk) + 1; n > 0 {
			return text[:n], fmt.Errorf("quotes do not match")
		}
		t.drop = true
		return text, errTooLong
	}
}

// dropLine passes over what is left of a line that was too long.
func (t *table) dropLine() {
	for {
		if n := bytes.IndexByte(t.w.rest(), t.brk) + 1; n > 0 {
			t.w.pos += n
			break
		}
		t.w.pos = t.w.end
		if !t.w.more() {
			break
		}
	}
	t.drop = false
}

// name takes the cells at hand for the header.
func (t *table) name(raw []byte) {
	t.first = bytes.Clone(raw)
	t.header = t.header[:0]
	for _, c := range t.cells {
		c = bytes.TrimSpace(c)
		t.header = append(t.header, quote(nil, c[:min(len(c), maxColumnName)]))
	}
}

// object writes the cells at hand as JSON.
func (t *table) object(dst []byte, order []localdate.Order) ([]byte, error) {
	cells := t.cells
	for len(cells) > len(t.header) && len(cells[len(cells)-1]) == 0 {
		cells = cells[:len(cells)-1]
	}
	if len(cells) > len(t.header) || t.lines && len(cells) < len(t.header) {
		return dst, fmt.Errorf("%d cells under %d columns", len(cells), len(t.header))
	}
	dst = append(dst, '{')
	for i, c := range cells {
		if len(c) == 0 {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, t.header[i]...), ':')
		if i < len(order) && order[i] != localdate.Unknown {
			if at, ok := localdate.Parse(c, order[i]); ok {
				dst = append(dst, '"')
				dst = at.AppendFormat(dst, "2006-01-02T15:04:05.999999999Z07:00")
				dst = append(dst, '"')
				continue
			}
		}
		dst = quote(dst, c)
		if len(dst) > 2*MaxRow {
			return dst, errTooLong
		}
	}
	return append(dst, '}'), nil
}

// dateOrder finds which columns hold dates in the notation of somebody's
// locale, and whether they write the day or the month first: one value with a
// number above 12 tells it for the whole column. The text is read up to where
// all such columns are known. A column that contradicts itself is left alone.
func dateOrder(r io.Reader) ([]localdate.Order, error) {
	t := table{w: window{r: r}}
	var order []localdate.Order
	var mixed, dated []bool
	err := t.each(func(_ []byte, _ int64, err error) error {
		if err != nil {
			return nil
		}
		for len(order) < len(t.cells) {
			order, mixed, dated = append(order, 0), append(mixed, false), append(dated, false)
		}
		open := false
		for i, c := range t.cells {
			if len(c) > 0 && !dated[i] {
				dated[i] = localdate.Is(c)
			}
			if !dated[i] || len(c) == 0 {
				continue
			}
			o := localdate.OrderOf(c)
			mixed[i] = mixed[i] || o != localdate.Unknown && order[i] != localdate.Unknown && o != order[i]
			if o != localdate.Unknown {
				order[i] = o
			}
			open = open || order[i] == localdate.Unknown
		}
		if !open {
			t.sure++
		} else {
			t.sure = 0
		}
		if t.sure >= sureRows {
			return io.EOF
		}
		return nil
	})
	if err == io.EOF {
		err = nil
	}
	// All time columns of an export are written by one hand.
	var shared localdate.Order
	for i, o := range order {
		if mixed[i] {
			order[i] = localdate.Unknown
		} else if o != localdate.Unknown {
			shared = o
		}
	}
	for i := range order {
		if dated[i] && !mixed[i] && order[i] == localdate.Unknown {
			order[i] = shared
		}
	}
	return order, err
}

// sureRows is after how many rows without an open question the search for
// one ends.
const sureRows = 1000

// quote appends text as a JSON string; bytes that are not UTF-8 become the
// replacement character.
func quote(dst, text []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // its error says just that
	return dst
}
