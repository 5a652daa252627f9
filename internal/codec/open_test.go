package codec

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// incompressible is a text that a compressor cannot shrink by much, so that
// cutting its compressed form in half leaves about half of it.
func incompressible(n int) []byte {
	rng := rand.New(rand.NewSource(1))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(rng.Intn(26))
	}
	return b
}

// skipped is a frame of zstd, the kind-th of the 16 kinds, that is to be
// skipped, as pzstd writes.
func skipped(kind byte) []byte {
	return append([]byte{0x50 | kind, 0x2a, 0x4d, 0x18, 4, 0, 0, 0}, "skip"...)
}

func TestOpen(t *testing.T) {
	text := []byte(strings.Repeat(`{"eventName":"ListUsers"}`+"\n", 5000))
	half := len(text) / 2
	for _, c := range []struct {
		name string
		data []byte
		want []byte
	}{
		{"plain", text, text},
		{"empty", nil, nil},
		{"one byte", []byte("{"), []byte("{")},
		{"gzip", zip(t, text), text},
		{"gzip of nothing", zip(t, nil), nil},
		{"gzip of several members", append(zip(t, text[:half]), zip(t, text[half:])...), text},
		{"gzip with an empty member", bytes.Join([][]byte{zip(t, text[:half]), zip(t, nil), zip(t, text[half:])}, nil), text},
		{"gzip in gzip", zip(t, zip(t, text)), text},
		{"gzip in gzip in gzip", zip(t, zip(t, zip(t, text))), text},
		{"zstd", zstandard(t, text), text},
		{"zstd of several frames", append(zstandard(t, text[:half]), zstandard(t, text[half:])...), text},
		{"gzip in zstd", zstandard(t, zip(t, text)), text},
		{"zstd in gzip", zip(t, zstandard(t, text)), text},
		{"gzip with padding", append(zip(t, text), make([]byte, 10240)...), text},
		{"gzip with a byte of padding", append(zip(t, text), 0), text},
		{"gzip of members with padding", bytes.Join([][]byte{zip(t, text[:half]), zip(t, text[half:]), make([]byte, 600)}, nil), text},
		{"gzip in gzip with padding", append(zip(t, append(zip(t, text), 0, 0)), 0, 0), text},
		{"zstd behind a frame to be skipped", append(skipped(0), zstandard(t, text)...), text},
		{"zstd between frames to be skipped", bytes.Join([][]byte{skipped(3), zstandard(t, text[:half]), skipped(15), zstandard(t, text[half:])}, nil), text},
		{"zstd behind a frame to be skipped in gzip", zip(t, append(skipped(0), zstandard(t, text)...)), text},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o Opener
			for range 2 { // the opener is used again
				for _, src := range []io.Reader{bytes.NewReader(c.data), iotest.OneByteReader(bytes.NewReader(c.data)), iotest.DataErrReader(bytes.NewReader(c.data))} {
					r, err := o.Open(src)
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(r)
					if err != nil || !bytes.Equal(got, c.want) {
						t.Fatalf("%d bytes, err %v; want %d bytes", len(got), err, len(c.want))
					}
				}
				var s Stream
				if err := o.Attach(&s, bytes.NewReader(c.data), int64(len(c.data))); err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(s.Rest()); err != nil || !bytes.Equal(got, c.want) {
					t.Fatalf("taken whole: %d bytes, err %v; want %d bytes", len(got), err, len(c.want))
				}
			}
		})
	}
}

