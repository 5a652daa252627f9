package codec

import (
	"bytes"
	"errors"
	"io"

	"vedette/internal/codec/jsonscan"
)

// Stream finds the raw records in a JSON text of any of the layouts logs
// use: one object, objects one after the other (JSON lines, or none between
// them), an array, or an object that holds the array ("Records", "value",
// ...). It keeps a window of the text in memory and grows it to a record's
// length, never further than [MaxRecord].
//
//	for s.Next() {
//		n := decode(s.Bytes()) // begins at the record, may go on after it
//		s.Advance(n)
//	}
//	err := s.Err()
type Stream struct {
	r    io.Reader
	buf  []byte
	pos  int
	end  int
	base int64 // offset of buf[0] in the text
	lent bool  // buf is the caller's text
	err  error // why reading ended; io.EOF at the end
	mode mode
	// object is set inside an object that holds records.
	object bool
	// lines is set once a top-level object was itself a record: the next one
	// will be too, and is not looked into for an array.
	lines bool
	// loose is set once the text was found broken: from then on any object
	// is taken for a record, whatever stands between.
	loose  bool
	cut    bool   // the text ended where more of it had to come
	opener []byte // how records start here: `{"eventVersion"`
	wasted int64  // bytes looked at in vain, in records that were given up
}

type mode uint8

const (
	top     mode = iota // between top-level values
	array               // in an array of records
	members             // in an object that holds such an array
)

const (
	windowSize = 1 << 20
	// lowWater is how much of the window must be ahead of a record before it
	// is offered; most records are shorter.
	lowWater = 1 << 16
	// peekSize is how far into an object we look for an array of records.
	peekSize = 1 << 12
	// Behind every broken record the next one is looked for, which may be
	// broken as far on: text can be made so that each byte is looked at
	// hundreds of times. A text is given up when more than hopelessBytes and
	// hopelessRatio times its length so far were looked at in vain.
	hopelessBytes = 64 << 20
	hopelessRatio = 16
)

// ErrCut says that a text ended, between two records, before the list that
// held them did, or the object around the list.
var ErrCut = errors.New("the text is cut off: it ends inside a list of records, and what came after is lost")

// ErrHopeless says that a text is so broken that the rest of it was not
// looked through.
var ErrHopeless = errors.New("broken all over: the rest was given up")

// containers are the keys under which objects hold arrays of records:
// CloudTrail, Azure diagnostics, REST pages, lookup-events,
// filter-log-events, CloudWatch Logs, Cloud Logging entries.list, Pub/Sub
// pull, SQS.
var containers = map[string]bool{
	"Records": true, "records": true, "value": true, "Events": true, "events": true,
	"logEvents": true, "entries": true, "receivedMessages": true, "Messages": true,
}

// Reset makes s read another text. The window is kept.
func (s *Stream) Reset(r io.Reader) {
	buf := s.buf
	if buf == nil || s.lent || len(buf) > 4*windowSize {
		buf = make([]byte, windowSize)
	}
	*s = Stream{r: r, buf: buf, opener: s.opener[:0]}
}

// Bytes returns the text from the record's first byte on, as far as it is in
// the window.
func (s *Stream) Bytes() []byte { return s.buf[s.pos:s.end] }

// Offset returns where the record starts in the text.
func (s *Stream) Offset() int64 { return s.base + int64(s.pos) }

// Err returns what ended the text early, or nil.
func (s *Stream) Err() error {
	switch {
	case s.err != io.EOF:
		return s.err
	case s.cut:
		return ErrCut
	}
	return nil
}

// Loose reports whether the text was found broken.
func (s *Stream) Loose() bool { return s.loose }

// More reads further text after the record. It returns false where there is
// none, or where the record is longer than is allowed.
func (s *Stream) More() bool { return s.fill(s.end - s.pos + 1) }

// TooLong reports whether the record at hand exceeds [MaxRecord].
func (s *Stream) TooLong() bool { return s.end-s.pos >= MaxRecord }

// fill makes at least n bytes available from pos on, if the text has them.
func (s *Stream) fill(n int) bool {
	if s.end-s.pos >= n {
		return true
	}
	if s.err != nil || n > MaxRecord {
		return false
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	if n > len(s.buf) {
		grown := make([]byte, min(max(2*len(s.buf), n), MaxRecord))
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
	for idle := 0; s.end < len(s.buf) && s.err == nil; {
		k, err := s.r.Read(s.buf[s.end:])
		s.end += k
		s.err = err
		if k == 0 && err == nil {
			if idle++; idle > 100 {
				s.err = io.ErrNoProgress
			}
		}
	}
	return s.end >= n
}

// space moves to the next byte that is not white space, a byte order mark or
// a NUL, and returns false at the end of the text.
func (s *Stream) space() bool {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; {
			case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == 0:
				s.pos++
			case c == 0xef && s.fill(3) && bytes.HasPrefix(s.buf[s.pos:], []byte("\xef\xbb\xbf")):
				s.pos += 3
			default:
				return true
			}
		}
		if !s.fill(1) {
			return false
		}
	}
}

