package respond

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/playbooks.md anew")

// docs/playbooks.md has the matrix as the data has it, and the values that
// commands may use.
func TestDocument(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "playbooks.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for name, table := range map[string]string{"matrix": matrix(t), "values": valueTable()} {
		begin, end := "<!-- "+name+": generated, do not edit -->\n", "<!-- "+name+": end -->"
		head, rest, ok := strings.Cut(text, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("docs/playbooks.md has no place for %s", name)
		}
		text = head + begin + table + end + tail
	}
	if text == string(page) {
		return
	}
	if !*update {
		t.Fatal("docs/playbooks.md is behind the data: run go test ./internal/respond -update")
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// matrix is the containments of each type as tables.
func matrix(t *testing.T) string {
	var b strings.Builder
	for _, typ := range BuiltIn().Types() {
		fmt.Fprintf(&b, "### %s\n\n`%s`. How to tell: %s\n\n", typ.Title, typ.ID, typ.Look)
		p, err := Template(typ.ID, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if ph.ID != "contain" || len(s.Types) == 0 {
					continue
				}
				if rows++; rows == 1 {
					b.WriteString("| Step | Stops | Stays valid, and how long | Breaks | Undo |\n| --- | --- | --- | --- | --- |\n")
				}
				does := s.Do.Text
				if len(s.Commands) > 0 {
					does += " `" + strings.ReplaceAll(s.Commands[0], "|", `\|`) + "`"
				}
				fmt.Fprintf(&b, "| **%s** (%s). %s%s | %s | %s | %s | %s |\n", s.ID, s.Effect, does, links(&s.Do), cell(s.Stops), cell(s.Stays), cell(s.Breaks), cell(s.Undo))
			}
		}
		if rows == 0 {
			b.WriteString("Nobody to contain: triage says how to find the principal.\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func cell(f *Fact) string {
	if f == nil {
		return ""
	}
	return f.Text + links(f)
}

func links(f *Fact) string {
	text := ""
	for i, s := range f.Sources {
		text += fmt.Sprintf(" [%d](%s)", i+1, s)
	}
	return text
}

// valueTable is the names that commands may use.
func valueTable() string {
	var b strings.Builder
	b.WriteString("| Value | Where it is not known |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(blanks)) {
		fmt.Fprintf(&b, "| `{{%s}}` | `%s` |\n", name, blanks[name])
	}
	return b.String()
}
