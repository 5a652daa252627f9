package inflate

import (
	"io"
	"math/bits"
)

const (
	maxLit  = 286 // symbols of the literal and length code, RFC 1951 section 3.2.5
	maxDist = 30  // symbols of the distance code
	maxLen  = 15  // bits of a code word

	litBits  = 10 // bits that index the first level of litTable
	distBits = 8  // the same, of distTable
	metaBits = 7  // bits of the longest code word in the code of code lengths

	// A complete subtable of 1<<k entries takes k+1 symbols or more, and k is
	// at most 5 for literals and 7 for distances: their subtables have no more
	// than 288*32/6 and 30*128/8 entries, and the sizes suffice. They are
	// powers of two so that a mask can stand in for a bounds check.
	litSize  = 1 << 12
	distSize = 1 << 10
)

// A litEntry tells what a code word of the literal and length code stands for.
// Its lowest bits say how many bits of input it uses.
//
//	literals   litFlag, bits 26-29 length of the first code word, 24-25 how
//	           many literals (1 or 2), 16-23 the second, 8-15 the first, 0-7 bits used
//	length     bits 21-25 mask of the extra bits, 12-20 base, 8-11 length of
//	           the code word, 0-7 bits used, extra bits included
//	the rest   litOther, and litEnd for the end of the block, or litSub for a
//	           subtable (bits 12-24 its offset, 8-11 the bits that index it);
//	           with neither, no symbol has this code word
type litEntry uint32

// A distEntry is the same for the distance code.
//
//	distance   bits 32-47 mask of the extra bits, 16-31 base, 8-15 length of
//	           the code word, 0-7 bits used, extra bits included
//	the rest   distOther, and distSub for a subtable as above
type distEntry uint64

const (
	totalMask  = 63
	firstShift = 8

	litFlag  litEntry = 1 << 31
	litOther litEntry = 1 << 30
	litSub   litEntry = 1 << 29
	litEnd   litEntry = 1 << 28

	distOther distEntry = 1 << 63
	distSub   distEntry = 1 << 62
)

// firstLen is the length of the code word of the first literal.
func (e litEntry) firstLen() uint { return uint(e>>26) & 15 }

// length is the length of the match whose symbol the lowest bits of b are.
func (e litEntry) length(b uint64) int {
	return int(e>>12&511) + int(uint32(b>>(e>>8&15))&uint32(e>>21&31))
}

// distance is the distance whose symbol the lowest bits of b are.
func (e distEntry) distance(b uint64) int {
	return int(e>>16&0xffff) + int(b>>(e>>8&15)&uint64(e>>32&0xffff))
}

type litTable [litSize]litEntry

// at returns the entry for the code word in the lowest bits of b.
func (t *litTable) at(b uint64) litEntry {
	e := t[b&(1<<litBits-1)]
	if e&litSub != 0 && e&litFlag == 0 {
		e = t.sub(e, b)
	}
	return e
}

func (t *litTable) sub(e litEntry, b uint64) litEntry {
	return t[(uint64(e>>12&(litSize-1))+b>>litBits&(1<<(e>>8&15)-1))&(litSize-1)]
}

type distTable [distSize]distEntry

// at returns the entry for the code word in the lowest bits of b.
func (t *distTable) at(b uint64) distEntry {
	e := t[b&(1<<distBits-1)]
	if e&distSub != 0 {
		e = t.sub(e, b)
	}
	return e
}

func (t *distTable) sub(e distEntry, b uint64) distEntry {
	return t[(uint64(e>>12&(distSize-1))+b>>distBits&(1<<(e>>8&15)-1))&(distSize-1)]
}

