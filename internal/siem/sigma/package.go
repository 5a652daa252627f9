package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/siem"
)

// Package returns a file for each rule and form, and filters that leave out
// known identities. Files are named as the specification and SigmaHQ ask.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	files := []siem.File{{Path: "README.md", Data: []byte(readme)}}
	var callers []caller
	for _, out := range outputs {
		if out.Rule.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", out.Rule.ID)
		}
		add := func(folder, name, text string) error {
			files = append(files, siem.File{Path: folder + "/correlation_" + name + ".yml", Data: []byte(text)})
			list, err := callersOf(text)
			callers = append(callers, list...)
			return err
		}
		if err := add("rules", slug(out.Rule), out.Query); err != nil {
			return nil, err
		}
		for _, form := range out.Further {
			if err := add(form.Name, slug(out.Rule)+"_"+form.Name, form.Text); err != nil {
				return nil, err
			}
		}
	}
	return append(files, siem.File{Path: "filters/mf_vedette_exceptions.yml", Data: []byte(filters(callers))}), nil
}

const readme = `# Vedette's rules for Sigma

- ` + "`rules/`" + ` has a file for each rule: base rules, which select calls, and correlation rules, which count them. Convert
  them with sigma-cli and the pipeline of your product, or load them into an engine that reads Sigma.
- ` + "`bands/`" + ` has the correlations that ask for two counts at once, with higher levels, for products that correlate
  correlations.
- ` + "`joined/`" + ` has the same rules as ` + "`rules/`" + `, over all callers and logs at once, for products that have field aliases. Take one
  of the two.
- ` + "`filters/`" + ` leaves identities out. Put them in place of no-identity, with why, who answers for it and until when in the
  description, and hand the file to the conversion along with the rules (sigma convert --filter).
  The end is a note only, which nothing reads: take the name out then, and convert again. An entry matches by the
  identity alone, from any network and with any client.
- How often rules run, and over what time, is set in the product.
`

// caller is the field that names the caller of a base rule's calls.
type caller struct {
	product, service, field, id, name string
}

// callersOf reads from a compiled text which field names the callers of each
// of its base rules: what correlations group by first.
func callersOf(text string) ([]caller, error) {
	var list []caller
	fields := map[string]string{} // by base rule
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc struct {
			ID, Name    string
			Logsource   struct{ Product, Service string }
			Correlation *struct {
				Type    string
				Rules   []string
				Aliases map[string]map[string]string
				GroupBy []string `yaml:"group-by"`
			}
		}
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		c := doc.Correlation
		if c == nil {
			list = append(list, caller{product: doc.Logsource.Product, service: doc.Logsource.Service, id: doc.ID, name: doc.Name})
			continue
		}
		for _, rule := range c.Rules {
			fields[rule] = cmp.Or(c.Aliases[c.GroupBy[0]][rule], c.GroupBy[0])
		}
	}
	for i := range list {
		list[i].field = fields[list[i].name]
	}
	return list, nil
}

// filters prints a filter for each log and field that names callers in it.
func filters(callers []caller) string {
	same := func(a, b caller) int {
		return cmp.Or(cmp.Compare(a.product, b.product), cmp.Compare(a.service, b.service), cmp.Compare(a.field, b.field))
	}
	slices.SortStableFunc(callers, same)
	var docs []string
	for len(callers) > 0 {
		of := callers[0]
		n := slices.IndexFunc(callers, func(c caller) bool { return same(c, of) != 0 })
		if n < 0 {
			n = len(callers)
		}
		d := &document{}
		d.line(0, "title: %s", scalar("Vedette - Known Identities by "+of.field+" in "+of.product+"/"+of.service))
		d.line(0, "id: %s", siem.UUID("sigma/filter", &siem.Rule{ID: of.product + "/" + of.service + "/" + of.field}))
		d.text("description", "Identities that cloud discovery rules leave out. No identity has the name that stands here: it shows the form.")
		d.line(0, "author: Vedette")
		d.line(0, "logsource:")
		d.line(tab, "product: %s", scalar(of.product))
		d.line(tab, "service: %s", scalar(of.service))
		d.line(0, "filter:")
		d.line(tab, "rules:")
		for _, c := range callers[:n] {
			d.line(2*tab, "- %s # %s", c.id, c.name)
		}
		search{{{of.field, []string{literal("no-identity")}}}}.write(d, "selection")
		d.line(tab, "condition: not selection")
		docs = append(docs, d.String())
		callers = callers[n:]
	}
	return strings.Join(docs, "---\n")
}
