package inflate

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// bitWriter writes DEFLATE's bits, the lowest of a byte first.
type bitWriter struct {
	out  []byte
	free int // bits of the last byte that are not in use
}

func (w *bitWriter) bits(v uint32, n int) {
	for i := range n {
		if w.free == 0 {
			w.out = append(w.out, 0)
			w.free = 8
		}
		w.out[len(w.out)-1] |= byte(v>>i&1) << (8 - w.free)
		w.free--
	}
}

// word writes the code word of sym.
func (w *bitWriter) word(lengths []uint8, sym int) {
	n := int(lengths[sym])
	word := 0
	for l := 1; l <= n; l++ {
		word <<= 1
		for s, k := range lengths {
			if int(k) == l && (l < n || s < sym) {
				word++
			}
		}
	}
	w.bits(uint32(bits.Reverse16(uint16(word))>>(16-n)), n)
}

// randomCode returns the lengths of a complete code, of about so many code
// words for some of the symbols, must among them. The lower steep is, the more
// lopsided the code.
func randomCode(r *rand.Rand, symbols, used, steep int, must ...int) []uint8 {
	depths := []uint8{1, 1}
	for len(depths) < used {
		i := r.IntN(len(depths))
		if r.IntN(steep) == 0 {
			i = len(depths) - 1
		}
		if depths[i] == maxLen {
			if i = slices.IndexFunc(depths, func(d uint8) bool { return d < maxLen }); i < 0 {
				break
			}
		}
		depths[i]++
		depths = append(depths, depths[i])
	}
	lengths := make([]uint8, symbols)
	order := r.Perm(symbols)
	for _, m := range must {
		i := slices.Index(order, m)
		order[0], order[i] = order[i], order[0]
	}
	r.Shuffle(len(depths), func(i, j int) { depths[i], depths[j] = depths[j], depths[i] })
	for i, d := range depths {
		lengths[order[i]] = d
	}
	return lengths
}

// randomBlock writes a block of random codes and up to n random symbols.
// Compressors choose neither such codes nor such symbols: they lead through
// every table and every rule. made is how many bytes the blocks before it
// stand for, and the result is that with this one.
func randomBlock(r *rand.Rand, w *bitWriter, last bool, n, made int) int {
	nlit, ndist := 257+r.IntN(maxLit-256), 1+r.IntN(maxDist)
	lit := randomCode(r, nlit, 2+r.IntN(nlit-1), 1+r.IntN(6), 256)
	dist := make([]uint8, ndist)
	if ndist > 1 && r.IntN(8) > 0 {
		dist = randomCode(r, ndist, 2+r.IntN(ndist-1), 1+r.IntN(6))
	} else if r.IntN(2) > 0 {
		dist[r.IntN(ndist)] = 1 // a single code word, the one incomplete code allowed
	}
	switch r.IntN(40) {
	case 0:
		lit[r.IntN(nlit)] = uint8(r.IntN(16))
	case 1:
		dist[r.IntN(ndist)] = uint8(r.IntN(16))
	}

	w.bits(2<<1|map[bool]uint32{true: 1}[last], 3)
	w.bits(uint32(nlit-257|(ndist-1)<<5|(19-4)<<10), 14)
	meta := make([]uint8, 19) // 13/16 + 6/32 = 1
	for i := range meta {
		meta[i] = 4
		if i%3 == 0 && i < 18 {
			meta[i] = 5
		}
	}
	for _, sym := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15} {
		w.bits(uint32(meta[sym]), 3)
	}
	all := slices.Concat(lit, dist)
	for i := 0; i < len(all); {
		run := 1
		for i+run < len(all) && all[i+run] == all[i] {
			run++
		}
		switch {
		case all[i] == 0 && run >= 11:
			run = min(run, 138)
			w.word(meta, 18)
			w.bits(uint32(run-11), 7)
		case all[i] == 0 && run >= 3:
			w.word(meta, 17)
			w.bits(uint32(run-3), 3)
		case i > 0 && all[i] == all[i-1] && run >= 3:
			run = min(run, 6)
			w.word(meta, 16)
			w.bits(uint32(run-3), 2)
		default:
			run = 1
			w.word(meta, int(all[i]))
		}
		i += run
	}

	var litSyms, distSyms []int
	for s, l := range lit {
		if l > 0 && s != 256 {
			litSyms = append(litSyms, s)
		}
	}
	for s, l := range dist {
		if l > 0 {
			distSyms = append(distSyms, s)
		}
	}
	for range n {
		if len(litSyms) == 0 {
			break
		}
		s := litSyms[r.IntN(len(litSyms))]
		if s < 256 {
			w.word(lit, s)
			made++
			continue
		}
		e := litSymbol(uint(s), 0)
		extra := int(e & totalMask)
		more := r.Uint32() & (1<<extra - 1)
		if len(distSyms) == 0 {
			continue
		}
		ds := distSyms[r.IntN(len(distSyms))]
		f := distSymbol(uint(ds), 0)
		dextra := int(f & totalMask)
		dmore := r.Uint32() & (1<<dextra - 1)
		if f.distance(uint64(dmore)) > made && r.IntN(2000) > 0 {
			continue
		}
		w.word(lit, s)
		w.bits(more, extra)
		w.word(dist, ds)
		w.bits(dmore, dextra)
		made += e.length(uint64(more))
	}
	w.word(lit, 256)
	return made
}

