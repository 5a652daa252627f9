package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"
)

// Format and Version name the file: a header and a profile a line, as JSON,
// whole compressed with zstd or not at all.
const (
	Format  = "vedette-baseline"
	Version = 1
)

// Header is the first line of a baseline.
type Header struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	From     Day    `json:"from"` // first day of history
	To       Day    `json:"to"`   // last day of history
	Profiles int    `json:"profiles"`
	// Decay is how many days back from To names are kept; 0 for all.
	Decay int `json:"decay_days"`
	// Benign are the ids of findings that were learned because somebody said
	// that they are benign.
	Benign []string `json:"benign,omitempty"`

	// Forgotten is what [Learn] dropped for its age; no file has it.
	Forgotten Forgotten `json:"-"`
}

// Forgotten is what was too old for a baseline: callers of whom nothing is
// left, and the first and the last day that was dropped. Both days are 0 where
// none was.
type Forgotten struct {
	Callers  int
	From, To Day
}

// Baseline is a baseline in memory. It is safe for concurrent readers.
type Baseline struct {
	Header
	pack Pack
}

// maxLine bounds one profile, in bytes; maxProfiles their number.
const (
	maxLine     = 16 << 20
	maxProfiles = 1 << 24
)

// Read reads a baseline. Errors name the line.
func Read(r io.Reader) (*Baseline, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	if magic, err := br.Peek(4); err == nil && bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		br = bufio.NewReaderSize(z, 1<<16)
	}
	s := bufio.NewScanner(br)
	s.Buffer(make([]byte, 0, 1<<16), maxLine)
	b := &Baseline{}
	if !s.Scan() {
		return nil, fmt.Errorf("no header: %w", cmpErr(s.Err(), io.ErrUnexpectedEOF))
	}
	if err := json.Unmarshal(s.Bytes(), &b.Header); err != nil || b.Format != Format {
		return nil, errors.New("line 1: this is no baseline of Vedette")
	}
	if b.Version != Version {
		return nil, fmt.Errorf("line 1: version %d, this program reads %d", b.Version, Version)
	}
	for n := 2; s.Scan(); n++ {
		var p Profile
		if err := json.Unmarshal(s.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if last := b.pack.Len() - 1; last >= 0 && b.pack.entries[last].Compare(p.Key) >= 0 {
			return nil, fmt.Errorf("line %d: profiles are in order of cloud, account and principal, each once, and %q is not", n, p.Principal)
		}
		if b.pack.Len() == maxProfiles {
			return nil, fmt.Errorf("line %d: more than %d profiles", n, maxProfiles)
		}
		b.pack.Add(&p)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", b.pack.Len()+2, err)
	}
	if b.pack.Len() != b.Profiles {
		return nil, fmt.Errorf("%d profiles, the header says %d: the file is cut off", b.pack.Len(), b.Profiles)
	}
	return b, nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Profile returns the profile of a key, or nil.
func (b *Baseline) Profile(k Key) *Profile {
	if b == nil {
		return nil
	}
	return b.pack.find(k)
}

// Learn joins a baseline, which may be nil, with what a run saw. Names not
// seen for decay days before the last day are dropped, where decay is above 0.
// The profiles that it returns are in order and may be gone through again.
func Learn(old *Baseline, seen []*Pack, decay int, benign []string) (*Header, iter.Seq[*Profile]) {
	packs := slices.Clone(seen)
	if old != nil {
		benign = append(slices.Clone(old.Benign), benign...)
		packs = append(packs, &old.pack)
	}
	benign = slices.Clone(benign)
	slices.Sort(benign)
	h := &Header{Format: Format, Version: Version, Decay: decay, Benign: slices.Compact(benign)}
	all := All(packs...)
	first, seenCallers := true, 0
	for p := range all {
		if p.Principal == "" {
			continue
		}
		seenCallers++
		for d := range p.seen() {
			if first || d > h.To {
				h.To = d
			}
			if first || d < h.From {
				h.From = d
			}
			first = false
		}
	}
	if decay > 0 && !first {
		oldest := h.From
		if h.From = max(h.From, h.To-Day(decay)+1); oldest < h.From {
			h.Forgotten.From, h.Forgotten.To = oldest, lastBefore(all, h.From)
		}
	}
	callers := func(yield func(*Profile) bool) {
		for p := range all {
			if p.Principal == "" {
				continue // the sums are made anew
			}
			if decay > 0 && !first {
				p.Decay(h.From)
				if len(p.Days) == 0 && len(p.Bursts) == 0 {
					continue
				}
			}
			if !yield(p) {
				return
			}
		}
	}
	own, groups := &Pack{}, sums(callers)
	for _, p := range groups {
		own.Add(p)
	}
	h.Profiles = len(groups)
	for range callers {
		h.Profiles++
		seenCallers--
	}
	h.Forgotten.Callers = seenCallers
	// The sum of an account stands before its callers.
	return h, func(yield func(*Profile) bool) {
		next, stop := iter.Pull(All(own))
		defer stop()
		group, ok := next()
		for p := range callers {
			for ok && group.Compare(p.Key) < 0 {
				if !yield(group) {
					return
				}
				group, ok = next()
			}
			if !yield(p) {
				return
			}
		}
		for ; ok; group, ok = next() {
			if !yield(group) {
				return
			}
		}
	}
}

// seen are the days of which a profile says something, in no order: an input
// that has findings alone ages as any other does.
func (p *Profile) seen() iter.Seq[Day] {
	return func(yield func(Day) bool) {
		for _, d := range p.Days {
			if !yield(d) {
				return
			}
		}
		for i := range p.Bursts {
			if !yield(p.Bursts[i].Day) {
				return
			}
		}
	}
}

// lastBefore is the last day before another on which a caller was seen.
func lastBefore(all iter.Seq[*Profile], day Day) (last Day) {
	for p := range all {
		for d := range p.seen() {
			if p.Principal != "" && d < day {
				last = max(last, d)
			}
		}
	}
	return last
}

// sum is the profile of many callers in the making. Networks and earlier
// bursts say something of one caller alone and are left out.
type sum struct {
	days                   map[Day]bool
	apis, regions, clients map[string][2]Day
	using                  map[string]int // callers of an API
	callers                int
	hours                  uint32
}

// sums returns the profiles of accounts and of clouds.
func sums(callers iter.Seq[*Profile]) []*Profile {
	by := map[Key]*sum{}
	for p := range callers {
		for _, k := range []Key{{Cloud: p.Cloud, Account: p.Account}, {Cloud: p.Cloud}} {
			s := by[k]
			if s == nil {
				s = &sum{days: map[Day]bool{}, apis: map[string][2]Day{}, regions: map[string][2]Day{}, clients: map[string][2]Day{}, using: map[string]int{}}
				by[k] = s
			}
			s.callers++
			for _, a := range p.APIs {
				s.using[a.Name]++
			}
			for _, d := range p.Days {
				s.days[d] = true
			}
			for _, x := range []struct {
				to   map[string][2]Day
				from []Seen
			}{{s.apis, p.APIs}, {s.regions, p.Regions}, {s.clients, p.Clients}} {
				for _, seen := range x.from {
					if was, ok := x.to[seen.Name]; ok {
						x.to[seen.Name] = [2]Day{min(was[0], seen.First), max(was[1], seen.Last)}
					} else {
						x.to[seen.Name] = [2]Day{seen.First, seen.Last}
					}
				}
			}
			s.hours |= p.Hours
		}
	}
	var out []*Profile
	for k, s := range by {
		apis := Names(s.apis)
		for i := range apis {
			apis[i].Callers = s.using[apis[i].Name]
		}
		out = append(out, &Profile{Key: k, Callers: s.callers, Days: slices.Sorted(maps.Keys(s.days)), APIs: apis, Regions: Names(s.regions), Clients: Names(s.clients), Hours: s.hours})
	}
	return out
}

// Write writes a baseline, compressed unless plain is set.
func Write(w io.Writer, h *Header, profiles iter.Seq[*Profile], plain bool) (err error) {
	if !plain {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		defer func() {
			if e := z.Close(); err == nil {
				err = e
			}
		}()
		w = z
	}
	bw := bufio.NewWriterSize(w, 1<<16)
	line := func(v any) error {
		data, err := json.Marshal(v, json.Deterministic(true))
		if err != nil {
			return err
		}
		bw.Write(data)
		return bw.WriteByte('\n')
	}
	if err := line(h); err != nil {
		return err
	}
	for p := range profiles {
		if err := line(p); err != nil {
			return err
		}
	}
	return bw.Flush()
}

// Names lists a set as seen on given days, in order of name.
func Names(set map[string][2]Day) []Seen {
	var list []Seen
	for _, name := range slices.SortedFunc(maps.Keys(set), strings.Compare) {
		list = append(list, Seen{Name: name, First: set[name][0], Last: set[name][1]})
	}
	return list
}
