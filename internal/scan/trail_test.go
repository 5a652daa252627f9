package scan

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/cloud/all"
	"vedette/internal/cloud/client"
	"vedette/internal/detection"
	"vedette/internal/engine"
	"vedette/internal/finding"
	"vedette/internal/triage"
)

// call is a CloudTrail record as the tests write it. Its caller is User, or a
// session of Role, or, where both are empty, an AWS service.
type call struct {
	At       time.Duration // since epoch
	Source   string
	Name     string
	ID       string
	User     string
	Role     string
	Session  string
	Key      string
	Account  string
	IP       string
	Agent    string
	Code     string
	Message  string // beside Code
	Endpoint string
	Region   string
	Params   map[string]any
	Response map[string]any
	Shared   string
	Recip    string
	Write    bool
}

var epoch = time.Date(2024, 5, 6, 9, 0, 0, 0, time.UTC)

// reads are calls of discovery in several services.
var reads = [][2]string{
	{"ec2.amazonaws.com", "DescribeInstances"}, {"ec2.amazonaws.com", "DescribeVolumes"}, {"ec2.amazonaws.com", "DescribeSnapshots"},
	{"ec2.amazonaws.com", "DescribeSecurityGroups"}, {"ec2.amazonaws.com", "DescribeVpcs"}, {"ec2.amazonaws.com", "DescribeSubnets"},
	{"rds.amazonaws.com", "DescribeDBInstances"}, {"lambda.amazonaws.com", "ListFunctions20150331"}, {"iam.amazonaws.com", "ListUsers"},
	{"iam.amazonaws.com", "ListRoles"}, {"s3.amazonaws.com", "ListBuckets"}, {"eks.amazonaws.com", "ListClusters"},
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// record is the call as CloudTrail writes it.
func (c *call) record() string {
	account := or(c.Account, "111122223333")
	identity := map[string]any{"accountId": account, "accessKeyId": or(c.Key, "AKIAIOSFODNN7EXAMPLE")}
	switch {
	case c.User != "":
		identity["type"], identity["userName"] = "IAMUser", c.User
		identity["principalId"], identity["arn"] = "AIDA"+strings.ToUpper(c.User), "arn:aws:iam::"+account+":user/"+c.User
	case c.Role != "":
		identity["type"] = "AssumedRole"
		identity["principalId"], identity["arn"] = "AROA"+strings.ToUpper(c.Role)+":"+c.Session, "arn:aws:sts::"+account+":assumed-role/"+c.Role+"/"+c.Session
		identity["sessionContext"] = map[string]any{
			"attributes": map[string]any{"creationDate": "2024-05-06T08:00:00Z", "mfaAuthenticated": "false"},
			"sessionIssuer": map[string]any{"type": "Role", "userName": c.Role, "accountId": account,
				"principalId": "AROA" + strings.ToUpper(c.Role), "arn": "arn:aws:iam::" + account + ":role/" + c.Role},
		}
	default:
		identity = map[string]any{"type": "AWSService", "invokedBy": "config.amazonaws.com"}
	}
	r := map[string]any{
		"eventVersion": "1.09", "userIdentity": identity, "eventTime": epoch.Add(c.At).Format(time.RFC3339), "eventSource": c.Source,
		"eventName": c.Name, "awsRegion": or(c.Region, "eu-west-1"), "sourceIPAddress": or(c.IP, "198.51.100.7"),
		"userAgent": or(c.Agent, "aws-cli/2.15.0 Python/3.11"), "requestParameters": c.Params, "responseElements": c.Response,
		"requestID": "00000000-0000-4000-8000-000000000000", "eventID": c.ID, "readOnly": !c.Write, "eventType": "AwsApiCall",
		"managementEvent": true, "recipientAccountId": or(c.Recip, account), "eventCategory": "Management",
	}
	if c.Code != "" {
		r["errorCode"], r["errorMessage"] = c.Code, or(c.Message, "not authorized to perform this")
	}
	if c.Endpoint != "" {
		r["vpcEndpointId"] = c.Endpoint
	}
	if c.Shared != "" {
		r["sharedEventID"] = c.Shared
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// uuid is the n-th event id.
func uuid(n int) string { return fmt.Sprintf("%08x-1111-4222-8333-444455556666", n) }

// burst is n calls of a caller, one a step, over as many APIs as kinds says.
func burst(first, n, kinds int, step time.Duration, like call) []call {
	out := make([]call, n)
	for i := range out {
		c := like
		c.Source, c.Name = reads[i%kinds][0], reads[i%kinds][1]
		c.At += time.Duration(i) * step
		c.ID = uuid(first + i)
		out[i] = c
	}
	return out
}

func lines(calls []call) string {
	var b strings.Builder
	for i := range calls {
		b.WriteString(calls[i].record())
		b.WriteByte('\n')
	}
	return b.String()
}

func trail(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

// options are those of a scan with the built-in detections.
func options(t testing.TB, paths ...string) Options {
	t.Helper()
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	judge := triage.New(triage.DefaultWeights())
	opts := Options{Paths: paths, Providers: all.Providers(), Engine: engine.Options{
		Workers: 2, Evidence: 1000, Family: client.Family,
		Judge: judge.Judge, Priority: judge.Priority, Joined: judge.Joined, Notable: triage.Notable,
	}}
	for _, d := range list {
		if d.Group != "" {
			continue // run when it is asked for
		}
		p, err := detection.Lower(d, detection.Options{})
		if err != nil {
			t.Fatal(err)
		}
		opts.Engine.Plans = append(opts.Engine.Plans, p)
	}
	return opts
}

func run(t testing.TB, opts Options) *Result {
	t.Helper()
	res, err := Run(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// folder writes files, by name, and returns where they are.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scanText scans one file with that text.
func scanText(t testing.TB, text string) *Result {
	t.Helper()
	return run(t, options(t, folder(t, map[string]string{"log.json": text})))
}

// scanCalls scans one file with those calls.
func scanCalls(t testing.TB, calls []call) *Result {
	t.Helper()
	return scanText(t, lines(calls))
}

// whole is the report as bytes.
func whole(t testing.TB, res *Result) string {
	t.Helper()
	b, err := json.MarshalIndent(&res.Report, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// findings is the findings as bytes, but for where the evidence lies.
func findings(t testing.TB, res *Result) string {
	t.Helper()
	list := append([]finding.Finding(nil), res.Report.Findings...)
	for i := range list {
		list[i].Evidence = append([]finding.Evidence(nil), list[i].Evidence...)
		for j := range list[i].Evidence {
			list[i].Evidence[j].At = finding.At{}
		}
	}
	b, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// counts checks that every record is in one of events, skipped and unparsed.
func counts(t *testing.T, res *Result, records, events, skipped, unparsed int) {
	t.Helper()
	s := &res.Report.Summary
	if s.Records != records || s.Events != events || s.Skipped != skipped || s.Unparsed != unparsed {
		t.Errorf("records, events, skipped, unparsed: %d %d %d %d; want %d %d %d %d\n%v", s.Records, s.Events, s.Skipped, s.Unparsed,
			records, events, skipped, unparsed, s.Problems)
	}
	if s.Records != s.Events+s.Skipped+s.Unparsed {
		t.Errorf("%d records are not the sum of %d events, %d skipped and %d unparsed", s.Records, s.Events, s.Skipped, s.Unparsed)
	}
	n, e := 0, 0
	for _, l := range s.Logs {
		n += l.Records
		e += l.Events
	}
	if n != records || e != events {
		t.Errorf("by kind of log: %d records and %d events", n, e)
	}
}
