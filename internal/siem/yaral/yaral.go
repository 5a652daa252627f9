// Package yaral prints rules in YARA-L 2.0 for Google SecOps (Chronicle): one
// rule over one event variable, and beside it the same question as a search.
package yaral

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// Bounds of the language ("Match section syntax", "Outcome section syntax",
// YARA-L 2.0).
const (
	minWindow  = time.Minute
	maxWindow  = 48 * time.Hour
	maxOutcome = 20 // outcome variables
	maxArray   = 25 // elements of array_distinct, at random where there are more
)

// Backend is Google SecOps.
type Backend struct{}

// Name returns "yaral".
func (Backend) Name() string { return "yaral" }

// Product returns the product's name.
func (Backend) Product() string { return "Google SecOps (YARA-L 2.0)" }

// Ext returns ".yaral".
func (Backend) Ext() string { return ".yaral" }

// Fields returns the UDM fields of Google SecOps.
func (Backend) Fields() *siem.Fields { return siem.MustFields("yaral/fields.yaml", fieldsYAML) }

// Compile prints the rule over all its log types. The header stands behind
// the rule's name and not before it: the vendor's own tooling takes the first
// word behind "rule " in a file for the name.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	if w := r.Window.Length; w < minWindow || w > maxWindow || w%time.Minute != 0 {
		return nil, fmt.Errorf("%w: a window of %s; YARA-L takes whole minutes from %s to %s", siem.ErrNotSaid,
			siem.Duration(w), siem.Duration(minWindow), siem.Duration(maxWindow))
	}
	out := &siem.Output{Rule: r}
	g := siem.NewGrades(r)
	places, err := f.Places(r, g)
	if err != nil {
		return nil, err
	}
	p := &printer{r: r, out: out, g: g, places: places, raw: places[0].Raw}
	p.check()
	p.grades()
	out.Grades = g.List()
	out.Query = p.rule()
	out.Further = []siem.Form{{
		Name: "search", Language: "YARA-L 2.0 of UDM search", Text: p.search(), Ext: ".udm",
		Why: "for a person, in the time range of the search and in order of risk; every record counts, copies too, and calls without a caller or an account may be left out",
	}}
	return out, nil
}

