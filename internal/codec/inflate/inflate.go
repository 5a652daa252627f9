// Package inflate decodes gzip objects that lie in memory as a whole.
//
// A decoder that is handed all of its input and writes all of its output into
// one buffer needs no window, no read calls and no resumption in the middle
// of a match, and can therefore be a good deal faster than one behind an
// [io.Reader]. It gives the verdicts of [compress/gzip]: what that package
// decodes, this one decodes to the same bytes, and what that package refuses,
// this one refuses too.
//
// The formats are those of RFC 1951 (DEFLATE) and RFC 1952 (gzip).
package inflate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

var (
	// ErrHeader says that a member begins with something other than a valid
	// gzip header. Bytes after a member that are not another one, padding
	// included, are reported so too.
	ErrHeader = errors.New("gzip: invalid header")

	// ErrChecksum says that a member's output differs from what its CRC-32 or
	// its length field promises.
	ErrChecksum = errors.New("gzip: invalid checksum")

	// ErrCorrupt says that compressed data break the rules of DEFLATE.
	ErrCorrupt = errors.New("gzip: corrupt compressed data")

	// ErrLimit says that the output is longer than the caller allows.
	ErrLimit = errors.New("gzip: output exceeds the limit")
)

const (
	// maxRatio is how many bytes of output one byte of input can make at
	// most: a match of 258 bytes takes two bits or more.
	maxRatio = 1032
	// usualRatio is how far a length field is trusted in advance. Audit logs
	// compress 5 to 50 times; the last bytes of an object that is cut off are
	// any number.
	usualRatio = 64
)

// A Decoder decodes gzip objects one after the other. Its zero value is ready
// for use. It holds the tables of the Huffman codes (about 25 KB) and keeps no
// reference to an object once it is decoded. It must not be used by several
// goroutines at a time.
type Decoder struct {
	src []byte
	ip  int    // offset in src of the next byte to enter bits
	bit uint64 // bits taken from src and not yet used, the next one lowest
	n   uint   // how many bits of bit count; any above repeat what is at ip

	out   []byte // output, and space for more
	op    int    // offset in out of the next byte to write
	start int    // offset in out at which the member begins
	whole int    // offset in src of the end of the last member that was decoded
	limit int    // what op may reach

	lit   litTable
	dist  distTable
	fixed bool // the tables are those of the fixed codes

	meta    metaTable
	lengths [maxLit + maxDist]uint8
}

// Gunzip decodes all members of the gzip object src and returns their output
// in dst[:0], or in a larger slice if dst is too short. Space beyond the
// returned length, up to dst's capacity, may be overwritten. src and dst must
// not overlap.
//
// CRC-32 and length of every member are verified. If src is cut off, corrupt
// or followed by anything that is not another member, out is what could be
// decoded and err tells why that is not all: [ErrHeader], [ErrChecksum],
// [ErrCorrupt] or [io.ErrUnexpectedEOF]. An empty src is cut off.
//
// If the output is longer than limit bytes, out is its first limit bytes and
// err is [ErrLimit].
func (d *Decoder) Gunzip(dst, src []byte, limit int) (out []byte, err error) {
	d.src, d.ip, d.bit, d.n, d.whole = src, 0, 0, 0, 0
	d.out, d.op, d.limit = dst[:min(cap(dst), max(limit, 0))], 0, max(limit, 0)
	if len(src) >= 18 {
		// The last length field is that of the only member, in most cases.
		// Where it is wrong or not believed, the output grows as it comes.
		// Some more, so that of files of about one size not each that is the
		// largest so far takes new memory.
		size := int64(binary.LittleEndian.Uint32(src[len(src)-4:]))
		size = min(size+size/8, usualRatio*int64(len(src)), int64(d.limit)) + outMargin
		if size > int64(len(d.out)) && len(d.out) < d.limit {
			d.reserve(int(size))
		}
	}
	for {
		if err = d.member(); err != nil {
			break
		}
		if d.whole = d.ip; d.whole == len(src) {
			break
		}
	}
	out = d.out[:d.op]
	d.src, d.out = nil, nil
	return out, err
}

// Whole returns how many bytes of the object that was decoded last are members
// that were decoded to their ends. Where there was an error, what follows them
// is the cause.
func (d *Decoder) Whole() int { return d.whole }

// member decodes one member: header, compressed data and trailer.
func (d *Decoder) member() error {
	n, err := header(d.src[d.ip:])
	if err != nil {
		return err
	}
	d.ip += n
	d.start = d.op
	crc := uint32(0)
	for last := false; !last; {
		from := d.op
		last, err = d.block()
		// Block by block, the checksum reads output that is still in cache.
		crc = crc32.Update(crc, crc32.IEEETable, d.out[from:d.op])
		if err != nil {
			return err
		}
	}
	d.align()
	if len(d.src)-d.ip < 8 {
		return io.ErrUnexpectedEOF
	}
	trailer := d.src[d.ip:]
	d.ip += 8
	if binary.LittleEndian.Uint32(trailer) != crc || binary.LittleEndian.Uint32(trailer[4:]) != uint32(d.op-d.start) {
		return ErrChecksum
	}
	return nil
}

// header returns the length of the gzip header that src begins with.
func header(src []byte) (int, error) {
	const (
		hcrc    = 1 << 1
		extra   = 1 << 2
		name    = 1 << 3
		comment = 1 << 4
		// maxText is what compress/gzip allows for a name or a comment, with
		// the NUL at its end.
		maxText = 512
	)
	if len(src) < 10 {
		return 0, io.ErrUnexpectedEOF
	}
	if src[0] != 0x1f || src[1] != 0x8b || src[2] != 8 {
		return 0, ErrHeader
	}
	flags, n := src[3], 10
	if flags&extra != 0 {
		if len(src)-n < 2 {
			return 0, io.ErrUnexpectedEOF
		}
		size := int(binary.LittleEndian.Uint16(src[n:]))
		if n += 2; len(src)-n < size {
			return 0, io.ErrUnexpectedEOF
		}
		n += size
	}
	for _, flag := range [2]byte{name, comment} {
		if flags&flag == 0 {
			continue
		}
		text := src[n:min(len(src), n+maxText)]
		end := bytes.IndexByte(text, 0)
		if end < 0 {
			if len(text) == maxText {
				return 0, ErrHeader
			}
			return 0, io.ErrUnexpectedEOF
		}
		n += end + 1
	}
	if flags&hcrc != 0 {
		if len(src)-n < 2 {
			return 0, io.ErrUnexpectedEOF
		}
		if binary.LittleEndian.Uint16(src[n:]) != uint16(crc32.ChecksumIEEE(src[:n])) {
			return 0, ErrHeader
		}
		n += 2
	}
	return n, nil
}

// reserve makes room for at least n bytes of output in all, or for as much as
// the limit allows.
func (d *Decoder) reserve(n int) {
	out := make([]byte, min(n, d.limit))
	copy(out, d.out[:d.op])
	d.out = out
}

// grow makes room for more output: twice as much, but no more than the rest of
// the input can fill.
func (d *Decoder) grow() {
	rest := maxRatio*int64(len(d.src)-d.ip+8) + outMargin
	d.reserve(int(min(int64(2*len(d.out)+4096), int64(d.op)+rest)))
}
