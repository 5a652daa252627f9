package cli

import (
	"strings"
	"testing"

	"vedette/internal/finding"
)

func TestPick(t *testing.T) {
	list := []finding.Finding{{ID: "abc1"}, {ID: "abc2", PreviousIDs: []string{"dead"}}, {ID: "abc"}}
	for _, c := range []struct{ id, want, err string }{
		{"abc1", "abc1", ""},
		{"ABC1", "abc1", ""},
		{"abc", "abc", ""}, // the whole of one and the beginning of others
		{"de", "abc2", ""},
		{"ab", "", `"ab" is the beginning of 3 findings: abc1, abc2, abc`},
		{"f", "", `no finding "f" among 3`},
	} {
		f, err := pick(list, c.id)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want %s", c.id, err, c.err)
		case c.err == "" && (err != nil || f.ID != c.want):
			t.Errorf("%s: %v, %v, want %s", c.id, f, err, c.want)
		}
	}
}
