package live

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// googleFile puts a file of credentials where the SDK looks for it.
func googleFile(t *testing.T, content map[string]string) {
	t.Helper()
	noCredentials(t)
	out, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(name, out, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", name)
}

// serviceAccount is a fresh key of a service account.
func serviceAccount(t *testing.T) map[string]string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"type": "service_account", "project_id": "example-project", "private_key_id": "k1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "drill@example-project.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
	}
}

func googleStandIn(w http.ResponseWriter, r request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.path == "/token":
		fmt.Fprint(w, `{"access_token":"hush-token","token_type":"Bearer","expires_in":3600}`)
	case r.path == "/tokeninfo" && strings.Contains(r.body, "access_token=hush-token"):
		fmt.Fprint(w, `{"azp":"1","sub":"42","email":"ida@example.com"}`)
	case strings.HasSuffix(r.path, ":testIamPermissions"):
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":{"code":403,"message":"hush","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED"}]}}`)
	case strings.HasPrefix(r.host, "sqladmin."):
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":{"code":403,"status":"PERMISSION_DENIED","details":[{"reason":"SERVICE_DISABLED"}]}}`)
	case strings.HasPrefix(r.host, "storage."):
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":{"code":403,"errors":[{"reason":"forbidden"}]}}`)
	default:
		fmt.Fprint(w, `{}`)
	}
}

const googleCalls = `
- gcp: GET https://compute.googleapis.com/compute/v1/projects/{project}/aggregated/instances
  event: v1.compute.instances.aggregatedList
- gcp: POST https://cloudresourcemanager.googleapis.com/v1/projects/{project}:testIamPermissions
  event: TestIamPermissions
  params: {permissions: [compute.instances.list]}
  times: 3
- gcp: GET https://sqladmin.googleapis.com/sql/v1beta4/projects/{project}/instances
  event: cloudsql.instances.list
- gcp: GET https://storage.googleapis.com/storage/v1/b?project={project}
  event: storage.buckets.list
`

func TestGCP(t *testing.T) {
	googleFile(t, serviceAccount(t))
	s, client := serve(t, googleStandIn)
	p := mustPrepare(t, Options{Client: client, ID: "abcdef0123456789"}, googleCalls)
	text := strings.Join(p.Lines(), "\n")
	for _, want := range []string{
		"6 calls", "At gcp as drill@example-project.iam.gserviceaccount.com, in example-project.",
		"POST cloudresourcemanager.googleapis.com/v1/projects/example-project:testIamPermissions, 3 times: TestIamPermissions in gcp.data_access",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("announcement lacks %q:\n%s", want, text)
		}
	}
	rec, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range rec.Calls {
		got = append(got, fmt.Sprintf("%s %s %v", m.Outcome, m.Code, m.Expected()))
	}
	denied := "denied IAM_PERMISSION_DENIED true"
	if d := cmp.Diff([]string{"ok  true", denied, denied, denied, "other SERVICE_DISABLED false", "denied forbidden true"}, got); d != "" {
		t.Error(d)
	}
	for _, host := range []string{"compute.googleapis.com", "cloudresourcemanager.googleapis.com", "storage.googleapis.com"} {
		r := s.requests(host)[0]
		if r.auth != "Bearer hush-token" || r.agent != "vedette-rehearsal/abcdef0123456789" {
			t.Errorf("%s: %q by %q", host, r.auth, r.agent)
		}
	}
	if r := s.requests("cloudresourcemanager.googleapis.com")[2]; r.body != `{"permissions":["compute.instances.list"]}` || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("body %q", r.body)
	}
	if n := len(s.requests("oauth2.googleapis.com")); n != 1 {
		t.Errorf("%d requests for tokens, want one", n)
	}
	out, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hush") {
		t.Errorf("the record holds a secret: %s", out)
	}
}

// TestGCPUser: a user's own credentials do not say whose they are; Google does.
func TestGCPUser(t *testing.T) {
	googleFile(t, map[string]string{
		"type": "authorized_user", "client_id": "c", "client_secret": "hush", "refresh_token": "hush-refresh", "quota_project_id": "paying-project",
	})
	s, client := serve(t, googleStandIn)
	p := mustPrepare(t, Options{Client: client, Vars: map[string]string{"project": "other-project"}}, googleCalls)
	if text := strings.Join(p.Lines(), "\n"); !strings.Contains(text, "At gcp as ida@example.com, in other-project.") {
		t.Errorf("announced:\n%s", text)
	}
	if _, err := p.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if r := s.requests("compute.googleapis.com")[0]; r.header.Get("X-Goog-User-Project") != "paying-project" || !strings.Contains(r.path, "/other-project/") {
		t.Errorf("%s with %v", r.path, r.header)
	}
}

// TestGCPRefusedToken: the error says why, and not what was sent.
func TestGCPRefusedToken(t *testing.T) {
	googleFile(t, map[string]string{"type": "authorized_user", "client_id": "c", "client_secret": "hush", "refresh_token": "hush-refresh"})
	_, client := serve(t, func(w http.ResponseWriter, r request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"hush"}`)
	})
	_, err := Prepare(t.Context(), Options{Client: client, Calls: []Call{{GCP: "GET https://storage.googleapis.com/storage/v1/b", Event: "storage.buckets.list"}}})
	if err == nil || !strings.Contains(err.Error(), "no token was given: 400 invalid_grant") || strings.Contains(err.Error(), "hush") {
		t.Errorf("error %v", err)
	}
}

// TestGCPAsksAgain: an overloaded service is asked again.
func TestGCPAsksAgain(t *testing.T) {
	googleFile(t, serviceAccount(t))
	n := 0
	_, client := serve(t, func(w http.ResponseWriter, r request) {
		if strings.HasPrefix(r.host, "storage.") {
			if n++; n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, `{}`)
			return
		}
		googleStandIn(w, r)
	})
	rec, err := mustPrepare(t, Options{Client: client}, "- gcp: GET https://storage.googleapis.com/storage/v1/b\n  event: storage.buckets.list\n").Run(t.Context(), nil)
	if err != nil || rec.Calls[0].Attempts != 2 || rec.Calls[0].Outcome != OutcomeOK {
		t.Errorf("%+v, %v", rec, err)
	}
}
