// Package footprint holds what is known of how tools and intruders look in
// audit logs: which operations a tool calls, and which ones published
// incidents name. Facts alone, each with its source; judgement is elsewhere.
package footprint

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"vedette/internal/tsv"
)

// Operation is one API. In AWS it is as the audit log names it: service
// (CloudTrail eventSource) and operation (eventName), with the API date that
// some names end in. Elsewhere it has the names of the program's catalogues.
type Operation struct{ Service, Name string }

// Canonical returns the operation without an API date at the end of its name,
// such as 20150331v2 or 2020_05_31.
func (o Operation) Canonical() Operation {
	return Operation{o.Service, apiDate.ReplaceAllString(o.Name, "")}
}

var apiDate = regexp.MustCompile(`(20\d{6}|20\d\d_\d\d_\d\d)(v\d+)?$`)

// Program is what is known of a tool as a whole.
type Program struct {
	Name  string // as tools.tsv has it, such as "pacu"
	Title string // as people write it, such as "Pacu"
	// Class says who uses it: offensive (made for intrusion and tests of it),
	// dual (made for audit, used by both sides) or emulation (plays intruders
	// to try detections).
	Class string
	// Client is the family of user agents by which it names itself, as
	// internal/cloud/client has them, or empty.
	Client string
	// Libraries are the families of user agents that its calls bear where it
	// does not name itself: of what it is written with. Empty where that is not
	// known.
	Libraries []string
	// Disguises are user agents of others that it sends in place of its own.
	Disguises []string
	Source    string
}

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

// Which tools there are. Classes are a judgement; the rest is of the tools'
// own sources.
//
//go:embed programs.tsv
var programsTSV string

// What Terraform and the console call, day in, day out: reads of the captured
// trail invictus-ir/aws_dataset, by the user agent and the console's mark.
//
//go:embed everyday.tsv
var everydayTSV string

// User agents that Pacu sends in place of its own when it runs on Kali, Parrot
// or Pentoo Linux (BSD-3-Clause, see NOTICE). Terraform's and the console's are
// among them: a match may accuse, and never excuses.
//
//go:embed disguises.tsv
var disguisesTSV string

// Sources: TrailDiscover (CC BY 4.0), see NOTICE; for Storm-0501, which it does
// not have, Microsoft's report that the row links to.
//
//go:embed incidents.tsv
var incidentsTSV string

var tools = sync.OnceValue(func() []Tool {
	var list []Tool
	for _, f := range tsv.Must("footprint/tools.tsv", toolsTSV, "tool module service operation") {
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

var programs = sync.OnceValue(func() []Program {
	disguises := map[string][]string{}
	for _, f := range tsv.Must("footprint/disguises.tsv", disguisesTSV, "tool user_agent") {
		disguises[f[0]] = append(disguises[f[0]], f[1])
	}
	var list []Program
	for _, f := range tsv.Must("footprint/programs.tsv", programsTSV, "tool name class client libraries source commit") {
		p := Program{Name: f[0], Title: f[1], Class: f[2], Client: f[3], Disguises: disguises[f[0]], Source: f[5] + " at " + f[6]}
		if f[4] != "" {
			p.Libraries = strings.Split(f[4], ",")
		}
		list = append(list, p)
	}
	return list
})

// Programs returns all programs, in order of name. The caller must not change
// them.
func Programs() []Program { return programs() }

// Everyday returns, for each operation that Terraform or the console calls, by
// how many of the two it was seen called.
func Everyday() map[Operation]int {
	m := map[Operation]int{}
	for _, f := range tsv.Must("footprint/everyday.tsv", everydayTSV, "service operation by") {
		m[Operation{f[0], f[1]}] = 1 + strings.Count(f[2], ",")
	}
	return m
}

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
	for _, f := range tsv.Must("footprint/incidents.tsv", incidentsTSV, "id title link discovery other") {
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

// operations reads "ec2:DescribeInstances,s3:ListBuckets". A service with a dot
// is whole: "graph.microsoft.com:GET /users".
func operations(s string) []Operation {
	var list []Operation
	for _, one := range strings.Split(s, ",") {
		service, name, ok := strings.Cut(one, ":")
		if !ok {
			continue
		}
		if !strings.Contains(service, ".") {
			service += ".amazonaws.com"
		}
		list = append(list, Operation{service, name})
	}
	return list
}
