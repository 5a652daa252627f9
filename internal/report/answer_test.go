package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"vedette/internal/question"
	"vedette/internal/term"
)

// What logs hold reaches no terminal and no spreadsheet as more than text, and
// JSON letter for letter.
func TestAnswersAreHarmless(t *testing.T) {
	const hostile = "=cmd|'/c calc'!A1\x1b[2J\u202e<script>"
	at := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	q := &question.Question{ID: "x", Title: "X", Asks: "Who?", Reading: "Read.", By: []question.Field{question.Principal, question.Client}, Lists: []question.Field{question.API}, Per: question.Span(time.Hour)}
	a := &question.Answer{Question: q, Rows: []question.Row{{
		Start: at, First: at, Last: at, Values: []string{hostile, hostile}, Counts: []int{2, 1}, Lists: [][]string{{hostile}}, Evidence: []string{hostile},
	}}}
	write := func(format Format) string {
		var b bytes.Buffer
		if err := WriteAnswers(&b, string(format), []*question.Answer{a}, Options{Terminal: term.Terminal{Width: 100, Unicode: true}}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, f := range []Format{Table, CSV} {
		if out := write(f); strings.ContainsAny(out, "\x1b\u202e") {
			t.Errorf("%s: %q", f, out)
		}
	}
	cells, err := csv.NewReader(strings.NewReader(write(CSV))).ReadAll()
	if err != nil || len(cells) != 2 || len(cells[0]) != len(cells[1]) {
		t.Fatalf("%v %v", cells, err)
	}
	for _, c := range cells[1] {
		if strings.HasPrefix(c, "=") {
			t.Errorf("a formula: %q", c)
		}
	}
	for _, f := range []Format{JSON, NDJSON} {
		out := strings.TrimSuffix(strings.TrimPrefix(write(f), "["), "]\n")
		var row map[string]any
		if err := json.Unmarshal([]byte(out), &row); err != nil {
			t.Fatal(err)
		}
		if row["principal"] != hostile || row["question"] != "x" || row["events"] != 2.0 {
			t.Errorf("%s: %v", f, row)
		}
	}
	if err := WriteAnswers(&bytes.Buffer{}, string(CSV), []*question.Answer{a, a}, Options{}); err == nil {
		t.Error("two questions in one csv")
	}
	a.Rows = nil
	if out := write(Table); !strings.Contains(out, "What is not in it was not seen.") {
		t.Errorf("nothing found, without a word of what was not seen: %q", out)
	}
}

// What is typed again stands whole: accounts in their column, a caller's name
// below its row where the column cuts it.
func TestAnswersKeepNames(t *testing.T) {
	const who, account = "entra:11111111-2222-3333-4444-555555555555/77777777-0000-0000-0000-000000000001", "22222222-3333-4444-5555-666666666666"
	q := &question.Question{ID: "x", Title: "X", Asks: "Who?", Reading: "Read.", By: []question.Field{question.Principal, question.Account},
		Lists: []question.Field{question.API, question.Address}, Benign: []string{"A scanner, which asks", "A person"}}
	a := &question.Answer{Question: q, Rows: []question.Row{
		{Values: []string{who, account}, Counts: []int{2, 1}, Lists: [][]string{{"one"}, {"192.0.2.1"}}},
		{Values: []string{"ada", account}, Counts: []int{9, 7}, Lists: [][]string{{"one", "two"}, {"192.0.2.1"}}}}}
	var b bytes.Buffer
	if err := WriteAnswers(&b, string(Table), []*question.Answer{a}, Options{Terminal: term.Terminal{Width: 100, Unicode: true}}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if strings.Count(out, account) != 2 || strings.Count(out, "principal  "+who+"\n") != 1 || strings.Count(out, "principal  ") != 1 {
		t.Errorf("names are cut, or told twice:\n%s", out)
	}
	// A list of a row that is cut says by how much, where a figure knows.
	if !strings.Contains(out, "api        one, two, and 5 not listed\n") || !strings.Contains(out, "api        one\n") || strings.Count(out, "not listed") != 1 {
		t.Errorf("what is left out of lists:\n%s", out)
	}
	if !strings.Contains(out, "benign     A scanner, which asks\n                 A person\n") {
		t.Errorf("sentences run together:\n%s", out)
	}
}
