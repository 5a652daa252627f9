package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

const (
	testKey    = "AKIAIOSFODNN7EXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	testToken  = "session-token-of-the-test"
)

// awsCredentials puts a key into the environment, as a user would.
func awsCredentials(t *testing.T) {
	noCredentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", testKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", testSecret)
	t.Setenv("AWS_SESSION_TOKEN", testToken)
	t.Setenv("AWS_REGION", "eu-west-1")
}

const callerIdentity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
	`<Arn>arn:aws:iam::111122223333:user/ida</Arn><UserId>AIDAEXAMPLE</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

// awsStandIn answers as AWS does, by the operation that the request names.
func awsStandIn(w http.ResponseWriter, r request) {
	op := r.header.Get("X-Amz-Target")
	if form, err := url.ParseQuery(r.body); op == "" && err == nil {
		op = form.Get("Action")
	}
	w.Header().Set("X-Amzn-Requestid", "11111111-2222-4333-8444-555555555555")
	switch {
	case op == "GetCallerIdentity":
		fmt.Fprint(w, callerIdentity)
	case op == "DescribeInstances":
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<?xml version="1.0"?><Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>hush</Message></Error></Errors></Response>`)
	case op == "secretsmanager.ListSecrets":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazonaws#AccessDeniedException","Message":"hush"}`)
	case strings.HasSuffix(r.path, "?policy="):
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchBucketPolicy</Code></Error>`)
	case strings.HasPrefix(r.host, "lambda."):
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException:http://internal.amazon.com/")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"Message":"hush"}`)
	default:
		fmt.Fprint(w, "<ok/>")
	}
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + testKey + `/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// checkSignature signs what came anew and holds the signatures together, so
// that whatever was changed after signing shows.
func checkSignature(t *testing.T, r request) (scope string) {
	t.Helper()
	m := authorization.FindStringSubmatch(r.auth)
	if m == nil {
		t.Fatalf("%s %s: authorization %q", r.host, r.path, r.auth)
	}
	again, err := http.NewRequest(r.method, "https://"+r.host+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range strings.Split(m[3], ";") {
		if h != "host" && h != "content-length" {
			again.Header[http.CanonicalHeaderKey(h)] = r.header[http.CanonicalHeaderKey(h)]
		}
	}
	at, err := time.Parse("20060102T150405Z", r.header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	creds := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret, SessionToken: testToken}
	err = v4.NewSigner().SignHTTP(t.Context(), creds, again, sum256(r.body), m[2], m[1], at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = m[2] == "s3"
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Header.Get("Authorization"); got != r.auth {
		t.Errorf("%s %s: signed %q, want %q", r.host, r.path, r.auth, got)
	}
	return m[1] + "/" + m[2]
}

func TestAWS(t *testing.T) {
	awsCredentials(t)
	s, client := serve(t, awsStandIn)
	p := mustPrepare(t, Options{Client: client, ID: "abcdef0123456789", Vars: map[string]string{"bucket": "example-logs"}}, `
- aws: ec2:DescribeInstances
- aws: ec2:DescribeVpcs
  region: us-west-2
  params: {MaxResults: 5, Filter.1.Name: owner-id, Filter.1.Value.1: "{account}"}
- aws: iam:ListUsers
- aws: secretsmanager:ListSecrets
- aws: s3:GetBucketPolicy
  params: {Bucket: "{bucket}"}
- aws: lambda:ListFunctions
  params: {MaxItems: 50}
- aws: lambda:ListTags
  params: {Resource: "arn:aws:lambda:eu-west-1:111122223333:function:f"}
