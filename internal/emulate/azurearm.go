package emulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// armPath is what the path of a Resource Manager request says.
type armPath struct {
	scope string   // the resource acted on, as sent
	types []string // namespace and types: Microsoft.Web, sites, config
	names []string // names: shop, appsettings
	tail  string   // a collection or an action after the last name, or ""
}

// parseARM splits a path after its last /providers/, or a path of resource
// groups and subscriptions.
func parseARM(path string) (armPath, bool) {
	path = strings.Trim(path, "/")
	at := strings.LastIndex(strings.ToLower("/"+path), "/providers/")
	if at < 0 {
		seg := strings.Split(path, "/")
		p := armPath{types: []string{"Microsoft.Resources"}}
		for i := 0; i+1 < len(seg); i += 2 {
			p.types, p.names = append(p.types, seg[i]), append(p.names, seg[i+1])
		}
		if len(seg)%2 == 1 {
			p.tail = seg[len(seg)-1]
		}
		p.scope = "/" + path
		return p, seg[0] == "subscriptions" || seg[0] == "tenants"
	}
	seg := strings.Split(path[at+len("providers/"):], "/")
	p := armPath{types: []string{seg[0]}}
	rest := seg[1:]
	for i := 0; i+1 < len(rest); i += 2 {
		p.types, p.names = append(p.types, rest[i]), append(p.names, rest[i+1])
	}
	p.scope = "/" + path
	if len(rest)%2 == 1 {
		p.tail = rest[len(rest)-1]
		p.scope = strings.TrimSuffix(p.scope, "/"+p.tail)
	}
	return p, len(rest) > 0
}

// postedReads are requests that are posted because their question is long,
// while the permission that is checked, and the name in Microsoft's list of
// resource provider operations, is a read: like every read they are in no
// Activity log. Of Cost Management's query the list says "Query usage data by a
// scope" for query/read, and the roles Reader and Cost Management Reader, which
// hold nothing but */read, may post it.
var postedReads = map[string]string{
	"microsoft.resourcegraph/resources/action": "Microsoft.ResourceGraph/resources/read",
	"microsoft.costmanagement/query/action":    "Microsoft.CostManagement/query/read",
}

// operation names what a request does as role definitions name it:
// Microsoft.Storage/storageAccounts/listKeys/action.
func (p armPath) operation(method string) string {
	kind := strings.Join(p.types, "/")
	switch method {
	case http.MethodPost:
		op := kind + "/" + p.tail + "/action"
		if read, ok := postedReads[strings.ToLower(op)]; ok {
			return read
		}
		return op
	case http.MethodPut, http.MethodPatch:
		return kind + "/write"
	case http.MethodDelete:
		return kind + "/delete"
	}
	if p.tail != "" {
		kind += "/" + p.tail
	}
	return kind + "/read"
}

// manage answers Resource Manager.
func (a *Azure) manage(w http.ResponseWriter, r *http.Request, who *AzurePrincipal, body []byte) {
	p, ok := parseARM(r.URL.Path)
	if !ok {
		a.fault("Resource Manager: " + r.Method + " " + r.URL.Path)
		azureError(w, http.StatusNotFound, "InvalidResourceType", "no such path")
		return
	}
	op := p.operation(r.Method)
	at, from := a.Stage.Tick()
	status, answer := http.StatusOK, any(nil)
	var refusal string
	switch found, ok := a.answer(r, p, op, body); {
	case !a.Policy.Allows(who.ObjectID, op):
		status = http.StatusForbidden
		refusal = fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
			clientName(who), who.ObjectID, op, p.scope)
		answer = map[string]any{"error": map[string]any{"code": "AuthorizationFailed", "message": refusal}}
	case !ok:
		status = http.StatusNotFound
		answer = map[string]any{"error": map[string]any{"code": "ResourceNotFound", "message": "The Resource '" + p.scope + "' was not found."}}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			a.fault("Resource Manager: no answer for " + op)
		}
	default:
		answer = found
	}
	switch {
	case strings.HasSuffix(op, "/read"):
		// Resource Manager's reads are in no log. A vault's own log, where
		// there is one, has the reading of the vault.
		if strings.EqualFold(strings.Join(p.types, "/"), "Microsoft.KeyVault/vaults") && p.tail == "" && a.audited(p.names[0]) {
			a.audit(r, who, p.names[0], "VaultGet", status, at, from)
		} else {
			a.skip(op)
		}
	default:
		a.activity(who, p, op, status, refusal, at, from)
	}
	writeJSON(w, status, answer)
}

