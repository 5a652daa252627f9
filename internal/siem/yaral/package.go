package yaral

import (
	"bytes"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/attack"
	"vedette/internal/siem"
)

// Table is the data table of identities that scheduled rules leave out.
const Table = "vedette_exceptions"

// meta says what the rule is, with the keys of Google's own rules
// (STYLE_GUIDE.md of chronicle/detection-rules).
func (p *printer) meta() {
	r := p.r
	p.line("  meta:")
	set := func(key, value string) {
		if value = siem.PlainLine(value); value != "" {
			p.line("    %s = %s", key, quote(value))
		}
	}
	set("author", "Vedette")
	set("description", r.Description)
	set("rule_id", siem.UUID("yaral", r))
	set("rule_name", r.Title)
	set("version", r.Version)
	set("profile", r.Profile)
	if len(r.Techniques) > 0 {
		if t, ok := attack.Lookup(r.Techniques[0]); ok {
			set("mitre_attack_tactic", t.Tactic)
			set("mitre_attack_technique", t.Name)
			set("mitre_attack_url", "https://attack.mitre.org/techniques/"+strings.ReplaceAll(t.ID, ".", "/")+"/")
		}
		set("techniques", strings.Join(r.Techniques, ", "))
	}
	set("type", kindOf(r))
	var sources, platforms []string
	for _, at := range p.places {
		sources = append(sources, at.Set["data_source"])
		if name := siem.Provider(at.Leg.Log.Cloud()); len(platforms) == 0 || platforms[len(platforms)-1] != name {
			platforms = append(platforms, name)
		}
	}
	set("data_source", strings.Join(sources, ", "))
	set("platform", strings.Join(platforms, ", "))
	set("severity", capital(r.Severity))
	set("priority", capital(r.Severity))
	set("confidence", r.Confidence)
	set("references", strings.Join(r.References, ", "))
	set("false_positives", strings.Join(r.FalsePositives, "; "))
}

// kindOf is the style guide's word: a hunt is no alert.
func kindOf(r *siem.Rule) string {
	if r.BuildingBlock {
		return "hunt"
	}
	return "alert"
}

// capital writes a severity as the style guide does.
func capital(s string) string {
	switch s {
	case "":
		return ""
	case "informational":
		return "Info"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// ruleConfig is an entry of rule_config.yaml, the file of Google's content
// manager that says in which state a rule is to be.
type ruleConfig struct {
	Alerting     bool   `yaml:"alerting"`
	Archived     bool   `yaml:"archived"`
	Enabled      bool   `yaml:"enabled"`
	RunFrequency string `yaml:"run_frequency"`
}

// tableConfig is an entry of data_table_config.yaml.
type tableConfig struct {
	Description string        `yaml:"description"`
	Columns     []tableColumn `yaml:"columns"`
}

type tableColumn struct {
	Index  int    `yaml:"column_index"`
	Column string `yaml:"original_column"`
	Type   string `yaml:"column_type"`
}

// Package returns the rules, the data table of exceptions and what says in
// which state they are to be, in the layout of the content manager of
// chronicle/detection-rules.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	var files []siem.File
	rules := map[string]ruleConfig{}
	for _, out := range outputs {
		r := out.Rule
		if r.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", r.ID)
		}
		name := ruleName(r)
		files = append(files, siem.File{Path: "rules/" + name + ".yaral", Data: []byte(out.Query)})
		// What administrators and tools make too is a signal.
		rules[name] = ruleConfig{Alerting: !r.BuildingBlock, Enabled: true, RunFrequency: "HOURLY"}
	}
	config, err := encode(rules)
	if err != nil {
		return nil, err
	}
	table := tableConfig{Description: "Identities that cloud discovery rules leave out, with reason, owner and end"}
	for i, column := range []string{"identity", "reason", "owner", "expires"} {
		table.Columns = append(table.Columns, tableColumn{i, column, "STRING"})
	}
	tables, err := encode(map[string]tableConfig{Table: table})
	if err != nil {
		return nil, err
	}
	return append(files,
		siem.File{Path: "rule_config.yaml", Data: config},
		siem.File{Path: "data_table_config.yaml", Data: tables},
		siem.File{Path: "data_tables/" + Table + ".csv", Data: []byte("no-identity,This row shows the form of a row,,\n")},
		siem.File{Path: "README.md", Data: []byte(readme)},
	), nil
}

// encode writes a map in order of its keys.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

const readme = `# Vedette's rules for Google SecOps

The layout is that of the content manager in the repository chronicle/detection-rules, tools/content_manager:

- ` + "`data_tables/vedette_exceptions.csv`" + ` lists identities that the rules leave out, as a rule shows them in $Identity,
  with why, who answers for it and until when. It must exist before the rules: ` + "`data-tables update`" + `.
  Expires is a note only, which no rule reads: a row leaves its identity out until you take it out, or until a time to
  live that you give the table ends. A row matches by the identity alone, from any network and with any client.
- ` + "`rules/`" + ` has one rule a file. ` + "`rules verify-all`" + ` asks the product whether it takes them, ` + "`rules update`" + ` creates them.
- ` + "`rule_config.yaml`" + ` says which rules run and which of them alert. The content manager does not set how often a rule
  runs: choose that in the product; every hour is what the rules are written for.
`
