package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"vedette/internal/cloud"
	"vedette/internal/cloud/all"
	"vedette/internal/compile"
	"vedette/internal/coverage"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/hunt"
	"vedette/internal/question"
	"vedette/internal/report"
	"vedette/internal/scan"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
	"vedette/internal/term"
)

// questions are those that the program comes with, and those of a file.
func questions(file string) ([]*question.Question, error) {
	list, err := question.Load()
	if err != nil || file == "" {
		return list, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage(err)
	}
	own, err := question.Parse(file, data)
	if err != nil {
		return nil, usage(err)
	}
	list, err = question.Add(list, own)
	if err != nil {
		return nil, usage(err)
	}
	return list, nil
}

// allQuestions is the group of all questions of the library.
const allQuestions = "all"

// named takes the ids of questions from the front of arguments, each once; the
// group of all is one.
func named(library []*question.Question, args []string) (asked []*question.Question, rest []string) {
	for i, a := range args {
		n := slices.IndexFunc(library, func(q *question.Question) bool { return q.ID == a })
		switch {
		case a == allQuestions:
			asked = slices.Clone(library)
		case n < 0:
			return asked, args[i:]
		case !slices.Contains(asked, library[n]):
			asked = append(asked, library[n])
		}
	}
	return asked, nil
}

// overFiles asks questions of logs.
func (c *huntCmd) overFiles(ctx context.Context, std IO, asked []*question.Question, paths []string) error {
	switch {
	case len(asked) == 0 && isBuiltin(c.Questions[0]):
		return usagef("%s is a detection or a group of them, and no question: vedette scan PATH --detection %[1]s asks it of files, vedette hunt %[1]s --engine NAME of tables", c.Questions[0])
	case len(asked) == 0:
		return usagef("no question %q: vedette hunt --list has them. Detections are asked of files by vedette scan, and of tables with --engine", c.Questions[0])
	case len(paths) == 0:
		return usagef("name the logs to ask, or a database with --engine")
	case !slices.Contains(report.RowFormats(), report.Format(c.Format)):
		return usagef("no format %q: there are %s", c.Format, join(report.RowFormats()))
	case c.Client != "" || len(c.ClientArg)+len(c.From)+len(c.Table) > 0 || c.Fields != "" || c.Dialect != "" || c.DryRun:
		return usagef("--client, --client-arg, --from, --table, --fields, --dialect and --dry-run are for tables, with --engine")
	case c.Last != "" && c.Until == "":
		return usagef("--last counts back from --until, which over files must be given")
	}
	if err := c.forQuestions(asked); err != nil {
		return err
	}
	if err := spare(ctx, std.Stdin, c.Output, paths, c.Library); err != nil {
		return err
	}
	within, err := c.within(time.Now())
	if err != nil {
		return err
	}
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !within.Since.IsZero() {
		since = within.Since.UnixNano()
	}
	if !within.Until.IsZero() {
		until = within.Until.UnixNano()
	}
	opts := scan.Options{Paths: paths, Stdin: std.Stdin, Providers: all.Providers()}
	clouds, err := cloudsOf(c.Cloud)
	if err != nil {
		return err
	}
	if len(clouds) > 0 {
		opts.Providers = slices.DeleteFunc(opts.Providers, func(p cloud.Provider) bool { return !slices.Contains(clouds, p.Cloud()) })
	}
	opts.Engine.Workers = runtime.GOMAXPROCS(0)
	var answers []*question.Answer
	var res *scan.Result
	err = watch(&opts, std, c.Quiet, func() (err error) {
		answers, res, err = ask(ctx, opts, asked, clouds, since, until)
		return err
	})
	if err != nil {
		if errors.Is(err, scan.ErrNothing) {
			return usage(err)
		}
		return err
	}
	for _, a := range answers {
		a.Notes = append(a.Notes, unseen(a.Question, res.Report.Coverage)...)
	}
	if err := c.answer(std, answers); err != nil {
		return err
	}
	if !c.Quiet {
		opts := report.Options{Version: Version(), Terminal: term.Detect(std.Stderr, std.Getenv)}
		if err := report.AnswerSummary(std.Stderr, &res.Report, answers, opts); err != nil {
			return err
		}
	}
	if res.Report.Summary.Events == 0 {
		return errNothing(res, byScan, clouds...)
	}
	return errLost(res, byScan)
}

