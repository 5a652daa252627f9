// Package respond turns a finding into a playbook: what to do, in which order,
// with the commands filled in. It prints commands and never runs one.
//
// What there is to do is data (playbooks/*.yaml), with the source of each fact;
// a folder of one's own lays files over it. Which containment applies is
// decided by the type of the principal, which is read from the finding
// ([Choose]). Strings of a finding are those of the logs: in commands each
// stays within one word of a POSIX shell, and whoever shows the rest makes it
// safe.
package respond

import (
	"fmt"
	"slices"

	"vedette/internal/finding"
)

// Playbook is what to do about one finding, or about a type of principal.
type Playbook struct {
	// Finding is the finding's id; empty for a template.
	Finding string   `json:"finding,omitempty"`
	Targets []Target `json:"targets"`
	// Notes say whom the targets leave out, where the finding's chain was not
	// followed to its beginning or does not list all.
	Notes     []string   `json:"notes,omitempty"`
	Decisions []Decision `json:"decisions"`
	// Phases are in the order in which they are gone through: evidence is
	// preserved before anything is changed.
	Phases []Phase `json:"phases"`
	// Blanks are the words in capitals that stand in commands where the finding
	// does not know the value, or where the logged value could not be a real
	// one; in order of first use.
	Blanks []string `json:"blanks"`
}

// Target is a principal to contain, and a type that it is or may be of.
type Target struct {
	// Who is "caller", "between" (a principal of the chain that leads to it,
	// the nearest first), or "origin": who began the chain.
	Who       string `json:"who"`
	Principal string `json:"principal"` // as the finding has it; empty for a template
	Type      string `json:"type"`      // id of a [Type]
	Title     string `json:"title"`
	Because   string `json:"because"` // what in the finding says so
	// Sure is false where the finding allows other types as well. Look then
	// says how to tell.
	Sure bool   `json:"sure"`
	Look string `json:"look,omitempty"`
}

// Decision is what an incident may turn out to be.
type Decision struct {
	ID    string   `json:"id"` // leaked, insider, test, tool
	Title string   `json:"title"`
	Look  []string `json:"look"` // what to look at to decide
	Then  string   `json:"then"`
	// Steps are the numbers of the steps that this branch takes.
	Steps []int `json:"steps"`
}

// Phase is a part of the response.
type Phase struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Steps []Step `json:"steps"`
}

// Step is one thing to do.
type Step struct {
	Number int    `json:"number"` // from 1, over all phases
	ID     string `json:"id"`
	// Principal is whom a step of one principal is about, and Types are the
	// types of it that the step is for; empty for steps of the whole incident.
	Principal string   `json:"principal,omitempty"`
	Types     []string `json:"types,omitempty"`
	Do        Fact     `json:"do"`
	// When names the decisions that take the step, and Always says that all do.
	When   []string `json:"when"`
	Always bool     `json:"always"`
	// Commands are lines of a POSIX shell; empty for what is done elsewhere.
	// Where values make more lines than are printed, LeftOut counts the others.
	Commands []string `json:"commands"`
	LeftOut  int      `json:"commands_left_out,omitempty"`
	// Lister is the command that lists the values which made those lines.
	Lister string `json:"left_out_listed_by,omitempty"`
	// FillIn is what stands in capitals in Commands, and UndoFillIn in
	// UndoCommands, for whoever runs them to fill in.
	FillIn     []Blank `json:"fill_in,omitempty"`
	UndoFillIn []Blank `json:"undo_fill_in,omitempty"`
	// Effect is what the commands, or what is done elsewhere, do: "reads"
	// changes nothing, "changes" adds or alters something that nobody's work
	// rests on, "breaks" stops something that worked.
	Effect string `json:"effect"`
	Stops  *Fact  `json:"stops,omitempty"`
	// Stays is what goes on in spite of the step, and for how long.
	Stays        *Fact    `json:"stays_valid,omitempty"`
	Breaks       *Fact    `json:"breaks,omitempty"`
	Undo         *Fact    `json:"undo,omitempty"`
	UndoCommands []string `json:"undo_commands,omitempty"`
}

