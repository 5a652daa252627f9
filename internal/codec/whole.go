package codec

import (
	"bytes"
	"errors"
	"io"

	"vedette/internal/codec/inflate"
)

const (
	// wholeSize is the greatest object that is taken into memory as it lies,
	// and textSize the longest text that it may hold there. Providers deliver
	// far smaller objects; what is larger is streamed.
	wholeSize = 16 << 20
	textSize  = 64 << 20
)

// Attach makes s read the content of src, which has size bytes (less than 0
// where that is not known): plain, gzip or zstd. An object of usual size is
// read and decompressed at one go, which is what costs least; others are
// streamed. Both s and what it hands out are valid until the next call.
func (o *Opener) Attach(s *Stream, src io.Reader, size int64) error {
	if size < 0 || size > wholeSize {
		return o.stream(s, src)
	}
	o.raw.Reset()
	if _, err := o.raw.ReadFrom(io.LimitReader(src, wholeSize+1)); err != nil {
		return err
	}
	raw := o.raw.Bytes()
	if len(raw) > wholeSize || !isGzip(raw) {
		// It has grown meanwhile, or is not gzip.
		return o.stream(s, io.MultiReader(bytes.NewReader(raw), src))
	}
	text, err := o.inflate.Gunzip(o.text[:0], raw, textSize)
	o.text = text
	if n := o.inflate.Whole(); err != nil && n > 0 && len(bytes.TrimLeft(raw[n:], "\x00")) == 0 {
		err = nil // padding, as tapes and blocks have it
	}
	if errors.Is(err, inflate.ErrLimit) || compressed(text) {
		return o.stream(s, bytes.NewReader(raw))
	}
	s.ResetBytes(text)
	if err != nil {
		s.err = err
	}
	return nil
}

func (o *Opener) stream(s *Stream, src io.Reader) error {
	r, err := o.Open(src)
	if err != nil {
		return err
	}
	s.Reset(r)
	return nil
}

// compressed reports whether a text is itself a compressed object.
func compressed(text []byte) bool {
	return isGzip(text) || isZstd(text)
}
