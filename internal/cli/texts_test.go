package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// texts is where the compiled texts of the detections stand that the cases of
// testdata/cases are read with: a reader of a change sees what it does to each.
const texts = "../../testdata/compiled"

// TestCompiledTexts holds every backend's text of the built-in detections and
// of the seed. With -update-docs they are written anew.
func TestCompiledTexts(t *testing.T) {
	work := t.TempDir()
	for _, args := range [][]string{
		{"compile", "T1580", "T1580.denied", "T1580.sweep", "T1087.004", "--target", "all", "-o", filepath.Join(work, "vedette")},
		{"compile", "related", "--target", "kusto,sql:duckdb", "-o", filepath.Join(work, "related")},
		{"compile", "T1580", "--profile", "seed", "--target", "all", "-o", filepath.Join(work, "seed")},
	} {
		var out, errs bytes.Buffer
		if code := Main(args, IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}); code != ExitDone {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
	}
	if *updateDocs {
		if err := os.RemoveAll(texts); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(texts, os.DirFS(work)); err != nil {
			t.Fatal(err)
		}
	}
	have, want := tree(t, texts), tree(t, work)
	targets := map[string]bool{}
	for name, text := range want {
		targets[strings.Split(name, "/")[1]] = true
		if d := cmp.Diff(have[name], text); d != "" {
			t.Errorf("%s (-kept +now); if it is meant, run with -update-docs:\n%s", name, d)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is compiled no more", name)
		}
	}
	if len(targets) < 16 {
		t.Errorf("%d targets", len(targets))
	}
}

// tree reads the files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		m[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
