package report

import (
	"bytes"
	"strings"
	"testing"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// The sentence at the top and the lines below it say the same of a log, on the
// page and in the document: the activity log has no reads, so that not all of
// them are seen there is no way to put it.
func TestCoverageIsOfOneMind(t *testing.T) {
	r := &finding.Report{Summary: finding.Summary{Events: 3, Records: 3}, Coverage: []finding.Coverage{
		{Provider: "azure", Log: "azure.activity", Service: "*", Region: "*", Verdict: "reads_seen", Blind: "no GET"},
		{Provider: "azure", Log: "azure.key_vault", Service: "*", Region: "*", Verdict: "reads_seen", Blind: "not all vaults"},
	}}
	var b bytes.Buffer
	if err := Summary(&b, r, Options{Terminal: term.Terminal{Width: 400}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"azure.activity (list-like actions seen, never reads); azure.key_vault (reads seen, not all).", "azure.activity: list-like actions seen, never reads\n",
		"azure.key_vault: reads seen, not all\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	view := coverageOf(r.Coverage)
	if len(view.Blind) != 2 || view.Blind[0].Verdict != "list-like actions seen, never reads" || view.Blind[1].Verdict != "reads seen, not all" {
		t.Errorf("%+v", view.Blind)
	}
}