type printer struct {
	r      *siem.Rule
	out    *siem.Output
	g      *siem.Grades
	places []siem.Place
	raw    bool
	text   strings.Builder
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// take returns what was printed and begins anew.
func (p *printer) take() string {
	s := p.text.String()
	p.text.Reset()
	return s
}

// rule prints the rule.
func (p *printer) rule() string {
	p.line("rule %s {", ruleName(p.r))
	for _, line := range siem.Header(p.out) {
		p.line("// %s", visible(line))
	}
	p.meta()
	p.line("\n  events:")
	p.events(p.eventID())
	p.line("\n  match:")
	p.match()
	p.line("\n  outcome:")
	p.outcome(p.count())
	p.line("\n  condition:")
	p.line("    $e and %s", bracketed(words.Condition(p.r.Trigger), len(p.r.Trigger)))
	// Calls without an account or a caller are a group too.
	p.line("\n  options:\n    allow_zero_values = true\n}")
	return p.take()
}

// search prints the same question without the parts that only rules have. It
// counts records: the product's id of one is made a text by a function that
// the reference gives to rules alone.
func (p *printer) search() string {
	rule, out := *p.r, *p.out
	rule.KeepCopies = true
	out.Rule = &rule
	for _, line := range siem.ShortHeader(&out) {
		p.line("// %s", visible(line))
	}
	p.events("")
	p.line("match:")
	p.match()
	p.line("outcome:")
	p.outcome("count_distinct($e.metadata.id)")
	p.line("condition:\n    %s", words.Condition(p.r.Trigger))
	p.line("order:\n    $risk_score desc, $DiscoveryCount desc")
	p.line("limit:\n    10000")
	return p.take()
}

// ruleName is the rule's id as a name of the language.
func ruleName(r *siem.Rule) string { return "vedette_" + strings.ReplaceAll(r.ID, "-", "_") }

var words = siem.Words{Events: "$" + siem.ColEvents, APIs: "$" + siem.ColAPIs, Targets: "$" + siem.ColTargets, And: " and ", Or: " or "}

func bracketed(cond string, alternatives int) string {
	if alternatives > 1 {
		return "(" + cond + ")"
	}
	return cond
}

// events finds the events of all logs and names what is counted.
func (p *printer) events(eventID string) {
	var types []string
	for _, at := range p.places {
		types = append(types, "$e.metadata.log_type = "+quote(at.Source))
	}
	p.line("    %s", bracketed(strings.Join(types, "\n      or "), len(types)))
	p.name(siem.ColProvider, p.provider())
	service, name := p.each(siem.Service), p.each(p.role(siem.API, siem.RawAPI))
	if !p.raw {
		p.name("Service", service)
	}
	p.name("Name", name)
	p.name(siem.ColIdentity, p.identity())
	p.name(siem.ColAccount, p.each(p.role(siem.AccountID, siem.RawAccount)))
	if region := p.each(p.role(siem.Region, siem.RawRegion)); region != "" {
		p.name("Region", region)
	}
	if address := p.each(siem.Address); address != "" {
		p.name("SourceIp", address)
	}
	if eventID != "" {
		p.name("EventId", eventID)
	}
	if p.raw {
		p.name("Api", name)
	} else {
		p.name("Api", "strings.concat(\n  "+siem.Indent(service, "  ")+", \"/\",\n  "+siem.Indent(name, "  ")+")")
	}
	if p.r.CountsTargets() {
		target := p.each(siem.Target)
		if target == "" {
			target = `""`
		}
		p.name("Target", "strings.concat(\n  "+siem.Indent(service, "  ")+", \"/\",\n  "+siem.Indent(name, "  ")+", \" \",\n  "+siem.Indent(target, "  ")+")")
	}
	var any []string
	for _, at := range p.places {
		any = append(any, "("+siem.Indent(strings.Join(p.filter(at), "\n  and "), "  ")+")")
	}
	p.line("    %s", siem.Indent(bracketed(strings.Join(any, "\n  or "), len(any)), "    "))
	if p.r.Schedule != nil {
		p.line("    not $%s in %%%s.identity", siem.ColIdentity, Table)
	}
}

// name gives an expression a name.
func (p *printer) name(as, expr string) {
	p.line("    $%s = %s", as, siem.Indent(expr, "    "))
}

func (p *printer) role(named, raw siem.Role) siem.Role {
	if p.raw {
		return raw
	}
	return named
}

func (p *printer) identity() string {
	if p.raw || !p.r.BySession {
		return p.each(p.role(siem.Principal, siem.RawCaller))
	}
	return p.per(func(at siem.Place) string {
		session, principal := at.Expr(siem.Session), at.Expr(siem.Principal)
		if session == "" {
			return principal
		}
		return "strings.coalesce(\n  " + siem.Indent(session, "  ") + ",\n  " + siem.Indent(principal, "  ") + ")"
	})
}

// eventID is what makes copies equal; "" where every record counts.
func (p *printer) eventID() string {
	if p.r.KeepCopies {
		return ""
	}
	return p.each(siem.EventID)
}

// count counts events. A plain count would count an event once for each
// element of its lists ("YARA-L known issues and limitations").
func (p *printer) count() string {
	if p.eventID() == "" {
		return "count_distinct($e.metadata.id)"
	}
	return "count_distinct($EventId)"
}

// filter are the conditions for the events of one log.
func (p *printer) filter(at siem.Place) []string {
	all := []string{"$e.metadata.log_type = " + quote(at.Source)}
	add := func(cond string) { all = append(all, "("+siem.Indent(cond, "  ")+")") }
	if w := at.LogMap.Where; w != "" && !at.Raw {
		add(w)
	}
	if w := at.Set["raw_where"]; w != "" && at.Raw {
		add(w)
	}
	if at.NeedsCaller {
		add("$" + siem.ColIdentity + ` != ""`)
	}
	switch {
	case at.Only(event.Denied):
		add(at.Expr(siem.IsDenied))
	case at.Only(event.OK):
		add(at.Expr(siem.IsOK))
	}
	if made := at.Expr(siem.ServiceMade); made != "" && !at.Services && !at.Raw {
		all = append(all, "not ("+siem.Indent(made, "  ")+")")
	}
	add(predicate(at.Leg))
	return all
}

func (p *printer) match() {
	window := "by"
	if p.r.Window.Kind == siem.Overlapping {
		window = "over"
	}
	p.line("    $%s, $%s, $%s %s %s", siem.ColProvider, siem.ColIdentity, siem.ColAccount, window, span(p.r.Window.Length))
}

// span writes a duration of whole minutes.
func span(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// outcome counts and scores. The risk has the name that the product knows.
func (p *printer) outcome(count string) {
	p.line("    $%s = %s", siem.ColEvents, count)
	p.line("    $%s = count_distinct($Api)", siem.ColAPIs)
	if p.r.CountsTargets() {
		p.line("    $%s = count_distinct($Target)", siem.ColTargets)
	}
	p.line("    $%s = array_distinct($Api)", siem.ColAPIList)
	if p.each(p.role(siem.Region, siem.RawRegion)) != "" {
		p.line("    $%s = count_distinct($Region)", siem.ColRegions)
	}
	if p.each(siem.Address) != "" {
		p.line("    $%s = array_distinct($SourceIp)", siem.ColAddresses)
	}
	seen := p.places[0].Expr(siem.Time)
	p.line("    $%s = min(%s)", siem.ColFirst, seen)
	p.line("    $%s = max(%s)", siem.ColLast, seen)
	p.line("    $risk_score = %s", siem.Indent(risk(p.r.Bands), "      "))
}

// risk adds up bands that exclude each other: the reference shows no
// condition within a condition.
func risk(bands []plan.Band) string {
	var sum, before []string
	for _, b := range bands {
		all := append([]string(nil), before...)
		if len(b.When) > 0 {
			all = append(all, bracketed(words.Condition(b.When), len(b.When)))
		}
		if len(all) == 0 {
			return fmt.Sprint(b.Risk) // the first band always holds
		}
		sum = append(sum, fmt.Sprintf("if(%s, %d, 0)", strings.Join(all, " and "), b.Risk))
		if len(b.When) == 0 {
			break
		}
		before = append(before, fails(b.When)...)
	}
	if len(sum) == 0 {
		return "0"
	}
	return strings.Join(sum, "\n+ ")
}

// fails are the conditions, all of which hold where c does not.
func fails(c plan.Condition) []string {
	var all []string
	for _, t := range c {
		var any []string
		for _, x := range []struct {
			name  string
			least int
		}{{words.APIs, t.DistinctAPIs}, {words.Targets, t.DistinctTargets}, {words.Events, t.Events}} {
			if x.least > 0 {
				any = append(any, fmt.Sprintf("%s < %d", x.name, x.least))
			}
		}
		all = append(all, bracketed(strings.Join(any, " or "), len(any)))
	}
	return all
}

func (p *printer) check() {
	for _, at := range p.places {
		roles := []siem.Role{siem.Time, siem.Service, p.role(siem.API, siem.RawAPI), p.role(siem.AccountID, siem.RawAccount), siem.Address}
		identity := siem.Principal
		switch {
		case p.raw:
			identity = siem.RawCaller
		case p.r.BySession:
			identity = siem.Session
		}
		roles = append(roles, identity)
		if p.r.CountsTargets() {
			roles = append(roles, siem.Target)
		}
		if !p.r.KeepCopies {
			roles = append(roles, siem.EventID)
		}
		if !at.Raw && !at.Services {
			roles = append(roles, siem.ServiceMade)
		}
		switch {
		case at.Only(event.Denied):
			roles = append(roles, siem.IsDenied)
		case at.Only(event.OK):
			roles = append(roles, siem.IsOK)
		}
		at.Check(p.out, p.g, at.Leg.Log, append(roles, p.role(siem.Region, siem.RawRegion))...)
	}
}

func (p *printer) grades() {
	g := p.g
	if p.r.Window.Kind == siem.Overlapping {
		g.Say(siem.Windowing, siem.Approximated, "hop windows: the product sets how far apart they start")
	} else {
		g.Say(siem.Windowing, siem.Approximated, "windows lie side by side; no public source says where they start")
	}
	g.Say(siem.Lists, siem.Approximated, fmt.Sprintf("at most %d names and %d addresses, at random where there are more", maxArray, maxArray))
	g.Say(siem.Order, siem.Approximated, "a detection holds what was counted in variables, the window as its own time, and comes in no order; the search sorts")
	for _, at := range p.places {
		if at.Expr(p.role(siem.Region, siem.RawRegion)) != "" {
			g.SayOf(at.Leg.Log, siem.Regions, siem.Approximated, "a call without a region may count as one more")
		}
	}
	if p.r.Schedule == nil {
		return
	}
	g.Say(siem.Exceptions, siem.Approximated, siem.ByIdentity+"; Expires is a note only: a row holds until it is taken out, or the table's time to live ends")
	g.Say(siem.Lateness, siem.Approximated, "the product decides when it looks at a window and again for late events; the package asks for every hour")
}
