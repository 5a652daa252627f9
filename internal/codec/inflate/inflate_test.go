package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand"
	"strings"
	"testing"
)

func compress(t testing.TB, level int, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// texts are of the kinds that lead to every kind of block and match.
func texts() map[string][]byte {
	rng := rand.New(rand.NewSource(1))
	noise := make([]byte, 200_000)
	rng.Read(noise)
	few := make([]byte, 100_000)
	for i := range few {
		few[i] = "abcd"[rng.Intn(4)]
	}
	var log strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&log, `{"eventID":"%08x","eventName":"DescribeInstances","awsRegion":"eu-west-%d","n":%d},`, rng.Uint32(), i%3, i)
	}
	all := map[string][]byte{
		"empty": {}, "byte": {'x'}, "short": []byte("hello, hello, hello"), "noise": noise, "few": few,
		"log": []byte(log.String()), "zeros": make([]byte, 300_000),
	}
	for far := 1; far <= 40; far++ {
		all[fmt.Sprintf("period %d", far)] = bytes.Repeat(noise[:far], 2000/far+300)
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	var d Decoder
	var out []byte
	for name, text := range texts() {
		for _, level := range []int{gzip.NoCompression, 1, 6, 9, gzip.HuffmanOnly} {
			z := compress(t, level, text)
			var err error
			if out, err = d.Gunzip(out[:0], z, 1<<30); err != nil || !bytes.Equal(out, text) {
				t.Fatalf("%s at level %d: %d bytes, %v; want %d", name, level, len(out), err, len(text))
			}
		}
	}
}

func TestMembersAndHeaders(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra = "a name", "a comment", []byte("extra field")
	w.Write([]byte("first,"))
	w.Close()
	b.Write(compress(t, 6, nil))
	b.Write(compress(t, 9, []byte("second")))
	var d Decoder
	if out, err := d.Gunzip(nil, b.Bytes(), 1<<20); err != nil || string(out) != "first,second" {
		t.Errorf("%q, %v", out, err)
	}
	for _, tail := range []string{"garbage", "garbage, and more of it", "\x1f\x8b", "\x00\x00", strings.Repeat("\x00", 100)} {
		z := append(bytes.Clone(b.Bytes()), tail...)
		_, want := stdlib(z)
		out, err := d.Gunzip(nil, z, 1<<20)
		if (err == nil) != (want == nil) || string(out) != "first,second" {
			t.Errorf("with tail %q: %q, %v; the standard library: %v", tail, out, err, want)
		}
	}
}

func TestLimit(t *testing.T) {
	var d Decoder
	z := compress(t, 9, make([]byte, 1<<20))
	for _, limit := range []int{0, 1, 1000, 1<<20 - 1} {
		if out, err := d.Gunzip(nil, z, limit); !errors.Is(err, ErrLimit) || len(out) > limit {
			t.Errorf("limit %d: %d bytes, %v", limit, len(out), err)
		}
	}
	if out, err := d.Gunzip(nil, z, 1<<20); err != nil || len(out) != 1<<20 {
		t.Errorf("just within the limit: %d bytes, %v", len(out), err)
	}
}

// stdlib is what the standard library makes of an object.
func stdlib(z []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestCutOff: of an object that ends early the readable part is given, and an
// error.
func TestCutOff(t *testing.T) {
	var d Decoder
	text := texts()["log"][:6000]
	for _, level := range []int{gzip.NoCompression, 6, gzip.HuffmanOnly} {
		z := compress(t, level, text)
		for i := range z {
			out, err := d.Gunzip(nil, z[:i], 1<<20)
			if err == nil {
				t.Fatalf("level %d, the first %d of %d bytes: no error", level, i, len(z))
			}
			if !bytes.HasPrefix(text, out) {
				t.Fatalf("level %d, the first %d bytes: output is no beginning of the text", level, i)
			}
			if want, _ := stdlib(z[:i]); len(out)+64 < len(want) {
				t.Fatalf("level %d, the first %d bytes: %d bytes out, the standard library gives %d", level, i, len(out), len(want))
			}
		}
	}
}

// TestFlipped: a damaged object never passes for a sound one.
func TestFlipped(t *testing.T) {
	var d Decoder
	z := compress(t, 6, texts()["log"][:20000])
	for i := 10; i < len(z); i++ {
		for bit := range 8 {
			bad := bytes.Clone(z)
			bad[i] ^= 1 << bit
			out, err := d.Gunzip(nil, bad, 1<<20)
			want, wantErr := stdlib(bad)
			if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(out, want) {
				t.Fatalf("byte %d bit %d: %v; the standard library: %v", i, bit, err, wantErr)
			}
		}
	}
}

// FuzzGunzip holds the verdict and the output against the standard library's.
func FuzzGunzip(f *testing.F) {
	for _, text := range []string{"", "a", "hello, hello, hello", strings.Repeat("abcdefgh", 100)} {
		for _, level := range []int{0, 1, 6, 9, gzip.HuffmanOnly} {
			f.Add(compress(f, level, []byte(text)))
		}
	}
	f.Fuzz(func(t *testing.T, z []byte) {
		const limit = 1 << 20
		var d Decoder
		out, err := d.Gunzip(nil, z, limit)
		if errors.Is(err, ErrLimit) {
			return
		}
		want, wantErr := stdlib(z)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v; the standard library: %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(out, want) {
			t.Fatalf("output differs: %d bytes, want %d", len(out), len(want))
		}
		// Of a broken object we give what the standard library gives, or more.
		if !bytes.HasPrefix(out, want) {
			t.Fatalf("%d bytes before %v; the standard library: %d other bytes before %v", len(out), err, len(want), wantErr)
		}
	})
}

// FuzzInflate reaches the decoder past header and checksum: raw DEFLATE data,
// given the header and the trailer that they would have.
func FuzzInflate(f *testing.F) {
	for _, text := range []string{"a", "hello, hello, hello", strings.Repeat("abcdefgh", 100)} {
		z := compress(f, 6, []byte(text))
		f.Add(z[10 : len(z)-8])
	}
	header := compress(f, 6, nil)[:10]
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 1 << 20
		src := bytes.NewReader(raw) // read byte by byte, and so no further than the data go
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(src), limit+1))
		if len(want) > limit {
			return
		}
		used := raw[:len(raw)-src.Len()]
		z := append(bytes.Clone(header), used...)
		if wantErr == nil {
			z = binary.LittleEndian.AppendUint32(z, crc32.ChecksumIEEE(want))
			z = binary.LittleEndian.AppendUint32(z, uint32(len(want)))
		} else {
			z = append(z, raw[len(used):]...)
		}
		var d Decoder
		out, err := d.Gunzip(nil, z, limit)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v; the standard library: %v", err, wantErr)
		}
		if !bytes.HasPrefix(out, want) || err == nil && len(out) != len(want) {
			t.Fatalf("%d bytes, %v; the standard library: %d bytes, %v", len(out), err, len(want), wantErr)
		}
	})
}

// FuzzRoundTrip compresses any text at any level.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello, hello"), 6)
	f.Fuzz(func(t *testing.T, text []byte, level int) {
		z := compress(t, ((level%12)+12)%12-2, text)
		var d Decoder
		if out, err := d.Gunzip(nil, z, 1<<30); err != nil || !bytes.Equal(out, text) {
			t.Fatalf("%d bytes, %v; want %d", len(out), err, len(text))
		}
	})
}
