package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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
}

// Baseline is a baseline in memory. Profiles stay as lines until asked for, so
// that a million of them fit. It is safe for concurrent readers.
type Baseline struct {
	Header
	lines [][]byte
	index map[Key]int32
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
	b := &Baseline{index: map[Key]int32{}}
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
		// All of it is read once, so that what is broken is said here.
		var p Profile
		if err := json.Unmarshal(s.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		k := p.Key
		if _, ok := b.index[k]; ok {
			return nil, fmt.Errorf("line %d: a second profile of %s", n, k.Principal)
		}
		if len(b.lines) == maxProfiles {
			return nil, fmt.Errorf("line %d: more than %d profiles", n, maxProfiles)
		}
		b.index[k] = int32(len(b.lines))
		b.lines = append(b.lines, bytes.Clone(s.Bytes()))
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(b.lines)+2, err)
	}
	if len(b.lines) != b.Profiles {
		return nil, fmt.Errorf("%d profiles, the header says %d: the file is cut off", len(b.lines), b.Profiles)
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
	i, ok := b.index[k]
	if !ok {
		return nil
	}
	p := &Profile{}
	if err := json.Unmarshal(b.lines[i], p); err != nil {
		panic("history: a profile that was read before: " + err.Error())
	}
	return p
}

// Learn joins a baseline, which may be nil, with what a run saw. Names not
// seen for decay days before the last day are dropped, where decay is above 0.
func Learn(old *Baseline, seen []*Profile, decay int, benign []string) (*Header, []*Profile, error) {
	by := map[Key]*Profile{}
	add := func(p *Profile) {
		if q := by[p.Key]; q != nil {
			q.Merge(p)
		} else {
			by[p.Key] = p
		}
	}
	if old != nil {
		benign = append(slices.Clone(old.Benign), benign...)
		for i, line := range old.lines {
			p := &Profile{}
			if err := json.Unmarshal(line, p); err != nil {
				return nil, nil, fmt.Errorf("line %d: %w", i+2, err)
			}
			if p.Principal != "" { // the sums are made anew
				add(p)
			}
		}
	}
	for _, p := range seen {
		add(p)
	}
	slices.Sort(benign)
	h := &Header{Format: Format, Version: Version, Decay: decay, Benign: slices.Compact(benign)}
	first := true
	for _, p := range by {
		for _, d := range p.Days {
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
		h.From = max(h.From, h.To-Day(decay)+1)
		for k, p := range by {
			p.Decay(h.From)
			if len(p.Days) == 0 && len(p.Bursts) == 0 {
				delete(by, k)
			}
		}
	}
	list := make([]*Profile, 0, len(by)+16)
	for _, p := range by {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Profile) int { return a.Compare(b.Key) })
	list = append(list, sums(list)...)
	slices.SortFunc(list, func(a, b *Profile) int { return a.Compare(b.Key) })
	h.Profiles = len(list)
	return h, list, nil
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
func sums(list []*Profile) []*Profile {
	by := map[Key]*sum{}
	for _, p := range list {
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
func Write(w io.Writer, h *Header, profiles []*Profile, plain bool) (err error) {
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
	for _, p := range profiles {
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
