package report

import (
	"bufio"
	"strconv"
	"strings"
	"unicode"

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
	if len(d.Saved) > 0 {
		m.line("## ", "Made from saved findings")
		m.items(d.Saved)
	}
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
	if d.More > 0 {
		m.paragraph("and " + term.Plural(d.More, "more finding") + ", lower in order, which this text does not hold")
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

// inline is a text that may hold strings of the logs, as no renderer takes for
// markup. Words that are nothing but letters, figures and harmless punctuation
// stay as they are; any other word becomes a code span, in which nothing has a
// meaning: no link, no mention, no HTML (CommonMark 0.31.2, 6.1).
func inline(s string, most int) string {
	words := strings.Split(term.Clip(term.Safe(s), most, "…"), " ")
	begun := false
	for i, w := range words {
		// A number with a full stop begins a list at the head of a line alone.
		figure := strings.TrimRight(w, ".)")
		number := begun && figure != "" && strings.Trim(figure, "0123456789") == ""
		begun = begun || w != ""
		if !number && !harmless(w) {
			bare := strings.TrimRight(w, ",;:.")
			words[i] = codeSpan(bare) + w[len(bare):]
		}
	}
	return strings.Join(words, " ")
}

// harmless reports whether a word has no meaning in Markdown, wherever in a
// line it stands.
func harmless(word string) bool {
	letters := false
	for i, c := range word {
		switch {
		case unicode.IsLetter(c), unicode.IsDigit(c):
			letters = true
		case c == '(' && i == 0, strings.ContainsRune(".,;%'/…→−", c):
		case strings.ContainsRune("-+", c) && i+1 < len(word):
		case c == ')' && letters, c == '?' && i+1 == len(word):
		case c == ':' && letters && (i+1 == len(word) || word[i+1] >= '0' && word[i+1] <= '9'): // no :name: and no scheme
		default:
			return false
		}
	}
	trimmed := strings.TrimRight(word, ".)")
	number := trimmed != word && strings.Trim(trimmed, "0123456789") == "" // "1." begins a list
	return (letters || strings.Trim(word, "…→") == "") && !number && !strings.Contains(word, "//") &&
		!strings.Contains(strings.ToLower(word), "www.")
}

// codeSpan is a word between backticks, of which there are more than it has in
// a row. A bar would end the cell of a table, in a code span too (GitHub
// Flavored Markdown, 4.10).
func codeSpan(word string) string {
	if word == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(word, fence) {
		fence += "`"
	}
	word = strings.ReplaceAll(word, "|", `\|`)
	if strings.HasPrefix(word, "`") || strings.HasSuffix(word, "`") {
		word = " " + word + " "
	}
	return fence + word + fence
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

// maxParagraph bounds a text that is made of several strings of the logs, in
// cells.
const maxParagraph = 1200

func (m *markdown) blank() { m.w.WriteByte('\n') }

func (m *markdown) line(head, text string) { m.w.WriteString(head + inline(text, maxText) + "\n\n") }

func (m *markdown) paragraph(text string) { m.w.WriteString(inline(text, maxParagraph) + "\n\n") }

func (m *markdown) item(text string) { m.w.WriteString("- " + inline(text, maxParagraph) + "\n") }

func (m *markdown) items(list []string) {
	for _, s := range list {
		m.item(s)
	}
	m.blank()
}

func (m *markdown) table(head []string, rows [][]string) {
	m.w.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, row := range rows {
		m.w.WriteString("|")
		for _, c := range row {
			m.w.WriteString(" " + inline(c, maxText) + " |")
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
	if len(f.Like) > 0 || f.Claims != "" {
		m.line("### ", "What it looks like: similarity, not attribution")
		for _, r := range f.Like {
			m.item(r.Name + ": " + r.Confidence + " confidence, " + r.Basis + after(". ", againstText(&r)))
		}
		if f.Claims != "" {
			m.item("The client claims " + f.Claims)
		}
		m.blank()
	}
	if len(f.Chain) > 0 {
		m.line("### ", "Chain")
		for _, c := range f.Chain {
			m.item(c.Text + c.credentials())
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
		if f.Matrix.More != "" {
			m.w.WriteString(inline(f.Matrix.More, maxParagraph) + "; `vedette explain` with `--apis all` shows them\n\n")
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
			m.w.WriteString("- [ ] " + inline(step.Text, maxParagraph) + "\n")
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
