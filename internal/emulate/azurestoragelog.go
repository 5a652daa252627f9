package emulate

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// storageCall is what one record of a storage service is made of.
type storageCall struct {
	*http.Request
	row         storageRoute
	account     string
	container   string
	who         *AzurePrincipal // nil where an account key signed
	at          time.Time
	from, id    string
	status      int
	code        string // statusText: Success or the error's code
	contentType string
	size        int // of the body that was answered, in bytes
}

// storageRequestID makes a request id of the form that Storage gives them: the
// digits that are the same in every id of the captured logs stay so.
func (a *Azure) storageRequestID() string {
	h := a.Stage.Hex("storage request", 18)
	return fmt.Sprintf("%s-%s01e-00%s-%s-%s000000", h[:8], h[8:9], h[9:11], h[11:15], (h[15:] + h)[:6])
}

// storageLog writes one record as a diagnostic setting of a storage service
// exports it (Microsoft's "Azure Blob Storage monitoring data reference"). A
// service without a setting leaves none.
func (a *Azure) storageLog(c storageCall, audited bool) {
	if !audited {
		a.skip(c.row.operation + " on a storage service without a diagnostic setting")
		return
	}
	res := a.resourceNamed("Microsoft.Storage/storageAccounts", c.account)
	if res == nil {
		a.fault("Storage: " + c.account + " is no resource of the estate")
		return
	}
	id := res["id"].(string) + "/" + c.row.service + "Services/default"
	took := a.Stage.Between("took", 4, 40)
	port := a.Stage.Between("port", 1024, 65536)
	response := "Success"
	if c.status != http.StatusOK {
		response = "AuthorizationError"
	}
	properties := map[string]any{
		"accountName": c.account, "serviceType": c.row.service, "userAgentHeader": a.agent(c.Request),
		"metricResponseType": response, "serverLatencyMs": took, "operationCount": 0, "responseBodySize": c.size,
	}
	if c.Header.Get("x-ms-client-request-id") != "" {
		// The client draws it anew in every run.
		properties["clientRequestId"] = a.Stage.UUID("clientRequestId")
	}
	if c.container != "" {
		properties["objectKey"] = "/" + c.account + "/" + c.container
	}
	if c.TLS != nil {
		properties["tlsVersion"] = tls.VersionName(c.TLS.Version)
	}
	a.log("insights-logs-"+strings.ToLower(c.row.category)+"/resourceId="+id, map[string]any{
		"time": c.at.UTC().Format(azureTime), "resourceId": id, "category": c.row.category, "operationName": c.row.operation,
		"operationVersion": c.Header.Get("x-ms-version"), "schemaVersion": "1.0", "statusCode": c.status, "statusText": c.code,
		"durationMs": took, "callerIpAddress": net.JoinHostPort(c.from, strconv.Itoa(port)), "correlationId": c.id,
		"identity": a.storageIdentity(c), "location": res["location"], "properties": properties,
		"uri": "https://" + hostOf(c.Request) + ":443" + c.URL.RequestURI(), "protocol": "HTTPS",
		"resourceType": "Microsoft.Storage/storageAccounts/" + c.row.service + "Services",
	})
}

// storageIdentity says how a request was authorized. A key is nobody's: only
// its hash is there. A token has its owner, and where the request was allowed,
// the role assignment of the estate that allowed it.
func (a *Azure) storageIdentity(c storageCall) map[string]any {
	if c.who == nil {
		return map[string]any{"type": "AccountKey", "tokenHash": fmt.Sprintf("key1(%X)", sha256.Sum256([]byte(a.Estate.Storage[c.account].Key)))}
	}
	requester := map[string]any{
		"appId": c.who.AppID, "audience": "https://storage.azure.com/", "objectId": c.who.ObjectID,
		"tenantId": a.Estate.Tenant, "tokenIssuer": "https://sts.windows.net/" + a.Estate.Tenant + "/",
	}
	kind := "ServicePrincipal"
	if c.who.isUser() {
		kind, requester["upn"] = "User", c.who.UPN
	}
	identity := map[string]any{
		"type": "OAuth", "requester": requester,
		"tokenHash": fmt.Sprintf("%X", sha256.Sum256([]byte(strings.TrimPrefix(c.Header.Get("Authorization"), "Bearer ")))),
	}
	if c.status != http.StatusOK {
		return identity
	}
	assignment, role := a.dataRole(c.who.ObjectID, c.row.action)
	if assignment == "" {
		return identity
	}
	identity["authorization"] = []any{map[string]any{
		"action": c.row.action, "roleAssignmentId": assignment, "roleDefinitionId": role,
		"principals": []any{map[string]any{"id": c.who.ObjectID, "type": kind}},
	}}
	return identity
}
