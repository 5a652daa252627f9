package emulate

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// azureStore is the stage of azureStage with a storage account that holds
// something and two of whose services are watched.
func azureStore(t *testing.T) *Azure {
	a := azureStage(t)
	a.Estate.Storage = map[string]*AzureStorage{"acc": {
		Key: base64.StdEncoding.EncodeToString([]byte("not a key")), Audited: []string{"blob", "table"},
		Containers: map[string][]string{"box": {"a<b", "c"}}, Queues: []string{"q"}, Tables: []string{"t"}, Shares: []string{"s"},
	}}
	assign := func(name, role string) map[string]any {
		return map[string]any{"id": "/a/" + name, "name": name, "type": "Microsoft.Authorization/roleAssignments",
			"properties": map[string]any{"principalId": "oid", "roleDefinitionId": "/roles/" + role}}
	}
	define := func(name string, actions ...any) map[string]any {
		return map[string]any{"id": "/roles/" + name, "name": name, "type": "Microsoft.Authorization/roleDefinitions",
			"properties": map[string]any{"permissions": []any{map[string]any{"dataActions": actions}}}}
	}
	a.Estate.Resources = append(a.Estate.Resources,
		assign("as-reader", "reader"), assign("as-data", "data"), define("reader"), define("data", "Microsoft.Storage/storageAccounts/blobServices/*"))
	a.Policy["oid"] = []string{"Microsoft.Storage/storageAccounts/blobServices/containers/read", "Microsoft.Storage/storageAccounts/listKeys/action", "Microsoft.KeyVault/*"}
	return a
}

// key asks with a signature that Microsoft's Python library made for this
// request, so that the stand-in's own arithmetic is held against another's.
func (a *Azure) key(url, version, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", url, nil)
	r.Header.Set("x-ms-date", "Tue, 17 Mar 2026 13:00:00 GMT")
	r.Header.Set("x-ms-version", version)
	r.Header.Set("Authorization", "SharedKey acc:"+signature)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

const storageBlob = "insights-logs-storageread/resourceId=/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acc/blobServices/default/y=2026/m=03/d=17/h=13/m=00/PT1H.json"

func TestAnAccountKeyIsNobodysInTheStorageLog(t *testing.T) {
	a := azureStore(t)
	w := a.key("https://acc.blob.core.windows.net/box?restype=container&comp=list&maxresults=5000", "2024-11-04", "QglN8DcPru/4Zv6Kh7kgk89BszHK379gBasReVWarxc=")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<Name>a&lt;b</Name>") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := a.key("https://acc.table.core.windows.net/Tables", "2019-02-02", "QLk0HqBymO5E96u2j5mn3LI79zqRlddKXPV02U7JIK8="); w.Code != 200 || !strings.Contains(w.Body.String(), `"TableName":"t"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(a.Faults()) != 0 {
		t.Fatal(a.Faults())
	}
	got := a.lines(t)
	table := got[strings.Replace(storageBlob, "blobServices", "tableServices", 1)]
	if len(got) != 2 || len(got[storageBlob]) != 1 || len(table) != 1 || table[0]["operationName"] != "QueryTables" {
		t.Fatalf("%v", got)
	}
	rec := got[storageBlob][0]
	if rec["operationName"] != "ListBlobs" || rec["statusCode"] != 200.0 || at(rec, "properties", "objectKey") != "/acc/box" || rec["category"] != "StorageRead" ||
		!strings.HasPrefix(rec["callerIpAddress"].(string), "203.0.113.9:") {
		t.Errorf("%v", rec)
	}
	identity := rec["identity"].(map[string]any)
	if len(identity) != 2 || identity["type"] != "AccountKey" || !strings.HasPrefix(identity["tokenHash"].(string), "key1(") {
		t.Errorf("identity %v", identity)
	}
	if text, _ := json.Marshal(got); strings.Contains(string(text), a.Estate.Storage["acc"].Key) || strings.Contains(string(text), "QglN8D") {
		t.Error("the key or what it signed is in the log")
	}
}

