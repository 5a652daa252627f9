package elastic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"vedette/internal/attack"
	"vedette/internal/siem"
)

const exceptionList = "vedette_exceptions"

// Package returns rules as Kibana imports them, one a line: the ES|QL rules,
// and in a file of their own those for stacks without ES|QL.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	var main, other bytes.Buffer
	for _, out := range outputs {
		if out.Rule.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", out.Rule.ID)
		}
		if err := line(&main, esql(out)); err != nil {
			return nil, err
		}
		for _, f := range out.Further {
			rule := common(out.Rule)
			switch f.Language {
			case "EQL":
				rule["rule_id"], rule["name"] = siem.UUID("elastic-"+f.Name, out.Rule), out.Rule.Title+" ("+f.Name+")"
				rule["note"] = noted(rule, f.Why)
				rule["type"], rule["language"], rule["query"] = "eql", "eql", f.Text
				rule["index"] = []string{"logs-*"}
				rule["from"], rule["interval"] = fmt.Sprintf("now-%dm", int(out.Rule.Lookback().Minutes())), "5m"
			default:
				if err := json.Unmarshal([]byte(f.Text), &rule); err != nil {
					return nil, err
				}
			}
			if err := line(&other, rule); err != nil {
				return nil, err
			}
		}
	}
	list, err := exceptions()
	if err != nil {
		return nil, err
	}
	files := []siem.File{
		{Path: "README.md", Data: []byte(readme)},
		{Path: "exception-list.ndjson", Data: list},
		{Path: "rules.ndjson", Data: main.Bytes()},
	}
	if other.Len() > 0 {
		files = append(files, siem.File{Path: "rules-without-esql.ndjson", Data: other.Bytes()})
	}
	return files, nil
}

const readme = `# Vedette's rules for Elastic Security

1. Import ` + "`exception-list.ndjson`" + ` (Rules > Shared exception lists > Import), then ` + "`rules.ndjson`" + ` (Rules > Import).
   Rules come disabled. Rules whose head says so are building blocks: their alerts are not shown, other rules and risk scores use them.
2. Every integration that a rule names must have data: a field that no index has is an error in ES|QL. For fewer clouds
   compile with --cloud.
3. Identities to leave out go into the exception list, as an entry on the field Identity. Give each an
   expiration (expire_time): past it the product does not heed the entry, and one without never ends. An entry matches
   by the identity alone, from any network and with any client.
4. ` + "`rules-without-esql.ndjson`" + ` is for stacks without ES|QL. Those rules say less: their notes say what. Of what they cannot
   say there is none: distinct targets, two counts of which either is enough, outcomes other than all, refusals or
   successes, windows under a minute as thresholds, and logs whose names are made of several fields (Microsoft Graph).
`

func line(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return enc.Encode(v) // ends in a line break
}

// common are the fields that all rules have.
func common(r *siem.Rule) map[string]any {
	note := ""
	for _, w := range r.Warnings {
		note += "- " + siem.PlainLine(w) + "\n"
	}
	references := r.References
	if references == nil {
		references = []string{}
	}
	rule := map[string]any{
		"description": siem.PlainLine(r.Description), "risk_score": score(r.Severity), "severity": severity(r.Severity), "enabled": false,
		"author": []string{"Vedette"}, "license": "Apache-2.0", "false_positives": slices.Clone(r.FalsePositives), "references": references,
		"tags": tags(r), "threat": threat(r), "max_signals": 1000, "version": 1, "note": note,
	}
	if r.FalsePositives == nil {
		rule["false_positives"] = []string{}
	}
	if r.BuildingBlock {
		rule["building_block_type"] = "default"
	}
	return rule
}

func esql(out *siem.Output) map[string]any {
	r := out.Rule
	rule := common(r)
	note := rule["note"].(string)
	for _, l := range siem.Losses(out) {
		note += "- " + l + "\n"
	}
	rule["note"] = note
	rule["rule_id"], rule["name"] = siem.UUID("elastic", r), r.Title
	rule["type"], rule["language"], rule["query"] = "esql", "esql", out.Query
	rule["from"], rule["interval"] = fmt.Sprintf("now-%dm", int(r.Lookback().Minutes())), fmt.Sprintf("%dm", int(r.Schedule.Every.Minutes()))
	rule["exceptions_list"] = []map[string]any{{"id": siem.UUID("elastic-exceptions", &siem.Rule{ID: exceptionList}), "list_id": exceptionList, "type": "detection", "namespace_type": "single"}}
	rule["alert_suppression"] = map[string]any{"group_by": []string{siem.ColIdentity, siem.ColAccount, siem.ColTime}, "missing_fields_strategy": "suppress", "duration": map[string]any{"value": 1, "unit": "h"}}
	return rule
}

