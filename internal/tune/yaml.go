package tune

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// ParseLabels reads the text of a file of labels; name stands for the file in
// errors.
func ParseLabels(name string, text []byte) (*Labels, error) {
	p := &parser{name: name}
	labels := &Labels{}
	if root := p.document(text); root != nil {
		fields := p.mapping(root, "a file of labels", "attacks", "benign")
		labels.Attacks = p.labels(fields["attacks"], "attacks", true)
		labels.Benign = p.labels(fields["benign"], "benign", false)
		if fields != nil && len(fields)+len(p.errs) == 0 {
			p.fail(root, "there are no labels: neither attacks nor benign")
		}
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return labels, nil
}

// parser walks a YAML document strictly and gathers what is wrong in it.
type parser struct {
	name string
	errs []error
}

func (p *parser) failAt(line, col int, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d:%d: %s", p.name, line, col, fmt.Sprintf(format, args...)))
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.failAt(n.Line, n.Column, format, args...)
}

// document returns the root of the one document of the file, or nil after
// saying why there is none.
func (p *parser) document(text []byte) *yaml.Node {
	if !utf8.Valid(text) {
		line, col := badUTF8(text)
		p.failAt(line, col, "this byte is not UTF-8")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		p.failAt(1, 1, "not YAML: %s", err)
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF) || err == nil && (len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null"):
		p.failAt(1, 1, "the file is empty")
		return nil
	case err != nil:
		p.failYAML(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		p.failAt(max(second.Line, 1), max(second.Column, 1), "a second document")
		return nil
	case !errors.Is(err, io.EOF):
		p.failYAML(err)
		return nil
	}
	return doc.Content[0]
}

func (p *parser) failYAML(err error) {
	if at := new(yaml.LoadError); errors.As(err, &at) && at.Mark.Line > 0 {
		p.failAt(at.Mark.Line, max(at.Mark.Column, 1), "not YAML: %s", at.Message)
		return
	}
	p.failAt(1, 1, "not YAML: %s", err)
}

func badUTF8(text []byte) (line, col int) {
	at := 0
	for at < len(text) {
		c, n := utf8.DecodeRune(text[at:])
		if c == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	begin := bytes.LastIndexByte(text[:at], '\n') + 1
	return bytes.Count(text[:at], []byte("\n")) + 1, utf8.RuneCount(text[begin:at]) + 1
}

// mapping reads a mapping whose keys are among known and stand once; nil
// where n is none.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s is a mapping (fields: %s), not %s", what, strings.Join(known, ", "), kindOf(n))
		return nil
	}
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch first := fields[k.Value]; {
		case k.Kind != yaml.ScalarNode || !slices.Contains(known, k.Value):
			p.fail(k, "%s has no field %s; its fields are %s", what, kindOf(k), strings.Join(known, ", "))
		case first != nil:
			p.fail(k, "%q is given twice, first on line %d", k.Value, first.Line)
		default:
			fields[k.Value] = v
		}
	}
	return fields
}

// labels reads a list of labels, whose names are distinct. What is an attack
// says when it was.
func (p *parser) labels(n *yaml.Node, what string, attacks bool) []Label {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "%s is a list, not %s", what, kindOf(n))
		return nil
	}
	if len(n.Content) == 0 {
		p.fail(n, "%s is an empty list", what)
	}
	var list []Label
	lines := map[string]int{}
	for _, c := range n.Content {
		l := p.label(c, "an entry of "+what, attacks)
		if first := lines[l.Name]; first > 0 {
			p.fail(c, "the name %q is given twice in %s, first on line %d", l.Name, what, first)
		} else if l.Name != "" {
			lines[l.Name] = c.Line
		}
		list = append(list, l)
	}
	return list
}

func (p *parser) label(n *yaml.Node, what string, attack bool) Label {
	fields := p.mapping(n, what, "name", "principal", "account", "from", "until")
	required := []string{"name", "principal"}
	if attack {
		required = append(required, "from", "until")
	}
	for _, name := range required {
		if fields != nil && fields[name] == nil {
			p.fail(n, "%s lacks %q", what, name)
		}
	}
	l := Label{
		Name: p.text(fields["name"], "name"), Principal: p.text(fields["principal"], "principal"), Account: p.text(fields["account"], "account"),
		From: p.time(fields["from"], "from"), Until: p.time(fields["until"], "until"),
	}
	if l.Principal != "" && strings.Trim(l.Principal, "*") == "" {
		p.fail(fields["principal"], "principal: wildcards alone would name everyone")
	}
	if !l.From.IsZero() && !l.Until.IsZero() && l.Until.Before(l.From) {
		p.fail(fields["until"], "until: %s is before from", fields["until"].Value)
	}
	return l
}

// text reads one line of text; empty for a missing field. An account's number
// is one as it stands.
func (p *parser) text(n *yaml.Node, what string) string {
	switch {
	case n == nil:
		return ""
	case n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" && n.ShortTag() != "!!int":
		p.fail(n, "%s is text, not %s", what, kindOf(n))
		return ""
	case strings.TrimSpace(n.Value) == "":
		p.fail(n, "%s is empty", what)
		return ""
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		p.fail(n, "%s is one line without control characters", what)
		return ""
	}
	return n.Value
}

// time reads an instant in RFC 3339; zero for a missing field.
func (p *parser) time(n *yaml.Node, what string) time.Time {
	if n == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		p.fail(n, "%s is a time in RFC 3339 such as 2026-03-17T13:00:00Z, not %s", what, kindOf(n))
		return time.Time{}
	}
	if t.IsZero() {
		p.fail(n, "%s: %s is no time of a log", what, n.Value)
	}
	return t.UTC()
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
	if n.ShortTag() == "!!null" {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
