package respond

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// Evidence is preserved before anything is changed, and each number stands
// once, in order.
func TestPhases(t *testing.T) {
	for _, typ := range BuiltIn().Types() {
		p, err := Template(typ.ID, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		number := 0
		for _, ph := range p.Phases {
			order = append(order, ph.ID)
			if len(ph.Steps) == 0 && ph.ID != "contain" {
				t.Errorf("%s: nothing to %s", typ.ID, ph.ID)
			}
			for _, s := range ph.Steps {
				if number++; s.Number != number {
					t.Errorf("%s: step %s is number %d, not %d", typ.ID, s.ID, s.Number, number)
				}
				if (ph.ID == "preserve" || ph.ID == "triage") && s.Effect == "breaks" {
					t.Errorf("%s: step %s of %s breaks something", typ.ID, s.ID, ph.ID)
				}
			}
		}
		if got := strings.Join(order, " "); got != "preserve triage contain eradicate recover learn" {
			t.Errorf("%s: phases %s", typ.ID, got)
		}
		if !strings.HasPrefix(p.Phases[0].Steps[0].Commands[0], "vedette extract ") {
			t.Errorf("%s: the first step is %s", typ.ID, p.Phases[0].Steps[0].ID)
		}
	}
}

// A test contains nothing; a leak and an insider do.
func TestDecisions(t *testing.T) {
	p, err := Template("aws_user_key", Options{})
	if err != nil {
		t.Fatal(err)
	}
	contained := map[string]int{}
	for _, d := range p.Decisions {
		if len(d.Look) == 0 || d.Then == "" {
			t.Errorf("%s does not say what to look at, or what then", d.ID)
		}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if ph.ID == "contain" && slices.Contains(d.Steps, s.Number) {
					contained[d.ID]++
				}
			}
		}
	}
	if want := map[string]int{"leaked": 4, "insider": 4, "tool": 4}; !reflect.DeepEqual(contained, want) {
		t.Errorf("steps of containment by decision: %v, not %v", contained, want)
	}
}

// A finding and its playbook are equal bytes each time, and making one leaves
// the book as it was.
func TestSameTwice(t *testing.T) {
	for _, c := range chosen {
		one, _ := For(c.finding, Options{Paths: []string{"logs"}})
		two, _ := For(c.finding, Options{Paths: []string{"logs"}})
		if !reflect.DeepEqual(one, two) {
			t.Errorf("%s: two playbooks differ", c.name)
		}
	}
}

// Sources are pages of the providers themselves, or of a standard.
func TestSources(t *testing.T) {
	official := []string{"https://docs.aws.amazon.com/", "https://aws.amazon.com/", "https://repost.aws/knowledge-center/",
		"https://learn.microsoft.com/en-us/", "https://cloud.google.com/", "https://support.google.com/a/", "https://nvlpubs.nist.gov/"}
	used := map[string]bool{}
	for _, s := range BuiltIn().steps {
		for _, f := range s.facts() {
			for _, src := range f.Sources {
				used[src] = true
				if !slices.ContainsFunc(official, func(o string) bool { return strings.HasPrefix(src, o) }) {
					t.Errorf("step %s: %s is no provider's own page", s.ID, src)
				}
			}
		}
	}
	for name, src := range BuiltIn().sources {
		if !used[src] {
			t.Errorf("no fact has the source %s", name)
		}
	}
}

