package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/triage"
)

// docs/triage.md has a row for every weight, with its figures; what a row
// says in words is written by hand.
func TestWeightsAreDocumented(t *testing.T) {
	file := filepath.Join(root, "docs", "triage.md")
	page := readDoc(t, file)
	w := triage.DefaultWeights()
	values := map[string]string{"informational": "0"}
	for name, v := range w.Levels {
		values[name] = strconv.Itoa(v)
	}
	for _, list := range []map[string]float64{w.Groups, w.Shares} {
		for name, v := range list {
			values[name] = number(v)
		}
	}
	rows := map[string]int{}
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		cells := strings.Split(line, " | ")
		name, ok := strings.CutPrefix(cells[0], "| `")
		if !ok {
			continue
		}
		name = strings.Trim(name, "`")
		rows[name]++
		if f, ok := w.Factors[name]; ok {
			lines[i] = fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", name, cells[1], f.Group, number(f.Least), number(f.Each), number(f.Cap))
		} else if v, ok := values[name]; ok && len(cells) == 3 {
			lines[i] = fmt.Sprintf("| `%s` | %s | %s", name, v, cells[2])
		} else {
			t.Errorf("docs/triage.md:%d: there is no weight %q", i+1, name)
		}
	}
	want := len(values) + len(w.Factors)
	for name := range values {
		if rows[name] != 1 {
			t.Errorf("docs/triage.md has %d rows for %s", rows[name], name)
		}
	}
	for name := range w.Factors {
		if rows[name] != 1 {
			t.Errorf("docs/triage.md has %d rows for the factor %s", rows[name], name)
		}
	}
	if want < 40 {
		t.Fatalf("%d weights: the walk went astray", want)
	}
	written := strings.Join(lines, "\n")
	if written == page {
		return
	}
	if !*updateDocs {
		t.Fatalf("docs/triage.md is behind the weights: run go test ./internal/cli -update-docs\n%s", cmp.Diff(page, written))
	}
	writeDoc(t, file, written)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// The file that docs/triage.md shows is one that --weights takes.
func TestWeightsExample(t *testing.T) {
	_, rest, ok := strings.Cut(readDoc(t, filepath.Join(root, "docs", "triage.md")), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/triage.md shows no file")
	}
	if err := triage.DefaultWeights().Overlay("docs/triage.md", []byte(text)); err != nil {
		t.Error(err)
	}
}

// What vedette weights prints gives the same weights when it is laid over
// anything.
func TestWeightsReadBack(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(own, []byte("levels: {high: 70}\nfactors: {pace: {each: 0.25, cap: 9}}\nshares: {denied_in_console: 0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"weights"}, {"weights", "--weights", own}} {
		var out bytes.Buffer
		if code := Main(args, IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }}); code != ExitDone {
			t.Fatalf("%v: %s", args, out.String())
		}
		want, got := triage.DefaultWeights(), triage.DefaultWeights()
		if len(args) > 1 {
			want.Levels["high"], want.Factors["pace"], want.Shares["denied_in_console"] = 70, triage.Factor{Group: "breadth", Least: 14, Each: 0.25, Cap: 9}, 0
		}
		for name := range got.Factors {
			got.Factors[name] = triage.Factor{Cap: 1}
		}
		if err := got.Overlay("printed", out.Bytes()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", args, diff)
		}
	}
}
