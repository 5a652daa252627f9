package report

import (
	"bufio"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// maxProblems is how many lost pieces of input the page names; the JSON
// format names more.
const maxProblems = 10

// Summary writes, for a person, what was found in a line, what was read, what
// was lost, and what could not be seen. It never says "nothing found" without
// saying in the same breath what this input cannot show.
func Summary(w io.Writer, r *finding.Report, opts Options) error {
	b := bufio.NewWriter(w)
	newPage(b, opts).summary(r)
	return b.Flush()
}

// RowSummary is [Summary] for a run whose answer is rows instead of findings,
// such as one of the seed profile.
func RowSummary(w io.Writer, r *finding.Report, rows []finding.Row, opts Options) error {
	b := bufio.NewWriter(w)
	newPage(b, opts).answer(rowVerdict(r, rows), r)
	return b.Flush()
}

func (p *page) summary(r *finding.Report) { p.answer(verdict(r), r) }

// answer writes the answer in a sentence, and what it rests on.
func (p *page) answer(verdict string, r *finding.Report) {
	p.paragraph(verdict, "", term.Strong)
	p.blank()
	p.read(&r.Summary)
	p.lost(&r.Summary)
	p.coverage(r.Coverage)
	for _, n := range r.Summary.Notes {
		p.paragraph("Note: "+n, "", term.Plain)
	}
}

// verdict is the answer in a sentence.
func verdict(r *finding.Report) string {
	s := &r.Summary
	filtered := ""
	if s.Filtered > 0 {
		filtered = " Filters left out " + term.Plural(s.Filtered, "finding") + "."
	}
	if n := len(r.Findings); n > 0 {
		top := 0
		for i := range r.Findings {
			top = max(top, r.Findings[i].Priority)
		}
		aside := ""
		if s.Aside > 0 {
			aside = "; " + term.Count(s.Aside) + " put aside"
		}
		return term.Plural(n, "finding") + ", the highest priority " + strconv.Itoa(top) + ": " + levelsText(s.Levels) + aside + "." + filtered +
			" `vedette explain ID PATH` tells one in full."
	}
	if s.Events == 0 {
		return nothingRead(r) + filtered
	}
	if s.Filtered > 0 {
		return "No finding passes the filters, which left out " + term.Plural(s.Filtered, "finding") + " in " +
			term.Plural(s.Scoring, "discovery call") + " among " + term.Plural(s.Events, "event") + butBlind(r)
	}
	return "Nothing found in " + term.Plural(s.Scoring, "discovery call") + " among " + term.Plural(s.Events, "event") + butBlind(r) + filtered
}

// nothingRead is the answer from input without an event.
func nothingRead(r *finding.Report) string {
	return "Nothing could be found: " + term.Plural(r.Summary.Records, "record") + " read, and no audited call of a cloud among them."
}

// rowVerdict is the answer in rows in a sentence. The seed profile's rest
// on the seed's own lists of calls, so that the summary's count of discovery
// calls says nothing of them.
func rowVerdict(r *finding.Report, rows []finding.Row) string {
	if n := len(rows); n > 0 {
		top := 0
		for _, row := range rows {
			top = max(top, row.RiskScore)
		}
		return term.Plural(n, "row") + ", the highest risk " + strconv.Itoa(top) + "."
	}
	if r.Summary.Events == 0 {
		return nothingRead(r)
	}
	return "No row in " + term.Plural(r.Summary.Events, "event") + butBlind(r)
}

// butBlind ends a sentence that found nothing: it says what could not be
// seen.
func butBlind(r *finding.Report) string {
	text := ", in which reads are logged; what no log of this input covers was not seen."
	if blind := blindRows(r.Coverage); len(blind) > 0 {
		// The worst in the sentence, all of them below it.
		const named = 3
		slices.SortStableFunc(blind, func(a, b finding.Coverage) int { return worst(a.Verdict) - worst(b.Verdict) })
		names := make([]string, 0, named)
		for _, c := range blind[:min(len(blind), named)] {
			names = append(names, coverageName(c)+" ("+verdictText(c)+")")
		}
		text = ", but this input cannot show everything: " + strings.Join(names, "; ")
		if n := len(blind) - len(names); n > 0 {
			text += "; and " + term.Plural(n, "more limit")
		}
		text += "."
	}
	if r.Summary.ProblemsTotal > 0 || r.Summary.Unparsed > 0 {
		text += " Part of the input was lost."
	}
	return text
}

// worst orders verdicts: what is there without its reads before what is not
// there at all.
func worst(verdict string) int {
	switch verdict {
	case "only_writes_seen":
		return 0
	case "not_seen":
		return 1
	}
	return 2
}

// read says what was read.
func (p *page) read(s *finding.Summary) {
	p.heading("Read")
	p.paragraph(term.Plural(s.Files, "file")+", "+term.Bytes(s.Bytes)+" decompressed, "+term.Plural(s.Records, "record")+
		": "+term.Plural(s.Events, "event")+", "+term.Count(s.Skipped)+" skipped (not calls), "+term.Count(s.Unparsed)+" unparsed.", "  ", term.Plain)
	if s.Events > 0 {
		p.paragraph("Events from "+span(s.FirstEvent, s.LastEvent)+".", "  ", term.Plain)
		text := "Of the events " + term.Count(s.Scoring) + " are discovery that counts"
		if s.Duplicates > 0 {
			text += ", " + term.Count(s.Duplicates) + " are copies"
		}
		if s.ServiceMade > 0 {
			text += ", " + term.Count(s.ServiceMade) + " were made by the provider itself"
		}
		// The seed profile runs no detection and counts calls of its own.
		if len(s.Detections) > 0 || s.Scoring > 0 {
			p.paragraph(text+".", "  ", term.Plain)
		}
	}
	if len(s.Logs) > 0 {
		cols := []column{{head: "CLOUD"}, {head: "LOG", flex: true}, {head: "RECORDS", right: true}, {head: "EVENTS", right: true}}
		rows := make([][]string, len(s.Logs))
		for i, l := range s.Logs {
			rows[i] = []string{"  " + l.Cloud, l.Log, term.Count(l.Records), term.Count(l.Events)}
		}
		cols[0].head = "  " + cols[0].head
		t := p.table(cols, rows)
		t.write([]string{cols[0].head, cols[1].head, cols[2].head, cols[3].head}, term.Plain, true)
		for i := range rows {
			t.row(i, term.Plain)
		}
	}
	p.blank()
}

// lost names the input that could not be used.
func (p *page) lost(s *finding.Summary) {
	total := max(s.ProblemsTotal, len(s.Problems))
	if total == 0 && s.Unparsed == 0 {
		return
	}
	p.heading("Lost")
	p.paragraph(lostText(s), "  ", term.High)
	named := 0
	groups := problemGroups(s.Problems)
	for _, g := range groups[:min(len(groups), maxProblems)] {
		at := g.first.File
		if g.first.Record > 0 {
			at += ", record " + term.Count(g.first.Record)
		}
		if g.first.Offset > 0 {
			at += ", byte " + term.Count(g.first.Offset)
		}
		if g.n > 1 {
			at += " and " + term.Count(g.n-1) + " more of the file"
		}
		p.paragraph(at+": "+g.first.Reason, "  ", term.Plain)
		named += g.n
	}
	if rest := total - named; rest > 0 {
		p.paragraph("and "+term.Count(rest)+" more (--format json lists them)", "  ", term.Plain)
	}
	p.blank()
}

// lostText counts what could not be used, and says what became of the rest. A
// problem that names no record ended its file; one that is not listed may have.
func lostText(s *finding.Summary) string {
	total := max(s.ProblemsTotal, len(s.Problems))
	text := term.Plural(total, "problem") + ", " + term.Plural(s.Unparsed, "record") + " unparsed. "
	if total > len(s.Problems) || slices.ContainsFunc(s.Problems, func(p finding.Problem) bool { return p.Record == 0 }) {
		return text + "Where no record is named, the rest of the file is lost; what else was in these files was read."
	}
	return text + "What else was in these files was read."
}

// problemGroup is the problems of one file for one reason.
type problemGroup struct {
	first finding.Problem
	n     int
}

// problemGroups puts together what was lost of a file for one reason, each
// group where its first problem stands.
func problemGroups(list []finding.Problem) []problemGroup {
	var groups []problemGroup
	at := map[[2]string]int{}
	for _, pr := range list {
		k := [2]string{pr.File, pr.Reason}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, problemGroup{first: pr})
		}
		groups[i].n++
	}
	return groups
}

