package question

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLoad(t *testing.T) {
	list, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(Fields()) != numFields || Fields()[0] != Principal {
		t.Errorf("%d fields: calls have room for %d, the principal first", len(Fields()), numFields)
	}
	if len(list) < 25 {
		t.Errorf("%d questions", len(list))
	}
	for _, q := range list {
		for _, text := range append([]string{q.Title, q.Asks, q.Why, q.Reading}, append(q.Benign, q.Next...)...) {
			if strings.Contains(text, "  ") || strings.ContainsAny(text, "`|") {
				t.Errorf("%s: %q", q.ID, text)
			}
		}
		for _, text := range append(q.Benign, q.Next...) {
			if c, _ := utf8.DecodeRuneInString(text); !unicode.IsUpper(c) {
				t.Errorf("%s: %q is the rest of a sentence that a comma cut", q.ID, text)
			}
		}
		if !strings.HasSuffix(q.Asks, "?") {
			t.Errorf("%s: %q is no question", q.ID, q.Asks)
		}
	}
	if _, err := Add(list, list[:1]); err == nil || !strings.Contains(err.Error(), "there is a question") {
		t.Error(err)
	}
}
