package emulate

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/internal/tsv"
)

// GCP stands in for the Google Cloud APIs of one project and writes its Cloud
// Audit Logs: Admin Activity always, Data Access for the services of
// Estate.DataAccess alone, as a project's audit configuration has it.
type GCP struct {
	Stage     *Stage
	Estate    *GCPEstate
	Policy    Policy // by e-mail, of permissions
	UserAgent func(string) string

	mu          sync.Mutex
	entries     []gcpEntry
	invocations map[string]string
	skipped     map[string]int
	faults      []string

	flushing sync.Mutex
	shards   map[string]string // what Flush writes the entries of an hour into
}

// GCPEstate is what the stand-in holds.
type GCPEstate struct {
	Project string `json:"project"`
	// DataAccess are the services whose Data Access logs are switched on.
	DataAccess []string `json:"data_access"`
	// Principals are the callers by access token.
	Principals map[string]*GCPPrincipal `json:"principals"`
	// Answers are the bodies of the answers by methodName.
	Answers map[string]map[string]any `json:"answers"`
	// Objects are the names of what the buckets hold, by bucket.
	Objects map[string][]string `json:"objects"`
}

// GCPPrincipal is a user or a service account.
type GCPPrincipal struct {
	Email string `json:"email"`
	// KeyID is the id of the service account's key, "" for a user.
	KeyID string `json:"key_id"`
	// Outsider says that the caller is of no organisation that the project
	// knows: its e-mail is redacted where a read is denied.
	Outsider bool `json:"outsider"`
}

type gcpEntry struct {
	InsertID         string         `json:"insertId"`
	LogName          string         `json:"logName"`
	Operation        *gcpOperation  `json:"operation,omitempty"`
	ProtoPayload     map[string]any `json:"protoPayload"`
	ReceiveTimestamp string         `json:"receiveTimestamp"`
	Resource         map[string]any `json:"resource"`
	Severity         string         `json:"severity"`
	Timestamp        string         `json:"timestamp"`
}

type gcpOperation struct {
	First    bool   `json:"first,omitempty"`
	ID       string `json:"id"`
	Last     bool   `json:"last,omitempty"`
	Producer string `json:"producer"`
}

type gcpRoute struct{ host, method, path, service, name, permission, kind, resource string }

// isList reports whether a method lists: only those say how many they found.
func (r gcpRoute) isList() bool {
	verb := r.name[strings.LastIndexByte(r.name, '.')+1:]
	return strings.HasPrefix(verb, "List") || strings.HasSuffix(strings.ToLower(verb), "list")
}

// isTest reports whether a method asks which of some permissions the caller
// has. It needs none itself, refuses nobody and answers with those that the
// caller has, so that no record of it says denied.
func (r gcpRoute) isTest() bool { return strings.HasSuffix(r.name, "TestIamPermissions") }

//go:embed gcproutes.tsv
var gcpRoutesTSV string

func gcpRoutes() []gcpRoute {
	var rows []gcpRoute
	for _, f := range tsv.Must("emulate/gcproutes.tsv", gcpRoutesTSV, "host method path service name permission kind resource") {
		rows = append(rows, gcpRoute{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]})
	}
	return rows
}

// nameGCP finds what the audit log calls a request, and its path variables.
func nameGCP(r *http.Request) (gcpRoute, map[string]string, bool) {
	host := hostOf(r)
	for _, row := range gcpRoutes() {
		if row.host != host || row.method != r.Method {
			continue
		}
		if vars, ok := matchPath(row.path, r.URL.Path); ok {
			return row, vars, true
		}
	}
	return gcpRoute{}, nil, false
}

// Serves reports whether host is an API of Google's.
func (g *GCP) Serves(host string) bool { return strings.HasSuffix(host, ".googleapis.com") }

// Faults returns the requests that the stand-in could not name or answer.
func (g *GCP) Faults() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.faults)
}

// NotLogged returns how often each method was called whose Data Access log is
// off.
func (g *GCP) NotLogged() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]int{}
	for k, n := range g.skipped {
		out[k] = n
	}
	return out
}

