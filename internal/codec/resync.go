package codec

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
)

// Resync gives up the record at hand and moves to where the next one seems
// to begin: the way records begin in this text, or an object at the start of
// a line.
func (s *Stream) Resync() {
	s.loose = true
	s.wasted += int64(reach(s.Bytes()))
	if s.hopeless() {
		s.err, s.pos = ErrHopeless, s.end
		return
	}
	if len(s.opener) == 0 && s.end-s.pos > 2 {
		s.learnBroken()
	}
	if s.pos < s.end {
		s.pos++
	}
	for {
		if at := s.start(s.Bytes()); at >= 0 {
			s.pos += at
			return
		}
		// Keep a tail in which a pattern may have begun.
		s.pos = max(s.pos, s.end-256)
		if !s.fill(s.end - s.pos + 1) {
			s.pos = s.end
			return
		}
	}
}

// start returns where in b a record seems to begin, or a negative number.
func (s *Stream) start(b []byte) int {
	line := []byte("\n{")
	if len(s.opener) == 0 {
		s.wasted += int64(len(b))
		if at := bytes.Index(b, line); at >= 0 {
			return at + 1
		}
		return elementStart(b)
	}
	// The next record is near, mostly. Looking piece by piece, the one of the
	// two beginnings that never comes is not looked for to the end each time.
	const piece, overlap = 1 << 12, 1 << 7
	for from := 0; from < len(b); from += piece {
		p := b[from:min(from+piece+overlap, len(b))]
		at := bytes.Index(p, line)
		if at >= 0 {
			at++
			p = p[:at]
		}
		if i := bytes.Index(p, s.opener); i >= 0 {
			at = i
		}
		if at >= 0 {
			return from + at
		}
	}
	return -1
}

// hopeless reports whether to go on costs more than the text is worth.
func (s *Stream) hopeless() bool {
	if s.lent {
		return s.wasted > hopelessRatio*int64(len(s.buf))
	}
	return s.wasted > hopelessBytes+hopelessRatio*s.Offset()
}

// reach returns how far into a broken record its reader comes.
func reach(b []byte) int {
	if len(b) == 0 || b[0] != '{' {
		return 1
	}
	o := jsonscan.Members(b)
	for {
		if _, _, ok := o.Next(); !ok {
			break
		}
	}
	// It breaks off at a key, or in the value behind it.
	pos := jsonscan.Space(b, o.End())
	if pos < len(b) && b[pos] == ',' {
		pos = jsonscan.Space(b, pos+1)
	}
	if pos >= len(b) || b[pos] != '"' {
		return pos
	}
	if pos, _ = jsonscan.Skip(b, pos); pos < len(b) && b[pos] == ':' {
		pos, _ = jsonscan.Skip(b, jsonscan.Space(b, pos+1))
	}
	return pos
}

// learnBroken takes the opener from the broken record's own beginning.
func (s *Stream) learnBroken() {
	b := s.Bytes()
	if b[0] != '{' {
		return
	}
	pos := jsonscan.Space(b, 1)
	if pos < len(b) && b[pos] == '"' {
		if end, err := jsonscan.Skip(b, pos); err == nil && end < 128 {
			s.opener = append(s.opener[:0], b[:end]...)
		}
	}
}

// elementStart finds "},{" with white space allowed, and returns where the
// second brace is.
func elementStart(b []byte) int {
	from := 0
	for {
		i := bytes.IndexByte(b[from:], '}')
		if i < 0 {
			return -1
		}
		from += i + 1
		p := jsonscan.Space(b, from)
		if p < len(b) && b[p] == ',' {
			p = jsonscan.Space(b, p+1)
			if p < len(b) && b[p] == '{' {
				return p
			}
		}
	}
}
