package tune

import "fmt"

// Attack is what becomes of a labelled attack.
type Attack struct {
	Name      string `json:"name"`
	Principal string `json:"principal"`
	// State is "caught" (on both sides, where two are compared), "lost" (by
	// the change), "gained" (by the change) or "missed". It is caught where a
	// finding of it is at the level that is looked at, or higher.
	State  string   `json:"state"`
	Before *Verdict `json:"before"`         // its finding of the highest priority, or null
	After  *Verdict `json:"after"`          // the same with the change
	Why    []string `json:"why"`            // why it is lost or gained
	Note   string   `json:"note,omitempty"` // why it is missed, where no finding is of it
}

// Benign is how many findings a caller has who is known to be benign.
type Benign struct {
	Name      string `json:"name"`
	Principal string `json:"principal"`
	Before    Noise  `json:"before"`
	After     *Noise `json:"after"`          // null where nothing is compared
	Note      string `json:"note,omitempty"` // why it has no finding
}

// Noise counts findings.
type Noise struct {
	Findings int `json:"findings"`
	Loud     int `json:"loud"` // those at the level that is looked at, or higher
}

// best is the finding of a label with the highest priority.
func (s side) best(l *Label) *found {
	for _, f := range s {
		if l.holds(f) {
			return f
		}
	}
	return nil
}

// attacks looks for each attack on a side, and on the side after a change
// where there is one.
func (s side) attacks(after side, changes []Change, days calendar, opts *Options) []Attack {
	out := []Attack{}
	caught := func(f *found) bool { return f != nil && f.loud(opts.Level) }
	for i := range opts.Labels.Attacks {
		l := &opts.Labels.Attacks[i]
		b, a, last := s.best(l), after.best(l), s
		is := caught(b)
		t := Attack{Name: l.Name, Principal: l.Principal, State: "missed", Before: b.verdict(), Why: []string{}}
		if changes != nil {
			t.After, last, is = a.verdict(), after, caught(a)
		}
		switch {
		case is && changes != nil && !caught(b):
			t.State, t.Why = "gained", reason(a, changes)
		case is:
			t.State = "caught"
		case caught(b):
			t.State, t.Why = "lost", reason(b, changes)
		}
		if t.State == "missed" && last.best(l) == nil {
			t.Note = last.absence(l, days)
		}
		out = append(out, t)
	}
	return out
}

// reason is why a finding changed.
func reason(f *found, changes []Change) []string {
	for _, c := range changes {
		if c.Before != nil && c.Before.ID == f.ID || c.After != nil && c.After.ID == f.ID {
			return c.Why
		}
	}
	return []string{}
}

// absence says why no finding is of a label.
func (s side) absence(l *Label, days calendar) string {
	if !l.Until.IsZero() && l.Until.Before(days.first) || l.From.After(days.last) {
		return "the input has no event of its time"
	}
	n := 0
	for _, f := range s {
		if l.names(f.Finding) {
			n++
		}
	}
	if n == 0 {
		return "no finding is of this principal"
	}
	return fmt.Sprintf("%s of this principal, at other times", count(n, "finding"))
}

func (s side) benign(after side, days calendar, opts *Options) []Benign {
	out := []Benign{}
	for i := range opts.Labels.Benign {
		l := &opts.Labels.Benign[i]
		b := Benign{Name: l.Name, Principal: l.Principal, Before: s.noise(l, opts)}
		if after != nil {
			n := after.noise(l, opts)
			b.After = &n
		}
		if b.Before.Findings == 0 && (b.After == nil || b.After.Findings == 0) {
			b.Note = s.absence(l, days)
		}
		out = append(out, b)
	}
	return out
}

func (s side) noise(l *Label, opts *Options) (n Noise) {
	for _, f := range s {
		if l.holds(f) {
			n.Findings++
			if f.loud(opts.Level) {
				n.Loud++
			}
		}
	}
	return n
}
