package tsv

import (
	"reflect"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	text := "# a note\nname\twhat\r\n\na\tb\r\n# another\n\tc"
	rows, err := Rows("x.tsv", text, "name what")
	if err != nil {
		t.Fatal(err)
	}
	if want := []Row{{4, []string{"a", "b"}}, {6, []string{"", "c"}}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("%v, want %v", rows, want)
	}
	if got, want := Must("x.tsv", text, "name what"), [][]string{{"a", "b"}, {"", "c"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRowsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "x.tsv: no header",
		"# name\twhat\n":         "x.tsv: no header",
		"what\tname\na\tb\n":     `x.tsv:1: the columns are ["what" "name"]`,
		"name\na\n":              `x.tsv:1: the columns are ["name"]`,
		"name\twhat\na\tb\na\n":  "x.tsv:3: 1 fields, want 2",
		"name\twhat\na\tb\tc\n":  "x.tsv:2: 3 fields, want 2",
		"\n# n\nname\twhat\na b": "x.tsv:4: 1 fields, want 2",
	} {
		if _, err := Rows("x.tsv", text, "name what"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Must takes %q", text)
				}
			}()
			Must("x.tsv", text, "name what")
		}()
	}
}
