// Package exception puts findings aside that someone has looked into and
// answers for. A rule is bound to principal and client and source, names the
// operations that it covers, has a reason and an owner, and expires.
//
// Nothing is dropped: a finding put aside is still in the output, and says
// which rule put it there. A finding of which a rule covers a part alone
// stays as it is, and says what the rule does not cover.
package exception

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"vedette/internal/finding"
)

// Rule is one exception.
type Rule struct {
	ID        string
	Principal string     // uid of the actor; * stands for a part of a path segment
	Cloud     string     // "aws", "azure" or "gcp"; empty for any
	Accounts  []string   // accounts, subscriptions, projects; none for any
	Clients   []string   // client families or patterns; [NoClient] where the log names none
	Sources   []Source   // at least one
	Covers    Operations // what may be asked
	Services  []string   // services of which everything may be asked
	Refused   Refused
	Reason    string
	Owner     string
	Created   time.Time
	Expires   time.Time // the first instant at which the rule no longer holds

	hits atomic.Int64
}

// NoClient is what a rule writes for calls whose log names no client.
const NoClient = "-"

// Source is where calls may come from: exactly one of its fields is set.
type Source struct {
	Network  netip.Prefix // public
	ASN      string       // such as "AS64500", as --geoip knows it
	Endpoint string       // id of a VPC endpoint, or network of Google Cloud
}

// String is the source as a rule writes it.
func (s Source) String() string {
	switch {
	case s.ASN != "":
		return s.ASN
	case s.Endpoint != "":
		return s.Endpoint
	}
	return s.Network.String()
}

// Operations are names of operations, or patterns of them, by service.
type Operations []ServiceOperations

// ServiceOperations are the operations of one service.
type ServiceOperations struct {
	Service string
	Names   []string
}

// Refused is how much of what a rule covers may be refused.
type Refused struct {
	Requests int // distinct requests in one finding
	Covers   Operations
}

// List is the rules of a file, in its order. It is safe for concurrent use.
type List struct {
	rules    []*Rule
	exact    map[string][]int // by principal
	patterns []int            // of those with a *
}

// NewList returns a list of rules that [Rule] values were filled in for by
// [Parse] or [For].
func NewList(rules ...*Rule) *List {
	l := &List{rules: rules, exact: map[string][]int{}}
	for i, r := range rules {
		if isPattern(r.Principal) {
			l.patterns = append(l.patterns, i)
		} else {
			l.exact[r.Principal] = append(l.exact[r.Principal], i)
		}
	}
	return l
}

// Rules returns the rules in the order of the file.
func (l *List) Rules() []*Rule { return l.rules }

// of returns the rules for a principal, in the order of the file.
func (l *List) of(principal string) []*Rule {
	var out []*Rule
	exact := l.exact[principal]
	for _, i := range l.patterns {
		for len(exact) > 0 && exact[0] < i {
			out = append(out, l.rules[exact[0]])
			exact = exact[1:]
		}
		if matchPrincipal(l.rules[i].Principal, principal) {
			out = append(out, l.rules[i])
		}
	}
	for _, i := range exact {
		out = append(out, l.rules[i])
	}
	return out
}

// Verdict is what the rules say of a finding.
type Verdict struct {
	// Rule covers the finding whole; nil where none does.
	Rule *Rule
	// Partly are the rules for the principal of the finding, where none
	// covers it whole.
	Partly []Partly
}

// Partly is a rule with what it does not cover of a finding, in words.
type Partly struct {
	Rule   *Rule
	Misses []string
}

// Judge says which rule covers the facts of a finding whole, the first of the
// file if several do. The facts need their Sources.
func (l *List) Judge(f *finding.Facts) Verdict {
	var v Verdict
	for _, r := range l.of(f.Principal) {
		misses := r.Misses(f)
		if len(misses) == 0 {
			return Verdict{Rule: r}
		}
		v.Partly = append(v.Partly, Partly{r, misses})
	}
	return v
}

// maxPartly bounds the rules of which a finding says what they do not cover.
const maxPartly = 5

// Apply has a finding put aside that a rule covers whole, and counts it for
// the rule. Where rules of its principal do not cover it, it gets a reason of
// no points for each, five of them at most. What is put aside already stays
// as it is.
func (l *List) Apply(f *finding.Facts, j *finding.Judgement, putAside func(j *finding.Judgement, why string)) {
	if j.Aside != "" {
		return
	}
	v := l.Judge(f)
	if v.Rule != nil {
		v.Rule.hits.Add(1)
		putAside(j, v.Rule.because())
		return
	}
	var reasons []finding.Reason
	for _, p := range v.Partly[:min(len(v.Partly), maxPartly)] {
		reasons = append(reasons, finding.Reason{Factor: "exception", Text: p.text()})
	}
	// Reasons stand by points, and the limit of the priority last.
	at := slices.IndexFunc(j.Reasons, func(r finding.Reason) bool { return r.Points < 0 || r.Factor == "limit" })
	if at < 0 {
		at = len(j.Reasons)
	}
	j.Reasons = slices.Insert(j.Reasons, at, reasons...)
}

// Uses says how far each rule was used by [List.Apply], in the order of the
// file, where the newest event is of that time.
func (l *List) Uses(newest time.Time) []finding.Exception {
	out := []finding.Exception{}
	for _, r := range l.rules {
		u := finding.Exception{ID: r.ID, Hits: int(r.hits.Load()), State: "live", Expires: r.Expires.Format(time.RFC3339Nano)}
		switch {
		case !newest.Before(r.Expires):
			u.State = "expired"
		case u.Hits == 0:
			u.State = "unused"
		}
		out = append(out, u)
	}
	return out
}

// NeedsASN returns the rules with a source that only --geoip can tell.
func (l *List) NeedsASN() (ids []string) {
	for _, r := range l.rules {
		for _, s := range r.Sources {
			if s.ASN != "" {
				ids = append(ids, r.ID)
				break
			}
		}
	}
	return ids
}
