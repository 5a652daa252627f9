package engine

import "sync"

// keyed is what a table can be looked up by.
type keyed interface {
	comparable
	// slot spreads keys evenly over the low bits.
	slot() uint64
}

// hash128 stands for texts: two independent hashes over them, with seeds that
// no input can know.
type hash128 struct{ a, b uint64 }

func (h hash128) slot() uint64 { return h.a }

// table numbers keys from 0 on, in the order in which they come, and holds a
// value for each. Many goroutines fill it; it is read once they are done.
type table[K keyed, V any] struct {
	mu     sync.RWMutex
	keys   []K
	slots  []uint32 // open addressing: index into keys, plus one
	chunks [][]V    // values never move
}

const tableChunk = 1 << 10

func newTable[K keyed, V any]() *table[K, V] {
	return &table[K, V]{slots: make([]uint32, 1<<10)}
}

// at returns the value of number i.
func (t *table[K, V]) at(i uint32) *V { return &t.chunks[i/tableChunk][i%tableChunk] }

func (t *table[K, V]) find(k K) (n uint32, slot int) {
	mask := len(t.slots) - 1
	for i := int(k.slot()) & mask; ; i = (i + 1) & mask {
		n := t.slots[i]
		if n == 0 {
			return 0, i
		}
		if t.keys[n-1] == k {
			return n - 1, -1
		}
	}
}

// get returns the number of k, whose value is made by build if it is new.
func (t *table[K, V]) get(k K, build func() V) uint32 {
	t.mu.RLock()
	n, slot := t.find(k)
	t.mu.RUnlock()
	if slot < 0 {
		return n
	}
	made := build()
	t.mu.Lock()
	defer t.mu.Unlock()
	if 2*(len(t.keys)+1) > len(t.slots) {
		t.grow()
	}
	if n, slot = t.find(k); slot < 0 {
		return n
	}
	n = uint32(len(t.keys))
	if n%tableChunk == 0 {
		t.chunks = append(t.chunks, make([]V, tableChunk))
	}
	*t.at(n) = made
	t.keys = append(t.keys, k)
	t.slots[slot] = n + 1
	return n
}

func (t *table[K, V]) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := len(t.slots) - 1
	for i, k := range t.keys {
		j := int(k.slot()) & mask
		for t.slots[j] != 0 {
			j = (j + 1) & mask
		}
		t.slots[j] = uint32(i) + 1
	}
}
