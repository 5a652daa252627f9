package enrich

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vedette/internal/finding"
)

const sample = `
accounts:
  "111122223333":
    name: payments
    environment: production
    criticality: critical
  0F0F0F0F-0000-0000-0000-000000000000: {name: sandbox}
identities:
  arn:aws:iam::111122223333:role/ci-deploy: {owner: Release team}
  "arn:aws:iam::*:role/ci-*": {owner: Platform team}
  "arn:aws:iam::*": {owner: Someone}
  mallory@example.com: {owner: Mallory}
addresses:
  198.51.100.0/24: {label: Utrecht office, kind: office}
  198.51.100.7: {label: Egress of Utrecht, kind: egress}
  2001:db8::/32: {label: Scanner, kind: scanner}
  10.0.0.0/8: {label: Data centre}
`

func report() *finding.Report {
	f := func(kind, id, name string, addresses ...finding.Address) finding.Finding {
		a := finding.Account{ID: "111122223333", Events: 3}
		return finding.Finding{ID: "f" + id, RiskScore: 70, Cloud: finding.CloudRef{Provider: "aws", Account: a},
			Accounts:  []finding.Account{a, {ID: "0f0f0f0f-0000-0000-0000-000000000000", Events: 1}},
			Actor:     finding.Actor{Kind: kind, ID: id, Name: name},
			Addresses: addresses}
	}
	return &finding.Report{Findings: []finding.Finding{
		f("iam_role", "arn:aws:iam::111122223333:role/ci-deploy", "", finding.Address{IP: "198.51.100.7"}, finding.Address{IP: "198.51.100.8"}),
		f("iam_role", "arn:aws:iam::444455556666:role/CI-test", "mallory@example.com", finding.Address{IP: "2001:db8::1"}, finding.Address{IP: "::ffff:198.51.100.9"}),
		f("iam_user", "arn:aws:iam::444455556666:user/x", "", finding.Address{IP: "10.1.2.3"}, finding.Address{IP: "10.1.2.3", Endpoint: "vpce-1"}),
		f("entra_user", "entra:t/o", "Mallory@Example.com", finding.Address{IP: "AWS Internal"}, finding.Address{IP: "192.0.2.1"}),
		f("saml_user", "saml:x", "mallory@example.com"),
	}}
}

