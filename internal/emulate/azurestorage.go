package emulate

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vedette/internal/tsv"
)

// AzureStorage is what one storage account holds.
type AzureStorage struct {
	// Key is the account's first key in base64, as listKeys answers it. Who
	// signs with it may do everything and is nobody by name in the logs.
	Key string `json:"key"`
	// Audited are the services that have a diagnostic setting: blob, file,
	// queue, table.
	Audited []string `json:"audited"`
	// Containers are the names of blobs by container.
	Containers map[string][]string `json:"containers"`
	Shares     []string            `json:"shares"`
	Queues     []string            `json:"queues"`
	Tables     []string            `json:"tables"`
}

type storageRoute struct{ service, method, path, query, operation, category, action string }

//go:embed azurestorage.tsv
var storageRoutesTSV string

func storageRoutes() []storageRoute {
	var rows []storageRoute
	for _, f := range tsv.Must("emulate/azurestorage.tsv", storageRoutesTSV, "service method path query operation category action") {
		rows = append(rows, storageRoute{f[0], f[1], f[2], f[3], f[4], f[5], f[6]})
	}
	return rows
}

// nameStorage finds what the resource log calls a request to a service.
func nameStorage(service string, r *http.Request) (storageRoute, map[string]string, bool) {
	have := r.URL.Query()
	for _, row := range storageRoutes() {
		if row.service != service || row.method != r.Method {
			continue
		}
		vars, ok := matchPath(row.path, r.URL.Path)
		if !ok {
			continue
		}
		want, _ := url.ParseQuery(strings.TrimPrefix(row.query, "-"))
		for k := range want {
			ok = ok && have.Get(k) == want.Get(k)
		}
		if ok {
			return row, vars, true
		}
	}
	return storageRoute{}, nil, false
}

// storageHost splits the host name of a storage service: account and service.
func storageHost(host string) (account, service string, ok bool) {
	name, ok := strings.CutSuffix(host, ".core.windows.net")
	if !ok {
		return "", "", false
	}
	account, service, _ = strings.Cut(name, ".")
	return account, service, slices.Contains([]string{"blob", "file", "queue", "table"}, service)
}

