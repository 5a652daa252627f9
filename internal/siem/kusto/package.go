package kusto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/attack"
	"vedette/internal/siem"
)

// analyticsRule is a scheduled rule in the form of the Azure-Sentinel
// repository, which pipelines deploy.
type analyticsRule struct {
	ID                   string            `yaml:"id"`
	Name                 string            `yaml:"name"`
	Description          string            `yaml:"description"`
	Severity             string            `yaml:"severity"`
	Status               string            `yaml:"status"`
	Connectors           []connector       `yaml:"requiredDataConnectors"`
	QueryFrequency       string            `yaml:"queryFrequency"`
	QueryPeriod          string            `yaml:"queryPeriod"`
	TriggerOperator      string            `yaml:"triggerOperator"`
	TriggerThreshold     int               `yaml:"triggerThreshold"`
	Tactics              []string          `yaml:"tactics"`
	Techniques           []string          `yaml:"relevantTechniques"`
	Query                string            `yaml:"query"`
	EntityMappings       []entity          `yaml:"entityMappings"`
	CustomDetails        map[string]string `yaml:"customDetails"`
	AlertDetailsOverride alertDetails      `yaml:"alertDetailsOverride"`
	EventGrouping        eventGrouping     `yaml:"eventGroupingSettings"`
	Incidents            incidents         `yaml:"incidentConfiguration"`
	SuppressionDuration  string            `yaml:"suppressionDuration"`
	SuppressionEnabled   bool              `yaml:"suppressionEnabled"`
	Version              string            `yaml:"version"`
	Kind                 string            `yaml:"kind"`
}

type connector struct {
	ID        string   `yaml:"connectorId"`
	DataTypes []string `yaml:"dataTypes"`
}

type entity struct {
	Type   string        `yaml:"entityType" json:"entityType"`
	Fields []entityField `yaml:"fieldMappings" json:"fieldMappings"`
}

type entityField struct {
	Identifier string `yaml:"identifier" json:"identifier"`
	Column     string `yaml:"columnName" json:"columnName"`
}

type alertDetails struct {
	Name        string `yaml:"alertDisplayNameFormat" json:"alertDisplayNameFormat"`
	Description string `yaml:"alertDescriptionFormat" json:"alertDescriptionFormat"`
}

type eventGrouping struct {
	Aggregation string `yaml:"aggregationKind" json:"aggregationKind"`
}

type incidents struct {
	Create   bool     `yaml:"createIncident" json:"createIncident"`
	Grouping grouping `yaml:"groupingConfiguration" json:"groupingConfiguration"`
}

type grouping struct {
	Enabled  bool     `yaml:"enabled" json:"enabled"`
	Reopen   bool     `yaml:"reopenClosedIncident" json:"reopenClosedIncident"`
	Lookback string   `yaml:"lookbackDuration" json:"lookbackDuration"`
	Matching string   `yaml:"matchingMethod" json:"matchingMethod"`
	Entities []string `yaml:"groupByEntities" json:"groupByEntities"`
	Details  []string `yaml:"groupByAlertDetails" json:"groupByAlertDetails"`
	Custom   []string `yaml:"groupByCustomDetails" json:"groupByCustomDetails"`
}

// Package returns one analytics rule a file, the template that the portal
// imports with all of them and the list of exceptions, and that list.
func (b Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	files := []siem.File{{Path: "README.md", Data: []byte(readme)}, {Path: "watchlists/" + Watchlist + ".csv", Data: []byte(exceptions)}}
	template := armTemplate{
		Schema:  "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		Version: "1.0.0.0",
		Parameters: map[string]armParameter{"workspace": {Type: "string", Metadata: map[string]string{
			"description": "Name of the Log Analytics workspace that Microsoft Sentinel runs on."}}},
		Resources: []armResource{watchlist()},
	}
	for _, out := range outputs {
		if out.Rule.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", out.Rule.ID)
		}
		rule := b.analytics(out)
		var text bytes.Buffer
		enc := yaml.NewEncoder(&text)
		enc.SetIndent(2)
		if err := enc.Encode(rule); err != nil {
			return nil, err
		}
		files = append(files, siem.File{Path: "analytics-rules/" + out.Rule.ID + ".yaml", Data: text.Bytes()})
		template.Resources = append(template.Resources, alertRule(out, rule))
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(template); err != nil {
		return nil, err
	}
	return append(files, siem.File{Path: "azuredeploy.json", Data: text.Bytes()}), nil
}

