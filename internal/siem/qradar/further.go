package qradar

import (
	"fmt"
	"strings"
	"time"

	"vedette/internal/siem"
)

// grades says what the query does not say as the rule means it.
func (p *printer) grades() {
	g, r := p.g, p.r
	g.Say(siem.Lists, siem.Impossible, "no aggregate of AQL lists values: a row counts addresses, and the query calls.aql lists APIs and addresses by caller")
	g.Say(siem.Order, siem.Approximated, "times are those of the console's time zone and do not name it")
	if r.Window.Kind == siem.Overlapping {
		hop := r.Window.Length / 3
		g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf(
			"a record can be in one window of a query, so three queries shifted by %s each make up the windows: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(hop), siem.Duration(r.Window.Length-hop)))
	}
	if s := r.Schedule; s != nil {
		g.Say(siem.Lateness, siem.Approximated, fmt.Sprintf(
			"QRadar has no schedule for such a search: a job of yours starts it every %s, and then each settled window is looked at once", siem.Duration(s.Every)))
		g.Say(siem.Exceptions, siem.Approximated, siem.ByIdentity+"; a reference set holds names alone: an entry has no end of its own, the set can have a time to live")
	}
	for _, at := range p.places {
		roles := []siem.Role{siem.Time, siem.RawAPI, siem.RawCaller, siem.RawAccount, siem.RawRegion, siem.Address}
		if !at.Raw {
			identity := siem.Principal
			if r.BySession {
				identity = siem.Session
			}
			roles = []siem.Role{siem.Time, siem.Service, siem.API, siem.AccountID, siem.Region, siem.Address, siem.ServiceMade, siem.IsDenied, identity}
			if r.CountsTargets() {
				roles = append(roles, siem.Target)
			}
			if !r.KeepCopies {
				roles = append(roles, siem.EventID)
			}
		}
		at.Check(p.out, g, at.Leg.Log, roles...)
		if len(at.Outcomes) == 0 {
			g.SayOf(at.Leg.Log, siem.Outcome, siem.Unused, "")
		}
	}
	p.out.Warnings = append(p.out.Warnings,
		"the text keeps to IBM's Ariel Query Language guide, which shows neither HAVING with OR nor a subquery in a subquery: /api/ariel/validators/aql says whether your release takes them",
		"properties in double quotes are custom properties, which the package creates: without them no record is found")
	if !r.KeepCopies {
		p.out.Warnings = append(p.out.Warnings,
			"QRadar stores like events as one unless Coalescing Events is off for the log source: their ids are lost, and they count once")
	}
}

// forms adds what stands beside the query.
func (p *printer) forms() {
	add := func(name, language, why, text string) {
		p.out.Further = append(p.out.Further, siem.Form{Name: name, Language: language, Why: why, Text: text, Ext: ".aql"})
	}
	if p.r.Window.Kind == siem.Overlapping {
		for i := time.Duration(1); i < 3; i++ {
			hop := p.r.Window.Length / 3 * i
			add("shifted-"+siem.Duration(hop), "AQL", "the same over windows that start "+siem.Duration(hop)+" later", p.query(hop))
		}
	}
	add("flat", "AQL without subqueries", "for releases that take subqueries from the API alone, and for saved searches: has no risk, regions or targets", p.flat())
	add("calls", "AQL", "lists what the rows of the query count: operations and addresses by caller and window", p.calls())
	add("filter", "AQL filter", "the selection alone, for a custom rule whose test takes an AQL filter query", p.filter())
}

// flat prints the rule as one level of query.
func (p *printer) flat() string {
	expr := map[string]string{}
	for _, c := range p.columns() {
		expr[c.name] = c.expr
	}
	api := "CONCAT(" + expr["ApiService"] + ", '/', " + expr["ApiName"] + ")"
	if p.places[0].Raw {
		api = expr["ApiName"]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT\n  %s AS WindowStart", p.window(0))
	line := func(text, name string) { fmt.Fprintf(&b, ",\n  %s AS %s", siem.Indent(text, "  "), name) }
	for _, name := range []string{siem.ColProvider, siem.ColIdentity, siem.ColAccount} {
		line(expr[name], name)
	}
	if p.r.KeepCopies {
		line("SUM(eventcount)", siem.ColEvents)
	} else {
		line("UNIQUECOUNT("+expr["EventKey"]+")", siem.ColEvents)
	}
	line("UNIQUECOUNT("+api+")", siem.ColAPIs)
	if p.r.CountsTargets() {
		line("UNIQUECOUNT(CONCAT("+api+", ' ', "+bracket(expr["TargetText"])+"))", siem.ColTargets)
	}
	line("UNIQUECOUNT("+expr["SourceAddress"]+")", colAddresses)
	when := p.places[0].Expr(siem.Time)
	line("MIN("+when+")", "FirstTime")
	line("MAX("+when+")", "LastTime")
	fmt.Fprintf(&b, "\nFROM events\nWHERE %s\nGROUP BY %s\nHAVING %s\nORDER BY %s DESC\n%s\n",
		p.where(inline(expr["ApiService"]), inline(expr["ApiName"]), inline(expr[siem.ColIdentity]), "("+p.window(0)+")"),
		groups, words.Condition(p.r.Trigger), siem.ColEvents, p.last())
	return b.String()
}

// inline is bracket for a condition.
func inline(expr string) string { return siem.Indent(bracket(expr), "      ") }

// calls prints the query that lists what was counted.
func (p *printer) calls() string {
	operation := "ApiService, ApiName"
	if p.places[0].Raw {
		operation = "ApiName"
	}
	by := groups + ", " + operation + ", SourceAddress"
	return fmt.Sprintf("SELECT\n  %s,\n  COUNT(*) AS Records\nFROM (\n  %s\n)\nGROUP BY %s\nORDER BY %s, Records DESC\n",
		by, siem.Indent(p.rows(0), "  "), by, groups)
}

// filter prints the conditions on a record.
func (p *printer) filter() string {
	expr := map[string]string{}
	for _, c := range p.columns() {
		expr[c.name] = c.expr
	}
	return p.where(inline(expr["ApiService"]), inline(expr["ApiName"]), inline(expr[siem.ColIdentity]), "") + "\n"
}
