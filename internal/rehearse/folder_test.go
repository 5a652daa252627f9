package rehearse

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// put writes files, by their paths below dir.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestCleanTouchesNothingElse(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"mine": "x"})
	if _, _, err := Clean(dir); err == nil {
		t.Error("a folder that is no rehearsal's is removed")
	}
	p := Player{Dir: dir}
	if err := p.Play(t.Context(), nil); err == nil {
		t.Error("a folder that holds something is taken")
	}
	// Brackets mean something in patterns of names, and nothing in a name.
	p.Dir = filepath.Join(dir, "a [re]hearsal?*")
	if err := p.Play(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(dir, "outside")
	put(t, dir, map[string]string{"outside/low/run.json": `{"test":"link","run":"low"}`, "outside/.vedette-run": `{"test":"one","run":"link"}`})
	put(t, p.Dir, map[string]string{
		"one/low/run.json":           `{"test":"one","run":"low"}`,
		"one/low/trail/log.json":     "x",
		"one/stopped/.vedette-run":   `{"test":"one","run":"stopped"}`,
		"one/stopped/clients.log":    "x",
		"two/other/run.json":         `{"test":"one","run":"low"}`,
		"two/mine/run.json":          "x",
		"mine/notes":                 "x",
		"three/low/run.json":         `{"test":"three","run":"low"}`,
		"three/notes":                "x",
		"three/folder/run.json/file": "x",
	})
	for _, link := range []string{"link", "one/link"} {
		if err := os.Symlink(outside, filepath.Join(p.Dir, link)); err != nil {
			t.Skip(err)
		}
	}
	removed, left, err := Clean(p.Dir)
	var want []string
	for _, name := range []string{"link", "mine", "one/link", "three/folder", "three/notes", "two"} {
		want = append(want, filepath.Join(p.Dir, filepath.FromSlash(name)))
	}
	if err != nil || removed != 3 || !slices.Equal(left, want) {
		t.Errorf("%d removed, left %q, %v", removed, left, err)
	}
	for _, name := range []string{"one/low", "one/stopped", "three/low"} {
		if there(filepath.Join(p.Dir, name)) {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range []string{"low/run.json", ".vedette-run"} {
		if !there(filepath.Join(outside, name)) {
			t.Errorf("%s behind a link is gone", name)
		}
	}
	for _, path := range want {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(p.Dir, "one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.Dir, "three")); err != nil {
		t.Fatal(err)
	}
	if removed, left, err := Clean(p.Dir); err != nil || removed != 0 || left != nil {
		t.Errorf("%d removed, left %q, %v", removed, left, err)
	}
	if there(p.Dir) {
		t.Error("the folder is still there")
	}
}

// TestCleanRemovesAnInterruptedRun holds that a run that was stopped is known
// as one.
func TestCleanRemovesAnInterruptedRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rehearsal")
	tests, err := loadOne(good)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing that the test needs is there, so that only its folder is made.
	t.Setenv("PATH", "")
	ctx, stop := context.WithCancel(t.Context())
	p := Player{Dir: dir, Begun: func(*Test, *Run) { stop() }}
	_ = p.Play(ctx, tests)
	run := filepath.Join(dir, "one", "admin")
	if err := os.Remove(filepath.Join(run, runFile)); err != nil {
		t.Fatal(err)
	}
	if removed, left, err := Clean(dir); err != nil || removed != 1 || left != nil || there(dir) {
		t.Errorf("%d removed, left %q, %v", removed, left, err)
	}
}

// TestARunRemovesNothingBehindALink holds that a run that makes its folder anew
// stays in the rehearsal's.
func TestARunRemovesNothingBehindALink(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"outside/admin/notes": "x"})
	p := Player{Dir: filepath.Join(dir, "rehearsal")}
	if err := p.Play(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(p.Dir, "one")); err != nil {
		t.Skip(err)
	}
	tests, err := loadOne(good)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "")
	if err := p.Play(t.Context(), tests); err == nil {
		t.Error("a link is taken for the test's folder")
	}
	if !there(filepath.Join(dir, "outside", "admin", "notes")) {
		t.Error("what was behind the link is gone")
	}
}

func TestToolsAreFoundWhateverTheFolderIsCalled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tools [1]?*")
	put(t, dir, map[string]string{"aws/bin/aws": "x", "azure/bin/az": "x", "notes": "x", "gcp/bin": "no folder"})
	got, err := FindTools(dir)
	if want := (Tools{filepath.Join(dir, "aws", "bin"), filepath.Join(dir, "azure", "bin")}); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := FindTools(filepath.Join(dir, "absent")); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
}
