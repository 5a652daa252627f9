package engine

import (
	"cmp"
	"slices"
)

// campaigns is the second pass: origins and names over all accounts. It
// links the findings of one campaign, and makes a finding of what no account
// shows by itself.
func (r *run) campaigns(accounts []*found) ([]*found, error) {
	byWide := map[uint64][]*found{}
	for _, f := range accounts {
		for _, h := range f.wide {
			byWide[h] = append(byWide[h], f)
		}
	}
	var workers []*groupWorker
	err := parallel(r.e.opts.Workers, func() *groupWorker {
		w := r.newWorker()
		r.e.copiesMu.Lock()
		workers = append(workers, w)
		r.e.copiesMu.Unlock()
		return w
	}, func(w *groupWorker, p int) (err error) {
		if w.calls, err = r.wide.take(p, w.calls); err != nil {
			return err
		}
		w.wideGroups(byWide)
		return nil
	})
	for _, w := range workers {
		accounts = append(accounts, w.out...)
	}
	return accounts, err
}

func (w *groupWorker) wideGroups(byWide map[uint64][]*found) {
	hash := make(map[uint32]uint64)
	for i := range w.calls {
		id := w.calls[i].context
		if _, ok := hash[id]; !ok {
			hash[id], _ = w.origins.wideHash(id)
		}
	}
	// The hash of a group goes into the sort once, in place of a look-up at
	// every comparison.
	calls := make([]wideCall, len(w.calls))
	for i, c := range w.calls {
		calls[i] = wideCall{hash[c.context], c}
	}
	slices.SortFunc(calls, func(a, b wideCall) int {
		if a.group != b.group {
			return cmp.Compare(a.group, b.group)
		}
		return compareCalls(&a.call, &b.call)
	})
	for i := range calls {
		w.calls[i] = calls[i].call
	}
	for i := 0; i < len(calls); {
		j := i + 1
		for j < len(calls) && calls[j].group == calls[i].group {
			j++
		}
		w.evaluate(w.calls[i:j], groupKey{scope: "origin", accounts: byWide[calls[i].group]})
		i = j
	}
}

type wideCall struct {
	group uint64
	call  call
}

// campaign looks at a burst of a wide group. Where accounts show it by
// themselves, their findings get one campaign id; else, if it touches several
// accounts, it is a finding of its own, and campaign returns true.
func (w *groupWorker) campaign(m []call, accounts []*found) bool {
	account := w.e.contexts.at(m[0].context).account
	if !slices.ContainsFunc(m, func(c call) bool { return w.e.contexts.at(c.context).account != account }) {
		return false
	}
	first, last := m[0].time, m[len(m)-1].time
	id := w.campaignID(m)
	own := false
	// A finding may belong to several wide groups, which are looked at side
	// by side.
	w.campaignMu.Lock()
	defer w.campaignMu.Unlock()
	for _, f := range accounts {
		if f.first <= last && first <= f.last {
			own = true
			if f.Campaign == "" || id < f.Campaign {
				f.Campaign = id
			}
		}
	}
	return !own
}

func (w *groupWorker) campaignID(m []call) string {
	wide, _ := w.origins.wideOf(m[0].context)
	return findingID("campaign", wide.text, string(m[0].key.AppendUUID(nil)))
}
