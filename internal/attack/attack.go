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
	"sync"

	"vedette/internal/tsv"
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

// table is read once, when a name is first asked for. The file is part of the
// program and a test reads it, so it cannot be wrong at run time.
var table = sync.OnceValue(func() map[string]Technique {
	t, err := parse(techniquesTSV)
	if err != nil {
		panic(err)
	}
	return t
})

func parse(text string) (map[string]Technique, error) {
	rows, err := tsv.Rows("attack/techniques.tsv", text, "id name tactic")
	if err != nil {
		return nil, err
	}
	list := make(map[string]Technique, len(rows))
	for _, r := range rows {
		f := r.Fields
		if f[0] == "" || f[1] == "" || f[2] == "" {
			return nil, fmt.Errorf("attack/techniques.tsv:%d: want id, name and tactic", r.Line)
		}
		if _, dup := list[f[0]]; dup {
			return nil, fmt.Errorf("attack/techniques.tsv:%d: %s is listed twice", r.Line, f[0])
		}
		list[f[0]] = Technique{ID: f[0], Name: f[1], Tactic: f[2]}
	}
	return list, nil
}

// Lookup returns the technique of that id.
func Lookup(id string) (Technique, bool) {
	t, ok := table()[id]
	return t, ok
}

// Name is the full name of a technique, a sub-technique's after its parent's
// as ATT&CK writes it: "Account Discovery: Cloud Account". It is empty for an
// id that is not in the table.
func Name(id string) string {
	t, ok := Lookup(id)
	if parent, sub := Lookup(t.Parent()); ok && sub {
		return parent.Name + ": " + t.Name
	}
	return t.Name
}