func TestATokenIsNamedInTheStorageLogWithTheRoleThatAllowed(t *testing.T) {
	a := azureStore(t)
	if w := a.ask("GET", "https://acc.blob.core.windows.net/?comp=list"); w.Code != 200 || !strings.Contains(w.Body.String(), "<Container><Name>box</Name>") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := a.ask("GET", "https://acc.blob.core.windows.net/box?restype=container&comp=list")
	if w.Code != 403 || !strings.Contains(w.Body.String(), "<Code>AuthorizationPermissionMismatch</Code>") || w.Header().Get("x-ms-error-code") != "AuthorizationPermissionMismatch" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	recs := a.lines(t)[storageBlob]
	if len(recs) != 2 {
		t.Fatalf("%v", recs)
	}
	yes, no := recs[0], recs[1]
	if at(yes, "identity", "requester", "objectId") != "oid" || at(yes, "identity", "type") != "OAuth" {
		t.Errorf("%v", yes["identity"])
	}
	by := at(yes, "identity", "authorization").([]any)[0].(map[string]any)
	if by["roleAssignmentId"] != "as-data" || by["roleDefinitionId"] != "data" {
		t.Errorf("allowed by %v", by)
	}
	if no["statusCode"] != 403.0 || no["statusText"] != "AuthorizationPermissionMismatch" || at(no, "properties", "metricResponseType") != "AuthorizationError" || at(no, "identity", "authorization") != nil {
		t.Errorf("%v", no)
	}
}

func TestAStorageServiceWithoutASettingIsSilent(t *testing.T) {
	a := azureStore(t)
	a.Policy["oid"] = append(a.Policy["oid"], "Microsoft.Storage/storageAccounts/queueServices/queues/read")
	if w := a.ask("GET", "https://acc.queue.core.windows.net/?comp=list"); w.Code != 200 || !strings.Contains(w.Body.String(), "<Name>q</Name>") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := a.lines(t); len(got) != 0 || len(a.NotLogged()) != 1 {
		t.Errorf("%v, not logged %v", got, a.NotLogged())
	}
}

// TestWhatStorageWouldLogOtherwiseIsAFault: what no source says is not guessed.
func TestWhatStorageWouldLogOtherwiseIsAFault(t *testing.T) {
	for name, ask := range map[string]func(a *Azure){
		"an operation without a name":    func(a *Azure) { a.ask("GET", "https://acc.blob.core.windows.net/box?comp=acl&restype=container") },
		"an account that is not there":   func(a *Azure) { a.ask("GET", "https://other.blob.core.windows.net/?comp=list") },
		"a token where no action is set": func(a *Azure) { a.ask("GET", "https://acc.file.core.windows.net/?comp=list") },
		"a wrong signature": func(a *Azure) {
			a.key("https://acc.blob.core.windows.net/?comp=list", "2024-11-04", "QglN8DcPru/4Zv6Kh7kgk89BszHK379gBasReVWarxc=")
		},
		"a signature in the URL": func(a *Azure) { a.nobody("https://acc.blob.core.windows.net/?comp=list&sig=x") },
	} {
		a := azureStore(t)
		ask(a)
		if len(a.Faults()) != 1 || len(a.lines(t)) != 0 {
			t.Errorf("%s: faults %q, records %v", name, a.Faults(), a.lines(t))
		}
	}
}

func (a *Azure) nobody(url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
	return w
}

func TestARefusedStrangerLeavesNoStorageRecord(t *testing.T) {
	a := azureStore(t)
	if w := a.nobody("https://acc.blob.core.windows.net/?comp=list"); w.Code != 409 || !strings.Contains(w.Body.String(), "PublicAccessNotPermitted") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(a.lines(t)) != 0 || len(a.Faults()) != 0 || a.NotLogged()["anonymous ListContainers"] != 1 {
		t.Errorf("%v %q %v", a.lines(t), a.Faults(), a.NotLogged())
	}
}

func TestTheActivityLogAlone(t *testing.T) {
	a := azureStore(t)
	a.Estate.KeepLogs()
	a.Policy["oid"] = append(a.Policy["oid"], "graph/*")
	a.ask("GET", "https://acc.blob.core.windows.net/?comp=list")
	a.ask("GET", "https://seen.vault.azure.net/secrets?api-version=7.4")
	a.ask("GET", arm+"Microsoft.KeyVault/vaults/seen?api-version=1")
	a.ask("GET", "https://graph.microsoft.com/v1.0/users")
	a.ask("POST", arm+"Microsoft.Storage/storageAccounts/acc/listKeys?api-version=1")
	got := a.lines(t)
	if len(got) != 1 || len(got[activity]) != 2 {
		t.Errorf("%v", got)
	}
	if n := a.NotLogged(); len(n) != 4 {
		t.Errorf("not logged: %v", n)
	}
}

func TestKeysOfAnAccountThatIsHeldAreItsOwn(t *testing.T) {
	a := azureStore(t)
	w := a.ask("POST", arm+"Microsoft.Storage/storageAccounts/acc/listKeys?api-version=1")
	if !strings.Contains(w.Body.String(), a.Estate.Storage["acc"].Key) || strings.Contains(w.Body.String(), "secret-value") {
		t.Error(w.Body)
	}
}
