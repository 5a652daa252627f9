package cli

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"vedette/internal/respond"
)

// What playbooks tell vedette to do is in its grammar.
func TestPlaybooksSpeakTheGrammar(t *testing.T) {
	read := 0
	for _, typ := range respond.BuiltIn().Types() {
		p, err := respond.Template(typ.ID, respond.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				for _, line := range s.Commands {
					line, _, _ = strings.Cut(line, " > ")
					args := strings.Fields(line)
					if args[0] != "vedette" {
						continue
					}
					read++
					var g grammar
					k, err := kong.New(&g, kong.Name("vedette"), kong.Exit(func(int) { t.Errorf("%s: ends early", line) }))
					if err != nil {
						t.Fatal(err)
					}
					if _, err := k.Parse(args[1:]); err != nil {
						t.Errorf("step %s: %s: %s", s.ID, line, err)
					}
				}
			}
		}
	}
	if read == 0 {
		t.Error("no playbook has a command of vedette")
	}
}
