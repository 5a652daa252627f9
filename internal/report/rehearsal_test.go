package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"vedette/internal/rehearse"
)

// TestRehearsalPage holds that the page's tables are made of the results
// beside it.
func TestRehearsalPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/rehearsal.json")
	if err != nil {
		t.Fatal(err)
	}
	var r rehearse.Rehearsal
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/rehearsal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(page), "<!-- results: generated, do not edit -->\n")
	shown, _, ended := strings.Cut(rest, "<!-- results: end -->")
	var want bytes.Buffer
	if err := WriteRehearsal(&want, "markdown", &r, Options{}); err != nil {
		t.Fatal(err)
	}
	if !begun || !ended || shown != want.String() {
		t.Error("docs/rehearsal.md is not what docs/rehearsal.json gives: conformance/run.sh --only rehearse writes both")
	}
}

// TestRehearsalsAreHarmless holds that what tests and logs say leaves no cell
// of a table and no element.
func TestRehearsalsAreHarmless(t *testing.T) {
	const bad = "a|b <script>`x` \x1b[31m\n*y*"
	r := &rehearse.Rehearsal{Failed: 1, Results: []rehearse.Result{{
		Test: bad, Run: bad, Name: bad, About: bad, Want: bad, Got: bad, Status: rehearse.Failed, Why: []string{bad}, Logs: []string{bad}, Origin: bad,
		Finding: &rehearse.Found{Actor: bad, Level: bad}, Signals: []rehearse.SignalCheck{{Said: bad, Logged: []string{bad}, Note: bad}},
		Questions: []rehearse.QuestionCheck{{ID: bad, Rows: 1}},
	}}}
	for _, f := range RehearsalFormats() {
		var b bytes.Buffer
		if err := WriteRehearsal(&b, string(f), r, Options{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: an escape sequence gets through", f)
		}
		switch f {
		case JUnit:
			if err := xml.Unmarshal(b.Bytes(), new(junit)); err != nil || strings.Contains(b.String(), "<script>") {
				t.Errorf("junit: %v", err)
			}
		case Markdown:
			if strings.Contains(b.String(), "<script>") || strings.Contains(b.String(), "| a|b") {
				t.Errorf("markdown:\n%s", b.String())
			}
		}
	}
}

// TestRehearsalShowsHuntingQuestions holds that each question that a run claims
// is shown once, with the runs that it has rows on and those that it lacks.
func TestRehearsalShowsHuntingQuestions(t *testing.T) {
	asked := func(rows ...int) (list []rehearse.QuestionCheck) {
		for i, n := range rows {
			list = append(list, rehearse.QuestionCheck{ID: []string{"two", "one"}[i], Rows: n})
		}
		return list
	}
	r := &rehearse.Rehearsal{Passed: 1, Failed: 1, Results: []rehearse.Result{
		{Test: "a", Run: "low", Status: rehearse.Passed, Questions: asked(1, 2)},
		{Test: "b", Run: "admin", Status: rehearse.Failed, Questions: asked(0, 3)},
	}}
	for format, want := range map[Format][]string{
		Table:    {"one ", "2  a low, b admin", "two ", "1 of 2  a low"},
		Markdown: {"| one | 2 | a low, b admin |\n| two | 1 of 2 | a low |\n"},
		JSON:     {`"questions": [`, `"id": "two"`, `"rows": 0`},
	} {
		var b bytes.Buffer
		if err := WriteRehearsal(&b, string(format), r, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: no %q in\n%s", format, w, b.String())
			}
		}
	}
	var b bytes.Buffer
	if err := WriteTests(&b, []*rehearse.Test{{ID: "a", Runs: []rehearse.Run{{Name: "low", Questions: []string{"two"}}, {Name: "admin", Questions: []string{"one", "two"}}}}}, Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "one, two") {
		t.Errorf("the list:\n%s", b.String())
	}
}
