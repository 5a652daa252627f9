package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/investigate"
	"vedette/internal/term"
)

// WalkFormats lists the formats that [WriteWalk] knows.
func WalkFormats() []Format { return []Format{"text", JSON, "markdown"} }

// WriteWalk writes an investigation: text for a person at a terminal, json,
// or markdown for a ticket. An unknown name is an error, as is a writer that
// fails.
func WriteWalk(w io.Writer, format string, walk *investigate.Walk, opts Options) error {
	b := bufio.NewWriter(w)
	switch format {
	case "text":
		p := newPage(b, opts)
		p.uncut = !opts.Terminal.Interactive && opts.Terminal.Width == term.DefaultWidth
		p.walk(walk)
	case "json":
		out, err := marshal(walk, true, "")
		if err != nil {
			return fmt.Errorf("write investigation: %w", err)
		}
		b.Write(out)
		b.WriteByte('\n')
	case "markdown":
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
	return strings.ReplaceAll(s.Kind, "_", " ") + " " + s.Principal + " of " + s.Provider + ", " + span(s.First, s.Last) +
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
			p.paragraph("next: "+nextText(&n), "    ", term.Low)
		}
	}
}

// nextText says what to ask, and where it leads.
func nextText(n *investigate.Next) string {
	text := n.Ask
	for _, link := range [][2]string{{"step ", n.Step}, {"hunt ", n.Hunt}, {"playbook: ", n.Playbook}} {
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
	b.WriteString("# " + inMarkdown(walkTitle(w)) + "\n\n" + inMarkdown(walkSpan(w)) + "\n")
	for _, n := range w.Notes {
		b.WriteString("\n" + inMarkdown("Note: "+n+".") + "\n")
	}
	for i := range w.Steps {
		s := &w.Steps[i]
		b.WriteString("\n## " + strconv.Itoa(i+1) + ". " + inMarkdown(s.Question) + "\n\n")
		for _, a := range s.Answer {
			b.WriteString(inMarkdown(a) + "\n\n")
		}
		for _, t := range s.Tables {
			markdownTable(b, &t)
		}
		for _, e := range s.Evidence {
			b.WriteString("- " + inMarkdown(clock(e.Time)+" UTC, "+e.Outcome+", "+e.Service+":"+e.Operation+", event "+e.EventID+", "+atText(&e)) + "\n")
		}
		if rest := s.EvidenceTotal - len(s.Evidence); rest > 0 && len(s.Evidence) > 0 {
			b.WriteString("- and " + term.Plural(rest, "more event") + "\n")
		}
		if len(s.Next) > 0 {
			b.WriteString("\nNext:\n\n")
		}
		for _, n := range s.Next {
			b.WriteString("- [ ] " + inMarkdown(nextText(&n)) + "\n")
		}
	}
}

func markdownTable(b *bufio.Writer, t *investigate.Table) {
	if len(t.Head) == 0 {
		for _, row := range t.Rows {
			b.WriteString("- " + inMarkdown(row[0]+": "+strings.Join(row[1:], " ")) + "\n")
		}
		b.WriteString("\n")
		return
	}
	b.WriteString(inMarkdown(t.Title) + ":\n\n|")
	for _, h := range t.Head {
		b.WriteString(" " + inMarkdown(h) + " |")
	}
	b.WriteString("\n|")
	for _, right := range t.Right {
		if right {
			b.WriteString(" ---: |")
		} else {
			b.WriteString(" --- |")
		}
	}
	for _, row := range t.Rows {
		b.WriteString("\n|")
		for _, c := range row {
			b.WriteString(" " + inMarkdown(c) + " |")
		}
	}
	b.WriteString("\n\n")
	if t.More > 0 {
		b.WriteString("and " + term.Count(t.More) + " more\n\n")
	}
}

// inMarkdown is a text that Markdown shows as it stands, in one line: no
// emphasis, link, address that links itself, mention, HTML, list or heading
// comes of it. Invisible characters are escaped as for a terminal.
func inMarkdown(s string) string {
	s = strings.TrimSpace(term.Safe(s))
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("\\`*_{}[]()!|~$^", r),
			i == 0 && strings.ContainsRune("-+=#>", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case strings.ContainsRune("<>&@#", r), r == ':' && strings.HasPrefix(s[i:], "://"), r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"),
			(r == '.' || r == ')') && i > 0 && strings.Trim(s[:i], "0123456789") == "":
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
