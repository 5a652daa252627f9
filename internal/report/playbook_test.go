package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"vedette/internal/finding"
	"vedette/internal/respond"
	"vedette/internal/term"
)

// TestPlaybookCountsWhatIsLeftOut: a step that has not a line for each value
// says how many are missing, and gives the command that lists them.
func TestPlaybookCountsWhatIsLeftOut(t *testing.T) {
	f := &finding.Finding{ID: "0123456789abcdef", Cloud: finding.CloudRef{Provider: "aws"}, Actor: finding.Actor{Kind: "iam_user", ID: "arn:aws:iam::111122223333:user/ada"}}
	for i := range 31 {
		f.Keys = append(f.Keys, finding.Count{Name: fmt.Sprintf("ASIA%d", i), Events: 1})
	}
	b, err := respond.For(f, respond.Options{Paths: []string{"logs"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range PlaybookFormats() {
		var out bytes.Buffer
		if err := WritePlaybook(&out, string(format), b, f, Options{Terminal: term.Terminal{Width: 160}}); err != nil {
			t.Fatal(err)
		}
		want := "and 11 more lines like these, for the other values that the finding has; these are listed by"
		if format == JSON {
			want = `"left_out_listed_by":"vedette explain 0123456789abcdef logs"`
		}
		text := out.String()
		at := strings.Index(strings.ReplaceAll(text, `": `, `":`), want)
		if at < 0 || format != JSON && !regexp.MustCompile(regexp.QuoteMeta(want)+"\\s+(```sh\\s+)?vedette explain 0123456789abcdef logs\n").MatchString(text) {
			t.Errorf("%s does not say what is left out", format)
		}
	}
}

// Whatever a name holds, no format of a playbook has it act.
func TestPlaybookIsHarmless(t *testing.T) {
	const name = "\x1b[2J\u202e\x07</script><img src=x onerror=alert(1)>```\n# owned\n| a | [x](javascript:alert(1)) *b*\u0085 @all https://evil.example"
	f := &finding.Finding{
		ID: "0123456789abcdef", Cloud: finding.CloudRef{Provider: "aws", Account: finding.Account{ID: name}},
		Actor:  finding.Actor{Kind: "iam_role", ID: "arn:aws:iam::111122223333:role/" + name, Name: name},
		Origin: &finding.Origin{ID: "arn:aws:iam::111122223333:user/" + name, Kind: name}, Judgement: finding.Judgement{Level: "high"},
	}
	// More keys than have lines, so that the command which lists them is there.
	for i := range 30 {
		f.Keys = append(f.Keys, finding.Count{Name: fmt.Sprintf("ASIA%d", i), Events: 1})
	}
	// A name without what does not show itself stands in commands.
	visible := "``` </script> ```` '\"*"
	g := *f
	g.Actor.ID = "arn:aws:iam::111122223333:role/" + visible
	for _, f := range []*finding.Finding{f, &g} {
		b, err := respond.For(f, respond.Options{Paths: []string{name, visible}})
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range PlaybookFormats() {
			var out bytes.Buffer
			if err := WritePlaybook(&out, string(format), b, f, Options{Terminal: term.Terminal{Unicode: true, Width: 100}}); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if strings.ContainsAny(text, "\x1b\x07\u202e\u0085") {
				t.Errorf("%s has characters that act", format)
			}
			switch format {
			case JSON:
				if strings.ContainsAny(text, "<>") {
					t.Errorf("json has marks of HTML")
				}
				var back respond.Playbook
				if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Targets[0].Principal != strings.ToValidUTF8(f.Actor.ID, "\ufffd") {
					t.Errorf("json: %v, %+v", err, back.Targets)
				}
			case Markdown:
				var prose string
				for line := range strings.Lines(withoutCode(text)) {
					prose += withoutSpans(t, line)
				}
				for _, bad := range []string{"<img", "</script", "[x](", "\n# owned", "```", "@all", "https://evil", "*b*"} {
					if strings.Contains(prose, bad) {
						t.Errorf("markdown has %q outside of code", bad)
					}
				}
			}
		}
	}
	if err := WritePlaybook(&bytes.Buffer{}, "xml", &respond.Playbook{}, nil, Options{}); err == nil {
		t.Error("an unknown format is no error")
	}
}

var fence = regexp.MustCompile("^ *(`{3,})(sh)?$")

// withoutCode takes blocks of code out, as a reader of Markdown does: a block
// ends at a line of at least as many backticks as began it.
func withoutCode(text string) string {
	var out []string
	open := ""
	for _, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open == "" && m != nil:
			open = m[1]
		case open != "" && m != nil && m[2] == "" && len(m[1]) >= len(open):
			open = ""
		case open == "":
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestPlaybookNamesTheWholeChain: who stands between the ends, and where the
// chain goes on, is on every page.
func TestPlaybookNamesTheWholeChain(t *testing.T) {
	const far, near = "arn:aws:iam::111122223333:role/far", "arn:aws:iam::111122223333:role/near"
	f := &finding.Finding{ID: "0123456789abcdef", Cloud: finding.CloudRef{Provider: "aws"}, Actor: finding.Actor{Kind: "iam_role", ID: near},
		Origin: &finding.Origin{ID: "arn:aws:iam::111122223333:user/ada", Cut: true},
		Chain:  []finding.Link{{From: "arn:aws:iam::111122223333:user/ada", To: far, Via: "AssumeRole"}, {From: far, To: near, Via: "AssumeRole"}}}
	b, err := respond.For(f, respond.Options{Paths: []string{"logs"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range PlaybookFormats() {
		var out bytes.Buffer
		if err := WritePlaybook(&out, string(format), b, f, Options{Terminal: term.Terminal{Width: 300}}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"between", "role/far", "role-name=far", "The chain is longer than 256 links"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
	}
}
