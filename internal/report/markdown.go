package report

import (
	"bufio"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// writeTicket writes the report as text for a ticket: what CommonMark with
// tables shows (GitHub, GitLab, Jira's importers), and no HTML.
func writeTicket(w *bufio.Writer, r *finding.Report, opts Options) error {
	d := newDocument(r, opts)
	m := &markdown{w: w}
	m.line("# ", d.Title)
	m.paragraph(d.Verdict)
	m.line("## ", "Findings")
	if len(d.Findings) == 0 {
		m.paragraph("None that is not put aside.")
	} else {
		m.table([]string{"Priority", "Id", "Who", "Calls", "APIs", "Refused", "First seen (UTC)", "Lasted"}, m.rows(d.Findings))
	}
	if len(d.Aside) > 0 {
		m.line("### ", "Put aside: "+term.Plural(len(d.Aside), "finding"))
		var rows [][]string
		for _, f := range d.Aside {
			rows = append(rows, []string{f.Short, f.Who, f.Aside})
		}
		m.table([]string{"Id", "Who", "Because"}, rows)
	}
	for _, f := range d.Findings {
		m.finding(f)
	}
	m.line("## ", "What was read")
	for _, p := range d.Read {
		m.item(p.Name + ": " + p.Value)
	}
	m.blank()
	if d.Lost != "" {
		m.paragraph("Lost: " + d.Lost)
		m.items(d.LostAt)
	}
	m.line("## ", "What this input cannot show")
	if len(d.Coverage.Blind) == 0 {
		m.paragraph("Nothing that its logs cover is known to be missing.")
	}
	for _, b := range d.Coverage.Blind {
		m.item(b.Name + ": " + b.Verdict + ". " + b.Blind)
		if b.Enable != "" {
			m.w.WriteString("  ")
			m.item("To see it: " + b.Enable)
		}
	}
	return nil
}

type markdown struct{ w *bufio.Writer }

// inline is a string of the logs as text that no renderer takes for markup. A
// backslash may stand before any ASCII punctuation and takes its meaning away
// (CommonMark 0.31.2, 2.4); what would be a link without brackets is cut by
// it too, in "https\://".
func inline(s string) string {
	s = clipped(s)
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune("\\`*_{}[]()<>#+-!|~&@$^=\":", c) || c == '.' && b.Len() < 4 {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return strings.ReplaceAll(b.String(), "www.", `www\.`)
}

// code is a string as a code block that it cannot end: the fence is longer
// than any run of its character inside (CommonMark 0.31.2, 4.5).
func (m *markdown) code(text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	m.w.WriteString(fence + "\n")
	for line := range strings.Lines(text) {
		m.w.WriteString(term.Safe(strings.TrimSuffix(line, "\n")) + "\n")
	}
	m.w.WriteString(fence + "\n\n")
}

func (m *markdown) blank()                 { m.w.WriteByte('\n') }
func (m *markdown) line(head, text string) { m.w.WriteString(head + inline(text) + "\n\n") }
func (m *markdown) paragraph(text string)  { m.w.WriteString(unclipped(text) + "\n\n") }
func (m *markdown) item(text string)       { m.w.WriteString("- " + unclipped(text) + "\n") }
func (m *markdown) labelled(name, text string) {
	m.w.WriteString("**" + name + ".** " + unclipped(text) + "\n\n")
}

func (m *markdown) items(list []string) {
	for _, s := range list {
		m.item(s)
	}
	m.blank()
}

// maxParagraph bounds a text that is made of several strings of the logs.
const maxParagraph = 1200

// unclipped is [inline] for whole sentences.
func unclipped(s string) string {
	var parts []string
	s = term.Clip(term.Safe(s), maxParagraph, "…")
	for len(s) > 0 {
		n := min(len(s), maxText)
		for n < len(s) && s[n]&0xc0 == 0x80 {
			n++
		}
		parts = append(parts, inline(s[:n]))
		s = s[n:]
	}
	return strings.Join(parts, "")
}

func (m *markdown) table(head []string, rows [][]string) {
	m.w.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, row := range rows {
		m.w.WriteString("|")
		for _, c := range row {
			m.w.WriteString(" " + inline(c) + " |")
		}
		m.w.WriteByte('\n')
	}
	m.blank()
}

func (m *markdown) rows(list []*findingView) [][]string {
	rows := make([][]string, len(list))
	for i, f := range list {
		rows[i] = []string{strconv.Itoa(f.Priority) + " " + f.Level, f.Short, f.Who, term.Count(f.Events), term.Count(f.APIs), term.Count(f.Denied), f.First, f.Lasted}
	}
	return rows
}

func (m *markdown) finding(f *findingView) {
	m.line("## ", strconv.Itoa(f.Priority)+" "+f.Level+": "+f.Who)
	m.paragraph(f.Verdict.String())
	m.line("### ", "Why "+strconv.Itoa(f.Priority))
	var rows [][]string
	for _, r := range f.Reasons {
		rows = append(rows, []string{signed(r.Points), r.Text})
	}
	m.table([]string{"Points", "Reason"}, append(rows, []string{strconv.Itoa(f.Priority), "priority"}))
	m.line("### ", "Facts")
	for _, p := range f.Facts {
		m.item(p.Name + ": " + strings.ReplaceAll(p.Value, "\n", ", "))
	}
	for _, p := range f.Spread {
		m.item(p.Name + ": " + p.Value)
	}
	m.blank()
	if len(f.Chain) > 0 {
		m.line("### ", "Chain")
		for _, c := range f.Chain {
			m.item(c.Text)
		}
		m.blank()
	}
	if f.Matrix != nil {
		m.line("### ", "Calls")
		rows = nil
		for _, g := range f.Matrix.Groups {
			for _, a := range g.Rows {
				rows = append(rows, []string{g.Service, a.Name, term.Count(a.Events), term.Count(a.Denied), a.Text})
			}
		}
		m.table([]string{"Service", "Operation", "Calls", "Refused", "When"}, rows)
		if f.Matrix.More > 0 {
			m.paragraph("and " + term.Plural(f.Matrix.More, "more API"))
		}
	}
	if len(f.Commands)+len(f.Pivots) > 0 {
		m.line("### ", "Go on")
		if len(f.Commands) > 0 {
			m.code(strings.Join(f.Commands, "\n"))
		}
		for _, p := range f.Pivots {
			m.paragraph(p.Title + " (" + p.Language + ")")
			m.code(p.Text)
		}
	}
	for _, s := range f.Playbook {
		m.line("### ", s.Title)
		for _, step := range s.Steps {
			m.w.WriteString("- [ ] " + unclipped(step.Text) + "\n")
			for _, n := range step.Notes {
				m.w.WriteString("  ")
				m.item(n)
			}
			m.blank()
			for _, c := range step.Commands {
				m.code(c.Text)
			}
		}
	}
	m.line("### ", "Evidence")
	rows = nil
	for _, e := range f.Evidence {
		rows = append(rows, []string{clock(e.Time), e.Outcome, shortService(e.Service) + ":" + e.Operation, e.EventID, e.At.File + ", record " + strconv.Itoa(e.At.Record)})
	}
	m.table([]string{"Time (UTC)", "Outcome", "Call", "Event", "Where"}, rows)
	if f.EvidenceMore > 0 {
		m.paragraph("and " + term.Plural(f.EvidenceMore, "more event"))
	}
}
