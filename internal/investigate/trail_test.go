package investigate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/cloud/all"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/scan"
)

// day is when the made trails play.
var noon = time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)

// object is a JSON object.
type object = map[string]any

// aws is a CloudTrail record n minutes after noon; more lays members over it.
func aws(id int, minutes float64, identity object, source, name string, more object) object {
	r := object{
		"eventVersion": "1.11", "eventCategory": "Management", "eventType": "AwsApiCall", "awsRegion": "eu-west-1",
		"eventTime": noon.Add(time.Duration(minutes * float64(time.Minute))).Format(time.RFC3339), "eventID": uuid(id),
		"eventSource": source + ".amazonaws.com", "eventName": name, "userIdentity": identity, "sourceIPAddress": "203.0.113.5",
		"userAgent": "Boto3/1.34", "recipientAccountId": "111122223333", "readOnly": strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "List"),
	}
	maps.Copy(r, more)
	return r
}

func uuid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func user(name, key string) object {
	return object{"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/" + name, "accountId": "111122223333", "userName": name, "accessKeyId": key}
}

func role(name, session, key string) object {
	return object{"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/" + name + "/" + session, "accountId": "111122223333", "accessKeyId": key,
		"sessionContext": object{"sessionIssuer": object{"type": "Role", "arn": "arn:aws:iam::111122223333:role/" + name, "userName": name, "accountId": "111122223333"}}}
}

// assumed is what AssumeRole answers.
func assumed(name, session, key string) object {
	return object{"requestParameters": object{"roleArn": "arn:aws:iam::111122223333:role/" + name}, "responseElements": object{
		"credentials":     object{"accessKeyId": key},
		"assumedRoleUser": object{"arn": "arn:aws:sts::111122223333:assumed-role/" + name + "/" + session}}}
}

// write puts records into files, n a file, and returns the folder.
func write(t testing.TB, n int, records ...object) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(records); i += n {
		data, err := json.Marshal(object{"Records": records[i:min(i+n, len(records))]})
		if err != nil {
			t.Fatal(err)
		}
		// Each file has the same records under the same name in any order.
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.json", i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lines puts records into one file, one a line.
func lines(t testing.TB, records ...object) string {
	t.Helper()
	var b strings.Builder
	for _, r := range records {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(data, '\n'))
	}
	name := filepath.Join(t.TempDir(), "log.json")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// options look into a principal over paths.
func options(t testing.TB, uid string, workers int, paths ...string) Options {
	return Options{
		Principal: func(p string) bool { return p == uid }, Around: 24 * time.Hour, Evidence: -1, Guide: DefaultGuide(),
		Read: func(visits func() Visit) ([]finding.Coverage, error) {
			o := scan.Options{Paths: paths, Providers: all.Providers()}
			o.Engine.Workers = workers
			res, err := scan.Visit(context.Background(), o, func() scan.Visitor { return shown(visits()) })
			if err != nil {
				return nil, err
			}
			return res.Report.Coverage, nil
		},
		Network: func(a string) string { return a }, Family: func(a []byte) string { f, _, _ := strings.Cut(string(a), "/"); return f },
		Follow: func(a *event.API) string {
			return map[string]string{"CreateAccessKey": "keys", "GetSecretValue": "secrets", "StopLogging": "logging"}[a.Name]
		},
	}
}

type shown Visit

func (v shown) Event(file string, r *scan.Record, ev *event.Event) {
	v(file, int(r.Number)+1, r.Native, ev)
}

func run(t testing.TB, o Options) *Walk {
	t.Helper()
	w, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// burst is the time in question of a made trail.
func burst(o Options, from, to float64) Options {
	o.Since = noon.Add(time.Duration(from * float64(time.Minute)))
	o.Until = noon.Add(time.Duration(to * float64(time.Minute)))
	return o
}

// step returns a step of a walk by its id.
func step(t testing.TB, w *Walk, id string) *Step {
	t.Helper()
	for i := range w.Steps {
		if w.Steps[i].ID == id {
			return &w.Steps[i]
		}
	}
	t.Fatalf("there is no step %q", id)
	return nil
}

// says reports whether the answer of a step has a text.
func says(t testing.TB, w *Walk, id, text string) {
	t.Helper()
	if got := strings.Join(step(t, w, id).Answer, "\n"); !strings.Contains(got, text) {
		t.Errorf("step %s does not say %q:\n%s", id, text, got)
	}
}
