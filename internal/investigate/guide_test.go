package investigate

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/event"
	"vedette/internal/finding"
)

func findingOf(uid, kind, first, last string) *finding.Finding {
	return &finding.Finding{ID: "0123456789abcdef", Scope: "account", Actor: finding.Actor{ID: uid, Kind: kind}, FirstSeen: first, LastSeen: last}
}

// TestGuideAsksForEveryFact, and its tables load.
func TestGuideAsksForEveryFact(t *testing.T) {
	asked := map[string]bool{}
	for _, q := range DefaultGuide().steps {
		for _, f := range q.facts {
			asked[f] = true
		}
	}
	for _, f := range factNames {
		if !asked[f] {
			t.Errorf("no step asks for %s", f)
		}
	}
	if len(issues()) < 3 || len(resourceKinds()) < 20 {
		t.Errorf("%d issues, %d kinds of resource", len(issues()), len(resourceKinds()))
	}
	for r := event.ReasonUnknown; r < event.NumReasons; r++ {
		if refusals[r.String()] == "" {
			t.Errorf("no words for the reason %s", r)
		}
	}
}

func TestGuideErrors(t *testing.T) {
	const head = "version: 1\nsteps:\n  - id: a\n    question: Why?\n"
	for _, c := range []struct{ text, want string }{
		{"version: 2\nsteps: []\n", "g.yaml:1: a guide begins with version: 1"},
		{"version: 1\nmore: 2\n", "more"},
		{head + "    facts: [lineage]\n", "g.yaml:3: a step needs id, question, facts and answer"},
		{head + "    facts: [luck]\n    answer: [x]\n", `g.yaml:3: there is no fact "luck"; there are lineage, `},
		{head + "    facts: [lineage]\n    answer:\n      - x\n      - '{{.Nothing'\n", "g.yaml:8: "},
		{head + "    facts: [lineage]\n    answer:\n      - '{{.Nothing}}'\n", "g.yaml:7:"},
		{head + "    facts: [lineage]\n    answer: [x]\n    extra: 1\n", `there is no "extra" here`},
		{head + "    facts: [lineage]\n    answer: [x]\n    next:\n      - ask: what\n        step: b\n", `g.yaml:3: step "a" leads to "b", which the guide has not`},
		{head + "    facts: [lineage]\n    answer: [x]\n    next:\n      - step: a\n", "g.yaml:8: what to ask next needs ask"},
		{head + "    facts: [lineage]\n    answer: [x]\n    next:\n      - ask: x\n        playbook: panic\n", `g.yaml:8: a playbook has no phase "panic"`},
		{head + "    facts: [lineage]\n    answer: [x]\n  - id: a\n    question: q\n    facts: [slice]\n    answer: [x]\n", `g.yaml:7: a second step "a"`},
		{strings.Repeat("#", maxGuide+1), "more than a guide may have"},
	} {
		if _, err := LoadGuide("g.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
}

// TestOwnGuide: the questions of a file, in its words.
func TestOwnGuide(t *testing.T) {
	g, err := LoadGuide("own.yaml", []byte(`version: 1
steps:
  - id: mine
    question: Mine?
    facts: [activity, denials]
    answer:
      - "{{plural .Activity.During.Calls \"call\"}} by {{name .Subject.Principal}}"
      - "{{if .Finding.ID}}never said{{end}}"
    next:
      - {when: "false", ask: not asked}
      - {ask: "{{count 1234567}}", run: "x {{quote .Subject.Principal}}", hunt: h}
`))
	if err != nil {
		t.Fatal(err)
	}
	who := user("o'brien; rm -rf /", "AKIA1")
	o := options(t, who["arn"].(string), 1, write(t, 5, aws(1, 0, who, "ec2", "DescribeA", nil)))
	o.Guide = g
	s := run(t, o).Steps
	if len(s) != 1 || !slices.Equal(s[0].Answer, []string{"1 call by user/o'brien; rm -rf /"}) || s[0].EvidenceTotal != 1 {
		t.Fatalf("%+v", s)
	}
	want := Next{Ask: "1,234,567", Hunt: "h", Run: `x 'arn:aws:iam::111122223333:user/o'\''brien; rm -rf /'`}
	if len(s[0].Next) != 1 || s[0].Next[0] != want {
		t.Errorf("next %+v", s[0].Next)
	}
}

// Commands that go on read what was read, whatever its name does to a shell.
func TestPathsOfCommands(t *testing.T) {
	for want, paths := range map[string][]string{
		"PATH":                     nil,
		"logs/a_b-1.json.gz":       {"logs/a_b-1.json.gz"},
		`'$(x)' a 'b c' 'it'\''s'`: {"it's", "b c", "a", "$(x)"}, // in one order, since it changes nothing
		"'' ./-o './-x y'":         {"-x y", "", "-o"},
		"'~/logs/*'":               {"~/logs/*"},
	} {
		if got := ShellWords(paths); got != want {
			t.Errorf("%q: %s, want %s", paths, got, want)
		}
	}
	if got := ShellWords([]string{"a", "-"}); got != "PATH" {
		t.Errorf("standard input is %s", got)
	}

	root := user("marek", "AKIA1")
	o := options(t, root["arn"].(string), 1, write(t, 5, aws(1, 0, root, "ec2", "DescribeA", nil)))
	g, err := LoadGuide("own.yaml", []byte("version: 1\nsteps:\n  - {id: a, question: A?, facts: [activity], answer: [x], next: [{ask: y, run: 'read {{.Logs}}'}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	o.Guide, o.Paths = g, []string{"my logs", "b"}
	if got := run(t, o).Steps[0].Next[0].Run; got != "read b 'my logs'" {
		t.Error(got)
	}
	if text := string(GuideFile()); strings.Contains(text, "PATH") || strings.Count(text, " {{.Logs}}") < 3 {
		t.Error("a command of the guide leaves the paths to be filled in")
	}
}

// What is promised below is there: how to see more, of as many kinds of log as
// it is known of.
func TestHowToSeeIsNotPromised(t *testing.T) {
	g := DefaultGuide()
	for want, blind := range map[string][]Blind{
		"1 kind of log of this provider leaves something unseen, as is said below.":                             {{}},
		"1 kind of log of this provider leaves something unseen; it is said below how to see it.":               {{Enable: "x"}},
		"3 kinds of log of this provider leave something unseen; for 1 of them it is said below how to see it.": {{}, {Enable: "x"}, {}},
		"2 kinds of log of this provider leave something unseen; it is said below how to see it.":               {{Enable: "x"}, {Enable: "y"}},
		"Of each kind of log that is known of this provider the input has reads.":                               nil,
	} {
		steps, err := g.answer(&Walk{Facts: Facts{Coverage: Coverage{Blind: blind}}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := steps[len(steps)-1].Answer[0]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range [][2]string{
		{count(-1234), "-1,234"}, {count(999), "999"}, {plural(2, "entry", "entries"), "2 entries"},
		{joined(nil), ""}, {joined([]string{"a"}), "a"}, {joined([]string{"a", "b", "c"}), "a, b and c"},
		{joined([]string{"a", "b", "c", "d", "e", "f"}), "a, b, c, d and 2 more"}, {listed([]string{"a"}, 3), "a and 2 more"},
		{lasting("2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"), "90 minutes"}, {shortName("arn:aws:iam::1:user/a:b"), "user/a:b"}, {shortName("entra:x/y"), "entra:x/y"},
		{shortPermission("ec2.amazonaws.com:DescribeA"), "ec2:DescribeA"}, {clock("no time"), "no time"}, {shellQuote("a'b"), `'a'\''b'`},
		{kindName("iam_user"), "IAM user"}, {kindName("aws_service"), "AWS service"}, {kindName("redacted"), "redacted caller"},
		{sameClient("[aws-cli/2 md/arch#x m/b,Z md/command#s3.ls]"), "aws-cli/2 md/arch#x"}, {sameClient("gcloud/528 command/gcloud.x invocation-id/ab python/3"), "gcloud/528 python/3"},
		{pathKind("https://kv.vault.azure.net/secrets/x"), "kv.vault.azure.net"}, {pathKind("projects/p/zones/z/instances/i"), "instances"}, {pathKind("projects/p/global/addresses"), "addresses"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
	for _, by := range []string{"long_lived_key", "service_account_key", "instance", "resource", "delegation", "temporary_key", "session", "application", "oauth_client"} {
		if got := held(Root{By: by, ID: "THING"}); !strings.Contains(got, "THING") {
			t.Errorf("%s: %s", by, fmt.Sprint(got))
		}
	}
}

// docs/investigate.md has each step with its question, and each fact.
func TestGuideIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/investigate.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(text), "\r\n", "\n")
	for _, q := range DefaultGuide().steps {
		if row := fmt.Sprintf("| `%s` | %s |\n", q.id, q.question); !strings.Contains(page, row) {
			t.Errorf("no row %q", row)
		}
	}
	for _, f := range factNames {
		if !strings.Contains(page, "**"+f+".**") {
			t.Errorf("nothing is said of %s", f)
		}
	}
	head, _, _ := strings.Cut(string(guideYAML), "version:")
	for name := range words {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(head) {
			t.Errorf("the head of the guide does not tell of %s", name)
		}
	}
}

// Hunting questions that the guide leads to are in their list.
func TestHuntsExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/questions.md")
	if err != nil {
		t.Skip("the hunting questions have no list here:", err)
	}
	hunts := 0
	for _, q := range DefaultGuide().steps {
		for _, n := range q.next {
			if n.hunt == "" {
				continue
			}
			hunts++
			if !strings.Contains(string(page), n.hunt) {
				t.Errorf("step %s leads to the question %q, which docs/questions.md has not", q.id, n.hunt)
			}
		}
	}
	if hunts == 0 {
		t.Error("the guide leads to no hunting question")
	}
}
