package report

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/finding"
	"vedette/internal/term"
)

//go:embed verdict.yaml
var verdictYAML []byte

// Verdict is what a finding comes to, for somebody who has half a minute.
// Each part is a clause that begins in lower case and has no full stop, but
// for Did, which begins the sentence. Strings are those of the logs: whoever
// prints them makes them safe.
type Verdict struct {
	Did     string // who did how much of what in how long
	Unusual string // what stands out, empty where nothing does
	Tried   string // what was tried afterwards in vain, empty where nothing was
	First   string // what to do first
}

// String is the verdict as one sentence.
func (v Verdict) String() string {
	text := v.Did
	if v.Unusual != "" {
		text += "; what stands out: " + v.Unusual
	}
	if v.Tried != "" {
		text += "; " + v.Tried
	}
	return text + "; first, " + v.First + "."
}

// advice is the data of verdict.yaml.
type advice struct {
	// Plain are factors that deployment and consoles have too: they stand out
	// only where nothing else does.
	Plain []string `yaml:"plain"`
	// History are factors that hold the burst against what was before.
	History []string `yaml:"history"`
	Telling telling  `yaml:"telling"`
	// Tried says of factors of what followed what was tried.
	Tried map[string]string `yaml:"tried"`
	// Calm are levels at which a row says what it has for them.
	Calm []string `yaml:"calm"`
	// First is what to do first: the first row counts of which each condition
	// holds.
	First []firstStep `yaml:"first"`
}

type firstStep struct {
	Factor string   `yaml:"factor"` // a reason of the finding of which something succeeded, be it without points
	Kinds  []string `yaml:"kinds"`  // kinds of actor
	Aside  bool     `yaml:"aside"`  // the finding is put aside
	Chain  bool     `yaml:"chain"`  // who obtained the session is known
	// Answered says that not every call was refused.
	Answered bool   `yaml:"answered"`
	Say      string `yaml:"say"`
	// Calm is said in its place at the levels of advice.Calm; empty says the
	// same at all.
	Calm string `yaml:"calm"`

	say, calm *template.Template
}

var adviceData = sync.OnceValue(func() *advice {
	a, err := loadAdvice(verdictYAML)
	if err != nil {
		panic(err) // a test reads the file
	}
	return a
})

// loadAdvice reads verdict.yaml; its last row must fit every finding.
func loadAdvice(data []byte) (*advice, error) {
	var a advice
	if err := yaml.Load(data, &a, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("verdict.yaml: %w", err)
	}
	for i := range a.First {
		s := &a.First[i]
		var errs [2]error
		s.say, errs[0] = template.New("say").Option("missingkey=error").Parse(s.Say)
		s.calm, errs[1] = template.New("calm").Option("missingkey=error").Parse(cmp.Or(s.Calm, s.Say))
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("verdict.yaml: what to do first, row %d: %w", i+1, err)
		}
	}
	if n := len(a.First); n == 0 || !a.First[n-1].fits(&finding.Finding{}) {
		return nil, fmt.Errorf("verdict.yaml: the last row of what to do first does not fit every finding")
	}
	return &a, nil
}

func (s *firstStep) fits(f *finding.Finding) bool {
	has := func(r finding.Reason) bool { return r.Factor == s.Factor && r.Points >= 0 && !r.NoneSucceeded }
	return (s.Factor == "" || slices.ContainsFunc(f.Reasons, has)) &&
		(len(s.Kinds) == 0 || slices.Contains(s.Kinds, f.Actor.Kind)) &&
		(!s.Aside || f.Aside != "") && (!s.Chain || len(f.Chain) > 0) &&
		(!s.Answered || f.Outcomes.Denied < f.Events)
}

// VerdictOf says what a finding comes to.
func VerdictOf(f *finding.Finding) Verdict {
	return Verdict{Did: did(f), Unusual: unusual(f), Tried: tried(f), First: first(f)}
}

// did says who did how much of what in how long.
func did(f *finding.Finding) string {
	text := "The " + strings.TrimSpace(kindText(f.Actor.Kind)+" "+bareName(f))
	if name := bareName(f); slices.Contains([]string{"redacted", "anonymous", "unknown", ""}, f.Actor.Kind) && name != "" {
		text = "A " + kindText(f.Actor.Kind) + " (" + name + ")"
	}
	text += " made " + term.Plural(f.Events, "discovery call")
	switch denied := f.Outcomes.Denied; {
	case denied == f.Events && denied > 1:
		text += ", all of them refused,"
	case denied == f.Events && denied == 1:
		text += ", which was refused,"
	case denied > 0:
		text += ", " + term.Count(denied) + " of them refused,"
	}
	if names := shortServices(f.Services); len(names) > 0 {
		list := make([]string, len(names))
		for i, s := range names {
			list[i] = s.Name
		}
		text += " to " + series(list, 3, "service")
	}
	if d, ok := lasted(f); ok && d > 0 {
		text += " within " + term.Duration(d)
	}
	if n := len(f.Accounts); n > 1 {
		text += ", in " + term.Count(n) + " " + accountNoun(f.Cloud.Provider, n)
	}
	return strings.TrimSuffix(text, ",")
}

// series names the first of a list and counts the others: "a, b and 3 more
// services".
func series(list []string, most int, noun string) string {
	if len(list) > most {
		list = append(slices.Clone(list[:most]), term.Plural(len(list)-most, "more "+noun))
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// unusual names the two weightiest reasons; those that deployment tools have
// too only where there is no other.
func unusual(f *finding.Finding) string {
	plain := adviceData().Plain
	var telling, other []finding.Reason
	for _, r := range f.Reasons {
		switch {
		case r.Points <= 0:
		case slices.Contains(plain, r.Factor):
			other = append(other, r)
		default:
			telling = append(telling, r)
		}
	}
	if len(telling) == 0 {
		telling = other
	}
	slices.SortStableFunc(telling, func(a, b finding.Reason) int { return b.Points - a.Points })
	var texts []string
	for _, r := range telling[:min(2, len(telling))] {
		texts = append(texts, reasonText(&r))
	}
	return strings.Join(texts, ", and ")
}

// tried says what was tried afterwards and did not succeed.
func tried(f *finding.Finding) string {
	var list []string
	for _, r := range f.Reasons {
		if what := adviceData().Tried[r.Factor]; what != "" && r.NoneSucceeded {
			list = append(list, what)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "it tried afterwards " + series(list, len(list), "") + ", and did not succeed"
}

// first says what to do first.
func first(f *finding.Finding) string {
	values := struct{ Who, Key, From, FromKey, Owner string }{Who: bareName(f), Owner: f.Actor.Owner}
	// Keys that begin with AKIA are those that can be disabled ("IAM identifiers",
	// IAM User Guide); temporary ones end by themselves.
	for _, k := range f.Keys {
		if strings.HasPrefix(k.Name, "AKIA") {
			values.Key = k.Name
			break
		}
	}
	if len(f.Chain) > 0 {
		values.From, values.FromKey = short(f.Chain[0].From, f.Cloud.Account.ID), f.Chain[0].FromKey
	}
	if values.Who == "" {
		values.Who = kindText(f.Actor.Kind)
	}
	for i := range adviceData().First {
		s := &adviceData().First[i]
		if !s.fits(f) {
			continue
		}
		say := s.say
		if slices.Contains(adviceData().Calm, f.Level) {
			say = s.calm
		}
		var b strings.Builder
		if err := say.Execute(&b, values); err != nil {
			panic(err) // a test executes each row
		}
		return b.String()
	}
	panic("verdict.yaml: no row fits") // loadAdvice sees to it
}
