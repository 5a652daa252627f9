package event

import (
	"bytes"
	"testing"
)

func TestDigestTellsPartsApart(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 300)
	lists := [][][]byte{
		nil, {nil}, {nil, nil}, {[]byte("ab")}, {[]byte("a"), []byte("b")}, {[]byte("b"), []byte("a")}, {[]byte("ab"), nil},
		{long}, {long[:299]}, {long[:150], long[150:]}, {long[:64]}, {long[:65]}, {long, []byte("a")},
	}
	seen := map[Key]int{}
	for i, l := range lists {
		k := Digest(l...)
		if j, ok := seen[k]; ok {
			t.Errorf("lists %d and %d have one key", j, i)
		}
		seen[k] = i
		if Digest(l...) != k {
			t.Errorf("list %d has two keys", i)
		}
	}
}

func TestDigestDoesNotAllocate(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 9000)
	if n := testing.AllocsPerRun(100, func() { Digest(long, long, []byte("a"), long) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
