package live

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
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
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/scan"
)

// lines and findings are what the command gives to Await.
func lines(ctx context.Context, paths []string, visit func(file string, raw []byte, ev *event.Event)) error {
	_, err := scan.Walk(ctx, paths, all.Providers(), func(file string, r *scan.Record, ev *event.Event) { visit(file, r.Raw, ev) })
	return err
}

func findings(t *testing.T) func(ctx context.Context, paths []string) ([]finding.Finding, error) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	opts := scan.Options{Providers: all.Providers(), Engine: engine.Options{Workers: 1, Evidence: 1000, Family: client.Family}}
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
	return func(ctx context.Context, paths []string) ([]finding.Finding, error) {
		opts := opts
		opts.Paths = paths
		res, err := scan.Run(ctx, opts)
		if err != nil {
			return nil, err
		}
		return res.Report.Findings, nil
	}
}

const testID = "abcdef0123456789"

// calls of discovery of several services, by CloudTrail's source and name.
var discovery = [][2]string{
	{"ec2.amazonaws.com", "DescribeInstances"}, {"ec2.amazonaws.com", "DescribeVolumes"}, {"ec2.amazonaws.com", "DescribeSnapshots"},
	{"ec2.amazonaws.com", "DescribeSecurityGroups"}, {"ec2.amazonaws.com", "DescribeVpcs"}, {"ec2.amazonaws.com", "DescribeSubnets"},
	{"rds.amazonaws.com", "DescribeDBInstances"}, {"lambda.amazonaws.com", "ListFunctions20150331"}, {"iam.amazonaws.com", "ListUsers"},
	{"iam.amazonaws.com", "ListRoles"}, {"s3.amazonaws.com", "ListBuckets"}, {"eks.amazonaws.com", "ListClusters"},
}

// made is the record of a run of the first n calls of discovery, begun a
// minute ago.
func made(n int) *Record {
	r := &Record{Version: RecordVersion, ID: testID, UserAgent: agentName + testID, Started: time.Now().Add(-time.Minute).UTC()}
	for i := range n {
		r.Calls = append(r.Calls, Made{
			Cloud: "aws", Call: discovery[i][0] + ":" + discovery[i][1], Time: r.Started.Add(time.Duration(i) * time.Second),
			Event: discovery[i][1], Log: "cloudtrail.management", Outcome: OutcomeOK, Status: 200, Attempts: 1, RequestID: requestID(i),
		})
	}
	r.Ended = time.Now().UTC()
	return r
}

func requestID(i int) string { return fmt.Sprintf("%08d-2222-4333-8444-555555555555", i) }