// TestRandomCodes holds output and verdict against compress/flate on streams
// that no compressor writes, whole and cut off, with buffers of all sizes.
func TestRandomCodes(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	header := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	var d Decoder
	sound, long := 0, 0
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 7))
		var w bitWriter
		made, blocks := 0, 1+r.IntN(4)
		for i := range blocks {
			if r.IntN(4) == 0 {
				// A stored block, to make distances valid.
				w.bits(0, 3)
				w.free = 0
				size := r.IntN(40000)
				w.out = binary.LittleEndian.AppendUint16(w.out, uint16(size))
				w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(size))
				for range size {
					w.out = append(w.out, byte(r.Uint32()))
				}
				made += size
			}
			made = randomBlock(r, &w, i == blocks-1, r.IntN(600), made)
		}
		raw := w.out
		if r.IntN(4) == 0 {
			raw = raw[:r.IntN(len(raw))]
		}
		want, wantErr := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
		z := slices.Concat(header, raw)
		if wantErr != io.ErrUnexpectedEOF {
			z = binary.LittleEndian.AppendUint32(z, crc32.ChecksumIEEE(want))
			z = binary.LittleEndian.AppendUint32(z, uint32(len(want)))
		}
		dst := make([]byte, 0, r.IntN(2000))
		out, err := d.Gunzip(dst, z, 1<<30)
		var corrupt flate.CorruptInputError
		switch {
		case wantErr == nil:
			sound++
			if len(want) > 10000 {
				long++
			}
			if err != nil || !bytes.Equal(out, want) {
				t.Fatalf("round %d: %d bytes, %v; want %d", round, len(out), err, len(want))
			}
		case wantErr == io.ErrUnexpectedEOF:
			if err != io.ErrUnexpectedEOF || !bytes.HasPrefix(out, want) {
				t.Fatalf("round %d, cut off: %d bytes, %v; the standard library: %d bytes", round, len(out), err, len(want))
			}
		case errors.As(wantErr, &corrupt):
			if err != ErrCorrupt || !bytes.Equal(out, want) {
				t.Fatalf("round %d: %d bytes, %v; the standard library: %d bytes, %v", round, len(out), err, len(want), wantErr)
			}
		default:
			t.Fatal(wantErr)
		}
		if len(want) > 0 {
			limit := r.IntN(len(want))
			if out, err := d.Gunzip(out, z, limit); err != ErrLimit || !bytes.Equal(out, want[:limit]) {
				t.Fatalf("round %d, limit %d: %d bytes, %v", round, limit, len(out), err)
			}
		}
	}
	if sound < rounds/4 || long < rounds/20 {
		t.Errorf("only %d of %d streams are sound, %d of them long: the test says little", sound, rounds, long)
	}
}

// TestHeader holds verdicts on headers against compress/gzip's.
func TestHeader(t *testing.T) {
	body := compress(t, 6, []byte("text"))[10:]
	for flags := range 256 {
		for _, size := range []int{0, 1, 510, 511, 512, 600} {
			for cut := range 3 {
				head := []byte{0x1f, 0x8b, 8, byte(flags), 1, 2, 3, 4, 2, 3}
				if flags&4 != 0 {
					head = binary.LittleEndian.AppendUint16(head, uint16(size))
					head = append(head, bytes.Repeat([]byte{0xfe}, size)...)
				}
				for _, flag := range []int{8, 16} {
					if flags&flag != 0 {
						head = append(head, bytes.Repeat([]byte{0xe4}, size)...)
						head = append(head, 0)
					}
				}
				if flags&2 != 0 {
					head = binary.LittleEndian.AppendUint16(head, uint16(crc32.ChecksumIEEE(head))+uint16(size&cut&1))
				}
				z := slices.Concat(head, body)
				if cut == 2 {
					z = head[:max(0, len(head)-1-(flags+size)/2)]
				}
				want, wantErr := stdlib(z)
				var d Decoder
				out, err := d.Gunzip(nil, z, 1<<20)
				if (err == nil) != (wantErr == nil) || !bytes.Equal(out, want) {
					t.Fatalf("flags %#x, fields of %d bytes: %q, %v; the standard library: %q, %v", flags, size, out, err, want, wantErr)
				}
			}
		}
	}
}

