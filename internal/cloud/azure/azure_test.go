package azure

import (
	"fmt"
	"strings"
	"testing"

	"vedette/internal/cloud"
	"vedette/internal/cloud/cloudtest"
	"vedette/internal/event"
)

func newDecoder(t testing.TB) cloud.Decoder {
	t.Helper()
	reg := event.NewRegistry()
	p := New()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	return p.NewDecoder(reg)
}

// decode reads one record that must be an event.
func decode(t *testing.T, d cloud.Decoder, record string) event.Event {
	t.Helper()
	var ev event.Event
	n, v := d.Decode([]byte(record), &ev)
	if v != event.Decoded || n != len(record) {
		t.Fatalf("verdict %d after %d of %d bytes: %s", v, n, len(record), record)
	}
	cloudtest.Complete(t, &ev)
	return cloudtest.Keep(&ev)
}

// with returns the record with parts replaced, which it must hold.
func with(t testing.TB, record string, oldNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(record, oldNew[i]) {
			t.Fatalf("the record does not hold %q: %s", oldNew[i], record)
		}
		record = strings.ReplaceAll(record, oldNew[i], oldNew[i+1])
	}
	return record
}

const (
	tenant       = "7b3c9d10-0000-4000-8000-00000000aaaa"
	object       = "5e1f2a30-0000-4000-8000-00000000bbbb"
	subscription = "1c2d3e40-0000-4000-8000-00000000cccc"
	application  = "9f8e7d60-0000-4000-8000-00000000dddd" // nobody's in particular
	vaultID      = "/subscriptions/" + subscription + "/resourceGroups/Ops/providers/Microsoft.KeyVault/vaults/kv1"
	storeID      = "/subscriptions/" + subscription + "/resourceGroups/Ops/providers/Microsoft.Storage/storageAccounts/store1"

	userClaims = `{"http://schemas.microsoft.com/identity/claims/objectidentifier":"` + object + `",` +
		`"http://schemas.microsoft.com/identity/claims/tenantid":"` + tenant + `","appid":"` + application + `",` +
		`"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"Ada@Example.com","name":"Ada","uti":"token-1","ipaddr":"203.0.113.9"}`

	// rest is a listing of keys as the REST API and the command line give it.
	rest = `{"authorization":{"action":"Microsoft.Storage/storageAccounts/listKeys/action","scope":"` + storeID + `"},` +
		`"caller":"Ada@Example.com","claims":` + userClaims + `,"correlationId":"aaaaaaaa-0000-4000-8000-000000000001",` +
		`"operationId":"aaaaaaaa-0000-4000-8000-000000000001","eventDataId":"eeeeeeee-0000-4000-8000-000000000001",` +
		`"category":{"value":"Administrative","localizedValue":"Administrative"},"eventName":{"value":"EndRequest"},` +
		`"httpRequest":{"clientRequestId":"x","clientIpAddress":"198.51.100.7","method":"POST"},` +
		`"operationName":{"value":"Microsoft.Storage/storageAccounts/listKeys/action","localizedValue":"List keys"},` +
		`"resourceGroupName":"Ops","resourceId":"` + storeID + `","status":{"value":"Succeeded"},"subStatus":{"value":""},` +
		`"eventTimestamp":"2024-05-06T07:08:09.1234567Z","subscriptionId":"` + subscription + `","tenantId":"` + tenant + `"}`

	// export is the same act as diagnostic settings export it.
	export = `{"time":"2024-05-06T07:08:09.1234567Z","resourceId":"/SUBSCRIPTIONS/1C2D3E40-0000-4000-8000-00000000CCCC/RESOURCEGROUPS/OPS/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/STORE1",` +
		`"operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.OK",` +
		`"callerIpAddress":"198.51.100.7","correlationId":"aaaaaaaa-0000-4000-8000-000000000001","level":4,"location":"global","tenantId":"` + tenant + `",` +
		`"identity":{"authorization":{"action":"Microsoft.Storage/storageAccounts/listKeys/action"},"claims":` + userClaims + `},"properties":{"eventCategory":"Administrative"}}`

	vault = `{"time":"2024-05-06T07:08:09.1234567Z","resourceId":"` + vaultID + `","operationName":"SecretList","category":"AuditEvent",` +
		`"resultType":"Success","resultSignature":"OK","callerIpAddress":"198.51.100.7","correlationId":"c1","tenantId":"` + tenant + `",` +
		`"identity":{"claim":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"` + object + `","appid":"` + application + `","upn":"ada@example.com"}},` +
		`"properties":{"id":"https://kv1.vault.azure.net/","clientInfo":"azsdk-python","httpStatusCode":200,"requestUri":"https:\/\/kv1.vault.azure.net\/secrets?api-version=7.4"}}`

	store = `{"time":"2024-05-06T07:08:09.1234567Z","resourceId":"` + storeID + `/blobServices/default","category":"StorageRead","operationName":"ListContainers",` +
		`"statusCode":200,"statusText":"Success","callerIpAddress":"198.51.100.7:29713","correlationId":"r1","location":"West Europe",` +
		`"uri":"https://store1.blob.core.windows.net/?comp=list","identity":{"type":"OAuth","tokenHash":"h","requester":{"objectId":"` + object + `","tenantId":"` + tenant + `","appId":"` + application + `","upn":"ada@example.com"}},` +
		`"properties":{"accountName":"store1","userAgentHeader":"AzCopy","operationCount":0}}`

	graph = `{"time":"2024-05-06T07:08:09.1234567Z","resourceId":"/TENANTS/` + tenant + `/PROVIDERS/MICROSOFT.AADIAM","operationName":"Microsoft Graph Activity",` +
		`"category":"MicrosoftGraphActivityLogs","resultSignature":"200","callerIpAddress":"198.51.100.7","correlationId":"g1",` +
		`"properties":{"appId":"` + application + `","requestId":"dddddddd-0000-4000-8000-000000000001","requestMethod":"GET","requestUri":"https://graph.microsoft.com/v1.0/users?$top=999",` +
		`"responseStatusCode":200,"userAgent":"python-requests","userId":"` + object + `","servicePrincipalId":null,"tenantId":"` + tenant + `","signInActivityId":"token-1"}}`

	user = "entra:" + tenant + "/" + object
)