// logged is the record that CloudTrail writes of a call.
func logged(r *Record, i int, agent string) string {
	at := r.Calls[i].Time
	b, err := json.Marshal(map[string]any{
		"eventVersion": "1.11", "eventTime": at.Format("2006-01-02T15:04:05Z"), "eventSource": discovery[i][0], "eventName": discovery[i][1],
		"awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7", "userAgent": agent,
		"eventID": fmt.Sprintf("%08d-1111-4222-8333-%012d", i, len(agent)), "requestID": requestID(i),
		"eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": true, "recipientAccountId": "111122223333",
		"userIdentity": map[string]any{"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/ida",
			"accountId": "111122223333", "accessKeyId": testKey, "userName": "ida"},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// delivered is a file of CloudTrail's with the lines of some calls.
func delivered(r *Record, calls ...int) string {
	var recs []string
	for _, i := range calls {
		recs = append(recs, logged(r, i, r.UserAgent))
	}
	return `{"Records":[` + strings.Join(recs, ",") + `]}`
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return b.String()
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Error(err)
	}
}

// TestAwaitALateAndUntidyFolder: files come in any order, twice, half written,
// and under a name that changes. Each look is followed by one of the steps,
// however fast or slow the machine is.
func TestAwaitALateAndUntidyFolder(t *testing.T) {
	noGoroutinesLeft(t)
	r := made(12)
	root := filepath.Join(t.TempDir(), "logs")
	in := func(name string) string { return filepath.Join(root, "AWSLogs", name) }
	whole := packed(delivered(r, 6, 7, 8, 9))
	put(t, filepath.Join(root, "README"), "logs of another kind are not here\n")
	steps := []func(){
		func() { put(t, in("b.json.gz"), packed(delivered(r, 11, 3, 4))) },
		func() { put(t, in("c.json.gz"), packed(delivered(r, 4, 3, 5))) }, // copies
		func() { put(t, in("d.json.gz"), whole[:len(whole)/2]) },          // half written
		func() { put(t, in("notes.txt"), "the lines will come\n") },       // no log
		func() { put(t, in("empty.json.gz"), ""); put(t, in("e.json.part"), delivered(r, 0, 1)) },
		func() { _ = os.Rename(in("e.json.part"), in("a.json")) },               // renamed into place,
		func() { put(t, in("a.json"), delivered(r, 0, 1, 2)) },                  // and grown
		func() { put(t, in("z.json"), `{"Records":[`+logged(r, 10, "curl")) },   // cut off, and the marker lost
		func() { _ = os.Remove(in("b.json.gz")); put(t, in("f.json"), "{}\n") }, // moved away
		func() { put(t, in("d.json.gz"), whole) },                               // the rest of it
	}
	left := steps
	var told []string
	a, err := Await(t.Context(), Watch{
		Folder: root, Record: r, Findings: findings(t), Poll: time.Millisecond, Timeout: 5 * time.Minute,
		Lines: func(ctx context.Context, paths []string, visit func(string, []byte, *event.Event)) error {
			err := lines(ctx, paths, visit)
			if len(left) > 0 {
				left[0]()
				left = left[1:]
			}
			return err
		},
		Fires: func(f *finding.Finding) bool { return len(f.Detections) > 0 && f.Actor.Name == "ida" },
		Told:  func(line string) { told = append(told, line) },
	})
	if len(left) > 0 {
		t.Errorf("it ended %d steps early", len(left))
	}
	if err != nil {
		t.Fatalf("%v\n%+v", err, a)
	}
	if a.Expected != 12 || len(a.Lines) != 12 || a.Found == nil || len(a.Missing) != 0 || a.Others != 0 {
		t.Errorf("%+v", a)
	}
	for i, l := range a.Lines {
		if l.Call != i || !strings.HasPrefix(l.EventID, fmt.Sprintf("%08d-", i)) || l.Basis != "watched" || l.Delay < 59 || l.Delay > 120 {
			t.Errorf("line %d: %+v", i, l)
		}
	}
	if *a.FirstLine >= *a.LastLine || *a.FirstLine > *a.Fired || *a.FirstLine < 59 {
		t.Errorf("first %v, last %v, fired %v", *a.FirstLine, *a.LastLine, *a.Fired)
	}
	if a.Finding == "" || len(told) < 6 {
		t.Errorf("finding %q, told %q", a.Finding, told)
	}
}

// TestAwaitWhatIsThereAlready: in another process, later, the time of a file
// says when its lines came.
func TestAwaitWhatIsThereAlready(t *testing.T) {
	r := made(2)
	root := t.TempDir()
	put(t, filepath.Join(root, "a.json"), delivered(r, 0, 1))
	at := r.Calls[0].Time.Add(12 * time.Second)
	if err := os.Chtimes(filepath.Join(root, "a.json"), at, at); err != nil {
		t.Fatal(err)
	}
	a, err := Await(t.Context(), Watch{Folder: root, Record: r, Lines: lines})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range a.Lines {
		if l.Basis != "file_time" || l.Delay < 11.9 || l.Delay > 12.1 {
			t.Errorf("%+v", l)
		}
	}
	if a.Fired != nil || a.LastLine == nil {
		t.Errorf("%+v", a)
	}
	out, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(out), `"lines_expected":2`) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestAwaitSaysWhatIsMissing(t *testing.T) {
	noGoroutinesLeft(t)
	old := func(r *Record) { r.Calls[0].Time = r.Calls[0].Time.Add(-5 * time.Minute) }
	for _, c := range []struct {
		name  string
		put   func(t *testing.T, root string, r *Record)
		watch func(w *Watch)
		err   error
		say   []string
	}{
		{"nothing", func(*testing.T, string, *Record) {}, nil, ErrLate,
			[]string{"3 of 3 lines of cloudtrail.management: nothing of this class has come at all", "DescribeInstances, DescribeSnapshots, DescribeVolumes"}},
		{"lag", func(t *testing.T, root string, r *Record) {
			past := *r
			past.Calls = append([]Made(nil), r.Calls...)
			old(&past)
			put(t, root+"/a.json", `{"Records":[`+logged(&past, 0, "aws-cli/2")+`]}`)
		}, nil, ErrLate, []string{"before the last call: the log lags behind"}},
		{"others alone", func(t *testing.T, root string, r *Record) {
			later := *r
			later.Calls = append([]Made(nil), r.Calls...)
			later.Calls[5].Time = time.Now().UTC().Add(time.Second)
			put(t, root+"/a.json", `{"Records":[`+logged(&later, 5, "aws-cli/2")+`]}`)
		}, nil, ErrLate, []string{"none carries the marker"}},
		{"part", func(t *testing.T, root string, r *Record) { put(t, root+"/a.json", delivered(r, 0, 2)) }, nil, ErrLate,
			[]string{"1 of 3 lines of cloudtrail.management: other lines of this run have come", "(DescribeVolumes)"}},
		{"a longer id", func(t *testing.T, root string, r *Record) {
			put(t, root+"/a.json", strings.ReplaceAll(strings.ReplaceAll(delivered(r, 0, 1, 2), testID, testID+"-2"), "2222-4333", "2222-4999"))
		}, nil, ErrLate, []string{"3 of 3 lines", "none carries the marker"}},
		{"no detection", func(t *testing.T, root string, r *Record) { put(t, root+"/a.json", delivered(r, 0, 1, 2)) },
			func(w *Watch) {
				w.Findings = func(context.Context, []string) ([]finding.Finding, error) {
					return []finding.Finding{{ID: "somebody else's", Clients: []finding.Client{{UserAgent: "aws-cli/2"}}}}, nil
				}
			}, ErrUnfound, []string{"every line is here and no detection fired on them"}},
		{"another finding", func(t *testing.T, root string, r *Record) { put(t, root+"/a.json", delivered(r, 0, 1, 2)) },
			func(w *Watch) {
				w.Findings = func(context.Context, []string) ([]finding.Finding, error) {
					return []finding.Finding{{ID: "f1", Clients: []finding.Client{{UserAgent: agentName + testID}}}}, nil
				}
				w.Fires = func(f *finding.Finding) bool { return f.Level == "high" }
			}, ErrUnfound, []string{"1 finding of this run, and not the one that is awaited"}},
		{"a finding where none is expected", func(t *testing.T, root string, r *Record) { put(t, root+"/a.json", delivered(r, 0, 1, 2)) },
			func(w *Watch) {
				w.Silent = true
				w.Findings = func(context.Context, []string) ([]finding.Finding, error) {
					return []finding.Finding{{ID: "f1", Clients: []finding.Client{{UserAgent: agentName + testID}}}}, nil
				}
			}, ErrFound, nil},
		{"finding, for want of lines", func(t *testing.T, root string, r *Record) { put(t, root+"/a.json", delivered(r, 0)) },
			func(w *Watch) {
				w.Findings = func(context.Context, []string) ([]finding.Finding, error) { return nil, nil }
			}, ErrLate, []string{"2 of 3 lines", "it may need the lines that are missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, root := made(6), t.TempDir()
			c.put(t, root, r)
			r.Calls = r.Calls[:3]
			w := Watch{Folder: root, Record: r, Lines: lines, Poll: 5 * time.Millisecond, Timeout: 40 * time.Millisecond}
			if c.watch != nil {
				c.watch(&w)
			}
			a, err := Await(t.Context(), w)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			for _, s := range c.say {
				if !strings.Contains(strings.Join(a.Missing, "\n"), s) || !strings.Contains(err.Error(), s) {
					t.Errorf("does not say %q: %v", s, err)
				}
			}
		})
	}
}

// TestAwaitNothing: a run that no log shows waits for nothing, and says so
// where a finding is asked for.
func TestAwaitNothing(t *testing.T) {
	r := made(2)
	for i := range r.Calls {
		r.Calls[i].Log, r.Calls[i].Event = "none", ""
	}
	w := Watch{Folder: t.TempDir(), Record: r, Lines: lines}
	if a, err := Await(t.Context(), w); err != nil || a.Expected != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	w.Findings = findings(t)
	if _, err := Await(t.Context(), w); !errors.Is(err, ErrUnfound) || !strings.Contains(err.Error(), "none has shown up") {
		t.Errorf("error %v", err)
	}
}

// TestAwaitNoFolder: it need not be there yet.
func TestAwaitNoFolder(t *testing.T) {
	a, err := Await(t.Context(), Watch{Folder: filepath.Join(t.TempDir(), "none"), Record: made(2), Lines: lines, Poll: time.Millisecond, Timeout: 10 * time.Millisecond})
	if !errors.Is(err, ErrLate) || len(a.Lines) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAwaitStopped: Ctrl-C gives what has come so far.
func TestAwaitStopped(t *testing.T) {
	noGoroutinesLeft(t)
	r, root := made(2), t.TempDir()
	put(t, root+"/a.json", delivered(r, 1))
	ctx, stop := context.WithCancel(t.Context())
	// Only once the first look has met the line, however slow the machine is.
	told := func(string) { time.AfterFunc(20*time.Millisecond, stop) }
	a, err := Await(ctx, Watch{Folder: root, Record: r, Lines: lines, Poll: time.Hour, Told: told})
	if !errors.Is(err, context.Canceled) || len(a.Lines) != 1 || a.Lines[0].Call != 1 || a.FirstLine == nil || a.LastLine != nil {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAwaitByRequest: a log that keeps no user agent shows the call by its
// request's id; Azure's Activity log does so.
func TestAwaitByRequest(t *testing.T) {
	r, root := made(1), t.TempDir()
	r.Calls = []Made{{
		Cloud: "azure", Call: "POST management.azure.com/x", Time: r.Started, Event: "Microsoft.Storage/storageAccounts/listKeys/action",
		Log: "azure.activity", Outcome: OutcomeOK, Status: 200, Attempts: 1, RequestID: "AAAAAAAA-0000-4000-8000-00000000000A",
	}}
	line := func(correlation string) string {
		return fmt.Sprintf(`{"time":%q,"resourceId":"/SUBSCRIPTIONS/44444444-0000-4000-8000-000000000004/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/A","operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.","durationMs":100,"callerIpAddress":"203.0.113.7","correlationId":%q,"identity":{"authorization":{"scope":"/s","action":"Microsoft.Storage/storageAccounts/listKeys/action"},"claims":{"oid":"33333333-0000-4000-8000-000000000003"}},"level":"Information"}`,
			r.Started.Add(time.Second).Format("2006-01-02T15:04:05.0000000Z"), correlation) + "\n"
	}
	put(t, root+"/PT1H.json", line("bbbbbbbb-0000-4000-8000-00000000000b"))
	w := Watch{Folder: root, Record: r, Lines: lines, Poll: time.Millisecond, Timeout: 20 * time.Millisecond}
	if a, err := Await(t.Context(), w); !errors.Is(err, ErrLate) || len(a.Lines) != 0 {
		t.Errorf("another's call is taken for ours: %+v, %v", a, err)
	}
	put(t, root+"/PT1H.json", line("bbbbbbbb-0000-4000-8000-00000000000b")+line("aaaaaaaa-0000-4000-8000-00000000000a"))
	if a, err := Await(t.Context(), w); err != nil || len(a.Lines) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAwaitRefuses(t *testing.T) {
	if _, err := Await(t.Context(), Watch{Folder: ".", Lines: lines}); err == nil {
		t.Error("waits for no run")
	}
	r := made(1)
	r.Version = RecordVersion + 1
	if _, err := Await(t.Context(), Watch{Folder: ".", Lines: lines, Record: r}); err == nil {
		t.Error("reads a record of another version")
	}
}