// TestBrokenRules: what the rules forbid is refused in either loop, near the
// end of the object and far from it.
func TestBrokenRules(t *testing.T) {
	start := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	for name, block := range map[string]func(w *bitWriter){
		"block type 3": func(w *bitWriter) { w.bits(7, 3) },
		"stored length": func(w *bitWriter) {
			w.bits(1, 3)
			w.free = 0
			w.out = append(w.out, 1, 0, 1, 0)
		},
		"287 lengths":              func(w *bitWriter) { w.bits(5, 3); w.bits(30, 14) },
		"31 distances":             func(w *bitWriter) { w.bits(5, 3); w.bits(30<<5, 14) },
		"no code of code lengths":  func(w *bitWriter) { w.bits(5, 3); w.bits(15<<10, 14); w.bits(0, 30); w.bits(0, 27) },
		"repeat of nothing":        func(w *bitWriter) { w.bits(5, 3); w.bits(0, 14); w.bits(1, 3); w.bits(0, 9); w.bits(0, 2) },
		"symbol 286":               func(w *bitWriter) { w.bits(3, 3); w.bits(0x63, 8) },
		"distance 30":              func(w *bitWriter) { w.bits(3, 3); w.bits(0x89, 8); w.bits(0x40, 7); w.bits(0xf, 5) },
		"distance before the text": func(w *bitWriter) { w.bits(3, 3); w.bits(0x40, 7); w.bits(0, 5) },
	} {
		for _, tail := range []int{0, 8, 1000} {
			var w bitWriter
			block(&w)
			z := slices.Concat(start, w.out, make([]byte, tail))
			_, want := io.ReadAll(flate.NewReader(bytes.NewReader(z[10:])))
			var corrupt flate.CorruptInputError
			if tail > 0 && !errors.As(want, &corrupt) {
				t.Fatalf("%s: the standard library says %v", name, want)
			}
			var d Decoder
			_, err := d.Gunzip(make([]byte, 0, 4096), z, 1<<20)
			if errors.As(want, &corrupt) && err != ErrCorrupt || err == nil {
				t.Errorf("%s, %d bytes behind it: %v; the standard library: %v", name, tail, err, want)
			}
		}
	}
}

// TestReuse: a decoder that is warm allocates nothing, and does not remember
// the object before.
func TestReuse(t *testing.T) {
	var objects, want [][]byte
	for _, text := range [][]byte{bytes.Repeat([]byte("a text that repeats, "), 4000), []byte("tiny"), {}} {
		for _, level := range []int{0, 6, flate.HuffmanOnly} {
			objects, want = append(objects, compress(t, level, text)), append(want, text)
		}
	}
	var d Decoder
	for _, z := range objects {
		if _, err := d.Gunzip(nil, z[:len(z)-9], 1<<30); err == nil {
			t.Fatal("cut off: no error")
		}
	}
	dst := make([]byte, 0, 1<<20)
	allocs := testing.AllocsPerRun(5, func() {
		for i, z := range objects {
			if out, err := d.Gunzip(dst, z, cap(dst)); err != nil || !bytes.Equal(out, want[i]) {
				t.Fatalf("object %d: %d bytes, %v", i, len(out), err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestForgedLength: a length field that promises much gets no more memory
// than logs of that size would fill.
func TestForgedLength(t *testing.T) {
	z := compress(t, 6, []byte("short"))
	binary.LittleEndian.PutUint32(z[len(z)-4:], 1<<32-1)
	var d Decoder
	out, err := d.Gunzip(nil, z, 1<<30)
	if err != ErrChecksum || string(out) != "short" || cap(out) > usualRatio*len(z)+outMargin {
		t.Errorf("%q, %v, in %d bytes of memory", out, err, cap(out))
	}
}
