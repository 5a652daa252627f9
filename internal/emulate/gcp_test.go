package emulate

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func gcpStage(t *testing.T) *GCP {
	t.Helper()
	g := &GCP{
		Stage: NewStage("test"),
		Estate: &GCPEstate{
			Project: "p", DataAccess: []string{"compute.googleapis.com"},
			Principals: map[string]*GCPPrincipal{
				"sa":  {Email: "sa@p.iam.gserviceaccount.com", KeyID: "0123"},
				"out": {Email: "out@example.org", Outsider: true},
				"in":  {Email: "in@example.com"},
			},
			Answers: map[string]map[string]any{
				"v1.compute.instances.aggregatedList": {"items": map[string]any{"zones/a": map[string]any{"instances": []any{1, 2}}}},
				"v1.compute.instances.setLabels":      {"status": "DONE"},
				"v1.compute.instances.get":            {"id": "77"},
				"storage.buckets.list":                {"items": []any{1}},
			},
		},
		Policy: Policy{"sa@p.iam.gserviceaccount.com": {"compute.*", "storage.*"}, "in@example.com": {"compute.*.get"}},
	}
	g.Stage.Begin(Scene{Source: "203.0.113.9", Start: time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC), PaceMin: time.Second, PaceMax: time.Second})
	return g
}

func (g *GCP) ask(method, token, url string) int {
	r := httptest.NewRequest(method, url, strings.NewReader(`{"labels":{"a":"b"}}`))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "gcloud/1 invocation-id/"+token+"abc123 x")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Code
}

func (g *GCP) lines(t *testing.T) map[string][]gcpEntry {
	t.Helper()
	root := t.TempDir()
	paths, err := g.Deliver(root)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]gcpEntry{}
	for _, p := range paths {
		body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(body) {
			var e gcpEntry
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			out[p] = append(out[p], e)
		}
	}
	return out
}

const (
	instances  = "https://compute.googleapis.com/compute/v1/projects/p/aggregated/instances?alt=json"
	dataAccess = "cloudaudit.googleapis.com/data_access/2026/03/17/13-00-00_13-59-59_S0.json"
)

func TestReadsAreLoggedWhereTheServiceIsSwitchedOn(t *testing.T) {
	g := gcpStage(t)
	if g.ask("GET", "sa", instances) != 200 || g.ask("GET", "sa", "https://storage.googleapis.com/storage/v1/b?project=p") != 200 {
		t.Fatal(g.Faults())
	}
	got := g.lines(t)
	recs := got[dataAccess]
	if len(got) != 1 || len(recs) != 1 {
		t.Fatalf("%v", got)
	}
	p := recs[0].ProtoPayload
	auth := p["authenticationInfo"].(map[string]any)
	if p["methodName"] != "v1.compute.instances.aggregatedList" || p["numResponseItems"] != "2" || p["status"] != nil ||
		auth["principalEmail"] != "sa@p.iam.gserviceaccount.com" || !strings.HasSuffix(auth["serviceAccountKeyName"].(string), "/keys/0123") {
		t.Errorf("%v", p)
	}
	if n := g.NotLogged(); n["storage.buckets.list"] != 1 {
		t.Errorf("not logged: %v", n)
	}
}

func TestADeniedReadNamesNoOutsider(t *testing.T) {
	g := gcpStage(t)
	if g.ask("GET", "out", instances) != 403 || g.ask("GET", "in", instances) != 403 {
		t.Fatal("not denied")
	}
	recs := g.lines(t)[dataAccess]
	if len(recs) != 2 {
		t.Fatalf("%v", recs)
	}
	out, in := recs[0], recs[1]
	if len(out.ProtoPayload["authenticationInfo"].(map[string]any)) != 0 {
		t.Errorf("the outsider is named: %v", out.ProtoPayload["authenticationInfo"])
	}
	if in.ProtoPayload["authenticationInfo"].(map[string]any)["principalEmail"] != "in@example.com" {
		t.Errorf("the insider is not named: %v", in.ProtoPayload["authenticationInfo"])
	}
	status := out.ProtoPayload["status"].(map[string]any)
	if status["code"] != 7.0 || out.Severity != "ERROR" {
		t.Errorf("%v %v", status, out.Severity)
	}
	if out.ProtoPayload["authorizationInfo"].([]any)[0].(map[string]any)["granted"] != nil {
		t.Error("granted though denied")
	}
}

func TestAWriteStartsAndEnds(t *testing.T) {
	g := gcpStage(t)
	g.ask("POST", "sa", "https://compute.googleapis.com/compute/v1/projects/p/zones/z/instances/i/setLabels")
	recs := g.lines(t)["cloudaudit.googleapis.com/activity/2026/03/17/13-00-00_13-59-59_S0.json"]
	if len(recs) != 2 || !recs[0].Operation.First || !recs[1].Operation.Last || recs[0].Operation.ID != recs[1].Operation.ID || recs[0].InsertID == recs[1].InsertID {
		t.Fatalf("%+v", recs)
	}
	if recs[0].ProtoPayload["resourceName"] != "projects/p/zones/z/instances/i" || recs[0].Resource["type"] != "gce_instance" {
		t.Errorf("%+v", recs[0])
	}
}

func TestInvocationIDsKeepRunsApart(t *testing.T) {
	g := gcpStage(t)
	a, b, c := g.agent("invocation-id/aaaa x"), g.agent("invocation-id/bbbb x"), g.agent("invocation-id/aaaa x")
	if a == b || a != c || strings.Contains(a, "aaaa") || !strings.HasSuffix(a, " x,gzip(gfe)") {
		t.Errorf("%q %q %q", a, b, c)
	}
}

func TestAnUnknownMethodIsAFault(t *testing.T) {
	g := gcpStage(t)
	g.ask("GET", "sa", "https://compute.googleapis.com/compute/v1/projects/p/global/unheardOf")
	g.ask("GET", "nobody", instances)
	if len(g.Faults()) != 2 || len(g.lines(t)) != 0 {
		t.Errorf("faults %q, entries %v", g.Faults(), g.entries)
	}
}
