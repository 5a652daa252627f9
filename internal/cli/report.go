package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"

	"vedette/internal/finding"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
)

type reportCmd struct {
	Paths    []string `arg:"" optional:"" name:"path" help:"The logs to scan, or the JSON output of scan."`
	Findings string   `type:"path" placeholder:"FILE" help:"Report the findings of this JSON output of scan (- for standard input) instead of scanning."`
	counting
	filter
	Format   string `short:"f" default:"html" placeholder:"FORMAT" help:"html (one page), markdown (for a ticket) or navigator (a layer for MITRE's ATT&CK Navigator). Default: ${default}."`
	Output   string `short:"o" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
	Evidence string `default:"5000" placeholder:"N|all" help:"Events of a finding that charts and evidence are made of. Default: ${default}."`
	Limit    int    `default:"200" placeholder:"N" help:"Findings that a page or a text holds (0: all). Default: ${default}."`
	Quiet    bool   `short:"q" help:"No progress, and no word of what was written."`
}

func (c *reportCmd) Run(ctx context.Context, std IO, call *kong.Context) error {
	if !slices.Contains(report.DocumentFormats(), report.Format(c.Format)) {
		return usagef("no format %q: there are %s", c.Format, join(report.DocumentFormats()))
	}
	if c.Limit < 0 {
		return usagef("--limit: %d is no number of findings", c.Limit)
	}
	if err := c.filter.check(); err != nil {
		return err
	}
	res, saved, err := c.result(ctx, std)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	opts := report.Options{Version: Version(), Limit: c.Limit, Commands: c.commands(call, saved), Playbook: c.playbook}
	if err := report.WriteDocument(&buf, c.Format, &res.Report, opts); err != nil {
		return err
	}
	if c.Output == "" {
		_, err = std.Stdout.Write(buf.Bytes())
	} else if err = os.WriteFile(c.Output, buf.Bytes(), 0o600); err != nil {
		err = fmt.Errorf("-o: %w", err)
	} else if !c.Quiet {
		shown := ""
		if n := len(res.Report.Findings); c.Limit > 0 && n > c.Limit && c.Format != string(report.Navigator) {
			shown = term.Count(c.Limit) + " of "
		}
		fmt.Fprintf(std.Stdout, "%s%s written to %s\n", shown, term.Plural(len(res.Report.Findings), "finding"), term.Safe(filepath.Base(c.Output)))
	}
	if err != nil || saved != "" {
		return err
	}
	return (&scanCmd{}).verdict(res)
}

// result scans the paths, or reads what a scan wrote, whose file is then
// saved. Findings that filters leave out are left out of both.
func (c *reportCmd) result(ctx context.Context, std IO) (res *scan.Result, saved string, err error) {
	switch {
	case c.Findings != "" && len(c.Paths) > 0:
		return nil, "", usagef("name logs or --findings, not both")
	case c.Findings != "":
		saved = c.Findings
	case len(c.Paths) == 0:
		return nil, "", usagef("name the logs to scan, or --findings FILE")
	case len(c.Paths) == 1 && isReport(c.Paths[0]):
		saved = c.Paths[0]
	}
	if saved != "" {
		if c.Exceptions != "" {
			return nil, "", usagef("exceptions are applied by a scan: --exceptions does not go with saved findings")
		}
		r, err := loadReport(saved, std)
		if err != nil {
			return nil, "", err
		}
		res = &scan.Result{Report: *r}
		if last, err := time.Parse(time.RFC3339Nano, r.Summary.LastEvent); err == nil {
			res.Last = last.UnixNano()
		}
		if c.filter.set() {
			err = c.filter.apply(res)
			res.Report.Summary.Filtered += r.Summary.Filtered
		}
		res.Report.Tally()
		return res, saved, err
	}
	evidence, err := parseEvidence(c.Evidence)
	if err != nil {
		return nil, "", err
	}
	opts, enricher, err := c.counting.options(c.Paths, std, evidence)
	if err != nil {
		return nil, "", err
	}
	if res, err = run(ctx, opts, std, c.Quiet); err != nil {
		return nil, "", err
	}
	enricher.apply(&res.Report)
	return res, "", c.filter.apply(res)
}

// reportStart is how the JSON output of scan begins, which no log does.
var reportStart = regexp.MustCompile(`^\s*\{\s*"schema_version"\s*:`)

// isReport reports whether a path is a file with the JSON output of scan.
func isReport(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	return reportStart.Match(head[:n])
}

// commands are those that go on from a finding: of those that take its id,
// those that there are, with the paths and the flags of counting that this
// call had, since another count may name findings otherwise. Standard input
// cannot be read again, so there are none for it.
func (c *reportCmd) commands(call *kong.Context, saved string) func(id string) [][]string {
	if saved == "-" || slices.Contains(c.Paths, "-") {
		return nil
	}
	var names []string
	for _, n := range call.Model.Children {
		if slices.Contains([]string{"explain", "investigate", "playbook", "extract"}, n.Name) {
			names = append(names, n.Name)
		}
	}
	end := slices.Concat(countingWords(call), c.Paths)
	if saved != "" {
		end = []string{"--findings=" + saved}
		// They need the logs, which a saved report does not name.
		names = slices.DeleteFunc(names, func(n string) bool { return n == "extract" || n == "investigate" })
	}
	return func(id string) [][]string {
		var list [][]string
		for _, name := range names {
			words := []string{"vedette", name, id}
			if name == "extract" {
				words = append(words, "-o", "evidence-"+id)
			}
			list = append(list, append(words, end...))
		}
		return list
	}
}

// countingWords are the flags of [counting] that a call had, as words.
func countingWords(call *kong.Context) []string {
	known, err := kong.New(&struct{ counting }{})
	if err != nil {
		panic(err) // the same flags were parsed
	}
	var words []string
	for _, p := range call.Path {
		if p.Flag == nil || !slices.ContainsFunc(known.Model.Flags, func(f *kong.Flag) bool { return f.Name == p.Flag.Name }) {
			continue
		}
		var of []string
		switch v := p.Flag.Target.Interface().(type) {
		case bool:
			of = []string{"--" + p.Flag.Name}
		case []string:
			for _, s := range v {
				of = append(of, "--"+p.Flag.Name+"="+s)
			}
		default:
			of = []string{fmt.Sprintf("--%s=%v", p.Flag.Name, v)}
		}
		for _, w := range of {
			if !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	return words
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
