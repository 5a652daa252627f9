package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"vedette/internal/event"
)

// call is a scoring event as the engine keeps it: a fixed tuple of 56 bytes,
// laid out so that nothing of it is padding.
type call struct {
	time    int64
	key     event.Key
	context uint32
	api     uint32
	file    uint32
	record  uint32
	id      uint32  // symbol of the event's id; 0 where the key is the id
	region  uint16  // number in the engine's table of regions
	target  [6]byte // hash of what was asked for; zero where that is nothing
	answer  answer
	status  callStatus
	windows uint16 // bit i: window i of the engine selects it
}

// maxWindows is how many windows a call has bits for.
const maxWindows = 16

// answer is a call's outcome, in the low three bits, and what refused it.
type answer uint8

// Neither may outgrow its bits.
const _ = uint(1<<3-event.NumOutcomes) + uint(1<<5-event.NumReasons)

func answerOf(o event.Outcome, r event.Reason) answer { return answer(o) | answer(r)<<3 }

func (c *call) outcome() event.Outcome { return event.Outcome(c.answer & (1<<3 - 1)) }
func (c *call) reason() event.Reason   { return event.Reason(c.answer >> 3) }

// callStatus is the rank of a call among its copies, and whether its key
// stands for copies in several accounts.
type callStatus uint8

const (
	sharedCall  callStatus = 1 << 7
	openCall    callStatus = 1 << 6 // it asked for all, not for one or some
	consoleCall callStatus = 1 << 5 // the provider's console made it
	noMFACall   callStatus = 1 << 4 // its session says that it has no MFA
	madeCall    callStatus = 1 << 3 // the provider made it itself
	maxRank                = 1<<3 - 1
)

func (c *call) rank() int    { return int(c.status & maxRank) }
func (c *call) shared() bool { return c.status&sharedCall != 0 }
func (c *call) asks() bool   { return c.target != [6]byte{} }

const callSize = 56 // in memory and on disk

func (c *call) put(b []byte) {
	le := binary.LittleEndian
	le.PutUint64(b, uint64(c.time))
	le.PutUint64(b[8:], c.key.Hi)
	le.PutUint64(b[16:], c.key.Lo)
	for i, v := range [...]uint32{c.context, c.api, c.file, c.record, c.id} {
		le.PutUint32(b[24+4*i:], v)
	}
	le.PutUint16(b[44:], c.region)
	copy(b[46:], c.target[:])
	b[52], b[53] = byte(c.answer), byte(c.status)
	le.PutUint16(b[54:], c.windows)
}

func (c *call) get(b []byte) {
	le := binary.LittleEndian
	c.time = int64(le.Uint64(b))
	c.key = event.Key{Hi: le.Uint64(b[8:]), Lo: le.Uint64(b[16:])}
	for i, p := range [...]*uint32{&c.context, &c.api, &c.file, &c.record, &c.id} {
		*p = le.Uint32(b[24+4*i:])
	}
	c.region = le.Uint16(b[44:])
	copy(c.target[:], b[46:])
	c.answer, c.status, c.windows = answer(b[52]), callStatus(b[53]), le.Uint16(b[54:])
}

// record is a fixed-size tuple that a store can hold.
type tuple[T any] interface {
	*T
	put([]byte)
	get([]byte)
}

// keyOnly is the key of an event that does not score, kept to count
// duplicates.
type keyOnly event.Key

func (k *keyOnly) put(b []byte) {
	binary.LittleEndian.PutUint64(b, k.Hi)
	binary.LittleEndian.PutUint64(b[8:], k.Lo)
}

func (k *keyOnly) get(b []byte) {
	k.Hi, k.Lo = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// partitions is how many parts a store has: each is worked on whole, one
// after the other, so that only a part of the data needs to be together.
const partitions = 64

// store holds tuples in parts. Many goroutines fill it, each through a
// writer; then each part is taken once. Past the memory budget, full chunks
// go to temporary files, one a part.
type store[T any, P tuple[T]] struct {
	size   int // bytes of a tuple on disk
	cap    int // tuples a chunk
	budget *budget
	parts  [partitions]part[T]
	free   *freeList[T]
}

type part[T any] struct {
	mu     sync.Mutex
	chunks [][]T
	file   *os.File
	w      *bufio.Writer
	onDisk int
	err    error
}

type freeList[T any] struct {
	mu     sync.Mutex
	chunks [][]T
}

// budget is how much memory the chunks of all stores of a run may take.
type budget struct {
	max  int64
	used atomic.Int64
	dir  string // for temporary files; made when first needed
	mu   sync.Mutex
	// spilled counts the tuples that went to disk.
	spilled atomic.Int64
}

// tempFile returns a temporary file that nobody else can find and that is
// gone when it is closed, where the system allows that.
func (b *budget) tempFile() (*os.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "vedette-")
		if err != nil {
			return nil, err
		}
		b.dir = dir
	}
	return os.CreateTemp(b.dir, "part-")
}

