package report

import (
	"cmp"
	"html/template"
	"slices"
	"time"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// heatView is who called when, over all findings.
type heatView struct {
	Ticks []string
	Step  string
	Rows  []heatRow
	More  int // principals not shown
	Cut   bool
}

type heatRow struct {
	Who, Anchor, Text string
	Level             string
	Strip             template.HTML
}

// newHeat draws who called when; nil where no finding has a time.
func newHeat(findings []finding.Finding, ids []string, calls [][]seen) *heatView {
	type row struct {
		heatRow
		events   []seen
		spans    [][2]seen
		calls    int
		findings int
		priority int
	}
	by := map[string]*row{}
	var rows []*row
	v := &heatView{}
	for i := range findings {
		f := &findings[i]
		ends := timed([]finding.Evidence{{Time: f.FirstSeen}, {Time: f.LastSeen}})
		if len(ends) < 2 {
			continue
		}
		key := f.Cloud.Provider + "\x00" + f.Actor.ID
		r := by[key]
		if r == nil {
			r = &row{heatRow: heatRow{Who: who(f), Anchor: ids[i], Level: f.Level}, priority: f.Priority}
			by[key] = r
			rows = append(rows, r)
		}
		r.events = append(r.events, calls[i]...)
		r.spans = append(r.spans, [2]seen{ends[0], ends[1]})
		r.calls += f.Events
		r.findings++
		v.Cut = v.Cut || f.EvidenceTotal > len(f.Evidence)
	}
	if len(rows) == 0 {
		return nil
	}
	if len(rows) > maxHeatRows {
		v.More, rows = len(rows)-maxHeatRows, rows[:maxHeatRows]
	}
	first, last := rows[0].spans[0][0].at, rows[0].spans[0][1].at
	for _, r := range rows {
		for _, s := range r.spans {
			first, last = earlier(first, s[0].at), later(last, s[1].at)
		}
	}
	a := newAxis(first, last, heatCells)
	v.Ticks, v.Step = a.ticks(), a.length()
	tallies, most := make([]*tally, len(rows)), 1
	for i, r := range rows {
		tallies[i] = newTally(a.cells)
		for _, e := range r.events {
			tallies[i].add(a.cell(e.at), e.Outcome)
		}
		for c := range a.cells {
			most = max(most, tallies[i].answered[c]+tallies[i].denied[c])
		}
	}
	for i, r := range rows {
		from, to := r.spans[0][0].at, r.spans[0][1].at
		for _, s := range r.spans {
			from, to = earlier(from, s[0].at), later(to, s[1].at)
		}
		r.Strip = tallies[i].heat(most, a.cell(from), a.cell(to))
		r.Text = term.Plural(r.calls, "call") + ", " + from.Format("2006-01-02 15:04") + " to " + to.Format("2006-01-02 15:04") + " UTC"
		if r.findings > 1 {
			r.Text += ", " + term.Plural(r.findings, "finding")
		}
		v.Rows = append(v.Rows, r.heatRow)
	}
	return v
}

// apiGroup is the calls to one service, over time.
type apiGroup struct {
	Service string
	Events  int
	Rows    []apiRow
}

type apiRow struct {
	Name           string
	Events, Denied int
	Technique      string
	Strip          template.HTML
	Text           string // when, for those who do not see the strip
}

// matrixView is a finding's APIs by time.
type matrixView struct {
	Ticks  []string
	Step   string
	Groups []apiGroup
	More   string // which APIs are not shown
	Cut    string // what of the calls the drawing does not hold
}

// newMatrix draws when each API was called, services grouped, both by calls.
func newMatrix(f *finding.Finding, events []seen, most int) *matrixView {
	if len(f.APIs) == 0 {
		return nil
	}
	v := &matrixView{}
	type name struct{ service, operation string }
	by := map[name]*tally{}
	when := map[name][2]seen{}
	peak := 1
	if len(events) > 0 {
		a := newAxis(events[0].at, events[len(events)-1].at, chartCells)
		v.Ticks, v.Step = a.ticks(), a.length()
		for _, e := range events {
			n := name{e.Service, e.Operation}
			if by[n] == nil {
				by[n], when[n] = newTally(a.cells), [2]seen{e, e}
			}
			by[n].add(a.cell(e.at), e.Outcome)
			when[n] = [2]seen{when[n][0], e}
		}
		for _, t := range by {
			peak = max(peak, t.peak())
		}
	}
	if total := max(f.EvidenceTotal, len(f.Evidence)); total > len(events) {
		v.Cut = "The drawing holds " + term.Count(len(events)) + " of " + term.Plural(total, "call") +
			", the denied ones and then the earliest; the figures beside it hold all. A scan with a greater --evidence draws more."
	}
	order := map[string]int{}
	chosen := chooseAPIs(f, most)
	for _, api := range chosen.shown {
		i, ok := order[api.Service]
		if !ok {
			i = len(v.Groups)
			order[api.Service] = i
			v.Groups = append(v.Groups, apiGroup{Service: shortService(api.Service)})
		}
		row := apiRow{Name: api.Name, Events: api.Events, Denied: api.Outcomes.Denied, Technique: api.Technique}
		n := name{api.Service, api.Name}
		if t := by[n]; t != nil {
			row.Strip = t.bars(peak)
			row.Text = "from " + when[n][0].at.Format("15:04:05") + " to " + when[n][1].at.Format("15:04:05")
		}
		v.Groups[i].Rows = append(v.Groups[i].Rows, row)
		v.Groups[i].Events += api.Events
	}
	slices.SortStableFunc(v.Groups, func(a, b apiGroup) int { return cmp.Compare(b.Events, a.Events) })
	v.More = chosen.cutText()
	return v
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
