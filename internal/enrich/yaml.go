package enrich

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// parser walks a YAML document strictly and gathers what is wrong in it.
type parser struct {
	name string
	errs []error
}

type entry struct{ key, value *yaml.Node }

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d:%d: %s", p.name, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// position says an error of the YAML reader as file:line:column.
func (p *parser) position(err error) error {
	var load *yaml.LoadError
	if errors.As(err, &load) && load.Mark.Line > 0 {
		return fmt.Errorf("%s:%d:%d: %s", p.name, load.Mark.Line, load.Mark.Column, load.Message)
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// mapping returns the entries of a mapping in order. Keys must be among
// known, unless that is empty, and stand once. An empty value is an empty
// mapping.
func (p *parser) mapping(n *yaml.Node, known ...string) []entry {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "expected a mapping, found %s", kindOf(n))
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		id := strings.ToLower(k.Value)
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			p.fail(k, "expected a plain key, found %s", kindOf(k))
		case len(known) > 0 && !slices.Contains(known, k.Value):
			p.fail(k, "unknown key %q; known are %s", k.Value, strings.Join(known, ", "))
		case seen[id]:
			p.fail(k, "%q stands here twice", k.Value)
		default:
			seen[id] = true
			out = append(out, entry{k, v})
		}
	}
	return out
}

// strings returns the values of a mapping of known keys to strings.
func (p *parser) strings(n *yaml.Node, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, e := range p.mapping(n, known...) {
		if e.value.Kind != yaml.ScalarNode {
			p.fail(e.value, "%s: expected a text, found %s", e.key.Value, kindOf(e.value))
			continue
		}
		if p.notEmpty(e.value) {
			out[e.key.Value] = e.value
		}
	}
	return out
}

func (p *parser) required(e entry, values map[string]*yaml.Node, key string) {
	if e.value.Kind == yaml.MappingNode && values[key] == nil {
		p.fail(e.key, "%q has no %s", e.key.Value, key)
	} else if e.value.Kind == yaml.ScalarNode && e.value.Tag == "!!null" {
		p.fail(e.key, "%q has no %s", e.key.Value, key)
	}
}

func (p *parser) notEmpty(n *yaml.Node) bool {
	if n.Value == "" || n.Tag == "!!null" {
		p.fail(n, "empty")
		return false
	}
	return true
}

func (p *parser) oneOf(n *yaml.Node, values []string) {
	if n != nil && !slices.Contains(values, n.Value) {
		p.fail(n, "%q is not one of %s", n.Value, strings.Join(values, ", "))
	}
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!merge" {
		return "a merge"
	}
	return fmt.Sprintf("%q", n.Value)
}
