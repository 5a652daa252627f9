package detection

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// maxFile bounds a detection file, in bytes. The largest real one is a few
// kilobytes.
const maxFile = 1 << 20

// maxList bounds every list, so that comparing each entry with each stays
// cheap whatever the file holds.
const maxList = 1000

// reader walks a YAML tree and reports what is wrong where.
type reader struct{ report }

// document parses the file and returns its one mapping, or nil after
// reporting why there is none.
func (r *reader) document(data []byte) *yaml.Node {
	start := pos{1, 1}
	switch {
	case len(data) > maxFile:
		r.errorf(start, "the file has %d bytes; a detection has at most %d", len(data), maxFile)
		return nil
	case !utf8.Valid(data):
		r.errorf(badUTF8(data), "this byte is not UTF-8")
		return nil
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		if at := new(yaml.LoadError); errors.As(err, &at) && at.Mark.Line > 0 {
			r.errorf(pos{at.Mark.Line, max(at.Mark.Column, 1)}, "not YAML: %s", at.Message)
		} else {
			r.errorf(start, "not one YAML document: %s", err)
		}
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].ShortTag() == "!!null" {
		r.errorf(start, "the file is empty")
		return nil
	}
	return doc.Content[0]
}

func badUTF8(data []byte) pos {
	at := 0
	for at < len(data) {
		c, n := utf8.DecodeRune(data[at:])
		if c == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	line := bytes.LastIndexByte(data[:at], '\n') + 1
	return pos{bytes.Count(data[:at], []byte("\n")) + 1, utf8.RuneCount(data[line:at]) + 1}
}

func at(n *yaml.Node) pos { return pos{n.Line, n.Column} }

// mapping holds the fields of one mapping.
type mapping struct {
	pos    pos
	what   string
	fields map[string]*yaml.Node
}

// mapping reads a mapping whose keys must be among known. It returns nil
// where n is none. what names the thing in messages: "a window".
func (r *reader) mapping(n *yaml.Node, what string, known ...string) *mapping {
	if !r.plain(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.errorf(at(n), "%s is a mapping (fields: %s), not %s", what, strings.Join(known, ", "), kindOf(n))
		return nil
	}
	m := &mapping{pos: at(n), what: what, fields: make(map[string]*yaml.Node)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.plain(key) {
			continue
		}
		switch first, dup := m.fields[key.Value]; {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			hint := "its fields are " + strings.Join(known, ", ")
			if near := nearest(key.Value, known); near != "" {
				hint = "did you mean " + strconv.Quote(near) + "?"
			}
			r.errorf(at(key), "%s has no field %q: %s", what, key.Value, hint)
		case dup:
			r.errorf(at(key), "%q is given twice, first with the value on line %d", key.Value, first.Line)
		default:
			m.fields[key.Value] = value
		}
	}
	return m
}

// require reports the fields that are missing.
func (r *reader) require(m *mapping, names ...string) {
	for _, name := range names {
		if m.fields[name] == nil {
			r.errorf(m.pos, "%s lacks %q", m.what, name)
		}
	}
}

// list returns the elements of a sequence; none for a missing field.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	if n == nil || !r.plain(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.errorf(at(n), "%s is a list, not %s", what, kindOf(n))
		return nil
	}
	switch {
	case len(n.Content) == 0:
		r.errorf(at(n), "%s is empty", what)
	case len(n.Content) > maxList:
		r.errorf(at(n.Content[maxList]), "%s has more than %d entries", what, maxList)
		return n.Content[:maxList]
	}
	return n.Content
}

// text reads one line of text; empty for a missing field.
func (r *reader) text(n *yaml.Node, what string) string {
	s, ok := r.scalar(n, what, "text", "!!str")
	if !ok {
		return ""
	}
	if strings.TrimSpace(s) == "" {
		r.errorf(at(n), "%s is empty", what)
		return ""
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		r.errorf(at(n), "%s is one line without control characters", what)
		return ""
	}
	return s
}

