package emulate

import (
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestARecordOfABucketNamesTheBucket: what is in a bucket is asked of the
// bucket, whose name has no project; the list of buckets is asked of the
// project. Denied or not, the names are there.
func TestARecordOfABucketNamesTheBucket(t *testing.T) {
	g := rehearsalGCP(t)
	const storage = "https://storage.googleapis.com/storage/v1/b"
	g.call("GET", "token-deploy", storage+"?project=atelier-prod-2207", "")
	w := g.call("GET", "token-deploy", storage+"/atelier-orders-2207/o", "")
	if !strings.Contains(w.Body.String(), `"name":"customers.csv"`) {
		t.Error(w.Body)
	}
	if w := g.call("GET", "token-nobody", storage+"/atelier-orders-2207/o", ""); w.Code != 403 {
		t.Error(w.Code)
	}
	if w := g.call("GET", "token-deploy", storage+"/atelier-models-2207/o", ""); !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Error(w.Body)
	}
	recs := g.lines(t)[dataAccess]
	if len(recs) != 4 || len(g.Faults()) != 0 {
		t.Fatalf("%v %q", recs, g.Faults())
	}
	if p := recs[0].ProtoPayload; p["resourceName"] != "projects/atelier-prod-2207" || at(recs[0].Resource, "labels", "bucket_name") != "" {
		t.Errorf("%v %v", p, recs[0].Resource)
	}
	for _, r := range recs[1:3] {
		authz := r.ProtoPayload["authorizationInfo"].([]any)[0].(map[string]any)
		if r.ProtoPayload["resourceName"] != "projects/_/buckets/atelier-orders-2207" || authz["resource"] != r.ProtoPayload["resourceName"] ||
			at(r.Resource, "labels", "bucket_name") != "atelier-orders-2207" || at(r.Resource, "labels", "location") != "europe-west1" || r.ProtoPayload["numResponseItems"] != nil {
			t.Errorf("%v %v", r.ProtoPayload, r.Resource)
		}
	}
}

// TestABucketThatIsNotThereIsAFault: the stand-in makes no bucket up.
func TestABucketThatIsNotThereIsAFault(t *testing.T) {
	g := rehearsalGCP(t)
	g.call("GET", "token-deploy", "https://storage.googleapis.com/storage/v1/b/nobodys/o", "")
	if len(g.Faults()) != 1 {
		t.Errorf("%q", g.Faults())
	}
}

// TestBucketRecordsAreLikeACapturedOne holds the resource and the authorization
// of a list of objects against the one captured public record of such a call,
// which its collector left as it was in these places.
func TestBucketRecordsAreLikeACapturedOne(t *testing.T) {
	file := shapeLogs + "gcp/panther-labs__panther-analysis/gcp_audit_rules.jsonl"
	if found, _ := filepath.Glob(file); found == nil {
		t.Skip("no logs beside the checkout at ../shared/logs")
	}
	real := pick(readLines(t, file), func(r map[string]any) bool { return method(r) == "storage.objects.list" })
	g := rehearsalGCP(t)
	g.call("GET", "token-deploy", "https://storage.googleapis.com/storage/v1/b/atelier-orders-2207/o", "")
	recs := g.lines(t)[dataAccess]
	if len(real) == 0 || len(recs) != 1 {
		t.Fatalf("%d real, %d recorded", len(real), len(recs))
	}
	parts := func(resource, payload map[string]any) map[string]any {
		return map[string]any{"resource": resource, "authorizationInfo": payload["authorizationInfo"]}
	}
	found := differences(kindsOf([]map[string]any{parts(recs[0].Resource, recs[0].ProtoPayload)}),
		kindsOf([]map[string]any{parts(real[0]["resource"].(map[string]any), real[0]["protoPayload"].(map[string]any))}))
	// The type of the permission is in records since 2022; this one's collector
	// has no field for it.
	found = slices.DeleteFunc(found, func(d string) bool { return strings.Contains(d, "permissionType: only recorded") })
	if len(found) != 0 {
		t.Errorf("%q", found)
	}
}

// TestResourceNamesOfServices: a list is asked of what holds it, a thing by its
// own name, and a question about it has no verb in its name.
func TestResourceNamesOfServices(t *testing.T) {
	g := rehearsalGCP(t)
	for url, want := range map[string]string{
		"GET https://container.googleapis.com/v1/projects/p/locations/-/clusters":                                       "/locations/-",
		"GET https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/atelier":                    "/locations/europe-west1/clusters/atelier",
		"GET https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/atelier/nodePools":          "/locations/europe-west1/clusters/atelier",
		"GET https://secretmanager.googleapis.com/v1/projects/p/secrets/payment-api:getIamPolicy":                       "/secrets/payment-api",
		"GET https://artifactregistry.googleapis.com/v1/projects/p/locations/l/repositories/atelier/packages/shop/tags": "/locations/l/repositories/atelier/packages/shop",
		"POST https://cloudresourcemanager.googleapis.com/v1/projects/p:getIamPolicy":                                   "",
		"GET https://cloudbilling.googleapis.com/v1/projects/p/billingInfo":                                             "",
	} {
		verb, address, _ := strings.Cut(url, " ")
		row, vars, ok := nameGCP(httptest.NewRequest(verb, address, nil))
		if !ok {
			t.Errorf("%s has no name", url)
			continue
		}
		if got := g.resourceName(gcpCall{row: row, vars: vars}); got != "projects/atelier-prod-2207"+want {
			t.Errorf("%s: %s", url, got)
		}
	}
}

// TestLabelsAreOfPathVariables: a label of gcplabels.tsv whose variable no path
// of its type has would be empty for ever.
func TestLabelsAreOfPathVariables(t *testing.T) {
	always := []string{"configuration", "revision"} // Cloud Run's calls have none, and the labels are there
	for _, l := range gcpLabels() {
		if !slices.Contains(always, l.variable) && !slices.ContainsFunc(gcpRoutes(), func(r gcpRoute) bool {
			return r.resource == l.kind && strings.Contains(r.path, "{"+l.variable+"}")
		}) {
			t.Errorf("no path of %s has {%s}", l.kind, l.variable)
		}
	}
}
