// Package seed reproduces the verdict of the query that Vedette grew out of,
// to the letter: fixed bins, its own list of names, its own idea of who is
// who, no deduplication. docs/detections.md says where the query itself could
// not run and what was taken instead.
package seed

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/plan"
)

// Counter collects the rows. It is for one goroutine; merge several.
type Counter struct {
	q     *detection.Seed
	aws   map[string]bool
	azure map[string]bool
	rows  map[rowKey]*row
	lower []byte
}

type rowKey struct {
	cloud             event.Cloud
	identity, account string
	bin               int64
}

type row struct {
	count              int
	apis, regions, ips map[string]bool
	first, last        int64
}

// NewCounter returns an empty counter.
func NewCounter(q *detection.Seed) *Counter {
	c := &Counter{q: q, aws: map[string]bool{}, azure: map[string]bool{}, rows: map[rowKey]*row{}}
	for _, n := range q.AWS.Names {
		c.aws[n] = true
	}
	for _, n := range q.Azure.Names {
		c.azure[n] = true
	}
	return c
}

// Event counts an event if the query selects it.
func (c *Counter) Event(ev *event.Event) {
	s := &ev.Seed
	switch ev.Cloud {
	case event.AWS:
		if !c.aws[string(s.Name)] {
			return
		}
		if ev.Resolve(); c.q.AWS.NeedsIdentity && len(s.Identity) == 0 {
			return
		}
	case event.Azure:
		if ev.Log != event.AzureActivity || !strings.EqualFold(string(s.Status), c.q.Azure.Status) {
			return
		}
		c.lower = appendLower(c.lower[:0], s.Name)
		if !c.azure[string(c.lower)] {
			return
		}
		if ev.Resolve(); c.q.Azure.NeedsIdentity && len(s.Identity) == 0 {
			return
		}
	default:
		return
	}
	bin := ev.Time % int64(c.q.Bin)
	if bin < 0 {
		bin += int64(c.q.Bin)
	}
	k := rowKey{ev.Cloud, text(s.Identity), text(s.Account), ev.Time - bin}
	r := c.rows[k]
	if r == nil {
		r = &row{apis: map[string]bool{}, regions: map[string]bool{}, ips: map[string]bool{}, first: ev.Time, last: ev.Time}
		c.rows[k] = r
	}
	r.count++
	r.apis[text(s.Name)] = true
	r.regions[text(s.Region)] = true
	r.ips[text(ev.Address)] = true
	r.first, r.last = min(r.first, ev.Time), max(r.last, ev.Time)
}

// text copies a field; what is not UTF-8 in it is replaced.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// Merge adds the rows of o.
func (c *Counter) Merge(o *Counter) {
	for k, r := range o.rows {
		mine := c.rows[k]
		if mine == nil {
			c.rows[k] = r
			continue
		}
		mine.count += r.count
		for _, m := range [...][2]map[string]bool{{mine.apis, r.apis}, {mine.regions, r.regions}, {mine.ips, r.ips}} {
			for s := range m[1] {
				m[0][s] = true
			}
		}
		mine.first, mine.last = min(mine.first, r.first), max(mine.last, r.last)
	}
}

// Rows gives the query's result in its order: RiskScore and DiscoveryCount
// descending; ties by CloudProvider, Identity, AccountId, TimeGenerated.
func (c *Counter) Rows() []finding.Row {
	type sortable struct {
		finding.Row
		bin int64
	}
	var list []sortable
	for k, r := range c.rows {
		if !c.q.Trigger.Holds(plan.Figures{Events: r.count, DistinctAPIs: len(r.apis)}) {
			continue
		}
		provider := c.q.AWS.Provider
		if k.cloud == event.Azure {
			provider = c.q.Azure.Provider
		}
		list = append(list, sortable{finding.Row{
			TimeGenerated: stamp(k.bin), CloudProvider: provider, Identity: k.identity, AccountID: k.account,
			DiscoveryCount: r.count, DistinctAPIs: len(r.apis), APIList: capped(r.apis, c.q.MaxAPIs),
			DistinctRegions: len(r.regions), SourceIPs: capped(r.ips, c.q.MaxAddresses),
			FirstSeen: stamp(r.first), LastSeen: stamp(r.last), RiskScore: risk(c.q, r.count, len(r.apis)),
		}, k.bin})
	}
	slices.SortFunc(list, func(a, b sortable) int {
		return cmp.Or(b.RiskScore-a.RiskScore, b.DiscoveryCount-a.DiscoveryCount,
			strings.Compare(a.CloudProvider, b.CloudProvider), strings.Compare(a.Identity, b.Identity),
			strings.Compare(a.AccountID, b.AccountID), cmp.Compare(a.bin, b.bin))
	})
	out := make([]finding.Row, len(list))
	for i := range list {
		out[i] = list[i].Row
	}
	return out
}

func risk(q *detection.Seed, events, apis int) int {
	for i := range q.Bands {
		if q.Bands[i].When.Holds(plan.Figures{Events: events, DistinctAPIs: apis}) {
			return q.Bands[i].Risk
		}
	}
	return 0
}

func capped(m map[string]bool, n int) []string {
	out := make([]string, 0, len(m))
	for s := range m {
		out = append(out, s)
	}
	slices.Sort(out)
	if n > 0 && len(out) > n {
		out = out[:n]
	}
	return out
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
