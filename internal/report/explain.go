package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// maxSlices is how many slices [Explain] shows.
const maxSlices = 15

// How many pieces of evidence and APIs [Explain] shows unless told.
const (
	defaultEvidence = 25
	defaultAPIs     = 50
)

// Explain writes one finding in full for a person.
func Explain(w io.Writer, f *finding.Finding, opts Options) error {
	b := bufio.NewWriter(w)
	p := newPage(b, opts)
	p.uncut = !opts.Terminal.Interactive && opts.Terminal.Width == term.DefaultWidth
	p.explain(f, opts)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("explain finding: %w", err)
	}
	return nil
}

// Sentence says a finding in plain words. Its strings are those of the logs:
// whoever prints it makes it safe.
func Sentence(f *finding.Finding) string {
	actor := strings.TrimSpace(kindText(f.Actor.Kind) + " " + bareName(f))
	in := ""
	if n := len(f.Accounts); n > 1 {
		in = term.Count(n) + " " + f.Cloud.Provider + " " + accountNoun(f.Cloud.Provider, n)
	} else {
		in = f.Cloud.Provider + " " + accountNoun(f.Cloud.Provider, 1) + " " + accountText(f.Cloud.Account, false)
	}
	text := "The " + actor + " made " + term.Plural(f.Events, "discovery call") + " to " + term.Plural(f.DistinctAPIs, "API") +
		" in " + in
	if d, ok := lasted(f); ok && d > 0 {
		text += " within " + term.Duration(d)
	}
	switch denied := f.Outcomes.Denied; {
	case denied == 0:
		text += "; none was denied"
		if failed := f.Events - f.Outcomes.OK; failed*2 > f.Events {
			text += ", and " + term.Count(failed) + " failed otherwise"
		}
		text += "."
	case denied == f.Events:
		text += "; all were denied."
	default:
		text += "; " + term.Count(denied) + " of them denied."
	}
	return text
}

// bareName is [who] without the kind that an ARN's resource begins with:
// "role/", "user/", "assumed-role/".
func bareName(f *finding.Finding) string {
	name := who(f)
	for _, kind := range []string{"role/", "user/", "assumed-role/", "federated-user/"} {
		if rest, ok := strings.CutPrefix(name, kind); ok && rest != "" {
			return rest
		}
	}
	if name == "root" && f.Actor.Kind == "root" {
		return ""
	}
	return name
}

func (p *page) explain(f *finding.Finding, opts Options) {
	p.heading("Finding " + f.ID)
	p.paragraph(Sentence(f), "", levelStyle(f.Level))
	p.blank()

	p.styled("priority", strconv.Itoa(f.Priority)+", "+f.Level, levelStyle(f.Level))
	p.styled("judged on", judgedText(f), term.Medium)
	p.field("put aside", f.Aside)
	p.field("claims", claimsText(f))
	p.styled("risk", strconv.Itoa(f.RiskScore), riskStyle(f.RiskScore))
	for _, d := range f.Detections {
		p.field("detection", d.Name+" ("+strings.TrimSpace(d.ID+" "+d.Version)+"), fired in "+strings.Join(d.Windows, ", "))
	}
	for _, t := range f.Techniques {
		p.field("technique", t.ID+" "+t.Name+", "+term.Plural(t.Events, "event"))
	}
	p.links(f)
	if len(f.PreviousIDs) > 0 {
		p.items("formerly", f.PreviousIDs, 0)
	}
	p.blank()

	p.judgement(f)
	p.section("Who")
	p.whole("actor", f.Actor.ID)
	p.field("", kindText(f.Actor.Kind)+ownerText(f.Actor))
	if f.Origin != nil {
		p.field("origin", p.originText(f.Origin))
	}
	p.chain(f)
	for i, a := range f.Accounts {
		label := ""
		if i == 0 {
			label = "account"
		}
		p.field(label, accountText(a, true)+", "+term.Plural(a.Events, "event"))
	}
	if len(f.Accounts) == 0 {
		p.field("account", accountText(f.Cloud.Account, true))
	}
	p.countLines("sessions", f.Sessions, f.SessionsTotal)
	p.countLines("keys", f.Keys, f.KeysTotal)
	p.blank()

	p.section("When and how much")
	p.field("when", span(f.FirstSeen, f.LastSeen))
	p.field("totals", figures(f.Events, f.DistinctAPIs, f.Outcomes.Denied)+", "+term.Plural(f.Targets, "distinct request"))
	if f.ThrottledRetries > 0 {
		p.field("", term.Plural(f.ThrottledRetries, "retry", "retries")+" of throttled calls not counted")
	}
	p.field("peak", figures(f.Peak.Events, f.Peak.DistinctAPIs, 0)+", risk "+strconv.Itoa(f.Peak.RiskScore)+
		", in the "+f.Peak.Name+" window from "+clock(f.Peak.Start)+" UTC")
	p.field("outcomes", outcomesText(f.Outcomes))
	p.field("denied by", reasonsText(f.DenialReasons))
	p.blank()

	p.section("From where")
	for _, a := range f.Addresses {
		p.field("address", addressText(a))
	}
	if rest := f.AddressesTotal - len(f.Addresses); rest > 0 {
		p.field("", "and "+term.Plural(rest, "address", "addresses")+" not listed")
	}
	for _, c := range f.Clients {
		p.field("client", c.Family+" "+term.Count(c.Events))
		p.whole("", c.UserAgent)
	}
	p.blank()

	p.section("What")
	p.items("services", counts(f.Services), 0)
	if len(f.Regions) > 0 {
		p.items("regions", counts(f.Regions), 0)
	}
	if len(f.GlobalServices) > 0 {
		p.items("global", counts(f.GlobalServices), 0)
	}
	for _, r := range f.Reasons {
		if strings.HasPrefix(r.Factor, "follow_") {
			p.field("followed", strings.TrimPrefix(reasonText(&r), "then "))
		}
	}
	p.blank()
	p.apis(f, opts.APIs)
	p.slices(f)
	p.evidence(f, opts.Evidence)
}

