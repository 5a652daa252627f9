// Package tune says what a change of settings does to the findings of some
// logs: how many there are a day, which go, come or move to another level,
// which labelled attacks are lost, and from which priority on they keep to a
// budget.
//
// Days are UTC days of the input. The clock never enters.
package tune

import (
	"fmt"
	"math"
	"slices"
	"time"

	"vedette/internal/finding"
	"vedette/internal/triage"
)

// SchemaVersion is the version of the JSON of [Report]; its major part
// changes when a field is renamed or removed.
const SchemaVersion = "1.0.0"

// Options says what is asked of a comparison.
type Options struct {
	// Labels are what is known of the callers; nil where nothing is.
	Labels *Labels
	// Budget is how many findings there may be; nil where that is not asked.
	Budget *Budget
	// Level is the least level that is looked at: below it, an attack is
	// lost.
	Level string
	// Changed names the settings that differ.
	Changed []string
}

// Result is the findings of one side, and of the input the times of the first
// and last event and the number of UTC days with events; 0 stands for all.
type Result struct {
	Findings    []finding.Finding // in the order of a scan
	First, Last time.Time
	Days        int
	// Facts are those of the findings, by id, with their Sources; needed where
	// a budget is asked for alone.
	Facts map[string]*finding.Facts
}

// Report is the answer. Its JSON names are a stable schema (docs/output.md).
type Report struct {
	SchemaVersion string   `json:"schema_version"`
	Input         Input    `json:"input"`
	Changed       []string `json:"changed"` // the flags that differ; empty where nothing is compared
	Level         string   `json:"level"`   // the least that is looked at
	Before        Side     `json:"before"`  // with the settings as they are
	After         *Side    `json:"after"`   // with the change; null where nothing is compared
	Kept          *Kept    `json:"kept"`    // findings that keep their level; null where nothing is compared
	Changes       []Change `json:"changes"` // all others, the highest priority of either side first
	Attacks       []Attack `json:"attacks"` // in the order of the labels
	Benign        []Benign `json:"benign"`  // in the order of the labels
	IDLength      int      `json:"-"`       // how much of an id names a finding of either side by itself
}

// Input is the span of the logs.
type Input struct {
	FirstEvent string `json:"first_event"`
	LastEvent  string `json:"last_event"`
	Days       int    `json:"days"`        // UTC days from the first event to the last, both included
	ActiveDays int    `json:"active_days"` // of them, those with events: what averages are over
}

// Side is the findings with one set of settings.
type Side struct {
	Findings int     `json:"findings"`
	PerDay   float64 `json:"per_day"`
	Levels   []Level `json:"levels"` // highest first
	Days     []Day   `json:"days"`   // days on which findings begin, in order
	Budget   *Fit    `json:"budget"` // null where none was asked for
}

// Level counts the findings of one level.
type Level struct {
	Level    string  `json:"level"`
	Findings int     `json:"findings"`
	PerDay   float64 `json:"per_day"`
}

// Day counts the findings that begin on a UTC day.
type Day struct {
	Date     string `json:"date"`
	Findings int    `json:"findings"`
	Loud     int    `json:"loud"` // of them, those at the level that is looked at, or higher
}

// Kept counts the findings that keep their level.
type Kept struct {
	Findings int `json:"findings"`
	// Reprioritised have another priority within it, Renamed another id,
	// because they begin with another call or by another detection.
	Reprioritised int `json:"reprioritised"`
	Renamed       int `json:"renamed"`
}

// Caller is who a finding is about, and where.
type Caller struct {
	Provider  string `json:"provider"`
	Account   string `json:"account,omitempty"`
	Kind      string `json:"kind"`
	Principal string `json:"principal"` // its uid
	Name      string `json:"name,omitempty"`
}

// Verdict is one side's judgement on a finding.
type Verdict struct {
	ID        string `json:"id"`
	Priority  int    `json:"priority"`
	Level     string `json:"level"`
	RiskScore int    `json:"risk_score"`
	Events    int    `json:"events"`
	FirstSeen string `json:"first_seen"`
	LastSeen  string `json:"last_seen"`
}

// New compares the findings before a change with those after it. after is nil
// where nothing is compared.
func New(before Result, after *Result, opts Options) (*Report, error) {
	days := newCalendar(before.First, before.Last)
	if before.Days > 0 {
		days.active = before.Days
	}
	r := &Report{
		SchemaVersion: SchemaVersion, Changed: append([]string{}, opts.Changed...), Level: opts.Level,
		Input:   Input{before.First.Format(time.RFC3339Nano), before.Last.Format(time.RFC3339Nano), days.n, days.active},
		Changes: []Change{}, Attacks: []Attack{}, Benign: []Benign{},
	}
	if !slices.Contains(triage.Levels(), opts.Level) {
		return nil, fmt.Errorf("there is no level %q", opts.Level)
	}
	if opts.Labels == nil {
		opts.Labels = &Labels{}
	}
	a, err := newSide(before, &opts)
	if err != nil {
		return nil, err
	}
	r.Before = a.count(days, &opts)
	r.IDLength = idLength(a)
	if after == nil {
		r.Attacks, r.Benign = a.attacks(nil, nil, days, &opts), a.benign(nil, days, &opts)
		return r, nil
	}
	b, err := newSide(*after, &opts)
	if err != nil {
		return nil, err
	}
	s := b.count(days, &opts)
	r.After = &s
	r.IDLength = idLength(a, b)
	r.Kept, r.Changes = compare(a, b)
	r.Attacks, r.Benign = a.attacks(b, r.Changes, days, &opts), a.benign(b, days, &opts)
	return r, nil
}

