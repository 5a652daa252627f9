package gcp

import (
	"strings"
	"testing"

	"vedette/internal/cloud"
	"vedette/internal/cloud/catalog"
	"vedette/internal/cloud/cloudtest"
	"vedette/internal/event"
)

func newDecoder(t testing.TB) cloud.Decoder {
	t.Helper()
	reg := event.NewRegistry()
	p := New()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	return p.NewDecoder(reg)
}

// decode reads one record that must be an event.
func decode(t *testing.T, d cloud.Decoder, record string) event.Event {
	t.Helper()
	var ev event.Event
	n, v := d.Decode([]byte(record), &ev)
	if v != event.Decoded || n != len(record) {
		t.Fatalf("verdict %d after %d of %d bytes: %s", v, n, len(record), record)
	}
	return cloudtest.Keep(&ev)
}

// list is a list of instances as the Data Access log shows it.
const list = `{"insertId":"1a2b","logName":"projects/blue/logs/cloudaudit.googleapis.com%2Fdata_access",` +
	`"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",` +
	`"authenticationInfo":{"principalEmail":"Ada@Example.com","principalSubject":"user:Ada@Example.com"},` +
	`"authorizationInfo":[{"granted":true,"permission":"compute.instances.list","permissionType":"ADMIN_READ"}],` +
	`"methodName":"v1.compute.instances.aggregatedList","request":{"@type":"x","pageToken":"next"},` +
	`"requestMetadata":{"callerIp":"198.51.100.7","callerNetwork":"//compute.googleapis.com/projects/blue/global/networks/n",` +
	`"callerSuppliedUserAgent":"google-cloud-sdk gcloud\/460.0 invocation-id/1"},` +
	`"resourceName":"projects/blue/global/instances","serviceName":"compute.googleapis.com","status":{}},` +
	`"resource":{"labels":{"project_id":"blue","zone":"us-central1-b"},"type":"api"},"severity":"INFO",` +
	`"timestamp":"2024-05-06T07:08:09.123456789Z","receiveTimestamp":"2024-05-06T07:08:10Z"}`

// with returns the record with a part replaced, which it must hold.
func with(t testing.TB, record string, oldNew ...string) string {
	t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(record, oldNew[i]) {
			t.Fatalf("the record does not hold %q", oldNew[i])
		}
		record = strings.ReplaceAll(record, oldNew[i], oldNew[i+1])
	}
	return record
}

const denied = `"status":{"code":7,"message":"PERMISSION_DENIED"}`

func TestList(t *testing.T) {
	ev := decode(t, newDecoder(t), list)
	want := []struct{ field, got, want string }{
		{"api", ev.API.Service + " " + ev.API.Name, "compute.googleapis.com compute.instances.aggregatedList"},
		{"class", ev.API.Class.String(), "discovery"},
		{"log", ev.Log.String(), "gcp.data_access"},
		{"id", string(ev.ID), "1a2b"},
		{"account", string(ev.Account), "blue"},
		{"region", string(ev.Region), "us-central1"},
		{"principal", string(ev.Actor.Principal), "ada@example.com"},
		{"kind", ev.Actor.Kind.String(), "google_user"},
		{"address", string(ev.Address), "198.51.100.7"},
		{"endpoint", string(ev.Endpoint), "//compute.googleapis.com/projects/blue/global/networks/n"},
		{"client", string(ev.UserAgent), "google-cloud-sdk gcloud/460.0 invocation-id/1"},
		{"target", string(ev.Target), "projects/blue/global/instances"},
		{"outcome", ev.Outcome.String(), "ok"},
	}
	for _, w := range want {
		if w.got != w.want {
			t.Errorf("%s is %q, want %q", w.field, w.got, w.want)
		}
	}
	if ev.Time != 1714979289123456789 {
		t.Errorf("time is %d", ev.Time)
	}
	if ev.Flags != event.ReadOnly|event.Page {
		t.Errorf("flags are %b", ev.Flags)
	}
	if !ev.API.Known {
		t.Error("the API is not in the catalogue")
	}
}

