package report

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

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
		if err := s.say.Execute(io.Discard, struct{ Who, Key, From, FromKey, Owner string }{}); err != nil {
			t.Error(err)
		}
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