// ask answers questions from one read of files.
func ask(ctx context.Context, opts scan.Options, asked []*question.Question, clouds []event.Cloud, since, until int64) ([]*question.Answer, *scan.Result, error) {
	reg, err := registry()
	if err != nil {
		return nil, nil, err
	}
	var open []*question.Asked
	for _, q := range asked {
		query, err := compile.Question(q, reg, clouds)
		if err != nil {
			return nil, nil, usage(err)
		}
		open = append(open, question.Ask(q, since, until, query.Unlisted))
	}
	res, err := scan.Visit(ctx, opts, func() scan.Visitor {
		var v asking
		for _, a := range open {
			v = append(v, a.Collector())
		}
		return v
	})
	if err != nil {
		return nil, nil, err
	}
	var answers []*question.Answer
	for _, a := range open {
		ans, err := a.Answer()
		if err != nil {
			return nil, nil, err
		}
		answers = append(answers, ans)
	}
	return answers, res, nil
}

// asking shows events to several questions.
type asking []*question.Collector

// Event implements [scan.Visitor].
func (a asking) Event(_ string, _ *scan.Record, ev *event.Event) {
	for _, c := range a {
		c.Event(ev)
	}
}

// unseen says which of the logs that a question needs the input does not have,
// or has without the calls that the question is about.
func unseen(q *question.Question, seen []finding.Coverage) []string {
	var notes []string
	reads := q.Calls.Every || slices.ContainsFunc(q.Calls.Classes, func(c string) bool { return c == "discovery" || c == "data_read" })
	for _, name := range q.Logs {
		i := slices.IndexFunc(seen, func(c finding.Coverage) bool { return c.Service == "*" && c.Region == "*" && c.Log == name })
		switch {
		case i < 0 || seen[i].Verdict == coverage.NotSeen:
			notes = append(notes, "the input has no log "+name+", which the question is asked of")
		case reads && seen[i].Verdict == coverage.OnlyWritesSeen:
			notes = append(notes, "the input's log "+name+" has no reads, which the question is about")
		}
	}
	return notes
}

// forQuestions refuses the flags that questions do not have.
func (c *huntCmd) forQuestions(asked []*question.Question) error {
	if c.FailOn != "" || c.Profile != "vedette" || c.Window != "tumbling" || c.Identity != "principal" || c.NoDedup || c.Services {
		return usagef("--fail-on, --profile, --window, --identity, --no-dedup and --include-services are for detections: a question says itself what it counts")
	}
	if c.Format == string(report.CSV) && len(asked) > 1 {
		return usagef("csv takes one question, as each has columns of its own")
	}
	return nil
}

// overTables asks questions of tables.
func (c *huntCmd) overTables(ctx context.Context, std IO, asked []*question.Question, rest []string) error {
	if len(rest) > 0 {
		return usagef("%q is no question: files are asked without --engine, and detections by a hunt of their own", rest[0])
	}
	engine, backend, err := c.check()
	if err != nil {
		return err
	}
	if err := c.forQuestions(asked); err != nil {
		return err
	}
	tabular, ok := backend.(siem.TabularAsker)
	if !ok {
		return fmt.Errorf("%w: questions by %s", siem.ErrNotSaid, backend.Product())
	}
	within, err := c.within(time.Now())
	if err != nil {
		return err
	}
	reg, err := registry()
	if err != nil {
		return err
	}
	answers := []*question.Answer{}
	for _, q := range asked {
		query, err := c.query(q, reg)
		if err != nil {
			return err
		}
		query.Range = within
		fields, err := c.asked(backend).fields(backend)
		if err != nil {
			return err
		}
		setup, logs, err := c.tables(q.ID, logsOf(query.Legs, func(l siem.QueryLeg) event.Log { return l.Log }), fields)
		if err != nil {
			return err
		}
		query.Legs = slices.DeleteFunc(query.Legs, func(l siem.QueryLeg) bool { return !slices.Contains(logs, l.Log) })
		text, err := tabular.Ask(query, fields)
		if err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		}
		rows, err := tabular.AskedRows(text)
		if err != nil {
			return err
		}
		call := &hunt.Call{Engine: engine, Client: clientCommand(c.Client), Args: c.ClientArg, Setup: setup, Query: rows}
		if c.DryRun {
			if err := dryRun(std.Stdout, call, text.Text); err != nil {
				return err
			}
			continue
		}
		a := &question.Answer{Question: q}
		if a.Rows, err = call.Ask(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		}
		for _, d := range text.Differs {
			a.Notes = append(a.Notes, "approximated: "+d)
		}
		answers = append(answers, a)
	}
	if c.DryRun {
		return nil
	}
	if err := c.answer(std, answers); err != nil || c.Quiet {
		return err
	}
	var b strings.Builder
	for _, a := range answers {
		fmt.Fprintf(&b, "%s, calls %s, in %s: %s.\n", a.Question.ID, within, strings.Join(a.Question.Logs, ", "), term.Plural(len(a.Rows), "row"))
		for _, n := range a.Notes {
			fmt.Fprintf(&b, "Note: %s.\n", n)
		}
	}
	b.WriteString("What is not in the tables that were asked was not seen.\n")
	_, err = io.WriteString(std.Stderr, b.String())
	return err
}

