package emulate

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/internal/event"
)

// Azure stands in for the sign-in service, Resource Manager, Key Vault, Storage
// and Microsoft Graph of one tenant with one subscription, and writes down the
// logs that diagnostic settings would have exported:
//
//   - the Activity log, which holds writes, deletes and actions (POST) but no
//     reads (GET): an ARM read leaves no record here;
//   - Key Vault's AuditEvent, for the vaults of Estate.AuditedVaults alone;
//   - StorageRead, for the services that a storage account has audited;
//   - MicrosoftGraphActivityLogs, where Estate.GraphActivity says so.
type Azure struct {
	Stage     *Stage
	Estate    *AzureEstate
	Policy    Policy // by object id
	UserAgent func(string) string

	mu      sync.Mutex
	logs    map[string][]map[string]any // blob folder, less the hour, to records
	skipped map[string]int
	faults  []string
}

// AzureEstate is what the stand-in holds.
type AzureEstate struct {
	Tenant       string `json:"tenant"`
	Subscription string `json:"subscription"`
	// Principals are those who can sign in, by application id or UPN.
	Principals map[string]*AzurePrincipal `json:"principals"`
	// DeviceUser is the UPN of whoever confirms a device code.
	DeviceUser string `json:"device_user"`
	// AuditedVaults are the names of the vaults that have a diagnostic
	// setting; GraphActivity says that the tenant has one for Graph.
	AuditedVaults []string `json:"audited_vaults"`
	GraphActivity bool     `json:"graph_activity"`
	// Resources are Resource Manager's resources as it lists them.
	Resources []map[string]any `json:"resources"`
	// Answers are the bodies of actions, and of reads that answer with what is
	// no resource, by lower-case operation.
	Answers map[string]any `json:"answers"`
	// Vaults hold the names of secrets, keys and certificates by vault; Graph
	// holds its collections, by path.
	Vaults map[string]map[string][]string `json:"vaults"`
	Graph  map[string][]map[string]any    `json:"graph"`
	// GraphSingle are the objects of Graph of which there is one, by path;
	// GraphRelations the ids of an object's members and owners, by the
	// relation and the object's id.
	GraphSingle    map[string]map[string]any      `json:"graph_single"`
	GraphRelations map[string]map[string][]string `json:"graph_relations"`
	// Storage is what the storage accounts hold, by name. An account that is
	// not here has no data plane, and its keys are those of Answers.
	Storage map[string]*AzureStorage `json:"storage"`
}

// AzurePrincipal is a user or a service principal.
type AzurePrincipal struct {
	ObjectID string `json:"object_id"`
	AppID    string `json:"app_id"` // of the application it signs in with
	UPN      string `json:"upn"`    // "" for a service principal
	Name     string `json:"name"`
	Role     string `json:"role"`
}

// KeepLogs switches off the diagnostic settings of every class of log but
// these. The Activity log needs none and is always on: with no class at all,
// this is a subscription of which nobody has changed anything.
func (e *AzureEstate) KeepLogs(on ...event.Log) {
	if !slices.Contains(on, event.AzureKeyVault) {
		e.AuditedVaults = nil
	}
	if !slices.Contains(on, event.AzureStorage) {
		for _, account := range e.Storage {
			account.Audited = nil
		}
	}
	e.GraphActivity = e.GraphActivity && slices.Contains(on, event.AzureGraph)
}

func (p *AzurePrincipal) isUser() bool { return p.UPN != "" }

// Serves reports whether host is one of Azure's that the stand-in answers for.
func (a *Azure) Serves(host string) bool {
	switch host {
	case "login.microsoftonline.com", "management.azure.com", "graph.microsoft.com":
		return true
	}
	account, _, storage := storageHost(host)
	return storage && a.Estate.Storage[account] != nil || strings.HasSuffix(host, ".vault.azure.net")
}

// Faults returns the requests that the stand-in could not answer.
func (a *Azure) Faults() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.faults)
}

// NotLogged returns how often each operation was called that no log shows.
func (a *Azure) NotLogged() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for k, n := range a.skipped {
		out[k] = n
	}
	return out
}

// ServeHTTP answers one request to any of the hosts.
func (a *Azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if host == "login.microsoftonline.com" {
		a.signIn(w, r, body)
		return
	}
	if account, service, ok := storageHost(host); ok {
		a.store(w, r, account, service)
		return
	}
	who := a.bearer(r)
	if who == nil {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer authorization=%q, resource=\"https://vault.azure.net\"", "https://login.microsoftonline.com/"+a.Estate.Tenant))
		azureError(w, http.StatusUnauthorized, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
		return
	}
	switch host {
	case "management.azure.com":
		a.manage(w, r, who, body)
	case "graph.microsoft.com":
		a.graph(w, r, who, body)
	default:
		a.vault(w, r, who, strings.TrimSuffix(host, ".vault.azure.net"))
	}
}

