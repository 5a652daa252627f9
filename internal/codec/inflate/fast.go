package inflate

import (
	"encoding/binary"
	"unsafe"
)

const (
	inMargin  = 16
	outMargin = 320
)

var spread = [8]int{0, 8, 8, 9, 8, 10, 12, 14}

func (d *Decoder) fast() (done bool, err error) {
	d.refill()
	src, out, start := d.src, d.out, d.start
	ip, op, b, n := d.ip, d.op, d.bit, d.n
	inEnd, outEnd := len(src)-inMargin, len(out)-outMargin
	lit, dist := &d.lit, &d.dist
	in, to := unsafe.Pointer(unsafe.SliceData(src)), unsafe.Pointer(unsafe.SliceData(out))
	e := lit[b&(1<<litBits-1)]
	for ip <= inEnd && op <= outEnd {
		b |= load64(in, ip) << (n & 63)
		ip += int(63-n) >> 3
		n |= 56
		if e&litFlag != 0 {
			store16(to, op, uint16(e>>firstShift))
			op += int(e >> 24 & 3)
			b >>= e & totalMask
			n -= uint(e & totalMask)
			e = lit[b&(1<<litBits-1)]
			if e&litFlag != 0 {
				store16(to, op, uint16(e>>firstShift))
				op += int(e >> 24 & 3)
				b >>= e & totalMask
				n -= uint(e & totalMask)
				e = lit[b&(1<<litBits-1)]
				if e&litFlag != 0 {
					store16(to, op, uint16(e>>firstShift))
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
				*(*byte)(unsafe.Add(to, op)) = byte(e >> firstShift)
				op++
				b >>= e & totalMask
				n -= uint(e & totalMask)
				e = lit[b&(1<<litBits-1)]
				continue
			}
			if e&litOther != 0 {
				if e&litEnd != 0 {
					b >>= e & totalMask
					n -= uint(e & totalMask)
					done = true
				} else {
					err = ErrCorrupt
				}
				break
			}
		}
		length := e.length(b)
		b >>= e & totalMask
		n -= uint(e & totalMask)
		b |= load64(in, ip) << (n & 63)
		ip += int(63-n) >> 3
		n |= 56

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
			for i := op; i < op+8; i++ {
				*(*byte)(unsafe.Add(to, i)) = *(*byte)(unsafe.Add(to, i-far))
			}
			far = spread[far]
			op += 8
		}
		for op < end {
			store64(to, op, load64(to, op-far))
			store64(to, op+8, load64(to, op+8-far))
			store64(to, op+16, load64(to, op+16-far))
			store64(to, op+24, load64(to, op+24-far))
			op += 32
		}
		op = end
	}
	d.ip, d.op, d.bit, d.n = ip, op, b, n
	return done, err
}

func load64(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

func store64(p unsafe.Pointer, i int, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(p, i))[:], v)
}

func store16(p unsafe.Pointer, i int, v uint16) {
	binary.LittleEndian.PutUint16((*[2]byte)(unsafe.Add(p, i))[:], v)
}
