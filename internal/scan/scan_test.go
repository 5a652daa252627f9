package scan

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"vedette/internal/codec"
	"vedette/internal/finding"
)

func zip(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func texts(calls []call) []string {
	out := make([]string, len(calls))
	for i := range calls {
		out[i] = calls[i].record()
	}
	return out
}

// TestStatement38_LayoutsAndCompression: the same twelve calls are found in
// whatever way they are laid and packed.
func TestStatement38_LayoutsAndCompression(t *testing.T) {
	recs := texts(burst(0, 12, 6, time.Second, call{User: "ada"}))
	quoted := make([]string, len(recs))
	for i, r := range recs {
		quoted[i] = fmt.Sprintf("%q", r)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.Join(recs, "\n")
	files := map[string]string{
		"delivery":            trail(recs...),
		"array":               "[" + strings.Join(recs, ",") + "]",
		"lines":               joined,
		"lines with CRLF":     strings.Join(recs, "\r\n") + "\r\n",
		"one after the other": strings.Join(recs, ""),
		"byte order mark":     "\xef\xbb\xbf" + trail(recs...),
		"NULs":                strings.Join(recs, "\x00\x00"),
		"strings":             "[" + strings.Join(quoted, ",") + "]",
		"one string a line":   strings.Join(quoted, "\n"),
		"behind members":      `{"version":"1","note":{"Records":[]},"Records":[` + strings.Join(recs, ",") + `],"more":1}`,
		"gzip":                zip(t, trail(recs...)),
		"gzip of members":     zip(t, strings.Join(recs[:5], "\n")+"\n") + zip(t, strings.Join(recs[5:], "\n")),
		"gzip in gzip":        zip(t, zip(t, trail(recs...))),
		"zstd":                string(enc.EncodeAll([]byte(trail(recs...)), nil)),
		"empty before":        "[]\n" + trail() + "\n" + trail(recs...),
		"not UTF-8":           strings.ReplaceAll(trail(recs...), "Python/3.11", "P\xff\xfe\x80"),
		"256 KB and more":     trail(append(recs[:11:11], strings.Replace(recs[11], `"requestParameters":null`, `"requestParameters":{"x":"`+strings.Repeat("y", 700<<10)+`"}`, 1))...),
	}
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			res := scanText(t, text)
			counts(t, res, 12, 12, 0, 0)
			if res.Lost() || len(res.Report.Findings) != 1 || res.Report.Findings[0].Events != 12 || res.Report.Findings[0].DistinctAPIs != 6 {
				t.Errorf("problems %v, findings %s", res.Report.Summary.Problems, findings(t, res))
			}
		})
	}
}

