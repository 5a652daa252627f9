package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"vedette/internal/finding"
	"vedette/internal/investigate"
	"vedette/internal/scan"
	"vedette/internal/term"
)

// given are the saved findings and the logs that a command line names. What a
// scan wrote may be named by --findings or as one of the paths.
type given struct {
	saved string   // file with the output of a scan, "-" or ""
	logs  []string // the other paths
}

// split tells saved findings from logs, by what the files hold.
func split(findings string, paths []string) (given, error) {
	g := given{saved: findings}
	for _, p := range paths {
		switch {
		case p == "-" || !isReport(p):
			g.logs = append(g.logs, p)
		case g.saved != "" && g.saved != p:
			return g, usagef("%s and %s are both the output of a scan: name one", g.saved, p)
		default:
			g.saved = p
		}
	}
	if g.saved == "-" && slices.Contains(g.logs, "-") {
		return g, usagef("standard input cannot be both the findings and the logs")
	}
	return g, nil
}

// How what scan writes begins, as JSON and as lines of it; no log does.
var reportStart = regexp.MustCompile(`^\s*\{\s*"schema_version"\s*:|^\{"id":"[0-9a-f]{16}",("[a-z_]+":("[^"]*"|\[[^\]]*\]),)*"scope":"`)

// isReport reports whether a path is a file that scan wrote as JSON or NDJSON.
func isReport(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	return reportStart.Match(head[:n])
}

// lacks reports whether the logs may hold what a saved finding does not: some
// of so many events of its evidence (less than 0: of all), or with which
// credential its sessions were obtained.
func lacks(f *finding.Finding, evidence int) bool {
	if evidence < 0 || evidence > f.EvidenceTotal {
		evidence = f.EvidenceTotal
	}
	unkeyed := func(l finding.Link) bool { return l.EventID != "" && l.FromKey == "" }
	return len(f.Evidence) < evidence || f.Cloud.Provider == "aws" && slices.ContainsFunc(f.Chain, unkeyed)
}

// completed is what came of completing saved findings from logs.
type completed struct {
	read  *scan.Result // of the logs, nil where they were not read
	found int          // findings that were found again
	other int          // findings that were not, or with other calls
}

// complete adds to saved findings what they lack and the logs beside them hold:
// evidence, at most so many events of each, and credentials of the chain. How a
// finding was judged and what was found in it stays as it was saved.
func complete(ctx context.Context, std IO, list []*finding.Finding, logs []string, in *counting, evidence int, quiet bool) (completed, error) {
	var c completed
	if len(logs) == 0 || !slices.ContainsFunc(list, func(f *finding.Finding) bool { return lacks(f, evidence) }) {
		return c, nil
	}
	opts, _, err := in.options(logs, std, evidence)
	if err != nil {
		return c, err
	}
	res, err := run(ctx, opts, std, quiet)
	if err != nil {
		return c, err
	}
	c.read = res
	again := map[string]*finding.Finding{}
	for i := range res.Report.Findings {
		f := &res.Report.Findings[i]
		for _, id := range append([]string{f.ID}, f.PreviousIDs...) {
			again[id] = f
		}
	}
	for _, f := range list {
		g := again[f.ID]
		if g == nil || g.Events != f.Events || g.FirstSeen != f.FirstSeen || g.LastSeen != f.LastSeen {
			c.other++
			continue
		}
		c.found++
		if len(g.Evidence) > len(f.Evidence) {
			f.Evidence, f.EvidenceTotal = g.Evidence, g.EvidenceTotal
		}
		for i := range f.Chain {
			for _, l := range g.Chain {
				if f.Chain[i].EventID == l.EventID && f.Chain[i].From == l.From && f.Chain[i].FromKey == "" {
					f.Chain[i].FromKey = l.FromKey
				}
			}
		}
	}
	return c, nil
}

// tell says on standard error that a finding is shown as it was saved.
func (c completed) tell(std IO, f *finding.Finding) {
	if c.other > 0 {
		fmt.Fprintf(std.Stderr, "vedette: finding %s was not found again in these logs, and is taken as it was saved: were the same logs scanned with the same flags?\n", term.Safe(f.ID))
	}
}

// loadReport reads the JSON output of a scan: a report, or findings line by
// line, of which there is no summary.
func loadReport(path string, std IO) (*finding.Report, error) {
	var src io.Reader = std.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usage(err)
		}
		defer f.Close()
		src = f
	}
	data, err := io.ReadAll(io.LimitReader(src, 4<<30))
	if err != nil {
		return nil, usage(err)
	}
	var r finding.Report
	if err := json.Unmarshal(data, &r); err == nil && r.SchemaVersion != "" {
		return &r, nil
	}
	r = finding.Report{}
	for n, line := range strings.Split(string(data), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var f finding.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.ID == "" {
			return nil, usagef("%s:%d: neither a report nor a finding of vedette scan (--format json or ndjson)", path, n+1)
		}
		r.Findings = append(r.Findings, f)
	}
	return &r, nil
}

// savedNotes say what a document made from saved findings does not hold for
// that reason, and how it would.
func savedNotes(g given, r *finding.Report, c completed) []string {
	name := filepath.Base(g.saved)
	if name == "-" {
		name = "standard input"
	}
	notes := []string{"Made from findings that a scan saved (" + name + "), as they were found and judged then."}
	if r.SchemaVersion == "" {
		notes = append(notes, "The file has findings alone: what was read and lost, and what the input cannot show, is not in it. A scan with --format json keeps that.")
	}
	short, listed, total := 0, 0, 0
	for i := range r.Findings {
		if f := &r.Findings[i]; len(f.Evidence) < f.EvidenceTotal {
			short, listed, total = short+1, listed+len(f.Evidence), total+f.EvidenceTotal
		}
	}
	if short > 0 {
		notes = append(notes, term.Plural(short, "finding lists", "findings list")+" "+term.Count(listed)+" of "+term.Plural(total, "event")+
			": drawings, cadence and evidence are of these alone; all other figures are of every call.")
	}
	switch {
	case c.other > 0:
		notes = append(notes, term.Plural(c.other, "finding was", "findings were")+" not found again in the logs beside, and stand as saved: were the same logs scanned with the same flags?")
	case c.read != nil:
		notes = append(notes, "Evidence was completed from the logs beside.")
	case len(g.logs) == 0:
		text := "Commands that read the logs again are missing, or have PATH in the place of the logs."
		if g.saved != "-" {
			text += " With the logs beside it the report has them"
			if short > 0 {
				text += ", and all events"
			}
			text += ": vedette report " + investigate.ShellWords([]string{name}) + " LOGS."
		}
		notes = append(notes, text)
	}
	return notes
}
