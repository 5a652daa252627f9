package sql

import (
	"fmt"
	"strings"
	"time"

	"vedette/internal/question"
	"vedette/internal/siem"
)

// Ask prints a question as one statement. It says all that a question can
// mean, but where an engine reads without end: what is rare, first or sudden is
// so in a whole.
func (b Backend) Ask(q *siem.Query, f *siem.Fields) (*siem.Asked, error) {
	if b.d.streams {
		return nil, fmt.Errorf("%w: a stream has no end from which to look back, and questions look at a whole", siem.ErrNotSaid)
	}
	asked := &siem.Asked{Query: q}
	places, err := f.Asked(q, asked)
	if err != nil {
		return nil, err
	}
	// Only conditions for partitions look at the rule.
	p := &asking{q: q, printer: printer{d: b.d, r: &siem.Rule{Range: q.Range, Window: siem.Window{Length: time.Second}}}}
	p.line("WITH calls AS (")
	for i, at := range places {
		if i > 0 {
			p.line("  UNION ALL")
		}
		if err := p.calls(at); err != nil {
			return nil, err
		}
	}
	p.text.WriteString(")")
	from := "calls"
	if q.Earlier() != nil && q.Then[0].After == nil {
		p.part("own", from, "earlier = 0")
		from = "own"
	}
	for i, s := range q.Then {
		from = p.stage(s, i+1, from)
	}
	p.groups(from)
	var head strings.Builder
	for _, l := range siem.AskedHeader(asked) {
		head.WriteString("-- " + l + "\n")
	}
	for _, at := range places {
		if !at.Earlier {
			head.WriteString("-- Reads " + siem.PlainLine(at.Source+": "+at.Needs) + ".\n")
		}
	}
	asked.Text = head.String() + p.text.String()
	return asked, nil
}

// AskedRows returns the statement that gives the rows of a question as JSON;
// see [siem.TabularAsker].
func (b Backend) AskedRows(a *siem.Asked) (string, error) {
	write, ok := rowForms[b.d.name]
	if !ok {
		return "", fmt.Errorf("%w: rows of %s", siem.ErrNotSaid, b.Product())
	}
	var columns []column
	for _, name := range siem.AnswerColumns(a.Query.Question) {
		c := column{name: name, of: "found." + b.d.quote + name + b.d.quote}
		switch {
		case name == siem.AnswerStart || name == siem.AnswerFirst || name == siem.AnswerLast:
			c.kind = aTime
		case name == siem.AnswerEvidence || strings.HasSuffix(name, siem.AnswerList("")):
			c.kind = aList
		}
		columns = append(columns, c)
	}
	return "SELECT\n  " + write(columns) + "\nFROM (\n" + statement(a.Text) + ") AS found", nil
}

// asking prints a question.
type asking struct {
	printer
	q *siem.Query
}

// fieldColumn is the column of a field within the statement: names of fields are
// words of the language in some dialects.
func fieldColumn(f question.Field) string { return "f_" + string(f) }

func (p *asking) fieldColumns() []string {
	var list []string
	for _, f := range p.q.Uses() {
		list = append(list, fieldColumn(f))
	}
	return list
}

// columns of a call: when, its id, whether it is one of those that come
// before, and its fields.
func (p *asking) columns() string {
	return strings.Join(append([]string{"ts", "event_id", "earlier"}, p.fieldColumns()...), ", ")
}

