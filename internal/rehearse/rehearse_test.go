package rehearse

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

func TestBuiltinTestsAreSound(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[Kind]int{}
	providers := map[string]int{}
	for _, test := range list {
		kinds[test.Kind]++
		providers[test.Provider]++
		if !strings.HasPrefix(test.Technique, "T") {
			t.Errorf("%s: technique %q", test.ID, test.Technique)
		}
	}
	if kinds[Attack] == 0 || kinds[Benign] == 0 || len(providers) != 3 {
		t.Errorf("kinds %v, providers %v", kinds, providers)
	}
}

// TestEveryScriptThatATestNamesIsThere looks for what steps take from their
// folder.
func TestEveryScriptThatATestNamesIsThere(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range list {
		for _, s := range test.Steps {
			for _, part := range strings.Split(s.Sh, "$REHEARSAL/")[1:] {
				name := part[:strings.IndexAny(part+" ", "\" \n")]
				if !slices.Contains(test.everything(), name) {
					t.Errorf("%s: no file %q", test.ID, name)
				}
			}
		}
	}
}

// TestProgramsAreNamed holds that a test names the programs that its steps
// call.
func TestProgramsAreNamed(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range list {
		for _, s := range test.Steps {
			for line := range strings.Lines(s.Sh) {
				for _, program := range []string{"aws", "az", "gcloud", "python3", "pacu", "scout", "prowler"} {
					if strings.HasPrefix(strings.TrimSpace(line), program+" ") && !slices.Contains(test.Needs, program) {
						t.Errorf("%s calls %s, which needs does not name", test.ID, program)
					}
				}
			}
		}
	}
}

const good = `
id: one
name: One
technique: T1580
provider: aws
kind: attack
about: about
needs: [aws]
cleanup: "# none"
steps:
  - {from: 203.0.113.1, pace: 1s-2s, sh: aws sts get-caller-identity}
runs:
  - {name: admin, as: user/admin, allow: ["*"], expect: {at_least: low}}
signal:
  - {said: GetCallerIdentity, logged: [GetCallerIdentity], log: cloudtrail.management}
`

func loadOne(text string) ([]*Test, error) {
	return load(fstest.MapFS{"one/test.yaml": {Data: []byte(text)}}, "tests")
}

func TestWhatIsWrongWithATestIsSaid(t *testing.T) {
	if _, err := loadOne(good); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"id: one":                    "id: two",
		"name: One":                  "name: ''",
		"provider: aws":              "provider: ibm",
		"kind: attack":               "kind: neither",
		"needs: [aws]":               "needs: []",
		"technique: T1580":           "technique: foo",
		`cleanup: "# none"`:          "cleanup: ''",
		"from: 203.0.113.1":          "from: somewhere",
		"pace: 1s-2s":                "pace: 2s-1s",
		"sh: aws sts":                "sh: '' # aws sts",
		"as: user/admin":             "as: ''",
		"{at_least: low}":            "{at_least: loud}",
		"expect: {at_least: low}":    "expect: {at_least: low, silent: true}",
		"name: admin, as":            "name: a/b, as",
		"log: cloudtrail.management": "log: azure.activity",
		"logged: [GetCallerIdentity], log: cloudtrail.management": "log: ''",
		"about: about":             "about: about\nunknown: field",
		"expect: {at_least: low}}": "expect: {at_least: low}, questions: [one, one]}",
		"allow: [\"*\"], expect":   "questions: [''], expect",
		"needs: [aws]\n":           "needs: [aws]\nchanges: 7\n",
	} {
		if !strings.Contains(good, from) {
			t.Fatalf("no %q in the test", from)
		}
		if _, err := loadOne(strings.Replace(good, from, to, 1)); err == nil || !strings.Contains(err.Error(), "one/test.yaml") {
			t.Errorf("%q for %q: %v", to, from, err)
		}
	}
	changing := strings.Replace(good, "needs: [aws]\n", "needs: [aws]\nchanges: true\n", 1)
	if _, err := loadOne(changing); err != nil {
		t.Error(err)
	}
	if _, err := loadOne(strings.NewReplacer("provider: aws", "provider: gcp", "cloudtrail.management", "gcp.data_access").Replace(changing)); err == nil || !strings.Contains(err.Error(), "changes is for steps in AWS") {
		t.Errorf("a test of Google Cloud that changes something: %v", err)
	}
	if _, err := load(fstest.MapFS{"one/other.txt": {Data: []byte("x")}}, "tests"); err == nil {
		t.Error("a folder without a test is taken")
	}
}

// playedRun lays out what a player would have left.
func playedRun(t *testing.T, run, trail string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"one/admin/run.json": run, "one/admin/trail/log.json": trail} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	oneCall = `{"eventName":"GetCallerIdentity","eventCategory":"Management"}`
	ran     = `{"test":"one","run":"admin","logs":["cloudtrail.management"],"calls":1}`
)

