package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/plan"
	"vedette/internal/rehearse"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
)

type rehearseCmd struct {
	List   rehearseList   `cmd:"" help:"List the attack tests and the counter-tests."`
	Plan   rehearsePlan   `cmd:"" help:"Show tests as shell scripts to paste, with their clean-up."`
	Setup  rehearseSetup  `cmd:"" help:"Show the script that installs the clients, for a shell: | sh, or | sh -s -- --only aws,pacu."`
	Run    rehearseRun    `cmd:"" help:"Run tests with real clients against stand-ins, and keep what would have been logged."`
	Verify rehearseVerify `cmd:"" help:"Hold what was logged against what each test must come to."`
	Clean  rehearseClean  `cmd:"" help:"Remove what run left."`
}

// testsOf is the choice of tests that several commands share.
type testsOf struct {
	Tests string  `placeholder:"DIR" help:"Folder of tests to use instead of the built-in ones."`
	Quick bool    `help:"Only the tests that are marked quick."`
	Needs *string `placeholder:"PROGRAM|nothing" help:"Only the tests that need this program, such as pacu; with the word nothing, those that need none."`
}

func (c *testsOf) load(names []string) ([]*rehearse.Test, error) {
	if c.Needs != nil && *c.Needs == "" {
		return nil, usagef("--needs: name a program, or write --needs nothing for the tests that need none")
	}
	var all []*rehearse.Test
	var err error
	if c.Tests == "" {
		all, err = rehearse.Builtin()
	} else if all, err = rehearse.Load(c.Tests); err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: no folder with a test", c.Tests)
	}
	if err != nil {
		return nil, usage(err)
	}
	if len(names) == 0 {
		names = []string{"all"}
	}
	list, err := rehearse.Find(all, names)
	if err != nil {
		return nil, usage(err)
	}
	if c.Quick {
		list = slices.DeleteFunc(list, func(t *rehearse.Test) bool { return !t.Quick })
	}
	if c.Needs != nil {
		list = slices.DeleteFunc(list, func(t *rehearse.Test) bool {
			return !slices.Contains(t.Needs, *c.Needs) && (*c.Needs != "nothing" || len(t.Needs) > 0)
		})
	}
	if len(list) == 0 {
		return nil, usagef("no test is left by --quick and --needs; programs are %s", programs(all))
	}
	return list, nil
}