func (b Backend) analytics(out *siem.Output) analyticsRule {
	r := out.Rule
	rule := analyticsRule{
		ID: siem.UUID("kusto", r), Name: r.Title, Description: description(out), Severity: severity(r.Severity), Status: "Available",
		QueryFrequency: span(r.Schedule.Every), QueryPeriod: span(r.Lookback()), TriggerOperator: "gt",
		Query: out.Query, Version: r.Version, Kind: "Scheduled",
		EntityMappings: []entity{
			{"Account", []entityField{{"FullName", siem.ColIdentity}}},
			{"IP", []entityField{{"Address", "SourceIP"}}},
		},
		CustomDetails: map[string]string{
			"Apis": siem.ColAPIList, "Calls": siem.ColEvents, "CloudAccount": siem.ColAccount, "Provider": siem.ColProvider,
			"WindowStart": siem.ColTime, "Risk": siem.ColRisk,
		},
		AlertDetailsOverride: alertDetails{
			strings.ReplaceAll(r.Title, "{{", "{ {") + " by {{" + siem.ColIdentity + "}}", // two brackets stand for a column
			"{{" + siem.ColEvents + "}} calls of {{" + siem.ColAPIs + "}} kinds by {{" + siem.ColIdentity + "}}.",
		},
		EventGrouping: eventGrouping{"AlertPerResult"},
		// What administrators and tools make too is a signal.
		Incidents: incidents{!r.BuildingBlock, grouping{
			Enabled: true, Lookback: span(24 * time.Hour), Matching: "Selected", Entities: []string{"Account"}, Details: []string{}, Custom: []string{},
		}},
		SuppressionDuration: span(time.Hour),
	}
	if len(r.Bands) == 0 {
		delete(rule.CustomDetails, "Risk")
	}
	for _, id := range r.Techniques {
		if t, ok := attack.Lookup(id); ok {
			if tactic := strings.ReplaceAll(t.Tactic, " ", ""); !slices.Contains(rule.Tactics, tactic) {
				rule.Tactics = append(rule.Tactics, tactic)
			}
		}
		rule.Techniques = append(rule.Techniques, id)
	}
	fields := b.Fields()
	for _, l := range r.Legs {
		m := fields.Logs[l.Log.String()]
		if m == nil || m.Set["connector"] == "" {
			continue
		}
		rule.Connectors = append(rule.Connectors, connector{m.Set["connector"], []string{m.Set["data_type"]}})
	}
	return rule
}

// description is the rule's, with its known false positives and what the
// query does not say.
func description(out *siem.Output) string {
	r := out.Rule
	s := r.Description
	if len(r.FalsePositives) > 0 {
		s += "\nKnown false positives: " + strings.Join(r.FalsePositives, "; ") + "."
	}
	if len(r.References) > 0 {
		s += "\nReferences: " + strings.Join(r.References, ", ")
	}
	for _, w := range slices.Concat(r.Warnings, out.Warnings) {
		s += "\nWarning: " + w + "."
	}
	for _, l := range siem.Losses(out) {
		s += "\n" + l
	}
	return s + "\n"
}

