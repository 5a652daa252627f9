package splunk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/siem"
)

const app = "vedette_discovery"

// Package returns an app with scheduled searches and the lookup of exceptions,
// and the same rules as detections in the schema of contentctl.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	var searches bytes.Buffer
	var files []siem.File
	for _, out := range outputs {
		if out.Rule.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", out.Rule.ID)
		}
		stanza(&searches, out)
		text, err := detection(out)
		if err != nil {
			return nil, err
		}
		files = append(files, siem.File{Path: "detections/cloud/" + underscored(out.Rule.ID) + ".yml", Data: text})
	}
	return append(files,
		siem.File{Path: app + "/default/app.conf", Data: []byte(appConf)},
		siem.File{Path: app + "/default/savedsearches.conf", Data: searches.Bytes()},
		siem.File{Path: app + "/default/transforms.conf", Data: []byte("[" + Lookup + "]\nfilename = " + Lookup + ".csv\nmatch_type = WILDCARD(Identity)\nmax_matches = 1\n")},
		siem.File{Path: app + "/lookups/" + Lookup + ".csv", Data: []byte("Identity,Reason,Owner,Expires\n")},
		siem.File{Path: app + "/metadata/default.meta", Data: []byte("[]\naccess = read : [ * ], write : [ admin ]\nexport = system\n")},
		siem.File{Path: "README.md", Data: []byte(readme)},
	), nil
}

const appConf = `[install]
is_configured = 1

[ui]
is_visible = 0
label = Vedette cloud discovery

[launcher]
author = Vedette
description = Identities that enumerate cloud infrastructure (ATT&CK T1580)
version = 1.0.0

[package]
id = vedette_discovery
`

const readme = `# Vedette's rules for Splunk

- ` + "`vedette_discovery/`" + ` is an app: copy it to ` + "`$SPLUNK_HOME/etc/apps`" + ` and restart, or install it as a .spl archive.
  Its searches run every quarter of an hour over windows that have closed and settled, each window once.
- ` + "`lookups/vedette_exceptions.csv`" + ` lists identities that the searches leave out, with why, who answers for it and
  until when; * stands for any text.
- ` + "`detections/`" + ` has the same rules for a build with contentctl.
- The searches look for source types without an index: name the indexes of your cloud logs in front, for speed.
`

