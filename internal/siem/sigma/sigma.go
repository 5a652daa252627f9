// Package sigma prints rules as Sigma rules and Sigma correlation rules, of
// version 2 of the specification.
//
// A base rule selects calls in one log; correlation rules count them by caller
// and account. A correlation counts one thing, so that each alternative of a
// trigger is a correlation of its own. The primary form keeps to what most
// converters take: no field aliases, and no correlations of correlations but
// where the trigger itself asks for two counts at once. Both stand in further
// forms.
package sigma

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/plan"
	"vedette/internal/siem"
)

//go:embed fields.yaml
var fieldsYAML []byte

// Backend is Sigma.
type Backend struct{}

// Name returns "sigma".
func (Backend) Name() string { return "sigma" }

// Product returns the language's name.
func (Backend) Product() string { return "Sigma (rules and correlations)" }

// Ext returns ".yml".
func (Backend) Ext() string { return ".yml" }

// Fields returns the fields of SigmaHQ's log sources.
func (Backend) Fields() *siem.Fields { return siem.MustFields("sigma/fields.yaml", fieldsYAML) }

// Compile prints the rule as one file of several documents: base rules by log
// and caller, and the correlations over each.
func (Backend) Compile(r *siem.Rule, f *siem.Fields) (*siem.Output, error) {
	out := &siem.Output{Rule: r}
	g := siem.NewGrades(r)
	places, err := f.Places(r, g)
	if err != nil {
		return nil, err
	}
	var list []*base
	for _, at := range places {
		b, err := bases(r, at)
		if err != nil {
			return nil, err
		}
		list = append(list, b...)
	}
	p := &printer{r: r, bases: list}
	p.steps()
	var docs []string
	for _, b := range list {
		docs = append(docs, p.apart(b)...)
	}
	p.grades(out, g, places)
	out.Grades = g.List()
	out.Query = comment(siem.Header(out)) + strings.Join(docs, "---\n")
	out.Further = p.further()
	return out, nil
}

// comment writes lines as a comment.
func comment(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight("# "+printable(l), " ") + "\n")
	}
	return b.String()
}

type printer struct {
	r     *siem.Rule
	bases []*base
	// alone and both are the thresholds above the trigger: of one count, and
	// of two counts at once.
	alone, both []step
}

// step is a threshold with the level that it alerts at.
type step struct {
	plan.Thresholds
	level string
}

// levels are Sigma's levels, lowest first.
var levels = []string{"informational", "low", "medium", "high", "critical"}

// steps makes of each band above the trigger a step, one level higher than
// the band below it.
func (p *printer) steps() {
	level := max(0, slices.Index(levels, p.r.Severity))
	for _, band := range slices.Backward(p.r.Bands) {
		if len(band.When) == 0 || !slices.ContainsFunc(band.When, func(t plan.Thresholds) bool { return !slices.Contains(p.r.Trigger, t) }) {
			continue // what the trigger holds for already
		}
		if level < len(levels)-1 {
			level++
		}
		for _, t := range band.When {
			if slices.Contains(p.r.Trigger, t) {
				continue
			}
			if s := (step{t, levels[level]}); len(counts(t)) > 1 {
				p.both = append(p.both, s)
			} else {
				p.alone = append(p.alone, s)
			}
		}
	}
}

// count is one of the things that a correlation counts.
type count struct {
	of    string // "calls", "apis" or "targets"
	least int
}

func counts(t plan.Thresholds) []count {
	var list []count
	for _, c := range []count{{"calls", t.Events}, {"apis", t.DistinctAPIs}, {"targets", t.DistinctTargets}} {
		if c.least > 0 {
			list = append(list, c)
		}
	}
	return list
}

// what says a count in a title.
func (c count) what() string {
	return fmt.Sprintf("%d %s", c.least, map[string]string{"calls": "Calls", "apis": "Kinds of Call", "targets": "Targets"}[c.of])
}

// scope is what correlations count in: base rules, and the fields that they
// group by and count, with aliases where they differ.
type scope struct {
	name, title string
	form        string // prefix of the form's names
	rules       []string
	aliases     []alias
	group       []string
	fields      map[string]string // by what is counted
}

// alias is a name for fields that differ by base rule, in the order of them.
type alias struct {
	name   string
	fields []string
}

// apart prints a base rule and the correlations over it alone.
func (p *printer) apart(b *base) []string {
	return append([]string{p.baseRule("", b)}, p.over(alone("", b))...)
}

// over prints the correlations of the trigger and of the steps of one count.
func (p *printer) over(s scope) []string {
	var docs []string
	for _, t := range p.r.Trigger {
		docs = append(docs, p.threshold(s, step{Thresholds: t, level: p.r.Severity})...)
	}
	for _, t := range p.alone {
		docs = append(docs, p.threshold(s, t)...)
	}
	return docs
}

// alone is the scope of one base rule.
func alone(form string, b *base) scope {
	return scope{name: form + b.name, form: form, title: where(b), rules: []string{form + b.name}, group: []string{b.identity, b.account},
		fields: map[string]string{"calls": b.event, "apis": b.api, "targets": b.target}}
}

// where says in a title who calls and what the log is.
func where(b *base) string {
	if b.who == "" {
		return "in " + b.title
	}
	return "by " + b.who + " in " + b.title
}

// threshold prints the correlations that hold at a threshold: one where it has
// one count, else one for each and one over them.
func (p *printer) threshold(s scope, t step) []string {
	list := counts(t.Thresholds)
	if len(list) == 1 {
		c := list[0]
		return []string{p.correlation(s, c.of+"_"+fmt.Sprint(c.least), c.what(), t.level, c)}
	}
	var docs, names, titles, ids []string
	for _, c := range list {
		ids = append(ids, fmt.Sprintf("%s_%d", c.of, c.least))
		titles = append(titles, c.what())
	}
	all := strings.Join(ids, "_")
	for i, c := range list {
		// A correlation that another refers to is of that one alone.
		id := all + "_part_" + c.of
		names = append(names, s.name+"_"+id)
		docs = append(docs, p.correlation(s, id, titles[i]+" (for "+strings.Join(titles, " and ")+")", "informational", c))
	}
	over := scope{name: s.name, form: s.form, title: s.title, rules: names, group: s.group}
	return append(docs, p.correlation(over, all, strings.Join(titles, " and "), t.level, count{}))
}
