package shape

import "bytes"

// maxStruct bounds the nesting of struct text.
const maxStruct = 32

// structText turns the text that Athena, Presto, Hive and Java maps make of
// a struct, {type=IAMUser, sessioncontext={attributes={...}}}, into JSON. All
// values become strings; null is left out. The text has no escapes, so a
// value that itself holds ", name=" cannot be told from two members.
func structText(text []byte) ([]byte, bool) {
	p := structParser{in: text}
	out, ok := p.value(nil, 0)
	return out, ok && len(bytes.TrimSpace(p.in)) == 0
}

type structParser struct{ in []byte }

func (p *structParser) space() { p.in = bytes.TrimLeft(p.in, " \t\r\n") }

func (p *structParser) value(dst []byte, depth int) ([]byte, bool) {
	if depth > maxStruct {
		return dst, false
	}
	if len(p.in) > 0 && p.in[0] == '{' {
		return p.members(dst, depth)
	}
	if len(p.in) > 0 && p.in[0] == '[' {
		return p.elements(dst, depth)
	}
	return appendString(dst, p.word()), true
}

func (p *structParser) members(dst []byte, depth int) ([]byte, bool) {
	p.in = p.in[1:]
	dst = append(dst, '{')
	first := len(dst)
	for {
		p.space()
		if len(p.in) == 0 {
			return dst, false
		}
		if p.in[0] == '}' {
			p.in = p.in[1:]
			return append(dst, '}'), true
		}
		n := nameLen(p.in)
		if n == 0 {
			return dst, false
		}
		before := len(dst)
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = appendString(dst, p.in[:n])
		dst = append(dst, ':')
		p.in = p.in[n+1:]
		from := len(dst)
		var ok bool
		if dst, ok = p.value(dst, depth+1); !ok {
			return dst, false
		}
		if v := string(dst[from:]); v == `"null"` || v == `""` {
			dst = dst[:before]
		}
		p.space()
		if len(p.in) > 0 && p.in[0] == ',' {
			p.in = p.in[1:]
		} else if len(p.in) > 0 && p.in[0] != '}' {
			return dst, false
		}
	}
}

func (p *structParser) elements(dst []byte, depth int) ([]byte, bool) {
	p.in = p.in[1:]
	dst = append(dst, '[')
	first := len(dst)
	for {
		p.space()
		if len(p.in) == 0 {
			return dst, false
		}
		if p.in[0] == ']' {
			p.in = p.in[1:]
			return append(dst, ']'), true
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		var ok bool
		before := len(p.in)
		if dst, ok = p.value(dst, depth+1); !ok {
			return dst, false
		}
		p.space()
		if len(p.in) > 0 && p.in[0] == ',' {
			p.in = p.in[1:]
		}
		if len(p.in) == before {
			return dst, false
		}
	}
}

// nameLen is the length of a member name followed by "=", or 0.
func nameLen(b []byte) int {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '_' || c == '-' || c == '.' || c == '@' || c == '$' || c == ':' || c == '/':
		case c == '=' && i > 0:
			return i
		default:
			return 0
		}
	}
	return 0
}

// word takes a value up to the closing bracket, or to a comma before the
// next member.
func (p *structParser) word() []byte {
	end := 0
	for end < len(p.in) {
		c := p.in[end]
		if c == '}' || c == ']' {
			break
		}
		if c == ',' {
			rest := bytes.TrimLeft(p.in[end+1:], " ")
			if nameLen(rest) > 0 {
				break
			}
		}
		end++
	}
	w := bytes.TrimSpace(p.in[:end])
	p.in = p.in[end:]
	return w
}
