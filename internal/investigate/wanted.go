package investigate

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
)

// Changes is what the caller changed, itself and through the credentials that
// it handed out.
type Changes struct {
	Rows      []Change `json:"rows"` // those that matter by themselves first, then by time; at most 20
	RowsTotal int      `json:"rows_total"`
	Calls     int      `json:"calls"`
	Succeeded int      `json:"succeeded"`
	// Kinds counts what the changes are for, as far as that is known.
	Kinds []Count `json:"kinds"`
	// Opened are the holders of credentials that the caller handed out, and
	// their calls.
	Opened []Holder `json:"opened"`
	Cited
}

// Count is a name with a number.
type Count struct {
	Name  string `json:"name"`
	Calls int    `json:"calls"`
}

// Change is one kind of change by one principal.
type Change struct {
	Kind      string   `json:"kind,omitempty"` // keys, policy, sharing, secrets, logging or compute
	Principal string   `json:"principal"`
	Service   string   `json:"service"`
	Operation string   `json:"operation"`
	Outcome   string   `json:"outcome"`
	When      string   `json:"when"` // before, during or after the time in question: of the first
	Calls     int      `json:"calls"`
	First     string   `json:"first"`
	EventID   string   `json:"event_id"` // of the first
	Resources []string `json:"resources"`
	at        *call
}

// Holder is a principal that calls with credentials which the caller handed
// out.
type Holder struct {
	Principal string `json:"principal"`
	Kind      string `json:"kind"`
	Calls     int    `json:"calls"`
	Writes    int    `json:"writes"`
	Denied    int    `json:"denied"`
	First     string `json:"first"`
	EventID   string `json:"event_id"` // of its first call
}

func changes(s *subject, calls []call, look *lookout, limit int) Changes {
	type group struct {
		principal string
		api       apiName
		outcome   event.Outcome
	}
	out := Changes{Opened: []Holder{}}
	by := map[group]*Change{}
	var rests []*call
	kinds := map[string]*Count{}
	add := func(c *call) {
		kind := s.opts.Follow(c.api)
		if !c.writes() && kind == "" {
			return
		}
		out.Calls++
		rests = append(rests, c)
		if c.outcome == event.OK {
			out.Succeeded++
		}
		name := cmp.Or(kind, "other")
		if kinds[name] == nil {
			kinds[name] = &Count{Name: name}
		}
		kinds[name].Calls++
		g := group{c.who.principal, nameOf(c.api), c.outcome}
		x := by[g]
		if x == nil {
			x = &Change{Kind: kind, Principal: c.who.principal, Service: c.api.Service, Operation: c.api.Name, Outcome: c.outcome.String(),
				When: s.when(c.time), First: stamp(c.time), EventID: c.id, Resources: []string{}, at: c}
			by[g] = x
		}
		x.Calls++
		if c.detail != nil {
			for _, r := range c.detail.resources {
				if len(x.Resources) < maxNamed && !slices.Contains(x.Resources, r.name) {
					x.Resources = append(x.Resources, r.name)
				}
			}
		}
	}
	holders := map[string]*Holder{}
	all := make([]*call, 0, len(calls)+len(look.opened))
	for i := range calls {
		all = append(all, &calls[i])
	}
	for i := range look.opened {
		c := &look.opened[i]
		all = append(all, c)
		h := holders[c.who.principal]
		if h == nil {
			h = &Holder{Principal: c.who.principal, Kind: c.who.kind.String(), First: stamp(c.time), EventID: c.id}
			holders[c.who.principal] = h
		}
		h.Calls++
		if c.writes() {
			h.Writes++
		}
		if c.outcome == event.Denied {
			h.Denied++
		}
	}
	slices.SortStableFunc(all, compareCalls)
	for _, c := range all {
		add(c)
	}
	order := func(a, b *Change) int {
		known := func(x *Change) int {
			if x.Kind != "" {
				return 0
			}
			return 1
		}
		return cmp.Or(known(a)-known(b), compareCalls(a.at, b.at), strings.Compare(a.Outcome, b.Outcome))
	}
	out.Rows, out.RowsTotal = top(by, order), len(by)
	out.Kinds = top(kinds, func(a, b *Count) int { return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Name, b.Name)) })
	out.Opened = top(holders, func(a, b *Holder) int { return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Principal, b.Principal)) })
	var cited []*call
	for i := range out.Rows {
		cited = append(cited, out.Rows[i].at)
	}
	out.Cited = citing(cited, rests, limit)
	return out
}

// maxNamed bounds the names that a row of a fact lists.
const maxNamed = 3

// when says where an instant lies by the time in question.
func (s *subject) when(t int64) string {
	switch {
	case t < s.first:
		return "before"
	case t > s.last:
		return "after"
	}
	return "during"
}

// Denials is what the caller wanted and could not.
type Denials struct {
	Calls     int      `json:"calls"`
	Rows      []Denial `json:"rows"` // most refused first; at most 20
	RowsTotal int      `json:"rows_total"`
	Reasons   []Count  `json:"reasons"`
	Cited
}

// Denial is one permission that was lacking, for one reason.
type Denial struct {
	// Permission is the provider's word for it where the record has one
	// (Stated), else service and operation.
	Permission string   `json:"permission"`
	Stated     bool     `json:"stated"`
	Reason     string   `json:"reason"` // what refused: as denial_reasons of findings
	Calls      int      `json:"calls"`
	Resources  []string `json:"resources"` // at most 3
	Total      int      `json:"resources_total"`
	First      string   `json:"first"`
	EventID    string   `json:"event_id"` // of the first
	at         *call
}

