package elastic

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"vedette/internal/siem"
)

// further are the branches of a trigger in the languages that stacks without
// ES|QL have: an EQL sequence says "so many calls", threshold rules say one
// count each. They group by fields as logged, which EQL cannot compute. What
// they cannot say has no form.
func further(r *siem.Rule, at siem.Place) []siem.Form {
	if at.Set["action"] == "" || at.Set["identity"] == "" || strings.Contains(at.Set["action"], "url.") {
		return nil // names are made from several fields, which these forms cannot do
	}
	log := strings.ReplaceAll(at.Leg.Log.String(), ".", "-")
	sequenced, inSequence := eqlWords.conditions(at)
	counted, inThreshold := luceneWords.conditions(at)
	var forms []siem.Form
	for _, t := range r.Trigger {
		if inSequence && t.Events > 0 && t.Events <= maxRuns && t.DistinctAPIs+t.DistinctTargets == 0 {
			forms = append(forms, siem.Form{
				Name: "eql-" + log, Language: "EQL", Ext: ".eql", Text: sequence(r, at, t.Events, sequenced),
				Why: fmt.Sprintf("a sliding window without a bin's edge; says %d calls by one name as logged, in one account, and nothing of kinds, bands or copies", t.Events),
			})
		}
		if t.DistinctTargets > 0 || t.Events > 0 && t.DistinctAPIs > 0 && len(r.Trigger) > 1 {
			continue
		}
		// A rule runs each minute at most, over a look-back that leaves no gap.
		if !inThreshold || r.Window.Length < time.Minute {
			continue
		}
		name := "threshold-calls-" + log
		if t.DistinctAPIs > 0 {
			name = "threshold-kinds-" + log
		}
		const why = "for stacks without ES|QL: a count over the look-back of each run, by one name as logged"
		text, err := json.MarshalIndent(threshold(r, at, t.Events, t.DistinctAPIs, counted, why), "", "  ")
		if err != nil {
			continue // maps of strings and numbers cannot fail
		}
		forms = append(forms, siem.Form{Name: name, Language: "threshold rule", Ext: ".json", Text: string(text) + "\n", Why: why})
	}
	return forms
}

// maxRuns is the greatest number of runs of an event in a sequence ("EQL
// syntax reference").
const maxRuns = 100

// sequence prints calls one after another within the window's length.
func sequence(r *siem.Rule, at siem.Place, n int, conditions []string) string {
	var b strings.Builder
	for _, line := range []string{
		r.Title, fmt.Sprintf("%d calls of one identity in one account within %s (%s).", n, siem.Duration(r.Window.Length), r.ID),
		"The identity is the name as logged: sessions of one role are told apart, and copies count.",
	} {
		b.WriteString("// " + siem.PlainLine(line) + "\n")
	}
	// A span counts both of its ends, a window its first alone.
	fmt.Fprintf(&b, "sequence by %s, %s with maxspan=%ds\n", at.Set["identity"], at.Set["account"], int(r.Window.Length.Seconds())-1)
	fmt.Fprintf(&b, "  [any where %s] with runs=%d\n", strings.Join(conditions, "\n    and "), n)
	return b.String()
}

// eqlQuote prints a string literal of EQL, which has escapes for every rune.
func eqlQuote(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case !unicode.IsGraphic(c):
			fmt.Fprintf(&b, `\u{%x}`, c)
		default:
			b.WriteRune(c)
		}
	}
	return `"` + b.String() + `"`
}

// threshold is a rule of type threshold, in the fields of Kibana's API.
func threshold(r *siem.Rule, at siem.Place, events, apis int, conditions []string, why string) map[string]any {
	t := map[string]any{"field": []string{at.Set["identity"], at.Set["account"]}, "value": max(events, 1)}
	what := fmt.Sprintf("%d calls", events)
	if apis > 0 {
		t["cardinality"] = []map[string]any{{"field": at.Set["action"], "value": apis}}
		what = fmt.Sprintf("%d kinds of call", apis)
	}
	rule := common(r)
	rule["note"] = noted(rule, why)
	rule["rule_id"] = siem.UUID("elastic-threshold/"+what+"/"+at.Leg.Log.String(), r)
	rule["name"] = fmt.Sprintf("%s: %s (%s)", r.Title, what, at.Leg.Log)
	rule["type"], rule["language"], rule["index"] = "threshold", "lucene", []string{at.Source}
	rule["query"], rule["threshold"] = strings.Join(conditions, " AND "), t
	rule["from"] = fmt.Sprintf("now-%dm", r.Window.Length/time.Minute)
	if r.Window.Length%time.Minute != 0 {
		rule["from"] = fmt.Sprintf("now-%ds", r.Window.Length/time.Second)
	}
	rule["interval"] = fmt.Sprintf("%dm", min(5*time.Minute, r.Window.Length)/time.Minute)
	return rule
}

// noted is a rule's note with what its form says less.
func noted(rule map[string]any, why string) string {
	return fmt.Sprintf("- %s\n%s", why, rule["note"])
}

// luceneQuote prints a phrase. What cannot be seen becomes a question mark.
func luceneQuote(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