func judged(level string) Judging {
	give := func(context.Context, string) (*finding.Report, error) {
		r := &finding.Report{Coverage: []finding.Coverage{
			{Provider: "aws", Service: "*", Region: "*", Log: "cloudtrail.data", Verdict: "not_seen", Blind: "Data events cannot be seen."},
			{Provider: "aws", Service: "*", Region: "*", Log: "cloudtrail.management", Verdict: "reads_seen"},
		}}
		if level != "" {
			r.Findings = []finding.Finding{{Actor: finding.Actor{ID: "x", Name: "user/x"}, Judgement: finding.Judgement{Level: level, Priority: 40},
				Peak: finding.Window{Name: "burst", Events: 3, DistinctAPIs: 2}, Detections: []finding.Detection{{ID: "T1580"}}, LastSeen: "2026-03-17T12:00:00Z"}}
		}
		return r, nil
	}
	busiest := func(ctx context.Context, dir string) (*finding.Report, error) {
		level = "informational"
		return give(ctx, dir)
	}
	return Judging{Scan: give, Busiest: busiest, Questions: answered, Thresholds: []string{"T1580 fires at 1000 events"}}
}

// answered has two rows for one question, none for another, and knows no
// third.
func answered(_ context.Context, _ string, ids []string) (list []Answer, err error) {
	for _, id := range ids {
		a := Answer{ID: id}
		switch id {
		case "rows":
			a.Last = []time.Time{time.Date(2026, 3, 12, 13, 0, 0, 0, time.UTC), time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC)}
		case "none":
		default:
			return nil, errors.New("no question " + id)
		}
		list = append(list, a)
	}
	return list, nil
}

// always judges by j, whatever detections a test names.
func always(j Judging) func([]string) (Judging, error) {
	return func([]string) (Judging, error) { return j, nil }
}

func TestVerifyHoldsRunsAgainstTheirTest(t *testing.T) {
	const atLeast = "expect: {at_least: low}"
	for _, c := range []struct {
		name, expect, run, trail, level string
		logs                            string
		status                          Status
		why                             string
	}{
		{name: "found", level: "low", status: Passed},
		{name: "found higher", level: "high", status: Passed},
		{name: "too low", level: "informational", status: Failed, why: "the worst finding is informational, priority 40"},
		{name: "nothing", status: Failed, why: "made 3 calls of 2 APIs within burst, and T1580 fires at 1000 events"},
		{name: "nothing, and what cannot be seen", run: `{"logs":["cloudtrail.management","cloudtrail.data"],"calls":1}`, status: Failed, why: "cloudtrail.data: Data events cannot be seen."},
		{name: "no call", run: `{"logs":["cloudtrail.management"],"calls":0}`, level: "low", status: Failed, why: "no call was made"},
		{name: "no record", trail: " ", level: "low", status: Failed, why: "no call left a record"},
		{name: "at most", expect: "expect: {at_most: low}", level: "low", status: Passed},
		{name: "above the most", expect: "expect: {at_most: low}", level: "high", status: Failed, why: "user/x is high"},
		{name: "silent", expect: "expect: {silent: true}", status: Passed},
		{name: "not silent", expect: "expect: {silent: true}", level: "informational", status: Failed, why: "T1580 fired for user/x"},
		{name: "invisible", expect: "expect: {invisible: cloudtrail.data}", status: Passed},
		{name: "visible", expect: "expect: {invisible: cloudtrail.management}", status: Failed, why: "does not say that cloudtrail.management shows no reads"},
		{name: "invisible and found", expect: "expect: {invisible: cloudtrail.data}", level: "low", status: Failed, why: "fired"},
		{name: "faulty", run: `{"logs":["cloudtrail.management"],"calls":1,"faults":{"no name for a call":1}}`, level: "low", status: Failed, why: "no name for a call"},
		{name: "one call in a hundred not recorded", run: `{"logs":["cloudtrail.management"],"calls":100,"faults":{"no name for a call":1}}`, level: "low", status: Passed},
		{name: "an earlier day", run: `{"logs":["cloudtrail.management"],"calls":1,"from":"2026-03-17T13:00:00Z"}`, expect: "expect: {at_most: low}", level: "high", status: Passed},
		{name: "a question with rows", expect: "questions: [rows], expect: {at_least: low}", level: "low", status: Passed},
		{name: "a question without", expect: "questions: [rows, none], expect: {at_least: low}", level: "low", status: Failed, why: "question none has no answer"},
		{name: "a question with rows of earlier days alone", run: `{"logs":["cloudtrail.management"],"calls":1,"from":"2026-03-17T13:00:01Z"}`,
			expect: "questions: [rows], expect: {at_most: low}", status: Failed, why: "question rows has no answer"},
		{name: "a question of no record", trail: " ", expect: "questions: [rows], expect: {silent: true}", status: Failed, why: "question rows has no answer"},
		{name: "not undone", run: `{"logs":["cloudtrail.management"],"calls":1,"left":["there: a key"]}`, level: "low", status: Failed, why: "does not undo the test: there: a key"},
		{name: "skipped", run: `{"skipped":"needs pacu"}`, status: Skipped, why: "needs pacu"},
		{name: "another call", trail: `{"eventName":"ListBuckets"}`, level: "low", status: Failed, why: "cloudtrail.management has no record of GetCallerIdentity, though the class is on"},
		{name: "switched off", run: `{"logs":["cloudtrail.data"],"calls":1}`, trail: `{"eventName":"GetObject","eventCategory":"Data"}`, level: "low", status: Failed, why: "cloudtrail.management has no record of GetCallerIdentity, and the class is switched off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := good
			if c.expect != "" {
				text = strings.Replace(text, atLeast, c.expect, 1)
			}
			tests, err := loadOne(text)
			if err != nil {
				t.Fatal(err)
			}
			run, trail := c.run, c.trail
			if run == "" {
				run = ran
			}
			if trail == "" {
				trail = oneCall
			}
			got, err := Verify(t.Context(), playedRun(t, run, trail), tests, false, always(judged(c.level)))
			if err != nil {
				t.Fatal(err)
			}
			r := got.Results[0]
			if r.Status != c.status || !strings.Contains(strings.Join(append(r.Why, r.Notes...), "\n"), c.why) {
				t.Errorf("%s, because %q; want %s, because %q", r.Status, r.Why, c.status, c.why)
			}
			if n := map[Status]int{Passed: got.Passed, Failed: got.Failed, Skipped: got.Skipped}; n[c.status] != 1 {
				t.Errorf("counted %v", n)
			}
		})
	}
}

