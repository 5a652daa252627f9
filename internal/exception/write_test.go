package exception

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/event"
	"vedette/internal/finding"
)

var terms = Terms{ID: "ci-inventory-0123abcd", Reason: `says "fine": #1`, Owner: "Ö – team", Life: 30 * 24 * time.Hour}

// What is tried is what would be written, and why nothing is.
func TestFit(t *testing.T) {
	if rule, why := Fit(facts()); rule == nil || why != "" || len(rule.Misses(facts())) > 0 {
		t.Errorf("%+v, %q", rule, why)
	}
	for want, change := range map[string]func(*finding.Facts){
		SeveralAccounts: func(f *finding.Facts) { f.Accounts = 2 },
		UnnamedCaller:   func(f *finding.Facts) { f.Kind = event.GCPRedacted },
		PrivateAddress:  func(f *finding.Facts) { f.Sources[0].Address, f.Sources[0].Endpoint = "0.0.0.0", "" },
		UnwritableName:  func(f *finding.Facts) { f.Principal += "*" },
		Followed: func(f *finding.Facts) {
			f.Follow = []finding.FollowOn{{API: &event.API{Cloud: event.AWS, Service: "iam.amazonaws.com", Name: "CreateAccessKey"}, Time: f.Last}}
		},
	} {
		f := facts()
		change(f)
		if rule, why := Fit(f); rule != nil || why != want {
			t.Errorf("%s: %+v, %q", want, rule, why)
		}
	}
}

