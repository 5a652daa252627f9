package shape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/codec/localdate"
	"vedette/internal/event"
)

// transforms are the ways to turn a foreign value into a native one. A
// transform returns JSON, or nil where the value cannot be what it should.
var transforms = map[string]func(t *Table, val []byte) []byte{
	"text":   func(_ *Table, val []byte) []byte { return quoteText(scalar(val)) },
	"lower":  func(_ *Table, val []byte) []byte { return quoteText(bytes.ToLower(scalar(val))) },
	"unwrap": func(_ *Table, val []byte) []byte { return quoteText(bytes.Trim(scalar(val), `"`)) },
	"arn":    arn,
	"noarn":  noarn,
	"error":  errorCode,
	"python": python,
	"uuid":   uuid,
	"time":   instant,
	"bool":   boolean,
	"number": number,
	"raw":    func(_ *Table, val []byte) []byte { return structure(val) },
	"list":   list,
	"names":  func(t *Table, val []byte) []byte { return t.names.apply(structure(val)) },
	"camel":  func(_ *Table, val []byte) []byte { return rename(structure(val), camel, 0) },
	"claims": func(_ *Table, val []byte) []byte { return rename(structure(val), claim, 0) },
}

// checkTransform reports a name that Convert would not know.
func (t *Table) checkTransform(how string) error {
	if m, ok := strings.CutPrefix(how, "map:"); ok {
		if t.maps[m] == nil {
			return fmt.Errorf("no map %q", m)
		}
		return nil
	}
	if how != "const" && transforms[how] == nil {
		return fmt.Errorf("unknown transform %q", how)
	}
	return nil
}

func (t *Table) transform(how string, val []byte) []byte {
	if m, ok := strings.CutPrefix(how, "map:"); ok {
		to, ok := t.maps[m][strings.ToLower(string(code(val)))]
		if !ok {
			return nil
		}
		if to == "true" || to == "false" {
			return []byte(to)
		}
		return appendString(nil, []byte(to))
	}
	return transforms[how](t, val)
}

// quoteText makes a string of text; empty text is no value.
func quoteText(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return appendString(make([]byte, 0, len(text)+2), text)
}

// arn takes text only if it is an ARN: some schemas keep other ids in the
// same field.
func arn(_ *Table, val []byte) []byte {
	text := scalar(val)
	if !bytes.HasPrefix(text, []byte("arn:")) {
		return nil
	}
	return quoteText(text)
}

// noarn takes text unless it is an ARN.
func noarn(_ *Table, val []byte) []byte {
	text := scalar(val)
	if bytes.HasPrefix(text, []byte("arn:")) {
		return nil
	}
	return quoteText(text)
}

// errorCode takes text, but for the word that a public data set writes where
// there was no error.
func errorCode(_ *Table, val []byte) []byte {
	text := code(val)
	if string(text) == "NoError" {
		return nil
	}
	return quoteText(text)
}

// python reads a dictionary of strings as Python prints it. A string that
// holds an apostrophe stands in double quotes there.
func python(_ *Table, val []byte) []byte {
	text := scalar(val)
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"':
			end := bytes.IndexByte(text[i+1:], c)
			if end < 0 {
				return nil
			}
			out = appendString(out, text[i+1:i+1+end])
			i += end + 1
		default:
			if word, json := pythonWord(text[i:]); word > 0 {
				out = append(out, json...)
				i += word - 1
				continue
			}
			out = append(out, c)
		}
	}
	if !json.Valid(out) {
		return nil
	}
	return out
}

// pythonWord gives the length of a constant of Python and its JSON.
func pythonWord(b []byte) (n int, json string) {
	for from, to := range map[string]string{"None": "null", "True": "true", "False": "false"} {
		if bytes.HasPrefix(b, []byte(from)) {
			return len(from), to
		}
	}
	return 0, ""
}

// uuid puts dashes back into 32 hexadecimal digits.
func uuid(_ *Table, val []byte) []byte {
	text := scalar(val)
	if len(text) == 32 {
		for _, c := range text {
			if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
				return quoteText(text)
			}
		}
		text = bytes.Join([][]byte{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, []byte("-"))
	}
	return quoteText(text)
}

// instant reads RFC 3339 and its relatives, local dates, and seconds,
// milliseconds, microseconds or nanoseconds since 1970, which their size
// tells apart for every year from 1973 to 5138.
func instant(_ *Table, val []byte) []byte {
	text := code(val)
	var at time.Time
	if ns, ok := event.ParseTime(text); ok {
		at = time.Unix(0, ns)
	} else if t, ok := localdate.Parse(text, localdate.Unknown); ok {
		at = t
	} else if ns, ok := epoch(text); ok {
		at = time.Unix(0, ns)
	} else {
		return nil
	}
	return appendString(nil, at.UTC().AppendFormat(nil, time.RFC3339Nano))
}

