// Package sql prints rules in SQL, one backend a dialect, over tables of
// records as the providers wrote them.
package sql

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

//go:embed athena.yaml
var athenaYAML []byte

// Backend is one dialect.
type Backend struct{ d *dialect }

// Backends returns a backend for each dialect.
func Backends() []siem.Backend {
	var all []siem.Backend
	for _, d := range dialects() {
		all = append(all, Backend{d})
	}
	return all
}

// Name returns "sql:" and the dialect.
func (b Backend) Name() string { return "sql:" + b.d.name }

// Product returns the engine's name.
func (b Backend) Product() string { return b.d.product }

// Ext returns ".sql".
func (Backend) Ext() string { return ".sql" }

// Fields returns the tables as providers write them, with what the dialect
// keeps elsewhere laid over.
func (b Backend) Fields() *siem.Fields {
	f := siem.MustFields("sql/fields.yaml", fieldsYAML)
	if b.d.name == "athena" {
		if err := f.Merge(siem.MustFields("sql/athena.yaml", athenaYAML)); err != nil {
			panic(err) // a test reads both
		}
	}
	return f
}

// Compile prints the rule as one statement over all its tables.
func (b Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	out := &siem.Output{Rule: r}
	g := siem.NewGrades(r)
	p := &printer{d: b.d, r: r, out: out, g: g}
	places, err := f.Places(r, g)
	if err != nil {
		return nil, err
	}
	p.line("WITH calls AS (")
	for i, at := range places {
		if i > 0 {
			p.line("  UNION ALL")
		}
		if err := p.leg(at.Leg, at.LogMap); err != nil {
			return nil, err
		}
	}
	p.line("),")
	switch {
	case b.d.streams:
		p.stream()
	case r.Window.Kind == siem.Overlapping:
		p.sliding()
	default:
		p.tumbling()
	}
	out.Grades = g.List()
	var text strings.Builder
	for _, line := range siem.Header(out) {
		text.WriteString("-- " + line + "\n")
	}
	if !r.Range.IsZero() {
		text.WriteString("-- Asks about windows " + r.Range.String() + "; reads calls " + r.Reads().String() + ".\n")
	}
	for _, at := range places {
		text.WriteString("-- Reads " + at.Source + ": " + siem.PlainLine(at.Needs) + ".\n")
	}
	if b.d.streams {
		text.WriteString("-- Each table has a time attribute " + timeColumn + " with a watermark: the statements that make them stand beside this one.\n")
		out.Further = append(out.Further, p.tablesForm())
	}
	text.WriteString(p.text.String())
	out.Query = text.String()
	return out, nil
}

