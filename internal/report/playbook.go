package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/respond"
	"vedette/internal/term"
)

// playbookText is a page for a person.
const playbookText Format = "text"

// PlaybookFormats lists the formats of [WritePlaybook].
func PlaybookFormats() []Format { return []Format{playbookText, Markdown, JSON} }

// WritePlaybook writes a playbook. The finding is the one that it is for, or
// nil for a template.
func WritePlaybook(w io.Writer, format string, b *respond.Playbook, f *finding.Finding, opts Options) error {
	out := bufio.NewWriter(w)
	switch Format(format) {
	case playbookText:
		p := newPage(out, opts)
		p.uncut = !opts.Terminal.Interactive && opts.Terminal.Width == term.DefaultWidth
		p.playbook(b, f)
	case Markdown:
		m := playbookMarkdown{out}
		m.playbook(b, f)
	case JSON:
		text, err := marshal(b, true, "")
		if err != nil {
			return fmt.Errorf("write playbook as json: %w", err)
		}
		out.Write(append(text, '\n'))
	default:
		return unknownFormat(format, PlaybookFormats())
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write playbook as %s: %w", format, err)
	}
	return nil
}

// playbookTitle is the heading of a playbook.
func playbookTitle(b *respond.Playbook) string {
	if b.Finding == "" {
		return "Playbook: " + b.Targets[0].Title
	}
	return "Playbook for finding " + b.Finding
}

// playbookEffects are the words for what a step does.
var playbookEffects = map[string]string{"reads": "reads only", "changes": "changes something", "breaks": "breaks what works"}

// fillIn says what the capitals in commands are.
const fillIn = "Fill in before you run a line: "

func (p *page) playbook(b *respond.Playbook, f *finding.Finding) {
	p.heading(playbookTitle(b))
	if f != nil {
		p.paragraph(Sentence(f), "", levelStyle(f.Level))
	}
	p.line("Nothing here is run. Each line says what it does: it reads only, changes something, or breaks what works.")
	if len(b.Blanks) > 0 {
		p.line(fillIn + strings.Join(b.Blanks, ", ") + ".")
	}
	p.blank()
	p.section("Whom to contain")
	last := ""
	for _, t := range b.Targets {
		if t.Principal != last {
			p.whole(t.Who, t.Principal)
		}
		last = t.Principal
		p.field("", targetText(t))
		if t.Look != "" {
			p.field("", "It is one if: "+t.Look)
		}
	}
	for _, n := range b.Notes {
		p.field("note", n)
	}
	p.blank()
	for _, ph := range b.Phases {
		p.section(ph.Title)
		for _, s := range ph.Steps {
			p.playbookStep(&s)
		}
		if ph.ID == "triage" {
			p.playbookDecisions(b.Decisions)
		}
		p.blank()
	}
}

// effectText is what a step does, and which decisions take it where not all
// do.
func effectText(s *respond.Step) string {
	text := playbookEffects[s.Effect]
	if !s.Always {
		text += "; taken if " + strings.Join(s.When, ", ")
	}
	return text
}

// targetText is the type of a target, and why.
func targetText(t respond.Target) string {
	verb := ""
	if !t.Sure {
		verb = "may be: "
	}
	return verb + t.Title + " (" + t.Type + "), as " + t.Because + "."
}

func (p *page) playbookStep(s *respond.Step) {
	head := fmt.Sprintf("%3d  ", s.Number)
	for i, l := range p.wrap(p.words(s.Do.Text), " ", p.width-len(head)) {
		if i > 0 {
			head = "     "
		}
		p.w.WriteString(head + l + "\n")
	}
	p.whole("principal", s.Principal)
	p.field("effect", effectText(s))
	p.blanks(s.FillIn)
	p.shell("run", s.Commands)
	if left := leftOutText(s); left != "" {
		p.field("", left)
		p.shell("", []string{s.Lister})
	}
	for _, fact := range playbookFacts(s) {
		p.field(fact.label, fact.Text)
	}
	p.blanks(s.UndoFillIn)
	p.shell("undo by", s.UndoCommands)
}

// blanks says what is to be filled into the lines below.
func (p *page) blanks(list []respond.Blank) {
	label := "fill in"
	for _, b := range list {
		p.field(label, blankText(b))
		label = ""
	}
}

// blankText is a word in capitals of a command, with what it is.
func blankText(b respond.Blank) string {
	if b.What == "" {
		return b.Name
	}
	return b.Name + ": " + b.What
}

// leftOutText counts the lines of a step that are not printed.
func leftOutText(s *respond.Step) string {
	if s.LeftOut == 0 {
		return ""
	}
	return "and " + term.Plural(s.LeftOut, "more line") + " like these, for the other values that the finding has; these are listed by"
}

// shell writes lines to be copied: they are made safe, and neither wrapped nor
// cut.
func (p *page) shell(label string, lines []string) {
	for _, l := range lines {
		p.labelled(label, []string{p.safe(l)}, term.Medium)
		label = ""
	}
}

