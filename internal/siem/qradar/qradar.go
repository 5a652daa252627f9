// Package qradar prints rules in the Ariel Query Language of IBM QRadar.
package qradar

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// Backend is QRadar.
type Backend struct{}

// Name returns "qradar".
func (Backend) Name() string { return "qradar" }

// Product returns the product's name.
func (Backend) Product() string { return "IBM QRadar (AQL)" }

// Ext returns ".aql".
func (Backend) Ext() string { return ".aql" }

// Fields returns the log source types of QRadar's DSMs, with custom properties
// over their payloads.
func (Backend) Fields() *siem.Fields { return siem.MustFields("qradar/fields.yaml", fieldsYAML) }

// Compile prints the rule as one query over all its log source types: rows in
// common columns, counts over them, and a score over those.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	out := &siem.Output{Rule: r}
	g := siem.NewGrades(r)
	places, err := f.Places(r, g)
	if err != nil {
		return nil, err
	}
	for _, at := range places {
		if _, err := strconv.ParseUint(at.Source, 10, 31); err != nil {
			return nil, fmt.Errorf("the source of %s is the number of a log source type, not %q", at.Leg.Log, at.Source)
		}
	}
	p := &printer{r: r, out: out, g: g, places: places}
	if err := p.selections(); err != nil {
		return nil, err
	}
	p.grades()
	p.forms()
	out.Grades = g.List()
	// What stands before the first word or behind the last is an error
	// ("How to include comments in an AQL query", IBM).
	out.Query = strings.Replace(p.query(0), "SELECT\n", "SELECT\n"+comment(siem.Header(out)), 1)
	return out, nil
}

func comment(lines []string) string {
	text := strings.ReplaceAll(strings.Join(lines, "\x00"), "/*", "/ *")
	return "/* " + strings.ReplaceAll(text, "\x00", "\n * ") + "\n */\n"
}

// Exceptions is the reference set of identities that scheduled rules leave
// out.
const Exceptions = "Vedette Exceptions"

type printer struct {
	r        *siem.Rule
	out      *siem.Output
	g        *siem.Grades
	places   []siem.Place
	selected []string // the selections of the places, over serviceHere and nameHere
}

// column is a column of the rows: what it is called, and what it is of a
// record.
type column struct{ name, expr string }

// columns are the rows' columns behind the window.
func (p *printer) columns() []column {
	identity, account, region, name := p.identity, siem.AccountID, siem.Region, siem.API
	raw := p.places[0].Raw
	if raw {
		identity, account, region, name = func(at siem.Place) string { return orEmpty(at.Expr(siem.RawCaller)) }, siem.RawAccount, siem.RawRegion, siem.RawAPI
	}
	list := []column{
		{siem.ColProvider, p.choose(func(at siem.Place) string { return quote(siem.Provider(at.Leg.Log.Cloud())) })},
		{siem.ColIdentity, p.per(identity)},
		{siem.ColAccount, p.each(account)},
	}
	if !raw {
		list = append(list, column{"ApiService", p.per(func(at siem.Place) string { return at.Expr(siem.Service) })})
	}
	list = append(list,
		column{"ApiName", p.per(func(at siem.Place) string { return at.Expr(name) })},
		column{"SourceRegion", p.each(region)},
		column{"SourceAddress", p.each(siem.Address)},
	)
	if p.r.KeepCopies {
		list = append(list, column{"Copies", "eventcount"})
	} else {
		list = append(list, column{"EventKey", p.each(siem.EventID)})
	}
	if p.r.CountsTargets() {
		list = append(list, column{"TargetText", p.each(siem.Target)})
	}
	return list
}

func (p *printer) identity(at siem.Place) string {
	who := at.Expr(siem.Principal)
	if s := at.Expr(siem.Session); p.r.BySession && s != "" {
		who = "IF " + bracket(s) + " IS NULL THEN " + bracket(who) + "\nELSE " + bracket(s)
	}
	return who
}

// each prints the expression of a role, "" where a record has none.
func (p *printer) each(r siem.Role) string {
	return p.per(func(at siem.Place) string { return orEmpty(at.Expr(r)) })
}

