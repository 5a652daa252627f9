package respond

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// identifier is the form of ids.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// followKinds are the kinds of what followed, as the factors of a priority that
// begin with follow_ name them.
var followKinds = []string{"keys", "policy", "sharing", "secrets", "logging", "compute"}

// check says what is wrong in a book, step by step.
func (b *Book) check() error {
	var errs []error
	for _, t := range b.types {
		if !identifier.MatchString(t.ID) || !slices.Contains([]string{"aws", "azure", "gcp"}, cloudOf(t.ID)) || t.Title == "" || t.Look == "" {
			errs = append(errs, fmt.Errorf("type %q: it needs an id that begins with aws_, azure_ or gcp_, a title, and look", t.ID))
		}
	}
	for name := range b.policies {
		if err := b.checkNames(fmt.Sprint(b.policies[name]), true); err != nil {
			errs = append(errs, fmt.Errorf("policy %s: %w", name, err))
		}
	}
	for i := range b.steps {
		s := &b.steps[i]
		if err := b.checkStep(s); err != nil {
			errs = append(errs, fmt.Errorf("%s: step %s: %w", s.at, s.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (b *Book) checkStep(s *step) error {
	if !identifier.MatchString(s.ID) {
		return fmt.Errorf("an id is of lower-case letters, digits, - and _")
	}
	if !slices.ContainsFunc(phases, func(p phase) bool { return p.id == s.Phase }) {
		return fmt.Errorf("there is no phase %q", s.Phase)
	}
	for _, f := range s.For {
		if _, err := b.Type(f); err != nil && !slices.Contains([]string{"aws", "azure", "gcp"}, f) {
			return err
		}
	}
	for _, w := range s.When {
		if !slices.ContainsFunc(b.decisions, func(d decision) bool { return d.ID == w }) {
			return fmt.Errorf("there is no decision %q", w)
		}
	}
	if s.Followed != "" && !slices.Contains(followKinds, s.Followed) {
		return fmt.Errorf("what followed is %s, not %q", strings.Join(followKinds, ", "), s.Followed)
	}
	if s.Do.Text == "" {
		return fmt.Errorf("it does not say what to do")
	}
	if !slices.Contains([]string{"reads", "changes", "breaks"}, s.Effect) {
		return fmt.Errorf("effect is reads, changes or breaks, not %q", s.Effect)
	}
	if s.Phase == "preserve" && s.Effect == "breaks" {
		return fmt.Errorf("nothing may break before the evidence is preserved")
	}
	for _, c := range []string{s.Command, s.UndoCommand} {
		if c == "" {
			continue
		}
		if _, err := split(c); err != nil {
			return err
		}
		if err := b.checkNames(c, false); err != nil {
			return err
		}
	}
	return s.checkFacts()
}

// checkFacts holds that what is said of a containment is complete, and that
// each fact has a source.
func (s *step) checkFacts() error {
	facts := map[string]*Fact{"stops": &s.Stops, "stays": &s.Stays, "breaks": &s.Breaks, "undo": &s.Undo}
	for _, name := range []string{"stops", "stays", "breaks", "undo"} {
		f := facts[name]
		if f.Text == "" && s.Phase == "contain" && s.Effect != "reads" {
			return fmt.Errorf("a containment says what it stops, what stays valid, what it breaks and how to undo it: %s is missing", name)
		}
		if f.Text != "" && len(f.Sources) == 0 {
			return fmt.Errorf("%s has no source", name)
		}
	}
	facts["do"] = &s.Do
	for name, f := range facts {
		for _, src := range f.Sources {
			if !strings.HasPrefix(src, "https://") {
				return fmt.Errorf("%s: there is no source %q", name, src)
			}
		}
	}
	return nil
}

// checkNames holds that the placeholders of a text are known.
func (b *Book) checkNames(text string, policy bool) error {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		name := m[1]
		if p, ok := strings.CutPrefix(name, "policy:"); ok && !policy {
			if b.policies[p] == nil {
				return fmt.Errorf("there is no policy %q", p)
			}
			continue
		}
		if blanks[name] == "" && !capitals(name) && !(policy && name == "now") {
			return fmt.Errorf("there is no value %q", name)
		}
	}
	return nil
}

// capitals reports whether a name is one that is always left blank.
func capitals(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}
