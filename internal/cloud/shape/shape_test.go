package shape_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vedette/internal/cloud"
	"vedette/internal/cloud/aws"
	"vedette/internal/cloud/azure"
	"vedette/internal/cloud/gcp"
	"vedette/internal/cloud/shape"
	"vedette/internal/event"
)

const logs = "../../../../shared/logs/"

func load(t testing.TB) shape.Tables {
	t.Helper()
	ts, err := shape.Load()
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// convert recognises and converts, and insists that the result is JSON.
func convert(t testing.TB, ts shape.Tables, obj string) (name, native string) {
	t.Helper()
	table := ts.Recognise([]byte(obj))
	if table == nil {
		return "", ""
	}
	out, err := table.Convert([]byte(obj), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out) {
		t.Fatalf("%s wrote %s", table.Name, out)
	}
	return table.Name, string(out)
}

func TestLoad(t *testing.T) {
	ts := load(t)
	seen := map[string]bool{}
	for _, table := range ts {
		if seen[table.Name] {
			t.Errorf("two tables named %s", table.Name)
		}
		seen[table.Name] = true
		if table.Loses == "" {
			t.Errorf("%s does not say what it loses", table.Name)
		}
	}
	files, err := filepath.Glob("shapes/*.yaml")
	if err != nil || len(files) != len(ts) {
		t.Errorf("%d tables from %d files, %v", len(ts), len(files), err)
	}
	for _, f := range files {
		if !seen[strings.TrimSuffix(filepath.Base(f), ".yaml")] {
			t.Errorf("%s holds no table of its name", f)
		}
	}
}

// The documentation has a line for every shape.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range load(t) {
		if !bytes.Contains(doc, []byte("\n| `"+table.Name+"` |")) {
			t.Errorf("docs/formats.md has no line for %s", table.Name)
		}
	}
}

// Every sample in testdata is recognised as the shape its name begins with,
// becomes the native record beside it, and that record is an event.
func TestConvertSamples(t *testing.T) {
	ts, dec := load(t), decoders(t)
	inputs, err := filepath.Glob("testdata/*.in.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("%d samples, %v", len(inputs), err)
	}
	covered := map[string]bool{}
	for _, in := range inputs {
		name := strings.TrimSuffix(filepath.Base(in), ".in.json")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(in, ".in.json") + ".want.json")
			if err != nil {
				t.Fatal(err)
			}
			table, native := convert(t, ts, string(text))
			if expected, _, _ := strings.Cut(name, "~"); table != expected {
				t.Fatalf("recognised as %q", table)
			}
			covered[table] = true
			if got := indent(t, []byte(native)); got != indent(t, want) {
				t.Errorf("got\n%s\nwant\n%s", got, indent(t, want))
			}
			f, _ := decode(t, dec[ts.Recognise(text).Cloud], []byte(native))
			if f.Time == "" || f.API == "" || f.Principal == "" || f.ID == "" {
				t.Errorf("a fact is missing: %+v", f)
			}
		})
	}
	for _, table := range ts {
		if !covered[table.Name] {
			t.Errorf("no sample of %s", table.Name)
		}
	}
}

func indent(t *testing.T, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(b), "", " "); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return out.String()
}

func TestNotRecognised(t *testing.T) {
	ts := load(t)
	for _, obj := range []string{
		``, `{`, `[]`, `"x"`, `{}`, `{"hello":"world"}`,
		`{"EventName":"","EventSource":""}`,
		`{"class_uid":2004,"metadata":{"product":{"name":"Vedette"}},"cloud":{"provider":"AWS"}}`,
		`{"@timestamp":"2024-01-01T00:00:00Z","ecs":{"version":"8"},"event":{"action":"login"}}`,
		`{"OperationName":"Sign-in activity","Category":"SignInLogs","ResultType":"0"}`,
		`{"time":"2024-01-01T00:00:00Z","category":"SignInLogs","operationName":"Sign-in activity"}`,
	} {
		if name, native := convert(t, ts, obj); name != "" {
			t.Errorf("%s taken for %s: %s", obj, name, native)
		}
	}
}

