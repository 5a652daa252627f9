package scratch

import (
	"bytes"
	"testing"

	"vedette/internal/codec/jsonscan"
)

func TestText(t *testing.T) {
	var s Space
	for in, want := range map[string]string{
		`"plain"`: "plain", `""`: "", `"a\/b\u0041"`: "a/bA", `12`: "", `null`: "", `{"a":1}`: "",
	} {
		if got := s.Text([]byte(in)); string(got) != want {
			t.Errorf("Text(%s) = %q, want %q", in, got, want)
		}
	}
	if got := s.Scalar([]byte(`12`)); string(got) != "12" {
		t.Errorf("Scalar(12) = %q", got)
	}
	if got := s.Scalar([]byte(`"1\u0032"`)); string(got) != "12" {
		t.Errorf(`Scalar("1\u0032") = %q`, got)
	}
}

// Earlier texts stay as they are while later ones are made, also when the
// space has to grow.
func TestEarlierTextsStay(t *testing.T) {
	var s Space
	var texts [][]byte
	for i := range 200 {
		texts = append(texts, s.Lower([]byte{'A' + byte(i%26), 'B', 'C'}))
	}
	for i, got := range texts {
		if want := []byte{'a' + byte(i%26), 'b', 'c'}; !bytes.Equal(got, want) {
			t.Fatalf("text %d is %q, want %q", i, got, want)
		}
	}
	a := s.Join([]byte("x"), []byte("y"))
	_ = append(a, "overrun"...)
	b := s.Join([]byte("z"))
	_ = append(a, "overrun"...)
	if string(b) != "z" {
		t.Errorf("appending to one text changed the next: %q", b)
	}
}

func TestLowerKeepsInput(t *testing.T) {
	var s Space
	in := []byte("MiXeD é É")
	if got := s.Lower(in); string(got) != "mixed é É" || string(in) != "MiXeD é É" {
		t.Errorf("Lower gave %q and left %q", got, in)
	}
	low := []byte("low")
	if got := s.Lower(low); &got[0] != &low[0] {
		t.Error("a text in lower case was copied")
	}
}

func TestWarmSpaceDoesNotAllocate(t *testing.T) {
	var s Space
	val := []byte(`"A\tB"`)
	run := func() { s.Reset(); s.Join(s.Lower(s.Text(val)), val) }
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
	s.Join(make([]byte, maxKept+1))
	s.Reset()
	if cap(s.buf) != 0 {
		t.Error("a large space was kept")
	}
}

func FuzzText(f *testing.F) {
	f.Add(`"a\u00e9\ud83d\ude00\n"`)
	f.Fuzz(func(t *testing.T, in string) {
		var s Space
		if got, want := s.Text([]byte(in)), jsonscan.Text([]byte(in)); !bytes.Equal(got, want) {
			t.Fatalf("Text(%q) = %q, jsonscan has %q", in, got, want)
		}
	})
}
