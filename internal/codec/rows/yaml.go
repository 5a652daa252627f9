package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// entryKeys are the members of a LogEntry that stand at the margin of a YAML
// document.
var entryKeys = [][]byte{
	[]byte("insertId:"), []byte("logName:"), []byte("protoPayload:"), []byte("timestamp:"),
	[]byte("receiveTimestamp:"), []byte("resource:"), []byte("severity:"),
}

// looksLikeYAML reports whether a text begins like the YAML of a LogEntry.
func looksLikeYAML(text []byte) bool {
	found := 0
	for line := range bytes.Lines(text) {
		for _, k := range entryKeys {
			if bytes.HasPrefix(line, k) {
				found++
			}
		}
		if found >= 2 {
			return true
		}
		// The first line that is neither such a member, a marker, nor below
		// one decides.
		if found == 0 && !isMarker(line) && len(bytes.TrimSpace(line)) > 0 && line[0] != '#' {
			return false
		}
	}
	return false
}

// isMarker reports whether a line separates documents.
func isMarker(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r\n")
	return string(line) == "---" || string(line) == "..."
}

// readYAML splits the text at its document markers, which stand at the margin
// and so cannot be part of a value, and reads each document by itself: one
// that is broken costs no other.
func readYAML(r io.Reader, yield func(Row) error) error {
	w := window{r: r}
	var out []byte
	doc := 0 // bytes of the document at hand, from w.pos
	overlong := false
	flush := func(open bool) error {
		raw := bytes.TrimSpace(bytes.TrimPrefix(w.buf[w.pos:w.pos+doc], bom))
		at := w.offset()
		row := Row{Raw: raw, Offset: at, Open: open}
		switch {
		case overlong:
			row.Err = errTooLong
		case len(raw) == 0:
			return nil
		default:
			if out, row.Err = yamlToJSON(out[:0], raw); row.Err == nil {
				row.JSON = out
			}
			if len(row.JSON) == 0 && row.Err == nil {
				return nil // comments only
			}
		}
		return yield(row)
	}
	for {
		text := w.rest()[doc:]
		n := bytes.IndexByte(text, '\n') + 1
		switch {
		case n > 0:
		case w.more():
			continue
		case !w.eof:
			// A document longer than is allowed: report it once and drop
			// text up to the next marker.
			if !overlong {
				overlong = true
				if err := flush(false); err != nil {
					return err
				}
			}
			if w.pos += doc; doc == 0 {
				w.pos = w.end
			}
			doc = 0
			continue
		default:
			n = len(text)
		}
		if n > 0 && !isMarker(text[:n]) {
			doc += n
			continue
		}
		if !overlong {
			if err := flush(n == 0); err != nil {
				return err
			}
		}
		if n == 0 {
			return w.err
		}
		overlong = false
		w.pos += doc + n
		doc = 0
	}
}

// maxYAMLDepth bounds nesting, aliases included.
const maxYAMLDepth = 64

var errYAML = errors.New("not a YAML mapping of a record")

// yamlToJSON appends a document as JSON. Numbers and booleans stay what they
// are; everything else that is plain text, timestamps included, is a string.
func yamlToJSON(dst, text []byte) (_ []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("YAML: %v", p)
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return dst, fmt.Errorf("YAML: %w", err)
	}
	if len(doc.Content) == 0 {
		return dst, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode && root.Kind != yaml.SequenceNode {
		return dst, errYAML
	}
	return yamlNode(dst, root, 0)
}

func yamlNode(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	if depth > maxYAMLDepth {
		return dst, errors.New("YAML nested too deep")
	}
	if len(dst) > MaxRow {
		return dst, errTooLong
	}
	var err error
	switch n.Kind {
	case yaml.AliasNode:
		return yamlNode(dst, n.Alias, depth+1)
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			if n.Content[i].Kind != yaml.ScalarNode {
				return dst, errYAML
			}
			dst = append(quote(dst, []byte(n.Content[i].Value)), ':')
			if dst, err = yamlNode(dst, n.Content[i+1], depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, c := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = yamlNode(dst, c, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	switch n.ShortTag() {
	case "!!null":
		return append(dst, "null"...), nil
	case "!!bool":
		if b, err := strconv.ParseBool(n.Value); err == nil {
			return strconv.AppendBool(dst, b), nil
		}
	case "!!int":
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return strconv.AppendInt(dst, v, 10), nil
		}
	}
	return quote(dst, []byte(n.Value)), nil
}
