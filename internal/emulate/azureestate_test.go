package emulate

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// rehearsalAzure is the stand-in with the estate of the rehearsals, called by
// its owner.
func rehearsalAzure(t *testing.T) *Azure {
	t.Helper()
	a := &Azure{Stage: NewStage("test"), Estate: &AzureEstate{}}
	readEstate(t, "azure.json", a.Estate)
	readEstate(t, "policy-azure.json", &a.Policy)
	a.Stage.Begin(Scene{Source: "203.0.113.9", Start: time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC), PaceMin: time.Millisecond, PaceMax: time.Millisecond})
	return a
}

func readEstate(t *testing.T, name string, into any) {
	t.Helper()
	body, err := os.ReadFile("../rehearse/estate/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

const rehearsalOwner = "66666666-1111-0000-0000-00000000000b"

func (a *Azure) askAs(who, method, url, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+unsignedToken(map[string]any{"who": who}))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// TestNoReadGetsIntoAnActivityLog asks for everything that the estate of the
// rehearsals holds, one by one and as lists, and by the query that is posted.
func TestNoReadGetsIntoAnActivityLog(t *testing.T) {
	a := rehearsalAzure(t)
	const root = "https://management.azure.com"
	asked := 0
	for _, res := range a.Estate.Resources {
		id := res["id"].(string)
		urls := []string{root + id, root + "/subscriptions/" + a.Estate.Subscription + "/providers/" + res["type"].(string), root + id[:strings.LastIndex(id, "/")]}
		for _, url := range urls {
			for _, method := range []string{"GET", "HEAD"} {
				a.askAs(rehearsalOwner, method, url+"?api-version=1", "")
				asked++
			}
		}
	}
	w := a.askAs(rehearsalOwner, "POST", root+"/providers/Microsoft.ResourceGraph/resources?api-version=1", `{"query":"Resources"}`)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "orderdb01") || strings.Contains(w.Body.String(), "roleAssignments") {
		t.Errorf("Resource Graph: %d", w.Code)
	}
	if asked < 200 || len(a.Faults()) != 0 {
		t.Errorf("%d requests, faults %q", asked, a.Faults())
	}
	for path := range a.lines(t) {
		if strings.Contains(path, "insights-activity-logs") {
			t.Errorf("reads are in %s", path)
		}
	}
	p, _ := parseARM("/subscriptions/s/providers/Microsoft.Compute/virtualMachines")
	a.activity(a.Estate.Principals[rehearsalOwner], p, p.operation("GET"), 200, "", time.Now(), "203.0.113.9")
	if len(a.Faults()) != 1 {
		t.Error("the Activity log took a read")
	}
}

func TestAQueryThatIsNotUnderstoodIsAFault(t *testing.T) {
	a := rehearsalAzure(t)
	a.askAs(rehearsalOwner, "POST", "https://management.azure.com/providers/Microsoft.ResourceGraph/resources?api-version=1", `{"query":"resources | summarize count()"}`)
	if len(a.Faults()) != 1 {
		t.Errorf("%q", a.Faults())
	}
}

func TestGraphNamesTheIdsOfRoleAssignments(t *testing.T) {
	a := rehearsalAzure(t)
	oid := a.Estate.Principals[rehearsalOwner].ObjectID
	w := a.askAs(rehearsalOwner, "POST", "https://graph.microsoft.com/v1.0/directoryObjects/getByIds", `{"ids":["`+oid+`","unknown"]}`)
	if w.Code != 200 || strings.Count(w.Body.String(), `"id"`) != 1 || !strings.Contains(w.Body.String(), "platform-deploy") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := a.askAs(rehearsalOwner, "GET", "https://graph.microsoft.com/v1.0/servicePrincipals/"+oid, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "platform-deploy") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := a.askAs(rehearsalOwner, "GET", "https://graph.microsoft.com/v1.0/users/unknown", ""); w.Code != 404 || len(a.Faults()) != 0 {
		t.Errorf("%d %s %q", w.Code, w.Body, a.Faults())
	}
	for _, recs := range a.lines(t) {
		if len(recs) != 3 || at(recs[0], "properties", "requestMethod") != "POST" || at(recs[2], "properties", "responseStatusCode") != 404.0 {
			t.Errorf("%v", recs)
		}
	}
}

// TestTheRehearsalEstateHoldsTogether: what names another thing names one that
// is there.
func TestTheRehearsalEstateHoldsTogether(t *testing.T) {
	a := rehearsalAzure(t)
	e := a.Estate
	if e.Principals[e.DeviceUser] == nil {
		t.Error("the operator is no principal")
	}
	ids := map[string]bool{}
	for _, res := range e.Resources {
		id := res["id"].(string)
		if ids[id] || !strings.Contains(id, e.Subscription) {
			t.Errorf("%s: twice, or of another subscription", id)
		}
		ids[id] = true
		if role, _ := at(res, "properties", "roleDefinitionId").(string); role != "" && !ids[role] {
			t.Errorf("%s assigns %s, which stands nowhere before it", id, role)
		}
	}
	for _, v := range slices.Concat(e.AuditedVaults, slices.Collect(maps.Keys(e.Vaults))) {
		if e.Vaults[v] == nil || a.resourceNamed("Microsoft.KeyVault/vaults", v) == nil {
			t.Errorf("vault %s", v)
		}
	}
	for name := range e.Storage {
		if a.resourceNamed("Microsoft.Storage/storageAccounts", name) == nil {
			t.Errorf("storage account %s", name)
		}
	}
	reader, owner := e.Principals["66666666-1111-0000-0000-00000000000a"], e.Principals[rehearsalOwner]
	for _, action := range []string{"Microsoft.Storage/storageAccounts/listKeys/action", "Microsoft.KeyVault/vaults/secrets/SecretList", "graph/users",
		"Microsoft.Storage/storageAccounts/blobServices/containers/read"} {
		if a.Policy.Allows(reader.ObjectID, action) || !a.Policy.Allows(owner.ObjectID, action) {
			t.Errorf("%s: the reader may, or the owner may not", action)
		}
	}
	if !a.Policy.Allows(reader.ObjectID, "Microsoft.Compute/virtualMachines/read") {
		t.Error("the reader may not read")
	}
}

func TestDataPlanesRefuseInTheirOwnForm(t *testing.T) {
	a := rehearsalAzure(t)
	const reader = "66666666-1111-0000-0000-00000000000a"
	for url, want := range map[string]string{
		"https://kv-orders.vault.azure.net/secrets?api-version=7.4":     `"innererror":{"code":"ForbiddenByRbac"}`,
		"https://graph.microsoft.com/v1.0/users":                        `"code":"Authorization_RequestDenied"`,
		"https://orderdocs.blob.core.windows.net/?comp=list":            "<Code>AuthorizationPermissionMismatch</Code>",
		"https://orderdocs.table.core.windows.net/Tables":               `"code":"AuthorizationPermissionMismatch"`,
		"https://orderdocs.queue.core.windows.net/?comp=list&timeout=9": "<Code>AuthorizationPermissionMismatch</Code>",
	} {
		if w := a.askAs(reader, "GET", url, ""); w.Code != 403 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
	denied := 0
	for _, recs := range a.lines(t) {
		for _, r := range recs {
			text, _ := json.Marshal(r)
			if strings.Contains(string(text), "403") {
				denied++
			}
		}
	}
	if denied != 5 || len(a.Faults()) != 0 {
		t.Errorf("%d denials recorded, faults %q", denied, a.Faults())
	}
}
