package siem

import (
	"strings"

	"vedette/internal/event"
)

// Backend prints rules in one query language.
type Backend interface {
	// Name is the target's name on the command line, such as "kusto".
	Name() string
	// Product names product and language for people.
	Product() string
	// Fields returns the field map that the backend comes with. The caller
	// owns it.
	Fields() *Fields
	// Compile prints a rule. It returns an error wrapping [ErrNotSaid] where
	// the language cannot say the rule at all, and prints what can be said
	// otherwise, with the losses declared.
	Compile(r *Rule, f *Fields) (*Output, error)
	// Ext is the ending of a file with a query, with its dot.
	Ext() string
	// Package returns the files that the product imports, for rules that were
	// compiled together. Paths are relative, with forward slashes.
	Package(outputs []*Output) ([]File, error)
}

// Tabular is a backend of a language in which a table of results can be asked
// for in a form that every client program prints alike.
type Tabular interface {
	Backend
	// Rows returns a statement, without an end sign, that gives the rows of a
	// compiled rule in no certain order: either one column of JSON objects as
	// text, or the columns themselves. Members and columns have the names that
	// [Columns] lists; times are microseconds since the Unix epoch, lists are
	// arrays or their JSON text.
	Rows(out *Output) (string, error)
}

// Output is a rule in one language.
type Output struct {
	Rule *Rule
	// Query is the primary form, whole: it begins with the header, as a
	// comment where the language has comments (behind the first word where it
	// takes none before it), and ends in a newline.
	Query string
	// Further are forms beside the primary one, for what it cannot say.
	Further []Form
	// Grades say of each feature and log how the language says it: exactly
	// one for each feature that [Features] lists and each leg's log.
	Grades []Grade
	// Parameters are settings that the reader must check: names that could
	// not be confirmed in a public source.
	Parameters []Parameter
	// Warnings are what cannot work as the rule stands.
	Warnings []string
	// Limit is the greatest length of Query that the product takes, in
	// characters; 0 where none is documented.
	Limit int
}

// Form is a further native form of a rule.
type Form struct {
	Name     string // slug, such as "eql"
	Language string // for people
	Why      string // what it says that the primary form cannot, or where it is used instead
	Text     string
	// Ext is the ending of a file of this form, with its dot.
	Ext string
}

// File is a file of a package.
type File struct {
	Path string
	Data []byte
}

// Parameter is a setting that the reader must check.
type Parameter struct {
	Name  string // role or setting
	Log   event.Log
	Value string
	Why   string
}

// Feature is a part of a rule's meaning that a language may be unable to say.
type Feature string

// The features.
const (
	Source      Feature = "source"       // which table, index or log
	Selection   Feature = "selection"    // which calls count
	Outcome     Feature = "outcome"      // calls with a certain outcome
	Identity    Feature = "identity"     // one name for a principal, sessions folded into it
	Account     Feature = "account"      // account, subscription or project
	Windowing   Feature = "window"       // windows as asked for
	EventCount  Feature = "event count"  // calls in the window
	APICount    Feature = "API count"    // distinct APIs, exact
	TargetCount Feature = "target count" // distinct targets
	Lists       Feature = "lists"        // names and addresses, capped
	Regions     Feature = "regions"      // distinct regions
	Trigger     Feature = "trigger"      // either of several thresholds
	Risk        Feature = "risk"         // bands of risk
	Services    Feature = "services"     // calls that the provider made itself left out
	Exceptions  Feature = "exceptions"   // a list of identities to leave out
	Union       Feature = "union"        // all logs in one query
	Order       Feature = "order"        // columns and sort order
	Duplicates  Feature = "duplicates"   // copies of one act count once
	Lateness    Feature = "lateness"     // closed, settled windows, each alerted once
	Slices      Feature = "slices"       // parts of a principal judged by themselves
	Lineage     Feature = "lineage"      // who stands behind a session
)

// Features lists the features in the order in which tables show them.
func Features() []Feature {
	return []Feature{Source, Selection, Outcome, Identity, Account, Windowing, EventCount, APICount, TargetCount, Lists, Regions,
		Trigger, Risk, Services, Exceptions, Union, Order, Duplicates, Lateness, Slices, Lineage}
}

// Said is how well a language says a feature.
type Said uint8

// How well a language says a feature.
const (
	Exact        Said = iota // as the rule means it
	Approximated             // nearly; the grade says in what it differs
	Impossible               // not at all; the grade says what is shipped instead, or that nothing is
	Unused                   // the rule does not ask for it
)

