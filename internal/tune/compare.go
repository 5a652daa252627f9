package tune

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/finding"
)

// Change is a finding that goes, comes, or moves to another level.
type Change struct {
	Kind    string   `json:"kind"` // "removed", "added", "raised" or "lowered"
	Caller  Caller   `json:"caller"`
	Before  *Verdict `json:"before"` // null for one that is added
	After   *Verdict `json:"after"`  // null for one that is removed
	Why     []string `json:"why"`
	Attacks []string `json:"attacks"` // labelled attacks that it belongs to
}

// compare pairs the findings of two sides and lists what is not the same.
func compare(before, after side) (*Kept, []Change) {
	earlier, later := byGroup(before), byGroup(after)
	pair(before, after, later)
	kept, changes := &Kept{}, []Change{}
	add := func(kind string, f *found, b, a *found, why []string) {
		c := Change{Kind: kind, Caller: f.caller(), Before: b.verdict(), After: a.verdict(), Why: why, Attacks: []string{}}
		for _, x := range []*found{b, a} {
			if x != nil {
				c.Attacks = append(c.Attacks, x.attacks...)
			}
		}
		slices.Sort(c.Attacks)
		c.Attacks = slices.Compact(c.Attacks)
		changes = append(changes, c)
	}
	for _, b := range before {
		a := b.pair
		switch {
		case a == nil:
			add("removed", b, b, nil, []string{whyGone(b, later[groupOf(b)])})
		case rank(a.Level) > rank(b.Level):
			add("raised", a, b, a, whyMoved(b, a))
		case rank(a.Level) < rank(b.Level):
			add("lowered", a, b, a, whyMoved(b, a))
		default:
			kept.Findings++
			if a.Priority != b.Priority {
				kept.Reprioritised++
			}
			if a.ID != b.ID {
				kept.Renamed++
			}
		}
	}
	for _, a := range after {
		if a.pair == nil {
			add("added", a, nil, a, []string{whyNew(a, earlier[groupOf(a)])})
		}
	}
	slices.SortStableFunc(changes, func(x, y Change) int {
		return cmp.Or(y.worst()-x.worst(), strings.Compare(x.id(), y.id()))
	})
	return kept, changes
}

func (c *Change) worst() (p int) {
	for _, v := range []*Verdict{c.Before, c.After} {
		if v != nil {
			p = max(p, v.Priority)
		}
	}
	return p
}

func (c *Change) id() string {
	if c.Before != nil {
		return c.Before.ID
	}
	return c.After.ID
}

// pair finds for the findings of a side those that they are on the other:
// with the same id, else of the same caller and at times that overlap most.
func pair(before, after side, later map[group]*timeline) {
	byID := map[string]*found{}
	for _, a := range after {
		byID[a.ID] = a
	}
	for _, b := range before {
		if a := byID[b.ID]; a != nil {
			a.pair, b.pair = b, a
		}
	}
	type candidate struct {
		b, a    *found
		overlap time.Duration
	}
	var list []candidate
	for _, b := range before {
		if b.pair != nil {
			continue
		}
		for _, a := range later[groupOf(b)].over(b) {
			if a.pair == nil {
				list = append(list, candidate{b, a, overlap(a, b)})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(y.overlap, x.overlap), strings.Compare(x.b.ID, y.b.ID), strings.Compare(x.a.ID, y.a.ID))
	})
	for _, c := range list {
		if c.b.pair == nil && c.a.pair == nil {
			c.b.pair, c.a.pair = c.a, c.b
		}
	}
}

// group is what findings of one caller have in common.
type group struct{ provider, scope, principal, account string }

func groupOf(f *found) group { return group{f.Cloud.Provider, f.Scope, f.Actor.ID, f.Cloud.Account.ID} }

// timeline is findings of one group in order of their first call. No finding
// is longer than longest.
type timeline struct {
	list    []*found
	longest time.Duration
}

func byGroup(s side) map[group]*timeline {
	m := map[group]*timeline{}
	for _, f := range s {
		t := m[groupOf(f)]
		if t == nil {
			t = &timeline{}
			m[groupOf(f)] = t
		}
		t.list = append(t.list, f)
		t.longest = max(t.longest, f.last.Sub(f.first))
	}
	for _, t := range m {
		slices.SortStableFunc(t.list, func(a, b *found) int {
			return cmp.Or(a.first.Compare(b.first), strings.Compare(a.ID, b.ID))
		})
	}
	return m
}