type printer struct {
	d    *dialect
	r    *siem.Rule
	out  *siem.Output
	g    *siem.Grades
	text strings.Builder
	// tables are the statements that make the tables that a stream reads.
	tables []string
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// expand turns an expression of the field map into the dialect's.
func (p *printer) expand(m *siem.LogMap, what, expr string) (string, error) {
	d := p.d
	read := func(f func([]string) string) func(...string) (string, error) {
		return func(path ...string) (string, error) {
			if len(path) == 0 {
				return "", fmt.Errorf("no member is named")
			}
			x := f(path)
			if d.name == "clickhouse" {
				return x, nil // never NULL
			}
			return "coalesce(" + x + ", '')", nil
		}
	}
	asJSON := d.json
	if asJSON == nil {
		asJSON = d.text
	}
	moment := d.tried
	if moment == nil {
		moment = d.time
	}
	t, err := template.New(what).Option("missingkey=error").Funcs(template.FuncMap{
		"text": read(d.text), "json": read(asJSON), "time": moment, "match": d.match,
		"replace": func(x, re, with string) string { return d.replace(x, re, d.group(with)) },
		"since":   p.since, "until": p.until,
	}).Parse(expr)
	if err != nil {
		return "", fmt.Errorf("field map of %s, %s: %w", m.Source, what, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return "", fmt.Errorf("field map of %s, %s: %w", m.Source, what, err)
	}
	return strings.TrimSpace(b.String()), nil
}

// figures are the aggregates over calls, which are called by the prefix.
func (p *printer) figures(prefix string) []string {
	count := "count(DISTINCT " + prefix + "event_id) AS events"
	if p.r.KeepCopies {
		count = "count(*) AS events"
	}
	list := []string{count, "count(DISTINCT " + prefix + "api) AS apis"}
	if p.r.CountsTargets() {
		list = append(list, "count(DISTINCT "+prefix+"target) AS targets")
	}
	return list
}

// details are the further columns of a row.
func (p *printer) details(prefix string) []string {
	some := prefix + "address <> ''"
	region := "CASE WHEN " + prefix + "region <> '' THEN " + prefix + "region END"
	if p.r.Profile == "seed" {
		region, some = prefix+"region", "" // empty ones are some too
	}
	return []string{
		p.d.list(prefix+"api", "", p.r.MaxAPIs) + " AS api_list", "count(DISTINCT " + region + ") AS regions",
		p.d.list(prefix+"address", some, p.r.MaxAddresses) + " AS addresses", "min(" + prefix + "ts) AS first_seen", "max(" + prefix + "ts) AS last_seen",
	}
}

// tumbling counts in fixed bins.
func (p *printer) tumbling() {
	p.line("windows AS (")
	p.line("  SELECT")
	p.line("    %s AS window_start, provider, caller, account,", p.d.bin("ts", p.r.Window.Length))
	p.line("    %s", strings.Join(append(p.figures(""), p.details("")...), ",\n    "))
	p.line("  FROM calls")
	p.line("  GROUP BY 1, 2, 3, 4")
	p.line(")")
	p.rows("windows", p.risk(""), p.trigger(""))
}

// sliding lays a window at each call, and gives a row for each burst of
// windows that fire and share time.
func (p *printer) sliding() {
	length := p.r.Window.Length
	if !p.r.Range.IsZero() {
		p.g.Say(siem.Windowing, siem.Approximated, "of a burst that goes on more than "+siem.Duration(length)+" past an end of the time asked about, the rest is left out")
	}
	p.line("windows AS (")
	p.line("  SELECT a.ts AS window_start, a.provider, a.caller, a.account,")
	p.line("    %s", strings.Join(p.figures("c."), ", "))
	p.line("  FROM (SELECT DISTINCT ts, provider, caller, account FROM calls) AS a")
	p.line("  JOIN calls AS c ON c.provider = a.provider AND c.caller = a.caller AND c.account = a.account")
	p.line("  WHERE c.ts >= a.ts AND c.ts < %s", p.d.plus("a.ts", length))
	p.line("  GROUP BY 1, 2, 3, 4")
	p.line("),")
	risk := "0"
	if len(p.r.Bands) > 0 {
		risk = p.risk("")
	}
	p.line("firing AS (")
	p.line("  SELECT window_start, provider, caller, account, %s AS risk,", risk)
	p.line("    lag(window_start) OVER (PARTITION BY provider, caller, account ORDER BY window_start) AS previous")
	p.line("  FROM windows")
	p.line("  WHERE %s", p.trigger(""))
	p.line("),")
	p.line("numbered AS (")
	p.line("  SELECT window_start, provider, caller, account, risk,")
	p.line("    sum(CASE WHEN window_start < %s THEN 0 ELSE 1 END)", p.d.plus("previous", length))
	p.line("      OVER (PARTITION BY provider, caller, account ORDER BY window_start) AS burst")
	p.line("  FROM firing")
	p.line("),")
	p.line("bursts AS (")
	p.line("  SELECT provider, caller, account, burst, min(window_start) AS begins, %s AS ends, max(risk) AS risk", p.d.plus("max(window_start)", length))
	p.line("  FROM numbered")
	p.line("  GROUP BY provider, caller, account, burst")
	p.line("),")
	p.line("found AS (")
	p.line("  SELECT b.begins AS window_start, b.provider, b.caller, b.account, b.risk,")
	p.line("    %s", strings.Join(append(p.figures("c."), p.details("c.")...), ",\n    "))
	p.line("  FROM bursts AS b")
	p.line("  JOIN calls AS c ON c.provider = b.provider AND c.caller = b.caller AND c.account = b.account")
	p.line("  WHERE c.ts >= b.begins AND c.ts < b.ends")
	p.line("  GROUP BY b.begins, b.provider, b.caller, b.account, b.risk")
	p.line(")")
	p.rows("found", "risk", "")
}

// rows names the columns, keeps what fires and sorts.
func (p *printer) rows(from, risk, where string) {
	type column struct{ expr, name string }
	columns := []column{
		{"window_start", siem.ColTime}, {"provider", siem.ColProvider}, {"caller", siem.ColIdentity}, {"account", siem.ColAccount},
		{"events", siem.ColEvents}, {"apis", siem.ColAPIs}, {"api_list", siem.ColAPIList}, {"regions", siem.ColRegions},
		{"addresses", siem.ColAddresses}, {"first_seen", siem.ColFirst}, {"last_seen", siem.ColLast},
	}
	if p.r.CountsTargets() {
		columns = slices.Insert(columns, 6, column{"targets", siem.ColTargets})
	}
	p.line("SELECT")
	for _, c := range columns {
		p.line("  %s AS %s,", c.expr, p.name(c.name))
	}
	p.line("  %s AS %s", indent(risk, "  "), p.name(siem.ColRisk))
	p.line("FROM %s", from)
	and := "WHERE"
	if where != "" {
		p.line("WHERE (%s)", where)
		and = "  AND"
	}
	for _, w := range p.touching() {
		p.line("%s %s", and, w)
		and = "  AND"
	}
	switch s := p.r.Schedule; {
	case s == nil:
	case p.d.streams: // a window comes when it has closed, and a join takes its time away before
		p.line("%s caller NOT IN (%s)", and, p.excepted())
	default:
		settled := p.d.plus("window_start", p.r.Window.Length+s.Settle)
		p.line("%s %s <= %s", and, settled, p.now())
		p.line("  AND %s > %s", settled, p.ago(s.Every))
	}
	if !p.d.streams {
		p.line("ORDER BY %s DESC, %s DESC, %s, %s, %s, %s", p.name(siem.ColRisk), p.name(siem.ColEvents), p.name(siem.ColProvider),
			p.name(siem.ColIdentity), p.name(siem.ColAccount), p.name(siem.ColTime))
	}
}

func (p *printer) name(s string) string { return p.d.quote + s + p.d.quote }

// now is the time of the run as the dialect's times are.
func (p *printer) now() string {
	switch p.d.name {
	case "duckdb", "postgresql":
		return "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)"
	case "clickhouse":
		return "now64(6, 'UTC')"
	case "spark":
		return "current_timestamp()"
	case "bigquery":
		return "CURRENT_TIMESTAMP()"
	}
	return "CURRENT_TIMESTAMP"
}

func (p *printer) ago(d time.Duration) string {
	if p.d.name == "bigquery" {
		return "TIMESTAMP_SUB(" + p.now() + ", " + p.d.interval(d) + ")"
	}
	return p.now() + " - " + p.d.interval(d)
}

func (p *printer) trigger(prefix string) string { return condition(p.r.Trigger, prefix) }

func condition(c plan.Condition, prefix string) string {
	var any []string
	for _, t := range c {
		var all []string
		for _, x := range []struct {
			column string
			least  int
		}{{"apis", t.DistinctAPIs}, {"targets", t.DistinctTargets}, {"events", t.Events}} {
			if x.least > 0 {
				all = append(all, fmt.Sprintf("%s%s >= %d", prefix, x.column, x.least))
			}
		}
		one := strings.Join(all, " AND ")
		if len(all) > 1 && len(c) > 1 {
			one = "(" + one + ")"
		}
		any = append(any, one)
	}
	return strings.Join(any, " OR ")
}

// risk prints the risk of a window that fires.
func (p *printer) risk(prefix string) string {
	if len(p.r.Bands) == 0 {
		return "0"
	}
	if len(p.r.Bands[0].When) == 0 {
		return strconv.Itoa(p.r.Bands[0].Risk) // a CASE of nothing but its end is none
	}
	var b strings.Builder
	b.WriteString("CASE")
	last := 0
	for _, band := range p.r.Bands {
		if len(band.When) == 0 {
			last = band.Risk
			break
		}
		fmt.Fprintf(&b, "\n  WHEN %s THEN %d", condition(band.When, prefix), band.Risk)
	}
	fmt.Fprintf(&b, "\n  ELSE %d\nEND", last)
	return b.String()
}

func only(list []event.Outcome, o event.Outcome) bool { return len(list) == 1 && list[0] == o }

// indent puts the further lines of an expression under its first.
func indent(expr, by string) string { return strings.ReplaceAll(expr, "\n", "\n"+by) }
