package tune

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/exception"
	"vedette/internal/triage"
)

// Budget is how many findings somebody can look at.
type Budget struct {
	Findings int
	Days     int // in that many days: 1 or 7
}

// ParseBudget reads a budget such as 5/day or 20/week.
func ParseBudget(s string) (*Budget, error) {
	number, unit, _ := strings.Cut(s, "/")
	days := map[string]int{"day": 1, "week": 7}[unit]
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 1_000_000 || days == 0 {
		return nil, fmt.Errorf("%q is no budget: write for example 5/day or 20/week", s)
	}
	return &Budget{n, days}, nil
}

// String is the budget as it is written.
func (b *Budget) String() string { return fmt.Sprintf("%d/%s", b.Findings, b.period()) }

func (b *Budget) period() string {
	if b.Days == 1 {
		return "day"
	}
	return "week"
}

// holds reports whether n findings keep to the budget on average.
func (b *Budget) holds(n int, days calendar) bool { return n*b.Days <= b.Findings*days.active }

// NoPriority is the least priority of a budget that none keeps to.
const NoPriority = 101

// Fit is how findings keep to a budget.
type Fit struct {
	Budget string `json:"budget"`
	Period string `json:"period"` // "day" or "week": seven days from the first on
	// MinPriority is the least priority from which on findings keep to the
	// budget on average; NoPriority where none does. MinLevel is the least
	// such level; absent where none does.
	MinPriority int     `json:"min_priority"`
	MinLevel    string  `json:"min_level,omitempty"`
	Findings    int     `json:"findings"` // from MinPriority on
	Average     float64 `json:"average"`  // of them in a period
	Periods     int     `json:"periods"`  // periods of the input; the last week may be cut short
	// Exceeded are the periods with more than the budget, in order.
	Exceeded []Exceeded `json:"exceeded"`
	// Lost names the labelled attacks that are caught, but below MinPriority.
	Lost []string `json:"attacks_lost"`
	// Costs are the principals with the most findings at the level that is
	// looked at or higher.
	Costs []Cost `json:"costs"`
}

// Exceeded is a period with too many findings.
type Exceeded struct {
	From     string `json:"from"` // its first day
	Findings int    `json:"findings"`
	Over     int    `json:"over"`
}

// Cost is a principal with its findings.
type Cost struct {
	Caller   Caller  `json:"caller"` // without account: they may be in several
	Findings int     `json:"findings"`
	PerDay   float64 `json:"per_day"`
	// Attacks names the labelled attacks among them.
	Attacks []string `json:"attacks"`
	// Quiet is what would quiet most of them; null where an attack would go
	// with it, or where no exception can be bound to any of them.
	Quiet *Quiet `json:"quiet"`
	// Unbound says, where that is so, why: one of the constants, of the finding
	// of the highest priority.
	Unbound string `json:"unbound,omitempty"`
}

// Quiet is a finding whose exception would put it aside, and others too.
type Quiet struct {
	ID string `json:"id"`
	// Findings counts the findings of the principal that the exception would
	// put aside, itself included.
	Findings int `json:"findings"`
}

// fit looks for the least priority and level that keep to a budget.
func (s side) fit(b *Budget, days calendar, opts *Options) *Fit {
	out := &Fit{Budget: b.String(), Period: b.period(), MinPriority: NoPriority, Exceeded: []Exceeded{}, Lost: []string{}}
	from := func(priority int) (n int) {
		for _, f := range s {
			if f.Priority >= priority {
				n++
			}
		}
		return n
	}
	for p := range NoPriority {
		if n := from(p); b.holds(n, days) {
			out.MinPriority, out.Findings = p, n
			break
		}
	}
	for _, level := range triage.Levels() {
		n := 0
		for _, f := range s {
			if f.loud(level) {
				n++
			}
		}
		if b.holds(n, days) {
			out.MinLevel = level
			break
		}
	}
	out.Average = days.rate(out.Findings, b.Days)
	out.Periods = (days.n + b.Days - 1) / b.Days
	by := map[int]int{}
	for _, f := range s {
		if f.Priority >= out.MinPriority {
			by[days.day(f.first)/b.Days]++
		}
	}
	for _, k := range sortedKeys(by) {
		if over := by[k] - b.Findings; over > 0 {
			out.Exceeded = append(out.Exceeded, Exceeded{days.date(k * b.Days), by[k], over})
		}
	}
	for i := range opts.Labels.Attacks {
		l := &opts.Labels.Attacks[i]
		if f := s.best(l); f != nil && f.loud(opts.Level) && f.Priority < out.MinPriority {
			out.Lost = append(out.Lost, l.Name)
		}
	}
	out.Costs = s.costs(days, opts)
	return out
}

