package engine

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	hist "vedette/internal/history"
)

// apiText is an API in a profile: service and name. The cloud is the
// profile's.
func (e *Engine) apiText(a *event.API) string { return a.Service + " " + a.Name }

// begin is the history that a group starts with: what the baseline knows of
// its caller, else of its account, else of its cloud, from before the first
// day of the run.
func (w *groupWorker) begin(calls []call) (h history) {
	b := w.e.opts.Baseline
	if b == nil {
		return h
	}
	x := w.e.contexts.at(calls[0].context)
	day := hist.DayOf(w.e.first.Load())
	all := hist.Key{Cloud: x.cloud.String()}
	account := all
	account.Account = w.e.symbols.text(x.account)
	own := account
	own.Principal = w.e.symbols.text(x.principal)
	if b.To < day { // else the counts hold callers of the run itself
		h.peers = b.Profile(account)
	}
	for _, k := range []struct {
		hist.Key
		from string
	}{{own, fromPrincipal}, {account, fromAccount}, {all, fromCloud}} {
		if p := b.Profile(k.Key); p != nil {
			if p = p.Before(day); len(p.Days) > 0 || len(p.Bursts) > 0 {
				h.base, h.from = p, k.from
				return h
			}
		}
	}
	return h
}

// unusual says how few of many callers use an API: 0 where all do, 1 where it
// is one of a thousand or fewer.
func unusual(callers, of int) float64 {
	return min(1, math.Log10(float64(of)/float64(max(callers, 1)))/3)
}

// profile makes the profile of a group: its calls but those of findings, which
// are not learned unless somebody said that they are benign, and that the
// findings were.
func (w *groupWorker) profile(calls []call, fired []span) {
	e := w.e
	x := e.contexts.at(calls[0].context)
	p := &hist.Profile{Key: hist.Key{Cloud: x.cloud.String(), Account: e.symbols.text(x.account), Principal: e.symbols.text(x.principal)}}
	days := map[hist.Day]bool{}
	apis, regions, networks, clients := map[string][2]hist.Day{}, map[string][2]hist.Day{}, map[string][2]hist.Day{}, map[string][2]hist.Day{}
	see := func(set map[string][2]hist.Day, name string, d hist.Day) {
		if was, ok := set[name]; ok {
			set[name] = [2]hist.Day{min(was[0], d), max(was[1], d)}
		} else if name != "" {
			set[name] = [2]hist.Day{d, d}
		}
	}
	next := 0
	for i := 0; i < len(calls); i++ {
		for next < len(fired) && fired[next].end <= i {
			next++
		}
		if next < len(fired) && i >= fired[next].start {
			continue
		}
		c := &calls[i]
		d := hist.DayOf(c.time)
		days[d] = true
		p.Hours |= 1 << (time.Duration(floorMod(c.time, int64(24*time.Hour))) / time.Hour)
		see(apis, e.apiText(w.apis[c.api]), d)
		see(regions, e.regions.names[c.region], d)
		if n := w.network(c.context); n != "-" {
			see(networks, n, d)
		}
		see(clients, w.family(e.contexts.at(c.context).agent), d)
	}
	for _, f := range fired {
		b := hist.Burst{Day: hist.DayOf(calls[f.start].time)}
		names, nets, agents := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for i := f.start; i < f.end; i++ {
			names[e.apiText(w.apis[calls[i].api])] = true
			nets[w.network(calls[i].context)] = true
			agents[w.family(e.contexts.at(calls[i].context).agent)] = true
		}
		b.APIs, b.Networks, b.Clients = sortedKeys(names), sortedKeys(nets), sortedKeys(agents)
		p.Bursts = append(p.Bursts, b)
	}
	p.SettleBursts()
	p.Days = slices.Sorted(maps.Keys(days))
	p.APIs, p.Regions, p.Networks, p.Clients = hist.Names(apis), hist.Names(regions), hist.Names(networks), hist.Names(clients)
	if p.Principal != "" {
		w.profiles.Add(p)
	}
}

// span is the calls [start, end) of a group.
type span struct{ start, end int }

func sortedKeys(set map[string]bool) []string {
	return slices.SortedFunc(maps.Keys(set), strings.Compare)
}

func floorMod(a, n int64) int64 { return a - floor(a, n) }

// Profiles returns what was learned, where [Options].Learn is set, after
// [Engine.Run].
func (e *Engine) Profiles() []*hist.Pack { return e.profiles }
