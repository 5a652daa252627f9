package report

import (
	"bufio"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// jsonOptions make equal values equal bytes, and strings safe to embed in a
// page or a script. Bytes that are not UTF-8 become U+FFFD.
var jsonOptions = json.JoinOptions(
	json.Deterministic(true),
	jsontext.AllowInvalidUTF8(true),
	jsontext.EscapeForHTML(true),
	jsontext.EscapeForJS(true),
)

// marshal is v as JSON in which every character that could act on a terminal
// is escaped. indent is the indentation of the lines after the first; with
// none the value is one line.
func marshal(v any, indented bool, prefix string) ([]byte, error) {
	opts := jsonOptions
	if indented {
		opts = json.JoinOptions(opts, jsontext.WithIndentPrefix(prefix), jsontext.WithIndent("  "))
	}
	b, err := json.Marshal(v, opts)
	if err != nil {
		return nil, err
	}
	return escapeInvisible(b), nil
}

// escapeInvisible replaces characters that do not show themselves, such as
// bidirectional overrides, by their \u escapes. Beyond ASCII, characters
// occur only inside the strings of a JSON text, so the value stays the same.
// Combining marks past 16 bits go with them: a cell of CSV that has many is
// escaped once more, in a way that is no JSON.
func escapeInvisible(b []byte) []byte {
	const digits = "0123456789abcdef"
	clean := 0 // b[:clean] needs no change
	var out []byte
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf && b[i] != 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if !term.Visible(r) || r > 0xffff && unicode.In(r, unicode.Mn, unicode.Me) {
			out = append(out, b[clean:i]...)
			for _, u := range utf16(r) {
				out = append(out, '\\', 'u', digits[u>>12], digits[u>>8&15], digits[u>>4&15], digits[u&15])
			}
			clean = i + n
		}
		i += n
	}
	if out == nil {
		return b
	}
	return append(out, b[clean:]...)
}

func utf16(r rune) []uint16 {
	if r < 0x10000 {
		return []uint16{uint16(r)}
	}
	r -= 0x10000
	return []uint16{uint16(0xd800 + r>>10), uint16(0xdc00 + r&0x3ff)}
}

// writeJSON writes the report as one indented object, a finding at a time:
// with all evidence asked for, a report can be large.
func writeJSON(w *bufio.Writer, r *finding.Report) error {
	version, err := marshal(r.SchemaVersion, false, "")
	if err != nil {
		return err
	}
	w.WriteString("{\n  \"schema_version\": ")
	w.Write(version)
	w.WriteString(",\n  \"findings\": ")
	if err := writeArray(w, len(r.Findings), "  ", func(i int) any { return &r.Findings[i] }); err != nil {
		return err
	}
	w.WriteString(",\n  \"summary\": ")
	summary, err := marshal(&r.Summary, true, "  ")
	if err != nil {
		return err
	}
	w.Write(summary)
	w.WriteString(",\n  \"coverage\": ")
	if err := writeArray(w, len(r.Coverage), "  ", func(i int) any { return &r.Coverage[i] }); err != nil {
		return err
	}
	_, err = w.WriteString("\n}\n")
	return err
}

// writeArray writes n values as an indented array whose own lines stand at
// prefix.
func writeArray(w *bufio.Writer, n int, prefix string, at func(int) any) error {
	w.WriteByte('[')
	for i := range n {
		b, err := marshal(at(i), true, prefix+"  ")
		if err != nil {
			return err
		}
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteString("\n" + prefix + "  ")
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	if n > 0 {
		w.WriteString("\n" + prefix)
	}
	return w.WriteByte(']')
}

func writeNDJSON(w io.Writer, findings []finding.Finding) error {
	for i := range findings {
		if err := writeLine(w, &findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	b, err := marshal(v, false, "")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
