package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"vedette/internal/finding"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
)

type reportCmd struct {
	Paths    []string `arg:"" optional:"" name:"path" help:"The logs to scan; or the JSON output of scan, alone or with the logs beside, which complete it."`
	Findings string   `type:"path" placeholder:"FILE" help:"Report the findings of this JSON output of scan (- for standard input); logs beside it complete them."`
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
	in, err := split(c.Findings, c.Paths)
	if err != nil {
		return err
	}
	if err := spare(ctx, std.Stdin, c.Output, in.logs, append(c.counting.files(), in.saved)...); err != nil {
		return err
	}
	res, done, err := c.result(ctx, std, in)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	opts := report.Options{Version: Version(), Limit: c.Limit, Commands: c.commands(call, in), Playbook: c.playbook(in.logs)}
	if in.saved != "" {
		opts.Saved = savedNotes(in, &res.Report, done)
	}
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
	switch {
	case err != nil:
		return err
	case in.saved != "" && done.read == nil:
		return nil
	case in.saved != "":
		return errLost(done.read, byScan)
	}
	return (&scanCmd{}).verdict(res, byScan)
}

// result scans the logs, or reads what a scan wrote and completes it from the
// logs beside. Findings that filters leave out are left out of both.
func (c *reportCmd) result(ctx context.Context, std IO, in given) (*scan.Result, completed, error) {
	var done completed
	if in.saved == "" && len(in.logs) == 0 {
		return nil, done, usagef("name the logs to scan, or --findings FILE")
	}
	evidence, err := parseEvidence(c.Evidence)
	if err != nil {
		return nil, done, err
	}
	if in.saved == "" {
		opts, enricher, err := c.counting.options(in.logs, std, evidence)
		if err != nil {
			return nil, done, err
		}
		res, err := run(ctx, opts, std, c.Quiet)
		if err != nil {
			return nil, done, err
		}
		enricher.apply(&res.Report)
		return res, done, c.filter.apply(res)
	}
	if c.Exceptions != "" {
		return nil, done, usagef("exceptions are applied by a scan: --exceptions does not go with saved findings")
	}
	r, err := loadReport(in.saved, std)
	if err != nil {
		return nil, done, err
	}
	res := &scan.Result{Report: *r}
	if last, err := time.Parse(time.RFC3339Nano, r.Summary.LastEvent); err == nil {
		res.Last = last.UnixNano()
	}
	if c.filter.set() {
		if err := c.filter.apply(res); err != nil {
			return nil, done, err
		}
		res.Report.Summary.Filtered += r.Summary.Filtered
	}
	res.Report.Tally()
	list := make([]*finding.Finding, len(res.Report.Findings))
	for i := range list {
		list[i] = &res.Report.Findings[i]
	}
	done, err = complete(ctx, std, list, in.logs, &c.counting, evidence, c.Quiet)
	return res, done, err
}

// commands are those that go on from a finding: of those that take its id,
// those that there are, with the paths and the flags of counting that this
// call had, since another count may name findings otherwise. Standard input
// cannot be read again, so there are none for it.
func (c *reportCmd) commands(call *kong.Context, in given) func(id string) [][]string {
	if in.saved == "-" && len(in.logs) == 0 || slices.Contains(in.logs, "-") {
		return nil
	}
	var names []string
	for _, n := range call.Model.Children {
		if slices.Contains([]string{"explain", "investigate", "playbook", "extract"}, n.Name) {
			names = append(names, n.Name)
		}
	}
	end := slices.Concat(countingWords(call), in.logs)
	if len(in.logs) == 0 {
		end = []string{"--findings=" + in.saved}
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