// parts are those of the texts that are not empty, made safe.
func (p *page) parts(texts ...string) []string {
	var out []string
	for _, s := range texts {
		if s != "" {
			out = append(out, p.safe(s))
		}
	}
	return out
}

func (p *page) section(s string) { p.w.WriteString(term.Strong.Paint(s, p.color) + "\n") }

// countLines writes each value on a line of its own, cut in its middle.
func (p *page) countLines(label string, list []finding.Count, total int) {
	for _, c := range counts(list) {
		p.whole(label, c)
		label = ""
	}
	if rest := total - len(list); rest > 0 {
		p.field(label, "and "+term.Count(rest)+" not listed")
	}
}

// chain writes each observed link from the origin to the actor.
func (p *page) chain(f *finding.Finding) {
	label := "chain"
	for _, l := range f.Chain {
		home := f.Cloud.Account.ID
		text := short(l.From, home) + " " + p.arrow + " " + short(l.To, home)
		if l.Via != "" {
			text += " by " + l.Via
		}
		if l.Time != "" {
			text += " at " + clock(l.Time) + " UTC"
		}
		p.field(label, text)
		label = ""
		for _, part := range [][2]string{{"with key", l.FromKey}, {"session", l.Session}, {"key", l.Key}, {"event", l.EventID}} {
			if part[1] != "" {
				p.whole("", "  "+part[0]+" "+part[1])
			}
		}
	}
	if rest := f.ChainTotal - len(f.Chain); rest > 0 {
		p.field("", "and "+term.Plural(rest, "link")+" between that are not listed")
	}
	if cut := chainCut(f); cut != "" {
		p.field("", cut)
	}
}

func outcomesText(o finding.Outcomes) string {
	var parts []string
	for _, c := range []struct {
		n    int
		name string
	}{{o.OK, "ok"}, {o.Denied, "denied"}, {o.Absent, "absent"}, {o.Throttled, "throttled"}, {o.Invalid, "invalid"}, {o.Other, "other"}} {
		if c.n > 0 {
			parts = append(parts, term.Count(c.n)+" "+c.name)
		}
	}
	return strings.Join(parts, ", ")
}