// signIn is as much of the sign-in service as the Azure CLI needs to sign in a
// service principal with a secret, or a user with a device code. Whoever is in
// the estate may come in. No token is signed: nobody here checks.
func (a *Azure) signIn(w http.ResponseWriter, r *http.Request, body []byte) {
	base := "https://login.microsoftonline.com/" + a.Estate.Tenant
	form, _ := url.ParseQuery(string(body))
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/.well-known/openid-configuration"):
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"token_endpoint": base + "/oauth2/v2.0/token", "device_authorization_endpoint": base + "/oauth2/v2.0/devicecode",
		})
	case strings.HasSuffix(path, "/discovery/instance"):
		writeJSON(w, http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration",
			"metadata": []any{map[string]any{
				"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net",
				"aliases": []string{"login.microsoftonline.com", "login.windows.net"},
			}},
		})
	case strings.HasSuffix(path, "/oauth2/v2.0/devicecode"):
		writeJSON(w, http.StatusOK, map[string]any{
			"device_code": "device", "user_code": "EXAMPLE", "verification_uri": "https://example.com/device",
			"expires_in": 900, "interval": 1, "message": "Confirmed already.",
		})
	case strings.HasSuffix(path, "/oauth2/v2.0/token"):
		name := form.Get("client_id")
		if form.Get("grant_type") != "client_credentials" {
			name = a.Estate.DeviceUser
		}
		p := a.Estate.Principals[name]
		if p == nil {
			writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: unknown principal " + name})
			return
		}
		scope := form.Get("scope")
		answer := map[string]any{
			"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "scope": scope,
			"access_token": unsignedToken(map[string]any{"aud": scope, "oid": p.ObjectID, "tid": a.Estate.Tenant, "upn": p.UPN, "appid": p.AppID, "who": name}),
		}
		if p.isUser() {
			answer["refresh_token"] = "refresh"
			answer["client_info"] = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"uid":%q,"utid":%q}`, p.ObjectID, a.Estate.Tenant))
			answer["id_token"] = unsignedToken(map[string]any{
				"aud": form.Get("client_id"), "iss": base + "/v2.0", "sub": p.ObjectID, "oid": p.ObjectID, "tid": a.Estate.Tenant,
				"preferred_username": p.UPN, "name": p.Name, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "ver": "2.0",
			})
		}
		writeJSON(w, http.StatusOK, answer)
	default:
		a.fault("sign-in: " + r.Method + " " + r.URL.Path)
		http.NotFound(w, r)
	}
}

func unsignedToken(claims map[string]any) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`))
	body, _ := json.Marshal(claims)
	return head + "." + base64.RawURLEncoding.EncodeToString(body) + "." + base64.RawURLEncoding.EncodeToString([]byte("unsigned"))
}

// bearer returns whose token a request carries, or nil.
func (a *Azure) bearer(r *http.Request) *AzurePrincipal {
	part := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if len(part) != 3 {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(part[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Who string `json:"who"`
	}
	if json.Unmarshal(raw, &claims) != nil {
		return nil
	}
	return a.Estate.Principals[claims.Who]
}

// Deliver writes the logs under root as diagnostic settings do into a storage
// account: one blob of JSON lines for each resource and hour. It returns the
// paths relative to root, sorted.
func (a *Azure) Deliver(root string) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var paths []string
	for folder, records := range a.logs {
		blobs, err := azureBlobs(folder, records)
		if err != nil {
			return nil, err
		}
		for name, b := range blobs {
			if err := writeFile(filepath.Join(root, filepath.FromSlash(name)), b.lines); err != nil {
				return nil, fmt.Errorf("deliver: %w", err)
			}
			paths = append(paths, name)
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// Flush appends the records that no Flush wrote before to the blobs of their
// hours, which is what diagnostic settings do: what lies there already, of this
// recording or an earlier one, stays. Records that could not be written are
// kept for the next time. It returns how many were written, by path relative to
// root.
func (a *Azure) Flush(root string) (map[string]int, error) {
	a.mu.Lock()
	logs := a.logs
	a.logs = nil
	a.mu.Unlock()
	written := map[string]int{}
	var failed []error
	for folder, records := range logs {
		blobs, err := azureBlobs(folder, records)
		if err != nil {
			failed = append(failed, err)
		}
		for name, b := range blobs {
			if err := appendFile(filepath.Join(root, filepath.FromSlash(name)), b.lines); err != nil {
				failed = append(failed, fmt.Errorf("deliver: %w", err))
				a.log(folder, b.records...)
				continue
			}
			written[name] = len(b.records)
		}
	}
	return written, errors.Join(failed...)
}

// azureBlob is what one blob gets.
type azureBlob struct {
	records []map[string]any
	lines   []byte
}

// azureBlobs gives the records of a folder to the blobs of their hours, by
// path, in the order of their times.
func azureBlobs(folder string, records []map[string]any) (map[string]*azureBlob, error) {
	slices.SortStableFunc(records, func(x, y map[string]any) int {
		return strings.Compare(x["time"].(string), y["time"].(string))
	})
	blobs := map[string]*azureBlob{}
	for _, rec := range records {
		at, err := time.Parse(azureTime, rec["time"].(string))
		if err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		line, err := marshal(rec)
		if err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		name := folder + at.Format("/y=2006/m=01/d=02/h=15") + "/m=00/PT1H.json"
		b := blobs[name]
		if b == nil {
			b = &azureBlob{}
			blobs[name] = b
		}
		b.records = append(b.records, rec)
		b.lines = append(append(b.lines, line...), "\r\n"...)
	}
	return blobs, nil
}

const azureTime = "2006-01-02T15:04:05.0000000Z"

func (a *Azure) log(folder string, recs ...map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.logs == nil {
		a.logs = map[string][]map[string]any{}
	}
	a.logs[folder] = append(a.logs[folder], recs...)
}

func (a *Azure) skip(operation string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.skipped == nil {
		a.skipped = map[string]int{}
	}
	a.skipped[operation]++
}

func (a *Azure) fault(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, text)
}

func (a *Azure) agent(r *http.Request) string {
	if a.UserAgent != nil {
		return a.UserAgent(r.UserAgent())
	}
	return r.UserAgent()
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func azureError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}
