package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"vedette/internal/finding"
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

// In a report, each step says whom it is about: the same one stands there for
// each principal of a chain.
func TestChecklistNamesPrincipals(t *testing.T) {
	const far, near = "arn:aws:iam::111122223333:role/far", "arn:aws:iam::111122223333:role/near"
	f := &finding.Finding{ID: "0123456789abcdef", Cloud: finding.CloudRef{Provider: "aws"}, Actor: finding.Actor{Kind: "iam_role", ID: near},
		Origin: &finding.Origin{ID: "arn:aws:iam::111122223333:user/ada"},
		Chain:  []finding.Link{{From: "arn:aws:iam::111122223333:user/ada", To: far, Via: "AssumeRole"}, {From: far, To: near, Via: "AssumeRole"}}}
	var notes []string
	for _, s := range (&reportCmd{}).playbook([]string{"logs"})(f) {
		for _, step := range s.Steps {
			notes = append(notes, step.Notes...)
		}
	}
	for _, want := range []string{far, near, f.Origin.ID} {
		if !slices.Contains(notes, "Principal: "+want) {
			t.Errorf("no step is about %s", want)
		}
	}
}