// The values of a finding stand in the commands that need them.
func TestValues(t *testing.T) {
	line := func(p *Playbook, step string, nth int) string {
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if s.ID == step && nth < len(s.Commands) {
					return s.Commands[nth]
				}
			}
		}
		return ""
	}
	for _, c := range []struct {
		name, step, want string
		nth              int
	}{
		{"user's key", "extract", "vedette extract 0123456789abcdef logs 'more logs' --output=evidence-01234567/extract", 0},
		{"user's key", "aws-key-off", "aws iam update-access-key --user-name=marek.novak --access-key-id=AKIAIOSFODNN7EXAMPLE --status=Inactive", 0},
		{"user without a key", "aws-key-off", "aws iam update-access-key --user-name=marek.novak --access-key-id=KEY_ID --status=Inactive", 0},
		{"person of a permission set", "aws-sso-policy", `aws organizations create-policy --type=SERVICE_CONTROL_POLICY --name=VedetteContain-01234567 --description=evidence-01234567 --content='{"Statement":[{"Action":"*","Condition":{"StringLike":{"aws:userid":"*:ada"}},"Effect":"Deny","Resource":"*","Sid":"VedetteContain"}],"Version":"2012-10-17"}'`, 0},
		{"role of a user", "aws-role-older", `aws iam put-role-policy --role-name=deploy --policy-name=AWSRevokeOlderSessions --policy-document='{"Statement":[{"Action":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"}},"Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}'`, 0},
		{"instance, by the provider", "aws-instance-keep", "aws ec2 modify-instance-attribute --region=REGION --instance-id=i-0a1b2c3d4e5f60718 --disable-api-termination", 0},
		{"role of a user's key", "aws-key-off", "aws iam update-access-key --user-name=marek.novak --access-key-id=AKIAI44QH8DHBEXAMPLE --status=Inactive", 0},
		{"session of a key that is known", "aws-key-off", "aws iam update-access-key --user-name=marek.novak --access-key-id=AKIAI44QH8DHBEXAMPLE --status=Inactive", 0},
		{"impersonated by a service account's key", "gcp-key-disable", "gcloud iam service-accounts keys disable " + strings.Repeat("0b", 20) + " --iam-account=" + robot + " --project=shop-prod-4711", 0},
		{"Entra user", "az-user-revoke", "az rest --method=post --url=https://graph.microsoft.com/v1.0/users/77777777-0000-0000-0000-000000000001/revokeSignInSessions", 0},
		{"managed identity", "az-mi-detach", "az vm identity remove --ids=/subscriptions/s/vm1 --identities=IDENTITY_OR_SYSTEM", 0},
		{"service account's key", "gcp-key-disable", "gcloud iam service-accounts keys disable " + strings.Repeat("0a", 20) + " --iam-account=" + robot + " --project=shop-prod-4711", 0},
		{"impersonated by a user", "gcp-impersonator", "gcloud iam service-accounts remove-iam-policy-binding " + robot + " --project=shop-prod-4711 --member=user:ada@example.com --role=roles/iam.serviceAccountTokenCreator --all", 0},
		// A binding is that of the one before in the chain.
		{"impersonated over another account", "gcp-impersonator", "gcloud iam service-accounts remove-iam-policy-binding " + robot + " --project=shop-prod-4711 --member=serviceAccount:" + mid + " --role=roles/iam.serviceAccountTokenCreator --all", 0},
		{"role over an instance's role", "aws-instance-keep", "aws ec2 modify-instance-attribute --region=REGION --instance-id=i-0a1b2c3d4e5f60718 --disable-api-termination", 0},
		{"workload identity", "gcp-pool-disable", "gcloud iam workload-identity-pools update projects/123456789012/locations/global/workloadIdentityPools/ci --disabled", 0},
	} {
		i := slices.IndexFunc(chosen, func(x choice) bool { return x.name == c.name })
		p, err := For(chosen[i].finding, Options{Paths: []string{"logs", "more logs"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := line(p, c.step, c.nth); got != c.want {
			t.Errorf("%s: %s is\n%s, not\n%s", c.name, c.step, got, c.want)
		}
	}
}

// Several keys make several commands.
func TestSeveralKeys(t *testing.T) {
	p, err := For(made("aws", "iam_user", user, withKeys("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Phases[2].Steps {
		if s.ID == "aws-key-off" && (len(s.Commands) != 2 || len(s.UndoCommands) != 2 || !strings.Contains(s.Commands[1], "AKIAI44QH8DHBEXAMPLE")) {
			t.Errorf("commands %q", s.Commands)
		}
	}
}

// A folder of one's own replaces, drops and adds.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	own := `
sources: {wiki: "https://wiki.example.com/containment"}
types:
  - {id: aws_build_role, title: Role of our build, look: Its path is /build/.}
steps:
  - id: owner
    phase: triage
    do: Call the platform team.
    effect: reads
  - {id: baseline, drop: true, phase: learn, do: x, effect: reads}
  - id: build-stop
    phase: contain
    for: [aws_build_role]
    do: Stop the build.
    command: buildctl stop {{role}} {{BUILD}}
    effect: breaks
    stops: The build. [wiki]
    stays: Nothing. [wiki]
    breaks: Releases. [wiki]
    undo: Start it. [https://wiki.example.com/start]
`
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Template("aws_build_role", Options{Book: b})
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			text[s.ID] = s.Do.Text + "|" + strings.Join(s.Commands, ";")
		}
	}
	if text["owner"] != "Call the platform team.|" || text["build-stop"] != "Stop the build.|buildctl stop ROLE_NAME BUILD" {
		t.Errorf("steps %q, %q", text["owner"], text["build-stop"])
	}
	if _, ok := text["baseline"]; ok {
		t.Error("a dropped step is there")
	}
	if slices.ContainsFunc(BuiltIn().steps, func(s step) bool { return s.ID == "build-stop" }) {
		t.Error("the built-in book was changed")
	}
}

func TestLoadErrors(t *testing.T) {
	head := "steps:\n  - id: mine\n    phase: contain\n"
	rest := "    stops: A. [https://a.example]\n    stays: A. [https://a.example]\n    breaks: A. [https://a.example]\n    undo: A. [https://a.example]\n"
	for _, c := range []struct{ file, want string }{
		{"steps: [", "own.yaml:2: not YAML"},
		{"- a", "own.yaml:1: a file of playbooks is a mapping"},
		{"stepz: []", `own.yaml:1: there is no field "stepz"`},
		{"steps:\n  - id: mine\n    phaze: contain\n", `own.yaml:3: there is no field "phaze"`},
		{"steps:\n  - {id: mine, phase: sleep, do: x, effect: reads}\n", `own.yaml:2: step mine: there is no phase "sleep"`},
		{"steps:\n  - {id: mine, phase: learn, do: x, effect: reads, for: [mars_rover]}\n", `there is no type of principal "mars_rover"`},
		{"steps:\n  - {id: mine, phase: learn, do: x, effect: reads, when: [never]}\n", `there is no decision "never"`},
		{"steps:\n  - {id: mine, phase: learn, do: x, effect: bends}\n", `not "bends"`},
		{"steps:\n  - {id: mine, phase: learn, do: x, effect: reads, followed: noise}\n", `logging, compute, not "noise"`},
		{"steps:\n  - {id: mine, phase: preserve, do: x, effect: breaks}\n", "before the evidence is preserved"},
		{head + "    do: x\n    effect: breaks\n", "stops is missing"},
		{head + "    do: x\n    effect: breaks\n" + strings.Replace(rest, "breaks: A. [https://a.example]", "breaks: A.", 1), "breaks has no source"},
		{head + "    do: x\n    effect: breaks\n" + strings.Replace(rest, "https://a.example", "nonesuch", 1), `there is no source "nonesuch"`},
		{head + "    do: x\n    effect: breaks\n    command: rm {{everything}}\n" + rest, `there is no value "everything"`},
		{head + "    do: x\n    effect: breaks\n    command: aws --p={{policy:none}}\n" + rest, `there is no policy "none"`},
		{head + "    do: x\n    effect: breaks\n    command: aws 'x\n" + rest, "a single quote has no end"},
		{head + "    do: x\n    effect: breaks\n    command: aws > a b\n" + rest, "one word must follow >"},
		{head + "    do: x\n    effect: breaks\n    command: \"{{user}} x\"\n" + rest, "name of a program"},
		{"sources: {a: \"http://a.example\"}\n", "begins with https://"},
		{"sources: {keys: \"https://a.example\"}\n", "source keys is https://docs.aws.amazon.com/"},
		{"types:\n  - {id: mars_rover, title: A, look: B}\n", "an id that begins with aws_"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q\ngives %v\nand not %q", c.file, err, c.want)
		}
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder without files is no error")
	}
}

// What is not known is told at the step that needs it, each word with what it
// is; and nothing stands in capitals that no step tells.
func TestFillIn(t *testing.T) {
	told := map[string]bool{}
	for _, typ := range BuiltIn().Types() {
		p, err := Template(typ.ID, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				text := strings.Join(append(slices.Clone(s.Commands), s.UndoCommands...), "\n")
				for i, b := range slices.Concat(s.FillIn, s.UndoFillIn) {
					at := s.Commands
					if i >= len(s.FillIn) {
						at = s.UndoCommands
					}
					if !strings.Contains(strings.Join(at, "\n"), b.Name) {
						t.Errorf("%s: %s is told of other lines than it stands in", s.ID, b.Name)
					}
					told[b.Name] = true
					if b.What == "" {
						t.Errorf("%s: nobody says what %s is", s.ID, b.Name)
					}
					if !strings.Contains(text, b.Name) || !slices.Contains(p.Blanks, b.Name) {
						t.Errorf("%s: %s is in no command", s.ID, b.Name)
					}
				}
				for _, name := range regexp.MustCompile(`[A-Z]{2,}(_[A-Z]+)+`).FindAllString(text, -1) {
					if slices.ContainsFunc(slices.Concat(s.FillIn, s.UndoFillIn), func(b Blank) bool { return b.Name == name }) || name == "AWS_ACCOUNT" || name == "SERVICE_CONTROL_POLICY" {
						continue // the words of the client
					}
					t.Errorf("%s: %s is not told", s.ID, name)
				}
			}
		}
	}
	for name := range BuiltIn().blanks {
		if !told[name] && name != blanks["principal"] { // for playbooks of one's own
			t.Errorf("no template leaves %s", name)
		}
	}
	p, err := For(made("aws", "iam_role", role, from(user, "iam_user", "AssumeRole"), with("AKIAI44QH8DHBEXAMPLE")), Options{Paths: []string{"logs"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"KEY_ID", "REGION", "USER_NAME", "ROLE_NAME", "PATH"} {
		if slices.Contains(p.Blanks, known) {
			t.Errorf("%s is left, which the finding has", known)
		}
	}
}

// A key is asked for in each region of the finding, and in that of services
// without one; what is more than a page holds is counted.
func TestRegions(t *testing.T) {
	trail := func(keys int, regions ...string) *Step {
		f := made("aws", "iam_user", user)
		for i := range keys {
			f.Keys = append(f.Keys, finding.Count{Name: fmt.Sprintf("AKIA%d", i), Events: 1})
		}
		for _, r := range regions {
			f.Regions = append(f.Regions, finding.Count{Name: r, Events: 1})
		}
		p, err := For(f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Phases[0].Steps {
			if s.ID == "aws-trail-by-key" {
				return &s
			}
		}
		t.Fatal("no step aws-trail-by-key")
		return nil
	}
	s := trail(2, "eu-west-1")
	var pairs []string
	for _, c := range s.Commands {
		pairs = append(pairs, c[strings.LastIndex(c, "/")+1:])
	}
	want := []string{"key-AKIA0-eu-west-1.json", "key-AKIA1-eu-west-1.json", "key-AKIA0-us-east-1.json", "key-AKIA1-us-east-1.json"}
	if !slices.Equal(pairs, want) || s.LeftOut != 0 || len(s.FillIn) != 0 {
		t.Errorf("%v, %d left out, fill in %v", pairs, s.LeftOut, s.FillIn)
	}
	if s := trail(1, "us-east-1"); len(s.Commands) != 1 {
		t.Errorf("one region twice: %q", s.Commands)
	}
	if s := trail(1); len(s.Commands) != 1 || !strings.Contains(s.Commands[0], "--region=us-east-1 ") {
		t.Errorf("services without regions: %q", s.Commands)
	}
	if s := trail(5, "a", "b", "c", "d"); len(s.Commands) != 20 || s.LeftOut != 5 {
		t.Errorf("%d lines, %d left out", len(s.Commands), s.LeftOut)
	}
	china := made("aws", "iam_user", "arn:aws-cn:iam::111122223333:user/a", withKeys("AKIA1"))
	p, err := For(china, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(fmt.Sprint(p.Phases[0]), "--region=cn-north-1 ") || strings.Contains(fmt.Sprint(p.Phases), "us-east-1") {
		t.Errorf("of China: %v", p.Phases[0])
	}
}
