// Package codec peels the containers that logs come in: it opens compressed
// objects and streams raw records out of whatever JSON they are laid in.
//
// What an object is follows from its bytes, never from its name.
package codec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"vedette/internal/codec/inflate"
)

// Limits on what an input may make us do.
const (
	// MaxRecord is the longest record that is read, in bytes. CloudTrail's
	// own limit is 256 KB; envelopes with many records in one string are the
	// reason for more.
	MaxRecord = 16 << 20
	// maxLayers is how often an object may be compressed over.
	maxLayers = 3
	// An object that has grown past bombBytes is given up when it is more
	// than bombRatio times its compressed size: audit logs compress 5 to 50
	// times, a bomb about a thousand.
	bombBytes = 64 << 20
	bombRatio = 400
)

// ErrBomb says that an object grows out of proportion when decompressed.
var ErrBomb = fmt.Errorf("decompresses to more than %d times its size: given up", bombRatio)

// Opener decompresses objects one after the other and keeps its buffers. It
// is not safe for concurrent use.
type Opener struct {
	in   *bufio.Reader
	gz   gzip.Reader
	zstd *zstd.Decoder

	// For objects that are taken whole.
	inflate inflate.Decoder
	raw     bytes.Buffer
	text    []byte
}

// Open returns the decompressed bytes of src, whatever it is compressed
// with: nothing, gzip (of one or several members) or zstd. The reader is
// valid until the next call.
func (o *Opener) Open(src io.Reader) (io.Reader, error) {
	counted := &counter{r: src}
	if o.in == nil {
		o.in = bufio.NewReaderSize(counted, 1<<17)
	} else {
		o.in.Reset(counted)
	}
	in, layers := o.in, 0
	for {
		head, err := in.Peek(4)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		var next io.Reader
		switch {
		case isGzip(head):
			gz := &o.gz
			if layers > 0 {
				gz = new(gzip.Reader)
			}
			if err := gz.Reset(in); err != nil {
				return nil, fmt.Errorf("gzip: %w", err)
			}
			gz.Multistream(false)
			next = &gzipMembers{gz, in}
		case isZstd(head):
			if o.zstd == nil {
				z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
				if err != nil {
					return nil, fmt.Errorf("zstd: %w", err)
				}
				o.zstd = z
			}
			if err := o.zstd.Reset(in); err != nil {
				return nil, fmt.Errorf("zstd: %w", err)
			}
			next = o.zstd
		default:
			return in, nil
		}
		if layers++; layers > maxLayers {
			return nil, errors.New("compressed too many times over")
		}
		// Small, so that large reads pass it by without a copy.
		in = bufio.NewReaderSize(&guard{r: next, in: counted}, 512)
	}
}

// isGzip reports whether a text begins like a member of gzip.
func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte{0x1f, 0x8b}) }

// isZstd reports whether a text begins like a frame of zstd, or like one of the
// frames to be skipped that tools (pzstd) put before it.
func isZstd(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
}

// gzipMembers reads the members of a gzip object one after the other. Zeros behind
// the last are padding, as tapes and blocks have it.
type gzipMembers struct {
	gz *gzip.Reader
	in *bufio.Reader
}

func (m *gzipMembers) Read(p []byte) (int, error) {
	for {
		n, err := m.gz.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil // the end is met again
		}
		padded := false
		b, err := m.in.Peek(1)
		for ; err == nil && b[0] == 0; b, err = m.in.Peek(1) {
			padded = true
			_, _ = m.in.Discard(1)
		}
		if err != nil {
			return 0, err
		}
		if padded {
			return 0, gzip.ErrHeader
		}
		if err := m.gz.Reset(m.in); err != nil {
			return 0, err
		}
		m.gz.Multistream(false)
	}
}

// counter counts the compressed bytes taken.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// guard ends a decompression that grows out of proportion.
type guard struct {
	r   io.Reader
	in  *counter
	out int64
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.out += int64(n)
	if g.out > bombBytes && g.out/bombRatio > g.in.n {
		return n, ErrBomb
	}
	return n, err
}
