// Package catalogtest holds an API catalogue against the names that real logs
// show: curated lists of names rot in silence, and a name that no log writes
// makes a detection blind without a word.
package catalogtest

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
)

// Observation is a name that logs really show.
type Observation struct {
	Service, Name string
	// Logs holds the log classes that show it; empty where the records do
	// not say.
	Logs []event.Log
	// Operation is the name of the API in the provider's SDKs, where it is
	// another than the logged one with its API date cut off.
	Operation string
	// Sources names the public logs it was seen in, or, with "doc:" before
	// it, the provider's document that lists it.
	Sources []string
}

// documentedOnly reports whether no log was seen to hold the name.
func (o *Observation) documentedOnly() bool {
	return !slices.ContainsFunc(o.Sources, func(s string) bool { return !strings.HasPrefix(s, "doc:") })
}

// Parse reads a corpus of observations: tab-separated service, name, logs,
// operation and sources, with a header row. Lists are comma-separated.
func Parse(tsv []byte) ([]Observation, error) {
	rows := strings.Split(strings.TrimRight(string(tsv), "\n"), "\n")
	if rows[0] != "service\tname\tlog\toperation\tsource" {
		return nil, fmt.Errorf("line 1: unknown header")
	}
	var list []Observation
	for i, row := range rows[1:] {
		f := strings.Split(row, "\t")
		if len(f) != 5 || f[0] == "" || f[1] == "" || f[4] == "" {
			return nil, fmt.Errorf("line %d: want service, name, log, operation and source", i+2)
		}
		o := Observation{Service: f[0], Name: f[1], Operation: f[3], Sources: strings.Split(f[4], ",")}
		for name := range strings.SplitSeq(f[2], ",") {
			if name == "" {
				continue
			}
			l, ok := logByName(name)
			if !ok {
				return nil, fmt.Errorf("line %d: unknown log %q", i+2, name)
			}
			o.Logs = append(o.Logs, l)
		}
		list = append(list, o)
	}
	return list, nil
}

func logByName(name string) (event.Log, bool) {
	for l := range event.NumLogs {
		if l.String() == name {
			return l, true
		}
	}
	return 0, false
}

// Contradictions returns, in order and for people to read, whatever the
// catalogue says against the observations:
//
//   - a name said to be logged, while logs show the operation under other
//     names only;
//   - a log class said to show the operation, while others alone do;
//   - evidence said to be "observed" without an observation, or said to be
//     less where there is one.
//
// Canonical is the cloud's own way from a logged name to the canonical one.
func Contradictions(list []catalog.Entry, seen []Observation, canonical func(service, name []byte) []byte) []string {
	type key struct{ service, name string }
	var (
		byName = make(map[key]*Observation) // as logged
		others = make(map[key][]string)     // operation, however spelt, to logged names
		canon  = func(s, n string) string { return string(canonical([]byte(s), []byte(n))) }
		out    []string
	)
	for i := range seen {
		o := &seen[i]
		byName[key{o.Service, o.Name}] = o
		c := canon(o.Service, o.Name)
		others[key{o.Service, c}] = append(others[key{o.Service, c}], o.Name)
		if o.Operation != "" && o.Operation != c {
			others[key{o.Service, o.Operation}] = append(others[key{o.Service, o.Operation}], o.Name)
		}
	}
	for i := range list {
		e := &list[i]
		say := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("line %d: %s %s: ", e.Line, e.API.Service, e.API.Name)+fmt.Sprintf(format, args...))
		}
		observed := false
		for _, name := range e.Logged {
			o := byName[key{e.API.Service, name}]
			if o == nil {
				if as := others[key{e.API.Service, canon(e.API.Service, name)}]; len(as) > 0 {
					sort.Strings(as)
					say("said to be logged as %s, logs show %s", name, strings.Join(as, ", "))
				}
				continue
			}
			if len(o.Logs) > 0 && !slices.Contains(o.Logs, e.Log) {
				say("said to be in %s, logs show it in %v", e.Log, o.Logs)
			}
			observed = observed || !o.documentedOnly()
		}
		if observed != (e.Evidence == "observed") {
			say("evidence is %q, observed in a log: %t", e.Evidence, observed)
		}
	}
	return out
}
