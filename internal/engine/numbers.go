package engine

import (
	"sync"
	"sync/atomic"
)

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
//
// A key that is there is found without a lock: what a reader may see is never
// changed. Any lock would be written to at each look-up, by all processors, and
// who has to wait for one gives its processor up.
type table[K keyed, V any] struct {
	slots  atomic.Pointer[[]atomic.Uint32] // open addressing: number, plus one
	chunks atomic.Pointer[[]*tableChunk[K, V]]

	mu sync.Mutex // of who adds
	n  uint32
}

// tableChunk is where entries lie: they never move.
type tableChunk[K keyed, V any] [chunkSize]struct {
	value V // first: it may have no size, and would be given some at the end
	key   K
}

const chunkSize = 1 << 10

func newTable[K keyed, V any]() *table[K, V] {
	t := new(table[K, V])
	slots := make([]atomic.Uint32, 1<<10)
	t.slots.Store(&slots)
	t.chunks.Store(new([]*tableChunk[K, V]))
	return t
}

// len returns how many keys there are.
func (t *table[K, V]) len() int { return int(t.n) }

// key returns the key of number i.
func (t *table[K, V]) key(i uint32) *K { return &(*t.chunks.Load())[i/chunkSize][i%chunkSize].key }

// at returns the value of number i.
func (t *table[K, V]) at(i uint32) *V { return &(*t.chunks.Load())[i/chunkSize][i%chunkSize].value }

// find returns the number of k, or the slot that it belongs into.
func (t *table[K, V]) find(k K) (n uint32, free *atomic.Uint32) {
	slots := *t.slots.Load()
	mask := len(slots) - 1
	for i := int(k.slot()) & mask; ; i = (i + 1) & mask {
		n := slots[i].Load()
		if n == 0 {
			return 0, &slots[i]
		}
		if *t.key(n - 1) == k {
			return n - 1, nil
		}
	}
}

// get returns the number of k, whose value is made by build if it is new.
func (t *table[K, V]) get(k K, build func() V) uint32 {
	n, free := t.find(k)
	if free == nil {
		return n
	}
	made := build()
	t.mu.Lock()
	defer t.mu.Unlock()
	if 2*(t.len()+1) > len(*t.slots.Load()) {
		t.grow()
	}
	if n, free = t.find(k); free == nil {
		return n // meanwhile it was added
	}
	n = t.n
	t.n++
	if n%chunkSize == 0 {
		chunks := append(*t.chunks.Load(), new(tableChunk[K, V]))
		t.chunks.Store(&chunks)
	}
	*t.at(n), *t.key(n) = made, k
	free.Store(n + 1) // from now on others find it
	return n
}

func (t *table[K, V]) grow() {
	slots := make([]atomic.Uint32, 2*len(*t.slots.Load()))
	mask := len(slots) - 1
	for n := range t.n {
		j := int((*t.key(n)).slot()) & mask
		for slots[j].Load() != 0 {
			j = (j + 1) & mask
		}
		slots[j].Store(n + 1)
	}
	t.slots.Store(&slots)
}
