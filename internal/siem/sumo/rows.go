package sumo

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// scope is what stands before the first pipe.
func (p *printer) scope() string {
	var any []string
	for _, at := range p.places {
		if s := "(" + at.Source + ")"; !slices.Contains(any, s) {
			any = append(any, s)
		}
	}
	return strings.Join(any, " or ") + "\n"
}

// word finds the fields that the text uses.
var word = regexp.MustCompile(`\b[a-z]{2}_[a-z_]+\b`)

// empty makes null empty: no comparison with null is documented, nor whether
// it counts.
func empty(field string) string { return "concat(" + field + `, "")` }

// parse reads the keys that the text uses.
func (p *printer) parse(text string) string {
	used := map[string]bool{}
	for _, w := range word.FindAllString(text, -1) {
		used[w] = true
	}
	var b strings.Builder
	seen := map[string]bool{}
	for _, at := range p.places {
		var paths, names, optional []string
		for line := range strings.Lines(at.Set["json"]) {
			path, name, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok || !used[name] || seen[name] {
				continue
			}
			seen[name] = true
			path, maybe := strings.CutSuffix(path, "?")
			if maybe {
				optional = append(optional, name)
			}
			paths, names = append(paths, quote(path)), append(names, name)
		}
		if len(names) == 0 {
			continue
		}
		fmt.Fprintf(&b, "| json %s\n    as %s nodrop\n", wrapped(paths), wrapped(names))
		for _, name := range optional {
			fmt.Fprintf(&b, "| %s as %s\n", empty(name), name)
		}
	}
	return b.String()
}

// wrapped joins items, some to a line.
func wrapped(items []string) string {
	var b strings.Builder
	column := 0
	for i, item := range items {
		switch {
		case i == 0:
		case column > 100:
			b.WriteString(",\n    ")
			column = 0
		default:
			b.WriteString(", ")
		}
		b.WriteString(item)
		column += len(item) + 2
	}
	return b.String()
}

// rows finds the records of all logs and gives them common fields.
func (p *printer) rows() {
	raw := p.places[0].Raw
	identity, account, region, name := siem.Principal, siem.AccountID, siem.Region, siem.API
	if raw {
		identity, account, region, name = siem.RawCaller, siem.RawAccount, siem.RawRegion, siem.RawAPI
	}
	if len(p.places) > 1 {
		p.set("Log", p.logs())
	} else {
		p.line("| where %s", p.places[0].Set["test"])
	}
	if !raw {
		p.set("Service", p.each(siem.Service))
	}
	p.set("Name", p.each(name))
	if slices.ContainsFunc(p.places, func(at siem.Place) bool { return at.FoldCase && at.Raw }) {
		p.set("Folded", "toLowerCase(Name)")
	}
	p.line("| where %s", p.selection(raw))
	p.set("CloudProvider", p.per(func(at siem.Place) string { return quote(siem.Provider(at.Leg.Log.Cloud())) }))
	p.set("Identity", p.each(identity))
	if p.r.BySession && !raw {
		p.set("Session", p.each(siem.Session))
		p.set("Identity", `if(isBlank(Session), Identity, Session)`)
	}
	p.set("AccountId", p.each(account))
	p.set("Region", p.each(region))
	p.set("SourceIp", p.each(siem.Address))
	for _, name := range []string{"Identity", "AccountId", "Region", "SourceIp"} {
		p.set(name, empty(name))
	}
	if !p.r.KeepCopies {
		p.set("EventId", p.each(siem.EventID))
	}
	if raw {
		p.set("Api", "Name")
		if needs := p.needs(); needs != "" {
			p.line("| where %s", needs)
		}
	} else {
		p.set("Api", `concat(Service, "/", Name)`)
		// An empty value counts as one; no region is none.
		p.set("NoRegion", `if(Region = "", 1, 0)`)
	}
	if p.r.CountsTargets() {
		p.set("Target", p.each(siem.Target))
		p.set("Target", `concat(Api, " ", Target)`)
	}
	shipped := Backend{}.Fields()
	for _, at := range p.places {
		roles := []siem.Role{siem.Time, siem.Service, name, account, region, siem.Address, identity}
		if p.r.BySession && !raw {
			roles = append(roles, siem.Session)
		}
		if !p.r.KeepCopies {
			roles = append(roles, siem.EventID)
		}
		if !raw {
			roles = append(roles, siem.Target, siem.ServiceMade)
			if len(at.Outcomes) > 0 {
				roles = append(roles, siem.IsDenied, siem.IsOK)
			}
		}
		at.Check(p.out, p.g, at.Leg.Log, roles...)
		if s := shipped.Logs[at.Leg.Log.String()]; s != nil && s.Confirmed && s.Source == at.Source {
			p.out.Parameters = append(p.out.Parameters, siem.Parameter{Name: "source", Log: at.Leg.Log, Value: at.Source, Why: "yours may be named otherwise"})
		}
	}
}

