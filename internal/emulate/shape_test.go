package emulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// meant is a difference between recorded and captured records that is known:
// what is where, and why it stays. Event and path may hold *.
type meant struct{ event, path, what, why string }

// shape is the JSON types of a record's values by path; [] is any element of a
// list.
type shape map[string]map[string]bool

func (s shape) add(prefix string, v any) {
	set := func(typ string) {
		if s[prefix] == nil {
			s[prefix] = map[string]bool{}
		}
		s[prefix][typ] = true
	}
	switch v := v.(type) {
	case map[string]any:
		set("object")
		for k, e := range v {
			s.add(strings.TrimPrefix(prefix+"."+k, "."), e)
		}
	case []any:
		set("list")
		for _, e := range v {
			s.add(prefix+"[]", e)
		}
	case nil:
		set("null")
	default:
		set(fmt.Sprintf("%T", v))
	}
}

func shapeOf(records ...map[string]any) shape {
	s := shape{}
	for _, r := range records {
		s.add("", r)
	}
	return s
}

// always are the paths that every one of some records has.
func always(records []map[string]any) map[string]bool {
	n := map[string]int{}
	for _, r := range records {
		for p := range shapeOf(r) {
			n[p]++
		}
	}
	out := map[string]bool{}
	for p, k := range n {
		if k == len(records) {
			out[p] = true
		}
	}
	return out
}