// TestStatement38_BadInput: bad input costs itself alone, and the summary
// names file and record.
func TestStatement38_BadInput(t *testing.T) {
	recs := texts(burst(0, 12, 6, time.Second, call{User: "ada"}))
	long := strings.Replace(recs[0], `"requestParameters":null`, `"requestParameters":"`+strings.Repeat("z", codec.MaxRecord)+`"`, 1)
	broken := `{"eventVersion":"1.09","userIdentity":{"type":"IAMUser"} "eventTime":1}`
	rnd := make([]string, 0, 400)
	rng := rand.New(rand.NewSource(4))
	for i := range 400 {
		b := make([]byte, 300)
		for j := range b {
			b[j] = 'a' + byte(rng.Intn(26))
		}
		c := call{User: "ada", At: time.Duration(i) * time.Second, Source: "ec2.amazonaws.com", Name: "DescribeInstances", ID: uuid(i), Agent: string(b)}
		rnd = append(rnd, c.record())
	}
	packed := zip(t, strings.Join(rnd, "\n"))

	good := trail(recs...)
	for _, c := range []struct {
		name, text string
		unparsed   int
		record     int // of the first problem; 0: the file as a whole
		events     int // -1: some
	}{
		{"one record broken in the middle", trail(append(append(recs[:3:3], broken), recs[3:]...)...), 1, 4, 12},
		{"first record broken", trail(append([]string{broken}, recs...)...), 1, 1, 12},
		{"last record broken", trail(append(recs[:12:12], broken)...), 1, 13, 12},
		{"line broken", strings.Join(recs[:6], "\n") + "\n" + broken + "\n" + strings.Join(recs[6:], "\n"), 1, 7, 12},
		{"line cut off", strings.Join(recs[:6], "\n") + "\n" + recs[6][:200] + "\n" + strings.Join(recs[6:], "\n"), 1, 7, 12},
		{"time of the wrong type", trail(append(recs[:12:12], strings.Replace(recs[0], `"eventTime":"2024-05-06T09:00:00Z"`, `"eventTime":7`, 1))...), 1, 13, 12},
		{"time of the last instant that an int64 holds", trail(append(recs[:12:12], strings.Replace(recs[0], "2024-05-06T09:00:00Z", "2262-04-11T23:47:15Z", 1))...), 1, 13, 12},
		{"no time", trail(append(recs[:12:12], strings.Replace(recs[0], `"eventTime"`, `"eventTyme"`, 1))...), 1, 13, 12},
		{"text cut off", good[:len(good)-100], 1, 12, 11},
		{"text cut off between records", trail(recs[:11]...)[:len(trail(recs[:11]...))-2] + ",", 0, 0, 11},
		{"text cut off before its last bracket", good[:len(good)-1], 0, 0, 12},
		{"list cut off", "[" + strings.Join(recs, ","), 0, 0, 12},
		{"Event Hub batch cut off", `{"records":[` + strings.Join(recs, ",") + ",", 0, 0, 12},
		{"a record longer than is read", strings.Join(recs[:6], "\n") + "\n" + long + "\n" + strings.Join(recs[6:], "\n"), 1, 7, 12},
		{"gzip cut off", packed[:len(packed)/2], 1, -1, -1},
		{"gzip cut off before its first byte", packed[:12], 0, 0, 0},
		{"not gzip at all", "\x1f\x8bno gzip", 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"a.json": c.text, "b.json": lines(burst(5000, 12, 6, time.Second, call{User: "bob"}))})
			res := run(t, options(t, dir))
			s := &res.Report.Summary
			if !res.Lost() || s.Unparsed != c.unparsed || c.events >= 0 && s.Events != c.events+12 || s.Events <= 12 && c.events < 0 {
				t.Errorf("%d events, %d unparsed, problems %v", s.Events, s.Unparsed, s.Problems)
			}
			if s.Records != s.Events+s.Skipped+s.Unparsed {
				t.Errorf("%d records are not the sum of %d events, %d skipped and %d unparsed", s.Records, s.Events, s.Skipped, s.Unparsed)
			}
			for _, p := range s.Problems {
				if p.File != filepath.ToSlash(filepath.Join(dir, "a.json")) || p.Reason == "" {
					t.Errorf("problem %+v", p)
				}
			}
			if c.record >= 0 && s.Problems[0].Record != c.record {
				t.Errorf("the problem is of record %d: %v", s.Problems[0].Record, s.Problems)
			}
			if c.record == -1 && (len(s.Problems) < 1 || s.Problems[len(s.Problems)-1].Record != 0) {
				t.Errorf("the problem of the file as a whole is missing: %v", s.Problems)
			}
			if n := len(res.Report.Findings); c.events != 0 && n != 2 {
				t.Errorf("%d findings", n)
			}
		})
	}
}

