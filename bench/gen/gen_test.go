package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

type trail struct {
	Records []struct {
		EventID, EventName, EventTime string
		UserIdentity                  struct{ Arn string }
	}
}

func TestSameFlagsGiveSameBytes(t *testing.T) {
	s := shape{seed: 7, size: 600_000, records: 60, principals: 40, accounts: 3, regions: 2}
	one, many := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for out, workers := range map[string]int{one: 1, many: 5} {
		if _, _, _, _, err := write(s, out, 6, workers); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(files(t, one), files(t, many)); d != "" {
		t.Errorf("one worker and five write different bytes:\n%s", d)
	}
}

func TestRecordsAreWholeAndDistinct(t *testing.T) {
	out := filepath.Join(t.TempDir(), "set")
	_, _, nfiles, nevents, err := write(shape{seed: 3, size: 2_000_000, records: 150, principals: 100, accounts: 2, regions: 2}, out, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	trails := read(t, out)
	seen := map[string]bool{}
	names := map[string]bool{}
	for _, tr := range trails {
		for _, r := range tr.Records {
			if seen[r.EventID] {
				t.Fatalf("event id %s appears twice", r.EventID)
			}
			seen[r.EventID], names[r.EventName] = true, true
		}
	}
	if len(trails) != nfiles || len(seen) != nevents {
		t.Errorf("read %d files and %d events, want %d and %d", len(trails), len(seen), nfiles, nevents)
	}
	for _, trap := range []string{"LookupEvents", "CreateStack"} {
		if !names[trap] {
			t.Errorf("no %s among the records", trap)
		}
	}
}

func TestEachCallerMakesSoManyCalls(t *testing.T) {
	out := filepath.Join(t.TempDir(), "set")
	if _, _, _, _, err := write(shape{seed: 3, records: 100, principals: 250, each: 4, accounts: 3, regions: 2}, out, 1, 2); err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, tr := range read(t, out) {
		for _, r := range tr.Records {
			arn := r.UserIdentity.Arn
			if i := len(filepath.Dir(arn)); filepath.Base(arn)[:4] == "work" {
				arn = arn[:i] // sessions of one role
			}
			calls[arn]++
		}
	}
	if len(calls) != 250 {
		t.Fatalf("%d callers, want 250", len(calls))
	}
	for who, n := range calls {
		if n != 4 {
			t.Errorf("%s makes %d calls, want 4", who, n)
		}
	}
}

func files(t *testing.T, root string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		m[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t *testing.T, root string) (trails []trail) {
	t.Helper()
	for name := range files(t, root) {
		f, err := os.Open(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		gz, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		var tr trail
		if err := json.NewDecoder(gz).Decode(&tr); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.Close()
		trails = append(trails, tr)
	}
	return trails
}
