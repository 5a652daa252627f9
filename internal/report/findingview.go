package report

import (
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// findingView is a finding as a document shows it.
type findingView struct {
	ID, Short          string
	Level              string
	Priority, Risk     int
	Who, Lasted, First string
	Events, APIs       int
	Denied             int
	Aside              string

	Verdict  Verdict
	Reasons  []finding.Reason
	Facts    []pair
	Matrix   *matrixView
	Chain    []chainStep
	Slices   []sliceView
	MoreCut  int // slices not shown
	Spread   []pair
	History  []finding.Reason
	Followed []finding.Reason
	Like     []finding.Resemblance
	Claims   string

	Commands []string
	Pivots   []Snippet
	Skipped  int // pivots that a value has no safe form in
	Playbook []Section

	Evidence      []finding.Evidence
	EvidenceTotal int
	EvidenceMore  int
}

type chainStep struct{ Text, Session, Key, FromKey, EventID string }

// credentials says which credential led to which; empty where neither is
// known.
func (c chainStep) credentials() string {
	switch {
	case c.FromKey != "" && c.Key != "":
		return "; credential " + c.FromKey + " → " + c.Key
	case c.FromKey != "":
		return "; with credential " + c.FromKey
	case c.Key != "":
		return "; credential " + c.Key
	}
	return ""
}

type sliceView struct {
	Text, When string
	Fires      bool
}

// newFindingView shows a finding, whose calls are given in order, in a depth.
func newFindingView(f *finding.Finding, short string, calls []seen, much depth, opts Options) *findingView {
	v := &findingView{
		ID: f.ID, Short: short, Level: f.Level, Priority: f.Priority, Risk: f.RiskScore,
		Who: who(f), First: clock(f.FirstSeen), Lasted: "?",
		Events: f.Events, APIs: f.DistinctAPIs, Denied: f.Outcomes.Denied, Aside: f.Aside,
		Verdict: VerdictOf(f), Matrix: newMatrix(f, calls, much.apis), Chain: chainSteps(f), Claims: claimsText(f),
		Like: append(slices.Clone(f.Tools), f.Incidents...),
	}
	if d, ok := lasted(f); ok {
		v.Lasted = term.Duration(d)
	}
	for _, r := range f.Reasons {
		r.Text = reasonText(&r)
		v.Reasons = append(v.Reasons, r)
		switch {
		case slices.Contains(adviceData().History, r.Factor):
			v.History = append(v.History, r)
		case strings.HasPrefix(r.Factor, "follow_"):
			v.Followed = append(v.Followed, r)
		}
	}
	v.facts(f)
	v.spread(f, calls)
	for i := range f.Slices[:min(len(f.Slices), much.slices)] {
		s := &f.Slices[i]
		v.Slices = append(v.Slices, sliceView{sliceText(s), span(s.FirstSeen, s.LastSeen), s.Fires})
	}
	v.MoreCut = max(f.SlicesTotal, len(f.Slices)) - len(v.Slices)
	v.Evidence = f.Evidence[:min(len(f.Evidence), much.evidence)]
	v.EvidenceTotal = max(f.EvidenceTotal, len(f.Evidence))
	v.EvidenceMore = v.EvidenceTotal - len(v.Evidence)
	v.Pivots, v.Skipped = pivots(f)
	if opts.Commands != nil {
		v.Commands = commandLines(opts.Commands(f.ID))
	}
	if opts.Playbook != nil && much == full {
		v.Playbook = opts.Playbook(f)
	}
	return v
}

// facts say who, from where, with what and which part of it.
func (v *findingView) facts(f *finding.Finding) {
	add := func(name, value string) {
		if value = fact(value); value != "" {
			v.Facts = append(v.Facts, pair{name, value})
		}
	}
	list := func(name string, values []string, total int) {
		add(name, strings.Join(atMost(values, maxFactList, total), "\n"))
	}
	add("Principal", f.Actor.ID)
	add("Kind", kindText(f.Actor.Kind)+ownerText(f.Actor))
	accounts := make([]string, len(f.Accounts))
	for i, a := range f.Accounts {
		accounts[i] = accountText(a, true)
	}
	if len(accounts) == 0 {
		accounts = []string{accountText(f.Cloud.Account, true)}
	}
	noun := accountNoun(f.Cloud.Provider, len(accounts))
	list(strings.ToUpper(noun[:1])+noun[1:], accounts, len(accounts))
	if f.Origin != nil {
		others := ""
		if f.Origin.Others > 0 {
			others = " and " + term.Plural(f.Origin.Others, "other")
		}
		add("Origin", f.Origin.ID+others)
	}
	add("When", span(f.FirstSeen, f.LastSeen))
	if f.Peak.Events > 0 {
		add("Peak", figures(f.Peak.Events, f.Peak.DistinctAPIs, 0)+", risk "+strconv.Itoa(f.Peak.RiskScore)+", in the "+f.Peak.Name+" window from "+clock(f.Peak.Start))
	}
	addresses := make([]string, len(f.Addresses))
	for i, a := range f.Addresses {
		addresses[i] = addressText(a)
	}
	list("From", addresses, f.AddressesTotal)
	clients := make([]string, len(f.Clients))
	for i, c := range f.Clients {
		clients[i] = c.Family + " " + term.Count(c.Events) + ": " + term.Clip(term.Safe(c.UserAgent), maxAgent, "…")
	}
	list("Client", clients, len(clients))
	list("Credential", counts(f.Keys), f.KeysTotal)
	add("Judged on", judgedText(f))
	if s := notableSlice(f); s != nil && s != judgedSlice(f) {
		add("Slice", sliceText(s)+", fires by itself")
	}
	add("Campaign", f.Campaign)
	add("Continues", f.Continues)
	for _, d := range f.Detections {
		add("Detection", d.Name+" ("+strings.TrimSpace(d.ID+" "+d.Version)+"), fired in "+strings.Join(d.Windows, ", "))
	}
	techniques := make([]string, len(f.Techniques))
	for i, t := range f.Techniques {
		techniques[i] = t.ID + " " + t.Name + ", " + term.Plural(t.Events, "call")
	}
	list("Techniques", techniques, len(techniques))
}

// maxAgent bounds what a client says of itself, in cells: the beginning tells.
const maxAgent = 120

// fact is the text of a fact, its lines bounded in length: a list of [atMost]
// has several.
func fact(text string) string {
	lines := strings.Split(text, "\n")
	lines = lines[:min(len(lines), maxFactList+1)]
	for i := range lines {
		lines[i] = clipped(lines[i])
	}
	return strings.Join(lines, "\n")
}

// spread says where the calls went and how they came.
func (v *findingView) spread(f *finding.Finding, calls []seen) {
	add := func(name string, values []string) {
		if len(values) > 0 && values[0] != "" {
			v.Spread = append(v.Spread, pair{name, strings.Join(atMost(values, maxDocumentList, len(values)), ", ")})
		}
	}
	add("Services", counts(shortServices(f.Services)))
	add("Regions", counts(f.Regions))
	add("Without a region", counts(shortServices(f.GlobalServices)))
	add("Outcomes", []string{outcomesText(f.Outcomes)})
	add("Refused by", []string{reasonsText(f.DenialReasons)})
	add("Distinct requests", []string{term.Count(f.Targets)})
	if f.ThrottledRetries > 0 {
		add("Not counted", []string{term.Plural(f.ThrottledRetries, "retry", "retries") + " of throttled calls"})
	}
	cadence := cadence(calls)
	if cadence != "" && f.EvidenceTotal > len(f.Evidence) {
		cadence += " (of the " + term.Count(len(f.Evidence)) + " calls in this report)"
	}
	add("Cadence", []string{cadence})
}

func chainSteps(f *finding.Finding) []chainStep {
	head, middle, tail := chainMiddle(f)
	steps := linkSteps(f, head)
	if middle != "" {
		steps = append(append(steps, chainStep{Text: middle}), linkSteps(f, tail)...)
	}
	if cut := chainCut(f); cut != "" {
		steps = append(steps, chainStep{Text: cut})
	}
	return steps
}

func linkSteps(f *finding.Finding, links []finding.Link) []chainStep {
	var steps []chainStep
	for _, l := range links {
		home := f.Cloud.Account.ID
		text := short(l.From, home) + " → " + short(l.To, home)
		if l.Via != "" {
			text += " by " + l.Via
		}
		if l.Time != "" {
			text += " at " + clock(l.Time) + " UTC"
		}
		steps = append(steps, chainStep{text, l.Session, l.Key, l.FromKey, l.EventID})
	}
	return steps
}

// commandLines are commands ready to paste. One with a word that cannot be
// pasted safely is left out.
func commandLines(list [][]string) []string {
	var lines []string
	for _, words := range list {
		quoted := make([]string, len(words))
		var err error
		for i, word := range words {
			if quoted[i], err = quoteShell(word); err != nil {
				break
			}
		}
		if err == nil {
			lines = append(lines, strings.Join(quoted, " "))
		}
	}
	return lines
}
