package history

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"
)

// Pack holds many profiles in little memory: names once, all else as small
// numbers. A million profiles of a few names each take some 150 MB, their keys
// included. The zero Pack is empty and ready.
type Pack struct {
	names   []string
	number  map[string]uint64
	chunks  [][]byte
	entries []packed
}

// packed is where a profile lies.
type packed struct {
	Key
	chunk, at uint32
}

const chunkSize = 1 << 20

// Add puts a profile in. The pack keeps its texts and no more of it.
func (p *Pack) Add(q *Profile) {
	if p.number == nil {
		p.number = map[string]uint64{}
	}
	if n := len(p.chunks); n == 0 || len(p.chunks[n-1]) > chunkSize-1<<12 {
		p.chunks = append(p.chunks, make([]byte, 0, chunkSize))
	}
	last := len(p.chunks) - 1
	b := p.chunks[last]
	p.entries = append(p.entries, packed{q.Key, uint32(last), uint32(len(b))})
	b = binary.AppendUvarint(b, uint64(q.Callers))
	b = binary.AppendUvarint(b, uint64(q.Hours))
	b = appendDays(b, q.Days)
	for _, list := range [][]Seen{q.APIs, q.Regions, q.Networks, q.Clients} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = binary.AppendUvarint(b, p.name(s.Name))
			b = binary.AppendVarint(b, int64(s.First))
			b = binary.AppendVarint(b, int64(s.Last)-int64(s.First))
			b = binary.AppendUvarint(b, uint64(s.Callers))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(q.Bursts)))
	for _, x := range q.Bursts {
		b = binary.AppendVarint(b, int64(x.Day))
		for _, list := range [][]string{x.APIs, x.Networks, x.Clients} {
			b = binary.AppendUvarint(b, uint64(len(list)))
			for _, name := range list {
				b = binary.AppendUvarint(b, p.name(name))
			}
		}
	}
	p.chunks[last] = b
}

func appendDays(b []byte, days []Day) []byte {
	b = binary.AppendUvarint(b, uint64(len(days)))
	before := Day(0)
	for _, d := range days {
		b = binary.AppendVarint(b, int64(d)-int64(before))
		before = d
	}
	return b
}

// name numbers a name.
func (p *Pack) name(s string) uint64 {
	n, ok := p.number[s]
	if !ok {
		n = uint64(len(p.names))
		s = strings.Clone(s)
		p.number[s] = n
		p.names = append(p.names, s)
	}
	return n
}

// Len is how many profiles there are.
func (p *Pack) Len() int { return len(p.entries) }

// at unpacks a profile.
func (p *Pack) at(i int) *Profile {
	e := &p.entries[i]
	b := p.chunks[e.chunk][e.at:]
	u := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	v := func() int64 {
		v, n := binary.Varint(b)
		b = b[n:]
		return v
	}
	q := &Profile{Key: e.Key, Callers: int(u()), Hours: uint32(u())}
	before := int64(0)
	for range u() {
		before += v()
		q.Days = append(q.Days, Day(before))
	}
	for _, list := range []*[]Seen{&q.APIs, &q.Regions, &q.Networks, &q.Clients} {
		for range u() {
			s := Seen{Name: p.names[u()]}
			first := v()
			s.First, s.Last = Day(first), Day(first+v())
			s.Callers = int(u())
			*list = append(*list, s)
		}
	}
	for range u() {
		x := Burst{Day: Day(v())}
		for _, list := range []*[]string{&x.APIs, &x.Networks, &x.Clients} {
			for range u() {
				*list = append(*list, p.names[u()])
			}
		}
		q.Bursts = append(q.Bursts, x)
	}
	return q
}

// find returns the profile of a key in a pack that is in order, or nil.
func (p *Pack) find(k Key) *Profile {
	i, ok := slices.BinarySearchFunc(p.entries, k, func(e packed, k Key) int { return e.Compare(k) })
	if !ok {
		return nil
	}
	return p.at(i)
}

// All gives the profiles of several packs in order of their keys; those of one
// key are merged. It puts each pack in order.
func All(packs ...*Pack) iter.Seq[*Profile] {
	for _, p := range packs {
		slices.SortStableFunc(p.entries, func(a, b packed) int { return a.Compare(b.Key) })
	}
	return func(yield func(*Profile) bool) {
		next := make([]int, len(packs))
		for {
			var least *Key
			for i, p := range packs {
				if next[i] < p.Len() {
					if k := &p.entries[next[i]].Key; least == nil || k.Compare(*least) < 0 {
						least = k
					}
				}
			}
			if least == nil {
				return
			}
			var all *Profile
			for i, p := range packs {
				for next[i] < p.Len() && p.entries[next[i]].Key == *least {
					if q := p.at(next[i]); all == nil {
						all = q
					} else {
						all.Merge(q)
					}
					next[i]++
				}
			}
			if !yield(all) {
				return
			}
		}
	}
}
