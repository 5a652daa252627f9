package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLongRule holds that a rule that one product does not take is said so, and
// keeps the packages of no other from being written.
func TestLongRule(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 800 {
		names = append(names, fmt.Sprintf("PurgeFleetThings%d", i))
	}
	file := filepath.Join(dir, "wide.yaml")
	text := `id: X-WIDE
name: Wide list of calls
version: "1.0.0"
techniques: [T1580]
select:
  include:
    - {cloud: aws, service: example.amazonaws.com, api: [` + strings.Join(names, ", ") + `]}
windows:
  - {name: w, length: 15m, trigger: {events: 5}, bands: [{risk: 70}]}
examples:
  fire:
    - name: a
      events: [{cloud: aws, service: example.amazonaws.com, api: PurgeFleetThings1, count: 10, unknown: true, class: write}]
  silent:
    - name: b
      events: [{cloud: aws, service: s3.amazonaws.com, api: ListBuckets, count: 10}]
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		code = Main(args, IO{Stdin: &bytes.Buffer{}, Stdout: &o, Stderr: &e, Getenv: func(string) string { return "" }})
		return code, o.String(), e.String()
	}
	code, out, errs := run("compile", file, "-t", "all", "--package", "-o", filepath.Join(dir, "out"))
	if code != ExitDone || !strings.Contains(out, "characters, Sumo Logic takes 15000\n") || !strings.Contains(out, "characters, Sentinel takes 10000\n") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
	// Those before and after it in order are there; a package without a rule is
	// none.
	for path, want := range map[string]bool{"splunk": true, "sumo": false, "kusto": false, "yaral": true, "sql-flink": true} {
		if _, err := os.Stat(filepath.Join(dir, "out", path, "README.md")); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if code, out, errs := run("compile", file, "-t", "sumo"); code == ExitDone || out != "" || !strings.Contains(errs, "characters, Sumo Logic takes 15000") {
		t.Errorf("exit code %d, %q, %s", code, out, errs)
	}
}
