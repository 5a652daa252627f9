package envelope

import (
	"bytes"
	"encoding/json"
)

// Repair mends text that Azure Event Hubs consumers are known to get and that
// is not quite JSON: braces doubled throughout, the escape \' that JSON does
// not have, a space inside "https: //", and raw quotes inside a string that
// holds HTML. It returns ok only if the result is valid JSON, so what it
// cannot mend is never passed off as mended. It allocates; call it for text
// that has failed to parse.
func Repair(text []byte) (fixed []byte, ok bool) {
	b := bytes.TrimSpace(text)
	if len(b) < 2 || b[0] != '{' && b[0] != '[' {
		return nil, false
	}
	if bytes.HasPrefix(b, []byte("{{")) {
		b = singleBraces(b)
	}
	b = bytes.ReplaceAll(b, []byte(`https: //`), []byte(`https://`))
	if json.Valid(b) {
		return b, true
	}
	b = mendStrings(b)
	return b, json.Valid(b)
}

// singleBraces halves each run of braces outside strings, which doubling has
// made even.
func singleBraces(b []byte) []byte {
	out := make([]byte, 0, len(b))
	inside := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '\\' && inside && i+1 < len(b):
			out = append(out, c)
			i++
			c = b[i]
		case c == '"':
			inside = !inside
		case !inside && (c == '{' || c == '}') && i+1 < len(b) && b[i+1] == c:
			i++
		}
		out = append(out, c)
	}
	return out
}

// mendStrings rewrites \' as ' and escapes quotes that cannot end their
// string: those after which no JSON could go on.
func mendStrings(b []byte) []byte {
	out := make([]byte, 0, len(b)+64)
	inside := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '\\' && inside && i+1 < len(b):
			i++
			if b[i] != '\'' {
				out = append(out, c)
			}
			c = b[i]
		case c == '"' && !inside:
			inside = true
		case c == '"' && endsString(b[i+1:]):
			inside = false
		case c == '"':
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return out
}

// endsString reports whether what follows a quote can follow a string.
func endsString(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) == 0 || bytes.IndexByte([]byte(",:}]"), rest[0]) >= 0
}