// exceptions is the list of identities that rules leave out, with one item
// that shows the form.
func exceptions() ([]byte, error) {
	var b bytes.Buffer
	list := map[string]any{
		"list_id": exceptionList, "name": "Vedette: known identities", "description": "Identities that cloud discovery rules leave out", "type": "detection",
		"namespace_type": "single", "tags": []string{"vedette"}, "os_types": []string{}, "version": 1, "id": siem.UUID("elastic-exceptions", &siem.Rule{ID: exceptionList}),
	}
	item := map[string]any{
		"list_id": exceptionList, "item_id": exceptionList + "_form", "name": "The form of an entry", "description": "No identity has this name. Say in the description why, and who answers for it; the entry ends at expire_time.", "expire_time": "2020-01-01T00:00:00.000Z",
		"type": "simple", "namespace_type": "single", "tags": []string{"vedette"}, "os_types": []string{}, "comments": []string{},
		"entries": []map[string]any{{"field": siem.ColIdentity, "type": "match", "operator": "included", "value": "no-identity"}},
	}
	details := map[string]any{"exported_exception_list_count": 1, "exported_exception_list_item_count": 1, "missing_exception_list_items_count": 0, "missing_exception_lists_count": 0}
	for _, v := range []any{list, item, details} {
		if err := line(&b, v); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func tags(r *siem.Rule) []string {
	list := []string{"Domain: Cloud", "Use Case: Threat Detection"}
	seen := map[string]bool{}
	for _, l := range r.Legs {
		if p := siem.Provider(l.Log.Cloud()); !seen[p] {
			seen[p] = true
			list = append(list, "Data Source: "+p)
		}
	}
	for _, id := range r.Techniques {
		if t, ok := attack.Lookup(id); ok && !seen[t.Tactic] {
			seen[t.Tactic] = true
			list = append(list, "Tactic: "+t.Tactic)
		}
	}
	return list
}

// tacticIDs are the ATT&CK ids of the tactics that detections name.
var tacticIDs = map[string]string{
	"Discovery": "TA0007", "Collection": "TA0009", "Credential Access": "TA0006", "Initial Access": "TA0001", "Persistence": "TA0003",
	"Privilege Escalation": "TA0004", "Defense Evasion": "TA0005", "Lateral Movement": "TA0008", "Exfiltration": "TA0010", "Impact": "TA0040",
	"Execution": "TA0002", "Command and Control": "TA0011", "Reconnaissance": "TA0043", "Resource Development": "TA0042",
}

// threat maps techniques to their tactics as Kibana has them.
func threat(r *siem.Rule) []map[string]any {
	var order []string
	by := map[string][]map[string]any{}
	place := map[string]map[string]any{}
	for _, id := range r.Techniques {
		t, ok := attack.Lookup(id)
		if !ok {
			continue
		}
		top := t
		if p := t.Parent(); p != "" {
			if top, ok = attack.Lookup(p); !ok {
				continue
			}
		}
		if by[top.Tactic] == nil {
			order = append(order, top.Tactic)
		}
		x := place[top.ID]
		if x == nil {
			x = map[string]any{"id": top.ID, "name": top.Name, "reference": "https://attack.mitre.org/techniques/" + top.ID + "/", "subtechnique": []map[string]any{}}
			place[top.ID] = x
			by[top.Tactic] = append(by[top.Tactic], x)
		}
		if t.ID != top.ID {
			x["subtechnique"] = append(x["subtechnique"].([]map[string]any), map[string]any{
				"id": t.ID, "name": t.Name, "reference": "https://attack.mitre.org/techniques/" + top.ID + "/" + t.ID[len(top.ID)+1:] + "/"})
		}
	}
	list := []map[string]any{}
	for _, tactic := range order {
		list = append(list, map[string]any{
			"framework": "MITRE ATT&CK",
			"tactic":    map[string]any{"id": tacticIDs[tactic], "name": tactic, "reference": "https://attack.mitre.org/tactics/" + tacticIDs[tactic] + "/"},
			"technique": by[tactic],
		})
	}
	return list
}

// severity is Elastic's word for a severity: it has none below low.
func severity(s string) string {
	if s == "informational" {
		return "low"
	}
	return s
}

// score is the risk score that goes with a severity ("Risk score", Elastic
// Security).
func score(s string) int {
	return map[string]int{"informational": 10, "low": 21, "medium": 47, "high": 73, "critical": 99}[s]
}
