package report

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/rehearse"
	"vedette/internal/term"
)

// The formats of rehearsals; Markdown is one of documents too.
const (
	JUnit    Format = "junit"    // test suites as CI servers read them
	Markdown Format = "markdown" // tables for a page, text for a ticket
)

// RehearsalFormats lists the formats of [WriteRehearsal].
func RehearsalFormats() []Format { return []Format{Table, JSON, JUnit, Markdown} }

// WriteRehearsal writes how the runs of attack tests held.
func WriteRehearsal(w io.Writer, format string, r *rehearse.Rehearsal, opts Options) error {
	b := bufio.NewWriter(w)
	switch Format(format) {
	case Table:
		newPage(b, opts).rehearsal(r)
	case JSON:
		text, err := marshal(r, true, "")
		if err != nil {
			return fmt.Errorf("write rehearsal as json: %w", err)
		}
		b.Write(append(text, '\n'))
	case JUnit:
		if err := writeJUnit(b, r); err != nil {
			return fmt.Errorf("write rehearsal as junit: %w", err)
		}
	case Markdown:
		writeMarkdown(b, r)
	default:
		return unknownFormat(format, RehearsalFormats())
	}
	return b.Flush()
}

func (p *page) rehearsal(r *rehearse.Rehearsal) {
	cols := []column{{head: ""}, {head: "TEST", whole: true}, {head: "RUN", whole: true}, {head: "CALLS", right: true}, {head: "LOGGED", right: true},
		{head: "EXPECTED", flex: true}, {head: "FOUND", flex: true}, {head: "PRIORITY", right: true}, {head: "RISK", right: true}}
	rows := make([][]string, len(r.Results))
	for i := range r.Results {
		res := &r.Results[i]
		rows[i] = append([]string{string(res.Status), res.Test, res.Run, callCount(res), recordCount(res), res.Want, res.Got}, scores(res)...)
	}
	t := p.table(cols, rows)
	t.header()
	for i := range r.Results {
		res := &r.Results[i]
		style := term.Plain
		if res.Status == rehearse.Failed {
			style = term.Strong
		}
		t.row(i, style)
		for _, why := range res.Why {
			p.field("because", why)
		}
		for _, n := range res.Notes {
			p.field("note", n)
		}
	}
	p.blank()
	for i := range r.Results {
		p.signalTable(&r.Results[i])
	}
	p.answered(r)
	p.paragraph(rehearsalVerdict(r), "", term.Strong)
}

// answered shows which hunting questions have rows on which runs.
func (p *page) answered(r *rehearse.Rehearsal) {
	list := answersOf(r)
	if len(list) == 0 {
		return
	}
	p.heading("Hunting questions and the runs that they have rows on")
	rows := make([][]string, len(list))
	for i, a := range list {
		rows[i] = []string{a.question, a.tally(), strings.Join(a.on, ", ")}
	}
	t := p.table([]column{{head: "QUESTION", whole: true}, {head: "RUNS", right: true}, {head: "ON", flex: true, tail: true}}, rows)
	t.header()
	for i := range rows {
		t.row(i, term.Plain)
	}
	p.blank()
}

// claim is a hunting question with the runs whose tests say that it has rows
// on them.
type claim struct {
	question string
	claimed  int
	on       []string // those on which it has
}

// tally is on how many runs the question has rows, of how many that say so if
// not on all.
func (c *claim) tally() string {
	if len(c.on) == c.claimed {
		return strconv.Itoa(c.claimed)
	}
	return fmt.Sprintf("%d of %d", len(c.on), c.claimed)
}

// answersOf gathers what results say of hunting questions, by question.
func answersOf(r *rehearse.Rehearsal) []claim {
	var list []claim
	for i := range r.Results {
		res := &r.Results[i]
		for _, q := range res.Questions {
			n, there := slices.BinarySearchFunc(list, q.ID, func(c claim, id string) int { return strings.Compare(c.question, id) })
			if !there {
				list = slices.Insert(list, n, claim{question: q.ID})
			}
			list[n].claimed++
			if q.Rows > 0 {
				list[n].on = append(list[n].on, res.Test+" "+res.Run)
			}
		}
	}
	return list
}

