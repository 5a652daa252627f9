package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vedette/internal/finding"
)

// A beginning that several findings have names none of them: with it an attack
// would be learned along with a routine.
func TestBenignIsNamedAlone(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "log.json")
	text := ""
	for i := range 17 { // more than there are first digits
		calls, err := madeCalls([]string{fmt.Sprintf("user=u%d", i), "n=30"})
		if err != nil {
			t.Fatal(err)
		}
		text += calls
	}
	if err := os.WriteFile(logs, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var r finding.Report
	if err := json.Unmarshal(vedette(t, ExitDone, "scan", logs, "-q", "-f", "json"), &r); err != nil {
		t.Fatal(err)
	}
	by := map[byte]int{}
	for _, f := range r.Findings {
		by[f.ID[0]]++
	}
	several := 0
	for first, n := range by {
		out := filepath.Join(dir, "base"+string(first))
		code := ExitDone
		if n > 1 {
			several++
			code = ExitUsage
		}
		vedette(t, code, "learn", logs, "-q", "-o", out, "--benign", string(first))
		if _, err := os.Stat(out); (err == nil) != (n == 1) {
			t.Errorf("%d findings begin with %c: %v", n, first, err)
		}
	}
	if several == 0 {
		t.Fatalf("%d findings, of which no two begin alike", len(r.Findings))
	}
	vedette(t, ExitDone, "learn", logs, "-q", "-o", filepath.Join(dir, "two"), "--benign", r.Findings[0].ID+","+r.Findings[1].ID, "--benign", r.Findings[2].ID)
}