// sdk is the same act as the Python SDK prints it.
func sdk(t testing.TB) string {
	return with(t, rest, "correlationId", "correlation_id", "operationId", "operation_id", "eventDataId", "event_data_id",
		"operationName", "operation_name", "eventName", "event_name", "httpRequest", "http_request", "clientIpAddress", "client_ip_address",
		"resourceGroupName", "resource_group_name", `"resourceId"`, `"resource_id"`, "subStatus", "sub_status",
		"eventTimestamp", "event_timestamp", "subscriptionId", "subscription_id", `"tenantId"`, `"tenant_id"`)
}

func TestShapes(t *testing.T) {
	d := newDecoder(t)
	for name, c := range map[string]struct{ record, want string }{
		"rest": {rest, "azure.activity microsoft.storage storageaccounts/listkeys/action discovery ok eeeeeeee-0000-4000-8000-000000000001 " +
			subscription + "  " + user + " entra_user 198.51.100.7"},
		"export": {export, "azure.activity microsoft.storage storageaccounts/listkeys/action discovery ok aaaaaaaa-0000-4000-8000-000000000001 " +
			subscription + "  " + user + " entra_user 198.51.100.7"},
		"vault": {vault, "azure.key_vault microsoft.keyvault secretlist discovery ok c1 " +
			subscription + "  " + user + " entra_user 198.51.100.7 azsdk-python"},
		"store": {store, "azure.storage microsoft.storage listcontainers discovery ok r1 " +
			subscription + " westeurope " + user + " entra_user 198.51.100.7 AzCopy"},
		"graph": {graph, "azure.microsoft_graph graph.microsoft.com GET /users discovery ok dddddddd-0000-4000-8000-000000000001 " +
			tenant + "  " + user + " entra_user 198.51.100.7 python-requests"},
	} {
		ev := decode(t, d, c.record)
		got := strings.TrimSpace(fmt.Sprintf("%v %s %s %v %v %s %s %s %s %v %s %s", ev.Log, ev.API.Service, ev.API.Name, ev.API.Class,
			ev.Outcome, ev.ID, ev.Account, ev.Region, ev.Actor.Principal, ev.Actor.Kind, ev.Address, ev.UserAgent))
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		if ev.Time != 1714979289123456700 {
			t.Errorf("%s: time %d", name, ev.Time)
		}
		if !ev.API.Known {
			t.Errorf("%s: the API is not in the catalogue", name)
		}
		if string(ev.Actor.Key) != application {
			t.Errorf("%s: key %q", name, ev.Actor.Key)
		}
	}
}

