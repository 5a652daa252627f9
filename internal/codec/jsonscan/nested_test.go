package jsonscan

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// sameEnd fails where the two ways to skip a value differ.
func sameEnd(t *testing.T, text []byte) {
	t.Helper()
	end, err := skipNested(text, 0)
	want, wantErr := walkNested(text, 0)
	if end != want || err != wantErr {
		t.Fatalf("skipNested(%q) = %d, %v; walkNested: %d, %v", text, end, err, want, wantErr)
	}
}

// TestNestedEnd makes texts of what steers the walk, dense and sparse, so
// that every kind of byte meets every place in a block.
func TestNestedEnd(t *testing.T) {
	if !nestedFast {
		t.Skip("this processor has the portable walk alone")
	}
	pieces := []string{`{`, `}`, `[`, `]`, `"`, `\`, `\"`, `\\`, `""`, `,`, `a`, `"a":"b"`, `{"k":[1,2]}`, strings.Repeat("x", 61)}
	r := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for range 200_000 {
		text = append(text[:0], "{["[r.IntN(2)])
		kinds, n := 1+r.IntN(len(pieces)), 1+r.IntN(200)
		for range n {
			text = append(text, pieces[r.IntN(kinds)]...)
			if r.IntN(3) == 0 {
				text = append(text, strings.Repeat("y", r.IntN(70))...)
			}
		}
		text = append(text, strings.Repeat("]", r.IntN(9))...)
		text = append(text, strings.Repeat(" ", r.IntN(130))...)
		sameEnd(t, text)
	}
	for depth := range maxDepth + 70 {
		text := strings.Repeat("[", depth+1) + strings.Repeat("]", depth+1) + strings.Repeat(" ", 64)
		sameEnd(t, []byte(text))
	}
}

func FuzzNested(f *testing.F) {
	f.Add([]byte(`{"a":"x\"]","b":[{"c":"\\"},"` + strings.Repeat("long", 30) + `"]}` + strings.Repeat(" ", 64)))
	f.Add([]byte(strings.Repeat(`[`, 100) + strings.Repeat(`\`, 31) + `"` + strings.Repeat(`]`, 100) + strings.Repeat(" ", 64)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
			sameEnd(t, text)
		}
	})
}
