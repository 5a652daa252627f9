package scenario

import (
	"fmt"
	"strings"
	"time"
)

const tenant = "7e7a0000-0000-4000-8000-000000000001"

// microsoft is the tenant of Microsoft's own applications.
const microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

func (w *writer) objectID() string { return fmt.Sprintf("0b1ec700-0000-4000-8000-%012d", w.c.n) }

// azure writes a call to the log that shows it: Microsoft Graph ("GET
// /users"), Key Vault ("SecretList"), Storage ("ListContainers") or the
// activity log ("Microsoft.Storage/storageAccounts/listKeys/action"), where an
// operation has a record for its start and one for its end.
func (w *writer) azure(a act) []object {
	when := a.time.UTC().Format("2006-01-02T15:04:05.0000000Z")
	address := w.c.address(a.network, a.n)
	id := w.id(a, "operation")
	switch {
	case strings.Contains(a.name, " /"):
		return []object{w.graph(a, when, address, id)}
	case !strings.Contains(a.name, "/"):
		return []object{w.vaultOrStorage(a, when, address, id)}
	}
	start, end := w.activity(a, when, address, id), w.activity(a, a.time.Add(400*time.Millisecond).UTC().Format("2006-01-02T15:04:05.0000000Z"), address, id)
	start["resultType"], start["resultSignature"] = "Start", "Started."
	return []object{start, end}
}

// Microsoft Graph activity logs (Azure Monitor table reference,
// MicrosoftGraphActivityLogs).
func (w *writer) graph(a act, when, address, id string) object {
	method, path, _ := strings.Cut(a.name, " ")
	// A templated path stands for one object of it.
	path = strings.ReplaceAll(path, "{id}", w.id(act{n: len(a.target) + a.n%7}, "object"))
	status := map[string]int{"ok": 200, "denied": 403, "absent": 404}[a.outcome]
	p := object{
		"apiVersion": "v1.0", "appId": w.appID(), "ipAddress": address, "location": "West Europe", "operationId": id, "requestId": id,
		"requestMethod": method, "requestUri": "https://graph.microsoft.com/v1.0" + path, "responseStatusCode": status,
		"tenantId": tenant, "timeGenerated": when, "userAgent": w.agent(a), "signInActivityId": fmt.Sprintf("sign-in-%d", w.c.n),
	}
	if w.c.s.Actor == "user" {
		p["userId"] = w.objectID()
	} else {
		p["servicePrincipalId"] = w.objectID()
	}
	return object{
		"Level": 4, "callerIpAddress": address, "category": "MicrosoftGraphActivityLogs", "correlationId": id, "location": "West Europe",
		"operationName": "Microsoft Graph Activity", "operationVersion": "v1.0", "properties": p, "resultSignature": fmt.Sprint(status),
		"resourceId": "/TENANTS/" + strings.ToUpper(tenant) + "/PROVIDERS/MICROSOFT.AADIAM", "tenantId": tenant, "time": when,
	}
}

func (w *writer) appID() string {
	switch w.c.s.Actor {
	case "first-party":
		return "262044b1-e2ce-469f-a196-69ab7ada62d3" // Backup Management Service
	case "user":
		return "04b07795-8ddb-461a-bbee-02f9e1bf7b46" // Azure CLI, a client of people
	}
	return fmt.Sprintf("0a44c100-0000-4000-8000-%012d", w.c.n)
}

func (w *writer) claims(address string) object {
	const ms, soap = "http://schemas.microsoft.com/identity/claims/", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
	c := object{"appid": w.appID(), ms + "objectidentifier": w.objectID(), ms + "tenantid": tenant, "ipaddr": address, "idtyp": "app"}
	switch w.c.s.Actor {
	case "user":
		c["idtyp"], c[soap+"upn"] = "user", w.c.name+"@example.onmicrosoft.com"
	case "first-party":
		c[ms+"identityprovider"] = "https://sts.windows.net/" + microsoft + "/"
	}
	return c
}