func TestSuite(t *testing.T) {
	cloudtest.Run(t, New(), []string{
		rest, export, sdk(t), vault, store, graph,
		with(t, rest, `"Succeeded"`, `"Failed"`, `"subStatus":{"value":""}`, `"subStatus":{"value":"Forbidden"},"properties":{"statusMessage":"{\"error\":{\"code\":\"AuthorizationFailed\"}}"}`),
		with(t, export, `"identity":{"authorization":{"action":"Microsoft.Storage/storageAccounts/listKeys/action"},"claims":`+userClaims+`}`, `"identity":"{\"claims\":{\"appid\":\"x\"}}"`),
		with(t, graph, "/users?", "/users/Ada%40example.com/memberOf/"+strings.Repeat("x/", 300)+"?"),
	})
}

func FuzzDecode(f *testing.F) {
	for _, r := range []string{rest, export, sdk(f), vault, store, graph} {
		f.Add([]byte(r))
	}
	f.Add([]byte(`{"time":"2024-01-01T00:00:00Z","resourceId":"/a","metricName":"m"}`))
	f.Add([]byte(with(f, graph, "/users?$top=999", "/beta/$batch/users('a@b')/x(y='/')/1")))
	cloudtest.Fuzz(f, New())
}

func TestStatement06_Outcomes(t *testing.T) {
	d := newDecoder(t)
	body := func(code, message string) string {
		return `"properties":{"statusMessage":"{\"error\":{\"code\":\"` + code + `\",\"message\":\"` + message + `\"}}"},"tenantId"`
	}
	for name, c := range map[string]struct {
		record  string
		outcome event.Outcome
		code    string
		reason  event.Reason
	}{
		"succeeded": {rest, event.OK, "", event.NoReason},
		"started":   {with(t, rest, `"Succeeded"`, `"Started"`), event.Other, "", event.NoReason},
		"accepted":  {with(t, rest, `"Succeeded"`, `"Accepted"`), event.OK, "", event.NoReason},
		"failed":    {with(t, rest, `"Succeeded"`, `"Failed"`), event.Other, "", event.NoReason},
		"forbidden": {with(t, rest, `"Succeeded"`, `"Failed"`, `"subStatus":{"value":""}`, `"subStatus":{"value":"Forbidden"}`), event.Denied, "Forbidden", event.ReasonUnknown},
		"conflict":  {with(t, rest, `"Succeeded"`, `"Failed"`, `"subStatus":{"value":""}`, `"subStatus":{"value":"Conflict"}`), event.Other, "Conflict", event.NoReason},
		"authorization": {with(t, rest, `"Succeeded"`, `"Failed"`, `"tenantId"`, body("AuthorizationFailed", "The client does not have authorization to perform action x")),
			event.Denied, "AuthorizationFailed", event.ReasonIdentity},
		"policy":          {with(t, rest, `"Succeeded"`, `"Failed"`, `"tenantId"`, body("RequestDisallowedByPolicy", "x")), event.Denied, "RequestDisallowedByPolicy", event.ReasonSCP},
		"absent":          {with(t, rest, `"Succeeded"`, `"Failed"`, `"tenantId"`, body("ResourceGroupNotFound", "x")), event.Absent, "ResourceGroupNotFound", event.NoReason},
		"throttled":       {with(t, rest, `"Succeeded"`, `"Failed"`, `"tenantId"`, body("SubscriptionRequestsThrottled", "x")), event.Throttled, "SubscriptionRequestsThrottled", event.NoReason},
		"unknown":         {with(t, rest, `"Succeeded"`, `"Failed"`, `"tenantId"`, body("SomethingNew", "x")), event.Other, "SomethingNew", event.NoReason},
		"inner":           {with(t, rest, `"Succeeded"`, `"Failed"`, `"subStatus":{"value":""}`, `"subStatus":{"value":"NotFound"}`, `"tenantId"`, body("SomethingNew", "x")), event.Absent, "NotFound", event.NoReason},
		"export 403":      {with(t, export, `"Success"`, `"Failed"`, `"Succeeded.OK"`, `"403"`), event.Denied, "Forbidden", event.ReasonUnknown},
		"export text":     {with(t, export, `"Success"`, `"Failure"`, `"Succeeded.OK"`, `"Failed.Forbidden"`), event.Denied, "Forbidden", event.ReasonUnknown},
		"export 404":      {with(t, export, `"Success"`, `"Failure"`, `"Succeeded.OK"`, `"Failed.NotFound"`), event.Absent, "NotFound", event.NoReason},
		"vault 403":       {with(t, vault, `200`, `403`, `"OK"`, `"Forbidden"`), event.Denied, "Forbidden", event.ReasonUnknown},
		"vault rbac":      {with(t, vault, `200`, `403`, `"OK"`, `"Forbidden","resultDescription":"Caller is not authorized. Inner error: ForbiddenByRbac"`), event.Denied, "Forbidden", event.ReasonIdentity},
		"vault 401":       {with(t, vault, `200`, `401`, `"OK"`, `"Unauthorized"`), event.Denied, "Unauthorized", event.ReasonUnknown},
		"vault challenge": {with(t, vault, `200`, `401`, `"OK"`, `"Unauthorized"`, `"identity"`, `"identitee"`), event.Other, "Unauthorized", event.NoReason},
		"store 403":       {with(t, store, `200`, `403`, `"Success"`, `"AuthorizationPermissionMismatch"`), event.Denied, "AuthorizationPermissionMismatch", event.ReasonIdentity},
		"store 404":       {with(t, store, `200`, `404`, `"Success"`, `"ContainerNotFound"`), event.Absent, "ContainerNotFound", event.NoReason},
		"store 409":       {with(t, store, `200`, `409`, `"Success"`, `"ClientOtherError"`), event.Other, "Conflict", event.NoReason},
		"graph 403":       {with(t, graph, `200`, `403`), event.Denied, "Forbidden", event.ReasonUnknown},
		"graph 429":       {with(t, graph, `200`, `429`), event.Throttled, "TooManyRequests", event.NoReason},
		"graph 404":       {with(t, graph, `200`, `404`), event.Absent, "NotFound", event.NoReason},
		"graph 400":       {with(t, graph, `200`, `400`), event.Invalid, "BadRequest", event.NoReason},
		"graph 501":       {with(t, graph, `200`, `501`), event.Other, "NotImplemented", event.NoReason},
		// Equal numbers are one code.
		"export 403.0":   {with(t, export, `"Success"`, `"Failed"`, `"Succeeded.OK"`, `403.0`), event.Denied, "Forbidden", event.ReasonUnknown},
		"export '403.0'": {with(t, export, `"Success"`, `"Failed"`, `"Succeeded.OK"`, `"403.0"`), event.Denied, "Forbidden", event.ReasonUnknown},
		"vault 403.0":    {with(t, vault, `200`, `403.0`), event.Denied, "Forbidden", event.ReasonUnknown},
		"store 403.0":    {with(t, store, `200`, `403.0`), event.Denied, "Forbidden", event.ReasonUnknown},
		"store 4.03e2":   {with(t, store, `200`, `4.03e2`), event.Denied, "Forbidden", event.ReasonUnknown},
		"store 200.0":    {with(t, store, `200`, `200.0`), event.OK, "", event.NoReason},
		"graph 429.0":    {with(t, graph, `200`, `429.0`), event.Throttled, "TooManyRequests", event.NoReason},
		"graph '403.0'":  {with(t, graph, `200"`, `200.0"`, `:200,`, `:"403.0",`), event.Denied, "Forbidden", event.ReasonUnknown},
	} {
		ev := decode(t, d, c.record)
		if ev.Outcome != c.outcome || string(ev.ErrorCode) != c.code || ev.Reason != c.reason {
			t.Errorf("%s: %v %q %v", name, ev.Outcome, ev.ErrorCode, ev.Reason)
		}
	}
}

