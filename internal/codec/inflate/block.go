package inflate

import (
	"encoding/binary"
	"io"
)

// refill takes bytes of input into d.bit, so that it holds 56 bits or more
// unless the input ends.
func (d *Decoder) refill() {
	if len(d.src)-d.ip >= 8 {
		d.bit |= binary.LittleEndian.Uint64(d.src[d.ip:]) << (d.n & 63)
		d.ip += int(63-d.n) >> 3
		d.n |= 56
		return
	}
	for d.n < 56 && d.ip < len(d.src) {
		d.bit |= uint64(d.src[d.ip]) << d.n
		d.ip++
		d.n += 8
	}
}

// take takes k bits, at most 32.
func (d *Decoder) take(k uint) (uint, error) {
	if d.n < k {
		if d.refill(); d.n < k {
			return 0, io.ErrUnexpectedEOF
		}
	}
	v := uint(d.bit & (1<<k - 1))
	d.bit >>= k
	d.n -= k
	return v, nil
}

// align drops the bits up to the next byte of input and gives back the bytes
// that were taken ahead.
func (d *Decoder) align() {
	d.ip -= int(d.n >> 3)
	d.bit, d.n = 0, 0
}

// block decodes one block and tells whether it is the last of its member.
func (d *Decoder) block() (last bool, err error) {
	head, err := d.take(3)
	if err != nil {
		return false, err
	}
	switch head >> 1 {
	case 0:
		err = d.stored()
	case 1:
		d.fixedCodes()
		err = d.symbols()
	case 2:
		if err = d.dynamicCodes(); err == nil {
			err = d.symbols()
		}
	default:
		err = ErrCorrupt
	}
	return head&1 != 0, err
}

// stored copies a block that is not compressed, RFC 1951 section 3.2.4.
func (d *Decoder) stored() error {
	d.align()
	if len(d.src)-d.ip < 4 {
		return io.ErrUnexpectedEOF
	}
	size := binary.LittleEndian.Uint16(d.src[d.ip:])
	if binary.LittleEndian.Uint16(d.src[d.ip+2:]) != ^size {
		return ErrCorrupt
	}
	d.ip += 4
	data := d.src[d.ip:min(len(d.src), d.ip+int(size))]
	d.ip += len(data)
	whole := len(data) == int(size)
	for {
		n := copy(d.out[d.op:], data)
		d.op += n
		if data = data[n:]; len(data) == 0 {
			break
		}
		if d.op == d.limit {
			return ErrLimit
		}
		d.reserve(max(2*d.op, d.op+len(data)))
	}
	if !whole {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// symbols decodes the symbols of a block up to its end, RFC 1951 section
// 3.2.3, by the tables at hand.
func (d *Decoder) symbols() error {
	for {
		if len(d.out)-d.op < outMargin && len(d.out) < d.limit {
			d.grow()
		}
		var done bool
		var err error
		if len(d.src)-d.ip >= inMargin && len(d.out)-d.op >= outMargin {
			done, err = d.fast()
		} else {
			done, err = d.symbol()
		}
		if done || err != nil {
			return err
		}
	}
}

// symbol decodes one symbol and checks every step. It serves the ends of
// input and output, where fast may not go.
func (d *Decoder) symbol() (done bool, err error) {
	d.refill()
	e := d.lit.at(d.bit)
	if e&litFlag != 0 {
		// Of two literals only the first is taken: the bits of the second
		// may not be there.
		used := e.firstLen()
		switch {
		case used > d.n:
			return false, io.ErrUnexpectedEOF
		case d.op == d.limit:
			return false, ErrLimit
		}
		d.out[d.op] = byte(e >> firstShift)
		d.op++
		d.bit >>= used
		d.n -= used
		return false, nil
	}
	used := uint(e & totalMask)
	switch {
	case used > d.n:
		return false, io.ErrUnexpectedEOF
	case e&litEnd != 0:
		d.bit >>= used
		d.n -= used
		return true, nil
	case e&litOther != 0:
		return false, ErrCorrupt
	}
	length := e.length(d.bit)
	d.bit >>= used
	d.n -= used

	d.refill()
	f := d.dist.at(d.bit)
	used = uint(f & totalMask)
	switch {
	case used > d.n:
		return false, io.ErrUnexpectedEOF
	case f&distOther != 0:
		return false, ErrCorrupt
	}
	dist := f.distance(d.bit)
	d.bit >>= used
	d.n -= used

	if dist > d.op-d.start {
		return false, ErrCorrupt
	}
	for range length {
		if d.op == d.limit {
			return false, ErrLimit
		}
		d.out[d.op] = d.out[d.op-dist]
		d.op++
	}
	return false, nil
}
