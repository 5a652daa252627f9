package triage

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/footprint"
)

// toolIndex knows the operations of tools and incidents, as sets of numbers.
type toolIndex struct {
	number map[footprint.Operation]uint16
	// weight of each operation, the greater the fewer callers are known of
	// it: of tools with Terraform and the console, and of incidents.
	byTool, byIncident []float64
	only               opSet // operations of one tool and nothing else known

	programs []*knownTool
	reports  []knownIncident

	metMu sync.Mutex
	met   atomic.Pointer[[]atomic.Pointer[trait]] // of APIs that were met, by ID
}

// trait is what the tables know of an API.
type trait struct {
	api    *event.API
	number int  // of the operation, -1 where no table has it
	bulk   bool // one call answers what many reads would
}

// knownTool is a program with what it calls.
type knownTool struct {
	footprint.Program
	disguises map[string]bool // user agents that it puts on
	ops       opSet
	n         int
	total     float64       // weight of ops
	modules   []knownModule // where it runs piece by piece
}

// knownModule is a piece of a program, in the order of its source.
type knownModule struct {
	name  string
	order []uint16
	ops   opSet
}

type knownIncident struct {
	footprint.Incident
	ops   opSet
	size  int
	total float64
}

// maxOps bounds the operations of all tables together; a test reads them.
const maxOps = 2048

// opSet is a set of operations.
type opSet [maxOps / 64]uint64

func (s *opSet) add(n uint16)      { s[n/64] |= 1 << (n % 64) }
func (s *opSet) has(n uint16) bool { return s[n/64]&(1<<(n%64)) != 0 }

// common counts what two sets have in common.
func (s *opSet) common(t *opSet) (n int) {
	for i := range s {
		n += bits.OnesCount64(s[i] & t[i])
	}
	return n
}

// weigh adds up the weights of what two sets have in common.
func (s *opSet) weigh(t *opSet, weight []float64) (sum float64) {
	for i := range s {
		for b := s[i] & t[i]; b != 0; b &= b - 1 {
			sum += weight[i*64+bits.TrailingZeros64(b)]
		}
	}
	return sum
}

// called is the operations of facts by the numbers of the index.
type called struct {
	ops    opSet
	place  [maxOps]uint16 // place among the operations of the facts
	known  int
	others int // operations that the index does not have
}

func newToolIndex() *toolIndex {
	x := &toolIndex{number: map[footprint.Operation]uint16{}}
	callers := make([]int, maxOps) // tools that call an operation
	for _, p := range footprint.Programs() {
		t := &knownTool{Program: p, disguises: map[string]bool{}}
		for _, agent := range p.Disguises {
			t.disguises[agent] = true
		}
		for _, piece := range footprint.Tools() {
			if piece.Name != p.Name {
				continue
			}
			m := knownModule{name: piece.Module}
			for _, o := range piece.Operations {
				if n := x.enter(o); asks(o) && !m.ops.has(n) {
					m.ops.add(n)
					m.order = append(m.order, n)
				}
			}
			for _, n := range m.order {
				if !t.ops.has(n) {
					t.ops.add(n)
					t.n++
					callers[n]++
				}
			}
			if m.name != "" && len(m.order) >= minModule {
				t.modules = append(t.modules, m)
			}
		}
		x.programs = append(x.programs, t)
	}
	for n, c := range callers {
		if c == 1 {
			x.only.add(uint16(n))
		}
	}
	for o, n := range footprint.Everyday() {
		k := x.enter(o)
		callers[k] += n
		x.only[k/64] &^= 1 << (k % 64)
	}
	named := make([]int, maxOps) // incidents that name an operation
	for _, i := range footprint.Incidents() {
		k := knownIncident{Incident: i}
		for _, o := range slices.Concat(i.Discovery, i.Other) {
			if n := x.enter(o); !k.ops.has(n) {
				k.ops.add(n)
				k.size++
				named[n]++
			}
		}
		x.reports = append(x.reports, k)
	}
	x.byTool, x.byIncident = rarity(callers, len(x.programs)), rarity(named, len(x.reports))
	for _, t := range x.programs {
		t.total = t.ops.weigh(&t.ops, x.byTool)
	}
	for i := range x.reports {
		k := &x.reports[i]
		k.total = k.ops.weigh(&k.ops, x.byIncident)
	}
	return x
}

// enter gives an operation its number.
func (x *toolIndex) enter(o footprint.Operation) uint16 {
	o = o.Canonical()
	n, ok := x.number[o]
	if !ok {
		n = uint16(len(x.number))
		if n == maxOps {
			panic("triage: more operations in the tables than maxOps") // a test reads them
		}
		x.number[o] = n
	}
	return n
}

// rarity is log2(1 + all/callers), with one caller where none is known.
func rarity(callers []int, all int) []float64 {
	list := make([]float64, len(callers))
	for i, c := range callers {
		list[i] = math.Log2(1 + float64(all)/float64(max(c, 1)))
	}
	return list
}

// unknown is the weight of an operation that no table has: as if two called it.
func unknown(all int) float64 { return math.Log2(1 + float64(all)/2) }

// asks reports whether an operation reads: what tools change shows in other
// facts. Outside of AWS the tables have reads alone.
func asks(o footprint.Operation) bool {
	return !strings.HasSuffix(o.Service, ".amazonaws.com") || slices.ContainsFunc(readVerbs, func(verb string) bool { return strings.HasPrefix(o.Name, verb) })
}

var readVerbs = []string{"Describe", "Get", "List", "Lookup", "Search", "BatchGet", "Head", "Scan", "Select", "Simulate", "Query"}

// call numbers the operations of facts. It allocates nothing for APIs that were
// met before.
func (x *toolIndex) call(f *finding.Facts, c *called) {
	for i := range f.Operations {
		t := x.of(f.Operations[i].API)
		if n := uint16(t.number); t.number < 0 {
			c.others++
		} else if !c.ops.has(n) {
			c.ops.add(n)
			c.place[n] = uint16(min(i, math.MaxUint16))
			c.known++
		}
	}
}

// of returns what is known of an API. IDs are of one registry as a rule; for
// those of another the answer is worked out anew.
func (x *toolIndex) of(a *event.API) *trait {
	if list := x.met.Load(); list != nil && int(a.ID) < len(*list) {
		if t := (*list)[a.ID].Load(); t != nil && t.api == a {
			return t
		}
	}
	return x.meet(a)
}

func (x *toolIndex) meet(a *event.API) *trait {
	t := &trait{api: a, number: -1, bulk: bulk()[apiName(a)] != ""}
	n, ok := x.number[footprint.Operation{Service: a.Service, Name: a.Name}]
	for k := 0; !ok && k < len(a.Logged); k++ {
		n, ok = x.number[footprint.Operation{Service: a.Service, Name: a.Logged[k]}]
	}
	if ok {
		t.number = int(n)
	}
	x.metMu.Lock()
	defer x.metMu.Unlock()
	list := x.met.Load()
	if list == nil || int(a.ID) >= len(*list) {
		longer := make([]atomic.Pointer[trait], 2*a.ID+256)
		if list != nil {
			for i := range *list {
				longer[i].Store((*list)[i].Load())
			}
		}
		list = &longer
		x.met.Store(list)
	}
	(*list)[a.ID].Store(t)
	return t
}