func orEmpty(expr string) string {
	if expr == "" {
		return "''"
	}
	return "IF " + bracket(expr) + " IS NULL THEN '' ELSE " + bracket(expr)
}

// bracket makes an expression an operand.
func bracket(expr string) string {
	if strings.HasPrefix(expr, "IF ") || strings.HasPrefix(expr, "CASE ") {
		return "(" + expr + ")"
	}
	return expr
}

// per prints an expression that may differ by log.
func (p *printer) per(f func(siem.Place) string) string {
	first := f(p.places[0])
	for _, at := range p.places[1:] {
		if f(at) != first {
			return p.choose(f)
		}
	}
	return first
}

// choose prints an expression by log source type.
func (p *printer) choose(f func(siem.Place) string) string {
	var b strings.Builder
	b.WriteString("CASE devicetype")
	for _, at := range p.places {
		fmt.Fprintf(&b, "\n  WHEN %s THEN %s", at.Source, siem.Indent(bracket(f(at)), "    "))
	}
	b.WriteString("\n  ELSE '' END")
	if len(p.places) == 1 {
		return strings.ReplaceAll(b.String(), "\n ", "")
	}
	return b.String()
}

// window prints the start of the window of a record, in milliseconds; shift
// moves windows.
func (p *printer) window(shift time.Duration) string {
	time, n, s := p.places[0].Expr(siem.Time), p.r.Window.Length.Milliseconds(), shift.Milliseconds()
	if s == 0 {
		return fmt.Sprintf("LONG(%s / %d) * %d", time, n, n)
	}
	return fmt.Sprintf("LONG((%s - %d) / %d) * %d + %d", time, s, n, n, s)
}

// where prints the conditions on records, with the given texts for columns.
func (p *printer) where(service, name, identity, window string) string {
	var types, any []string
	for i, at := range p.places {
		types = append(types, at.Source)
		all := append(p.conditions(at), "("+strings.NewReplacer(serviceHere, service, nameHere, name).Replace(p.selected[i])+")")
		if len(p.places) > 1 {
			all = append([]string{"devicetype = " + at.Source}, all...)
		}
		any = append(any, strings.Join(all, "\n  AND "))
	}
	text := "devicetype = " + types[0] + "\nAND " + any[0]
	if len(p.places) > 1 {
		text = "devicetype IN (" + strings.Join(types, ", ") + ")\nAND ((" + strings.Join(any, ")\nOR (") + "))"
	}
	if s := p.r.Schedule; s != nil {
		text += "\nAND NOT (REFERENCESETCONTAINS(" + quote(Exceptions) + ", " + identity + "))"
		if window != "" {
			due := fmt.Sprintf("LONG(NOW() / %d) * %d", s.Every.Milliseconds(), s.Every.Milliseconds())
			end := (p.r.Window.Length + s.Settle).Milliseconds()
			text += fmt.Sprintf("\nAND %s + %d <= %s\nAND %s + %d > %s - %d", window, end, due, window, end, due, s.Every.Milliseconds())
		}
	}
	return text
}

// conditions narrow the records of one log, but for the selection.
func (p *printer) conditions(at siem.Place) []string {
	var all []string
	if at.LogMap.Where != "" {
		all = append(all, at.LogMap.Where)
	}
	if at.Raw {
		if w := at.Set["raw_where"]; w != "" {
			all = append(all, w)
		}
		if at.NeedsCaller {
			all = append(all, bracket(at.Expr(siem.RawCaller))+" IS NOT NULL")
		}
		return all
	}
	switch {
	case at.Only(event.Denied):
		all = append(all, "("+at.Expr(siem.IsDenied)+")")
	case at.Only(event.OK):
		all = append(all, "("+at.Expr(siem.IsOK)+")")
	}
	if made := at.Expr(siem.ServiceMade); made != "" && !at.Services {
		all = append(all, "NOT ("+siem.Indent(made, "  ")+")")
	}
	return all
}