// ServeHTTP answers one request.
func (g *GCP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	row, vars, ok := nameGCP(r)
	who := g.Estate.Principals[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok || who == nil {
		g.fault(fmt.Sprintf("%s %s%s: no name, or no caller", r.Method, r.Host, r.URL.Path))
		gcpError(w, http.StatusNotFound, "NOT_FOUND", "no such method")
		return
	}
	answer := g.answer(row, vars)
	if row.isTest() {
		answer = g.testPermissions(who, body)
	}
	at, from := g.Stage.Tick()
	granted := row.permission == "-" || g.Policy.Allows(who.Email, row.permission)
	if answer == nil && granted {
		g.fault(row.name + ": no answer")
	}
	call := gcpCall{row: row, vars: vars, who: who, granted: granted, at: at, from: from, items: countItems(answer), body: body}
	call.agent = g.agent(r.UserAgent())
	if row.kind == "ADMIN_WRITE" || row.kind != "NONE" && slices.Contains(g.Estate.DataAccess, row.service) {
		g.keep(call)
	} else {
		g.mu.Lock()
		if g.skipped == nil {
			g.skipped = map[string]int{}
		}
		g.skipped[row.name]++
		g.mu.Unlock()
	}
	if !granted {
		gcpError(w, http.StatusForbidden, "PERMISSION_DENIED", fmt.Sprintf("Required '%s' permission for 'projects/%s'", row.permission, g.Estate.Project))
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// answer finds the body for a call in the estate. Where the estate knows all of
// a kind in Compute Engine (its aggregated list), that also answers the lists of
// single zones and regions; a kind that the estate does not have is listed empty.
func (g *GCP) answer(row gcpRoute, vars map[string]string) map[string]any {
	answer := g.Estate.Answers[row.name]
	if vars["bucket"] != "" && row.service == "storage.googleapis.com" && answer == nil {
		return g.bucketAnswer(row, vars["bucket"])
	}
	kind, ok := strings.CutSuffix(strings.TrimPrefix(row.name, "v1.compute."), ".list")
	if answer != nil || !ok || row.service != "compute.googleapis.com" {
		return answer
	}
	scope := "regions/" + vars["region"]
	if vars["zone"] != "" {
		scope = "zones/" + vars["zone"]
	}
	all, _ := g.Estate.Answers["v1.compute."+kind+".aggregatedList"]["items"].(map[string]any)
	in, _ := all[scope].(map[string]any)
	items, _ := in[kind].([]any)
	if items == nil {
		items = []any{}
	}
	return map[string]any{"kind": "compute#" + strings.TrimSuffix(kind, "s") + "List", "items": items}
}

// testPermissions is the answer to TestIamPermissions: those of the request's
// permissions that the policy grants, and an empty object where there are none.
func (g *GCP) testPermissions(who *GCPPrincipal, body []byte) map[string]any {
	var ask struct {
		Permissions []string `json:"permissions"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		g.fault("TestIamPermissions: " + err.Error())
	}
	granted := []any{}
	for _, p := range ask.Permissions {
		if g.Policy.Allows(who.Email, p) {
			granted = append(granted, p)
		}
	}
	if len(granted) == 0 {
		return map[string]any{}
	}
	return map[string]any{"permissions": granted}
}

// gcpCall is what one record is made of.
type gcpCall struct {
	row     gcpRoute
	vars    map[string]string
	who     *GCPPrincipal
	granted bool
	at      time.Time
	from    string
	agent   string
	items   int
	body    []byte
}

// keep writes the record of a call; a write that runs as an operation has one
// where it starts and one where it ends.
func (g *GCP) keep(c gcpCall) {
	log := "data_access"
	severity := "INFO"
	if c.row.kind == "ADMIN_WRITE" {
		log, severity = "activity", "NOTICE"
	}
	if !c.granted {
		severity = "ERROR"
	}
	entry := func(at time.Time, op *gcpOperation, payload map[string]any) gcpEntry {
		return gcpEntry{
			InsertID:     "-" + strings.ToLower(g.Stage.Token("insertId", upperAlnum, 11)),
			LogName:      "projects/" + g.Estate.Project + "/logs/cloudaudit.googleapis.com%2F" + log,
			Operation:    op,
			ProtoPayload: payload, Resource: g.resource(c), Severity: severity,
			Timestamp:        at.UTC().Format("2006-01-02T15:04:05.000000Z"),
			ReceiveTimestamp: at.Add(time.Duration(g.Stage.Between("receive", 300, 1400)) * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000000000Z"),
		}
	}
	var made []gcpEntry
	payload := g.payload(c)
	if c.row.kind == "ADMIN_WRITE" && c.granted {
		id := "operation-" + g.Stage.Hex("operation", 13) + "-" + g.Stage.Hex("operation", 13)
		made = append(made, entry(c.at, &gcpOperation{ID: id, First: true, Producer: c.row.service}, payload))
		end := map[string]any{}
		for _, k := range []string{"@type", "authenticationInfo", "methodName", "resourceName", "serviceName"} {
			end[k] = payload[k]
		}
		end["requestMetadata"] = map[string]any{"callerIp": c.from, "callerSuppliedUserAgent": c.agent}
		end["request"] = map[string]any{"@type": "type.googleapis.com/" + strings.TrimPrefix(c.row.name, "v1.")}
		last := c.at.Add(time.Duration(g.Stage.Between("took", 1500, 4000)) * time.Millisecond)
		made = append(made, entry(last, &gcpOperation{ID: id, Last: true, Producer: c.row.service}, end))
	} else {
		made = append(made, entry(c.at, nil, payload))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries = append(g.entries, made...)
}

var invocationID = regexp.MustCompile(`invocation-id/[0-9a-f]+`)

// agent rewrites a user agent: the machine's traces are taken out, gcloud's
// random invocation id becomes one that follows from the seed (the same for
// all calls of one run), and Google's front end adds its mark.
func (g *GCP) agent(ua string) string {
	if g.UserAgent != nil {
		ua = g.UserAgent(ua)
	}
	ua = invocationID.ReplaceAllStringFunc(ua, func(id string) string {
		g.mu.Lock()
		known := g.invocations[id]
		g.mu.Unlock()
		if known == "" {
			known = "invocation-id/" + g.Stage.Hex("invocation", 32)
			g.mu.Lock()
			if g.invocations == nil {
				g.invocations = map[string]string{}
			}
			g.invocations[id] = known
			g.mu.Unlock()
		}
		return known
	})
	return ua + ",gzip(gfe)"
}

// Deliver writes the logs under root as a sink does into a bucket: a file of
// JSON lines for each log and hour. A sink's own file names have colons
// (13:00:00_13:59:59_S0.json), which not every file system takes: here they
// are dashes. It returns the paths relative to root, sorted.
func (g *GCP) Deliver(root string) ([]string, error) {
	g.mu.Lock()
	entries := slices.Clone(g.entries)
	g.mu.Unlock()
	files, err := gcpFiles(entries)
	if err != nil {
		return nil, err
	}
	var paths []string
	for hour, f := range files {
		name := gcpShard(hour, 0)
		if err := writeFile(filepath.Join(root, filepath.FromSlash(name)), f.lines); err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		paths = append(paths, name)
	}
	slices.Sort(paths)
	return paths, nil
}

// Flush writes the entries that no Flush wrote before: of each log and hour
// into a shard of this recording's own, the first that is free when the hour
// begins, so that what an earlier recording left stays. Entries that could not
// be written are kept for the next time. It returns how many were written, by
// path relative to root.
func (g *GCP) Flush(root string) (map[string]int, error) {
	g.flushing.Lock()
	defer g.flushing.Unlock()
	g.mu.Lock()
	entries := g.entries
	g.entries = nil
	g.mu.Unlock()
	files, err := gcpFiles(entries)
	if err != nil {
		g.mu.Lock()
		g.entries = append(entries, g.entries...)
		g.mu.Unlock()
		return nil, err
	}
	if g.shards == nil {
		g.shards = map[string]string{}
	}
	written := map[string]int{}
	var failed []error
	for hour, f := range files {
		name := g.shards[hour]
		for n := 0; name == ""; n++ {
			if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(gcpShard(hour, n)))); err != nil {
				name = gcpShard(hour, n)
			}
		}
		if err := appendFile(filepath.Join(root, filepath.FromSlash(name)), f.lines); err != nil {
			failed = append(failed, fmt.Errorf("deliver: %w", err))
			g.mu.Lock()
			g.entries = append(g.entries, f.entries...)
			g.mu.Unlock()
			continue
		}
		g.shards[hour] = name
		written[name] = len(f.entries)
	}
	return written, errors.Join(failed...)
}

// gcpShard is the path of a shard of an hour's entries.
func gcpShard(hour string, n int) string { return fmt.Sprintf("%s_S%d.json", hour, n) }

// gcpFile is what the entries of one log and hour come to.
type gcpFile struct {
	entries []gcpEntry
	lines   []byte
}

// gcpFiles gives entries to the files of their logs and hours, by path less
// the shard, in the order of their times.
func gcpFiles(entries []gcpEntry) (map[string]*gcpFile, error) {
	slices.SortStableFunc(entries, func(a, b gcpEntry) int { return strings.Compare(a.Timestamp, b.Timestamp) })
	files := map[string]*gcpFile{}
	for _, e := range entries {
		at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
		if err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		line, err := marshal(e)
		if err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		_, log, _ := strings.Cut(e.LogName, "%2F")
		hour := at.Format("15")
		name := "cloudaudit.googleapis.com/" + log + at.Format("/2006/01/02/") + hour + "-00-00_" + hour + "-59-59"
		f := files[name]
		if f == nil {
			f = &gcpFile{}
			files[name] = f
		}
		f.entries = append(f.entries, e)
		f.lines = append(append(f.lines, line...), '\n')
	}
	return files, nil
}

func (g *GCP) fault(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, text)
}

// countItems is how many resources a list answers, or -1 where it is no list.
func countItems(answer map[string]any) int {
	n := -1
	for _, v := range answer {
		switch v := v.(type) {
		case []any:
			n = max(n, 0) + len(v)
		case map[string]any:
			for _, scope := range v {
				if m, ok := scope.(map[string]any); ok {
					n = max(n, 0) + max(countItems(m), 0)
				}
			}
		}
	}
	return n
}

func gcpError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": message, "status": code,
		"errors": []any{map[string]any{"message": message, "domain": "global", "reason": "forbidden"}},
	}})
}
