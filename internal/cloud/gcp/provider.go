// Package gcp reads Cloud Audit Logs of Google Cloud in their native form,
// the LogEntry ("LogEntry" and "AuditLog", Cloud Logging API reference).
package gcp

import (
	_ "embed"
	"strings"

	"vedette/internal/cloud"
	"vedette/internal/cloud/catalog"
	"vedette/internal/cloud/outcomes"
	"vedette/internal/cloud/scratch"
	"vedette/internal/event"
)

var (
	//go:embed catalog.tsv
	catalogTSV []byte
	//go:embed outcomes.tsv
	outcomesTSV string
	//go:embed service_agents.tsv
	agentsTSV string
	//go:embed workspace.tsv
	workspaceTSV string
)

// Provider is Google Cloud.
type Provider struct {
	names     *catalog.Names
	outcomes  *outcomes.Table
	agents    agents
	workspace map[string]bool // services whose entries are those of Workspace
}

// New returns the provider.
func New() *Provider { return &Provider{} }

// Cloud returns [event.GCP].
func (p *Provider) Cloud() event.Cloud { return event.GCP }

// Register enters the catalogue of Google Cloud. It must be called before
// NewDecoder.
func (p *Provider) Register(reg *event.Registry) (err error) {
	if p.outcomes, err = outcomes.Parse("gcp/outcomes.tsv", outcomesTSV); err != nil {
		return err
	}
	if p.agents, err = parseAgents(agentsTSV); err != nil {
		return err
	}
	p.workspace = map[string]bool{}
	for i, line := range strings.Split(workspaceTSV, "\n") {
		if service, _, ok := strings.Cut(line, "\t"); ok && i > 0 {
			p.workspace[service] = true
		}
	}
	p.names, err = catalog.Load(reg, event.GCP, catalogTSV, Canonical)
	return err
}

// NewDecoder returns a decoder of log entries.
func (p *Provider) NewDecoder(reg *event.Registry) cloud.Decoder {
	return &decoder{Provider: p, reg: reg, apis: make(map[string]*event.API, 256)}
}

// decoder holds what one goroutine needs.
type decoder struct {
	*Provider
	reg   *event.Registry
	apis  map[string]*event.API // by service, zero byte, method as logged
	key   []byte                // of the look-up under way
	space scratch.Space
	lacks string // what the record that was broken last lacks
}
