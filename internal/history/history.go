// Package history is what callers did before: a profile each, and the baseline
// file that keeps profiles from one run to the next.
//
// Profiles say when something was first and last seen, in days, so that a
// profile can be cut at any day: nothing is compared with what came later.
package history

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Day is a day in UTC, counted from the Unix epoch.
type Day int32

// DayOf returns the day of an instant in nanoseconds since the epoch.
func DayOf(ns int64) Day {
	const day = int64(24 * time.Hour)
	d := ns / day
	if ns%day < 0 {
		d--
	}
	return Day(d)
}

// String returns the day as 2006-01-02.
func (d Day) String() string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }

// Key names whose profile it is: a principal in an account; with an empty
// Principal all callers of an account; with an empty Account too, all of a
// cloud.
type Key struct {
	Cloud     string `json:"cloud"`
	Account   string `json:"account,omitempty"`
	Principal string `json:"principal,omitempty"`
}

// Compare orders keys.
func (k Key) Compare(o Key) int {
	return cmp.Or(strings.Compare(k.Cloud, o.Cloud), strings.Compare(k.Account, o.Account), strings.Compare(k.Principal, o.Principal))
}

// Seen is a name with the days on which it was first and last seen.
type Seen struct {
	Name  string `json:"name"`
	First Day    `json:"first"`
	Last  Day    `json:"last"`
	// Callers is how many callers have it, in profiles of many.
	Callers int `json:"callers,omitempty"`
}

// Burst is an earlier finding: of it nothing is learned but that it was.
type Burst struct {
	Day      Day      `json:"day"`
	APIs     []string `json:"apis"`
	Networks []string `json:"networks"`
	Clients  []string `json:"clients"`
}

// Profile is what one caller did. Lists are in order of name, days rising.
type Profile struct {
	Key
	Callers  int     `json:"callers,omitempty"` // of whom it is, in profiles of many
	Days     []Day   `json:"days"`              // on which it called
	APIs     []Seen  `json:"apis"`              // "service name"
	Regions  []Seen  `json:"regions,omitempty"`
	Networks []Seen  `json:"networks,omitempty"`
	Clients  []Seen  `json:"clients,omitempty"`
	Hours    uint32  `json:"hours"` // bit h: it called in hour h of a day, UTC
	Bursts   []Burst `json:"bursts,omitempty"`
}

// A profile keeps the findings of so many days, the latest that have one, and so
// many of each: a routine of every hour is that of a day, and not of a few hours.
const (
	MaxBurstDays = 30
	MaxDayBursts = 24
)

// Merge adds what o has.
func (p *Profile) Merge(o *Profile) {
	p.Days = append(p.Days, o.Days...)
	slices.Sort(p.Days)
	p.Days = slices.Compact(p.Days)
	p.APIs = merge(p.APIs, o.APIs)
	p.Regions = merge(p.Regions, o.Regions)
	p.Networks = merge(p.Networks, o.Networks)
	p.Clients = merge(p.Clients, o.Clients)
	p.Hours |= o.Hours
	p.Bursts = append(p.Bursts, o.Bursts...)
	p.SettleBursts()
}

// SettleBursts puts the bursts in order, joins those of a day that have the same
// operations and networks, and drops what is over the bounds. What is left does
// not depend on how bursts were joined to profiles before.
func (p *Profile) SettleBursts() {
	compare := func(a, b *Burst) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), slices.Compare(a.APIs, b.APIs), slices.Compare(a.Networks, b.Networks))
	}
	slices.SortStableFunc(p.Bursts, func(a, b Burst) int { return compare(&a, &b) })
	kept, ofDay := p.Bursts[:0], 0
	days := []int{} // where each begins
	for _, b := range p.Bursts {
		last := len(kept) - 1
		switch {
		case last >= 0 && compare(&kept[last], &b) == 0:
			clients := slices.Concat(kept[last].Clients, b.Clients)
			slices.Sort(clients)
			kept[last].Clients = slices.Compact(clients)
			continue
		case last < 0 || kept[last].Day != b.Day:
			days, ofDay = append(days, len(kept)), 0
		}
		if ofDay++; ofDay <= MaxDayBursts {
			kept = append(kept, b)
		}
	}
	if n := len(days); n > MaxBurstDays {
		kept = kept[days[n-MaxBurstDays]:]
	}
	p.Bursts = kept
}

// merge joins two lists in order of name.
func merge(a, b []Seen) []Seen {
	out := make([]Seen, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Name, b[0].Name); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Seen{Name: a[0].Name, First: min(a[0].First, b[0].First), Last: max(a[0].Last, b[0].Last)})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Decay drops what was last seen before a day.
func (p *Profile) Decay(before Day) {
	p.keep(func(s Seen) bool { return s.Last >= before }, func(d Day) bool { return d >= before })
}

// Before returns what of the profile was known before a day: names first seen
// earlier, and the days before.
func (p *Profile) Before(day Day) *Profile {
	c := *p
	c.Days, c.Bursts = slices.Clone(p.Days), slices.Clone(p.Bursts)
	c.APIs, c.Regions, c.Networks, c.Clients = slices.Clone(p.APIs), slices.Clone(p.Regions), slices.Clone(p.Networks), slices.Clone(p.Clients)
	c.keep(func(s Seen) bool { return s.First < day }, func(d Day) bool { return d < day })
	return &c
}

func (p *Profile) keep(seen func(Seen) bool, day func(Day) bool) {
	not := func(s Seen) bool { return !seen(s) }
	p.APIs, p.Regions = slices.DeleteFunc(p.APIs, not), slices.DeleteFunc(p.Regions, not)
	p.Networks, p.Clients = slices.DeleteFunc(p.Networks, not), slices.DeleteFunc(p.Clients, not)
	p.Days = slices.DeleteFunc(p.Days, func(d Day) bool { return !day(d) })
	p.Bursts = slices.DeleteFunc(p.Bursts, func(b Burst) bool { return !day(b.Day) })
}

// Has reports whether a list in order of name has it.
func Has(list []Seen, name string) bool {
	_, ok := slices.BinarySearchFunc(list, name, func(s Seen, n string) int { return strings.Compare(s.Name, n) })
	return ok
}
