// Package scratch holds the texts of one record that are needed in another
// form than the one they stand in: unescaped, folded to lower case, or put
// together from parts. A decoder that reuses one [Space] allocates nothing
// once it is warm.
package scratch

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
)

// maxKept bounds the memory that outlives a record: one hostile record must
// not hold a megabyte for the rest of the run.
const maxKept = 1 << 20

// Space is memory for the texts of one record. What its methods return stays
// valid until Reset. The zero Space is ready for use.
type Space struct{ buf []byte }

// Reset makes room for the next record.
func (s *Space) Reset() {
	if cap(s.buf) > maxKept {
		s.buf = nil
	}
	s.buf = s.buf[:0]
}

// Text returns the contents of a raw JSON string: a view into it where it
// has no escapes, else the unescaped text. For every other value it returns
// nil, as [jsonscan.Text] does.
func (s *Space) Text(val []byte) []byte {
	if !jsonscan.IsString(val) {
		return nil
	}
	in := val[1 : len(val)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return in
	}
	start := len(s.buf)
	s.buf = jsonscan.Unescape(s.buf, in)
	return s.from(start)
}

// Scalar is Text, but gives a number or a boolean too; nil for null, objects
// and arrays. Numbers, also those in strings, are as [Whole] gives them.
func (s *Space) Scalar(val []byte) []byte {
	if jsonscan.IsString(val) {
		return Whole(s.Text(val))
	}
	return Whole(jsonscan.Scalar(val))
}

// Lower returns b with its ASCII letters in lower case: b itself where it
// already is.
func (s *Space) Lower(b []byte) []byte {
	i := 0
	for i < len(b) && (b[i] < 'A' || b[i] > 'Z') {
		i++
	}
	if i == len(b) {
		return b
	}
	start := len(s.buf)
	s.buf = append(s.buf, b...)
	low := s.from(start)
	for ; i < len(low); i++ {
		if c := low[i]; c >= 'A' && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return low
}

// Join returns its parts one after the other.
func (s *Space) Join(parts ...[]byte) []byte {
	start := len(s.buf)
	for _, p := range parts {
		s.buf = append(s.buf, p...)
	}
	return s.from(start)
}

func (s *Space) from(start int) []byte { return s.buf[start:len(s.buf):len(s.buf)] }
