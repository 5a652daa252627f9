// Package detection reads detections: YAML files that say which calls count,
// over what window, when a window fires and how it is scored, with examples
// that must fire and examples that must stay silent. docs/detections.md is
// the reference of the format.
package detection

import (
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Detection is one detection file, read and found well-formed.
type Detection struct {
	File    string // as given to [Load]; only errors show it
	Builtin bool   // part of Vedette, by [Builtin]

	ID string // such as "T1580"; unique among the detections of a run
	// PartOf is the id of the detection that this one goes with: SIEM packages
	// hold both, and a scan runs the other alone unless it is told to.
	PartOf string
	// Group is the name by which detections are run together; a built-in one
	// of a group is run only where it or its group is named.
	Group string
	// Leftover detections see the calls alone that are in no finding of the
	// others: what is spread too thin for them.
	Leftover    bool
	Name        string
	Version     string
	Description string
	Techniques  []string // ATT&CK ids, the first one being the main one
	Severity    string   // informational, low, medium, high, critical; or empty
	Confidence  string   // low, medium, high; or empty
	References  []string // addresses

	// Select says which events score in every window that has no selection
	// of its own. It is nil where all windows have one.
	Select  *plan.Selector
	Windows []Window

	Quiet     time.Duration // bursts closer than this are one finding
	MaxLength time.Duration // a longer finding is cut

	FalsePositives []string
	Fire           []Example // must fire
	Silent         []Example // must stay silent

	names []named // what include and exclude name, to hold against a catalogue
	pos   pos
}

// ByDefault reports whether a scan that names no detection runs this built-in
// one.
func (d *Detection) ByDefault() bool { return d.PartOf == "" && d.Group == "" }

// Window is one window of a detection.
type Window struct {
	Name    string // unique in the detection
	Length  time.Duration
	Kind    plan.Kind
	Select  *plan.Selector // nil: the detection's
	Trigger plan.Condition
	Bands   []plan.Band // highest risk first

	pos      pos
	trigger  []pos // of the trigger's alternatives
	bands    []pos
	selected pos // of the window's own selection
}

// Example is a sequence of calls with the verdict that the detection must
// give on it.
type Example struct {
	Name string
	// Risk is the risk that an example in [Detection.Fire] must get; -1
	// where the file states none.
	Risk  int
	Calls []Call

	pos  pos
	risk pos
}

// Call stands for one or more calls of an example.
type Call struct {
	At    time.Duration // of the first, from the example's start
	Every time.Duration // from each to the next
	Count int           // how many; the names in APIs take turns
	Cloud event.Cloud
	Log   event.Log
	// Service and APIs are canonical names.
	Service string
	APIs    []string
	// Unknown says that no catalogue lists the APIs; Class is then what
	// their verb says.
	Unknown bool
	Class   event.Class
	// Flags holds ReadOnly or Writes where the file says what the log calls
	// the calls, and ServiceMade.
	Flags   event.Flag
	Outcome event.Outcome
	Actor   string // the principal
	Account string
	Region  string
	Address string
	// Target is what was asked for; throttled tries of one target are one. A
	// "#" in it stands for the number of the call.
	Target string

	apis []pos
}

// named is a name that a selection includes or excludes.
type named struct {
	plan.Name
	excluded bool
	pos      pos
}

// Options change how a detection is lowered.
type Options struct {
	// Kind replaces the kind of every window; nil leaves them as they are.
	Kind *plan.Kind
	// Services makes calls score that the provider made itself, whatever the
	// detection says.
	Services bool
}

// selector is what selects the window's events.
func (d *Detection) selector(w *Window) *plan.Selector {
	if w.Select != nil {
		return w.Select
	}
	return d.Select
}
