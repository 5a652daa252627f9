// Package elastic prints rules for Elastic Security: ES|QL first, and beside
// it an EQL sequence and threshold rules for stacks without it.
package elastic

import (
	_ "embed"
	"encoding/base64"
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

// Backend is Elastic Security.
type Backend struct{}

// Name returns "elastic".
func (Backend) Name() string { return "elastic" }

// Product returns the product's name.
func (Backend) Product() string { return "Elastic Security (ES|QL, EQL, threshold)" }

// Ext returns ".esql".
func (Backend) Ext() string { return ".esql" }

// Fields returns the fields of Elastic's integrations.
func (Backend) Fields() *siem.Fields { return siem.MustFields("elastic/fields.yaml", fieldsYAML) }

// Compile prints the rule in ES|QL over all its indices, and the branches of
// its trigger in EQL and as threshold rules, one an index.
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
	if len(places) > 1 {
		out.Warnings = append(out.Warnings, "a field that no index has is an error: compile with --cloud for the integrations that are there")
	}
	g.Say(siem.APICount, siem.Approximated, "exact up to 40,000 distinct names, an estimate past that")
	out.Grades = g.List()
	var b strings.Builder
	for _, line := range siem.Header(out) {
		b.WriteString("// " + line + "\n")
	}
	b.WriteString(p.text.String())
	out.Query = b.String()
	for _, at := range places {
		out.Further = append(out.Further, further(r, at)...)
	}
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

// rows finds the records of all logs and gives them common columns.
func (p *printer) rows() {
	var sources []string
	for _, at := range p.places {
		sources = append(sources, at.Source)
	}
	p.line("FROM %s METADATA _id, _index", strings.Join(sources, ", "))
	if s := p.r.Schedule; s != nil {
		p.line("| WHERE @timestamp > NOW() - %s", span(p.r.Lookback()))
	}
	identity, account, region, name := siem.Principal, siem.AccountID, siem.Region, siem.API
	if p.r.BySession {
		identity = siem.Session
	}
	raw := p.places[0].Raw
	if raw {
		identity, account, region, name = siem.RawCaller, siem.RawAccount, siem.RawRegion, siem.RawAPI
	}
	p.line("| WHERE %s", p.eachWhere(raw))
	if raw {
		p.line("| EVAL Name = %s", p.each(name))
	} else {
		p.line("| EVAL Service = %s, Name = %s", p.each(siem.Service), p.each(name))
	}
	p.line("| WHERE %s", p.selection())
	who := p.each(identity)
	if identity == siem.Session {
		who = "COALESCE(" + who + ", " + p.each(siem.Principal) + ")"
	}
	p.line("| EVAL CloudProvider = %s,", p.per(func(at siem.Place) string { return quote(siem.Provider(at.Leg.Log.Cloud())) }))
	p.line("    Identity = COALESCE(%s, \"\"),", siem.Indent(who, "    "))
	p.line("    AccountId = COALESCE(%s, \"\"),", siem.Indent(p.each(account), "    "))
	p.line("    Region = %s,", siem.Indent(p.each(region), "    "))
	p.line("    SourceIp = %s,", siem.Indent(p.each(siem.Address), "    "))
	if p.r.CountsTargets() {
		p.line("    Target = %s,", siem.Indent(p.each(siem.Target), "    "))
	}
	p.line("    EventId = COALESCE(%s, _id)", siem.Indent(p.each(siem.EventID), "    "))
	if raw {
		p.line(`| EVAL Api = Name, Region = COALESCE(Region, "")`) // an empty region is one too
		if needs := p.needs(); needs != "" {
			p.line("| WHERE %s", needs)
		}
	} else {
		p.line(`| EVAL Api = CONCAT(Service, "/", Name)`)
	}
	if p.r.CountsTargets() {
		p.line(`| EVAL Target = CONCAT(Api, " ", COALESCE(Target, ""))`)
	}
	for _, at := range p.places {
		roles := []siem.Role{siem.Time, siem.Service, name, account, region, siem.Address, siem.EventID, identity}
		if !raw {
			roles = append(roles, siem.Target, siem.ServiceMade)
			if len(at.Outcomes) > 0 {
				roles = append(roles, siem.IsDenied)
			}
		}
		at.Check(p.out, p.g, at.Leg.Log, roles...)
	}
}

// needs keeps rows with a caller, in the logs that the seed's query asks it of.
func (p *printer) needs() string {
	var all []string
	for _, at := range p.places {
		if at.NeedsCaller {
			all = append(all, fmt.Sprintf(`(data_stream.dataset != %s OR Identity != "")`, quote(at.Set["dataset"])))
		}
	}
	return strings.Join(all, " AND ")
}

func is(at siem.Place) string { return "data_stream.dataset == " + quote(at.Set["dataset"]) }

// per prints an expression that differs by log.
func (p *printer) per(f func(siem.Place) string) string {
	if len(p.places) == 1 {
		return f(p.places[0])
	}
	var b strings.Builder
	b.WriteString("CASE(")
	for i, at := range p.places {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n  %s, %s", is(at), siem.Indent(f(at), "  "))
	}
	return b.String() + ")"
}

func (p *printer) each(r siem.Role) string {
	return p.per(func(at siem.Place) string {
		if e := at.Expr(r); e != "" {
			return e
		}
		return "NULL"
	})
}

// eachWhere says which rows of each log are looked at.
func (p *printer) eachWhere(raw bool) string {
	var any []string
	for _, at := range p.places {
		all := []string{is(at)}
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
			all = append(all, "NOT ("+siem.Indent(made, "  ")+")")
		}
		any = append(any, "("+strings.Join(all, "\n    AND ")+")")
	}
	return strings.Join(any, "\n  OR ")
}

