package rehearse

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"vedette/internal/emulate"
	"vedette/internal/event"
)

var (
	//go:embed estate/gcp.json
	gcpEstate []byte
	//go:embed estate/policy-gcp.json
	gcpPolicy []byte
)

// gcpRun is one run's stand-in.
type gcpRun struct{ rec *emulate.GCP }

func gcpStandIn(r *Run, on []event.Log, s *session) (standIn, error) {
	var estate emulate.GCPEstate
	if err := json.Unmarshal(gcpEstate, &estate); err != nil {
		return nil, fmt.Errorf("estate/gcp.json: %w", err)
	}
	if !slices.Contains(on, event.GCPDataAccess) {
		estate.DataAccess = nil
	}
	policy := emulate.Policy{}
	if err := json.Unmarshal(gcpPolicy, &policy); err != nil {
		return nil, fmt.Errorf("estate/policy-gcp.json: %w", err)
	}
	if r.Allow != nil {
		policy[r.As] = r.Allow
	}
	return &gcpRun{&emulate.GCP{Stage: s.stage, Estate: &estate, Policy: policy, UserAgent: emulate.PlainAgent}}, nil
}

func (g *gcpRun) serves(host string) http.Handler {
	if g.rec.Serves(host) {
		return g.rec
	}
	return nil
}

func (g *gcpRun) begin(s *session, step *Step) ([]string, string, error) {
	for token, p := range g.rec.Estate.Principals {
		if p.Email != step.As {
			continue
		}
		file := filepath.Join(s.work, "token")
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			return nil, "", err
		}
		host, port, err := net.SplitHostPort(s.addr)
		if err != nil {
			return nil, "", err
		}
		return []string{
			"CLOUDSDK_CONFIG=" + filepath.Join(s.work, "gcloud"), "CLOUDSDK_CORE_PROJECT=" + g.rec.Estate.Project, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + file,
			"CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS=" + host, "CLOUDSDK_PROXY_PORT=" + port,
			"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE=" + s.authority(), "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true",
			"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true", "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
			"PROJECT=" + g.rec.Estate.Project, "ACCESS_TOKEN=" + token,
		}, "", nil
	}
	return nil, "", fmt.Errorf("%q is no principal of the estate", step.As)
}

func (g *gcpRun) deliver(dir string) error {
	_, err := g.rec.Deliver(dir)
	return err
}

func (g *gcpRun) told(p *Played) {
	p.NotLogged = g.rec.NotLogged()
	p.fault(g.rec.Faults()...)
}
