package sigma

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/siem"
)

// item compares a field: the key is its name with modifiers, values are YAML
// scalars as they are printed, any of which holds.
type item struct {
	key    string
	values []string
}

// search is a search of a detection section: it holds where all items of any
// of its maps do.
type search [][]item

// parse reads a search of a field map: a mapping, or a list of mappings.
func parse(text string) (search, error) {
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("no search in %q", text)
	}
	top := doc.Content[0]
	list := []*yaml.Node{top}
	if top.Kind == yaml.SequenceNode {
		list = top.Content
	}
	var s search
	for _, m := range list {
		if m.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("no search in %q", text)
		}
		var items []item
		for i := 0; i < len(m.Content); i += 2 {
			x := item{key: m.Content[i].Value}
			value := m.Content[i+1]
			values := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				values = value.Content
			}
			for _, v := range values {
				switch {
				case v.Kind != yaml.ScalarNode:
					return nil, fmt.Errorf("%s has a value that is none", x.key)
				case v.Tag == "!!str":
					x.values = append(x.values, scalar(v.Value))
				default: // a number, true, false or null
					x.values = append(x.values, v.Value)
				}
			}
			items = append(items, x)
		}
		s = append(s, items)
	}
	return s, nil
}

// write prints a search under its name.
func (s search) write(d *document, name string) {
	d.line(tab, "%s:", name)
	for _, items := range s {
		for i, x := range items {
			mark, depth := "", 2*tab
			if len(s) > 1 {
				mark = "  "
				if i == 0 {
					mark = "- "
				}
			}
			if len(x.values) == 1 {
				d.line(depth, "%s%s: %s", mark, scalar(x.key), x.values[0])
				continue
			}
			d.line(depth, "%s%s:", mark, scalar(x.key))
			for _, v := range x.values {
				d.line(depth+len(mark)+tab, "- %s", v)
			}
		}
	}
}

// tab is how far each level of a document is indented.
const tab = 4

// document is a YAML document that is being written.
type document struct{ strings.Builder }

func (d *document) line(depth int, format string, args ...any) {
	fmt.Fprintf(d, "%*s"+format+"\n", append([]any{depth, ""}, args...)...)
}

// set writes a value of the top level, if there is one.
func (d *document) set(name, value string) {
	if value != "" {
		d.line(0, "%s: %s", name, scalar(value))
	}
}

// list writes a list of values, if there are any. Each stands once.
func (d *document) list(depth int, name string, values []string) {
	seen := map[string]bool{"": true}
	for i, v := range values {
		if i == 0 {
			d.line(depth, "%s:", name)
		}
		if !seen[v] {
			seen[v] = true
			d.line(depth+tab, "- %s", scalar(v))
		}
	}
}

// text writes a longer text as a block.
func (d *document) text(name, value string) {
	words := strings.Fields(printable(siem.PlainLine(value)))
	if len(words) == 0 {
		return
	}
	d.line(0, "%s: |", name)
	line := words[0]
	for _, w := range words[1:] {
		if len(line)+1+len(w) > 100 {
			d.line(tab, "%s", line)
			line = w
			continue
		}
		line += " " + w
	}
	d.line(tab, "%s", line)
}

// bare are scalars that need no quotes, whatever the version of YAML.
var bare = regexp.MustCompile(`^[A-Za-z_]([A-Za-z0-9_./|(),-]|:/| [A-Za-z0-9(-])*$`)

// words are bare scalars that a version of YAML takes for something else.
var words = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)

// scalar writes a text as a YAML scalar: bare where it can stand so, in single
// quotes where all of it can be seen, else in double quotes with escapes.
func scalar(s string) string {
	if bare.MatchString(s) && !words.MatchString(s) {
		return s
	}
	if !strings.ContainsFunc(s, hidden) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case !hidden(c):
			b.WriteRune(c)
		case c <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// hidden reports whether a character cannot be seen for what it is.
func hidden(c rune) bool { return c != ' ' && (unicode.IsSpace(c) || !unicode.IsGraphic(c)) }

// printable takes out of a text what cannot be seen, for comments and blocks,
// which have no escapes.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if hidden(c) {
			return ' '
		}
		return c
	}, s)
}

// literal writes a value that a field equals: * and ? stand for other text
// in Sigma's strings, and a backslash takes that from them.
func literal(s string) string {
	return scalar(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s))
}