// selection prints the predicates of all logs over Service and Name.
func (p *printer) selection() string {
	var any []string
	for _, at := range p.places {
		one := predicate(at.Leg)
		if len(p.places) > 1 {
			one = fmt.Sprintf("(%s AND (%s))", is(at), one)
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
			name = "TO_LOWER(Name)"
		}
		var apis []string
		for _, n := range s.Names {
			apis = append(apis, n.API)
		}
		return in(name, apis)
	}
	var any []string
	if s.Match != "" {
		one := "Name RLIKE " + quote(lucene(s.Match))
		if s.Unless != "" {
			one += "\n    AND NOT Name RLIKE " + quote(lucene(s.Unless))
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
			any = append(any, "Service == "+quote(of.Service))
			continue
		}
		any = append(any, "(Service == "+quote(of.Service)+" AND "+in("Name", of.APIs)+")")
	}
	return strings.Join(any, " OR ")
}

func in(expr string, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	if len(quoted) == 1 {
		return expr + " == " + quoted[0]
	}
	return expr + " IN (" + strings.Join(quoted, ", ") + ")"
}

// lucene turns an expression that is searched for into one that matches
// whole names, as the regular expressions of Lucene do.
func lucene(re string) string {
	switch {
	case strings.HasPrefix(re, "^"):
		re = re[1:]
	case strings.HasPrefix(re, "(^|[.])"):
		re = "(.*[.])?" + re[len("(^|[.])"):]
	default:
		re = ".*" + re
	}
	if rest, ok := strings.CutSuffix(re, "$"); ok {
		return rest
	}
	return re + ".*"
}

// windows lays windows over the rows and leaves those that are due.
func (p *printer) windows() {
	length := p.r.Window.Length
	if p.r.Window.Kind == siem.Overlapping {
		// Half a window apart: a row is in the bin that it lies in and in one
		// that begins half a window earlier or later.
		half := span(length / 2)
		p.line("| EVAL WindowStart = MV_APPEND(DATE_TRUNC(%s, @timestamp), DATE_TRUNC(%s, @timestamp + %s) - %s)", span(length), span(length), half, half)
		p.line("| MV_EXPAND WindowStart")
		p.g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf("windows start every %s: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(length/2), siem.Duration(length/2)))
	} else {
		p.line("| EVAL WindowStart = DATE_TRUNC(%s, @timestamp)", span(length))
	}
	if s := p.r.Schedule; s != nil {
		settled := fmt.Sprintf("WindowStart + %s", span(length+s.Settle))
		p.line("| WHERE %s <= DATE_TRUNC(%s, NOW()) AND %s > DATE_TRUNC(%s, NOW()) - %s", settled, span(s.Every), settled, span(s.Every), span(s.Every))
		p.g.Say(siem.Exceptions, siem.Approximated, siem.ByIdentity+"; the list is one of the product's exception lists, which act on alerts: Identity is what they compare, and an entry ends at its own expire_time")
	}
}

// counts counts, keeps what fires, scores and sorts.
func (p *printer) counts() {
	count := "COUNT_DISTINCT(EventId, 40000)"
	if p.r.KeepCopies {
		count = "COUNT(*)"
	}
	p.line("| STATS")
	p.line("    DiscoveryCount = %s,", count)
	p.line("    DistinctAPIs = COUNT_DISTINCT(Api, 40000),")
	if p.r.CountsTargets() {
		p.line("    DistinctTargets = COUNT_DISTINCT(Target, 40000),")
	}
	p.line("    APIList = VALUES(Api), DistinctRegions = COUNT_DISTINCT(Region, 40000), SourceIPs = VALUES(SourceIp),")
	p.line("    FirstSeen = MIN(@timestamp), LastSeen = MAX(@timestamp)")
	p.line("    BY CloudProvider, Identity, AccountId, WindowStart")
	w := siem.Words{Events: siem.ColEvents, APIs: siem.ColAPIs, Targets: siem.ColTargets, And: " AND ", Or: " OR "}
	p.line("| WHERE %s", w.Condition(p.r.Trigger))
	p.line("| EVAL TimeGenerated = WindowStart, APIList = MV_SLICE(MV_SORT(APIList), 0, %d), SourceIPs = MV_SLICE(MV_SORT(SourceIPs), 0, %d),", p.r.MaxAPIs-1, p.r.MaxAddresses-1)
	switch {
	case len(p.r.Bands) == 0:
		p.line("    RiskScore = 0")
	case len(p.r.Bands[0].When) == 0:
		p.line("    RiskScore = %d", p.r.Bands[0].Risk) // a CASE of nothing but its end is none
	default:
		p.line("    RiskScore = CASE(")
		last := 0
		for _, band := range p.r.Bands {
			if len(band.When) == 0 {
				last = band.Risk
				break
			}
			p.line("      %s, %d,", w.Condition(band.When), band.Risk)
		}
		p.line("      %d)", last)
	}
	columns := siem.Columns()
	if p.r.CountsTargets() {
		columns = append(columns[:6:6], append([]string{siem.ColTargets}, columns[6:]...)...)
	}
	p.line("| SORT RiskScore DESC, DiscoveryCount DESC, CloudProvider, Identity, AccountId, TimeGenerated")
	p.line("| KEEP %s", strings.Join(columns, ", "))
	p.line("| LIMIT 10000")
}

// span writes a time span of ES|QL.
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// quote prints a string literal. It has no escape for what cannot be seen,
// which is written by its bytes.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return `FROM_BASE64("` + base64.StdEncoding.EncodeToString([]byte(s)) + `")`
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