func TestStatement19_Duplicates(t *testing.T) {
	d := newDecoder(t)
	for name, c := range map[string]struct {
		record string
		same   []string // the record with this changed is the same act
		other  [][]string
	}{
		"rest":  {rest, []string{`"localizedValue":"List keys"`, `"localizedValue":"Liste"`}, [][]string{{`"operationId":"aaaaaaaa-0000-4000-8000-000000000001"`, `"operationId":"aaaaaaaa-0000-4000-8000-000000000002"`}, {"store1", "store2"}, {object, tenant}}},
		"vault": {vault, []string{`"resultType":"Success"`, `"resultType": "Success"`}, [][]string{{"09.1234567", "09.1234568"}, {"/secrets?", "/keys?"}, {"SecretList", "KeyList"}, {"198.51.100.7", "198.51.100.8"}}},
		"store": {store, []string{`"properties":{`, `"properties":{"x":1,`}, [][]string{{`"r1"`, `"r2"`}, {`"operationCount":0`, `"operationCount":1`}}},
		"graph": {graph, []string{`"properties":{`, `"properties":{"x":1,`}, [][]string{{"000000000001", "000000000002"}, {"/users?", "/groups?"}}},
	} {
		ev := decode(t, d, c.record)
		if same := decode(t, d, with(t, c.record, c.same...)); same.Key != ev.Key {
			t.Errorf("%s: a copy has another key", name)
		}
		for _, change := range c.other {
			if other := decode(t, d, with(t, c.record, change...)); other.Key == ev.Key {
				t.Errorf("%s: %q is another act with the same key", name, change)
			}
		}
	}
	if a, b := decode(t, d, store), decode(t, d, with(t, store, `"operationCount":0`, `"operationCount":0.0`)); a.Key != b.Key {
		t.Error("store: a copy whose numbers have a fraction has another key")
	}
	// Without the ids of operation and correlation the event's own id counts.
	bare := with(t, rest, `"correlationId":"aaaaaaaa-0000-4000-8000-000000000001","operationId":"aaaaaaaa-0000-4000-8000-000000000001",`, ``)
	if ev := decode(t, d, bare); ev.Key != event.IDKey("", []byte("eeeeeeee-0000-4000-8000-000000000001")) {
		t.Error("the key is not the event's id")
	}
	// The older REST pages have that id inside another.
	old := `{"caller":"a@b.example","id":"` + storeID + `/events/EEEEEEEE-0000-4000-8000-000000000001/ticks/636923208048336028",` +
		`"operationName":{"value":"Microsoft.Storage/storageAccounts/write"},"eventTimestamp":"2019-05-01T15:20:04.8336028Z"}`
	ev := decode(t, d, old)
	if string(ev.ID) != "eeeeeeee-0000-4000-8000-000000000001" || string(ev.Account) != subscription || string(ev.Target) != strings.ToLower(storeID) {
		t.Errorf("id %q, account %q, target %q", ev.ID, ev.Account, ev.Target)
	}
	none := with(t, old, `/events/EEEEEEEE-0000-4000-8000-000000000001/ticks/636923208048336028`, ``)
	if a, b := decode(t, d, none), decode(t, d, with(t, none, "a@b", "c@d")); a.Key == b.Key {
		t.Error("two records without any id have one key")
	}
}

