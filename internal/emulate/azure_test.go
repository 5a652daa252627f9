package emulate

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func azureStage(t *testing.T) *Azure {
	t.Helper()
	vault := func(name string) map[string]any {
		return map[string]any{"id": "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/" + name, "name": name, "type": "Microsoft.KeyVault/vaults"}
	}
	a := &Azure{
		Stage: NewStage("test"),
		Estate: &AzureEstate{
			Tenant: "ten", Subscription: "sub", AuditedVaults: []string{"seen"}, GraphActivity: true,
			Principals: map[string]*AzurePrincipal{"app": {ObjectID: "oid", AppID: "app", Role: "Reader"}},
			Resources: []map[string]any{vault("seen"), vault("unseen"), {
				"id":   "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acc",
				"name": "acc", "type": "Microsoft.Storage/storageAccounts",
			}},
			Answers: map[string]any{"microsoft.storage/storageaccounts/listkeys/action": map[string]any{"keys": []any{"secret-value"}}},
			Vaults:  map[string]map[string][]string{"seen": {"secrets": {"a"}}, "unseen": {"secrets": {"b"}}},
			Graph:   map[string][]map[string]any{"users": {{"id": "1"}}},
		},
		Policy: Policy{"oid": {"Microsoft.*/read", "Microsoft.Storage/storageAccounts/listKeys/action", "Microsoft.KeyVault/vaults/secrets/SecretList"}},
	}
	a.Stage.Begin(Scene{Source: "203.0.113.9", Start: time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC), PaceMin: time.Second, PaceMax: time.Second})
	return a
}

func (a *Azure) ask(method, url string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	r.Header.Set("Authorization", "Bearer "+unsignedToken(map[string]any{"who": "app"}))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// lines delivers and reads back every record, by blob.
func (a *Azure) lines(t *testing.T) map[string][]map[string]any {
	t.Helper()
	root := t.TempDir()
	paths, err := a.Deliver(root)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]map[string]any{}
	for _, p := range paths {
		body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(body) {
			var rec map[string]any
			if err := json.Unmarshal(line, &rec); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			out[p] = append(out[p], rec)
		}
	}
	return out
}

const (
	arm      = "https://management.azure.com/subscriptions/sub/resourceGroups/rg/providers/"
	activity = "insights-activity-logs/resourceId=/SUBSCRIPTIONS/SUB/y=2026/m=03/d=17/h=13/m=00/PT1H.json"
)

func TestResourceManagerReadsLeaveNoRecord(t *testing.T) {
	a := azureStage(t)
	w := a.ask("GET", "https://management.azure.com/subscriptions/sub/providers/Microsoft.Storage/storageAccounts?api-version=1")
	if !strings.Contains(w.Body.String(), "/storageAccounts/acc") {
		t.Fatalf("the list is not answered: %s", w.Body)
	}
	a.ask("GET", arm+"Microsoft.KeyVault/vaults/unseen?api-version=1")
	if got := a.lines(t); len(got) != 0 {
		t.Errorf("reads were logged: %v", got)
	}
	if n := a.NotLogged(); n["Microsoft.Storage/storageAccounts/read"] != 1 || n["Microsoft.KeyVault/vaults/read"] != 1 {
		t.Errorf("not logged: %v", n)
	}
}

func TestAnActionStartsAndEnds(t *testing.T) {
	a := azureStage(t)
	if w := a.ask("POST", arm+"Microsoft.Storage/storageAccounts/acc/listKeys?api-version=1"); w.Code != 200 {
		t.Fatal(w.Code)
	}
	recs := a.lines(t)[activity]
	if len(recs) != 2 {
		t.Fatalf("%d records: %v", len(recs), a.lines(t))
	}
	start, end := recs[0], recs[1]
	const op = "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION"
	if start["operationName"] != op || start["resultType"] != "Start" || end["resultType"] != "Success" || end["resultSignature"] != "Succeeded.OK" {
		t.Errorf("%v, %v", start, end)
	}
	if start["correlationId"] != end["correlationId"] || start["time"].(string) >= end["time"].(string) || start["callerIpAddress"] != "203.0.113.9" {
		t.Errorf("%v, %v", start, end)
	}
	if got := start["resourceId"]; got != "/SUBSCRIPTIONS/SUB/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/ACC" {
		t.Errorf("resource %v", got)
	}
	claims := start["identity"].(map[string]any)["claims"].(map[string]any)
	if claims["http://schemas.microsoft.com/identity/claims/objectidentifier"] != "oid" || claims["appid"] != "app" {
		t.Errorf("claims %v", claims)
	}
	all, _ := json.Marshal(recs)
	if strings.Contains(string(all), "secret-value") {
		t.Error("the answer is in the log")
	}
}

