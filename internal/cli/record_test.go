package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/emulate"
)

// standInServer answers as moto does: it knows one user, and lacks a call.
func standInServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		switch form.Get("Action") {
		case "GetCallerIdentity":
			fmt.Fprint(w, "<R><Arn>arn:aws:sts::123456789012:user/moto</Arn><UserId>X</UserId><Account>123456789012</Account></R>")
		case "GetSessionToken":
			fmt.Fprint(w, "<R><Credentials><AccessKeyId>ASIAMADEBYTEST</AccessKeyId><SecretAccessKey>hush-hush</SecretAccessKey><SessionToken>hush-token</SessionToken></Credentials></R>")
		case "DescribeFleets":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "<!doctype html><title>500</title>")
		default:
			fmt.Fprint(w, "<R/>")
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestRecordWritesATrail drives the command as its user does: start it, point
// a client at it, interrupt it.
func TestRecordWritesATrail(t *testing.T) {
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte("service_control:\n  deny: [organizations:*]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := recordCmd{Provider: "aws", Output: filepath.Join(dir, "trail"), Listen: "127.0.0.1:0", Upstream: standInServer(t),
		Policy: policy, Source: "203.0.113.9", Every: "1s", Redeliver: 1, CA: filepath.Join(dir, "ca.pem")}
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	out, in := io.Pipe()
	var told bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, IO{Stdout: in, Stderr: io.Discard}); in.Close() }()
	address := regexp.MustCompile(`AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+)`)
	buf := make([]byte, 4096)
	var at string
	for at == "" {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("%v; it said %s", err, told.String())
		}
		told.Write(buf[:n])
		if m := address.FindStringSubmatch(told.String()); m != nil {
			at = m[1]
		}
	}
	drained := make(chan struct{})
	go func() { _, _ = io.Copy(&told, out); close(drained) }()

	call := func(key, service, form string) int {
		req, err := http.NewRequest(http.MethodPost, at, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260317/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, k := range []struct {
		key, service, action string
		status               int
	}{
		{"test", "ec2", "DescribeInstances", 200},
		{"test", "organizations", "ListAccounts", 403},
		{"test", "ec2", "DescribeFleets", 501},
		{"test", "sqs", "ListQueues", 200},
		{"test", "sts", "GetSessionToken", 200},
		{"ASIAMADEBYTEST", "ec2", "DescribeVpcs", 200},
	} {
		if got := call(k.key, k.service, "Action="+k.action); got != k.status {
			t.Errorf("%s: %d", k.action, got)
		}
	}
	// What is recorded lies there before the end.
	deadline := time.Now().Add(20 * time.Second)
	for len(trailFiles(t, c.Output)) == 0 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if len(trailFiles(t, c.Output)) == 0 {
		t.Error("nothing was delivered while it ran")
	}
	call("test", "ec2", "Action=DescribeImages")
	interrupt()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	<-drained

	name := regexp.MustCompile(`AWSLogs/123456789012/CloudTrail/(eu-west-1|us-east-1)/\d{4}/\d\d/\d\d/123456789012_CloudTrail_(eu-west-1|us-east-1)_\d{8}T\d\d[0-5][05]Z_[A-Za-z0-9]{16}\.json\.gz$`)
	seen, codes := map[string]int{}, map[string]string{}
	for _, p := range trailFiles(t, c.Output) {
		if !name.MatchString(filepath.ToSlash(p)) {
			t.Errorf("name %s", p)
		}
		for _, r := range trailRecords(t, p) {
			seen[r.EventID]++
			codes[r.EventName] = r.ErrorCode
			if r.SourceIPAddress != "203.0.113.9" {
				t.Errorf("%s from %s", r.EventName, r.SourceIPAddress)
			}
		}
	}
	if len(seen) != 6 || codes["ListAccounts"] != "AccessDenied" || codes["DescribeFleets"] != "Server.InternalError" || codes["DescribeVpcs"] != "" {
		t.Errorf("%d records: %v", len(seen), codes)
	}
	for id, n := range seen {
		if n != 2 {
			t.Errorf("%s was delivered %d times, want twice", id, n)
		}
	}
	for _, want := range []string{"7 calls, 6 records", "4  ec2.amazonaws.com", "ec2.amazonaws.com DescribeFleets", "1  ListQueues", "server's own user moto"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, told.String())
		}
	}
	marks, err := os.ReadFile(c.Output + ".not-implemented.jsonl")
	if err != nil || !strings.Contains(string(marks), `"eventName":"DescribeFleets"`) {
		t.Errorf("%s, %v", marks, err)
	}
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, _ := os.ReadFile(p)
		if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			body, _ = io.ReadAll(z)
		}
		if bytes.Contains(body, []byte("hush")) {
			t.Errorf("a secret is in %s", p)
		}
		return nil
	})
}