// TestCutTables: of a table or YAML that is cut off or damaged, what comes before
// is read, and the row that the damage lies in is lost and named.
func TestCutTables(t *testing.T) {
	const n = 1500 // some blocks of zstd
	var csv, yaml strings.Builder
	csv.WriteString("eventID,eventTime,eventName,eventSource,userIdentityType,userIdentityArn,userAgent\n")
	rng := rand.New(rand.NewSource(4))
	for i := range n {
		b := make([]byte, 200)
		for j := range b {
			b[j] = 'a' + byte(rng.Intn(26))
		}
		fmt.Fprintf(&csv, "%s,2024-05-06T09:00:00Z,ListUsers,iam.amazonaws.com,IAMUser,arn:aws:iam::111122223333:user/ada,%s\n", uuid(i), b)
		fmt.Fprintf(&yaml, "---\ninsertId: id%d\nlogName: projects/p/logs/cloudaudit.googleapis.com%%2Factivity\nprotoPayload:\n  '@type': type.googleapis.com/google.cloud.audit.AuditLog\n"+
			"  serviceName: compute.googleapis.com\n  methodName: v1.compute.instances.list\n  requestMetadata:\n    callerSuppliedUserAgent: %s\ntimestamp: '2024-05-06T09:00:00Z'\n", i, b)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for kind, text := range map[string]string{"CSV": csv.String(), "YAML": yaml.String()} {
		for name, packed := range map[string]string{"gzip": zip(t, text), "zstd": string(enc.EncodeAll([]byte(text), nil)), "gzip in gzip": zip(t, zip(t, text))} {
			whole := scanText(t, packed)
			if counts(t, whole, n, n, 0, 0); whole.Lost() {
				t.Errorf("%s in %s: %v", kind, name, whole.Report.Summary.Problems)
			}
			if name == "gzip" {
				if padded := scanText(t, packed+strings.Repeat("\x00", 512)); padded.Lost() || padded.Report.Summary.Events != n {
					t.Errorf("%s with padding: %d events, %v", kind, padded.Report.Summary.Events, padded.Report.Summary.Problems)
				}
			}
			s := scanText(t, packed[:len(packed)*3/4]).Report.Summary
			if s.Events < n/4 || s.Unparsed != 1 || s.Skipped != 0 || s.ProblemsTotal != 2 {
				t.Errorf("%s cut off in %s: %d events, %d unparsed, problems %v", kind, name, s.Events, s.Unparsed, s.Problems)
				continue
			}
			if inside, file := s.Problems[0], s.Problems[1]; inside.Record != s.Events+1 || inside.Reason != errInside || file.Record != 0 || !strings.Contains(file.Reason, "cut off") {
				t.Errorf("%s cut off in %s: problems %v", kind, name, s.Problems)
			}
		}
		badSum := []byte(zip(t, text))
		badSum[len(badSum)-6] ^= 1
		if s := scanText(t, string(badSum)).Report.Summary; s.Events < n-1 || s.ProblemsTotal == 0 {
			t.Errorf("%s with a wrong checksum: %d events, problems %v", kind, s.Events, s.Problems)
		}
	}
}

// TestDamagedRowGroup: of a Parquet file with a damaged row group the other
// groups are read, and all rows of that one are counted as lost.
func TestDamagedRowGroup(t *testing.T) {
	type line struct {
		Message string `parquet:"message"`
	}
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[line](&buf, parquet.MaxRowsPerRowGroup(10))
	for _, rec := range texts(burst(0, 40, 6, time.Second, call{User: "ada"})) {
		if _, err := w.Write([]line{{rec}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text := buf.Bytes()
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	copy(text[f.Metadata().RowGroups[1].Columns[0].MetaData.DataPageOffset:], "\xff\xff\xff\xff")

	res := run(t, options(t, folder(t, map[string]string{"a.parquet": string(text)})))
	s := &res.Report.Summary
	if s.Events != 30 || s.Unparsed != 10 || s.Records != 40 || s.ProblemsTotal != 1 {
		t.Fatalf("%d records, %d events, %d unparsed, problems %v", s.Records, s.Events, s.Unparsed, s.Problems)
	}
	if p := s.Problems[0]; p.Record != 11 || p.Offset != 0 || !strings.Contains(p.Reason, "row group 2 of 4, 10 of its 10 rows lost") {
		t.Errorf("problem %+v", p)
	}
	if len(res.Report.Findings) != 1 || res.Report.Findings[0].Events != 30 {
		t.Errorf("%d findings", len(res.Report.Findings))
	}
}

// TestProblemsNameTheField that an event lacks.
func TestProblemsNameTheField(t *testing.T) {
	aws := texts(burst(0, 1, 1, time.Second, call{User: "ada"}))[0]
	const activity = `{"time":"2024-05-06T09:00:00Z","resourceId":"/SUBSCRIPTIONS/1/RESOURCEGROUPS/G","operationName":"MICROSOFT.COMPUTE/VIRTUALMACHINES/READ","category":"Administrative","properties":{}}`
	const graph = `{"time":"2024-05-06T09:00:00Z","resourceId":"/TENANTS/1/PROVIDERS/MICROSOFT.AADIAM","operationName":"Microsoft Graph Activity","category":"MicrosoftGraphActivityLogs","properties":{"requestUri":"https://graph.microsoft.com/v1.0/me"}}`
	const entry = `{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","insertId":"1","timestamp":"2024-05-06T09:00:00Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"compute.googleapis.com","methodName":"v1.compute.instances.list"}}`
	for _, c := range []struct{ record, old, new, want string }{
		{aws, `"eventTime"`, `"eventTyme"`, "eventTime"},
		{aws, `"eventTime":"2024`, `"eventTime":"twenty`, "eventTime"},
		{aws, `"eventName"`, `"eventNome"`, "eventName"},
		{aws, `"eventSource"`, `"eventSauce"`, "eventSource"},
		{activity, `"time":"2024`, `"time":"twenty`, "time"},
		{activity, `"MICROSOFT.COMPUTE/VIRTUALMACHINES/READ"`, `""`, "operationName"},
		{graph, `"requestUri"`, `"requestUrl"`, "properties.requestUri"},
		{entry, `"timestamp"`, `"timestomp"`, "timestamp"},
		{entry, `"methodName"`, `"methodNome"`, "protoPayload.methodName"},
	} {
		broken := strings.Replace(c.record, c.old, c.new, 1)
		s := run(t, options(t, folder(t, map[string]string{"a.json": c.record + "\n" + broken}))).Report.Summary
		want := c.want + ", which an event needs, is missing or not understood"
		if s.Events != 1 || len(s.Problems) != 1 || s.Problems[0].Reason != want {
			t.Errorf("%s: %d events, problems %+v", want, s.Events, s.Problems)
		}
	}
}

// TestStatement38_NothingToFind: what holds no record is no error.
func TestStatement38_NothingToFind(t *testing.T) {
	dir := folder(t, map[string]string{"empty": "", "array": "[]", "records": trail(), "gz": zip(t, ""), "text": "hello, world", "pdf": "%PDF-1.7 \x00\x01"})
	res := run(t, options(t, dir))
	counts(t, res, 0, 0, 0, 0)
	if res.Lost() || res.Report.Summary.Files != 6 {
		t.Errorf("%+v", res.Report.Summary)
	}
	if n := res.Report.Summary.Notes; len(n) != 1 || !strings.Contains(n[0], "pdf") || !strings.Contains(n[0], "text") {
		t.Errorf("what is no log is not named: %q", n)
	}
}

// TestStatement37_NotEvents: records that are no calls are recognised and
// counted, and are no errors.
func TestStatement37_NotEvents(t *testing.T) {
	c := burst(0, 1, 1, 0, call{User: "ada"})
	res := scanText(t, strings.Join([]string{
		c[0].record(),
		`{"awsAccountId":"111122223333","digestStartTime":"2024-05-06T09:00:00Z","digestEndTime":"2024-05-06T10:00:00Z","digestS3Bucket":"b","digestS3Object":"k","logFiles":[]}`,
		`{"eventVersion":"1.09","eventTime":"2024-05-06T09:00:00Z","awsRegion":"eu-west-1","eventID":"x","eventType":"AwsCloudTrailInsight","recipientAccountId":"1","sharedEventID":"s","insightDetails":{"state":"Start","eventSource":"ec2.amazonaws.com","eventName":"RunInstances"},"eventCategory":"Insight"}`,
		`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2024-05-06T09:00:00.000Z","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}`,
		`{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination"}]}`,
		`{"hello":"world"}`,
		`42`,
	}, "\n"))
	counts(t, res, 7, 1, 6, 0)
	if res.Lost() {
		t.Errorf("problems: %v", res.Report.Summary.Problems)
	}
	seen := map[string]int{}
	for _, l := range res.Report.Summary.Logs {
		seen[l.Log] = l.Records
	}
	want := map[string]int{"cloudtrail.management": 1, "cloudtrail.digest": 1, "cloudtrail.insight": 1, "notification": 1, "control_message": 1, "other": 2}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("logs %v, want %v", seen, want)
	}
}

// TestStatement19_Duplicates: a copy counts once, inside a file, across
// files, in another packing and in another envelope.
func TestStatement19_Duplicates(t *testing.T) {
	calls := burst(0, 12, 6, time.Second, call{User: "ada"})
	recs := texts(calls)
	want := findings(t, scanCalls(t, calls))
	var bridge []string
	for _, r := range recs {
		bridge = append(bridge, `{"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"111122223333","time":"2024-05-06T09:00:00Z","region":"eu-west-1","resources":[],"detail":`+r+`}`)
	}
	for name, files := range map[string]map[string]string{
		"inside a file":   {"a": trail(append(recs[:12:12], recs...)...)},
		"across files":    {"a": trail(recs...), "b": trail(recs...), "c": trail(recs[3:5]...)},
		"in gzip":         {"a": trail(recs...), "a.gz": zip(t, trail(recs...))},
		"by EventBridge":  {"a": trail(recs...), "b": strings.Join(bridge, "\n")},
		"in other orders": {"a": trail(recs...), "z": strings.Join([]string{recs[7], recs[1], recs[7]}, "\n")},
	} {
		t.Run(name, func(t *testing.T) {
			res := run(t, options(t, folder(t, files)))
			s := &res.Report.Summary
			if s.Events-s.Duplicates != 12 || s.Duplicates == 0 || s.Scoring != 12 {
				t.Errorf("%d events, %d duplicates, %d scoring", s.Events, s.Duplicates, s.Scoring)
			}
			if got := findings(t, res); got != want {
				t.Errorf("findings differ:\n%s\nwant\n%s", got, want)
			}
			kept := options(t, folder(t, files))
			kept.Engine.KeepCopies = true
			if res := run(t, kept); res.Report.Summary.Duplicates != 0 || res.Report.Findings[0].Events != s.Events {
				t.Errorf("copies kept: %d duplicates, %d events", res.Report.Summary.Duplicates, res.Report.Findings[0].Events)
			}
		})
	}
}

// mixed draws calls of a few callers, close enough to fire.
func mixed(t *rapid.T) []call {
	n := rapid.IntRange(1, 80).Draw(t, "calls")
	out := make([]call, n)
	for i := range out {
		api := rapid.SampledFrom(reads).Draw(t, "api")
		c := call{
			At: time.Duration(rapid.IntRange(0, 2000).Draw(t, "second")) * time.Second, Source: api[0], Name: api[1], ID: uuid(i),
			IP:     rapid.SampledFrom([]string{"198.51.100.7", "203.0.113.9"}).Draw(t, "address"),
			Agent:  rapid.SampledFrom([]string{"aws-cli/2.1", "Boto3/1.3"}).Draw(t, "agent"),
			Code:   rapid.SampledFrom([]string{"", "", "AccessDenied", "ThrottlingException", "NoSuchBucket"}).Draw(t, "code"),
			Region: rapid.SampledFrom([]string{"eu-west-1", "us-east-1"}).Draw(t, "region"),
			Params: map[string]any{"x": rapid.IntRange(0, 3).Draw(t, "params")},
		}
		switch rapid.IntRange(0, 3).Draw(t, "caller") {
		case 0:
			c.User = rapid.SampledFrom([]string{"ada", "bob"}).Draw(t, "user")
		case 1, 2:
			c.Role, c.Session = "deploy", rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(t, "session")
			c.Key = "ASIA" + c.Session
			c.Account = rapid.SampledFrom([]string{"111122223333", "444455556666"}).Draw(t, "account")
		}
		out[i] = c
	}
	return out
}

// TestStatement23_OrderChangesNothing: any permutation of files and of
// records, any split, 1 or 8 workers, copies and a small memory give the same
// findings; and the same files in any order of arguments, read by any number
// of workers, the same report byte for byte (statement 44).
func TestStatement23_OrderChangesNothing(t *testing.T) {
	// Each round scans three times; the engine has a test of its own with
	// many more.
	checks := flag.Lookup("rapid.checks")
	if before := checks.Value.String(); before == checks.DefValue {
		if err := checks.Value.Set("25"); err != nil {
			t.Fatal(err)
		}
		defer checks.Value.Set(before)
	}
	rapid.Check(t, func(rt *rapid.T) {
		calls := mixed(rt)
		want := findings(t, scanCalls(t, calls))
		recs := texts(calls)
		rng := rand.New(rand.NewSource(int64(rapid.Uint32().Draw(rt, "order"))))
		if rapid.Bool().Draw(rt, "copies") {
			recs = append(recs, recs...)
		}
		rng.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
		files := map[string]string{}
		parts := rapid.IntRange(1, 6).Draw(rt, "files")
		for i := range parts {
			part := recs[i*len(recs)/parts : (i+1)*len(recs)/parts]
			switch rng.Intn(3) {
			case 0:
				files[fmt.Sprintf("f%d", i)] = trail(part...)
			case 1:
				files[fmt.Sprintf("sub/f%d", i)] = strings.Join(part, "\n")
			case 2:
				files[fmt.Sprintf("f%d.gz", i)] = zip(t, "["+strings.Join(part, ",")+"]")
			}
		}
		files["broken"] = `{"Records":[{"eventName":`
		dir := folder(t, files)
		var paths []string
		for name := range files {
			paths = append(paths, filepath.Join(dir, name))
		}
		paths = append(paths, filepath.Join(dir, "absent-1"), filepath.Join(dir, "absent-2"))
		var reports []string
		for _, workers := range []int{1, 8} {
			rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			opts := options(t, paths...)
			opts.Engine.Workers = workers
			if rapid.Bool().Draw(rt, "small memory") {
				opts.Engine.Memory = 1
			}
			res := run(t, opts)
			if got := findings(t, res); got != want {
				rt.Fatalf("%d workers, %d files: findings\n%s\nwant\n%s", workers, parts, got, want)
			}
			reports = append(reports, whole(t, res))
		}
		if reports[0] != reports[1] {
			rt.Fatalf("the report depends on the order of arguments or the workers:\n%s\n%s", reports[0], reports[1])
		}
	})
}

// TestPaths: folders, patterns, standard input, files named twice, links.
func TestPaths(t *testing.T) {
	text := lines(burst(0, 12, 6, time.Second, call{User: "ada"}))
	dir := folder(t, map[string]string{"a/x.json": text, "a/b/y.log": lines(burst(100, 3, 3, time.Second, call{User: "bob"})), "c.json": lines(burst(200, 2, 2, time.Second, call{User: "eve"}))})
	if err := os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "a", "circle")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		paths       []string
		files, recs int
		lost        int
	}{
		{"a file", []string{"c.json"}, 1, 2, 0},
		{"a folder", []string{"a"}, 2, 15, 0},
		{"all", []string{"."}, 3, 17, 0},
		{"a file twice and its folder", []string{"a/x.json", "./a/x.json", "a", "a/"}, 2, 15, 0},
		{"a pattern", []string{"*.json"}, 1, 2, 0},
		{"a pattern of folders", []string{"[ac]*"}, 3, 17, 0},
		{"a pattern of any depth", []string{"**/*.json"}, 2, 14, 0},
		{"a pattern of any depth below a folder", []string{"a/**/*.log"}, 1, 3, 0},
		{"a pattern of any depth, none included", []string{"a/**/x.json"}, 1, 12, 0},
		{"a pattern of any depth that names a folder", []string{"**/b"}, 1, 3, 0},
		{"all of any depth", []string{"a/**"}, 2, 15, 0},
		{"a pattern of any depth below a pattern", []string{"[a]/**/b/*", "c*"}, 2, 5, 0},
		{"a pattern of any depth below files too", []string{"[ac]*/**/*.log"}, 1, 3, 0},
		{"a pattern of any depth below a link", []string{"link/**/*.log"}, 1, 3, 0},
		{"a pattern of any depth without a match", []string{"a/**/*.nothing", "c.json"}, 1, 2, 1},
		{"a broken pattern of any depth", []string{"**/[", "c.json"}, 1, 2, 1},
		{"a pattern without a match", []string{"*.nothing", "c.json"}, 1, 2, 1},
		{"a broken pattern", []string{"[", "c.json"}, 1, 2, 1},
		{"a file that is not there", []string{"c.json", "absent"}, 1, 2, 1},
		{"a link that is named", []string{"link"}, 2, 15, 0},
		{"standard input", []string{"-", "c.json"}, 2, 14, 0},
		{"standard input twice", []string{"-", "-"}, 1, 12, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(dir)
			opts := options(t, c.paths...)
			opts.Stdin = strings.NewReader(text)
			s := run(t, opts).Report.Summary
			if s.Files != c.files || s.Records != c.recs || s.ProblemsTotal != c.lost || len(s.Problems) != c.lost {
				t.Errorf("%d files, %d records, problems %v", s.Files, s.Records, s.Problems)
			}
		})
	}
	if _, err := Run(context.Background(), options(t, filepath.Join(dir, "absent"))); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "absent") {
		t.Errorf("nothing to read: %v", err)
	}
	empty := t.TempDir()
	if _, err := Run(context.Background(), options(t, empty)); !errors.Is(err, ErrNothing) || err.Error() != "no file to read in "+empty {
		t.Errorf("nothing in a folder: %v", err)
	}
}

