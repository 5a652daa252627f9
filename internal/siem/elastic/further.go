package elastic

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"vedette/internal/event"
	"vedette/internal/siem"
)

// further are the branches of a trigger in the languages that stacks without
// ES|QL have: an EQL sequence says "so many calls", threshold rules say one
// count each. They group by fields as logged, which EQL cannot compute.
func further(r *siem.Rule, at siem.Place) []siem.Form {
	if at.Set["action"] == "" || at.Set["identity"] == "" || strings.Contains(at.Set["action"], "url.") {
		return nil // names are made from several fields, which these forms cannot do
	}
	log := strings.ReplaceAll(at.Leg.Log.String(), ".", "-")
	var forms []siem.Form
	for _, t := range r.Trigger {
		if t.Events > 0 && t.Events <= maxRuns && t.DistinctAPIs+t.DistinctTargets == 0 {
			forms = append(forms, siem.Form{
				Name: "eql-" + log, Language: "EQL", Ext: ".eql", Text: sequence(r, at, t.Events),
				Why: fmt.Sprintf("a sliding window without a bin's edge; says %d calls by one name as logged, in one account, and nothing of kinds, bands or copies", t.Events),
			})
		}
		if t.DistinctTargets > 0 || t.Events > 0 && t.DistinctAPIs > 0 && len(r.Trigger) > 1 {
			continue
		}
		name := "threshold-calls-" + log
		if t.DistinctAPIs > 0 {
			name = "threshold-kinds-" + log
		}
		text, err := json.MarshalIndent(threshold(r, at, t.Events, t.DistinctAPIs), "", "  ")
		if err != nil {
			continue // maps of strings and numbers cannot fail
		}
		forms = append(forms, siem.Form{
			Name: name, Language: "threshold rule", Ext: ".json", Text: string(text) + "\n",
			Why: "for stacks without ES|QL: a count over the look-back of each run, by one name as logged",
		})
	}
	return forms
}

// maxRuns is the greatest number of runs of an event in a sequence ("EQL
// syntax reference").
const maxRuns = 100

// sequence prints calls one after another within the window's length.
func sequence(r *siem.Rule, at siem.Place, n int) string {
	var b strings.Builder
	for _, line := range []string{
		r.Title, fmt.Sprintf("%d calls of one identity in one account within %s (%s).", n, siem.Duration(r.Window.Length), r.ID),
		"The identity is the name as logged: sessions of one role are told apart, and copies count.",
	} {
		b.WriteString("// " + siem.PlainLine(line) + "\n")
	}
	// A span counts both of its ends, a window its first alone.
	fmt.Fprintf(&b, "sequence by %s, %s with maxspan=%ds\n", at.Set["identity"], at.Set["account"], int(r.Window.Length.Seconds())-1)
	fmt.Fprintf(&b, "  [any where data_stream.dataset == %s\n    and %s", eqlQuote(at.Set["dataset"]), eqlSelection(at))
	if at.Only(event.Denied) && at.Set["eql_denied"] != "" {
		b.WriteString("\n    and " + at.Set["eql_denied"])
	}
	if made := at.Set["eql_made"]; made != "" && !at.Services && !at.Raw {
		b.WriteString("\n    and not (" + made + ")")
	}
	fmt.Fprintf(&b, "] with runs=%d\n", n)
	return b.String()
}

func eqlSelection(at siem.Place) string {
	field, s := at.Set["action"], at.Select
	if at.Raw {
		var quoted []string
		for _, n := range s.Names {
			quoted = append(quoted, eqlQuote(n.API))
		}
		word := " in ("
		if at.FoldCase {
			word = " in~ ("
		}
		return field + word + strings.Join(quoted, ", ") + ")"
	}
	// Names stand with their API date here.
	tail := "(20[0-9_]+(v[0-9]+)?)?"
	re := func(x string) string { return eqlQuote(lucene(x) + tail) }
	word := " regex "
	if at.Leg.Log.Cloud() != event.AWS {
		word, re = " regex~ ", func(x string) string { return eqlQuote(lucene(x)) }
	}
	var any []string
	if s.Match != "" {
		one := field + word + re(s.Match)
		if s.Unless != "" {
			one += " and not " + field + word + re(s.Unless)
		}
		any = append(any, "("+one+")")
	}
	for _, of := range siem.ByService(s.Names) {
		var quoted []string
		for _, api := range of.APIs {
			if at.Leg.Log.Cloud() == event.Azure {
				api = of.Service + "/" + api
			}
			quoted = append(quoted, eqlQuote(api))
		}
		any = append(any, field+" in~ ("+strings.Join(quoted, ", ")+")")
	}
	return "(" + strings.Join(any, " or ") + ")"
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
func threshold(r *siem.Rule, at siem.Place, events, apis int) map[string]any {
	t := map[string]any{"field": []string{at.Set["identity"], at.Set["account"]}, "value": max(events, 1)}
	what := fmt.Sprintf("%d calls", events)
	if apis > 0 {
		t["cardinality"] = []map[string]any{{"field": at.Set["action"], "value": apis}}
		what = fmt.Sprintf("%d kinds of call", apis)
	}
	rule := common(r)
	rule["rule_id"] = siem.UUID("elastic-threshold/"+what+"/"+at.Leg.Log.String(), r)
	rule["name"] = fmt.Sprintf("%s: %s (%s)", r.Title, what, at.Leg.Log)
	rule["type"], rule["language"], rule["index"] = "threshold", "lucene", []string{at.Source}
	rule["query"], rule["threshold"] = luceneQuery(at), t
	rule["from"], rule["interval"] = fmt.Sprintf("now-%dm", int(r.Window.Length.Minutes())), "5m"
	return rule
}

// luceneQuery selects by the expressions of the predicate in Lucene's query
// syntax, whose regular expressions stand between slashes.
func luceneQuery(at siem.Place) string {
	field, s := at.Set["action"], at.Select
	re := func(x string) string {
		x = lucene(x)
		if at.Leg.Log.Cloud() == event.AWS {
			x += "(20[0-9_]+(v[0-9]+)?)?"
		}
		return field + ":/" + strings.ReplaceAll(x, "/", `\/`) + "/"
	}
	all := []string{"data_stream.dataset:" + luceneQuote(at.Set["dataset"])}
	var any []string
	if s.Match != "" {
		one := re(s.Match)
		if s.Unless != "" {
			one += " AND NOT " + re(s.Unless)
		}
		any = append(any, "("+one+")")
	}
	for _, n := range s.Names {
		any = append(any, field+":"+luceneQuote(n.API))
	}
	all = append(all, "("+strings.Join(any, " OR ")+")")
	if at.Only(event.Denied) && at.Leg.Log.Cloud() == event.AWS {
		all = append(all, "aws.cloudtrail.error_code:(*AccessDenied* OR *Unauthorized* OR *NotAuthorized* OR *Forbidden* OR *AuthFailure*)")
	}
	if !at.Services && !at.Raw && at.Leg.Log.Cloud() == event.AWS {
		all = append(all, "NOT aws.cloudtrail.user_identity.type:AWSService", "NOT _exists_:aws.cloudtrail.user_identity.invoked_by")
	}
	return strings.Join(all, " AND ")
}

// luceneQuote prints a phrase. What cannot be seen is any one character there.
func luceneQuote(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
