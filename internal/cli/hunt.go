package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/hunt"
	"vedette/internal/report"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
	"vedette/internal/term"
)

type huntCmd struct {
	Questions []string `arg:"" optional:"" name:"question" help:"Ids of questions, such as aws-root-reads, or all, and the logs to ask behind them. With --engine ids of questions, or of built-in detections such as T1580, groups of them (related, all), or detection files."`
	List      bool     `help:"List the questions, and what each can be asked of."`
	Library   string   `type:"path" placeholder:"FILE" help:"File of further questions."`
	Engine    string   `short:"e" placeholder:"NAME" help:"Ask the tables of a database: whose client to run, duckdb, psql, clickhouse, trino or spark-sql."`
	Client    string   `placeholder:"COMMAND" help:"Run this program instead of the engine's usual one; words before its arguments may follow, as in \"clickhouse local\"."`
	ClientArg []string `name:"client-arg" placeholder:"ARG" help:"Argument for the client, such as where to connect; may be given again. What stands behind -- is the same." sep:"none"`
	From      []string `placeholder:"PATTERN" help:"With duckdb: read raw logs in these files instead of tables; a folder stands for all *.json* below it; may be given again." sep:"none"`
	Table     []string `placeholder:"NAME=TABLE" help:"Table of a log, such as cloudtrail=lake.trail; may be given again. Logs that are not named are then not asked." sep:"none"`
	Fields    string   `type:"path" placeholder:"FILE" help:"Field map to lay over the built-in one: names of tables and fields."`
	Dialect   string   `placeholder:"NAME" help:"Dialect and tables of another engine that the client speaks to: trino takes athena."`
	Since     string   `placeholder:"TIME" help:"Windows that reach past this time (RFC 3339, or a date)."`
	Until     string   `placeholder:"TIME" help:"Windows that begin before this time."`
	Last      string   `placeholder:"DURATION" help:"Windows in the time before --until, or before now, such as 24h or 90d."`
	Cloud     []string `sep:"," placeholder:"NAME" help:"Ask only the logs of these clouds: aws, azure, gcp."`
	Profile   string   `enum:"vedette,seed" default:"vedette" help:"vedette, or seed: the original query, its fault mended. Default: ${default}."`
	Window    string   `enum:"tumbling,overlapping" default:"tumbling" help:"Windows side by side, or overlapping so that no burst is cut at an edge. Default: ${default}."`
	Identity  string   `enum:"principal,session" default:"principal" help:"Group by principal (the role) or by session. Default: ${default}."`
	NoDedup   bool     `help:"Count every record: copies of one act, and retries of throttled calls."`
	Services  bool     `name:"include-services" help:"Let calls count that the provider made itself."`
	Format    string   `short:"f" default:"table" placeholder:"FORMAT" help:"table, json, ndjson or csv. Default: ${default}."`
	Output    string   `short:"o" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
	FailOn    string   `placeholder:"RISK" help:"Exit with 3 when a row has at least this risk, 0 to 100; risk:N is the same."`
	DryRun    bool     `name:"dry-run" help:"Print the command line and the statements instead of running them."`
	Quiet     bool     `short:"q" help:"Rows alone, without what they rest on."`
}

// Run asks one question after the other.
func (c *huntCmd) Run(ctx context.Context, std IO) error {
	library, err := questions(c.Library)
	if err != nil {
		return err
	}
	if c.List {
		return c.list(std, library)
	}
	asked, paths := named(library, c.Questions)
	if c.Engine != "" && len(c.Questions) > 0 && c.Questions[0] == allQuestions {
		asked = nil // of tables it is the group of detections
	}
	switch {
	case len(c.Questions) == 0:
		return usagef("name a question: vedette hunt --list has them")
	case c.Engine == "":
		return c.overFiles(ctx, std, asked, paths)
	}
	if err := spare(ctx, nil, c.Output, c.From, append([]string{c.Library, c.Fields}, c.Questions...)...); err != nil {
		return err
	}
	switch {
	case len(asked) > 0:
		return c.overTables(ctx, std, asked, paths)
	}
	return c.detections(ctx, std)
}

// detections asks tables what detections ask.
func (c *huntCmd) detections(ctx context.Context, std IO) error {
	engine, backend, err := c.check()
	if err != nil {
		return err
	}
	fail, err := failOn(c.FailOn, true)
	if err != nil {
		return err
	}
	within, err := c.within(time.Now())
	if err != nil {
		return err
	}
	asked := c.asked(backend)
	rules, err := asked.rules()
	if err != nil {
		return err
	}
	var calls []*hunt.Call
	var outs []*siem.Output
	for _, r := range rules {
		r.Range = within
		fields, err := asked.fields(backend)
		if err != nil {
			return err
		}
		setup, logs, err := c.tables(r.ID, logsOf(r.Legs, func(l siem.Leg) event.Log { return l.Log }), fields)
		if err != nil {
			return err
		}
		r.Legs = slices.DeleteFunc(r.Legs, func(l siem.Leg) bool { return !slices.Contains(logs, l.Log) })
		out, err := backend.Compile(r, fields)
		if err != nil {
			return err
		}
		query, err := backend.Rows(out)
		if err != nil {
			return err
		}
		call := &hunt.Call{Engine: engine, Client: clientCommand(c.Client), Args: c.ClientArg, Setup: setup, Query: query}
		if c.DryRun {
			if err := dryRun(std.Stdout, call, out.Query); err != nil {
				return err
			}
		}
		calls, outs = append(calls, call), append(outs, out)
	}
	if c.DryRun {
		return nil
	}
	rows := []finding.Row{}
	for i, call := range calls {
		some, err := call.Run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", rules[i].ID, err)
		}
		rows = append(rows, some...)
	}
	if err := c.write(std, outs, rows); err != nil {
		return err
	}
	if !c.Quiet {
		if err := asked.tellParts(std, "not asked; name them beside it to ask them too"); err != nil {
			return err
		}
	}
	if fail != nil && slices.ContainsFunc(rows, func(r finding.Row) bool { return fail(&finding.Finding{RiskScore: r.RiskScore}) }) {
		return exit{code: ExitFindings}
	}
	return nil
}

// check reads the flags that need nothing else, and finds the engine and the
// dialect it is asked in.
func (c *huntCmd) check() (*hunt.Engine, siem.Tabular, error) {
	engine, ok := hunt.Find(c.Engine)
	if !ok {
		var names []string
		for _, e := range hunt.Engines() {
			names = append(names, e.Name)
		}
		return nil, nil, usagef("no engine %q: there are %s", c.Engine, strings.Join(names, ", "))
	}
	dialect := engine.Dialects[0]
	if c.Dialect != "" {
		if dialect = c.Dialect; !slices.Contains(engine.Dialects, dialect) {
			return nil, nil, usagef("--dialect: %s takes %s", engine.Name, strings.Join(engine.Dialects, ", "))
		}
	}
	switch {
	case !slices.Contains(report.RowFormats(), report.Format(c.Format)):
		return nil, nil, usagef("no format %q: there are %s", c.Format, join(report.RowFormats()))
	case len(c.From) > 0 && engine.Name != "duckdb":
		return nil, nil, usagef("--from: only duckdb reads raw logs; %s asks tables", engine.Name)
	case len(c.From) > 0 && len(c.Table) > 0:
		return nil, nil, usagef("--from and --table both say what to read: give one")
	case c.Profile == "seed" && (c.Window != "tumbling" || c.Identity != "principal" || c.NoDedup || c.Services):
		return nil, nil, usagef("--profile seed counts as the original query does: --window, --identity, --no-dedup and --include-services do not go with it")
	}
	for _, b := range backends.Backends() {
		if t, ok := b.(siem.Tabular); ok && b.Name() == "sql:"+dialect {
			return engine, t, nil
		}
	}
	return nil, nil, fmt.Errorf("nothing is compiled for %s", dialect)
}

// asked is what the questions are compiled with.
func (c *huntCmd) asked(b siem.Backend) *compileCmd {
	return &compileCmd{
		Detections: c.Questions, Target: []string{b.Name()}, Cloud: c.Cloud, Profile: c.Profile, Window: c.Window,
		Identity: c.Identity, NoDedup: c.NoDedup, Services: c.Services, Fields: c.Fields,
	}
}

// within is the time that is asked about. A table does not know its newest
// call without being read whole: --last counts back from now.
func (c *huntCmd) within(now time.Time) (siem.Range, error) {
	var r siem.Range
	var err error
	if r.Since, err = parseTime("--since", c.Since); err != nil {
		return r, err
	}
	if r.Until, err = parseTime("--until", c.Until); err != nil {
		return r, err
	}
	if c.Last != "" {
		if c.Since != "" {
			return r, usagef("--last and --since say the same in two ways: give one")
		}
		d, err := parseDuration(c.Last)
		if err != nil {
			return r, usagef("--last: %w", err)
		}
		r.Since = now.UTC().Truncate(time.Second).Add(-d)
		if !r.Until.IsZero() {
			r.Since = r.Until.Add(-d)
		}
	}
	return r, inOrder(r.Since, r.Until)
}

// logsOf are the logs of legs.
func logsOf[L any](legs []L, log func(L) event.Log) []event.Log {
	var list []event.Log
	for _, l := range legs {
		list = append(list, log(l))
	}
	return list
}

// tables puts the user's tables into the field map, and returns those of the
// logs that there are tables for and the statements that make tables of raw
// logs.
func (c *huntCmd) tables(id string, logs []event.Log, fields *siem.Fields) (setup string, asked []event.Log, err error) {
	switch {
	case len(c.From) > 0:
		setup, tables, err := hunt.Files(patterns(c.From), logs)
		if err != nil {
			return "", nil, usagef("--from: %w", err)
		}
		for l, table := range tables {
			if m := fields.Logs[l.String()]; m != nil {
				m.Source, m.Needs = table, "the files named with --from"
			}
		}
		return setup, logs, nil
	case len(c.Table) == 0:
		return "", logs, nil
	}
	named := map[string]bool{}
	for _, pair := range c.Table {
		name, table, ok := strings.Cut(pair, "=")
		log := logOf(fields, name)
		switch {
		case !ok || strings.TrimSpace(table) == "":
			return "", nil, usagef("--table: %q is not NAME=TABLE", pair)
		case log == "":
			return "", nil, usagef("--table: %q is no log: there are %s", name, strings.Join(logNames(fields), ", "))
		case named[log]:
			return "", nil, usagef("--table: %s is named twice", name)
		}
		named[log] = true
		fields.Logs[log].Source = table
	}
	asked = slices.DeleteFunc(logs, func(l event.Log) bool { return !named[l.String()] })
	if len(asked) == 0 {
		return "", nil, usagef("--table: %s reads none of the logs that are named", id)
	}
	return "", asked, nil
}

// logOf is the log class that a table is named for: by its own name, or by
// that of the built-in table.
func logOf(fields *siem.Fields, name string) string {
	if fields.Logs[name] != nil {
		return name
	}
	for _, log := range slices.Sorted(maps.Keys(fields.Logs)) {
		if fields.Logs[log].Source == name {
			return log
		}
	}
	return ""
}

func logNames(fields *siem.Fields) []string {
	var names []string
	for _, log := range slices.Sorted(maps.Keys(fields.Logs)) {
		names = append(names, fields.Logs[log].Source)
	}
	return names
}

// patterns lets a folder stand for the JSON files below it.
func patterns(from []string) []string {
	var list []string
	for _, p := range from {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			p = strings.TrimRight(p, `/\`) + "/**/*.json*"
		}
		list = append(list, p)
	}
	return list
}

// clientCommand is the program that --client names; where none has that
// whole name, it is one with arguments.
func clientCommand(s string) []string {
	if _, err := exec.LookPath(s); err == nil && s != "" {
		return []string{s}
	}
	return strings.Fields(s)
}

// dryRun prints what would run, as a file that the client takes.
func dryRun(w io.Writer, call *hunt.Call, query string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Runs: %s\n", siem.PlainLine(call.String()))
	for line := range strings.Lines(query) {
		if !strings.HasPrefix(line, "--") {
			break
		}
		b.WriteString(line)
	}
	b.WriteString(call.Statements())
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes the rows, and beside them what they rest on.
func (c *huntCmd) write(std IO, outs []*siem.Output, rows []finding.Row) error {
	opts := report.Options{Version: Version()}
	if c.Output == "" {
		opts.Terminal = term.Detect(std.Stdout, std.Getenv)
	}
	var buf bytes.Buffer
	var err error
	if len(rows) == 0 && c.Format == string(report.Table) {
		buf.WriteString("No row: nobody reached the thresholds in the tables that were asked. What is not in them was not seen.\n")
	} else if err = report.WriteRows(&buf, c.Format, rows, opts); err != nil {
		return err
	}
	if c.Output == "" {
		_, err = std.Stdout.Write(buf.Bytes())
	} else if err = os.WriteFile(c.Output, buf.Bytes(), 0o600); err != nil {
		err = fmt.Errorf("-o: %w", err)
	}
	if err != nil || c.Quiet {
		return err
	}
	return told(std.Stderr, outs, rows)
}

// told says what was asked, and what the answer cannot show.
func told(w io.Writer, outs []*siem.Output, rows []finding.Row) error {
	var b strings.Builder
	for _, out := range outs {
		r := out.Rule
		fmt.Fprintf(&b, "%s, windows of %s %s", r.ID, siem.Duration(r.Window.Length), r.Range)
		var logs []string
		for _, l := range r.Legs {
			logs = append(logs, l.Log.String())
		}
		fmt.Fprintf(&b, ", in %s.\n", strings.Join(logs, ", "))
	}
	fmt.Fprintf(&b, "%s.\n", term.Plural(len(rows), "row"))
	var said []string
	for _, out := range outs {
		var notes []string
		for _, warning := range slices.Concat(out.Rule.Warnings, out.Warnings) {
			notes = append(notes, warning+".")
		}
		for _, note := range append(notes, siem.Losses(out)...) {
			if !slices.Contains(said, note) {
				said = append(said, note)
				fmt.Fprintf(&b, "Note: %s\n", note)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
