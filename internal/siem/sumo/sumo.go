// Package sumo prints rules for Sumo Logic: a log search first, and beside it
// aggregation rules of Cloud SIEM.
package sumo

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// Backend is Sumo Logic.
type Backend struct{}

// Name returns "sumo".
func (Backend) Name() string { return "sumo" }

// Product returns the product's name.
func (Backend) Product() string { return "Sumo Logic (log search, Cloud SIEM)" }

// Ext returns ".sumo".
func (Backend) Ext() string { return ".sumo" }

// Fields returns the keys of the records as Sumo Logic's sources deliver them.
func (Backend) Fields() *siem.Fields { return siem.MustFields("sumo/fields.yaml", fieldsYAML) }

const (
	// limit is the greatest length of a query in characters ("Search Syntax
	// Overview").
	limit = 15000
	// exactTo is how many distinct values count_distinct counts exactly; past
	// that it estimates, within 2% in 65 of 100 cases ("count_distinct").
	exactTo = 99
	// valuesTo is how many distinct values the operator values returns.
	valuesTo = 100
)

// Compile prints the rule as one search over all its logs, and its bands as
// Cloud SIEM aggregation rules, one a log and band.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	out := &siem.Output{Rule: r, Limit: limit}
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
	body := p.scope() + p.parse(p.text.String()) + p.text.String()
	for _, header := range []func(*siem.Output) []string{siem.Header, siem.ShortHeader, siem.BareHeader} {
		if out.Query = comment(header(out)) + body; utf8.RuneCountInString(out.Query) <= limit {
			break
		}
	}
	if n := utf8.RuneCountInString(out.Query); n > limit {
		return nil, siem.TooLong(r, "Sumo Logic", n, limit)
	}
	for _, at := range places {
		out.Further = append(out.Further, aggregations(r, at)...)
	}
	return out, nil
}

// comment writes lines as comments. Braces in twos would be a parameter of a
// search template even there.
func comment(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("// " + plain(line) + "\n")
	}
	return b.String()
}

func plain(s string) string {
	return strings.NewReplacer("{", "(", "}", ")", "/*", "/ *").Replace(siem.PlainLine(s))
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

// set gives a field the value of an expression.
func (p *printer) set(name, expr string) {
	if expr != name {
		p.line("| %s as %s", siem.Indent(expr, "  "), name)
	}
}

func (p *printer) grades() {
	r, g := p.r, p.g
	estimate := fmt.Sprintf("exact up to %d, an estimate past that", exactTo)
	for _, f := range []siem.Feature{siem.APICount, siem.Regions} {
		p.also(f, estimate)
	}
	if r.CountsTargets() {
		p.also(siem.TargetCount, estimate)
	}
	if !r.KeepCopies {
		g.Say(siem.EventCount, siem.Approximated, "each retry of a throttled call counts; "+estimate)
	}
	if r.MaxAPIs > valuesTo || r.MaxAddresses > valuesTo {
		p.also(siem.Lists, fmt.Sprintf("%d names at most", valuesTo))
	}
	switch {
	case r.Window.Kind == siem.Overlapping:
		g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf("windows start every %s: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(p.hop()), siem.Duration(r.Window.Length-p.hop())))
	case 15*time.Minute%r.Window.Length != 0:
		g.Say(siem.Windowing, siem.Approximated, "windows start by the clock of the time zone that the search runs in")
	}
	if r.Schedule != nil {
		g.Say(siem.Exceptions, siem.Approximated, siem.ByIdentity+"; the lookup table compares names without letter case")
	}
	g.Say(siem.Order, siem.Approximated, "names sort lower case first")
	conditions := slices.Clone(r.Trigger)
	for _, b := range r.Bands {
		conditions = append(conditions, b.When...)
	}
	for _, t := range conditions {
		events := t.Events
		if r.KeepCopies {
			events = 0
		}
		if n := max(events, t.DistinctAPIs, t.DistinctTargets); n > exactTo {
			p.out.Warnings = append(p.out.Warnings, fmt.Sprintf("a threshold of %d is compared with an estimate: distinct values are counted exactly up to %d", n, exactTo))
			break
		}
	}
}

// also grades a feature as approximate in every log, beside what the field map
// says of it.
func (p *printer) also(f siem.Feature, how string) {
	for _, at := range p.places {
		said := how
		for _, r := range map[siem.Feature][]siem.Role{siem.APICount: {}, siem.Regions: {siem.Region}, siem.TargetCount: {siem.Target}, siem.Lists: {siem.Address}}[f] {
			if e := at.Roles[r].Approximate; e != "" && !at.Raw {
				said = e + "; " + how
			}
		}
		p.g.SayOf(at.Leg.Log, f, siem.Approximated, said)
	}
}