// A folder below a pattern that cannot be read is told of. This one's path is
// longer than the system takes.
func TestPatternOverWhatCannotBeRead(t *testing.T) {
	dir := folder(t, map[string]string{"a.json": lines(burst(0, 12, 6, time.Second, call{User: "ada"}))})
	t.Chdir(dir)
	for range 20 {
		name := strings.Repeat("d", 250)
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Skip("no folder as deep here:", err)
		}
		if err := os.Chdir(name); err != nil {
			t.Skip("no folder as deep here:", err)
		}
	}
	t.Chdir(dir)
	for _, pattern := range []string{"**/*.json", "**"} {
		s := run(t, options(t, pattern)).Report.Summary
		if s.Events != 12 || s.ProblemsTotal != 1 || !strings.HasPrefix(s.Problems[0].File, "dddd") {
			t.Errorf("%s: %d events, %d problems", pattern, s.Events, s.ProblemsTotal)
		}
	}
}

// What lies deeper in envelopes than is looked is lost, and not something else.
func TestNestedTooDeep(t *testing.T) {
	rec := texts(burst(0, 1, 1, time.Second, call{User: "ada"}))[0]
	for depth := range 10 {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			text := rec
			for range depth {
				text = `{"message":` + strconv.Quote(text) + `}`
			}
			res := scanText(t, text)
			if depth <= maxDepth {
				counts(t, res, 1, 1, 0, 0)
				return
			}
			counts(t, res, 1, 0, 0, 1)
			if p := res.Report.Summary.Problems; len(p) != 1 || p[0].Reason != "envelopes nested too deep" {
				t.Errorf("problems %v", p)
			}
		})
	}
	// An object that is no envelope is at the limit what it is elsewhere.
	text := `{"level":"info","note":"no event, and long enough to be one"}`
	for range maxDepth {
		text = `{"message":` + strconv.Quote(text) + `}`
	}
	counts(t, scanText(t, text), 1, 0, 1, 0)
}

