package report

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"vedette/internal/finding"
)

func TestVerdict(t *testing.T) {
	list := threeClouds().Findings
	for i, want := range []string{
		"The IAM role service/get-password-data-role made 1,029 discovery calls, 29 of them refused, to ec2, iam and newservice within 26m03s; " +
			"what stands out: 29 of 29 calls refused over 29 resources, and GetPasswordData refused for 29 different resources; " +
			"first, disable the credentials that were made afterwards, then the one that made them.",
		"The Entra user mallory@example.com made 33 discovery calls to microsoft.storage within 9m30s; " +
			"what stands out: keys or settings with secrets asked for of 33 resources; " +
			"first, find out whether the keys that were listed have been used since, and by whom.",
		"The service account scanner@payments-prod.iam.gserviceaccount.com made 250 discovery calls to compute, in 2 projects; " +
			"what stands out: a sweep over 250 resources with compute.instances.list; " +
			"first, see that the reason it was put aside for still holds.",
	} {
		if got := VerdictOf(&list[i]).String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	refused := finding.Finding{Actor: finding.Actor{Kind: "redacted", ID: "redacted:p/203.0.113.1/gcloud", Name: "gcloud"}, Events: 6, Outcomes: finding.Outcomes{Denied: 6}}
	if got := VerdictOf(&refused).String(); got != "A caller whose name Google redacts (gcloud) made 6 discovery calls, all of them refused; "+
		"first, find the caller by address and time in the other logs, since these do not name it." {
		t.Error(got)
	}
	if got := VerdictOf(&finding.Finding{}).String(); !strings.HasSuffix(got, ".") || strings.Contains(got, "{{") {
		t.Error(got)
	}
}

// Every row of what to do first can be reached and says something; factors
// are those that triage knows.
func TestAdvice(t *testing.T) {
	a, err := loadAdvice(verdictYAML)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile("../triage/weights.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"cold_start"}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z_]+): \{.*each:`).FindAllStringSubmatch(string(weights), -1) {
		known = append(known, m[1])
	}
	for name := range a.Tried {
		if !slices.ContainsFunc(a.First, func(s firstStep) bool { return s.Factor == name }) {
			t.Errorf("%s is tried but never done", name)
		}
	}
	for _, s := range a.First {
		if strings.HasPrefix(s.Factor, "follow_") && a.Tried[s.Factor] == "" {
			t.Errorf("nothing says that %s was tried", s.Factor)
		}
	}
	for _, name := range slices.Concat(a.Plain, a.History) {
		if !slices.Contains(known, name) {
			t.Errorf("no factor %q", name)
		}
	}
	for i := range a.First {
		s := &a.First[i]
		if s.Factor != "" && !slices.Contains(known, s.Factor) {
			t.Errorf("no factor %q", s.Factor)
		}
		f := finding.Finding{Events: 1, Actor: finding.Actor{ID: "someone", Kind: "google_user"}}
		if len(s.Kinds) > 0 {
			f.Actor.Kind = s.Kinds[0]
		}
		if s.Factor != "" {
			f.Reasons = []finding.Reason{{Factor: s.Factor, Points: 1}}
		}
		if s.Aside {
			f.Aside = "known"
		}
		if s.Chain {
			f.Chain = []finding.Link{{From: "somebody"}}
		}
		at := slices.IndexFunc(a.First, func(s firstStep) bool { return s.fits(&f) })
		if at != i {
			t.Errorf("row %d is hidden by row %d", i+1, at+1)
		}
		for _, say := range []*template.Template{s.say, s.calm} {
			if err := say.Execute(io.Discard, struct{ Who, Key, From, FromKey, Owner string }{}); err != nil {
				t.Error(err)
			}
		}
		// Nothing is stopped, undone or taken away at the lowest levels before
		// it is known whether it was meant.
		for _, level := range []string{"low", "informational"} {
			f.Level = level
			if text := first(&f); !regexp.MustCompile(`^(ask|look|find|see) `).MatchString(text) || strings.Contains(text, ", and disable") {
				t.Errorf("row %d at the level %s: %s", i+1, level, text)
			}
		}
		f.Level = "medium"
		if text := first(&f); text == "" || strings.HasSuffix(text, ".") {
			t.Errorf("row %d says %q", i+1, text)
		}
	}
	for _, bad := range []string{"first: []", "first: [{kinds: [root], say: x}]", "first: [{say: '{{.Nobody'}]", "frist: []"} {
		if _, err := loadAdvice([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// TestTriedInVain: what followed and did not succeed is told as tried, of each
// kind, and nothing asks to undo it; what did succeed decides what to do first.
func TestTriedInVain(t *testing.T) {
	const ask = "ask whoever uses ada whether this was theirs, and disable the user's keys and password if nobody answers"
	user := finding.Finding{Events: 1, Actor: finding.Actor{Kind: "iam_user", ID: "arn:aws:iam::111122223333:user/ada"}}
	user.Cloud.Account.ID = "111122223333"
	all := adviceData().Tried
	if len(all) != 6 {
		t.Errorf("%d kinds of what can be tried, want 6", len(all))
	}
	for factor, what := range all {
		f := user
		f.Reasons = []finding.Reason{{Factor: factor, Points: 20, Text: "then X (refused) at 12:00:00", NoneSucceeded: true}}
		v := VerdictOf(&f)
		if want := "it tried afterwards " + what + ", and did not succeed"; v.Tried != want || v.First != ask {
			t.Errorf("%s in vain: %q, first %q", factor, v.Tried, v.First)
		}
		if want := "what stands out: then X (refused) at 12:00:00; " + v.Tried + "; first, " + ask + "."; !strings.HasSuffix(v.String(), want) {
			t.Errorf("%s: %s", factor, v)
		}
		for _, format := range []Format{HTML, Markdown} {
			if page := writeDocument(t, format, &finding.Report{Findings: []finding.Finding{f}}); !strings.Contains(page, "; "+v.Tried+"; first, ") {
				t.Errorf("%s: %s does not say what was tried", factor, format)
			}
		}
		f.Reasons = []finding.Reason{{Factor: factor, Points: 20, Text: "then X at 12:00:00"}}
		if v := VerdictOf(&f); v.Tried != "" || v.First == ask {
			t.Errorf("%s with success: %q, first %q", factor, v.Tried, v.First)
		}
	}
	both := user
	both.Reasons = []finding.Reason{
		{Factor: "follow_logging", Points: 20, Text: "then StopLogging (failed) at 12:00:00", NoneSucceeded: true},
		{Factor: "follow_policy", Points: 3, Text: "then AttachUserPolicy (refused) at 12:00:01", NoneSucceeded: true},
		{Factor: "follow_compute", Points: 1, Text: "then RunInstances at 12:00:02"},
	}
	if v := VerdictOf(&both); v.Tried != "it tried afterwards to stop or change the logging and to change permissions, and did not succeed" || v.First != "stop what was started afterwards" {
		t.Errorf("%q, first %q", v.Tried, v.First)
	}
	// What the limit of a group left no points to counts as much.
	capped := user
	capped.Reasons = []finding.Reason{
		{Factor: "follow_logging", Points: 20, Text: "then StopLogging (refused) at 12:00:00", NoneSucceeded: true},
		{Factor: "follow_keys", Text: "then CreateAccessKey at 12:00:01"},
		{Factor: "follow_policy", Text: "then AttachUserPolicy (refused) at 12:00:02", NoneSucceeded: true},
	}
	if v := VerdictOf(&capped); v.Tried != "it tried afterwards to stop or change the logging and to change permissions, and did not succeed" ||
		v.First != "disable the credentials that were made afterwards, then the one that made them" {
		t.Errorf("%q, first %q", v.Tried, v.First)
	}
	both.Level = "low"
	if v := VerdictOf(&both); v.First != "look whether what was started or changed on machines afterwards was meant" {
		t.Error(v.First)
	}
}

// TestFirstAsksByKind: who is asked, and what is disabled then, are called what
// they are: a user holds keys, and a temporary key ends by itself.
func TestFirstAsksByKind(t *testing.T) {
	for _, c := range []struct{ kind, id, key, owner, want string }{
		{"iam_user", "user/ada", "", "", "ask whoever uses ada whether this was theirs, and disable the user's keys and password if nobody answers"},
		{"iam_user", "user/ada", "ASIA1", "", "ask whoever uses ada whether this was theirs, and disable the user's keys and password if nobody answers"},
		{"iam_user", "user/ada", "AKIA1", "", "ask whoever uses ada whether this was theirs, and disable AKIA1 if nobody answers"},
		{"iam_user", "user/ada", "AKIA1", "Team A", "ask Team A whether this was theirs, and disable AKIA1 if nobody answers"},
		{"account_key", "accountkey:store1", "", "", "ask the owner of the storage account what uses accountkey:store1, and renew the account's keys if nobody knows"},
		{"iam_role", "role/ada", "ASIA1", "", "ask the owner of ada what runs under that name and whether it changed"},
	} {
		f := finding.Finding{Events: 1, Actor: finding.Actor{Kind: c.kind, ID: c.id, Owner: c.owner}}
		if c.key != "" {
			f.Keys = []finding.Count{{Name: c.key, Events: 1}}
		}
		if got := VerdictOf(&f).First; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestFirstNamesTheKey: the credential to disable is the one that the session was
// obtained with, where the chain shows it.
func TestFirstNamesTheKey(t *testing.T) {
	f := finding.Finding{Events: 1, Actor: finding.Actor{Kind: "iam_role"}, Chain: []finding.Link{{From: "arn:aws:iam::111122223333:user/ada"}}}
	f.Cloud.Account.ID = "111122223333"
	for key, want := range map[string]string{
		"":      "ask user/ada, who obtained the session, whether this was theirs; if not, its credential is the one to disable",
		"AKIA1": "ask user/ada, who obtained the session, whether this was theirs; if not, AKIA1, which it was obtained with, is the one to disable",
	} {
		f.Chain[0].FromKey = key
		if got := VerdictOf(&f).First; got != want {
			t.Errorf("with %q: %s", key, got)
		}
	}
}
