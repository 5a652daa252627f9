package catalog

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

//go:embed verbs.tsv
var verbsTSV string

// pattern is one row of verbs.tsv: names that begin with prefix, on a word's
// edge, and end in suffix.
type pattern struct {
	prefix, suffix string // lower case
	written        string // the same as the file has it, with its capitals
	exact          bool   // the name is prefix and nothing else
	class          event.Class
}

var verbs = sync.OnceValue(func() []pattern {
	list, err := parseVerbs(verbsTSV)
	if err != nil {
		panic(err) // the file is part of the program; a test reads it
	}
	return list
})

func parseVerbs(text string) ([]pattern, error) {
	rows, err := tsv.Rows("catalog/verbs.tsv", text, "pattern class source")
	if err != nil {
		return nil, err
	}
	var list []pattern
	seen := map[string]bool{}
	for _, r := range rows {
		f := r.Fields
		if f[2] == "" {
			return nil, fmt.Errorf("catalog/verbs.tsv:%d: want pattern, class and source", r.Line)
		}
		class, ok := event.ParseClass(f[1])
		if !ok {
			return nil, fmt.Errorf("catalog/verbs.tsv:%d: unknown class %q", r.Line, f[1])
		}
		name := strings.ToLower(f[0])
		if seen[name] {
			return nil, fmt.Errorf("catalog/verbs.tsv:%d: %q is there already", r.Line, f[0])
		}
		seen[name] = true
		prefix, suffix, glob := strings.Cut(name, "*")
		if prefix == "" || strings.Contains(suffix, "*") {
			return nil, fmt.Errorf("catalog/verbs.tsv:%d: %q is neither a name nor one prefix and one suffix", r.Line, f[0])
		}
		list = append(list, pattern{prefix, suffix, f[0], !glob, class})
	}
	return list, nil
}

// Pattern is a form of names of one class: names that begin with Prefix, on a
// word's edge, and end in Suffix; or, where Exact, Prefix and nothing else.
// Words begin with capitals, as in "BatchGet"; names are compared without
// letter case.
type Pattern struct {
	Prefix, Suffix string
	Exact          bool
	Class          event.Class
}

// Patterns lists the patterns by which [Classify] reads verbs. Of those that
// match a name, the one that names most letters gives the class.
func Patterns() []Pattern {
	var list []Pattern
	for _, p := range verbs() {
		prefix, suffix, _ := strings.Cut(p.written, "*")
		list = append(list, Pattern{prefix, suffix, p.exact, p.class})
	}
	return list
}

// match says how many letters of the word the pattern names, or -1. A prefix
// ends where a word does: "Get*" takes GetUser and get, not Getaway. A name
// in one case throughout has no words to tell apart, and any end will do.
func (p pattern) match(name, lower string, cased bool) int {
	n := len(p.prefix) + len(p.suffix)
	if p.exact {
		if lower == p.prefix {
			return n + 1
		}
		return -1
	}
	if len(lower) < n || !strings.HasPrefix(lower, p.prefix) || !strings.HasSuffix(lower, p.suffix) {
		return -1
	}
	if cased && len(name) > len(p.prefix) {
		if c := name[len(p.prefix)]; 'a' <= c && c <= 'z' {
			return -1
		}
	}
	return n
}

// verb classes one operation name such as GetObject or aggregatedList. Of the
// patterns that match, the one that names most letters holds.
func verb(name string) event.Class {
	lower := strings.ToLower(name)
	cased := name != lower && name != strings.ToUpper(name)
	best, class := -1, event.ClassOther
	for _, p := range verbs() {
		if n := p.match(name, lower, cased); n > best {
			best, class = n, p.class
		}
	}
	return class
}

// Classify says what a call is for by its name alone, for names that no
// catalogue knows. It reads the forms of all three clouds:
//
//   - ListUsers: AWS, and Azure resource logs
//   - compute.instances.aggregatedList, google.iam.admin.ListRoles: Google Cloud
//   - virtualmachines/read, storageaccounts/listkeys/action: Azure Resource Manager
//   - GET /users/{id}/memberOf: Microsoft Graph
//
// A name whose verb says nothing is [event.ClassOther].
func Classify(name string) event.Class {
	if method, path, ok := strings.Cut(name, " "); ok && strings.HasPrefix(path, "/") {
		return classifyGraph(method, path)
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return classifyARM(name[:i], name[i+1:])
	}
	return verb(name[strings.LastIndexByte(name, '.')+1:])
}

// classifyARM classes an operation of Azure Resource Manager: what it acts on,
// and read, write, delete or action. An action is a POST, whose name is the
// last part of what it acts on.
func classifyARM(resource, kind string) event.Class {
	switch strings.ToLower(kind) {
	case "read":
		return event.ClassDiscovery
	case "write", "delete":
		return event.ClassWrite
	case "action":
	default:
		return event.ClassOther
	}
	switch c := verb(resource[strings.LastIndexByte(resource, '/')+1:]); c {
	case event.ClassOther:
		return event.ClassWrite
	default:
		return c
	}
}

// classifyGraph classes a request to Microsoft Graph. Paths to mail, files,
// chats and the like lead to content, whatever the rest of the path says.
func classifyGraph(method, path string) event.Class {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(strings.ToLower(strings.Trim(path, "/")), "/")
	switch strings.ToUpper(method) {
	case "GET", "HEAD":
		for _, p := range parts {
			if graphContent()[p] {
				return event.ClassDataRead
			}
		}
		return event.ClassDiscovery
	case "POST":
		last := parts[len(parts)-1]
		if i := strings.LastIndexByte(last, '.'); i >= 0 {
			last = last[i+1:] // microsoft.graph.getMemberGroups
		}
		if verb(last) == event.ClassDiscovery {
			return event.ClassDiscovery
		}
		return event.ClassWrite
	case "PUT", "PATCH", "DELETE":
		return event.ClassWrite
	}
	return event.ClassOther
}

//go:embed graph_content.txt
var graphContentTXT string

// graphContent holds the path segments of Microsoft Graph behind which lies
// content and not the directory.
var graphContent = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(graphContentTXT) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			set[line] = true
		}
	}
	return set
})
