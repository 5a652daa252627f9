package rehearse

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"

	"vedette/internal/emulate"
	"vedette/internal/event"
)

var (
	//go:embed estate/azure.json
	azureEstate []byte
	//go:embed estate/policy-azure.json
	azurePolicy []byte
)

// azurePrincipal returns who has a name in the estate, and what it signs in
// with.
func azurePrincipal(e *emulate.AzureEstate, name string) (id string, p *emulate.AzurePrincipal, err error) {
	for id, p := range e.Principals {
		if p.Name == name {
			return id, p, nil
		}
	}
	return "", nil, fmt.Errorf("%q is no principal of the estate", name)
}

// azureRun is one run's stand-in.
type azureRun struct{ rec *emulate.Azure }

func azureStandIn(r *Run, on []event.Log, s *session) (standIn, error) {
	var estate emulate.AzureEstate
	if err := json.Unmarshal(azureEstate, &estate); err != nil {
		return nil, fmt.Errorf("estate/azure.json: %w", err)
	}
	_, who, err := azurePrincipal(&estate, r.As)
	if err != nil {
		return nil, err
	}
	estate.KeepLogs(on...)
	policy := emulate.Policy{}
	if err := json.Unmarshal(azurePolicy, &policy); err != nil {
		return nil, fmt.Errorf("estate/policy-azure.json: %w", err)
	}
	if r.Allow != nil {
		policy[who.ObjectID] = r.Allow
	}
	return &azureRun{&emulate.Azure{Stage: s.stage, Estate: &estate, Policy: policy, UserAgent: emulate.PlainAgent}}, nil
}

func (a *azureRun) serves(host string) http.Handler {
	if a.rec.Serves(host) {
		return a.rec
	}
	return nil
}

func (a *azureRun) begin(s *session, step *Step) ([]string, string, error) {
	id, who, err := azurePrincipal(a.rec.Estate, step.As)
	if err != nil {
		return nil, "", err
	}
	env := []string{
		"AZURE_CONFIG_DIR=" + filepath.Join(s.work, "azure", who.ObjectID), "AZURE_CORE_COLLECT_TELEMETRY=no",
		"AZURE_CORE_LOGIN_EXPERIENCE_V2=off", "AZURE_CORE_NO_COLOR=yes", "AZURE_CORE_ONLY_SHOW_ERRORS=yes", "AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no",
		"AZURE_CORE_OUTPUT=json",
	}
	if who.UPN != "" {
		a.rec.Estate.DeviceUser = id
		return env, "az login --use-device-code >/dev/null\n", nil
	}
	// The stand-in lets in whoever is of the estate: this is no secret.
	return env, "az login --service-principal --username " + id + " --password not-a-password --tenant " + a.rec.Estate.Tenant + " >/dev/null\n", nil
}

func (a *azureRun) deliver(dir string) error {
	_, err := a.rec.Deliver(dir)
	return err
}

func (a *azureRun) told(p *Played) {
	p.NotLogged = a.rec.NotLogged()
	p.fault(a.rec.Faults()...)
}
