package engine

import (
	"hash/maphash"
	"sync"
	"unsafe"
)

// symbols is a table of texts that many goroutines fill. A symbol is a small
// number; 0 is the empty text. Which number a text gets depends on who came
// first, so numbers decide nothing that is shown: texts do.
type symbols struct {
	seed   maphash.Seed
	shards [symbolShards]symbolShard
}

const (
	symbolShards = 64
	shardBits    = 6
	arenaSize    = 1 << 16
)

type symbolShard struct {
	mu    sync.Mutex
	slots []uint32 // open addressing: index into refs, plus one
	refs  []textRef
	arena [][]byte
}

// textRef is where a text lies, with a part of its hash.
type textRef struct {
	hash  uint32
	chunk uint32
	off   uint32
	len   uint32
}

func newSymbols() *symbols {
	s := &symbols{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].slots = make([]uint32, 16)
	}
	// Index 0 of shard 0 is the empty text.
	s.shards[0].refs = append(s.shards[0].refs, textRef{})
	return s
}

// intern returns the symbol of b.
func (s *symbols) intern(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	h := maphash.Bytes(s.seed, b)
	i := uint32(h % symbolShards)
	return s.shards[i].intern(b, uint32(h>>32))<<shardBits | i
}

// maxText bounds what is kept of a text that callers choose.
const maxText = 1024

// internClipped is intern for a text that callers choose.
func (s *symbols) internClipped(b []byte) uint32 {
	if len(b) > maxText {
		b = b[:maxText]
	}
	return s.intern(b)
}

// text returns the text of a symbol, only once no goroutine interns any more.
// It is a view of the table's own memory, which is written once and never
// moves: findings name the same few texts a million times over.
func (s *symbols) text(sym uint32) string {
	sh := &s.shards[sym%symbolShards]
	b := sh.bytes(&sh.refs[sym>>shardBits])
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (sh *symbolShard) bytes(r *textRef) []byte {
	if r.len == 0 {
		return nil
	}
	return sh.arena[r.chunk][r.off : r.off+r.len]
}

func (sh *symbolShard) find(b []byte, hash uint32) (sym uint32, slot int) {
	mask := len(sh.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		n := sh.slots[i]
		if n == 0 {
			return 0, i
		}
		if r := &sh.refs[n-1]; r.hash == hash && string(sh.bytes(r)) == string(b) {
			return n - 1, -1
		}
	}
}

func (sh *symbolShard) intern(b []byte, hash uint32) uint32 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sym, slot := sh.find(b, hash)
	if slot < 0 {
		return sym
	}
	if 2*(len(sh.refs)+1) > len(sh.slots) {
		sh.grow()
		_, slot = sh.find(b, hash)
	}
	sym = uint32(len(sh.refs))
	sh.refs = append(sh.refs, sh.store(b, hash))
	sh.slots[slot] = sym + 1
	return sym
}

func (sh *symbolShard) store(b []byte, hash uint32) textRef {
	last := len(sh.arena) - 1
	if last < 0 || len(sh.arena[last])+len(b) > cap(sh.arena[last]) {
		// Small at first: most tables stay small.
		size := arenaSize
		if last < 0 {
			size = 1 << 10
		}
		sh.arena = append(sh.arena, make([]byte, 0, max(size, len(b))))
		last++
	}
	off := len(sh.arena[last])
	sh.arena[last] = append(sh.arena[last], b...)
	return textRef{hash, uint32(last), uint32(off), uint32(len(b))}
}

func (sh *symbolShard) grow() {
	sh.slots = make([]uint32, 2*len(sh.slots))
	mask := len(sh.slots) - 1
	for i := range sh.refs {
		if sh.refs[i].len == 0 {
			continue
		}
		j := int(sh.refs[i].hash) & mask
		for sh.slots[j] != 0 {
			j = (j + 1) & mask
		}
		sh.slots[j] = uint32(i) + 1
	}
}
