package term

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSafe(t *testing.T) {
	for _, c := range []struct{ in, want, ascii string }{
		{"arn:aws:iam::1:user/a", "arn:aws:iam::1:user/a", "arn:aws:iam::1:user/a"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`, `\x1b[31mred\x1b[0m`},
		{"\x1b]0;title\a", `\x1b]0;title\x07`, `\x1b]0;title\x07`},
		{"a\u009b2Jb", `a\u009b2Jb`, `a\u009b2Jb`},
		{"a\nb\tc\rd\x7f", `a\nb\tc\rd\x7f`, `a\nb\tc\rd\x7f`},
		{"user\u202Egnp.exe", `user\u202egnp.exe`, `user\u202egnp.exe`},
		{"\u2066a\u2069\u200b\ufeff", `\u2066a\u2069\u200b\ufeff`, `\u2066a\u2069\u200b\ufeff`},
		{"a\u3164b\ufe0f", `a\u3164b\ufe0f`, `a\u3164b\ufe0f`},
		{"tag\U000E0041", `tag\U000e0041`, `tag\U000e0041`},
		{"caf\u00e9", "caf\u00e9", `caf\u00e9`},
		{"bad\xff\xc3", `bad\xff\xc3`, `bad\xff\xc3`},
		{"e\u0301\u0301\u0301", "e\u0301\u0301\\u0301", `e\u0301\u0301\u0301`},
		{"a\u00a0b\u2028", `a\u00a0b\u2028`, `a\u00a0b\u2028`},
	} {
		if got := Safe(c.in); got != c.want {
			t.Errorf("Safe(%q) = %q, want %q", c.in, got, c.want)
		}
		if got := SafeASCII(c.in); got != c.ascii {
			t.Errorf("SafeASCII(%q) = %q, want %q", c.in, got, c.ascii)
		}
	}
}

// Whatever the bytes, nothing that a terminal obeys is left, and plain text
// stays as it is.
func TestSafeHoldsForAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(
			rapid.String(),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		).Draw(t, "in")
		for _, out := range []string{Safe(in), SafeASCII(in)} {
			if !utf8.ValidString(out) {
				t.Fatalf("%q is not UTF-8", out)
			}
			for _, r := range out {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
					t.Fatalf("%q holds %U", out, r)
				}
			}
			if Safe(out) != out {
				t.Fatalf("Safe changes its own result %q", out)
			}
		}
		for _, r := range SafeASCII(in) {
			if r > 0x7e {
				t.Fatalf("SafeASCII(%q) holds %U", in, r)
			}
		}
	})
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in          string
		width       int
		end, middle string
	}{
		{"abcdef", 6, "abcdef", "abcdef"},
		{"abcdefgh", 5, "abcd…", "ab…gh"},
		{"漢字漢字漢字", 7, "漢字漢…", "漢…字"},
		{"abcdefgh", 1, "…", "…"},
	} {
		if got := Clip(c.in, c.width, "…"); got != c.end {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.in, c.width, got, c.end)
		}
		if got := ClipMiddle(c.in, c.width, "…"); got != c.middle {
			t.Errorf("ClipMiddle(%q, %d) = %q, want %q", c.in, c.width, got, c.middle)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, w := Safe(rapid.String().Draw(t, "s")), rapid.IntRange(3, 40).Draw(t, "width")
		for _, got := range []string{Clip(s, w, "..."), ClipMiddle(s, w, "...")} {
			if Width(got) > w {
				t.Fatalf("%q is %d cells wide, more than %d", got, Width(got), w)
			}
			if Width(s) > w && !strings.Contains(got, "...") {
				t.Fatalf("%q was cut without a mark", got)
			}
		}
	})
}

func TestHuman(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_949: "9.9 kB", 9_960: "10 kB",
		999_499: "999 kB", 999_500: "1.0 MB", 2_100_000_000: "2.1 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 400 * time.Microsecond: "1ms", 850 * time.Millisecond: "850ms", 2 * time.Second: "2s",
		2400 * time.Millisecond: "2.4s", 59 * time.Second: "59s", 14*time.Minute + 47*time.Second: "14m47s",
		3*time.Hour + 5*time.Minute: "3h05m", 52 * time.Hour: "2d04h", -time.Minute: "-1m00s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
	if got := Plural(1, "entry", "entries") + " " + Plural(2000, "entry", "entries") + " " + Plural(0, "file"); got != "1 entry 2,000 entries 0 files" {
		t.Errorf("Plural: %q", got)
	}
}

func TestDetect(t *testing.T) {
	env := func(kv ...string) func(string) string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return func(k string) string { return m[k] }
	}
	if got := Detect(io.Discard, env("LANG", "en_US.UTF-8")); got != (Terminal{Width: DefaultWidth, Unicode: true}) {
		t.Errorf("a pipe: %+v", got)
	}
	if got := Detect(io.Discard, env("COLUMNS", "72", "LANG", "en_US.UTF-8", "LC_ALL", "C")); got != (Terminal{Width: 72}) {
		t.Errorf("LC_ALL=C: %+v", got)
	}
	if High.Paint("x", false) != "x" || High.Paint("x", true) != "\x1b[1;31mx\x1b[0m" || Plain.Paint("x", true) != "x" {
		t.Error("Paint")
	}
}

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		s    Status
		d    time.Duration
		want string
	}{
		{Status{}, 0, "0 B"},
		{Status{Done: 500, Total: 1000}, time.Second, "50% of 1.0 kB, 500 B/s, 1s left"},
		{Status{Done: 200_000_000, Total: 2_100_000_000, Records: 1_204_332}, time.Second, "9% of 2.1 GB, 200 MB/s, 10s left, 1,204,332 records"},
		{Status{Done: 3_000_000}, 2 * time.Second, "3.0 MB, 1.5 MB/s"},
		{Status{Done: 1200, Total: 1000}, time.Second, "99% of 1.0 kB, 1.2 kB/s"},
	} {
		if got := c.s.line(c.d); got != c.want {
			t.Errorf("%+v after %v: %q, want %q", c.s, c.d, got, c.want)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer // safe without a lock only because Stop waits
	var calls atomic.Int64
	drawn := make(chan struct{}, 100)
	p := StartProgress(&out, Terminal{Interactive: true, Width: 20}, func() Status {
		calls.Add(1)
		drawn <- struct{}{}
		return Status{Done: 1 << 40, Records: 1 << 40}
	})
	<-drawn
	p.Stop()
	p.Stop()
	n := calls.Load()
	got := out.String()
	if !strings.HasPrefix(got, clearLine) || !strings.HasSuffix(got, clearLine) {
		t.Errorf("drawn: %q", got)
	}
	for _, line := range strings.Split(got, clearLine) {
		if Width(line) > 19 {
			t.Errorf("line %q is wider than the terminal", line)
		}
	}
	time.Sleep(2 * interval)
	if calls.Load() != n {
		t.Error("drawn after Stop")
	}
	out.Reset()
	p = StartProgress(&out, Terminal{Width: 80}, func() Status { t.Error("asked without a terminal"); return Status{} })
	p.Stop()
	if out.Len() != 0 {
		t.Errorf("drawn without a terminal: %q", out.String())
	}
}
