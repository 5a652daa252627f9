package live

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/emulate"
	"vedette/internal/finding"
)

// moto starts a server that knows AWS's protocols from AWS's own models, and
// returns its address.
func moto(t *testing.T) *url.URL {
	t.Helper()
	name, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("no moto_server here to speak AWS's protocols with")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := exec.Command(name, "-H", "127.0.0.1", "-p", fmt.Sprint(at.Port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 300 {
		if c, err := net.Dial("tcp", at.String()); err == nil {
			c.Close()
			return &url.URL{Scheme: "http", Host: at.String()}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("moto_server does not come up")
	return nil
}

// ask puts a form to moto as its administrator and reads the answer.
func ask(t *testing.T, backend *url.URL, form url.Values, answer any) {
	t.Helper()
	req, err := http.NewRequest("POST", backend.String(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=admin/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || xml.Unmarshal(body, answer) != nil {
		t.Fatalf("%s: %d %s %v", form.Get("Action"), resp.StatusCode, body, err)
	}
}

// TestFromCallToFinding rehearses against moto behind the recorder, with a key
// that moto gave out, and finds in the trail what was done: every protocol,
// half of it refused.
func TestFromCallToFinding(t *testing.T) {
	backend := moto(t)
	var made struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	ask(t, backend, url.Values{"Action": {"CreateUser"}, "Version": {"2010-05-08"}, "UserName": {"ida"}}, new(struct{}))
	ask(t, backend, url.Values{"Action": {"CreateAccessKey"}, "Version": {"2010-05-08"}, "UserName": {"ida"}}, &made)
	noCredentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", made.ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", made.Secret)
	t.Setenv("AWS_REGION", "eu-west-1")

	recorder := &emulate.AWS{
		Stage: emulate.NewStage("live"), Backend: backend,
		Policy: emulate.Policy{"arn:aws:iam::123456789012:user/ida": {"sts:*", "ec2:*", "lambda:*", "s3:ListAllMyBuckets", "dynamodb:*"}},
	}
	recorder.Stage.Begin(emulate.Scene{Source: "203.0.113.9", Start: time.Now().UTC(), PaceMin: time.Second, PaceMax: 2 * time.Second})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { recorder.ServeHTTP(w, r) }))
	defer srv.Close()
	t.Setenv("AWS_ENDPOINT_URL", srv.URL)

	rec, err := mustPrepare(t, Options{Pace: time.Millisecond}, `
- aws: ec2:DescribeInstances
- aws: ec2:DescribeVpcs
  params: {Filter.1.Name: is-default, Filter.1.Value.1: "true"}
- aws: ec2:DescribeSecurityGroups
- aws: ec2:DescribeSubnets
- aws: ec2:DescribeVolumes
- aws: ec2:DescribeSnapshots
- aws: ec2:DescribeImages
  params: {Owner.1: self}
- aws: iam:ListUsers
- aws: iam:ListRoles
- aws: rds:DescribeDBInstances
- aws: lambda:ListFunctions
  params: {MaxItems: 10}
- aws: secretsmanager:ListSecrets
- aws: dynamodb:ListTables
  params: {Limit: 10}
- aws: s3:ListBuckets
- aws: s3:GetBucketAcl
  params: {Bucket: example-logs}
`).Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if faults := recorder.Faults(); len(faults) > 0 {
		t.Fatalf("the recorder could not follow: %q", faults)
	}
	var got []string
	for _, m := range rec.Calls {
		_, op, _ := strings.Cut(m.Call, ":")
		got = append(got, op+" "+m.Outcome)
	}
	if d := cmp.Diff([]string{
		"DescribeInstances ok", "DescribeVpcs ok", "DescribeSecurityGroups ok", "DescribeSubnets ok", "DescribeVolumes ok", "DescribeSnapshots ok", "DescribeImages ok",
		"ListUsers denied", "ListRoles denied", "DescribeDBInstances denied", "ListFunctions ok", "ListSecrets denied", "ListTables ok", "ListBuckets ok", "GetBucketAcl denied",
	}, got); d != "" {
		t.Error(d)
	}

	root := filepath.Join(t.TempDir(), "trail")
	if _, err := recorder.Deliver(root); err != nil {
		t.Fatal(err)
	}
	a, err := Await(t.Context(), Watch{
		Folder: root, Record: rec, Lines: lines, Findings: findings(t), Timeout: time.Second, Poll: 50 * time.Millisecond,
		Fires: func(f *finding.Finding) bool { return f.Actor.Name == "ida" && f.Outcomes.Denied == 5 },
	})
	if err != nil {
		t.Fatalf("%v\n%+v", err, a)
	}
	if len(a.Lines) != 15 || a.Others != 1 || a.Found == nil {
		t.Errorf("%d lines, %d others (GetCallerIdentity), finding %q", len(a.Lines), a.Others, a.Finding)
	}

	// A class that is switched off is named: without data events no line of
	// HeadBucket comes.
	rec.Calls[0].Event, rec.Calls[0].Log = "HeadBucket", "cloudtrail.data"
	_, err = Await(t.Context(), Watch{Folder: root, Record: rec, Lines: lines, Timeout: 10 * time.Millisecond, Poll: time.Millisecond})
	if !errors.Is(err, ErrLate) || !strings.Contains(err.Error(), "1 of 1 line of cloudtrail.data: nothing of this class has come at all") {
		t.Errorf("error %v", err)
	}
}