// answer finds the body for a request in the estate.
func (a *Azure) answer(r *http.Request, p armPath, op string, body []byte) (any, bool) {
	e := a.Estate
	sub := map[string]any{
		"id": "/subscriptions/" + e.Subscription, "subscriptionId": e.Subscription, "tenantId": e.Tenant,
		"displayName": "shop", "state": "Enabled", "authorizationSource": "RoleBased",
		"subscriptionPolicies": map[string]any{}, "managedByTenants": []any{},
	}
	path := strings.ToLower(strings.Trim(r.URL.Path, "/"))
	switch {
	case path == "subscriptions":
		return map[string]any{"value": []any{sub}}, true
	case path == "tenants":
		return map[string]any{"value": []any{map[string]any{"id": "/tenants/" + e.Tenant, "tenantId": e.Tenant, "displayName": "Example", "defaultDomain": "example.onmicrosoft.com"}}}, true
	case path == "subscriptions/"+e.Subscription:
		return sub, true
	}
	switch op {
	case "Microsoft.ResourceGraph/resources/read":
		return a.resourceGraph(body)
	case "Microsoft.Storage/storageAccounts/listKeys/action":
		if held := e.Storage[p.names[0]]; held != nil {
			key := func(name string) any {
				return map[string]any{"keyName": name, "value": held.Key, "permissions": "FULL"}
			}
			return map[string]any{"keys": []any{key("key1"), key("key2")}}, true
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		body, ok := e.Answers[strings.ToLower(op)]
		if !ok {
			for _, res := range e.Resources {
				if r.Method != http.MethodPost && strings.EqualFold(res["id"].(string), p.scope) {
					return res, true
				}
			}
		}
		return body, ok
	}
	if body, ok := e.Answers[strings.ToLower(op)]; ok {
		return body, true
	}
	if p.tail == "" {
		for _, res := range e.Resources {
			if strings.EqualFold(res["id"].(string), p.scope) {
				return res, true
			}
		}
		return nil, false
	}
	kind := strings.Join(append(slices.Clone(p.types), p.tail), "/")
	prefix := strings.ToLower(p.scope)
	if at := strings.Index(prefix, "/providers/"); at >= 0 && len(p.names) == 0 {
		prefix = prefix[:at]
	}
	list := []any{}
	for _, res := range e.Resources {
		same := strings.EqualFold(res["type"].(string), kind)
		switch p.tail {
		case "resources":
			same = res["type"] != "Microsoft.Resources/resourceGroups" && !strings.HasPrefix(res["type"].(string), "Microsoft.Authorization/")
		case "resourcegroups", "resourceGroups":
			same = res["type"] == "Microsoft.Resources/resourceGroups"
		}
		if same && strings.HasPrefix(strings.ToLower(res["id"].(string)), strings.TrimSuffix(prefix, "/"+strings.ToLower(p.tail))) {
			list = append(list, res)
		}
	}
	return map[string]any{"value": list}, true
}

// resourceGraph answers the one query that asks for everything. Another is not
// answered: the stand-in does not speak Kusto.
func (a *Azure) resourceGraph(body []byte) (any, bool) {
	var ask struct {
		Query string `json:"query"`
	}
	if json.Unmarshal(body, &ask) != nil || !strings.EqualFold(strings.TrimSpace(ask.Query), "resources") {
		return nil, false
	}
	rows := []any{}
	for _, res := range a.Estate.Resources {
		if kind := res["type"].(string); kind != "Microsoft.Resources/resourceGroups" && !strings.HasPrefix(kind, "Microsoft.Authorization/") {
			rows = append(rows, res)
		}
	}
	return map[string]any{"totalRecords": len(rows), "count": len(rows), "data": rows, "facets": []any{}, "resultTruncated": "false"}, true
}

// activity writes the records of one write or action: a start and an end, or,
// where the caller may not, the failure alone.
func (a *Azure) activity(who *AzurePrincipal, p armPath, op string, status int, refusal string, at time.Time, from string) {
	if strings.HasSuffix(op, "/read") {
		a.fault("Activity log: " + op + " is a read")
		return
	}
	correlation := a.Stage.UUID("correlationId")
	took := time.Duration(a.Stage.Between("took", 60, 420)) * time.Millisecond
	record := func(at time.Time, result, signature, level string, properties map[string]any) {
		properties["eventCategory"] = "Administrative"
		properties["entity"] = p.scope
		properties["message"] = op
		properties["hierarchy"] = a.Estate.Tenant + "/" + a.Estate.Subscription
		a.log("insights-activity-logs/resourceId=/SUBSCRIPTIONS/"+strings.ToUpper(a.Estate.Subscription), map[string]any{
			"time": at.UTC().Format(azureTime), "resourceId": strings.ToUpper(p.scope), "operationName": strings.ToUpper(op),
			"category": "Administrative", "resultType": result, "resultSignature": signature, "durationMs": 0,
			"callerIpAddress": from, "correlationId": correlation, "level": level, "tenantId": a.Estate.Tenant,
			"identity":   map[string]any{"authorization": a.authorization(who, p, op), "claims": a.claims(who, at, from)},
			"properties": properties,
		})
	}
	if refusal != "" {
		record(at, "Failure", "Failed.Forbidden", "Error", map[string]any{
			"statusCode": "Forbidden", "statusMessage": `{"error":{"code":"AuthorizationFailed","message":"` + refusal + `"}}`,
		})
		return
	}
	record(at, "Start", "Started.", "Information", map[string]any{})
	record(at.Add(took), "Success", "Succeeded."+strings.ReplaceAll(http.StatusText(status), " ", ""), "Information", map[string]any{
		"statusCode": strings.ReplaceAll(http.StatusText(status), " ", ""), "serviceRequestId": a.Stage.UUID("serviceRequestId"),
	})
}

func (a *Azure) authorization(who *AzurePrincipal, p armPath, op string) map[string]any {
	kind := "ServicePrincipal"
	if who.isUser() {
		kind = "User"
	}
	scope := "/subscriptions/" + a.Estate.Subscription
	plain := func(id string) string { return strings.ReplaceAll(id, "-", "") }
	evidence := map[string]any{"role": who.Role, "roleAssignmentScope": scope, "principalType": kind, "principalId": plain(who.ObjectID)}
	if assignment, role := a.roleNamed(who.ObjectID, who.Role); assignment != "" {
		evidence["roleAssignmentId"], evidence["roleDefinitionId"] = plain(assignment), plain(role)
	}
	return map[string]any{"scope": p.scope, "action": op, "evidence": evidence}
}

// claims are those of the caller's token, under the long names that the
// Activity log uses.
func (a *Azure) claims(who *AzurePrincipal, at time.Time, from string) map[string]any {
	issuer := "https://sts.windows.net/" + a.Estate.Tenant + "/"
	issued := at.Truncate(time.Hour).Unix()
	c := map[string]any{
		"aud": "https://management.core.windows.net/", "iss": issuer, "ver": "1.0", "appid": who.AppID, "appidacr": "1",
		"iat": fmt.Sprint(issued), "nbf": fmt.Sprint(issued), "exp": fmt.Sprint(issued + 3900),
		"http://schemas.microsoft.com/identity/claims/identityprovider":        issuer,
		"http://schemas.microsoft.com/identity/claims/objectidentifier":        who.ObjectID,
		"http://schemas.microsoft.com/identity/claims/tenantid":                a.Estate.Tenant,
		"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": who.ObjectID,
		"idtyp": "app",
	}
	if who.isUser() {
		c["idtyp"], c["appidacr"], c["ipaddr"], c["name"] = "user", "0", from, who.Name
		c["http://schemas.microsoft.com/identity/claims/scope"] = "user_impersonation"
		c["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"] = who.UPN
		c["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"] = who.UPN
	}
	return c
}

func clientName(who *AzurePrincipal) string {
	if who.isUser() {
		return who.UPN
	}
	return who.AppID
}
