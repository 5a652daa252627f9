package compile

import (
	"fmt"
	"slices"

	"vedette/internal/event"
	"vedette/internal/question"
	"vedette/internal/siem"
)

// Question resolves the names of a question, for the clouds given or all. The
// registry must hold the catalogues.
func Question(q *question.Question, reg *event.Registry, clouds []event.Cloud) (*siem.Query, error) {
	out := &siem.Query{Question: q}
	add := func(c *question.Calls, earlier bool) error {
		legs := 0
		for _, name := range q.LogClasses() {
			if len(clouds) > 0 && !slices.Contains(clouds, name.Cloud()) {
				continue
			}
			for _, l := range logs {
				if !slices.Contains(l.of, name) {
					continue
				}
				sel := predicate(c.Selector(q.LogClasses()), l.of, l.shape, reg)
				if sel.Match == "" && len(sel.Names) == 0 {
					continue
				}
				out.Legs = append(out.Legs, siem.QueryLeg{Log: l.of[0], Select: sel, Calls: c, Earlier: earlier})
				legs++
			}
		}
		if legs == 0 {
			return fmt.Errorf("question %s: no log of the clouds asked for has calls that it selects", q.ID)
		}
		return nil
	}
	if err := add(&q.Calls, false); err != nil {
		return nil, err
	}
	if e := q.Earlier(); e != nil {
		if err := add(&e.Calls, true); err != nil {
			return nil, err
		}
	}
	return out, nil
}
