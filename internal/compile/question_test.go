package compile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vedette/internal/question"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
)

// Every question selects calls in each of its logs, names APIs in a way that a
// catalogue or nobody has, and is said by every engine of SQL but the stream.
func TestQuestionsAreSaid(t *testing.T) {
	list, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	reg := registry(t)
	exact := 0
	for _, q := range list {
		query, err := Question(q, reg, nil)
		if err != nil {
			t.Fatal(err)
		}
		said := 0
		differs := map[string]bool{}
		for _, b := range backends.Backends() {
			a, ok := b.(siem.Asker)
			if !ok {
				continue
			}
			asked, err := a.Ask(query, b.Fields())
			if b.Name() == "sql:flink" {
				if !errors.Is(err, siem.ErrNotSaid) {
					t.Errorf("%s in %s: %v", q.ID, b.Name(), err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s in %s: %v", q.ID, b.Name(), err)
				continue
			}
			said++
			if strings.HasPrefix(b.Name(), "sql:") && len(asked.Differs)+len(asked.Check) > 0 {
				differs[b.Name()] = true
			}
			for line := range strings.Lines(asked.Text) {
				if strings.ContainsAny(line, "\x00\x1b") {
					t.Errorf("%s in %s: %q", q.ID, b.Name(), line)
				}
			}
		}
		if said < 8 {
			t.Errorf("%s is said in %d languages", q.ID, said)
		}
		if len(differs) == 0 {
			exact++
		}
	}
	if exact < 15 {
		t.Errorf("%d questions are exact on every engine of SQL", exact)
	}
}

// What a question file holds stays in its quotes.
func TestHostileQuestions(t *testing.T) {
	list, err := question.Parse("x.yaml", []byte(`
- id: x
  title: "X\n*/ DROP TABLE t"
  question: "Who?\nDROP TABLE t"
  why: why
  techniques: [T1580]
  logs: [cloudtrail.management]
  reading: read
  benign: [none]
  next: [ask]
  source: chosen
  calls: {apis: ["x'y.amazonaws.com/Get\"'X"], where: {key: "x' OR 1=1; DROP TABLE t; --"}}
  by: [principal]
`))
	if err != nil {
		t.Fatal(err)
	}
	query, err := Question(list[0], registry(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range backends.Backends() {
		a, ok := b.(siem.Asker)
		if !ok || b.Name() == "sql:flink" {
			continue
		}
		asked, err := a.Ask(query, b.Fields())
		if err != nil {
			t.Fatal(err)
		}
		inText := false
		for line := range strings.Lines(asked.Text) {
			if strings.HasPrefix(line, "-- ") || strings.HasPrefix(line, "// ") {
				continue
			}
			if !strings.Contains(line, "DROP TABLE") {
				continue
			}
			inText = true
			quoted := strings.Contains(line, `x'' OR`) || strings.Contains(line, `x\' OR`) || b.Name() == "kusto" && strings.Contains(line, `@"x' OR`)
			if !quoted {
				t.Errorf("%s: %s", b.Name(), line)
			}
		}
		if !inText {
			t.Errorf("%s: the condition is not there", b.Name())
		}
	}
}

// Stages are printed in their order, those before after over the calls of the
// question alone; and a call without an id counts by itself.
func TestStagesInOrder(t *testing.T) {
	list, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	q := list[slices.IndexFunc(list, func(q *question.Question) bool { return q.ID == "aws-vendor-role" })]
	query, err := Question(q, registry(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range backends.Backends() {
		a, ok := b.(siem.Asker)
		if !ok || b.Name() == "sql:flink" {
			continue
		}
		asked, err := a.Ask(query, b.Fields())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"own AS (", "FROM own", "came_before", "event_id = ''", "AS n_events"}
		if b.Name() == "kusto" {
			want = []string{"let Own", "let Left1 = Own", "came_before", "n_events = ", "isempty(event_id)"}
		}
		rest := asked.Text
		for _, w := range want {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Errorf("%s has no %q in its place:\n%s", b.Name(), w, asked.Text)
			}
			rest = after
		}
	}
}

func TestAsRule(t *testing.T) {
	list, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	reg := registry(t)
	rules := 0
	for _, q := range list {
		r, err := AsRule(q, reg, nil)
		switch {
		case err == nil:
			rules++
			if len(r.Legs) == 0 || r.Window.Length == 0 || len(r.Trigger) != 1 {
				t.Errorf("%s: %+v", q.ID, r)
			}
			for _, b := range backends.Backends() {
				if _, err := b.Compile(r, b.Fields()); err != nil && !errors.Is(err, siem.ErrNotSaid) {
					t.Errorf("%s in %s: %v", q.ID, b.Name(), err)
				}
			}
		case !errors.Is(err, siem.ErrNotSaid):
			t.Errorf("%s: %v", q.ID, err)
		}
	}
	if rules < 5 {
		t.Errorf("%d questions are rules", rules)
	}
}

// What a catalogue lists is selected alike by name and by class; what none
// lists is selected by its name alone.
func TestQuestionSelectsAsEventsAre(t *testing.T) {
	list, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	reg := registry(t)
	for _, q := range list {
		query, err := Question(q, reg, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, leg := range query.Legs {
			sel := leg.Calls.Selector(q.LogClasses())
			selected := 0
			for _, a := range reg.All() {
				if !a.Known || a.Log != leg.Log {
					continue
				}
				want := sel.Selects(a, false) || leg.Calls.Listed(a)
				for _, name := range a.Logged {
					if got := leg.Select.Selects(a.Service, name); got != want {
						t.Errorf("%s: %s/%s is selected by events: %v, by queries: %v", q.ID, a.Service, name, want, got)
					}
				}
				if want {
					selected++
				}
			}
			if selected == 0 && len(leg.Select.Names) == 0 {
				t.Errorf("%s selects nothing in %s", q.ID, leg.Log)
			}
		}
	}
}
