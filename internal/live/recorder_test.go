package live

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/internal/emulate"
)

// behind answers with a recorder's handler.
func behind(h http.Handler) func(w http.ResponseWriter, r request) {
	return func(w http.ResponseWriter, r request) {
		req := httptest.NewRequest(r.method, "https://"+r.host+r.path, strings.NewReader(r.body))
		req.Header = r.header.Clone()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		for k, vs := range rec.Header() {
			w.Header()[k] = vs
		}
		w.WriteHeader(rec.Code)
		_, _ = io.Copy(w, rec.Body)
	}
}

// TestGoogleLinesCarryTheMarker: the lines that Google would write, of calls
// that are granted and refused, are known again; where Data Access is off the
// class is named.
func TestGoogleLinesCarryTheMarker(t *testing.T) {
	googleFile(t, serviceAccount(t))
	for _, on := range []bool{true, false} {
		g := &emulate.GCP{
			Stage: emulate.NewStage("live"), Policy: emulate.Policy{"drill@example-project.iam.gserviceaccount.com": {"compute.*"}},
			Estate: &emulate.GCPEstate{
				Project:    "example-project",
				Principals: map[string]*emulate.GCPPrincipal{"hush-token": {Email: "drill@example-project.iam.gserviceaccount.com", KeyID: "k1"}},
				Answers: map[string]map[string]any{
					"v1.compute.instances.aggregatedList": {}, "storage.buckets.list": {}, "google.iam.admin.v1.ListServiceAccounts": {},
				},
			},
		}
		if on {
			g.Estate.DataAccess = []string{"compute.googleapis.com", "storage.googleapis.com", "iam.googleapis.com"}
		}
		g.Stage.Begin(emulate.Scene{Source: "203.0.113.9", Start: time.Now().UTC(), PaceMin: time.Second, PaceMax: time.Second})
		_, client := serve(t, func(w http.ResponseWriter, r request) {
			if r.host == "oauth2.googleapis.com" {
				googleStandIn(w, r)
				return
			}
			behind(g)(w, r)
		})
		rec, err := mustPrepare(t, Options{Client: client}, `
- gcp: GET https://compute.googleapis.com/compute/v1/projects/{project}/aggregated/instances
  event: v1.compute.instances.aggregatedList
- gcp: GET https://storage.googleapis.com/storage/v1/b?project={project}
  event: storage.buckets.list
- gcp: GET https://iam.googleapis.com/v1/projects/{project}/serviceAccounts
  event: google.iam.admin.v1.ListServiceAccounts
`).Run(t.Context(), nil)
		if err != nil || len(g.Faults()) > 0 {
			t.Fatalf("%v, %q", err, g.Faults())
		}
		if got := fmt.Sprint(rec.Calls[0].Outcome, rec.Calls[1].Outcome, rec.Calls[2].Outcome); got != "okdenieddenied" {
			t.Errorf("outcomes %s", got)
		}
		root := t.TempDir()
		if _, err := g.Deliver(root); err != nil {
			t.Fatal(err)
		}
		a, err := Await(t.Context(), Watch{Folder: root, Record: rec, Lines: lines, Poll: time.Millisecond, Timeout: 10 * time.Millisecond})
		switch {
		case on && (err != nil || len(a.Lines) != 3):
			t.Errorf("%+v, %v", a, err)
		case !on && (err == nil || !strings.Contains(err.Error(), "3 of 3 lines of gcp.data_access: nothing of this class has come at all")):
			t.Errorf("%+v, %v", a, err)
		}
	}
}

// TestAzureLinesCarryTheMarker: Key Vault and Graph keep the client's name;
// a read of Resource Manager is awaited nowhere.
func TestAzureLinesCarryTheMarker(t *testing.T) {
	noCredentials(t)
	const app = "22222222-0000-4000-8000-000000000002"
	t.Setenv("AZURE_TENANT_ID", azureTenant)
	t.Setenv("AZURE_CLIENT_ID", app)
	t.Setenv("AZURE_CLIENT_SECRET", "hush")
	az := &emulate.Azure{
		Stage: emulate.NewStage("live"), Policy: emulate.Policy{"33333333-0000-4000-8000-000000000003": {"*"}},
		Estate: &emulate.AzureEstate{
			Tenant: azureTenant, Subscription: "44444444-0000-4000-8000-000000000004",
			Principals:    map[string]*emulate.AzurePrincipal{app: {ObjectID: "33333333-0000-4000-8000-000000000003", AppID: app, Name: "drill"}},
			AuditedVaults: []string{"corp"}, GraphActivity: true,
			Vaults: map[string]map[string][]string{"corp": {"secrets": {"db"}}},
			Graph:  map[string][]map[string]any{"users": {{"id": "u1"}}},
			Resources: []map[string]any{
				{"id": "/subscriptions/44444444-0000-4000-8000-000000000004/resourceGroups/g/providers/Microsoft.KeyVault/vaults/corp", "name": "corp", "type": "Microsoft.KeyVault/vaults"},
			},
		},
	}
	az.Stage.Begin(emulate.Scene{Source: "203.0.113.9", Start: time.Now().UTC(), PaceMin: time.Second, PaceMax: time.Second})
	_, client := serve(t, behind(az))
	rec, err := mustPrepare(t, Options{Client: client, Vars: map[string]string{"subscription": az.Estate.Subscription}}, `
- azure: GET https://management.azure.com/subscriptions/{subscription}/resources?api-version=2021-04-01
- azure: GET https://corp.vault.azure.net/secrets?api-version=7.4
  event: SecretList
- azure: GET https://graph.microsoft.com/v1.0/users
  event: GET /users
`).Run(t.Context(), nil)
	if err != nil || len(az.Faults()) > 0 {
		t.Fatalf("%v, %q", err, az.Faults())
	}
	root := t.TempDir()
	if _, err := az.Deliver(root); err != nil {
		t.Fatal(err)
	}
	a, err := Await(t.Context(), Watch{Folder: root, Record: rec, Lines: lines, Poll: time.Millisecond, Timeout: 10 * time.Millisecond})
	if err != nil || a.Expected != 2 || len(a.Lines) != 2 {
		t.Errorf("%v %+v, %v", outcomes(rec), a, err)
	}
}