func TestSuite(t *testing.T) {
	cloudtest.Run(t, New(), []string{
		list,
		with(t, list, `"status":{}`, denied, `"principalEmail":"Ada@Example.com","principalSubject":"user:Ada@Example.com"`, ``),
		with(t, list, `data_access`, `activity`, `"severity"`, `"operation":{"id":"o","producer":"p","last":true},"severity"`),
		with(t, list, `aggregatedList`, `frobnicate`, `"authenticationInfo":{`, `"authenticationInfo":{"serviceAccountDelegationInfo":[{"firstPartyPrincipal":{"principalEmail":"x@y"}}],`),
		with(t, list, `"serviceName":"compute.googleapis.com",`, ``, `v1.compute`, `v9.comp\u0075te`),
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(list))
	f.Add([]byte(with(f, list, `"status":{}`, denied, `"principalEmail":"Ada@Example.com",`, ``)))
	f.Add([]byte(`{"logName":"projects/p/logs/app","insertId":"1","timestamp":"2024-01-01T00:00:00Z","textPayload":"x"}`))
	f.Add([]byte(`{"protoPayload":{"methodName":"io.k8s.core.v1.pods.list","serviceName":"k8s.io"}}`))
	cloudtest.Fuzz(f, New())
}

// One act under the names of its versions is one API; one name in two
// services is two.
func TestStatement01_Canonical(t *testing.T) {
	d := newDecoder(t)
	api := func(service, method string) *event.API {
		ev := decode(t, d, with(t, list, `compute.googleapis.com",`, service+`",`, `v1.compute.instances.aggregatedList`, method))
		return ev.API
	}
	for _, same := range [][]string{
		{"compute.googleapis.com", "v1.compute.instances.list", "beta.compute.instances.list", "alpha.compute.instances.list", "compute.instances.list", "v1p1beta1.compute.instances.list"},
		{"iam.googleapis.com", "google.iam.admin.v1.ListServiceAccounts", "google.iam.admin.v1beta1.ListServiceAccounts", "google.iam.admin.ListServiceAccounts"},
		{"cloudtasks.googleapis.com", "google.cloud.tasks.v2.CloudTasks.ListQueues", "google.cloud.tasks.v2beta3.CloudTasks.ListQueues"},
		{"spanner.googleapis.com", "google.x.v1main.Y.ListThings", "google.x.v2beta.Y.ListThings", "google.x.v1eap.Y.ListThings"},
	} {
		want := api(same[0], same[1])
		for _, m := range same[2:] {
			if got := api(same[0], m); got != want {
				t.Errorf("%s is %s, %s is %s", same[1], want.Name, m, got.Name)
			}
		}
	}
	a, b := api("cloudkms.googleapis.com", "GetIamPolicy"), api("pubsub.googleapis.com", "GetIamPolicy")
	if a == b {
		t.Error("GetIamPolicy of two services is one API")
	}
	for _, method := range []string{"v8engine.List", "google.vision.List", "v1"} {
		if got := Canonical([]byte(method)); string(got) != method {
			t.Errorf("Canonical(%s) = %s", method, got)
		}
	}
}

// Every name that the catalogue says is logged leads to its own row, and one
// with a version does so by the rule alone: the next version will too.
func TestCatalogueNames(t *testing.T) {
	list, err := catalog.Parse(event.GCP, catalogTSV)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 1000 {
		t.Fatalf("%d rows", len(list))
	}
	d := newDecoder(t).(*decoder)
	for _, e := range list {
		for _, name := range e.Logged {
			if got := d.api([]byte(e.API.Service), []byte(name)); got.Name != e.API.Name || !got.Known {
				t.Errorf("line %d: %s is taken for %s, the catalogue says %s", e.Line, name, got.Name, e.API.Name)
			}
			if got := string(Canonical([]byte(name))); got != name && got != e.API.Name {
				t.Errorf("line %d: %s is canonically %s, the catalogue says %s", e.Line, name, got, e.API.Name)
			}
		}
	}
}

func TestStatement04_UnknownReads(t *testing.T) {
	d := newDecoder(t)
	for method, class := range map[string]event.Class{
		"google.newthing.v1.Widgets.ListWidgets":      event.ClassDiscovery,
		"google.newthing.v1.Widgets.GetWidget":        event.ClassDiscovery,
		"v3.newthing.widgets.aggregatedList":          event.ClassDiscovery,
		"google.newthing.v1.Widgets.DeleteWidget":     event.ClassWrite,
		"/google.newthing.v1.Widgets/ListWidgets":     event.ClassDiscovery,
		"google.newthing.v1.Widgets.Frobnicate":       event.ClassOther,
		strings.Repeat("x", 9000) + ".v1.ListWidgets": event.ClassOther, // longer than any name that is kept whole
	} {
		ev := decode(t, d, with(t, list, `v1.compute.instances.aggregatedList`, method, `compute.googleapis.com",`, `newthing.googleapis.com",`))
		if ev.API.Class != class || ev.API.Known || len(ev.API.Name) > maxName {
			t.Errorf("%.60s: class %v, known %v, name of %d bytes", method, ev.API.Class, ev.API.Known, len(ev.API.Name))
		}
	}
}

func TestStatement06_Outcomes(t *testing.T) {
	d := newDecoder(t)
	for status, want := range map[string]struct {
		outcome event.Outcome
		code    string
		reason  event.Reason
	}{
		`{}`:                            {event.OK, "", event.NoReason},
		`{"code":0}`:                    {event.OK, "", event.NoReason},
		`{"message":"OK"}`:              {event.OK, "", event.NoReason},
		`null`:                          {event.OK, "", event.NoReason},
		`{"code":7,"message":"denied"}`: {event.Denied, "PERMISSION_DENIED", event.ReasonUnknown},
		`{"code":"7"}`:                  {event.Denied, "PERMISSION_DENIED", event.ReasonUnknown},
		`{"code":403}`:                  {event.Denied, "PERMISSION_DENIED", event.ReasonUnknown},
		`{"code":7.0}`:                  {event.Denied, "PERMISSION_DENIED", event.ReasonUnknown},
		`{"code":"7.0"}`:                {event.Denied, "PERMISSION_DENIED", event.ReasonUnknown},
		`{"code":0.0}`:                  {event.OK, "", event.NoReason},
		`{"code":16}`:                   {event.Denied, "UNAUTHENTICATED", event.ReasonUnknown},
		`{"code":5,"message":"PERMISSION_DENIED"}`: {event.Absent, "NOT_FOUND", event.NoReason},
		`{"code":8}`:  {event.Throttled, "RESOURCE_EXHAUSTED", event.NoReason},
		`{"code":3}`:  {event.Invalid, "INVALID_ARGUMENT", event.NoReason},
		`{"code":12}`: {event.Other, "UNIMPLEMENTED", event.NoReason},
		`{"code":6}`:  {event.Other, "ALREADY_EXISTS", event.NoReason},
		`{"code":77}`: {event.Other, "77", event.NoReason},
		`{"code":7,"details":[{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"VPC_SERVICE_CONTROLS"}]}]}`: {event.Denied, "PERMISSION_DENIED", event.ReasonSCP},
		`{"code":7,"message":"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc"}`:                       {event.Denied, "PERMISSION_DENIED", event.ReasonSCP},
		`{"code":7,"details":[{"reason":"IAM_PERMISSION_DENIED"}]}`:                                                                            {event.Denied, "PERMISSION_DENIED", event.ReasonIdentity},
	} {
		ev := decode(t, d, with(t, list, `"status":{}`, `"status":`+status))
		if ev.Outcome != want.outcome || string(ev.ErrorCode) != want.code || ev.Reason != want.reason {
			t.Errorf("%s: %v %q %v", status, ev.Outcome, ev.ErrorCode, ev.Reason)
		}
	}
	// Permissions asked for and not granted are no denial of the call.
	if ev := decode(t, d, with(t, list, `"granted":true`, `"granted":false`)); ev.Outcome != event.OK {
		t.Errorf("granted:false alone is %v", ev.Outcome)
	}
}

// who replaces the authentication of a denied list.
func TestStatement19_Duplicates(t *testing.T) {
	d := newDecoder(t)
	a := decode(t, d, list)
	same := decode(t, d, with(t, list, `"receiveTimestamp":"2024-05-06T07:08:10Z"`, `"receiveTimestamp":"2024-05-06T08:00:00Z"`,
		`07:08:09.123456789Z`, `09:08:09.123456789+02:00`))
	if a.Key != same.Key {
		t.Error("a copy has another key")
	}
	for _, change := range [][2]string{{`"1a2b"`, `"1a2c"`}, {`09.123456789Z`, `09.123456788Z`}, {`projects/blue/logs`, `projects/red/logs`}} {
		if other := decode(t, d, with(t, list, change[0], change[1])); other.Key == a.Key {
			t.Errorf("%s: another act has the same key", change[1])
		}
	}
	bare := with(t, list, `"insertId":"1a2b",`, ``)
	if x, y := decode(t, d, bare), decode(t, d, with(t, bare, "INFO", "WARN")); x.Key == y.Key {
		t.Error("two entries without an id have one key")
	}
}

func TestStatement22_LongRunningOperations(t *testing.T) {
	d := newDecoder(t)
	op := func(id, operation string) event.Event {
		return decode(t, d, with(t, list, `"1a2b"`, `"`+id+`"`, `"severity"`, `"operation":`+operation+`,"severity"`))
	}
	first := op("a", `{"id":"op-1","producer":"compute.googleapis.com","first":true}`)
	last := op("b", `{"id":"op-1","producer":"compute.googleapis.com","last":true}`)
	if first.Key != last.Key {
		t.Error("first and last entry of an operation are two acts")
	}
	if first.Rank >= last.Rank {
		t.Errorf("rank of the first is %d, of the last %d", first.Rank, last.Rank)
	}
	if other := op("c", `{"id":"op-2","producer":"compute.googleapis.com","first":true}`); other.Key == first.Key {
		t.Error("two operations are one act")
	}
	// An entry that is first and last at once stands for itself.
	x := op("d", `{"id":"op-3","producer":"p","first":true,"last":true}`)
	y := op("e", `{"id":"op-3","producer":"p","first":true,"last":true}`)
	if x.Key == y.Key {
		t.Error("two whole operations are one act")
	}
}

func TestPlaces(t *testing.T) {
	d := newDecoder(t)
	for _, c := range []struct {
		change          []string
		account, region string
	}{
		{[]string{`projects/blue/logs`, `organizations/42/logs`, `"project_id":"blue",`, ``, `projects/blue/global`, `organizations/42/global`}, "organizations/42", "us-central1"},
		{[]string{`projects/blue/logs`, `folders/7/logs`}, "folders/7", "us-central1"},
		{[]string{`"logName":"projects/blue/logs/cloudaudit.googleapis.com%2Fdata_access",`, ``, `"project_id":"blue"`, `"project_id":"red"`}, "red", "us-central1"},
		{[]string{`"logName":"projects/blue/logs/cloudaudit.googleapis.com%2Fdata_access",`, ``, `"project_id":"blue",`, ``}, "blue", "us-central1"},
		{[]string{`"zone":"us-central1-b"`, `"location":"global"`}, "blue", ""},
		{[]string{`"zone":"us-central1-b"`, `"region":"europe-west4"`}, "blue", "europe-west4"},
		{[]string{`,"zone":"us-central1-b"`, ``, `"status":{}`, `"status":{},"resourceLocation":{"currentLocations":["asia-east1-a"]}`}, "blue", "asia-east1"},
	} {
		ev := decode(t, d, with(t, list, c.change...))
		if string(ev.Account) != c.account || string(ev.Region) != c.region {
			t.Errorf("%q: account %q, region %q", c.change, ev.Account, ev.Region)
		}
	}
}

// The name of the service is found where an entry lacks it.
func TestServiceName(t *testing.T) {
	d := newDecoder(t)
	bare := with(t, list, `,"serviceName":"compute.googleapis.com"`, ``)
	for method, want := range map[string]string{
		"v1.compute.instances.aggregatedList":     "compute.googleapis.com",
		"compute.instances.list":                  "compute.googleapis.com",
		"google.iam.admin.v1.ListServiceAccounts": "unknown",
		"ListProjects":                            "unknown",
	} {
		if ev := decode(t, d, with(t, bare, "v1.compute.instances.aggregatedList", method)); ev.API.Service != want {
			t.Errorf("%s: service %s", method, ev.API.Service)
		}
	}
	labelled := with(t, bare, `"project_id"`, `"service":"run.googleapis.com","project_id"`)
	if ev := decode(t, d, labelled); ev.API.Service != "run.googleapis.com" {
		t.Errorf("service %s", ev.API.Service)
	}
}

// counts are the verdicts over one file.
// Every record of the real logs is an event, or is passed over for a reason.
// The broken ones are rows typed by hand that lack a time or a method; the
// foreign ones lack both payload and log, or are the rows of a warehouse.
// The rows of Google Workspace are no discovery of infrastructure.
