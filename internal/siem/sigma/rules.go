package sigma

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/attack"
	"vedette/internal/siem"
)

// correlation prints a correlation rule: of a count, or without one of rules
// that all hold.
func (p *printer) correlation(s scope, id, title, level string, c count) string {
	d := &document{}
	p.head(d, s.name+"_"+id, inForm(s.form)+title+" "+s.title, p.r.Description)
	kind, field := "temporal", ""
	if c.of != "" {
		kind, field = "value_count", s.fields[c.of]
		if c.of == "calls" && p.r.KeepCopies {
			kind, field = "event_count", ""
		}
	}
	d.line(0, "correlation:")
	d.line(tab, "type: %s", kind)
	d.list(tab, "rules", s.rules)
	if len(s.aliases) > 0 {
		d.line(tab, "aliases:")
		for _, a := range s.aliases {
			d.line(2*tab, "%s:", scalar(a.name))
			for i, f := range a.fields {
				d.line(3*tab, "%s: %s", scalar(s.rules[i]), scalar(f))
			}
		}
	}
	d.list(tab, "group-by", s.group)
	d.line(tab, "timespan: %s", timespan(p.r.Window.Length))
	d.line(tab, "condition:")
	if field != "" {
		d.line(2*tab, "field: %s", scalar(field))
	}
	least := c.least
	if kind == "temporal" {
		least = len(s.rules) // engines differ in what they take for granted
	}
	d.line(2*tab, "gte: %d", least)
	var known []string
	for _, f := range p.r.FalsePositives {
		if f = printable(siem.PlainLine(f)); len(f) >= 2 { // as the schema asks
			known = append(known, f)
		}
	}
	d.list(0, "falsepositives", known)
	d.line(0, "level: %s", level)
	return d.String()
}

// baseRule prints the rule that selects calls.
func (p *printer) baseRule(form string, b *base) string {
	d := &document{}
	p.head(d, form+b.name, inForm(form)+"Calls "+where(b), "A call that the correlation rules of "+p.r.Detection+" count. It says nothing by itself.")
	product, service, _ := strings.Cut(b.Source, "/")
	d.line(0, "logsource:")
	d.line(tab, "product: %s", scalar(product))
	d.line(tab, "service: %s", scalar(service))
	d.line(tab, "definition: %s", scalar("Requirements: "+printable(siem.PlainLine(b.Needs))))
	d.line(0, "detection:")
	for _, s := range b.searches {
		s.write(d, s.name)
	}
	d.line(tab, "condition: %s", b.condition)
	d.line(0, "level: informational")
	return d.String()
}

// head prints what all rules have.
func (p *printer) head(d *document, name, title, description string) {
	d.line(0, "title: %s", scalar(p.title(" - "+title)))
	d.line(0, "id: %s", siem.UUID("sigma/"+name, p.r))
	d.set("name", name)
	d.line(0, "status: experimental")
	d.text("description", description)
	d.list(0, "references", references(p.r))
	d.line(0, "author: Vedette")
	d.list(0, "tags", tags(p.r.Techniques))
}

// references are links to anything but ATT&CK, which Sigma refers to by tags.
func references(r *siem.Rule) []string {
	var list []string
	for _, link := range r.References {
		if !strings.HasPrefix(link, "https://attack.mitre.org/") {
			list = append(list, printable(siem.PlainLine(link)))
		}
	}
	return list
}

// inForm begins what a title says of a document of a further form, so that no
// two documents of a package have one title.
func inForm(form string) string {
	return map[string]string{"": "", bandsForm: "Bands - ", joinedForm: "Joined - "}[form]
}

// maxTitle is the greatest length of a title that SigmaHQ takes; the schema
// takes 256 characters.
const maxTitle = 120

// title puts the rule's title before what a document is about.
func (p *printer) title(rest string) string {
	t := []rune(printable(siem.PlainLine(p.r.Title)))
	return strings.TrimSpace(string(t[:min(len(t), max(0, maxTitle-len([]rune(rest))))])) + rest
}

// tags are the tactics and techniques as Sigma tags them.
func tags(techniques []string) []string {
	var tactics, list []string
	for _, id := range techniques {
		if t, ok := attack.Lookup(id); ok {
			tactic := "attack." + strings.ReplaceAll(strings.ToLower(t.Tactic), " ", "-")
			if !slices.Contains(tactics, tactic) {
				tactics = append(tactics, tactic)
			}
			list = append(list, "attack."+strings.ToLower(id))
		}
	}
	return append(tactics, list...)
}

// timespan writes a time span of a correlation.
func timespan(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