// found is a finding with what comparing needs of it.
type found struct {
	*finding.Finding
	facts       *finding.Facts
	first, last time.Time
	attacks     []string // names of the attacks that it belongs to
	pair        *found   // on the other side
}

// side is the findings of one set of settings, in the order of a scan, which
// is that of priority.
type side []*found

func newSide(res Result, opts *Options) (side, error) {
	list := res.Findings
	s := make(side, len(list))
	for i := range list {
		f := &found{Finding: &list[i], facts: res.Facts[list[i].ID]}
		var err error
		if f.first, err = time.Parse(time.RFC3339Nano, f.FirstSeen); err != nil {
			return nil, fmt.Errorf("finding %s: %w", f.ID, err)
		}
		if f.last, err = time.Parse(time.RFC3339Nano, f.LastSeen); err != nil {
			return nil, fmt.Errorf("finding %s: %w", f.ID, err)
		}
		for k := range opts.Labels.Attacks {
			if l := &opts.Labels.Attacks[k]; l.holds(f) {
				f.attacks = append(f.attacks, l.Name)
			}
		}
		s[i] = f
	}
	return s, nil
}

func (f *found) caller() Caller {
	return Caller{f.Cloud.Provider, f.Cloud.Account.ID, f.Actor.Kind, f.Actor.ID, f.Actor.Name}
}

func (f *found) verdict() *Verdict {
	if f == nil {
		return nil
	}
	return &Verdict{f.ID, f.Priority, f.Level, f.RiskScore, f.Events, f.FirstSeen, f.LastSeen}
}

// loud reports whether the finding is at a level or higher.
func (f *found) loud(level string) bool { return rank(f.Level) >= rank(level) }

// rank is the place of a level, the lowest 0.
func rank(level string) int { return slices.Index(triage.Levels(), level) }

// count counts the findings of a side.
func (s side) count(days calendar, opts *Options) Side {
	out := Side{Findings: len(s), PerDay: days.rate(len(s), 1), Levels: []Level{}, Days: []Day{}}
	levels := triage.Levels()
	slices.Reverse(levels)
	for _, level := range levels {
		n := 0
		for _, f := range s {
			if f.Level == level {
				n++
			}
		}
		out.Levels = append(out.Levels, Level{level, n, days.rate(n, 1)})
	}
	by := map[int]*Day{}
	for _, f := range s {
		d := by[days.day(f.first)]
		if d == nil {
			d = &Day{Date: days.date(days.day(f.first))}
			by[days.day(f.first)] = d
		}
		d.Findings++
		if f.loud(opts.Level) {
			d.Loud++
		}
	}
	for _, n := range sortedKeys(by) {
		out.Days = append(out.Days, *by[n])
	}
	if opts.Budget != nil {
		out.Budget = s.fit(opts.Budget, days, opts)
	}
	return out
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// calendar numbers the UTC days of the input.
type calendar struct {
	start       time.Time // midnight of the first day
	first, last time.Time
	n           int // days
	active      int // of them, those with events: a stretch without logs is not one of quiet
}

const oneDay = 24 * time.Hour

func newCalendar(first, last time.Time) calendar {
	c := calendar{start: first.UTC().Truncate(oneDay), first: first, last: last}
	c.n = c.day(last) + 1
	c.active = c.n
	return c
}

// day is the number of the day of an instant, the first 0.
func (c calendar) day(t time.Time) int {
	return int(math.Floor(float64(t.UTC().Truncate(oneDay).Unix()-c.start.Unix()) / oneDay.Seconds()))
}

func (c calendar) date(day int) string { return c.start.AddDate(0, 0, day).Format(time.DateOnly) }

// rate is how many of n there are in a number of days with events, to two
// digits.
func (c calendar) rate(n, days int) float64 {
	return math.Round(100*float64(n)*float64(days)/float64(c.active)) / 100
}

// idLength is the length, of 8 or more, at which the beginnings of ids are as
// distinct as they are.
func idLength(sides ...side) int {
	var ids []string
	for _, s := range sides {
		for _, f := range s {
			ids = append(ids, f.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	n := 8
	for i := 1; i < len(ids); i++ {
		same := 0
		for same < min(len(ids[i-1]), len(ids[i])) && ids[i-1][same] == ids[i][same] {
			same++
		}
		n = max(n, same+1)
	}
	return n
}