// store answers the data plane of one storage account.
func (a *Azure) store(w http.ResponseWriter, r *http.Request, account, service string) {
	held := a.Estate.Storage[account]
	row, vars, ok := nameStorage(service, r)
	if held == nil || !ok {
		a.fault("Storage: " + r.Method + " " + r.Host + r.URL.RequestURI())
		storageError(w, service, http.StatusNotFound, "ResourceNotFound", "The specified resource does not exist.", "")
		return
	}
	call := storageCall{Request: r, row: row, account: account, container: vars["container"], status: http.StatusOK, code: "Success"}
	scheme, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch scheme {
	case "Bearer":
		call.who = a.bearer(r)
		if call.who == nil || row.action == "-" {
			a.fault(fmt.Sprintf("Storage: %s with a token: nobody's, or no action is known for it", row.operation))
			storageError(w, service, http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request.", "")
			return
		}
		if !a.Policy.Allows(call.who.ObjectID, row.action) {
			call.status, call.code = http.StatusForbidden, "AuthorizationPermissionMismatch"
		}
	case "SharedKey":
		if proof != account+":"+signStorage(r, service, account, held.Key) {
			a.fault("Storage: " + r.Host + ": a signature that is not of the account's key")
			storageError(w, service, http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request.", "")
			return
		}
	default:
		if scheme != "" || r.URL.Query().Has("sig") {
			a.fault("Storage: " + r.Host + ": a signature or scheme that the stand-in does not know")
			storageError(w, service, http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request.", "")
			return
		}
		// Nothing here is public, and of anonymous requests Storage logs those
		// that succeed, time out or fail by its own fault ("Monitor Azure Blob
		// Storage", section on anonymous requests).
		a.Stage.Tick()
		a.skip("anonymous " + row.operation)
		storageError(w, service, http.StatusConflict, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.", a.storageRequestID())
		return
	}
	call.at, call.from = a.Stage.Tick()
	call.id = a.storageRequestID()
	w.Header().Set("x-ms-request-id", call.id)
	w.Header().Set("x-ms-version", r.Header.Get("x-ms-version"))
	var body []byte
	if call.status == http.StatusOK {
		call.contentType, body = held.answer(account, row.operation, vars["container"])
	} else {
		call.contentType, body = storageErrorBody(service, call.code, "This request is not authorized to perform this operation using this permission.", call.id)
		w.Header().Set("x-ms-error-code", call.code)
	}
	call.size = len(body)
	a.storageLog(call, slices.Contains(held.Audited, service))
	w.Header().Set("Content-Type", call.contentType)
	w.WriteHeader(call.status)
	_, _ = w.Write(body)
}

// answer makes the body of a list.
func (s *AzureStorage) answer(account, operation, container string) (contentType string, body []byte) {
	if operation == "QueryTables" {
		rows := []any{}
		for _, name := range s.Tables {
			rows = append(rows, map[string]string{"TableName": name})
		}
		body, _ = marshal(map[string]any{"odata.metadata": "https://" + account + ".table.core.windows.net/$metadata#Tables", "value": rows})
		return "application/json;odata=minimalmetadata;streaming=true;charset=utf-8", body
	}
	var list, item, service string
	var names []string
	switch operation {
	case "ListContainers":
		list, item, service, names = "Containers", "Container", "blob", slices.Sorted(maps.Keys(s.Containers))
	case "ListBlobs":
		list, item, service, names = "Blobs", "Blob", "blob", s.Containers[container]
	case "ListShares":
		list, item, service, names = "Shares", "Share", "file", s.Shares
	case "ListQueues":
		list, item, service, names = "Queues", "Queue", "queue", s.Queues
	}
	const modified = "<Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>\"0x8DE48D0A5B9E000\"</Etag>%s</Properties>"
	properties := map[string]string{
		"Container": fmt.Sprintf(modified, "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"),
		"Blob":      fmt.Sprintf(modified, "<Content-Length>0</Content-Length><BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"),
		"Share":     fmt.Sprintf(modified, "<Quota>5120</Quota>"),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://%s.%s.core.windows.net/\"", account, service)
	if container != "" {
		fmt.Fprintf(&b, " ContainerName=%q", container)
	}
	fmt.Fprintf(&b, "><%s>", list)
	for _, name := range names {
		fmt.Fprintf(&b, "<%s><Name>", item)
		_ = xml.EscapeText(&b, []byte(name))
		fmt.Fprintf(&b, "</Name>%s</%s>", properties[item], item)
	}
	fmt.Fprintf(&b, "</%s><NextMarker /></EnumerationResults>", list)
	return "application/xml", []byte(b.String())
}

// signStorage works out the signature of a request by "Authorize with Shared
// Key" (learn.microsoft.com): the table service signs a shorter text than the
// others.
func signStorage(r *http.Request, service, account, key string) string {
	resource := "/" + account + r.URL.EscapedPath()
	query := r.URL.Query()
	h := r.Header.Get
	var text string
	if service == "table" {
		if c := query.Get("comp"); c != "" {
			resource += "?comp=" + c
		}
		text = strings.Join([]string{r.Method, h("Content-MD5"), h("Content-Type"), h("x-ms-date"), resource}, "\n")
	} else {
		for _, k := range slices.Sorted(maps.Keys(query)) {
			slices.Sort(query[k])
			resource += "\n" + strings.ToLower(k) + ":" + strings.Join(query[k], ",")
		}
		var own []string
		for k := range r.Header {
			if low := strings.ToLower(k); strings.HasPrefix(low, "x-ms-") {
				own = append(own, low+":"+h(k))
			}
		}
		slices.Sort(own)
		length := h("Content-Length")
		if length == "0" {
			length = ""
		}
		text = strings.Join([]string{
			r.Method, h("Content-Encoding"), h("Content-Language"), length, h("Content-MD5"), h("Content-Type"), h("Date"),
			h("If-Modified-Since"), h("If-Match"), h("If-None-Match"), h("If-Unmodified-Since"), h("Range"),
			strings.Join(own, "\n"), resource,
		}, "\n")
	}
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func storageError(w http.ResponseWriter, service string, status int, code, message, id string) {
	contentType, body := storageErrorBody(service, code, message, id)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// storageErrorBody is an error in the form of its service: the table service
// speaks OData, the others XML.
func storageErrorBody(service, code, message, id string) (contentType string, body []byte) {
	text := message
	if id != "" {
		text += "\nRequestId:" + id
	}
	if service == "table" {
		body, _ = marshal(map[string]any{"odata.error": map[string]any{"code": code, "message": map[string]any{"lang": "en-US", "value": text}}})
		return "application/json", body
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return "application/xml", fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, b.String())
}
