package envelope

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// A record as small as recognition allows, with characters that need escapes.
const record = `{"eventVersion":"1.08","eventTime":"2024-05-01T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","eventID":"0b7f2b1e-6a55-4b61-9d5d-2f4f0c7be111","userAgent":"a \"quoted\" agent é \\ end"}`

const logEntry = `{"insertId":"x1","logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access","protoPayload":{"methodName":"storage.buckets.list"}}`

func zipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func jsonString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// peel collects what comes out.
func peel(t testing.TB, obj string) ([]string, Result) {
	t.Helper()
	var out []string
	r, err := Peel([]byte(obj), func(b []byte) error {
		out = append(out, string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict == event.Skipped && r.Other != 0 {
		t.Errorf("a skipped part is counted twice: %+v", r)
	}
	if r.Emitted != len(out) {
		t.Errorf("Emitted %d, but %d came out", r.Emitted, len(out))
	}
	return out, r
}

func TestPeel(t *testing.T) {
	rec := jsonString(record)
	cwl := `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1714557600000,"message":` + rec + `}]}`
	cwlEvent := `{"id":"1","timestamp":1714557600000,"message":` + rec + `}`
	for _, c := range []struct {
		name, in, kind string
		want           []string
		verdict        event.Verdict
		log            event.Log
	}{
		{"A9 lookup-events item", `{"EventId":"1","EventName":"ListUsers","ReadOnly":"true","Username":"u","Resources":[],"CloudTrailEvent":` + rec + `}`, "lookup-events", []string{record}, event.Decoded, 0},
		{"A11 EventBridge", `{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail":` + record + `}`, "eventbridge", []string{record}, event.Decoded, 0},
		{"A11 EventBridge sign-in", `{"version":"0","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin","detail":` + record + `}`, "eventbridge", []string{record}, event.Decoded, 0},
		{"A11 EventBridge without detail-type", `{"account":"1","region":"us-east-1","source":"aws.s3","detail":` + record + `}`, "eventbridge", []string{record}, event.Decoded, 0},
		{"A11 GuardDuty", `{"version":"0","detail-type":"GuardDuty Finding","source":"aws.guardduty","detail":{"type":"Recon:IAMUser/TorIPCaller"}}`, "eventbridge", nil, event.Skipped, event.OtherLog},
		{"A11 Object Created", `{"version":"0","detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"},"object":{"key":"k"}}}`, "eventbridge", nil, event.Skipped, event.ObjectNotification},
		{"A12 subscription", cwl, "cloudwatch-subscription", []string{cwlEvent}, event.Decoded, 0},
		{"A12 log event", cwlEvent, "cloudwatch-event", []string{record}, event.Decoded, 0},
		{"A12 Lambda", `{"awslogs":{"data":"` + b64(zipped(t, cwl)) + `"}}`, "cloudwatch-lambda", []string{cwl}, event.Decoded, 0},
		{"A12 control message", `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`, "cloudwatch-subscription", nil, event.Skipped, event.ControlMessage},
		{"A12 control event", `{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}`, "cloudwatch-event", nil, event.Skipped, event.ControlMessage},
		{"A12 text event", `{"id":"2","timestamp":1,"message":"2 1111 eni-1 10.0.0.1 10.0.0.2 443 ACCEPT OK"}`, "cloudwatch-event", nil, event.Skipped, event.OtherLog},
		{"A12 Kinesis Lambda record", `{"eventSource":"aws:kinesis","kinesis":{"partitionKey":"p","data":"` + b64(zipped(t, cwl)) + `"}}`, "kinesis", []string{cwl}, event.Decoded, 0},
		{"A12 Kinesis get-records", `{"SequenceNumber":"1","PartitionKey":"p","Data":"` + b64([]byte(record)) + `"}`, "kinesis", []string{record}, event.Decoded, 0},
		{"A12 Firehose", `{"recordId":"1","approximateArrivalTimestamp":1,"data":"` + b64([]byte(record)) + `"}`, "firehose", []string{record}, event.Decoded, 0},
		{"A13 filter-log-events", `{"events":[{"logStreamName":"s","timestamp":1,"message":` + rec + `,"eventId":"3"}],"searchedLogStreams":[]}`, "container", []string{`{"logStreamName":"s","timestamp":1,"message":` + rec + `,"eventId":"3"}`}, event.Decoded, 0},
		{"A13 item", `{"logStreamName":"s","timestamp":1,"message":` + rec + `,"eventId":"3"}`, "cloudwatch-event", []string{record}, event.Decoded, 0},
		{"A15 CloudTrail Lake", `{"eventData":` + record + `,"ingestionTime":"2024"}`, "cloudtrail-lake", []string{record}, event.Decoded, 0},
		{"A15 CloudTrail Lake string", `{"eventData":` + rec + `}`, "cloudtrail-lake", []string{record}, event.Decoded, 0},
		{"A7/A19 aws.cloudtrail", `{"@timestamp":"2024-05-02","cloud":{"provider":"aws"},"aws":{"cloudtrail":` + record + `}}`, "aws.cloudtrail", []string{record}, event.Decoded, 0},
		{"A18 event.original", `{"@timestamp":"x","ecs":{"version":"8"},"event":{"action":"ListUsers","original":` + rec + `}}`, "ecs-original", []string{record}, event.Decoded, 0},
		{"A18 event.original dotted", `{"@timestamp":"x","event.original":` + rec + `}`, "ecs-original", []string{record}, event.Decoded, 0},
		{"A18 hit", `{"_index":"i","_id":"1","_source":{"@timestamp":"x"}}`, "elasticsearch-hit", []string{`{"@timestamp":"x"}`}, event.Decoded, 0},
		{"A18 search", `{"took":1,"hits":{"total":1,"hits":[{"_source":{}}]}}`, "elasticsearch-search", []string{`{"_source":{}}`}, event.Decoded, 0},
		{"A21 LogEntry", `{"insertId":"1","logName":"projects/p/logs/aws","jsonPayload":` + record + `}`, "logentry-cloudtrail", []string{record}, event.Decoded, 0},
		{"A22 harness", `{"input":{"message":` + rec + `},"expected":{"a":1}}`, "test-harness", []string{record}, event.Decoded, 0},
		{"A23 S3 notification", `{"eventVersion":"2.1","eventSource":"aws:s3","s3":{"bucket":{"name":"b"}}}`, "s3-notification", nil, event.Skipped, event.ObjectNotification},
		{"A23 S3 test event", `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`, "s3-notification", nil, event.Skipped, event.ObjectNotification},
		{"A23 CloudTrail's notice", `{"s3Bucket":"b","s3ObjectKey":["AWSLogs/x.json.gz"]}`, "s3-notification", nil, event.Skipped, event.ObjectNotification},
		{"A23 SNS", `{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:::t","Message":` + rec + `}`, "sns", []string{record}, event.Decoded, 0},
		{"A23 SNS in Lambda", `{"EventSource":"aws:sns","Sns":{"Message":` + rec + `}}`, "sns", []string{record}, event.Decoded, 0},
		{"A23 SNS of text", `{"Type":"Notification","TopicArn":"arn:aws:sns:::t","Message":"hello"}`, "sns", nil, event.Skipped, event.OtherLog},
		{"A23 SQS", `{"MessageId":"m","ReceiptHandle":"r","Body":` + rec + `}`, "sqs", []string{record}, event.Decoded, 0},
		{"A23 SQS in Lambda", `{"messageId":"m","receiptHandle":"r","body":` + rec + `,"eventSource":"aws:sqs"}`, "sqs", []string{record}, event.Decoded, 0},
		{"A25 Splunk export", `{"preview":false,"offset":0,"result":{"_raw":` + rec + `,"sourcetype":"aws:cloudtrail"}}`, "splunk", []string{`{"_raw":` + rec + `,"sourcetype":"aws:cloudtrail"}`}, event.Decoded, 0},
		{"A25 Splunk _raw", `{"_raw":` + rec + `,"sourcetype":"aws:cloudtrail"}`, "splunk", []string{record}, event.Decoded, 0},
		{"A25 Splunk results", `{"preview":false,"results":[{"_raw":"x"}]}`, "splunk", []string{`{"_raw":"x"}`}, event.Decoded, 0},
		{"A25 Splunk HEC", `{"time":1,"sourcetype":"aws:cloudtrail","event":` + record + `}`, "splunk-hec", []string{record}, event.Decoded, 0},
		{"A17 OCSF raw_data", `{"class_uid":6003,"raw_data":` + rec + `}`, "ocsf-raw", []string{record}, event.Decoded, 0},
		{"Z7 Log Analytics", `{"tables":[{"name":"PrimaryResult","columns":[{"name":"TimeGenerated","type":"datetime"},{"name":"Caller","type":"string"}],"rows":[["2024-01-01T00:00:00Z","a\"b"],["2024-01-02T00:00:00Z",null]]}]}`, "log-analytics",
			[]string{`{"TimeGenerated":"2024-01-01T00:00:00Z","Caller":"a\"b"}`, `{"TimeGenerated":"2024-01-02T00:00:00Z","Caller":null}`}, event.Decoded, 0},
		{"Z7 no rows", `{"tables":[{"columns":[{"name":"A"}],"rows":[]}]}`, "log-analytics", nil, event.Decoded, 0},
		{"G5 push", `{"message":{"data":"` + b64([]byte(logEntry)) + `","messageId":"1"},"subscription":"s"}`, "pubsub", []string{logEntry}, event.Decoded, 0},
		{"G5 pull", `{"ackId":"a","message":{"data":"` + b64([]byte(logEntry)) + `"}}`, "pubsub", []string{logEntry}, event.Decoded, 0},
		{"G5 bare message, URL alphabet", `{"data":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"a":"???>>>"}`)) + `","message_id":"1"}`, "pubsub", []string{`{"a":"???>>>"}`}, event.Decoded, 0},
		{"G7 CloudEvent", `{"specversion":"1.0","type":"google.cloud.audit.log.v1.written","source":"s","data":` + logEntry + `}`, "cloudevent", []string{logEntry}, event.Decoded, 0},
		{"G7 CloudEvent base64", `{"specversion":"1.0","type":"t","data_base64":"` + b64([]byte(logEntry)) + `"}`, "cloudevent", []string{logEntry}, event.Decoded, 0},
		{"G14 Splunk add-on", `{"data":` + logEntry + `,"attributes":{"a":"b"},"publish_time":1.5}`, "pubsub", []string{logEntry}, event.Decoded, 0},
		{"shipper's line", `{"@timestamp":"x","host":{"name":"h"},"message":` + jsonString("\n "+record) + `}`, "message", []string{record}, event.Decoded, 0},
		{"Logs Insights row", `{"@timestamp":"x","@message":` + rec + `}`, "message", []string{record}, event.Decoded, 0},
		{"shipper that parsed the line", `{"@timestamp":"x","host":{"name":"h"},"message":` + record + `}`, "message", []string{record}, event.Decoded, 0},
		{"Logs Insights row of a typed table", `{"@timestamp":"x","@message":` + record + `}`, "message", []string{record}, event.Decoded, 0},
		{"filter-log-events item of a typed table", `{"logStreamName":"s","timestamp":1,"message":` + record + `,"eventId":"3"}`, "cloudwatch-event", []string{record}, event.Decoded, 0},
		{"Splunk _raw of a typed table", `{"_raw":` + record + `,"sourcetype":"aws:cloudtrail"}`, "splunk", []string{record}, event.Decoded, 0},
		{"ECS that parsed the original", `{"@timestamp":"x","event":{"original":` + record + `}}`, "ecs-original", []string{record}, event.Decoded, 0},
		{"OCSF with its record as an object", `{"class_uid":6003,"raw_data":` + record + `}`, "ocsf-raw", []string{record}, event.Decoded, 0},
		{"Z3 event-hub message", `{"body":{"time":"t","operationName":"o"},"x-opt-offset":"1"}`, "eventhub-body", []string{`{"time":"t","operationName":"o"}`}, event.Decoded, 0},
		{"container", `{"Records":[` + record + `,` + record + `]}`, "container", []string{record, record}, event.Decoded, 0},
		{"empty container", `{"Records":[]}`, "container", nil, event.Decoded, 0},
		{"bad base64", `{"awslogs":{"data":"!!!"}}`, "cloudwatch-lambda", nil, event.Broken, 0},
		{"bad gzip", `{"awslogs":{"data":"` + b64(zipped(t, cwl)[:40]) + `"}}`, "cloudwatch-lambda", nil, event.Broken, 0},
		{"no envelope", `{"hello":"world"}`, "", nil, event.NotMine, 0},
		{"no envelope, known names", `{"id":"1","timestamp":2,"type":"x","source":"y","message":"text"}`, "cloudwatch-event", nil, event.Skipped, event.OtherLog},
		{"text message", `{"@timestamp":"x","message":"hello"}`, "", nil, event.NotMine, 0},
		{"ECS", `{"@timestamp":"x","ecs":{"version":"8"},"event":{"action":"A"},"aws":{"cloudtrail":{"event_version":"1"}}}`, "", nil, event.NotMine, 0},
		{"Event Grid is a shape", `{"topic":"t","subject":"s","eventType":"Microsoft.Resources.ResourceActionSuccess","data":{"operationName":"x"}}`, "", nil, event.NotMine, 0},
		{"empty", `{}`, "", nil, event.NotMine, 0},
		{"cut short", `{"Records":[`, "", nil, event.NotMine, 0},
		{"array", `[]`, "", nil, event.NotMine, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, r := peel(t, c.in)
			if r.Verdict != c.verdict || r.Kind != c.kind || r.Log != c.log {
				t.Errorf("verdict %d kind %q log %v, want %d %q %v", r.Verdict, r.Kind, r.Log, c.verdict, c.kind, c.log)
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// The documentation has a line for every kind that the code names.
func TestDocumented(t *testing.T) {
	code, err := os.ReadFile("kinds.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`res\.Kind = "([^"]+)"`).FindAllSubmatch(code, -1)
	if len(kinds) < 20 {
		t.Fatalf("%d kinds found", len(kinds))
	}
	for _, k := range kinds {
		if !bytes.Contains(doc, []byte("`"+string(k[1])+"`")) {
			t.Errorf("docs/formats.md has no line for %s", k[1])
		}
	}
}

func TestPeelStopsAtEmitError(t *testing.T) {
	stop := errors.New("stop")
	n := 0
	_, err := Peel([]byte(`{"Records":[{},{},{}]}`), func([]byte) error {
		n++
		if n == 2 {
			return stop
		}
		return nil
	})
	if err != stop || n != 2 {
		t.Errorf("error %v after %d payloads", err, n)
	}
}

// A payload that grows beyond the budget is lost, counted, and takes no more
// memory than the budget; what an outer object has used up is missing to the
// objects inside it.
func TestInflationIsBounded(t *testing.T) {
	bomb := `{"awslogs":{"data":"` + b64(zipped(t, "{\"a\":\""+strings.Repeat("x", MaxInflated)+"\"}")) + `"}}`
	if got, r := peel(t, bomb); len(got) != 0 || r.Verdict != event.Broken || r.Lost != 1 {
		t.Errorf("%d payloads, %+v", len(got), r)
	}
	var p Peeler
	half := `{"awslogs":{"data":"` + b64(zipped(t, `{"a":"`+strings.Repeat("x", MaxInflated/3*2)+`"}`)) + `"}}`
	verdicts := []event.Verdict{}
	for range 2 {
		r, _ := p.Peel([]byte(half), func([]byte) error { return nil })
		verdicts = append(verdicts, r.Verdict)
	}
	p.Reset()
	r, _ := p.Peel([]byte(half), func([]byte) error { return nil })
	verdicts = append(verdicts, r.Verdict)
	if verdicts[0] != event.Decoded || verdicts[1] != event.Broken || verdicts[2] != event.Decoded {
		t.Errorf("verdicts %v", verdicts)
	}
}

func TestRepair(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{{"records":[{{"a":{{"b":1}}}}]}}`, `{"records":[{"a":{"b":1}}]}`},
		{`{"a":"it\'s"}`, `{"a":"it's"}`},
		{`{"https: //schemas.x/claims/upn":"a"}`, `{"https://schemas.x/claims/upn":"a"}`},
		{`{"message":"see <a href="https://x/y">this</a>, please","n":1}`, `{"message":"see <a href=\"https://x/y\">this</a>, please","n":1}`},
		{`{"a":"b"}`, `{"a":"b"}`},
	} {
		got, ok := Repair([]byte(c.in))
		if !ok || string(got) != c.want {
			t.Errorf("Repair(%s) = %s, %v; want %s", c.in, got, ok, c.want)
		}
	}
	for _, in := range []string{``, `x`, `{"a":`, `{{{`, `{"a" "b"}`, `[1,,2]`} {
		if got, ok := Repair([]byte(in)); ok {
			t.Errorf("Repair(%s) = %s", in, got)
		}
	}
}

const logs = "../../../../shared/logs/"

// walk peels an object to its core and counts what is in it.
func walk(t *testing.T, b []byte, depth int, count map[string]int) {
	if depth > 8 {
		t.Fatal("too deep")
	}
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '[' {
		a := jsonscan.Elements(b)
		for {
			e, ok := a.Next()
			if !ok {
				return
			}
			walk(t, e, depth+1, count)
		}
	}
	if isCloudTrail(b) {
		count["cloudtrail"]++
		return
	}
	if jsonscan.Get(b, "protoPayload") != nil {
		count["logentry"]++
		return
	}
	r, err := Peel(b, func(in []byte) error {
		walk(t, in, depth+1, count)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	switch r.Verdict {
	case event.NotMine:
		count["none"]++
	case event.Skipped:
		count["skipped "+r.Log.String()]++
	case event.Broken:
		count["broken"]++
	}
}

func TestRealEnvelopes(t *testing.T) {
	if _, err := os.Stat(logs); err != nil {
		t.Skip("no logs beside the checkout at ../shared/logs")
	}
	for _, c := range []struct {
		glob  string
		lines bool
		want  map[string]int
	}{
		{"aws/cloud-custodian/cwe/event-cloud-trail-*.json", false, map[string]int{"cloudtrail": 20}},
		{"aws/cloud-custodian/cwe/event-securityhub-cloudtrail-*.json", false, map[string]int{"skipped other": 1}},
		{"aws/cloud-custodian/cwe/*-duty-event.json", false, map[string]int{"skipped other": 2}},
		{"aws/bilals12__iota/envelope_cloudtrail_api_call.json", false, map[string]int{"cloudtrail": 1}},
		{"aws/log2timeline__plaso/aws_cloudtrail.jsonl", true, map[string]int{"cloudtrail": 6}},
		{"aws/SEKOIA-IO__intake-formats/*.json", false, map[string]int{"cloudtrail": 15}},
		{"gcp/SEKOIA-IO__intake-formats/*.json", false, map[string]int{"logentry": 27}},
		{"gcp/googleapis__google-cloudevents/structured/*.json", false, map[string]int{"logentry": 1}},
		{"aws/elastic__integrations/*.ecs.json", false, map[string]int{"none": 1}},
	} {
		t.Run(c.glob, func(t *testing.T) {
			files, err := filepath.Glob(logs + c.glob)
			if err != nil || len(files) == 0 {
				t.Fatalf("%d files, %v", len(files), err)
			}
			got := map[string]int{}
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if !c.lines {
					walk(t, b, 0, got)
					continue
				}
				for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
					walk(t, line, 0, got)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for k, n := range c.want {
				if got[k] != n {
					t.Errorf("%d %s, want %d (all: %v)", got[k], k, n, got)
				}
			}
		})
	}
}

func FuzzPeel(f *testing.F) {
	f.Add([]byte(`{"awslogs":{"data":"` + b64(zipped(f, `{"logEvents":[{}]}`)) + `"}}`))
	f.Add([]byte(`{"message":{"data":"e30="},"subscription":"s"}`))
	f.Add([]byte(`{"tables":[{"columns":[{"name":"a"}],"rows":[[1],[],[1,2]]}]}`))
	f.Add([]byte(`{"detail-type":"x","source":"aws.s3","detail":{}}`))
	f.Add([]byte(`{"result":{"_raw":"{}"},"preview":false}`))
	f.Add([]byte(`{"event":{"original":" \n{}"}}`))
	f.Add([]byte(`{"Records":[1,"x",{}],"value":3}`))
	f.Add([]byte(`{{"a":"<a href="b">"}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := json.Valid(in)
		r, err := Peel(in, func(b []byte) error {
			if len(b) == 0 || b[0] != '{' && b[0] != '[' {
				t.Fatalf("payload %q is no object or array", b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == event.NotMine && r.Emitted+r.Lost+r.Other > 0 {
			t.Fatalf("%+v", r)
		}
		if r.Verdict == event.Skipped && r.Log == event.NoLog {
			t.Fatalf("skipped as nothing: %+v", r)
		}
		if fixed, ok := Repair(in); ok {
			if !json.Valid(fixed) {
				t.Fatalf("Repair gave %q", fixed)
			}
		} else if whole && len(bytes.TrimSpace(in)) > 1 && (in[0] == '{' || in[0] == '[') && !bytes.Contains(in, []byte("https: //")) {
			t.Fatalf("Repair broke %q", in)
		}
	})
}