// over returns the findings at times that overlap that of f.
func (t *timeline) over(f *found) (out []*found) {
	if t == nil {
		return nil
	}
	from, _ := slices.BinarySearchFunc(t.list, f.first.Add(-t.longest), func(x *found, at time.Time) int { return x.first.Compare(at) })
	for _, x := range t.list[from:] {
		if x.first.After(f.last) {
			break
		}
		if !x.last.Before(f.first) {
			out = append(out, x)
		}
	}
	return out
}

func overlap(a, b *found) time.Duration {
	from, until := a.first, a.last
	if b.first.After(from) {
		from = b.first
	}
	if b.last.Before(until) {
		until = b.last
	}
	return until.Sub(from)
}

// whyGone says why a finding has no pair after the change.
func whyGone(b *found, after *timeline) string {
	if x := after.standIn(b); x != nil {
		return "no finding of its own: " + x.ID + " covers the time"
	}
	return "nothing fires: " + peak(b)
}

// whyNew says why a finding has no pair before the change.
func whyNew(a *found, before *timeline) string {
	if x := before.standIn(a); x != nil {
		return "a finding of its own: " + x.ID + " covered the time"
	}
	return a.Peak.Name + " fires: " + peak(a)
}

// standIn is the finding that overlaps f most.
func (t *timeline) standIn(f *found) (best *found) {
	for _, x := range t.over(f) {
		if best == nil || overlap(x, f) > overlap(best, f) {
			best = x
		}
	}
	return best
}

func peak(f *found) string {
	by := ""
	if len(f.Detections) > 0 {
		by = " of " + f.Detections[0].ID
	}
	return fmt.Sprintf("its peak was %s of %s in window %s%s", count(f.Peak.Events, "call"), count(f.Peak.DistinctAPIs, "API"), f.Peak.Name, by)
}

// maxFactors is how many factors a move is explained by.
const maxFactors = 4

// whyMoved says what a finding's level follows from.
func whyMoved(b, a *found) (why []string) {
	switch {
	case a.Aside != "" && a.Aside != b.Aside:
		why = append(why, "aside: "+a.Aside)
	case a.Aside == "" && b.Aside != "":
		why = append(why, "no longer aside: "+b.Aside)
	}
	if a.Events != b.Events {
		why = append(why, fmt.Sprintf("%s, before %d", count(a.Events, "call"), b.Events))
	}
	if a.Slice != b.Slice {
		why = append(why, "judged by "+part(a)+", before by "+part(b))
	}
	if d := factors(b.Reasons, a.Reasons); d != "" {
		why = append(why, d)
	}
	if len(why) == 0 {
		why = append(why, fmt.Sprintf("its priority stays %d: levels begin elsewhere", a.Priority))
	}
	return why
}

func part(f *found) string {
	if f.Slice == "" {
		return "the whole"
	}
	return "slice " + f.Slice
}

// factors says which factors add other points, those that differ most first.
func factors(before, after []finding.Reason) string {
	type change struct {
		factor        string
		before, after int
	}
	by := map[string]*change{}
	var list []*change
	of := func(factor string) *change {
		if by[factor] == nil {
			by[factor] = &change{factor: factor}
			list = append(list, by[factor])
		}
		return by[factor]
	}
	for _, r := range before {
		of(r.Factor).before += r.Points
	}
	for _, r := range after {
		of(r.Factor).after += r.Points
	}
	list = slices.DeleteFunc(list, func(c *change) bool { return c.before == c.after || c.factor == "aside" })
	slices.SortStableFunc(list, func(x, y *change) int {
		return cmp.Or(abs(y.after-y.before)-abs(x.after-x.before), strings.Compare(x.factor, y.factor))
	})
	var texts []string
	for _, c := range list[:min(len(list), maxFactors)] {
		texts = append(texts, fmt.Sprintf("%s %d to %d", c.factor, c.before, c.after))
	}
	if n := len(list) - len(texts); n > 0 {
		texts = append(texts, "and "+count(n, "further factor"))
	}
	return strings.Join(texts, ", ")
}

func abs(n int) int { return max(n, -n) }

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