func (b *budget) close() error {
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

func newStore[T any, P tuple[T]](b *budget, size, chunk int) *store[T, P] {
	return &store[T, P]{size: size, cap: chunk, budget: b, free: new(freeList[T])}
}

// storeWriter is one goroutine's way into a store.
type storeWriter[T any, P tuple[T]] struct {
	s    *store[T, P]
	open [partitions][]T
}

// add puts t into a part.
func (w *storeWriter[T, P]) add(p int, t T) {
	c := w.open[p]
	if len(c) == cap(c) {
		if c != nil {
			w.s.keep(p, c)
		}
		c = w.s.chunk()
	}
	w.open[p] = append(c, t)
}

// flush hands the rest over.
func (w *storeWriter[T, P]) flush() {
	for p, c := range w.open {
		if len(c) > 0 {
			w.s.keep(p, c)
		}
		w.open[p] = nil
	}
}

func (s *store[T, P]) chunk() []T {
	s.free.mu.Lock()
	defer s.free.mu.Unlock()
	if n := len(s.free.chunks); n > 0 {
		c := s.free.chunks[n-1]
		s.free.chunks = s.free.chunks[:n-1]
		return c[:0]
	}
	return make([]T, 0, s.cap)
}

func (s *store[T, P]) release(c []T) {
	s.free.mu.Lock()
	s.free.chunks = append(s.free.chunks, c)
	s.free.mu.Unlock()
}

// keep takes a chunk over: into memory while the budget lasts, else to disk.
func (s *store[T, P]) keep(p int, c []T) {
	bytes := int64(cap(c) * s.size)
	pt := &s.parts[p]
	pt.mu.Lock()
	defer pt.mu.Unlock()
	if s.budget.used.Add(bytes) <= s.budget.max {
		pt.chunks = append(pt.chunks, c)
		return
	}
	s.budget.used.Add(-bytes)
	if pt.err == nil {
		pt.err = s.spill(pt, c)
	}
	s.release(c)
}

func (s *store[T, P]) spill(pt *part[T], c []T) error {
	if pt.file == nil {
		f, err := s.budget.tempFile()
		if err != nil {
			return fmt.Errorf("past the memory budget: %w", err)
		}
		pt.file = f
		pt.w = bufio.NewWriterSize(f, 1<<15)
	}
	b := make([]byte, s.size)
	for i := range c {
		P(&c[i]).put(b)
		if _, err := pt.w.Write(b); err != nil {
			return fmt.Errorf("past the memory budget: %w", err)
		}
	}
	pt.onDisk += len(c)
	s.budget.spilled.Add(int64(len(c)))
	return nil
}

// take returns all tuples of a part in dst, in no particular order, and
// forgets them.
func (s *store[T, P]) take(p int, dst []T) ([]T, error) {
	pt := &s.parts[p]
	pt.mu.Lock()
	defer pt.mu.Unlock()
	if pt.err != nil {
		return nil, pt.err
	}
	n := pt.onDisk
	for _, c := range pt.chunks {
		n += len(c)
	}
	if cap(dst) < n {
		dst = make([]T, 0, n+n/8) // parts are about as large as one another
	}
	dst = dst[:0]
	for _, c := range pt.chunks {
		dst = append(dst, c...)
		s.budget.used.Add(-int64(cap(c) * s.size))
		s.release(c)
	}
	pt.chunks = nil
	if pt.file == nil {
		return dst, nil
	}
	dst, err := s.load(pt, dst)
	err = errors.Join(err, pt.file.Close(), os.Remove(pt.file.Name()))
	pt.file, pt.w, pt.onDisk = nil, nil, 0
	return dst, err
}

func (s *store[T, P]) load(pt *part[T], dst []T) ([]T, error) {
	if err := pt.w.Flush(); err != nil {
		return nil, err
	}
	if _, err := pt.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(pt.file, 1<<16)
	b := make([]byte, s.size)
	for range pt.onDisk {
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		var t T
		P(&t).get(b)
		dst = append(dst, t)
	}
	return dst, nil
}
