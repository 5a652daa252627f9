package kusto

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/question"
	"vedette/internal/siem"
)

var _ siem.Asker = Backend{}

// Ask prints a question as one query.
func (Backend) Ask(q *siem.Query, f *siem.Fields) (*siem.Asked, error) {
	asked := &siem.Asked{Query: q}
	places, err := f.Asked(q, asked)
	if err != nil {
		return nil, err
	}
	asked.Differs = append(asked.Differs, fmt.Sprintf("of more than %d values any %d are listed, in no order", question.MaxValues, question.MaxValues))
	p := &asking{q: q}
	var lets []string
	for _, at := range places {
		if l := at.Set["let"]; l != "" && !slices.Contains(lets, l) {
			lets = append(lets, l)
			p.line("let %s;", l)
		}
	}
	p.line("let Calls = materialize(union isfuzzy=true")
	for i, at := range places {
		if i > 0 {
			p.text.WriteString(",\n")
		}
		p.calls(at)
	}
	p.line(");")
	from := "Calls"
	if q.Earlier() != nil && q.Then[0].After == nil {
		p.line("let Own = Calls")
		p.line("  | where earlier == 0;")
		from = "Own"
	}
	for i, s := range q.Then {
		from = p.stage(s, i+1, from)
	}
	p.groups(from)
	asked.Text = comment(siem.AskedHeader(asked)) + p.text.String()
	return asked, nil
}

// asking prints a question.
type asking struct {
	q    *siem.Query
	text strings.Builder
}

func (p *asking) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func named(f question.Field) string { return "f_" + string(f) }

func (p *asking) columns() string {
	list := []string{"ts", "event_id", "earlier"}
	for _, f := range p.q.Uses() {
		list = append(list, named(f))
	}
	return strings.Join(list, ", ")
}

// calls prints the calls of one table.
func (p *asking) calls(at siem.AskedPlace) {
	p.line("(")
	p.line("  %s", at.Source)
	if t := p.q.Range.Since; !t.IsZero() {
		p.line("  | where %s >= datetime(%s)", at.Expr(siem.Time), t.UTC().Format(time.RFC3339Nano))
	}
	if t := p.q.Range.Until; !t.IsZero() {
		p.line("  | where %s < datetime(%s)", at.Expr(siem.Time), t.UTC().Format(time.RFC3339Nano))
	}
	if at.Where != "" {
		p.line("  | where %s", at.Where)
	}
	p.line("  | extend Service = %s, Name = %s", at.Expr(siem.Service), at.Expr(siem.API))
	p.line("  | where %s", selection(at.Select, at.Expr(siem.Service)))
	switch at.Calls.Outcome {
	case "denied":
		p.line("  | where %s", at.Expr(siem.IsDenied))
	case "ok":
		p.line("  | where %s", at.Expr(siem.IsOK))
	case "failed":
		p.line("  | where not(%s)", at.Expr(siem.IsOK))
	}
	if made := at.Expr(siem.ServiceMade); made != "" && !at.Calls.Services {
		p.line("  | where not(%s)", made)
	}
	earlier := 0
	if at.Earlier {
		earlier = 1
	}
	columns := []string{"ts = " + at.Expr(siem.Time), "event_id = " + at.Expr(siem.EventID), fmt.Sprintf("earlier = %d", earlier)}
	for _, f := range p.q.Uses() {
		columns = append(columns, named(f)+" = tostring("+indent(p.field(f, at), "    ")+")")
	}
	p.line("  | project %s", strings.Join(columns, ",\n    "))
	for _, f := range question.Fields() {
		if re, ok := at.Calls.Where[f]; ok {
			p.line("  | where %s matches regex %s", named(f), verbatim(re))
		}
		if re, ok := at.Calls.Unless[f]; ok {
			p.line("  | where not(%s matches regex %s)", named(f), verbatim(re))
		}
	}
	p.text.WriteString(")")
}

// field is the expression of a field over a row of the table.
func (p *asking) field(f question.Field, at siem.AskedPlace) string {
	replace := func(x, re, with string) string {
		return "replace_regex(" + x + ", " + verbatim(re) + ", " + verbatim(with) + ")"
	}
	switch f {
	case question.Principal:
		if at.Earlier && p.q.Earlier().Linked() {
			return at.Expr(siem.Assumed)
		}
	case question.API:
		return `strcat(Service, "/", Name)`
	case question.Service:
		return "Service"
	case question.Network:
		return replace(replace(at.Expr(siem.Address), question.Network6Expr, `\1::/48`), question.Network4Expr, `\1.0/24`)
	case question.Client:
		return replace(at.Expr(siem.Agent), question.ClientExpr, "")
	case question.Session:
		if k := at.Expr(siem.Credential); k != "" {
			return "coalesce(" + at.Expr(siem.Session) + ", " + k + ")"
		}
	}
	return orEmpty(at.Expr(siem.RolesOf(f)[0]))
}