// coverage says what could be seen in this input and what could not.
func (p *page) coverage(rows []finding.Coverage) {
	if len(rows) == 0 {
		p.heading("What this input can show")
		p.paragraph("No audit log of a cloud was read: nothing could be seen.", "  ", term.Medium)
		p.blank()
		return
	}
	if seen := seenRows(rows); len(seen) > 0 {
		p.heading("What this input can show")
		for _, l := range seen {
			p.paragraph(l, "  ", term.Plain)
		}
		p.blank()
	}
	blind := blindRows(rows)
	if len(blind) == 0 {
		return
	}
	p.heading("What it cannot show")
	for _, c := range blind {
		p.paragraph(coverageName(c)+": "+verdictText(c), "  ", term.Medium)
		p.paragraph(c.Blind, "    ", term.Plain)
		if c.Enable != "" {
			p.paragraph("To see it: "+c.Enable, "    ", term.Plain)
		}
	}
	p.blank()
}

// blindRows are the verdicts that say what cannot be seen.
func blindRows(rows []finding.Coverage) []finding.Coverage {
	var out []finding.Coverage
	for _, c := range rows {
		if c.Blind != "" || c.Service == "*" && c.Verdict != "reads_seen" {
			out = append(out, c)
		}
	}
	return out
}

// seenRows says, a line for each log class, what was seen in it.
func seenRows(rows []finding.Coverage) []string {
	type class struct {
		provider, log string
		reads, writes int
		services      map[string]bool
		regions       map[string]bool
		onlyWrites    map[string]bool
	}
	by := map[[2]string]*class{}
	var order []*class
	for _, c := range rows {
		if c.Service == "*" || c.Verdict == "not_seen" {
			continue
		}
		k := [2]string{c.Provider, c.Log}
		cl := by[k]
		if cl == nil {
			cl = &class{provider: c.Provider, log: c.Log, services: map[string]bool{}, regions: map[string]bool{}, onlyWrites: map[string]bool{}}
			by[k] = cl
			order = append(order, cl)
		}
		cl.reads += c.Reads
		cl.writes += c.Writes
		if c.Region != "*" && c.Region != "" && c.Region != "-" {
			cl.regions[c.Region] = true
		}
		if c.Verdict == "reads_seen" {
			cl.services[shortService(c.Service)] = true
		} else {
			cl.onlyWrites[shortService(c.Service)] = true
		}
	}
	var out []string
	for _, cl := range order {
		reads, of := term.Plural(cl.reads, "read"), "reads of "
		if cl.log == "azure.activity" {
			// What shows of reading there are POST actions such as listKeys.
			reads, of = term.Plural(cl.reads, "list-like action"), "actions of "
		}
		text := logName(cl.provider, cl.log) + ": " + reads + " and " + term.Plural(cl.writes, "write")
		if len(cl.services) > 0 {
			text += "; " + of + some(cl.services, 6)
		}
		for s := range cl.services {
			delete(cl.onlyWrites, s)
		}
		if len(cl.onlyWrites) > 0 {
			text += "; only writes of " + some(cl.onlyWrites, 4)
		}
		if len(cl.regions) > 0 {
			text += "; in " + some(cl.regions, 4)
		}
		out = append(out, text+".")
	}
	return out
}

// some names the first n members of a set in order and counts the others.
func some(set map[string]bool, n int) string {
	names := make([]string, 0, len(set))
	for s := range set {
		names = append(names, s)
	}
	sort.Strings(names)
	if len(names) <= n+1 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:n], ", ") + " and " + term.Count(len(names)-n) + " more"
}

func coverageName(c finding.Coverage) string {
	name := logName(c.Provider, c.Log)
	if c.Service != "*" && c.Service != "" {
		name += ", " + c.Service
	}
	if c.Region != "*" && c.Region != "" {
		name += ", " + c.Region
	}
	return name
}

// logName names a log class with its provider, which most of them begin with.
func logName(provider, log string) string {
	if strings.HasPrefix(log, provider+".") {
		return log
	}
	return provider + " " + log
}

// verdictText is a verdict in words, the same wherever it is said.
func verdictText(c finding.Coverage) string {
	switch c.Verdict {
	case "reads_seen":
		if c.Log == "azure.activity" {
			return "list-like actions seen, never reads" // no read is ever logged there
		}
		return "reads seen, not all"
	case "only_writes_seen":
		return "only writes seen"
	case "not_seen":
		return "not in this input"
	}
	return strings.ReplaceAll(c.Verdict, "_", " ")
}
