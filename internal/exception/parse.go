package exception

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// Load reads a file of exceptions. What is wrong in it is said as
// file:line:column, every fault at once.
func Load(path string) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("exceptions: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("exceptions: %w", err)
	}
	return Parse(path, text)
}

// Parse reads the text of such a file; name stands for it in errors.
func Parse(name string, text []byte) (*List, error) {
	r := &reader{name: name}
	root := r.document(text)
	if root == nil {
		return nil, r.err()
	}
	var rules []*Rule
	lines := map[string]int{}
	found := false
	for _, top := range r.mapping(root, "the file", "exceptions") {
		found = true
		if null(top.value) {
			continue
		}
		if top.value.Kind != yaml.SequenceNode {
			r.fail(top.value, "exceptions is a list, not %s", kindOf(top.value))
			continue
		}
		for _, n := range top.value.Content {
			rule, id := r.rule(n)
			if rule == nil {
				continue
			}
			if line, twice := lines[rule.ID]; twice {
				r.fail(id, "the exception on line %d has the id %q too", line, rule.ID)
			} else if rule.ID != "" {
				lines[rule.ID] = n.Line
			}
			rules = append(rules, rule)
		}
	}
	if !found && len(r.faults) == 0 {
		r.fail(root, "the file lacks exceptions")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return NewList(rules...), nil
}

// required are the keys that every rule has, each with why.
var required = [][2]string{
	{"id", "findings name it"},
	{"principal", bound}, {"client", bound}, {"source", bound},
	{"reason", "whoever meets it later has nothing else to go by"},
	{"owner", "somebody answers for it"},
	{"created", "it lives for 366 days at most"},
	{"expires", "it ends"},
}

const bound = "it is bound to all three of principal, client and source"

var keys = []string{"id", "principal", "client", "source", "account", "cloud", "operations", "services", "refused",
	"reason", "owner", "created", "expires"}

// rule reads one rule; id is where its id stands.
func (r *reader) rule(n *yaml.Node) (*Rule, *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "an exception is a mapping, not %s", kindOf(n))
		return nil, nil
	}
	x, id := &Rule{}, n
	has := map[string]*yaml.Node{}
	for _, e := range r.mapping(n, "an exception", keys...) {
		v := e.value
		has[e.key.Value] = v
		switch e.key.Value {
		case "id":
			x.ID, id = r.id(v), v
		case "principal":
			x.Principal = r.principal(v)
		case "client":
			x.Clients = r.clients(v)
		case "source":
			x.Sources = r.sources(v)
		case "account":
			x.Accounts, _ = r.texts(v, "account")
		case "cloud":
			if x.Cloud = r.text(v, "cloud"); x.Cloud != "" && !slices.Contains(clouds, x.Cloud) {
				r.fail(v, "cloud %q is none of %s", x.Cloud, strings.Join(clouds, ", "))
			}
		case "operations":
			x.Covers = r.operations(v, "operations")
		case "services":
			x.Services = r.services(v)
		case "refused":
			x.Refused = r.refused(v)
		case "reason":
			x.Reason = r.text(v, "reason")
		case "owner":
			x.Owner = r.text(v, "owner")
		case "created":
			x.Created = r.time(v, "created")
		case "expires":
			x.Expires = r.time(v, "expires")
		}
	}
	for _, key := range required {
		if has[key[0]] == nil {
			r.fail(n, "the exception lacks %q: %s", key[0], key[1])
		}
	}
	if has["operations"] == nil && has["services"] == nil {
		r.fail(n, "the exception lacks operations or services: what they do not name still shows")
	}
	if v := has["expires"]; v != nil && !x.Created.IsZero() && !x.Expires.IsZero() {
		if err := lifetime(x.Created, x.Expires); err != nil {
			r.fail(v, "%s", err)
		}
	}
	return x, id
}

var clouds = []string{"aws", "azure", "gcp"}

// maxLife is how long an exception may live: who still needs it then looks
// into it again.
const maxLife = 366 * 24 * time.Hour

func lifetime(created, expires time.Time) error {
	switch life := expires.Sub(created); {
	case life <= 0:
		return errors.New("it expires before it is created")
	case life > maxLife:
		return errors.New("an exception lives for 366 days at most: who still needs it then looks into it again")
	}
	return nil
}

func (r *reader) id(n *yaml.Node) string {
	s := r.text(n, "id")
	if s != "" && !isID(s) {
		r.fail(n, "an id has letters, digits, dots, hyphens and underscores, 80 at most, and begins with a letter or a digit")
	}
	return s
}

func isID(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 80
}

