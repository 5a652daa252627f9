// Package splunk prints rules in Splunk's Search Processing Language.
package splunk

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
	"unicode"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// Backend is Splunk.
type Backend struct{}

// Name returns "splunk".
func (Backend) Name() string { return "splunk" }

// Product returns the product's name.
func (Backend) Product() string { return "Splunk (SPL)" }

// Ext returns ".spl".
func (Backend) Ext() string { return ".spl" }

// Fields returns the fields of Splunk's add-ons.
func (Backend) Fields() *siem.Fields { return siem.MustFields("splunk/fields.yaml", fieldsYAML) }

// Compile prints the rule as one search over all its source types.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
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
	out.Grades = g.List()
	var b strings.Builder
	for _, line := range siem.Header(out) {
		b.WriteString("``` " + strings.ReplaceAll(line, "`", "'") + " ```\n")
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

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// rows finds the records of all logs and gives them common fields.
func (p *printer) rows() {
	var sources []string
	for _, at := range p.places {
		sources = append(sources, "("+at.Source+")")
	}
	p.line("%s", strings.Join(sources, " OR "))
	legs := make([]string, 0, len(p.places))
	for _, at := range p.places {
		legs = append(legs, fmt.Sprintf("%s, %s", at.Set["test"], quote(at.Leg.Log.String())))
	}
	p.line("| eval leg=case(%s)", strings.Join(legs, ", "))
	identity, account, region, name := siem.Principal, siem.AccountID, siem.Region, siem.API
	if p.r.BySession {
		identity = siem.Session
	}
	raw := p.places[0].Raw
	if raw {
		identity, account, region, name = siem.RawCaller, siem.RawAccount, siem.RawRegion, siem.RawAPI
	} else {
		p.line("| eval Service=%s", p.each(siem.Service))
	}
	p.line("| eval Name=%s", p.each(name))
	for _, at := range p.places {
		p.where(at)
	}
	p.line("| where %s", p.selection())
	p.line("| eval CloudProvider=%s", p.per(func(at siem.Place) string { return quote(siem.Provider(at.Leg.Log.Cloud())) }))
	who := p.each(identity)
	if identity == siem.Session {
		who = "coalesce(" + who + ", " + p.each(siem.Principal) + ")"
	}
	p.line("| eval Identity=coalesce(%s, \"\")", siem.Indent(who, "  "))
	p.line("| eval AccountId=coalesce(%s, \"\"), Region=%s, SourceIp=%s, EventId=%s%s",
		p.each(account), p.each(region), p.each(siem.Address), p.each(siem.EventID), p.target())
	if raw {
		p.line("| eval Api=Name, Region=coalesce(Region, \"\")") // an empty region is one too
	} else {
		p.line("| eval Api=Service . \"/\" . Name, Region=if(Region==\"\", null(), Region), SourceIp=if(SourceIp==\"\", null(), SourceIp)")
	}
	if p.r.CountsTargets() {
		p.line("| eval Target=Api . \" \" . Target")
	}
	if raw {
		p.line("| where %s", p.needs())
	}
	for _, at := range p.places {
		roles := []siem.Role{siem.Time, siem.Service, name, account, region, siem.Address, siem.EventID, identity}
		if !raw {
			roles = append(roles, siem.Target, siem.ServiceMade, siem.IsDenied)
		}
		at.Check(p.out, p.g, at.Leg.Log, roles...)
	}
}

// needs keeps rows with a caller, in the logs that the seed's query asks it of.
func (p *printer) needs() string {
	var all []string
	for _, at := range p.places {
		if at.NeedsCaller {
			all = append(all, fmt.Sprintf("(leg!=%s OR Identity!=\"\")", quote(at.Leg.Log.String())))
		}
	}
	if len(all) == 0 {
		return "true()"
	}
	return strings.Join(all, " AND ")
}

func (p *printer) target() string {
	if !p.r.CountsTargets() {
		return ""
	}
	return ", Target=" + p.each(siem.Target)
}

// per prints an expression that differs by log.
func (p *printer) per(f func(siem.Place) string) string {
	if len(p.places) == 1 {
		return f(p.places[0])
	}
	var b strings.Builder
	b.WriteString("case(")
	for i, at := range p.places {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n  leg==%s, %s", quote(at.Leg.Log.String()), siem.Indent(f(at), "  "))
	}
	return b.String() + ")"
}

func (p *printer) each(r siem.Role) string {
	return p.per(func(at siem.Place) string {
		if e := at.Expr(r); e != "" {
			return e
		}
		return "null()"
	})
}

// where narrows the rows of one log.
func (p *printer) where(at siem.Place) {
	var all []string
	if w := at.LogMap.Where; w != "" && !at.Raw {
		all = append(all, w)
	}
	if w := at.Set["raw_where"]; w != "" && at.Raw {
		all = append(all, w)
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
	if len(all) == 0 {
		return
	}
	cond := strings.Join(all, " AND ")
	if len(p.places) > 1 {
		cond = fmt.Sprintf("leg!=%s OR (%s)", quote(at.Leg.Log.String()), cond)
	}
	p.line("| where %s", cond)
}

// selection prints the predicates of all logs over Service and Name.
func (p *printer) selection() string {
	var any []string
	for _, at := range p.places {
		one := predicate(at.Leg)
		if len(p.places) > 1 {
			one = fmt.Sprintf("(leg==%s AND (%s))", quote(at.Leg.Log.String()), one)
		}
		any = append(any, one)
	}
	return strings.Join(any, "\n  OR ")
}

func predicate(l *siem.Leg) string {
	s := l.Select
	if l.Raw {
		name := "Name"
		if l.FoldCase {
			name = "lower(Name)"
		}
		var apis []string
		for _, n := range s.Names {
			apis = append(apis, n.API)
		}
		return in(name, apis)
	}
	var any []string
	if s.Match != "" {
		one := "match(Name, " + quote(s.Match) + ")"
		if s.Unless != "" {
			one += "\n    AND NOT match(Name, " + quote(s.Unless) + ")"
		}
		if len(s.NotNames) > 0 {
			one += "\n    AND NOT (" + among(s.NotNames) + ")"
		}
		any = append(any, one)
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
			any = append(any, in("Service", []string{of.Service}))
			continue
		}
		any = append(any, "("+in("Service", []string{of.Service})+" AND "+in("Name", of.APIs)+")")
	}
	return strings.Join(any, " OR ")
}

// in prints a condition that holds for the values of an expression. What
// cannot be seen has no place in a literal and is matched by its number.
func in(expr string, values []string) string {
	var plain, any []string
	for _, v := range values {
		// A backtick begins a macro or a comment, perhaps in quotes too.
		if strings.ContainsFunc(v, func(r rune) bool { return r == '`' || !unicode.IsGraphic(r) }) {
			any = append(any, "match("+expr+", "+quote("^"+exactly(v)+"$")+")")
		} else {
			plain = append(plain, quote(v))
		}
	}
	switch {
	case len(plain) == 1:
		any = append([]string{expr + "==" + plain[0]}, any...)
	case len(plain) > 1:
		any = append([]string{"in(" + expr + ", " + strings.Join(plain, ", ") + ")"}, any...)
	}
	if len(any) == 1 {
		return any[0]
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// exactly writes a regular expression that matches a text alone.
func exactly(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < 0x80 && (c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'):
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\x{%X}`, c)
		}
	}
	return b.String()
}

// hop is how far apart overlapping windows start.
func (p *printer) hop() int { return seconds(p.r.Window.Length / 3) }

// windows lays windows over the rows and leaves those that are due.
func (p *printer) windows() {
	n := seconds(p.r.Window.Length)
	if p.r.Schedule != nil {
		p.line("| lookup %s Identity OUTPUT Expires AS ExceptedUntil", Lookup)
		p.line(`| where coalesce(strptime(ExceptedUntil." +0000", "%%Y-%%m-%%d %%z"), 0)<=now()`) // an entry without a date is none
	}
	if p.r.Window.Kind == siem.Overlapping {
		h := p.hop()
		p.line("| eval WindowStart=mvrange(floor(_time/%d)*%d-%d, floor(_time/%d)*%d+1, %d)", h, h, n-h, h, h, h)
		p.line("| mvexpand WindowStart")
		p.g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf("windows start every %s: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(p.r.Window.Length/3), siem.Duration(p.r.Window.Length-p.r.Window.Length/3)))
	} else {
		p.line("| eval WindowStart=floor(_time/%d)*%d", n, n)
	}
	if s := p.r.Schedule; s != nil {
		every := seconds(s.Every)
		p.line("| eval Due=floor(now()/%d)*%d", every, every)
		p.line("| where WindowStart+%d<=Due AND WindowStart+%d>Due-%d", n+seconds(s.Settle), n+seconds(s.Settle), every)
	}
}

// Lookup is the lookup of identities that scheduled rules leave out.
const Lookup = "vedette_exceptions"

// counts counts, keeps what fires, scores and sorts.
func (p *printer) counts() {
	count := "dc(EventId) AS DiscoveryCount"
	if p.r.KeepCopies {
		count = "count AS DiscoveryCount"
	}
	targets := ""
	if p.r.CountsTargets() {
		targets = " dc(Target) AS DistinctTargets"
	}
	p.line("| stats %s dc(Api) AS DistinctAPIs%s values(Api) AS APIList dc(Region) AS DistinctRegions values(SourceIp) AS SourceIPs", count, targets)
	p.line("    min(_time) AS FirstSeen max(_time) AS LastSeen BY CloudProvider Identity AccountId WindowStart")
	w := siem.Words{Events: siem.ColEvents, APIs: siem.ColAPIs, Targets: siem.ColTargets, And: " AND ", Or: " OR "}
	p.line("| where %s", w.Condition(p.r.Trigger))
	if len(p.r.Bands) > 0 {
		var b strings.Builder
		last := 0
		for _, band := range p.r.Bands {
			if len(band.When) == 0 {
				last = band.Risk
				break
			}
			fmt.Fprintf(&b, "%s, %d, ", w.Condition(band.When), band.Risk)
		}
		p.line("| eval RiskScore=case(%strue(), %d)", b.String(), last)
	} else {
		p.line("| eval RiskScore=0")
	}
	p.line("| eval APIList=mvindex(APIList, 0, %d), SourceIPs=mvindex(SourceIPs, 0, %d)", p.r.MaxAPIs-1, p.r.MaxAddresses-1)
	p.line("| sort 0 -RiskScore, -DiscoveryCount, CloudProvider, Identity, AccountId, WindowStart")
	p.line(`| eval TimeGenerated=strftime(WindowStart, "%%Y-%%m-%%dT%%H:%%M:%%S%%z"), FirstSeen=strftime(FirstSeen, "%%Y-%%m-%%dT%%H:%%M:%%S%%z"), LastSeen=strftime(LastSeen, "%%Y-%%m-%%dT%%H:%%M:%%S%%z")`)
	columns := siem.Columns()
	if p.r.CountsTargets() {
		columns = append(columns[:6:6], append([]string{siem.ColTargets}, columns[6:]...)...)
	}
	p.line("| table %s", strings.Join(columns, " "))
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// quote prints a string literal of eval. It has no escape for what cannot be
// seen: see [in].
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
