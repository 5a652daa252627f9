// Package jsonscan walks JSON without building it. It hands out views into
// the bytes it was given and copies nothing, so that a decoder which wants
// fifteen fields of a record pays for fifteen fields.
//
// It finds its way by structure: strings, brackets and separators are
// followed exactly, while what lies inside a value that is skipped is not
// validated further. Malformed input ends in an error, never in a panic, and
// every value it does hand out is the value that encoding/json would see
// there (held by differential fuzzing).
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// The errors of a scan.
var (
	// ErrTruncated says that the bytes end inside a value.
	ErrTruncated = errors.New("JSON ends early")
	// ErrSyntax says that the bytes are not JSON.
	ErrSyntax = errors.New("not valid JSON")
)

// maxDepth bounds nesting, so that hostile input cannot make a walk deep.
const maxDepth = 512

// Space returns the position of the first byte at or after pos that is not
// JSON white space.
func Space(b []byte, pos int) int {
	for pos < len(b) {
		switch b[pos] {
		case ' ', '\t', '\n', '\r':
			pos++
		default:
			return pos
		}
	}
	return pos
}

// Skip returns the end of the value that starts at pos, which must not be
// white space.
func Skip(b []byte, pos int) (int, error) {
	if pos >= len(b) {
		return pos, ErrTruncated
	}
	switch b[pos] {
	case '"':
		return skipString(b, pos)
	case '{', '[':
		return skipNested(b, pos)
	case 't':
		return skipWord(b, pos, "true")
	case 'f':
		return skipWord(b, pos, "false")
	case 'n':
		return skipWord(b, pos, "null")
	}
	return skipNumber(b, pos)
}

func skipWord(b []byte, pos int, word string) (int, error) {
	if len(b)-pos < len(word) {
		if string(b[pos:]) == word[:len(b)-pos] {
			return len(b), ErrTruncated
		}
		return pos, ErrSyntax
	}
	if string(b[pos:pos+len(word)]) != word {
		return pos, ErrSyntax
	}
	return pos + len(word), nil
}

func skipNumber(b []byte, pos int) (int, error) {
	start := pos
	for pos < len(b) {
		c := b[pos]
		if c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' {
			pos++
			continue
		}
		break
	}
	if pos == start {
		return pos, ErrSyntax
	}
	return pos, nil
}