// Blank is a word in capitals in a command, whose value is not known.
type Blank struct {
	Name string `json:"name"`           // "KEY_ID"
	What string `json:"what,omitempty"` // what it is, and where to find it
}

// Fact is a statement with the pages that it rests on.
type Fact struct {
	Text    string   `json:"text"`
	Sources []string `json:"sources,omitempty"` // URLs
}

// Options say how a playbook is made.
type Options struct {
	// Book is where playbooks are taken from; nil stands for the built-in ones.
	Book *Book
	// Paths are the logs that the finding was found in, for the commands that
	// read them again; empty leaves a blank.
	Paths []string
	// Type is the id of a type that the caller is taken to be of, whatever the
	// finding says; empty lets the finding say.
	Type string
}

// For makes the playbook of a finding. The finding is not changed. An unknown
// Type is an error, as is one of another cloud.
func For(f *finding.Finding, opts Options) (*Playbook, error) {
	b := opts.book()
	targets := Choose(f)
	if opts.Type != "" {
		if cloud := f.Cloud.Provider; cloud != cloudOf(opts.Type) {
			if _, err := b.Type(opts.Type); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("the finding is of %s: its principal cannot be of type %s", cloud, opts.Type)
		}
		targets = slices.DeleteFunc(targets, func(t Target) bool { return t.Who == "caller" })
		own := Target{Who: "caller", Principal: f.Actor.ID, Type: opts.Type, Because: "the type was given", Sure: true}
		targets = append([]Target{own}, targets...)
	}
	return b.fill(f, targets, opts.Paths)
}

// Template makes the playbook of a type of principal, with blanks for all
// values. An unknown type is an error.
func Template(typ string, opts Options) (*Playbook, error) {
	t := Target{Who: "caller", Type: typ, Because: "the type was given", Sure: true}
	return opts.book().fill(&finding.Finding{}, []Target{t}, opts.Paths)
}

func (o *Options) book() *Book {
	if o.Book != nil {
		return o.Book
	}
	return BuiltIn()
}

// fill puts the values of a finding into the steps that apply to its targets.
func (b *Book) fill(f *finding.Finding, targets []Target, paths []string) (*Playbook, error) {
	p := &Playbook{Finding: f.ID, Targets: targets, Notes: notes(f), Decisions: []Decision{}, Blanks: []string{}}
	for i := range targets {
		t := &targets[i]
		typ, err := b.Type(t.Type)
		if err != nil {
			return nil, err
		}
		t.Title = typ.Title
		if !t.Sure {
			t.Look = typ.Look
		}
	}
	w := &writer{book: b, f: f, targets: targets, paths: paths, playbook: p}
	for _, ph := range phases {
		p.Phases = append(p.Phases, Phase{ID: ph.id, Title: ph.title, Steps: w.phase(ph.id)})
	}
	for _, d := range b.decisions {
		out := Decision{ID: d.ID, Title: d.Title, Look: d.Look, Then: d.Then, Steps: []int{}}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if slices.Contains(s.When, d.ID) {
					out.Steps = append(out.Steps, s.Number)
				}
			}
		}
		p.Decisions = append(p.Decisions, out)
	}
	return p, nil
}

// notes say whom the chain of a finding does not name.
func notes(f *finding.Finding) []string {
	var list []string
	if f.Origin != nil && f.Origin.Cut {
		list = append(list, fmt.Sprintf("The chain is longer than %d links. It goes on before %s, and who began it and stands there is not among these: find who obtained the session, and contain them too.", finding.MaxChain, f.Origin.ID))
	}
	to := map[string]bool{}
	for _, l := range f.Chain {
		to[l.To] = true
	}
	if f.ChainTotal > len(f.Chain) && len(to) == len(f.Chain) {
		list = append(list, fmt.Sprintf("Of the chain's %d links the finding lists %d: principals that stand in the others alone are not among these.", f.ChainTotal, len(f.Chain)))
	}
	return list
}

// phase is a part of the response, and which decisions take a step of it that
// names none.
type phase struct {
	id, title string
	when      []string
}

