package coverage

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"vedette/internal/event"
)

//go:embed advice.yaml
var adviceYAML []byte

// advice is one verdict on a log class: when it holds, what cannot be seen,
// and how to switch that on.
type advice struct {
	ID   string `yaml:"id"`
	Log  string `yaml:"log"`
	When struct {
		// Verdict is that of the log class as a whole.
		Verdict []string `yaml:"verdict"`
		// EventBridge, OneRegion and OnlyService narrow it; see advice.yaml.
		EventBridge *bool  `yaml:"event_bridge"`
		OneRegion   *bool  `yaml:"one_region"`
		OnlyService string `yaml:"only_service"`
		// Seen and Unseen name other log classes with and without events.
		Seen   []string `yaml:"seen"`
		Unseen []string `yaml:"unseen"`
	} `yaml:"when"`
	Blind  string `yaml:"blind"`
	Enable string `yaml:"enable"`
	Source string `yaml:"source"`
}

type advices []advice

var loadAdvice = sync.OnceValues(func() (advices, error) {
	var list advices
	if err := yaml.Unmarshal(adviceYAML, &list); err != nil {
		return nil, fmt.Errorf("coverage/advice.yaml: %w", err)
	}
	for _, a := range list {
		if a.ID == "" || a.Blind == "" || a.Source == "" || logByName(a.Log) == event.NoLog {
			return nil, fmt.Errorf("coverage/advice.yaml: %q lacks an id, a text, a source or a log class", a.ID)
		}
	}
	return list, nil
})

func logByName(name string) event.Log {
	for l := range event.NumLogs {
		if l.String() == name {
			return l
		}
	}
	return event.NoLog
}

// of returns the first advice on a log class that holds.
func (list advices) of(l event.Log, s *sight) *advice {
	for i := range list {
		a := &list[i]
		if logByName(a.Log) == l && a.holds(l, s) {
			return a
		}
	}
	return nil
}

func (a *advice) holds(l event.Log, s *sight) bool {
	w := &a.When
	if len(w.Verdict) > 0 && !slices.Contains(w.Verdict, s.logs[l].verdict()) {
		return false
	}
	if w.EventBridge != nil && *w.EventBridge != s.eventBridge {
		return false
	}
	if w.OneRegion != nil && *w.OneRegion != (len(s.regions) == 1) {
		return false
	}
	if w.OnlyService != "" {
		from := s.readingFrom[l]
		if len(from) == 0 || slices.ContainsFunc(from, func(svc string) bool { return !strings.HasPrefix(svc, w.OnlyService) }) {
			return false
		}
	}
	has := func(name string) bool {
		t := s.logs[logByName(name)]
		return t.reads+t.writes > 0
	}
	for _, name := range w.Seen {
		if !has(name) {
			return false
		}
	}
	for _, name := range w.Unseen {
		if has(name) {
			return false
		}
	}
	return true
}

// maxNamed bounds the services named in a text.
const maxNamed = 8

// blind is the advice's text with what was seen filled in: {services} are
// the services whose reads the log class shows, {regions} the regions.
func (a *advice) blind(s *sight, l event.Log) string {
	return strings.NewReplacer(
		"{services}", named(s.readingFrom[l]),
		"{regions}", named(s.regions),
	).Replace(a.Blind)
}

func named(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	if len(list) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxNamed], ", "), len(list)-maxNamed)
	}
	return strings.Join(list, ", ")
}
