package investigate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestAzure: a service principal by its application, what it was refused by
// the provider's own name for it, and a vault's records that lack the tenant.
func TestAzure(t *testing.T) {
	tenant, oid := "11111111-2222-3333-4444-555555555555", "77777777-0000-0000-0000-000000000001"
	activity := func(n int, op, status string) object {
		resource := "/subscriptions/22222222-3333-4444-5555-666666666666/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/logs" + fmt.Sprint(n)
		return object{"time": noon.Add(0).Format("2006-01-02T15:04:05.") + fmt.Sprintf("%07dZ", n), "category": "Action", "operationName": op,
			"resourceId": resource, "resultType": status, "resultSignature": status + ".Forbidden", "correlationId": uuid(n), "callerIpAddress": "203.0.113.5", "tenantId": tenant,
			"identity": object{"authorization": object{"action": "Microsoft.Storage/storageAccounts/listKeys/action", "scope": resource, "evidence": object{"principalType": "ServicePrincipal"}},
				"claims": object{"http://schemas.microsoft.com/identity/claims/objectidentifier": oid, "http://schemas.microsoft.com/identity/claims/tenantid": tenant, "appid": "66666666-0000-0000-0000-00000000000a", "idtyp": "app"}}}
	}
	vault := func(n int) object {
		return object{"time": noon.Format("2006-01-02T15:04:05.") + fmt.Sprintf("%07dZ", n), "category": "AuditEvent", "operationName": "SecretList", "resultType": "Success", "resultSignature": "OK",
			"correlationId": uuid(n), "callerIpAddress": "203.0.113.5", "resourceId": "/SUBSCRIPTIONS/22222222-3333-4444-5555-666666666666/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV",
			"identity":   object{"claim": object{"http://schemas.microsoft.com/identity/claims/objectidentifier": oid, "appid": "66666666-0000-0000-0000-00000000000a"}},
			"properties": object{"requestUri": "https://kv.vault.azure.net/secrets?api-version=7.4&sig=SECRET", "clientInfo": "x", "httpStatusCode": 200, "id": "https://kv.vault.azure.net/secrets"}}
	}
	name := lines(t, activity(1, "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "Success"), activity(2, "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "Failure"), vault(3))
	w := run(t, options(t, "entra:"+tenant+"/"+oid, 1, name))
	f := &w.Facts
	if w.Subject.Provider != "azure" || w.Subject.Kind != "service_principal" {
		t.Errorf("subject %+v", w.Subject)
	}
	if r := f.Lineage.Ways[0].Root; r.By != "application" || r.ID != "66666666-0000-0000-0000-00000000000a" {
		t.Errorf("root %+v", r)
	}
	if f.Denials.Calls != 1 || f.Denials.Rows[0].Permission != "Microsoft.Storage/storageAccounts/listKeys/action" {
		t.Errorf("denials %+v", f.Denials)
	}
	if f.Resources.RowsTotal != 2 || f.Resources.Rows[0].Kind != "storageaccounts" {
		t.Errorf("resources %+v", f.Resources)
	}

	// With the time of a finding, so that the uid is known from the beginning.
	o := options(t, "", 1, name)
	o.Finding = findingOf("entra:"+tenant+"/"+oid, "service_principal", "2026-03-17T12:00:00Z", "2026-03-17T12:00:01Z")
	w = run(t, o)
	if a := w.Facts.Activity.During; a.Calls != 3 || a.ServicesTotal != 2 {
		t.Errorf("with the vault's calls: %+v", a)
	}
	for _, r := range w.Facts.Resources.Rows {
		if r.Name == "https://kv.vault.azure.net/secrets" {
			return
		}
	}
	t.Errorf("no vault among %+v", w.Facts.Resources.Rows)
}

