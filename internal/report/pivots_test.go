package report

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vedette/internal/finding"
)

// Every pivot is made for some finding, and says the finding's values.
func TestPivots(t *testing.T) {
	list, err := loadPivots(pivotsYAML)
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	r := threeClouds()
	aws, azure, gcp := r.Findings[0], r.Findings[1], r.Findings[2]
	gcp.Addresses = []finding.Address{{IP: "203.0.113.142"}}
	for _, f := range []*finding.Finding{&aws, &azure, &gcp} {
		snippets, skipped := pivots(f)
		if skipped > 0 {
			t.Errorf("%s: %d skipped", f.Cloud.Provider, skipped)
		}
		for _, s := range snippets {
			made[f.Cloud.Provider+": "+s.Title] = s.Text
		}
	}
	for _, p := range list {
		if made[p.Cloud+": "+p.Title] == "" {
			t.Errorf("no pivot %q of %s", p.Title, p.Cloud)
		}
	}
	for title, want := range map[string]string{
		"aws: CloudTrail Lake, by principal":          "userIdentity.sessionContext.sessionIssuer.arn = 'arn:aws:iam::111122223333:role/service/get-password-data-role'",
		"aws: Splunk, by access key":                  `earliest=1688902956 latest=1689077319`,
		"azure: Azure CLI, by caller":                 "--caller 'mallory@example.com'",
		"gcp: gcloud, by principal":                   `principalEmail="scanner@payments-prod.iam.gserviceaccount.com"`,
		"aws: Athena, who else came from the address": "sourceipaddress = '203.0.113.77'",
	} {
		if !strings.Contains(strings.ReplaceAll(made[title], "--caller mallory", "--caller 'mallory"), strings.TrimSuffix(want, "'")) {
			t.Errorf("%s: no %q in\n%s", title, want, made[title])
		}
	}
	user := aws
	user.Actor = finding.Actor{Kind: "iam_user", ID: "arn:aws:iam::111122223333:user/o'neil"}
	snippets, _ := pivots(&user)
	if !strings.Contains(snippets[1].Text, "userIdentity.arn = 'arn:aws:iam::111122223333:user/o''neil'") {
		t.Error(snippets[1].Text)
	}
}

func TestPivotsRefuse(t *testing.T) {
	for _, bad := range []string{"[{text: x}]", "[{title: a, source: b, text: '{{nope .Key}}'}]", "[{title: a, source: b, txt: c}]", "[{title: a, text: b}]"} {
		if _, err := loadPivots([]byte(bad)); err == nil || !strings.Contains(err.Error(), "pivots.yaml") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	// A value without a safe form takes the pivots that need it away, and says so.
	f := threeClouds().Findings[0]
	all, _ := pivots(&f)
	f.Keys = []finding.Count{{Name: "AKIA\u202eEXAMPLE"}}
	some, skipped := pivots(&f)
	if len(some) >= len(all) || skipped == 0 {
		t.Errorf("%d pivots of %d, %d skipped", len(some), len(all), skipped)
	}
	f.Keys = nil
	if _, skipped = pivots(&f); skipped > 0 {
		t.Error("a value that is not there counts as unsafe")
	}
}

// A pivot is left out where a value that it says is not known, wherever in it
// the value stands: nobody is given half a command to paste.
func TestPivotsWithoutAValue(t *testing.T) {
	all := pivotValues{
		From: "v-from", To: "v-to", FromSpace: "v-fromspace", ToSpace: "v-tospace", FromEpoch: "v-fromepoch", ToEpoch: "v-toepoch",
		Caller: "v-caller", Key: "v-key", Address: "v-address", Account: "v-account", Region: "v-region",
	}
	for i := range pivotData() {
		p := &pivotData()[i]
		for name, without := range map[string]func(*pivotValues){
			"v-key":     func(v *pivotValues) { v.Key = "" },
			"v-address": func(v *pivotValues) { v.Address = "" },
			"v-account": func(v *pivotValues) { v.Account = "" },
			"v-region":  func(v *pivotValues) { v.Region = "" },
			"v-caller":  func(v *pivotValues) { v.Caller = "" },
		} {
			var whole, less strings.Builder
			if err := p.text.Execute(&whole, all); err != nil {
				t.Fatalf("%s: %v", p.Title, err)
			}
			v := all
			without(&v)
			err := p.text.Execute(&less, v)
			if says := strings.Contains(whole.String(), name); says != errors.Is(err, errMissing) {
				t.Errorf("%s, %s: without %s it is %v:\n%s", p.Cloud, p.Title, name, err, less.String())
			}
		}
	}
}

// A shell reads every value as one word, letter for letter.
func TestQuoteShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	check := func(t interface{ Fatalf(string, ...any) }, s string) {
		quoted, err := quoteShell(s)
		if err != nil {
			return
		}
		out, err := exec.Command(sh, "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != s {
			t.Fatalf("%q as %s: %q, %v", s, quoted, out, err)
		}
	}
	for _, p := range payloads {
		check(t, p)
	}
	for _, s := range []string{"'", "''", `\'`, "-n", "~", "a b", "$HOME", "!!", "*", "{a,b}", "#x", "a=b", "\\", `"`} {
		if _, err := quoteShell(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.StringMatching(`[ -~]{1,20}`).Draw(t, "word")) })
}

// What a literal holds is what its language's own rules read from it, and it
// ends where the value does.
func TestQuoteLiterals(t *testing.T) {
	doubled := func(lit string) (string, bool) { // standard SQL
		body, ok := strings.CutPrefix(lit, "'")
		body, end := strings.CutSuffix(body, "'")
		rest := strings.ReplaceAll(body, "''", "")
		return strings.ReplaceAll(body, "''", "'"), ok && end && !strings.Contains(rest, "'")
	}
	escaped := func(lit string) (string, bool) { // Kusto, SPL, the Logging query language
		if len(lit) < 2 || lit[0] != '"' || lit[len(lit)-1] != '"' {
			return "", false
		}
		var b strings.Builder
		body := lit[1 : len(lit)-1]
		for i := 0; i < len(body); i++ {
			switch {
			case body[i] == '"':
				return "", false
			case body[i] == '\\' && i+1 < len(body):
				i++
			case body[i] == '\\':
				return "", false
			}
			b.WriteByte(body[i])
		}
		return b.String(), true
	}
	for name, lang := range map[string]struct {
		quote func(string) (string, error)
		read  func(string) (string, bool)
	}{"sql": {quoteSQL, doubled}, "kql": {quoteKQL, escaped}, "spl": {quoteSPL, escaped}} {
		check := func(t interface{ Fatalf(string, ...any) }, s string) {
			lit, err := lang.quote(s)
			if err != nil {
				return
			}
			if got, ok := lang.read(lit); !ok || got != s {
				t.Fatalf("%s: %q as %s is read as %q", name, s, lit, got)
			}
		}
		for _, p := range payloads {
			check(t, p)
		}
		rapid.Check(t, func(t *rapid.T) { check(t, rapid.StringMatching(`[ -~é日]{1,20}`).Draw(t, "value")) })
		if _, err := lang.quote(""); !errors.Is(err, errMissing) {
			t.Errorf("%s: an empty value: %v", name, err)
		}
		for _, s := range []string{"a\nb", "a\x00", "a\u202eb", "caf\xc3", strings.Repeat("a", maxValue+1)} {
			if _, err := lang.quote(s); err == nil {
				t.Errorf("%s takes %.20q", name, s)
			}
		}
	}
	if _, err := quoteSPL("`macro`"); err == nil {
		t.Error("spl takes backticks")
	}
}
