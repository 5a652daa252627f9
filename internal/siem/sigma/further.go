package sigma

import (
	"strings"

	"vedette/internal/siem"
)

// The prefixes of names in the further forms.
const (
	bandsForm  = "bands_"
	joinedForm = "joined_"
)

// further are the forms that few converters take.
func (p *printer) further() []siem.Form {
	var list []siem.Form
	add := func(name, language, why string, docs []string) {
		head := []string{p.r.Title, p.r.Detection + " " + p.r.Version + " (" + p.r.ID + "), form " + name + ": " + why + "."}
		for i := range head {
			head[i] = siem.PlainLine(head[i])
		}
		list = append(list, siem.Form{Name: name, Language: language, Why: why, Ext: Backend{}.Ext(), Text: comment(head) + strings.Join(docs, "---\n")})
	}
	if len(p.both) > 0 {
		add("bands", "Sigma, correlations of correlations", "the bands of risk that ask for two counts at once, for products that correlate correlations", p.bands())
	}
	if len(p.bases) > 1 {
		add("joined", "Sigma, correlations with field aliases", "the same rules over all callers and logs at once, for products that have field aliases, for what is counted too", p.joined())
	}
	return list
}

// bands prints the steps of two counts over each base rule.
func (p *printer) bands() []string {
	var docs []string
	for _, b := range p.bases {
		docs = append(docs, p.baseRule(bandsForm, b))
		for _, t := range p.both {
			docs = append(docs, p.threshold(alone(bandsForm, b), t)...)
		}
	}
	return docs
}

// joined prints all base rules and the correlations over them all.
func (p *printer) joined() []string {
	s := scope{name: joinedForm + slug(p.r), form: joinedForm, title: "in All Logs", fields: map[string]string{}}
	var docs []string
	for _, b := range p.bases {
		docs = append(docs, p.baseRule(joinedForm, b))
		s.rules = append(s.rules, joinedForm+b.name)
	}
	// same returns the field that all base rules have, else an alias for it.
	same := func(name string, field func(*base) string) string {
		a, differs := alias{name: name}, false
		for _, b := range p.bases {
			a.fields = append(a.fields, field(b))
			differs = differs || field(b) != field(p.bases[0])
		}
		if !differs {
			return a.fields[0]
		}
		s.aliases = append(s.aliases, a)
		return name
	}
	s.group = []string{
		same("principal", func(b *base) string { return b.identity }),
		same("account", func(b *base) string { return b.account }),
	}
	s.fields["apis"] = same("api", func(b *base) string { return b.api })
	if !p.r.KeepCopies {
		s.fields["calls"] = same("event", func(b *base) string { return b.event })
	}
	if p.r.CountsTargets() {
		s.fields["targets"] = same("target", func(b *base) string { return b.target })
	}
	return append(docs, p.over(s)...)
}
