package cli

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"vedette": func() {
			os.Exit(Main(os.Args[1:], IO{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
		},
		"fakeclient": fakeClient,
	})
}

// TestScripts runs the stories of the command line in testdata/script. They
// have three commands of their own:
//
//	calls FILE [NAME=VALUE...]     add CloudTrail records to a file; see madeCalls
//	exits CODE COMMAND ARGS...     run a command that must end with that code
//	extracted DIR FILE...          the records in DIR lie in these files, and
//	                               the manifest says where, and with which hash
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("COLUMNS", "120")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"calls":     scriptCalls,
			"exits":     scriptExits,
			"extracted": scriptExtracted,
		},
	})
}

// fakeClient stands for the client program of a database. It writes down how
// it was called, and answers with the files that the environment names: it
// shows how a client is called and listened to, and nothing of an engine.
func fakeClient() {
	given, err := io.ReadAll(os.Stdin)
	for i, a := range os.Args {
		if i > 0 && os.Args[i-1] == "-f" {
			given, err = os.ReadFile(a)
			if info, e := os.Stat(a); e != nil || info.Mode().Perm() != 0o600 {
				fmt.Fprintln(os.Stderr, "the script can be read by others")
			}
			os.Args[i] = "SCRIPT"
		}
	}
	if err == nil {
		err = os.WriteFile("given.sql", given, 0o600)
	}
	if err == nil {
		err = os.WriteFile("args", []byte(strings.Join(os.Args[1:], "\n")+"\n"+os.Getenv("PGCLIENTENCODING")+"\n"), 0o600)
	}
	for name, w := range map[string]io.Writer{"FAKE_OUT": os.Stdout, "FAKE_ERR": os.Stderr} {
		if file := os.Getenv(name); err == nil && file != "" {
			var data []byte
			data, err = os.ReadFile(file)
			w.Write(data)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	code, _ := strconv.Atoi(os.Getenv("FAKE_EXIT"))
	os.Exit(code)
}

// scriptExits runs a command whose exit code is known.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func scriptCalls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: calls FILE [NAME=VALUE...]")
	}
	text, err := madeCalls(args[1:])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	if strings.HasSuffix(path, ".gz") {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, text)
		ts.Check(err)
		ts.Check(w.Close())
		ts.Check(os.WriteFile(path, b.Bytes(), 0o600))
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = io.WriteString(f, text)
	ts.Check(err)
	ts.Check(f.Close())
}

var discovery = [][2]string{
	{"ec2", "DescribeInstances"}, {"ec2", "DescribeVolumes"}, {"ec2", "DescribeSnapshots"}, {"ec2", "DescribeVpcs"},
	{"ec2", "DescribeSubnets"}, {"rds", "DescribeDBInstances"}, {"lambda", "ListFunctions20150331"}, {"iam", "ListUsers"},
	{"iam", "ListRoles"}, {"s3", "ListBuckets"}, {"eks", "ListClusters"}, {"dynamodb", "ListTables"},
}

