package exception

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/finding"
)

// Terms are what a person adds to an exception.
type Terms struct {
	ID, Reason, Owner string
	Life              time.Duration // from the last call of the finding on
}

// Unfit is the error where no exception can be bound to a finding. Its text is
// for people.
type Unfit struct {
	Why  string // one of the constants
	text string
}

func (u *Unfit) Error() string { return u.text }

func unfit(why, format string, args ...any) error { return &Unfit{why, fmt.Sprintf(format, args...)} }

// Why no exception puts a finding aside.
const (
	SeveralAccounts = "several_accounts" // it is of an origin, not of one principal
	UnnamedCaller   = "unnamed_caller"   // whom the log does not name is nobody
	PrivateAddress  = "private_address"  // one without an endpoint, or none at all, is everybody's
	UnwritableName  = "unwritable_name"  // one of the log would say something else in a rule
	Followed        = "followed"         // what followed is never covered
)

// Fit returns the narrowest rule for the calls of a finding, to be tried and
// not to be written: it lives as long as any. Where none puts the finding
// aside there is no rule, and why says so.
func Fit(f *finding.Facts) (rule *Rule, why string) {
	r, err := For(f, Terms{ID: "tried", Reason: "tried", Owner: "tried", Life: maxLife})
	var u *Unfit
	switch {
	case errors.As(err, &u):
		return nil, u.Why
	case err != nil:
		return nil, UnwritableName
	case len(r.Misses(f)) > 0:
		return nil, Followed // all else is in the rule as it is in the finding
	}
	return r, ""
}

// For returns the narrowest rule for the calls of a finding: its principal,
// accounts and clients, the /24, /48 or endpoint that each call came from, its
// operations, and what was refused of them. What followed the finding is
// never covered. The facts need their Sources. The error says why there can
// be no rule.
func For(f *finding.Facts, t Terms) (*Rule, error) {
	r := &Rule{
		ID: t.ID, Principal: f.Principal, Cloud: f.Cloud.String(), Reason: t.Reason, Owner: t.Owner,
		Created: f.Last, Expires: f.Last.Add(t.Life),
	}
	if nobody(f.Kind) {
		return nil, unfit(UnnamedCaller, "the log does not say who called (%s): an exception cannot be bound to it", f.Kind)
	}
	if f.Accounts > 1 {
		return nil, unfit(SeveralAccounts, "the finding is %s, which no exception covers", severalAccounts)
	}
	if len(f.Sources) == 0 {
		return nil, unfit(PrivateAddress, "it is not known where the calls of the finding came from")
	}
	if !isID(r.ID) {
		return nil, fmt.Errorf("%q is no id of an exception", r.ID)
	}
	if err := lifetime(r.Created, r.Expires); err != nil {
		return nil, err
	}
	for _, t := range [][2]string{{"reason", r.Reason}, {"owner", r.Owner}} {
		if strings.TrimSpace(t[1]) == "" || !plain(t[1]) {
			return nil, fmt.Errorf("the %s is not one line of printable text: %q", t[0], t[1])
		}
	}
	for i := range f.Sources {
		s := &f.Sources[i]
		from, err := narrowest(s)
		if err != nil {
			return nil, err
		}
		r.Sources = append(r.Sources, from)
		r.Accounts = append(r.Accounts, s.Account)
		r.Clients = append(r.Clients, clientName(s.Client))
	}
	slices.SortFunc(r.Sources, func(a, b Source) int {
		return cmp.Or(a.Network.Addr().Compare(b.Network.Addr()), strings.Compare(a.Endpoint, b.Endpoint))
	})
	r.Sources = slices.Compact(r.Sources)
	for _, list := range []*[]string{&r.Accounts, &r.Clients} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if slices.Equal(r.Accounts, []string{""}) {
		r.Accounts = nil // of a log that names none
	}
	for i := range f.Operations {
		o := &f.Operations[i]
		r.Covers = r.Covers.with(o.API.Service, o.API.Name)
		if o.Denied > 0 {
			r.Refused.Covers = r.Refused.Covers.with(o.API.Service, o.API.Name)
		}
	}
	r.Covers.sort()
	r.Refused.Covers.sort()
	r.Refused.Requests = f.DeniedTargets
	return r, r.literal()
}

// narrowest is the source that holds an address.
func narrowest(s *finding.Source) (Source, error) {
	if s.Endpoint != "" {
		return parseEndpoint(s.Endpoint)
	}
	ip, ok := public(s.Address)
	if !ok {
		return Source{}, unfit(PrivateAddress, "calls of the finding came from %s, %s: an exception cannot be bound to it", strconv.Quote(cmp.Or(s.Address, "nowhere")), whyNot(s.Address))
	}
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	return Source{Network: netip.PrefixFrom(ip, bits).Masked()}, nil
}

// whyNot says why an address is no source.
func whyNot(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.IsPrivate() {
		return "a private address without an endpoint, which is everybody's"
	}
	return "which is no network"
}

