package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"vedette/internal/finding"
	"vedette/internal/term"
	"vedette/internal/tune"
)

// nasty is what a caller could put into a name.
const nasty = "\x1b[2Jevil\u202e\r\n\u0085\u200b<script>" + "\xff"

// hostileComparison has nasty text wherever text of a log or of a file is.
func hostileComparison(t *testing.T) *tune.Report {
	t.Helper()
	at := time.Date(2026, 3, 17, 9, 0, 0, 0, time.UTC)
	of := func(user string, priority int, level string, first time.Time) finding.Finding {
		return finding.Finding{
			ID: nasty + user, Scope: "account", Actor: finding.Actor{Kind: nasty, ID: nasty + user, Name: nasty + strings.Repeat("long ", 60)},
			Cloud:     finding.CloudRef{Provider: "aws", Account: finding.Account{ID: nasty}},
			Judgement: finding.Judgement{Priority: priority, Level: level, Slice: nasty + level, Aside: nasty + level, Reasons: []finding.Reason{{Factor: nasty, Points: priority}}},
			Peak:      finding.Window{Name: nasty}, Detections: []finding.Detection{{ID: nasty}},
			FirstSeen: first.Format(time.RFC3339), LastSeen: first.Format(time.RFC3339),
		}
	}
	result := func(list ...finding.Finding) tune.Result {
		return tune.Result{Findings: list, First: at, Last: at.AddDate(0, 0, 9)}
	}
	label := func(name, principal string) tune.Label {
		return tune.Label{Name: name, Principal: principal, From: at, Until: at.Add(time.Hour)}
	}
	after := result(of("a", 20, "low", at), of("c", 90, "critical", at))
	r, err := tune.New(result(of("a", 70, "high", at), of("b", 60, "high", at.Add(50*time.Hour)), of("b2", 60, "high", at.Add(50*time.Hour))), &after, tune.Options{
		Level: "medium", Changed: []string{"--with-weights " + nasty}, Budget: &tune.Budget{Findings: 0, Days: 7},
		Labels: &tune.Labels{
			Attacks: []tune.Label{label("lost "+nasty, nasty+"a"), label("gained "+nasty, nasty+"c"), label("missed "+nasty, "nobody")},
			Benign:  []tune.Label{label("benign "+nasty, nasty+"*")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whatever callers, files and flags are named, a comparison does nothing to a
// terminal and fits on it, and its JSON reads back.
func TestComparisonIsHarmless(t *testing.T) {
	r := hostileComparison(t)
	for _, width := range []int{50, 80, 120, 240} {
		for _, utf := range []bool{true, false} {
			for _, limit := range []int{0, 1} {
				var b bytes.Buffer
				if err := WriteTune(&b, "table", r, Options{Terminal: term.Terminal{Width: width, Unicode: utf}, Limit: limit}); err != nil {
					t.Fatal(err)
				}
				for i, line := range strings.Split(b.String(), "\n") {
					if !utf8.ValidString(line) || term.Safe(line) != line || !utf && term.SafeASCII(line) != line {
						t.Errorf("width %d, line %d can do something: %q", width, i+1, line)
					}
					if term.Width(line) > width {
						t.Errorf("width %d, line %d is wider: %q", width, i+1, line)
					}
				}
				if limited := strings.Contains(b.String(), "more changes: `--limit 0`"); limited != (limit == 1) && width >= 80 {
					t.Errorf("limit %d:\n%s", limit, b.String())
				}
			}
		}
	}
	var b bytes.Buffer
	if err := WriteTune(&b, "json", r, Options{}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.ContainsAny(s, "\x1b\u202e\u200b<>\r") || !json.Valid(b.Bytes()) {
		t.Errorf("JSON that can do something, or is none: %q", s)
	}
	var back tune.Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Changes) != 4 || back.Attacks[0].State != "lost" || back.Attacks[1].State != "gained" || back.After.Budget == nil {
		t.Errorf("%+v", back)
	}
	if err := WriteTune(&b, "csv", r, Options{}); err == nil {
		t.Error("a format that is none is written")
	}
}

// What there is, is not none, however seldom; and days without events are told.
func TestSeldomIsNotNever(t *testing.T) {
	for want, c := range map[string]struct {
		n    int
		rate float64
	}{"0.00": {}, "under 0.01": {1, 0}, "0.01": {1, 0.01}, "12.50": {25, 12.5}} {
		if got := rateText(c.n, c.rate); got != want {
			t.Errorf("%d at %v: %q, want %q", c.n, c.rate, got, want)
		}
	}
	r := hostileComparison(t)
	page := func() string {
		var b bytes.Buffer
		if err := WriteTune(&b, "table", r, Options{Terminal: term.Terminal{Width: 120}}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if s := page(); !strings.Contains(s, "Findings over 10 days (UTC), 2026-03-17 to 2026-03-26:") {
		t.Error(s)
	}
	r.Input.ActiveDays = 3
	if s := page(); !strings.Contains(s, "Findings over 10 days (UTC), 2026-03-17 to 2026-03-26, 3 with events:") {
		t.Error(s)
	}
}

// Who is not labelled is not called an attack, and what keeps an exception off
// is said.
func TestQuietInWords(t *testing.T) {
	for want, c := range map[string]tune.Cost{
		"nothing, being attack a; b":                           {Attacks: []string{"a", "b"}},
		"no exception fits: in several accounts":               {Unbound: tune.SeveralAccounts},
		"no exception fits: caller not named":                  {Unbound: tune.UnnamedCaller},
		"no exception fits: not all addresses are public":      {Unbound: tune.PrivateAddress},
		"no exception fits: none covers what followed":         {Unbound: tune.Followed},
		"no exception fits: a name cannot be written into one": {Unbound: tune.UnwritableName},
		"no exception fits: put aside already":                 {Unbound: tune.PutAside},
		"no exception fits":                                    {},
		"except 0123 (like it: 2 of 3)":                        {Findings: 3, Quiet: &tune.Quiet{ID: "01234567", Findings: 2}},
		"except 0123; others are attack leaked key":            {Findings: 1, Quiet: &tune.Quiet{ID: "01234567", Findings: 1}, Attacks: []string{"leaked key"}},
	} {
		if got := quietText(&c, 4); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
