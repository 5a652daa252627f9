package emulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// linesOf reads the JSON lines of a file.
func linesOf(t *testing.T, file string) (lines []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var rec map[string]any
		if err := json.Unmarshal(line, &rec); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		lines = append(lines, rec)
	}
	return lines
}

// unwritable is a path below which nothing can be written.
func unwritable(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestFlushKeepsWhatLiesThere records twice into one folder within the hour, as
// somebody does who stops and starts the recorder.
func TestFlushKeepsWhatLiesThere(t *testing.T) {
	listKeys := arm + "Microsoft.Storage/storageAccounts/acc/listKeys?api-version=1"
	root := t.TempDir()
	for n := range 2 {
		a := azureStage(t)
		for i := range 2 {
			a.ask("POST", listKeys)
			if i == 0 {
				if _, err := a.Flush(unwritable(t)); err == nil {
					t.Error("Azure: a folder that cannot be written to is no error")
				}
			}
			written, err := a.Flush(root)
			if err != nil || len(written) != 1 || written[activity] != 2 {
				t.Errorf("Azure: %v, %v", written, err)
			}
		}
		if again, err := a.Flush(root); err != nil || len(again) > 0 {
			t.Errorf("Azure: written twice: %v, %v", again, err)
		}
		all := a.lines(t) // Deliver has nothing that Flush wrote
		if len(all) > 0 {
			t.Errorf("Azure: kept after it was written: %v", all)
		}
		// An action has a record where it starts and one where it ends.
		if got := linesOf(t, filepath.Join(root, filepath.FromSlash(activity))); len(got) != 4*(n+1) {
			t.Errorf("Azure: %d lines after recording %d", len(got), n+1)
		}

		g := gcpStage(t)
		want := strings.Replace(dataAccess, "_S0", []string{"_S0", "_S1"}[n], 1)
		for range 2 {
			if g.ask("GET", "sa", instances) != http.StatusOK {
				t.Fatal(g.Faults())
			}
			if _, err := g.Flush(unwritable(t)); err == nil {
				t.Error("GCP: a folder that cannot be written to is no error")
			}
			if written, err := g.Flush(root); err != nil || len(written) != 1 || written[want] != 1 {
				t.Errorf("GCP: %v, %v", written, err)
			}
		}
		if got := linesOf(t, filepath.Join(root, filepath.FromSlash(want))); len(got) != 2 {
			t.Errorf("GCP: %d lines in %s", len(got), want)
		}
	}
	if got := linesOf(t, filepath.Join(root, filepath.FromSlash(dataAccess))); len(got) != 2 {
		t.Errorf("GCP: %d lines of the first recording", len(got))
	}
}

func TestMarksAreAppended(t *testing.T) {
	file := filepath.Join(t.TempDir(), "marks")
	for range 2 {
		a := &AWS{}
		for _, name := range []string{"A", "B"} {
			a.mark(awsCall{}, cloudTrailRecord{EventName: name}, "500")
			if err := a.FlushMarks(unwritable(t) + "/x"); err == nil {
				t.Error("a file that cannot be written is no error")
			}
			for range 2 {
				if err := a.FlushMarks(file); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	var names []string
	for _, m := range linesOf(t, file) {
		names = append(names, m["eventName"].(string))
	}
	if !slices.Equal(names, []string{"A", "B", "A", "B"}) {
		t.Errorf("%q", names)
	}
}

// TestNothingIsLeftOfAFileThatCannotBeWritten puts a folder where the file
// would go.
func TestNothingIsLeftOfAFileThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "name")
	if err := os.MkdirAll(filepath.Join(name, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(name, []byte("x")); err == nil {
		t.Error("no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
