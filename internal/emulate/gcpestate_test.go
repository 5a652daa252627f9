package emulate

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"vedette/internal/cloud"
	"vedette/internal/cloud/all"
	"vedette/internal/event"
)

func rehearsalGCP(t *testing.T) *GCP {
	t.Helper()
	g := &GCP{Stage: NewStage("test"), Estate: &GCPEstate{}}
	readEstate(t, "gcp.json", g.Estate)
	readEstate(t, "policy-gcp.json", &g.Policy)
	g.Stage.Begin(Scene{Source: "203.0.113.9", Start: time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC), PaceMin: time.Millisecond, PaceMax: time.Millisecond})
	return g
}

func (g *GCP) call(method, token, url, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

const testPermissions = "https://cloudresourcemanager.googleapis.com/v3/projects/atelier-prod-2207:testIamPermissions"

// TestAQuestionAboutPermissionsIsNeverDenied: it is answered 200 whatever the
// caller has, and so its record has no status, no permission and no denial.
func TestAQuestionAboutPermissionsIsNeverDenied(t *testing.T) {
	g := rehearsalGCP(t)
	const ask = `{"permissions":["compute.instances.list","storage.buckets.list"]}`
	for token, want := range map[string]string{
		"token-nobody": `{}`,
		"token-viewer": `{"permissions":["compute.instances.list"]}`,
		"token-deploy": `{"permissions":["compute.instances.list","storage.buckets.list"]}`,
	} {
		if w := g.call("POST", token, testPermissions, ask); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s", token, w.Code, w.Body)
		}
	}
	recs := g.lines(t)[dataAccess]
	if len(recs) != 3 || len(g.Faults()) != 0 {
		t.Fatalf("%v %q", recs, g.Faults())
	}
	for _, r := range recs {
		p := r.ProtoPayload
		if p["methodName"] != "google.cloud.resourcemanager.v3.Projects.TestIamPermissions" || p["status"] != nil || p["authorizationInfo"] != nil || r.Severity != "INFO" ||
			at(p, "request", "@type") != "type.googleapis.com/google.iam.v1.TestIamPermissionsRequest" || len(at(p, "request", "permissions").([]any)) != 2 {
			t.Errorf("%v", p)
		}
	}
}

// TestWhatGoogleLogsNowhereIsWrittenNowhere: version 1 of the question is not
// among Resource Manager's audited operations, and Service Usage says of
// ListServices that it produces no audit log.
func TestWhatGoogleLogsNowhereIsWrittenNowhere(t *testing.T) {
	g := rehearsalGCP(t)
	g.Estate.DataAccess = append(g.Estate.DataAccess, "serviceusage.googleapis.com")
	v1 := strings.Replace(testPermissions, "/v3/", "/v1/", 1)
	if w := g.call("POST", "token-nobody", v1, `{"permissions":["iam.roles.list"]}`); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	if w := g.call("GET", "token-deploy", "https://serviceusage.googleapis.com/v1/projects/atelier-prod-2207/services", ""); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	if got := g.lines(t); len(got) != 0 || len(g.NotLogged()) != 2 || len(g.Faults()) != 0 {
		t.Errorf("%v %v %q", got, g.NotLogged(), g.Faults())
	}
}

func TestAdminActivityAloneShowsNoRead(t *testing.T) {
	g := rehearsalGCP(t)
	g.Estate.DataAccess = nil
	for _, token := range []string{"token-deploy", "token-nobody"} {
		g.call("POST", token, testPermissions, `{"permissions":["iam.roles.list"]}`)
		g.call("GET", token, "https://compute.googleapis.com/compute/v1/projects/atelier-prod-2207/aggregated/instances", "")
	}
	if got := g.lines(t); len(got) != 0 || len(g.NotLogged()) != 2 {
		t.Errorf("%v %v", got, g.NotLogged())
	}
}