func TestARefusedActionFails(t *testing.T) {
	a := azureStage(t)
	if w := a.ask("POST", arm+"Microsoft.Cache/redis/c/listKeys?api-version=1"); w.Code != 403 || !strings.Contains(w.Body.String(), "AuthorizationFailed") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	recs := a.lines(t)[activity]
	if len(recs) != 1 || recs[0]["resultType"] != "Failure" || recs[0]["resultSignature"] != "Failed.Forbidden" {
		t.Errorf("%v", recs)
	}
}

func TestOnlyAVaultWithADiagnosticSettingTells(t *testing.T) {
	a := azureStage(t)
	a.ask("GET", arm+"Microsoft.KeyVault/vaults/seen?api-version=1")
	a.ask("GET", "https://seen.vault.azure.net/secrets?api-version=7.4")
	a.ask("GET", "https://unseen.vault.azure.net/secrets?api-version=7.4")
	got := a.lines(t)
	recs := got["insights-logs-auditevent/resourceId=/SUBSCRIPTIONS/SUB/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/SEEN/y=2026/m=03/d=17/h=13/m=00/PT1H.json"]
	if len(got) != 1 || len(recs) != 2 || recs[0]["operationName"] != "VaultGet" || recs[1]["operationName"] != "SecretList" {
		t.Errorf("%v", got)
	}
}

func TestGraphTellsEveryRequest(t *testing.T) {
	a := azureStage(t)
	if w := a.ask("GET", "https://graph.microsoft.com/v1.0/users"); w.Code != 403 {
		t.Errorf("nobody allowed this: %d", w.Code)
	}
	for _, recs := range a.lines(t) {
		p := recs[0]["properties"].(map[string]any)
		if p["requestUri"] != "https://graph.microsoft.com/v1.0/users" || p["responseStatusCode"] != 403.0 || p["servicePrincipalId"] != "oid" || p["userId"] != nil {
			t.Errorf("%v", p)
		}
		return
	}
	t.Error("no record")
}

func TestOperationsAreNamedFromThePath(t *testing.T) {
	for _, c := range []struct{ method, path, want, scope string }{
		{"GET", "/subscriptions", "Microsoft.Resources/subscriptions/read", "/subscriptions"},
		{"GET", "/subscriptions/s/resourcegroups", "Microsoft.Resources/subscriptions/resourcegroups/read", ""},
		{"PATCH", "/subscriptions/s/resourcegroups/g", "Microsoft.Resources/subscriptions/resourcegroups/write", "/subscriptions/s/resourcegroups/g"},
		{"GET", "/subscriptions/s/providers/Microsoft.Compute/virtualMachines", "Microsoft.Compute/virtualMachines/read", ""},
		{"POST", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/w/config/appsettings/list", "Microsoft.Web/sites/config/list/action",
			"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/w/config/appsettings"},
		{"POST", "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/n/AuthorizationRules/r/listKeys",
			"Microsoft.ServiceBus/namespaces/AuthorizationRules/listKeys/action", ""},
		{"DELETE", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d", "Microsoft.Compute/disks/delete", ""},
	} {
		p, ok := parseARM(c.path)
		if got := p.operation(c.method); !ok || got != c.want {
			t.Errorf("%s %s is %q, want %q", c.method, c.path, got, c.want)
		}
		if c.scope != "" && p.scope != c.scope {
			t.Errorf("%s acts on %q, want %q", c.path, p.scope, c.scope)
		}
	}
	if _, ok := parseARM("/favicon.ico"); ok {
		t.Error("not a path of Resource Manager's")
	}
}

func TestWithoutATokenThereIsAChallenge(t *testing.T) {
	a := azureStage(t)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "https://seen.vault.azure.net/secrets", nil))
	if w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), "login.microsoftonline.com/ten") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if len(a.lines(t)) != 0 {
		t.Error("a challenge is no operation")
	}
}
