package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"vedette/internal/cloud/client"
	"vedette/internal/engine"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/investigate"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
	"vedette/internal/triage"
)

type investigateCmd struct {
	ID        string   `arg:"" help:"The finding's id, or a beginning of it that no other finding has; with --principal there is none, and the first of the logs stands here."`
	Paths     []string `arg:"" optional:"" name:"path" help:"The logs that were scanned; they are needed beside saved findings, too."`
	Principal string   `placeholder:"NAME" help:"Look into this principal instead of a finding: its uid, the end of it after a slash or colon, or a pattern with *."`
	Findings  string   `type:"path" placeholder:"FILE" help:"Look the finding up in this JSON output of scan (- for standard input) instead of scanning for it; the logs are read all the same."`
	counting
	Since    string `placeholder:"TIME" help:"Begin of the time in question (RFC 3339, or a date). Default: the finding's first event."`
	Until    string `placeholder:"TIME" help:"End of the time in question, exclusive. Default: the finding's last event."`
	Hours    int    `default:"24" placeholder:"N" help:"Hours before and after that time to look at. Default: ${default}."`
	Guide    string `type:"path" placeholder:"FILE" help:"YAML with questions to ask instead of the built-in ones (vedette guide)."`
	Format   string `short:"f" enum:"text,json,markdown" default:"text" help:"text, json or markdown. Default: ${default}."`
	Output   string `short:"o" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
	Evidence string `default:"5" placeholder:"N|all" help:"Events that each step lists. Default: ${default}."`
	Quiet    bool   `short:"q" help:"No progress on standard error."`
}

// maxHours bounds what is looked at around a time: a year.
const maxHours = 366 * 24

func (c *investigateCmd) Run(ctx context.Context, std IO) error {
	opts, err := c.check()
	if err != nil {
		return err
	}
	paths := c.Paths
	if c.Principal != "" {
		paths = append([]string{c.ID}, paths...)
	}
	if err := spare(ctx, std.Stdin, c.Output, paths, append(c.counting.files(), c.Findings, c.Guide)...); err != nil {
		return err
	}
	stdin, err := again(paths, std)
	if err != nil {
		return err
	}
	if c.Principal == "" {
		which := chosen{ID: c.ID, Paths: paths, Findings: c.Findings}
		if err := which.split(); err != nil {
			return err
		}
		if paths = which.Paths; len(paths) == 0 {
			return usagef("name the logs to look into after the finding's id")
		}
		std.Stdin = stdin(std.Stdin)
		if which.Findings != "" {
			which.Paths = nil // the walk reads the logs itself
		}
		if opts.Finding, err = which.find(ctx, std, &c.counting, 0, c.Quiet); err != nil {
			return err
		}
	}
	scanning, enricher, err := c.counting.options(paths, std, 0)
	if err != nil {
		return err
	}
	opts.Network, opts.Paths = engine.Network, paths
	if enricher.geoip != nil {
		opts.Network = enricher.network
	}
	opts.Family = client.Family
	opts.Follow = triage.Telling
	var read *scan.Result
	opts.Read = func(visits func() investigate.Visit) ([]finding.Coverage, error) {
		scanning.Stdin = stdin(std.Stdin)
		err := watch(&scanning, std, c.Quiet, func() (err error) {
			read, err = scan.Visit(ctx, scanning, func() scan.Visitor { return visitor(visits()) })
			return err
		})
		if err != nil {
			return nil, err
		}
		return read.Report.Coverage, nil
	}
	walk, err := investigate.Run(*opts)
	if errors.Is(err, investigate.ErrNoCalls) && read != nil && read.Report.Summary.Events == 0 {
		return errNothing(read, byScan)
	}
	var many *investigate.ManyError
	if errors.Is(err, investigate.ErrNoCalls) || errors.As(err, &many) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	if err := c.write(std, walk); err != nil {
		return err
	}
	return errLost(read, byScan)
}

// check reads the flags before anything else is done.
func (c *investigateCmd) check() (*investigate.Options, error) {
	opts := &investigate.Options{Around: time.Duration(c.Hours) * time.Hour, Guide: investigate.DefaultGuide()}
	if c.Hours < 0 || c.Hours > maxHours {
		return nil, usagef("--hours: %d is not between 0 and %d", c.Hours, maxHours)
	}
	if slices.Contains(c.Paths, "-") && c.Findings == "-" {
		return nil, usagef("standard input cannot be both the findings and the logs")
	}
	if c.Principal != "" && c.Findings != "" {
		return nil, usagef("--principal looks into a principal and --findings into a finding: give one")
	}
	var err error
	if opts.Evidence, err = parseEvidence(c.Evidence); err != nil {
		return nil, err
	}
	if opts.Since, err = parseTime("--since", c.Since); err != nil {
		return nil, err
	}
	if opts.Until, err = parseTime("--until", c.Until); err != nil {
		return nil, err
	}
	if err := inOrder(opts.Since, opts.Until); err != nil {
		return nil, err
	}
	if c.Guide != "" {
		text, err := os.ReadFile(c.Guide)
		if err != nil {
			return nil, usage(err)
		}
		if opts.Guide, err = investigate.LoadGuide(c.Guide, text); err != nil {
			return nil, usage(err)
		}
	}
	if name := strings.ToLower(c.Principal); name != "" {
		opts.Name = name
		opts.Principal = func(uid string) bool { return anyMatch([]string{name}, []string{uid}) }
	}
	return opts, nil
}

// visitor shows what a scan reads to a visit.
type visitor investigate.Visit

func (v visitor) Event(file string, r *scan.Record, ev *event.Event) {
	v(file, int(r.Number)+1, r.Native, ev)
}

// again gives the standard input anew for each reading, where the paths name
// it.
func again(paths []string, std IO) (func(io.Reader) io.Reader, error) {
	if !slices.Contains(paths, "-") {
		return func(r io.Reader) io.Reader { return r }, nil
	}
	data, err := io.ReadAll(std.Stdin)
	if err != nil {
		return nil, err
	}
	return func(io.Reader) io.Reader { return bytes.NewReader(data) }, nil
}

func (c *investigateCmd) write(std IO, walk *investigate.Walk) error {
	if c.Output == "" {
		w := bufio.NewWriter(std.Stdout)
		if err := report.WriteWalk(w, c.Format, walk, report.Options{Terminal: term.Detect(std.Stdout, std.Getenv)}); err != nil {
			return err
		}
		return w.Flush()
	}
	var b bytes.Buffer
	if err := report.WriteWalk(&b, c.Format, walk, report.Options{}); err != nil {
		return err
	}
	return os.WriteFile(c.Output, b.Bytes(), 0o600)
}
