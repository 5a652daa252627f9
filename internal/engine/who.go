package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

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
		f.Origin = &finding.Origin{ID: e.symbols.text(top.origin), Others: len(list) - 1, Cut: top.cut}
		if top.kind != event.UnknownActor {
			f.Origin.Kind = top.kind.String()
		}
	}
	w.chain(f, contexts)
}

// maxLinks bounds the chain that a finding shows.
const maxLinks = 50

// byProvider is the Via of links that a field of the record itself shows.
const byProvider = "recorded by the provider"

// chain lists the observed links behind the finding's sessions, each once,
// in order of time.
func (w *groupWorker) chain(f *found, contexts symbolCounts) {
	e := w.e
	var links []*link
	var to map[*link]*caller
	for _, x := range contexts {
		chain, _ := w.origins.chain(e.contexts.at(x.symbol).caller, f.first, f.last)
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
	// Of links at one time, each stays after the one that it came of.
	slices.SortStableFunc(links, func(a, b *link) int { return cmp.Compare(a.time, b.time) })
	for _, l := range links {
		from := e.contexts.at(l.from)
		f.Chain = append(f.Chain, finding.Link{
			From: e.symbols.text(from.principal), To: e.symbols.text(to[l].principal), Via: l.via,
			Session: e.symbols.text(l.session), Key: e.symbols.text(l.issued),
			FromKey: e.symbols.text(from.key), Time: formatTime(l.time), EventID: e.idText(l.key, l.id),
		})
	}
	w.recorded(f, contexts)
	if n := len(f.Chain); n > maxLinks {
		f.Chain, f.ChainTotal = shownLinks(f.Chain), n
	}
}

// recorded adds the links that the provider wrote into the calls' own records:
// to whom it has for the creator of the session, and from there over the
// delegates to the actor.
func (w *groupWorker) recorded(f *found, contexts symbolCounts) {
	e := w.e
	type way struct {
		creator, delegates string
		n                  int
	}
	var ways []way
	for _, x := range contexts {
		if c := e.contexts.at(x.symbol); c.creator != 0 || c.delegates != 0 {
			ways = append(ways, way{e.symbols.text(c.creator), e.symbols.text(c.delegates), x.n})
		}
	}
	byText := func(a, b way) int {
		return cmp.Or(strings.Compare(a.creator, b.creator), strings.Compare(a.delegates, b.delegates))
	}
	slices.SortFunc(ways, byText)
	merged := ways[:0]
	for _, x := range ways {
		if n := len(merged); n > 0 && byText(merged[n-1], x) == 0 {
			merged[n-1].n += x.n
		} else {
			merged = append(merged, x)
		}
	}
	slices.SortStableFunc(merged, func(a, b way) int { return b.n - a.n })
	type step struct{ from, to string }
	seen := map[step]bool{}
	for _, x := range merged {
		var list []string
		if x.creator != "" {
			list = append(list, x.creator)
		}
		if x.delegates != "" {
			between := strings.Split(x.delegates, "\n")
			slices.Reverse(between)
			list = append(list, between...)
		}
		list = append(list, f.Actor.ID)
		for i := range len(list) - 1 {
			if s := (step{list[i], list[i+1]}); !seen[s] {
				seen[s] = true
				f.Chain = append(f.Chain, finding.Link{From: s.from, To: s.to, Via: byProvider})
			}
		}
	}
}

// shownLinks picks the links of a long chain that a finding shows, in their
// order: the first that leads to each principal, since each is somebody to
// contain, and then the last and the first ones.
func shownLinks(chain []finding.Link) []finding.Link {
	keep, n := make([]bool, len(chain)), 0
	take := func(i int) {
		if !keep[i] && n < maxLinks {
			keep[i] = true
			n++
		}
	}
	to := map[string]bool{}
	for i, l := range chain {
		if !to[l.To] {
			to[l.To] = true
			take(i)
		}
	}
	for i := 0; n < maxLinks; i++ {
		take(len(chain) - 1 - i)
		take(i)
	}
	shown := make([]finding.Link, 0, maxLinks)
	for i, l := range chain {
		if keep[i] {
			shown = append(shown, l)
		}
	}
	return shown
}
