package qradar

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/siem"
)

//go:embed package/README.md
var readme []byte

//go:embed package/install.py
var install []byte

// Package returns what QRadar's API takes: custom properties and the reference
// set, with a script that creates them, and searches; and for each rule a page
// that says how to make it a custom rule, for which there is no API.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	var logs []event.Log
	var files []siem.File
	for _, out := range outputs {
		r := out.Rule
		if r.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", r.ID)
		}
		for _, l := range r.Legs {
			logs = append(logs, l.Log)
		}
		files = append(files, siem.File{Path: "searches/" + r.ID + ".aql", Data: []byte(bare(out.Query))})
		for _, f := range out.Further {
			files = append(files, siem.File{Path: "searches/" + r.ID + "." + f.Name + f.Ext, Data: []byte(f.Text)})
		}
		files = append(files, siem.File{Path: "rules/" + r.ID + ".md", Data: card(out)})
	}
	slices.Sort(logs)
	props, err := indented(properties(slices.Compact(logs)))
	if err != nil {
		return nil, err
	}
	set, err := indented(map[string]string{"name": Exceptions, "element_type": "ALN"})
	if err != nil {
		return nil, err
	}
	return append(files,
		siem.File{Path: "README.md", Data: readme},
		siem.File{Path: "install.py", Data: install},
		siem.File{Path: "properties.json", Data: props},
		siem.File{Path: "reference_set.json", Data: set},
	), nil
}

// bare takes the comment off a query: searches that a program starts need
// none.
func bare(query string) string {
	head, rest, ok := strings.Cut(query, "/* ")
	_, tail, end := strings.Cut(rest, "\n */\n")
	if !ok || !end {
		return query
	}
	return head + tail
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// property is a custom property: the body that creates it, and those that
// say how it is read, which lack no more than its identifier
// (/config/event_sources/custom_properties, QRadar API 26.0).
type property struct {
	Property struct {
		Name string `json:"name"`
		Desc string `json:"description"`
		Type string `json:"property_type"`
		Used bool   `json:"use_for_rule_engine"`
	} `json:"property"`
	JSON  []jsonExpression  `json:"property_json_expressions,omitempty"`
	Regex []regexExpression `json:"property_expressions,omitempty"`
}

type jsonExpression struct {
	Type       int    `json:"log_source_type_id"`
	Enabled    bool   `json:"enabled"`
	Expression string `json:"expression"`
}

type regexExpression struct {
	Type    int    `json:"log_source_type_id"`
	Enabled bool   `json:"enabled"`
	Regex   string `json:"regex"`
	Group   int    `json:"capture_group"`
}

// properties are the custom properties that the queries over the logs read.
func properties(logs []event.Log) []property {
	fields := Backend{}.Fields()
	byName := map[string]*property{}
	var names []string
	for _, l := range logs {
		m := fields.Logs[l.String()]
		if m == nil {
			continue
		}
		kind, _ := strconv.Atoi(m.Source) // Compile has seen to it
		for _, key := range sorted(m.Set) {
			how, name, _ := strings.Cut(key, " ")
			if how != "json" && how != "regex" {
				continue
			}
			p := byName[name]
			if p == nil {
				p = &property{}
				p.Property.Name, p.Property.Desc, p.Property.Type, p.Property.Used = name, "Read by Vedette's rules", "string", true
				byName[name] = p
				names = append(names, name)
			}
			if how == "json" {
				p.JSON = append(p.JSON, jsonExpression{kind, true, m.Set[key]})
			} else {
				p.Regex = append(p.Regex, regexExpression{kind, true, m.Set[key], 1})
			}
		}
	}
	slices.Sort(names)
	list := make([]property, len(names))
	for i, n := range names {
		list[i] = *byName[n]
	}
	return list
}

func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// card says what a rule is, and how it becomes a custom rule.
func card(out *siem.Output) []byte {
	r := out.Rule
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s\n", siem.PlainLine(r.Title))
	line("```text")
	for _, l := range siem.Header(out) {
		line("%s", strings.ReplaceAll(l, "`", "'"))
	}
	line("```\n")
	line("## As a search\n")
	line("`searches/%s.aql`, started every %s. An answer with rows is an alert each.\n", r.ID, siem.Duration(r.Schedule.Every))
	line("## As a custom rule\n")
	line("QRadar's API creates no rules. In the rule wizard (Offenses > Rules > Actions > New Event Rule), with the tests as your release words them:\n")
	fields := Backend{}.Fields()
	var types []string
	for _, l := range r.Legs {
		if m := fields.Logs[l.Log.String()]; m != nil {
			types = append(types, m.Set["name"])
		}
	}
	line("1. when the event(s) were detected by one or more of these log source types: %s", strings.Join(types, ", "))
	line("2. and when the event matches this AQL filter query: the text of `searches/%s.filter.aql`", r.ID)
	n := 3
	for _, t := range r.Trigger {
		switch {
		case t.DistinctTargets > 0:
			line("%d. and when at least %d events are seen with the same Username and Cloud Account and different Cloud Target in %s", n, t.DistinctTargets, spanWords(r.Window.Length))
		case t.DistinctAPIs > 0:
			line("%d. and when at least %d events are seen with the same Username and Cloud Account and different Cloud Operation in %s", n, t.DistinctAPIs, spanWords(r.Window.Length))
		case t.Events > 0:
			line("%d. and when at least %d events are seen with the same Username and Cloud Account in %s", n, t.Events, spanWords(r.Window.Length))
		}
	}
	if len(r.Trigger) > 1 {
		line("\nTests of a rule hold together: each of the %d tests of step %d makes a rule of its own.", len(r.Trigger), n)
	}
	line("\nResponse: severity %d, annotate with %s, and index the offense on Username. A rule counts by the user name that the DSM gives,", severity(r), strings.Join(r.Techniques, ", "))
	line("which may be a session of a role; over the time in which events come in, not the time of the calls; and it has no score.")
	return []byte(b.String())
}

// severity is QRadar's, from 0 to 10.
func severity(r *siem.Rule) int {
	return map[string]int{"informational": 1, "low": 3, "medium": 5, "high": 7, "critical": 9}[r.Severity]
}

// spanWords writes a length in the words of the rule wizard.
func spanWords(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}