// TestGoogle: a service account that somebody acts through, with the
// permission that it lacked, and a key that somebody made.
func TestGoogle(t *testing.T) {
	const account = "report@shop-prod.iam.gserviceaccount.com"
	entry := func(n int, method, who string, more object) object {
		payload := object{"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "iam.googleapis.com", "methodName": method, "resourceName": "projects/shop-prod",
			"authenticationInfo": object{"principalEmail": who}, "requestMetadata": object{"callerIp": "203.0.113.5", "callerSuppliedUserAgent": "curl/8"}}
		for k, v := range more {
			payload[k] = v
		}
		return object{"logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity", "insertId": fmt.Sprint("id", n), "timestamp": fmt.Sprintf("2026-03-17T12:00:%02dZ", n),
			"resource": object{"type": "project", "labels": object{"project_id": "shop-prod"}}, "protoPayload": payload}
	}
	key := "projects/shop-prod/serviceAccounts/" + account + "/keys/abc123"
	name := lines(t,
		entry(1, "google.iam.admin.v1.CreateServiceAccountKey", "ada@example.com", object{"response": object{"name": key}}),
		entry(2, "google.iam.admin.v1.ListRoles", account, object{"authenticationInfo": object{"principalEmail": account, "serviceAccountKeyName": "//iam.googleapis.com/" + key}}),
		entry(3, "google.iam.admin.v1.ListRoles", account, object{"status": object{"code": 7, "message": "denied"},
			"authenticationInfo": object{"principalEmail": account, "serviceAccountKeyName": "//iam.googleapis.com/" + key},
			"authorizationInfo":  []object{{"permission": "iam.roles.get", "granted": true}, {"permission": "iam.roles.list", "resource": "projects/shop-prod"}}}),
		entry(4, "google.iam.admin.v1.ListRoles", account, object{"authenticationInfo": object{"principalEmail": account,
			"serviceAccountDelegationInfo": []object{{"principalSubject": "user:eve@example.com"}}}}),
		entry(5, "google.iam.admin.v1.ListRoles", account, object{"authenticationInfo": object{"principalEmail": account,
			"serviceAccountDelegationInfo": []object{{"principalSubject": "user:eve@example.com"}, {"principalSubject": "serviceAccount:a@x.example"}, {"principalSubject": "serviceAccount:b@x.example"}}}}),
		entry(6, "google.iam.admin.v1.ListRoles", account, object{"authenticationInfo": object{"principalEmail": account,
			"serviceAccountDelegationInfo": []object{{"thirdPartyPrincipal": object{}}, {"principalSubject": "serviceAccount:a@x.example"}, {"principalSubject": "serviceAccount:b@x.example"}}}}))
	w := run(t, options(t, account, 1, name))
	ways := w.Facts.Lineage.Ways // each delegation is one
	if len(ways) != 4 || len(ways[0].Chain) != 1 || ways[0].Calls != 2 || ways[0].Chain[0].From != "ada@example.com" || ways[0].Chain[0].EventID != "id1" || ways[0].Chain[0].Key != "abc123" {
		t.Fatalf("the way to who made the key: %+v", ways)
	}
	if r := ways[1].Root; r.By != "delegation" || r.ID != "eve@example.com" {
		t.Errorf("delegated: %+v", r)
	}
	if r := ways[2].Root; r.By != "delegation" || r.ID != "eve@example.com" || !slices.Equal(r.Over, []string{"a@x.example", "b@x.example"}) || !strings.Contains(held(r), "eve@example.com, through a@x.example and b@x.example") {
		t.Errorf("delegated over two: %+v, %s", r, held(r))
	}
	if r := ways[3].Root; r.By != "delegation" || r.ID != "a@x.example" || !slices.Equal(r.Over, []string{"b@x.example"}) {
		t.Errorf("delegated by nobody who is named: %+v", r)
	}
	if d := w.Facts.Denials; d.Calls != 1 || d.Rows[0].Permission != "iam.roles.list" || d.Rows[0].Resources[0] != "projects/shop-prod" {
		t.Errorf("denials %+v", d)
	}
}