// calls prints the calls of one log.
func (p *asking) calls(at siem.AskedPlace) error {
	var failed error
	expand := func(what, expr string) string {
		if expr == "" {
			return "''"
		}
		s, err := p.expand(at.LogMap, what, expr)
		if err != nil && failed == nil {
			failed = err
		}
		return s
	}
	role := func(r siem.Role) string { return expand(string(r), at.Expr(r)) }
	p.line("  SELECT %s", p.columns())
	p.line("  FROM (")
	p.line("    SELECT logged.*, concat(service, '/', name) AS f_api")
	p.line("    FROM (")
	p.line("      SELECT")
	p.line("        %s AS ts,", role(siem.Time))
	p.line("        %s AS event_id,", role(siem.EventID))
	earlier := 0
	if at.Earlier {
		earlier = 1
	}
	p.line("        %d AS earlier,", earlier)
	for _, f := range p.q.Uses() {
		if f == question.API {
			continue
		}
		p.line("        %s AS %s,", indent(p.field(f, at, role), "        "), fieldColumn(f))
	}
	p.line("        %s AS service,", role(siem.Service))
	p.line("        %s AS name", role(siem.API))
	p.line("      FROM %s", at.Source)
	var where []string
	if at.Where != "" {
		where = append(where, expand("where", at.Where))
	}
	for _, w := range p.partitions(at.LogMap) {
		where = append(where, expand("partition", w))
	}
	switch at.Calls.Outcome {
	case "denied":
		where = append(where, "("+role(siem.IsDenied)+")")
	case "ok":
		where = append(where, "("+role(siem.IsOK)+")")
	case "failed":
		where = append(where, "NOT ("+role(siem.IsOK)+")")
	}
	if at.Expr(siem.ServiceMade) != "" && !at.Calls.Services {
		where = append(where, "NOT ("+indent(role(siem.ServiceMade), "        ")+")")
	}
	for i, w := range where {
		word := "WHERE"
		if i > 0 {
			word = "  AND"
		}
		p.line("      %s %s", word, indent(w, "        "))
	}
	p.line("    ) AS logged")
	p.line("  ) AS said")
	p.line("  WHERE %s", p.selection(&siem.Leg{Log: at.Log, Select: at.Select}))
	if p.d.tried != nil {
		p.line("    AND ts IS NOT NULL")
	}
	for _, f := range question.Fields() {
		if re, ok := at.Calls.Where[f]; ok {
			p.line("    AND %s", p.d.match(fieldColumn(f), re))
		}
		if re, ok := at.Calls.Unless[f]; ok {
			p.line("    AND NOT (%s)", p.d.match(fieldColumn(f), re))
		}
	}
	if t := p.q.Range.Since; !t.IsZero() {
		p.line("    AND ts >= %s", p.instant(t))
	}
	if t := p.q.Range.Until; !t.IsZero() {
		p.line("    AND ts < %s", p.instant(t))
	}
	return failed
}

// field is the expression of a field over a row of the log.
func (p *asking) field(f question.Field, at siem.AskedPlace, role func(siem.Role) string) string {
	replace := func(x, re, with string) string { return p.d.replace(x, re, p.d.group(with)) }
	switch f {
	case question.Principal:
		if at.Earlier && p.q.Earlier().Linked() {
			return role(siem.Assumed)
		}
	case question.Network:
		return replace(replace(role(siem.Address), question.Network6Expr, "$1::/48"), question.Network4Expr, "$1.0/24")
	case question.Client:
		return replace(role(siem.Agent), question.ClientExpr, "")
	case question.Session:
		if at.Expr(siem.Credential) != "" {
			return "CASE WHEN " + role(siem.Session) + " <> '' THEN " + role(siem.Session) + " ELSE " + role(siem.Credential) + " END"
		}
		return role(siem.Session)
	}
	return role(siem.RolesOf(f)[0])
}

// part prints the calls of an earlier part of which a condition holds.
func (p *asking) part(name, from, where string) {
	p.text.WriteString(",\n")
	p.line("%s AS (", name)
	p.line("  SELECT %s", p.columns())
	p.line("  FROM %s", from)
	p.line("  WHERE %s", where)
	p.text.WriteString(")")
}

// stage prints a stage over the calls of an earlier part of the statement and
// returns the name of what is left.
func (p *asking) stage(s question.Stage, n int, from string) string {
	seen, left := fmt.Sprintf("seen%d", n), fmt.Sprintf("left%d", n)
	plus := func(x string, s question.Span) string { return p.d.plus(x, time.Duration(s)) }
	// windows prints the calls with further columns over others.
	windows := func(columns ...string) {
		p.text.WriteString(",\n")
		p.line("%s AS (", seen)
		p.line("  SELECT %s,", p.columns())
		p.line("    %s", strings.Join(columns, ",\n    "))
		p.line("  FROM %s", from)
		p.text.WriteString(")")
	}
	switch {
	case s.After != nil:
		if n > 1 {
			// Those that others must follow are of no stage before.
			both := fmt.Sprintf("both%d", n)
			p.text.WriteString(",\n")
			p.line("%s AS (", both)
			p.line("  SELECT %s FROM %s", p.columns(), from)
			p.line("  UNION ALL")
			p.line("  SELECT %s FROM calls WHERE earlier = 1", p.columns())
			p.text.WriteString(")")
			from = both
		}
		windows("max(CASE WHEN earlier = 1 THEN ts END) OVER (PARTITION BY f_principal ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS came_before")
		p.part(left, seen, "earlier = 0 AND f_principal <> '' AND "+plus("came_before", s.After.Within)+" >= ts")
	case s.Rare != nil:
		v := fieldColumn(s.Rare.Value)
		p.part(left, from, fmt.Sprintf("%s <> '' AND %s IN (SELECT %s FROM %s GROUP BY %s HAVING count(DISTINCT f_principal) <= %d)\n    AND (SELECT count(DISTINCT f_principal) FROM %s) >= %d",
			v, v, v, from, v, s.Rare.Most, from, s.Rare.Among))
	case s.First != nil:
		of, v := fieldColumn(s.First.Of), fieldColumn(s.First.Value)
		windows("min(ts) OVER (PARTITION BY "+of+") AS caller_since", "min(ts) OVER (PARTITION BY "+of+", "+v+") AS value_since", "max(ts) OVER () AS newest")
		p.part(left, seen, of+" <> '' AND "+v+" <> '' AND "+plus("caller_since", s.First.Last)+" <= newest AND "+plus("value_since", s.First.Last)+" > newest")
	case s.Silent != nil:
		of := fieldColumn(s.Silent.Of)
		windows("max(ts) OVER () AS newest")
		recent := plus("ts", s.Silent.Last) + " > newest"
		p.text.WriteString(",\n")
		p.line("around%d AS (", n)
		p.line("  SELECT %s, newest,", p.columns())
		p.line("    max(CASE WHEN NOT (%s) THEN ts END) OVER (PARTITION BY %s) AS until_then,", recent, of)
		p.line("    min(CASE WHEN %s THEN ts END) OVER (PARTITION BY %s) AS again_at", recent, of)
		p.line("  FROM %s", seen)
		p.text.WriteString(")")
		p.part(left, fmt.Sprintf("around%d", n), of+" <> '' AND "+recent+" AND "+plus("until_then", s.Silent.Gap)+" <= again_at")
	}
	return left
}

