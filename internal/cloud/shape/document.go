package shape

import (
	"bytes"
	"strings"

	"vedette/internal/cloud/scratch"
	"vedette/internal/codec/jsonscan"
)

// document is an object whose members can be asked for by path.
type document struct {
	keys   map[string][]byte
	folded map[string][]byte // by lower-case name; made when first needed
	order  []string
}

// maxMembers bounds how many members of an object are looked at; wide tables
// have a few hundred columns.
const maxMembers = 4096

func read(obj []byte) (*document, bool) {
	obj = obj[jsonscan.Space(obj, 0):]
	d := &document{keys: make(map[string][]byte, 64)}
	w := jsonscan.Members(obj)
	for {
		key, val, ok := w.Next()
		if !ok {
			break
		}
		if bytes.IndexByte(key, '\\') >= 0 {
			key = jsonscan.Unescape(nil, key)
		}
		name := column(string(key))
		if _, twice := d.keys[name]; !twice {
			if len(d.order) >= maxMembers {
				continue
			}
			d.order = append(d.order, name)
		} else if empty(val) {
			continue // an empty second spelling does not hide the first
		}
		d.keys[name] = val
	}
	return d, w.Err() == nil
}

// column is a column's name without what exports add to it: the time zone
// behind ("TimeGenerated [UTC]").
func column(name string) string {
	if i := strings.IndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") && name[i-1] == ' ' {
		return strings.TrimRight(name[:i], " ")
	}
	return name
}

func (d *document) get(name string, fold bool) []byte {
	if val, ok := d.keys[name]; ok || !fold {
		return val
	}
	if d.folded == nil {
		d.folded = make(map[string][]byte, len(d.order))
		for _, k := range d.order {
			low := strings.ToLower(k)
			if empty(d.folded[low]) {
				d.folded[low] = d.keys[k]
			}
		}
	}
	return d.folded[strings.ToLower(name)]
}

// lookup returns the value at a path, or nil. The parts of the path are
// members of nested objects, or parts of one dotted name ("event.action"), or
// both; an object may stand as text within a string.
func (d *document) lookup(path string, fold bool) []byte {
	if val := d.get(path, fold); !empty(val) {
		return val
	}
	for i := strings.IndexByte(path, '.'); i >= 0; {
		if val := descend(d.get(path[:i], fold), path[i+1:], fold, 0); !empty(val) {
			return val
		}
		j := strings.IndexByte(path[i+1:], '.')
		if j < 0 {
			break
		}
		i += 1 + j
	}
	return nil
}

// maxLookup bounds nesting on the way to a value.
const maxLookup = 16

func descend(obj []byte, path string, fold bool, depth int) []byte {
	if depth > maxLookup || len(obj) == 0 {
		return nil
	}
	if obj[0] == '"' {
		if !holdsObject(obj) {
			return nil
		}
		obj = bytes.TrimSpace(jsonscan.Text(obj))
	}
	if obj[0] != '{' {
		return nil
	}
	var found []byte
	w := jsonscan.Members(obj)
	for {
		key, val, ok := w.Next()
		if !ok {
			return found
		}
		switch {
		case same(string(key), path, fold):
			if !empty(val) {
				found = val
			}
		case len(key) < len(path) && path[len(key)] == '.' && same(string(key), path[:len(key)], fold):
			if v := descend(val, path[len(key)+1:], fold, depth+1); !empty(v) {
				found = v
			}
		}
	}
}

func same(a, b string, fold bool) bool {
	if fold {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// holdsObject reports whether a string's text looks like an object.
func holdsObject(val []byte) bool {
	in := bytes.TrimLeft(val[1:len(val)-1], " ")
	return len(in) >= 2 && in[0] == '{'
}

// empty reports whether a value says nothing: missing, null, "", or the "-"
// and "null" that exports write for it.
func empty(val []byte) bool {
	switch string(val) {
	case "", "null", `""`, `"null"`, `"-"`, `"{}"`, `"[]"`:
		return true
	}
	return false
}

// scalar is the text of a string, number or boolean, or of the first element
// of an array, which is how some search products return every field. Numbers
// that are equal have the same text.
func scalar(val []byte) []byte {
	if len(val) > 0 && val[0] == '[' {
		a := jsonscan.Elements(val)
		first, ok := a.Next()
		if !ok || first[0] == '[' {
			return nil
		}
		val = first
	}
	if jsonscan.IsString(val) {
		return jsonscan.Text(val)
	}
	return scratch.Whole(jsonscan.Scalar(val))
}

// code is scalar for what is compared or reckoned with: a number within a
// string, where tables of text have all of theirs, is a number too.
func code(val []byte) []byte { return scratch.Whole(scalar(val)) }