// logs says which log a record is of.
func (p *printer) logs() string {
	var b strings.Builder
	for _, at := range p.places {
		fmt.Fprintf(&b, "if(%s, %s,\n", at.Set["test"], quote(at.Set["log"]))
	}
	return b.String() + `""` + strings.Repeat(")", len(p.places))
}

// per prints an expression that differs by log; logs with the same one share
// a branch.
func (p *printer) per(f func(siem.Place) string) string {
	var order []string
	logs := map[string][]string{}
	for _, at := range p.places {
		expr := f(at)
		if logs[expr] == nil {
			order = append(order, expr)
		}
		logs[expr] = append(logs[expr], at.Set["log"])
	}
	var b strings.Builder
	last := len(order) - 1
	for _, expr := range order[:last] {
		fmt.Fprintf(&b, "if(%s, %s,\n", in("Log", logs[expr]), siem.Indent(expr, "  "))
	}
	return b.String() + siem.Indent(order[last], "  ") + strings.Repeat(")", last)
}

func (p *printer) each(r siem.Role) string {
	return p.per(func(at siem.Place) string {
		if e := at.Expr(r); e != "" {
			return e
		}
		return `""`
	})
}

// selection says which records of each log count.
func (p *printer) selection(raw bool) string {
	var any []string
	for _, at := range p.places {
		var all []string
		if len(p.places) > 1 {
			all = append(all, "Log = "+quote(at.Set["log"]))
		}
		if w := at.LogMap.Where; w != "" && !raw {
			all = append(all, w)
		}
		if w := at.Set["raw_where"]; w != "" && raw {
			all = append(all, w)
		}
		switch {
		case at.Only(event.Denied):
			all = append(all, "("+at.Expr(siem.IsDenied)+")")
		case at.Only(event.OK):
			all = append(all, "("+at.Expr(siem.IsOK)+")")
		}
		if made := at.Expr(siem.ServiceMade); made != "" && !at.Services && !raw {
			all = append(all, "!("+siem.Indent(made, "  ")+")")
		}
		all = append(all, "("+predicate(at.Leg)+")")
		one := strings.Join(all, "\n    and ")
		if len(p.places) > 1 {
			one = "(" + one + ")"
		}
		any = append(any, one)
	}
	return strings.Join(any, "\n  or ")
}

func predicate(l *siem.Leg) string {
	s := l.Select
	if l.Raw {
		name := "Name"
		if l.FoldCase {
			name = "Folded"
		}
		var apis []string
		for _, n := range s.Names {
			apis = append(apis, n.API)
		}
		return in(name, apis)
	}
	var any []string
	if s.Match != "" {
		one := "Name matches " + regex(whole(s.Match, ""))
		if s.Unless != "" {
			one += "\n      and !(Name matches " + regex(whole(s.Unless, "")) + ")"
		}
		if len(s.NotNames) > 0 {
			one += "\n      and !(" + among(s.NotNames) + ")"
		}
		if len(s.Names) > 0 {
			one = "(" + one + ")"
		}
		any = append(any, one)
	}
	if len(s.Names) > 0 {
		any = append(any, among(s.Names))
	}
	return strings.Join(any, "\n      or ")
}

func among(names []plan.Name) string {
	var any []string
	for _, of := range siem.ByService(names) {
		if of.Whole {
			any = append(any, in("Service", []string{of.Service}))
			continue
		}
		any = append(any, "("+in("Service", []string{of.Service})+" and "+in("Name", of.APIs)+")")
	}
	return strings.Join(any, " or ")
}

// needs keeps rows with a caller, in the logs that the seed's query asks it of.
func (p *printer) needs() string {
	var all []string
	for _, at := range p.places {
		switch {
		case !at.NeedsCaller:
		case len(p.places) == 1:
			all = append(all, `Identity != ""`)
		default:
			all = append(all, fmt.Sprintf(`(Log != %s or Identity != "")`, quote(at.Set["log"])))
		}
	}
	return strings.Join(all, " and ")
}
