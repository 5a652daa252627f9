// Package coverage says what an input shows and what it cannot show: per
// provider, service, region and log class, whether reads were seen. An
// activity log without reads and a quiet account look alike; only the
// verdict tells them apart.
package coverage

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// Counter counts events for the verdict. It is for one goroutine.
type Counter struct {
	cells   map[cell]*tally
	last    []lastCell // by API: the cell counted last
	regions map[string]string
	wrapped map[string]int // envelopes opened, by kind
	records [event.NumLogs]int
}

type cell struct {
	cloud   event.Cloud
	log     event.Log
	service string
	region  string
}

type tally struct{ reads, writes int }

// lastCell spares the look-up of a cell: the next event of an API mostly
// falls where its last one did.
type lastCell struct {
	log    event.Log
	region string
	tally  *tally
}

// NewCounter returns an empty counter.
func NewCounter() *Counter {
	return &Counter{cells: map[cell]*tally{}, regions: map[string]string{}, wrapped: map[string]int{}}
}

// maxCells bounds the table against input with made-up services and regions.
// The first in order are kept, so that what is kept does not depend on who
// came first; the rest is counted under the service and region "(others)".
const maxCells = 20000

const others = "(others)"

// Event counts an event.
func (c *Counter) Event(ev *event.Event) {
	id := int(ev.API.ID)
	if id >= len(c.last) {
		c.last = append(c.last, make([]lastCell, id+1-len(c.last))...)
	}
	l := &c.last[id]
	if l.tally == nil || l.log != ev.Log || !ev.API.Global && l.region != string(ev.Region) {
		*l = lastCell{ev.Log, string(ev.Region), c.cell(ev)}
	}
	if read(ev) {
		l.tally.reads++
	} else {
		l.tally.writes++
	}
}

// cell returns the tally that an event counts in.
func (c *Counter) cell(ev *event.Event) *tally {
	k := cell{ev.Cloud, ev.Log, ev.API.Service, c.region(ev)}
	t := c.cells[k]
	if t == nil {
		if len(c.cells) >= 2*maxCells {
			c.cut()
		}
		t = &tally{}
		c.cells[k] = t
	}
	return t
}

// region is the event's region as a text that outlives it; "global" for
// services without regions.
func (c *Counter) region(ev *event.Event) string {
	if ev.API.Global {
		return "global"
	}
	if len(ev.Region) == 0 {
		return "-"
	}
	if s, ok := c.regions[string(ev.Region)]; ok {
		return s
	}
	if len(c.regions) >= maxRegions {
		clear(c.regions)
	}
	s := strings.ToValidUTF8(string(ev.Region), "\ufffd")
	c.regions[s] = s
	return s
}

// maxRegions bounds the texts that are kept for the next event.
const maxRegions = 4096

