package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/question"
	"vedette/internal/scenario"
)

var questionTrails = flag.String("question-trails", "", "write the trails that answer questions into this folder")

// play is a scenario that a question is asked of; testdata/questions.yaml says
// what its members are.
type play struct {
	Scenario string             `yaml:"scenario"`
	Make     *scenario.Scenario `yaml:"make"`
	Callers  int                `yaml:"callers"`
	N        int                `yaml:"n"`
	Run      int                `yaml:"run"`
	Earlier  time.Duration      `yaml:"earlier"`
	Set      map[string]any     `yaml:"set"`
}

type asked struct {
	Answer []play `yaml:"answer"`
	Benign []play `yaml:"benign"`
}

type askedFile struct {
	Questions map[string]asked    `yaml:"questions"`
	Usual     map[string][]string `yaml:"usual"`
}

// played writes the records of plays, one a line, in one file.
func played(t *testing.T, lib *scenario.Library, plays []play, file string) {
	t.Helper()
	start := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	for i, p := range plays {
		s := p.Make
		if s == nil {
			n := slices.IndexFunc(lib.Scenarios, func(s *scenario.Scenario) bool { return s.ID == p.Scenario })
			if n < 0 {
				t.Fatalf("there is no scenario %q", p.Scenario)
			}
			s = lib.Scenarios[n]
		}
		first := p.N
		if first == 0 {
			first = 100 * (i + 1)
		}
		for n := range max(p.Callers, 1) {
			for _, r := range lib.PlayAgain(s, first+n, p.Run, start.Add(-p.Earlier), scenario.Forge{}).Records {
				if p.Set != nil {
					var members map[string]any
					if err := json.Unmarshal(r, &members); err != nil {
						t.Fatal(err)
					}
					maps.Copy(members, p.Set)
					var err error
					if r, err = json.Marshal(members); err != nil {
						t.Fatal(err)
					}
				}
				out.Write(r)
				out.WriteByte('\n')
			}
		}
	}
	if out.Len() == 0 {
		t.Fatalf("%s: no record", file)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rowsOf runs a hunt over files and returns its rows.
func rowsOf(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"hunt", "-q", "-f", "json"}, args...)
	if code := Main(args, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8}); code != ExitDone {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr.String())
	}
	var rows []map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// Every question has an answer in a trail that is known to be one, with ids of
// events that are in it, and none in what is usual.
func TestQuestionsAreAnswered(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "questions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var f askedFile
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	list, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if *questionTrails != "" {
		dir = *questionTrails
	}
	known := map[string]bool{}
	for _, q := range list {
		known[q.ID] = true
		t.Run(q.ID, func(t *testing.T) {
			a, ok := f.Questions[q.ID]
			if !ok {
				t.Fatal("testdata/questions.yaml has no trail for it")
			}
			answer, benign := filepath.Join(dir, q.ID+".jsonl"), filepath.Join(t.TempDir(), "benign.jsonl")
			played(t, lib, a.Answer, answer)
			usual := a.Benign
			if usual == nil {
				for _, s := range f.Usual[q.Clouds()[0].String()] {
					usual = append(usual, play{Scenario: s})
				}
			}
			played(t, lib, usual, benign)
			rows := rowsOf(t, q.ID, answer)
			if len(rows) == 0 {
				t.Error("no row in a trail that is an answer")
			}
			records, err := os.ReadFile(answer)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				ids := r["evidence"].([]any)
				if len(ids) == 0 {
					t.Errorf("no evidence: %v", r)
				}
				for _, id := range ids {
					if !bytes.Contains(records, fmt.Appendf(nil, "%q", id)) {
						t.Errorf("evidence %v is in no record", id)
					}
				}
			}
			if rows := rowsOf(t, q.ID, benign); len(rows) > 0 {
				t.Errorf("%d rows in what is usual, such as %v", len(rows), rows[0])
			}
		})
	}
	for id := range f.Questions {
		if !known[id] {
			t.Errorf("testdata/questions.yaml has a trail for %s, which is no question", id)
		}
	}
}