func parseEndpoint(id string) (Source, error) {
	x, err := parseSource(id)
	if err != nil || x.Endpoint == "" {
		return Source{}, unfit(UnwritableName, "calls of the finding came through %q, which is no endpoint that an exception can name", id)
	}
	return x, nil
}

// with adds an operation.
func (l Operations) with(service, name string) Operations {
	i := slices.IndexFunc(l, func(o ServiceOperations) bool { return o.Service == service })
	if i < 0 {
		i = len(l)
		l = append(l, ServiceOperations{Service: service})
	}
	l[i].Names = append(l[i].Names, name)
	return l
}

func (l Operations) sort() {
	slices.SortFunc(l, func(a, b ServiceOperations) int { return strings.Compare(a.Service, b.Service) })
	for i := range l {
		slices.Sort(l[i].Names)
		l[i].Names = slices.Compact(l[i].Names)
	}
}

// literal refuses names of the log that would say something else in a rule
// than they do there: a * above all.
func (r *Rule) literal() error {
	check := func(what, s string) error {
		if isPattern(s) || !plain(s) || strings.TrimSpace(s) == "" {
			return fmt.Errorf("the %s %q cannot be written into an exception as it is", what, s)
		}
		return nil
	}
	errs := []error{check("principal", r.Principal)}
	for _, s := range r.Accounts {
		errs = append(errs, check("account", s))
	}
	for _, s := range r.Clients {
		errs = append(errs, check("client", s))
	}
	for _, o := range r.Covers {
		errs = append(errs, check("service", o.Service))
		for _, s := range o.Names {
			errs = append(errs, check("operation", s))
		}
	}
	return errors.Join(errs...)
}

// Append returns the text of a file of exceptions with a rule more at its
// end; all else in it, comments included, stays. An empty text becomes a new
// file. name stands for it in errors.
func Append(name string, text []byte, rule *Rule) ([]byte, error) {
	indent := 2
	before := 0
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("exceptions:\n")
	} else {
		old, err := Parse(name, text)
		if err != nil {
			return nil, err
		}
		before = len(old.rules)
		if slices.ContainsFunc(old.rules, func(r *Rule) bool { return r.ID == rule.ID }) {
			return nil, fmt.Errorf("%s has an exception %s already", name, rule.ID)
		}
		if root, err := one(text); err == nil && before > 0 {
			// A list stands where the first of its hyphens does.
			indent = root.Content[1].Column - 1
		}
		if !bytes.HasSuffix(text, []byte("\n")) {
			text = append(bytes.Clone(text), '\n')
		}
	}
	out := append(bytes.Clone(text), rule.text(strings.Repeat(" ", indent))...)
	if now, err := Parse(name, out); err != nil || len(now.rules) != before+1 {
		return nil, fmt.Errorf("%s: nothing can be appended to the way it is written; let it end with the list of exceptions, a line an entry", name)
	}
	return out, nil
}

// text writes the rule as an entry of a list.
func (r *Rule) text(indent string) []byte {
	var b bytes.Buffer
	line := func(depth int, format string, args ...any) {
		lead := indent + strings.Repeat("  ", depth)
		if b.Len() == 0 {
			lead = indent + "- "
		}
		fmt.Fprintf(&b, lead+format+"\n", args...)
	}
	list := func(depth int, key string, values []string) {
		if len(values) == 1 {
			line(depth, "%s: %s", key, quote(values[0]))
			return
		}
		line(depth, "%s:", key)
		for _, v := range values {
			line(depth+1, "- %s", quote(v))
		}
	}
	operations := func(depth int, l Operations) {
		line(depth, "operations:")
		for _, o := range l {
			list(depth+1, quote(o.Service), o.Names)
		}
	}
	line(1, "id: %s", quote(r.ID))
	line(1, "principal: %s", quote(r.Principal))
	if r.Cloud != "" {
		line(1, "cloud: %s", quote(r.Cloud))
	}
	if len(r.Accounts) > 0 {
		list(1, "account", r.Accounts)
	}
	list(1, "client", r.Clients)
	var sources []string
	for _, s := range r.Sources {
		sources = append(sources, s.String())
	}
	list(1, "source", sources)
	if len(r.Services) > 0 {
		list(1, "services", r.Services)
	}
	if len(r.Covers) > 0 {
		operations(1, r.Covers)
	}
	if r.Refused.Requests > 0 {
		line(1, "refused:")
		line(2, "requests: %d", r.Refused.Requests)
		operations(2, r.Refused.Covers)
	}
	line(1, "reason: %s", quote(r.Reason))
	line(1, "owner: %s", quote(r.Owner))
	line(1, "created: %s", r.Created.Format(time.RFC3339Nano))
	line(1, "expires: %s", r.Expires.Format(time.RFC3339Nano))
	return b.Bytes()
}

// quote writes a text as a YAML scalar: plain where nothing in it could mean
// something else, else in double quotes, whose escapes are those of Go.
func quote(s string) string {
	if s == "" || !('a' <= s[0]|0x20 && s[0]|0x20 <= 'z') || s[len(s)-1] == ':' {
		return strconv.Quote(s)
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("._-/:@+=", c) >= 0) {
			return strconv.Quote(s)
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	return s
}