// rows prints the query that gives the records in common columns.
func (p *printer) rows(shift time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT\n  %s AS EventTime,\n  %s AS WindowStart", p.places[0].Expr(siem.Time), p.window(shift))
	for _, c := range p.columns() {
		fmt.Fprintf(&b, ",\n  %s AS %s", siem.Indent(c.expr, "  "), c.name)
	}
	fmt.Fprintf(&b, "\nFROM events\nWHERE %s\n%s", p.where("ApiService", "ApiName", siem.ColIdentity, "WindowStart"), p.last())
	return b.String()
}

// last prints the time range. Without one QRadar reads five minutes.
func (p *printer) last() string {
	if p.r.Schedule != nil {
		return fmt.Sprintf("LAST %d MINUTES", int(p.r.Lookback().Minutes()))
	}
	return "LAST 24 HOURS"
}

const groups = siem.ColProvider + ", " + siem.ColIdentity + ", " + siem.ColAccount + ", WindowStart"

// query prints the whole rule.
func (p *printer) query(shift time.Duration) string {
	api := "CONCAT(ApiService, '/', ApiName)"
	if p.places[0].Raw {
		api = "ApiName"
	}
	count := "UNIQUECOUNT(EventKey)"
	if p.r.KeepCopies {
		count = "SUM(Copies)"
	}
	targets, target := "", ""
	if p.r.CountsTargets() {
		targets = fmt.Sprintf(",\n    UNIQUECOUNT(CONCAT(%s, ' ', TargetText)) AS %s", strings.TrimSuffix(strings.TrimPrefix(api, "CONCAT("), ")"), siem.ColTargets)
		target = siem.ColTargets + ", "
	}
	regions, addresses := "Regions - WithoutRegion", "Addresses - WithoutAddress"
	if p.places[0].Raw {
		regions, addresses = "Regions", "Addresses" // an empty one is one too
	}
	const stamp = "'yyyy-MM-dd HH:mm:ss'"
	return fmt.Sprintf(`SELECT
  DATEFORMAT(WindowStart, %s) AS %s,
  %s, %s, %s, %s, %s, %s%s AS %s, %s AS %s,
  DATEFORMAT(FirstTime, %s) AS %s,
  DATEFORMAT(LastTime, %s) AS %s,
  %s AS %s
FROM (
  SELECT
    %s,
    %s AS %s,
    UNIQUECOUNT(%s) AS %s%s,
    UNIQUECOUNT(SourceRegion) AS Regions,
    MAX(IF SourceRegion = '' THEN 1 ELSE 0) AS WithoutRegion,
    UNIQUECOUNT(SourceAddress) AS Addresses,
    MAX(IF SourceAddress = '' THEN 1 ELSE 0) AS WithoutAddress,
    MIN(EventTime) AS FirstTime,
    MAX(EventTime) AS LastTime
  FROM (
    %s
  )
  GROUP BY %s
  HAVING %s
)
ORDER BY %s DESC, %s DESC, %s, %s, %s, %s
`,
		stamp, siem.ColTime,
		siem.ColProvider, siem.ColIdentity, siem.ColAccount, siem.ColEvents, siem.ColAPIs, target, regions, siem.ColRegions, addresses, colAddresses,
		stamp, siem.ColFirst, stamp, siem.ColLast,
		siem.Indent(p.risk(), "  "), siem.ColRisk,
		groups, count, siem.ColEvents, api, siem.ColAPIs, targets,
		siem.Indent(p.rows(shift), "    "),
		groups, words.Condition(p.r.Trigger),
		siem.ColRisk, siem.ColEvents, siem.ColProvider, siem.ColIdentity, siem.ColAccount, siem.ColTime)
}

// colAddresses stands for the list of addresses, which AQL cannot make.
const colAddresses = "DistinctAddresses"

var words = siem.Words{Events: siem.ColEvents, APIs: siem.ColAPIs, Targets: siem.ColTargets, And: " AND ", Or: " OR "}

// risk prints the score of a row that fires.
func (p *printer) risk() string {
	var b strings.Builder
	for _, band := range p.r.Bands {
		if len(band.When) == 0 {
			return b.String() + strconv.Itoa(band.Risk)
		}
		fmt.Fprintf(&b, "IF %s THEN %d\nELSE ", words.Condition(band.When), band.Risk)
	}
	return b.String() + "0"
}
