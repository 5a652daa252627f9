// Package shape turns other people's schemas of audit events into the
// provider's own records: rows of Sentinel, Athena and BigQuery tables, ECS,
// OCSF and ASIM documents, flattened exports. What comes out is JSON that the
// cloud's own decoder reads, so that identity, outcome and API are settled in
// one place whatever road an event came by.
//
// Each schema is a file in shapes/: how it is told, and which native field is
// filled from which of its fields.
package shape

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v4"

	"vedette/internal/event"
)

//go:embed shapes
var files embed.FS

// Table is one schema.
type Table struct {
	// Name is the table's stable name, such as "sentinel-awscloudtrail".
	Name string
	// Title describes the schema in words.
	Title string
	// Cloud is the provider whose native records Convert writes.
	Cloud event.Cloud
	// Source says where the schema's field names are documented or were seen.
	Source string
	// Loses says what the schema does not carry of the native record.
	Loses string

	fold   bool // names are compared without regard to case
	match  []condition
	fields []field
	maps   map[string]map[string]string
	names  *renamer
}

// field fills one native path.
type field struct {
	to   []string
	how  string
	from []string
}

// condition is one alternative set of tests; all of it must hold.
type condition struct {
	has, lacks []string
	is         map[string][]string
}

// Tables are all known schemas, the more particular ones first.
type Tables []*Table

// spec is the form of a file in shapes/.
type spec struct {
	Name   string                       `yaml:"name"`
	Title  string                       `yaml:"title"`
	Cloud  string                       `yaml:"cloud"`
	Rank   int                          `yaml:"rank"`
	Source string                       `yaml:"source"`
	Loses  string                       `yaml:"loses"`
	Fold   bool                         `yaml:"fold"`
	Names  []string                     `yaml:"names"`
	When   []when                       `yaml:"when"`
	Maps   map[string]map[string]string `yaml:"maps"`
	Fields []map[string][]string        `yaml:"fields"`
}

type when struct {
	Has   []string            `yaml:"has"`
	Lacks []string            `yaml:"lacks"`
	Is    map[string][]string `yaml:"is"`
}

// Load reads the schemas that the program carries. An error means that one
// of them is malformed, which a test rules out.
func Load() (Tables, error) {
	var all Tables
	var ranks []int
	err := fs.WalkDir(files, "shapes", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		t, rank, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		// Insert by rank, then by file name, which the walk follows.
		at := len(all)
		for at > 0 && ranks[at-1] > rank {
			at--
		}
		all = append(all[:at], append(Tables{t}, all[at:]...)...)
		ranks = append(ranks[:at], append([]int{rank}, ranks[at:]...)...)
		return nil
	})
	return all, err
}

func parse(text []byte) (*Table, int, error) {
	var s spec
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		return nil, 0, err
	}
	t := &Table{Name: s.Name, Title: s.Title, Source: s.Source, Loses: s.Loses, fold: s.Fold, maps: s.Maps}
	for _, c := range event.Clouds() {
		if c.String() == s.Cloud {
			t.Cloud = c
		}
	}
	switch {
	case t.Cloud == event.NoCloud:
		return nil, 0, fmt.Errorf("unknown cloud %q", s.Cloud)
	case t.Name == "" || t.Title == "" || t.Source == "":
		return nil, 0, fmt.Errorf("name, title and source are required")
	case len(s.When) == 0 || len(s.Fields) == 0:
		return nil, 0, fmt.Errorf("when and fields are required")
	}
	t.names = newRenamer(s.Names)
	for _, w := range s.When {
		if len(w.Has)+len(w.Is) == 0 {
			return nil, 0, fmt.Errorf("a condition that everything meets")
		}
		t.match = append(t.match, condition{has: w.Has, lacks: w.Lacks, is: w.Is})
	}
	for _, f := range s.Fields {
		if len(f) != 1 {
			return nil, 0, fmt.Errorf("field %v: one target each", f)
		}
		for to, spec := range f {
			if len(spec) < 2 {
				return nil, 0, fmt.Errorf("field %s: want a transform and its sources", to)
			}
			if err := t.checkTransform(spec[0]); err != nil {
				return nil, 0, fmt.Errorf("field %s: %w", to, err)
			}
			t.fields = append(t.fields, field{to: splitTarget(to), how: spec[0], from: spec[1:]})
		}
	}
	return t, s.Rank, nil
}

// splitTarget splits a native path at dots, or at ">" where keys have dots.
func splitTarget(to string) []string {
	if strings.Contains(to, ">") {
		return strings.Split(to, ">")
	}
	return strings.Split(to, ".")
}

// Recognise returns the first schema that the object has, or nil.
func (ts Tables) Recognise(obj []byte) *Table {
	d, ok := read(obj)
	if !ok {
		return nil
	}
	for _, t := range ts {
		if t.matches(d) {
			return t
		}
	}
	return nil
}

func (t *Table) matches(d *document) bool {
	for _, c := range t.match {
		if c.holds(d, t.fold) {
			return true
		}
	}
	return false
}

func (c *condition) holds(d *document, fold bool) bool {
	for _, path := range c.has {
		if empty(d.lookup(path, fold)) {
			return false
		}
	}
	for path, values := range c.is {
		val := code(d.lookup(path, fold))
		found := false
		for _, v := range values {
			if pre, ok := strings.CutSuffix(v, "*"); ok {
				found = found || len(val) >= len(pre) && strings.EqualFold(string(val[:len(pre)]), pre)
			} else {
				found = found || strings.EqualFold(string(val), v)
			}
		}
		if !found {
			return false
		}
	}
	for _, path := range c.lacks {
		if !empty(d.lookup(path, fold)) {
			return false
		}
	}
	return true
}

// Convert appends to dst the native record of an object that the table
// recognises. A field that the object does not have is left out; a value that
// its transform cannot read is left out too, so that the decoder sees a
// missing field and not a wrong one. The error says that obj is no JSON
// object.
func (t *Table) Convert(obj, dst []byte) ([]byte, error) {
	d, ok := read(obj)
	if !ok {
		return dst, fmt.Errorf("%s: not a JSON object", t.Name)
	}
	root := &node{}
	for i := range t.fields {
		f := &t.fields[i]
		if f.how == "const" {
			root.set(f.to, appendString(nil, []byte(f.from[0])))
			continue
		}
		for _, path := range f.from {
			val := d.lookup(path, t.fold)
			if empty(val) {
				continue
			}
			if out := t.transform(f.how, val); out != nil {
				root.set(f.to, out)
				break
			}
		}
	}
	return root.append(dst), nil
}

// node is an object under construction; a leaf has a value and no members.
type node struct {
	key   string
	value []byte
	kids  []*node
}

// set enters a value at a path unless something stands there already.
func (n *node) set(path []string, value []byte) {
	for _, key := range path {
		if n.value != nil {
			return
		}
		var next *node
		for _, k := range n.kids {
			if k.key == key {
				next = k
			}
		}
		if next == nil {
			next = &node{key: key}
			n.kids = append(n.kids, next)
		}
		n = next
	}
	if n.value == nil && n.kids == nil {
		n.value = value
	}
}

func (n *node) append(dst []byte) []byte {
	if n.value != nil {
		return append(dst, n.value...)
	}
	dst = append(dst, '{')
	for i, k := range n.kids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, []byte(k.key))
		dst = append(dst, ':')
		dst = k.append(dst)
	}
	return append(dst, '}')
}
