package engine

import (
	"cmp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// The caps of a row's lists, which are those of the queries that rules are
// compiled to.
const (
	rowAPIs      = 50
	rowAddresses = 10
)

// rows makes a row of each window that fired in a group of one principal and
// account.
func (w *groupWorker) rows(calls []call, windows []fired) {
	for i := range windows {
		f := &windows[i]
		bit := w.e.windows[f.window].bit
		x := w.e.contexts.at(calls[f.start].context)
		row := finding.Row{
			TimeGenerated: formatTime(f.from), CloudProvider: providerName(x.cloud),
			Identity: w.e.symbols.text(x.principal), AccountID: w.e.symbols.text(x.account),
			DiscoveryCount: f.events, DistinctAPIs: f.apis, RiskScore: f.risk,
		}
		if w.e.opts.BySession {
			if cut := w.e.symbols.text(cutOf(x.caller)); cut != "" {
				row.Identity = cut
			}
		}
		var apis, regions, addresses set
		first, last := int64(0), int64(0)
		for k := f.start; k < f.end; k++ {
			c := &calls[k]
			if c.windows&bit == 0 {
				continue
			}
			if apis == nil {
				apis, regions, addresses, first = set{}, set{}, set{}, c.time
			}
			last = c.time
			a := w.apis[c.api]
			apis[a.Service+"/"+a.Name] = true
			if r := w.e.regions.names[c.region]; r != "" && r != "-" {
				regions[r] = true
			}
			if a := w.e.symbols.text(w.e.contexts.at(c.context).address); a != "" {
				addresses[a] = true
			}
		}
		row.FirstSeen, row.LastSeen = formatTime(first), formatTime(last)
		row.APIList, row.SourceIPs, row.DistinctRegions = apis.list(rowAPIs), addresses.list(rowAddresses), len(regions)
		w.rowsOut = append(w.rowsOut, row)
	}
}

type set map[string]bool

// list is the first n members in order of bytes.
func (s set) list(n int) []string {
	out := make([]string, 0, len(s))
	for k := range s {
		out = append(out, k)
	}
	slices.Sort(out)
	return out[:min(n, len(out))]
}

// providerName is the word for a cloud in rows.
func providerName(c event.Cloud) string {
	switch c {
	case event.AWS:
		return "AWS"
	case event.Azure:
		return "Azure"
	case event.GCP:
		return "GCP"
	}
	return ""
}

// compareRows is the order of rows: risk and count, the greatest first, then
// provider, identity, account and time.
func compareRows(a, b finding.Row) int {
	return cmp.Or(b.RiskScore-a.RiskScore, b.DiscoveryCount-a.DiscoveryCount, strings.Compare(a.CloudProvider, b.CloudProvider),
		strings.Compare(a.Identity, b.Identity), strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.TimeGenerated, b.TimeGenerated))
}

// Rows returns a row for each window that fired, where [Options].Rows asks
// for them, after [Engine.Run].
func (e *Engine) Rows() []finding.Row { return e.rows }