func TestListsOfAZoneComeOutOfTheWhole(t *testing.T) {
	g := rehearsalGCP(t)
	const zones = "https://compute.googleapis.com/compute/v1/projects/atelier-prod-2207/zones/"
	w := g.call("GET", "token-viewer", zones+"europe-west1-c/instances", "")
	if !strings.Contains(w.Body.String(), "render-1") || strings.Contains(w.Body.String(), "shop-1") {
		t.Error(w.Body)
	}
	if w := g.call("GET", "token-viewer", zones+"us-east1-b/nodeGroups", ""); !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Error(w.Body)
	}
	recs := g.lines(t)[dataAccess]
	if len(recs) != 2 || recs[0].ProtoPayload["numResponseItems"] != "1" || recs[1].ProtoPayload["numResponseItems"] != nil {
		t.Fatalf("%v", recs)
	}
	p := recs[0].ProtoPayload
	if p["methodName"] != "v1.compute.instances.list" || p["resourceName"] != "projects/atelier-prod-2207/zones/europe-west1-c/instances" ||
		at(recs[0].Resource, "labels", "location") != "europe-west1-c" {
		t.Errorf("%v %v", p, recs[0].Resource)
	}
}

func TestAnsweringWithNothingIsAFaultOnlyWhereItIsAllowed(t *testing.T) {
	g := rehearsalGCP(t)
	delete(g.Estate.Answers, "ListKeyRings")
	const url = "https://cloudkms.googleapis.com/v1/projects/atelier-prod-2207/locations/europe-west1/keyRings"
	if w := g.call("GET", "token-nobody", url, ""); w.Code != 403 || len(g.Faults()) != 0 {
		t.Errorf("%d %q", w.Code, g.Faults())
	}
	g.call("GET", "token-deploy", url, "")
	if len(g.Faults()) != 1 {
		t.Errorf("%q", g.Faults())
	}
}

// decoder returns the program's own decoder of one cloud.
func decoder(t *testing.T, c event.Cloud) cloud.Decoder {
	t.Helper()
	for _, p := range all.Providers() {
		if p.Cloud() == c {
			reg := event.NewRegistry()
			if err := p.Register(reg); err != nil {
				t.Fatal(err)
			}
			return p.NewDecoder(reg)
		}
	}
	t.Fatalf("no cloud %v", c)
	return nil
}

// uncatalogued are the methods that the catalogue leaves out on purpose.
var uncatalogued = map[string]string{
	"v1.compute.instances.setLabels":                "a write",
	"v1.compute.zoneOperations.wait":                "waits for a write",
	"google.cloud.location.Locations.ListLocations": "lists what Google offers, nothing of the project",
}

// TestEveryRouteIsKnownToTheDecoder asks for each row of the table as the owner
// and reads the record back with the program's own decoder: the name is in its
// catalogue, so that a rehearsal never counts by the fallback for unknown names.
func TestEveryRouteIsKnownToTheDecoder(t *testing.T) {
	variable := regexp.MustCompile(`\{[a-z_]+\}`)
	d := decoder(t, event.GCP)
	rows := 0
	for _, row := range gcpRoutes() {
		g := rehearsalGCP(t)
		g.Estate.DataAccess = []string{row.service}
		path := variable.ReplaceAllString(strings.ReplaceAll(row.path, "{project}", g.Estate.Project), "x")
		body := ""
		if row.method == "POST" {
			body = `{"permissions":["iam.roles.list"]}`
		}
		g.call(row.method, "token-nobody", "https://"+row.host+path, body)
		var text []byte
		for _, e := range g.entries {
			text, _ = marshal(e)
		}
		if row.kind == "NONE" {
			if text != nil {
				t.Errorf("%s was written", row.name)
			}
			continue
		}
		var ev event.Event
		if _, v := d.Decode(text, &ev); v != event.Decoded {
			t.Errorf("%s: %d: %s", row.name, v, text)
			continue
		}
		_, apart := uncatalogued[row.name]
		if ev.API.Known == apart || row.kind != "ADMIN_WRITE" && ev.Log != event.GCPDataAccess {
			t.Errorf("%s: %+v in log %v", row.name, ev.API, ev.Log)
		}
		rows++
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
}

// TestTheScriptsAskForWhatTheTableHas holds the paths of the brute-force script
// against the table, so that it cannot run into a fault.
func TestTheScriptsAskForWhatTheTableHas(t *testing.T) {
	script, err := os.ReadFile("../rehearse/scripts/gcp_list_everything.py")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, url := range regexp.MustCompile(`[a-z]+\.googleapis\.com/\S*\{p\}\S*`).FindAllString(string(script), -1) {
		url = strings.NewReplacer("{p}", "p", "{r}", "r", `""".split()`, "").Replace(url)
		if _, _, ok := nameGCP(httptest.NewRequest("GET", "https://"+url, nil)); !ok {
			t.Errorf("%s has no name", url)
		}
		n++
	}
	if n != 14 {
		t.Errorf("%d URLs", n)
	}
}
