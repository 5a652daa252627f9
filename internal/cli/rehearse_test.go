package cli

import (
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
