package question

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Row is a group that is an answer.
type Row struct {
	// Start is the start of its stretch of time, where the question has Per.
	Start time.Time
	// Values are those of the fields of By, in that order.
	Values []string
	// Counts are those of [Question.Figures], in that order.
	Counts []int
	// Lists are the values of the fields of Lists, in that order, each
	// [MaxValues] at most in order of bytes.
	Lists [][]string
	// Evidence are ids of events as the log has them, [MaxEvidence] at most,
	// in order of bytes.
	Evidence    []string
	First, Last time.Time
}

// Answer is what a question gives.
type Answer struct {
	Question *Question
	Rows     []Row
	// Selected is how many calls the question selected before its stages.
	Selected int
	// Notes are what keeps the rows from being the whole answer.
	Notes []string
}

// Answer works out the rows: those with most events first, then by their
// values and times.
func (a *Asked) Answer() (*Answer, error) {
	all, err := a.gathered()
	if err != nil {
		return nil, err
	}
	// Those that others must follow are of no other stage.
	var earlier []call
	all = slices.DeleteFunc(all, func(c call) bool {
		if c.before {
			earlier = append(earlier, c)
		}
		return c.before
	})
	ans := &Answer{Question: a.q, Rows: []Row{}, Selected: len(all)}
	for _, s := range a.q.Then {
		switch {
		case s.After != nil:
			all = a.after(s.After, earlier, all)
		case s.Rare != nil:
			var enough bool
			if all, enough = a.rare(s.Rare, all); !enough {
				ans.Notes = append(ans.Notes, "too few callers to say what is rare")
			}
		case s.First != nil:
			all = a.first(s.First, all)
		case s.Silent != nil:
			all = a.silent(s.Silent, all)
		}
	}
	groups := a.group(all)
	if a.q.Spike != nil {
		groups = spikes(a.q.Spike, groups)
	}
	for _, g := range groups {
		if row, ok := a.row(g); ok {
			ans.Rows = append(ans.Rows, row)
		}
	}
	slices.SortFunc(ans.Rows, Compare)
	return ans, nil
}

// Compare is the order of rows.
func Compare(x, y Row) int {
	return cmp.Or(cmp.Compare(y.Counts[0], x.Counts[0]), slices.Compare(x.Values, y.Values), x.Start.Compare(y.Start), x.First.Compare(y.First))
}

func micro(s Span) int64 { return time.Duration(s).Microseconds() }

// after keeps calls that earlier ones come before. Calls of one instant come
// before one another.
func (a *Asked) after(s *After, earlier, list []call) []call {
	last := map[uint32]int64{} // by principal
	var kept []call
	for _, c := range list {
		for ; len(earlier) > 0 && earlier[0].at <= c.at; earlier = earlier[1:] {
			if who := earlier[0].values[0]; who != 0 {
				last[who] = earlier[0].at
			}
		}
		if at, ok := last[c.values[0]]; ok && at+micro(s.Within) >= c.at {
			kept = append(kept, c)
		}
	}
	return kept
}

func (a *Asked) rare(s *Rare, list []call) (kept []call, enough bool) {
	users, all := map[uint32]map[uint32]bool{}, map[uint32]bool{}
	for i := range list {
		v, who := list[i].value(s.Value), list[i].values[0]
		if users[v] == nil {
			users[v] = map[uint32]bool{}
		}
		users[v][who], all[who] = true, true
	}
	if len(all) < s.Among {
		return nil, false
	}
	for i := range list {
		if v := list[i].value(s.Value); v != 0 && len(users[v]) <= s.Most {
			kept = append(kept, list[i])
		}
	}
	return kept, true
}

func (a *Asked) first(s *First, list []call) []call {
	if len(list) == 0 {
		return nil
	}
	cut := list[len(list)-1].at - micro(s.Last)
	type pair struct{ of, value uint32 }
	of, value := map[uint32]int64{}, map[pair]int64{}
	for i := range list {
		o, v := list[i].value(s.Of), list[i].value(s.Value)
		if _, ok := of[o]; !ok {
			of[o] = list[i].at
		}
		if _, ok := value[pair{o, v}]; !ok {
			value[pair{o, v}] = list[i].at
		}
	}
	var kept []call
	for i := range list {
		o, v := list[i].value(s.Of), list[i].value(s.Value)
		if o != 0 && v != 0 && of[o] <= cut && value[pair{o, v}] > cut {
			kept = append(kept, list[i])
		}
	}
	return kept
}