// String returns the stable name.
func (s Said) String() string {
	return [...]string{"exact", "approximated", "impossible", "not used"}[s]
}

// Grade says how a language says a feature of a rule, for one log.
type Grade struct {
	Feature Feature
	Log     event.Log
	Said    Said
	// How says in what the text differs from the rule, and what stands in
	// for it; empty for Exact and Unused.
	How string
}

// Grades collects the grades of an output: every feature of every leg is
// exact until it is said otherwise.
type Grades struct {
	legs []event.Log
	set  map[Feature]map[event.Log]Grade
}

// ByIdentity is in what a product's list of exceptions differs from one of
// vedette except.
const ByIdentity = "an entry matches by the identity alone, not by client and network as those of vedette except do"

// ExceptionNote says, in the page of a package, what an entry of its list is
// and when it ends: lines that go on an item of a list.
const ExceptionNote = `   Expires is a date such as 2026-12-31. The entry holds until that day begins (UTC); from then on, and where it has no
   such date, it leaves nobody out. It matches by the identity alone: whoever stole it is left out too, from any network
   and with any client. Where that is too much, leave the list empty and ask ` + "`vedette scan --exceptions`" + `.
`

// NewGrades returns the grades of a rule. What no query language can say is
// set already, and what the rule does not ask for.
func NewGrades(r *Rule) *Grades {
	g := &Grades{set: map[Feature]map[event.Log]Grade{}}
	for _, l := range r.Legs {
		g.legs = append(g.legs, l.Log)
	}
	g.Say(Slices, Impossible, "a principal is judged as a whole; nothing is shipped instead")
	g.Say(Lineage, Impossible, "who stands behind a session is not followed; nothing is shipped instead")
	if !r.CountsTargets() {
		g.Say(TargetCount, Unused, "")
	}
	if r.KeepCopies {
		g.Say(Duplicates, Unused, "")
	} else {
		g.Say(EventCount, Approximated, "each retry of a throttled call counts")
	}
	if r.Leftover {
		g.Say(Trigger, Approximated, "calls that are in a burst of another rule count too")
	}
	if r.Schedule == nil {
		g.Say(Lateness, Unused, "")
		g.Say(Exceptions, Unused, "")
	} else {
		g.Say(Exceptions, Approximated, ByIdentity)
	}
	if len(r.Legs) == 1 {
		g.Say(Union, Unused, "")
	}
	for _, l := range r.Legs {
		switch {
		case l.Raw:
		case l.Select.Verbs:
			g.SayOf(l.Log, Selection, Approximated, "an operation that no catalogue lists counts by its verb, even where the log calls it a write")
		case l.Select.Words:
			g.SayOf(l.Log, Selection, Approximated, "an operation that no catalogue lists counts if it has one of these names, whatever its service")
		}
		for _, how := range l.Differs {
			g.SayOf(l.Log, Selection, Approximated, how)
		}
		if len(l.Outcomes) == 0 {
			g.SayOf(l.Log, Outcome, Unused, "")
		}
		if l.Services || l.Raw {
			g.SayOf(l.Log, Services, Unused, "")
		}
	}
	return g
}

// Say grades a feature for every leg.
func (g *Grades) Say(f Feature, s Said, how string) {
	for _, l := range g.legs {
		g.SayOf(l, f, s, how)
	}
}

// SayOf grades a feature for one leg.
func (g *Grades) SayOf(l event.Log, f Feature, s Said, how string) {
	if was := g.set[f][l]; f == Selection && was.Said == Approximated && s == Approximated {
		// Each is said of other calls.
		if strings.Contains(was.How, how) {
			how = was.How
		} else {
			how = was.How + "; " + how
		}
	}
	if g.set[f] == nil {
		g.set[f] = map[event.Log]Grade{}
	}
	g.set[f][l] = Grade{f, l, s, how}
}

// List returns all grades, by feature and then by leg.
func (g *Grades) List() []Grade {
	var list []Grade
	for _, f := range Features() {
		for _, l := range g.legs {
			grade, ok := g.set[f][l]
			if !ok {
				grade = Grade{Feature: f, Log: l}
			}
			list = append(list, grade)
		}
	}
	return list
}

// Files returns the queries of an output as files of their own: the primary
// form by the rule's id, further forms with their names behind it.
func Files(b Backend, out *Output) []File {
	files := []File{{out.Rule.ID + b.Ext(), []byte(out.Query)}}
	for _, f := range out.Further {
		files = append(files, File{out.Rule.ID + "." + f.Name + f.Ext, []byte(f.Text)})
	}
	return files
}