// severity is Sentinel's word for a severity: it has none for critical.
func severity(s string) string {
	if s == "critical" {
		s = "high"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

const readme = `# Vedette's rules for Microsoft Sentinel

- ` + "`azuredeploy.json`" + ` has all rules and the watchlist in one template, for the resource group of the workspace:

      az deployment group create --resource-group GROUP --template-file azuredeploy.json --parameters workspace=WORKSPACE

  The portal takes it too: Deploy a custom template, Build your own template in the editor, Load file.
- ` + "`analytics-rules/`" + ` has the same rules one by one, in the form that the repository Azure/Azure-Sentinel keeps and its
  pipelines deploy. Deploy the watchlist before them: they do not run without it.
- Rules run every quarter of an hour, those that look back two days or more every hour, over windows that have closed and
  settled, each window once. An alert is a row.
- A rule raises an incident, one for its alerts on the same identity within a day. Building blocks, such as the burst
  rule, raise none: administrators and tools make bursts too. Their alerts stand in the table SecurityAlert, for hunting
  and for rules that add up; switch createIncident on where you want incidents of them.
- ` + "`watchlists/" + Watchlist + ".csv`" + ` is the form of the watchlist ` + Watchlist + `, whose search key is Identity:
  identities that the rules leave out, as a rule shows them in Identity, with why, who answers for it and until when.
  Keep your rows in a file of your own: no public source says what deploying the template again does to them.
` + siem.ExceptionNote + `- The tables that a rule reads are those of the connectors under requiredDataConnectors. A table that the workspace lacks
  is taken for empty.
`

// exceptions is the list of identities that scheduled rules leave out. The
// product takes no list without a row.
const exceptions = `Identity,Reason,Owner,Expires
no-identity,"This row stands here because a watchlist needs one",,
`

// The template language of Azure Resource Manager.
type armTemplate struct {
	Schema     string                  `json:"$schema"`
	Version    string                  `json:"contentVersion"`
	Parameters map[string]armParameter `json:"parameters"`
	Resources  []armResource           `json:"resources"`
}

type armParameter struct {
	Type     string            `json:"type"`
	Metadata map[string]string `json:"metadata"`
}

type armResource struct {
	Type       string   `json:"type"`
	APIVersion string   `json:"apiVersion"`
	Name       string   `json:"name"`
	Kind       string   `json:"kind,omitempty"`
	Properties any      `json:"properties"`
	DependsOn  []string `json:"dependsOn,omitempty"`
}

const apiVersion = "2024-09-01" // of Microsoft.SecurityInsights

// watchlistID is where rules find that the list must come first.
const watchlistID = "[resourceId('Microsoft.OperationalInsights/workspaces/providers/watchlists', parameters('workspace'), 'Microsoft.SecurityInsights', '" + Watchlist + "')]"

func watchlist() armResource {
	return armResource{
		Type: "Microsoft.OperationalInsights/workspaces/providers/watchlists", APIVersion: apiVersion,
		Name: "[concat(parameters('workspace'), '/Microsoft.SecurityInsights/" + Watchlist + "')]",
		Properties: struct {
			DisplayName string `json:"displayName"`
			Description string `json:"description"`
			Provider    string `json:"provider"`
			Source      string `json:"source"`
			SearchKey   string `json:"itemsSearchKey"`
			ContentType string `json:"contentType"`
			Content     string `json:"rawContent"`
			Skip        int    `json:"numberOfLinesToSkip"`
		}{Watchlist, "Identities that cloud discovery rules leave out, with reason, owner and end.", "Vedette", Watchlist + ".csv", "Identity", "text/csv", exceptions, 0},
	}
}

func alertRule(out *siem.Output, y analyticsRule) armResource {
	// The template language takes techniques without their parts.
	var techniques []string
	for _, id := range y.Techniques {
		if id, _, _ = strings.Cut(id, "."); !slices.Contains(techniques, id) {
			techniques = append(techniques, id)
		}
	}
	y.Incidents.Grouping.Lookback = iso(24 * time.Hour)
	y.AlertDetailsOverride.Name = arm(y.AlertDetailsOverride.Name)
	return armResource{
		Type: "Microsoft.OperationalInsights/workspaces/providers/alertRules", APIVersion: apiVersion, Kind: "Scheduled",
		Name: "[concat(parameters('workspace'), '/Microsoft.SecurityInsights/" + y.ID + "')]", DependsOn: []string{watchlistID},
		Properties: struct {
			DisplayName           string            `json:"displayName"`
			Description           string            `json:"description"`
			Severity              string            `json:"severity"`
			Enabled               bool              `json:"enabled"`
			Query                 string            `json:"query"`
			QueryFrequency        string            `json:"queryFrequency"`
			QueryPeriod           string            `json:"queryPeriod"`
			TriggerOperator       string            `json:"triggerOperator"`
			TriggerThreshold      int               `json:"triggerThreshold"`
			SuppressionDuration   string            `json:"suppressionDuration"`
			SuppressionEnabled    bool              `json:"suppressionEnabled"`
			Tactics               []string          `json:"tactics"`
			Techniques            []string          `json:"techniques"`
			EntityMappings        []entity          `json:"entityMappings"`
			CustomDetails         map[string]string `json:"customDetails"`
			AlertDetailsOverride  alertDetails      `json:"alertDetailsOverride"`
			EventGroupingSettings eventGrouping     `json:"eventGroupingSettings"`
			IncidentConfiguration incidents         `json:"incidentConfiguration"`
			TemplateVersion       string            `json:"templateVersion"`
		}{
			arm(y.Name), arm(y.Description), y.Severity, true, arm(y.Query), iso(out.Rule.Schedule.Every), iso(out.Rule.Lookback()),
			"GreaterThan", 0, iso(time.Hour), false, y.Tactics, techniques, y.EntityMappings, y.CustomDetails,
			y.AlertDetailsOverride, y.EventGrouping, y.Incidents, y.Version,
		},
	}
}

// arm escapes a text that the template language would take for an expression.
func arm(s string) string {
	if strings.HasPrefix(s, "[") {
		return "[" + s
	}
	return s
}

// iso writes a duration of whole minutes as ISO 8601 does, in as few units as
// it takes: P1D, PT1H, P2DT1H15M.
func iso(d time.Duration) string {
	b := []byte("P")
	if n := d / (24 * time.Hour); n > 0 {
		b = fmt.Appendf(b, "%dD", n)
	}
	if d %= 24 * time.Hour; d > 0 {
		b = append(b, 'T')
	}
	if n := d / time.Hour; n > 0 {
		b = fmt.Appendf(b, "%dH", n)
	}
	if n := d % time.Hour / time.Minute; n > 0 {
		b = fmt.Appendf(b, "%dM", n)
	}
	return string(b)
}
