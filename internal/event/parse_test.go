package event

import (
	"strings"
	"testing"
)

// Every log class that holds events parses back from its name and belongs to
// the provider that its name says.
func TestLogNames(t *testing.T) {
	prefix := map[Cloud]string{AWS: "cloudtrail.", Azure: "azure.", GCP: "gcp."}
	for l := range NumLogs {
		got, ok := ParseLog(l.String())
		if ok != l.Audited() || ok && got != l {
			t.Errorf("ParseLog(%q) = %v, %v", l, got, ok)
		}
		if ok && !strings.HasPrefix(l.String(), prefix[l.Cloud()]) || !ok && l.Cloud() != NoCloud {
			t.Errorf("%v.Cloud() = %v", l, l.Cloud())
		}
	}
	for _, c := range Clouds() {
		if got, ok := ParseCloud(c.String()); !ok || got != c {
			t.Errorf("ParseCloud(%q) = %v, %v", c, got, ok)
		}
	}
	for o := range NumOutcomes {
		if got, ok := ParseOutcome(o.String()); !ok || got != o {
			t.Errorf("ParseOutcome(%q) = %v, %v", o, got, ok)
		}
	}
	if _, ok := ParseCloud("none"); ok {
		t.Error(`ParseCloud("none") found a provider`)
	}
}
