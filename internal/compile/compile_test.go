package compile

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// TestSchedule holds that rules that look back two days run each hour, and
// others as asked for.
func TestSchedule(t *testing.T) {
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	hourly := 0
	for _, d := range list {
		rules, err := Rules(d, registry(t), Options{Schedule: DefaultSchedule()})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			want := 15 * time.Minute
			if r.Window.Length >= 24*time.Hour {
				want = time.Hour
				hourly++
			}
			if s := r.Schedule; s.Every != want || s.Settle != 15*time.Minute || r.Lookback() >= 48*time.Hour && s.Every < time.Hour {
				t.Errorf("%s, windows of %s: every %s, settled after %s", r.ID, r.Window.Length, s.Every, s.Settle)
			}
		}
	}
	if hourly == 0 {
		t.Error("no built-in detection looks back so far")
	}
	if s := schedule(nil, siem.Window{Length: 24 * time.Hour}); s != nil {
		t.Errorf("a person's query runs %v", s)
	}
	if s := (&siem.Schedule{Every: 6 * time.Hour}); schedule(s, siem.Window{Length: 24 * time.Hour}) != s {
		t.Error("a rule that runs less often runs oftener")
	}
}
