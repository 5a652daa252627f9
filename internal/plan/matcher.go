package plan

import (
	"fmt"
	"slices"
	"strings"

	"vedette/internal/event"
)

// Any stands for every service or every API in a [Name].
const Any = "*"

// Matches reports whether the name names the API.
func (n Name) Matches(a *event.API) bool {
	return (n.Cloud == event.NoCloud || n.Cloud == a.Cloud) &&
		(n.Service == "" || n.Service == Any || n.Service == a.Service) &&
		(n.API == Any || n.API == a.Name)
}

// Sees reports whether events of the log class can be selected at all.
func (s *Selector) Sees(l event.Log) bool {
	return l.Audited() &&
		(len(s.Clouds) == 0 || slices.Contains(s.Clouds, l.Cloud())) &&
		(len(s.Logs) == 0 || slices.Contains(s.Logs, l)) &&
		!slices.Contains(s.NotLogs, l)
}

// Selects reports whether calls of the API score. write says that the log
// itself calls this one a write. For an API that a catalogue lists that
// changes nothing; for one that no catalogue lists it overrules what the verb
// promised, unless the API is included by name.
func (s *Selector) Selects(a *event.API, write bool) bool {
	if len(s.Clouds) > 0 && !slices.Contains(s.Clouds, a.Cloud) {
		return false
	}
	for _, n := range s.Include {
		if n.Matches(a) {
			return true
		}
	}
	if !slices.Contains(s.Classes, a.Class) || !s.technique(a) {
		return false
	}
	if write && !a.Known && (a.Class == event.ClassDiscovery || a.Class == event.ClassDataRead) {
		return false
	}
	for _, n := range s.Exclude {
		if n.Matches(a) {
			return false
		}
	}
	return true
}

// technique reports whether the API is of one of the selector's techniques. A
// technique stands for its sub-techniques too.
func (s *Selector) technique(a *event.API) bool {
	if len(s.Techniques) == 0 {
		return true
	}
	for _, t := range s.Techniques {
		for _, of := range [2]string{a.Technique, a.Secondary} {
			if rest, ok := strings.CutPrefix(of, t); ok && (rest == "" || rest[0] == '.') {
				return true
			}
		}
	}
	return false
}

// Covers reports whether the selector selects an event with this API, log
// class, flags and outcome. It is the definition that [Matcher] is a fast form of.
func (s *Selector) Covers(a *event.API, l event.Log, f event.Flag, o event.Outcome) bool {
	return s.Sees(l) && s.counts(o) && (s.Services || f&event.ServiceMade == 0) && s.Selects(a, f&event.Writes != 0)
}

// counts reports whether calls with this outcome can be selected.
func (s *Selector) counts(o event.Outcome) bool {
	return len(s.Outcomes) == 0 || slices.Contains(s.Outcomes, o)
}

// MaxSelectors is how many selectors one [Matcher] takes.
const MaxSelectors = 64

// Matcher answers for several selectors at once, by one table look-up an
// event. What the selectors say of an API is worked out when the API is first
// met. A Matcher is for one goroutine.
type Matcher struct {
	selectors []*Selector
	logs      [event.NumLogs]uint64
	outcomes  [event.NumOutcomes]uint64
	services  uint64 // selectors that take service-made calls
	apis      []verdict
}

// verdict is what the selectors say of one API: bit i is selector i.
type verdict struct {
	known       bool
	read, write uint64
}

// NewMatcher returns a matcher over at most [MaxSelectors] selectors. They
// are not copied and must not change.
func NewMatcher(selectors ...*Selector) (*Matcher, error) {
	if len(selectors) > MaxSelectors {
		return nil, fmt.Errorf("%d windows over all detections: at most %d are run at a time", len(selectors), MaxSelectors)
	}
	m := &Matcher{selectors: selectors}
	for i, s := range selectors {
		bit := uint64(1) << i
		for l := range event.NumLogs {
			if s.Sees(l) {
				m.logs[l] |= bit
			}
		}
		for o := range event.NumOutcomes {
			if s.counts(o) {
				m.outcomes[o] |= bit
			}
		}
		if s.Services {
			m.services |= bit
		}
	}
	return m, nil
}

// Match returns the selectors that select an event with this API, log class,
// flags and outcome: bit i is selector i. It allocates only for an API with an ID
// above all those met before; a nil API is never selected.
func (m *Matcher) Match(a *event.API, l event.Log, f event.Flag, o event.Outcome) uint64 {
	if a == nil || l >= event.NumLogs || o >= event.NumOutcomes {
		return 0
	}
	mask := m.logs[l] & m.outcomes[o]
	if f&event.ServiceMade != 0 {
		mask &= m.services
	}
	if mask == 0 {
		return 0
	}
	if int(a.ID) >= len(m.apis) || !m.apis[a.ID].known {
		m.learn(a)
	}
	if f&event.Writes != 0 {
		return mask & m.apis[a.ID].write
	}
	return mask & m.apis[a.ID].read
}

func (m *Matcher) learn(a *event.API) {
	if n := int(a.ID) + 1; n > len(m.apis) {
		m.apis = append(m.apis, make([]verdict, n-len(m.apis))...)
	}
	v := verdict{known: true}
	for i, s := range m.selectors {
		if s.Selects(a, false) {
			v.read |= 1 << i
		}
		if s.Selects(a, true) {
			v.write |= 1 << i
		}
	}
	m.apis[a.ID] = v
}
