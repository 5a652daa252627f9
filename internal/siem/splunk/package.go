package splunk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"vedette/internal/siem"
)

const app = "vedette_discovery"

// Package returns an app with scheduled searches and the lookup of exceptions,
// and a content pack of contentctl with the same rules as detections.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	var searches bytes.Buffer
	for _, out := range outputs {
		if out.Rule.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", out.Rule.ID)
		}
		stanza(&searches, out)
	}
	files, err := contentPack(outputs)
	if err != nil {
		return nil, err
	}
	return append(files,
		siem.File{Path: app + "/default/app.conf", Data: []byte(appConf)},
		siem.File{Path: app + "/default/savedsearches.conf", Data: searches.Bytes()},
		siem.File{Path: app + "/default/transforms.conf", Data: []byte("[" + Lookup + "]\nfilename = " + Lookup + ".csv\nmatch_type = WILDCARD(Identity)\nmax_matches = 1\n")},
		siem.File{Path: app + "/lookups/" + Lookup + ".csv", Data: []byte(exceptions)},
		siem.File{Path: app + "/metadata/default.meta", Data: []byte("[]\naccess = read : [ * ], write : [ admin, sc_admin ]\nexport = system\n")},
		siem.File{Path: "README.md", Data: []byte(readme)},
	), nil
}

// exceptions is the head of the list of identities that searches leave out.
const exceptions = "Identity,Reason,Owner,Expires\n"

const appConf = `[id]
name = vedette_discovery
version = 1.0.0

[install]
is_configured = 0

[ui]
is_visible = 0
label = Vedette cloud discovery

[launcher]
author = Vedette
description = Identities that enumerate cloud infrastructure (ATT&CK T1580)
version = 1.0.0

[package]
id = vedette_discovery
check_for_updates = 0
`

const readme = `# Vedette's rules for Splunk

- ` + "`vedette_discovery/`" + ` is an app: copy it to ` + "`$SPLUNK_HOME/etc/apps`" + ` and restart, or install it as a .spl archive.
  Its searches run every quarter of an hour, those that look back two days or more every hour, over windows that have
  closed and settled, each window once.
- ` + "`lookups/vedette_exceptions.csv`" + ` lists identities that the searches leave out, with why, who answers for it and
  until when; * stands for any text. Of several entries for one identity the first counts.
` + siem.ExceptionNote + `- ` + "`contentctl/`" + ` has the same rules as detections, with the story, the lookup and the data sources that they name: copy it
  over a content pack that ` + "`contentctl init`" + ` made.
- The searches look for source types without an index: name the indexes of your cloud logs in front, for speed.
`

// stanza writes a scheduled search. A building block is a risk event: administrators
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
	set("cron_schedule", r.Schedule.Cron())
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
	if !r.BuildingBlock {
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
