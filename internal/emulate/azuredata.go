package emulate

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// vaultLists are the operations of Key Vault that list, with the plural noun
// of the path and the singular of the operation.
var vaultLists = map[string]string{"secrets": "Secret", "keys": "Key", "certificates": "Certificate"}

// vault answers one key vault's own host.
func (a *Azure) vault(w http.ResponseWriter, r *http.Request, who *AzurePrincipal, name string) {
	held, ok := a.Estate.Vaults[name]
	seg := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	noun := vaultLists[seg[0]]
	if !ok || noun == "" || r.Method != http.MethodGet {
		a.fault("Key Vault: " + r.Method + " " + r.Host + r.URL.Path)
		azureError(w, http.StatusNotFound, "NotFound", "no such path")
		return
	}
	at, from := a.Stage.Tick()
	op := noun + "List"
	var answer any
	status := http.StatusOK
	base := "https://" + name + ".vault.azure.net/" + seg[0] + "/"
	attributes := map[string]any{"enabled": true, "created": 1767225600, "updated": 1767225600, "recoveryLevel": "Recoverable+Purgeable"}
	if len(seg) == 1 {
		list := []any{}
		for _, n := range held[seg[0]] {
			id := "id"
			if seg[0] == "keys" {
				id = "kid"
			}
			list = append(list, map[string]any{id: base + n, "attributes": attributes})
		}
		answer = map[string]any{"value": list, "nextLink": nil}
	} else {
		op = noun + "Get"
		answer = map[string]any{"id": base + seg[1] + "/1", "value": "redacted", "attributes": attributes}
	}
	if !a.Policy.Allows(who.ObjectID, "Microsoft.KeyVault/vaults/"+seg[0]+"/"+op) {
		status = http.StatusForbidden
		answer = map[string]any{"error": map[string]any{"code": "Forbidden", "message": "Caller is not authorized to perform action on resource.", "innererror": map[string]any{"code": "ForbiddenByRbac"}}}
	}
	if a.audited(name) {
		a.audit(r, who, name, op, status, at, from)
	} else {
		a.skip(op + " on a vault without a diagnostic setting")
	}
	writeJSON(w, status, answer)
}

// audited reports whether a vault has a diagnostic setting.
func (a *Azure) audited(vault string) bool {
	return slices.Contains(a.Estate.AuditedVaults, vault)
}

// audit writes one AuditEvent of a vault.
func (a *Azure) audit(r *http.Request, who *AzurePrincipal, vault, op string, status int, at time.Time, from string) {
	id := ""
	if res := a.resourceNamed("Microsoft.KeyVault/vaults", vault); res != nil {
		id = strings.ToUpper(res["id"].(string))
	}
	claim := map[string]any{
		"http://schemas.microsoft.com/identity/claims/objectidentifier": who.ObjectID,
		"appid": who.AppID,
	}
	if who.isUser() {
		claim["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"] = who.UPN
	}
	result, signature := "Success", "OK"
	if status != http.StatusOK {
		result, signature = "Failed", "Forbidden"
	}
	version := r.URL.Query().Get("api-version")
	a.log("insights-logs-auditevent/resourceId="+id, map[string]any{
		"time": at.UTC().Format(azureTime), "category": "AuditEvent", "operationName": op, "operationVersion": version,
		"resultType": result, "resultSignature": signature, "resultDescription": "", "durationMs": strconv.Itoa(a.Stage.Between("took", 9, 60)),
		"callerIpAddress": from, "correlationId": a.Stage.UUID("correlationId"), "resourceId": id,
		"identity": map[string]any{"claim": claim},
		"properties": map[string]any{
			"id": "https://" + vault + ".vault.azure.net/", "clientInfo": a.agent(r), "httpStatusCode": status,
			"requestUri": "https://" + hostOf(r) + r.URL.RequestURI(),
		},
	})
}

