package sumo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/attack"
	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// aggregationRule is a rule as Cloud SIEM's API takes it (POST
// /sec/v1/rules/aggregation; the Terraform provider's CSEAggregationRule).
type aggregationRule struct {
	Fields struct {
		Name                   string        `json:"name"`
		Enabled                bool          `json:"enabled"`
		IsPrototype            bool          `json:"isPrototype"`
		Stream                 string        `json:"stream"`
		MatchExpression        string        `json:"matchExpression"`
		GroupByAsset           bool          `json:"groupByAsset"`
		GroupByFields          []string      `json:"groupByFields"`
		AggregationFunctions   []aggregation `json:"aggregationFunctions"`
		TriggerExpression      string        `json:"triggerExpression"`
		WindowSize             string        `json:"windowSize"`
		WindowSizeMilliseconds string        `json:"windowSizeMilliseconds,omitempty"`
		SuppressionWindowSize  int64         `json:"suppressionWindowSize"` // milliseconds: more than the window, less than 7 days
		EntitySelectors        []entity      `json:"entitySelectors"`
		ScoreMapping           scoreMapping  `json:"scoreMapping"`
		NameExpression         string        `json:"nameExpression"`
		DescriptionExpression  string        `json:"descriptionExpression"`
		SummaryExpression      string        `json:"summaryExpression"`
		Tags                   []string      `json:"tags"`
		TuningExpressionIDs    []string      `json:"tuningExpressionIds"`
	} `json:"fields"`
}

type aggregation struct {
	Name      string   `json:"name"`
	Function  string   `json:"function"`
	Arguments []string `json:"arguments"`
}

type entity struct {
	EntityType string `json:"entityType"`
	Expression string `json:"expression"`
}

type scoreMapping struct {
	Type    string `json:"type"`
	Default int    `json:"default"`
}

// matchList is the match list of identities that Cloud SIEM rules leave out.
const matchList = "vedette_exceptions"

// aggregations are the rule's bands for one log as aggregation rules of Cloud
// SIEM, whose severity is a constant or a field of a record and cannot follow
// what is counted. There are none of a log that Cloud SIEM's mappings keep no
// operation or outcome of, nor of a window that it has no size for. What a
// trigger asks of targets is left out: mappings keep none that are like.
func aggregations(r *siem.Rule, at siem.Place) []siem.Form {
	size, milliseconds, ok := windowSize(r.Window.Length)
	trigger, tiers := untargeted(r.Trigger), r.Bands
	if len(tiers) == 0 {
		tiers = []plan.Band{{}}
	}
	unsaid := at.Only(event.OK) || at.Only(event.Denied) && at.Set["cse_denied"] == ""
	if !ok || len(trigger) == 0 || at.Set["cse_match"] == "" || at.Raw || unsaid {
		return nil
	}
	log := strings.NewReplacer(".", "-", "_", "-").Replace(at.Leg.Log.String())
	var forms []siem.Form
	var higher string // bands above, which have a rule of their own
	for i, tier := range tiers {
		when := untargeted(tier.When)
		if len(when) == 0 && len(tier.When) > 0 {
			continue
		}
		fires := "(" + counts.Condition(trigger) + ")"
		if len(when) > 0 && !same(when, trigger) {
			fires += " AND (" + counts.Condition(when) + ")"
		}
		var x aggregationRule
		f := &x.Fields
		f.Name = fmt.Sprintf("%s (%s, %s, risk %d)", name(r.Title), r.ID, at.Leg.Log, tier.Risk)
		f.Stream, f.MatchExpression = "record", match(at)
		f.GroupByFields = strings.Fields(at.Set["cse_group"])
		f.AggregationFunctions = []aggregation{
			{"event_count", "count", []string{"!isNull(" + at.Set["cse_action"] + ")"}},
			{"distinct_api_count", "count_distinct", []string{at.Set["cse_action"]}},
		}
		f.TriggerExpression = fires + higher
		f.WindowSize, f.WindowSizeMilliseconds = size, milliseconds
		f.SuppressionWindowSize = max(time.Hour, min(2*r.Window.Length, r.Window.Length+24*time.Hour)).Milliseconds()
		f.EntitySelectors = []entity{{"_username", f.GroupByFields[0]}, {"_ip", at.Set["cse_address"]}}
		f.ScoreMapping = scoreMapping{"constant", severity(r, i)}
		f.NameExpression = name(r.Title)
		f.DescriptionExpression = plain(r.Description)
		f.SummaryExpression = fmt.Sprintf("{{%s}}: %s within %s", f.GroupByFields[0], plain(siem.TriggerText(trigger)), siem.Duration(r.Window.Length))
		f.Tags, f.TuningExpressionIDs = tags(r), []string{}
		text, err := marshal(x)
		if err != nil {
			return nil // strings and numbers cannot fail
		}
		forms = append(forms, siem.Form{
			Name: fmt.Sprintf("cse-%s-band%d", log, i+1), Language: "Cloud SIEM aggregation rule", Ext: ".json", Text: string(text),
			Why: "overlapping windows and signals of an entity, over normalised records; a rule a band, as severity cannot follow what is counted: " +
				"a burst that grows signals in each. Says names as mapped, where sessions of a role are told apart, kinds by name without their service, counts copies, and asks nothing of targets",
		})
		if len(when) == 0 || same(when, trigger) {
			break // what fires at all is in this band or above
		}
		higher += " AND !(" + counts.Condition(when) + ")"
	}
	return forms
}

// untargeted is a condition without the alternatives that ask for targets.
func untargeted(c plan.Condition) plan.Condition {
	return slices.DeleteFunc(slices.Clone(c), func(t plan.Thresholds) bool { return t.DistinctTargets > 0 })
}

