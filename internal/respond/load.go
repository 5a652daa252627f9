package respond

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"
)

//go:embed playbooks/*.yaml
var builtIn embed.FS

// Book is a set of playbooks: steps, and the types of principals that they are
// for.
type Book struct {
	types     []Type
	decisions []decision
	steps     []step
	policies  map[string]any
	blanks    map[string]string // what stands in capitals, and where to find it
	sources   map[string]string // URLs by the names that facts have them by
}

// Type is a type of principal, as far as its containment is its own.
type Type struct {
	ID    string `yaml:"id"` // begins with the cloud: "aws_user_key"
	Title string `yaml:"title"`
	// Look says how to tell a principal of the type from others.
	Look string `yaml:"look"`
}

type decision struct {
	ID    string   `yaml:"id"`
	Title string   `yaml:"title"`
	Look  []string `yaml:"look"`
	Then  string   `yaml:"then"`
}

// step is a step as its file has it.
type step struct {
	ID    string `yaml:"id"`
	Phase string `yaml:"phase"`
	// For are types, or clouds; none: all.
	For  []string `yaml:"for"`
	When []string `yaml:"when"`
	// Followed is a kind of what followed (docs/triage.md): the step is for
	// findings where a call of that kind succeeded or may have, and for templates.
	Followed    string `yaml:"followed"`
	Do          Fact   `yaml:"do"`
	Command     string `yaml:"command"`
	Effect      string `yaml:"effect"`
	Stops       Fact   `yaml:"stops"`
	Stays       Fact   `yaml:"stays"`
	Breaks      Fact   `yaml:"breaks"`
	Undo        Fact   `yaml:"undo"`
	UndoCommand string `yaml:"undo_command"`
	// Drop takes a built-in step of the same id away.
	Drop bool `yaml:"drop"`

	at string // file and line
}

// applies reports whether the step is for principals of a type.
func (s *step) applies(typ string) bool {
	return len(s.For) == 0 || slices.Contains(s.For, typ) || slices.Contains(s.For, cloudOf(typ))
}

// facts are what the step says.
func (s *step) facts() []*Fact { return []*Fact{&s.Do, &s.Stops, &s.Stays, &s.Breaks, &s.Undo} }

// wide reports whether the step is one of the whole incident.
func (s *step) wide() bool {
	return !slices.ContainsFunc(s.For, func(f string) bool { return strings.Contains(f, "_") })
}

// cloudOf is the cloud of a type.
func cloudOf(typ string) string {
	cloud, _, _ := strings.Cut(typ, "_")
	return cloud
}

// UnmarshalYAML reads "text [source source]".
func (f *Fact) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("a fact is a text with its sources in brackets behind it")
	}
	m := withSources.FindStringSubmatch(n.Value)
	if m == nil {
		f.Text = strings.TrimSpace(n.Value)
		return nil
	}
	f.Text, f.Sources = m[1], strings.Fields(m[2])
	return nil
}

var withSources = regexp.MustCompile(`(?s)^(.*\S)\s+\[([^\[\]]+)\]\s*$`)

// BuiltIn returns the playbooks that the program comes with.
var BuiltIn = sync.OnceValue(func() *Book {
	b := &Book{policies: map[string]any{}, blanks: map[string]string{}, sources: map[string]string{}}
	if err := b.lay(builtIn, "playbooks"); err != nil {
		panic("respond: " + err.Error()) // a test reads them
	}
	return b
})

// Load returns the built-in playbooks with the files *.yaml of a folder over
// them, in order of name. A step or type with the id of an earlier one takes
// its place; others come behind. Errors have file and line.
func Load(dir string) (*Book, error) {
	old := BuiltIn()
	b := &Book{types: slices.Clone(old.types), decisions: slices.Clone(old.decisions), steps: slices.Clone(old.steps), policies: map[string]any{}, blanks: maps.Clone(old.blanks), sources: map[string]string{}}
	for k, v := range old.policies {
		b.policies[k] = v
	}
	for k, v := range old.sources {
		b.sources[k] = v
	}
	if err := b.lay(os.DirFS(dir), "."); err != nil {
		return nil, fmt.Errorf("playbooks in %s: %w", dir, err)
	}
	return b, nil
}

// Types returns the types of principals, in order.
func (b *Book) Types() []Type { return slices.Clone(b.types) }

