package codec

import "io"

// ResetBytes makes s read a text that is in memory as a whole. The text must
// not change while it is read.
func (s *Stream) ResetBytes(text []byte) {
	*s = Stream{buf: text, end: len(text), lent: true, err: io.EOF, opener: s.opener[:0]}
}

// Head returns the first bytes of the text, at most n, without passing over
// them.
func (s *Stream) Head(n int) []byte {
	s.fill(n)
	b := s.Bytes()
	if len(b) > n {
		b = b[:n]
	}
	return b
}

// Rest returns what is left of the text.
func (s *Stream) Rest() io.Reader {
	return &rest{s}
}

type rest struct{ s *Stream }

func (r *rest) Read(p []byte) (int, error) {
	s := r.s
	if s.pos == s.end && !s.fill(1) {
		if err := s.Err(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	n := copy(p, s.buf[s.pos:s.end])
	s.pos += n
	return n, nil
}
