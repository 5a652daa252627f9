package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"vedette/internal/engine"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
	"vedette/internal/tune"
)

type tuneCmd struct {
	Paths []string `arg:"" name:"path" help:"Files, folders, patterns, or - for standard input."`
	counting
	with
	Labels     string `placeholder:"FILE" help:"YAML that names the attacks in these logs, and who is benign."`
	Budget     string `placeholder:"N/day" help:"Find the priority from which on there are no more findings than that on average: N/day or N/week."`
	Level      string `enum:"informational,low,medium,high,critical" default:"medium" placeholder:"LEVEL" help:"Level from which on a finding is looked at: an attack below it is lost. Default: ${default}."`
	FailOnLost bool   `help:"Exit with 3 when the change loses a labelled attack."`
	Format     string `short:"f" default:"table" placeholder:"FORMAT" help:"table or json. Default: ${default}."`
	Output     string `short:"o" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
	Limit      int    `default:"100" placeholder:"N" help:"Changes that the table shows (0: all). Default: ${default}."`
	Quiet      bool   `short:"q" help:"No progress on standard error."`
}

// with is the change that is tried: each of its flags stands, after the
// change, in the place of the counting flag of the same name.
type with struct {
	WithDetection []string `placeholder:"ID|FILE" help:"Try these detections, by id or file, instead of those of --detection; may be given again." sep:"none"`
	WithWindow    string   `enum:"sliding,tumbling," default:"" help:"Try this way of laying windows instead of that of --window."`
	WithWeights   string   `placeholder:"FILE" help:"Try these weights over the built-in ones, instead of those of --weights."`
	WithBaseline  string   `placeholder:"FILE" help:"Try this history instead of that of --baseline."`
	// Exceptions that are tried take the place of those of --exceptions.
	WithExceptions string `placeholder:"FILE" help:"Try these exceptions instead of those of --exceptions."`
}

// over returns the counting flags with the change, and the flags that make it.
func (w *with) over(in counting) (counting, []string) {
	var changed []string
	replace := func(flag string, at *string, value string) {
		if value != "" {
			*at = value
			changed = append(changed, flag+" "+value)
		}
	}
	if len(w.WithDetection) > 0 {
		in.Detections = w.WithDetection
		for _, f := range w.WithDetection {
			changed = append(changed, "--with-detection "+f)
		}
	}
	replace("--with-window", &in.Window, w.WithWindow)
	replace("--with-weights", &in.Weights, w.WithWeights)
	replace("--with-baseline", &in.Baseline, w.WithBaseline)
	replace("--with-exceptions", &in.Exceptions, w.WithExceptions)
	return in, changed
}

func (c *tuneCmd) Run(ctx context.Context, std IO) error {
	if !slices.Contains(report.TuneFormats(), report.Format(c.Format)) {
		return usagef("no format %q: there are %s", c.Format, join(report.TuneFormats()))
	}
	ask := tune.Options{Level: c.Level}
	var err error
	if c.Labels != "" {
		if ask.Labels, err = tune.LoadLabels(c.Labels); err != nil {
			return usage(err)
		}
	}
	if c.Budget != "" {
		if ask.Budget, err = tune.ParseBudget(c.Budget); err != nil {
			return usagef("--budget: %w", err)
		}
	}
	changed, flags := c.with.over(c.counting)
	if err := spare(ctx, std.Stdin, c.Output, c.Paths, append(append(c.counting.files(), changed.files()...), c.Labels)...); err != nil {
		return err
	}
	opts, _, err := c.counting.options(c.Paths, std, 0)
	if err != nil {
		return err
	}
	ask.Changed = flags
	var other *engine.Options
	if len(flags) > 0 {
		after, _, err := changed.options(c.Paths, std, 0)
		if err != nil {
			return err
		}
		other = &after.Engine
	} else if c.FailOnLost {
		return usagef("--fail-on-lost is of a change, and none is tried: give a flag such as --with-weights")
	}
	facts := [2]judgedFacts{}
	if ask.Budget != nil { // what would quiet a caller is asked of them
		opts.Engine.Judged = facts[0].after(opts.Engine.Judged)
		if other != nil {
			other.Judged = facts[1].after(other.Judged)
		}
	}
	before, after, err := compare(ctx, opts, other, std, c.Quiet)
	if err != nil {
		return err
	}
	if before.Report.Summary.Events == 0 {
		return exit{ExitLost, errors.New("no audited call of a cloud was in the input: there is nothing to compare")}
	}
	first := tuned(before)
	first.Facts = facts[0].by
	if after != nil {
		after.Facts = facts[1].by
	}
	result, err := tune.New(first, after, ask)
	if err != nil {
		return err
	}
	if err := c.write(std, result); err != nil {
		return err
	}
	return c.verdict(before, result)
}

// compare scans once and evaluates as opts say and, where there is a change,
// a second time with it. Both share the memory that the first may take.
func compare(ctx context.Context, opts scan.Options, other *engine.Options, std IO, quiet bool) (*scan.Result, *tune.Result, error) {
	if other == nil {
		res, err := run(ctx, opts, std, quiet)
		return res, nil, err
	}
	opts.Engine.Memory = max(opts.Engine.Memory/2, 1)
	other.Memory = opts.Engine.Memory
	var before, after *scan.Result
	err := watch(&opts, std, quiet, func() (err error) {
		before, after, err = scan.Compare(ctx, opts, *other)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	t := tuned(after)
	return before, &t, nil
}

func tuned(res *scan.Result) tune.Result {
	return tune.Result{Findings: res.Report.Findings, First: time.Unix(0, res.First).UTC(), Last: time.Unix(0, res.Last).UTC(), Days: res.Days}
}

func (c *tuneCmd) write(std IO, r *tune.Report) error {
	var b bytes.Buffer
	opts := report.Options{Version: Version(), Limit: c.Limit}
	if c.Output == "" {
		opts.Terminal = term.Detect(std.Stdout, std.Getenv)
	}
	if err := report.WriteTune(&b, c.Format, r, opts); err != nil {
		return err
	}
	if c.Output == "" {
		_, err := std.Stdout.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(c.Output, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}

func (c *tuneCmd) verdict(res *scan.Result, r *tune.Report) error {
	if c.FailOnLost {
		var lost []string
		for _, a := range r.Attacks {
			if a.State == "lost" {
				lost = append(lost, a.Name)
			}
		}
		if len(lost) > 0 {
			return exit{ExitFindings, fmt.Errorf("lost by %s: %s", strings.Join(r.Changed, " "), strings.Join(lost, "; "))}
		}
	}
	return errLost(res, byScan)
}
