package siem

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	long := strings.Repeat("x", 30)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"a line that fits", []string{"a line that fits"}},
		{"one two three four five six", []string{"one two three four", "  five six"}},
		{long, []string{long}},
		{long + " two", []string{long, "  two"}},
		{"See " + long, []string{"See", "  " + long}},
		{"See " + long + " and " + long + " too", []string{"See", "  " + long, "  and", "  " + long, "  too"}},
	} {
		if got := wrap(c.text, 20); !slices.Equal(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

// TestWrapLosesNothing: whatever the text, its words are all there in order,
// and a line is too wide only where one word is.
func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-zé]{1,30}`)).Draw(t, "words")
		lines := wrap(strings.Join(words, " "), 20)
		if got := strings.Fields(strings.Join(lines, " ")); !slices.Equal(got, words) {
			t.Fatalf("got %q, want %q", got, words)
		}
		for _, l := range lines {
			if len(l) > 20 && strings.Contains(strings.TrimSpace(l), " ") {
				t.Fatalf("%q is too wide", l)
			}
		}
	})
}