func TestStatement21_Twins(t *testing.T) {
	d := newDecoder(t)
	start := decode(t, d, with(t, rest, `"Succeeded"`, `"Started"`, "EndRequest", "BeginRequest", "eeeeeeee", "ffffffff", "08:09.1", "08:08.1"))
	accepted := decode(t, d, with(t, rest, `"Succeeded"`, `"Accepted"`, "eeeeeeee", "ffffffff"))
	end := decode(t, d, rest)
	failed := decode(t, d, with(t, rest, `"Succeeded"`, `"Failed"`))
	if start.Key != end.Key || accepted.Key != end.Key || failed.Key != end.Key {
		t.Error("the records of one operation have several keys")
	}
	if !(start.Rank < accepted.Rank && accepted.Rank < end.Rank && end.Rank == failed.Rank) {
		t.Errorf("ranks %d %d %d %d", start.Rank, accepted.Rank, end.Rank, failed.Rank)
	}
	// Exports have no operation id; a diagnostic setting on a management
	// group repeats what the subscription's exports.
	a := decode(t, d, with(t, export, `"Success"`, `"Start"`, `"Succeeded.OK"`, `"Started."`))
	b := decode(t, d, export)
	if a.Key != b.Key || a.Rank >= b.Rank {
		t.Errorf("start and end of an export: keys %v and %v, ranks %d and %d", a.Key, b.Key, a.Rank, b.Rank)
	}
	// One correlation may span many operations.
	for _, change := range [][]string{{"LISTKEYS", "LISTACCOUNTSAS"}, {"STORE1", "STORE2"}} {
		if c := decode(t, d, with(t, export, change...)); c.Key == b.Key {
			t.Errorf("%q: another operation of the same correlation has the same key", change)
		}
	}
}

