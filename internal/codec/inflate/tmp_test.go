package inflate

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"testing"
	"time"

	kgzip "github.com/klauspost/compress/gzip"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(1, &r) // thread
	return time.Duration(r.Utime.Nano())
}

func TestTmp(t *testing.T) {
	files, _ := filepath.Glob("/tmp/infl/*.gz")
	var in [][]byte
	for _, f := range files {
		x, _ := os.ReadFile(f)
		in = append(in, x)
	}
	var d Decoder
	var out []byte
	for _, x := range in {
		z, _ := kgzip.NewReader(bytes.NewReader(x))
		want, _ := io.ReadAll(z)
		var err error
		out, err = d.Gunzip(out, x, 1<<30)
		if err != nil || !bytes.Equal(out, want) {
			t.Fatal(err, len(out), len(want))
		}
	}
	var a, b []float64
	z := new(kgzip.Reader)
	buf := make([]byte, 64<<20)
	for range 15 {
		total := 0
		t0 := time.Now()
		for _, x := range in {
			out, _ = d.Gunzip(out, x, 1<<30)
			total += len(out)
		}
		a = append(a, float64(total)/time.Since(t0).Seconds()/1e6)
		t0 = time.Now()
		for _, x := range in {
			z.Reset(bytes.NewReader(x))
			io.ReadFull(z, buf)
		}
		b = append(b, float64(total)/time.Since(t0).Seconds()/1e6)
	}
	sort.Float64s(a)
	sort.Float64s(b)
	t.Logf("ours max %.0f p80 %.0f med %.0f | klauspost max %.0f p80 %.0f med %.0f | ratio max %.2f", a[14], a[12], a[7], b[14], b[12], b[7], a[14]/b[14])
}
