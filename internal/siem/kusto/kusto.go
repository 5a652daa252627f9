// Package kusto prints rules in the Kusto Query Language for Microsoft
// Sentinel and Log Analytics.
package kusto

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// maxQuery is the greatest length of the query of an analytics rule
// ("Create a custom analytics rule from scratch", Microsoft Sentinel).
const maxQuery = 10_000

// maxPeriod is the greatest time that an analytics rule looks back at (the
// same).
const maxPeriod = 14 * 24 * time.Hour

// Backend is Microsoft Sentinel.
type Backend struct{}

// Name returns "kusto".
func (Backend) Name() string { return "kusto" }

// Product returns the product's name.
func (Backend) Product() string { return "Microsoft Sentinel (KQL)" }

// Ext returns ".kql".
func (Backend) Ext() string { return ".kql" }

// Fields returns the columns of Sentinel's tables.
func (Backend) Fields() *siem.Fields { return siem.MustFields("kusto/fields.yaml", fieldsYAML) }

// Compile prints the rule as one query over all its tables.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	if r.Schedule != nil {
		back := r.Lookback()
		if back > maxPeriod {
			return nil, fmt.Errorf("%w: a run of %s looks back %s, Sentinel takes %s", siem.ErrNotSaid, r.ID, siem.Duration(back), siem.Duration(maxPeriod))
		}
		if back >= siem.FarBack && r.Schedule.Every < siem.FarBackEvery {
			return nil, fmt.Errorf("%w: %s runs every %s and looks back %s, Sentinel runs such a rule each hour at most", siem.ErrNotSaid, r.ID, siem.Duration(r.Schedule.Every), siem.Duration(back))
		}
	}
	out := &siem.Output{Rule: r, Limit: maxQuery}
	g := siem.NewGrades(r)
	p := &printer{r: r, out: out, g: g}
	places, err := f.Places(r, g)
	if err != nil {
		return nil, err
	}
	for _, at := range places {
		p.leg(at.Leg, at.LogMap)
	}
	p.windows()
	p.rows()
	p.grades()
	out.Grades = g.List()
	text := p.settings(places) + p.text.String()
	n := 0
	for _, header := range []func(*siem.Output) []string{siem.Header, siem.ShortHeader, siem.BareHeader} {
		out.Query = comment(header(out)) + text
		if n = utf8.RuneCountInString(out.Query); n <= maxQuery {
			return out, nil
		}
	}
	return nil, siem.TooLong(r, "Sentinel", n, maxQuery)
}

func comment(lines []string) string {
	return "// " + strings.Join(lines, "\n// ") + "\n"
}

