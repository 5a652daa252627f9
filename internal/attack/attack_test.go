package attack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for id, want := range map[string]string{
		"T1580":     "Cloud Infrastructure Discovery",
		"T1087.004": "Account Discovery: Cloud Account",
		"T1069.003": "Permission Groups Discovery: Cloud Groups",
		"T9999":     "", "": "", ".": "",
	} {
		if got := Name(id); got != want {
			t.Errorf("Name(%q) = %q, want %q", id, got, want)
		}
	}
	for id, tech := range table() {
		if p := tech.Parent(); p != "" && table()[p].Tactic != tech.Tactic {
			t.Errorf("%s: the parent %s is missing or of another tactic", id, p)
		}
	}
}

// Every technique that a catalogue names has a name here.
func TestCataloguesAreNamed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "cloud", "*", "catalog.tsv"))
	if err != nil || len(files) != 3 {
		t.Fatalf("catalogues: %v, %v", files, err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		column := map[string]int{}
		for i, name := range strings.Split(lines[0], "\t") {
			column[name] = i
		}
		for i, line := range lines[1:] {
			row := strings.Split(line, "\t")
			for _, c := range []string{"technique", "secondary"} {
				if column[c] >= len(row) || row[column[c]] == "" {
					continue
				}
				seen++
				if id := row[column[c]]; Name(id) == "" {
					t.Errorf("%s:%d: technique %s has no name", file, i+2, id)
				}
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d techniques were found in the catalogues", seen)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tsv := range []string{"", "id\tname\n", "id\tname\ttactic\nT1\tA\n", "id\tname\ttactic\nT1\tA\tB\nT1\tA\tB\n", "id\tname\ttactic\nT1\t\tB\n"} {
		if _, err := parse(tsv); err == nil {
			t.Errorf("parse(%q): no error", tsv)
		}
	}
}