func TestStatement32_Casing(t *testing.T) {
	d := newDecoder(t)
	for name, r := range map[string]string{"rest": rest, "export": export, "vault": vault, "store": store, "graph": graph} {
		want := decode(t, d, r)
		ids := []string{subscription, strings.ToUpper(subscription), object, strings.ToUpper(object), "Microsoft.Storage/storageAccounts", "mIcRoSoFt.StOrAgE/sToRaGeAcCoUnTs",
			"/resourceGroups/Ops/", "/RESOURCEGROUPS/oPS/", "SecretList", "SECRETLIST", "ListContainers", "LISTCONTAINERS", "v1.0/users", "V1.0/USERS", "Administrative", "ADMINISTRATIVE",
			"AuditEvent", "AUDITEVENT", "StorageRead", "STORAGEREAD", "MicrosoftGraphActivityLogs", "microsoftgraphactivitylogs"}
		changed := r
		for i := 0; i < len(ids); i += 2 {
			changed = strings.ReplaceAll(changed, ids[i], ids[i+1])
		}
		if changed == r {
			continue // the export is in upper case to begin with
		}
		got := decode(t, d, changed)
		if got.API != want.API || string(got.Actor.Principal) != string(want.Actor.Principal) || string(got.Account) != string(want.Account) || got.Log != want.Log || got.Flags != want.Flags {
			t.Errorf("%s: casing splits %s %s %s from %s %s %s", name, got.API.Name, got.Actor.Principal, got.Account, want.API.Name, want.Actor.Principal, want.Account)
		}
		if name == "rest" && (got.Key != want.Key || string(got.Target) != string(want.Target)) {
			t.Error("casing splits the twins of an operation")
		}
	}
}

func TestStatement33_OneEventInEveryShape(t *testing.T) {
	d := newDecoder(t)
	want := decode(t, d, rest)
	for name, r := range map[string]string{"export": export, "sdk": sdk(t)} {
		got := decode(t, d, r)
		if got.Key != want.Key || got.Rank != want.Rank || got.Time != want.Time || got.API != want.API || got.Outcome != want.Outcome || got.Log != want.Log || got.Flags != want.Flags {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
		for _, f := range [][2][]byte{{got.Account, want.Account}, {got.Address, want.Address}, {got.Region, want.Region}, {got.Target, want.Target},
			{got.Actor.Principal, want.Actor.Principal}, {got.Actor.Key, want.Actor.Key}, {got.Actor.Session, want.Actor.Session},
			{got.Actor.Label, want.Actor.Label}, {got.Seed.Identity, want.Seed.Identity}, {got.Seed.Account, want.Seed.Account}, {got.Seed.Status, want.Seed.Status}} {
			if string(f[0]) != string(f[1]) {
				t.Errorf("%s: %q, want %q", name, f[0], f[1])
			}
		}
		if !strings.EqualFold(string(got.Seed.Name), string(want.Seed.Name)) || !strings.EqualFold(string(got.Seed.Region), string(want.Seed.Region)) {
			t.Errorf("%s: seed %q %q", name, got.Seed.Name, got.Seed.Region)
		}
	}
}

func TestSeed(t *testing.T) {
	d := newDecoder(t)
	ev := decode(t, d, rest)
	got := fmt.Sprintf("%s|%s|%s|%s|%s", ev.Seed.Name, ev.Seed.Identity, ev.Seed.Account, ev.Seed.Region, ev.Seed.Status)
	if want := "Microsoft.Storage/storageAccounts/listKeys/action|Ada@Example.com|" + subscription + "|Ops|Success"; got != want {
		t.Errorf("seed %s, want %s", got, want)
	}
	if ev = decode(t, d, with(t, rest, `"Succeeded"`, `"Started"`)); string(ev.Seed.Status) != "Started" {
		t.Errorf("status %q", ev.Seed.Status)
	}
	if ev = decode(t, d, vault); ev.Seed.Name != nil {
		t.Errorf("a record of Key Vault is in the seed's table as %q", ev.Seed.Name)
	}
}

// The operation decides, not the permission that was checked on the way.
// Each Graph row of the catalogue is the fold of the path it is logged by, so
// that a request for it finds it.
func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"1.2.3.4:5678": "1.2.3.4", "1.2.3.4": "1.2.3.4", "[2001:db8::1]:443": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
		"2001:db8::1": "2001:db8::1", "::1": "::1", "": "", "[": "[",
	} {
		if got := withoutPort([]byte(in)); string(got) != want {
			t.Errorf("%q without port is %q", in, got)
		}
	}
}

// counts are the verdicts over one file.
// Every record of the real logs is an event, or is passed over for a reason.