// Next moves to the next record and returns false when there is none.
func (s *Stream) Next() bool {
	for {
		if s.end-s.pos < lowWater {
			s.fill(lowWater)
		}
		if !s.space() {
			s.cut = s.cut || s.mode != top && !s.loose
			return false
		}
		c := s.buf[s.pos]
		if s.loose {
			if c == '{' && !s.holdsRecords() {
				return true
			}
			s.pos++
			continue
		}
		switch s.mode {
		case top:
			switch c {
			case '{':
				if s.lines || !s.holdsRecords() {
					return true
				}
				s.mode, s.object = members, true
				s.pos++
			case '[':
				s.mode = array
				s.pos++
			case ',':
				s.pos++
			default:
				return true
			}
		case array:
			switch c {
			case ',':
				s.pos++
			case ']':
				s.pos++
				s.mode = top
				if s.object {
					s.mode = members
				}
			default:
				return true
			}
		case members:
			s.member(c)
		}
	}
}

// member passes over one member of an object that holds records, or enters
// its array.
func (s *Stream) member(c byte) {
	switch c {
	case ',':
		s.pos++
		return
	case '}':
		s.pos++
		s.mode, s.object = top, false
		return
	case '"':
	default:
		s.Resync()
		return
	}
	key, ok := s.value()
	if !ok {
		return
	}
	holds := containers[string(key[1:len(key)-1])]
	if !s.space() {
		return
	}
	if s.buf[s.pos] != ':' {
		s.Resync()
		return
	}
	s.pos++
	if !s.space() {
		return
	}
	if holds && s.buf[s.pos] == '[' {
		s.pos++
		s.mode = array
		return
	}
	s.value()
}

// value passes over the value at pos and returns it.
func (s *Stream) value() ([]byte, bool) {
	for {
		n, err := jsonscan.Skip(s.Bytes(), 0)
		if err == nil {
			v := s.buf[s.pos : s.pos+n]
			s.pos += n
			return v, true
		}
		if !errors.Is(err, jsonscan.ErrTruncated) {
			s.Resync()
			return nil, false
		}
		if !s.More() {
			s.cut = true
			s.Resync()
			return nil, false
		}
	}
}

// holdsRecords reports whether the object at pos holds an array of records
// under one of the known keys, as far as its beginning shows.
func (s *Stream) holdsRecords() bool {
	s.fill(peekSize)
	b := s.Bytes()
	if len(b) > peekSize {
		b = b[:peekSize]
	}
	pos := 1
	for {
		pos = jsonscan.Space(b, pos)
		if pos < len(b) && b[pos] == ',' {
			pos = jsonscan.Space(b, pos+1)
		}
		if pos >= len(b) || b[pos] != '"' {
			return false
		}
		end, err := jsonscan.Skip(b, pos)
		if err != nil {
			return false
		}
		key := b[pos+1 : end-1]
		pos = jsonscan.Space(b, end)
		if pos >= len(b) || b[pos] != ':' {
			return false
		}
		pos = jsonscan.Space(b, pos+1)
		if pos >= len(b) {
			return false
		}
		if b[pos] == '[' && containers[string(key)] {
			first := jsonscan.Space(b, pos+1)
			return first >= len(b) || b[first] == '{' || b[first] == ']' || b[first] == '"'
		}
		if pos, err = jsonscan.Skip(b, pos); err != nil {
			return false
		}
	}
}

// Advance passes over the record at hand, which is n bytes long, as one that
// was understood.
func (s *Stream) Advance(n int) {
	if s.mode == top {
		s.lines = true
	}
	if len(s.opener) == 0 && n > 2 {
		s.learn(s.buf[s.pos : s.pos+n])
	}
	s.pos += n
}

// Pass passes over the value at hand without learning from it and returns
// it; ok is false where the text is broken or ends there.
func (s *Stream) Pass() (raw []byte, ok bool) {
	for {
		n, err := jsonscan.Skip(s.Bytes(), 0)
		if err == nil {
			raw = s.buf[s.pos : s.pos+n]
			s.pos += n
			return raw, true
		}
		if !errors.Is(err, jsonscan.ErrTruncated) || !s.More() {
			s.wasted += int64(n)
			return nil, false
		}
	}
}

// learn remembers how a record begins: the brace and its first key.
func (s *Stream) learn(rec []byte) {
	if rec[0] != '{' {
		return
	}
	pos := jsonscan.Space(rec, 1)
	if pos >= len(rec) || rec[pos] != '"' {
		return
	}
	if end, err := jsonscan.Skip(rec, pos); err == nil && end < 128 {
		s.opener = append(s.opener[:0], rec[:end]...)
	}
}
