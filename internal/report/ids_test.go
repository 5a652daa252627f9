package report

import (
	"bytes"
	"strings"
	"testing"

	"vedette/internal/finding"
	"vedette/internal/question"
	"vedette/internal/term"
)

// What a row has no room for stands whole below it, and only that.
func TestCutNamesStandBelow(t *testing.T) {
	const long, tenant = "entra:11111111-2222-3333-4444-555555555555/77777777-0000-0000-0000-000000000001", "22222222-3333-4444-5555-666666666666"
	rows := []finding.Row{{CloudProvider: "Azure", Identity: long, AccountID: tenant}, {CloudProvider: "AWS", Identity: "arn:short", AccountID: "111122223333"}}
	for _, c := range []struct {
		width int
		below string
	}{
		{120, "      who        " + long + "\n      account    " + tenant + "\n"},
		{160, ""},
	} {
		var b bytes.Buffer
		if err := WriteRows(&b, "table", rows, Options{Terminal: term.Terminal{Width: c.width, Unicode: true}}); err != nil {
			t.Fatal(err)
		}
		out := b.String()
		if !strings.Contains(out, c.below) || !strings.Contains(out, long) || !strings.Contains(out, tenant) || strings.Count(out, "      account ") != strings.Count(c.below, "account ") || strings.Count(out, "      who ") != strings.Count(c.below, "who ") {
			t.Errorf("width %d:\n%s", c.width, out)
		}
	}
}

// Ids of questions are typed again: they stand whole at every width, and no
// line is wider than the page for it.
func TestQuestionIDsStandWhole(t *testing.T) {
	library, err := question.Load()
	if err != nil {
		t.Fatal(err)
	}
	var list []Listed
	for _, q := range library {
		list = append(list, Listed{Question: q, Exact: []string{"sql:duckdb"}})
	}
	for _, width := range []int{50, 80, 99, 100, 120, 200} {
		var b bytes.Buffer
		if err := WriteQuestions(&b, "table", list, Options{Terminal: term.Terminal{Width: width, Unicode: true}}); err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if !strings.Contains(b.String(), "\n"+l.Question.ID+"  ") {
				t.Errorf("width %d: %s does not stand whole", width, l.Question.ID)
			}
			for _, log := range l.Question.Logs {
				if width < roomForIDs && !strings.Contains(b.String(), log) {
					t.Errorf("width %d: %s is not named", width, log)
				}
			}
		}
		for line := range strings.Lines(b.String()) {
			if term.Width(strings.TrimRight(line, "\n")) > width {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
	// An id may be longer than any page.
	var b bytes.Buffer
	long := []Listed{{Question: &question.Question{ID: strings.Repeat("x", 400), Title: "Long"}}}
	if err := WriteQuestions(&b, "table", long, Options{Terminal: term.Terminal{Width: 80}}); err != nil || !strings.Contains(b.String(), "Long") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
