package cli

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
)

// chosen is the flags that name a finding and say where to look for it.
type chosen struct {
	ID       string   `arg:"" help:"The finding's id, or a beginning of it that no other finding has."`
	Paths    []string `arg:"" optional:"" name:"path" help:"The logs that were scanned."`
	Findings string   `type:"path" placeholder:"FILE" help:"Look the finding up in this JSON output of scan (- for standard input) instead of scanning; logs beside it complete it. Such a file may stand among the paths as well."`

	read *scan.Result // what find read of logs, nil where it read none
}

// lost ends a command that has finished although some of the logs that find
// read was lost.
func (c *chosen) lost() error {
	if c.read == nil {
		return nil
	}
	return errLost(c.read, byScan)
}

// inLogs is [chosen] for commands that need the logs whatever was saved.
type inLogs struct {
	ID       string   `arg:"" help:"The finding's id, or a beginning of it that no other finding has."`
	Paths    []string `arg:"" name:"path" help:"The logs that were scanned; they are needed beside saved findings, too."`
	Findings string   `type:"path" placeholder:"FILE" help:"Look the finding up in this JSON output of scan (- for standard input); the logs are read all the same. Such a file may stand among the paths as well."`

	read *scan.Result
}

func (l *inLogs) chosen() *chosen { return (*chosen)(l) }

// find returns the finding. Where it is looked up in a file and lacks some of
// so many events of its evidence, or a credential of its chain, the logs beside
// complete it; where there is no file, they are scanned with the flags that the
// first scan had. The logs alone are left in Paths.
func (c *chosen) find(ctx context.Context, std IO, in *counting, evidence int, quiet bool) (*finding.Finding, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := c.split(); err != nil {
		return nil, err
	}
	if c.Findings != "" && in.Exceptions != "" {
		return nil, usagef("exceptions are applied by a scan: --exceptions does not go with saved findings")
	}
	if c.Findings != "" {
		f, err := c.lookUp(std)
		if err != nil {
			return nil, err
		}
		done, err := complete(ctx, std, []*finding.Finding{f}, c.Paths, in, evidence, quiet)
		done.tell(std, f)
		c.read = done.read
		return f, err
	}
	if len(c.Paths) == 0 {
		return nil, usagef("name the logs to scan, or --findings FILE")
	}
	opts, enricher, err := in.options(c.Paths, std, evidence)
	if err != nil {
		return nil, err
	}
	res, err := run(ctx, opts, std, quiet)
	if err != nil {
		return nil, err
	}
	if res.Report.Summary.Events == 0 {
		return nil, errNothing(res, byScan)
	}
	c.read = res
	enricher.apply(&res.Report)
	return pick(res.Report.Findings, c.ID)
}

// split takes saved findings out of the paths.
func (c *chosen) split() error {
	g, err := split(c.Findings, c.Paths)
	c.Findings, c.Paths = g.saved, g.logs
	return err
}

// lookUp finds the finding in what a scan saved.
func (c *chosen) lookUp(std IO) (*finding.Finding, error) {
	r, err := loadReport(c.Findings, std)
	if err != nil {
		return nil, err
	}
	return pick(r.Findings, c.ID)
}

// check refuses what is no id before logs are read for it.
func (c *chosen) check() error {
	if isID(c.ID) {
		return nil
	}
	if _, err := os.Stat(c.ID); err == nil && c.ID != "" {
		return usagef("%s is a file or a folder: the finding's id comes first, then the logs", c.ID)
	}
	return usagef("%q is no id of a finding: scan shows them", c.ID)
}

// isID reports whether s may be an id of a finding, or the beginning of one.
func isID(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func pick(list []finding.Finding, id string) (*finding.Finding, error) {
	var hits []*finding.Finding
	for i := range list {
		f := &list[i]
		if f.ID == id {
			return f, nil
		}
		named := strings.HasPrefix(f.ID, strings.ToLower(id))
		for _, old := range f.PreviousIDs {
			named = named || strings.HasPrefix(old, id)
		}
		if named {
			hits = append(hits, f)
		}
	}
	switch len(hits) {
	case 0:
		return nil, usagef("no finding %q among %d: were the same logs scanned with the same flags?", id, len(list))
	case 1:
		return hits[0], nil
	}
	var ids []string
	for _, f := range hits {
		ids = append(ids, f.ID)
	}
	return nil, usagef("%q is the beginning of %d findings: %s", id, len(hits), strings.Join(ids, ", "))
}

type explainCmd struct {
	chosen
	counting
	Format   string `short:"f" enum:"text,json" default:"text" help:"text or json. Default: ${default}."`
	Evidence string `default:"25" placeholder:"N|all" help:"Events to show, denied ones first. Default: ${default}."`
	APIs     string `name:"apis" default:"50" placeholder:"N|all" help:"Operations to show, those first that were refused, ask for secrets or keys, or have a part in the priority. Default: ${default}."`
	Quiet    bool   `short:"q" help:"No progress on standard error."`
}

func (c *explainCmd) Run(ctx context.Context, std IO) error {
	n, err := parseShown("--evidence", c.Evidence)
	if err != nil {
		return err
	}
	apis, err := parseShown("--apis", c.APIs)
	if err != nil {
		return err
	}
	kept := max(n, 1000) // as in the JSON of scan
	if n < 0 {
		kept = n
	}
	if g, err := split(c.Findings, c.Paths); err == nil && g.saved != "" && c.Format != "json" {
		kept = n // logs beside are read for no more than is shown
	}
	f, err := c.find(ctx, std, &c.counting, kept, c.Quiet)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		if err := report.Write(std.Stdout, "ndjson", &finding.Report{Findings: []finding.Finding{*f}}, report.Options{}); err != nil {
			return err
		}
		return c.lost()
	}
	w := bufio.NewWriter(std.Stdout)
	if err := report.Explain(w, f, report.Options{Evidence: n, APIs: apis, Terminal: term.Detect(std.Stdout, std.Getenv), Version: Version()}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return c.lost()
}

// parseShown reads how many of something a page shows: a number from 1 on, or
// "all", which is -1.
func parseShown(flag, s string) (int, error) {
	if s == "all" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, usagef("%s: %q is neither a number from 1 on nor \"all\"", flag, s)
	}
	return n, nil
}
