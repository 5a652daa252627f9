package scan

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/finding"
)

// TestFollowedByTheBestOutcome: what came of an operation that followed is the
// best that came of its calls, in whichever order they lie.
func TestFollowedByTheBestOutcome(t *testing.T) {
	const denied, invalid = "AccessDenied", "InvalidParameterValue"
	for _, c := range []struct {
		codes []string
		text  string
		vain  bool
	}{
		{[]string{denied}, "StopLogging (refused) at 09:30:00", true},
		{[]string{invalid}, "StopLogging (failed) at 09:30:00", true},
		{[]string{denied, invalid}, "StopLogging (refused) of 2 at 09:30:00", true},
		{[]string{denied, ""}, "StopLogging of 2 at 09:31:00", false},
		{[]string{"", denied}, "StopLogging of 2 at 09:30:00", false},
		{[]string{invalid, denied, "", ""}, "StopLogging of 4 at 09:32:00", false},
	} {
		calls := burst(0, 30, 6, 10*time.Second, call{User: "ada", Code: denied})
		for i, code := range c.codes {
			calls = append(calls, call{At: time.Duration(30+i) * time.Minute, Source: "cloudtrail.amazonaws.com", Name: "StopLogging", ID: uuid(100 + i),
				User: "ada", Code: code, Write: true, Params: map[string]any{"name": "trail" + uuid(i)}})
		}
		res := run(t, options(t, folder(t, map[string]string{"log.json": lines(calls)})))
		if len(res.Report.Findings) != 1 {
			t.Fatalf("%v: %d findings", c.codes, len(res.Report.Findings))
		}
		var reason finding.Reason
		for _, r := range res.Report.Findings[0].Reasons {
			if strings.HasPrefix(r.Factor, "follow_") {
				reason = r
			}
		}
		if reason.Text != "then "+c.text || reason.NoneSucceeded != c.vain {
			t.Errorf("%v: %q, none succeeded %v; want %q, %v", c.codes, reason.Text, reason.NoneSucceeded, c.text, c.vain)
		}
	}
}
