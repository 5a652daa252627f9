package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// long is a finding of many operations, of which the last by calls are those
// that a reader must not miss.
func long() *finding.Finding {
	f := &finding.Finding{ID: "3f2a9c1d7be04f5a", FirstSeen: "2023-07-10T11:42:36Z", LastSeen: "2023-07-10T11:44:36Z"}
	add := func(name, category string, known bool, denied int) {
		n := 200 - len(f.APIs)
		f.APIs = append(f.APIs, finding.API{Service: "ec2.amazonaws.com", Name: name, Events: n, Category: category, Known: known,
			Outcomes: finding.Outcomes{OK: n - denied, Denied: denied}})
		f.Events, f.Outcomes.Denied = f.Events+n, f.Outcomes.Denied+denied
	}
	for i := range 70 {
		add(fmt.Sprintf("DescribeThing%02d", i), "compute", true, 0)
	}
	add("DescribeRefused", "compute", true, 1)
	add("ListVault", "secrets", true, 0)
	add("ListAccessKeys", "identity", true, 0)
	add("GetDetector", "security", true, 0)
	add("DescribeNoCatalogue", "", false, 0)
	add("GetEverything", "compute", true, 0)
	add("DescribeLast", "compute", true, 0)
	f.DistinctAPIs = len(f.APIs)
	f.Reasons = []finding.Reason{{Factor: "bulk", Points: 9, Text: "1 operation that answers for all at once: GetEverything"}}
	return f
}

// TestTellingAPIsAreShown: what was refused, secrets, keys, defences, what a
// reason names and what no catalogue lists is shown however few calls it had,
// in a table of any length.
func TestTellingAPIsAreShown(t *testing.T) {
	must := []string{"DescribeRefused", "ListVault", "ListAccessKeys", "GetDetector", "DescribeNoCatalogue", "GetEverything"}
	f := long()
	for _, most := range []int{6, 8, 40, 50, 76} {
		c := chooseAPIs(f, most)
		var names []string
		calls := 0
		for _, a := range c.shown {
			names = append(names, a.Name)
			calls += a.Events
		}
		if len(names) != most || !slices.Equal(names[:6], must) || c.telling != 6 || c.missed != 0 {
			t.Errorf("of %d: %d shown, %d telling, %d missed, first %v", most, len(names), c.telling, c.missed, names[:min(8, len(names))])
		}
		if most > 6 && names[6] != "DescribeThing00" {
			t.Errorf("of %d: %s comes after what tells", most, names[6])
		}
		if c.more != len(f.APIs)-most || calls+c.calls != f.Events {
			t.Errorf("of %d: %d more with %d calls", most, c.more, c.calls)
		}
	}
	// What weighs most goes first where not all has room, and the rest is told.
	c := chooseAPIs(f, 2)
	if c.shown[0].Name != "DescribeRefused" || c.shown[1].Name != "GetEverything" || c.missed != 4 {
		t.Errorf("%+v, %d missed", c.shown, c.missed)
	}
	if text := c.cutText(); !strings.HasPrefix(text, "and 75 more APIs with ") || !strings.HasSuffix(text, "of which 4 tell as much as those above") {
		t.Error(text)
	}
	// Where all have room, the order is the finding's.
	for _, most := range []int{-1, 77, 100} {
		if c := chooseAPIs(f, most); len(c.shown) != 77 || c.shown[0].Name != "DescribeThing00" || c.telling != 0 || c.cutText() != "" {
			t.Errorf("of %d: %d shown, %q", most, len(c.shown), c.cutText())
		}
	}
	if f.APIs[0].Name != "DescribeThing00" || f.APIs[76].Name != "DescribeLast" {
		t.Error("the finding was changed")
	}
}

// TestExplainShowsTelling: the page says what it shows first, and how to see
// the rest.
func TestExplainShowsTelling(t *testing.T) {
	for most, want := range map[int][]string{
		0: {"Of 77 APIs 50 are shown: first the 6 that were refused,", "and 27 more APIs with 3,855 calls, none of them refused, of secrets, keys or defences; --apis all shows them\n", "DescribeRefused"},
		2: {"Of 77 APIs 2 are shown: first 2 of the 6 that were refused,", "of which 4 tell as much as those above; --apis all shows them"},
		7: {"Of 77 APIs 7 are shown: first the 6 ", "DescribeThing00", "and 70 more APIs"},
	} {
		var out bytes.Buffer
		if err := Explain(&out, long(), Options{APIs: most, Terminal: terminals["160"]}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("with %d: no %q in\n%s", most, w, out.String())
			}
		}
		if strings.Contains(out.String(), "DescribeLast") {
			t.Errorf("with %d: the last is shown", most)
		}
	}
	var out bytes.Buffer
	if err := Explain(&out, long(), Options{APIs: -1, Terminal: terminals["160"]}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "DescribeLast") || strings.Contains(out.String(), "more API") {
		t.Errorf("all are not all:\n%s", out.String())
	}
	// Documents choose the same way.
	for _, format := range []Format{HTML, Markdown} {
		page := writeDocument(t, format, &finding.Report{Findings: []finding.Finding{*long()}})
		for _, w := range []string{"DescribeRefused", "ListVault", "DescribeNoCatalogue", "and 37 more APIs with ", "--apis all"} {
			if !strings.Contains(page, w) {
				t.Errorf("%s: no %q", format, w)
			}
		}
	}
}
