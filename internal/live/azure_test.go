package live

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const azureTenant = "11111111-2222-4333-8444-000000000001"

// unsigned is a token as Entra's, with claims and no signature that holds.
func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc(body) + "." + enc([]byte("unsigned"))
}

// azureStandIn answers the sign-in of a service principal, and Azure's hosts.
func azureStandIn(t *testing.T, refused *int) func(w http.ResponseWriter, r request) {
	base := "https://login.microsoftonline.com/" + azureTenant
	return func(w http.ResponseWriter, r request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.path, "openid-configuration"):
			fmt.Fprintf(w, `{"issuer":"%s/v2.0","authorization_endpoint":"%s/oauth2/v2.0/authorize","token_endpoint":"%s/oauth2/v2.0/token"}`, base, base, base)
		case strings.Contains(r.path, "/oauth2/v2.0/token"):
			_, scope, _ := strings.Cut(r.body, "scope=")
			scope, _, _ = strings.Cut(scope, "&")
			fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":%q}`, unsigned(t, map[string]any{
				"aud": scope, "appid": "22222222-0000-4000-8000-000000000002", "oid": "33333333-0000-4000-8000-000000000003", "tid": azureTenant,
			}))
		case strings.Contains(r.path, "/secrets"):
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"Forbidden","message":"hush","innererror":{"code":"ForbiddenByRbac"}}}`)
		case strings.Contains(r.path, "comp=list"):
			w.Header().Set("x-ms-error-code", "AuthorizationPermissionMismatch")
			w.WriteHeader(http.StatusForbidden)
		case strings.Contains(r.path, "/users"):
			if *refused > 0 {
				*refused--
				w.Header().Set("Retry-After-Ms", "1")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			fmt.Fprint(w, `{"value":[]}`)
		case strings.HasSuffix(r.path, "/listKeys?api-version=2023-05-01"):
			w.Header().Set("x-ms-correlation-request-id", "AAAAAAAA-0000-4000-8000-00000000000A")
			fmt.Fprint(w, `{"keys":[{"keyName":"key1","value":"hush-hush-key"}]}`)
		default:
			fmt.Fprint(w, `{"value":[]}`)
		}
	}
}

func TestAzure(t *testing.T) {
	noCredentials(t)
	t.Setenv("AZURE_TENANT_ID", azureTenant)
	t.Setenv("AZURE_CLIENT_ID", "22222222-0000-4000-8000-000000000002")
	t.Setenv("AZURE_CLIENT_SECRET", "hush-hush-secret")
	refused := 1
	s, client := serve(t, azureStandIn(t, &refused))
	p := mustPrepare(t, Options{Client: client, ID: "abcdef0123456789", Sensitive: true, Vars: map[string]string{"subscription": "44444444-0000-4000-8000-000000000004", "vault": "corp"}}, `
- azure: GET https://management.azure.com/subscriptions/{subscription}/resources?api-version=2021-04-01
- azure: POST https://management.azure.com/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/listKeys?api-version=2023-05-01
  event: Microsoft.Storage/storageAccounts/listKeys/action
  sensitive: true
- azure: GET https://{vault}.vault.azure.net/secrets?api-version=7.4
  event: SecretList
- azure: GET https://graph.microsoft.com/v1.0/users
  event: GET /users
- azure: GET https://corp.blob.core.windows.net/?comp=list
  event: ListContainers
`)
	text := strings.Join(p.Lines(), "\n")
	for _, want := range []string{
		"At azure as application 22222222-0000-4000-8000-000000000002, object 33333333-0000-4000-8000-000000000003, in " + azureTenant,
		"/resources: no log shows it",
		"listKeys: Microsoft.Storage/storageAccounts/listKeys/action in azure.activity; the answer holds secrets",
		"GET corp.vault.azure.net/secrets: SecretList in azure.key_vault",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("announcement lacks %q:\n%s", want, text)
		}
	}
	if n := len(s.requests("management.azure.com")); n != 0 {
		t.Fatalf("%d calls before the yes", n)
	}
	rec, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range rec.Calls {
		got = append(got, fmt.Sprintf("%s %d %s %s x%d", m.Outcome, m.Status, m.Code, m.Log, m.Attempts))
	}
	if d := cmp.Diff([]string{
		"ok 200  none x1", "ok 200  azure.activity x1", "denied 403 Forbidden azure.key_vault x1",
		"ok 200  azure.microsoft_graph x2", "denied 403 AuthorizationPermissionMismatch azure.storage x1",
	}, got); d != "" {
		t.Error(d)
	}
	if rec.Calls[1].RequestID != "AAAAAAAA-0000-4000-8000-00000000000A" {
		t.Errorf("the correlation id that was taken is not kept: %q", rec.Calls[1].RequestID)
	}
	for host, want := range map[string]struct{ scope, id string }{
		"management.azure.com":       {"https%3A%2F%2Fmanagement.azure.com%2F.default", "X-Ms-Correlation-Request-Id"},
		"corp.vault.azure.net":       {"https%3A%2F%2Fvault.azure.net%2F.default", "X-Ms-Client-Request-Id"},
		"graph.microsoft.com":        {"https%3A%2F%2Fgraph.microsoft.com%2F.default", "Client-Request-Id"},
		"corp.blob.core.windows.net": {"https%3A%2F%2Fstorage.azure.com%2F.default", "X-Ms-Client-Request-Id"},
	} {
		for _, r := range s.requests(host) {
			if r.agent != "vedette-rehearsal/abcdef0123456789" {
				t.Errorf("%s: user agent %q", host, r.agent)
			}
			if !validVar.MatchString(r.header.Get(want.id)) {
				t.Errorf("%s: no %s: %v", host, want.id, r.header)
			}
			parts := strings.Split(r.auth, ".")
			if len(parts) != 3 {
				t.Fatalf("%s: authorization %q", host, r.auth)
			}
			if claims, _ := base64.RawURLEncoding.DecodeString(parts[1]); !strings.Contains(string(claims), want.scope) {
				t.Errorf("%s: a token for %s", host, claims)
			}
		}
	}
	if r := s.requests("corp.vault.azure.net")[0]; r.header.Get("X-Ms-Client-Request-Id") != rec.Calls[2].RequestID {
		t.Errorf("the id %q was sent, and %q kept", r.header.Get("X-Ms-Client-Request-Id"), rec.Calls[2].RequestID)
	}
	if v := s.requests("corp.blob.core.windows.net")[0].header.Get("X-Ms-Version"); v != "2021-12-02" {
		t.Errorf("version %q", v)
	}
	out, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hush", "eyJ", "api-version"} {
		if strings.Contains(string(out), secret) {
			t.Errorf("the record holds %q", secret)
		}
	}
}

func TestAzureUser(t *testing.T) {
	for _, c := range []struct {
		claims map[string]any
		want   string
	}{
		{map[string]any{"upn": "ida@example.com", "oid": "o", "tid": "t"}, "ida@example.com"},
		{map[string]any{"unique_name": "live.com#ida@example.com", "tid": "t"}, "live.com#ida@example.com"},
		{map[string]any{"tid": "t"}, ""},
	} {
		w, err := whoseToken(unsigned(t, c.claims))
		if w.Name != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %+v, %v", c.claims, w, err)
		}
	}
	for _, token := range []string{"", "opaque", "a.!.c", "a.e30x.c"} {
		if w, err := whoseToken(token); err == nil {
			t.Errorf("%q is %+v's", token, w)
		}
	}
}
