// Package attack names the ATT&CK techniques that catalogues and detections
// speak of: Discovery and its neighbours in the cloud, not all of ATT&CK.
//
// The names are those of ATT&CK for Enterprise v18.1 (attack.mitre.org),
// © The MITRE Corporation, used under the ATT&CK terms of use.
package attack

import (
	_ "embed"
	"fmt"
	"strings"
)

// Version is the version of ATT&CK that the names are from.
const Version = "18.1"

//go:embed techniques.tsv
var techniquesTSV string

// Technique is a technique or sub-technique.
type Technique struct {
	ID string // such as "T1087.004"
	// Name is the technique's own; of a sub-technique without its parent's:
	// "Cloud Account".
	Name   string
	Tactic string // such as "Discovery"; the first where there are several
}

// Parent is the id of the technique that a sub-technique belongs to; empty
// for a technique.
func (t Technique) Parent() string {
	parent, _, sub := strings.Cut(t.ID, ".")
	if !sub {
		return ""
	}
	return parent
}

// Table holds techniques by their id.
type Table map[string]Technique

// Load reads the table.
func Load() (Table, error) { return parse(techniquesTSV) }

func parse(tsv string) (Table, error) {
	lines := strings.Split(strings.TrimSuffix(tsv, "\n"), "\n")
	if lines[0] != "id\tname\ttactic" {
		return nil, fmt.Errorf("techniques: the first line is %q", lines[0])
	}
	table := make(Table, len(lines))
	for i, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 3 || f[0] == "" || f[1] == "" || f[2] == "" {
			return nil, fmt.Errorf("techniques, line %d: want id, name and tactic", i+2)
		}
		if _, dup := table[f[0]]; dup {
			return nil, fmt.Errorf("techniques, line %d: %s is listed twice", i+2, f[0])
		}
		table[f[0]] = Technique{ID: f[0], Name: f[1], Tactic: f[2]}
	}
	return table, nil
}

// Name is the full name of a technique, a sub-technique's after its parent's
// as ATT&CK writes it: "Account Discovery: Cloud Account". It is empty for a
// technique that the table lacks.
func (t Table) Name(id string) string {
	tech, ok := t[id]
	if parent, sub := t[tech.Parent()]; ok && sub {
		return parent.Name + ": " + tech.Name
	}
	return tech.Name
}
