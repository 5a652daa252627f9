package exception

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// reader walks a YAML document strictly and gathers what is wrong in it.
type reader struct {
	name   string
	faults []fault
}

type fault struct {
	line, column int
	text         string
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, fault{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// err is all faults in the order in which they stand in the file, or nil.
func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int { return cmp.Or(a.line-b.line, a.column-b.column) })
	var errs []error
	for _, f := range r.faults {
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", r.name, f.line, f.column, f.text))
	}
	return errors.Join(errs...)
}

// maxFile bounds a file of exceptions, in bytes.
const maxFile = 16 << 20

// document parses the text and returns its root, or nil where there is none.
func (r *reader) document(text []byte) *yaml.Node {
	start := &yaml.Node{Line: 1, Column: 1}
	switch {
	case len(text) > maxFile:
		r.fail(start, "the file has %d bytes, and at most %d are read", len(text), maxFile)
		return nil
	case !utf8.Valid(text):
		r.fail(start, "the file is not UTF-8")
		return nil
	}
	doc, err := one(text)
	switch at := new(yaml.LoadError); {
	case errors.As(err, &at) && at.Mark.Line > 0:
		r.fail(&yaml.Node{Line: at.Mark.Line, Column: max(at.Mark.Column, 1)}, "not YAML: %s", at.Message)
	case err != nil:
		r.fail(start, "%s", strings.Join(strings.Fields(err.Error()), " "))
	default:
		return doc
	}
	return nil
}

// one is the root of the one document that the text holds.
func one(text []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); err != nil && err != io.EOF {
		return nil, err
	}
	if len(doc.Content) != 1 || null(doc.Content[0]) {
		return nil, errors.New("the file is empty")
	}
	switch err := loader.Load(&second); err {
	case io.EOF:
		return doc.Content[0], nil
	case nil:
		return nil, errors.New("the file has a second document")
	default:
		return nil, err
	}
}

type entry struct{ key, value *yaml.Node }

// mapping returns the entries of a mapping in order; each key stands once and,
// where some are known, is one of them.
func (r *reader) mapping(n *yaml.Node, what string, known ...string) []entry {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is a mapping, not %s", what, kindOf(n))
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			r.fail(k, "a key is a plain text, not %s", kindOf(k))
		case len(known) > 0 && !slices.Contains(known, k.Value):
			r.fail(k, "%s has no %q; it has %s", what, k.Value, strings.Join(known, ", "))
		case seen[k.Value]:
			r.fail(k, "%q stands here twice", k.Value)
		default:
			seen[k.Value] = true
			out = append(out, entry{k, v})
		}
	}
	return out
}

// text reads one line of text.
func (r *reader) text(n *yaml.Node, what string) string {
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "%s is a text, not %s", what, kindOf(n))
	case null(n), strings.TrimSpace(n.Value) == "":
		r.fail(n, "%s is empty", what)
	case !plain(n.Value):
		r.fail(n, "%s is one line of printable text", what)
	default:
		return n.Value
	}
	return ""
}

// texts reads a text, or a list of texts of which each stands once;
// at says where each stands.
func (r *reader) texts(n *yaml.Node, what string) (list []string, at []*yaml.Node) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
		if len(nodes) == 0 {
			r.fail(n, "%s is empty", what)
		}
	}
	seen := map[string]bool{}
	for _, x := range nodes {
		s := r.text(x, what)
		if s == "" {
			continue
		}
		if seen[s] {
			r.fail(x, "%q stands here twice", s)
			continue
		}
		seen[s] = true
		list, at = append(list, s), append(at, x)
	}
	return list, at
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if null(n) {
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}