// counts are the names of what a rule's aggregation functions count.
var counts = siem.Words{Events: "event_count", APIs: "distinct_api_count", And: " AND ", Or: " OR "}

// same reports whether two conditions ask for the same, in whatever order.
func same(a, b plan.Condition) bool {
	if len(a) != len(b) {
		return false
	}
	for _, t := range a {
		if !slices.Contains(b, t) {
			return false
		}
	}
	return true
}

// windowSize names a window; it takes one minute to five days.
func windowSize(d time.Duration) (size, milliseconds string, ok bool) {
	named := map[time.Duration]string{5 * time.Minute: "T05M", 10 * time.Minute: "T10M", 30 * time.Minute: "T30M", time.Hour: "T60M",
		12 * time.Hour: "T12H", 24 * time.Hour: "T24H", 120 * time.Hour: "T05D"}
	if n := named[d]; n != "" {
		return n, "", true
	}
	return "CUSTOM", strconv.FormatInt(d.Milliseconds(), 10), d >= time.Minute && d <= 120*time.Hour
}

// match selects normalised records ("Rules Syntax", Cloud SIEM). Expressions
// match the whole name and find it too: it is open which the product does.
func match(at siem.Place) string {
	l, s := at.Leg, at.Select
	action := at.Set["cse_action"]
	lower := l.Log.Cloud() == event.Azure
	if lower {
		action = "lower(" + action + ")"
	}
	tail := ""
	if l.Log.Cloud() == event.AWS {
		tail = "(20[0-9_]+(v[0-9]+)?)?" // names stand with their API date here
	}
	var any []string
	if s.Match != "" {
		one := action + " matches " + regex(whole(s.Match, tail))
		if s.Unless != "" {
			one += "\n    AND " + action + " !matches " + regex(whole(s.Unless, tail))
		}
		if len(s.NotNames) > 0 {
			one += "\n    AND NOT (" + oneOf(at, action, s.NotNames) + ")"
		}
		any = append(any, "("+one+")")
	}
	if len(s.Names) > 0 {
		any = append(any, oneOf(at, action, s.Names))
	}
	all := []string{at.Set["cse_match"], "(" + strings.Join(any, "\n  OR ") + ")"}
	if l.Only(event.Denied) && at.Set["cse_denied"] != "" {
		all = append(all, at.Set["cse_denied"])
	}
	if made := at.Set["cse_made"]; made != "" && !l.Services {
		all = append(all, "NOT ("+made+")")
	}
	all = append(all, "NOT array_contains(listMatches, '"+matchList+"')")
	return strings.Join(all, "\nAND ")
}

// oneOf selects names: with their service where the record has it in a field
// of its own, as Azure's has it in front.
func oneOf(at siem.Place, action string, names []plan.Name) string {
	var any []string
	for _, of := range siem.ByService(names) {
		service := at.Set["cse_service"]
		switch {
		case of.Whole && service != "":
			any = append(any, in("lower("+service+")", []string{of.Service}))
			continue
		case of.Whole:
			any = append(any, action+" matches "+strings.TrimSuffix(exactly(of.Service+"/"), "$/")+".*$/")
			continue
		}
		apis := of.APIs
		if at.Leg.Log.Cloud() == event.Azure {
			apis = make([]string, len(of.APIs))
			for i, api := range of.APIs {
				apis[i] = of.Service + "/" + api
			}
		}
		one := in(action, apis)
		if service != "" {
			one = "(" + in("lower("+service+")", []string{of.Service}) + " AND " + one + ")"
		}
		any = append(any, one)
	}
	return strings.Join(any, " OR ")
}

// whole turns an expression that is searched for into one that matches whole
// names, with tail behind them.
func whole(re, tail string) string {
	switch {
	case strings.HasPrefix(re, "^"):
		re = re[1:]
	case strings.HasPrefix(re, "(^|[.])"):
		re = "(.*[.])?" + re[len("(^|[.])"):]
	default:
		re = ".*" + re
	}
	if rest, ok := strings.CutSuffix(re, "$"); ok {
		re = rest + tail
	} else {
		re += ".*"
	}
	return "^" + re + "$"
}

// base is the severity, of 1 to 10, of a signal in the lowest band, and
// severity that of the band at place i. Signals of one entity add up to an
// insight, so that what administrators do too counts little.
func base(r *siem.Rule) int {
	return map[string]int{"informational": 1, "low": 2, "medium": 4, "high": 6, "critical": 8}[r.Severity]
}

func severity(r *siem.Rule, i int) int { return min(base(r)+max(len(r.Bands)-1-i, 0), 10) }

// stages are the tactics that a signal can name, with their ATT&CK ids.
var stages = map[string]string{
	"Collection": "TA0009", "Command and Control": "TA0011", "Credential Access": "TA0006", "Defense Evasion": "TA0005", "Discovery": "TA0007",
	"Execution": "TA0002", "Exfiltration": "TA0010", "Impact": "TA0040", "Initial Access": "TA0001", "Lateral Movement": "TA0008",
	"Persistence": "TA0003", "Privilege Escalation": "TA0004", "Reconnaissance": "TA0043", "Resource Development": "TA0042",
}

// stage is the tactic of a rule's main technique.
func stage(r *siem.Rule) string {
	for _, id := range r.Techniques {
		if t, ok := attack.Lookup(id); ok && stages[t.Tactic] != "" {
			return t.Tactic
		}
	}
	return "Discovery"
}

// tags are a rule's tactic and techniques in Cloud SIEM's schema of tags.
func tags(r *siem.Rule) []string {
	list := []string{"_mitreAttackTactic:" + stages[stage(r)]}
	for _, id := range r.Techniques {
		list = append(list, "_mitreAttackTechnique:"+name(id))
	}
	return list
}

// marshal writes JSON as it stands, without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