func epoch(text []byte) (ns int64, ok bool) {
	scale := int64(1)
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		switch {
		case n < 1e8:
			return 0, false
		case n < 1e11:
			scale = 1e9
		case n < 1e14:
			scale = 1e6
		case n < 1e17:
			scale = 1e3
		}
		if n > math.MaxInt64/scale {
			return 0, false
		}
		return n * scale, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f >= 1e8 && f < 9e9) {
		return 0, false
	}
	// Seconds with a fraction; microseconds are as far as a float64 goes.
	return int64(math.Round(f*1e6)) * 1000, true
}

func boolean(_ *Table, val []byte) []byte {
	switch strings.ToLower(string(code(val))) {
	case "true", "1", "yes", "t":
		return []byte("true")
	case "false", "0", "no", "f":
		return []byte("false")
	}
	return nil
}

func number(_ *Table, val []byte) []byte {
	text := scalar(val)
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
		return nil
	}
	return strconv.AppendInt(nil, int64(n), 10)
}

// structure gives an object or array as it stands, whether it stands as JSON,
// as JSON in a string, or as the text that Athena and Hive make of a struct.
// A string that holds neither stays a string.
func structure(val []byte) []byte {
	if !jsonscan.IsString(val) {
		if !json.Valid(val) {
			return nil
		}
		return val
	}
	text := bytes.TrimSpace(jsonscan.Text(val))
	if len(text) > 1 && (text[0] == '{' || text[0] == '[') {
		if json.Valid(text) {
			return text
		}
		if obj, ok := structText(text); ok {
			return obj
		}
	}
	return quoteText(text)
}

// list makes an array of one of a value that should be an array.
func list(_ *Table, val []byte) []byte {
	out := structure(val)
	if len(out) == 0 || out[0] == '[' {
		return out
	}
	return append(append([]byte{'['}, out...), ']')
}

// maxRename bounds the depth to which members are renamed.
const maxRename = 64

// rename rewrites the member names of a value at every depth.
func rename(val []byte, to func(string) string, depth int) []byte {
	if len(val) == 0 || val[0] != '{' && val[0] != '[' || depth > maxRename {
		return val
	}
	out := make([]byte, 0, len(val)+16)
	if val[0] == '[' {
		out = append(out, '[')
		a := jsonscan.Elements(val)
		for {
			e, ok := a.Next()
			if !ok {
				return append(out, ']')
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, rename(e, to, depth+1)...)
		}
	}
	out = append(out, '{')
	o := jsonscan.Members(val)
	for {
		key, v, ok := o.Next()
		if !ok {
			return append(out, '}')
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendString(out, []byte(to(string(jsonscan.Unescape(nil, key)))))
		out = append(out, ':')
		out = append(out, rename(v, to, depth+1)...)
	}
}

// camel turns snake_case into camelCase.
func camel(name string) string {
	var out []byte
	up := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_' && i > 0 && i+1 < len(name):
			up = true
			continue
		case up && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		out = append(out, c)
	}
	return string(out)
}

// claim restores the host names in the claim URLs that Elastic's pipeline
// wrote without dots.
func claim(name string) string {
	name = strings.Replace(name, "//schemas_microsoft_com/", "//schemas.microsoft.com/", 1)
	return strings.Replace(name, "//schemas_xmlsoap_org/", "//schemas.xmlsoap.org/", 1)
}

// renamer gives names back the spelling that the provider uses.
type renamer struct{ by map[string]string }

// newRenamer takes names in their native spelling, and "foreign=native" for
// those that differ by more than case.
func newRenamer(names []string) *renamer {
	r := &renamer{by: make(map[string]string, len(names))}
	for _, n := range names {
		from, to, ok := strings.Cut(n, "=")
		if !ok {
			to = n
		}
		r.by[strings.ToLower(from)] = to
	}
	return r
}

func (r *renamer) apply(val []byte) []byte {
	return rename(val, func(name string) string {
		if to, ok := r.by[strings.ToLower(name)]; ok {
			return to
		}
		return name
	}, 0)
}

// appendString appends text as a JSON string. Bytes that are not UTF-8 become
// the replacement character, so that the result is always valid.
func appendString(dst, text []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // its error says just that
	return dst
}
