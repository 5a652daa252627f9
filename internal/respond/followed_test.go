package respond

import (
	"fmt"
	"slices"
	"testing"

	"vedette/internal/finding"
)

// stepsOf are the steps of a playbook by their ids.
func stepsOf(p *Playbook) map[string]*Step {
	list := map[string]*Step{}
	for i := range p.Phases {
		for j := range p.Phases[i].Steps {
			s := &p.Phases[i].Steps[j]
			list[s.ID] = s
		}
	}
	return list
}

// TestLoggingIsPutBack: every playbook looks whether the logs are on, and that of
// a finding after which logging was changed puts it back before anybody is
// contained. What was refused or failed changed nothing.
func TestLoggingIsPutBack(t *testing.T) {
	reason := func(factor string, vain bool) func(*finding.Finding) {
		return func(f *finding.Finding) {
			f.Reasons = append(f.Reasons, finding.Reason{Factor: factor, Points: 14, NoneSucceeded: vain})
		}
	}
	for _, c := range []struct {
		cloud, kind, uid string
		look, back       []string
	}{
		{"aws", "iam_user", user, []string{"aws-trail-status", "aws-trail-selectors"}, []string{"aws-trail-start", "aws-trail-selectors-back"}},
		{"azure", "entra_user", object, []string{"az-diagnostic-state"}, []string{"az-diagnostic-back"}},
		{"gcp", "google_user", "ada@example.com", []string{"gcp-sinks-state", "gcp-audit-config"}, []string{"gcp-sink-changes", "gcp-sink-back"}},
	} {
		for name, f := range map[string]*finding.Finding{
			"nothing followed":  made(c.cloud, c.kind, c.uid),
			"in vain":           made(c.cloud, c.kind, c.uid, reason("follow_logging", true)),
			"something else":    made(c.cloud, c.kind, c.uid, reason("follow_keys", false)),
			"logging succeeded": made(c.cloud, c.kind, c.uid, reason("follow_keys", true), reason("follow_logging", false)),
		} {
			p, err := For(f, Options{})
			if err != nil {
				t.Fatal(err)
			}
			steps := stepsOf(p)
			for _, id := range c.look {
				if s := steps[id]; s == nil || s.Effect != "reads" || len(s.Commands) != 1 {
					t.Errorf("%s, %s: no step that looks: %s", c.cloud, name, id)
				}
			}
			for _, id := range c.back {
				if s := steps[id]; (s != nil) != (name == "logging succeeded") {
					t.Errorf("%s, %s: step %s: %v", c.cloud, name, id, s != nil)
				} else if s != nil && (!slices.Contains(s.When, "leaked") || len(s.Do.Sources) == 0) {
					t.Errorf("%s: %s is not for a leak or has no source: %+v", c.cloud, id, s)
				}
			}
			if name == "logging succeeded" {
				for _, s := range p.Phases[2].Steps {
					if len(s.Types) > 0 && s.Number < steps[c.back[len(c.back)-1]].Number {
						t.Errorf("%s: %s comes before the logging is back", c.cloud, s.ID)
					}
				}
			}
		}
	}
}

// TestManyKeys: all keys have a line up to the limit, and what is beyond it is
// counted with the command that lists it.
func TestManyKeys(t *testing.T) {
	for n, left := range map[int]int{1: 0, 11: 0, 20: 0, 21: 1, 45: 25} {
		f := made("aws", "iam_user", user)
		for i := range n {
			f.Keys = append(f.Keys, finding.Count{Name: fmt.Sprintf("ASIA%d", i), Events: 1})
		}
		p, err := For(f, Options{Paths: []string{"the logs"}})
		if err != nil {
			t.Fatal(err)
		}
		s := stepsOf(p)["aws-trail-by-session"]
		if len(s.Commands) != n-left || s.LeftOut != left {
			t.Errorf("%d keys: %d lines, %d left out", n, len(s.Commands), s.LeftOut)
		}
		if want := "vedette explain 0123456789abcdef 'the logs'"; left > 0 && s.Lister != want || left == 0 && s.Lister != "" {
			t.Errorf("%d keys are listed by %q", n, s.Lister)
		}
	}
}