func TestContextApplies(t *testing.T) {
	c, err := ParseContext("context.yaml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	r := report()
	c.Apply(r)
	for i, want := range []string{"Release team", "Platform team", "Someone", "Mallory", ""} {
		if got := r.Findings[i].Actor.Owner; got != want {
			t.Errorf("owner of %s: %q, want %q", r.Findings[i].Actor.ID, got, want)
		}
		a := r.Findings[i].Cloud.Account
		if a != (finding.Account{ID: "111122223333", Events: 3, Name: "payments", Environment: "production", Criticality: "critical"}) || r.Findings[i].Accounts[0] != a ||
			r.Findings[i].Accounts[1].Name != "sandbox" {
			t.Errorf("accounts: %+v, %+v", a, r.Findings[i].Accounts)
		}
	}
	var labels []string
	for _, f := range r.Findings {
		for _, a := range f.Addresses {
			labels = append(labels, a.IP+": "+a.Label+" "+a.Kind)
		}
	}
	if diff := cmp.Diff([]string{"198.51.100.7: Egress of Utrecht egress", "198.51.100.8: Utrecht office office", "2001:db8::1: Scanner scanner",
		"::ffff:198.51.100.9: Utrecht office office", "10.1.2.3: Data centre ", "10.1.2.3:  ", "AWS Internal:  ", "192.0.2.1:  "}, labels); diff != "" {
		t.Error(diff)
	}
	want := []string{"context context.yaml: of its 2 accounts 2 were met in findings, of 4 identities 4, of 4 networks 4"}
	if diff := cmp.Diff(want, r.Summary.Notes); diff != "" {
		t.Error(diff)
	}
}

// Nothing but the fields of enrichment changes.
func TestEnrichmentChangesNothingElse(t *testing.T) {
	c, err := ParseContext("context.yaml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	db := newMMDB(6)
	db.add("192.0.2.0/24", map[string]any{"asn": "AS64500", "as_name": "Example", "country_code": "NL"})
	g, err := OpenGeoIP(db.write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	r := report()
	c.Apply(r)
	g.Apply(r)
	ignore := cmp.Options{
		cmpopts.IgnoreFields(finding.Account{}, "Name", "Environment", "Criticality"),
		cmpopts.IgnoreFields(finding.Actor{}, "Owner"),
		cmpopts.IgnoreFields(finding.Address{}, "ASN", "ASName", "Country", "Label", "Kind"),
		cmpopts.IgnoreFields(finding.Summary{}, "Notes"),
	}
	if diff := cmp.Diff(report(), r, ignore); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(report(), r) {
		t.Error("nothing was enriched at all")
	}
}

func TestContextFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"accounts:\n", ""},
		{"- a", "c.yaml:1:1: expected a mapping, found a list"},
		{"acounts: {}", `c.yaml:1:1: unknown key "acounts"; known are accounts, identities, addresses`},
		{"accounts:\n  '1': {name: a, owner: b}", `c.yaml:2:18: unknown key "owner"; known are name, environment, criticality`},
		{"accounts:\n  '1': {criticality: dire}", `c.yaml:2:22: "dire" is not one of low, medium, high, critical`},
		{"accounts:\n  '1': {name: a}\n  '1': {name: b}", `c.yaml:3:3: "1" stands here twice`},
		{"accounts:\n  A1: {name: a}\n  a1: {name: b}", `c.yaml:3:3: "a1" stands here twice`},
		{"accounts:\n  '1': prod", `c.yaml:2:8: expected a mapping, found "prod"`},
		{"accounts:\n  '1': {name: [a]}", `c.yaml:2:15: name: expected a text, found a list`},
		{"accounts:\n  '1': {name: ''}", `c.yaml:2:15: empty`},
		{"accounts:\n  [a]: {name: x}", `c.yaml:2:3: expected a plain key, found a list`},
		{"accounts: &x\n  '1': {name: a}\nidentities: *x", `c.yaml:3:13: expected a mapping, found an alias`},
		{"identities:\n  x: {}", `c.yaml:2:3: "x" has no owner`},
		{"identities:\n  x:\n", `c.yaml:2:3: "x" has no owner`},
		{"identities:\n  '**': {owner: all}", `c.yaml:2:3: a pattern of wildcards alone would match everyone`},
		{"addresses:\n  office: {label: a}", `c.yaml:2:3: "office" is neither an address nor a network in CIDR form`},
		{"addresses:\n  10.0.0.1/8: {label: a}", `c.yaml:2:3: 10.0.0.1/8 has bits beyond its prefix; is 10.0.0.0/8 meant?`},
		{"addresses:\n  10.0.0.1: {label: a}\n  10.0.0.1/32: {label: b}", `c.yaml:3:3: 10.0.0.1/32 stands here twice`},
		{"addresses:\n  10.0.0.1: {label: a, kind: home}", `c.yaml:2:30: "home" is not one of egress, scanner, office`},
		{"addresses:\n  10.0.0.1: {kind: office}", `c.yaml:2:3: "10.0.0.1" has no label`},
		{"addresses:\n  ::ffff:10.0.0.1: {label: a}", `c.yaml:2:3: write ::ffff:10.0.0.1/128 as an IPv4 network`},
		{"accounts: {a: {nme: x}}\nidentities: {b: {ownr: y}}", "c.yaml:1:16: unknown key \"nme\"; known are name, environment, criticality\nc.yaml:2:18: unknown key \"ownr\"; known are owner\nc.yaml:2:14: \"b\" has no owner"},
	} {
		_, err := ParseContext("c.yaml", []byte(c.text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
	for _, text := range []string{"accounts: {", "a: b: c", "\tx: y", "accounts: {}\n---\naccounts: {}\n"} {
		_, err := ParseContext("c.yaml", []byte(text))
		if err == nil || !regexp.MustCompile(`^c\.yaml:\d+:\d+: `).MatchString(err.Error()) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLoadContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "context.yaml")
	if _, err := LoadContext(path); err == nil {
		t.Error("a file that is not there")
	}
	if err := os.WriteFile(path, []byte(sample), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadContext(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("#"+strings.Repeat("x", maxContext)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadContext(path); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a file that is too large: %v", err)
	}
}

// The example of the documentation loads as it stands.
func TestDocumentedExampleLoads(t *testing.T) {
	docs, err := os.ReadFile("../../docs/context.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(docs), "```yaml\n")
	example, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("docs/context.md has no example")
	}
	c, err := ParseContext("docs/context.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.accounts) == 0 || len(c.exact) == 0 || len(c.patterns) == 0 || len(c.networks) == 0 {
		t.Errorf("the example leaves a part out: %+v", c)
	}
}

// match agrees with the regular expression that the pattern stands for.
func TestMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringOf(rapid.SampledFrom([]rune("ab*"))).Draw(t, "glob")
		s := rapid.StringOf(rapid.SampledFrom([]rune("ab"))).Draw(t, "s")
		parts := strings.Split(glob, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		want := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(s)
		if got := match(glob, s); got != want {
			t.Fatalf("match(%q, %q) = %v", glob, s, got)
		}
	})
}

func FuzzParseContext(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("accounts: &a {x: *a}"))
	f.Add([]byte("addresses: {0.0.0.0/0: {label: x}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseContext("c", text)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if c != nil {
			c.Apply(report())
		}
	})
}

func TestGeoIP(t *testing.T) {
	asn, country := newMMDB(4), newMMDB(6)
	asn.add("192.0.2.0/24", map[string]any{"autonomous_system_number": uint64(64500), "autonomous_system_organization": "Example Transit"})
	asn.add("198.51.100.0/25", map[string]any{"asn": "AS64501", "name": "Example Hosting", "domain": "example.com"})
	country.add("192.0.2.0/25", map[string]any{"country": map[string]any{"iso_code": "NL", "names": map[string]any{"en": "The Netherlands"}}})
	country.add("192.0.2.128/25", map[string]any{"registered_country": map[string]any{"iso_code": "SE"}})
	country.add("198.51.100.0/24", map[string]any{"asn": "AS1", "as_name": "Not asked", "country": "Germany", "country_code": "de"})
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8"} {
		asn.add(private, map[string]any{"asn": "AS64502", "name": "Somebody's own"})
	}
	country.add("fc00::/7", map[string]any{"country": "FR"})
	country.add("2001:db8::/32", map[string]any{"country": "FR", "name": "a place, not a network"})
	g, err := OpenGeoIP(asn.write(t), country.write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for ip, want := range map[string]Network{
		"192.0.2.1":          {"AS64500", "Example Transit", "NL"},
		"::ffff:192.0.2.1":   {"AS64500", "Example Transit", "NL"},
		"192.0.2.200":        {"AS64500", "Example Transit", "SE"},
		"198.51.100.1":       {"AS64501", "Example Hosting", "DE"},
		"198.51.100.200":     {"AS1", "Not asked", "DE"},
		"2001:db8:1::1":      {Country: "FR"},
		"2001:db8:1::1%eth0": {Country: "FR"},
		"203.0.113.1":        {},
		"10.1.2.3":           {}, "::ffff:10.1.2.3": {}, "172.31.0.1": {}, "192.168.1.1": {}, "127.0.0.1": {}, "169.254.169.254": {}, "0.0.0.0": {}, "fd00::1": {},
		"172.15.0.1": {}, "11.0.0.1": {},
	} {
		got, err := g.Lookup(netip.MustParseAddr(ip))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", ip, got, err, want)
		}
	}
	r := &finding.Report{Findings: []finding.Finding{{Addresses: []finding.Address{{IP: "192.0.2.1"}, {IP: "10.0.0.1"}, {IP: "ec2.amazonaws.com"}, {IP: "203.0.113.1"}, {IP: "0.0.0.0"}}},
		{Addresses: []finding.Address{{IP: "192.0.2.1"}}}}}
	g.Apply(r)
	want := finding.Address{IP: "192.0.2.1", ASN: "AS64500", ASName: "Example Transit", Country: "NL"}
	if r.Findings[0].Addresses[0] != want || r.Findings[1].Addresses[0] != want || r.Findings[0].Addresses[1] != (finding.Address{IP: "10.0.0.1"}) {
		t.Errorf("%+v", r.Findings)
	}
	if diff := cmp.Diff([]string{"geoip: of 2 public addresses 1 were found"}, r.Summary.Notes); diff != "" {
		t.Error(diff)
	}
}

// A file that is none, or damaged, is an error that is told.
func TestGeoIPFaults(t *testing.T) {
	good := newMMDB(4)
	good.add("192.0.2.0/24", map[string]any{"asn": "AS64500"})
	path := good.write(t)
	if _, err := OpenGeoIP(path, filepath.Join(t.TempDir(), "none.mmdb")); err == nil {
		t.Error("a file that is not there")
	}
	text := filepath.Join(t.TempDir(), "text.mmdb")
	if err := os.WriteFile(text, []byte("not a database"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenGeoIP(text); err == nil || !strings.Contains(err.Error(), "text.mmdb") {
		t.Errorf("a file that is no database: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The record's map becomes a pointer beyond the data.
	at := len(good.nodes)*8 + 16
	copy(b[at:], "\x37\xff\xff")
	damaged := filepath.Join(t.TempDir(), "damaged.mmdb")
	if err := os.WriteFile(damaged, b, 0o666); err != nil {
		t.Fatal(err)
	}
	g, err := OpenGeoIP(damaged, path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	r := &finding.Report{Findings: []finding.Finding{{Addresses: []finding.Address{{IP: "192.0.2.1"}}}}}
	g.Apply(r)
	if got := r.Findings[0].Addresses[0].ASN; got != "AS64500" {
		t.Errorf("what the other file says is lost: %q", got)
	}
	if n := r.Summary.Notes; len(n) != 1 || !strings.Contains(n[0], "1 could not be looked up") || !strings.Contains(n[0], "damaged.mmdb") {
		t.Errorf("notes: %q", n)
	}
}

func TestASNumber(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{{uint64(64500), "AS64500"}, {"AS64500", "AS64500"}, {"as64500", "AS64500"}, {"64500", "AS64500"}, {uint64(0), ""}, {"", ""}, {"AS", ""}, {"ASx", ""}, {"99999999999", ""}, {nil, ""}, {1.5, ""}} {
		if got := asNumber(c.in); got != c.want {
			t.Errorf("asNumber(%v) = %q, want %q", c.in, got, c.want)
		}
	}
}
