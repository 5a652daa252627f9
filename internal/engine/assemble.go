package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/plan"
)

// assemble makes the finding of some firing windows and the calls in them:
// its verdict, its actor and its id. What else it holds is filled in by
// detail.
func (w *groupWorker) assemble(m []call, windows []fired, g groupKey) *found {
	e := w.e
	f := &found{first: m[0].time, last: m[len(m)-1].time, calls: m, scope: g.scope}
	f.Scope = g.scope
	f.FirstSeen, f.LastSeen = formatTime(f.first), formatTime(f.last)

	peak := &windows[0]
	for i := range windows {
		if windows[i].better(peak) {
			peak = &windows[i]
		}
		f.RiskScore = max(f.RiskScore, windows[i].risk)
	}
	f.Peak = w.window(peak)
	f.Detections = w.detections(windows)

	w.tally.reset(len(w.apis), e.retries(m))
	for i := range m {
		w.tally.add(&m[i])
	}
	f.Events, f.DistinctAPIs = w.tally.events, w.tally.apis
	f.ThrottledRetries = len(m) - f.Events
	last := uint32(0)
	for i := range m {
		w.tally.remove(&m[i])
		addOutcome(&f.Outcomes, &m[i])
		if id := m[i].context; i == 0 || id != last {
			last = id
			if h, ok := w.origins.wideHash(id); ok && !slices.Contains(f.wide, h) {
				f.wide = append(f.wide, h)
			}
		}
	}
	w.actor(f)

	group := []string{f.Detections[0].ID, f.Scope, f.Cloud.Provider, f.Actor.ID}
	if g.scope == "account" {
		group = append(group, f.Cloud.Account.ID)
		if e.opts.BySession {
			group = append(group, e.symbols.text(cutOf(e.contexts.at(m[0].context).caller)))
		}
	} else {
		f.Campaign = w.campaignID(m)
	}
	f.ID = findingID(append(group, string(m[0].key.AppendUUID(nil)))...)
	return f
}

// actor names the finding's principal and account. Over several accounts
// there is no account of the finding's own.
func (w *groupWorker) actor(f *found) {
	e := w.e
	id := f.calls[0].context
	first := e.contexts.at(id)
	f.Cloud.Provider = first.cloud.String()
	if f.scope == "origin" {
		wide, _ := w.origins.wideOf(id)
		f.Actor = finding.Actor{Kind: wide.kind.String(), ID: wide.text, Name: wide.text[strings.LastIndexByte(wide.text, '/')+1:]}
		return
	}
	f.Actor = finding.Actor{Kind: first.kind.String(), ID: e.symbols.text(first.principal), Name: e.labelOf(first.caller)}
	f.Cloud.Account.ID = e.symbols.text(first.account)
}

// detail fills in the rest of a finding, from its calls.
func (w *groupWorker) detail(f *found) {
	w.count(f, f.calls)
	w.who(f, f.calls)
	w.slices(f, f.calls)
	w.evidence(f, f.calls)
}

func (w *groupWorker) window(f *fired) finding.Window {
	return finding.Window{
		Name: w.e.windows[f.window].spec.Name, Start: formatTime(f.from), End: formatTime(f.to),
		RiskScore: f.risk, Events: f.events, DistinctAPIs: f.apis,
	}
}

// detections lists what fired: the detection with the highest risk first,
// then in the order in which the detections were given.
func (w *groupWorker) detections(windows []fired) []finding.Detection {
	type hit struct {
		plan  *plan.Plan
		risk  int
		order int
		names []string
	}
	var hits []*hit
	for order, win := range w.e.windows {
		for i := range windows {
			if int(windows[i].window) != order {
				continue
			}
			k := slices.IndexFunc(hits, func(h *hit) bool { return h.plan == win.plan })
			if k < 0 {
				k = len(hits)
				hits = append(hits, &hit{plan: win.plan, order: order})
			}
			h := hits[k]
			h.risk = max(h.risk, windows[i].risk)
			if !slices.Contains(h.names, win.spec.Name) {
				h.names = append(h.names, win.spec.Name)
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b *hit) int { return cmp.Or(b.risk-a.risk, a.order-b.order) })
	out := make([]finding.Detection, len(hits))
	for i, h := range hits {
		out[i] = finding.Detection{ID: h.plan.Detection, Name: h.plan.Name, Version: h.plan.Version, Windows: h.names}
	}
	return out
}

// idText writes an event's id.
func (e *Engine) idText(key event.Key, id uint32) string {
	if id != 0 {
		return e.symbols.text(id)
	}
	return string(key.AppendUUID(nil))
}

func (w *groupWorker) eventID(c *call) string { return w.e.idText(c.key, c.id) }

// evidence lists the finding's calls, denied first, then by time.
func (w *groupWorker) evidence(f *found, m []call) {
	e := w.e
	f.EvidenceTotal = len(m)
	f.Evidence = []finding.Evidence{}
	order := make([]int, len(m))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(deniedLast(&m[a]), deniedLast(&m[b]))
	})
	if e.opts.Evidence >= 0 && len(order) > e.opts.Evidence {
		order = order[:e.opts.Evidence]
	}
	for _, i := range order {
		c := &m[i]
		ctx, api := e.contexts.at(c.context), w.apis[c.api]
		f.Evidence = append(f.Evidence, finding.Evidence{
			EventID: w.eventID(c), Time: formatTime(c.time), Service: api.Service, Operation: api.Name,
			Outcome: c.outcome().String(), Account: e.symbols.text(ctx.account),
			Region: e.regions.names[c.region], IP: e.symbols.text(ctx.address),
			At: finding.At{File: w.path(c.file), Record: int(c.record) + 1},
		})
	}
}

func deniedLast(c *call) int {
	if c.outcome() == event.Denied {
		return 0
	}
	return 1
}
