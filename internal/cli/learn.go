package cli

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	hist "vedette/internal/history"
)

type learnCmd struct {
	Paths []string `arg:"" name:"path" help:"Files, folders, patterns, or - for standard input."`
	counting
	Output string   `short:"o" required:"" type:"path" placeholder:"FILE" help:"Baseline to write, a new one or that of --add; plain JSON lines where the name ends in .ndjson."`
	Add    string   `type:"path" placeholder:"FILE" help:"Baseline to add to; may be the one that is written."`
	Benign []string `sep:"none" placeholder:"ID" help:"Findings whose calls are learned too; by id, or a beginning of it that no other finding has; several with a comma between. Others that fire are not."`
	Decay  int      `default:"90" placeholder:"DAYS" help:"Forget what was last seen more than so many days before the newest (0: never). Default: ${default}."`
	Quiet  bool     `short:"q" help:"No progress and no summary."`
}

func (c *learnCmd) Run(ctx context.Context, std IO) error {
	opts, _, err := c.counting.options(c.Paths, std, 0)
	if err != nil {
		return err
	}
	if c.Identity != "principal" {
		return usagef("a baseline is of principals: --identity session does not go with it")
	}
	if c.Baseline != "" {
		return usagef("--baseline is what a scan compares with: to add to a baseline, give it with --add")
	}
	if c.Decay < 0 {
		return usagef("--decay: %d is no number of days", c.Decay)
	}
	var old *hist.Baseline
	if c.Add != "" {
		if old, err = readBaseline(c.Add); err != nil {
			return err
		}
	}
	if err := c.free(); err != nil {
		return err
	}
	if err := c.named(); err != nil {
		return err
	}
	known := func(id string) bool {
		return slices.ContainsFunc(c.Benign, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
	}
	opts.Engine.Learn, opts.Engine.Benign, opts.Engine.Detail = true, known, 1
	res, err := run(ctx, opts, std, c.Quiet)
	if err != nil {
		return err
	}
	var benign []string
	for i := range res.Report.Findings {
		if id := res.Report.Findings[i].ID; known(id) {
			benign = append(benign, id)
		}
	}
	for _, prefix := range c.Benign {
		switch n := countPrefixed(benign, prefix); n {
		case 0:
			return usagef("--benign: no finding's id begins with %q", prefix)
		case 1:
		default:
			return usagef("--benign: %q is the beginning of %d findings' ids: name each", prefix, n)
		}
	}
	defer paceGC()() // what the scan kept is garbage by now, and as much again is made
	header, profiles := hist.Learn(old, res.Profiles, c.Decay, benign)
	if res.Report.Summary.Events == 0 {
		return exit{ExitLost, fmt.Errorf("no audited call of a cloud was in the input: nothing was learned, and %s is not written", c.Output)}
	}
	if err := writeBaseline(c.Output, header, profiles); err != nil {
		return err
	}
	if !c.Quiet {
		span := ""
		if header.To > 0 {
			span = fmt.Sprintf(", %s to %s", header.From, header.To)
		}
		fmt.Fprintf(std.Stderr, "%d profiles%s, in %s; %s not learned\n", header.Profiles, span, c.Output,
			plural(len(res.Report.Findings)-len(benign), "finding"))
		tellForgotten(std, header)
	}
	return errLost(res, byScan)
}

// named takes the list of --benign apart. Nothing at all would begin every id:
// an unset variable of a script would have each attack learned.
func (c *learnCmd) named() error {
	if len(c.Benign) == 0 {
		return nil
	}
	c.Benign = strings.Split(strings.ToLower(strings.Join(c.Benign, ",")), ",")
	for _, id := range c.Benign {
		if !isID(id) {
			return usagef("--benign: %q is no id of a finding: scan shows them", id)
		}
	}
	return nil
}

func countPrefixed(ids []string, prefix string) (n int) {
	for _, id := range ids {
		if strings.HasPrefix(id, prefix) {
			n++
		}
	}
	return n
}

// tellForgotten says what was too old to be kept: a few profiles of many
// callers are otherwise a riddle.
func tellForgotten(std IO, h *hist.Header) {
	old := h.Forgotten
	if old.To == 0 {
		return
	}
	callers := "; no caller is lost by it"
	if old.Callers > 0 {
		callers = ", and with it " + plural(old.Callers, "caller") + " not seen since"
	}
	fmt.Fprintf(std.Stderr, "Left out: %s to %s, more than %s before the newest call%s (--decay DAYS; --decay 0 keeps all)\n",
		old.From, old.To, plural(h.Decay, "day"), callers)
}

// free refuses to write over a file other than the baseline that is added to:
// what it knows would be gone.
func (c *learnCmd) free() error {
	there, err := os.Stat(c.Output)
	if err != nil {
		return nil // there is none, or writing says why not
	}
	if added, err := os.Stat(c.Add); err == nil && os.SameFile(there, added) {
		return nil
	}
	return usagef("-o: %s exists: --add adds to it", c.Output)
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func readBaseline(path string) (*hist.Baseline, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(err)
	}
	defer f.Close()
	b, err := hist.Read(f)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", path, err))
	}
	return b, nil
}

// writeBaseline writes beside the file and renames, so that a baseline that
// is added to is whole at every moment.
func writeBaseline(path string, h *hist.Header, profiles iter.Seq[*hist.Profile]) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".vedette-baseline-*")
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	defer os.Remove(f.Name())
	err = hist.Write(f, h, profiles, strings.HasSuffix(path, ".ndjson"))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}
