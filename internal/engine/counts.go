package engine

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// symbolCount is a symbol with the number of calls that have it.
type symbolCount struct {
	symbol uint32
	n      int
}

// symbolCounts counts symbols: added in any order, merged once. A finding
// has few of them as a rule, and a sort is cheaper than a map.
type symbolCounts []symbolCount

func (c *symbolCounts) add(symbol uint32, n int) {
	if symbol != 0 {
		*c = append(*c, symbolCount{symbol, n})
	}
}

// list gives the texts with their counts by number, descending, then by name;
// total is how many there are, of which at most limit are listed.
func (c *symbolCounts) list(e *Engine, limit int) (list []finding.Count, total int) {
	m := c.merge()
	list = make([]finding.Count, len(m))
	for i, x := range m {
		list[i] = finding.Count{Name: e.symbols.text(x.symbol), Events: x.n}
	}
	total = len(list)
	return sortCounts(list, limit), total
}

// merge adds up the counts of equal symbols.
func (c *symbolCounts) merge() symbolCounts {
	m := *c
	slices.SortFunc(m, func(a, b symbolCount) int { return cmp.Compare(a.symbol, b.symbol) })
	out := m[:0]
	for _, x := range m {
		if n := len(out); n > 0 && out[n-1].symbol == x.symbol {
			out[n-1].n += x.n
		} else {
			out = append(out, x)
		}
	}
	*c = out
	return out
}

func sortCounts(list []finding.Count, limit int) []finding.Count {
	slices.SortFunc(list, func(a, b finding.Count) int {
		if a.Events != b.Events {
			return b.Events - a.Events
		}
		return strings.Compare(a.Name, b.Name)
	})
	if limit >= 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}

// textCounts is symbolCounts for the few texts that are no symbols.
type textCounts []finding.Count

func (c *textCounts) add(name string, n int) {
	if name == "" {
		return
	}
	for i := range *c {
		if (*c)[i].Name == name {
			(*c)[i].Events += n
			return
		}
	}
	*c = append(*c, finding.Count{Name: name, Events: n})
}

func (c textCounts) list() []finding.Count {
	if c == nil {
		c = textCounts{}
	}
	return sortCounts(c, -1)
}

// Lists of a finding that callers can lengthen at will are cut; the totals
// stand beside them.
const (
	maxListed  = 200
	maxSliced  = 20 // of each cut
	maxClients = 50
)

func addOutcome(o *finding.Outcomes, c *call) {
	switch c.outcome() {
	case event.OK:
		o.OK++
	case event.Denied:
		o.Denied++
	case event.Absent:
		o.Absent++
	case event.Throttled:
		o.Throttled++
	case event.Invalid:
		o.Invalid++
	default:
		o.Other++
	}
}

// apiCount is the figures of one API of a finding.
type apiCount struct {
	api      uint32
	events   int
	outcomes finding.Outcomes
	targets  int
}

// count fills in the figures that are sums over the finding's calls.
func (w *groupWorker) count(f *found, m []call) {
	e := w.e
	// By API and target, so that both can be counted in one pass.
	order := w.order[:0]
	for i := range m {
		order = append(order, int32(i))
	}
	w.order = order
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &m[i], &m[j]
		if a.api != b.api {
			return cmp.Compare(a.api, b.api)
		}
		return bytes.Compare(a.target[:], b.target[:])
	})
	perAPI := w.perAPI[:0]
	var services, globals, techniques textCounts
	regions := w.symbolsA[:0] // by number plus one
	for k, i := range order {
		c := &m[i]
		if k == 0 || m[order[k-1]].api != c.api {
			perAPI = append(perAPI, apiCount{api: c.api})
		}
		a := &perAPI[len(perAPI)-1]
		if a.events == 0 || m[order[k-1]].target != c.target {
			a.targets++
		}
		a.events++
		addOutcome(&a.outcomes, c)
		if c.outcome() == event.Denied {
			if f.DenialReasons == nil {
				f.DenialReasons = map[string]int{}
			}
			f.DenialReasons[c.reason().String()]++
		}
		if !w.apis[c.api].Global {
			regions.add(uint32(c.region)+1, 1)
		}
	}
	f.APIs = make([]finding.API, len(perAPI))
	for i := range perAPI {
		a := &perAPI[i]
		def := w.apis[a.api]
		f.APIs[i] = finding.API{
			Service: def.Service, Name: def.Name, Events: a.events, Outcomes: a.outcomes,
			Technique: def.Technique, Category: def.Category, Known: def.Known, Targets: a.targets,
		}
		f.Targets += a.targets
		services.add(def.Service, a.events)
		if def.Global {
			globals.add(def.Service, a.events)
		}
	}
	for i := range m {
		techniques.add(w.technique(w.apis[m[i].api], &m[i]), 1)
	}
	w.perAPI = perAPI
	slices.SortFunc(f.APIs, func(a, b finding.API) int {
		if a.Events != b.Events {
			return b.Events - a.Events
		}
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	})
	f.Services, f.GlobalServices = services.list(), globals.list()
	var named textCounts
	for _, r := range regions.merge() {
		named.add(e.regions.names[r.symbol-1], r.n)
	}
	w.symbolsA = regions
	f.Regions = named.list()
	if len(f.Regions) > maxListed {
		f.Regions = f.Regions[:maxListed]
	}
	f.Techniques = []finding.Technique{}
	for _, t := range techniques.list() {
		name := ""
		if e.opts.TechniqueName != nil {
			name = e.opts.TechniqueName(t.Name)
		}
		f.Techniques = append(f.Techniques, finding.Technique{ID: t.Name, Name: name, Events: t.Events})
	}
}

// technique is the ATT&CK technique that a call counts for: the catalogue's,
// else the first of the detection that selected it.
func (w *groupWorker) technique(a *event.API, c *call) string {
	if a.Technique != "" {
		return a.Technique
	}
	for _, win := range w.e.windows {
		if c.windows&win.bit != 0 && len(win.plan.Techniques) > 0 {
			return win.plan.Techniques[0]
		}
	}
	return ""
}
