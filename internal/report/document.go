package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// The formats of documents: what a person keeps, hands on or prints.
const (
	HTML      Format = "html"      // one page that needs nothing beside it
	Navigator Format = "navigator" // a layer for MITRE's ATT&CK Navigator
)

// DocumentFormats lists the formats that [WriteDocument] knows.
func DocumentFormats() []Format { return []Format{HTML, Markdown, Navigator} }

// WriteDocument writes the report as a document. An unknown format is an error,
// as is a writer that fails.
func WriteDocument(w io.Writer, format string, r *finding.Report, opts Options) error {
	b := bufio.NewWriter(w)
	var err error
	switch Format(format) {
	case HTML:
		err = writeHTML(b, r, opts)
	case Markdown:
		err = writeTicket(b, r, opts)
	case Navigator:
		err = writeNavigator(b, r)
	default:
		return unknownFormat(format, DocumentFormats())
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write report as %s: %w", format, err)
	}
	return nil
}

// Section is a part of a playbook, such as what to preserve.
type Section struct {
	Title string
	Steps []Step
}

// Step is one thing to do. Commands are ready to paste: whoever makes a step
// quotes the values in them.
type Step struct {
	Text     string
	Notes    []string
	Commands []Snippet
}

// depth is how much of a finding a document shows.
type depth struct{ apis, evidence, slices int }

// The first findings are shown in full, those further down in less depth, each
// saying how much is left out: a page of 200 findings over a million calls
// stays under 5 MB, which a test holds.
var (
	full  = depth{apis: 40, evidence: 25, slices: 8}
	brief = depth{apis: 8, evidence: 5, slices: 3}
)

const (
	inFull          = 25 // findings
	maxDocumentList = 12
	maxFactList     = 5
	maxHeatRows     = 40
	chartCells      = 40 // of a finding
	heatCells       = 60 // of the whole report
)

// document is a report as a person reads it, in the order of reading. Strings
// of the logs stand in it as they are, bounded in length.
type document struct {
	Title    string
	Verdict  string
	Levels   []levelCount
	Read     []pair
	Logs     []finding.LogCount
	Lost     string // empty where nothing was lost
	LostAt   []string
	Coverage coverageView
	Heat     *heatView
	Findings []*findingView
	Aside    []*findingView
	More     int // findings not shown, lower in order
	Notes    []string
	Saved    []string // what it lacks because its findings were saved
	Version  string
}

type pair struct{ Name, Value string }

type levelCount struct {
	Level string
	N     int
}

type coverageView struct {
	Seen  []string
	Short []pair // what cannot be seen, by verdict, the worst first
	Blind []blindView
}

type blindView struct{ Name, Verdict, Blind, Enable string }

// newDocument puts a report into the order of reading.
func newDocument(r *finding.Report, opts Options) *document {
	d := &document{Title: "Discovery in cloud audit logs", Version: opts.Version, Verdict: documentVerdict(r), Notes: r.Summary.Notes, Saved: opts.Saved}
	s := &r.Summary
	d.Levels = []levelCount{{"critical", s.Levels.Critical}, {"high", s.Levels.High}, {"medium", s.Levels.Medium},
		{"low", s.Levels.Low}, {"informational", s.Levels.Informational}}
	d.read(s)
	d.lost(s)
	d.Coverage = coverageOf(r.Coverage)
	shown := r.Findings
	if opts.Limit > 0 && len(shown) > opts.Limit {
		d.More, shown = len(shown)-opts.Limit, shown[:opts.Limit]
	}
	ids := shortIDs(r.Findings)
	calls := make([][]seen, len(shown))
	for i := range shown {
		calls[i] = timed(shown[i].Evidence)
		much := brief
		if i < inFull {
			much = full
		}
		v := newFindingView(&shown[i], ids[i], calls[i], much, opts)
		if v.Aside == "" {
			d.Findings = append(d.Findings, v)
		} else {
			d.Aside = append(d.Aside, v)
		}
	}
	d.Heat = newHeat(shown, ids, calls)
	return d
}

// documentVerdict is the answer in a sentence, without the command that the
// terminal names: a document is read by those who have no logs.
func documentVerdict(r *finding.Report) string {
	text, _, _ := strings.Cut(verdict(r), " `vedette explain")
	return text
}

func (d *document) read(s *finding.Summary) {
	add := func(name, value string) { d.Read = append(d.Read, pair{name, value}) }
	if s.Files > 0 || s.Records > 0 {
		add("Input", term.Plural(s.Files, "file")+", "+term.Bytes(s.Bytes)+" decompressed")
		add("Records", term.Count(s.Records)+": "+term.Plural(s.Events, "event")+", "+term.Count(s.Skipped)+" skipped (not calls), "+term.Count(s.Unparsed)+" unparsed")
	}
	if s.Events > 0 {
		add("Events", span(s.FirstEvent, s.LastEvent))
		text := term.Count(s.Scoring) + " that count"
		if s.Duplicates > 0 {
			text += "; " + term.Plural(s.Duplicates, "copy", "copies") + " left out"
		}
		if s.ServiceMade > 0 {
			text += "; " + term.Count(s.ServiceMade) + " made by the provider itself"
		}
		add("Discovery", text)
	}
	if len(s.Detections) > 0 {
		add("Detections", strings.Join(s.Detections, ", "))
	}
	if s.Filtered > 0 {
		add("Left out", term.Plural(s.Filtered, "finding")+" by filters")
	}
	d.Logs = s.Logs[:min(len(s.Logs), maxDocumentList)]
}

func (d *document) lost(s *finding.Summary) {
	total := max(s.ProblemsTotal, len(s.Problems))
	if total == 0 && s.Unparsed == 0 {
		return
	}
	d.Lost = lostText(s)
	named := 0
	groups := problemGroups(s.Problems)
	for _, g := range groups[:min(len(groups), maxProblems)] {
		at := g.first.File
		if g.first.Record > 0 {
			at += ", record " + term.Count(g.first.Record)
		}
		if g.n > 1 {
			at += " and " + term.Count(g.n-1) + " more of the file"
		}
		d.LostAt = append(d.LostAt, at+": "+g.first.Reason)
		named += g.n
	}
	if rest := total - named; rest > 0 {
		d.LostAt = append(d.LostAt, "and "+term.Count(rest)+" more")
	}
}

func coverageOf(rows []finding.Coverage) coverageView {
	var v coverageView
	v.Seen = seenRows(rows)
	for _, c := range blindRows(rows) {
		verdict := verdictText(c)
		v.Blind = append(v.Blind, blindView{coverageName(c), verdict, c.Blind, c.Enable})
		verdict = strings.ToUpper(verdict[:min(1, len(verdict))]) + verdict[min(1, len(verdict)):]
		i := slices.IndexFunc(v.Short, func(p pair) bool { return p.Name == verdict })
		if i < 0 {
			v.Short = append(v.Short, pair{verdict, coverageName(c)})
			continue
		}
		v.Short[i].Value += ", " + coverageName(c)
	}
	return v
}

// atMost is the first members of a list, each bounded in length, and how many
// more there are.
func atMost(list []string, most, total int) []string {
	shown := slices.Clone(list[:min(len(list), most)])
	for i := range shown {
		shown[i] = clipped(shown[i])
	}
	if rest := max(total, len(list)) - len(shown); rest > 0 {
		shown = append(shown, "and "+term.Count(rest)+" more")
	}
	return shown
}
