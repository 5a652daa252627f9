package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/plan"
)

// assemble makes the finding of some firing windows and the calls in them.
func (w *groupWorker) assemble(m []call, windows []fired, g groupKey) *found {
	e := w.e
	f := &found{first: m[0].time, last: m[len(m)-1].time}
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

	w.tally.reset(len(w.apis), throttled(m))
	for i := range m {
		w.tally.add(&m[i])
	}
	f.Events, f.DistinctAPIs = w.tally.events, w.tally.apis
	f.ThrottledRetries = len(m) - f.Events
	for i := range m {
		w.tally.remove(&m[i])
	}

	w.count(f, m)
	w.who(f, m, g)
	w.slices(f, m)
	w.evidence(f, m)

	first := e.contexts.at(m[0].context)
	group := []string{f.Detections[0].ID, f.Scope, f.Cloud.Provider, f.Actor.ID}
	if g.scope == "account" {
		group = append(group, f.Cloud.Account.ID)
		if e.opts.BySession {
			group = append(group, e.symbols.text(cutOf(first)))
		}
	}
	if g.scope == "origin" {
		f.Campaign = w.campaignID(m)
	}
	f.ID = findingID(append(group, string(m[0].key.AppendUUID(nil)))...)
	return f
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

// counter counts texts.
type counter map[string]int

func (c counter) add(s string) {
	if s != "" {
		c[s]++
	}
}

// list gives the counts by number, descending, then by name; at most limit.
func (c counter) list(limit int) []finding.Count {
	out := make([]finding.Count, 0, len(c))
	for name, n := range c {
		out = append(out, finding.Count{Name: name, Events: n})
	}
	slices.SortFunc(out, func(a, b finding.Count) int {
		return cmp.Or(b.Events-a.Events, strings.Compare(a.Name, b.Name))
	})
	if limit >= 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// Lists of a finding that callers can lengthen at will are cut; the totals
// stand beside them.
const (
	maxListed  = 200
	maxSliced  = 20 // of each cut
	maxClients = 50
)

func addOutcome(o *finding.Outcomes, c *call) {
	switch c.outcome {
	case event.OK:
		o.OK++
	case event.Denied:
		o.Denied++
	case event.Absent:
		o.Absent++
	case event.Throttled:
		o.Throttled++
	case event.Invalid:
		o.Invalid++
	default:
		o.Other++
	}
}

// count fills in the figures that are sums over the finding's calls.
func (w *groupWorker) count(f *found, m []call) {
	e := w.e
	type apiCount struct {
		finding.API
		targets map[uint32]bool
	}
	perAPI := map[uint32]*apiCount{}
	services, regions, globals, techniques := counter{}, counter{}, counter{}, counter{}
	for i := range m {
		c := &m[i]
		a := perAPI[c.api]
		def := w.apis[c.api]
		if a == nil {
			a = &apiCount{targets: map[uint32]bool{}}
			a.Service, a.Name, a.Technique, a.Category, a.Known = def.Service, def.Name, def.Technique, def.Category, def.Known
			perAPI[c.api] = a
		}
		a.Events++
		addOutcome(&a.Outcomes, c)
		addOutcome(&f.Outcomes, c)
		a.targets[c.target] = true
		if c.outcome == event.Denied {
			if f.DenialReasons == nil {
				f.DenialReasons = map[string]int{}
			}
			f.DenialReasons[c.reason.String()]++
		}
		services.add(def.Service)
		if def.Global {
			globals.add(def.Service)
		} else {
			regions.add(e.symbols.text(c.region))
		}
		techniques.add(w.technique(def, c))
	}
	f.APIs = make([]finding.API, 0, len(perAPI))
	for _, a := range perAPI {
		a.Targets = len(a.targets)
		f.Targets += a.Targets
		f.APIs = append(f.APIs, a.API)
	}
	slices.SortFunc(f.APIs, func(a, b finding.API) int {
		return cmp.Or(b.Events-a.Events, strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	})
	f.Services = services.list(-1)
	f.Regions = regions.list(maxListed)
	f.GlobalServices = globals.list(-1)
	f.Techniques = []finding.Technique{}
	for _, t := range techniques.list(-1) {
		name := ""
		if e.opts.TechniqueName != nil {
			name = e.opts.TechniqueName(t.Name)
		}
		f.Techniques = append(f.Techniques, finding.Technique{ID: t.Name, Name: name, Events: t.Events})
	}
}

// technique is the ATT&CK technique that a call counts for: the catalogue's,
// else the first of the detection that selected it.
func (w *groupWorker) technique(a *event.API, c *call) string {
	if a.Technique != "" {
		return a.Technique
	}
	for _, win := range w.e.windows {
		if c.windows&win.bit != 0 && len(win.plan.Techniques) > 0 {
			return win.plan.Techniques[0]
		}
	}
	return ""
}

// who fills in the actor, its accounts, addresses, clients, sessions, keys,
// origin and chain.
func (w *groupWorker) who(f *found, m []call, g groupKey) {
	e := w.e
	perContext := map[uint32]int{}
	for i := range m {
		perContext[m[i].context]++
	}
	ids := make([]uint32, 0, len(perContext))
	for id := range perContext {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint32) int { return e.compareContexts(e.contexts.at(a), e.contexts.at(b)) })

	type endpoint struct{ ip, endpoint string }
	accounts, sessions, keys := counter{}, counter{}, counter{}
	addresses := map[endpoint]int{}
	clients := map[string]counter{}
	wides := map[uint64]bool{}
	for _, id := range ids {
		c, n := e.contexts.at(id), perContext[id]
		for _, a := range [...]uint32{c.account, c.recipient} {
			if a != 0 {
				accounts[e.symbols.text(a)] += n
			}
		}
		if c.session != 0 {
			sessions[e.symbols.text(c.session)] += n
		}
		if c.key != 0 {
			keys[e.symbols.text(c.key)] += n
		}
		if c.address != 0 {
			addresses[endpoint{e.symbols.text(c.address), e.symbols.text(c.endpoint)}] += n
		}
		if c.agent != 0 {
			agent := e.symbols.text(c.agent)
			family := w.family(c.agent)
			if clients[family] == nil {
				clients[family] = counter{}
			}
			clients[family][agent] += n
		}
		if h, ok := w.origins.wideHash(id); ok {
			wides[h] = true
		}
	}
	for i := range m {
		if m[i].flags&sharedCall == 0 {
			continue
		}
		for _, a := range e.copies[m[i].key] {
			if name := e.symbols.text(a); accounts[name] == 0 {
				accounts[name] = 1
			}
		}
	}
	for h := range wides {
		f.wide = append(f.wide, h)
	}
	f.Accounts = []finding.Account{}
	for _, a := range accounts.list(-1) {
		f.Accounts = append(f.Accounts, finding.Account{ID: a.Name, Events: a.Events})
	}
	f.Sessions, f.SessionsTotal = sessions.list(maxListed), len(sessions)
	f.Keys, f.KeysTotal = keys.list(maxListed), len(keys)
	f.Addresses = []finding.Address{}
	for a, n := range addresses {
		f.Addresses = append(f.Addresses, finding.Address{IP: a.ip, Endpoint: a.endpoint, Events: n})
	}
	slices.SortFunc(f.Addresses, func(a, b finding.Address) int {
		return cmp.Or(b.Events-a.Events, strings.Compare(a.IP, b.IP), strings.Compare(a.Endpoint, b.Endpoint))
	})
	f.AddressesTotal = len(f.Addresses)
	if len(f.Addresses) > maxListed {
		f.Addresses = f.Addresses[:maxListed]
	}
	f.Clients = clientList(clients)
	w.actor(f, m, g, ids, perContext)
}

// family names the client of a user agent.
func (w *groupWorker) family(agent uint32) string {
	if w.e.opts.Family == nil || agent == 0 {
		return ""
	}
	f, ok := w.families[agent]
	if !ok {
		f = w.e.opts.Family([]byte(w.e.symbols.text(agent)))
		w.families[agent] = f
	}
	return f
}

// clientList gives each family with its most frequent user agent.
func clientList(clients map[string]counter) []finding.Client {
	out := []finding.Client{}
	for family, agents := range clients {
		top := agents.list(1)[0]
		c := finding.Client{Family: family, UserAgent: top.Name}
		for _, n := range agents {
			c.Events += n
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b finding.Client) int {
		return cmp.Or(b.Events-a.Events, strings.Compare(a.Family, b.Family))
	})
	if len(out) > maxClients {
		out = out[:maxClients]
	}
	return out
}

// actor names the finding's principal, its origin and the chain between.
func (w *groupWorker) actor(f *found, m []call, g groupKey, ids []uint32, perContext map[uint32]int) {
	e := w.e
	first := e.contexts.at(m[0].context)
	f.Cloud.Provider = first.cloud.String()
	f.Actor = finding.Actor{
		Kind: first.kind.String(), ID: e.symbols.text(first.principal), Name: e.labelOf(first),
	}
	f.Cloud.Account.ID = e.symbols.text(first.account)
	if g.scope == "origin" {
		// Several accounts, so no account of the finding's own.
		f.Cloud.Account = finding.Account{}
		wide, _ := w.origins.wideOf(m[0].context)
		f.Actor = finding.Actor{Kind: wide.kind.String(), ID: wide.text, Name: wide.text[strings.LastIndexByte(wide.text, '/')+1:]}
	}

	type originCount struct {
		memo originMemo
		n    int
	}
	seen := map[uint32]*originCount{}
	for _, id := range ids {
		if o := w.origins.of(id); o.origin != 0 {
			if seen[o.origin] == nil {
				seen[o.origin] = &originCount{memo: o}
			}
			seen[o.origin].n += perContext[id]
		}
	}
	var list []*originCount
	for _, o := range seen {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *originCount) int {
		return cmp.Or(b.n-a.n, strings.Compare(e.symbols.text(a.memo.origin), e.symbols.text(b.memo.origin)))
	})
	if len(list) > 0 {
		top := list[0].memo
		f.Origin = &finding.Origin{ID: e.symbols.text(top.origin), Others: len(list) - 1}
		if top.kind != event.UnknownActor {
			f.Origin.Kind = top.kind.String()
		}
	}
	w.chain(f, m, ids)
}

// maxLinks bounds the chain that a finding shows.
const maxLinks = 50

// chain lists the observed links behind the finding's sessions, each once,
// in order of time.
func (w *groupWorker) chain(f *found, m []call, ids []uint32) {
	e := w.e
	seen := map[*link]bool{}
	var links []*link
	to := map[*link]*context{}
	for _, id := range ids {
		chain := w.origins.chain(id)
		for i, l := range chain {
			if seen[l] {
				continue
			}
			seen[l] = true
			links = append(links, l)
			to[l] = e.contexts.at(id)
			if i+1 < len(chain) {
				to[l] = e.contexts.at(chain[i+1].from)
			}
		}
	}
	slices.SortFunc(links, func(a, b *link) int { return cmp.Or(cmp.Compare(a.time, b.time), a.key.Compare(b.key)) })
	for _, l := range links {
		if len(f.Chain) == maxLinks {
			break
		}
		from := e.contexts.at(l.from)
		f.Chain = append(f.Chain, finding.Link{
			From: e.symbols.text(from.principal), To: e.symbols.text(to[l].principal), Via: l.via,
			Session: e.symbols.text(l.session), Key: e.symbols.text(l.issued),
			Time: formatTime(l.time), EventID: e.idText(l.key, l.id),
		})
	}
	creators := counter{}
	for _, id := range ids {
		creators.add(e.symbols.text(e.contexts.at(id).creator))
	}
	for _, c := range creators.list(maxLinks - len(f.Chain)) {
		f.Chain = append(f.Chain, finding.Link{From: c.Name, To: f.Actor.ID, Via: "recorded by the provider"})
	}
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
			Outcome: c.outcome.String(), Account: e.symbols.text(ctx.account),
			Region: e.symbols.text(c.region), IP: e.symbols.text(ctx.address),
			At: finding.At{File: w.path(c.file), Record: int(c.record) + 1},
		})
	}
}

func deniedLast(c *call) int {
	if c.outcome == event.Denied {
		return 0
	}
	return 1
}
