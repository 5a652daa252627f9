package splunk

import (
	"bytes"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/siem"
)

// The objects of a content pack, in the schema of contentctl 5. What is common
// to all of them:
type contentObject struct {
	Name        string `yaml:"name"`
	ID          string `yaml:"id"`
	Version     int    `yaml:"version"`
	Date        string `yaml:"date"`
	Author      string `yaml:"author"`
	Status      string `yaml:"status"`
	Description string `yaml:"description"`
}

type contentRule struct {
	contentObject  `yaml:",inline"`
	Type           string     `yaml:"type"`
	DataSource     []string   `yaml:"data_source"`
	Search         string     `yaml:"search"`
	HowToImplement string     `yaml:"how_to_implement"`
	FalsePositives string     `yaml:"known_false_positives"`
	References     []string   `yaml:"references"`
	RBA            rba        `yaml:"rba"`
	Tags           detectTags `yaml:"tags"`
}

type detectTags struct {
	Story     []string `yaml:"analytic_story"`
	Asset     string   `yaml:"asset_type"`
	Technique []string `yaml:"mitre_attack_id"`
	Product   []string `yaml:"product"`
	Domain    string   `yaml:"security_domain"`
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

type contentStory struct {
	contentObject `yaml:",inline"`
	Narrative     string    `yaml:"narrative"`
	References    []string  `yaml:"references"`
	Tags          storyTags `yaml:"tags"`
}

type storyTags struct {
	Category []string `yaml:"category"`
	Product  []string `yaml:"product"`
	UseCase  string   `yaml:"usecase"`
}

type contentLookup struct {
	contentObject `yaml:",inline"`
	Type          string   `yaml:"lookup_type"`
	Match         []string `yaml:"match_type"`
	MaxMatches    int      `yaml:"max_matches"`
}

type contentSource struct {
	contentObject `yaml:",inline"`
	Source        string `yaml:"source"`
	SourceType    string `yaml:"sourcetype"`
}

// story is the analytic story of the detections.
const story = "Cloud Discovery by One Identity"

// date is when the form of these objects last changed: what is compiled must
// not depend on the day.
const date = "2026-11-25"

var products = []string{"Splunk Enterprise", "Splunk Enterprise Security", "Splunk Cloud"}

// contentPack returns the rules as detections, and what they name.
func contentPack(outputs []*siem.Output) ([]siem.File, error) {
	objects := map[string]any{
		"stories/" + fileName(story): contentStory{
			object(story, "production", "Identities that ask within minutes what there is in an AWS account, an Azure subscription or tenant, or a Google Cloud project."),
			"Who takes over a credential looks around first. The calls are harmless one by one; many of them in a short time, or few of many kinds, are not what most identities do.",
			[]string{"https://attack.mitre.org/techniques/T1580/"},
			storyTags{[]string{"Cloud Security"}, products, "Advanced Threat Detection"},
		},
		"lookups/" + Lookup + ".yml": contentLookup{
			object(Lookup, "production", "Identities that the detections leave out, with why, who answers for it and until when."),
			"csv", []string{"WILDCARD(Identity)"}, 1,
		},
	}
	fields := Backend{}.Fields()
	for _, out := range outputs {
		rule := detection(out)
		objects["detections/cloud/"+fileName(rule.Name)] = rule
		for _, l := range out.Rule.Legs {
			if m := fields.Logs[l.Log.String()]; m != nil {
				name, sourcetype := m.Set["data_source"], strings.Split(m.Source, `"`)[1]
				objects["data_sources/"+fileName(name)] = contentSource{object(name, "production", "Needs "+m.Needs+"."), sourcetype, sourcetype}
			}
		}
	}
	files := []siem.File{{Path: "contentctl/lookups/" + Lookup + ".csv", Data: []byte(exceptions)}}
	for path, x := range objects {
		var b bytes.Buffer
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		if err := enc.Encode(x); err != nil {
			return nil, err
		}
		files = append(files, siem.File{Path: "contentctl/" + path, Data: b.Bytes()})
	}
	slices.SortFunc(files, func(a, b siem.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// object is what an object of the pack begins with; its id is made of its name.
func object(name, status, description string) contentObject {
	return contentObject{name, siem.UUID("splunk", &siem.Rule{ID: name}), 1, date, "Vedette", status, description}
}

func detection(out *siem.Output) contentRule {
	r := out.Rule
	kind := "TTP"
	if r.BuildingBlock {
		kind = "Anomaly"
	}
	var sources, clouds []string
	fields := Backend{}.Fields()
	how := "Needs"
	for _, l := range r.Legs {
		m := fields.Logs[l.Log.String()]
		if m == nil {
			continue
		}
		sources = append(sources, m.Set["data_source"])
		how += " " + m.Needs + ";"
		if asset := assets[l.Log.Cloud()]; !slices.Contains(clouds, asset) {
			clouds = append(clouds, asset)
		}
	}
	if len(clouds) != 1 {
		clouds = []string{"Account"}
	}
	name := contentName(r)
	rule := contentRule{
		// No recorded attack comes with the rule, which "production" asks for.
		contentObject: object(name, "experimental", siem.PlainLine(r.Description)), Type: kind, DataSource: sources,
		Search:         out.Query + "| `" + strings.TrimSuffix(fileName(name), ".yml") + "_filter`\n",
		HowToImplement: siem.PlainLine(how + " the lookup " + Lookup + ". " + strings.Join(siem.Losses(out), " ")),
		FalsePositives: siem.PlainLine(strings.Join(r.FalsePositives, "; ")), References: r.References,
		RBA:  rba{"$DiscoveryCount$ calls of $DistinctAPIs$ kinds by $Identity$ in $AccountId$", []riskObject{{"Identity", "user", score(r)}}, []string{}},
		Tags: detectTags{[]string{story}, clouds[0], slices.Clone(r.Techniques), products, "threat"},
	}
	rule.ID = siem.UUID("splunk", r)
	return rule
}

// assets are contentctl's words for what a detection is about.
var assets = map[event.Cloud]string{event.AWS: "AWS Account", event.Azure: "Azure Tenant", event.GCP: "GCP Account"}

// maxName is the most characters that contentctl leaves to a detection's name
// in an app labelled as `contentctl init` labels it: 81 are in a stanza.
const maxName = 81 - len("Custom Splunk Content Pack -  - Rule")

// contentName is the rule's title, as many words of it as have room, and its
// id, in what contentctl takes for a name: letters, digits and spaces.
func contentName(r *siem.Rule) string {
	plain := func(s string) []string {
		return strings.FieldsFunc(s, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
		})
	}
	name := strings.Join(plain(r.ID), " ")
	room, words := maxName-len(name), 0
	title := plain(r.Title)
	for words < len(title) && len(title[words])+1 <= room {
		room -= len(title[words]) + 1
		words++
	}
	return strings.Join(append(title[:words:words], name), " ")
}

// fileName is where contentctl looks for an object.
func fileName(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "_", "-", "_", ".", "_", "/", "_").Replace(name)) + ".yml"
}
