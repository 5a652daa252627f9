package sql

import (
	_ "embed"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// leg prints the rows of one table in common columns.
func (p *printer) leg(l *siem.Leg, m *siem.LogMap) error {
	var failed error
	x := func(what, expr string) string {
		if expr == "" {
			return ""
		}
		s, err := p.expand(m, what, expr)
		if err != nil && failed == nil {
			failed = err
		}
		return s
	}
	role := func(r siem.Role) string { return x(string(r), m.Expr(r)) }
	or := func(s string) string {
		if s == "" {
			return "''"
		}
		return s
	}
	identity := siem.Principal
	switch {
	case l.Raw:
		identity = siem.RawCaller
	case p.r.BySession:
		identity = siem.Session
	}
	name, account, region := siem.API, siem.AccountID, siem.Region
	if l.Raw {
		name, account, region = siem.RawAPI, siem.RawAccount, siem.RawRegion
	}
	columns := []string{role(siem.Time) + " AS ts"}
	if p.d.streams {
		p.tables = append(p.tables, p.table(m.Source, role(siem.Time)))
		columns = []string{timeColumn + " AS ts"}
	}
	if !l.Raw {
		columns = append(columns, role(siem.Service)+" AS service")
	}
	who := role(identity)
	if identity == siem.Session {
		who = "CASE WHEN " + who + " <> '' THEN " + who + " ELSE " + role(siem.Principal) + " END"
	}
	columns = append(columns, role(name)+" AS name", who+" AS caller", role(account)+" AS account",
		or(role(region))+" AS region", or(role(siem.Address))+" AS address", or(role(siem.EventID))+" AS event_id")
	if p.r.CountsTargets() {
		columns = append(columns, or(role(siem.Target))+" AS target")
	}
	var where []string
	add := func(s string) {
		if s != "" {
			where = append(where, s)
		}
	}
	if !l.Raw {
		add(x("where", m.Where))
	}
	if w := m.Set["raw_where"]; l.Raw {
		add(x("raw_where", w))
	}
	if w := m.Set["partition"]; w != "" && p.r.Schedule != nil {
		add(x("partition", w))
	}
	for _, w := range p.partitions(m) {
		add(x("partition", w))
	}
	switch {
	case only(l.Outcomes, event.Denied):
		add("(" + role(siem.IsDenied) + ")")
	case only(l.Outcomes, event.OK):
		add("(" + role(siem.IsOK) + ")")
	}
	if made := role(siem.ServiceMade); made != "" && !l.Services && !l.Raw {
		add("NOT (" + indent(made, "  ") + ")")
	}
	if failed != nil {
		return failed
	}
	api := "concat(service, '/', name)"
	if l.Raw {
		api = "name"
	}
	p.line("  SELECT ts, %s AS provider, caller, account, %s AS api, region, address, event_id%s", p.d.string(siem.Provider(l.Log.Cloud())), api, p.target(api))
	p.line("  FROM (")
	p.line("    SELECT")
	for i, c := range columns {
		end := ","
		if i == len(columns)-1 {
			end = ""
		}
		p.line("      %s%s", indent(c, "      "), end)
	}
	p.line("    FROM %s", m.Source)
	for i, w := range where {
		word := "WHERE"
		if i > 0 {
			word = "  AND"
		}
		p.line("    %s %s", word, indent(w, "      "))
	}
	p.line("  ) AS logged")
	p.line("  WHERE %s", p.selection(l))
	if p.d.tried != nil {
		p.line("    AND ts IS NOT NULL") // a record without a time is in no window
	}
	for _, w := range p.within("ts") {
		p.line("    AND %s", w)
	}
	if p.r.Schedule != nil && !p.d.streams {
		p.line("    AND ts > %s", p.ago(p.r.Lookback()))
		p.line("    AND caller NOT IN (%s)", p.excepted())
	}
	roles := []siem.Role{siem.Time, siem.Service, name, account, region, siem.Address, siem.EventID, identity}
	if !l.Raw {
		roles = append(roles, siem.Target, siem.ServiceMade, siem.IsDenied)
	}
	m.Check(p.out, p.g, l.Log, roles...)
	return nil
}

// ExceptionTable is the table of identities that scheduled rules leave out.
const ExceptionTable = "vedette_exceptions"

// excepted are the callers of entries that still hold. A row without a caller
// would leave out everybody: nothing is known not to be in a list with NULL.
func (p *printer) excepted() string {
	return "SELECT caller FROM " + ExceptionTable + " WHERE caller <> '' AND expires > CAST(" + p.now() + " AS DATE)"
}

func (p *printer) target(api string) string {
	if !p.r.CountsTargets() {
		return ""
	}
	return ", concat(" + api + ", ' ', target) AS target"
}

// selection prints a predicate over the columns service and name.
func (p *printer) selection(l *siem.Leg) string {
	s := l.Select
	if l.Raw {
		column := "name"
		if l.FoldCase {
			column = "lower(name)"
		}
		names := make([]string, 0, len(s.Names))
		for _, n := range s.Names {
			if q := p.d.string(n.API); !slices.Contains(names, q) {
				names = append(names, q)
			}
		}
		where := column + " IN (" + strings.Join(names, ", ") + ")"
		if l.NeedsCaller {
			where += "\n    AND caller <> ''"
		}
		return where
	}
	var any []string
	if s.Match != "" {
		one := p.d.match("name", s.Match)
		if s.Unless != "" {
			one += "\n    AND NOT (" + p.d.match("name", s.Unless) + ")"
		}
		if len(s.NotNames) > 0 {
			one += "\n    AND NOT (" + p.among(s.NotNames) + ")"
		}
		any = append(any, one)
	}
	if len(s.Names) > 0 {
		any = append(any, p.among(s.Names))
	}
	return "(" + strings.Join(any, "\n    OR ") + ")"
}

// among prints a condition that holds for the names, one part a service.
func (p *printer) among(list []plan.Name) string {
	var parts []string
	for _, of := range siem.ByService(list) {
		part := "service = " + p.d.string(of.Service)
		if !of.Whole {
			names := make([]string, len(of.APIs))
			for i, api := range of.APIs {
				names[i] = p.d.string(api)
			}
			if len(names) == 1 {
				part += " AND name = " + names[0]
			} else {
				part += " AND name IN (" + strings.Join(names, ", ") + ")"
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n      OR ")
}