// groups prints the groups with their figures, and keeps those that are rows.
func (p *asking) groups(from string) {
	q := p.q
	var keys, columns, figures, lists []string
	for _, f := range q.By {
		keys = append(keys, fieldColumn(f))
	}
	columns = append(columns, keys...)
	grouped := len(keys)
	if q.Per > 0 {
		columns = append(columns, p.d.bin("ts", time.Duration(q.Per))+" AS bin_start")
		grouped++
	}
	for _, f := range q.Figures() {
		expr := "count(DISTINCT CASE WHEN event_id <> '' THEN event_id END) + count(CASE WHEN event_id = '' THEN 1 END)"
		if f != question.Events {
			n := fieldColumn(f.Field())
			expr = "count(DISTINCT CASE WHEN " + n + " <> '' THEN " + n + " END)"
		}
		figures = append(figures, expr+" AS n_"+string(f))
	}
	for _, f := range q.Lists {
		lists = append(lists, p.d.list(fieldColumn(f), fieldColumn(f)+" <> ''", question.MaxValues)+" AS l_"+string(f))
	}
	lists = append(lists, p.d.list("event_id", "event_id <> ''", question.MaxEvidence)+" AS l_evidence", "min(ts) AS first_seen", "max(ts) AS last_seen")
	by := make([]string, grouped)
	for i := range by {
		by[i] = fmt.Sprint(i + 1)
	}
	p.text.WriteString(",\n")
	p.line("grouped AS (")
	p.line("  SELECT %s", strings.Join(append(append(columns, figures...), lists...), ",\n    "))
	p.line("  FROM %s", from)
	p.line("  GROUP BY %s", strings.Join(by, ", "))
	p.text.WriteString(")")
	result := "grouped"
	var where []string
	for _, f := range q.Figures() {
		if least := q.Having[f]; least > 0 {
			where = append(where, fmt.Sprintf("n_%s >= %d", f, least))
		}
	}
	if s := q.Spike; s != nil {
		over := "OVER (PARTITION BY " + strings.Join(keys, ", ") + ")"
		result = "compared"
		p.text.WriteString(",\n")
		p.line("compared AS (")
		p.line("  SELECT grouped.*, sum(n_events) %s AS n_all, count(*) %s AS n_bins", over, over)
		p.line("  FROM grouped")
		p.text.WriteString(")")
		where = append(where, fmt.Sprintf("n_events >= %d", s.Least), fmt.Sprintf("n_events * (n_bins - 1) >= %d * (n_all - n_events)", s.Times))
	}
	p.line("")
	p.line("SELECT")
	var out []string
	add := func(expr, name string) { out = append(out, "  "+expr+" AS "+p.name(name)) }
	if q.Per > 0 {
		add("bin_start", siem.AnswerStart)
	}
	for _, f := range q.By {
		add(fieldColumn(f), string(f))
	}
	for _, f := range q.Figures() {
		add("n_"+string(f), string(f))
	}
	for _, f := range q.Lists {
		add("l_"+string(f), siem.AnswerList(f))
	}
	add("first_seen", siem.AnswerFirst)
	add("last_seen", siem.AnswerLast)
	add("l_evidence", siem.AnswerEvidence)
	p.line("%s", strings.Join(out, ",\n"))
	p.line("FROM %s", result)
	if len(where) > 0 {
		p.line("WHERE %s", strings.Join(where, "\n  AND "))
	}
	order := []string{"n_events DESC"}
	order = append(order, keys...)
	if q.Per > 0 {
		order = append(order, "bin_start")
	}
	p.line("ORDER BY %s", strings.Join(append(order, "first_seen"), ", "))
}

var _ siem.TabularAsker = Backend{}
