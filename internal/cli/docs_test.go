package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"vedette/internal/hunt"
)

var updateDocs = flag.Bool("update-docs", false, "write the tables of docs/cli.md and the outputs shown in the documents anew")

// root is the folder of the repository.
var root = filepath.Join("..", "..")

// docs/cli.md has every command with every flag and argument.
func TestFlagsAreDocumented(t *testing.T) {
	file := filepath.Join(root, "docs", "cli.md")
	page := readDoc(t, file)
	var g grammar
	k, err := kong.New(&g, kong.Name("vedette"))
	if err != nil {
		t.Fatal(err)
	}
	written, commands := page, 0
	for _, n := range k.Model.Leaves(true) {
		commands++
		name := strings.TrimPrefix(n.FullPath(), "vedette ")
		begin, end := "<!-- "+name+": generated, do not edit -->\n", "<!-- "+name+": end -->"
		head, rest, ok := strings.Cut(written, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Errorf("docs/cli.md has no table for vedette %s (between %q and %q)", name, begin, end)
			continue
		}
		written = head + begin + flagTable(n) + end + tail
	}
	if commands < 8 {
		t.Fatalf("%d commands: the walk went astray", commands)
	}
	if written == page {
		return
	}
	if !*updateDocs {
		t.Fatalf("docs/cli.md is behind the command line: run go test ./internal/cli -update-docs")
	}
	writeDoc(t, file, written)
}

// flagTable is a command's arguments and flags as a table.
func flagTable(n *kong.Node) string {
	var b strings.Builder
	row := func(name, def, help string) {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, def, strings.ReplaceAll(help, "|", `\|`))
	}
	for _, a := range n.Positional {
		row(strings.ReplaceAll(a.Summary(), "|", `\|`), "", a.Help)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Name == "help" {
				continue
			}
			name := "--" + f.Name
			if f.Short != 0 {
				name = "-" + string(f.Short) + ", " + name
			}
			if !f.IsBool() {
				name += " " + strings.ReplaceAll(placeholder(f), "|", `\|`)
			}
			def := ""
			if f.Default != "" && f.Default != "-1" {
				def = "`" + f.Default + "`"
			}
			if f.Required {
				def = "required"
			}
			row(name, def, f.Help)
		}
	}
	if b.Len() == 0 {
		return "No flags of its own.\n"
	}
	return "| Flag or argument | Default | |\n| --- | --- | --- |\n" + b.String()
}

func placeholder(f *kong.Flag) string {
	if f.PlaceHolder != "" {
		return f.PlaceHolder
	}
	var choices []string
	for _, c := range f.EnumSlice() {
		if c != "" {
			choices = append(choices, c)
		}
	}
	if len(choices) > 0 {
		return strings.Join(choices, "|")
	}
	return strings.ToUpper(f.Name)
}

// Every command in a console block of these documents gives the output that
// the block shows, run where the files are that the document shows and nothing
// is left of another document: readers begin with any of them. A line
// "…" stands for lines left out; the line after it is
// looked for further down.
func TestDocumentedCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("texts, which the tests at full length hold")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "docs/cli.md", "docs/coverage.md", "docs/triage.md", "docs/exceptions.md", "docs/hunt.md", "docs/tuning.md", "docs/playbooks.md", "docs/investigate.md", "docs/report.md", "docs/questions.md", "docs/guide.md"} {
		file := filepath.Join(abs, filepath.FromSlash(name))
		page := readDoc(t, file)
		work := t.TempDir()
		if err := os.CopyFS(filepath.Join(work, "examples"), os.DirFS(filepath.Join(abs, "examples"))); err != nil {
			t.Fatal(err)
		}
		t.Chdir(work)
		writeShownFiles(t, page)
		blocks := strings.Split(page, "```console\n")
		if len(blocks) == 1 {
			t.Errorf("%s shows no command", name)
		}
		for i, block := range blocks[1:] {
			text, rest, ok := strings.Cut(block, "```")
			if !ok {
				t.Fatalf("%s: a console block has no end", name)
			}
			blocks[i+1] = runBlock(t, name, text) + "```" + rest
		}
		if now := strings.Join(blocks, "```console\n"); now != page && *updateDocs {
			writeDoc(t, file, now)
		}
	}
}

// shownFile is a block that shows a file: its language and its name.
var shownFile = regexp.MustCompile("(?ms)^```yaml (\\S+)\n(.*?)^```")

