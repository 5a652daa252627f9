package emulate

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/tsv"
)

// payload makes the AuditLog of a call.
func (g *GCP) payload(c gcpCall) map[string]any {
	auth := map[string]any{"principalEmail": c.who.Email}
	if c.who.KeyID != "" {
		auth["principalSubject"] = "serviceAccount:" + c.who.Email
		auth["serviceAccountKeyName"] = fmt.Sprintf("//iam.googleapis.com/projects/%s/serviceAccounts/%s/keys/%s", g.Estate.Project, c.who.Email, c.who.KeyID)
	} else {
		auth["principalSubject"] = "user:" + c.who.Email
	}
	if !c.granted && c.who.Outsider && c.row.kind != "ADMIN_WRITE" {
		auth = map[string]any{}
	}
	authz := map[string]any{
		"permission": c.row.permission, "permissionType": c.row.kind, "resource": "projects/" + g.Estate.Project,
		"resourceAttributes": map[string]any{"name": "projects/" + g.Estate.Project, "service": "resourcemanager", "type": "resourcemanager.projects"},
	}
	if c.granted {
		authz["granted"] = true
	}
	if c.vars["bucket"] != "" && c.row.resource == "gcs_bucket" {
		authz["resource"], authz["resourceAttributes"] = g.resourceName(c), map[string]any{}
	}
	p := map[string]any{
		"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "authenticationInfo": auth,
		"methodName": c.row.name, "serviceName": c.row.service, "resourceName": g.resourceName(c),
		"requestMetadata": map[string]any{
			"callerIp": c.from, "callerSuppliedUserAgent": c.agent, "destinationAttributes": map[string]any{},
			"requestAttributes": map[string]any{"auth": map[string]any{}, "time": c.at.UTC().Format("2006-01-02T15:04:05.000000Z")},
		},
	}
	if c.row.permission != "-" {
		p["authorizationInfo"] = []any{authz}
	}
	if kind := c.row.requestType(); kind != "" {
		request := map[string]any{}
		if json.Unmarshal(c.body, &request) != nil {
			request = map[string]any{}
		}
		request["@type"] = "type.googleapis.com/" + kind
		p["request"] = request
	}
	if !c.granted {
		p["status"] = map[string]any{"code": 7, "message": fmt.Sprintf("Required '%s' permission for 'projects/%s'", c.row.permission, g.Estate.Project)}
	} else if c.row.isList() && c.items > 0 && c.row.service != "storage.googleapis.com" { // whose captured lists have no count
		p["numResponseItems"] = fmt.Sprint(c.items)
	}
	if c.row.service == "compute.googleapis.com" {
		p["resourceLocation"] = map[string]any{"currentLocations": []any{c.location()}}
	}
	return p
}

type gcpLabel struct{ kind, label, variable string }

//go:embed gcplabels.tsv
var gcpLabelsTSV string

func gcpLabels() []gcpLabel {
	var rows []gcpLabel
	for _, f := range tsv.Must("emulate/gcplabels.tsv", gcpLabelsTSV, "type label variable") {
		rows = append(rows, gcpLabel{f[0], f[1], f[2]})
	}
	return rows
}

func (g *GCP) resource(c gcpCall) map[string]any {
	labels := map[string]any{"project_id": g.Estate.Project}
	switch c.row.resource {
	case "api":
		labels["service"], labels["method"], labels["version"], labels["location"] = c.row.service, strings.TrimPrefix(c.row.name, "v1."), "v1", "global"
		if c.row.isList() {
			labels["location"] = c.location()
		}
	case "audited_resource":
		labels["service"], labels["method"] = c.row.service, c.row.name
	case "service_account":
		labels["email_id"], labels["unique_id"] = c.vars["account"], g.uniqueID(c.vars["account"])
	case "gce_instance":
		labels["instance_id"], labels["zone"] = g.instanceID(), c.vars["zone"]
	case "gcs_bucket":
		labels["location"] = g.bucketLocation(c.vars["bucket"])
	}
	for _, l := range gcpLabels() {
		if l.kind == c.row.resource {
			labels[l.label] = c.vars[l.variable]
		}
	}
	return map[string]any{"type": c.row.resource, "labels": labels}
}

// location is the zone or region of a call, or global.
func (c gcpCall) location() string { return cmp.Or(c.vars["zone"], c.vars["region"], "global") }

// resourceName is what a call acts on: for Compute Engine the collection or
// the thing itself, for other services what holds the collection. A bucket is
// named without its project, since its name is the world's.
func (g *GCP) resourceName(c gcpCall) string {
	resource := "projects/" + g.Estate.Project
	_, tail, _ := strings.Cut(c.row.path, "{project}")
	switch {
	case c.row.service == "compute.googleapis.com":
		tail = strings.Replace(tail, "/aggregated/", "/global/", 1)
		tail = strings.TrimSuffix(strings.TrimSuffix(tail, "/setLabels"), "/wait")
	case c.vars["account"] != "":
		return "projects/-/serviceAccounts/" + c.vars["account"]
	case c.row.resource == "gcs_bucket" && c.vars["bucket"] != "":
		return "projects/_/buckets/" + c.vars["bucket"]
	default:
		tail, _, _ = strings.Cut(tail, ":")
		if at := strings.LastIndexByte(tail, '/'); at >= 0 && !strings.HasPrefix(tail[at:], "/{") {
			tail = tail[:at]
		}
	}
	for k, v := range c.vars {
		tail = strings.ReplaceAll(tail, "{"+k+"}", v)
	}
	return resource + tail
}

// requestType is the message that the record's request names, or "" where no
// source says. A gRPC method's is named after it: google.pubsub.v1.Publisher.
// ListTopics takes a google.pubsub.v1.ListTopicsRequest. What every service has
// of IAM takes IAM's.
func (r gcpRoute) requestType() string {
	seg := strings.Split(r.name, ".")
	switch n := len(seg); {
	case r.service == "compute.googleapis.com":
		return strings.TrimPrefix(r.name, "v1.")
	case r.service == "iam.googleapis.com":
		return r.name
	case slices.Contains([]string{"GetIamPolicy", "SetIamPolicy", "TestIamPermissions"}, seg[n-1]):
		return "google.iam.v1." + seg[n-1] + "Request"
	case n > 3 && seg[n-2][0] >= 'A' && seg[n-2][0] <= 'Z':
		return strings.Join(seg[:n-2], ".") + "." + seg[n-1] + "Request"
	}
	return ""
}

func (g *GCP) instanceID() string {
	id, _ := g.Estate.Answers["v1.compute.instances.get"]["id"].(string)
	return id
}

// uniqueID is the number of a service account in the estate, or "".
func (g *GCP) uniqueID(email string) string {
	accounts, _ := g.Estate.Answers["google.iam.admin.v1.ListServiceAccounts"]["accounts"].([]any)
	for _, v := range accounts {
		if a, _ := v.(map[string]any); a["email"] == email {
			id, _ := a["uniqueId"].(string)
			return id
		}
	}
	return ""
}