// madeCalls writes CloudTrail records, one a line, a second apart. n is how
// many there are, kinds of how many APIs, and at the time of the first.
func madeCalls(args []string) (string, error) {
	p := map[string]string{
		"n": "12", "kinds": "6", "at": "2024-05-06T09:00:00Z", "user": "ada", "account": "111122223333", "ip": "198.51.100.7",
		"agent": "aws-cli/2.15.0", "code": "", "name": "", "secret": "none",
	}
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if _, known := p[k]; !ok || !known {
			return "", fmt.Errorf("calls: %q is none of %v", a, slices.Sorted(maps.Keys(p)))
		}
		p[k] = v
	}
	n, err := strconv.Atoi(p["n"])
	if err != nil {
		return "", err
	}
	kinds, err := strconv.Atoi(p["kinds"])
	if err != nil {
		return "", err
	}
	at, err := time.Parse(time.RFC3339, p["at"])
	if err != nil {
		return "", err
	}
	for _, k := range []string{"user", "ip"} {
		if p[k], err = strconv.Unquote(`"` + p[k] + `"`); err != nil {
			return "", err
		}
	}
	user := p["user"]
	var b strings.Builder
	for i := range n {
		api := discovery[i%kinds]
		if p["name"] != "" {
			api[1] = p["name"]
		}
		sum := sha256.Sum256(fmt.Append(nil, user, p["account"], p["at"], p["name"], i))
		id := hex.EncodeToString(sum[:])
		r := map[string]any{
			"eventVersion": "1.09", "eventTime": at.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
			"eventSource": api[0] + ".amazonaws.com", "eventName": api[1], "awsRegion": "eu-west-1", "sourceIPAddress": p["ip"], "userAgent": p["agent"],
			"userIdentity": map[string]any{"type": "IAMUser", "principalId": "AIDA" + user, "arn": "arn:aws:iam::" + p["account"] + ":user/" + user,
				"accountId": p["account"], "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": user},
			"requestParameters": map[string]any{"password": p["secret"]}, "responseElements": map[string]any{"credentials": map[string]any{"sessionToken": p["secret"]}},
			"eventID":  id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-8" + id[17:20] + "-" + id[20:32],
			"readOnly": p["name"] == "", "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": p["account"], "eventCategory": "Management",
		}
		if p["code"] != "" {
			r["errorCode"] = p["code"]
		}
		line, err := json.Marshal(r)
		if err != nil {
			return "", err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// scriptExtracted holds an extract against the files it came from, by means
// of the manifest alone.
func scriptExtracted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: extracted DIR FILE...")
	}
	var m struct {
		Finding string
		Records []struct {
			Name    string
			EventID string `json:"event_id"`
			File    string
			Record  int
			Offset  int64
			Length  int
			SHA256  string
		}
		Sources []struct {
			File   string
			Bytes  int64
			SHA256 string
		}
	}
	dir := ts.MkAbs(args[0])
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(args[0], "manifest.json"))), &m))
	if m.Finding == "" || len(m.Records) == 0 {
		ts.Fatalf("an empty manifest")
	}
	hash := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	plain := map[string][]byte{}
	var names []string
	for _, s := range m.Sources {
		names = append(names, s.File)
		disk, err := os.ReadFile(ts.MkAbs(s.File))
		ts.Check(err)
		if int64(len(disk)) != s.Bytes || hash(disk) != s.SHA256 {
			ts.Fatalf("%s: %d bytes with hash %s; the manifest says %d and %s", s.File, len(disk), hash(disk), s.Bytes, s.SHA256)
		}
		if strings.HasSuffix(s.File, ".gz") {
			r, err := gzip.NewReader(bytes.NewReader(disk))
			ts.Check(err)
			disk, err = io.ReadAll(r)
			ts.Check(err)
		}
		plain[s.File] = disk
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(args[1:])); !slices.Equal(names, want) {
		ts.Fatalf("sources %v, want %v", names, want)
	}
	seen := map[string]bool{}
	for _, r := range m.Records {
		raw, err := os.ReadFile(filepath.Join(dir, r.Name))
		ts.Check(err)
		there := plain[r.File][r.Offset : r.Offset+int64(r.Length)]
		var rec struct{ EventID string }
		ts.Check(json.Unmarshal(raw, &rec))
		switch {
		case !bytes.Equal(raw, there):
			ts.Fatalf("%s is not what lies at %d of %s", r.Name, r.Offset, r.File)
		case hash(raw) != r.SHA256:
			ts.Fatalf("%s has hash %s; the manifest says %s", r.Name, hash(raw), r.SHA256)
		case rec.EventID != r.EventID || seen[r.EventID]:
			ts.Fatalf("%s holds event %s, twice or not as the manifest says: %s", r.Name, rec.EventID, r.EventID)
		case r.Record < 1:
			ts.Fatalf("record %d", r.Record)
		}
		seen[r.EventID] = true
	}
}
