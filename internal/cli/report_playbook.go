package cli

import (
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/report"
	"vedette/internal/respond"
)

// playbook is the checklist of a finding in a report: its phases, with what
// each step stops, leaves valid and breaks. The whole is what the command
// playbook prints. Commands leave a blank for logs that are not known: those of
// saved findings.
func (c *reportCmd) playbook(logs []string) func(*finding.Finding) []report.Section {
	return func(f *finding.Finding) []report.Section {
		book, err := respond.For(f, respond.Options{Paths: logs})
		if err != nil {
			return nil // of a type that no playbook is for
		}
		var list []report.Section
		for _, p := range book.Phases {
			s := report.Section{Title: p.Title}
			for i := range p.Steps {
				s.Steps = append(s.Steps, checklistStep(&p.Steps[i]))
			}
			list = append(list, s)
		}
		return list
	}
}

func checklistStep(s *respond.Step) report.Step {
	out := report.Step{Text: s.Do.Text}
	if s.Principal != "" {
		out.Notes = append(out.Notes, "Principal: "+s.Principal)
	}
	for _, n := range []struct {
		label string
		fact  *respond.Fact
	}{{"Stops", s.Stops}, {"Stays valid", s.Stays}, {"Breaks", s.Breaks}, {"Undo", s.Undo}} {
		if n.fact != nil && n.fact.Text != "" {
			out.Notes = append(out.Notes, n.label+": "+n.fact.Text)
		}
	}
	if !s.Always && len(s.When) > 0 {
		out.Notes = append(out.Notes, "Where it is: "+strings.Join(s.When, ", "))
	}
	for _, b := range s.FillIn {
		out.Notes = append(out.Notes, "Fill in "+strings.TrimSuffix(b.Name+": "+b.What, ": "))
	}
	if s.LeftOut > 0 {
		out.Notes = append(out.Notes, "Lines like these for further values of the finding: "+strconv.Itoa(s.LeftOut)+"; listed by "+s.Lister)
	}
	if len(s.Commands) > 0 {
		out.Commands = append(out.Commands, report.Snippet{Language: "sh", Text: strings.Join(s.Commands, "\n")})
	}
	return out
}
