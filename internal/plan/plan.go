// Package plan is the neutral form of a detection: no name is left in it that
// anyone downstream must guess. The engine runs plans and the SIEM backends
// print them; a [Selector] is one predicate that both read alike.
package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
)

// Plan is a detection lowered: what counts, over which windows, when a
// window fires and how it is scored.
type Plan struct {
	Detection  string // id, such as "T1580"
	Name       string
	Version    string
	Techniques []string

	Windows []Window
	// Quiet joins bursts of one group: closer than this, last to first, they
	// are one finding.
	Quiet time.Duration
	// Leftover plans see the calls alone that are in no finding of the others.
	Leftover bool
	// MaxLength cuts a finding.
	MaxLength time.Duration
}

// Window is one window of a detection, a plan of its own.
type Window struct {
	Name    string
	Length  time.Duration
	Kind    Kind
	Select  Selector
	Trigger Condition
	// Bands are tried in order; the first whose condition holds gives the
	// risk. A firing window for which none holds has risk 0.
	Bands []Band
}

// Kind is how windows are laid over time.
type Kind uint8

// The kinds of window: Sliding is anchored at each scoring event, so that no
// burst can straddle an edge; Tumbling is aligned to the Unix epoch.
const (
	Sliding Kind = iota
	Tumbling
)

// Selector says which events score. An event is selected when its cloud and
// log are listed (empty lists mean all) and its API is selected: by being
// included by name, or by its class unless it is excluded by name.
type Selector struct {
	Clouds  []event.Cloud
	Logs    []event.Log
	NotLogs []event.Log
	Classes []event.Class
	// Techniques narrows Classes to APIs of these techniques (first or
	// second); empty means any, APIs of unknown technique included.
	Techniques []string
	Include    []Name
	Exclude    []Name
	// Outcomes narrows to calls with one of these outcomes; empty means any.
	Outcomes []event.Outcome
	// Services makes calls score that the provider made itself.
	Services bool
}

// Name names APIs: Service may be empty (any), and either may be "*".
type Name struct {
	Cloud   event.Cloud
	Service string
	API     string
}

// Condition holds when any of its alternatives holds.
type Condition []Thresholds

// Thresholds holds when every figure reaches its least value; a zero is no
// condition.
type Thresholds struct {
	Events       int
	DistinctAPIs int
	// DistinctTargets counts what was asked for: different requests to one
	// API are different targets.
	DistinctTargets int
}

// Band gives a risk from 0 to 100 to windows for which When holds.
type Band struct {
	Risk int
	When Condition
}

// Figures are what a window is judged by.
type Figures struct{ Events, DistinctAPIs, DistinctTargets int }

// Holds reports whether the condition holds for a window's figures. The
// empty condition holds always.
func (c Condition) Holds(f Figures) bool {
	for _, t := range c {
		if f.Events >= t.Events && f.DistinctAPIs >= t.DistinctAPIs && f.DistinctTargets >= t.DistinctTargets {
			return true
		}
	}
	return len(c) == 0
}

// Risk is the risk of a window with these figures.
func (w *Window) Risk(f Figures) int {
	for _, b := range w.Bands {
		if b.When.Holds(f) {
			return b.Risk
		}
	}
	return 0
}

// CountsTargets reports whether the window's trigger or bands ask for distinct
// targets.
func (w *Window) CountsTargets() bool {
	asks := func(t Thresholds) bool { return t.DistinctTargets > 0 }
	return slices.ContainsFunc(w.Trigger, asks) ||
		slices.ContainsFunc(w.Bands, func(b Band) bool { return slices.ContainsFunc(b.When, asks) })
}

// String says in words what it takes: "10 events or 5 distinct APIs".
func (c Condition) String() string {
	var any []string
	for _, t := range c {
		var all []string
		for _, f := range []struct {
			least int
			what  string
		}{{t.Events, "events"}, {t.DistinctAPIs, "distinct APIs"}, {t.DistinctTargets, "distinct targets"}} {
			if f.least > 0 {
				all = append(all, fmt.Sprintf("%d %s", f.least, f.what))
			}
		}
		any = append(any, strings.Join(all, " and "))
	}
	return strings.Join(any, " or ")
}
