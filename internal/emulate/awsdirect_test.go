package emulate

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

// server is a stand-in that answers every call as answer does.
func server(t *testing.T, answer func(w http.ResponseWriter, form url.Values)) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		answer(w, form)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func stsAnswers(arn, account string) func(http.ResponseWriter, url.Values) {
	return func(w http.ResponseWriter, form url.Values) {
		switch form.Get("Action") {
		case "GetCallerIdentity":
			fmt.Fprintf(w, "<R><Arn>%s</Arn><UserId>AKIAIOSFODNN7EXAMPLE</UserId><Account>%s</Account></R>", arn, account)
		case "GetSessionToken":
			fmt.Fprint(w, "<R><Credentials><AccessKeyId>ASIATOKEN</AccessKeyId><SecretAccessKey>hush</SecretAccessKey></Credentials></R>")
		case "GetFederationToken":
			fmt.Fprint(w, "<R><Credentials><AccessKeyId>ASIAFED</AccessKeyId><SecretAccessKey>hush</SecretAccessKey></Credentials><FederatedUser><Arn>arn:aws:sts::1:federated-user/f</Arn><FederatedUserId>1:f</FederatedUserId></FederatedUser></R>")
		case "AssumeRoleWithSAML":
			fmt.Fprint(w, "<R><Credentials><AccessKeyId>ASIASAML</AccessKeyId></Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>X:s</AssumedRoleId></AssumedRoleUser></R>")
		case "GetRole":
			fmt.Fprint(w, "<R><Role><RoleId>AROAEXAMPLE0000000001</RoleId></Role></R>")
		default:
			fmt.Fprint(w, "<R/>")
		}
	}
}

// direct sends a call to the recorder's own address, signed with a key as
// people give it to a stand-in.
func direct(a *AWS, key, service, form string) *httptest.ResponseRecorder {
	r := signed("POST", "http://127.0.0.1:4599/", form, "eu-west-1", service)
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), "AKIAIOSFODNN7EXAMPLE", key))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func TestStandInsCallersBecomeIdentitiesOfIAM(t *testing.T) {
	none := func(w http.ResponseWriter, _ url.Values) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<Error><Code>InvalidRequest</Code></Error>")
	}
	for _, c := range []struct {
		name              string
		answer            func(http.ResponseWriter, url.Values)
		typ, arn, account string
		notes             int
	}{
		{"moto", stsAnswers("arn:aws:sts::123456789012:user/moto", "123456789012"), "IAMUser", "arn:aws:iam::123456789012:user/moto", "123456789012", 1},
		{"localstack", stsAnswers("arn:aws:iam::000000000000:root", "000000000000"), "Root", "arn:aws:iam::000000000000:root", "000000000000", 0},
		{"no STS", none, "IAMUser", "arn:aws:iam::111122223333:user/testing", "111122223333", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &AWS{Stage: NewStage("x"), Backend: server(t, c.answer), AnyKey: true, Account: "111122223333"}
			for range 2 {
				direct(a, "testing", "ec2", "Action=DescribeInstances")
			}
			if len(a.records) != 2 || len(a.Faults()) != 0 {
				t.Fatalf("%d records, faults %q", len(a.records), a.Faults())
			}
			who := a.records[0].UserIdentity
			if who.Type != c.typ || who.ARN != c.arn || who.AccountID != c.account || who.AccessKeyID != "testing" || who.PrincipalID == "" {
				t.Errorf("%+v", who)
			}
			if a.records[0].TLSDetails != nil {
				t.Error("TLS was not spoken")
			}
			if len(a.Notes()) != c.notes {
				t.Errorf("notes %q", a.Notes())
			}
		})
	}
	a := &AWS{Stage: NewStage("x"), Backend: server(t, none), AnyKey: true,
		Identities: []Identity{{ARN: "arn:aws:iam::222233334444:user/eve", Keys: []string{"testing"}}}}
	direct(a, "testing", "ec2", "Action=DescribeInstances")
	if len(a.records) != 1 || a.records[0].UserIdentity.UserName != "eve" {
		t.Errorf("%+v, faults %q", a.records, a.Faults())
	}
}