func (r *reader) principal(n *yaml.Node) string {
	s := r.text(n, "principal")
	for _, segment := range strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
		if strings.Trim(segment, "*") == "" {
			r.fail(n, "in a principal * stands for a part of a path segment, never for a whole one: %q is too wide", s)
			break
		}
	}
	return s
}

func (r *reader) clients(n *yaml.Node) []string {
	list, at := r.texts(n, "client")
	for i, s := range list {
		if strings.Trim(s, "*") == "" {
			r.fail(at[i], "%q would be any client: name its family, such as terraform, or \"-\" where the log names none", s)
		}
	}
	return list
}

func (r *reader) sources(n *yaml.Node) []Source {
	var out []Source
	list, at := r.texts(n, "source")
	for i, s := range list {
		x, err := parseSource(s)
		switch {
		case err != nil:
			r.fail(at[i], "%s", err)
		case slices.Contains(out, x):
			r.fail(at[i], "%s stands here twice", x)
		default:
			out = append(out, x)
		}
	}
	return out
}

// The widest networks that a source may be, in bits of their prefix. A wider
// one is a good part of the internet.
const (
	widest4 = 8
	widest6 = 20
)

func parseSource(s string) (Source, error) {
	if n, ok := strings.CutPrefix(s, "AS"); ok && n != "" && len(n) <= 10 && strings.Trim(n, "0123456789") == "" {
		return Source{ASN: s}, nil
	}
	if strings.HasPrefix(s, "vpce-") || strings.HasPrefix(s, "//") {
		if isPattern(s) {
			return Source{}, fmt.Errorf("an endpoint is named whole: %q has a *", s)
		}
		return Source{Endpoint: s}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return Source{}, fmt.Errorf("%q is no source: write a network in CIDR form, an autonomous system (AS64500), or a private endpoint (vpce-…, or //compute.googleapis.com/projects/…)", s)
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	switch ip := p.Addr(); {
	case p != p.Masked():
		return Source{}, fmt.Errorf("%s has bits beyond its prefix; is %s meant?", p, p.Masked())
	case ip.Is4In6():
		return Source{}, fmt.Errorf("write %s as an IPv4 network", p)
	case ip.Is4() && p.Bits() < widest4, ip.Is6() && p.Bits() < widest6:
		return Source{}, fmt.Errorf("%s is too wide: at least /%d, or /%d for IPv6", p, widest4, widest6)
	case local(ip):
		return Source{}, fmt.Errorf("%s is private, and everyone has such addresses: name the endpoint that the calls come through", p)
	}
	return Source{Network: p}, nil
}

// operations reads names of operations by service.
func (r *reader) operations(n *yaml.Node, what string) Operations {
	var out Operations
	entries := r.mapping(n, what)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		r.fail(n, "%s is empty", what)
	}
	for _, e := range entries {
		service := r.text(e.key, "service")
		if isPattern(service) {
			r.fail(e.key, "a service is named whole: %q has a *", service)
		}
		names, at := r.texts(e.value, "operations of "+strconv.Quote(service))
		for i, s := range names {
			if strings.Trim(s, "*") == "" {
				r.fail(at[i], "%q would be every operation: list the service under services", s)
			}
		}
		out = append(out, ServiceOperations{service, names})
	}
	return out
}

func (r *reader) services(n *yaml.Node) []string {
	list, at := r.texts(n, "services")
	for i, s := range list {
		if isPattern(s) {
			r.fail(at[i], "a service is named whole: %q has a *", s)
		}
	}
	return list
}

func (r *reader) refused(n *yaml.Node) Refused {
	var out Refused
	entries := r.mapping(n, "refused", "requests", "operations")
	for _, e := range entries {
		switch e.key.Value {
		case "requests":
			s := r.text(e.value, "requests")
			v, err := strconv.Atoi(s)
			if s != "" && (err != nil || v < 1) {
				r.fail(e.value, "requests is how many distinct requests may be refused, at least 1, not %q", s)
			}
			out.Requests = v
		case "operations":
			out.Covers = r.operations(e.value, "operations")
		}
	}
	if n.Kind == yaml.MappingNode && len(entries) < 2 {
		r.fail(n, "refused has both requests and operations")
	}
	return out
}

// time reads an instant, or a date, which stands for its first instant in
// UTC.
func (r *reader) time(n *yaml.Node, what string) time.Time {
	s := r.text(n, what)
	if s == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	r.fail(n, "%s: %q is no time: write for example 2024-05-01T13:00:00Z or 2024-05-01", what, s)
	return time.Time{}
}

// plain reports whether a text is valid and shows as what it is: no control
// characters, none that turn the direction of writing, no other blanks.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}
