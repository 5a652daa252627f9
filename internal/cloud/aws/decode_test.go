package aws

import (
	"fmt"
	"strings"
	"testing"

	"vedette/internal/cloud/cloudtest"
	"vedette/internal/event"
)

func newDecoder(t testing.TB) (*event.Registry, *decoder) {
	t.Helper()
	reg := event.NewRegistry()
	p := New()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	return reg, p.NewDecoder(reg).(*decoder)
}

// rec writes a record with the usual members and those given, which replace
// them.
func rec(identity string, extra ...string) string {
	m := map[string]string{
		"eventVersion": `"1.11"`, "eventTime": `"2024-05-01T10:00:00Z"`, "eventSource": `"ec2.amazonaws.com"`,
		"eventName": `"DescribeInstances"`, "awsRegion": `"eu-west-1"`, "sourceIPAddress": `"198.51.100.7"`,
		"userAgent": `"aws-cli/2.15"`, "eventID": `"11111111-2222-3333-4444-555555555555"`, "readOnly": "true",
		"eventType": `"AwsApiCall"`, "eventCategory": `"Management"`, "recipientAccountId": `"111122223333"`,
		"userIdentity": identity,
	}
	order := []string{"eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
		"userAgent", "eventID", "readOnly", "eventType", "eventCategory", "recipientAccountId"}
	for i := 0; i < len(extra); i += 2 {
		if _, ok := m[extra[i]]; !ok {
			order = append(order, extra[i])
		}
		m[extra[i]] = extra[i+1]
	}
	var parts []string
	for _, k := range order {
		if m[k] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", k, m[k]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// decode decodes and resolves.
func decode(d *decoder, b []byte, ev *event.Event) (int, event.Verdict) {
	n, v := d.Decode(b, ev)
	if v == event.Decoded {
		ev.Resolve()
	}
	return n, v
}

const user = `{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111122223333:user/ops/ann","accountId":"111122223333","accessKeyId":"AKIA1","userName":"ann"}`

func role(roleName, session, extra string) string {
	return `{"type":"AssumedRole","principalId":"AROA1:` + session + `","arn":"arn:aws:sts::111122223333:assumed-role/` + roleName + `/` + session +
		`","accountId":"111122223333","accessKeyId":"ASIA1","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA1","arn":"arn:aws:iam::111122223333:role/` +
		roleName + `","accountId":"111122223333","userName":"` + roleName + `"},"attributes":{"creationDate":"2024-05-01T09:00:00Z"}` + extra + `}}`
}

func TestDecode(t *testing.T) {
	_, d := newDecoder(t)
	var ev event.Event
	in := rec(user, "requestParameters", `{"instancesSet":{},"filterSet":{}}`, "responseElements", "null")
	n, v := decode(d, []byte(in+" , next"), &ev)
	if v != event.Decoded || n != len(in) {
		t.Fatalf("verdict %d, n %d of %d", v, n, len(in))
	}
	if ev.API.Service != "ec2.amazonaws.com" || ev.API.Name != "DescribeInstances" || ev.API.Class != event.ClassDiscovery || !ev.API.Known {
		t.Errorf("API %+v", ev.API)
	}
	if string(ev.Account) != "111122223333" || string(ev.Region) != "eu-west-1" || string(ev.Address) != "198.51.100.7" ||
		ev.Log != event.CloudTrailManagement || !ev.Has(event.ReadOnly) || ev.Outcome != event.OK || string(ev.Target) != `{"instancesSet":{},"filterSet":{}}` {
		t.Errorf("event %+v", ev)
	}
	if string(ev.Key.AppendUUID(nil)) != string(ev.ID) {
		t.Errorf("key %s, id %s", ev.Key.AppendUUID(nil), ev.ID)
	}
}

// A call without parameters asks for nothing: null is no target.
func TestTarget(t *testing.T) {
	_, d := newDecoder(t)
	var ev event.Event
	for params, want := range map[string]string{`null`: "", `{}`: "{}", `{"a":null}`: `{"a":null}`} {
		if _, v := decode(d, []byte(rec(user, "requestParameters", params)), &ev); v != event.Decoded || string(ev.Target) != want {
			t.Errorf("%s: verdict %d, target %q", params, v, ev.Target)
		}
	}
}

// TestStatement10_TypedPrincipals: nobody is dropped for lack of an ARN.
func TestStatement10_TypedPrincipals(t *testing.T) {
	_, d := newDecoder(t)
	tests := []struct {
		name, identity  string
		kind            event.ActorKind
		principal, call string // Principal and Name
		session, key    string
	}{
		{"user", user, event.AWSUser, "arn:aws:iam::111122223333:user/ops/ann", "user/ops/ann", "", "AKIA1"},
		{"user without arn", `{"type":"IAMUser","accountId":"1","userName":"ann"}`, event.AWSUser, "arn:aws:iam::1:user/ann", "user/ann", "", ""},
		{"user by id alone", `{"type":"IAMUser","accountId":"1","principalId":"AIDA"}`, event.AWSUser, "user:1/AIDA", "", "", ""},
		{"role", role("app", "aws-go-sdk-172", ""), event.AWSRole, "arn:aws:iam::111122223333:role/app", "role/app",
			"arn:aws:sts::111122223333:assumed-role/app/aws-go-sdk-172", "ASIA1"},
		{"role without issuer", `{"type":"AssumedRole","arn":"arn:aws-cn:sts::1:assumed-role/app/s","accountId":"1"}`, event.AWSRole,
			"arn:aws-cn:iam::1:role/app", "role/app", "arn:aws-cn:sts::1:assumed-role/app/s", ""},
		{"role by id alone", `{"type":"AssumedRole","principalId":"AROA:s","accountId":"1"}`, event.AWSRole, "role:1/AROA", "role/AROA", "", ""},
		{"root", `{"type":"Root","principalId":"1","arn":"arn:aws:iam::1:root","accountId":"1"}`, event.AWSRoot, "arn:aws:iam::1:root", "", "", ""},
		{"identity center", `{"type":"IdentityCenterUser","accountId":"1","onBehalfOf":{"userId":"u-9","identityStoreArn":"arn:aws:identitystore::1:identitystore/d-1"},"credentialId":"c1"}`,
			event.AWSIdentityCenter, "identitycenter:arn:aws:identitystore::1:identitystore/d-1/u-9", "identitycenter:arn:aws:identitystore::1:identitystore/d-1/u-9", "", "c1"},
		{"account", `{"type":"AWSAccount","principalId":"AROA:x","accountId":"444455556666"}`, event.AWSAccount, "account:444455556666", "account:444455556666", "", ""},
		{"service", `{"type":"AWSService","invokedBy":"config.amazonaws.com"}`, event.AWSService, "service:config.amazonaws.com", "service:config.amazonaws.com", "", ""},
		{"no type, a principal", `{"principalId":"X","accountId":"1"}`, event.UnknownActor, "principal:1/X", "", "", ""},
		{"no type, a service", `{"invokedBy":"ec2.amazonaws.com"}`, event.AWSService, "service:ec2.amazonaws.com", "service:ec2.amazonaws.com", "", ""},
		{"empty", `{}`, event.UnknownActor, "unknown:111122223333", "", "", ""},
		{"null", `null`, event.UnknownActor, "unknown:111122223333", "", "", ""},
		{"a text", `"ann"`, event.UnknownActor, "unknown:111122223333", "", "", ""},
		{"absent", ``, event.UnknownActor, "unknown:111122223333", "", "", ""},
		{"federated user", `{"type":"FederatedUser","arn":"arn:aws:sts::1:federated-user/chosen","accountId":"1","sessionContext":{"sessionIssuer":{"type":"IAMUser","arn":"arn:aws:iam::1:user/ann"}}}`,
			event.AWSFederatedUser, "arn:aws:iam::1:user/ann", "user/ann", "arn:aws:sts::1:federated-user/chosen", ""},
		{"saml", `{"type":"SAMLUser","principalId":"p:ann","userName":"ann","identityProvider":"idp1"}`, event.AWSSAMLUser, "saml:idp1/ann", "saml:idp1/ann", "", ""},
		{"oidc", `{"type":"WebIdentityUser","userName":"repo:x","identityProvider":"oidc1"}`, event.AWSWebIdentity, "oidc:oidc1/repo:x", "oidc:oidc1/repo:x", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var ev event.Event
			if _, v := decode(d, []byte(rec(tt.identity)), &ev); v != event.Decoded {
				t.Fatalf("verdict %d", v)
			}
			a := ev.Actor
			if a.Kind != tt.kind || string(a.Principal) != tt.principal || string(a.Name) != tt.call ||
				string(a.Session) != tt.session || string(a.Key) != tt.key {
				t.Errorf("kind %s, principal %q, name %q, session %q, key %q", a.Kind, a.Principal, a.Name, a.Session, a.Key)
			}
			if tt.name != "absent" && len(ev.Account) == 0 {
				t.Error("no account")
			}
		})
	}
}

// TestStatement13_SSOPersons: persons stand apart inside one reserved role,
// and are the same person across accounts.
func TestStatement13_SSOPersons(t *testing.T) {
	_, d := newDecoder(t)
	who := func(roleName, session string) event.Actor {
		var ev event.Event
		if _, v := decode(d, []byte(rec(role(roleName, session, ""))), &ev); v != event.Decoded {
			t.Fatalf("verdict %d", v)
		}
		a := ev.Actor
		a.Principal, a.Name = []byte(string(a.Principal)), []byte(string(a.Name))
		return a
	}
	ann := who("AWSReservedSSO_AdministratorAccess_0123456789abcdef", "ann@example.com")
	bob := who("AWSReservedSSO_AdministratorAccess_0123456789abcdef", "bob@example.com")
	far := who("AWSReservedSSO_AdministratorAccess_fedcba9876543210", "ann@example.com")
	if ann.Kind != event.AWSSSOUser || string(ann.Principal) == string(bob.Principal) {
		t.Errorf("%s and %s", ann.Principal, bob.Principal)
	}
	if string(ann.Name) != "sso:AdministratorAccess/ann@example.com" || string(ann.Name) != string(far.Name) {
		t.Errorf("names %s and %s", ann.Name, far.Name)
	}
}

// TestStatement16_ServiceMade: by fields that no client sets; never by the
// user agent.
func TestStatement16_ServiceMade(t *testing.T) {
	_, d := newDecoder(t)
	invoked := strings.TrimSuffix(user, "}") + `,"invokedBy":"cloudformation.amazonaws.com"}`
	for _, tt := range []struct {
		name, rec string
		want      bool
	}{
		{"a user", rec(user), false},
		{"type AWSService", rec(`{"type":"AWSService","invokedBy":"config.amazonaws.com"}`), true},
		{"invokedBy", rec(invoked), true},
		{"address of a service", rec(user, "sourceIPAddress", `"athena.amazonaws.com"`), true},
		{"AWS Internal", rec(user, "sourceIPAddress", `"AWS Internal"`), true},
		{"a service's own event", rec("", "eventType", `"AwsServiceEvent"`), true},
		{"user agent of a service", rec(user, "userAgent", `"cloudformation.amazonaws.com"`), false},
		{"user agent AWS Internal", rec(user, "userAgent", `"AWS Internal"`), false},
		{"session named like a service", rec(role("r", "config.amazonaws.com", "")), false},
		{"a look-alike", rec(user, "sourceIPAddress", `"amazonaws.com.evil.example"`), false},
	} {
		var ev event.Event
		if _, v := decode(d, []byte(tt.rec), &ev); v != event.Decoded {
			t.Fatalf("%s: verdict %d", tt.name, v)
		}
		if got := ev.Has(event.ServiceMade); got != tt.want {
			t.Errorf("%s: service-made %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestStatement06_Outcomes: only a missing permission is a denial.
func TestStatement06_Outcomes(t *testing.T) {
	_, d := newDecoder(t)
	for code, want := range map[string]event.Outcome{
		"": event.OK, "Client.UnauthorizedOperation": event.Denied, "AccessDenied": event.Denied, "AccessDeniedException": event.Denied,
		"UnauthorizedException": event.Denied, "NoSuchBucketPolicy": event.Absent, "NoSuchPublicAccessBlockConfiguration": event.Absent,
		"ReplicationConfigurationNotFoundError": event.Absent, "ResourceNotFoundException": event.Absent, "Client.InvalidInstanceID.NotFound": event.Absent,
		"ThrottlingException": event.Throttled, "Client.RequestLimitExceeded": event.Throttled, "SlowDown": event.Throttled,
		"ValidationException": event.Invalid, "Client.InvalidParameterValue": event.Invalid, "NotImplemented": event.Other, "InternalFailure": event.Other,
	} {
		var ev event.Event
		decode(d, []byte(rec(user, "errorCode", fmt.Sprintf("%q", code))), &ev)
		if ev.Outcome != want {
			t.Errorf("%q: %s, want %s", code, ev.Outcome, want)
		}
	}
	for text, want := range map[string]event.Reason{
		"User: x is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the action": event.ReasonIdentity,
		"User: x is not authorized to perform: s3:ListBucket with an explicit deny in a service control policy":          event.ReasonSCP,
		"User: x is not authorized because no permissions boundary allows":                                               event.ReasonBoundary,
		"User: x is not authorized because no resource-based policy allows":                                              event.ReasonResource,
		"User: x is not authorized because no VPC endpoint policy allows":                                                event.ReasonEndpoint,
		"User: x is not authorized because no session policy allows":                                                     event.ReasonSession,
		"Access Denied": event.ReasonUnknown,
	} {
		var ev event.Event
		decode(d, []byte(rec(user, "errorCode", `"AccessDenied"`, "errorMessage", fmt.Sprintf("%q", text))), &ev)
		if ev.Reason != want {
			t.Errorf("%q: %s, want %s", text, ev.Reason, want)
		}
	}
}

// TestStatement04_UnknownStillCounts: an unknown read, field, version or
// category aborts nothing.
func TestStatement04_UnknownStillCounts(t *testing.T) {
	_, d := newDecoder(t)
	var ev event.Event
	in := rec(user, "eventSource", `"brandnew.amazonaws.com"`, "eventName", `"ListWidgets20991231"`, "eventVersion", `"1.99"`,
		"eventCategory", `"Novelty"`, "fieldOfTheFuture", `{"a":[1,{"b":null}]}`)
	n, v := decode(d, []byte(in), &ev)
	if v != event.Decoded || n != len(in) {
		t.Fatalf("verdict %d, n %d", v, n)
	}
	if ev.API.Known || ev.API.Class != event.ClassDiscovery || ev.API.Name != "ListWidgets" {
		t.Errorf("API %+v", ev.API)
	}
}

// TestStatement31_GlobalServices: their region is no sign of spread.
func TestStatement31_GlobalServices(t *testing.T) {
	reg, _ := newDecoder(t)
	for _, a := range reg.All() {
		switch a.Service {
		case "iam.amazonaws.com", "cloudfront.amazonaws.com", "route53.amazonaws.com", "organizations.amazonaws.com", "sts.amazonaws.com":
			if !a.Global {
				t.Errorf("%s %s is not global", a.Service, a.Name)
			}
		case "ec2.amazonaws.com", "rds.amazonaws.com", "lambda.amazonaws.com":
			if a.Global {
				t.Errorf("%s %s is global", a.Service, a.Name)
			}
		}
	}
}

// TestStatement37_NotEvents: digests, Insights, aggregated events and
// notifications are known for what they are.
func TestStatement37_NotEvents(t *testing.T) {
	_, d := newDecoder(t)
	for in, want := range map[string]event.Log{
		`{"awsAccountId":"1","digestStartTime":"2024-05-01T00:00:00Z","digestEndTime":"2024-05-01T01:00:00Z","logFiles":[]}`:              event.CloudTrailDigest,
		rec(user, "eventCategory", `"Insight"`, "eventType", `"AwsCloudTrailInsight"`, "eventName", ""):                                   event.CloudTrailInsight,
		`{"eventVersion":"1.0","accountId":"1","eventId":"x","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","summary":{}}`: event.CloudTrailAggregated,
		`{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":"2024-05-01T00:00:00Z","s3":{}}`:        event.ObjectNotification,
	} {
		var ev event.Event
		if n, v := decode(d, []byte(in), &ev); v != event.Skipped || ev.Log != want || n != len(in) {
			t.Errorf("%.60s: verdict %d, log %s, n %d; want %s", in, v, ev.Log, n, want)
		}
	}
}

// TestClassless: the log class is what the record says; where it says
// nothing, what the catalogue says of the API, and management where that has
// none.
func TestClassless(t *testing.T) {
	_, d := newDecoder(t)
	for _, c := range []struct {
		source, name, category, management string
		want                               event.Log
	}{
		{"s3", "ListObjects", "", "", event.CloudTrailData},
		{"s3", "HeadBucket", "", "", event.CloudTrailData},
		{"s3", "GetObject", `""`, `""`, event.CloudTrailData},
		{"s3", "ListObjects", "null", "null", event.CloudTrailData},
		{"s3", "ListBuckets", "", "", event.CloudTrailManagement},
		{"s3", "ListWonders", "", "", event.CloudTrailManagement},
		{"s3", "ListObjects", "", "true", event.CloudTrailManagement},
		{"s3", "ListObjects", `"Management"`, "", event.CloudTrailManagement},
		{"s3", "ListObjects", `"NetworkActivity"`, "", event.CloudTrailNetwork},
		{"s3", "ListWonders", "", "false", event.CloudTrailData},
		{"s3", "ListWonders", `""`, `"False"`, event.CloudTrailData},
		{"s3", "ListBuckets", `"Data"`, "", event.CloudTrailData},
	} {
		var ev event.Event
		in := rec(user, "eventVersion", `"1.05"`, "eventSource", `"`+c.source+`.amazonaws.com"`, "eventName", `"`+c.name+`"`,
			"eventCategory", c.category, "managementEvent", c.management)
		if _, v := decode(d, []byte(in), &ev); v != event.Decoded || ev.Log != c.want {
			t.Errorf("%s %s with category %s and management %s: verdict %d, %s, want %s", c.source, c.name, c.category, c.management, v, ev.Log, c.want)
		}
	}
}

// Pipelines that take ids and truths for numbers may write them with a
// fraction.
func TestNumbersWithFractions(t *testing.T) {
	_, d := newDecoder(t)
	identity := strings.Replace(user, `"accountId":"111122223333"`, `"accountId":111122223333.0`, 1)
	for _, c := range []struct {
		readOnly, management string
		flag                 event.Flag
		log                  event.Log
	}{
		{"1.0", "0.0", event.ReadOnly, event.CloudTrailData},
		{`"0.0"`, `"1.0"`, event.Writes, event.CloudTrailManagement},
	} {
		var ev event.Event
		in := rec(identity, "eventCategory", "", "readOnly", c.readOnly, "managementEvent", c.management, "recipientAccountId", "1.11122223333e+11")
		decode(d, []byte(in), &ev)
		if ev.Log != c.log || !ev.Has(c.flag) || string(ev.Account) != "111122223333" || len(ev.Recipient) != 0 {
			t.Errorf("%s: %s, flags %b, account %q, recipient %q", in, ev.Log, ev.Flags, ev.Account, ev.Recipient)
		}
	}
}

func TestGrant(t *testing.T) {
	_, d := newDecoder(t)
	var ev event.Event
	decode(d, []byte(rec(user, "eventSource", `"sts.amazonaws.com"`, "eventName", `"AssumeRole"`, "responseElements",
		`{"credentials":{"accessKeyId":"ASIANEW","sessionToken":"secret","expiration":"x"},"assumedRoleUser":{"assumedRoleId":"AROA:s","arn":"arn:aws:sts::1:assumed-role/r/s"}}`)), &ev)
	if string(ev.Grant.Key) != "ASIANEW" || string(ev.Grant.Session) != "arn:aws:sts::1:assumed-role/r/s" || ev.Grant.Via != "AssumeRole" {
		t.Errorf("grant %+v", ev.Grant)
	}
}

// TestMaskedKeys: what stands where an id was struck out names no key, of the
// caller or of a grant; ids of documents and tests stay.
func TestMaskedKeys(t *testing.T) {
	_, d := newDecoder(t)
	for id, want := range map[string]bool{
		"AKIAIOSFODNN7EXAMPLE": true, "ASIAXAMPLE": true, "AKIA1111111111111111": true, "EXAMPLE_KEY_ID": true, "ASIA-MOCKACCESSKEYID-1": true,
		"ASIAXXXXNLMHSP3MFXXA": true, "AKIAXXXXXXX7EXAMPLE2": true,
		"AKIA****************": false, "****************ABCD": false, "REDACTED": false, "<redacted>": false, "AKIA_REDACTED": false,
		"Masked": false, "HIDDEN_DUE_TO_SECURITY_REASONS": false, "AKIAXXXXXXXXXXXXXXXX": false, "xxxxxxxxxxx": false, "AKIA...7ABC": false,
		"AKIA\u2022\u2022\u2022\u2022": false, "N/A": false, " ": false,
	} {
		var ev event.Event
		decode(d, []byte(rec(`{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/ada","accountId":"123456789012","accessKeyId":"`+id+`"}`,
			"eventSource", `"sts.amazonaws.com"`, "eventName", `"AssumeRole"`,
			"responseElements", `{"credentials":{"accessKeyId":"`+id+`"},"assumedRoleUser":{"arn":"arn:aws:sts::1:assumed-role/r/s"}}`)), &ev)
		if got := string(ev.Actor.Key) == id; got != want || !want && len(ev.Actor.Key) > 0 {
			t.Errorf("%s: the caller's key is %q", id, ev.Actor.Key)
		}
		if got := string(ev.Grant.Key) == id; got != want || !want && len(ev.Grant.Key) > 0 {
			t.Errorf("%s: the key handed out is %q", id, ev.Grant.Key)
		}
		if string(ev.Grant.Session) != "arn:aws:sts::1:assumed-role/r/s" || ev.Grant.Via != "AssumeRole" {
			t.Errorf("%s: grant %+v", id, ev.Grant)
		}
	}
	var ev event.Event
	decode(d, []byte(rec(user, "eventSource", `"sts.amazonaws.com"`, "eventName", `"AssumeRole"`, "responseElements",
		`{"credentials":{"accessKeyId":"****"},"assumedRoleUser":{"arn":"arn:aws:sts::1:assumed-role/***/***"}}`)), &ev)
	if len(ev.Grant.Key)+len(ev.Grant.Session)+len(ev.Grant.Via) > 0 {
		t.Errorf("grant of nothing that is named: %+v", ev.Grant)
	}
}

func TestBroken(t *testing.T) {
	_, d := newDecoder(t)
	for name, in := range map[string]string{
		"no name":    rec(user, "eventName", ""),
		"no source":  rec(user, "eventSource", ""),
		"no time":    rec(user, "eventTime", ""),
		"bad time":   rec(user, "eventTime", `"yesterday"`),
		"wrong type": rec(user, "eventName", `17`),
	} {
		var ev event.Event
		if n, v := decode(d, []byte(in), &ev); v != event.Broken || n != len(in) {
			t.Errorf("%s: verdict %d, n %d of %d", name, v, n, len(in))
		}
	}
	for name, in := range map[string]string{
		"other object": `{"a":1}`, "log entry": `{"insertId":"x","logName":"y","protoPayload":{}}`, "container": `{"Records":[{"eventName":"x"}]}`,
		"azure": `{"time":"x","operationName":"y"}`,
	} {
		var ev event.Event
		if _, v := decode(d, []byte(in), &ev); v != event.NotMine {
			t.Errorf("%s: verdict %d, want NotMine", name, v)
		}
	}
	full := rec(user)
	for i := 1; i < len(full); i++ {
		var ev event.Event
		if _, v := decode(d, []byte(full[:i]), &ev); v != event.Truncated {
			t.Fatalf("the first %d bytes: verdict %d, want Truncated", i, v)
		}
	}
}

var samples = []string{
	rec(user),
	rec(user, "eventSource", `"lambda.amazonaws.com"`, "eventName", `"ListFunctions20150331"`, "requestParameters", `{"maxItems":50}`),
	rec(role("app", "i-0123456789abcdef0", `,"ec2RoleDelivery":"2.0"`), "errorCode", `"Client.UnauthorizedOperation"`, "errorMessage", `"not authorized"`),
	rec(role("AWSReservedSSO_Admin_0123456789abcdef", "ann@example.com", ""), "sharedEventID", `"99999999-2222-3333-4444-555555555555"`),
	rec(`{"type":"AWSService","invokedBy":"config.amazonaws.com"}`),
	rec(user, "eventSource", `"sts.amazonaws.com"`, "eventName", `"AssumeRole"`, "responseElements", `{"credentials":{"accessKeyId":"ASIANEW"}}`),
}

func TestSuite(t *testing.T) { cloudtest.Run(t, New(), samples) }

func FuzzDecode(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s))
	}
	cloudtest.Fuzz(f, New())
}