// prose reads text of several lines.
func (r *reader) prose(n *yaml.Node, what string) string {
	s, ok := r.scalar(n, what, "text", "!!str")
	if ok && strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		r.errorf(at(n), "%s holds control characters", what)
		return ""
	}
	return strings.TrimSpace(s)
}

// texts reads a list of distinct lines of text. valid, unless nil, says what
// is wrong with one.
func (r *reader) texts(n *yaml.Node, what string, valid func(string) string) []string {
	var list []string
	for _, c := range r.list(n, what) {
		s := r.text(c, "an entry of "+what)
		switch {
		case s == "":
			continue
		case slices.Contains(list, s):
			r.errorf(at(c), "%s lists %q twice", what, s)
			continue
		case valid != nil:
			if wrong := valid(s); wrong != "" {
				r.errorf(at(c), "%s, not %q", wrong, s)
				continue
			}
		}
		list = append(list, s)
	}
	return list
}

// oneOf reads a word out of a few; empty for a missing field.
func (r *reader) oneOf(n *yaml.Node, what string, words []string) string {
	s := r.text(n, what)
	if s != "" && !slices.Contains(words, s) {
		hint := ""
		if near := nearest(s, words); near != "" {
			hint = "; did you mean " + strconv.Quote(near) + "?"
		}
		r.errorf(at(n), "%s is one of %s, not %q%s", what, strings.Join(words, ", "), s, hint)
		return ""
	}
	return s
}

// number reads a whole number from least to most; or, for a missing field,
// returns missing.
func (r *reader) number(n *yaml.Node, what string, least, most, missing int) int {
	s, ok := r.scalar(n, what, "a whole number", "!!int")
	if !ok {
		return missing
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		r.errorf(at(n), "%s is a whole number in decimal digits, not %q", what, s)
		return missing
	}
	if v < least || v > most {
		r.errorf(at(n), "%s is from %d to %d, not %d", what, least, most, v)
		return missing
	}
	return v
}

// truth reads true or false; given is false for a missing field.
func (r *reader) truth(n *yaml.Node, what string) (value, given bool) {
	s, ok := r.scalar(n, what, "true or false", "!!bool")
	return strings.EqualFold(s, "true"), ok
}

// duration reads a span of time such as 15m; or, for a missing field, returns
// missing.
func (r *reader) duration(n *yaml.Node, what string, least, most, missing time.Duration) time.Duration {
	s, ok := r.scalar(n, what, "a span of time such as 15m", "!!str")
	if !ok {
		return missing
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		r.errorf(at(n), "%s is a span of time such as 90s, 15m or 24h, not %q", what, s)
		return missing
	}
	if v < least || v > most {
		r.errorf(at(n), "%s is from %v to %v, not %v", what, least, most, v)
		return missing
	}
	return v
}

// scalar returns a scalar of the given YAML type. ok is false for a missing
// field, and after an error was reported.
func (r *reader) scalar(n *yaml.Node, what, kind, tag string) (value string, ok bool) {
	if n == nil || !r.plain(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != tag {
		hint := ""
		if n.Kind == yaml.ScalarNode && tag == "!!str" && kind == "text" && n.Value != "" {
			hint = ": write it in quotes"
		}
		r.errorf(at(n), "%s is %s, not %s%s", what, kind, kindOf(n), hint)
		return "", false
	}
	return n.Value, true
}

// plain reports whether n is free of the parts of YAML that detections do
// without, and says so where it is not: anchors and aliases can make a small
// file huge, and custom tags mean nothing here.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.errorf(at(n), "anchors and aliases are not used in detections")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.errorf(at(n), "tags such as %s are not used in detections", n.Tag)
		return false
	}
	return true
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the truth value " + n.Value
	case "!!timestamp":
		return "the date " + n.Value
	}
	return strconv.Quote(n.Value)
}

// nearest is the word closest to s if a slip of the fingers explains the
// difference, else empty.
func nearest(s string, words []string) string {
	limit := min(max(2, len(s)/4), len(s)-1)
	best, found := limit+1, ""
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w), limit); d < best {
			best, found = d, w
		}
	}
	return found
}

// distance is the Levenshtein distance of two strings, or any number above
// limit where it is greater.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > 256 || len(b) > 256 {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