// query resolves the names of a question for the clouds that are asked.
func (c *huntCmd) query(q *question.Question, reg *event.Registry) (*siem.Query, error) {
	clouds, err := cloudsOf(c.Cloud)
	if err != nil {
		return nil, err
	}
	query, err := compile.Question(q, reg, clouds)
	if err != nil {
		return nil, usage(err)
	}
	return query, nil
}

func cloudsOf(names []string) ([]event.Cloud, error) {
	var list []event.Cloud
	for _, name := range names {
		i := slices.IndexFunc(event.Clouds(), func(x event.Cloud) bool { return x.String() == name })
		if i < 0 {
			return nil, usagef("--cloud: %q is none of aws, azure, gcp", name)
		}
		list = append(list, event.Clouds()[i])
	}
	return list, nil
}

// registry is the catalogues of all clouds.
func registry() (*event.Registry, error) {
	reg := event.NewRegistry()
	for _, p := range all.Providers() {
		if err := p.Register(reg); err != nil {
			return nil, err
		}
	}
	return reg, nil
}

// answer writes rows to standard output or to a file.
func (c *huntCmd) answer(std IO, answers []*question.Answer) error {
	opts := report.Options{Version: Version()}
	if c.Output == "" {
		opts.Terminal = term.Detect(std.Stdout, std.Getenv)
	}
	var buf bytes.Buffer
	if err := report.WriteAnswers(&buf, c.Format, answers, opts); err != nil {
		return err
	}
	if c.Output == "" {
		_, err := std.Stdout.Write(buf.Bytes())
		return err
	}
	if err := os.WriteFile(c.Output, buf.Bytes(), 0o600); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}

// said is a question in the language of a backend.
type said struct {
	backend siem.Backend
	text    string
	// differs says in what the answer may differ from that over files.
	differs []string
	err     error // wraps [siem.ErrNotSaid] where it cannot be said
}

// say prints a question for a backend: as a question where the backend prints
// them, else as a rule where it can be one.
func say(b siem.Backend, q *question.Question, reg *event.Registry, clouds []event.Cloud, fields *siem.Fields) said {
	s := said{backend: b}
	if a, ok := b.(siem.Asker); ok {
		query, err := compile.Question(q, reg, clouds)
		if err != nil {
			s.err = err
			return s
		}
		asked, err := a.Ask(query, fields)
		if err != nil {
			s.err = err
			return s
		}
		s.text, s.differs = asked.Text, asked.Differs
		for _, c := range asked.Check {
			s.differs = append(s.differs, "no public source confirms "+siem.PlainLine(c))
		}
		return s
	}
	rule, err := compile.AsRule(q, reg, clouds)
	if err != nil {
		s.err = err
		return s
	}
	out, err := b.Compile(rule, fields)
	if err != nil {
		s.err = err
		return s
	}
	s.text = out.Query
	s.differs = append(siem.Losses(out), "rows have the columns of a rule's")
	return s
}

// list shows the questions.
func (c *huntCmd) list(std IO, library []*question.Question) error {
	reg, err := registry()
	if err != nil {
		return err
	}
	var list []report.Listed
	for _, q := range library {
		l := report.Listed{Question: q}
		for _, b := range backends.Backends() {
			s := say(b, q, reg, nil, b.Fields())
			switch {
			case s.err != nil:
				l.Impossible = append(l.Impossible, b.Name())
			case len(s.differs) > 0:
				l.Approximated = append(l.Approximated, b.Name())
			default:
				l.Exact = append(l.Exact, b.Name())
			}
		}
		list = append(list, l)
	}
	return report.WriteQuestions(std.Stdout, c.Format, list, report.Options{Terminal: term.Detect(std.Stdout, std.Getenv)})
}
