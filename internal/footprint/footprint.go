// Package footprint holds what is known of how tools and intruders look in
// audit logs: which operations a tool calls, and which ones published
// incidents name. Facts alone, each with its source; judgement is elsewhere.
package footprint

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Operation is one API as the audit log names it: service (CloudTrail
// eventSource) and operation (eventName).
type Operation struct{ Service, Name string }

// Tool is a program that enumerates, or a module of one.
type Tool struct {
	Name   string // such as "pacu"
	Module string // such as "ec2__enum"; empty where the tool is one piece
	// Operations are what its source calls, in the order in which the source
	// has them. They were extracted by pattern: a few in a hundred are wrong.
	Operations []Operation
}

// Incident is a published report with the operations that it names, which
// are seldom all that the intruder called.
type Incident struct {
	ID, Title, Link  string
	Discovery, Other []Operation
}

// Sources: the tools' own public source code at the commits that NOTICE
// lists, of which the names of operations are facts.
//
//go:embed tools.tsv
var toolsTSV string

// Source: TrailDiscover (CC BY 4.0), see NOTICE.
//
//go:embed incidents.tsv
var incidentsTSV string

var tools = sync.OnceValue(func() []Tool {
	var list []Tool
	for i, line := range lines(toolsTSV) {
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			panic(fmt.Sprintf("footprint: tools.tsv:%d: %d fields", i+2, len(f)))
		}
		if n := len(list); n == 0 || list[n-1].Name != f[0] || list[n-1].Module != f[1] {
			list = append(list, Tool{Name: f[0], Module: f[1]})
		}
		last := &list[len(list)-1]
		last.Operations = append(last.Operations, Operation{f[2], f[3]})
	}
	return list
})

// Tools returns all tools, a tool with modules once for each, in order of
// name and module. The caller must not change them.
func Tools() []Tool { return tools() }

// OfTool returns the operations of a tool's module, or, where module is
// empty, of the whole tool, each once. It is empty for unknown names.
func OfTool(name, module string) []Operation {
	var list []Operation
	for _, t := range tools() {
		if t.Name != name || module != "" && t.Module != module {
			continue
		}
		for _, o := range t.Operations {
			if !slices.Contains(list, o) {
				list = append(list, o)
			}
		}
	}
	return list
}

var incidents = sync.OnceValue(func() []Incident {
	var list []Incident
	for i, line := range lines(incidentsTSV) {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			panic(fmt.Sprintf("footprint: incidents.tsv:%d: %d fields", i+2, len(f)))
		}
		list = append(list, Incident{f[0], f[1], f[2], operations(f[3]), operations(f[4])})
	}
	return list
})

// Incidents returns the incidents whose reports name discovery. The caller
// must not change them.
func Incidents() []Incident { return incidents() }

// OfIncident returns an incident by id.
func OfIncident(id string) (Incident, bool) {
	i := slices.IndexFunc(incidents(), func(x Incident) bool { return x.ID == id })
	if i < 0 {
		return Incident{}, false
	}
	return incidents()[i], true
}

// operations reads "ec2:DescribeInstances,s3:ListBuckets".
func operations(s string) []Operation {
	var list []Operation
	for _, one := range strings.Split(s, ",") {
		service, name, ok := strings.Cut(one, ":")
		if ok {
			list = append(list, Operation{service + ".amazonaws.com", name})
		}
	}
	return list
}

func lines(tsv string) []string {
	return strings.Split(strings.TrimSuffix(tsv, "\n"), "\n")[1:]
}
