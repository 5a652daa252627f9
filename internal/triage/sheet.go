package triage

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"vedette/internal/finding"
)

// sheet adds points up.
type sheet struct {
	w       *Weights
	index   *toolIndex
	total   float64
	worded  bool // entries have their texts
	sum     int  // of the points, each of them rounded
	groups  []groupSum
	entries []entry // where they are worded
	whole   float64 // what was counted last is worth without its group's limit
}

// groupSum is what the factors of a group added.
type groupSum struct {
	name   string
	points float64
}

func (s *sheet) group(name string) *groupSum {
	for i := range s.groups {
		if s.groups[i].name == name {
			return &s.groups[i]
		}
	}
	if s.groups == nil {
		s.groups = make([]groupSum, 0, 4)
	}
	s.groups = append(s.groups, groupSum{name: name})
	return &s.groups[len(s.groups)-1]
}

type entry struct {
	factor string
	points float64
	text   string
	vain   bool // nothing that it counts succeeded
}

// add counts n for a factor, times share. It reports whether the evidence is
// to be put into words, which [sheet.say] does.
func (s *sheet) add(factor string, n, share float64) bool {
	w, ok := s.w.Factors[factor]
	s.whole = 0
	if !ok {
		return false
	}
	p := w.Each * max(0, n-w.Least)
	p = max(-w.Cap, min(w.Cap, p)) * share
	s.whole = p
	var group *groupSum
	if w.Group != "" {
		group = s.group(w.Group)
		p = min(p, s.w.Groups[w.Group]-group.points)
	}
	rounded := math.Round(p)
	if rounded == 0 {
		return false
	}
	if group != nil {
		group.points += p
	}
	s.total += p
	s.sum += int(rounded)
	if s.worded {
		s.entries = append(s.entries, entry{factor: factor, points: p})
	}
	return s.worded
}

// say puts the evidence for what was added last into words.
func (s *sheet) say(format string, args ...any) {
	s.entries[len(s.entries)-1].text = fmt.Sprintf(format, args...)
}

// note records what has no points but is worth knowing.
func (s *sheet) note(factor, format string, args ...any) {
	if s.worded {
		s.entries = append(s.entries, entry{factor: factor})
		s.say(format, args...)
	}
}

// judged is a judgement in the making.
type judged struct{ finding.Judgement }

// judgement rounds the points so that they add up to the priority.
func (s *sheet) judgement() judged {
	var j judged
	j.Reasons = []finding.Reason{}
	sum := 0
	for _, e := range s.entries {
		p := int(math.Round(e.points))
		sum += p
		j.Reasons = append(j.Reasons, finding.Reason{Factor: e.factor, Points: p, Text: e.text, NoneSucceeded: e.vain})
	}
	slices.SortStableFunc(j.Reasons, func(a, b finding.Reason) int { return b.Points - a.Points })
	j.limit(sum, 0, 100, "limit", "no priority is below 0 or above 100")
	j.Level = s.w.level(j.Priority)
	return j
}

// limit sets the priority, with a reason for what is cut off.
func (j *judged) limit(sum, low, high int, factor, text string) {
	j.Priority = min(max(sum, low), high)
	if cut := j.Priority - sum; cut != 0 {
		j.Reasons = append(j.Reasons, finding.Reason{Factor: factor, Points: cut, Text: text})
	}
}

// Joined adds that a finding is one of a campaign over several accounts.
func (j *Judge) Joined(out *finding.Judgement, accounts int) {
	w := j.w.Factors["accounts"]
	points := int(math.Round(min(w.Cap, w.Each*max(0, float64(accounts)-w.Least))))
	points = min(points, 100-out.Priority)
	vendor := slices.ContainsFunc(out.Reasons, func(r finding.Reason) bool { return r.Factor == "vendor" })
	if points <= 0 || out.Aside != "" || vendor {
		return // a vendor looks at all accounts of its customers
	}
	out.Priority += points
	out.Level = j.w.level(out.Priority)
	out.Reasons = append(out.Reasons, finding.Reason{Factor: "accounts", Points: points, Text: fmt.Sprintf("one of a campaign over %d accounts", accounts)})
	slices.SortStableFunc(out.Reasons, func(a, b finding.Reason) int { return b.Points - a.Points })
}

// PutAside puts a finding aside that was judged, and says why.
func (j *Judge) PutAside(out *finding.Judgement, why string) {
	aside := judged{*out}
	aside.putAside(why, j.w)
	*out = aside.Judgement
}

func (j *judged) putAside(why string, w *Weights) {
	j.Aside = why
	j.limit(j.Priority, 0, w.Levels["low"]-1, "aside", why)
	j.Level = w.level(j.Priority)
}

// listed lists the first n of many; it is written out only where it is shown.
type listed struct {
	list []string
	n    int
}

func few(list []string, n int) listed { return listed{list, n} }

func (l listed) String() string {
	if len(l.list) <= l.n {
		return strings.Join(l.list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(l.list[:l.n], ", "), len(l.list)-l.n)
}

// counted says a number of things.
type counted struct {
	n    int
	what string
}

func count(n int, what string) counted { return counted{n, what} }

func (c counted) String() string {
	if c.n != 1 {
		return fmt.Sprintf("%d %ss", c.n, c.what)
	}
	return fmt.Sprintf("%d %s", c.n, c.what)
}