- aws: inspector2:ListFindings
`)
	text := strings.Join(p.Lines(), "\n")
	for _, want := range []string{
		"8 calls that read and change nothing",
		"At aws as arn:aws:iam::111122223333:user/ida, in 111122223333.",
		"ec2:DescribeInstances in eu-west-1: DescribeInstances in cloudtrail.management",
		"ec2:DescribeVpcs in us-west-2",
		"iam:ListUsers in us-east-1",
		"lambda:ListFunctions in eu-west-1: ListFunctions20150331 in cloudtrail.management",
		"vedette-rehearsal/abcdef0123456789",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("announcement lacks %q:\n%s", want, text)
		}
	}
	if n := len(s.requests("")); n != 1 {
		t.Fatalf("%d requests before the yes, want GetCallerIdentity alone", n)
	}
	var told []string
	rec, err := p.Run(t.Context(), func(m *Made) { told = append(told, m.Call) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ec2:DescribeInstances denied UnauthorizedOperation", "ec2:DescribeVpcs ok", "iam:ListUsers ok",
		"secretsmanager:ListSecrets denied AccessDeniedException", "s3:GetBucketPolicy other NoSuchBucketPolicy",
		"lambda:ListFunctions denied AccessDeniedException", "lambda:ListTags denied AccessDeniedException",
		"inspector2:ListFindings ok",
	}
	if d := cmp.Diff(want, outcomes(rec)); d != "" {
		t.Error(d)
	}
	if len(told) != 8 || rec.Left != 0 {
		t.Errorf("told of %d, %d left", len(told), rec.Left)
	}
	var asked []string
	for _, r := range s.requests("") {
		asked = append(asked, r.method+" "+r.host+r.path+" "+checkSignature(t, r))
		if r.agent != "vedette-rehearsal/abcdef0123456789" {
			t.Errorf("%s: user agent %q", r.path, r.agent)
		}
		if r.header.Get("X-Amz-Security-Token") != testToken {
			t.Errorf("%s: no session token", r.path)
		}
	}
	if d := cmp.Diff([]string{
		"POST sts.eu-west-1.amazonaws.com/ eu-west-1/sts",
		"POST ec2.eu-west-1.amazonaws.com/ eu-west-1/ec2",
		"POST ec2.us-west-2.amazonaws.com/ us-west-2/ec2",
		"POST iam.amazonaws.com/ us-east-1/iam",
		"POST secretsmanager.eu-west-1.amazonaws.com/ eu-west-1/secretsmanager",
		"GET s3.eu-west-1.amazonaws.com/example-logs?policy= eu-west-1/s3",
		"GET lambda.eu-west-1.amazonaws.com/2015-03-31/functions?MaxItems=50 eu-west-1/lambda",
		"GET lambda.eu-west-1.amazonaws.com/2017-03-31/tags/arn:aws:lambda:eu-west-1:111122223333:function:f eu-west-1/lambda",
		"POST inspector2.eu-west-1.amazonaws.com/findings/list eu-west-1/inspector2",
	}, asked); d != "" {
		t.Error(d)
	}
	if body := s.requests("ec2.us-west-2.amazonaws.com")[0].body; body != "Action=DescribeVpcs&Filter.1.Name=owner-id&Filter.1.Value.1=111122223333&MaxResults=5&Version=2016-11-15" {
		t.Errorf("form %q", body)
	}

	// The record goes to another process and holds no secret.
	out, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{testSecret, testToken, testKey, "hush", "Signature"} {
		if strings.Contains(string(out), secret) {
			t.Errorf("the record holds %q", secret)
		}
	}
	var back Record
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if back.Calls[0].RequestID != "11111111-2222-4333-8444-555555555555" || !back.Calls[0].Time.Equal(rec.Calls[0].Time) {
		t.Errorf("read back: %+v", back.Calls[0])
	}
	if _, err := p.Run(t.Context(), nil); err == nil {
		t.Error("a plan runs twice")
	}
}

// TestAWSAsksAgain: what the SDK calls transient is asked again, and counted.
func TestAWSAsksAgain(t *testing.T) {
	awsCredentials(t)
	n := 0
	_, client := serve(t, func(w http.ResponseWriter, r request) {
		if strings.Contains(r.body, "DescribeVpcs") {
			if n++; n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprint(w, `<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>`)
				return
			}
		}
		awsStandIn(w, r)
	})
	rec, err := mustPrepare(t, Options{Client: client}, "- aws: ec2:DescribeVpcs\n").Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := rec.Calls[0]; m.Outcome != OutcomeOK || m.Attempts != 3 {
		t.Errorf("%+v", m)
	}
}

// TestAWSEndpointOfTheUser: AWS_ENDPOINT_URL leads elsewhere; the signature is
// still for the service and region that were meant.
func TestAWSEndpointOfTheUser(t *testing.T) {
	awsCredentials(t)
	t.Setenv("AWS_ENDPOINT_URL", "https://cloud.example:8443")
	s, client := serve(t, awsStandIn)
	if _, err := mustPrepare(t, Options{Client: client}, "- aws: iam:ListUsers\n").Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"eu-west-1/sts", "us-east-1/iam"} {
		r := s.requests("")[i]
		if got := checkSignature(t, r); got != want || r.host != "cloud.example:8443" {
			t.Errorf("%s signed for %s, want %s", r.host, got, want)
		}
	}
}

// TestStopped: Ctrl-C in the middle of a call ends the run at once and leaves
// what was done.
func TestStopped(t *testing.T) {
	awsCredentials(t)
	ctx, stop := context.WithCancel(t.Context())
	held := make(chan struct{})
	_, client := serve(t, func(w http.ResponseWriter, r request) {
		if strings.Contains(r.body, "DescribeSubnets") {
			stop()
			<-held // never answered in time
			return
		}
		awsStandIn(w, r)
	})
	p := mustPrepare(t, Options{Client: client}, "- aws: ec2:DescribeVpcs\n- aws: ec2:DescribeSubnets\n- aws: ec2:DescribeVpcs\n  times: 3\n")
	if p.Number != 5 || !strings.Contains(strings.Join(p.Lines(), "\n"), "ec2:DescribeVpcs in eu-west-1, 3 times") {
		t.Errorf("%d calls announced: %q", p.Number, p.Lines())
	}
	// The answer is held back until the run has ended: one that does not stop
	// never ends.
	rec, err := p.Run(ctx, nil)
	close(held)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stopped after 2 of 5 calls") {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff([]string{"ec2:DescribeVpcs ok", "ec2:DescribeSubnets other"}, outcomes(rec)); d != "" {
		t.Error(d)
	}
	if m := rec.Calls[1]; m.Error == "" || m.Expected() || rec.Left != 3 || rec.Ended.Before(rec.Started) {
		t.Errorf("%+v, %d left", m, rec.Left)
	}
}

// TestStoppedBetweenCalls: the pause between two calls ends too.
func TestStoppedBetweenCalls(t *testing.T) {
	awsCredentials(t)
	ctx, stop := context.WithCancel(t.Context())
	_, client := serve(t, awsStandIn)
	p := mustPrepare(t, Options{Client: client, Pace: time.Hour}, "- aws: ec2:DescribeVpcs\n  times: 2\n")
	rec, err := p.Run(ctx, func(*Made) { time.AfterFunc(20*time.Millisecond, stop) })
	if !errors.Is(err, context.Canceled) || len(rec.Calls) != 1 || rec.Left != 1 {
		t.Errorf("%v, %v", outcomes(rec), err)
	}
}

// TestCredentialsThatEnd: once a provider does not know the caller any more,
// no further call is made.
func TestCredentialsThatEnd(t *testing.T) {
	awsCredentials(t)
	_, client := serve(t, func(w http.ResponseWriter, r request) {
		if strings.Contains(r.body, "DescribeVpcs") {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>`)
			return
		}
		awsStandIn(w, r)
	})
	rec, err := mustPrepare(t, Options{Client: client}, "- aws: ec2:DescribeVpcs\n  times: 4\n").Run(t.Context(), nil)
	if !errors.Is(err, ErrCredentials) || len(rec.Calls) != 1 || rec.Left != 3 || rec.Calls[0].Expected() {
		t.Errorf("%v, %v", outcomes(rec), err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	awsCredentials(t)
	_, client := serve(t, awsStandIn)
	secret := Call{AWS: "secretsmanager:GetSecretValue", Params: map[string]any{"SecretId": "s"}, Sensitive: true}
	for _, c := range []struct {
		why  string
		opts Options
	}{
		{"no call to make", Options{}},
		{"is not 8 to 64", Options{ID: "A B", Calls: []Call{{AWS: "ec2:DescribeVpcs"}}}},
		{"were not allowed", Options{Calls: []Call{secret}}},
		{"not known to be a read", Options{Calls: []Call{{AWS: "ec2:StopInstances"}}}},
		{"no value is given for {vault}", Options{Calls: []Call{{AWS: "ec2:DescribeVpcs", Params: map[string]any{"a": "{vault}"}}}}},
		{"is no region", Options{Calls: []Call{{AWS: "ec2:DescribeVpcs", Region: "evil.example/"}}}},
		{"in the partition of cn-north-1 is not known", Options{Calls: []Call{{AWS: "iam:ListUsers", Region: "cn-north-1"}}}},
		{"in the partition of us-iso-east-1 is not known", Options{Calls: []Call{{AWS: "ec2:DescribeVpcs", Region: "us-iso-east-1"}}}},
	} {
		c.opts.Client = client
		p, err := Prepare(t.Context(), c.opts)
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("error %v, want one that says %q", err, c.why)
		}
		if p != nil {
			p.Close()
		}
	}
	p, err := Prepare(t.Context(), Options{Client: client, Calls: []Call{secret}, Sensitive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !strings.Contains(strings.Join(p.Lines(), "\n"), "holds secrets and is thrown away unread") {
		t.Errorf("%q", p.Lines())
	}
	noCredentials(t)
	if _, err := Prepare(t.Context(), Options{Client: client, Calls: []Call{{AWS: "ec2:DescribeVpcs"}}}); err == nil {
		t.Error("prepared without credentials")
	}
}

// TestNoRedirect: an answer cannot lead the client to another place.
func TestNoRedirect(t *testing.T) {
	awsCredentials(t)
	s, client := serve(t, func(w http.ResponseWriter, r request) {
		if strings.HasPrefix(r.host, "s3.") {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		awsStandIn(w, r)
	})
	rec, err := mustPrepare(t, Options{Client: client}, "- aws: s3:ListBuckets\n").Run(t.Context(), nil)
	if err != nil || rec.Calls[0].Outcome != OutcomeOther || rec.Calls[0].Status != 307 {
		t.Errorf("%+v, %v", rec, err)
	}
	if n := len(s.requests("evil.example")); n != 0 {
		t.Errorf("followed to evil.example %d times", n)
	}
}