// graph answers Microsoft Graph: lists of directory objects, one by its id, what
// belongs to one (its members, its owners), a policy of which there is one, and
// the names behind a list of ids (which the Azure CLI asks for to show role
// assignments).
func (a *Azure) graph(w http.ResponseWriter, r *http.Request, who *AzurePrincipal, body []byte) {
	seg := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var answer any
	status := http.StatusOK
	path := strings.Join(seg[1:], "/")
	switch {
	case r.Method == http.MethodGet && a.Estate.GraphSingle[path] != nil:
		answer = a.Estate.GraphSingle[path]
	case r.Method == http.MethodGet && len(seg) > 2 && a.Estate.Graph[path] != nil:
		answer = map[string]any{
			"@odata.context": "https://graph.microsoft.com/" + seg[0] + "/$metadata#" + path,
			"value":          a.Estate.Graph[path],
		}
	case r.Method == http.MethodGet && len(seg) == 4 && slices.Contains(graphRelations, seg[3]) && len(a.directoryObjects(seg[1], seg[2:3])) == 1:
		answer = map[string]any{
			"@odata.context": "https://graph.microsoft.com/" + seg[0] + "/$metadata#directoryObjects",
			"value":          a.directoryObjects("", a.Estate.GraphRelations[seg[3]][seg[2]]),
		}
	case r.Method == http.MethodGet && len(seg) == 2 && a.Estate.Graph[seg[1]] != nil:
		answer = map[string]any{
			"@odata.context": "https://graph.microsoft.com/" + seg[0] + "/$metadata#" + seg[1],
			"value":          a.Estate.Graph[seg[1]],
		}
	case r.Method == http.MethodGet && len(seg) == 3 && a.Estate.Graph[seg[1]] != nil:
		found := a.directoryObjects(seg[1], seg[2:])
		if len(found) == 0 {
			status = http.StatusNotFound
			answer = map[string]any{"error": map[string]any{"code": "Request_ResourceNotFound", "message": "Resource '" + seg[2] + "' does not exist or one of its queried reference-property objects are not present."}}
			break
		}
		answer = found[0]
	case r.Method == http.MethodPost && len(seg) == 3 && seg[1] == "directoryObjects" && seg[2] == "getByIds":
		var ask struct {
			IDs []string `json:"ids"`
		}
		if err := json.Unmarshal(body, &ask); err != nil {
			a.fault("Graph: getByIds: " + err.Error())
		}
		answer = map[string]any{"@odata.context": "https://graph.microsoft.com/" + seg[0] + "/$metadata#directoryObjects", "value": a.directoryObjects("", ask.IDs)}
	default:
		a.fault("Graph: " + r.Method + " " + r.URL.Path)
		azureError(w, http.StatusNotFound, "Request_ResourceNotFound", "no such path")
		return
	}
	at, from := a.Stage.Tick()
	if !a.Policy.Allows(who.ObjectID, "graph/"+seg[1]) {
		status = http.StatusForbidden
		answer = map[string]any{"error": map[string]any{"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}}
	}
	text, _ := marshal(answer)
	if a.Estate.GraphActivity {
		a.graphActivity(r, who, status, len(text), at, from)
	} else {
		a.skip(r.Method + " " + r.URL.Path)
	}
	writeJSON(w, status, answer)
}

// graphRelations are what an object of the directory has others for, as paths
// name it (Microsoft Graph reference: group, directoryRole, application,
// servicePrincipal).
var graphRelations = []string{"members", "owners"}

// directoryObjects finds objects by id in one collection of the directory, or
// in all where collection is "".
func (a *Azure) directoryObjects(collection string, ids []string) []map[string]any {
	found := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(a.Estate.Graph)) {
		if collection != "" && name != collection {
			continue
		}
		for _, o := range a.Estate.Graph[name] {
			if id, _ := o["id"].(string); slices.Contains(ids, id) {
				found = append(found, o)
			}
		}
	}
	return found
}

func (a *Azure) graphActivity(r *http.Request, who *AzurePrincipal, status, size int, at time.Time, from string) {
	request := a.Stage.UUID("requestId")
	took := a.Stage.Between("took", 30, 190)
	p := map[string]any{
		"timeGenerated": at.UTC().Format(azureTime), "location": "West Europe", "requestId": request, "operationId": request,
		"clientRequestId": a.Stage.UUID("clientRequestId"), "apiVersion": strings.Split(strings.Trim(r.URL.Path, "/"), "/")[0],
		"requestMethod": r.Method, "responseStatusCode": status, "tenantId": a.Estate.Tenant, "durationMs": took,
		"responseSizeBytes": size, "ipAddress": from, "userAgent": a.agent(r),
		"requestUri": "https://graph.microsoft.com" + r.URL.RequestURI(), "appId": who.AppID,
		"identityProvider": "https://sts.windows.net/" + a.Estate.Tenant + "/", "tokenIssuedAt": at.Truncate(time.Hour).UTC().Format(time.RFC3339),
		"signInActivityId": a.Stage.Token("signInActivityId", alnum, 22),
	}
	if who.isUser() {
		p["userId"], p["scopes"], p["clientAuthMethod"] = who.ObjectID, "AuditLog.Read.All Directory.AccessAsUser.All email openid profile", "0"
	} else {
		p["servicePrincipalId"], p["roles"], p["clientAuthMethod"] = who.ObjectID, "Directory.Read.All", "1"
	}
	a.log("insights-logs-microsoftgraphactivitylogs/tenantId="+a.Estate.Tenant, map[string]any{
		"time": at.UTC().Format(azureTime), "resourceId": "/TENANTS/" + strings.ToUpper(a.Estate.Tenant) + "/PROVIDERS/MICROSOFT.AADIAM",
		"operationName": "Microsoft Graph Activity", "operationVersion": p["apiVersion"], "category": "MicrosoftGraphActivityLogs",
		"resultSignature": strconv.Itoa(status), "durationMs": took, "callerIpAddress": from, "correlationId": request,
		"Level": 4, "location": "West Europe", "tenantId": a.Estate.Tenant, "properties": p,
	})
}
