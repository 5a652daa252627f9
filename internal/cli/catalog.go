package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"vedette/internal/cloud/all"
	"vedette/internal/event"
	"vedette/internal/term"
)

type catalogCmd struct {
	Words     []string `arg:"" optional:"" name:"word" help:"Words that the service or the name must have, without letter case."`
	Cloud     string   `enum:"aws,azure,gcp," default:"" help:"One cloud: aws, azure or gcp."`
	Class     string   `placeholder:"CLASS" help:"One class: discovery, data_read, crypto, session, write or other."`
	Technique string   `placeholder:"ID" help:"One ATT&CK technique with its sub-techniques, such as T1580 or T1087."`
	Format    string   `short:"f" enum:"table,json" default:"table" help:"table or json."`
}

// catalogRow is an API in the command's JSON output.
type catalogRow struct {
	Cloud     string `json:"cloud"`
	Service   string `json:"service"`
	Name      string `json:"operation"`
	Class     string `json:"class"`
	Technique string `json:"technique,omitempty"`
	Secondary string `json:"secondary_technique,omitempty"`
	Category  string `json:"category,omitempty"`
	Weight    int    `json:"weight,omitempty"`
	Global    bool   `json:"global,omitempty"`
}

func (c *catalogCmd) Run(std IO) error {
	if _, ok := event.ParseClass(c.Class); c.Class != "" && !ok {
		return usagef("no class %q", c.Class)
	}
	reg := event.NewRegistry()
	for _, p := range all.Providers() {
		if err := p.Register(reg); err != nil {
			return err
		}
	}
	rows := []catalogRow{}
	for _, a := range reg.All() {
		r := catalogRow{a.Cloud.String(), a.Service, a.Name, a.Class.String(), a.Technique, a.Secondary, a.Category, int(a.Weight), a.Global}
		if c.keeps(&r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b catalogRow) int {
		return cmp.Or(strings.Compare(a.Cloud, b.Cloud), strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	})
	w := bufio.NewWriter(std.Stdout)
	if c.Format == "json" {
		if err := json.MarshalWrite(w, rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
		return w.Flush()
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%-5s  %-34s  %-52s  %-9s  %s\n", r.Cloud, r.Service, r.Name, r.Class, r.Technique)
	}
	fmt.Fprintf(w, "%s\n", term.Plural(len(rows), "API"))
	return w.Flush()
}

func (c *catalogCmd) keeps(r *catalogRow) bool {
	if c.Cloud != "" && r.Cloud != c.Cloud || c.Class != "" && r.Class != c.Class ||
		c.Technique != "" && !within(r.Technique, c.Technique) && !within(r.Secondary, c.Technique) {
		return false
	}
	text := strings.ToLower(r.Service + " " + r.Name)
	for _, w := range c.Words {
		if !strings.Contains(text, strings.ToLower(w)) {
			return false
		}
	}
	return true
}

// within reports whether a technique is the one that is asked for, or a
// sub-technique of it.
func within(technique, asked string) bool {
	rest, ok := strings.CutPrefix(technique, strings.ToUpper(asked))
	return ok && (rest == "" || rest[0] == '.')
}