// The times of all notations end as the same instant.
func TestTimes(t *testing.T) {
	ts := load(t)
	for in, want := range map[string]string{
		`"2025-04-16T05:50:00Z"`:       "2025-04-16T05:50:00Z",
		`"2025-04-16 05:50:00.5 UTC"`:  "2025-04-16T05:50:00.5Z",
		`"2025-04-16 07:50:00+02:00"`:  "2025-04-16T05:50:00Z",
		`"16/04/2025, 05:50:00.000"`:   "2025-04-16T05:50:00Z",
		`"4/16/2025, 5:50:00.123 AM"`:  "2025-04-16T05:50:00.123Z",
		`1744782600`:                   "2025-04-16T05:50:00Z",
		`1744782600000`:                "2025-04-16T05:50:00Z",
		`"1744782600000000"`:           "2025-04-16T05:50:00Z",
		`1744782600000000000`:          "2025-04-16T05:50:00Z",
		`1.7447826005E9`:               "2025-04-16T05:50:00.5Z",
		`1744782600.0`:                 "2025-04-16T05:50:00Z",
		`1744782600000.0`:              "2025-04-16T05:50:00Z",
		`"1744782600000.0"`:            "2025-04-16T05:50:00Z",
		`1.7447826e+12`:                "2025-04-16T05:50:00Z",
		`1744782600000000123.0`:        "2025-04-16T05:50:00.000000123Z",
		`["2025-04-16T05:50:00.000Z"]`: "2025-04-16T05:50:00Z",
		`"yesterday"`:                  "", `0`: "", `-5`: "", `true`: "", `{}`: "", `1e300`: "", `99999999999999999999`: "",
	} {
		_, native := convert(t, ts, `{"eventname":"A","eventsource":"b","eventtime":`+in+`}`)
		var rec struct{ EventTime string }
		if err := json.Unmarshal([]byte(native), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.EventTime != want {
			t.Errorf("%s became %q, want %q", in, rec.EventTime, want)
		}
	}
}

// A document says the same with whole numbers and with equal ones that have a
// fraction, as JSON numbers and as texts.
func TestEqualNumbers(t *testing.T) {
	ts := load(t)
	for _, doc := range []string{
		`{"class_uid":3005,"activity_id":2,"time":1744782600000,"api":{"operation":"ListBuckets","service":{"name":"s3.amazonaws.com"}},"cloud":{"provider":"AWS","account":{"uid":111122223333}},"actor":{"user":{"type":"IAMUser","account":{"uid":111122223333}}}}`,
		`{"eventName":"ListBuckets","eventSource":"s3.amazonaws.com","eventTime":1744782600,"recipientAccountId":111122223333,"readOnly":1,"errorCode":403,"useridentity.type":"IAMUser"}`,
		`{"Type":"StorageBlobLogs","TimeGenerated":1744782600000,"AccountName":"s","AuthenticationType":"OAuth","Category":"StorageRead","OperationName":"ListBlobs","StatusCode":403}`,
	} {
		name, want := convert(t, ts, doc)
		if name == "" {
			t.Fatalf("no shape of %s", doc)
		}
		numbers := regexp.MustCompile(`:([0-9]+)`)
		if other, got := convert(t, ts, numbers.ReplaceAllString(doc, ":$1.0")); other != name || got != want {
			t.Errorf("%s with fractions is %s\n got %s\nwant %s", name, other, got, want)
		}
	}
	// A text is text where no number is asked for, and a number where one is.
	_, got := convert(t, ts, `{"eventname":"A","eventsource":"b","useragent":"1.0","readonly":"0.0","errorcode":"403.0"}`)
	for _, w := range []string{`"userAgent":"1.0"`, `"readOnly":false`, `"errorCode":"403"`} {
		if !strings.Contains(got, w) {
			t.Errorf("no %s in %s", w, got)
		}
	}
}

// decoders gives the native decoders that exist for each cloud.
func decoders(t testing.TB) map[event.Cloud]cloud.Decoder {
	t.Helper()
	reg := event.NewRegistry()
	out := map[event.Cloud]cloud.Decoder{}
	for _, p := range []cloud.Provider{aws.New(), azure.New(), gcp.New()} {
		if err := p.Register(reg); err != nil {
			t.Fatal(err)
		}
		out[p.Cloud()] = p.NewDecoder(reg)
	}
	return out
}

// facts is what must be the same of one act in every shape.
type facts struct {
	Time                                   string
	Key                                    event.Key
	ID, API, Service, Outcome              string
	Principal, Account, Address, UserAgent string
	Region                                 string
}

func decode(t testing.TB, d cloud.Decoder, native []byte) (facts, event.Log) {
	t.Helper()
	var ev event.Event
	if _, v := d.Decode(native, &ev); v != event.Decoded {
		t.Fatalf("verdict %d on %s", v, native)
	}
	ev.Resolve()
	return facts{
		time.Unix(0, ev.Time).UTC().Format(time.RFC3339Nano), ev.Key, string(ev.ID), ev.API.Name, ev.API.Service,
		ev.Outcome.String(), string(ev.Actor.Principal), string(ev.Account), string(ev.Address), string(ev.UserAgent),
		string(ev.Region),
	}, ev.Log
}

// The OCSF samples and the raw records they were made from are one event.
func TestOCSFPairs(t *testing.T) {
	dir := logs + "ocsf/ocsf__examples/"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no logs beside the checkout at ../shared/logs")
	}
	ts, dec := load(t), decoders(t)
	for _, c := range []struct {
		ocsf, raw string
		differ    func(f *facts) // what the sample's author changed
	}{
		{"mappings__markdown__AWS__v1.0.0-rc.2__CloudTrail__API_Activity__samples__generic_api_activity", "", nil},
		{"mappings__markdown__AWS__v1.0.0-rc.2__CloudTrail__Account_Change__samples__account_change", "", nil},
		{"mappings__markdown__AWS__v1.0.0-rc.2__CloudTrail__Authentication__samples__authentication", "", nil},
		{"mappings__markdown__AWS__v1.1.0__CloudTrail__API_Activity__samples__generic_api_activity", "", nil},
		{"mappings__markdown__AWS__v1.1.0__CloudTrail__Authentication__samples__authentication", "", nil},
		{"mappings__markdown__AWS__v1.1.0__CloudTrail__Account_Change__samples__account_change", "", nil},
		{"mappings__markdown__AWS__v1.5.0__CloudTrail__Account_Change__samples__account_change", "", nil},
	} {
		t.Run(c.ocsf, func(t *testing.T) {
			doc, err := os.ReadFile(dir + c.ocsf + ".ocsf")
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(dir + c.ocsf + ".raw")
			if err != nil {
				t.Fatal(err)
			}
			name, native := convert(t, ts, string(doc))
			if name != "ocsf-aws" {
				t.Fatalf("recognised as %q", name)
			}
			got, gotLog := decode(t, dec[event.AWS], []byte(native))
			want, wantLog := decode(t, dec[event.AWS], bytes.TrimSpace(raw))
			if c.differ != nil {
				c.differ(&want)
			}
			if got != want || gotLog != wantLog {
				t.Errorf("from OCSF %+v %v\nfrom raw  %+v %v", got, gotLog, want, wantLog)
			}
		})
	}
}

