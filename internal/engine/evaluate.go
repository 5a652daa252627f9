package engine

import (
	"vedette/internal/event"
	"vedette/internal/plan"
)

// Evaluate runs one plan over some events, whose APIs are in reg, and says
// whether any window fired and the highest risk: what a detection's examples
// are held against.
func Evaluate(reg *event.Registry, p *plan.Plan, events []event.Event) (fired bool, risk int) {
	e, err := New(reg, Options{Plans: []*plan.Plan{p}, Evidence: 0})
	if err != nil {
		return false, 0
	}
	defer e.Close()
	c := e.Collector()
	for i := range events {
		c.Add(&events[i], 0, uint32(i))
	}
	c.Close()
	found, _, err := e.Run(func(uint32) string { return "" })
	for i := range found {
		risk = max(risk, found[i].RiskScore)
	}
	return err == nil && len(found) > 0, risk
}
