package envelope

import (
	"bytes"
	"encoding/base64"
	"io"

	"github.com/klauspost/compress/gzip"
)

var gzipMagic = []byte{0x1f, 0x8b, 8}

// unbase64 decodes base64 in either alphabet, with or without padding and
// line breaks.
func unbase64(text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, true
	}
	enc := base64.RawStdEncoding
	if bytes.IndexByte(text, '-') >= 0 || bytes.IndexByte(text, '_') >= 0 {
		enc = base64.RawURLEncoding
	}
	text = bytes.TrimRight(text, "=\r\n")
	out := make([]byte, enc.DecodedLen(len(text)))
	n, err := enc.Decode(out, text)
	return out[:n], err == nil
}

// inflate decompresses gzip within what is left of the budget. A stream that
// is damaged, cut short or too large is refused as a whole.
func (p *Peeler) inflate(b []byte) ([]byte, bool) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, false
	}
	defer z.Close()
	left := MaxInflated - p.inflated
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(z, left+1))
	p.inflated += n
	if err != nil || n > left {
		return nil, false
	}
	return out.Bytes(), true
}