// skipString returns the position after the closing quote of the string that
// opens at pos.
func skipString(b []byte, pos int) (int, error) {
	start := pos + 1
	pos = start
	for {
		// Most strings of a log are short: look at eight bytes at a time
		// rather than call out for each.
		for n := 0; ; n++ {
			if n == 4 || pos+8 > len(b) {
				i := bytes.IndexByte(b[pos:], '"')
				if i < 0 {
					return len(b), ErrTruncated
				}
				pos += i
				break
			}
			if m := hasByte(binary.LittleEndian.Uint64(b[pos:]), '"'); m != 0 {
				pos += bits.TrailingZeros64(m) >> 3
				break
			}
			pos += 8
		}
		// A quote behind an odd number of backslashes is part of the string.
		slashes := pos
		for slashes > start && b[slashes-1] == '\\' {
			slashes--
		}
		pos++
		if (pos-1-slashes)&1 == 0 {
			return pos, nil
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// hasByte returns a word whose lowest set bit lies in the lowest byte of w
// that equals c; bits above it are not exact.
func hasByte(w uint64, c byte) uint64 {
	x := w ^ (ones * uint64(c))
	return (x - ones) &^ x & highs
}

// hasBracket is hasByte for all of { } [ ]: with bit 0x20 set, { and [ are
// both 0x7b, } and ] both 0x7d.
func hasBracket(w uint64) uint64 {
	w |= ones * 0x20
	return hasByte(w, '{') | hasByte(w, '}')
}

// skipNested returns the end of the object or array that opens at pos.
// Brackets are matched by number, and by kind only the outermost pair.
func skipNested(b []byte, pos int) (int, error) {
	if nestedFast {
		if n := nestedEnd(&b[pos], len(b)-pos); n > 0 {
			return closing(b, pos, pos+n-1)
		}
	}
	return walkNested(b, pos)
}

// walkNested is skipNested for any processor and any value.
func walkNested(b []byte, pos int) (int, error) {
	open, depth := pos, 0
	for pos < len(b) {
		c := b[pos]
		if !special[c] {
			// Between strings stands one byte as a rule: not worth eight.
			if c == ':' || c == ',' || pos+8 > len(b) {
				pos++
				continue
			}
			w := binary.LittleEndian.Uint64(b[pos:])
			m := hasByte(w, '"') | hasBracket(w)
			if m == 0 {
				pos += 8
				continue
			}
			pos += bits.TrailingZeros64(m) >> 3
			c = b[pos]
		}
		switch c {
		case '"':
			end, err := skipString(b, pos)
			if err != nil {
				return end, err
			}
			pos = end
			continue
		case '{', '[':
			if depth == maxDepth {
				return pos, ErrSyntax
			}
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return closing(b, open, pos)
			}
		}
		pos++
	}
	return len(b), ErrTruncated
}

// closing returns the end of a value whose first and last brackets are given.
func closing(b []byte, first, last int) (int, error) {
	if b[last] != b[first]+2 { // as in ASCII, for both kinds
		return last, ErrSyntax
	}
	return last + 1, nil
}

// special marks the bytes that steer a walk through nested values.
var special = func() (t [256]bool) {
	for _, c := range []byte("\"{}[]") {
		t[c] = true
	}
	return t
}()

// Array walks the elements of a JSON array.
type Array struct {
	b    []byte
	pos  int
	err  error
	done bool
}

// Elements returns a walk over the array that starts at b[0].
func Elements(b []byte) Array {
	a := Array{b: b, pos: 1}
	if len(b) == 0 {
		a.err = ErrTruncated
	} else if b[0] != '[' {
		a.err = ErrSyntax
	}
	return a
}

// Next returns the next element as it stands. ok is false at the end of the
// array and at an error.
func (a *Array) Next() (val []byte, ok bool) {
	if a.err != nil || a.done {
		return nil, false
	}
	b := a.b
	pos := Space(b, a.pos)
	if pos < len(b) && b[pos] == ',' && a.pos > 1 {
		pos = Space(b, pos+1)
	} else if pos < len(b) && b[pos] != ']' && a.pos > 1 {
		a.err = ErrSyntax
		return nil, false
	}
	if pos >= len(b) {
		a.err = ErrTruncated
		return nil, false
	}
	if b[pos] == ']' {
		a.pos, a.done = pos+1, true
		return nil, false
	}
	end, err := Skip(b, pos)
	if err != nil {
		a.err = err
		return nil, false
	}
	a.pos = end
	return b[pos:end], true
}

// Err returns the error that ended the walk, or nil at the array's end.
func (a *Array) Err() error { return a.err }

// IsString reports whether the raw value is a string.
func IsString(val []byte) bool { return len(val) >= 2 && val[0] == '"' }

// IsNull reports whether the raw value is null or missing.
func IsNull(val []byte) bool { return len(val) == 0 || val[0] == 'n' }

// Text returns the contents of a raw string value. Without escapes it is a
// view; with them it is unescaped into new memory. For every other value it
// returns nil.
func Text(val []byte) []byte {
	if !IsString(val) {
		return nil
	}
	in := val[1 : len(val)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return in
	}
	return Unescape(make([]byte, 0, len(in)), in)
}

// Scalar is Text, but gives a number or a boolean as it stands; nil for
// null, objects and arrays.
func Scalar(val []byte) []byte {
	if len(val) == 0 {
		return nil
	}
	switch val[0] {
	case '"':
		return Text(val)
	case '{', '[', 'n':
		return nil
	}
	return val
}

// Unescape appends the contents of a JSON string, given without its quotes,
// to dst. A bad escape stands for the replacement character.
func Unescape(dst, in []byte) []byte {
	for {
		i := bytes.IndexByte(in, '\\')
		if i < 0 || i+1 >= len(in) {
			return append(dst, in...)
		}
		dst = append(dst, in[:i]...)
		c := in[i+1]
		in = in[i+2:]
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(in)
			if !ok {
				dst = utf8.AppendRune(dst, utf8.RuneError)
				continue
			}
			in = in[4:]
			if utf16.IsSurrogate(r) {
				if len(in) >= 6 && in[0] == '\\' && in[1] == 'u' {
					if r2, ok := hex4(in[2:]); ok {
						if both := utf16.DecodeRune(r, r2); both != utf8.RuneError {
							dst = utf8.AppendRune(dst, both)
							in = in[6:]
							continue
						}
					}
				}
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
	}
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Get returns the raw value at a path of keys below the object b, or nil.
// Of a key that stands twice the last counts, as in encoding/json.
func Get(b []byte, path ...string) []byte {
	for _, k := range path {
		if len(b) == 0 || b[0] != '{' {
			return nil
		}
		var found []byte
		o := Members(b)
		for {
			key, val, ok := o.Next()
			if !ok {
				break
			}
			if string(key) == k {
				found = val
			}
		}
		if found == nil {
			return nil
		}
		b = found
	}
	return b
}

// GetText is the text of the string at a path, or nil.
func GetText(b []byte, path ...string) []byte { return Text(Get(b, path...)) }