func TestSessionsOfTheOtherKinds(t *testing.T) {
	a := &AWS{Stage: NewStage("x"), Backend: server(t, stsAnswers("arn:aws:sts::123456789012:user/moto", "123456789012")), AnyKey: true}
	direct(a, "test", "sts", "Action=GetSessionToken&SerialNumber=arn:aws:iam::1:mfa/x&TokenCode=123456")
	direct(a, "ASIATOKEN", "ec2", "Action=DescribeInstances")
	direct(a, "test", "sts", "Action=GetFederationToken&Name=fred")
	direct(a, "ASIAFED", "ec2", "Action=DescribeVpcs")
	assertion := base64.StdEncoding.EncodeToString([]byte(`<samlp:Response xmlns:samlp="p"><saml:Assertion xmlns:saml="s" ID="_abc"><saml:Issuer>https://idp.example/saml</saml:Issuer><saml:Subject><saml:NameID>ann</saml:NameID></saml:Subject></saml:Assertion></samlp:Response>`))
	r := httptest.NewRequest("POST", "http://127.0.0.1:4599/", strings.NewReader("Action=AssumeRoleWithSAML&RoleArn=arn:aws:iam::123456789012:role/r&PrincipalArn=arn:aws:iam::123456789012:saml-provider/MySAMLIdP&SAMLAssertion="+url.QueryEscape(assertion)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a.ServeHTTP(httptest.NewRecorder(), r)
	direct(a, "ASIASAML", "ec2", "Action=DescribeSubnets")
	if len(a.records) != 6 || len(a.Faults()) != 0 {
		t.Fatalf("%d records, faults %q", len(a.records), a.Faults())
	}
	user, fed, saml, role := a.records[1].UserIdentity, a.records[3].UserIdentity, a.records[4], a.records[5].UserIdentity
	if user.Type != "IAMUser" || user.UserName != "moto" || user.AccessKeyID != "ASIATOKEN" || user.SessionContext == nil ||
		user.SessionContext.Attributes.MFAAuthenticated != "true" || user.SessionContext.SessionIssuer != nil {
		t.Errorf("session token: %+v", user)
	}
	if fed.Type != "FederatedUser" || fed.ARN != "arn:aws:sts::123456789012:federated-user/fred" || fed.SessionContext.SessionIssuer.UserName != "moto" {
		t.Errorf("federated: %+v", fed)
	}
	if saml.UserIdentity.Type != "SAMLUser" || saml.UserIdentity.UserName != "ann" || saml.RequestParameters["sAMLAssertionID"] != "_abc" || saml.RecipientAccountID != "123456789012" {
		t.Errorf("SAML: %+v %v", saml.UserIdentity, saml.RequestParameters)
	}
	if role.Type != "AssumedRole" || role.PrincipalID != "AROAEXAMPLE0000000001:s" {
		t.Errorf("role: %+v", role)
	}
	all, err := json.Marshal(a.records)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hush", assertion, "123456\""} {
		if strings.Contains(string(all), secret) {
			t.Errorf("%s is in the records", secret)
		}
	}
}

// TestTheNameQualifierIsAWSs holds the hash of the SAML provider against the
// formula of the STS API Reference.
func TestTheNameQualifierIsAWSs(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte(`<R><Assertion ID="_1"><Issuer>https://example.com/saml</Issuer><Subject><NameID>u</NameID></Subject></Assertion></R>`))
	form := url.Values{"PrincipalArn": {"arn:aws:iam::123456789012:saml-provider/MySAMLIdP"}, "SAMLAssertion": {text}}
	who, err := samlIdentity(awsCall{params: map[string]any{}}, []byte(form.Encode()))
	// printf 'https://example.com/saml123456789012/MySAMLIdP' | openssl sha1 -binary | base64
	if want := "1uAJanUnBc2XeUkHURMht+xam2c=:u"; err != nil || who.PrincipalID != want {
		t.Errorf("%s, %v; want %s", who.PrincipalID, err, want)
	}
}

