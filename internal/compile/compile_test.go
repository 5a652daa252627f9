package compile

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/detection"
	"vedette/internal/siem"
)

// TestSeverity holds that built-in bursts are building blocks, which say so,
// and that a detection of one's own keeps the severity that it says.
func TestSeverity(t *testing.T) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(d *detection.Detection) bool { return d.ID == "T1580" })
	text, ok := detection.Source("t1580.yaml")
	if i < 0 || !ok || !strings.Contains(string(text), "\nseverity: medium\n") {
		t.Fatal("T1580 does not say medium")
	}
	own := func(severity string) *detection.Detection {
		d, err := detection.Load("own.yaml", []byte(strings.Replace(string(text), "\nseverity: medium\n", severity, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		name  string
		d     *detection.Detection
		want  string
		block bool
		says  string
	}{
		{"built in", list[i], "low", true, "Severity low (a building block; the detection says medium), confidence "},
		{"own, high", own("\nseverity: high\n"), "high", false, "Severity high, confidence "},
		{"own, low", own("\nseverity: low\n"), "low", false, "Severity low, confidence "},
		{"own, none", own("\n"), "low", true, "Severity low, confidence "},
	} {
		rules, err := Rules(c.d, registry(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := rules[0]
		head := strings.Join(siem.Header(&siem.Output{Rule: r}), "\n")
		if r.Kind != siem.Burst || r.Severity != c.want || r.BuildingBlock != c.block || !strings.Contains(strings.ReplaceAll(head, "\n  ", " "), c.says) {
			t.Errorf("%s: severity %q, a building block: %v\n%s", c.name, r.Severity, r.BuildingBlock, head)
		}
	}
}