// cut moves the cells past the first maxCells to one of others for each log
// class. A cell that is among the first of the whole input is among the first
// of any part of it, so it is never cut; its count stays exact.
func (c *Counter) cut() {
	if len(c.cells) <= maxCells {
		return
	}
	var keys []cell
	for k := range c.cells {
		if k.service != others {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareCells)
	for _, k := range keys[min(maxCells, len(keys)):] {
		o := cell{k.cloud, k.log, others, others}
		t := c.cells[o]
		if t == nil {
			t = &tally{}
			c.cells[o] = t
		}
		t.reads += c.cells[k].reads
		t.writes += c.cells[k].writes
		delete(c.cells, k)
	}
	clear(c.last) // it points into what was cut
}

func compareCells(a, b cell) int {
	return cmp.Or(cmp.Compare(a.cloud, b.cloud), cmp.Compare(a.log, b.log),
		strings.Compare(a.service, b.service), strings.Compare(a.region, b.region))
}

// read reports whether an event is a read: by the log's own word, else by
// what its API is for.
func read(ev *event.Event) bool {
	switch {
	case ev.Has(event.ReadOnly):
		return true
	case ev.Has(event.Writes):
		return false
	}
	return ev.API.Class == event.ClassDiscovery || ev.API.Class == event.ClassDataRead
}

// Record counts a record of a log class, event or not.
func (c *Counter) Record(l event.Log) { c.records[l]++ }

// Wrapped notes that a record came out of an envelope of that kind.
func (c *Counter) Wrapped(kind string) { c.wrapped[kind]++ }

// Merge adds the counts of o.
func (c *Counter) Merge(o *Counter) {
	for k, t := range o.cells {
		if mine := c.cells[k]; mine != nil {
			mine.reads += t.reads
			mine.writes += t.writes
		} else {
			c.cells[k] = t
		}
	}
	c.cut()
	for k, n := range o.wrapped {
		c.wrapped[k] += n
	}
	for l, n := range o.records {
		c.records[l] += n
	}
}

// Verdicts of a cell.
const (
	ReadsSeen      = "reads_seen"
	OnlyWritesSeen = "only_writes_seen"
	NotSeen        = "not_seen"
)

func (t tally) verdict() string {
	switch {
	case t.reads > 0:
		return ReadsSeen
	case t.writes > 0:
		return OnlyWritesSeen
	}
	return NotSeen
}

// Report gives the verdicts: for each provider with any record its log
// classes as a whole, with what they cannot show and how to switch that on,
// and then every service and region seen.
func (c *Counter) Report() ([]finding.Coverage, error) {
	advice, err := loadAdvice()
	if err != nil {
		return nil, err
	}
	out := []finding.Coverage{}
	for _, cloud := range event.Clouds() {
		if !c.present(cloud) {
			continue
		}
		s := c.seen(cloud)
		for _, l := range logsOf(cloud) {
			row := finding.Coverage{
				Provider: cloud.String(), Service: "*", Region: "*", Log: l.String(),
				Verdict: s.logs[l].verdict(), Reads: s.logs[l].reads, Writes: s.logs[l].writes,
			}
			if a := advice.of(l, s); a != nil {
				row.ID, row.Blind, row.Enable = a.ID, a.blind(s, l), a.Enable
			}
			out = append(out, row)
		}
		out = append(out, c.rows(cloud)...)
	}
	return out, nil
}

func (c *Counter) present(cloud event.Cloud) bool {
	for _, l := range logsOf(cloud) {
		if c.records[l] > 0 {
			return true
		}
	}
	return false
}

func logsOf(cloud event.Cloud) []event.Log {
	switch cloud {
	case event.AWS:
		return []event.Log{event.CloudTrailManagement, event.CloudTrailData, event.CloudTrailNetwork}
	case event.Azure:
		return []event.Log{event.AzureActivity, event.AzureKeyVault, event.AzureStorage, event.AzureGraph}
	case event.GCP:
		return []event.Log{event.GCPActivity, event.GCPDataAccess, event.GCPPolicy, event.GCPSystemEvent}
	}
	return nil
}

// sight is what was seen of one provider.
type sight struct {
	logs        map[event.Log]tally
	readingFrom map[event.Log][]string // services with reads, sorted
	regions     []string               // real regions, sorted
	eventBridge bool                   // every record came by EventBridge
}

func (c *Counter) seen(cloud event.Cloud) *sight {
	s := &sight{logs: map[event.Log]tally{}, readingFrom: map[event.Log][]string{}}
	regions := map[string]bool{}
	services := map[event.Log]map[string]bool{}
	events := 0
	for k, t := range c.cells {
		if k.cloud != cloud {
			continue
		}
		sum := s.logs[k.log]
		sum.reads += t.reads
		sum.writes += t.writes
		s.logs[k.log] = sum
		events += t.reads + t.writes
		if k.region != "global" && k.region != "-" && k.region != others {
			regions[k.region] = true
		}
		if t.reads > 0 {
			if services[k.log] == nil {
				services[k.log] = map[string]bool{}
			}
			services[k.log][k.service] = true
		}
	}
	for l, m := range services {
		s.readingFrom[l] = sorted(m)
	}
	s.regions = sorted(regions)
	s.eventBridge = cloud == event.AWS && events > 0 && c.wrapped["eventbridge"] >= events
	return s
}

func sorted(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (c *Counter) rows(cloud event.Cloud) []finding.Coverage {
	var out []finding.Coverage
	for k, t := range c.cells {
		if k.cloud == cloud {
			out = append(out, finding.Coverage{
				Provider: cloud.String(), Service: k.service, Region: k.region, Log: k.log.String(),
				Verdict: t.verdict(), Reads: t.reads, Writes: t.writes,
			})
		}
	}
	slices.SortFunc(out, func(a, b finding.Coverage) int {
		return cmp.Or(strings.Compare(a.Log, b.Log), strings.Compare(a.Service, b.Service), strings.Compare(a.Region, b.Region))
	})
	return out
}
