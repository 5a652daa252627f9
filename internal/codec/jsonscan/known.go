package jsonscan

import "bytes"

// Key is a key that the caller of [Object.Known] expects: `,"key":`, or
// `{"key":` for an object's first.
type Key struct {
	// The text, as far as it fits, and ones for each bit of it.
	text, mask [keySize]byte
	size       int
}

// keySize is the longest key that can be expected, with comma, quotes and
// colon.
const keySize = 32

// KeyOf returns a key as [Object.Next] gives it; first says that it is expected
// as an object's first. ok is false for one that is too long.
func KeyOf(key []byte, first bool) (k Key, ok bool) {
	lead := `,"`
	if first {
		lead = `{"`
	}
	text := append(append([]byte(lead), key...), `":`...)
	if k.size = len(text); k.size > keySize {
		return Key{}, false
	}
	copy(k.text[:], text)
	copy(k.mask[:], bytes.Repeat([]byte{0xff}, k.size))
	return k, true
}

// Is reports whether k is the key, as [Object.Next] gives it.
func (k *Key) Is(key []byte) bool {
	return k.size == len(key)+4 && string(k.text[2:k.size-2]) == string(key)
}

// Span is where a value starts and ends in the bytes that the walk is over.
type Span struct{ Start, End int }

// Known takes members as Next does for as long as they have the keys, of which
// the first alone may be that of an object's first member, one after the other, and puts into vals where their values are. It returns how
// many it took. Records of one kind have their members in one order, and to
// compare a key costs less than to find out which it is.
//
// It takes only what is quickly taken, and leaves to Next a member that is
// written with white space, a string with a backslash in it, a number, and
// what lies near the end of the text.
func (o *Object) Known(keys []Key, vals []Span) int {
	n := min(len(keys), len(vals))
	if o.ended || n == 0 {
		return 0
	}
	pos := o.pos
	if pos == 1 {
		pos = 0
	}
	if (pos == 0) != (keys[0].text[0] == '{') {
		return 0
	}
	known := walkKnown
	if nestedFast {
		known = fastKnown
	}
	if n, pos = known(o.b, pos, keys[:n], vals[:n]); n > 0 {
		if o.pos = pos; pos < len(o.b) && o.b[pos] == '}' {
			o.pos, o.ended = pos+1, true
		}
	}
	return n
}

func fastKnown(b []byte, pos int, keys []Key, vals []Span) (n, end int) {
	return knownMembers(&b[0], len(b), pos, &keys[0], len(keys), &vals[0])
}

// walkKnown is fastKnown for any processor.
func walkKnown(b []byte, pos int, keys []Key, vals []Span) (n, end int) {
	for i := range keys {
		k := &keys[i]
		if len(b)-pos < 2*keySize || string(b[pos:pos+k.size]) != string(k.text[:k.size]) {
			return i, pos
		}
		start := pos + k.size
		if c := b[start]; c == '-' || c >= '0' && c <= '9' {
			return i, pos
		}
		end, err := Skip(b, start)
		if err != nil || b[start] == '"' && bytes.IndexByte(b[start:end], '\\') >= 0 {
			return i, pos
		}
		vals[i] = Span{start, end}
		pos = end
	}
	return len(keys), pos
}