func denials(calls []call, limit int) Denials {
	type group struct {
		permission string
		reason     event.Reason
	}
	var out Denials
	var rests []*call
	by := map[group]*Denial{}
	over := map[group]map[string]bool{}
	reasons := map[string]*Count{}
	for i := range calls {
		c := &calls[i]
		if c.outcome != event.Denied {
			continue
		}
		out.Calls++
		rests = append(rests, c)
		name, stated := c.api.Service+":"+c.api.Name, false
		if c.detail != nil && c.detail.permission != "" {
			name, stated = c.detail.permission, true
		}
		g := group{name, c.reason}
		d := by[g]
		if d == nil {
			d = &Denial{Permission: name, Stated: stated, Reason: c.reason.String(), Resources: []string{}, First: stamp(c.time), EventID: c.id, at: c}
			by[g], over[g] = d, map[string]bool{}
		}
		d.Calls++
		for _, r := range c.refusedOver() {
			if over[g][r] {
				continue
			}
			over[g][r] = true
			if d.Total++; len(d.Resources) < maxNamed {
				d.Resources = append(d.Resources, r)
			}
		}
		if reasons[d.Reason] == nil {
			reasons[d.Reason] = &Count{Name: d.Reason}
		}
		reasons[d.Reason].Calls++
	}
	out.Rows = top(by, func(a, b *Denial) int {
		return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Permission, b.Permission), strings.Compare(a.Reason, b.Reason))
	})
	out.RowsTotal = len(by)
	out.Reasons = top(reasons, func(a, b *Count) int { return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Name, b.Name)) })
	var cited []*call
	for i := range out.Rows {
		cited = append(cited, out.Rows[i].at)
	}
	out.Cited = citing(cited, rests, limit)
	return out
}

// refusedOver lists what a refused call was about: what the refusal names,
// else what was asked for. Some refusals name a pattern (EC2 writes
// "arn:aws:ec2:eu-west-1:111122223333:instance/*" whichever instance it was);
// what the call itself named of that kind says more than it does.
func (c *call) refusedOver() []string {
	if c.detail == nil {
		return nil
	}
	over := c.detail.over
	kind, pattern := patternKind(over)
	var list []string
	for _, r := range c.detail.resources {
		if over == "" || pattern && (kind == "" || kind == r.kind) {
			list = append(list, r.name)
		}
	}
	if len(list) == 0 && over != "" {
		return []string{over}
	}
	return list
}

// patternKind reports whether a resource that AWS names is each one of a kind,
// and which kind; "" stands for all there is.
func patternKind(arn string) (kind string, pattern bool) {
	if arn == "*" {
		return "", true
	}
	at := strings.LastIndexByte(arn, ':') + 1
	kind, rest, ok := strings.Cut(arn[at:], "/")
	return strings.ReplaceAll(kind, "-", " "), ok && at > 0 && rest == "*"
}

// Resources is what the caller touched, by name.
type Resources struct {
	Rows      []Resource `json:"rows"` // those that matter by themselves first, then changed ones, then those asked about most; at most 20
	RowsTotal int        `json:"rows_total"`
	Kinds     []Count    `json:"kinds"` // how many different ones there are of each kind
	Cited
}

// Resource is one thing.
type Resource struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Calls   int    `json:"calls"`
	Changed int    `json:"changed"` // calls that changed it
	Denied  int    `json:"denied"`
	First   string `json:"first"`
	EventID string `json:"event_id"` // of the first
	at      *call
}

func resources(s *subject, calls []call, limit int) Resources {
	by := map[resource]*Resource{}
	handed := map[*Resource]int{} // calls of it that gave out keys or secrets
	kinds := map[string]*Count{}
	var rests []*call
	for i := range calls {
		c := &calls[i]
		if c.detail == nil || len(c.detail.resources) == 0 {
			continue
		}
		rests = append(rests, c)
		for _, r := range c.detail.resources {
			x := by[r]
			if x == nil {
				x = &Resource{Kind: r.kind, Name: r.name, First: stamp(c.time), EventID: c.id, at: c}
				by[r] = x
				if kinds[r.kind] == nil {
					kinds[r.kind] = &Count{Name: r.kind}
				}
				kinds[r.kind].Calls++
			}
			x.Calls++
			if c.outcome == event.OK && s.opts.Follow(c.api) != "" {
				handed[x]++
			}
			switch {
			case c.outcome == event.Denied:
				x.Denied++
			case c.outcome == event.OK && c.writes():
				x.Changed++
			}
		}
	}
	out := Resources{RowsTotal: len(by)}
	out.Rows = top(by, func(a, b *Resource) int {
		return cmp.Or(handed[b]-handed[a], b.Changed-a.Changed, b.Calls-a.Calls, strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	out.Kinds = top(kinds, func(a, b *Count) int { return cmp.Or(b.Calls-a.Calls, strings.Compare(a.Name, b.Name)) })
	var cited []*call
	for i := range out.Rows {
		cited = append(cited, out.Rows[i].at)
	}
	out.Cited = citing(cited, rests, limit)
	return out
}
