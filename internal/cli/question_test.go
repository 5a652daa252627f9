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
	"vedette/internal/rehearse"
	"vedette/internal/scenario"
	backends "vedette/internal/siem/all"
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

// docs/questions.md has every question with what each language says of it.
func TestQuestionsAreDocumented(t *testing.T) {
	if testing.Short() {
		t.Skip("texts, which the tests at full length hold")
	}
	list, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := rehearse.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var table, parts strings.Builder
	table.WriteString("| Question | SQL | Kusto | Rule | Why not, or in what nearly |\n| --- | --- | --- | --- | --- |\n")
	for _, q := range list {
		grade := func(s said) string {
			switch {
			case s.err != nil:
				return "no"
			case len(s.differs) > 0:
				return "nearly"
			}
			return "exact"
		}
		sql, kusto, rule := map[string]bool{}, "", map[string][]string{}
		var why []string
		add := func(s string) {
			if s = strings.ReplaceAll(strings.TrimPrefix(s, "cannot be said in this language: "), "|", `\|`); !slices.Contains(why, s) {
				why = append(why, s)
			}
		}
		for _, b := range backends.Backends() {
			s := say(b, q, reg, nil, b.Fields())
			switch name := b.Name(); {
			case name == "sql:flink":
				if s.err == nil {
					t.Errorf("%s is said of a stream", q.ID)
				}
			case strings.HasPrefix(name, "sql:"):
				sql[grade(s)] = true
				for _, d := range s.differs {
					add(d)
				}
			case name == "kusto":
				kusto = grade(s)
			default:
				rule[grade(s)] = append(rule[grade(s)], name)
				if s.err != nil {
					add(s.err.Error())
				}
			}
		}
		rules := "no"
		if n := len(rule["nearly"]); n > 0 {
			rules = "nearly"
			if len(rule["no"]) > 0 {
				rules += " (not " + strings.Join(rule["no"], ", ") + ")"
			}
		}
		if len(sql) != 1 {
			t.Errorf("%s: engines of SQL differ: %v", q.ID, sql)
		}
		fmt.Fprintf(&table, "| [%s](#%s) | %s | %s | %s | %s |\n", q.ID, q.ID, slices.Collect(maps.Keys(sql))[0], kusto, rules, strings.Join(why, "; "))
		fmt.Fprintf(&parts, "### %s\n\n**%s** %s\n\n", q.ID, q.Title+".", q.Asks)
		fmt.Fprintf(&parts, "- Why: %s\n- A row: %s\n- Usually harmless: %s.\n- Next: %s.\n- ATT&CK %s; logs %s. Source: %s.\n- Rehearsed: %s.\n\n",
			q.Why, q.Reading, strings.Join(q.Benign, "; "), strings.Join(q.Next, "; "), strings.Join(q.Techniques, ", "), strings.Join(q.Logs, ", "), q.Source, rehearsedBy(tests, q.ID))
	}
	file := filepath.Join(root, "docs", "questions.md")
	page := readDoc(t, file)
	written := page
	for name, text := range map[string]string{"questions table": table.String(), "questions": strings.TrimRight(parts.String(), "\n") + "\n"} {
		begin, end := "<!-- "+name+": generated, do not edit -->\n", "<!-- "+name+": end -->"
		head, rest, ok := strings.Cut(written, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("docs/questions.md has no part %q", name)
		}
		written = head + begin + text + end + tail
	}
	if written == page {
		return
	}
	if !*updateDocs {
		t.Fatal("docs/questions.md is behind the questions: run go test ./internal/cli -update-docs")
	}
	writeDoc(t, file, written)
}

// rehearsedBy names the tests, with their runs, whose logs a question has rows
// on.
func rehearsedBy(tests []*rehearse.Test, id string) string {
	var list []string
	for _, test := range tests {
		var runs []string
		for _, r := range test.Runs {
			if slices.Contains(r.Questions, id) {
				runs = append(runs, r.Name)
			}
		}
		if len(runs) > 0 {
			list = append(list, fmt.Sprintf("`%s` (%s)", test.ID, strings.Join(runs, ", ")))
		}
	}
	return strings.Join(list, ", ")
}
