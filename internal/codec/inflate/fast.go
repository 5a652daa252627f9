package inflate

import "encoding/binary"

// fast decodes while input and output have room for the most that one turn of
// its loop can need, so that nothing has to be checked in between:
//
//   - A turn loads 8 bytes of input at most twice, the second time at most 7
//     bytes further on.
//   - A turn writes two literals or less per entry, from two entries and a
//     match or from three entries. The match has up to 258 bytes and is
//     written in steps of 32, the last of which may go 31 bytes past its end.
//     That is 293 bytes or less.
//
// The bits suffice too. A turn starts with 56 or more. Two entries of
// literals and the symbol of a length use 2*10 and 20, and before a distance
// there are 38 again: 28 for the longest and 10 to look up the next entry.
// Three entries leave 26, and an entry for a long literal leaves 21.
const (
	inMargin  = 16
	outMargin = 320
	distNeeds = 28 + litBits
)

// fast decodes symbols until the block ends, or input or output come within
// their margins. It is called with more than the margins left.
//
// All accesses are bounds-checked. Without the checks the loop is only about
// 4% faster, which is not worth trusting hostile input to an argument.
func (d *Decoder) fast() (done bool, err error) {
	d.refill()
	src, out, start := d.src, d.out, d.start
	ip, op, b, n := d.ip, d.op, d.bit, d.n
	inEnd, outEnd := len(src)-inMargin, len(out)-outMargin
	lit, dist := &d.lit, &d.dist

	// The entry of the next symbol is looked up before a match is copied, so
	// that the processor need not wait for one until the other is done.
	e := lit[b&(1<<litBits-1)]
	for ip <= inEnd && op <= outEnd {
		b |= binary.LittleEndian.Uint64(src[ip:]) << (n & 63)
		ip += int(63-n) >> 3
		n |= 56

		// An entry of one literal writes a second byte too, but does not
		// count it.
		if e&litFlag != 0 {
			binary.LittleEndian.PutUint16(out[op:], uint16(e>>firstShift))
			op += int(e >> 24 & 3)
			b >>= e & totalMask
			n -= uint(e & totalMask)
			e = lit[b&(1<<litBits-1)]
			if e&litFlag != 0 {
				binary.LittleEndian.PutUint16(out[op:], uint16(e>>firstShift))
				op += int(e >> 24 & 3)
				b >>= e & totalMask
				n -= uint(e & totalMask)
				e = lit[b&(1<<litBits-1)]
				if e&litFlag != 0 {
					binary.LittleEndian.PutUint16(out[op:], uint16(e>>firstShift))
					op += int(e >> 24 & 3)
					b >>= e & totalMask
					n -= uint(e & totalMask)
					e = lit[b&(1<<litBits-1)]
					continue
				}
			}
		}
		if e&litOther != 0 {
			if e&litSub != 0 {
				e = lit.sub(e, b)
			}
			if e&litFlag != 0 {
				out[op] = byte(e >> firstShift)
				op++
				b >>= e & totalMask
				n -= uint(e & totalMask)
				e = lit[b&(1<<litBits-1)]
				continue
			}
			if e&litOther != 0 {
				if e&litEnd == 0 {
					err = ErrCorrupt
					break
				}
				b >>= e & totalMask
				n -= uint(e & totalMask)
				done = true
				break
			}
		}
		length := e.length(b)
		b >>= e & totalMask
		n -= uint(e & totalMask)
		if n < distNeeds {
			b |= binary.LittleEndian.Uint64(src[ip:]) << (n & 63)
			ip += int(63-n) >> 3
			n |= 56
		}

		f := dist[b&(1<<distBits-1)]
		if f&distOther != 0 {
			if f&distSub != 0 {
				f = dist.sub(f, b)
			}
			if f&distOther != 0 {
				err = ErrCorrupt
				break
			}
		}
		far := f.distance(b)
		b >>= f & totalMask
		n -= uint(f & totalMask)
		e = lit[b&(1<<litBits-1)]
		if far > op-start {
			err = ErrCorrupt
			break
		}

		end := op + length
		if far < 8 {
			// Words of 8 bytes would be read before they are written. What is
			// written has the period far and so every multiple of it: after 8
			// single bytes, the least multiple that is 8 or more reaches back
			// to nothing older than the match does.
			for i := range 8 {
				out[op+i] = out[op+i-far]
			}
			op += 8
			far *= (far + 7) / far
		}
		for op < end {
			to, from := out[op:op+32:op+32], out[op-far:op-far+32]
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
			binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
			binary.LittleEndian.PutUint64(to[16:], binary.LittleEndian.Uint64(from[16:]))
			binary.LittleEndian.PutUint64(to[24:], binary.LittleEndian.Uint64(from[24:]))
			op += 32
		}
		op = end
	}
	d.ip, d.op, d.bit, d.n = ip, op, b, n
	return done, err
}
