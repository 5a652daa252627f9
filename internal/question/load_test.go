package question

import (
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	list, err := Load()
	if err != nil {
		t.Fatal(err)
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
		if !strings.HasSuffix(q.Asks, "?") {
			t.Errorf("%s: %q is no question", q.ID, q.Asks)
		}
	}
	if _, err := Add(list, list[:1]); err == nil || !strings.Contains(err.Error(), "there is a question") {
		t.Error(err)
	}
}
