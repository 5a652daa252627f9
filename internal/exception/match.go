package exception

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/triage"
)

// because is why a finding is put aside that the rule covers.
func (r *Rule) because() string {
	return fmt.Sprintf("exception %s: %s (%s, until %s)", r.ID, r.Reason, r.Owner, r.until())
}

func (r *Rule) until() string {
	if r.Expires.Equal(r.Expires.Truncate(24 * time.Hour)) {
		return r.Expires.Format(time.DateOnly)
	}
	return r.Expires.Format(time.RFC3339)
}

func (p *Partly) text() string {
	return fmt.Sprintf("exception %s does not cover: %s", p.Rule.ID, strings.Join(p.Misses, "; "))
}

// Misses says what of a finding of its principal the rule does not cover, in
// words; nothing where it covers it whole.
func (r *Rule) Misses(f *finding.Facts) []string {
	var out []string
	add := func(one, many string, names []string) {
		if len(names) > 0 {
			out = append(out, few(one, many, names))
		}
	}
	if nobody(f.Kind) {
		out = append(out, "a caller of whom the log does not say who it is")
	}
	if f.Accounts > 1 {
		out = append(out, severalAccounts)
	}
	if len(f.Sources) == 0 {
		out = append(out, "calls of which it is not known where they came from")
	}
	if !f.Last.Before(r.Expires) {
		out = append(out, "it expired at "+r.until())
	}
	if r.Cloud != "" && r.Cloud != f.Cloud.String() {
		out = append(out, "cloud "+f.Cloud.String())
	}
	var accounts, clients, networks []string
	for i := range f.Sources {
		s := &f.Sources[i]
		if len(r.Accounts) > 0 && !slices.Contains(r.Accounts, s.Account) {
			accounts = append(accounts, s.Account)
		}
		if !slices.ContainsFunc(r.Clients, func(p string) bool { return matchClient(p, s.Client) }) {
			clients = append(clients, clientName(s.Client))
		}
		if !slices.ContainsFunc(r.Sources, func(x Source) bool { return x.holds(s) }) {
			networks = append(networks, place(s))
		}
	}
	add("account", "accounts", accounts)
	add("client", "clients", clients)
	add("network", "networks", networks)

	var asked, refused []string
	for i := range f.Operations {
		o := &f.Operations[i]
		if !slices.Contains(r.Services, o.API.Service) && !r.Covers.hold(o.API) {
			asked = append(asked, operationName(o.API))
		}
		if o.Denied > 0 && !r.Refused.Covers.hold(o.API) {
			refused = append(refused, operationName(o.API))
		}
	}
	add("operation", "operations", asked)
	add("refused operation", "refused operations", refused)
	if len(refused) == 0 && f.DeniedTargets > r.Refused.Requests {
		out = append(out, fmt.Sprintf("%d requests refused where it covers %d", f.DeniedTargets, r.Refused.Requests))
	}
	var then []string
	for _, e := range triage.Followed(f) {
		then = append(then, operationName(e.API)+" at "+e.Time.Format(time.RFC3339))
	}
	add("then", "then", then)
	return out
}

// severalAccounts is a finding over accounts of which none shows it by itself:
// several principals can be in it, and what followed is known of one.
const severalAccounts = "a campaign over several accounts"

// nobody reports whether a principal of this kind is no identity: what stands
// in its place is shared by all whom the log does not name.
func nobody(k event.ActorKind) bool {
	return k == event.UnknownActor || k == event.GCPRedacted || k == event.Anonymous
}

// holds reports whether calls from s came from the source. Through an
// endpoint the endpoint alone counts: whoever owns the network behind it can
// give his machines any address, a public one of somebody else included.
func (x Source) holds(s *finding.Source) bool {
	if x.Endpoint != "" || s.Endpoint != "" {
		return x.Endpoint == s.Endpoint
	}
	ip, ok := public(s.Address)
	if !ok {
		return false
	}
	if x.ASN != "" {
		asn, _, _ := strings.Cut(s.Network, " ")
		return asn == x.ASN
	}
	return x.Network.Contains(ip)
}

// public parses an address that says where a caller is, as private ones do
// not.
func public(address string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(address)
	ip = ip.Unmap().WithZone("")
	return ip, err == nil && !local(ip)
}

func local(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
}

// place names where calls came from, for people.
func place(s *finding.Source) string {
	switch {
	case s.Endpoint != "":
		return "behind " + s.Endpoint
	case s.Network == finding.PrivateNetwork:
		return s.Address + " (private, without an endpoint)"
	case s.Address == "":
		return "unknown"
	}
	return s.Network
}

func clientName(family string) string {
	if family == "" {
		return NoClient
	}
	return family
}

func matchClient(pattern, family string) bool { return matchWithin(pattern, clientName(family), "") }

// separators part the segments of a principal.
const separators = "/:@"

func matchPrincipal(pattern, principal string) bool {
	return matchWithin(pattern, principal, separators)
}

func isPattern(s string) bool { return strings.Contains(s, "*") }

// hold reports whether the operation is among these.
func (l Operations) hold(a *event.API) bool {
	for i := range l {
		if l[i].Service == a.Service {
			return slices.ContainsFunc(l[i].Names, func(p string) bool { return matchWithin(p, a.Name, "") })
		}
	}
	return false
}

// matchWithin reports whether s matches a pattern in which * stands for any
// bytes but those of stop. Its time is bounded by the product of the lengths.
func matchWithin(pattern, s, stop string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0 && strings.IndexByte(stop, s[from]) < 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func operationName(a *event.API) string { return a.Service + " " + a.Name }

const (
	maxNames = 6
	maxName  = 120 // bytes
)

// few counts names and says the first of them.
func few(one, many string, names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	more := ""
	if n := len(names) - maxNames; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
		names = names[:maxNames]
	}
	what := many
	if len(names) == 1 {
		what = one
	}
	for i, s := range names {
		if len(s) > maxName {
			end := maxName
			for end > 0 && !utf8.RuneStart(s[end]) {
				end--
			}
			names[i] = s[:end] + "…"
		}
	}
	return what + " " + strings.Join(names, ", ") + more
}
