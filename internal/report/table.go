package report

import (
	"bufio"
	"strconv"
	"strings"

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

func prefix(s string, n int) string { return s[:min(n, len(s))] }

// who names the actor in the room of a column: an ARN by its resource, with
// the account where that is another than the finding's; else the name that
// the log gives, else the id.
func who(f *finding.Finding) string {
	if s, ok := arnResource(f.Actor.ID, f.Cloud.Account.ID); ok {
		return s
	}
	if f.Actor.Name != "" {
		return f.Actor.Name
	}
	return f.Actor.ID
}

// arnResource is the resource of an ARN (arn:partition:service:region:
// account:resource), preceded by its account unless that is home.
func arnResource(id, home string) (string, bool) {
	parts := strings.SplitN(id, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[5] == "" {
		return "", false
	}
	if parts[4] != home && parts[4] != "" {
		return parts[4] + ":" + parts[5], true
	}
	return parts[5], true
}

// short is a principal's id in the room of a sentence.
func short(id, home string) string {
	if s, ok := arnResource(id, home); ok {
		return s
	}
	return id
}

// notableSlice is the part of the principal that fires by itself and is less
// than the whole.
func notableSlice(f *finding.Finding) *finding.Slice {
	for i := range f.Slices {
		if s := &f.Slices[i]; f.WorstSlice != "" && s.Name == f.WorstSlice && s.Events < f.Events {
			return s
		}
	}
	return nil
}

func sliceText(s *finding.Slice) string {
	text := s.Cut + " " + s.Name + ": " + figures(s.Events, s.DistinctAPIs, s.Outcomes.Denied)
	if s.RiskScore > 0 {
		text += ", risk " + strconv.Itoa(s.RiskScore)
	}
	return text
}

// figures says how much was called.
func figures(events, apis, denied int) string {
	text := term.Plural(events, "event") + ", " + term.Plural(apis, "API")
	if denied > 0 {
		text += ", " + term.Count(denied) + " denied"
	}
	return text
}

func whenText(f *finding.Finding) string {
	text := span(f.FirstSeen, f.LastSeen)
	if f.Peak.Events > 0 && f.Peak.Events < f.Events {
		text += "; peak " + figures(f.Peak.Events, f.Peak.DistinctAPIs, 0) + " in the " + f.Peak.Name + " window from " + clock(f.Peak.Start)
	}
	return text
}

// accountText is an account with what is known of it.
func accountText(a finding.Account, full bool) string {
	text := a.ID
	if text == "" {
		text = "unknown"
	}
	known := make([]string, 0, 3)
	for _, s := range []string{a.Name, a.Environment} {
		if s != "" {
			known = append(known, s)
		}
	}
	if full && a.Criticality != "" {
		known = append(known, a.Criticality+" criticality")
	}
	if len(known) > 0 {
		text += " (" + strings.Join(known, ", ") + ")"
	}
	return text
}

// accountsText says where the actor acted: the account, or how many.
func accountsText(f *finding.Finding) string {
	noun := f.Cloud.Provider + " " + accountNoun(f.Cloud.Provider, max(1, len(f.Accounts)))
	if n := len(f.Accounts); n > 1 {
		return ", in " + term.Count(n) + " " + noun
	}
	return ", in " + noun + " " + accountText(f.Cloud.Account, true)
}

func accountNoun(provider string, n int) string {
	noun := "account"
	switch provider {
	case "azure":
		noun = "subscription"
	case "gcp":
		noun = "project"
	}
	if n != 1 {
		noun += "s"
	}
	return noun
}

// kindNames are the kinds of actor that plain words say better than their
// stable names do.
var kindNames = map[string]string{
	"iam_user": "IAM user", "iam_role": "IAM role", "sso_user": "single sign-on user", "root": "root user",
	"saml_user": "SAML user", "web_identity": "web identity", "aws_account": "AWS account", "aws_service": "AWS service",
	"entra_user": "Entra user", "google_user": "Google user", "account_key": "storage account key",
	"redacted": "caller whose name Google redacts", "anonymous": "caller without a name", "unknown": "caller of unknown kind",
}

func kindText(kind string) string {
	if s, ok := kindNames[kind]; ok {
		return s
	}
	if kind == "" {
		return kindNames["unknown"]
	}
	return strings.ReplaceAll(kind, "_", " ")
}

func ownerText(a finding.Actor) string {
	text := ""
	// The name of an ARN's resource needs no second telling.
	if a.Name != "" && !strings.HasSuffix(a.ID, "/"+a.Name) && a.Name != a.ID {
		text += ` "` + a.Name + `"`
	}
	if a.Owner != "" {
		text += ", owned by " + a.Owner
	}
	return text
}

// addressText is an address with what is known of it and its events.
func addressText(a finding.Address) string {
	text := a.IP
	if text == "" {
		text = "no address"
	}
	known := make([]string, 0, 5)
	if a.Endpoint != "" {
		known = append(known, "by "+a.Endpoint)
	}
	if a.Label != "" {
		label := a.Label
		if a.Kind != "" {
			label += " [" + a.Kind + "]"
		}
		known = append(known, label)
	}
	for _, s := range []string{strings.TrimSpace(a.ASN + " " + a.ASName), a.Country} {
		if s != "" {
			known = append(known, s)
		}
	}
	if len(known) > 0 {
		text += " (" + strings.Join(known, ", ") + ")"
	}
	return text + " " + term.Count(a.Events)
}

// addressShort is an address in the room of a column, with the best that is
// known of it.
func addressShort(a finding.Address) string {
	for _, s := range []string{a.Label, a.ASName, a.ASN, a.Country, a.Endpoint} {
		if s != "" {
			return a.IP + " " + s
		}
	}
	return a.IP
}

// shortService is a service without the domain that all of its provider's
// services share.
func shortService(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, ".amazonaws.com"), ".googleapis.com")
}

func shortServices(list []finding.Count) []finding.Count {
	out := make([]finding.Count, len(list))
	for i, c := range list {
		out[i] = finding.Count{Name: shortService(c.Name), Events: c.Events}
	}
	return out
}

// counts are values with their events.
func counts(list []finding.Count) []string {
	out := make([]string, len(list))
	for i, c := range list {
		name := c.Name
		if name == "" {
			name = "(none)"
		}
		out[i] = name + " " + term.Count(c.Events)
	}
	return out
}

// more adds to a list the number of members that the finding left out of it.
func more(list []string, total int) []string {
	if rest := total - len(list); rest > 0 {
		return append(list, "and "+term.Count(rest)+" not listed")
	}
	return list
}

// chainText is the chain from its beginning: who, by which call, became whom.
func (p *page) chainText(f *finding.Finding) string {
	home := f.Cloud.Account.ID
	var b strings.Builder
	for i, l := range f.Chain {
		if i == 0 || f.Chain[i-1].To != l.From {
			if i > 0 {
				b.WriteString("; ")
			}
			b.WriteString(short(l.From, home))
		}
		b.WriteString(" " + p.arrow + " " + short(l.To, home))
		if l.Via != "" {
			b.WriteString(" (" + l.Via + ")")
		}
	}
	if f.Origin != nil && f.Origin.Others > 0 {
		b.WriteString("; " + term.Plural(f.Origin.Others, "further origin") + " of other sessions")
	}
	return b.String()
}

func (p *page) originText(o *finding.Origin) string {
	text := o.ID
	if o.Kind != "" {
		text = kindText(o.Kind) + " " + text
	}
	if o.Others > 0 {
		text += "; " + term.Plural(o.Others, "further origin") + " of other sessions"
	}
	return text
}
