// Package question holds questions to ask of audit logs: who did what, in
// words and as a definition that is small enough to be exact both over events
// and in the query languages of databases.
//
// A definition is a row of steps. [Calls] says which calls count. Stages narrow
// them by what stands around each call: values that few use, values seen for
// the first time, calls that follow others, callers that were long silent. What
// is left is grouped by fields, and by stretches of time where the question has
// them. Groups that reach the least figures are the answer.
package question

import (
	"slices"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Question is one question with all that a reader needs to make something of
// its answer.
type Question struct {
	ID    string `yaml:"id"`    // slug: "root-reads"
	Title string `yaml:"title"` // a few words
	// Asks is the question in words.
	Asks       string   `yaml:"question"`
	Why        string   `yaml:"why"`
	Techniques []string `yaml:"techniques"` // ATT&CK ids
	// Logs are names of log classes, as [event.Log] has them.
	Logs []string `yaml:"logs"`
	// Reading says how to read a row.
	Reading string   `yaml:"reading"`
	Benign  []string `yaml:"benign"` // usual harmless answers
	Next    []string `yaml:"next"`   // what to do with a row
	Source  string   `yaml:"source"` // where the facts are from

	Calls Calls   `yaml:"calls"`
	Then  []Stage `yaml:"then"`
	By    []Field `yaml:"by"`
	// Per cuts time into stretches aligned to the Unix epoch, each a group of
	// its own; 0 takes all time as one.
	Per Span `yaml:"per"`
	// Having are the least figures of a group.
	Having map[Figure]int `yaml:"having"`
	Spike  *Spike         `yaml:"spike"`
	// Lists are fields whose values a row lists, [MaxValues] at most.
	Lists []Field `yaml:"lists"`

	// File and Line say where the question stands.
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

// Calls says which calls count. All that is given must hold; a call is
// selected by any of Classes (with Techniques) and APIs, or by Every.
type Calls struct {
	// Classes are names of classes of [event.Class]; see [Calls.Listed].
	Classes []string `yaml:"classes"`
	// Techniques narrows Classes to APIs of these ATT&CK techniques.
	Techniques []string `yaml:"techniques"`
	// APIs are "service/name", as the catalogue has them.
	APIs []string `yaml:"apis"`
	// Every takes the calls of all APIs, those that change something too: who
	// is silent makes none, and no catalogue lists all that can be called.
	Every bool `yaml:"every"`
	// Outcome is "ok", "denied", "failed" (anything but ok), or empty for any.
	Outcome string `yaml:"outcome"`
	// Where are regular expressions that the fields' values must match, and
	// Unless some that they must not. Expressions keep to what POSIX ERE, RE2
	// and Java have in common.
	Where  map[Field]string `yaml:"where"`
	Unless map[Field]string `yaml:"unless"`
	// Services takes calls that the provider made itself too.
	Services bool `yaml:"services"`
}

// Stage narrows the calls by what stands around each; exactly one of its
// members is set.
type Stage struct {
	Rare   *Rare   `yaml:"rare"`
	First  *First  `yaml:"first_seen"`
	Silent *Silent `yaml:"silent"`
	After  *After  `yaml:"after"`
}

// Rare keeps calls whose value is used by few principals, where there are
// enough principals to say so.
type Rare struct {
	Value Field `yaml:"value"`
	Most  int   `yaml:"most"`  // principals that use it
	Among int   `yaml:"among"` // principals that there must be in all
}

// First keeps calls with a value that the caller of the field Of did not use
// before the last stretch of the calls, although it called before.
type First struct {
	Value Field `yaml:"value"`
	Of    Field `yaml:"of"`
	Last  Span  `yaml:"last"`
}

// Silent keeps calls in the last stretch of those that had made none for at
// least the gap before.
type Silent struct {
	Of   Field `yaml:"of"`
	Last Span  `yaml:"last"`
	Gap  Span  `yaml:"gap"`
}

// After keeps calls that come at most Within after others, and not before them,
// by the same principal. With Link "assumed" it is the principal whose role the
// others assumed.
type After struct {
	Calls  Calls  `yaml:"calls"`
	Within Span   `yaml:"within"`
	Link   string `yaml:"link"`
}

// Spike keeps groups whose stretch of time has at least Least events, and at
// least Times as many as the others of the same fields have on average. The
// average is over stretches with any events: unlike a median it is the same
// number in every engine.
type Spike struct {
	Times int `yaml:"times"`
	Least int `yaml:"least"`
}

// Span is a duration of whole minutes.
type Span time.Duration

// Field is a part of a call that is a text.
type Field string

// The fields.
const (
	Principal Field = "principal" // the caller, sessions folded into the role
	Kind      Field = "kind"      // kind of principal, as [event.ActorKind] names it
	Account   Field = "account"   // account, subscription or project
	Service   Field = "service"   // lower case
	API       Field = "api"       // "service/name"; of Azure in lower case
	Region    Field = "region"
	Address   Field = "address" // network address as logged
	Network   Field = "network" // Address without its last part: a /24, or a /48
	Session   Field = "session" // session, else credential
	Key       Field = "key"     // id of the credential
	Client    Field = "client"  // first word of the user agent, without a version
	Target    Field = "target"  // what was asked for
	Error     Field = "error"   // error code as logged
)

// Fields lists the fields in the order in which tables show them.
func Fields() []Field {
	return []Field{Principal, Kind, Account, Service, API, Region, Address, Network, Session, Key, Client, Target, Error}
}

// Figure is a number of a group: its events, or how many values a field has in
// it, empty ones not counted.
type Figure string

// Events counts the calls by the log's own id of them, so that copies count
// once, and each call without one.
const Events Figure = "events"

var figureFields = map[Figure]Field{
	"principals": Principal, "accounts": Account, "services": Service, "apis": API, "regions": Region, "addresses": Address,
	"networks": Network, "sessions": Session, "keys": Key, "clients": Client, "targets": Target, "errors": Error,
}

// Figures lists the figures in the order in which rows have them.
func Figures() []Figure {
	return []Figure{Events, "principals", "accounts", "services", "apis", "regions", "addresses", "networks", "sessions", "keys", "clients", "targets", "errors"}
}

// Field is the field whose values the figure counts, "" for [Events].
func (f Figure) Field() Field { return figureFields[f] }

// Caps of a row's lists.
const (
	MaxValues   = 20
	MaxEvidence = 10
)

// Figures are those that a row of the question has: events and APIs, and
// those that it has least values of.
func (q *Question) Figures() []Figure {
	var list []Figure
	for _, f := range Figures() {
		if _, ok := q.Having[f]; ok || f == Events || f == "apis" {
			list = append(list, f)
		}
	}
	return list
}

// Uses lists the fields that the question reads, in the order of [Fields].
func (q *Question) Uses() []Field {
	used := map[Field]bool{Principal: true}
	calls := func(c *Calls) {
		for f := range c.Where {
			used[f] = true
		}
		for f := range c.Unless {
			used[f] = true
		}
	}
	calls(&q.Calls)
	for _, s := range q.Then {
		switch {
		case s.Rare != nil:
			used[s.Rare.Value] = true
		case s.First != nil:
			used[s.First.Value], used[s.First.Of] = true, true
		case s.Silent != nil:
			used[s.Silent.Of] = true
		case s.After != nil:
			calls(&s.After.Calls)
		}
	}
	for _, f := range append(append([]Field{}, q.By...), q.Lists...) {
		used[f] = true
	}
	for _, f := range q.Figures() {
		used[f.Field()] = true
	}
	var list []Field
	for _, f := range Fields() {
		if used[f] {
			list = append(list, f)
		}
	}
	return list
}

// LogClasses are the classes of the logs that the question needs.
func (q *Question) LogClasses() []event.Log {
	var list []event.Log
	for _, name := range q.Logs {
		l, _ := event.ParseLog(name) // checked by Parse
		list = append(list, l)
	}
	return list
}

// keptTogether are the logs that tables hold as one, by the class that the
// table goes by.
var keptTogether = map[event.Log][]event.Log{
	event.CloudTrailManagement: {event.CloudTrailManagement, event.CloudTrailData, event.CloudTrailNetwork},
	event.GCPDataAccess:        {event.GCPDataAccess, event.GCPActivity, event.GCPPolicy},
}

// Clouds are the clouds of those logs, each once.
func (q *Question) Clouds() []event.Cloud {
	var list []event.Cloud
	for _, c := range event.Clouds() {
		for _, l := range q.LogClasses() {
			if l.Cloud() == c && !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	return list
}

// Earlier are the calls that those of the question must follow, or nil.
func (q *Question) Earlier() *After {
	for _, s := range q.Then {
		if s.After != nil {
			return s.After
		}
	}
	return nil
}

// Selector is the part of calls that concerns APIs, for a question of these
// logs. What no catalogue lists is selected by its verb, whatever the log says
// of it: a query sees no more.
func (c *Calls) Selector(logs []event.Log) *plan.Selector {
	s := &plan.Selector{Techniques: c.Techniques, Services: c.Services}
	for _, l := range logs {
		if together := keptTogether[l]; together != nil {
			s.Logs = append(s.Logs, together...)
		} else {
			s.Logs = append(s.Logs, l)
		}
	}
	if slices.Contains(c.Classes, event.ClassDiscovery.String()) {
		s.Classes = []event.Class{event.ClassDiscovery}
	}
	for _, a := range c.APIs {
		s.Include = append(s.Include, apiName(a))
	}
	return s
}

// Listed reports whether an API is selected because a catalogue lists it in one
// of the classes but discovery, or every API is. What no catalogue lists is of
// none of them: verbs say well what asks, and less well what else a call is for.
func (c *Calls) Listed(a *event.API) bool {
	return c.Every || a.Known && a.Class != event.ClassDiscovery && slices.Contains(c.Classes, a.Class.String())
}

// Linked reports whether calls belong to the role that they assume.
func (a *After) Linked() bool { return a.Link == "assumed" }
