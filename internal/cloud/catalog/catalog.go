// Package catalog reads the API catalogues of the clouds: tab-separated files
// that say of each operation under which names logs show it, what it is for
// and how that is known. docs/catalog.md describes the format.
package catalog

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/event"
)

// header is the first row of every catalogue, and the only one accepted.
const header = "service\tname\tlogged\taliases\tlog\tclass\ttechnique\tsecondary\tcategory\tbreadth\tweight\tscope\tevidence\tsource\tnote"

// Entry is one row of a catalogue.
type Entry struct {
	Line int // in the file, from 1
	API  event.API
	// Logged holds the names under which the provider's log shows the
	// operation. It is never empty: where the file names none it is the
	// canonical name.
	Logged []string
	// Aliases are further names that lead here though no log is known to
	// show them: names of the API itself, or in another letter case.
	Aliases []string
	// Log is the log class that shows the operation. [event.NoLog] means
	// that no log does, [event.OtherLog] that the one which does is not read.
	Log event.Log
	// Evidence says how Logged is known: "observed" in a public log,
	// "reported" in a description of an incident or of a tool, "documented"
	// by the provider, or "inferred" from the name of the API.
	Evidence string
	Source   string // where the row's facts come from
	Note     string
}

// Parse reads a catalogue. Errors name the line. Rows must be sorted by
// service and name, and no name of a service may lead to two operations.
func Parse(cloud event.Cloud, tsv []byte) ([]Entry, error) {
	var (
		list  []Entry
		taken = make(map[[2]string]int) // (service, name) to the line that has it
		scope = make(map[string]bool)   // service to global
		line  int
	)
	for text := range bytes.Lines(tsv) {
		line++
		row := strings.TrimRight(string(text), "\r\n")
		if line == 1 {
			if row != header {
				return nil, fmt.Errorf("line 1: header is not %q", header)
			}
			continue
		}
		e, err := parseRow(cloud, row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		e.Line = line
		a := &e.API
		if n := len(list); n > 0 {
			prev := &list[n-1].API
			if a.Service < prev.Service || a.Service == prev.Service && a.Name <= prev.Name {
				return nil, fmt.Errorf("line %d: %s %s is out of order", line, a.Service, a.Name)
			}
		}
		if global, ok := scope[a.Service]; ok && global != a.Global {
			return nil, fmt.Errorf("line %d: scope differs from that of other rows of %s", line, a.Service)
		}
		scope[a.Service] = a.Global
		own := map[string]bool{}
		for _, name := range e.names() {
			if own[name] {
				continue
			}
			own[name] = true
			if at, ok := taken[[2]string{a.Service, name}]; ok {
				return nil, fmt.Errorf("line %d: %s %s is already a name of line %d", line, a.Service, name, at)
			}
			taken[[2]string{a.Service, name}] = line
		}
		list = append(list, e)
	}
	if line == 0 {
		return nil, fmt.Errorf("line 1: no header")
	}
	return list, nil
}

// names returns every name that leads to the entry, some perhaps twice.
func (e *Entry) names() []string {
	return append(append([]string{e.API.Name}, e.Logged...), e.Aliases...)
}

func parseRow(cloud event.Cloud, row string) (Entry, error) {
	f := strings.Split(row, "\t")
	if want := strings.Count(header, "\t") + 1; len(f) != want {
		return Entry{}, fmt.Errorf("%d columns, want %d", len(f), want)
	}
	e := Entry{
		API: event.API{
			Cloud: cloud, Service: f[0], Name: f[1], Known: true,
			Technique: f[6], Secondary: f[7], Category: f[8], Breadth: f[9],
		},
		Logged: splitNames(f[2]), Aliases: splitNames(f[3]),
		Evidence: f[12], Source: f[13], Note: f[14],
	}
	if len(e.Logged) == 0 {
		e.Logged = []string{f[1]}
	}
	switch {
	case f[0] == "" || f[0] != strings.ToLower(f[0]):
		return e, fmt.Errorf("service %q is empty or not in lower case", f[0])
	case f[1] == "":
		return e, fmt.Errorf("no name")
	case f[8] == "":
		return e, fmt.Errorf("no category")
	case f[13] == "":
		return e, fmt.Errorf("no source")
	}
	var ok bool
	if e.API.Class, ok = event.ParseClass(f[5]); !ok {
		return e, fmt.Errorf("unknown class %q", f[5])
	}
	if e.Log, ok = parseLog(f[4]); !ok {
		return e, fmt.Errorf("unknown log %q", f[4])
	}
	switch f[9] {
	case "", "account", "resource":
	default:
		return e, fmt.Errorf("unknown breadth %q", f[9])
	}
	if f[10] != "" {
		w, err := strconv.ParseUint(f[10], 10, 8)
		if err != nil || w < 1 || w > 5 {
			return e, fmt.Errorf("weight %q is not 1 to 5", f[10])
		}
		e.API.Weight = uint8(w)
	}
	if e.API.Class == event.ClassDiscovery && (e.API.Weight == 0 || f[6] == "" || f[9] == "") {
		return e, fmt.Errorf("a discovery API needs technique, breadth and weight")
	}
	switch f[11] {
	case "":
	case "global":
		e.API.Global = true
	default:
		return e, fmt.Errorf("unknown scope %q", f[11])
	}
	switch f[12] {
	case "observed", "reported", "documented", "inferred":
	default:
		return e, fmt.Errorf("unknown evidence %q", f[12])
	}
	return e, nil
}

func splitNames(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func parseLog(s string) (event.Log, bool) {
	for l := range event.NumLogs {
		if l.String() == s {
			return l, true
		}
	}
	return 0, false
}

// Names finds APIs by the names that logs give them. It is read-only once
// loaded, and safe for concurrent use.
type Names struct {
	services map[string]*service
}

type service struct {
	global bool
	names  map[string]*event.API
}

// Load parses a catalogue and enters its APIs in reg.
// plain takes the version, or what else predicates over names leave out, from
// a name as logged.
func Load(reg *event.Registry, cloud event.Cloud, tsv []byte, plain func(logged []byte) []byte) (*Names, error) {
	list, err := Parse(cloud, tsv)
	if err != nil {
		return nil, fmt.Errorf("%s API catalogue: %w", cloud, err)
	}
	n := &Names{services: make(map[string]*service)}
	for i := range list {
		e := &list[i]
		entry := e.API
		entry.Log = e.Log
		for _, logged := range e.Logged {
			if n := string(plain([]byte(logged))); !slices.Contains(entry.Logged, n) {
				entry.Logged = append(entry.Logged, n)
			}
		}
		api := reg.Add(entry)
		s := n.services[api.Service]
		if s == nil {
			s = &service{global: api.Global, names: make(map[string]*event.API)}
			n.services[api.Service] = s
		}
		for _, name := range e.names() {
			s.names[name] = api
		}
	}
	return n, nil
}

// Lookup returns the API that a log calls name in service, or nil. It compares
// byte for byte and does not allocate. Canonical names and aliases are found
// too.
func (n *Names) Lookup(service, name []byte) *event.API {
	s := n.services[string(service)]
	if s == nil {
		return nil
	}
	return s.names[string(name)]
}

// Global reports whether the service has no regions of its own, so that the
// region of its records says nothing of where the caller looked. A service
// that the catalogue does not have is taken for regional.
func (n *Names) Global(service string) bool {
	s := n.services[service]
	return s != nil && s.global
}