// signalTable shows what the origin of a test expects beside what was
// recorded, where something differs or is missing.
func (p *page) signalTable(res *rehearse.Result) {
	if res.Status == rehearse.Skipped || !slices.ContainsFunc(res.Signals, surprising) {
		return
	}
	p.heading(res.Test + ", run " + res.Run + ": expected, and really logged")
	p.paragraph("Expected by "+originOf(res)+".", "", term.Plain)
	rows := make([][]string, len(res.Signals))
	for i := range res.Signals {
		s := &res.Signals[i]
		rows[i] = []string{s.Said, loggedAs(s), logOf(s), strconv.Itoa(s.Recorded)}
	}
	t := p.table([]column{{head: "EXPECTED", flex: true, tail: true}, {head: "REALLY LOGGED", flex: true, tail: true}, {head: "IN", whole: true}, {head: "RECORDED", right: true}}, rows)
	t.header()
	for i := range rows {
		t.row(i, term.Plain)
		if note := res.Signals[i].Note; note != "" {
			p.field("note", note)
		}
	}
	p.blank()
}

// surprising reports whether a log says something else than expected, or
// nothing.
func surprising(s rehearse.SignalCheck) bool {
	return s.Recorded == 0 || s.Note != "" || !slices.ContainsFunc(s.Logged, func(name string) bool { return strings.Contains(s.Said, name) })
}

func originOf(res *rehearse.Result) string {
	if res.Origin == "" {
		return "the test"
	}
	return res.Origin
}

// loggedAs is the names that a log has for what was expected.
func loggedAs(s *rehearse.SignalCheck) string { return or(strings.Join(s.Logged, " or "), "in no log") }

// logOf is the class of log that has it.
func logOf(s *rehearse.SignalCheck) string {
	if s.Off {
		return s.Log + " (off)"
	}
	return or(s.Log, "-")
}

func callCount(res *rehearse.Result) string {
	switch {
	case res.Synthetic != "":
		return "synthetic"
	case res.Status == rehearse.Skipped:
		return "-"
	}
	return strconv.Itoa(res.Calls)
}

func recordCount(res *rehearse.Result) string {
	if res.Status == rehearse.Skipped {
		return "-"
	}
	return strconv.Itoa(res.Records)
}

// scores are priority and risk of a result's finding.
func scores(res *rehearse.Result) []string {
	if res.Finding == nil {
		return []string{"-", "-"}
	}
	return []string{strconv.Itoa(res.Finding.Priority), strconv.Itoa(res.Finding.RiskScore)}
}

func rehearsalVerdict(r *rehearse.Rehearsal) string {
	s := fmt.Sprintf("%s: %d as expected, %d not", term.Plural(len(r.Results), "run"), r.Passed, r.Failed)
	if r.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", r.Skipped)
	}
	return s + "."
}

