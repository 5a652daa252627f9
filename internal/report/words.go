package report

import (
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

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

// chainEnds is how many links of each end of a long chain are shown where there
// is little room.
const chainEnds = 3

// chainMiddle cuts a long chain: the links of its beginning and of its end, and
// what is said of those between. A chain that is short is all beginning.
func chainMiddle(f *finding.Finding) (head []finding.Link, middle string, tail []finding.Link) {
	n := len(f.Chain)
	if n <= 2*chainEnds+2 {
		return f.Chain, "", nil
	}
	var over []string
	for _, l := range f.Chain[chainEnds : n-chainEnds] {
		if who := short(l.To, f.Cloud.Account.ID); !slices.Contains(over, who) {
			over = append(over, who)
		}
	}
	shown := over[:min(len(over), 4)]
	middle = term.Plural(max(n, f.ChainTotal)-2*chainEnds, "more link") + " between, to " + strings.Join(more(shown, len(over)), ", ")
	return f.Chain[:chainEnds], middle, f.Chain[n-chainEnds:]
}

// chainCut says where a chain goes on that was not followed to its beginning,
// or nothing.
func chainCut(f *finding.Finding) string {
	if f.Origin == nil || !f.Origin.Cut {
		return ""
	}
	return "the chain is longer than " + term.Count(finding.MaxChain) + " links; it goes on before " +
		short(f.Origin.ID, f.Cloud.Account.ID) + ", and who began it is not shown"
}

// chainText is the chain from its beginning: who, by which call, became whom.
func (p *page) chainText(f *finding.Finding) string {
	head, middle, tail := chainMiddle(f)
	parts := []string{p.linksText(f, head)}
	if middle != "" {
		parts = append(parts, middle, p.linksText(f, tail))
	}
	if f.Origin != nil && f.Origin.Others > 0 {
		parts = append(parts, term.Plural(f.Origin.Others, "further origin")+" of other sessions")
	}
	if cut := chainCut(f); cut != "" {
		parts = append(parts, cut)
	}
	return strings.Join(parts, "; ")
}

// linksText is a row of links, where one leads on to the next in one go.
func (p *page) linksText(f *finding.Finding, links []finding.Link) string {
	home := f.Cloud.Account.ID
	var b strings.Builder
	for i, l := range links {
		if i == 0 || links[i-1].To != l.From {
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
