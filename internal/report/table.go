package report

import (
	"bufio"
	"strconv"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// writeTable writes findings, summary and coverage for a person.
func writeTable(w *bufio.Writer, r *finding.Report, opts Options) error {
	p := newPage(w, opts)
	if len(r.Findings) > 0 {
		p.findings(r)
	}
	if opts.Brief {
		p.paragraph(verdict(r), "", term.Strong)
		return nil
	}
	p.summary(r)
	return nil
}

// findings writes the findings in their order; those that are put aside come
// after the others, with the reason.
func (p *page) findings(r *finding.Report) {
	ids := shortIDs(r.Findings)
	shown := r.Findings
	if p.limit > 0 && len(shown) > p.limit {
		shown = shown[:p.limit]
	}
	var open, aside []int
	for i := range shown {
		if shown[i].Aside == "" {
			open = append(open, i)
		} else {
			aside = append(aside, i)
		}
	}
	if len(open) > 0 {
		t := p.overview(shown, ids, open)
		t.header()
		for n, i := range open {
			t.row(n, levelStyle(shown[i].Level))
			p.details(&shown[i])
			p.blank()
		}
	}
	if len(aside) > 0 {
		p.heading("Put aside: " + term.Plural(asides(r.Findings), "finding"))
		t := p.overview(shown, ids, aside)
		t.header()
		for n, i := range aside {
			t.row(n, term.Plain)
			p.field("because", shown[i].Aside)
		}
		p.blank()
	}
	if n := len(r.Findings) - len(shown); n > 0 {
		p.line(term.Plural(n, "more finding") + ", lower in order: `--limit 0` shows them all, and the formats for programs always do.")
		p.blank()
	}
}

// asides counts the findings that are put aside.
func asides(findings []finding.Finding) (n int) {
	for i := range findings {
		if findings[i].Aside != "" {
			n++
		}
	}
	return n
}

// overview is a table of some findings, a row each.
func (p *page) overview(findings []finding.Finding, ids []string, which []int) *table {
	cols := []column{{head: "PRIORITY"}, {head: "ID", whole: true}, {head: "WHO", flex: true}}
	if p.width >= wide {
		cols = append(cols, column{head: "ACCOUNT"})
	}
	cols = append(cols, column{head: "EVENTS", right: true}, column{head: "APIS", right: true}, column{head: "DENIED", right: true},
		column{head: "RISK", right: true})
	if p.width >= wide {
		cols = append(cols, column{head: "FIRST SEEN (UTC)"})
	}
	cols = append(cols, column{head: "LASTED", right: true})
	if p.width >= wide {
		cols = append(cols, column{head: "FROM", flex: true, tail: true})
	}
	rows := make([][]string, len(which))
	for n, i := range which {
		f := &findings[i]
		row := []string{priorityText(&f.Judgement), ids[i], who(f)}
		if p.width >= wide {
			row = append(row, accountText(f.Cloud.Account, false))
		}
		row = append(row, term.Count(f.Events), term.Count(f.DistinctAPIs), term.Count(f.Outcomes.Denied), strconv.Itoa(f.RiskScore))
		if p.width >= wide {
			row = append(row, clock(f.FirstSeen))
		}
		length := "?"
		if d, ok := lasted(f); ok {
			length = term.Duration(d)
		}
		row = append(row, length)
		if p.width >= wide {
			from := ""
			if len(f.Addresses) > 0 {
				from = addressShort(f.Addresses[0])
			}
			row = append(row, from)
		}
		rows[n] = row
	}
	return p.table(cols, rows)
}

// details are the lines below a finding's row: why it stands where it does,
// what the row had no room for, and what tells a theft from a day's work.
func (p *page) details(f *finding.Finding) {
	p.why(f)
	p.styled("judged on", judgedText(f), term.Medium)
	p.field("like", resemblances(f.Tools))
	p.field("similar to", incidentsText(f))
	p.field("claims", claimsText(f))
	p.field("who", kindText(f.Actor.Kind)+ownerText(f.Actor)+accountsText(f))
	p.whole("", f.Actor.ID)
	p.field("when", whenText(f))
	addresses := make([]string, len(f.Addresses))
	for i, a := range f.Addresses {
		addresses[i] = addressText(a)
	}
	if len(addresses) > 1 || p.width < wide {
		p.items("from", more(addresses, f.AddressesTotal), 3)
	}
	p.items("services", counts(shortServices(f.Services)), 6)
	if len(f.Regions) > 0 {
		p.items("regions", counts(f.Regions), 5)
	}
	if s := notableSlice(f); s != nil && s != judgedSlice(f) {
		p.styled("slice", sliceText(s), term.Medium)
	}
	switch {
	case len(f.Chain) > 0:
		p.field("chain", p.chainText(f))
	case f.Origin != nil && f.Origin.ID != f.Actor.ID:
		p.field("origin", p.originText(f.Origin))
	}
	p.links(f)
}

// links names the findings that this one belongs with.
func (p *page) links(f *finding.Finding) {
	if f.Campaign != "" {
		p.field("campaign", f.Campaign+", shared by this origin's findings in several accounts")
	}
	if f.Continues != "" {
		p.field("continues", f.Continues)
	}
}

// shortIDs are the shortest prefixes, of 8 characters or more, that name each
// finding of the report by itself.
func shortIDs(findings []finding.Finding) []string {
	out := make([]string, len(findings))
	for n, open := 8, true; open; n++ {
		open = false
		seen := make(map[string]int, len(findings))
		for i := range findings {
			seen[prefix(findings[i].ID, n)]++
		}
		for i := range findings {
			if out[i] != "" {
				continue
			}
			id := prefix(findings[i].ID, n)
			if seen[id] == 1 || len(id) < n {
				out[i] = id
			} else {
				open = true
			}
		}
	}
	return out
}