// stage prints a stage over an earlier part and returns the name of what is
// left.
func (p *asking) stage(s question.Stage, n int, from string) string {
	left := fmt.Sprintf("Left%d", n)
	newest := func(last question.Span) {
		p.line("let Recent%d = toscalar(%s | summarize max(ts)) - %s;", n, from, span(time.Duration(last)))
	}
	switch {
	case s.After != nil:
		p.line("let %s = %s", left, from)
		p.line("  | where earlier == 0 and isnotempty(f_principal)")
		p.line("  | join kind=inner (Calls | where earlier == 1 | project f_principal, came_before = ts) on f_principal")
		p.line("  | where came_before <= ts and came_before + %s >= ts", span(time.Duration(s.After.Within)))
		p.line("  | distinct %s;", p.columns())
	case s.Rare != nil:
		v := named(s.Rare.Value)
		p.line("let %s = %s", left, from)
		p.line("  | where isnotempty(%s) and toscalar(%s | summarize count_distinct(f_principal)) >= %d", v, from, s.Rare.Among)
		p.line("  | join kind=leftsemi (%s | summarize users = count_distinct(f_principal) by %s | where users <= %d) on %s;", from, v, s.Rare.Most, v)
	case s.First != nil:
		of, v := named(s.First.Of), named(s.First.Value)
		newest(s.First.Last)
		p.line("let %s = %s", left, from)
		p.line("  | where isnotempty(%s) and isnotempty(%s)", of, v)
		p.line("  | join kind=leftsemi (%s | summarize since = min(ts) by %s | where since <= Recent%d) on %s", from, of, n, of)
		p.line("  | join kind=leftsemi (%s | summarize since = min(ts) by %s, %s | where since > Recent%d) on %s, %s;", from, of, v, n, of, v)
	case s.Silent != nil:
		of := named(s.Silent.Of)
		newest(s.Silent.Last)
		p.line("let %s = %s", left, from)
		p.line("  | where isnotempty(%s) and ts > Recent%d", of, n)
		p.line("  | join kind=leftsemi (%s | summarize until_then = maxif(ts, ts <= Recent%d), again_at = minif(ts, ts > Recent%d) by %s", from, n, n, of)
		p.line("    | where until_then + %s <= again_at) on %s;", span(time.Duration(s.Silent.Gap)), of)
	}
	return left
}

// groups prints the groups with their figures, and keeps those that are rows.
func (p *asking) groups(from string) {
	q := p.q
	var keys, columns, where []string
	for _, f := range q.By {
		keys = append(keys, named(f))
	}
	by := slices.Clone(keys)
	if q.Per > 0 {
		by = append(by, "bin_start = bin(ts, "+span(time.Duration(q.Per))+")")
	}
	p.line("let Grouped = %s", from)
	p.line("  | summarize")
	for _, f := range q.Figures() {
		expr := "count_distinctif(event_id, isnotempty(event_id)) + countif(isempty(event_id))"
		if f != question.Events {
			n := named(f.Field())
			expr = "count_distinctif(" + n + ", isnotempty(" + n + "))"
		}
		columns = append(columns, "n_"+string(f)+" = "+expr)
		if least := q.Having[f]; least > 0 {
			where = append(where, fmt.Sprintf("n_%s >= %d", f, least))
		}
	}
	for _, f := range q.Lists {
		n := named(f)
		columns = append(columns, fmt.Sprintf("l_%s = make_set_if(%s, isnotempty(%s), %d)", f, n, n, question.MaxValues))
	}
	columns = append(columns, fmt.Sprintf("l_evidence = make_set_if(event_id, isnotempty(event_id), %d)", question.MaxEvidence), "first_seen = min(ts)", "last_seen = max(ts)")
	p.line("    %s", strings.Join(columns, ",\n    "))
	p.line("    by %s;", strings.Join(by, ", "))
	p.line("Grouped")
	if s := q.Spike; s != nil {
		on := strings.Join(keys, ", ")
		p.line("| join kind=inner (Grouped | summarize n_all = sum(n_events), n_bins = count() by %s) on %s", on, on)
		where = append(where, fmt.Sprintf("n_events >= %d", s.Least), fmt.Sprintf("n_events * (n_bins - 1) >= %d * (n_all - n_events)", s.Times))
	}
	if len(where) > 0 {
		p.line("| where %s", strings.Join(where, " and "))
	}
	var out []string
	add := func(name, expr string) { out = append(out, "['"+name+"'] = "+expr) }
	if q.Per > 0 {
		add(siem.AnswerStart, "bin_start")
	}
	for _, f := range q.By {
		add(string(f), named(f))
	}
	for _, f := range q.Figures() {
		add(string(f), "n_"+string(f))
	}
	for _, f := range q.Lists {
		add(siem.AnswerList(f), "l_"+string(f))
	}
	add(siem.AnswerFirst, "first_seen")
	add(siem.AnswerLast, "last_seen")
	add(siem.AnswerEvidence, "l_evidence")
	p.line("| project %s", strings.Join(out, ",\n  "))
	order := "['events'] desc"
	for _, f := range q.By {
		order += ", ['" + string(f) + "'] asc"
	}
	p.line("| sort by %s", order)
}
