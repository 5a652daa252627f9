// Package azure reads the audit records of Microsoft Azure in their native
// forms: the activity log as its REST API and the command line give it and as
// diagnostic settings export it, and the resource logs of Key Vault, Storage
// and Microsoft Graph.
package azure

import (
	"bytes"
	_ "embed"

	"vedette/internal/cloud"
	"vedette/internal/cloud/catalog"
	"vedette/internal/cloud/outcomes"
	"vedette/internal/cloud/scratch"
	"vedette/internal/event"
	"vedette/internal/tsv"
)

var (
	//go:embed catalog.tsv
	catalogTSV []byte
	//go:embed outcomes.tsv
	outcomesTSV string
	//go:embed first_party_apps.tsv
	appsTSV string
	//go:embed graph_paths.tsv
	graphTSV string
)

// Provider is Microsoft Azure.
type Provider struct {
	names    *catalog.Names
	outcomes *outcomes.Table
	apps     map[string]string // Microsoft's own applications: role by application id
	graph    map[string]string // segments of Graph paths: kind by segment
}

// New returns the provider.
func New() *Provider { return &Provider{} }

// Cloud returns [event.Azure].
func (p *Provider) Cloud() event.Cloud { return event.Azure }

// Register enters the catalogue of Azure. It must be called before
// NewDecoder.
func (p *Provider) Register(reg *event.Registry) (err error) {
	if p.outcomes, err = outcomes.Parse("azure/outcomes.tsv", outcomesTSV); err != nil {
		return err
	}
	// The roles of an application: "service" acts for itself, "client" is
	// where people sign in (and attackers with them), "console" is the portal.
	if p.apps, err = pairs("azure/first_party_apps.tsv", appsTSV, "appid name role source", 0, 2); err != nil {
		return err
	}
	if p.graph, err = pairs("azure/graph_paths.tsv", graphTSV, "kind segment source", 1, 0); err != nil {
		return err
	}
	p.names, err = catalog.Load(reg, event.Azure, catalogTSV, bytes.ToLower)
	return err
}

// pairs reads two columns of a table.
func pairs(file, text, header string, key, value int) (map[string]string, error) {
	rows, err := tsv.Rows(file, text, header)
	m := make(map[string]string, len(rows))
	for _, r := range rows {
		m[r.Fields[key]] = r.Fields[value]
	}
	return m, err
}

// NewDecoder returns a decoder of Azure records.
func (p *Provider) NewDecoder(reg *event.Registry) cloud.Decoder {
	return &decoder{Provider: p, reg: reg, apis: make(map[string]*event.API, 256)}
}

// decoder holds what one goroutine needs.
type decoder struct {
	*Provider
	reg   *event.Registry
	apis  map[string]*event.API // by service, zero byte, name
	key   []byte                // of the look-up under way
	name  []byte                // of the Graph request under way
	space scratch.Space
	lacks string // what the record that was broken last lacks
}
