package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/investigate"
	"vedette/internal/term"
)

// WalkFormats lists the formats that [WriteWalk] knows.
func WalkFormats() []Format { return []Format{"text", JSON, Markdown} }

// WriteWalk writes an investigation: text for a person at a terminal, json,
// or markdown for a ticket. An unknown name is an error, as is a writer that
// fails.
func WriteWalk(w io.Writer, format string, walk *investigate.Walk, opts Options) error {
	b := bufio.NewWriter(w)
	switch Format(format) {
	case "text":
		p := newPage(b, opts)
		p.uncut = !opts.Terminal.Interactive && opts.Terminal.Width == term.DefaultWidth
		p.walk(walk)
	case JSON:
		out, err := marshal(walk, true, "")
		if err != nil {
			return fmt.Errorf("write investigation: %w", err)
		}
		b.Write(out)
		b.WriteByte('\n')
	case Markdown:
		walkMarkdown(b, walk)
	default:
		return unknownFormat(format, WalkFormats())
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write investigation: %w", err)
	}
	return nil
}

// walkTitle says whom a walk is about.
func walkTitle(w *investigate.Walk) string {
	what := "Investigation of " + w.Subject.Principal
	if w.Subject.Finding != "" {
		what = "Investigation of finding " + w.Subject.Finding
	}
	return what
}

// walkSpan says what a walk looked at.
func walkSpan(w *investigate.Walk) string {
	s := &w.Subject
	return kindText(s.Kind) + " " + s.Principal + " of " + s.Provider + ", " + span(s.First, s.Last) +
		"; looked at from " + clock(s.From) + " to " + clock(s.To) + " UTC."
}

func (p *page) walk(w *investigate.Walk) {
	p.heading(walkTitle(w))
	p.line(walkSpan(w))
	for _, n := range w.Notes {
		p.paragraph("Note: "+n+".", "", term.Medium)
	}
	for i := range w.Steps {
		s := &w.Steps[i]
		p.blank()
		p.paragraph(strconv.Itoa(i+1)+". "+s.Question, "", term.Strong)
		for _, a := range s.Answer {
			p.paragraph(a, "  ", term.Plain)
		}
		for _, t := range s.Tables {
			p.figures(&t)
		}
		p.cited(&s.Cited)
		for _, n := range s.Next {
			p.paragraph("next: "+nextText(&n, w.Steps), "    ", term.Low)
		}
	}
}

// nextText says what to ask, and where it leads: to a step by the number that
// its heading has.
func nextText(n *investigate.Next, steps []investigate.Step) string {
	text, step := n.Ask, n.Step
	if i := slices.IndexFunc(steps, func(s investigate.Step) bool { return s.ID == n.Step }); i >= 0 {
		step = strconv.Itoa(i + 1)
	}
	for _, link := range [][2]string{{"step ", step}, {"hunt ", n.Hunt}, {"playbook: ", n.Playbook}} {
		if link[1] != "" {
			text += " (" + link[0] + link[1] + ")"
		}
	}
	if n.Run != "" {
		text += " `" + n.Run + "`"
	}
	return text
}

// figures writes the table of a step.
func (p *page) figures(t *investigate.Table) {
	p.paragraph(t.Title, "  ", term.Faint)
	if len(t.Head) == 0 {
		for _, row := range t.Rows {
			p.paragraph(row[0]+": "+strings.Join(row[1:], " "), "    ", term.Plain)
		}
		return
	}
	cols := make([]column, len(t.Head))
	for j, h := range t.Head {
		cols[j] = column{head: p.safe(h), right: t.Right[j], flex: t.Wide[j]}
	}
	// The table stands by two cells to the right.
	inner := *p
	var b strings.Builder
	inner.w = bufio.NewWriter(&b)
	inner.width -= 2
	table := inner.table(cols, t.Rows)
	table.header()
	for i := range t.Rows {
		table.row(i, term.Plain)
	}
	inner.w.Flush()
	for _, l := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		p.w.WriteString("  " + l + "\n")
	}
	if t.More > 0 {
		p.paragraph("and "+term.Count(t.More)+" more", "  ", term.Plain)
	}
}

// cited writes the events that an answer rests on.
func (p *page) cited(c *investigate.Cited) {
	for _, e := range c.Evidence {
		parts := p.parts(clock(e.Time)+" "+e.Outcome+" "+e.Service+":"+e.Operation, e.Region, e.IP, e.EventID, atText(&e))
		for i, l := range p.wrap(parts, " ", p.width-6) {
			lead := "    "
			if i > 0 {
				lead = "      "
			}
			p.w.WriteString(lead + term.Faint.Paint(l, p.color) + "\n")
		}
	}
	if rest := c.EvidenceTotal - len(c.Evidence); rest > 0 && len(c.Evidence) > 0 {
		p.paragraph("and "+term.Plural(rest, "more event"), "    ", term.Faint)
	}
}

func atText(e *finding.Evidence) string {
	return "record " + strconv.Itoa(e.At.Record) + " of " + e.At.File
}

func walkMarkdown(b *bufio.Writer, w *investigate.Walk) {
	m := &markdown{w: b}
	m.line("# ", walkTitle(w))
	m.paragraph(walkSpan(w))
	for _, n := range w.Notes {
		m.paragraph("Note: " + n + ".")
	}
	for i := range w.Steps {
		s := &w.Steps[i]
		m.line("## "+strconv.Itoa(i+1)+". ", s.Question)
		for _, a := range s.Answer {
			m.paragraph(a)
		}
		for _, t := range s.Tables {
			m.figures(&t)
		}
		for _, e := range s.Evidence {
			m.item(clock(e.Time) + " UTC, " + e.Outcome + ", " + e.Service + ":" + e.Operation + ", event " + e.EventID + ", " + atText(&e))
		}
		if rest := s.EvidenceTotal - len(s.Evidence); rest > 0 && len(s.Evidence) > 0 {
			m.item("and " + term.Plural(rest, "more event"))
		}
		if len(s.Evidence) > 0 {
			m.blank()
		}
		for _, n := range s.Next {
			run := n.Run
			n.Run = ""
			m.item("next: " + nextText(&n, w.Steps))
			if run != "" {
				m.blank()
				m.code(run)
			}
		}
		m.blank()
	}
}

// figures writes the table of a step.
func (m *markdown) figures(t *investigate.Table) {
	if len(t.Head) == 0 {
		for _, row := range t.Rows {
			m.item(row[0] + ": " + strings.Join(row[1:], " "))
		}
		m.blank()
		return
	}
	m.paragraph(t.Title + ":")
	m.table(t.Head, t.Rows)
	if t.More > 0 {
		m.paragraph("and " + term.Count(t.More) + " more")
	}
}