// What is written for a finding covers that finding, reads back as it was,
// and is the narrowest: each part of it taken away, it covers it no more.
func TestFor(t *testing.T) {
	f := facts()
	rule, err := For(f, terms)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Append("x.yaml", nil, rule)
	if err != nil {
		t.Fatal(err)
	}
	const want = `exceptions:
  - id: ci-inventory-0123abcd
    principal: arn:aws:iam::111122223333:role/ci-inventory
    cloud: aws
    account:
      - "111122223333"
      - "444455556666"
    client:
      - "-"
      - aws-sdk-go
      - boto3
    source:
      - vpce-0123456789abcdef0
      - "198.51.100.0/24"
      - "203.0.113.0/24"
      - "2001:db8:5ca::/48"
    operations:
      ec2.amazonaws.com:
        - DescribeInstances
        - GetConsoleOutput
      iam.amazonaws.com: ListRoles
      s3.amazonaws.com: ListBuckets
    refused:
      requests: 3
      operations:
        iam.amazonaws.com: ListRoles
    reason: "says \"fine\": #1"
    owner: "Ö – team"
    created: 2024-05-07T09:01:00Z
    expires: 2024-06-06T09:01:00Z
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	list, err := Parse("x.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*Rule{rule}, list.Rules(), sameRule); diff != "" {
		t.Errorf("it reads back as another rule:\n%s", diff)
	}
	if misses := list.Rules()[0].Misses(f); len(misses) > 0 {
		t.Errorf("it does not cover %q", misses)
	}
	lines := strings.SplitAfter(want, "\n")
	narrower := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "      ") || strings.HasSuffix(line, ":\n") {
			continue
		}
		list, err := Parse("x.yaml", []byte(strings.Join(lines[:i], "")+strings.Join(lines[i+1:], "")))
		if err != nil {
			continue // no rule without it
		}
		narrower++
		if v := list.Judge(f); v.Rule != nil {
			t.Errorf("the finding is covered without %q", line)
		}
	}
	if narrower < 10 {
		t.Errorf("%d parts tried", narrower)
	}
}

func TestForRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *finding.Facts, t *Terms)
		want   string
	}{
		"too long":    {func(_ *finding.Facts, t *Terms) { t.Life = 400 * 24 * time.Hour }, "366 days at most"},
		"no time":     {func(_ *finding.Facts, t *Terms) { t.Life = 0 }, "expires before it is created"},
		"no reason":   {func(_ *finding.Facts, t *Terms) { t.Reason = " " }, "the reason is not one line of printable text"},
		"two lines":   {func(_ *finding.Facts, t *Terms) { t.Owner = "a\nb" }, "the owner is not one line of printable text"},
		"no id":       {func(_ *finding.Facts, t *Terms) { t.ID = "a: b" }, `"a: b" is no id`},
		"private":     {func(f *finding.Facts, _ *Terms) { f.Sources[3].Endpoint = "" }, `came from "10.0.0.1", a private address without an endpoint`},
		"nowhere":     {func(f *finding.Facts, _ *Terms) { f.Sources[0].Address = "" }, `came from "nowhere"`},
		"endpoint":    {func(f *finding.Facts, _ *Terms) { f.Sources[0].Endpoint = "vpce-*" }, `"vpce-*", which is no endpoint`},
		"no endpoint": {func(f *finding.Facts, _ *Terms) { f.Sources[0].Endpoint = "198.51.100.0/24" }, "which is no endpoint"},
		"nobody":      {func(f *finding.Facts, _ *Terms) { f.Kind = event.Anonymous }, "does not say who called (anonymous)"},
		"a campaign":  {func(f *finding.Facts, _ *Terms) { f.Accounts = 2 }, "a campaign over several accounts, which no exception covers"},
		"no sources":  {func(f *finding.Facts, _ *Terms) { f.Sources = nil }, "not known where the calls"},
		"star":        {func(f *finding.Facts, _ *Terms) { f.Principal += "*" }, "the principal \"arn:aws:iam::111122223333:role/ci-inventory*\" cannot be written"},
		"operation":   {func(f *finding.Facts, _ *Terms) { f.Operations[0].API.Name = "Describe*" }, `the operation "Describe*" cannot be written`},
		"bytes":       {func(f *finding.Facts, _ *Terms) { f.Operations[0].API.Service = "\xff" }, `the service "\xff" cannot be written`},
	} {
		f, terms := facts(), terms
		c.change(f, &terms)
		if r, err := For(f, terms); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: rule %v, error %v", name, r, err)
		}
	}
}

func TestAppend(t *testing.T) {
	rule, err := For(facts(), terms)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{
		whole, strings.TrimSuffix(whole, "\n"), whole + "\n# the end\n",
		strings.ReplaceAll(whole, "\n  ", "\n"), // entries not indented
		strings.ReplaceAll(strings.ReplaceAll(whole, "\n    ", "\n        "), "\n  -", "\n      -"),
		"exceptions:\n", "# none yet\nexceptions:\n",
	} {
		before, err := Parse("x.yaml", []byte(old))
		if err != nil {
			t.Fatal(err)
		}
		now, err := Append("x.yaml", []byte(old), rule)
		if err != nil {
			t.Errorf("%s\n%v", old, err)
			continue
		}
		if !strings.HasPrefix(string(now), old) {
			t.Errorf("what was there is not there any more:\n%s", now)
		}
		list, err := Parse("x.yaml", now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(before.Rules(), rule), list.Rules(), sameRule); diff != "" {
			t.Error(diff)
		}
		if _, err := Append("x.yaml", now, rule); err == nil || !strings.Contains(err.Error(), "x.yaml has an exception ci-inventory-0123abcd already") {
			t.Errorf("a second time: %v", err)
		}
	}
	for old, want := range map[string]string{
		"exceptions: []\n":                  "nothing can be appended",
		"{exceptions: }\n":                  "nothing can be appended",
		"exceptions:\n...\n":                "nothing can be appended",
		"exceptions:\n  - id: a\n":          "x.yaml:2:5: ",
		"exceptions: [" + flow + "]\n...\n": "nothing can be appended",
	} {
		if now, err := Append("x.yaml", []byte(old), rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v", old, now, err)
		}
	}
}

// flow is a rule in one line.
const flow = `{id: a, principal: b, client: c, source: 203.0.113.0/24, services: d, reason: e, owner: f, created: 2024-05-06, expires: 2024-05-07}`

// Whatever a file holds, it is refused with a position or read; and a rule
// that was read is written as one that reads the same.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add("exceptions: [" + `{id: a, principal: "x y: z", client: "-", source: vpce-1, services: "no", reason: "\u00e9'\"", owner: 1.5, created: 2024-05-06, expires: 2024-05-07}` + "]")
	f.Add("exceptions:\n- &a {id: *a}\n")
	f.Add("exceptions:\n  - id: a\n    <<: {b: c}\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse("x.yaml", []byte(text))
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "x.yaml:") {
					t.Fatalf("an error without its place: %q", line)
				}
			}
			return
		}
		for _, r := range list.Rules() {
			out, err := Append("y.yaml", nil, r)
			if err != nil {
				t.Fatalf("%v\n%s", err, r.text("  "))
			}
			again, err := Parse("y.yaml", out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]*Rule{r}, again.Rules(), sameRule); diff != "" {
				t.Fatalf("%s\n%s", diff, out)
			}
		}
	})
}