func (a *Asked) silent(s *Silent, list []call) []call {
	if len(list) == 0 {
		return nil
	}
	cut := list[len(list)-1].at - micro(s.Last)
	before, again := map[uint32]int64{}, map[uint32]int64{}
	for i := range list {
		o := list[i].value(s.Of)
		if list[i].at <= cut {
			before[o] = list[i].at
		} else if _, ok := again[o]; !ok {
			again[o] = list[i].at
		}
	}
	var kept []call
	for i := range list {
		o := list[i].value(s.Of)
		if last, ok := before[o]; ok && o != 0 && list[i].at > cut && last+micro(s.Gap) <= again[o] {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// group is calls with the same values and stretch of time.
type group struct {
	key    string // of the values alone
	bin    int64  // microseconds since 1970
	calls  []call
	events int
}

func (a *Asked) group(list []call) []*group {
	type at struct {
		key string
		bin int64
	}
	by := map[at]*group{}
	var groups []*group
	for _, c := range list {
		var k at
		var b strings.Builder
		for _, f := range a.q.By {
			text := a.texts.list[c.value(f)]
			b.WriteString(text)
			b.WriteByte(0xff) // no byte of UTF-8
		}
		k.key = b.String()
		if per := micro(a.q.Per); per > 0 {
			k.bin = c.at - ((c.at%per)+per)%per
		}
		g := by[k]
		if g == nil {
			g = &group{key: k.key, bin: k.bin}
			by[k] = g
			groups = append(groups, g)
		}
		g.calls = append(g.calls, c)
	}
	for _, g := range groups {
		ids := map[string]bool{}
		for i := range g.calls {
			if id := g.calls[i].id; id == "" {
				g.events++ // nothing tells a copy
			} else {
				ids[id] = true
			}
		}
		g.events += len(ids)
	}
	return groups
}

func spikes(s *Spike, groups []*group) []*group {
	total, bins := map[string]int{}, map[string]int{}
	for _, g := range groups {
		total[g.key] += g.events
		bins[g.key]++
	}
	return slices.DeleteFunc(groups, func(g *group) bool {
		return g.events < s.Least || g.events*(bins[g.key]-1) < s.Times*(total[g.key]-g.events)
	})
}

// row works out the figures of a group, and whether it reaches them.
func (a *Asked) row(g *group) (Row, bool) {
	r := Row{First: instant(g.calls[0].at), Last: instant(g.calls[len(g.calls)-1].at)}
	if a.q.Per > 0 {
		r.Start = instant(g.bin)
	}
	for _, f := range a.q.By {
		r.Values = append(r.Values, a.texts.list[g.calls[0].value(f)])
	}
	for _, f := range a.q.Figures() {
		n := g.events
		if f != Events {
			n = len(a.values(g, f.Field(), math.MaxInt))
		}
		if n < a.q.Having[f] {
			return r, false
		}
		r.Counts = append(r.Counts, n)
	}
	for _, f := range a.q.Lists {
		r.Lists = append(r.Lists, a.values(g, f, MaxValues))
	}
	ids := map[string]bool{}
	for i := range g.calls {
		ids[g.calls[i].id] = true
	}
	r.Evidence = firstOf(ids, MaxEvidence)
	return r, true
}

// values are the values that a field has in a group, in order.
func (a *Asked) values(g *group, f Field, most int) []string {
	set := map[string]bool{}
	for i := range g.calls {
		if v := g.calls[i].value(f); v != 0 {
			set[a.texts.list[v]] = true
		}
	}
	return firstOf(set, most)
}

func firstOf(set map[string]bool, most int) []string {
	list := make([]string, 0, len(set))
	for s := range set {
		if s != "" {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list[:min(most, len(list))]
}

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
