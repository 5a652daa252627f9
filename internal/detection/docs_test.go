package detection_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/plan/plantest"
)

// The example in the documentation is a sound detection, and the documentation
// speaks of every log and class there is.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "detections.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatal("the documentation has no example")
	}
	d, err := detection.Load("docs/detections.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range detection.Check(d, catalogues(t), plantest.Verdict) {
		t.Error(p)
	}
	for l := range event.NumLogs {
		if l.Audited() && !strings.Contains(string(text), "`"+l.String()+"`") {
			t.Errorf("log %v is not documented", l)
		}
	}
	for c := range event.NumClasses {
		if !strings.Contains(string(text), "`"+c.String()+"`") {
			t.Errorf("class %v is not documented", c)
		}
	}
	for o := range event.NumOutcomes {
		if !strings.Contains(string(text), "`"+o.String()+"`") {
			t.Errorf("outcome %v is not documented", o)
		}
	}
}