// TestInterrupted: a scan ends when it is told to, also inside a file.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	opts := options(t, folder(t, map[string]string{"a": lines(burst(0, 12, 6, time.Second, call{User: "ada"}))}))
	if _, err := Run(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestRecords: the records behind a finding are found again as they lie.
func TestRecords(t *testing.T) {
	calls := burst(0, 12, 6, time.Second, call{User: "ada"})
	recs := texts(calls)
	texts := map[string]string{
		"lines": strings.Join(recs[:4], "\r\n"), "trail": `{"x":1, "Records":[ ` + strings.Join(recs[4:8], " , ") + " ]}", "packed.gz": zip(t, "["+strings.Join(recs[8:], ",")+"]"),
	}
	plain := map[string]string{"lines": texts["lines"], "trail": texts["trail"], "packed.gz": "[" + strings.Join(recs[8:], ",") + "]"}
	dir := folder(t, texts)
	opts := options(t, dir)
	res := run(t, opts)
	if len(res.Report.Findings) != 1 || len(res.Report.Findings[0].Evidence) != 12 {
		t.Fatalf("findings %s", findings(t, res))
	}
	var want []finding.At
	id := map[finding.At]string{}
	for _, e := range res.Report.Findings[0].Evidence {
		want = append(want, e.At)
		id[e.At] = e.EventID
	}
	gone := finding.At{File: want[0].File, Record: 99}
	n := 0
	var missing []finding.At
	err := Records([]string{dir}, nil, opts.Providers, append(want, gone), func(at finding.At, r *Record) error {
		n++
		text := plain[filepath.Base(at.File)]
		if got := text[r.Offset : int(r.Offset)+len(r.Raw)]; got != string(r.Raw) {
			t.Errorf("%v: %q lies at offset %d, and not %q", at, got, r.Offset, r.Raw)
		}
		if !strings.Contains(string(r.Raw), id[at]) {
			t.Errorf("%v is not the record of event %s: %s", at, id[at], r.Raw)
		}
		return nil
	}, func(at finding.At) { missing = append(missing, at) })
	if err != nil || n != 12 || !reflect.DeepEqual(missing, []finding.At{gone}) {
		t.Errorf("%d records, missing %v, err %v", n, missing, err)
	}
	stop := errors.New("the disk is full")
	if err := Records([]string{dir}, nil, opts.Providers, want, func(finding.At, *Record) error { return stop }, func(finding.At) {}); !errors.Is(err, stop) {
		t.Errorf("an error of visit: %v", err)
	}
}