// writeShownFiles writes the files that a document shows, for its commands.
func writeShownFiles(t *testing.T, page string) {
	t.Helper()
	for _, m := range shownFile.FindAllStringSubmatch(page, -1) {
		name := filepath.FromSlash(m[1])
		if !filepath.IsLocal(name) {
			t.Fatalf("the file %s would be elsewhere", name)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runBlock runs the commands of a block and returns the block as it should
// be.
func runBlock(t *testing.T, name, block string) string {
	var out strings.Builder
	status := 0
	for _, part := range strings.Split(block, "$ ")[1:] {
		command, shown, _ := strings.Cut(part, "\n")
		fmt.Fprintf(&out, "$ %s\n", command)
		var lines []string
		if command == "echo $?" {
			lines = []string{strconv.Itoa(status)}
		} else {
			args := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(command, "go run ./cmd/"), "'", ""))
			if len(args) == 0 || args[0] != "vedette" {
				t.Fatalf("%s: %q is no command of vedette", name, command)
			}
			var stdout, stderr bytes.Buffer
			status = Main(args[1:], IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8})
			lines = linesOf(stdout.String() + stderr.String())
		}
		out.WriteString(excerpt(t, name+": "+command, linesOf(shown), lines))
	}
	return out.String()
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// plainUTF8 is the environment that the documents show outputs of.
func plainUTF8(name string) string { return map[string]string{"LANG": "C.UTF-8"}[name] }

const leftOut = "…"

// excerpt holds what a document shows of an output against the output, and
// returns what it should show.
func excerpt(t *testing.T, what string, shown, lines []string) string {
	var b strings.Builder
	at, anywhere := 0, false
	for _, s := range shown {
		if s == leftOut {
			b.WriteString(leftOut + "\n")
			anywhere = true
			continue
		}
		if anywhere {
			k := slices.Index(lines[at:], s)
			if k < 0 {
				t.Errorf("%s\nnever gives the line %q", what, s)
				return strings.Join(shown, "\n") + "\n"
			}
			at, anywhere = at+k, false
		}
		switch {
		case at >= len(lines):
			t.Errorf("%s\nends before the line %q", what, s)
			return b.String()
		case lines[at] != s && !*updateDocs:
			t.Errorf("%s\nshown: %q\ngiven: %q", what, s, lines[at])
		}
		b.WriteString(lines[at] + "\n")
		at++
	}
	if at < len(lines) && !anywhere {
		if !*updateDocs {
			t.Errorf("%s\ngives more than is shown, from %q on", what, lines[at])
		}
		b.WriteString(strings.Join(lines[at:], "\n") + "\n")
	}
	return b.String()
}

func readDoc(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

func writeDoc(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is written anew", file)
}

// The techniques of docs/guide.md are those of the program, word for word.
func TestGuideIsOfTheProgram(t *testing.T) {
	file := filepath.Join(root, "docs", "guide.md")
	page := readDoc(t, file)
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"hub", "-f", "markdown"}, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8}); code != 0 {
		t.Fatal(stderr.String())
	}
	const begin, end = "<!-- techniques: generated, do not edit -->\n", "<!-- techniques: end -->"
	head, rest, ok := strings.Cut(page, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("docs/guide.md has no place between %q and %q", begin, end)
	}
	switch written := head + begin + stdout.String() + end + tail; {
	case written == page:
	case *updateDocs:
		writeDoc(t, file, written)
	default:
		t.Error("docs/guide.md is behind guides, detections or rehearsals: run go test ./internal/cli -update-docs")
	}
}

// docs/hunt.md has a section for each engine, and field maps that compile for
// its dialect and narrow what is read to the time that is asked about.
func TestHuntIsDocumented(t *testing.T) {
	page := readDoc(t, filepath.Join(root, "docs", "hunt.md"))
	sections := map[string]string{}
	for _, s := range strings.Split(page, "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		sections[title] = text
	}
	titles := map[string]string{"duckdb": "DuckDB", "psql": "PostgreSQL", "clickhouse": "ClickHouse", "trino": "Trino and Athena", "spark-sql": "Spark"}
	for _, e := range hunt.Engines() {
		section := sections[titles[e.Name]]
		if !strings.Contains(section, "vedette hunt T1580 --engine "+e.Name) {
			t.Errorf("docs/hunt.md shows no hunt with %s", e.Name)
		}
		if !strings.Contains(page, "| `"+e.Name+"` | `"+e.Client[0]+"` | `sql:"+e.Dialects[0]+"`") {
			t.Errorf("the table of docs/hunt.md has no row for %s", e.Name)
		}
		for _, d := range e.Dialects {
			if _, _, err := (&huntCmd{Engine: e.Name, Dialect: d, Format: "table"}).check(); err != nil {
				t.Error(err)
			}
		}
		maps := strings.Split(section, "```yaml\n")[1:]
		if len(maps) == 0 && e.Name != "trino" {
			t.Errorf("docs/hunt.md has no field map for %s", e.Name)
		}
		for _, m := range maps {
			text, _, _ := strings.Cut(m, "```")
			file := filepath.Join(t.TempDir(), "fields.yaml")
			writeDoc(t, file, text)
			args := []string{"hunt", "T1580", "--engine", e.Name, "--cloud", "aws", "--fields", file, "--since", "2024-05-06", "--until", "2024-05-07", "--dry-run"}
			var stdout, stderr bytes.Buffer
			if code := Main(args, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8}); code != 0 {
				t.Fatalf("%s: %s", e.Name, stderr.String())
			}
			for _, day := range []string{"AND (day|at) >= .*2024-05-06", "AND (day|at) <=? .*2024-05-07"} {
				if !regexp.MustCompile(day).MatchString(stdout.String()) {
					t.Errorf("%s: the statement has no %q", e.Name, day)
				}
			}
		}
	}
}