var phases = []phase{
	{"preserve", "Preserve evidence", []string{"leaked", "insider", "test", "tool"}},
	{"triage", "Triage", []string{"leaked", "insider", "test", "tool"}},
	{"contain", "Contain", []string{"leaked", "insider"}},
	{"eradicate", "Eradicate", []string{"leaked", "insider"}},
	{"recover", "Recover", []string{"leaked", "insider", "tool"}},
	{"learn", "Learn", []string{"leaked", "insider", "test", "tool"}},
}

// writer makes the steps of one playbook.
type writer struct {
	book     *Book
	f        *finding.Finding
	targets  []Target
	paths    []string
	playbook *Playbook
	number   int
}

// phase returns the steps of a phase in the order of the files: those of the
// whole incident once, those of types once for each principal that is or may
// be of such a type.
func (w *writer) phase(id string) []Step {
	steps := []Step{}
	for i := range w.book.steps {
		s := &w.book.steps[i]
		if s.Phase != id || !s.due(w.f) {
			continue
		}
		var done []string // principals
		for _, t := range w.targets {
			types := w.typesOf(s, t)
			if len(types) == 0 {
				continue
			}
			about := t.Principal
			if s.wide() {
				about, types = "", nil
			}
			if slices.Contains(done, about) {
				continue
			}
			done = append(done, about)
			steps = append(steps, w.step(s, t, about, types))
		}
	}
	return steps
}

// due reports whether what followed a finding calls for the step.
func (s *step) due(f *finding.Finding) bool {
	return s.Followed == "" || f.ID == "" || slices.ContainsFunc(f.Reasons, func(r finding.Reason) bool {
		return r.Factor == "follow_"+s.Followed && !r.NoneSucceeded
	})
}

// typesOf returns the types that a principal may be of and the step is for.
func (w *writer) typesOf(s *step, t Target) []string {
	var types []string
	for _, other := range w.targets {
		if other.Principal == t.Principal && s.applies(other.Type) && !slices.Contains(types, other.Type) {
			types = append(types, other.Type)
		}
	}
	return types
}

func (w *writer) step(s *step, t Target, about string, types []string) Step {
	w.number++
	typ := t.Type
	if len(types) > 0 {
		typ = types[0]
	}
	v := valuesOf(w.f, t, typ, w.paths)
	out := Step{
		Number: w.number, ID: s.ID, Principal: about, Types: types, Do: s.Do, When: s.When, Effect: s.Effect,
		Stops: s.Stops.orNil(), Stays: s.Stays.orNil(), Breaks: s.Breaks.orNil(), Undo: s.Undo.orNil(),
	}
	var left []string
	out.Commands, out.LeftOut, left = w.commands(s.Command, v)
	out.FillIn = w.book.told(left)
	if out.LeftOut > 0 {
		lines, _, _ := w.book.command("vedette explain {{finding}} {{paths}}", v)
		out.Lister = lines[0]
	}
	if s.UndoCommand != "" {
		out.UndoCommands, _, left = w.commands(s.UndoCommand, v)
		out.UndoFillIn = w.book.told(left)
	}
	if len(out.When) == 0 {
		for _, ph := range phases {
			if ph.id == s.Phase {
				out.When = ph.when
			}
		}
	}
	out.Always = len(out.When) == len(w.book.decisions)
	return out
}

// told says of blanks what each is.
func (b *Book) told(names []string) (list []Blank) {
	for _, name := range names {
		list = append(list, Blank{name, b.blanks[name]})
	}
	return list
}

// commands fills a template in: its lines, how many more there would be, and
// the blanks that are left in them.
func (w *writer) commands(template string, v values) (lines []string, more int, left []string) {
	if template == "" {
		return []string{}, 0, nil
	}
	lines, more, left = w.book.command(template, v)
	for _, b := range left {
		if !slices.Contains(w.playbook.Blanks, b) {
			w.playbook.Blanks = append(w.playbook.Blanks, b)
		}
	}
	return lines, more, left
}

func (f Fact) orNil() *Fact {
	if f.Text == "" {
		return nil
	}
	return &f
}