// formats are the forms that identifiers, times and the like take.
var formats = []struct {
	name string
	is   *regexp.Regexp
}{
	{"uuid", regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)},
	{"time to the second", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)},
	{"time with a fraction", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$`)},
	{"time in words", regexp.MustCompile(`^[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d\d:\d\d [AP]M$`)},
	{"account", regexp.MustCompile(`^\d{12}$`)},
	{"16 capitals", regexp.MustCompile(`^[A-Z0-9]{16}$`)},
	{"key id", regexp.MustCompile(`^A(KIA|SIA)[A-Z0-9]{16}$`)},
	{"user id", regexp.MustCompile(`^AIDA[A-Z0-9]{17}$`)},
	{"role id and session", regexp.MustCompile(`^AROA[A-Z0-9]{17}:.+$`)},
	{"role id", regexp.MustCompile(`^AROA[A-Z0-9]{17}$`)},
	{"ARN", regexp.MustCompile(`^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d{12}:.+$`)},
	{"address", regexp.MustCompile(`^\d{1,3}(\.\d{1,3}){3}$`)},
	{"region", regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)},
	{"version", regexp.MustCompile(`^1\.\d+$`)},
	{"flag in words", regexp.MustCompile(`^(true|false)$`)},
}

func formatOf(v string) string {
	for _, f := range formats {
		if f.is.MatchString(v) {
			return f.name
		}
	}
	return "other"
}

// at returns the texts at a path of a record.
func textAt(r map[string]any, p string) string {
	var v any = r
	for k := range strings.SplitSeq(p, ".") {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	s, _ := v.(string)
	return s
}

// comparison is what is held against what, and how.
type comparison struct {
	kind func(map[string]any) string // what an event is: only equals are held against each other
	// general are paths that say nothing of the kind of event: they are held
	// against all captured records.
	general *regexp.Regexp
	// callers are paths that depend on who called; caller says how.
	callers string
	caller  func(map[string]any) string
	// optional are paths that a record need not have though all captured ones do.
	optional *regexp.Regexp
	formats  []string // paths whose form is held
}

// differences holds each recorded record against the captured ones of its
// kind: paths and types that those do not have, paths that all of at least
// three of those have, and forms that none of them has.
func (c comparison) differences(ours, real []map[string]any) (map[[3]string]bool, int) {
	byKind, byCaller := map[string][]map[string]any{}, map[string][]map[string]any{}
	for _, r := range real {
		byKind[c.kind(r)] = append(byKind[c.kind(r)], r)
		byCaller[c.caller(r)] = append(byCaller[c.caller(r)], r)
	}
	everything, callers := shapeOf(real...), map[string]shape{}
	for who, records := range byCaller {
		callers[who] = shapeOf(records...)
	}
	forms := map[string]map[string]bool{}
	for _, p := range c.formats {
		forms[p] = map[string]bool{}
		for _, r := range real {
			forms[p][formatOf(textAt(r, p))] = true
		}
	}
	out := map[[3]string]bool{}
	held := map[string]bool{}
	mine := map[string][]map[string]any{}
	for _, r := range ours {
		mine[c.kind(r)] = append(mine[c.kind(r)], r)
	}
	for kind, records := range mine {
		there := byKind[kind]
		known := shapeOf(there...)
		if len(there) > 0 {
			held[kind] = true
		}
		for _, r := range records {
			for p, types := range shapeOf(r) {
				against := known
				switch {
				case p == c.callers || strings.HasPrefix(p, c.callers+"."):
					against = callers[c.caller(r)]
				case c.general.MatchString(p):
					against = everything
				case len(there) == 0:
					continue // nothing of this kind was captured: its own part cannot be held
				}
				for typ := range types {
					switch {
					case against[p] == nil:
						out[[3]string{kind, p, "is not in captured records"}] = true
					case !against[p][typ] && typ != "null":
						out[[3]string{kind, p, "is " + typ}] = true
					}
				}
			}
			for _, p := range c.formats {
				if v := textAt(r, p); v != "" && !forms[p][formatOf(v)] {
					out[[3]string{kind, p, "has the form: " + formatOf(v)}] = true
				}
			}
		}
		if len(there) < 3 {
			continue
		}
		has := shapeOf(records...)
		for p := range always(there) {
			if has[p] == nil && !c.optional.MatchString(p) && p != c.callers && !strings.HasPrefix(p, c.callers+".") {
				out[[3]string{kind, p, "is in all captured records"}] = true
			}
		}
	}
	return out, len(held)
}

// hold compares differences with those that are meant: each must be listed,
// and each that is listed must be there.
func hold(t *testing.T, got map[[3]string]bool, known []meant) {
	t.Helper()
	used := make([]bool, len(known))
	var lines []string
	for d := range got {
		found := false
		for i, m := range known {
			event, _ := path.Match(strings.ReplaceAll(m.event, "/", "\x00"), strings.ReplaceAll(d[0], "/", "\x00"))
			at, _ := path.Match(escapeBrackets(m.path), d[1])
			if event && at && m.what == d[2] {
				used[i], found = true, true
			}
		}
		if !found {
			lines = append(lines, strings.Join(d[:], "  "))
		}
	}
	sort.Strings(lines)
	for _, l := range lines {
		t.Errorf("a difference that is not listed: %s", l)
	}
	for i, m := range known {
		if m.why == "" {
			t.Errorf("%s %s: no reason", m.event, m.path)
		}
		if !used[i] {
			t.Errorf("a difference that is not there any more: %s %s %s", m.event, m.path, m.what)
		}
	}
}

func escapeBrackets(p string) string { return strings.ReplaceAll(p, "[]", `\[\]`) }

var trailComparison = comparison{
	kind:     func(r map[string]any) string { return r["eventSource"].(string) + " " + r["eventName"].(string) },
	general:  regexp.MustCompile(`^(?:[a-zA-Z]+|tlsDetails\..*|resources\[\].*|)$`),
	callers:  "userIdentity",
	caller:   func(r map[string]any) string { return textAt(r, "userIdentity.type") },
	optional: regexp.MustCompile(`^(?:errorCode|errorMessage|tlsDetails|sharedEventID|sessionCredentialFromConsole|vpcEndpoint.*|resources.*|responseElements.*)$`),
	formats: []string{
		"eventTime", "eventID", "requestID", "awsRegion", "recipientAccountId", "eventVersion", "sourceIPAddress",
		"userIdentity.arn", "userIdentity.accountId", "userIdentity.accessKeyId", "userIdentity.principalId",
		"userIdentity.sessionContext.attributes.creationDate", "userIdentity.sessionContext.attributes.mfaAuthenticated",
		"userIdentity.sessionContext.sessionIssuer.principalId", "userIdentity.sessionContext.sessionIssuer.arn",
		"responseElements.credentials.expiration", "responseElements.credentials.accessKeyId",
	},
}

// fresh are records of the recorder as it is now, of calls by every protocol.
func fresh(t *testing.T) []map[string]any {
	t.Helper()
	a := recorder(t)
	a.Policy, a.DataEvents = nil, true
	send := func(method, host, target, body, service string, header ...string) {
		t.Helper()
		if target != "" {
			header = append(header, "X-Amz-Target", target)
		}
		w := newAnswer(a, signed(method, "https://"+host, body, "eu-west-1", service, append(header, "User-Agent", "test/1")...))
		if w >= 500 {
			t.Fatalf("%s %s: %d, faults %q", service, host, w, a.Faults())
		}
	}
	call(a, userKey, "ec2", "Action=DescribeNatGateways&NatGatewayId.1=nat-1")
	call(a, userKey, "ec2", "Action=DescribeFlowLogs&Filter.1.Name=resource-id&Filter.1.Value.1=vpc-1")
	call(a, userKey, "ec2", "Action=DescribeInstances&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1")
	call(a, userKey, "ec2", "Action=DescribeVolumes")
	call(a, userKey, "sts", "Action=AssumeRole&RoleArn="+url.QueryEscape(roleARN)+"&RoleSessionName=s&DurationSeconds=900")
	call(a, "ASIAEXAMPLESESSION01", "sts", "Action=GetCallerIdentity")
	call(a, userKey, "iam", "Action=ListUsers&MaxItems=10")
	call(a, userKey, "rds", "Action=DescribeDBInstances")
	call(a, userKey, "sns", "Action=ListTopics")
	call(a, userKey, "ses", "Action=GetSendQuota")
	send("POST", "ce.us-east-1.amazonaws.com/", "AWSInsightsIndexService.GetCostAndUsage", `{"Granularity":"DAILY","Metrics":["x"],"TimePeriod":{"Start":"a","End":"b"},"GroupBy":[{"Type":"DIMENSION","Key":"SERVICE"}]}`, "ce")
	send("POST", "ssm.eu-west-1.amazonaws.com/", "AmazonSSM.DescribeParameters", `{"MaxResults":50}`, "ssm")
	send("POST", "secretsmanager.eu-west-1.amazonaws.com/", "secretsmanager.GetSecretValue", `{"SecretId":"x"}`, "secretsmanager")
	send("POST", "logs.eu-west-1.amazonaws.com/", "Logs_20140328.DescribeLogGroups", `{}`, "logs")
	send("POST", "cloudtrail.eu-west-1.amazonaws.com/", "CloudTrail_20131101.DescribeTrails", `{}`, "cloudtrail")
	send("GET", "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f", "", "", "lambda")
	send("GET", "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/?MaxItems=50", "", "", "lambda")
	send("GET", "route53.amazonaws.com/2013-04-01/hostedzone", "", "", "route53")
	send("GET", "elasticfilesystem.eu-west-1.amazonaws.com/2015-02-01/file-systems", "", "", "elasticfilesystem")
	send("GET", "eks.eu-west-1.amazonaws.com/clusters", "", "", "eks")
	send("POST", "bedrock-agent.eu-west-1.amazonaws.com/agents/", "", "{}", "bedrock")
	send("GET", "s3.eu-west-1.amazonaws.com/", "", "", "s3")
	send("GET", "b.s3.eu-west-1.amazonaws.com/?policyStatus", "", "", "s3")
	send("GET", "b.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=a&encoding-type=url", "", "", "s3")
	send("GET", "b.s3.eu-west-1.amazonaws.com/k", "", "", "s3")
	alarms, err := cbor.Marshal(map[string]any{"MaxRecords": 10})
	if err != nil {
		t.Fatal(err)
	}
	send("POST", "monitoring.eu-west-1.amazonaws.com/service/GraniteServiceVersion20100801/operation/DescribeAlarms", "", string(alarms), "monitoring", "Smithy-Protocol", "rpc-v2-cbor")
	if len(a.Faults()) != 0 {
		t.Fatalf("faults %q", a.Faults())
	}
	text, err := marshal(a.records)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTrailsHaveTheShapeOfCapturedOnes holds recorded records, the samples'
// and fresh ones, against captured ones of the same API, field by field.
func TestTrailsHaveTheShapeOfCapturedOnes(t *testing.T) {
	real := realTrail(t)
	ours := append(documents(t, "../../examples/aws", isCloudTrail), fresh(t)...)
	got, held := trailComparison.differences(ours, real)
	if held < 30 {
		t.Errorf("only %d APIs are in both", held)
	}
	hold(t, got, meantInTrails)
}

// newAnswer puts a request to the recorder and returns the answer's status.
func newAnswer(h http.Handler, r *http.Request) int {
	w := &statusOnly{header: http.Header{}}
	h.ServeHTTP(w, r)
	return w.status
}

type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header         { return w.header }
func (w *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (w *statusOnly) WriteHeader(status int)      { w.status = status }

// TestDifferencesAreFound shows that the comparison sees what it is for.
func TestDifferencesAreFound(t *testing.T) {
	record := func(change func(map[string]any)) map[string]any {
		r := map[string]any{
			"eventSource": "x", "eventName": "Y", "eventTime": "2026-01-01T00:00:00Z", "eventID": "00000000-0000-4000-8000-000000000000",
			"userIdentity": map[string]any{"type": "IAMUser"}, "requestParameters": map[string]any{"a": "b"},
		}
		change(r)
		return r
	}
	same := func(map[string]any) {}
	real := []map[string]any{record(same), record(same), record(same)}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   [3]string
	}{
		"a key":       {func(r map[string]any) { r["extra"] = "x" }, [3]string{"x Y", "extra", "is not in captured records"}},
		"a parameter": {func(r map[string]any) { r["requestParameters"] = map[string]any{"a": "b", "c": "d"} }, [3]string{"x Y", "requestParameters.c", "is not in captured records"}},
		"a type":      {func(r map[string]any) { r["eventID"] = 1.0 }, [3]string{"x Y", "eventID", "is float64"}},
		"a caller":    {func(r map[string]any) { r["userIdentity"] = map[string]any{"type": "IAMUser", "odd": "x"} }, [3]string{"x Y", "userIdentity.odd", "is not in captured records"}},
		"a gap":       {func(r map[string]any) { delete(r, "eventTime") }, [3]string{"x Y", "eventTime", "is in all captured records"}},
		"a form":      {func(r map[string]any) { r["eventTime"] = "yesterday" }, [3]string{"x Y", "eventTime", "has the form: other"}},
	} {
		got, _ := trailComparison.differences([]map[string]any{record(c.change)}, real)
		if len(got) != 1 || !got[c.want] {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got, held := trailComparison.differences([]map[string]any{record(same)}, real); len(got) != 0 || held != 1 {
		t.Errorf("the same: %v, %d held", got, held)
	}
}