// TestAnUnknownQuestionIsAnError holds that a claim of a question that is not
// there is told apart from one that has no answer, and that rows are counted.
func TestAnUnknownQuestionIsAnError(t *testing.T) {
	for claim, want := range map[string]string{"rows": "", "nobody": "no question nobody"} {
		tests, err := loadOne(strings.Replace(good, "expect:", "questions: ["+claim+"], expect:", 1))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(t.Context(), playedRun(t, ran, oneCall), tests, false, always(judged("low")))
		if want == "" {
			if err != nil || !slices.Equal(got.Results[0].Questions, []QuestionCheck{{"rows", 2}}) {
				t.Errorf("%+v, %v", got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestVerifyMissesWhatMustHaveBeenPlayed(t *testing.T) {
	text := strings.Replace(good, "runs:\n", "runs:\n  - {name: low, as: user/low, allow: [], expect: {silent: true}}\n", 1)
	tests, err := loadOne(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(t.Context(), playedRun(t, ran, oneCall), tests, true, always(judged("low")))
	if err != nil || got.Passed != 1 || got.Failed != 1 || got.Results[1].Why[0] != "it was not played" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestVerifyWithoutRuns(t *testing.T) {
	tests, err := loadOne(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), t.TempDir(), tests, false, always(judged(""))); !errors.Is(err, ErrNotPlayed) {
		t.Error(err)
	}
}

func TestNamesAreReadFromEveryLog(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": `{"Records":[{"eventName":"ListBuckets","eventCategory":"Management"},{"eventName":"GetObject","eventCategory":"Data"}]}`,
		"b.json": `{"category":"AuditEvent","operationName":"SecretList"}` + "\r\n" + `{"category":"Administrative","operationName":"X/LISTKEYS/ACTION"}` + "\n" +
			`{"category":"StorageRead","operationName":"ListBlobs"}` + "\n" +
			`{"category":"MicrosoftGraphActivityLogs","operationName":"Microsoft Graph Activity","properties":{"requestMethod":"GET","requestUri":"https://graph.microsoft.com/v1.0/users?$top=5"}}`,
		"c.json": `{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access","protoPayload":{"methodName":"storage.buckets.list"}}` + "\n" +
			`{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"methodName":"SetIamPolicy"}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := recorded(dir)
	if err != nil {
		t.Fatal(err)
	}
	for l, name := range map[event.Log]string{
		event.CloudTrailManagement: "ListBuckets", event.CloudTrailData: "GetObject", event.AzureKeyVault: "SecretList",
		event.AzureActivity: "X/LISTKEYS/ACTION", event.AzureStorage: "ListBlobs", event.AzureGraph: "GET /users",
		event.GCPDataAccess: "storage.buckets.list", event.GCPActivity: "SetIamPolicy",
	} {
		if !maps.Equal(got[l], map[string]int{name: 1}) {
			t.Errorf("%s: %v", l, got[l])
		}
	}
}

// TestPlanIsAScript holds that a plan says what it needs and cleans up after
// itself, and has the files that it runs.
func TestPlanIsAScript(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range list {
		plan := Plan(test)
		if test.Recipe == nil && !strings.Contains(plan, "# Clean-up\n") {
			t.Errorf("%s: no clean-up", test.ID)
		}
		for _, name := range test.used() {
			if !strings.Contains(plan, "cat >\"$REHEARSAL/"+name+"\"") {
				t.Errorf("%s: %s is not in the plan", test.ID, name)
			}
		}
	}
}