// reasonsText lists what refused the denied calls, the most frequent first.
func reasonsText(reasons map[string]int) string {
	names := make([]string, 0, len(reasons))
	for name := range reasons {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := reasons[b] - reasons[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		text := strings.ReplaceAll(name, "_", " ")
		if name == "unknown" {
			text = "a policy that the log does not name"
		}
		names[i] = text + " " + term.Count(reasons[name])
	}
	return strings.Join(names, ", ")
}

// apis is a table of operations. Where there are more than it has room for,
// what a reader must not miss comes first.
func (p *page) apis(f *finding.Finding, most int) {
	if len(f.APIs) == 0 {
		return
	}
	if most == 0 {
		most = defaultAPIs
	}
	chosen := chooseAPIs(f, most)
	shown := chosen.shown
	if chosen.telling > 0 {
		p.line("Of " + term.Plural(f.DistinctAPIs, "API") + " " + term.Count(len(shown)) + " are shown: first " + chosen.firstText() + " that " +
			tellingText + "; then those with the most calls.")
		p.blank()
	}
	cols := []column{{head: "EVENTS", right: true}, {head: "DENIED", right: true}, {head: "SERVICE"}, {head: "OPERATION", flex: true}, {head: "ATT&CK"}}
	if p.width >= wide {
		cols = append(cols, column{head: "REQUESTS", right: true})
	}
	unknown := false
	rows := make([][]string, len(shown))
	for i, a := range shown {
		technique := a.Technique
		if !a.Known {
			unknown = true
			technique = "unknown"
		}
		rows[i] = []string{term.Count(a.Events), term.Count(a.Outcomes.Denied), a.Service, a.Name, technique, term.Count(a.Targets)}[:len(cols)]
	}
	t := p.table(cols, rows)
	t.header()
	for i := range rows {
		t.row(i, term.Plain)
	}
	if cut := chosen.cutText(); cut != "" {
		if len(f.APIs) > len(shown) {
			cut += "; --apis all shows them"
		}
		p.line(cut)
	}
	if unknown {
		p.paragraph("unknown: no catalogue lists the API; it counts by its verb.", "", term.Faint)
	}
	p.blank()
}

func (p *page) slices(f *finding.Finding) {
	if len(f.Slices) == 0 {
		return
	}
	p.section("Slices (parts of the actor, worst first)")
	shown := f.Slices[:min(len(f.Slices), maxSlices)]
	for i := range shown {
		s := &shown[i]
		style := term.Plain
		if s.Fires {
			style = riskStyle(s.RiskScore)
		}
		text := sliceText(s)
		if s.Fires {
			text += ", fires by itself"
		}
		p.paragraph(text, "  ", style)
		p.paragraph(span(s.FirstSeen, s.LastSeen)+"; "+outcomesText(s.Outcomes), "    ", term.Plain)
		if s.Peak != nil {
			p.paragraph("peak "+figures(s.Peak.Events, s.Peak.DistinctAPIs, 0)+" in the "+s.Peak.Name+" window from "+clock(s.Peak.Start)+" UTC", "    ", term.Plain)
		}
	}
	if rest := len(f.Slices) - len(shown); rest > 0 {
		p.paragraph("and "+term.Plural(rest, "more slice")+"; --format json has all", "  ", term.Plain)
	}
	if rest := f.SlicesTotal - len(f.Slices); rest > 0 {
		p.paragraph("and "+term.Plural(rest, "slice")+" not listed", "  ", term.Plain)
	}
	p.blank()
}

func (p *page) evidence(f *finding.Finding, limit int) {
	if limit == 0 {
		limit = defaultEvidence
	}
	shown := f.Evidence
	if limit > 0 && len(shown) > limit {
		shown = shown[:limit]
	}
	total := max(f.EvidenceTotal, len(f.Evidence))
	order := ""
	if f.Outcomes.Denied > 0 {
		order = ", denied ones first"
	}
	p.section("Evidence, " + term.Count(len(shown)) + " of " + term.Plural(total, "event") + order)
	for _, e := range shown {
		for _, l := range p.wrap(p.parts(clock(e.Time)+"  "+e.Outcome+"  "+e.Service+":"+e.Operation, e.Region, e.IP), " ", p.width-2) {
			p.w.WriteString("  " + l + "\n")
		}
		at := "record " + strconv.Itoa(e.At.Record) + " of " + e.At.File
		for _, l := range p.wrap(p.parts(e.EventID, at), " ", p.width-4) {
			p.w.WriteString("    " + term.Faint.Paint(l, p.color) + "\n")
		}
	}
	if rest := total - len(shown); rest > 0 {
		p.paragraph("and "+term.Count(rest)+" more; `vedette extract` writes the records themselves", "  ", term.Plain)
	}
}
