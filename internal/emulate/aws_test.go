package emulate

import (
	"encoding/json"
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

	"crypto/sha256"
)

const (
	userARN = "arn:aws:iam::111122223333:user/ida"
	roleARN = "arn:aws:iam::111122223333:role/team/inspector"
)

// backend answers the few questions that the recorder puts to moto, in moto's
// form, and one call of the client's.
func backend(t *testing.T) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		switch action := form.Get("Action"); {
		case action == "GetCallerIdentity" && strings.Contains(r.Header.Get("Authorization"), "AKIAIOSFODNN7EXAMPLE"):
			fmt.Fprintf(w, `<R><GetCallerIdentityResult><Arn>%s</Arn><UserId>abcdefghij0123456789</UserId><Account>111122223333</Account></GetCallerIdentityResult></R>`, userARN)
		case action == "GetCallerIdentity":
			fmt.Fprint(w, `<R><Arn>arn:aws:sts::111122223333:user/moto</Arn><UserId>AKIAIOSFODNN7EXAMPLE</UserId><Account>111122223333</Account></R>`)
		case action == "GetRole":
			fmt.Fprint(w, `<R><Role><RoleId>AROAEXAMPLE0000000001</RoleId></Role></R>`)
		case strings.HasPrefix(action, "AssumeRole"):
			fmt.Fprint(w, `<R><Credentials><AccessKeyId>ASIAEXAMPLESESSION01</AccessKeyId><SecretAccessKey>hush-hush</SecretAccessKey><SessionToken>hush-token</SessionToken></Credentials>
				<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/inspector/s</Arn><AssumedRoleId>ARO123:s</AssumedRoleId></AssumedRoleUser></R>`)
		case action == "DescribeVpcs":
			w.WriteHeader(http.StatusNotImplemented)
		case action == "DescribeVolumes":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<Response><Errors><Error><Code>InvalidVolume.NotFound</Code><Message>gone</Message></Error></Errors></Response>`)
		default:
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprintf(w, "<R>%s</R>", action)
		}
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func recorder(t *testing.T) *AWS {
	t.Helper()
	a := &AWS{
		Stage: NewStage("test"), Backend: backend(t),
		Policy:    Policy{userARN: {"ec2:Describe*", "sts:*", "s3:*"}, roleARN: {"ec2:DescribeImages"}},
		UserAgent: func(ua string) string { return strings.ReplaceAll(ua, "odd-host", "linux") },
	}
	a.Stage.Begin(Scene{Source: "203.0.113.9", Start: time.Date(2026, 3, 17, 13, 4, 58, 0, time.UTC), PaceMin: time.Second, PaceMax: 3 * time.Second})
	return a
}

// call sends one form call and returns the answer.
func call(a *AWS, key, service, form string) *httptest.ResponseRecorder {
	r := signed("POST", "https://"+service+".eu-west-1.amazonaws.com/", form, "eu-west-1", service, "User-Agent", "test/1 odd-host")
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), "AKIAIOSFODNN7EXAMPLE", key))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

const userKey = "AKIAIOSFODNN7EXAMPLE"

func TestARecordSaysWhoAndWhatCameOfIt(t *testing.T) {
	a := recorder(t)
	if w := call(a, userKey, "ec2", "Action=DescribeInstances"); w.Code != 200 || w.Body.String() != "<R>DescribeInstances</R>" {
		t.Fatalf("the answer did not pass: %d %s", w.Code, w.Body)
	}
	if w := call(a, userKey, "ec2", "Action=GetPasswordData&InstanceId=i-1"); w.Code != 403 {
		t.Fatalf("not refused: %d", w.Code)
	}
	call(a, userKey, "ec2", "Action=DescribeVolumes")
	if len(a.records) != 3 || len(a.Faults()) != 0 {
		t.Fatalf("%d records, faults %v", len(a.records), a.Faults())
	}
	ok, denied, gone := a.records[0], a.records[1], a.records[2]
	if ok.UserIdentity.Type != "IAMUser" || ok.UserIdentity.ARN != userARN || ok.UserIdentity.UserName != "ida" ||
		ok.UserIdentity.PrincipalID != "AIDAABCDEFGHIJ0123456" || ok.RecipientAccountID != "111122223333" {
		t.Errorf("identity: %+v", ok.UserIdentity)
	}
	if ok.EventTime != "2026-03-17T13:04:58Z" || ok.SourceIPAddress != "203.0.113.9" || ok.UserAgent != "test/1 linux" || ok.ErrorCode != "" || !ok.ReadOnly {
		t.Errorf("record: %+v", ok)
	}
	if denied.ErrorCode != "Client.UnauthorizedOperation" || !strings.Contains(denied.ErrorMessage, userARN+" is not authorized to perform: ec2:GetPasswordData on resource: arn:aws:ec2:eu-west-1:111122223333:instance/i-1 because no identity-based policy") {
		t.Errorf("denial: %q %q", denied.ErrorCode, denied.ErrorMessage)
	}
	if gone.ErrorCode != "Client.InvalidVolume.NotFound" || gone.ErrorMessage != "gone" {
		t.Errorf("error: %q %q", gone.ErrorCode, gone.ErrorMessage)
	}
	if denied.EventTime <= ok.EventTime || ok.EventID == denied.EventID {
		t.Error("clock or identifiers stand still")
	}
}

func TestASessionIsLinkedToItsMaker(t *testing.T) {
	a := recorder(t)
	call(a, userKey, "sts", "Action=AssumeRole&RoleArn="+url.QueryEscape(roleARN)+"&RoleSessionName=s&DurationSeconds=900")
	call(a, "ASIAEXAMPLESESSION01", "ec2", "Action=DescribeImages")
	call(a, "ASIAEXAMPLESESSION01", "ec2", "Action=DescribeInstances")
	if len(a.records) != 3 || len(a.Faults()) != 0 {
		t.Fatalf("%d records, faults %v", len(a.records), a.Faults())
	}
	made, used, denied := a.records[0], a.records[1], a.records[2]
	cred := made.ResponseElements["credentials"].(map[string]any)
	if cred["accessKeyId"] != "ASIAEXAMPLESESSION01" || cred["expiration"] != "Mar 17, 2026, 1:19:58 PM" {
		t.Errorf("credentials: %v", cred)
	}
	who := used.UserIdentity
	if who.Type != "AssumedRole" || who.AccessKeyID != cred["accessKeyId"] || who.PrincipalID != "AROAEXAMPLE0000000001:s" ||
		who.SessionContext.SessionIssuer.ARN != roleARN || who.SessionContext.SessionIssuer.UserName != "inspector" ||
		who.SessionContext.Attributes.CreationDate != made.EventTime {
		t.Errorf("session: %+v %+v", who, who.SessionContext)
	}
	if used.ErrorCode != "" || denied.ErrorCode != "Client.UnauthorizedOperation" {
		t.Errorf("the role's policy does not hold: %q, %q", used.ErrorCode, denied.ErrorCode)
	}
	all, err := json.Marshal(a.records)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(all), "hush") {
		t.Error("a secret is in the records")
	}
}

// TestAnInstanceGetsItsRole holds the record of EC2's own AssumeRole, and that
// the calls made with what it gave are the role's, with its delivery.
func TestAnInstanceGetsItsRole(t *testing.T) {
	a := recorder(t)
	c, err := a.Instance(t.Context(), roleARN, "i-0a1b2c3d4e5f60718")
	if err != nil || c.Key != "ASIAEXAMPLESESSION01" || c.Secret == "" || c.Token == "" {
		t.Fatalf("%+v, %v", c, err)
	}
	call(a, c.Key, "ec2", "Action=DescribeImages")
	call(a, c.Key, "ec2", "Action=DescribeInstances")
	if len(a.records) != 3 || len(a.Faults()) != 0 {
		t.Fatalf("%d records, faults %v", len(a.records), a.Faults())
	}
	made, listed, refused := a.records[0], a.records[1], a.records[2]
	if who := made.UserIdentity; who.Type != "AWSService" || who.InvokedBy != "ec2.amazonaws.com" || who.ARN != "" || made.SourceIPAddress != "ec2.amazonaws.com" || made.SharedEventID == "" {
		t.Errorf("made by %+v from %s", who, made.SourceIPAddress)
	}
	if made.RequestParameters["roleSessionName"] != "i-0a1b2c3d4e5f60718" || made.RecipientAccountID != "111122223333" || made.EventTime != listed.EventTime {
		t.Errorf("made %+v", made)
	}
	text, err := json.Marshal(a.records)
	if err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("a secret is recorded, or %v", err)
	}
	who := listed.UserIdentity
	if who.Type != "AssumedRole" || who.SessionContext.SessionIssuer.ARN != roleARN || who.SessionContext.EC2RoleDelivery != "2.0" {
		t.Errorf("identity %+v", who)
	}
	if listed.ErrorCode != "" || refused.ErrorCode == "" {
		t.Errorf("the role's policy does not hold: %q, %q", listed.ErrorCode, refused.ErrorCode)
	}
}

func TestAWebIdentityIsReadFromItsToken(t *testing.T) {
	a := recorder(t)
	token := unsignedToken(map[string]any{"iss": "https://issuer.example", "aud": "sts.amazonaws.com", "sub": "repo:o/r:main"})
	form := "Action=AssumeRoleWithWebIdentity&RoleArn=" + url.QueryEscape(roleARN) + "&RoleSessionName=s&WebIdentityToken=" + token
	r := httptest.NewRequest("POST", "https://sts.eu-west-1.amazonaws.com/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a.ServeHTTP(httptest.NewRecorder(), r)
	if len(a.records) != 1 {
		t.Fatalf("%d records, faults %v", len(a.records), a.Faults())
	}
	rec := a.records[0]
	provider := "arn:aws:iam::111122223333:oidc-provider/issuer.example"
	if rec.UserIdentity.Type != "WebIdentityUser" || rec.UserIdentity.UserName != "repo:o/r:main" || rec.UserIdentity.IdentityProvider != provider {
		t.Errorf("identity: %+v", rec.UserIdentity)
	}
	if rec.ResponseElements["audience"] != "sts.amazonaws.com" || rec.ResponseElements["subjectFromWebIdentityToken"] != "repo:o/r:main" {
		t.Errorf("answer: %v", rec.ResponseElements)
	}
	all, _ := json.Marshal(rec)
	if strings.Contains(string(all), token) {
		t.Error("the token is in the record")
	}
}

func TestDataEventsAreOnlyWrittenOnDemand(t *testing.T) {
	for _, on := range []bool{false, true} {
		a := recorder(t)
		a.DataEvents = on
		a.ServeHTTP(httptest.NewRecorder(), signed("HEAD", "https://b.s3.eu-west-1.amazonaws.com/", "", "eu-west-1", "s3"))
		if got := len(a.records) == 1; got != on {
			t.Errorf("data events %v: %d records", on, len(a.records))
		}
		if got := a.NotLogged()["HeadBucket"] == 1; got == on {
			t.Errorf("data events %v: not logged %v", on, a.NotLogged())
		}
	}
}

func TestWhatCannotBeRecordedHonestlyIsAFault(t *testing.T) {
	a := recorder(t)
	call(a, userKey, "ec2", "Action=DescribeVpcs")            // moto lacks it
	call(a, "AKIANOBODYATALL00001", "ec2", "Action=Describe") // nobody's key
	a.ServeHTTP(httptest.NewRecorder(), signed("GET", "https://eks.eu-west-1.amazonaws.com/what", "", "eu-west-1", "eks"))
	if got := a.Faults(); len(got) != 3 {
		t.Errorf("faults: %q", got)
	}
	for _, r := range a.records {
		if strings.Contains(r.ErrorCode, "Denied") || strings.Contains(r.ErrorCode, "Unauthorized") {
			t.Errorf("a call that is not there was written down as denied: %+v", r)
		}
	}
}

func TestDeliveryLaysOutATrail(t *testing.T) {
	once := func(root string) []string {
		a := recorder(t)
		for range 6 {
			call(a, userKey, "ec2", "Action=DescribeInstances")
		}
		paths, err := a.Deliver(root)
		if err != nil {
			t.Fatal(err)
		}
		again, err := a.Redeliver(root, paths[0])
		if err != nil {
			t.Fatal(err)
		}
		digest, err := a.Digest(root, paths, "111122223333", "eu-west-1", time.Date(2026, 3, 17, 14, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		return append(paths, again, digest)
	}
	root, second := t.TempDir(), t.TempDir()
	paths := once(root)
	if len(paths) != 4 {
		t.Fatalf("five minutes' border crossed: want two objects, a copy and a digest: %q", paths)
	}
	name := regexp.MustCompile(`^AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/17/111122223333_CloudTrail_eu-west-1_20260317T13(10|15)Z_[A-Za-z0-9]{16}\.json\.gz$`)
	records := 0
	hashes := map[string]string{}
	for _, p := range paths[:2] {
		if !name.MatchString(p) {
			t.Errorf("name %s", p)
		}
		body := read(t, root, p)
		hashes[p] = fmt.Sprintf("%x", sha256.Sum256(body))
		var doc struct{ Records []map[string]any }
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
		records += len(doc.Records)
	}
	if records != 6 {
		t.Errorf("%d records delivered of 6", records)
	}
	if !name.MatchString(paths[2]) || paths[2] == paths[0] || string(read(t, root, paths[2])) != string(read(t, root, paths[0])) {
		t.Errorf("the second delivery %s is no copy of %s under a name of its own", paths[2], paths[0])
	}
	var digest struct {
		LogFiles []struct{ S3Object, HashValue string }
	}
	if err := json.Unmarshal(read(t, root, paths[3]), &digest); err != nil {
		t.Fatal(err)
	}
	if len(digest.LogFiles) != 2 {
		t.Errorf("digest names %d files", len(digest.LogFiles))
	}
	for _, f := range digest.LogFiles {
		if hashes[f.S3Object] != f.HashValue {
			t.Errorf("%s: hash %s, want %s", f.S3Object, f.HashValue, hashes[f.S3Object])
		}
	}
	for i, p := range once(second) {
		if p != paths[i] {
			t.Errorf("second run: %s, first %s", p, paths[i])
			continue
		}
		one, _ := os.ReadFile(filepath.Join(root, p))
		two, _ := os.ReadFile(filepath.Join(second, p))
		if string(one) != string(two) {
			t.Errorf("%s differs between two runs", p)
		}
	}
}

func read(t *testing.T, root, rel string) []byte {
	t.Helper()
	zipped, err := os.ReadFile(filepath.Join(root, rel))
	if err != nil {
		t.Fatal(err)
	}
	body, err := gunzipped(zipped)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestFlushWritesEachRecordOnce(t *testing.T) {
	a := recorder(t)
	a.Stage.Live("203.0.113.9")
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 5 {
				call(a, userKey, "ec2", "Action=DescribeInstances")
			}
		})
	}
	calls.Wait()
	call(a, userKey, "iam", "Action=ListUsers")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Flush(file); err == nil {
		t.Fatal("a folder that cannot be written to is no error")
	}
	root := t.TempDir()
	paths, err := a.Flush(root)
	if err != nil || len(paths) != 2 {
		t.Fatalf("want an object for each region: %q, %v", paths, err)
	}
	if again, err := a.Flush(root); err != nil || len(again) != 0 {
		t.Errorf("written twice: %q, %v", again, err)
	}
	ids := map[string]bool{}
	var times []string
	for _, p := range paths {
		var doc struct {
			Records []struct{ EventID, EventTime, SourceIPAddress string }
		}
		if err := json.Unmarshal(read(t, root, p), &doc); err != nil {
			t.Fatal(err)
		}
		for _, r := range doc.Records {
			ids[r.EventID] = true
			times = append(times, r.EventTime)
			at, err := time.Parse(time.RFC3339, r.EventTime)
			if age := time.Since(at); err != nil || age < -time.Second || age > time.Minute || r.SourceIPAddress != "203.0.113.9" {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
	if len(ids) != 41 || len(times) != 41 {
		t.Errorf("%d records, %d of them different", len(times), len(ids))
	}
	_ = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if strings.HasSuffix(p, ".part") {
			t.Errorf("%s was left", p)
		}
		return err
	})
}
