package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// TestCases holds the engine against the rows of testdata/cases.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/cases/*/case.yaml")
	if err != nil || len(dirs) < 30 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var c struct {
				Title       string   `yaml:"title"`
				Detection   string   `yaml:"detection"`
				Approximate []string `yaml:"approximate"`
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.Load(data, &c, yaml.WithKnownFields()); err != nil || c.Title == "" {
				t.Fatalf("%s: title %q, %v", file, c.Title, err)
			}
			args := []string{"scan", dir + "/events.json", "--rows", "--window", "tumbling", "-f", "json", "-q"}
			if c.Detection != "" {
				args = append(args, "--detection", dir+"/detection.yaml")
			}
			var out, errs bytes.Buffer
			code := Main(args, IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
			if code != ExitDone && code != ExitLost {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			want, err := os.ReadFile(dir + "/rows.json")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), out.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestCasesDetections holds that a case's detection file is the built-in one
// that it names.
func TestCasesDetections(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/cases/*/detection.yaml")
	if len(files) == 0 {
		t.Fatal("no case has a detection of its own")
	}
	for _, file := range files {
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		meta, err := os.ReadFile(filepath.Join(filepath.Dir(file), "case.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Detection string `yaml:"detection"`
		}
		if err := yaml.Load(meta, &c); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code := Main([]string{"detection", "show", c.Detection}, IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }}); code != ExitDone {
			t.Fatalf("%s: detection show %s: %s", file, c.Detection, out.String())
		}
		if out.String() != string(have) {
			t.Errorf("%s is not the built-in %s any more", file, c.Detection)
		}
	}
}