// stanza writes a scheduled search. A burst is a risk event: administrators
// and tools make them too; the others are notable.
func stanza(b *bytes.Buffer, out *siem.Output) {
	r := out.Rule
	title := confLine(r.Title + " (" + r.ID + ")")
	set := func(key, value string) { fmt.Fprintf(b, "%s = %s\n", key, value) }
	fmt.Fprintf(b, "[%s]\n", strings.NewReplacer("[", "(", "]", ")").Replace(title))
	set("description", confLine(r.Description))
	set("search", strings.ReplaceAll(strings.TrimSuffix(strings.ReplaceAll(out.Query, `\`+"\n", "\n"), "\n"), "\n", " \\\n"))
	set("dispatch.earliest_time", fmt.Sprintf("-%dm@m", int(r.Lookback().Minutes())))
	set("dispatch.latest_time", "now")
	set("cron_schedule", fmt.Sprintf("*/%d * * * *", int(r.Schedule.Every.Minutes())))
	set("enableSched", "1")
	set("counttype", "number of events")
	set("relation", "greater than")
	set("quantity", "0")
	set("alert.severity", map[string]string{"informational": "1", "low": "2", "medium": "3", "high": "4", "critical": "5"}[r.Severity])
	set("alert.track", "1")
	set("action.correlationsearch.enabled", "1")
	set("action.correlationsearch.label", title)
	annotations, _ := json.Marshal(map[string][]string{"mitre_attack": r.Techniques}) // strings cannot fail
	set("action.correlationsearch.annotations", string(annotations))
	set("action.risk", "1")
	set("action.risk.param._risk_message", "$DiscoveryCount$ calls of $DistinctAPIs$ kinds by $Identity$ in $AccountId$")
	set("action.risk.param._risk", fmt.Sprintf(`[{"risk_object_field":"Identity","risk_object_type":"user","risk_score":%d}]`, score(r)))
	if r.Kind != siem.Burst {
		set("action.notable", "1")
		set("action.notable.param.rule_title", title+" by $Identity$")
		set("action.notable.param.rule_description", confLine(r.Description))
		set("action.notable.param.security_domain", "threat")
		set("action.notable.param.severity", r.Severity)
	}
	b.WriteByte('\n')
}

// score is what an event adds to the risk of its identity, by severity.
func score(r *siem.Rule) int {
	return map[string]int{"informational": 5, "low": 15, "medium": 35, "high": 60, "critical": 80}[r.Severity]
}

// confLine makes a text fit for one line of a .conf file.
func confLine(s string) string {
	return strings.TrimRight(strings.ReplaceAll(siem.PlainLine(s), "`", "'"), `\`)
}

func underscored(s string) string { return strings.ReplaceAll(s, "-", "_") }

// contentRule is a detection of contentctl 5.
type contentRule struct {
	Name           string         `yaml:"name"`
	ID             string         `yaml:"id"`
	Version        int            `yaml:"version"`
	Date           string         `yaml:"date"`
	Author         string         `yaml:"author"`
	Status         string         `yaml:"status"`
	Type           string         `yaml:"type"`
	Description    string         `yaml:"description"`
	DataSource     []string       `yaml:"data_source"`
	Search         string         `yaml:"search"`
	HowToImplement string         `yaml:"how_to_implement"`
	FalsePositives string         `yaml:"known_false_positives"`
	References     []string       `yaml:"references"`
	RBA            *rba           `yaml:"rba,omitempty"`
	Tags           map[string]any `yaml:"tags"`
}

type rba struct {
	Message string       `yaml:"message"`
	Risk    []riskObject `yaml:"risk_objects"`
	Threat  []string     `yaml:"threat_objects"`
}

type riskObject struct {
	Field string `yaml:"field"`
	Type  string `yaml:"type"`
	Score int    `yaml:"score"`
}

func detection(out *siem.Output) ([]byte, error) {
	r := out.Rule
	kind := "TTP"
	if r.Kind == siem.Burst {
		kind = "Anomaly"
	}
	var sources []string
	fields := Backend{}.Fields()
	how := "Needs"
	for _, l := range r.Legs {
		m := fields.Logs[l.Log.String()]
		if m == nil {
			continue
		}
		sources = append(sources, m.Set["data_source"])
		how += " " + m.Needs + ";"
	}
	rule := contentRule{
		Name: contentName(r), ID: siem.UUID("splunk", r), Version: 1, Date: date, Author: "Vedette", Status: "production", Type: kind,
		Description: siem.PlainLine(r.Description), DataSource: sources, Search: out.Query,
		HowToImplement: siem.PlainLine(how + " the lookup " + Lookup + ". " + strings.Join(siem.Losses(out), " ")),
		FalsePositives: siem.PlainLine(strings.Join(r.FalsePositives, "; ")), References: r.References,
		RBA: &rba{"$DiscoveryCount$ calls of $DistinctAPIs$ kinds by $Identity$ in $AccountId$", []riskObject{{"Identity", "user", score(r)}}, []string{}},
		Tags: map[string]any{
			"analytic_story": []string{"Suspicious Cloud Instance Activities"}, "asset_type": "Cloud Account",
			"mitre_attack_id": slices.Clone(r.Techniques), "product": []string{"Splunk Enterprise", "Splunk Enterprise Security", "Splunk Cloud"},
			"security_domain": "threat",
		},
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(rule); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// date is when the form of these detections last changed: what is compiled
// must not depend on the day.
const date = "2026-11-23"

// contentName keeps to what contentctl takes for a name: letters, digits and
// a few signs, no more than 67 of them.
func contentName(r *siem.Rule) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ' ' || c == '-' {
			return c
		}
		return -1
	}, r.Title)
	name = strings.Join(strings.Fields(name), " ")
	return strings.TrimSpace(name[:min(len(name), 60)])
}
