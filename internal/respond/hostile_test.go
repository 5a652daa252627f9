package respond

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// hostile are names that try to leave their word, their string or their file,
// to be a flag or a file to read, or to mean more than themselves.
var hostile = []string{
	`'; rm -rf / #`,
	`'; touch CANARY; '`,
	`$(touch CANARY)`,
	"`touch CANARY`",
	`" && touch CANARY && "`,
	`\'; touch CANARY #`,
	`a" OR principalEmail="b`,
	`a\`,
	`a","AttributeKey":"b`,
	`* ? [a-z]* ~ {a,b}`,
	`$HOME ${IFS} !!`,
	`../../CANARY`,
	`> CANARY`,
	`&& touch CANARY`,
	`{{user}} {{policy:deny-all}} {{NAME}}`,
	"a\ntouch CANARY\n",
	"a\x00b",
	"a\x1b]0;x\x07",
	"a\u202eb",
	"a\u200bb",
	"a\u3164b",
	"\xff\xfe",
	"--query",
	"-rf",
	"@/etc/passwd",
	"file:///etc/passwd",
	"https://example.com/x",
	strings.Repeat("a", 5000),
	"",
}

// Whatever stands in a finding, each command is as many words as it is with
// plain values, in a real shell: nothing else runs, and nothing is written
// outside the folder of the case.
func TestHostileValuesStayOneWord(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	// Most playbooks share most of their lines: each is run once.
	plainLines, kept := lines(t, withValue("plain")), []int{}
	for i, l := range plainLines {
		if slices.Index(plainLines, l) == i {
			kept = append(kept, i)
		}
	}
	only := func(lines []string) (out []string) {
		for _, i := range kept {
			out = append(out, lines[i])
		}
		return out
	}
	plainWords := argv(t, sh, only(plainLines))
	for _, h := range hostile {
		words := argv(t, sh, only(lines(t, withValue(h))))
		if len(words) != len(plainWords) {
			t.Fatalf("%q: %d commands, not %d", h, len(words), len(plainWords))
		}
		for i := range words {
			if len(words[i]) != len(plainWords[i]) {
				t.Errorf("%q: %d words, not %d\n%q\n%q", h, len(words[i]), len(plainWords[i]), words[i], plainWords[i])
				continue
			}
			if words[i][0] == "vedette" {
				continue // which reads no file that is named so
			}
			for j, w := range words[i][1:] {
				checkWord(t, h, plainWords[i][j+1], w)
			}
		}
	}
}

// checkWord holds a word with a hostile value against the same word with a
// plain one.
func checkWord(t *testing.T, value, plain, word string) {
	t.Helper()
	flag := strings.HasPrefix(plain, "-")
	if strings.HasPrefix(word, "-") != flag {
		t.Errorf("%q has become the flag %q", plain, word)
	}
	_, argument, _ := strings.Cut(word, "=")
	_, before, _ := strings.Cut(plain, "=")
	for _, prefix := range []string{"@", "file://", "https://example"} {
		if flag && strings.HasPrefix(argument, prefix) && !strings.HasPrefix(before, prefix) || !flag && strings.HasPrefix(word, prefix) {
			t.Errorf("%q: the client would read %q", value, word)
		}
	}
	if i := strings.IndexAny(argument, "[{"); i == 0 && flag {
		var got any
		if err := json.Unmarshal([]byte(argument), &got); err != nil && json.Unmarshal([]byte(before), &got) == nil {
			t.Errorf("%q: %q is no JSON: %s", value, argument, err)
		}
		// As many strings as before: none was left early.
		if a, b := strings.Count(fmt.Sprint(got), "map["), strings.Count(before, "{"); a != b && json.Valid([]byte(before)) {
			t.Errorf("%q: %d objects, not %d, in %s", value, a, b, argument)
		}
	}
}

// withValue is the findings of all cases with a value in each place that
// commands take values from.
func withValue(value string) []*finding.Finding {
	var list []*finding.Finding
	for _, c := range chosen {
		list = append(list, changed(c.finding, value))
	}
	return list
}

func changed(f *finding.Finding, value string) *finding.Finding {
	g := *f
	g.Cloud.Account.ID = value
	g.Actor.ID = strings.NewReplacer("marek.novak", value, "deploy", value, "/ada", "/"+value, "ada@", value+"@", "report@", value+"@",
		"77777777-0000-0000-0000-000000000001", value, "store1", value, "workloadIdentityPools/ci", "workloadIdentityPools/"+value).Replace(f.Actor.ID)
	g.Addresses = []finding.Address{{IP: value}}
	g.Regions = []finding.Count{{Name: value, Events: 1}}
	if f.Origin != nil {
		o := *f.Origin
		o.ID = strings.NewReplacer("marek.novak", value, "i-0a1b2c3d4e5f60718", value, "vm1", value, "ada@", value+"@").Replace(o.ID)
		g.Origin = &o
		g.Chain = nil
		for _, l := range f.Chain {
			l.From, l.To = o.ID, g.Actor.ID
			if l.FromKey != "" {
				l.FromKey = l.FromKey[:4] + value
			}
			g.Chain = append(g.Chain, l)
		}
	}
	g.Keys = nil
	for _, k := range f.Keys {
		g.Keys = append(g.Keys, finding.Count{Name: strings.Replace(k.Name, "IOSFODNN7EXAMPLE", value, 1), Events: 1})
	}
	return &g
}

// lines are all commands of the findings' playbooks.
func lines(t *testing.T, list []*finding.Finding) []string {
	t.Helper()
	var out []string
	for _, f := range list {
		p, err := For(f, Options{Paths: []string{"logs", f.Cloud.Account.ID}})
		if err != nil {
			t.Fatal(err)
		}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				out = append(append(out, s.Commands...), s.UndoCommands...)
			}
		}
	}
	return out
}

// argv runs lines in a shell whose programs write down how they are called.
func argv(t *testing.T, sh string, lines []string) [][]string {
	t.Helper()
	work := t.TempDir()
	home := filepath.Join(work, "case")
	if err := os.MkdirAll(filepath.Join(home, "evidence-01234567"), 0o700); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("exec 3>../calls\n")
	for _, program := range []string{"aws", "az", "gcloud", "vedette"} {
		fmt.Fprintf(&script, "%s() { printf '%%s\\0' %s \"$@\" >&3; printf '\\1\\0' >&3; }\n", program, program)
	}
	script.WriteString(strings.Join(lines, "\n") + "\n")
	cmd := exec.Command(sh)
	cmd.Dir, cmd.Stdin = home, strings.NewReader(script.String())
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("sh: %v, %s", err, out)
	}
	entries, err := os.ReadDir(home)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v", entries)
	}
	if above, err := os.ReadDir(work); err != nil || len(above) != 2 {
		t.Errorf("the folder above holds %v", above)
	}
	data, err := os.ReadFile(filepath.Join(work, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	var calls [][]string
	for _, call := range strings.Split(strings.TrimSuffix(string(data), "\x01\x00"), "\x01\x00") {
		calls = append(calls, strings.Split(strings.TrimSuffix(call, "\x00"), "\x00"))
	}
	if len(calls) != len(lines) {
		t.Fatalf("%d commands made %d calls", len(lines), len(calls))
	}
	return calls
}

// A value that can stand in a command does so letter for letter.
func TestValueIsKept(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	for _, h := range hostile[:4] {
		h = strings.ReplaceAll(h, "/", "|") // a slash would end a user's path
		f := made("aws", "iam_user", "arn:aws:iam::111122223333:user/"+h, withKeys("AKIAIOSFODNN7EXAMPLE"))
		found := false
		for _, call := range argv(t, sh, lines(t, []*finding.Finding{f})) {
			for _, w := range call {
				found = found || w == "--user-name="+h
			}
		}
		if !found {
			t.Errorf("%q is in no command", h)
		}
	}
}

// In a policy a name means itself: it neither denies all, nor is a variable.
func TestNameInPolicyMeansItself(t *testing.T) {
	f := made("aws", "sso_user", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef/*?${aws:username}")
	p, err := For(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Phases[2].Steps {
		if s.ID == "aws-sso-policy" && !strings.Contains(s.Commands[0], `"aws:userid":"*:${*}${?}${$}{aws:username}"`) {
			t.Errorf("policy in %s", s.Commands[0])
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "\x00") {
			t.Skip("no word of a shell holds it")
		}
		words, rest := 0, quote(s)
		// A word is runs of plain characters, of text between single quotes, and
		// of escaped single quotes.
		for rest != "" {
			switch {
			case rest[0] == '\'':
				end := strings.IndexByte(rest[1:], '\'')
				if end < 0 {
					t.Fatalf("%q: a quote stays open", s)
				}
				rest = rest[end+2:]
			case strings.HasPrefix(rest, `\'`):
				rest = rest[2:]
			case plain.MatchString(rest[:1]):
				rest = rest[1:]
			default:
				t.Fatalf("%q: %q stands outside of quotes", s, rest[:1])
			}
			words++
		}
		if words == 0 {
			t.Fatalf("%q: no word", s)
		}
	})
}
