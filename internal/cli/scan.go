package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/attack"
	"vedette/internal/cloud/all"
	"vedette/internal/cloud/client"
	"vedette/internal/detection"
	"vedette/internal/engine"
	"vedette/internal/enrich"
	"vedette/internal/exception"
	"vedette/internal/finding"
	hist "vedette/internal/history"
	"vedette/internal/plan"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/term"
	"vedette/internal/triage"
)

// counting is the flags that say how events are counted; several commands
// share them.
type counting struct {
	Detections      []string `name:"detection" placeholder:"ID|GROUP|FILE" help:"Run this detection instead of the usual ones: the id of a built-in one, a group of them (related, all), or a file; may be given again." sep:"none"`
	Window          string   `enum:"sliding,tumbling," default:"" help:"Lay all windows so: sliding (a burst is found at every phase) or tumbling (fixed bins). Default: as the detection says."`
	Identity        string   `enum:"principal,session" default:"principal" help:"Group by principal (the role) or by session. Default: ${default}."`
	NoDedup         bool     `help:"Count every record: copies of one event, and retries of throttled calls."`
	IncludeServices bool     `help:"Let calls score that the provider made itself."`
	Memory          string   `default:"128MiB" placeholder:"SIZE" help:"Memory for collected calls; what is over it goes to temporary files. Default: ${default}."`
	Workers         int      `default:"0" placeholder:"N" help:"Files read at a time (0: one a core)."`
	Weights         string   `type:"path" placeholder:"FILE" help:"YAML with weights of the priority to lay over the built-in ones (vedette weights)."`
	Context         string   `type:"path" placeholder:"FILE" help:"YAML with names of accounts, owners of identities, known addresses."`
	Baseline        string   `type:"path" placeholder:"FILE" help:"History to compare with, made by learn."`
	GeoIP           []string `name:"geoip" placeholder:"FILE.mmdb" help:"MaxMind DB with networks (ASN, country); may be given again." sep:"none"`
	Exceptions      string   `type:"path" placeholder:"FILE" help:"YAML with exceptions: findings that one covers whole are put aside."`
}

// files are those that are read besides the logs.
func (c *counting) files() []string {
	list := append([]string{c.Weights, c.Context, c.Baseline, c.Exceptions}, c.GeoIP...)
	return append(list, c.Detections...)
}

