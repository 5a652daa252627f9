package engine

import (
	"bytes"
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

// symbolCount is a symbol with the number of calls that have it.
type symbolCount struct {
	symbol uint32
	n      int
}

// symbolCounts counts symbols: added in any order, merged once. A finding
// has few of them as a rule, and a sort is cheaper than a map.
type symbolCounts []symbolCount

func (c *symbolCounts) add(symbol uint32, n int) {
	if symbol != 0 {
		*c = append(*c, symbolCount{symbol, n})
	}
}

// list gives the texts with their counts by number, descending, then by name;
// total is how many there are, of which at most limit are listed.
func (c *symbolCounts) list(e *Engine, limit int) (list []finding.Count, total int) {
	m := c.merge()
	list = make([]finding.Count, len(m))
	for i, x := range m {
		list[i] = finding.Count{Name: e.symbols.text(x.symbol), Events: x.n}
	}
	total = len(list)
	return sortCounts(list, limit), total
}

// merge adds up the counts of equal symbols.
func (c *symbolCounts) merge() symbolCounts {
	m := *c
	slices.SortFunc(m, func(a, b symbolCount) int { return cmp.Compare(a.symbol, b.symbol) })
	out := m[:0]
	for _, x := range m {
		if n := len(out); n > 0 && out[n-1].symbol == x.symbol {
			out[n-1].n += x.n
		} else {
			out = append(out, x)
		}
	}
	*c = out
	return out
}

func sortCounts(list []finding.Count, limit int) []finding.Count {
	slices.SortFunc(list, func(a, b finding.Count) int {
		if a.Events != b.Events {
			return b.Events - a.Events
		}
		return strings.Compare(a.Name, b.Name)
	})
	if limit >= 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}

// textCounts is symbolCounts for the few texts that are no symbols.
type textCounts []finding.Count

func (c *textCounts) add(name string, n int) {
	if name == "" {
		return
	}
	for i := range *c {
		if (*c)[i].Name == name {
			(*c)[i].Events += n
			return
		}
	}
	*c = append(*c, finding.Count{Name: name, Events: n})
}

func (c textCounts) list() []finding.Count {
	if c == nil {
		c = textCounts{}
	}
	return sortCounts(c, -1)
}

// Lists of a finding that callers can lengthen at will are cut; the totals
// stand beside them.
const (
	maxListed  = 200
	maxSliced  = 20 // of each cut
	maxClients = 50
)

func addOutcome(o *finding.Outcomes, c *call) {
	switch c.outcome() {
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

// apiCount is the figures of one API of a finding.
type apiCount struct {
	api      uint32
	events   int
	outcomes finding.Outcomes
	targets  int
}

// count fills in the figures that are sums over the finding's calls.
func (w *groupWorker) count(f *found, m []call) {
	e := w.e
	// By API and target, so that both can be counted in one pass.
	order := w.order[:0]
	for i := range m {
		order = append(order, int32(i))
	}
	w.order = order
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &m[i], &m[j]
		if a.api != b.api {
			return cmp.Compare(a.api, b.api)
		}
		return bytes.Compare(a.target[:], b.target[:])
	})
	perAPI := w.perAPI[:0]
	var services, globals, techniques textCounts
	regions := w.symbolsA[:0] // by number plus one
	for k, i := range order {
		c := &m[i]
		if k == 0 || m[order[k-1]].api != c.api {
			perAPI = append(perAPI, apiCount{api: c.api})
		}
		a := &perAPI[len(perAPI)-1]
		if a.events == 0 || m[order[k-1]].target != c.target {
			a.targets++
		}
		a.events++
		addOutcome(&a.outcomes, c)
		if c.outcome() == event.Denied {
			if f.DenialReasons == nil {
				f.DenialReasons = map[string]int{}
			}
			f.DenialReasons[c.reason().String()]++
		}
		if !w.apis[c.api].Global {
			regions.add(uint32(c.region)+1, 1)
		}
	}
	f.APIs = make([]finding.API, len(perAPI))
	for i := range perAPI {
		a := &perAPI[i]
		def := w.apis[a.api]
		f.APIs[i] = finding.API{
			Service: def.Service, Name: def.Name, Events: a.events, Outcomes: a.outcomes,
			Technique: def.Technique, Category: def.Category, Known: def.Known, Targets: a.targets,
		}
		f.Targets += a.targets
		services.add(def.Service, a.events)
		if def.Global {
			globals.add(def.Service, a.events)
		}
	}
	for i := range m {
		techniques.add(w.technique(w.apis[m[i].api], &m[i]), 1)
	}
	w.perAPI = perAPI
	slices.SortFunc(f.APIs, func(a, b finding.API) int {
		if a.Events != b.Events {
			return b.Events - a.Events
		}
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	})
	f.Services, f.GlobalServices = services.list(), globals.list()
	var named textCounts
	for _, r := range regions.merge() {
		named.add(e.regions.names[r.symbol-1], r.n)
	}
	w.symbolsA = regions
	f.Regions = named.list()
	if len(f.Regions) > maxListed {
		f.Regions = f.Regions[:maxListed]
	}
	f.Techniques = []finding.Technique{}
	for _, t := range techniques.list() {
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
func (w *groupWorker) who(f *found, m []call) {
	e := w.e
	contexts := w.symbolsB[:0]
	for i := range m {
		contexts = append(contexts, symbolCount{m[i].context, 1})
	}
	contexts = contexts.merge()
	w.symbolsB = contexts
	// In order of what they say, so that nothing below depends on numbers.
	slices.SortFunc(contexts, func(a, b symbolCount) int {
		return e.compareContexts(e.contexts.at(a.symbol), e.contexts.at(b.symbol))
	})

	var accounts, sessions, keys symbolCounts
	places := make([]placeCount, 0, len(contexts))
	for _, x := range contexts {
		c := e.contexts.at(x.symbol)
		accounts.add(c.account, x.n)
		accounts.add(c.recipient, x.n)
		sessions.add(c.session, x.n)
		keys.add(c.key, x.n)
		places = append(places, placeCount{place{c.address, c.endpoint, c.agent}, x.n})
	}
	for i := range m {
		if !m[i].shared() {
			continue
		}
		for _, a := range e.copies[m[i].key] {
			accounts.add(a, 0)
		}
	}
	list, _ := accounts.list(e, -1)
	f.Accounts = make([]finding.Account, len(list))
	for i, a := range list {
		// A copy of one act in another account is no further event there.
		f.Accounts[i] = finding.Account{ID: a.Name, Events: max(a.Events, 1)}
	}
	f.Sessions, f.SessionsTotal = sessions.list(e, maxListed)
	f.Keys, f.KeysTotal = keys.list(e, maxListed)
	w.addresses(f, places)
	f.Clients = w.clients(places)
	w.origin(f, contexts)
}

// placeCount is where calls came from and with what, and how many did.
type placeCount struct {
	place
	n int
}

func (w *groupWorker) addresses(f *found, places []placeCount) {
	e := w.e
	slices.SortFunc(places, func(a, b placeCount) int {
		if a.address != b.address {
			return cmp.Compare(a.address, b.address)
		}
		return cmp.Compare(a.endpoint, b.endpoint)
	})
	f.Addresses = []finding.Address{}
	for i, p := range places {
		if p.address == 0 {
			continue
		}
		if i > 0 && places[i-1].address == p.address && places[i-1].endpoint == p.endpoint {
			f.Addresses[len(f.Addresses)-1].Events += p.n
			continue
		}
		f.Addresses = append(f.Addresses, finding.Address{
			IP: e.symbols.text(p.address), Endpoint: e.symbols.text(p.endpoint), Events: p.n,
		})
	}
	slices.SortFunc(f.Addresses, func(a, b finding.Address) int {
		if a.Events != b.Events {
			return b.Events - a.Events
		}
		return cmp.Or(strings.Compare(a.IP, b.IP), strings.Compare(a.Endpoint, b.Endpoint))
	})
	f.AddressesTotal = len(f.Addresses)
	if len(f.Addresses) > maxListed {
		f.Addresses = f.Addresses[:maxListed]
	}
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

// clients gives each family with its most frequent user agent.
func (w *groupWorker) clients(places []placeCount) []finding.Client {
	var agents symbolCounts
	for _, p := range places {
		agents.add(p.agent, p.n)
	}
	out := []finding.Client{}
	list := agents.merge()
	names := make([]finding.Client, len(list))
	for i, a := range list {
		names[i] = finding.Client{Family: w.family(a.symbol), UserAgent: w.e.symbols.text(a.symbol), Events: a.n}
	}
	slices.SortFunc(names, func(a, b finding.Client) int {
		return cmp.Or(strings.Compare(a.Family, b.Family), b.Events-a.Events, strings.Compare(a.UserAgent, b.UserAgent))
	})
	for _, c := range names {
		if n := len(out); n > 0 && out[n-1].Family == c.Family {
			out[n-1].Events += c.Events
		} else {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b finding.Client) int {
		return cmp.Or(b.Events-a.Events, strings.Compare(a.Family, b.Family))
	})
	if len(out) > maxClients {
		out = out[:maxClients]
	}
	return out
}

// origin says who stands behind the finding's sessions, and by what chain.
func (w *groupWorker) origin(f *found, contexts symbolCounts) {
	e := w.e
	type originCount struct {
		memo originMemo
		n    int
	}
	var list []originCount
	for _, x := range contexts {
		o := w.origins.of(e.contexts.callerOf(x.symbol), f.first, f.last)
		if o.origin == 0 {
			continue
		}
		k := slices.IndexFunc(list, func(l originCount) bool { return l.memo.origin == o.origin })
		if k < 0 {
			k = len(list)
			list = append(list, originCount{memo: o})
		}
		list[k].n += x.n
	}
	slices.SortFunc(list, func(a, b originCount) int {
		return cmp.Or(b.n-a.n, strings.Compare(e.symbols.text(a.memo.origin), e.symbols.text(b.memo.origin)))
	})
	if len(list) > 0 {
		top := list[0].memo
		f.Origin = &finding.Origin{ID: e.symbols.text(top.origin), Others: len(list) - 1}
		if top.kind != event.UnknownActor {
			f.Origin.Kind = top.kind.String()
		}
	}
	w.chain(f, contexts)
}

// maxLinks bounds the chain that a finding shows.
const maxLinks = 50

// chain lists the observed links behind the finding's sessions, each once,
// in order of time.
func (w *groupWorker) chain(f *found, contexts symbolCounts) {
	e := w.e
	var links []*link
	var to map[*link]*caller
	for _, x := range contexts {
		chain := w.origins.chain(e.contexts.at(x.symbol).caller, f.first, f.last)
		for i, l := range chain {
			if to[l] != nil {
				continue
			}
			if to == nil {
				to = map[*link]*caller{}
			}
			links = append(links, l)
			to[l] = e.contexts.at(x.symbol).caller
			if i+1 < len(chain) {
				to[l] = e.contexts.at(chain[i+1].from).caller
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
			FromKey: e.symbols.text(from.key), Time: formatTime(l.time), EventID: e.idText(l.key, l.id),
		})
	}
	var creators symbolCounts
	for _, x := range contexts {
		creators.add(e.contexts.at(x.symbol).creator, x.n)
	}
	list, _ := creators.list(e, maxLinks-len(f.Chain))
	for _, c := range list {
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