// programs names what tests need.
func programs(list []*rehearse.Test) string {
	var names []string
	for _, t := range list {
		names = append(names, t.Needs...)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ") + ", nothing"
}

type rehearseList struct {
	testsOf
}

func (c *rehearseList) Run(std IO) error {
	list, err := c.load(nil)
	if err != nil {
		return err
	}
	return report.WriteTests(std.Stdout, list, report.Options{Terminal: term.Detect(std.Stdout, std.Getenv)})
}

type rehearsePlan struct {
	IDs []string `arg:"" optional:"" name:"test" help:"Ids of tests; all, where none is named."`
	testsOf
	Output string `short:"o" type:"path" placeholder:"DIR" help:"Write each into a folder of its own there instead of to standard output."`
}

func (c *rehearsePlan) Run(std IO) error {
	list, err := c.load(c.IDs)
	if err != nil {
		return err
	}
	for i, t := range list {
		if c.Output == "" {
			if i > 0 {
				fmt.Fprintln(std.Stdout)
			}
			if _, err := io.WriteString(std.Stdout, rehearse.Plan(t)); err != nil {
				return err
			}
			continue
		}
		file, err := rehearse.WritePlan(t, c.Output)
		if err != nil {
			return fmt.Errorf("-o: %w", err)
		}
		fmt.Fprintln(std.Stdout, term.Safe(file))
	}
	return nil
}

type rehearseSetup struct{}

func (rehearseSetup) Run(std IO) error {
	_, err := std.Stdout.Write(rehearse.Setup())
	return err
}

// rehearsal is the folder of a rehearsal.
type rehearsal struct {
	Dir string `short:"o" name:"dir" type:"path" default:"rehearsal" placeholder:"DIR" help:"Folder of the rehearsal. Default: ${default}."`
}

type rehearseRun struct {
	IDs []string `arg:"" optional:"" name:"test" help:"Ids of tests; all, where none is named."`
	testsOf
	rehearsal
	Tools   string   `type:"path" default:".rehearse" placeholder:"DIR" help:"Where the set-up script put the clients. Default: ${default}."`
	Without []string `placeholder:"LOG" help:"Switch a class of log off, such as azure.key_vault; may be given again." sep:"none"`
	Jobs    int      `default:"0" placeholder:"N" help:"Runs at a time (0: one a core)."`
	Quiet   bool     `short:"q" help:"Nothing but errors."`
	liveRun
}

func (c *rehearseRun) Run(ctx context.Context, std IO) error {
	list, err := c.load(c.IDs)
	if err != nil {
		return err
	}
	if c.Live {
		return c.live(ctx, list, std)
	}
	if len(c.Var) > 0 || c.AWSConfig != "" || c.AWSRegion != "" || c.Sensitive || c.Yes {
		return usagef("--var, --aws-profile, --aws-region, --sensitive and --yes go with --live")
	}
	p := rehearse.Player{Dir: c.Dir, Jobs: c.Jobs}
	if p.Jobs <= 0 {
		p.Jobs = runtime.GOMAXPROCS(0)
	}
	for _, name := range c.Without {
		l, ok := event.ParseLog(name)
		if !ok {
			return usagef("--without: %q is no class of log; there are %s", name, auditedLogs())
		}
		p.Without = append(p.Without, l)
	}
	if p.Tools, err = rehearse.FindTools(c.Tools); err != nil {
		return usage(err)
	}
	if len(p.Tools) == 0 && !c.Quiet {
		fmt.Fprintf(std.Stderr, "no clients in %s: those on the PATH are taken (vedette rehearse setup installs them)\n", term.Safe(c.Tools))
	}
	var faulty, skipped, done int
	if !c.Quiet {
		p.Begun = func(t *rehearse.Test, r *rehearse.Run) {
			if t.Recipe == nil {
				fmt.Fprintf(std.Stderr, "%s, %s: playing\n", term.Safe(t.ID), term.Safe(r.Name))
			}
		}
	}
	p.Done = func(r *rehearse.Played) {
		done++
		text := term.Plural(r.Calls, "call")
		switch {
		case r.Skipped != "":
			skipped++
			text = "skipped: " + r.Skipped
		case r.Synthetic:
			text = "made, not recorded"
		}
		n, tooMany := r.Unrecorded()
		if n > 0 {
			text += fmt.Sprintf(", %d of them not recorded as the provider would have: %s", n, strings.Join(slices.Sorted(maps.Keys(r.Faults)), "; "))
		}
		if tooMany {
			faulty++
		}
		if !c.Quiet || tooMany {
			fmt.Fprintf(std.Stderr, "%s, %s: %s\n", term.Safe(r.Test), term.Safe(r.Run), term.Safe(text))
		}
	}
	defer p.Close()
	if err := p.Play(ctx, list); err != nil {
		return err
	}
	if !c.Quiet {
		fmt.Fprintf(std.Stderr, "%s, %d skipped: %s. Next: vedette rehearse verify%s\n", term.Plural(done, "run"), skipped, term.Safe(c.Dir), c.again())
	}
	if faulty > 0 {
		return exit{ExitLost, fmt.Errorf("%s could not be recorded as the provider would have", term.Plural(faulty, "run"))}
	}
	return nil
}

// again is the flags with which verify takes the same tests.
func (c *rehearseRun) again() string {
	var b strings.Builder
	for _, id := range c.IDs {
		if !c.Quick && id != "all" {
			b.WriteString(" " + term.Safe(id))
		}
	}
	if c.Dir != filepath.Join(workingDir(), "rehearsal") {
		b.WriteString(" -o " + term.Safe(c.Dir))
	}
	if c.Tests != "" {
		b.WriteString(" --tests " + term.Safe(c.Tests))
	}
	if c.Quick {
		b.WriteString(" --quick")
	}
	if c.Needs != nil {
		b.WriteString(" --needs " + term.Safe(*c.Needs))
	}
	return b.String()
}

// workingDir is where relative paths begin; kong has made them whole.
func workingDir() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

func auditedLogs() string {
	var names []string
	for l := range event.NumLogs {
		if l.Audited() {
			names = append(names, l.String())
		}
	}
	return strings.Join(names, ", ")
}

type rehearseVerify struct {
	IDs []string `arg:"" optional:"" name:"test" help:"Ids of tests; all that were run, where none is named."`
	testsOf
	rehearsal
	counting
	Format string `short:"f" default:"table" placeholder:"FORMAT" help:"table, json, junit or markdown. Default: ${default}."`
	Output string `name:"output" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
	liveVerify
}

func (c *rehearseVerify) Run(ctx context.Context, std IO) error {
	if !slices.Contains(report.RehearsalFormats(), report.Format(c.Format)) {
		return usagef("no format %q: there are %s", c.Format, join(report.RehearsalFormats()))
	}
	if err := spare(ctx, nil, c.Output, []string{c.Dir}, c.counting.files()...); err != nil {
		return err
	}
	list, err := c.load(c.IDs)
	if err != nil {
		return err
	}
	if c.Live != "" {
		return c.live(ctx, list, std)
	}
	must := len(c.IDs) > 0 && !slices.Contains(c.IDs, "all")
	r, err := rehearse.Verify(ctx, c.Dir, list, must, func(detections []string) (rehearse.Judging, error) {
		return c.judging(std, detections)
	})
	if errors.Is(err, rehearse.ErrNotPlayed) {
		return usagef("%w: `vedette rehearse run` plays them; --dir and --tests say where and which", err)
	}
	if err != nil {
		return err
	}
	opts := report.Options{Version: Version()}
	var buf bytes.Buffer
	if c.Output == "" {
		opts.Terminal = term.Detect(std.Stdout, std.Getenv)
	}
	if err := report.WriteRehearsal(&buf, c.Format, r, opts); err != nil {
		return err
	}
	if c.Output == "" {
		_, err = std.Stdout.Write(buf.Bytes())
	} else {
		err = os.WriteFile(c.Output, buf.Bytes(), 0o644)
	}
	if err != nil {
		return err
	}
	if r.Failed > 0 {
		return exit{code: ExitFailed}
	}
	return nil
}

// judging reads a run's logs as scan does with the same flags, and with the
// detections that a test asks for where the flags name none.
func (c *rehearseVerify) judging(std IO, detections []string) (rehearse.Judging, error) {
	var j rehearse.Judging
	in := c.counting
	if len(in.Detections) == 0 {
		in.Detections, j.AsAsked = detections, true
	}
	opts, enricher, err := in.options(nil, std, 0)
	if err != nil {
		return j, err
	}
	read := func(ctx context.Context, dir string, plans []*plan.Plan) (*finding.Report, error) {
		o := opts
		o.Paths = []string{dir}
		if plans != nil {
			o.Engine.Plans = plans
		}
		res, err := scan.Run(ctx, o)
		if err != nil {
			return nil, err
		}
		enricher.apply(&res.Report)
		return &res.Report, nil
	}
	j.Scan = func(ctx context.Context, dir string) (*finding.Report, error) { return read(ctx, dir, nil) }
	j.Busiest = func(ctx context.Context, dir string) (*finding.Report, error) {
		return read(ctx, dir, anyCall(opts.Engine.Plans))
	}
	j.Seed = func(ctx context.Context, dir string) ([]finding.Row, error) {
		o := opts
		o.Paths = []string{dir}
		if o.Seed, err = detection.LoadSeedProfile(); err != nil {
			return nil, err
		}
		res, err := scan.Run(ctx, o)
		if err != nil {
			return nil, err
		}
		return res.Rows, nil
	}
	j.Questions = func(ctx context.Context, dir string, ids []string) ([]rehearse.Answer, error) {
		return rehearsed(ctx, scan.Options{Paths: []string{dir}, Providers: opts.Providers, Engine: opts.Engine}, ids)
	}
	for _, p := range opts.Engine.Plans {
		j.Detections = append(j.Detections, p.Detection)
		for _, w := range p.Windows {
			j.Thresholds = append(j.Thresholds, fmt.Sprintf("%s fires at %s within %s", p.Detection, w.Trigger, term.Duration(w.Length)))
		}
	}
	return j, nil
}

// rehearsed asks hunting questions of a run's logs.
func rehearsed(ctx context.Context, opts scan.Options, ids []string) ([]rehearse.Answer, error) {
	library, err := questions("")
	if err != nil {
		return nil, err
	}
	asked, rest := named(library, ids)
	switch {
	case len(rest) > 0:
		return nil, usagef("there is no question %q: vedette hunt --list has them", rest[0])
	case len(asked) != len(ids):
		return nil, usagef("questions are named one by one, each once")
	}
	answers, _, err := ask(ctx, opts, asked, nil, math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	var list []rehearse.Answer
	for _, a := range answers {
		out := rehearse.Answer{ID: a.Question.ID}
		for _, row := range a.Rows {
			out.Last = append(out.Last, row.Last)
		}
		list = append(list, out)
	}
	return list, nil
}

// anyCall is the same plans with windows that fire at one call.
func anyCall(plans []*plan.Plan) []*plan.Plan {
	var out []*plan.Plan
	for _, p := range plans {
		q := *p
		q.Windows = slices.Clone(p.Windows)
		for i := range q.Windows {
			q.Windows[i].Trigger = plan.Condition{{Events: 1}}
		}
		out = append(out, &q)
	}
	return out
}

type rehearseClean struct {
	rehearsal
}

func (c *rehearseClean) Run(std IO) error {
	removed, left, err := rehearse.Clean(c.Dir)
	switch {
	case err != nil && removed > 0:
		return fmt.Errorf("%s removed, and then: %w", term.Plural(removed, "run"), err)
	case err != nil:
		return err
	case len(left) == 0:
		fmt.Fprintln(std.Stdout, "removed", term.Safe(c.Dir))
		return nil
	case removed == 0:
		fmt.Fprintln(std.Stdout, "there is no run in", term.Safe(c.Dir))
	default:
		fmt.Fprintf(std.Stdout, "removed %s of %s\n", term.Plural(removed, "run"), term.Safe(c.Dir))
	}
	for _, path := range left {
		fmt.Fprintln(std.Stdout, "left, no run's:", term.Safe(path))
	}
	return nil
}
