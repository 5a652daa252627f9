package gcp

import (
	"strings"
	"testing"

	"vedette/internal/cloud"
	"vedette/internal/event"
)

type counts struct{ decoded, skipped, broken, notMine int }

func who(t *testing.T, d cloud.Decoder, authentication string, more ...string) event.Event {
	t.Helper()
	r := with(t, list, `"status":{}`, denied,
		`{"principalEmail":"Ada@Example.com","principalSubject":"user:Ada@Example.com"}`, authentication)
	return decode(t, d, with(t, r, more...))
}

func TestStatement10_35_RedactedCallers(t *testing.T) {
	d := newDecoder(t)
	for _, c := range []struct {
		authentication, principal string
		kind                      event.ActorKind
	}{
		{`{"principalEmail":"Ada@Example.com"}`, "ada@example.com", event.GCPUser},
		{`{"principalSubject":"user:ADA@example.com"}`, "ada@example.com", event.GCPUser},
		{`{"principalEmail":"","principalSubject":"serviceAccount:ci@blue.iam.gserviceaccount.com"}`, "ci@blue.iam.gserviceaccount.com", event.GCPServiceAccount},
		{`{"principalSubject":"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/S"}`,
			"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/S", event.GCPFederated},
		{`{"serviceAccountKeyName":"//iam.googleapis.com/projects/blue/serviceAccounts/CI@blue.iam.gserviceaccount.com/keys/0f"}`, "ci@blue.iam.gserviceaccount.com", event.GCPServiceAccount},
		{`{"serviceAccountDelegationInfo":[{"principalSubject":"user:bob@example.com"},{"principalSubject":"user:eve@example.com"}]}`, "delegated:bob@example.com", event.GCPRedacted},
		{`{}`, "redacted:blue/198.51.100.7/google-cloud-sdk gcloud", event.GCPRedacted},
		{`null`, "redacted:blue/198.51.100.7/google-cloud-sdk gcloud", event.GCPRedacted},
		{`{"principalEmail":""}`, "redacted:blue/198.51.100.7/google-cloud-sdk gcloud", event.GCPRedacted},
	} {
		ev := who(t, d, c.authentication)
		if string(ev.Actor.Principal) != c.principal || ev.Actor.Kind != c.kind {
			t.Errorf("%s: %v %q", c.authentication, ev.Actor.Kind, ev.Actor.Principal)
		}
	}
	// Two calls of one gcloud user differ in their invocation id alone.
	if a, b := who(t, d, `{}`), who(t, d, `{}`, `invocation-id/1`, `invocation-id/2`); string(a.Actor.Principal) != string(b.Actor.Principal) {
		t.Errorf("one redacted caller is %q and %q", a.Actor.Principal, b.Actor.Principal)
	}
	if a, b := who(t, d, `{}`), who(t, d, `{}`, `198.51.100.7`, `198.51.100.8`); string(a.Actor.Principal) == string(b.Actor.Principal) {
		t.Errorf("callers from two addresses are both %q", a.Actor.Principal)
	}
	// Nobody is dropped for lack of a name when the call succeeds either.
	ev := decode(t, d, with(t, list, `{"principalEmail":"Ada@Example.com","principalSubject":"user:Ada@Example.com"}`, `{}`))
	if ev.Actor.Kind != event.UnknownActor || string(ev.Actor.Principal) != "unknown:blue/198.51.100.7/google-cloud-sdk gcloud" {
		t.Errorf("%v %q", ev.Actor.Kind, ev.Actor.Principal)
	}
}

func TestCredentials(t *testing.T) {
	d := newDecoder(t)
	ev := who(t, d, `{"principalEmail":"ci@blue.iam.gserviceaccount.com","serviceAccountKeyName":"//iam.googleapis.com/projects/blue/serviceAccounts/ci@blue.iam.gserviceaccount.com/keys/0f",`+
		`"oauthInfo":{"oauthClientId":"client"},"serviceAccountDelegationInfo":[{"firstPartyPrincipal":{"principalEmail":"Bob@Example.com"}},{"firstPartyPrincipal":{"principalEmail":"mid@blue.iam.gserviceaccount.com"}}]}`)
	if string(ev.Actor.Key) != "0f" || string(ev.Actor.Creator) != "bob@example.com" || ev.Actor.Kind != event.GCPServiceAccount {
		t.Errorf("key %q, creator %q, kind %v", ev.Actor.Key, ev.Actor.Creator, ev.Actor.Kind)
	}
	if got := string(ev.Actor.Delegates); got != "mid@blue.iam.gserviceaccount.com" {
		t.Errorf("delegates %q", got)
	}
	ev = who(t, d, `{"principalEmail":"ada@example.com","oauthInfo":{"oauthClientId":"client"}}`)
	if string(ev.Actor.Key) != "client" {
		t.Errorf("key %q", ev.Actor.Key)
	}
}