// Activity log as diagnostic settings stream it.
func (w *writer) activity(a act, when, address, id string) object {
	provider, _, _ := strings.Cut(a.name, "/")
	resource := fmt.Sprintf("/SUBSCRIPTIONS/%s/RESOURCEGROUPS/RG/PROVIDERS/%s/%s", strings.ToUpper(w.c.account), strings.ToUpper(provider), strings.ToUpper(or(a.target, "all")))
	r := object{
		"callerIpAddress": address, "category": "Administrative", "correlationId": id, "durationMs": "0", "level": "Information",
		"identity":      object{"authorization": object{"action": a.name, "scope": resource}, "claims": w.claims(address)},
		"operationName": strings.ToUpper(a.name), "resourceId": resource, "resultType": "Success", "resultSignature": "Succeeded.OK",
		"properties": object{"eventCategory": "Administrative", "statusCode": "OK"}, "tenantId": tenant, "time": when,
	}
	if a.outcome == "denied" {
		r["resultType"], r["resultSignature"], r["level"] = "Failure", "Failed.Forbidden", "Error"
		r["properties"] = object{"eventCategory": "Administrative", "statusCode": "Forbidden",
			"statusMessage": `{"error":{"code":"AuthorizationFailed","message":"The client does not have authorization to perform action '` + a.name + `'"}}`}
	}
	return r
}

// Key Vault AuditEvent and StorageRead resource logs.
func (w *writer) vaultOrStorage(a act, when, address, id string) object {
	if strings.HasPrefix(a.name, "List") || strings.HasPrefix(a.name, "Get") {
		status := map[string]int{"ok": 200, "denied": 403, "absent": 404}[a.outcome]
		text := map[string]string{"ok": "Success", "denied": "AuthorizationPermissionMismatch", "absent": "ContainerNotFound"}[a.outcome]
		account := fmt.Sprintf("shop%04d%s", w.c.n, strings.ReplaceAll(a.target, "-", ""))
		return object{
			"time": when, "category": "StorageRead", "operationName": a.name, "operationVersion": "2023-11-03", "schemaVersion": "1.0",
			"statusCode": status, "statusText": text, "durationMs": 4, "callerIpAddress": address + ":49152", "correlationId": id,
			"identity": object{"type": "OAuth", "requester": object{"objectId": w.objectID(), "tenantId": tenant, "appId": w.appID()}},
			"location": "westeurope", "protocol": "HTTPS", "uri": "https://" + account + ".blob.core.windows.net/?comp=list",
			"properties": object{"accountName": account, "userAgentHeader": w.agent(a), "serviceType": "blob"},
			"resourceId": fmt.Sprintf("/subscriptions/%s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/%s/blobServices/default", w.c.account, account),
		}
	}
	vault := "VAULT" + fmt.Sprint(w.c.n) + strings.ToUpper(strings.ReplaceAll(a.target, "-", ""))
	status, result := 200, "Success"
	if a.outcome == "denied" {
		status, result = 403, "Forbidden"
	}
	claims := object{}
	for k, v := range w.claims(address) {
		if k == "appid" || strings.Contains(k, "objectidentifier") || strings.Contains(k, "upn") || strings.Contains(k, "tenantid") {
			claims[k] = v
		}
	}
	return object{
		"time": when, "category": "AuditEvent", "operationName": a.name, "operationVersion": "7.4", "resultType": result, "resultSignature": fmt.Sprint(status),
		"callerIpAddress": address, "correlationId": id, "durationMs": "12", "identity": object{"claim": claims},
		"properties": object{"clientInfo": w.agent(a), "httpStatusCode": status, "requestUri": "https://" + strings.ToLower(vault) + ".vault.azure.net/secrets", "id": "https://" + strings.ToLower(vault) + ".vault.azure.net/secrets"},
		"resourceId": fmt.Sprintf("/SUBSCRIPTIONS/%s/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/%s", strings.ToUpper(w.c.account), vault),
	}
}