type printer struct {
	r    *siem.Rule
	out  *siem.Output
	g    *siem.Grades
	text strings.Builder
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// settings are what a reader may change, and names for what is long, before
// the query.
func (p *printer) settings(places []siem.Place) string {
	var b strings.Builder
	var lets []string
	for _, at := range places {
		if l := at.Set["let"]; l != "" && !at.Raw && !slices.Contains(lets, l) {
			lets = append(lets, l)
			fmt.Fprintf(&b, "let %s;\n", l)
		}
	}
	fmt.Fprintf(&b, "let Window = %s;\n", span(p.r.Window.Length))
	if p.r.Window.Kind == siem.Overlapping {
		fmt.Fprintf(&b, "let Hop = %s;\n", span(p.hop()))
	}
	if s := p.r.Schedule; s != nil {
		fmt.Fprintf(&b, "let Every = %s;\nlet Settle = %s;\nlet Since = ago(Settle + Every + 2 * Window);\n", span(s.Every), span(s.Settle))
		fmt.Fprintf(&b, "let Excepted = _GetWatchlist(%q) | where todatetime(Expires) > now() | project tostring(SearchKey);\n", Watchlist)
	}
	return b.String()
}

// Watchlist is the alias of the list of identities that scheduled rules leave
// out; its search key is the identity.
const Watchlist = "VedetteExceptions"

// hop is how far apart overlapping windows start.
func (p *printer) hop() time.Duration { return p.r.Window.Length / 3 }

// leg prints the rows of one table in common columns.
func (p *printer) leg(l *siem.Leg, m *siem.LogMap) {
	open := "union isfuzzy=true\n(\n"
	if p.text.Len() > 0 {
		open = ",\n(\n"
		// The bracket before stands at the line's end.
		s := strings.TrimSuffix(p.text.String(), "\n")
		p.text.Reset()
		p.text.WriteString(s)
	}
	p.text.WriteString(open)
	p.line("  %s", m.Source)
	if p.r.Schedule != nil {
		p.line("  | where %s > Since", m.Expr(siem.Time))
	}
	if m.Where != "" {
		p.line("  | where %s", m.Where)
	}
	roles := []siem.Role{siem.Time, siem.Service, siem.API, siem.AccountID, siem.Region, siem.Address, siem.Target, siem.EventID, siem.ServiceMade}
	identity := siem.Principal
	if p.r.BySession {
		identity = siem.Session
	}
	if l.Raw {
		p.rawLeg(l, m)
		m.Check(p.out, p.g, l.Log, siem.RawAPI, siem.RawCaller, siem.RawAccount, siem.RawRegion)
	} else {
		p.namedLeg(l, m, identity)
		m.Check(p.out, p.g, l.Log, append(roles, identity)...)
	}
	p.line(")")
}

// rawLeg compares names as they are logged, as the query that Vedette began
// with does.
func (p *printer) rawLeg(l *siem.Leg, m *siem.LogMap) {
	name := m.Expr(siem.RawAPI)
	if l.FoldCase {
		name = "tolower(" + name + ")"
	}
	p.line("  | where %s in (%s)", name, names(apiNames(l.Select.Names)))
	if w := m.Set["raw_where"]; w != "" {
		p.line("  | where %s", w)
	}
	if l.NeedsCaller {
		p.line("  | where isnotempty(%s)", m.Expr(siem.RawCaller))
	}
	p.line("  | project %s, CloudProvider = %s, Identity = %s, AccountId = %s, Api = %s, Region = %s, SourceIp = %s",
		column(siem.ColTime, m.Expr(siem.Time)), quote(siem.Provider(l.Log.Cloud())), m.Expr(siem.RawCaller), m.Expr(siem.RawAccount),
		m.Expr(siem.RawAPI), m.Expr(siem.RawRegion), m.Expr(siem.Address))
}

func (p *printer) namedLeg(l *siem.Leg, m *siem.LogMap, identity siem.Role) {
	p.line("  | extend Service = %s, Name = %s", m.Expr(siem.Service), m.Expr(siem.API))
	p.line("  | where %s", selection(l.Select, m.Expr(siem.Service)))
	switch {
	case only(l.Outcomes, event.Denied):
		p.line("  | where %s", m.Expr(siem.IsDenied))
	case only(l.Outcomes, event.OK):
		p.line("  | where %s", m.Expr(siem.IsOK))
	}
	if made := m.Expr(siem.ServiceMade); made != "" && !l.Services {
		p.line("  | where not(%s)", made)
	}
	p.line("  | project %s, CloudProvider = %s,", column(siem.ColTime, m.Expr(siem.Time)), quote(siem.Provider(l.Log.Cloud())))
	who := m.Expr(identity)
	if identity == siem.Session {
		who = "coalesce(" + who + ", " + m.Expr(siem.Principal) + ")"
	}
	p.line("    %s,", indent(column(siem.ColIdentity, who), "    "))
	p.line("    %s, Service, Name, %s,", column(siem.ColAccount, m.Expr(siem.AccountID)), column("Region", orEmpty(m.Expr(siem.Region))))
	p.line("    %s, %s%s", column("SourceIp", m.Expr(siem.Address)), column("EventId", m.Expr(siem.EventID)), p.target(m))
}

// column gives an expression a name.
func column(name, expr string) string {
	if expr == name {
		return name
	}
	return name + " = " + expr
}

func (p *printer) target(m *siem.LogMap) string {
	if !p.r.CountsTargets() {
		return ""
	}
	return ", " + column("Target", m.Expr(siem.Target))
}

// selection prints a predicate over the columns Service and Name.
func selection(s *plan.Predicate, service string) string {
	var any []string
	if s.Match != "" {
		one := "Name matches regex " + verbatim(s.Match)
		if s.Unless != "" {
			one += "\n    and not(Name matches regex " + verbatim(s.Unless) + ")"
		}
		if len(s.NotNames) > 0 {
			one += "\n    and not(" + strings.Join(among(s.NotNames, service), "\n      or ") + ")"
		}
		any = append(any, one)
	}
	any = append(any, among(s.Names, service)...)
	return strings.Join(any, "\n    or ")
}

// among prints conditions that hold for the names: one a service where that
// is shorter. A service that the whole log has needs no mention.
func among(list []plan.Name, service string) []string {
	var any, rest []string
	for _, of := range siem.ByService(list) {
		constant, inOne := quote(of.Service) == service, "Name in ("+names(of.APIs)+")"
		switch {
		case of.Whole && constant:
			any = append(any, "true")
		case of.Whole:
			any = append(any, "Service == "+quote(of.Service))
		case constant:
			any = append(any, inOne)
		case len(of.APIs) > 2:
			any = append(any, "(Service == "+quote(of.Service)+" and "+inOne+")")
		default:
			for _, api := range of.APIs {
				rest = append(rest, of.Service+"/"+api)
			}
		}
	}
	if len(rest) > 0 {
		any = append(any, `strcat(Service, "/", Name) in (`+names(rest)+")")
	}
	return any
}

// windows lays windows over the rows and leaves those that are due.
func (p *printer) windows() {
	if !p.r.Legs[0].Raw {
		p.line("| extend Api = strcat(Service, \"/\", Name)")
	}
	if p.r.CountsTargets() {
		p.line("| extend Target = strcat(Api, \" \", Target)")
	}
	if p.r.Schedule != nil {
		p.line("| where Identity !in (Excepted)")
	}
	if p.r.Window.Kind == siem.Overlapping {
		p.line("| mv-expand WindowStart = range(bin(TimeGenerated, Hop) - Window + Hop, bin(TimeGenerated, Hop), Hop) to typeof(datetime)")
	} else {
		p.line("| extend WindowStart = bin(TimeGenerated, Window)")
	}
	if p.r.Schedule != nil {
		p.line("| where WindowStart + Window + Settle <= now() and WindowStart + Window + Settle > now() - Every")
	}
}

// rows counts, keeps what fires, scores and sorts.
func (p *printer) rows() {
	count := "count_distinct(EventId)"
	if p.r.KeepCopies {
		count = "count()"
	}
	p.line("| summarize")
	p.line("  DiscoveryCount = %s,", count)
	p.line("  DistinctAPIs = count_distinct(Api),")
	if p.r.CountsTargets() {
		p.line("  DistinctTargets = count_distinct(Target),")
	}
	p.line("  APIList = make_set(Api, %d),", p.r.MaxAPIs)
	if p.r.Profile == "seed" {
		p.line("  DistinctRegions = count_distinct(Region),") // an empty one is one too
		p.line("  SourceIPs = make_set(SourceIp, %d),", p.r.MaxAddresses)
	} else {
		p.line("  DistinctRegions = count_distinctif(Region, isnotempty(Region)),")
		p.line("  SourceIPs = make_set_if(SourceIp, isnotempty(SourceIp), %d),", p.r.MaxAddresses)
	}
	p.line("  FirstSeen = min(TimeGenerated),")
	p.line("  LastSeen = max(TimeGenerated)")
	p.line("  by CloudProvider, Identity, AccountId, WindowStart")
	p.line("| where %s", condition(p.r.Trigger))
	if len(p.r.Bands) > 0 {
		p.line("| extend RiskScore = %s", bands(p.r.Bands))
	}
	columns := siem.Columns()[1:]
	if p.r.CountsTargets() {
		columns = append(columns[:5:5], append([]string{siem.ColTargets}, columns[5:]...)...)
	}
	more := ""
	if p.r.Schedule != nil {
		more = ", SourceIP = tostring(SourceIPs[0])" // alerts take one address as an entity
	}
	p.line("| project TimeGenerated = WindowStart, %s%s", strings.Join(columns, ", "), more)
	if p.r.Schedule != nil {
		return // an alert a row, in no order
	}
	p.line("| sort by RiskScore desc, DiscoveryCount desc, CloudProvider asc, Identity asc, AccountId asc, TimeGenerated asc")
}

func (p *printer) grades() {
	g := p.g
	if p.r.Window.Kind == siem.Overlapping {
		g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf("windows start every %s: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(p.hop()), siem.Duration(p.r.Window.Length-p.hop())))
	}
}

// condition prints a trigger.
func condition(c plan.Condition) string {
	var any []string
	for _, t := range c {
		var all []string
		for _, x := range []struct {
			column string
			least  int
		}{{siem.ColAPIs, t.DistinctAPIs}, {siem.ColTargets, t.DistinctTargets}, {siem.ColEvents, t.Events}} {
			if x.least > 0 {
				all = append(all, fmt.Sprintf("%s >= %d", x.column, x.least))
			}
		}
		one := strings.Join(all, " and ")
		if len(all) > 1 && len(c) > 1 {
			one = "(" + one + ")"
		}
		any = append(any, one)
	}
	return strings.Join(any, " or ")
}

// bands prints the risk of a row that fires.
func bands(list []plan.Band) string {
	if len(list[0].When) == 0 {
		return strconv.Itoa(list[0].Risk) // a case of nothing but its end is none
	}
	var b strings.Builder
	b.WriteString("case(")
	for _, band := range list {
		if len(band.When) == 0 {
			fmt.Fprintf(&b, "\n  %d)", band.Risk)
			return b.String()
		}
		fmt.Fprintf(&b, "\n  %s, %d,", condition(band.When), band.Risk)
	}
	b.WriteString("\n  0)")
	return b.String()
}

func only(list []event.Outcome, o event.Outcome) bool { return len(list) == 1 && list[0] == o }

func orEmpty(expr string) string {
	if expr == "" {
		return `""`
	}
	return expr
}

// indent puts the further lines of an expression under its first.
func indent(expr, by string) string {
	return strings.ReplaceAll(strings.TrimSpace(expr), "\n", "\n"+by)
}

func apiNames(list []plan.Name) []string {
	var out []string
	seen := map[string]bool{}
	for _, n := range list {
		if !seen[n.API] {
			seen[n.API] = true
			out = append(out, n.API)
		}
	}
	return out
}

// names prints a list of strings.
func names(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return strings.Join(quoted, ", ")
}

// quote prints a string literal ("String data type", Kusto).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c > 0xffff && !unicode.IsGraphic(c):
			fmt.Fprintf(&b, `\U%08x`, c)
		case !unicode.IsGraphic(c): // control, format and bidirectional marks
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// verbatim prints a string literal in which a backslash is one.
func verbatim(s string) string { return `@"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// span prints a time span.
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}