func TestStatement16_ServiceAgents(t *testing.T) {
	d := newDecoder(t)
	for email, want := range map[string]bool{
		"service-123456@compute-system.iam.gserviceaccount.com":      true,
		"service-123456@gcp-sa-logging.iam.gserviceaccount.com":      true,
		"p123456-abc-9@gcp-sa-logging.iam.gserviceaccount.com":       true,
		"service-org-42@security-center-api.iam.gserviceaccount.com": true,
		"service-agent-manager@system.gserviceaccount.com":           true,
		"123456@cloudservices.gserviceaccount.com":                   true,
		"system@google.com": true,
		"SERVICE-123456@compute-system.iam.gserviceaccount.com":                              true,
		"123456@cloudbuild.gserviceaccount.com":                                              false, // runs the customer's builds
		"123456-compute@developer.gserviceaccount.com":                                       false,
		"blue@appspot.gserviceaccount.com":                                                   false,
		"service-123456@gcp-sa-aiplatform-cc.iam.gserviceaccount.com":                        false, // runs the customer's code
		"service-12x@compute-system.iam.gserviceaccount.com":                                 false,
		"service-@compute-system.iam.gserviceaccount.com":                                    false,
		"service-123456@compute-system.iam.gserviceaccount.com.evil.example":                 false,
		"service-123456@gcp-sa-evil.iam.gserviceaccount.com":                                 false,
		"compute-system@blue.iam.gserviceaccount.com":                                        false,
		"service-123456@compute-system.iam.gserviceaccount.com@blue.iam.gserviceaccount.com": false,
		"ada@example.com": false,
	} {
		if got := who(t, d, `{"principalEmail":"`+email+`"}`); got.Has(event.ServiceMade) != want {
			t.Errorf("%s: service-made is %v", email, !want)
		}
	}
	// A redacted agent is one all the same.
	if ev := who(t, d, `{"principalSubject":"serviceAccount:service-1@compute-system.iam.gserviceaccount.com"}`); !ev.Has(event.ServiceMade) {
		t.Error("an agent known by its subject alone is not service-made")
	}
	// What the client says of itself makes nobody a service.
	for _, agent := range []string{"AWS Internal", "service-1@compute-system.iam.gserviceaccount.com", "Google-Cloud-Internal"} {
		if ev := decode(t, d, with(t, list, `google-cloud-sdk gcloud\/460.0 invocation-id/1`, agent)); ev.Has(event.ServiceMade) {
			t.Errorf("the client %q makes a call service-made", agent)
		}
	}
	if ev := decode(t, d, with(t, list, `data_access`, `system_event`)); !ev.Has(event.ServiceMade) {
		t.Error("a system event is not service-made")
	}
}

// TestDelegation: whoever stands between the first authority and the caller is
// kept, the nearest to the caller first; one without a name holds its place.
func TestDelegation(t *testing.T) {
	d := newDecoder(t)
	many := strings.Repeat(`{"principalSubject":"serviceAccount:far@blue.iam.gserviceaccount.com"},`, 5000)
	for _, c := range []struct{ chain, first, between string }{
		{`[{"principalSubject":"user:eve@example.com"}]`, "eve@example.com", ""},
		{`[{"principalSubject":"user:eve@example.com"},{"firstPartyPrincipal":{"principalEmail":"A@blue.iam.gserviceaccount.com"}},{"principalSubject":"serviceAccount:b@blue.iam.gserviceaccount.com"}]`,
			"eve@example.com", "b@blue.iam.gserviceaccount.com\na@blue.iam.gserviceaccount.com"},
		{`[{"principalSubject":"user:eve@example.com"},{"thirdPartyPrincipal":{}}]`, "eve@example.com", "unknown:delegate"},
		{`[{"principalSubject":"user:eve@example.com"},{"principalSubject":"user:x\nuser:y"}]`, "eve@example.com", "unknown:delegate"},
		{`[{"thirdPartyPrincipal":{}},{"principalSubject":"user:bob@example.com"}]`, "", "bob@example.com"},
		{`[]`, "", ""},
		{`{}`, "", ""},
	} {
		ev := who(t, d, `{"principalEmail":"ci@blue.iam.gserviceaccount.com","serviceAccountDelegationInfo":`+c.chain+`}`)
		if got := string(ev.Actor.Creator); got != c.first {
			t.Errorf("%s: first %q", c.chain, got)
		}
		if got := string(ev.Actor.Delegates); got != c.between {
			t.Errorf("%s: between %q", c.chain, got)
		}
	}
	ev := who(t, d, `{"principalEmail":"ci@blue.iam.gserviceaccount.com","serviceAccountDelegationInfo":[{"principalSubject":"user:eve@example.com"},`+many+`{"principalSubject":"user:near@example.com"}]}`)
	if list := strings.Split(string(ev.Actor.Delegates), "\n"); list[0] != "near@example.com" || len(ev.Actor.Delegates) > maxDelegates || string(ev.Actor.Creator) != "eve@example.com" {
		t.Errorf("of very many: %d, the nearest %q, creator %q", len(list), list[0], ev.Actor.Creator)
	}
}
