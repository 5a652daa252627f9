package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"vedette/internal/finding"
)

// GeoIP looks addresses up in MaxMind DB files.
type GeoIP struct{ files []geoFile }

type geoFile struct {
	path string
	db   *maxminddb.Reader
}

// Network is what the databases say of an address. What they do not say is
// empty.
type Network struct {
	ASN     string // "AS64500"
	ASName  string
	Country string // ISO 3166-1 alpha-2
}

// OpenGeoIP opens MaxMind DB files (.mmdb): GeoLite2 and GeoIP2 ASN, ISP,
// Country and City, DB-IP, and IPinfo are understood by the names of their
// fields. Of several files the first that knows a field says it.
func OpenGeoIP(paths ...string) (*GeoIP, error) {
	g := &GeoIP{}
	for _, path := range paths {
		db, err := maxminddb.Open(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("geoip %s: %w", path, err), g.Close())
		}
		g.files = append(g.files, geoFile{path, db})
	}
	return g, nil
}

// Close releases the files.
func (g *GeoIP) Close() error {
	var errs []error
	for _, f := range g.files {
		errs = append(errs, f.db.Close())
	}
	g.files = nil
	return errors.Join(errs...)
}

// public reports whether databases can know an address: the others are the
// same in everyone's network, and what a file says of them is of no one's.
func public(ip netip.Addr) bool {
	return !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified()
}

// Lookup returns what the databases say of an address, and nothing of one
// that is not public. A file that is damaged at that place is an error,
// beside what the others say.
func (g *GeoIP) Lookup(ip netip.Addr) (Network, error) {
	var n Network
	var errs []error
	ip = ip.Unmap().WithZone("")
	if !public(ip) {
		return n, nil
	}
	for _, f := range g.files {
		if ip.Is6() && f.db.Metadata.IPVersion == 4 {
			continue
		}
		result := f.db.Lookup(ip)
		record := map[string]any{}
		if err := result.Err(); err != nil {
			errs = append(errs, fmt.Errorf("geoip %s: %s: %w", f.path, ip, err))
			continue
		}
		if !result.Found() {
			continue
		}
		if err := result.Decode(&record); err != nil {
			errs = append(errs, fmt.Errorf("geoip %s: %s: %w", f.path, ip, err))
			continue
		}
		n.fill(record)
	}
	return n, errors.Join(errs...)
}

// fill takes from a record the fields that are still empty. The names are
// those of the databases' documentation: autonomous_system_number,
// autonomous_system_organization and country.iso_code of MaxMind (and DB-IP),
// asn, as_name, name, country_code and country of IPinfo.
func (n *Network) fill(record map[string]any) {
	if n.ASN == "" {
		n.ASN = asNumber(record["autonomous_system_number"])
	}
	if n.ASN == "" {
		n.ASN = asNumber(record["asn"])
	}
	// "name" is the system's name only where the record is one of systems.
	for _, key := range []string{"autonomous_system_organization", "as_name", "name"} {
		if s, ok := record[key].(string); ok && n.ASName == "" && (key != "name" || record["asn"] != nil) {
			n.ASName = s
		}
	}
	country, _ := record["country"].(map[string]any)
	registered, _ := record["registered_country"].(map[string]any)
	for _, v := range []any{country["iso_code"], record["country_code"], record["country"], registered["iso_code"]} {
		if s, ok := v.(string); ok && n.Country == "" && len(s) == 2 {
			n.Country = strings.ToUpper(s)
		}
	}
}

// asNumber is the number of an autonomous system as "AS64500", from a number
// or from such a text; empty for anything else.
func asNumber(v any) string {
	switch v := v.(type) {
	case uint64:
		if v > 0 {
			return "AS" + strconv.FormatUint(v, 10)
		}
	case string:
		digits := strings.TrimPrefix(strings.ToUpper(v), "AS")
		if n, err := strconv.ParseUint(digits, 10, 32); err == nil && n > 0 {
			return "AS" + strconv.FormatUint(n, 10)
		}
	}
	return ""
}

// Apply fills in the networks of the report's addresses, and notes how many
// were found and what could not be looked up.
func (g *GeoIP) Apply(r *finding.Report) {
	type answer struct {
		network Network
		err     error
	}
	known := map[netip.Addr]answer{}
	found, failed := 0, 0
	var first error
	for i := range r.Findings {
		for j := range r.Findings[i].Addresses {
			a := &r.Findings[i].Addresses[j]
			ip, err := netip.ParseAddr(a.IP)
			if err != nil || !public(ip.Unmap()) {
				continue
			}
			ans, ok := known[ip]
			if !ok {
				ans.network, ans.err = g.Lookup(ip)
				known[ip] = ans
				if ans.network != (Network{}) {
					found++
				}
				if ans.err != nil {
					failed++
					if first == nil {
						first = ans.err
					}
				}
			}
			a.ASN, a.ASName, a.Country = ans.network.ASN, ans.network.ASName, ans.network.Country
		}
	}
	note := fmt.Sprintf("geoip: of %d public addresses %d were found", len(known), found)
	if failed > 0 {
		note += fmt.Sprintf("; %d could not be looked up in every file: %v", failed, first)
	}
	r.Summary.Notes = append(r.Summary.Notes, note)
}