func TestCallsInCBOR(t *testing.T) {
	body, err := cbor.Marshal(map[string]any{"Namespace": "AWS/EC2", "AlarmNames": []any{"a", "b"}, "Blob": []byte{1}, "AccessToken": "hush"})
	if err != nil {
		t.Fatal(err)
	}
	r := signed("POST", "https://monitoring.eu-west-1.amazonaws.com/service/GraniteServiceVersion20100801/operation/DescribeAlarms", "", "eu-west-1", "monitoring",
		"Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor", "X-Amzn-Query-Mode", "true")
	got, err := nameAWS(r, body)
	if err != nil {
		t.Fatal(err)
	}
	params, _ := json.Marshal(got.params)
	if d := cmp.Diff(`monitoring.amazonaws.com DescribeAlarms cloudwatch:DescribeAlarms {"alarmNames":["a","b"],"namespace":"AWS/EC2"}`,
		strings.Join([]string{got.source, got.event, got.action, string(params)}, " ")); d != "" {
		t.Error(d)
	}
	refusal, err := cborRefusal("com.amazonaws.cloudwatch#ResourceNotFound", "gone")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"X-Amzn-Query-Error": {"ResourceNotFoundException;Sender"}}
	if code, text := awsError(got, 404, h, refusal); code != "ResourceNotFoundException" || text != "gone" {
		t.Errorf("error %q %q", code, text)
	}
}

func TestAnAbsentCallIsNeverADenial(t *testing.T) {
	page := "<!doctype html>\n<title>404 Not Found</title>"
	for _, c := range []struct {
		name   string
		status int
		body   string
		proto  protocol
		lacks  bool
	}{
		{"moto, no such action", 500, "<!doctype html>\n<title>500 Internal Server Error</title>", protoJSON, true},
		{"moto, no such path", 404, page, protoREST, true},
		{"moto, no such path of Route 53", 404, page, protoXML, true},
		{"LocalStack", 501, `{"__type":"InternalFailure","message":"API for service 'x' not yet implemented or pro feature"}`, protoJSON, true},
		{"MinIO", 501, `<Error><Code>NotImplemented</Code><Message>no</Message></Error>`, protoS3, true},
		{"unknown to the server", 400, `{"__type":"UnknownOperationException"}`, protoJSON, true},
		{"not found", 404, `{"__type":"ResourceNotFoundException","message":"x"}`, protoREST, false},
		{"refused by the server", 403, `<Error><Code>AccessDenied</Code></Error>`, protoS3, false},
		{"moto's S3, for a service that it does not know", 404, `<Error><Code>NoSuchBucket</Code></Error>`, protoREST, true},
		{"the same, with an answer", 200, `<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`, protoREST, true},
		{"a list of buckets", 200, `<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`, protoS3, false},
		{"nothing, to HEAD", 404, "", protoS3, false},
		{"fine", 200, "", protoJSON, false},
	} {
		call := awsCall{protocol: c.proto}
		if got := lacksCall(call, c.status, http.Header{}, []byte(c.body)); (got != "") != c.lacks {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	a := recorder(t)
	a.Tolerant = true
	call(a, userKey, "ec2", "Action=DescribeVpcs")
	if len(a.records) != 1 || len(a.Faults()) != 0 {
		t.Fatalf("%d records, faults %q", len(a.records), a.Faults())
	}
	rec, marks := a.records[0], a.NotImplemented()
	if rec.ErrorCode != "Server.InternalError" || len(marks) != 1 || marks[0].EventID != rec.EventID || marks[0].Call != "DescribeVpcs" || marks[0].Said != "501 Not Implemented" {
		t.Errorf("%q, marks %+v", rec.ErrorCode, marks)
	}
}

func TestWhatIsNotLoggedNeedsNoCaller(t *testing.T) {
	a := recorder(t)
	r := httptest.NewRequest("POST", "https://cognito-identity.eu-west-1.amazonaws.com/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityService.GetId")
	a.ServeHTTP(httptest.NewRecorder(), r)
	call(a, userKey, "sqs", "Action=ListQueues&Version=2012-11-05")
	if got := a.NotLogged(); len(a.records) != 0 || len(a.Faults()) != 0 || got["GetId"] != 1 || got["ListQueues"] != 1 {
		t.Errorf("records %v, faults %q, not logged %v", a.records, a.Faults(), got)
	}
}