// Every record of the real files that are rows of one shape is recognised
// and decodes.
func TestRealRows(t *testing.T) {
	if _, err := os.Stat(logs); err != nil {
		t.Skip("no logs beside the checkout at ../shared/logs")
	}
	ts, dec := load(t), decoders(t)
	for _, c := range []struct {
		file  string
		shape string
		n     int
		only  func(line []byte) bool
		first facts
	}{
		{"aws/OTRF__Security-Datasets/ec2_proxy_s3_exfiltration_2020-09-14011940.json", "cloudtrail-row", 103, nil,
			facts{Time: "2020-09-14T00:44:23Z", ID: "fd4f1042-c7f6-4107-a6ee-d841d92596e7", API: "DescribeInstanceTypes", Service: "ec2.amazonaws.com",
				Outcome: "ok", Principal: "arn:aws:iam::123456789123:user/pedro", Account: "123456789123", Address: "1.2.3.4", UserAgent: "console.ec2.amazonaws.com", Region: "us-east-1"}},
		{"aws/panther-labs__panther-analysis/aws_cloudtrail_rules.jsonl", "cloudtrail-row", 3, func(l []byte) bool { return bytes.Contains(l, []byte(`"eventname":`)) },
			facts{Time: "2023-01-10T21:04:02Z", ID: "5d4b45ed-a15c-41b6-80e9-031729fa060d", API: "GetRecords", Service: "dynamodb.amazonaws.com",
				Outcome: "ok", Principal: "arn:aws:test_arn", Region: "eu-west-1"}},
		{"gcp/panther-labs__panther-analysis/gcp_audit_rules.jsonl", "logentry-row", 14, func(l []byte) bool { return bytes.Contains(l, []byte(`"insertid":`)) },
			facts{Time: "2023-03-09T16:28:40.890430163Z", ID: "13ogcded7jh2", Service: "storage.googleapis.com", Principal: "user1@serviceaccount.gcp.com"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile(logs + c.file)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
				if c.only != nil && !c.only(line) {
					continue
				}
				name, native := convert(t, ts, string(line))
				if name != c.shape {
					t.Errorf("%s: %s", name, line)
					continue
				}
				n++
				if n > 1 {
					continue
				}
				table := ts.Recognise(line)
				got, _ := decode(t, dec[table.Cloud], []byte(native))
				got.Key = event.Key{}
				t.Logf("%+v", got)
				if got.Time != c.first.Time || got.ID != c.first.ID || got.Service != c.first.Service ||
					!strings.HasSuffix(got.Principal, c.first.Principal) {
					t.Errorf("got  %+v\nwant %+v", got, c.first)
				}
			}
			if n != c.n {
				t.Errorf("%d rows, want %d", n, c.n)
			}
		})
	}
	for _, c := range []struct {
		file, within, shape string
		want                facts
	}{
		{"aws/elastic__integrations/test-assume-role-email-session-json.log-expected.ecs.json", "expected", "ecs-aws",
			facts{Time: "2019-10-02T22:12:29Z", ID: "2a17948f-3042-46ec-98e2-62865EXAMPLE", API: "AssumeRole", Service: "sts.amazonaws.com", Address: "81.2.69.144", Account: "111111111111"}},
		{"gcp/elastic__integrations/audit.sample_event.ecs.json", "", "ecs-gcp",
			facts{Time: "2019-12-19T00:44:25.051Z", ID: "yonau2dg2zi", Service: "compute.googleapis.com", Address: "192.168.1.1", Account: "elastic-beats"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile(logs + c.file)
			if err != nil {
				t.Fatal(err)
			}
			if c.within != "" {
				var outer map[string][]json.RawMessage
				if err := json.Unmarshal(text, &outer); err != nil {
					t.Fatal(err)
				}
				text = outer[c.within][0]
			}
			name, native := convert(t, ts, string(text))
			if name != c.shape {
				t.Fatalf("recognised as %q", name)
			}
			got, _ := decode(t, dec[ts.Recognise(text).Cloud], []byte(native))
			if got.Time != c.want.Time || got.ID != c.want.ID || got.Service != c.want.Service ||
				got.Address != c.want.Address || got.Account != c.want.Account || got.API != c.want.API && c.want.API != "" {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func FuzzConvert(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.in.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, in := range inputs {
		text, err := os.ReadFile(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	ts := load(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		table := ts.Recognise(in)
		if table == nil {
			return
		}
		out, err := table.Convert(in, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if out[0] != 'x' || !json.Valid(out[1:]) {
			t.Fatalf("%s wrote %s", table.Name, out)
		}
	})
}
