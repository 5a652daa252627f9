package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
	"vedette/internal/investigate"
	"vedette/internal/respond"
)

// investigated runs the command for JSON with all evidence.
func investigated(t *testing.T, args ...string) *investigate.Walk {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"investigate", "-f", "json", "--evidence", "all"}, args...)
	if code := Main(args, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8}); code != ExitDone {
		t.Fatalf("%q ends with %d: %s", args, code, stderr.String())
	}
	var w investigate.Walk
	if err := json.Unmarshal(stdout.Bytes(), &w); err != nil {
		t.Fatal(err)
	}
	return &w
}

// found scans and returns the findings.
func found(t *testing.T, path string) []finding.Finding {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"scan", path, "-f", "json"}, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8}); code != ExitDone {
		t.Fatalf("scan ends with %d: %s", code, stderr.String())
	}
	var r finding.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r.Findings
}

// rawCloudTrail reads a record by encoding/json alone: the n-th of a file.
func rawCloudTrail(t *testing.T, at finding.At) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(at.File))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(at.File, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	var file struct{ Records []map[string]any }
	if err := json.Unmarshal(data, &file); err != nil || at.Record < 1 || at.Record > len(file.Records) {
		t.Fatalf("%v: no such record (%v)", at, err)
	}
	return file.Records[at.Record-1]
}

// member is the text at a path of keys.
func member(r map[string]any, path ...string) string {
	for _, k := range path[:len(path)-1] {
		r, _ = r[k].(map[string]any)
	}
	s, _ := r[path[len(path)-1]].(string)
	return s
}

// TestInvictusChain: for each denied role of the Invictus set, the chain back
// to the user that started it; every event that a step cites is in the raw
// logs where the step says, and shows what the link says.
func TestInvictusChain(t *testing.T) {
	if testing.Short() {
		t.Skip("holds events against the raw files, which takes long")
	}
	dir := filepath.Join("..", "..", "..", "shared", "logs", "aws", "invictus-ir__aws_dataset", "CloudTrail")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real logs are not beside the checkout:", err)
	}
	roles := 0
	for _, f := range found(t, dir) {
		w := investigated(t, f.ID, dir)
		events := 0
		for _, s := range w.Steps {
			for _, e := range s.Evidence {
				events++
				r := rawCloudTrail(t, e.At)
				if member(r, "eventID") != e.EventID || !strings.HasPrefix(member(r, "eventName"), e.Operation) || member(r, "eventSource") != e.Service || member(r, "eventTime") != e.Time {
					t.Errorf("step %s cites %+v, and there is %v", s.ID, e, r["eventID"])
				}
			}
		}
		if events < 10 {
			t.Errorf("%s: %d events cited", f.ID, events)
		}
		if f.Actor.Kind != "iam_role" || f.Outcomes.Denied != f.Events {
			continue
		}
		roles++
		if len(w.Facts.Lineage.Ways) != 1 || w.Facts.Lineage.Ways[0].Calls != f.Events {
			t.Fatalf("%s: ways %+v", f.ID, w.Facts.Lineage.Ways)
		}
		way := w.Facts.Lineage.Ways[0]
		to := f.Actor.ID
		key := ""
		for i := len(way.Chain) - 1; i >= 0; i-- {
			l := way.Chain[i]
			r := rawCloudTrail(t, l.At)
			if member(r, "eventID") != l.EventID || member(r, "eventName") != l.Via || l.To != to ||
				member(r, "userIdentity", "arn") != l.From && member(r, "userIdentity", "sessionContext", "sessionIssuer", "arn") != l.From ||
				member(r, "responseElements", "credentials", "accessKeyId") != l.Key || member(r, "requestParameters", "roleArn") != l.To {
				t.Errorf("link %+v, and the record is %v", l, r)
			}
			if key != "" && l.Key != key {
				t.Errorf("the link hands out %s and the next is made with %s", l.Key, key)
			}
			key, to = member(r, "userIdentity", "accessKeyId"), l.From
		}
		if to != "arn:aws:iam::123837392027:user/bert-jan" || way.Root.Principal != to || way.Root.By != "long_lived_key" || way.Root.ID != key {
			t.Errorf("%s: the chain ends at %s, root %+v", f.ID, to, way.Root)
		}
		for _, e := range w.Steps[1].Evidence {
			if used := member(rawCloudTrail(t, e.At), "userIdentity", "accessKeyId"); used != way.Chain[len(way.Chain)-1].Key {
				t.Errorf("%s was called with %s", e.EventID, used)
			}
		}
	}
	if roles < 2 {
		t.Errorf("%d denied roles", roles)
	}
}

// TestInvestigateExamples: every finding of the examples, of three clouds; the
// figures of the time in question hold those of the finding.
func TestInvestigateExamples(t *testing.T) {
	examples := filepath.Join(root, "examples")
	clouds := map[string]int{}
	for _, f := range found(t, examples) {
		w := investigated(t, f.ID, examples)
		clouds[w.Subject.Provider]++
		d := w.Facts.Activity.During
		if d.Calls < f.Events || d.APIs < f.DistinctAPIs || d.Outcomes.Denied < f.Outcomes.Denied {
			t.Errorf("%s: %d calls to %d operations, %d denied; the finding has %d, %d, %d", f.ID, d.Calls, d.APIs, d.Outcomes.Denied, f.Events, f.DistinctAPIs, f.Outcomes.Denied)
		}
		if f.Chain != nil {
			link := w.Facts.Lineage.Ways[0].Chain
			if len(link) < len(f.Chain) || link[len(link)-1].EventID != f.Chain[len(f.Chain)-1].EventID {
				t.Errorf("%s: chain %+v, the finding has %+v", f.ID, link, f.Chain)
			}
		}
		if w.Facts.Slice.Calls == 0 && f.Slice != "" {
			t.Errorf("%s: no call of the part %s", f.ID, f.Slice)
		}
		for _, s := range f.Slices {
			if s.Name == f.Slice && s.Events > w.Facts.Slice.Calls {
				t.Errorf("%s: %d calls of the part %s, which has %d", f.ID, w.Facts.Slice.Calls, s.Name, s.Events)
			}
		}
	}
	if len(clouds) != 3 {
		t.Errorf("findings of %v", clouds)
	}
}

// TestGuideLeadsToPhases: what the guide says of the playbook, the playbook
// has.
func TestGuideLeadsToPhases(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"playbook", "--principal-type", "aws_user_key", "-f", "json"}, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8}); code != ExitDone {
		t.Fatalf("code %d: %s", code, stderr.String())
	}
	var book respond.Playbook
	if err := json.Unmarshal(stdout.Bytes(), &book); err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`(?m)^ +playbook: (\S+)$`).FindAllStringSubmatch(string(investigate.GuideFile()), -1)
	if len(links) == 0 {
		t.Fatal("the guide leads to no phase")
	}
	for _, l := range links {
		if !slices.ContainsFunc(book.Phases, func(p respond.Phase) bool { return p.ID == l[1] }) {
			t.Errorf("there is no phase %q", l[1])
		}
	}
}