// TestRecordServesAnEstate has Google's stand-in answer a call through the
// proxy, and finds the record of it.
func TestRecordServesAnEstate(t *testing.T) {
	dir := t.TempDir()
	estate := filepath.Join(dir, "estate.json")
	if err := os.WriteFile(estate, []byte(`{"project":"p-1","data_access":["compute.googleapis.com"],
		"principals":{"token":{"email":"a@example.com"}},"answers":{"v1.compute.instances.aggregatedList":{"items":{}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := recordCmd{Provider: "gcp", Output: filepath.Join(dir, "logs"), Estate: estate, Source: "203.0.113.9"}
	rec, err := c.recording()
	if err != nil {
		t.Fatal(err)
	}
	if rec.serves("example.com") != nil || rec.direct != nil {
		t.Error("it serves what it does not stand in for")
	}
	r := httptest.NewRequest(http.MethodGet, "https://compute.googleapis.com/compute/v1/projects/p-1/aggregated/instances", nil)
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	rec.serves("compute.googleapis.com").ServeHTTP(w, r)
	paths, err := rec.deliver()
	if err != nil || w.Code != 200 || len(paths) != 1 {
		t.Fatalf("status %d, files %q, %v, faults %q", w.Code, paths, err, rec.faults())
	}
	text, err := os.ReadFile(filepath.Join(c.Output, filepath.FromSlash(paths[0])))
	if err != nil || !strings.Contains(string(text), `"callerIp":"203.0.113.9"`) {
		t.Errorf("%s, %v", text, err)
	}
	var told bytes.Buffer
	rec.summary(&told)
	if !strings.Contains(told.String(), "1 call, 1 record") {
		t.Error(told.String())
	}
}

// TestRecordSaysWhatIsNotWhole wants a call without a name to show in the exit
// code.
func TestRecordSaysWhatIsNotWhole(t *testing.T) {
	c := recordCmd{Output: t.TempDir()}
	rec := &recording{faults: func() []string { return []string{"no event name known"} }, notLogged: func() map[string]int { return nil }}
	var e exit
	if err := c.told(io.Discard, rec, []string{"GET example.com/"}); !errors.As(err, &e) || e.code != ExitLost || !strings.Contains(err.Error(), "2 calls could not be recorded") {
		t.Errorf("%v", err)
	}
}

// TestRecordWaitsForCallsInTunnels ends a recording while a call through the
// proxy is under way: its record is there, and what comes later is refused.
func TestRecordWaitsForCallsInTunnels(t *testing.T) {
	asked, released := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	defer release()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			close(asked)
			<-released
		}
		fmt.Fprint(w, "<R/>")
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	policy, ca := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(policy, []byte("identities:\n  - {arn: 'arn:aws:iam::123456789012:user/eve', keys: [test]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := recordCmd{Provider: "aws", Output: filepath.Join(dir, "trail"), Listen: "127.0.0.1:0", Upstream: s.URL, Policy: policy, Source: "203.0.113.9", Every: "1h", CA: ca}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, IO{Stdout: in, Stderr: io.Discard}); in.Close() }()
	said := make([]byte, 4096)
	n, err := out.Read(said)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	m := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).Find(said[:n])
	at, err := url.Parse(string(m))
	if err != nil || m == nil {
		t.Fatalf("%s: %v", said[:n], err)
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	call := func() (int, error) {
		req, err := http.NewRequest(http.MethodPost, "https://ec2.eu-west-1.amazonaws.com/", strings.NewReader("Action=DescribeInstances"))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260317/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=00")
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, resp.Body.Close()
	}
	answered := make(chan string, 1)
	go func() {
		status, err := call()
		answered <- fmt.Sprint(status, err)
	}()
	<-asked
	interrupt()
	select {
	case err := <-ended:
		t.Fatalf("it ended before the call: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	if got := <-answered; got != "200 <nil>" {
		t.Error(got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if status, err := call(); err == nil && status != http.StatusServiceUnavailable {
		t.Errorf("a call after the end: %d", status)
	}
	files := trailFiles(t, c.Output)
	if len(files) != 1 || len(trailRecords(t, files[0])) != 1 {
		t.Errorf("files %q", files)
	}
}

// TestRecordNamesCallsThatDoNotEnd holds that what was waited for in vain makes
// the logs not whole.
func TestRecordNamesCallsThatDoNotEnd(t *testing.T) {
	u := newCallsUnderWay()
	stuck := httptest.NewRequest(http.MethodGet, "https://s3.amazonaws.com/b/k", nil)
	if !u.begin(stuck) {
		t.Fatal("refused before the end")
	}
	u.end()
	if u.begin(httptest.NewRequest(http.MethodGet, "/", nil)) {
		t.Error("a call begins after the end")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	rec := &recording{left: u.wait(ctx), faults: func() []string { return nil }, notLogged: func() map[string]int { return nil }}
	var e exit
	if err := (&recordCmd{}).told(io.Discard, rec, nil); !errors.As(err, &e) || e.code != ExitLost || !strings.Contains(err.Error(), "GET s3.amazonaws.com/b/k: still under way") {
		t.Errorf("%v", err)
	}
	u.done(stuck)
	if left := u.wait(t.Context()); left != nil {
		t.Errorf("%q", left)
	}
}

// TestRecordStaysAwayFromAWS holds that no spelling of one of AWS's own hosts is
// taken for a stand-in. Nothing is asked: the name is refused first.
func TestRecordStaysAwayFromAWS(t *testing.T) {
	for _, upstream := range []string{
		"https://sts.amazonaws.com", "https://STS.AMAZONAWS.COM", "https://sts.amazonaws.com.", "https://sts.cn-north-1.amazonaws.com.cn:443",
		"https://ec2.eu-west-1.api.aws", "https://ec2.eu-west-1.API.AWS./", "https://s3.eusc-de-east-1.amazonaws.eu",
	} {
		c := recordCmd{Provider: "aws", Output: t.TempDir(), Upstream: upstream, Source: "203.0.113.9"}
		if _, err := c.recording(); err == nil || !strings.Contains(err.Error(), "that is AWS itself") {
			t.Errorf("%s: %v", upstream, err)
		}
	}
	if emulate.IsAWS("amazonaws.com.example.org") || emulate.IsAWS("notamazonaws.com") || emulate.IsAWS("127.0.0.1") || emulate.IsAWS("") {
		t.Error("a stand-in's host is taken for AWS's")
	}
}

type trailRecord struct{ EventID, EventName, ErrorCode, SourceIPAddress string }

func trailFiles(t *testing.T, root string) (files []string) {
	t.Helper()
	_ = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".json.gz") {
			files = append(files, p)
		}
		return nil
	})
	return files
}

func trailRecords(t *testing.T, file string) []trailRecord {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Records []trailRecord }
	if err := json.NewDecoder(z).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc.Records
}