// costs lists the principals of loud findings, those with the most first.
func (s side) costs(days calendar, opts *Options) []Cost {
	type who struct{ provider, principal string }
	by := map[who]side{}
	var order []who // by their finding of the highest priority
	for _, f := range s {
		if f.loud(opts.Level) {
			w := who{f.Cloud.Provider, f.Actor.ID}
			if by[w] == nil {
				order = append(order, w)
			}
			by[w] = append(by[w], f)
		}
	}
	slices.SortStableFunc(order, func(a, b who) int { return len(by[b]) - len(by[a]) })
	out := []Cost{}
	for _, w := range order {
		list := by[w]
		c := Cost{Caller: list[0].caller(), Findings: len(list), PerDay: days.rate(len(list), 1), Attacks: []string{}}
		var why string
		c.Quiet, why = list.quiet()
		c.Caller.Account = ""
		for _, f := range list {
			c.Attacks = append(c.Attacks, f.attacks...)
		}
		slices.Sort(c.Attacks)
		c.Attacks = slices.Compact(c.Attacks)
		if c.Quiet == nil && len(c.Attacks) == 0 {
			c.Unbound = why
		}
		out = append(out, c)
	}
	return out
}

// maxTried bounds the findings of one principal that are tried as a pattern
// for the others: those of the highest priority.
const maxTried = 100

// maxCompared bounds the pairs of sources that are compared for one principal,
// beyond those of the first finding.
const maxCompared = 50_000_000

// quiet finds the finding whose exception covers most of a principal's findings
// and none of an attack. Where none can be bound to any, why says what is in
// the way for that of the highest priority.
func (s side) quiet() (best *Quiet, why string) {
	sources := 0
	for _, f := range s {
		if f.facts != nil {
			sources += len(f.facts.Sources)
		}
	}
	fits, compared := false, 0
	for _, f := range s[:min(len(s), maxTried)] {
		rule, not := f.exception()
		if rule == nil {
			why = cmp.Or(why, not)
			continue
		}
		if compared += len(rule.Sources) * sources; compared > maxCompared && fits {
			break
		}
		fits = true
		n, attack := 0, false
		for _, other := range s {
			if other.Aside == "" && other.facts != nil && len(rule.Misses(other.facts)) == 0 {
				n++
				attack = attack || len(other.attacks) > 0
			}
		}
		if !attack && (best == nil || n > best.Findings) {
			best = &Quiet{f.ID, n}
		}
	}
	if fits {
		why = ""
	}
	return best, why
}

// exception is the rule that `vedette except` would write for a finding, or why
// it would write none.
func (f *found) exception() (*exception.Rule, string) {
	switch {
	case f.Aside != "":
		return nil, PutAside
	case f.facts == nil:
		return nil, ""
	}
	return exception.Fit(f.facts)
}

// Why no exception is made of a finding.
const (
	SeveralAccounts = exception.SeveralAccounts
	UnnamedCaller   = exception.UnnamedCaller
	PrivateAddress  = exception.PrivateAddress
	UnwritableName  = exception.UnwritableName
	Followed        = exception.Followed
	PutAside        = "put_aside" // one covers it already
)

// Worst returns the periods in which the budget is exceeded most, at most n.
func (f *Fit) Worst(n int) []Exceeded {
	list := slices.Clone(f.Exceeded)
	slices.SortStableFunc(list, func(a, b Exceeded) int { return cmp.Or(b.Over-a.Over, strings.Compare(a.From, b.From)) })
	return list[:min(n, len(list))]
}
