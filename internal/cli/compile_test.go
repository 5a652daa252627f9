package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestBuiltinRulesFit holds that no rule of the package is too long for
// Sentinel, whatever it is compiled with.
func TestBuiltinRulesFit(t *testing.T) {
	if testing.Short() {
		t.Skip("texts, which the tests at full length hold")
	}
	for _, window := range []string{"tumbling", "overlapping"} {
		for _, identity := range []string{"principal", "session"} {
			for _, more := range []string{"", "--package", "--include-services", "--no-dedup", "--package --include-services", "--package --no-dedup", "--include-services --no-dedup"} {
				args := append([]string{"compile", "T1580", "T1087.004", "related", "-t", "kusto", "-f", "json", "-o", t.TempDir(), "--window", window, "--identity", identity}, strings.Fields(more)...)
				var out, errs bytes.Buffer
				if code := Main(args, IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}); code != ExitDone {
					t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
				}
				var results []struct {
					Rule, Error, Query string
					Length, Limit      int
				}
				if err := json.Unmarshal(out.Bytes(), &results); err != nil || len(results) < 16 {
					t.Fatalf("%v: %d rules, %v", args, len(results), err)
				}
				for _, r := range results {
					if r.Error != "" || r.Query == "" || r.Limit == 0 || r.Length > r.Limit {
						t.Errorf("%v: %s has %d characters of %d: %s", args, r.Rule, r.Length, r.Limit, r.Error)
					}
				}
			}
		}
	}
}
