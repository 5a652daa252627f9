package engine

import (
	"sync"
	"testing"
)

// Whoever asks, in whatever order and at the same time as others, a key has
// one number, numbers have no gaps, and a number leads back to key and value.
func TestTableNumbersKeysOnce(t *testing.T) {
	const workers, keys = 4, 5 * chunkSize / 2
	tab := newTable[hash128, uint64]()
	var got [workers][keys]uint32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range keys {
				k := (i*7 + w*keys/workers) % keys // keys are no multiple of 7
				// Few low bits differ, so that keys meet in the slots.
				h := hash128{uint64(k) << 3, uint64(k)}
				got[w][k] = tab.get(h, func() uint64 { return uint64(k) * 3 })
			}
		})
	}
	wg.Wait()
	if tab.len() != keys {
		t.Fatalf("%d keys, want %d", tab.len(), keys)
	}
	seen := map[uint32]bool{}
	for k := range keys {
		n := got[0][k]
		for w := range workers {
			if got[w][k] != n {
				t.Fatalf("key %d has the numbers %d and %d", k, n, got[w][k])
			}
		}
		if seen[n] || int(n) >= keys {
			t.Fatalf("key %d has the number %d, which another has, or which is too great", k, n)
		}
		seen[n] = true
		if tab.key(n).b != uint64(k) || *tab.at(n) != uint64(k)*3 {
			t.Fatalf("number %d of key %d leads to key %d and value %d", n, k, tab.key(n).b, *tab.at(n))
		}
	}
}

// Equal halves of the first 64 bits do not make two keys one.
func TestTableComparesWholeKeys(t *testing.T) {
	tab := newTable[hash128, int]()
	a := tab.get(hash128{5, 1}, func() int { return 1 })
	b := tab.get(hash128{5, 2}, func() int { return 2 })
	if a == b || *tab.at(a) != 1 || *tab.at(b) != 2 {
		t.Errorf("numbers %d and %d, values %d and %d", a, b, *tab.at(a), *tab.at(b))
	}
}