// junit is the form that CI servers read: a suite a test, a case a run.
type junit struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Tests   int          `xml:"tests,attr"`
	Failed  int          `xml:"failures,attr"`
	Skipped int          `xml:"skipped,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name    string      `xml:"name,attr"`
	Tests   int         `xml:"tests,attr"`
	Failed  int         `xml:"failures,attr"`
	Skipped int         `xml:"skipped,attr"`
	Cases   []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, r *rehearse.Rehearsal) error {
	doc := junit{Name: "vedette rehearse", Tests: len(r.Results), Failed: r.Failed, Skipped: r.Skipped}
	for i := range r.Results {
		res := &r.Results[i]
		if n := len(doc.Suites); n == 0 || doc.Suites[n-1].Name != res.Test {
			doc.Suites = append(doc.Suites, junitSuite{Name: res.Test})
		}
		s := &doc.Suites[len(doc.Suites)-1]
		c := junitCase{Class: res.Test, Name: res.Run, Out: "expected " + res.Want + ", found " + or(res.Got, "nothing")}
		why := strings.Join(res.Why, "\n")
		s.Tests++
		switch res.Status {
		case rehearse.Failed:
			s.Failed++
			c.Failure = &junitMessage{Message: "expected " + res.Want + ", found " + or(res.Got, "nothing"), Text: why}
		case rehearse.Skipped:
			s.Skipped++
			c.Skipped, c.Out = &junitMessage{Message: why}, ""
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(&doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// writeMarkdown writes the tables of docs/rehearsal.md.
func writeMarkdown(w io.Writer, r *rehearse.Rehearsal) {
	cell := func(s string) string {
		return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "`", "'").Replace(term.Safe(s))
	}
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(w, "%s\n\n", rehearsalVerdict(r))
	fmt.Fprint(w, "| test | run | calls | records | expected | found | priority | risk | denied | why |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for i := range r.Results {
		res := &r.Results[i]
		name, got, denied, why := res.Test, res.Got, "-", strings.Join(res.Why, "; ")
		if f := res.Finding; f != nil {
			denied = fmt.Sprintf("%d of %d", f.Denied, f.Events)
			if why == "" {
				why = because(res)
			}
		}
		if res.Status != rehearse.Passed {
			got = strings.TrimSpace(got + " (" + string(res.Status) + ")")
		}
		fig := scores(res)
		row(name, res.Run, callCount(res), recordCount(res), res.Want, got, fig[0], fig[1], denied, why)
	}
	if list := answersOf(r); len(list) > 0 {
		fmt.Fprint(w, "\n### Hunting questions\n\nRuns whose logs a question has rows on, as their tests claim.\n\n| question | runs | on |\n| --- | --- | --- |\n")
		for _, c := range list {
			row(c.question, c.tally(), strings.Join(c.on, ", "))
		}
	}
	for i := range r.Results {
		res := &r.Results[i]
		if len(res.Signals) == 0 || res.Status == rehearse.Skipped {
			continue
		}
		fmt.Fprintf(w, "\n### %s, %s\n\n%s.", cell(res.Test), cell(res.Run), cell(res.Name))
		if res.About != "" {
			fmt.Fprintf(w, " Run: %s.", cell(strings.TrimSuffix(strings.TrimSpace(res.About), ".")))
		}
		fmt.Fprintf(w, " On: %s.\n\n", cell(strings.Join(res.Logs, ", ")))
		fmt.Fprintf(w, "| %s expects | really logged | in | recorded | |\n| --- | --- | --- | --- | --- |\n", cell(originOf(res)))
		for j := range res.Signals {
			s := &res.Signals[j]
			row(s.Said, loggedAs(s), logOf(s), strconv.Itoa(s.Recorded), s.Note)
		}
	}
}

// because is the parts of a finding's priority in short, the largest first,
// and what tool it resembles.
func because(res *rehearse.Result) string {
	var parts []string
	for _, r := range res.Finding.Reasons {
		if len(parts) < 4 && r.Points != 0 {
			parts = append(parts, fmt.Sprintf("%s %+d", r.Factor, r.Points))
		}
	}
	s := strings.Join(parts, ", ")
	if len(res.Finding.Tools) > 0 {
		s += "; like " + res.Finding.Tools[0].Name + " (" + res.Finding.Tools[0].Confidence + ")"
	}
	if res.Finding.Aside != "" {
		s += "; put aside: " + res.Finding.Aside
	}
	return s
}

// WriteTests lists tests for a person.
func WriteTests(w io.Writer, tests []*rehearse.Test, opts Options) error {
	b := bufio.NewWriter(w)
	p := newPage(b, opts)
	var rows [][]string
	var expected, answers []string
	for _, t := range tests {
		var runs []string
		var asked []string
		for _, r := range t.Runs {
			runs = append(runs, r.Name+": "+r.Expect.String())
			asked = append(asked, r.Questions...)
		}
		slices.Sort(asked)
		answers = append(answers, strings.Join(slices.Compact(asked), ", "))
		needs := strings.Join(t.Needs, ", ")
		if t.Synthetic() {
			needs = "nothing: synthetic"
		}
		var marks []string
		if t.Quick {
			marks = append(marks, "quick")
		}
		if len(t.Live) > 0 {
			marks = append(marks, "live")
		}
		rows = append(rows, []string{t.ID, string(t.Kind), t.Technique, needs, strings.Join(marks, ", "), t.Name})
		expected = append(expected, strings.Join(runs, "; "))
	}
	table := p.table([]column{{head: "TEST", whole: true}, {head: "KIND"}, {head: "ATT&CK"}, {head: "NEEDS"}, {head: "CAN"}, {head: "NAME", flex: true, tail: true}}, rows)
	table.header()
	for i := range rows {
		table.row(i, term.Plain)
		p.field("expected", expected[i])
		if answers[i] != "" {
			p.field("answers", answers[i])
		}
	}
	return b.Flush()
}
