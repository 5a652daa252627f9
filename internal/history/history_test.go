package history

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func profile(principal string, days ...Day) *Profile {
	p := &Profile{Key: Key{"aws", "111122223333", principal}, Days: days, Hours: 1}
	for _, d := range days {
		p.APIs = merge(p.APIs, []Seen{{Name: fmt.Sprintf("ec2 Describe%d", d%3), First: d, Last: d}})
		p.Networks = merge(p.Networks, []Seen{{Name: "198.51.100.0/24", First: d, Last: d}})
	}
	return p
}

func packOf(list ...*Profile) *Pack {
	p := &Pack{}
	for _, q := range list {
		p.Add(q)
	}
	return p
}

// TestPack holds that a profile comes out of a pack as it went in.
func TestPack(t *testing.T) {
	p := profile("a", 10, 11, 40)
	p.Hours, p.Callers = 1<<23|1, 7
	p.APIs[0].Callers = 3
	p.Regions = []Seen{{Name: "eu-west-1", First: -4, Last: 40}}
	p.Bursts = []Burst{{Day: 12, APIs: []string{"ec2 DescribeInstances"}, Networks: []string{"198.51.100.0/24"}, Clients: []string{""}}}
	pack := packOf(profile("b", 1), p, profile("c", 2))
	for q := range All(pack) {
		if q.Principal == "a" {
			if d := cmp.Diff(p, q, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		}
	}
	if pack.find(Key{"aws", "111122223333", "nobody"}) != nil || pack.find(p.Key) == nil {
		t.Error("find is wrong")
	}
}

func TestBeforeAndDecay(t *testing.T) {
	p := profile("a", 10, 11, 12, 13)
	b := p.Before(12)
	if len(b.Days) != 2 || Has(b.APIs, "ec2 Describe0") || !Has(b.APIs, "ec2 Describe1") {
		t.Errorf("before day 12: %+v", b)
	}
	if len(p.Days) != 4 {
		t.Error("Before changed the profile")
	}
	p.Decay(13)
	if len(p.Days) != 1 || len(p.APIs) != 1 {
		t.Errorf("after decay: %+v", p)
	}
}

// What is too old is counted: who is gone whole, and the days that are.
func TestForgotten(t *testing.T) {
	seen := []*Pack{packOf(profile("a", 10, 11), profile("b", 12, 40)), packOf(profile("c", 15), profile("d", 45))}
	for decay, want := range map[int]Forgotten{
		0:  {},
		36: {},
		35: {From: 10, To: 10},
		31: {Callers: 1, From: 10, To: 12},
		10: {Callers: 2, From: 10, To: 15},
		1:  {Callers: 3, From: 10, To: 40},
	} {
		if h, _ := Learn(nil, seen, decay, nil); h.Forgotten != want {
			t.Errorf("decay of %d days: %+v, want %+v", decay, h.Forgotten, want)
		}
	}
}

// TestFindingsAge: what an input has of findings alone ages as calls do.
func TestFindingsAge(t *testing.T) {
	found := func(day Day) *Pack {
		return packOf(&Profile{Key: Key{"aws", "1", "a"}, Bursts: []Burst{{Day: day, APIs: []string{"ec2 DescribeInstances"}, Networks: []string{"198.51.100.0/24"}}}})
	}
	h, list := Learn(nil, []*Pack{found(10), found(11), found(500)}, 90, nil)
	for p := range list {
		if p.Principal != "" && (len(p.Bursts) != 1 || p.Bursts[0].Day != 500) {
			t.Errorf("kept %+v", p.Bursts)
		}
	}
	if want := (Forgotten{From: 10, To: 11}); h.From != 411 || h.To != 500 || h.Forgotten != want {
		t.Errorf("%+v", h)
	}
}

// TestBurstsOfADay: of a day each set of operations and networks is kept once,
// so that a routine of every hour fills no more than one of every day; beyond
// the bounds the latest days stay.
func TestBurstsOfADay(t *testing.T) {
	p := &Profile{}
	for day := range Day(40) {
		for hour := range 24 {
			for _, from := range []string{"203.0.113.0/24", "192.0.2.0/24"} {
				p.Merge(&Profile{Bursts: []Burst{{Day: day, APIs: []string{"ec2 DescribeInstances"}, Networks: []string{from}, Clients: []string{fmt.Sprint("client", hour%2)}}}})
			}
		}
	}
	if n := len(p.Bursts); n != 2*MaxBurstDays || p.Bursts[0].Day != 10 || p.Bursts[n-1].Day != 39 {
		t.Errorf("%d bursts, %+v", n, p.Bursts)
	}
	for _, b := range p.Bursts {
		if len(b.Networks) != 1 || len(b.Clients) != 2 {
			t.Fatalf("%+v", b)
		}
	}
	for i := range 100 {
		p.Merge(&Profile{Bursts: []Burst{{Day: 39, APIs: []string{fmt.Sprintf("ec2 Describe%03d", i)}}}})
	}
	if n := len(p.Bursts); n != 2*(MaxBurstDays-1)+MaxDayBursts {
		t.Errorf("%d bursts", n)
	}
}

func TestDayOf(t *testing.T) {
	for ns, want := range map[int64]string{0: "1970-01-01", -1: "1969-12-31", 1773705600e9: "2026-03-17"} {
		if got := DayOf(ns).String(); got != want {
			t.Errorf("%d: %s, want %s", ns, got, want)
		}
	}
}

// TestWriteRead holds that a baseline is what was written, and that to learn
// days one by one or all together is the same.
func TestWriteRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var parts [][]*Profile
		for range rapid.IntRange(1, 4).Draw(rt, "parts") {
			var part []*Profile
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID[string]).Draw(rt, "names") {
				days := rapid.SliceOfNDistinct(rapid.Int32Range(0, 40), 1, 5, rapid.ID[int32]).Draw(rt, "days")
				p := &Profile{Key: Key{"aws", "1", name}}
				for _, d := range days {
					p.Merge(profile(name, Day(d)))
				}
				for range rapid.IntRange(0, 60).Draw(rt, "bursts") {
					from := rapid.IntRange(0, 40).Draw(rt, "network")
					p.Bursts = append(p.Bursts, Burst{Day: Day(rapid.IntRange(0, 2).Draw(rt, "day")), APIs: []string{"ec2 DescribeInstances"},
						Networks: []string{fmt.Sprintf("198.51.%d.0/24", from)}, Clients: []string{rapid.SampledFrom([]string{"boto3", "aws-cli"}).Draw(rt, "client")}})
				}
				p.SettleBursts()
				p.Key = Key{"aws", "1", name}
				part = append(part, p)
			}
			parts = append(parts, part)
		}
		plain := rapid.Bool().Draw(rt, "plain")
		write := func(h *Header, list iter.Seq[*Profile]) []byte {
			var b bytes.Buffer
			if err := Write(&b, h, list, plain); err != nil {
				rt.Fatal(err)
			}
			return b.Bytes()
		}
		var steps []byte
		var old *Baseline
		var all []*Profile
		for _, part := range parts {
			for _, p := range part {
				c := *p
				all = append(all, &c)
			}
			h, list := Learn(old, []*Pack{packOf(part...)}, 0, nil)
			steps = write(h, list)
			var err error
			if old, err = Read(bytes.NewReader(steps)); err != nil {
				rt.Fatal(err)
			}
		}
		// In two packs, as two workers fill them.
		h, list := Learn(nil, []*Pack{packOf(all[:len(all)/2]...), packOf(all[len(all)/2:]...)}, 0, nil)
		if once := write(h, list); !bytes.Equal(once, steps) {
			rt.Fatalf("step by step and at once differ:\n%s\n%s", steps, once)
		}
		for p := range list {
			if diff := cmp.Diff(p, old.Profile(p.Key), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":     "no header",
		"{}\n": "no baseline",
		`{"format":"vedette-baseline","version":9,"profiles":0}` + "\n":                                                       "version 9",
		`{"format":"vedette-baseline","version":1,"from":0,"to":0,"profiles":1,"decay_days":0}` + "\n":                        "cut off",
		`{"format":"vedette-baseline","version":1,"from":0,"to":0,"profiles":1,"decay_days":0}` + "\n{\n":                     "line 2",
		`{"format":"vedette-baseline","version":1,"profiles":2}` + "\n" + `{"cloud":"aws"}` + "\n" + `{"cloud":"aws"}` + "\n": "line 3",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	h, list := Learn(nil, []*Pack{packOf(profile("a", 1, 2))}, 0, nil)
	for _, plain := range []bool{true, false} {
		var b bytes.Buffer
		Write(&b, h, list, plain)
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Read(bytes.NewReader(data))
		if err == nil {
			for i := range b.pack.entries {
				if p := b.Profile(b.pack.entries[i].Key); p != nil {
					p.Before(3)
				}
			}
		}
	})
}
