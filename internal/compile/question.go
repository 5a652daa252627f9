package compile

import (
	"fmt"
	"slices"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/question"
	"vedette/internal/siem"
)

// Question resolves the names of a question, for the clouds given or all. The
// registry must hold the catalogues.
func Question(q *question.Question, reg *event.Registry, clouds []event.Cloud) (*siem.Query, error) {
	out := &siem.Query{Question: q}
	add := func(c *question.Calls, earlier bool) error {
		selector := c.Selector(q.LogClasses())
		for _, a := range reg.All() {
			if !c.Every && c.Listed(a) {
				selector.Include = append(selector.Include, plan.Name{Cloud: a.Cloud, Service: a.Service, API: a.Name})
			}
		}
		legs := 0
		for _, name := range q.LogClasses() {
			if len(clouds) > 0 && !slices.Contains(clouds, name.Cloud()) {
				continue
			}
			for _, l := range logs {
				if !slices.Contains(l.of, name) {
					continue
				}
				sel, differs := predicate(selector, l.of, l.shape, reg)
				if c.Every {
					sel, differs = &plan.Predicate{Match: "."}, nil
				}
				if sel.Match == "" && len(sel.Names) == 0 {
					continue
				}
				out.Legs = append(out.Legs, siem.QueryLeg{Log: l.of[0], Select: sel, Differs: differs, Calls: c, Earlier: earlier})
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

// AsRule makes a rule of a question that is one: calls of a principal in an
// account within a stretch of time, counted by events, APIs or targets. The
// error wraps [siem.ErrNotSaid] and says what of the question no rule has.
func AsRule(q *question.Question, reg *event.Registry, clouds []event.Cloud) (*siem.Rule, error) {
	not := func(format string, args ...any) (*siem.Rule, error) {
		return nil, fmt.Errorf("%w: %s", siem.ErrNotSaid, fmt.Sprintf(format, args...))
	}
	switch {
	case len(q.Then) > 0:
		return not("its rules look at a window by itself, and the question compares calls with others")
	case q.Spike != nil:
		return not("its rules look at a window by itself, and the question compares windows")
	case q.Per == 0:
		return not("its rules have a window, and the question is about all time")
	case len(q.By) != 2 || q.By[0] != question.Principal || q.By[1] != question.Account:
		return not("its rules count by caller and account, and the question by other fields")
	case len(q.Calls.Where) > 0 || len(q.Calls.Unless) > 0:
		return not("its rules select by name and outcome, and the question by other fields too")
	case q.Calls.Every:
		return not("its rules select APIs, and the question takes the calls of all")
	case q.Calls.Outcome == "failed":
		return not("its rules know denied and ok, and the question asks for failures")
	}
	t := plan.Thresholds{Events: 1}
	for f, least := range q.Having {
		switch f {
		case question.Events:
			t.Events = least
		case "apis":
			t.DistinctAPIs = least
		case "targets":
			t.DistinctTargets = least
		default:
			return not("its rules count events, APIs and targets, and the question %s", f)
		}
	}
	query, err := Question(q, reg, clouds)
	if err != nil {
		return nil, err
	}
	r := &siem.Rule{
		ID: q.ID, Detection: q.ID, Version: "1", Title: q.Title, Description: line(q.Asks), Profile: "vedette", Kind: siem.Burst,
		Techniques: q.Techniques, Severity: "low", BuildingBlock: true, FalsePositives: q.Benign,
		Window: siem.Window{Length: time.Duration(q.Per)}, Trigger: plan.Condition{t},
		Bands:   []plan.Band{{Risk: 0}},
		MaxAPIs: maxAPIs, MaxAddresses: maxAddresses,
	}
	for _, l := range query.Legs {
		leg := siem.Leg{Log: l.Log, Select: l.Select, Differs: l.Differs, Services: q.Calls.Services}
		switch q.Calls.Outcome {
		case "denied":
			leg.Outcomes = []event.Outcome{event.Denied}
			r.Kind = siem.Denied
		case "ok":
			leg.Outcomes = []event.Outcome{event.OK}
		}
		r.Legs = append(r.Legs, leg)
		r.Warnings = append(r.Warnings, warnings[l.Log]...)
	}
	if t.DistinctTargets > 0 {
		r.Kind = siem.Sweep
	}
	return r, nil
}
