package compile

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/cloud/gcp"
	"vedette/internal/event"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
	"vedette/internal/tsv"
)

// address is the expression of a field map for Google's service agents: what
// stands between the quotes, slashes or backticks of the language.
var address = regexp.MustCompile("[^\"'`/]*gserviceaccount[].[\\\\]+com[^\"'`/]*")

// known are the agents that Sentinel knows, whose queries have an end.
var known = regexp.MustCompile("^service-(org-|folder-)?[0-9]+@(compute-system|container-engine-robot|gcp-sa-([^anrv]|a[^i]|n[^o]|v[^e]).*)[.]iam|@cloudservices[.]")

// Every language takes for Google's own the callers that the decoder takes for
// them: SQL the very same, the others all (Sentinel those that are [known])
// and, of the customer's, accounts of the same form in a project of the same form alone.
func TestServiceAgentsInFieldMaps(t *testing.T) {
	text, err := os.ReadFile("../cloud/gcp/service_agents.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := tsv.Rows("service_agents.tsv", string(text), "pattern name runs_customer_code source")
	if err != nil {
		t.Fatal(err)
	}
	emails := []string{
		"scanner@gcp-sa-lab.iam.gserviceaccount.com", "scanner@gcp-sa-logging.iam.gserviceaccount.com", "compute-system@blue.iam.gserviceaccount.com",
		"service-12x@compute-system.iam.gserviceaccount.com", "service-@compute-system.iam.gserviceaccount.com",
		"service-123456@compute-system.iam.gserviceaccount.com.evil.example", "service-123456@compute-systemxiam.gserviceaccount.com",
		"service-123456@compute-system.iam.gserviceaccount.com@blue.iam.gserviceaccount.com", "service-123456@blue.iam.gserviceaccount.com",
		"x@cloudservices.gserviceaccount.com", "123456@cloudservices-blue.iam.gserviceaccount.com", "xsystem@google.com", "system@google.com.evil.example",
		"123456-compute@developer.gserviceaccount.com", "blue@appspot.gserviceaccount.com", "ada@example.com", "",
	}
	for _, r := range rows {
		emails = append(emails, strings.NewReplacer("PROJECT_NUMBER", "123456", "ORGANIZATION_NUMBER", "42", "FOLDER_NUMBER", "7", "IDENTIFIER", "ab-9").Replace(r.Fields[0]))
	}
	p, reg := gcp.New(), event.NewRegistry()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	d := p.NewDecoder(reg)
	made := func(email string) bool {
		quoted, _ := json.Marshal(email)
		var ev event.Event
		if _, v := d.Decode([]byte(`{"logName":"projects/blue/logs/cloudaudit.googleapis.com%2Fdata_access","insertId":"a","timestamp":"2024-05-01T10:00:00Z",`+
			`"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"compute.googleapis.com","methodName":"v1.compute.instances.list",`+
			`"authenticationInfo":{"principalEmail":`+string(quoted)+`}}}`), &ev); v != event.Decoded {
			t.Fatalf("%s: %v", email, v)
		}
		return ev.Has(event.ServiceMade)
	}
	const lookalike = "service-123456@gcp-sa-lab.iam.gserviceaccount.com"
	for _, b := range backends.Backends() {
		m := b.Fields().Logs["gcp.data_access"]
		if m == nil {
			t.Fatalf("%s knows no log of Google's", b.Name())
		}
		exact := m.Roles[siem.ServiceMade].Approximate == ""
		if exact != strings.HasPrefix(b.Name(), "sql:") {
			t.Errorf("%s: that service_made is exact is %v", b.Name(), exact)
		}
		of := map[string]string{"service_made": m.Expr(siem.ServiceMade)}
		for name, text := range m.Set {
			if strings.HasSuffix(name, "_made") {
				of[name] = text
			}
		}
		for name, text := range of {
			found := address.FindAllString(text, -1)
			if len(found) != 1 {
				t.Errorf("%s: %s has %d expressions for Google's agents: %s", b.Name(), name, len(found), text)
				continue
			}
			expr := found[0]
			if b.Name() == "elastic" { // Lucene's match the whole text, and know no anchors
				if strings.ContainsAny(strings.ReplaceAll(expr, "[@]", ""), "^$@#&<~") || len(expr) > 1000 {
					t.Errorf("elastic: %s is none of Lucene's: %s", name, expr)
				}
				expr = "^(" + expr + ")$"
			}
			re, err := regexp.Compile(expr)
			if err != nil {
				t.Errorf("%s: %s: %v", b.Name(), name, err)
				continue
			}
			for _, email := range emails {
				want := made(email) && (b.Name() != "kusto" || known.MatchString(email))
				if got := re.MatchString(email); got != want {
					t.Errorf("%s: %s takes %q for Google's own: %v, files: %v", b.Name(), name, email, got, want)
				}
			}
			if re.MatchString(lookalike) == exact {
				t.Errorf("%s: %s: what the field map says of %s is not so", b.Name(), name, lookalike)
			}
		}
	}
	if !slices.Contains(emails, "service-123456@gcp-sa-aiplatform-cc.iam.gserviceaccount.com") {
		t.Error("the list has lost the agents that run the customer's code")
	}
}