// litSymbol returns the entry of a symbol whose code word has n bits.
func litSymbol(sym, n uint) litEntry {
	switch {
	case sym < 256:
		return litFlag | litEntry(n<<26|1<<24|sym<<firstShift|n)
	case sym == 256:
		return litOther | litEnd | litEntry(n)
	case sym < 265:
		return litEntry((sym-257+3)<<12 | n<<8 | n)
	case sym < 285:
		extra := (sym - 261) / 4
		base := (4+(sym-261)%4)<<extra + 3
		return litEntry((1<<extra-1)<<21 | base<<12 | n<<8 | n + extra)
	case sym == 285:
		return litEntry(258<<12 | n<<8 | n)
	}
	return litOther | litEntry(n) // 286 and 287 have code words in the fixed code
}

// distSymbol returns the entry of a symbol whose code word has n bits.
func distSymbol(sym, n uint) distEntry {
	switch {
	case sym < 4:
		return distEntry((sym+1)<<16 | n<<8 | n)
	case sym < maxDist:
		extra := sym/2 - 1
		base := (2+sym%2)<<extra + 1
		return distEntry(1<<extra-1)<<32 | distEntry(base<<16|n<<8|n+extra)
	}
	return distOther | distEntry(n) // 30 and 31 have code words in the fixed code
}

// A code is a Huffman code in canonical order, RFC 1951 section 3.2.2.
type code struct {
	count  [maxLen + 1]int // how many code words have each length
	first  [maxLen + 1]int // the first code word of each length
	sorted [288]uint16     // symbols in the order of their code words
	max    int             // length of the longest code word; 0 if there is none
}

// set makes c the code with these lengths, and tells whether that is a valid
// one. As in compress/flate and zlib, a code must be complete, except that it
// may be empty or consist of one code word of one bit.
func (c *code) set(lengths []uint8) bool {
	c.count = [maxLen + 1]int{}
	for _, n := range lengths {
		c.count[n&maxLen]++
	}
	c.count[0] = 0
	c.max = 0
	next, offset := 0, 0
	var at [maxLen + 1]int
	for n := 1; n <= maxLen; n++ {
		next = (next + c.count[n-1]) << 1
		c.first[n] = next
		at[n] = offset
		offset += c.count[n]
		if c.count[n] > 0 {
			c.max = n
		}
	}
	if c.max == 0 {
		return true
	}
	if end := c.first[c.max] + c.count[c.max]; end != 1<<c.max && (end != 1 || c.max != 1) {
		return false
	}
	for sym, n := range lengths {
		if n != 0 {
			c.sorted[at[n&maxLen]] = uint16(sym)
			at[n&maxLen]++
		}
	}
	return true
}

// reverse returns the n bits of a code word in the order of the input.
func reverse(word, n int) int { return int(bits.Reverse16(uint16(word)) >> (16 - n)) }

// fill makes table the table of the code c, with a first level of 1<<width
// entries. none is the entry of code words without a symbol, symbol returns
// that of a symbol, and sub that of a subtable.
func fill[E litEntry | distEntry | uint8](table []E, c *code, width int, none E, symbol func(sym, n uint) E, sub func(offset, depth int) E) {
	// The table of the words of up to n bits is that of n-1 bits, twice, and
	// then the words of n bits.
	table[0] = none
	size, i := 1, 0
	for n := 1; n <= width; n++ {
		copy(table[size:2*size], table[:size])
		size *= 2
		for k := range c.count[n] {
			table[reverse(c.first[n]+k, n)] = symbol(uint(c.sorted[i]), uint(n))
			i++
		}
	}
	// Among words with the same first bits the last is the longest, and tells
	// how large their subtable is: so these go backwards.
	i = 0
	for n := range c.count {
		i += c.count[n]
	}
	prefix, depth, offset, next := -1, 0, 0, size
	for n := c.max; n > width; n-- {
		for k := c.count[n] - 1; k >= 0; k-- {
			word := c.first[n] + k
			if p := word >> (n - width); p != prefix {
				prefix, depth, offset = p, n-width, next
				next += 1 << depth
				table[reverse(p, width)] = sub(offset, depth)
			}
			i--
			e := symbol(uint(c.sorted[i]), uint(n))
			for j := reverse(word, n) >> width; j < 1<<depth; j += 1 << (n - width) {
				table[offset+j] = e
			}
		}
	}
}