type scanCmd struct {
	Paths []string `arg:"" name:"path" help:"Files, folders, patterns, or - for standard input."`
	counting
	filter
	Profile  string `enum:"vedette,seed" default:"vedette" help:"vedette, or seed: the original query's verdict to the letter. Default: ${default}."`
	Rows     bool   `help:"Give a row a firing window, in the columns of compiled rules, instead of findings; needs --window tumbling."`
	Format   string `short:"f" default:"table" placeholder:"FORMAT" help:"table, json, ndjson, csv or ocsf. Default: ${default}."`
	Output   string `short:"o" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
	Evidence string `default:"1000" placeholder:"N|all" help:"Events that a finding lists in json, ndjson and ocsf. Default: ${default}."`
	Limit    int    `default:"100" placeholder:"N" help:"Findings or rows that the table shows (0: all). Default: ${default}."`
	FailOn   string `placeholder:"LEVEL|N|risk:N" help:"Exit with 3 when a finding is of at least this level, such as high, or has at least this priority, 0 to 100, or this risk. Of rows a number is the risk."`
	Quiet    bool   `short:"q" help:"Findings and the answer in a sentence, no progress and no summary."`

	failOn func(*finding.Finding) bool // nil where it is not set
}

func (c *scanCmd) Run(ctx context.Context, std IO) error {
	formats := report.Formats()
	if c.inRows() {
		formats = report.RowFormats()
	}
	if !slices.Contains(formats, report.Format(c.Format)) {
		if c.inRows() {
			return usagef("no format %q for rows: there are %s", c.Format, join(formats))
		}
		return usagef("no format %q: there are %s", c.Format, join(formats))
	}
	if c.inRows() && c.Exceptions != "" {
		return usagef("rows are never put aside: --exceptions does not go with --rows or --profile seed")
	}
	evidence, err := parseEvidence(c.Evidence)
	if err != nil {
		return err
	}
	if err := c.filter.check(); err != nil {
		return err
	}
	if c.failOn, err = failOn(c.FailOn, c.inRows()); err != nil {
		return err
	}
	if c.Format == "table" || c.Format == "csv" {
		evidence = 0 // they show none
	}
	if err := spare(ctx, std.Stdin, c.Output, c.Paths, c.counting.files()...); err != nil {
		return err
	}
	opts, enricher, err := c.counting.options(c.Paths, std, evidence)
	if err != nil {
		return err
	}
	if c.Profile == "seed" {
		if err := c.seedOnly(); err != nil {
			return err
		}
		if opts.Seed, err = detection.LoadSeedProfile(); err != nil {
			return err
		}
	}
	if c.Rows && c.Profile != "seed" {
		if c.Window != "tumbling" || c.filter.set() || c.Weights != "" {
			return usagef("--rows gives every fixed bin that fires: it needs --window tumbling, and no filter or --weights")
		}
		opts.Engine.Rows, opts.Engine.Detail = true, 1
	} else if c.Format == "table" && c.filter.ordered() {
		opts.Engine.Detail = c.Limit // no more are shown, nor looked into
	}
	res, err := run(ctx, opts, std, c.Quiet)
	if err != nil {
		return err
	}
	enricher.apply(&res.Report)
	if err := c.filter.apply(res); err != nil {
		return err
	}
	if err := c.write(std, res); err != nil {
		return err
	}
	return c.verdict(res, c.lostNamed())
}

// inRows reports whether the answer is rows, not findings.
func (c *scanCmd) inRows() bool { return c.Rows || c.Profile == "seed" }

// seedOnly refuses flags that the seed profile does not know.
func (c *scanCmd) seedOnly() error {
	switch {
	case len(c.Detections) > 0, c.Window != "", c.Identity != "principal", c.NoDedup, c.IncludeServices:
		return usagef("--profile seed counts as the original query does: --detection, --window, --identity, --no-dedup and --include-services do not go with it")
	case c.filter.set():
		return usagef("--profile seed gives every row: --since, --until, --last, --actor, --account, --min-risk, --min-priority and --min-level do not go with it")
	case c.Weights != "":
		return usagef("--profile seed gives risks and no priorities: --weights does not go with it")
	}
	return nil
}

// verdict is how a scan ends; named says where lost input is named.
func (c *scanCmd) verdict(res *scan.Result, named string) error {
	if c.failOn != nil {
		if slices.ContainsFunc(res.Report.Findings, func(f finding.Finding) bool { return c.failOn(&f) }) ||
			slices.ContainsFunc(res.Rows, func(r finding.Row) bool { return c.failOn(&finding.Finding{RiskScore: r.RiskScore}) }) {
			return exit{code: ExitFindings}
		}
	}
	if res.Report.Summary.Events == 0 {
		return errNothing(res, named)
	}
	return errLost(res, named)
}

// write writes the result. Formats for programs say nothing of what was
// read, so the summary then goes to standard error.
func (c *scanCmd) write(std IO, res *scan.Result) (err error) {
	var buf bytes.Buffer
	out := io.Writer(&buf)
	opts := report.Options{Version: Version(), Limit: c.Limit, Brief: c.Quiet}
	if c.Output == "" {
		opts.Terminal = term.Detect(std.Stdout, std.Getenv)
	}
	if c.inRows() {
		err = report.WriteRows(out, c.Format, res.Rows, opts)
	} else {
		err = report.Write(out, c.Format, &res.Report, opts)
	}
	if err != nil {
		return err
	}
	if c.Output == "" {
		w := bufio.NewWriter(std.Stdout)
		if _, err := w.Write(buf.Bytes()); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	} else if err := os.WriteFile(c.Output, buf.Bytes(), 0o600); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	if c.Quiet || !c.inRows() && (c.Format == "table" && c.Output == "" || c.Format == "json") {
		return nil
	}
	opts = report.Options{Version: Version(), Terminal: term.Detect(std.Stderr, std.Getenv)}
	if c.inRows() {
		return report.RowSummary(std.Stderr, &res.Report, res.Rows, opts)
	}
	return report.Summary(std.Stderr, &res.Report, opts)
}

// run scans with a progress line on a terminal.
func run(ctx context.Context, opts scan.Options, std IO, quiet bool) (res *scan.Result, err error) {
	err = watch(&opts, std, quiet, func() (err error) {
		res, err = scan.Run(ctx, opts)
		return err
	})
	return res, err
}

// watch shows on a terminal how far a scan has come.
func watch(opts *scan.Options, std IO, quiet bool, work func() error) error {
	defer paceGC()()
	opts.Progress = &scan.Progress{}
	t := term.Detect(std.Stderr, std.Getenv)
	t.Interactive = t.Interactive && !quiet
	p := term.StartProgress(std.Stderr, t, func() term.Status {
		return term.Status{Done: opts.Progress.Done.Load(), Total: opts.Progress.Total.Load(), Records: opts.Progress.Records.Load()}
	})
	err := work()
	p.Stop()
	return err
}

// enrichers add what the user knows to a report.
type enrichers struct {
	context    *enrich.Context
	geoip      *enrich.GeoIP
	exceptions *exception.List
}

func (e *enrichers) apply(r *finding.Report) {
	if e.context != nil {
		e.context.Apply(r)
	}
	if e.geoip != nil {
		e.geoip.Apply(r)
	}
	if e.exceptions != nil {
		tellExceptions(e.exceptions, &r.Summary, e.geoip != nil)
	}
}

// network names the network of an address by its autonomous system, where
// the databases know it. A damaged database is told of by apply.
func (e *enrichers) network(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil {
		if n, _ := e.geoip.Lookup(ip); n.ASN != "" {
			return strings.TrimSpace(n.ASN + " " + n.ASName)
		}
	}
	return engine.Network(address)
}

// options turns the flags into what a scan needs.
func (in *counting) options(paths []string, std IO, evidence int) (scan.Options, *enrichers, error) {
	var none scan.Options
	memory, err := parseSize(in.Memory)
	if err != nil {
		return none, nil, usagef("--memory: %w", err)
	}
	plans, err := in.plans()
	if err != nil {
		return none, nil, err
	}
	enricher := &enrichers{}
	if in.Context != "" {
		if enricher.context, err = enrich.LoadContext(in.Context); err != nil {
			return none, nil, usage(err)
		}
	}
	var network func(string) string
	if len(in.GeoIP) > 0 {
		if enricher.geoip, err = enrich.OpenGeoIP(in.GeoIP...); err != nil {
			return none, nil, usage(err)
		}
		network = enricher.network
	}
	var baseline *hist.Baseline
	if in.Baseline != "" {
		if baseline, err = readBaseline(in.Baseline); err != nil {
			return none, nil, err
		}
	}
	weights, err := loadWeights(in.Weights)
	if err != nil {
		return none, nil, err
	}
	judge := triage.New(weights)
	var judged func(*finding.Finding, *finding.Facts)
	if in.Exceptions != "" {
		if enricher.exceptions, err = exception.Load(in.Exceptions); err != nil {
			return none, nil, usage(err)
		}
		judged = func(f *finding.Finding, facts *finding.Facts) {
			enricher.exceptions.Apply(facts, &f.Judgement, judge.PutAside)
		}
	}
	workers := in.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return scan.Options{
		Paths: paths, Stdin: std.Stdin, Providers: all.Providers(),
		Engine: engine.Options{
			Plans: plans, BySession: in.Identity == "session", KeepCopies: in.NoDedup,
			Memory: memory, Workers: workers, Evidence: evidence,
			Family: client.Family, Network: network, TechniqueName: attack.Name,
			Judge: judge.Judge, Priority: judge.Priority, Joined: judge.Joined, Notable: triage.Notable, Baseline: baseline, Judged: judged,
		},
	}, enricher, nil
}

// plans loads the detections and lowers them.
func (in *counting) plans() ([]*plan.Plan, error) {
	list, err := loadDetections(in.Detections)
	if err != nil {
		return nil, err
	}
	opts := detection.Options{Services: in.IncludeServices}
	switch in.Window {
	case "sliding":
		k := plan.Sliding
		opts.Kind = &k
	case "tumbling":
		k := plan.Tumbling
		opts.Kind = &k
	}
	var plans []*plan.Plan
	for _, d := range list {
		p, err := detection.Lower(d, opts)
		if err != nil {
			return nil, usage(err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func parseEvidence(s string) (int, error) {
	if s == "all" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, usagef("--evidence: %q is neither a number nor \"all\"", s)
	}
	return n, nil
}

// parseSize reads a size such as 512MiB, 1GB or 65536.
func parseSize(s string) (int64, error) {
	units := []struct {
		name string
		n    float64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
		{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
	}
	num, mul := strings.TrimSpace(s), 1.0
	for _, u := range units {
		if len(num) > len(u.name) && strings.EqualFold(num[len(num)-len(u.name):], u.name) {
			num, mul = strings.TrimSpace(num[:len(num)-len(u.name)]), u.n
			break
		}
	}
	v, err := strconv.ParseFloat(num, 64)
	if err != nil || v*mul < 1 || v*mul > 1<<60 {
		return 0, fmt.Errorf("%q is no size: write for example 512MiB", s)
	}
	return int64(v * mul), nil
}

func join(formats []report.Format) string {
	var s []string
	for _, f := range formats {
		s = append(s, string(f))
	}
	return strings.Join(s, ", ")
}
