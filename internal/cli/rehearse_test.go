package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vedette/internal/event"
	"vedette/internal/question"
	"vedette/internal/rehearse"
)

// TestEveryQuestionIsRehearsed holds that each hunting question of the library
// has an answer on a rehearsal: a run of an attack claims it, which verify then
// holds against the run's logs.
func TestEveryQuestionIsRehearsed(t *testing.T) {
	library, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := rehearse.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	claimed := map[string]bool{}
	for _, test := range tests {
		for _, run := range test.Runs {
			for _, id := range run.Questions {
				i := slices.IndexFunc(library, func(q *question.Question) bool { return q.ID == id })
				if i < 0 {
					t.Errorf("%s, run %s: there is no question %q", test.ID, run.Name, id)
					continue
				}
				if test.Kind == rehearse.Attack {
					claimed[id] = true
				}
				if !slices.ContainsFunc(library[i].LogClasses(), func(l event.Log) bool { return l.Cloud().String() == test.Provider }) {
					t.Errorf("%s, run %s: %s is asked of no log of %s", test.ID, run.Name, id, test.Provider)
				}
			}
		}
	}
	for _, q := range library {
		if !claimed[q.ID] {
			t.Errorf("no run of an attack test claims an answer to %s", q.ID)
		}
	}
}

// TestCleanSaysWhatItRemoved holds that no run is said to be removed where none
// was.
func TestCleanSaysWhatItRemoved(t *testing.T) {
	dir := t.TempDir()
	p := rehearse.Player{Dir: dir}
	if err := p.Play(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	clean := func() string {
		var told bytes.Buffer
		if err := (&rehearseClean{rehearsal{dir}}).Run(IO{Stdout: &told}); err != nil {
			t.Fatal(err)
		}
		return told.String()
	}
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, want := clean(), "there is no run in "+dir+"\nleft, no run's: "+mine+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := rehearse.Mark(dir, "one", "low"); err != nil {
		t.Fatal(err)
	}
	if got, want := clean(), "removed 1 run of "+dir+"\nleft, no run's: "+mine+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