// fill makes t the table of c.
func (t *litTable) fill(c *code) {
	fill(t[:], c, litBits, litOther|1, litSymbol, func(offset, depth int) litEntry {
		return litOther | litSub | litEntry(offset<<12|depth<<8|litBits)
	})
	// Where a literal leaves enough bits of the index for another one, the
	// entry stands for both.
	for i := range t[:1<<litBits] {
		e := t[i]
		if e&litFlag == 0 {
			continue
		}
		n := e.firstLen()
		second := t[i>>n]
		if m := second.firstLen(); second&litFlag != 0 && n+m <= litBits {
			t[i] = litFlag | litEntry(n<<26|2<<24) | second>>firstShift&255<<16 | e&0xff00 | litEntry(n+m)
		}
	}
}

// fill makes t the table of c.
func (t *distTable) fill(c *code) {
	fill(t[:], c, distBits, distOther|1, distSymbol, func(offset, depth int) distEntry {
		return distOther | distSub | distEntry(offset<<12|depth<<8|distBits)
	})
}

// A metaTable is that of the code of code lengths: in bits 3-7 the symbol, in
// bits 0-2 the length of its code word. Zero is a code word without a symbol.
type metaTable [1 << metaBits]uint8

// fill makes t the table of c.
func (t *metaTable) fill(c *code) {
	fill(t[:], c, metaBits, 0, func(sym, n uint) uint8 { return uint8(sym<<3 | n) }, nil)
}

// fixedCodes makes the tables those of RFC 1951 section 3.2.6.
func (d *Decoder) fixedCodes() {
	if d.fixed {
		return
	}
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	var c code
	c.set(lengths[:])
	d.lit.fill(&c)
	for i := range 32 {
		lengths[i] = 5
	}
	c.set(lengths[:32])
	d.dist.fill(&c)
	d.fixed = true
}

// dynamicCodes makes the tables those that the block gives, RFC 1951 section
// 3.2.7.
func (d *Decoder) dynamicCodes() error {
	d.fixed = false
	head, err := d.take(14)
	if err != nil {
		return err
	}
	nlit, ndist, nmeta := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	if nlit > maxLit || ndist > maxDist {
		return ErrCorrupt
	}
	order := [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var metaLengths [19]uint8
	for _, sym := range order[:nmeta] {
		n, err := d.take(3)
		if err != nil {
			return err
		}
		metaLengths[sym] = uint8(n)
	}
	var c code
	if !c.set(metaLengths[:]) {
		return ErrCorrupt
	}
	d.meta.fill(&c)

	lengths := d.lengths[:nlit+ndist]
	for i := 0; i < len(lengths); {
		d.refill()
		e := d.meta[d.bit&(1<<metaBits-1)]
		used := uint(e & 7)
		switch {
		case used > d.n || d.n == 0:
			return io.ErrUnexpectedEOF
		case used == 0:
			return ErrCorrupt
		}
		d.bit >>= used
		d.n -= used
		n, repeat, extra := e>>3, uint(3), uint(0)
		switch n {
		default:
			lengths[i] = n
			i++
			continue
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			n, extra = lengths[i-1], 2
		case 17:
			n, extra = 0, 3
		case 18:
			n, repeat, extra = 0, 11, 7
		}
		more, err := d.take(extra)
		if err != nil {
			return err
		}
		if repeat += more; i+int(repeat) > len(lengths) {
			return ErrCorrupt
		}
		for range repeat {
			lengths[i] = n
			i++
		}
	}

	if !c.set(lengths[:nlit]) {
		return ErrCorrupt
	}
	d.lit.fill(&c)
	if !c.set(lengths[nlit:]) {
		return ErrCorrupt
	}
	d.dist.fill(&c)
	return nil
}
