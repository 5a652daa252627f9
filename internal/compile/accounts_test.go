package compile

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"vedette/internal/cloud/gcp"
	"vedette/internal/event"
	"vedette/internal/siem"
	"vedette/internal/siem/sql"
)

// The account of a Google record is the same in SQL as in files: the project,
// organisation, folder or billing account whose log it is.
func TestAccountOfGoogleRecords(t *testing.T) {
	p, reg := gcp.New(), event.NewRegistry()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	d := p.NewDecoder(reg)
	expr := sql.Backends()[0].Fields().Logs["gcp.data_access"].Expr(siem.AccountID)
	branch := regexp.MustCompile(`(?s)WHEN (true|false|\S* <> '')\s+THEN (\S*)\s`)
	for _, c := range []struct{ log, project, resource, want string }{
		{"projects/blue/logs/", "blue", "projects/red", "blue"},
		{"organizations/123456/logs/", "", "organizations/123456", "organizations/123456"},
		{"folders/77/logs/", "", "", "folders/77"},
		{"billingAccounts/0A-1/logs/", "blue", "", "billingAccounts/0A-1"},
		{"organizations/123456/logs/", "blue", "projects/red", "organizations/123456"},
		{"projects/_/logs/", "blue", "projects/red", "blue"},
		{"projects/_x/logs/", "blue", "", "_x"},
		{"projects//logs/", "", "projects/red/zones/z", "red"},
		{"x/", "", "projects/_/buckets/b", ""},
		{"x/", "", "folders/77", "folders/77"},
		{"x/", "", "organization/1", ""},
		{"x/", "", "b/organizations/1", ""},
	} {
		log := c.log + "cloudaudit.googleapis.com%2Fdata_access"
		text := func(path ...string) string {
			switch strings.Join(path, ".") {
			case "logName":
				return log
			case "resource.labels.project_id":
				return c.project
			case "protoPayload.resourceName":
				return c.resource
			}
			t.Fatalf("%v is read", path)
			return ""
		}
		var b strings.Builder
		if err := template.Must(template.New("").Funcs(template.FuncMap{
			"text":    text,
			"match":   func(x, re string) bool { return regexp.MustCompile(re).MatchString(x) },
			"replace": func(x, re, with string) string { return regexp.MustCompile(re).ReplaceAllString(x, with) },
		}).Parse(expr)).Execute(&b, nil); err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, w := range branch.FindAllStringSubmatch(b.String(), -1) {
			if w[1] == "true" || w[1] != "false" && w[1] != " <> ''" {
				said = w[2]
				break
			}
		}
		record, err := json.Marshal(map[string]any{"logName": log, "insertId": "a", "timestamp": "2024-05-01T10:00:00Z",
			"resource": map[string]any{"type": "x", "labels": map[string]string{"project_id": c.project}},
			"protoPayload": map[string]any{"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "compute.googleapis.com",
				"methodName": "v1.compute.instances.list", "resourceName": c.resource}})
		if err != nil {
			t.Fatal(err)
		}
		var ev event.Event
		if _, v := d.Decode(record, &ev); v != event.Decoded || string(ev.Account) != c.want || said != c.want {
			t.Errorf("%+v: SQL says %q, files %q (%v)\n%s", c, said, ev.Account, v, b.String())
		}
	}
}