// Type returns the type of that id. The error names those there are.
func (b *Book) Type(id string) (Type, error) {
	var ids []string
	for _, t := range b.types {
		if t.ID == id {
			return t, nil
		}
		ids = append(ids, t.ID)
	}
	return Type{}, fmt.Errorf("there is no type of principal %q; there are %s", id, strings.Join(ids, ", "))
}

// lay reads the files of a folder over what is there, and checks the whole.
func (b *Book) lay(fsys fs.FS, dir string) error {
	files, err := fs.Glob(fsys, filepath.ToSlash(filepath.Join(dir, "*.yaml")))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no file *.yaml")
	}
	var errs []error
	for _, name := range files {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		errs = append(errs, b.read(name, data))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.steps = slices.DeleteFunc(b.steps, func(s step) bool { return s.Drop })
	// A source may stand in another file than the facts that rest on it.
	for i := range b.steps {
		for _, f := range b.steps[i].facts() {
			for j, src := range f.Sources {
				if page := b.sources[src]; page != "" {
					f.Sources[j] = page
				}
			}
		}
	}
	return b.check()
}

// read lays one file over the book.
func (b *Book) read(name string, data []byte) error {
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		if at := new(yaml.LoadError); errors.As(err, &at) && at.Mark.Line > 0 {
			return fmt.Errorf("%s:%d: not YAML: %s", name, at.Mark.Line, at.Message)
		}
		return fmt.Errorf("%s: not YAML: %w", name, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s:1: a file of playbooks is a mapping", name)
	}
	var file struct {
		Sources   map[string]string `yaml:"sources"`
		Policies  map[string]any    `yaml:"policies"`
		Blanks    map[string]string `yaml:"blanks"`
		Types     []yaml.Node       `yaml:"types"`
		Decisions []yaml.Node       `yaml:"decisions"`
		Steps     []yaml.Node       `yaml:"steps"`
	}
	if err := strict(doc.Content[0], &file); err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	for k, v := range file.Sources {
		if !strings.HasPrefix(v, "https://") {
			return fmt.Errorf("%s: source %s is no address that begins with https://", name, k)
		}
		if old := b.sources[k]; old != "" && old != v {
			return fmt.Errorf("%s: source %s is %s already: take another name", name, k, old)
		}
		b.sources[k] = v
	}
	for k, v := range file.Policies {
		b.policies[k] = v
	}
	for k, v := range file.Blanks {
		if !capitals(k) || v == "" {
			return fmt.Errorf("%s: a blank is a name in capitals and _, with what it is: %q is not", name, k)
		}
		b.blanks[k] = v
	}
	var errs []error
	for i := range file.Types {
		var t Type
		errs = append(errs, named(name, strict(&file.Types[i], &t)))
		b.types = put(b.types, t, func(t Type) string { return t.ID })
	}
	for i := range file.Decisions {
		var d decision
		errs = append(errs, named(name, strict(&file.Decisions[i], &d)))
		b.decisions = put(b.decisions, d, func(d decision) string { return d.ID })
	}
	for i := range file.Steps {
		n := &file.Steps[i]
		s := step{at: fmt.Sprintf("%s:%d", name, n.Line)}
		errs = append(errs, named(name, strict(n, &s)))
		b.steps = put(b.steps, s, func(s step) string { return s.ID })
	}
	return errors.Join(errs...)
}

func named(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%w", file, err)
}

// put replaces the entry of the same id, or appends.
func put[T any](list []T, entry T, id func(T) string) []T {
	for i := range list {
		if id(list[i]) == id(entry) {
			list[i] = entry
			return list
		}
	}
	return append(list, entry)
}

// strict reads a mapping into a struct and refuses fields that it has not.
// Errors begin with the line.
func strict(n *yaml.Node, into any) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%d: this is no mapping", n.Line)
	}
	var known []string
	for t, i := reflect.TypeOf(into).Elem(), 0; i < t.NumField(); i++ {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			known = append(known, name)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(known, k.Value) {
			return fmt.Errorf("%d: there is no field %q; there are %s", k.Line, k.Value, strings.Join(known, ", "))
		}
	}
	if err := n.Decode(into); err != nil {
		return fmt.Errorf("%d: %w", n.Line, err)
	}
	return nil
}