// TestOpenBroken: what can be decompressed is handed out, and the error says
// that there was more.
func TestOpenBroken(t *testing.T) {
	text := incompressible(1 << 20)
	whole := zip(t, text)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0x55
	badSum := bytes.Clone(whole)
	badSum[len(badSum)-6] ^= 0xff
	z := zstandard(t, text)
	for _, c := range []struct {
		name  string
		data  []byte
		least int
		is    error
	}{
		{"cut off", whole[:len(whole)/2], len(text) / 3, io.ErrUnexpectedEOF},
		{"cut off in the trailer", whole[:len(whole)-3], len(text), io.ErrUnexpectedEOF},
		{"second member cut off", append(bytes.Clone(whole), whole[:len(whole)/2]...), len(text) + len(text)/3, io.ErrUnexpectedEOF},
		{"a byte flipped", flipped, 0, nil},
		{"wrong checksum", badSum, len(text), nil},
		{"something behind padding", append(append(bytes.Clone(whole), 0, 0, 0), "garbage that is no gzip"...), len(text), nil},
		{"something behind it", append(bytes.Clone(whole), "garbage that is no gzip"...), len(text), nil},
		{"zstd cut off", z[:len(z)/2], 0, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o Opener
			r, err := o.Open(bytes.NewReader(c.data))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("err is %v", err)
			}
			var s Stream
			if err := o.Attach(&s, bytes.NewReader(c.data), int64(len(c.data))); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(s.Rest()); err == nil {
				t.Error("taken whole: no error")
			}
			if len(got) < c.least || c.name != "a byte flipped" && c.least <= len(text) && !bytes.HasPrefix(text, got) {
				t.Errorf("%d bytes were handed out, or others than were compressed", len(got))
			}
			// The next object is not held up by it.
			if r, err = o.Open(bytes.NewReader(whole)); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
				t.Errorf("the next object: %d bytes, %v", len(got), err)
			}
		})
	}
	var o Opener
	for _, bad := range []string{"\x1f\x8b", "\x1f\x8bno gzip at all", "\x1f\x8b\x08\x00"} {
		if _, err := o.Open(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken for gzip", bad)
		}
	}
	deep := []byte("x")
	for range maxLayers + 1 {
		deep = zip(t, deep)
	}
	if _, err := o.Open(bytes.NewReader(deep)); err == nil {
		t.Errorf("%d layers are opened", maxLayers+1)
	}
	fail := errors.New("no such disk")
	if _, err := o.Open(iotest.ErrReader(fail)); !errors.Is(err, fail) {
		t.Errorf("a source that fails: %v", err)
	}
}

// TestPaddingHidesNoCut: an object that is cut off is, whatever zeros follow.
func TestPaddingHidesNoCut(t *testing.T) {
	whole := zip(t, incompressible(5000))
	for n := 2; n < len(whole); n += 7 {
		data := append(bytes.Clone(whole[:n]), make([]byte, 1000)...)
		var o Opener
		r, err := o.Open(bytes.NewReader(data))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Errorf("the first %d of %d bytes and zeros: no error", n, len(whole))
		}
		var s Stream
		if err = o.Attach(&s, bytes.NewReader(data), int64(len(data))); err == nil {
			_, err = io.ReadAll(s.Rest())
		}
		if err == nil {
			t.Errorf("the first %d of %d bytes and zeros, taken whole: no error", n, len(whole))
		}
	}
}

// bomb compresses n zero bytes.
func bomb(t testing.TB, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(zeros)) {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOpenBomb: an object that grows out of all proportion is given up, at
// any depth, and a large one that grows as logs do is not.
func TestOpenBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses half a gigabyte")
	}
	big := bomb(t, bombBytes+64<<20)
	twice := zip(t, big)
	for name, data := range map[string][]byte{"once": big, "twice": twice} {
		var o Opener
		r, err := o.Open(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		// A gzip of zeros in BestSpeed may stay below the limit.
		if ratio := int64(bombBytes) / int64(len(data)); ratio > bombRatio {
			if !errors.Is(err, ErrBomb) || n > bombBytes+(1<<20) {
				t.Errorf("%s: %d bytes, err %v", name, n, err)
			}
		} else {
			t.Errorf("%s: the test's bomb grows %d times and shows nothing", name, ratio)
		}
	}
}

// FuzzOpen: any bytes are opened or refused, with no panic, and what is
// neither gzip nor zstd comes out as it went in.
func FuzzOpen(f *testing.F) {
	text := []byte(`{"Records":[{"eventName":"ListUsers"}]}`)
	f.Add(text)
	f.Add(zip(f, text))
	f.Add(zip(f, zip(f, text)))
	f.Add(zstandard(f, text))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0})
	f.Add(append(skipped(0), zstandard(f, text)...))
	f.Add(append(zip(f, text), 0, 0, 0))
	var o Opener
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := o.Open(bytes.NewReader(data))
		if err != nil {
			return
		}
		got, err := io.ReadAll(io.LimitReader(r, 64<<20))
		packed := isGzip(data) || isZstd(data)
		if !packed && (err != nil || !bytes.Equal(got, data)) {
			t.Fatalf("plain bytes come out changed: %d of %d, %v", len(got), len(data), err)
		}
		if len(data) > 1<<16 {
			return
		}
		if r, err = o.Open(bytes.NewReader(zip(t, append([]byte("x"), data...)))); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got[1:], data) {
			t.Fatalf("compressed and opened: %d of %d bytes, %v", len(got)-1, len(data), err)
		}
	})
}
