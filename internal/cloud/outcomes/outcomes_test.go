package outcomes

import (
	"strings"
	"testing"

	"vedette/internal/event"
)

const table = "kind\tpattern\tresult\tsource\n" +
	"name\t7\tPERMISSION_DENIED\ttest\n" +
	"code\tForbidden\tdenied\ttest\n" +
	"suffix\tNotFound\tabsent\ttest\n" +
	"prefix\tInvalid\tinvalid\ttest\n" +
	"contains\tThrottl\tthrottled\ttest\n" +
	"reason\torganization's policy\torganization_policy\ttest\n"

func TestTable(t *testing.T) {
	tab, err := Parse("t.tsv", table)
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]event.Outcome{
		"FORBIDDEN": event.Denied, "ResourceNotFound": event.Absent, "invalidInput": event.Invalid,
		"InvalidNotFound": event.Absent, "RequestsThrottled": event.Throttled,
	} {
		if got, ok := tab.Of([]byte(code)); !ok || got != want {
			t.Errorf("Of(%s) = %v, %v; want %v", code, got, ok, want)
		}
	}
	if got, ok := tab.Of([]byte("Conflict")); ok || got != event.Other {
		t.Errorf("Of(Conflict) = %v, %v", got, ok)
	}
	if got, ok := tab.Of([]byte(strings.Repeat("x", 4096))); ok || got != event.Other {
		t.Errorf("Of(long) = %v, %v", got, ok)
	}
	if got := tab.Name([]byte("7")); string(got) != "PERMISSION_DENIED" {
		t.Errorf("Name(7) = %s", got)
	}
	if got := tab.Name([]byte("99")); string(got) != "99" {
		t.Errorf("Name(99) = %s", got)
	}
	if got := tab.Reason(nil, []byte("by organization's policy")); got != event.ReasonSCP {
		t.Errorf("Reason = %v", got)
	}
	if got := tab.Reason([]byte("no")); got != event.ReasonUnknown {
		t.Errorf("Reason = %v", got)
	}
	code, text := []byte("RequestsThrottled"), []byte("nothing")
	if n := testing.AllocsPerRun(100, func() { tab.Of(code); tab.Name(code); tab.Reason(text, code) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTableErrors(t *testing.T) {
	for bad, want := range map[string]string{
		"code\ta\tdenied":              "t.tsv:2: 3 fields, want 4",
		"code\ta\tno such\tx":          `t.tsv:2: no outcome "no such"`,
		"reason\ta\tno such\tx":        `t.tsv:2: no reason "no such"`,
		"no kind\ta\tdenied\tx":        `t.tsv:2: no kind of rule "no kind"`,
		"code\ta\tdenied\tx\ty\tthird": "t.tsv:2: 6 fields, want 4",
	} {
		if _, err := Parse("t.tsv", "kind\tpattern\tresult\tsource\n"+bad); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", bad, err, want)
		}
	}
}
