package rehearse

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vedette/internal/footprint"
)

// Plan is a test as a shell script that can be pasted: what it does, what it
// needs, its steps as one shell runs them, and the clean-up. Scripts beside
// the test are written by the script itself into a folder of their own.
func Plan(t *Test) string {
	var b strings.Builder
	comment := func(text string) {
		for line := range strings.Lines(strings.TrimSpace(text)) {
			b.WriteString(strings.TrimRight("# "+strings.TrimSpace(line), " ") + "\n")
		}
	}
	comment(fmt.Sprintf("%s: %s\n%s, %s, %s", t.ID, t.Name, t.Technique, t.Provider, t.Kind))
	if t.Origin != "" {
		comment("From: " + t.Origin)
	}
	comment(t.About)
	if t.Recipe != nil {
		comment("No client can do this: its logs are made, not recorded. " + t.Recipe.Why)
		return b.String()
	}
	comment("Needs: " + strings.Join(t.Needs, ", ") + ", and credentials of " + callers[t.Provider])
	for _, p := range t.Prerequisites {
		comment("Before: " + p)
	}
	for _, r := range t.Runs {
		line := "Expect, run " + r.Name
		if r.About != "" {
			line += " (" + strings.TrimSpace(r.About) + ")"
		}
		comment(line + ": " + r.Expect.String())
		if len(r.Questions) > 0 {
			comment("Hunt, run " + r.Name + ": " + strings.Join(r.Questions, ", "))
		}
	}
	used := t.used()
	if len(used) > 0 {
		b.WriteString("\nREHEARSAL=$(mktemp -d)\nexport REHEARSE_FOR_REAL=yes # or the scripts refuse to call a real cloud\n")
		for _, name := range used {
			// The word in quotes keeps the shell from expanding anything.
			fmt.Fprintf(&b, "cat >\"$REHEARSAL/%s\" <<'END_OF_%s'\n%s\nEND_OF_%s\n", name, word(name), strings.TrimRight(string(t.file(name)), "\n"), word(name))
		}
	}
	for _, s := range t.Steps {
		b.WriteString("\n")
		if s.As != "" {
			comment("As " + s.As + ":")
		}
		if s.Instance != "" {
			comment("On an instance, with the credentials of its role:")
		}
		b.WriteString(strings.TrimSpace(s.Sh) + "\n")
	}
	b.WriteString("\n# Clean-up\n" + strings.TrimSpace(t.Cleanup) + "\n")
	if len(used) > 0 {
		b.WriteString("rm -r \"$REHEARSAL\"\n")
	}
	return b.String()
}

// WritePlan writes the plan of a test into a folder of its own below dir, with
// the files that it uses, and returns the script's path.
func WritePlan(t *Test, dir string) (string, error) {
	folder := filepath.Join(dir, t.ID)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(folder, "run.sh")
	return file, os.WriteFile(file, []byte("#!/bin/sh\n"+Plan(t)), 0o755)
}

// callers say whose credentials a test takes.
var callers = map[string]string{
	"aws":   "AWS (a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
	"azure": "Azure (az login)",
	"gcp":   "Google Cloud (gcloud auth login, gcloud config set project; PROJECT is the project's id)",
}

// used returns the files that the steps name, and those that these name.
func (t *Test) used() []string {
	var list []string
	seen := map[string]bool{}
	var look func(text string)
	look = func(text string) {
		for _, name := range t.everything() {
			if !seen[name] && (strings.Contains(text, "$REHEARSAL/"+name) || strings.Contains(text, "REHEARSAL}/"+name) || imports(text, name)) {
				seen[name] = true
				look(string(t.file(name)))
				list = append(list, name)
			}
		}
	}
	for _, s := range t.Steps {
		look(s.Sh)
	}
	return list
}

// imports reports whether a script takes in another by name.
func imports(text, name string) bool {
	if module, ok := strings.CutSuffix(name, ".py"); ok {
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			if len(f) >= 2 && (f[0] == "import" || f[0] == "from") && f[1] == module {
				return true
			}
		}
	}
	return strings.Contains(text, "/"+name)
}

// toolTable is the name of a file that is made from what package footprint
// knows of the tools that the steps name: tool, module, service, operation.
const toolTable = "tools.tsv"

// everything is the names of the test's files and of those that tests share.
func (t *Test) everything() []string {
	names := t.Files()
	shared, _ := scripts.ReadDir("scripts")
	for _, e := range shared {
		if t.files[e.Name()] == nil {
			names = append(names, e.Name())
		}
	}
	return append(names, toolTable)
}

func (t *Test) file(name string) []byte {
	if text, ok := t.files[name]; ok {
		return text
	}
	if name == toolTable {
		return t.tools()
	}
	text, _ := scripts.ReadFile("scripts/" + name)
	return text
}

// tools is the table of the tools that the steps name.
func (t *Test) tools() []byte {
	var b bytes.Buffer
	for _, s := range t.Steps {
		for _, word := range strings.Fields(s.Sh) {
			for _, o := range footprint.OfTool(word, "") {
				fmt.Fprintf(&b, "%s\t\t%s\t%s\n", word, o.Service, o.Name)
			}
		}
	}
	return b.Bytes()
}

// word makes a word of a file's name, for the end of a text in the shell.
func word(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name))
}
