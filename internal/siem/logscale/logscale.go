// Package logscale prints rules in the CrowdStrike Query Language, for Falcon
// LogScale and Falcon Next-Gen SIEM.
//
// What is printed keeps to the vendor's "CrowdStrike Query Language Grammar
// Subset", which is written for programs that generate queries, and to the
// reference of the query functions. OR binds tighter than AND there, so every
// mixture of the two has brackets.
package logscale

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// Backend is CrowdStrike LogScale.
type Backend struct{}

// Name returns "logscale".
func (Backend) Name() string { return "logscale" }

// Product returns the product's name.
func (Backend) Product() string { return "CrowdStrike Falcon LogScale, Next-Gen SIEM (CQL)" }

// Ext returns ".cql".
func (Backend) Ext() string { return ".cql" }

// Fields returns the fields of LogScale's parsers.
func (Backend) Fields() *siem.Fields { return siem.MustFields("logscale/fields.yaml", fieldsYAML) }

// Compile prints the rule as one query over all its logs. A rule with a
// schedule has a further form for people, who pick the time range.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	out, err := compile(r, f)
	if err != nil || r.Schedule == nil {
		return out, err
	}
	free := *r
	free.Schedule = nil
	hunt, err := compile(&free, f)
	if err != nil {
		return nil, err
	}
	out.Further = append(out.Further, siem.Form{
		Name: hunting, Language: "CQL", Why: "for a person, who picks the time range: every window in it, and no list of exceptions",
		Text: hunt.Query, Ext: Backend{}.Ext(),
	})
	return out, nil
}

// hunting is the name of the further form.
const hunting = "hunt"

func compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	out := &siem.Output{Rule: r}
	g := siem.NewGrades(r)
	places, err := f.Places(r, g)
	if err != nil {
		return nil, err
	}
	p := &printer{r: r, out: out, g: g, places: places}
	p.rows()
	p.windows()
	p.counts()
	p.grades()
	out.Grades = g.List()
	var b strings.Builder
	for _, line := range siem.Header(out) {
		b.WriteString("// " + line + "\n")
	}
	b.WriteString(p.text.String())
	out.Query = b.String()
	return out, nil
}

type printer struct {
	r      *siem.Rule
	out    *siem.Output
	g      *siem.Grades
	places []siem.Place
	text   strings.Builder
}

// line prints a line; one that begins with | goes on with the query.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// rows finds the records of all logs and gives them common fields.
func (p *printer) rows() {
	raw := p.places[0].Raw
	identity, account, region, name := siem.Principal, siem.AccountID, siem.Region, siem.API
	if raw {
		identity, account, region, name = siem.RawCaller, siem.RawAccount, siem.RawRegion, siem.RawAPI
	}
	if len(p.places) == 1 {
		p.line("%s", p.narrowed(p.places[0]))
	} else {
		// Tags up front: the product looks at no other records then.
		var sources []string
		for _, at := range p.places {
			sources = append(sources, "("+at.Source+")")
		}
		p.line("%s", strings.Join(sources, "\n  OR "))
	}
	p.each(p.narrowed, func(at siem.Place) []string {
		var steps []string
		if len(p.places) > 1 {
			steps = append(steps, "Leg := "+quote(at.Leg.Log.String()))
		}
		if !raw {
			steps = append(steps, set("Service", at.Expr(siem.Service)))
		}
		return append(steps, set("Name", at.Expr(name)))
	})
	p.line("| %s", p.selection())
	p.each(func(at siem.Place) string { return "Leg=" + quote(at.Leg.Log.String()) }, func(at siem.Place) []string {
		steps := []string{"CloudProvider := " + quote(siem.Provider(at.Leg.Log.Cloud())), set(siem.ColIdentity, at.Expr(identity))}
		if p.r.BySession && !raw {
			steps = append(steps, set("Session", at.Expr(siem.Session)), "Identity := coalesce([Session, Identity])")
		}
		steps = append(steps, set(siem.ColAccount, at.Expr(account)), set("Region", at.Expr(region)), set("SourceIp", at.Expr(siem.Address)))
		if !p.r.KeepCopies {
			steps = append(steps, set("EventId", at.Expr(siem.EventID)))
		}
		if p.r.CountsTargets() {
			steps = append(steps, set("Target", at.Expr(siem.Target)))
		}
		return steps
	})
	if needs := p.needs(); needs != "" {
		p.line("| %s", needs)
	}
	empty := "Identity, AccountId" // a row without one of them is in a group of its own
	if raw {
		empty += ", Region"
	}
	if p.r.CountsTargets() {
		empty += ", Target"
	}
	p.line("| default(value=\"\", field=[%s])", empty)
	if raw {
		p.line("| Api := coalesce([Name])")
	} else {
		p.line("| Api := format(\"%%s/%%s\", field=[Service, Name])")
	}
	if !p.r.KeepCopies {
		p.line("| EventId := coalesce([EventId, @id])")
	}
	if p.r.CountsTargets() {
		p.line("| Target := format(\"%%s %%s\", field=[Api, Target])")
	}
	p.check(identity, account, region, name)
}

