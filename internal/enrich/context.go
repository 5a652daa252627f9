// Package enrich adds to findings what their logs do not say: whose an
// account or an identity is (--context), and which network an address
// belongs to (--geoip). It fills fields that nothing else fills; it never
// changes a finding's figures, id or place in the order.
package enrich

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"vedette/internal/finding"
)

// maxContext bounds a context file, in bytes.
const maxContext = 16 << 20

// Context is what an organisation knows of itself: its accounts, who owns
// its identities, and the networks it calls from. docs/context.md describes
// the file.
type Context struct {
	name     string // of the file, for notes
	accounts map[string]account
	exact    map[string]string // owner by lower-case id
	patterns []pattern         // most specific first
	networks []network         // longest prefix first
}

type account struct{ name, environment, criticality string }

type pattern struct{ glob, owner string }

type network struct {
	prefix      netip.Prefix
	label, kind string
}

var (
	criticalities = []string{"low", "medium", "high", "critical"}
	kinds         = []string{"egress", "scanner", "office"}
)

// LoadContext reads a context file. What is wrong in it is said as
// file:line:column, every fault at once.
func LoadContext(path string) (*Context, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxContext+1))
	if err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	if len(b) > maxContext {
		return nil, fmt.Errorf("context %s: larger than %d bytes", path, maxContext)
	}
	return ParseContext(path, b)
}

// ParseContext reads the text of a context file; name stands for it in
// errors.
func ParseContext(name string, text []byte) (*Context, error) {
	c := &Context{name: name, accounts: map[string]account{}, exact: map[string]string{}}
	p := parser{name: name}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := 0; ; i++ {
		var doc yaml.Node
		err := loader.Load(&doc)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, p.position(err)
		}
		if i > 0 {
			p.fail(&doc, "a second document")
			break
		}
		if len(doc.Content) > 0 {
			c.read(&p, doc.Content[0])
		}
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(c.patterns, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(literal(b.glob), literal(a.glob)), strings.Compare(a.glob, b.glob))
	})
	slices.SortFunc(c.networks, func(a, b network) int {
		return cmp.Or(cmp.Compare(b.prefix.Bits(), a.prefix.Bits()), a.prefix.Addr().Compare(b.prefix.Addr()))
	})
	return c, nil
}

// literal is how much of a pattern is not a wildcard: the more, the more
// specific it is.
func literal(glob string) int { return len(glob) - strings.Count(glob, "*") }

func (c *Context) read(p *parser, root *yaml.Node) {
	for _, top := range p.mapping(root, "accounts", "identities", "addresses") {
		for _, e := range p.mapping(top.value) {
			switch top.key.Value {
			case "accounts":
				c.account(p, e)
			case "identities":
				c.identity(p, e)
			case "addresses":
				c.address(p, e)
			}
		}
	}
}

func (c *Context) account(p *parser, e entry) {
	v := p.strings(e.value, "name", "environment", "criticality")
	p.oneOf(v["criticality"], criticalities)
	p.notEmpty(e.key)
	c.accounts[strings.ToLower(e.key.Value)] = account{text(v["name"]), text(v["environment"]), text(v["criticality"])}
}

func (c *Context) identity(p *parser, e entry) {
	v := p.strings(e.value, "owner")
	p.required(e, v, "owner")
	p.notEmpty(e.key)
	id, owner := strings.ToLower(e.key.Value), text(v["owner"])
	if strings.Contains(id, "*") {
		if literal(id) == 0 {
			p.fail(e.key, "a pattern of wildcards alone would match everyone")
		}
		c.patterns = append(c.patterns, pattern{id, owner})
	} else {
		c.exact[id] = owner
	}
}

func (c *Context) address(p *parser, e entry) {
	v := p.strings(e.value, "label", "kind")
	p.required(e, v, "label")
	p.oneOf(v["kind"], kinds)
	prefix, err := netip.ParsePrefix(e.key.Value)
	if err != nil {
		addr, errAddr := netip.ParseAddr(e.key.Value)
		if errAddr != nil || addr.Zone() != "" {
			p.fail(e.key, "%q is neither an address nor a network in CIDR form", e.key.Value)
			return
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix != prefix.Masked() {
		p.fail(e.key, "%s has bits beyond its prefix; is %s meant?", prefix, prefix.Masked())
		return
	}
	if prefix.Addr().Is4In6() {
		p.fail(e.key, "write %s as an IPv4 network", prefix)
		return
	}
	for _, n := range c.networks {
		if n.prefix == prefix {
			p.fail(e.key, "%s stands here twice", prefix)
		}
	}
	c.networks = append(c.networks, network{prefix, text(v["label"]), text(v["kind"])})
}

// text is the value of a node that may be absent.
func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

// Apply fills in the report's names, owners and labels, and notes how much of
// the context was met in it, so that a mistyped id does not go unseen.
func (c *Context) Apply(r *finding.Report) {
	accounts, owners, networks := map[string]bool{}, map[string]bool{}, map[netip.Prefix]bool{}
	name := func(a *finding.Account) {
		id := strings.ToLower(a.ID)
		if known, ok := c.accounts[id]; ok {
			a.Name, a.Environment, a.Criticality = known.name, known.environment, known.criticality
			accounts[id] = true
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		name(&f.Cloud.Account)
		for j := range f.Accounts {
			name(&f.Accounts[j])
		}
		if owner, entry := c.owner(&f.Actor); entry != "" {
			f.Actor.Owner = owner
			owners[entry] = true
		}
		for j := range f.Addresses {
			a := &f.Addresses[j]
			if n := c.network(a); n != nil {
				a.Label, a.Kind = n.label, n.kind
				networks[n.prefix] = true
			}
		}
	}
	r.Summary.Notes = append(r.Summary.Notes, fmt.Sprintf(
		"context %s: of its %d accounts %d were met in findings, of %d identities %d, of %d networks %d",
		c.name, len(c.accounts), len(accounts), len(c.exact)+len(c.patterns), len(owners), len(c.networks), len(networks)))
}

// owner is the owner of the actor and the entry that says so, which is empty
// where none does. The principal is compared, and for Entra users the name,
// which is from the token; other names are chosen by callers.
func (c *Context) owner(a *finding.Actor) (owner, entry string) {
	ids := []string{strings.ToLower(a.ID)}
	if a.Kind == "entra_user" && a.Name != "" {
		ids = append(ids, strings.ToLower(a.Name))
	}
	for _, id := range ids {
		if owner, ok := c.exact[id]; ok {
			return owner, id
		}
	}
	for _, p := range c.patterns {
		if slices.ContainsFunc(ids, func(id string) bool { return match(p.glob, id) }) {
			return p.owner, p.glob
		}
	}
	return "", ""
}

// match reports whether s matches glob, in which * stands for any characters.
// Its time is bounded by the product of the lengths.
func match(glob, s string) bool {
	g, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, from = g, i
			g++
		case g < len(glob) && glob[g] == s[i]:
			g++
			i++
		case star >= 0:
			from++
			g, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}

// network is the longest network of the context that holds the address. A
// private address behind an endpoint belongs to that endpoint's network,
// which may be anyone's: it is not looked up.
func (c *Context) network(a *finding.Address) *network {
	ip, err := netip.ParseAddr(a.IP)
	if err != nil || a.Endpoint != "" && ip.IsPrivate() {
		return nil
	}
	ip = ip.Unmap().WithZone("")
	for i := range c.networks {
		if c.networks[i].prefix.Contains(ip) {
			return &c.networks[i]
		}
	}
	return nil
}
