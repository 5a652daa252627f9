package report

import (
	"bufio"
	"strings"
	"time"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// wide is the width from which a table has room for all of its columns.
const wide = 150

// page is text for a person, laid out for a terminal. Every string that is
// given to it may be hostile; it makes them safe.
type page struct {
	w       *bufio.Writer
	width   int
	color   bool
	unicode bool
	mark    string // for what was cut
	arrow   string
	rule    string
	limit   int  // findings shown, or 0 for all
	uncut   bool // names that are wider than the page stay whole: nobody's screen is spoilt
}

func newPage(w *bufio.Writer, opts Options) *page {
	t := opts.Terminal
	p := &page{w: w, width: t.Width, color: t.Color, unicode: t.Unicode, mark: "...", arrow: "->", rule: "-", limit: opts.Limit}
	if t.Unicode {
		p.mark, p.arrow, p.rule = "…", "→", "─"
	}
	if p.width <= 0 {
		p.width = 120
	}
	p.width = min(max(p.width, 50), 240)
	return p
}

func (p *page) safe(s string) string {
	if p.unicode {
		return term.Safe(s)
	}
	return term.SafeASCII(s)
}

func (p *page) blank() { p.w.WriteByte('\n') }

// heading writes a line that opens a part of the page.
func (p *page) heading(s string) {
	p.w.WriteString(term.Heading.Paint(term.Clip(p.safe(s), p.width, p.mark), p.color) + "\n")
}

// line writes a paragraph from the left edge.
func (p *page) line(s string) { p.paragraph(s, "", term.Plain) }

// paragraph wraps s between words, with indent before each line. A word that
// is longer than a line is cut in its middle.
func (p *page) paragraph(s, indent string, style term.Style) {
	for _, l := range p.wrap(p.words(s), " ", p.width-len(indent)) {
		p.w.WriteString(indent + style.Paint(l, p.color) + "\n")
	}
}

// maxLines bounds how many lines one text may fill.
const maxLines = 8

// words are the words of a text, made safe and cut to a bounded length.
func (p *page) words(s string) []string {
	return strings.Fields(term.Clip(p.safe(s), maxLines*p.width, p.mark))
}

// Details stand under what they belong to: an indent, a label, the text.
const (
	detailIndent = 6
	labelWidth   = 11
)

// field writes a labelled text, or nothing for an empty one.
func (p *page) field(label, text string) { p.styled(label, text, term.Plain) }

func (p *page) styled(label, text string, style term.Style) {
	p.labelled(label, p.wrap(p.words(text), " ", p.width-detailIndent-labelWidth), style)
}

// whole writes a labelled text that is cut rather than wrapped: an ARN.
func (p *page) whole(label, text string) {
	if text != "" {
		p.labelled(label, []string{p.cut(text, p.width-detailIndent-labelWidth)}, term.Plain)
	}
}

// maxName bounds a name that stays whole, in cells.
const maxName = 4096

// cut makes a name safe and cuts its middle to the width.
func (p *page) cut(s string, width int) string {
	if p.uncut {
		width = maxName
	}
	return term.ClipMiddle(p.safe(s), width, p.mark)
}

// items writes a labelled list, of which at most limit are shown; 0 stands
// for all. What is left out is counted.
func (p *page) items(label string, list []string, limit int) {
	width := p.width - detailIndent - labelWidth
	shown := list
	if limit > 0 && len(list) > limit {
		shown = list[:limit]
	}
	parts := make([]string, 0, len(shown)+1)
	for _, s := range shown {
		parts = append(parts, p.cut(s, width-1))
	}
	if rest := len(list) - len(shown); rest > 0 {
		parts = append(parts, "and "+term.Count(rest)+" more")
	}
	p.labelled(label, p.wrap(parts, ", ", width), term.Plain)
}

// labelled writes lines, which are safe, beside a label.
func (p *page) labelled(label string, lines []string, style term.Style) {
	for i, l := range lines {
		head := label
		if i > 0 {
			head = ""
		}
		head += strings.Repeat(" ", max(1, labelWidth-len(head)))
		p.w.WriteString(strings.Repeat(" ", detailIndent) + term.Faint.Paint(head, p.color) + style.Paint(l, p.color) + "\n")
	}
}

// wrap sets safe parts into lines of at most width cells. The separator
// stays at the end of a line, but for spaces.
func (p *page) wrap(parts []string, sep string, width int) []string {
	var lines []string
	line, cells := "", 0
	for i, part := range parts {
		if i < len(parts)-1 {
			part += strings.TrimRight(sep, " ")
		}
		if !p.uncut {
			part = term.ClipMiddle(part, width, p.mark)
		}
		n := term.Width(part)
		switch {
		case cells == 0:
			line, cells = part, n
		case cells+1+n <= width:
			line, cells = line+" "+part, cells+1+n
		default:
			lines = append(lines, line)
			line, cells = part, n
		}
	}
	if cells > 0 {
		lines = append(lines, line)
	}
	return lines
}

// column is a column of a table.
type column struct {
	head  string
	right bool // aligned to the right
	flex  bool // takes the width that the others leave
	tail  bool // cut at the end; else in the middle
	whole bool // ids, which are typed again: what is no longer than an id is never cut
	keep  int  // of a whole one: cells that are never cut, where ids are longer than a finding's
	width int
}

// minFlex is the least width of a flexible column; the others make room.
const minFlex = 8

// idWidth is the length of a finding's id, in cells.
const idWidth = 16

type table struct {
	p    *page
	cols []column
	rows [][]string // safe
}

// table measures the cells and lays out the columns.
func (p *page) table(cols []column, rows [][]string) *table {
	t := &table{p: p, cols: cols, rows: make([][]string, len(rows))}
	for j := range cols {
		cols[j].width = term.Width(cols[j].head)
	}
	for i, row := range rows {
		t.rows[i] = make([]string, len(row))
		for j, c := range row {
			t.rows[i][j] = p.safe(c)
			cols[j].width = max(cols[j].width, term.Width(t.rows[i][j]))
		}
	}
	// Columns that are not flexible may take a quarter of the page each; the
	// flexible ones share the rest.
	rest, flex := p.width-2*(len(cols)-1), 0
	for j := range cols {
		if cols[j].flex {
			flex++
			continue
		}
		most := p.width / 4
		if cols[j].whole {
			most = max(most, idWidth, cols[j].keep)
		}
		cols[j].width = min(cols[j].width, most)
		rest -= cols[j].width
	}
	for ; rest < minFlex*flex; rest++ {
		widest := -1
		for j := range cols {
			if !cols[j].flex && !cols[j].whole && (widest < 0 || cols[j].width > cols[widest].width) {
				widest = j
			}
		}
		if widest < 0 || cols[widest].width == 1 {
			break
		}
		cols[widest].width--
	}
	for j := range cols {
		if cols[j].flex {
			share := max(rest/flex, minFlex)
			cols[j].width = min(cols[j].width, share)
			rest -= cols[j].width
			flex--
		}
	}
	return t
}

func (t *table) header() {
	heads := make([]string, len(t.cols))
	total := 0
	for j, c := range t.cols {
		heads[j] = c.head
		total += c.width
	}
	t.write(heads, term.Plain, true)
	total += 2 * (len(t.cols) - 1)
	t.p.w.WriteString(term.Faint.Paint(strings.Repeat(t.p.rule, min(total, t.p.width)), t.p.color) + "\n")
}

// row writes the i-th row, its first cell in the style.
func (t *table) row(i int, style term.Style) { t.write(t.rows[i], style, false) }

// cut reports whether a cell has no room for all of its text.
func (t *table) cut(i, j int) bool { return term.Width(t.rows[i][j]) > t.cols[j].width }

func (t *table) write(cells []string, style term.Style, header bool) {
	var b strings.Builder
	for j, c := range t.cols {
		text := cells[j]
		if c.tail {
			text = term.Clip(text, c.width, t.p.mark)
		} else {
			text = term.ClipMiddle(text, c.width, t.p.mark)
		}
		pad := strings.Repeat(" ", max(0, c.width-term.Width(text)))
		switch {
		case header:
			text = term.Strong.Paint(text, t.p.color)
		case j == 0:
			text = style.Paint(text, t.p.color)
		}
		if j > 0 {
			b.WriteString("  ")
		}
		switch {
		case c.right:
			b.WriteString(pad + text)
		case j == len(t.cols)-1:
			b.WriteString(text)
		default:
			b.WriteString(text + pad)
		}
	}
	t.p.w.WriteString(strings.TrimRight(b.String(), " ") + "\n")
}

// riskStyle is how a risk score stands out.
func riskStyle(risk int) term.Style {
	switch {
	case risk >= 90:
		return term.High
	case risk >= 70:
		return term.Medium
	case risk >= 50:
		return term.Low
	}
	return term.Plain
}

// clock is an RFC 3339 time to the second, in UTC; what is not such a time
// stays as it is.
func clock(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// span says from when to when, and how long that is.
func span(first, last string) string {
	a, errA := time.Parse(time.RFC3339, first)
	b, errB := time.Parse(time.RFC3339, last)
	if errA != nil || errB != nil {
		return strings.TrimSpace(first + " to " + last)
	}
	a, b = a.UTC(), b.UTC()
	if a.Equal(b) {
		return clock(first) + " UTC"
	}
	end := b.Format("2006-01-02 15:04:05")
	if a.Format(time.DateOnly) == b.Format(time.DateOnly) {
		end = b.Format("15:04:05")
	}
	return clock(first) + " to " + end + " UTC (" + term.Duration(b.Sub(a)) + ")"
}

// lasted is the time from the finding's first event to its last.
func lasted(f *finding.Finding) (time.Duration, bool) {
	a, errA := time.Parse(time.RFC3339, f.FirstSeen)
	b, errB := time.Parse(time.RFC3339, f.LastSeen)
	return b.Sub(a), errA == nil && errB == nil
}