// check notes what the field map leaves open.
func (p *printer) check(identity, account, region, name siem.Role) {
	for _, at := range p.places {
		roles := []siem.Role{siem.Time, name, account, region, siem.Address, siem.EventID, identity}
		if !at.Raw {
			roles = append(roles, siem.Service, siem.ServiceMade)
			if p.r.BySession {
				roles = append(roles, siem.Session)
			}
			if p.r.CountsTargets() {
				roles = append(roles, siem.Target)
			}
			if len(at.Outcomes) > 0 {
				roles = append(roles, siem.IsDenied)
			}
		}
		at.Check(p.out, p.g, at.Leg.Log, roles...)
	}
}

// each prints the steps that differ by log: behind one another for one log,
// and else as clauses of a case, whose guards tell the logs apart. A guard is
// the first step of its clause, and none of the others drops a record.
func (p *printer) each(guard func(siem.Place) string, steps func(siem.Place) []string) {
	clauses := make([]string, 0, len(p.places))
	for _, at := range p.places {
		all := slices.DeleteFunc(steps(at), func(s string) bool { return s == "" })
		if len(p.places) == 1 {
			p.line("| %s", strings.Join(all, "\n| "))
			return
		}
		all = slices.Insert(all, 0, guard(at))
		for i, s := range all {
			all[i] = siem.Indent(s, "      ")
		}
		clauses = append(clauses, "    "+strings.Join(all, "\n      | "))
	}
	p.line("| case {\n%s\n  }", strings.Join(clauses, ";\n"))
}

// set prints the step that fills a field with an expression of the field map:
// a field, what may stand right of :=, or steps that name the field $to.
func set(field, expr string) string {
	switch {
	case expr == "":
		return ""
	case strings.Contains(expr, "$to"):
		return strings.ReplaceAll(strings.TrimSpace(expr), "$to", field)
	case !strings.ContainsAny(expr, "\"( "):
		return field + " := coalesce([" + expr + "])"
	}
	return field + " := " + expr
}

// narrowed is what the records of a log must be.
func (p *printer) narrowed(at siem.Place) string {
	where := at.LogMap.Where
	if at.Raw {
		where = at.Set["raw_where"]
	}
	all := []string{bracketed(at.Source)}
	if where != "" {
		all = append(all, bracketed(where))
	}
	switch {
	case at.Only(event.Denied):
		all = append(all, "("+at.Expr(siem.IsDenied)+")")
	case at.Only(event.OK):
		all = append(all, "("+at.Expr(siem.IsOK)+")")
	}
	if made := at.Expr(siem.ServiceMade); made != "" && !at.Services && !at.Raw {
		all = append(all, "NOT ("+made+")")
	}
	return strings.Join(all, "\n  AND ")
}

// bracketed makes a filter fit to stand in a conjunction.
func bracketed(filter string) string {
	if strings.Contains(filter, " OR ") {
		return "(" + filter + ")"
	}
	return filter
}

// needs keeps rows with a caller, in the logs that the seed's query asks it of.
func (p *printer) needs() string {
	var all []string
	for _, at := range p.places {
		switch {
		case at.NeedsCaller && len(p.places) == 1:
			all = append(all, "Identity=/./")
		case at.NeedsCaller:
			all = append(all, fmt.Sprintf("(Leg!=%s OR Identity=/./)", quote(at.Leg.Log.String())))
		}
	}
	return strings.Join(all, " AND ")
}

// selection prints the predicates of all logs over Service and Name.
func (p *printer) selection() string {
	if len(p.places) == 1 {
		return predicate(p.places[0].Leg)
	}
	var any []string
	for _, at := range p.places {
		any = append(any, fmt.Sprintf("(Leg=%s AND (%s))", quote(at.Leg.Log.String()), predicate(at.Leg)))
	}
	return strings.Join(any, "\n  OR ")
}

func predicate(l *siem.Leg) string {
	s := l.Select
	if l.Raw {
		var apis []string
		for _, n := range s.Names {
			apis = append(apis, n.API)
		}
		return in("Name", apis, l.FoldCase)
	}
	var any []string
	if s.Match != "" {
		one := "Name=" + regex(s.Match)
		if s.Unless != "" {
			one += "\n    AND NOT Name=" + regex(s.Unless)
		}
		if len(s.NotNames) > 0 {
			one += "\n    AND NOT (" + among(s.NotNames) + ")"
		}
		any = append(any, "("+one+")")
	}
	if len(s.Names) > 0 {
		any = append(any, among(s.Names))
	}
	return strings.Join(any, "\n    OR ")
}

func among(names []plan.Name) string {
	var any []string
	for _, of := range siem.ByService(names) {
		if of.Whole {
			any = append(any, in("Service", []string{of.Service}, false))
			continue
		}
		any = append(any, "("+in("Service", []string{of.Service}, false)+" AND "+in("Name", of.APIs, false)+")")
	}
	return strings.Join(any, " OR ")
}
