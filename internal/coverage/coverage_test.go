package coverage

import (
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"vedette/internal/event"
	"vedette/internal/finding"
)

func count(c *Counter, api *event.API, region string, flags event.Flag) {
	c.Event(&event.Event{Cloud: event.AWS, Log: event.CloudTrailManagement, API: api, Region: []byte(region), Flags: flags})
}

func report(t *testing.T, c *Counter) []finding.Coverage {
	t.Helper()
	r, err := c.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBounded: with more services and regions than are kept, what is kept and
// what is counted as others depends neither on the order of the events nor on
// how they were shared out, and no event is lost.
func TestBounded(t *testing.T) {
	const n = 2*maxCells + 5000
	apis := make([]*event.API, 50)
	for i := range apis {
		apis[i] = &event.API{Cloud: event.AWS, Service: fmt.Sprintf("s%d", i), ID: uint32(i), Class: event.ClassDiscovery}
	}
	order := rand.New(rand.NewSource(1)).Perm(n)
	var want []finding.Coverage
	for round, workers := range []int{1, 3} {
		counters := make([]*Counter, workers)
		for i := range counters {
			counters[i] = NewCounter()
			counters[i].Record(event.CloudTrailManagement)
		}
		for at, i := range order {
			if round == 1 {
				i = n - 1 - i
			}
			c := counters[at%workers]
			count(c, apis[i%50], fmt.Sprintf("r%d", i/50), event.ReadOnly)
			if len(c.cells) > 2*maxCells+1 {
				t.Fatalf("%d cells", len(c.cells))
			}
		}
		all := NewCounter()
		for _, c := range counters {
			all.Merge(c)
		}
		got := report(t, all)
		reads := 0
		for _, r := range got {
			if r.Service != "*" {
				reads += r.Reads
			}
		}
		if reads != n || got[0].Reads != n {
			t.Errorf("%d reads in rows and %d in all, want %d", reads, got[0].Reads, n)
		}
		if len(got) > maxCells+10 {
			t.Errorf("%d rows", len(got))
		}
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("the verdict depends on the order of events or on the workers")
		}
	}
}

// TestReadsByWordElseByClass: a read is what the log calls one; where it says
// nothing, what the API is for decides.
func TestReadsByWordElseByClass(t *testing.T) {
	list := &event.API{Cloud: event.AWS, Service: "a", Class: event.ClassDiscovery}
	write := &event.API{Cloud: event.AWS, Service: "b", ID: 1, Class: event.ClassWrite}
	global := &event.API{Cloud: event.AWS, Service: "c", ID: 2, Global: true, Class: event.ClassDiscovery}
	c := NewCounter()
	c.Record(event.CloudTrailManagement)
	count(c, list, "r1", 0)
	count(c, list, "r1", event.Writes)
	count(c, write, "r1", 0)
	count(c, write, "r2", event.ReadOnly)
	count(c, global, "us-east-1", event.ReadOnly)
	count(c, list, "", event.ReadOnly)
	got := map[string][2]int{}
	for _, r := range report(t, c) {
		if r.Log == "cloudtrail.management" {
			got[r.Service+" "+r.Region] = [2]int{r.Reads, r.Writes}
		}
	}
	want := map[string][2]int{"* *": {4, 2}, "a r1": {1, 1}, "b r1": {0, 1}, "b r2": {1, 0}, "c global": {1, 0}, "a -": {1, 0}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestNothingRead: no records, no verdict; records without an event, the
// verdict that nothing was seen.
func TestNothingRead(t *testing.T) {
	c := NewCounter()
	if r := report(t, c); len(r) != 0 {
		t.Errorf("%+v", r)
	}
	c.Record(event.CloudTrailManagement)
	r := report(t, c)
	if len(r) != 3 {
		t.Fatalf("%+v", r)
	}
	for _, x := range r {
		if x.Verdict != NotSeen || x.ID == "" || x.Blind == "" || x.Enable == "" {
			t.Errorf("%+v", x)
		}
	}
}

// TestEveryClassHasAdvice: whatever the verdict on a log class, something is
// said of it, and the services whose reads are seen only where there are some.
func TestEveryClassHasAdvice(t *testing.T) {
	list, err := loadAdvice()
	if err != nil {
		t.Fatal(err)
	}
	for _, cloud := range event.Clouds() {
		for _, l := range logsOf(cloud) {
			for _, seen := range []tally{{}, {writes: 1}, {reads: 1}} {
				s := &sight{logs: map[event.Log]tally{l: seen}, readingFrom: map[event.Log][]string{}}
				a := list.of(l, s)
				if seen.verdict() == NotSeen && a == nil && l != event.GCPSystemEvent {
					t.Errorf("%s: nothing is said where it is %s", l, seen.verdict())
				}
				if a != nil && seen.reads == 0 && strings.Contains(a.Blind, "{services}") {
					t.Errorf("%s names services where it is %s", a.ID, seen.verdict())
				}
			}
		}
	}
}