type playbookFact struct {
	label string
	respond.Fact
}

// playbookFacts are what is known of a step, in the order in which it is
// told.
func playbookFacts(s *respond.Step) []playbookFact {
	var list []playbookFact
	add := func(label string, f *respond.Fact) {
		if f != nil {
			list = append(list, playbookFact{label, *f})
		}
	}
	add("stops", s.Stops)
	add("stays", s.Stays)
	add("breaks", s.Breaks)
	add("undo", s.Undo)
	return list
}

func (p *page) playbookDecisions(list []respond.Decision) {
	for _, d := range list {
		p.blank()
		p.section("  " + d.ID + ": " + d.Title + "?")
		for _, l := range d.Look {
			p.field("look", l)
		}
		p.field("then", d.Then)
		p.field("steps", stepNumbers(d.Steps))
	}
}

// stepNumbers writes numbers as ranges: 1-4, 7.
func stepNumbers(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		part := strconv.Itoa(list[i])
		if j > i {
			part += "-" + strconv.Itoa(list[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// playbookMarkdown writes a playbook as a list to tick off.
type playbookMarkdown struct{ w *bufio.Writer }

// text makes a text that may hold strings of the logs plain in Markdown, as in
// a ticket: nothing in it is markup, a link or a mention, and no line begins
// anew.
func (m playbookMarkdown) text(s string) string { return inline(s, maxParagraph) }

// code is a block of lines. Its fence is longer than any run of backticks in
// them, so that none of them can end it.
func (m playbookMarkdown) code(indent string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fence := "```"
	for strings.Contains(strings.Join(lines, "\n"), fence) {
		fence += "`"
	}
	fmt.Fprintf(m.w, "\n%s%ssh\n", indent, fence)
	for _, l := range lines {
		m.w.WriteString(indent + term.Safe(l) + "\n")
	}
	m.w.WriteString(indent + fence + "\n\n")
}

// cited is a fact with links to its sources.
func (m playbookMarkdown) cited(f respond.Fact) string {
	text := m.text(f.Text)
	for i, s := range f.Sources {
		text += fmt.Sprintf(" [%d](<%s>)", i+1, strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "", `\`, "%5C").Replace(term.Safe(s)))
	}
	return text
}

func (m playbookMarkdown) playbook(b *respond.Playbook, f *finding.Finding) {
	fmt.Fprintf(m.w, "# %s\n\n", m.text(playbookTitle(b)))
	if f != nil {
		fmt.Fprintf(m.w, "%s\n\n", m.text(Sentence(f)))
	}
	if len(b.Blanks) > 0 {
		fmt.Fprintf(m.w, "%s%s.\n\n", fillIn, m.text(strings.Join(b.Blanks, ", ")))
	}
	fmt.Fprint(m.w, "## Whom to contain\n\n")
	for _, t := range b.Targets {
		fmt.Fprintf(m.w, "- %s %s: %s", t.Who, m.text(t.Principal), m.text(targetText(t)))
		if t.Look != "" {
			fmt.Fprintf(m.w, " It is one if: %s", m.text(t.Look))
		}
		m.w.WriteString("\n")
	}
	for _, n := range b.Notes {
		fmt.Fprintf(m.w, "- %s\n", m.text(n))
	}
	for _, ph := range b.Phases {
		fmt.Fprintf(m.w, "\n## %s\n\n", m.text(ph.Title))
		for _, s := range ph.Steps {
			m.step(&s)
		}
		if ph.ID == "triage" {
			m.decisions(b.Decisions)
		}
	}
}

func (m playbookMarkdown) step(s *respond.Step) {
	about := ""
	if s.Principal != "" {
		about = " Principal: " + m.text(s.Principal) + "."
	}
	fmt.Fprintf(m.w, "- [ ] **%d.** %s%s *%s.*\n", s.Number, m.cited(s.Do), about, effectText(s))
	for _, b := range s.FillIn {
		fmt.Fprintf(m.w, "  - fill in %s\n", m.text(blankText(b)))
	}
	m.code("  ", s.Commands)
	if left := leftOutText(s); left != "" {
		fmt.Fprintf(m.w, "  - %s\n", left)
		m.code("    ", []string{s.Lister})
	}
	for _, f := range playbookFacts(s) {
		fmt.Fprintf(m.w, "  - %s: %s\n", f.label, m.cited(f.Fact))
	}
	for _, b := range s.UndoFillIn {
		fmt.Fprintf(m.w, "    - fill in %s\n", m.text(blankText(b)))
	}
	m.code("    ", s.UndoCommands)
}

func (m playbookMarkdown) decisions(list []respond.Decision) {
	m.w.WriteString("\n### What is it?\n")
	for _, d := range list {
		fmt.Fprintf(m.w, "\n**%s: %s?** %s Steps: %s.\n\n", d.ID, m.text(d.Title), m.text(d.Then), stepNumbers(d.Steps))
		for _, l := range d.Look {
			fmt.Fprintf(m.w, "- %s\n", m.text(l))
		}
	}
}
