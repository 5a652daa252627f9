package detection

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/plan"
)

const seedFile = "seed.yaml"

// seedColumns are the columns of the seed profile's result, in their order.
var seedColumns = []string{
	"TimeGenerated", "CloudProvider", "Identity", "AccountId", "DiscoveryCount", "DistinctAPIs",
	"APIList", "DistinctRegions", "SourceIPs", "FirstSeen", "LastSeen", "RiskScore",
}

// Seed is the query that Vedette began with, as data: builtin/seed.yaml. It
// is no detection. Its names are compared as the query compares them, its
// bins are aligned to the epoch, and nothing is deduplicated.
type Seed struct {
	ID   string
	Name string
	// Bin is the length of a bin; bins start at multiples of it since the
	// Unix epoch, UTC.
	Bin time.Duration

	AWS   SeedLeg
	Azure SeedLeg

	// Trigger is what a bin must reach to be in the result; its DistinctAPIs
	// are distinct names as the table holds them.
	Trigger plan.Condition
	// Bands give RiskScore: the first that holds. The last has no condition.
	Bands []plan.Band

	MaxAPIs      int // names kept in APIList
	MaxAddresses int // addresses kept in SourceIPs

	// Columns of the result, in order.
	Columns []string
	// Sort lists the columns that order the rows; the profile's ties follow
	// the query's own.
	Sort []SortKey
}

// SeedLeg is the query's part for one cloud.
type SeedLeg struct {
	Provider string // value of CloudProvider
	// Names are the operations that count, as the query lists them. Azure's
	// are in lower case and compared with the lower-cased operation; AWS's
	// are compared letter for letter, whatever the service.
	Names []string
	// Status is the status that counts, compared without letter case; empty
	// where the query asks for none.
	Status string
	// NeedsIdentity drops rows whose identity is empty.
	NeedsIdentity bool
}

// SortKey orders rows by a column.
type SortKey struct {
	Column     string
	Descending bool
}

// LoadSeedProfile reads the built-in seed profile.
func LoadSeedProfile() (*Seed, error) {
	name := path.Join("builtin", seedFile)
	data, err := builtin.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("seed profile: %w", err)
	}
	return loadSeed(name, data)
}

func loadSeed(file string, data []byte) (*Seed, error) {
	r := &reader{report{file: file}}
	s := &Seed{}
	if root := r.document(data); root != nil {
		r.seed(root, s)
	}
	r.problems.sort()
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func (r *reader) seed(n *yaml.Node, s *Seed) {
	known := []string{"profile", "id", "name", "bin", "aws", "azure", "trigger", "bands", "max_apis", "max_addresses", "columns", "sort"}
	m := r.mapping(n, "the seed profile", known...)
	if m == nil {
		return
	}
	r.require(m, known...)
	f := m.fields
	if f["profile"] != nil {
		r.oneOf(f["profile"], "profile", []string{"seed"})
	}
	s.ID = r.text(f["id"], "id")
	s.Name = r.text(f["name"], "name")
	s.Bin = r.duration(f["bin"], "bin", time.Second, maxWindow, 0)
	s.AWS = r.leg(f["aws"], "aws")
	s.Azure = r.leg(f["azure"], "azure")
	for _, name := range s.Azure.Names {
		if name != strings.ToLower(name) {
			r.errorf(at(f["azure"]), "%q is compared with lower-cased operations and would never match", name)
		}
	}
	if f["trigger"] != nil {
		s.Trigger, _ = r.condition(r.mapping(f["trigger"], "a trigger", "events", "distinct_apis", "any"), true)
	}
	var w Window
	r.bands(f["bands"], &w)
	s.Bands = w.Bands
	if n := len(s.Bands); n > 0 && len(s.Bands[n-1].When) > 0 {
		r.errorf(w.bands[n-1], "the last band has no condition: it is the query's \"else\"")
	}
	s.MaxAPIs = r.number(f["max_apis"], "max_apis", 1, 1_000_000, 0)
	s.MaxAddresses = r.number(f["max_addresses"], "max_addresses", 1, 1_000_000, 0)
	s.Columns = r.texts(f["columns"], "columns", nil)
	if f["columns"] != nil && !slices.Equal(s.Columns, seedColumns) {
		r.errorf(at(f["columns"]), "columns are %s", strings.Join(seedColumns, ", "))
	}
	for _, c := range r.list(f["sort"], "sort") {
		k := r.mapping(c, "an entry of sort", "column", "order")
		if k == nil {
			continue
		}
		r.require(k, "column", "order")
		key := SortKey{Column: r.either(k.fields["column"], "column", "")}
		if k.fields["column"] != nil {
			r.oneOf(k.fields["column"], "column", seedColumns)
		}
		if k.fields["order"] != nil {
			key.Descending = r.oneOf(k.fields["order"], "order", []string{"ascending", "descending"}) == "descending"
		}
		s.Sort = append(s.Sort, key)
	}
}

func (r *reader) leg(n *yaml.Node, what string) (leg SeedLeg) {
	if n == nil {
		return leg
	}
	m := r.mapping(n, what, "provider", "names", "status", "needs_identity")
	if m == nil {
		return leg
	}
	r.require(m, "provider", "names")
	f := m.fields
	leg.Provider = r.either(f["provider"], "provider", "")
	// Not texts: the query lists one name twice, and the file does as it does.
	for _, c := range r.list(f["names"], "names") {
		leg.Names = append(leg.Names, r.text(c, "a name"))
	}
	leg.Status = r.either(f["status"], "status", "")
	leg.NeedsIdentity, _ = r.truth(f["needs_identity"], "needs_identity")
	return leg
}
