package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// juggled is a finding whose chain goes back and forth between two roles.
func juggled(links int) *finding.Finding {
	f := &finding.Finding{ID: "3f2a9c1d7be04f5a", Actor: finding.Actor{Kind: "iam_role", ID: "arn:aws:iam::1:role/a"},
		Cloud: finding.CloudRef{Provider: "aws", Account: finding.Account{ID: "1"}}, Origin: &finding.Origin{ID: "arn:aws:iam::1:user/eve"}}
	at := f.Origin.ID
	for i := range links {
		to := "arn:aws:iam::1:role/" + string(rune('a'+i%2))
		f.Chain = append(f.Chain, finding.Link{From: at, To: to, Via: "AssumeRole", Key: fmt.Sprintf("ASIA%04d", i)})
		at = to
	}
	return f
}

// TestLongChainIsReadable: of a long chain, the table and reports show the ends
// and how many lie between, and every page says where it goes on before.
func TestLongChainIsReadable(t *testing.T) {
	p := newPage(nil, Options{Terminal: term.Terminal{Width: 120}})
	steps := func(f *finding.Finding) string {
		var b strings.Builder
		for _, s := range chainSteps(f) {
			b.WriteString(s.Text + s.credentials() + "\n")
		}
		return b.String()
	}
	f := juggled(8)
	if got := p.chainText(f); strings.Contains(got, "between") || strings.Count(got, "AssumeRole") != 8 {
		t.Errorf("a short chain: %s", got)
	}
	if got := steps(f); strings.Count(got, "AssumeRole") != 8 {
		t.Errorf("a short chain:\n%s", got)
	}
	f = juggled(24)
	for name, got := range map[string]string{"table": p.chainText(f), "report": steps(f)} {
		if strings.Count(got, "AssumeRole") != 6 || !strings.Contains(got, "18 more links between, to role/b, role/a") || !strings.HasPrefix(got, "user/eve") || strings.Contains(got, "goes on") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := steps(f); !strings.Contains(got, "ASIA0000") || !strings.Contains(got, "ASIA0023") {
		t.Errorf("the ends have no credentials:\n%s", got)
	}
	f = juggled(50)
	f.ChainTotal, f.Origin.Cut = 256, true
	const cut = "the chain is longer than 256 links; it goes on before user/eve, and who began it is not shown"
	for name, got := range map[string]string{"table": p.chainText(f), "report": steps(f)} {
		if !strings.Contains(got, "250 more links between") || !strings.Contains(got, cut) {
			t.Errorf("%s: %s", name, got)
		}
	}
	var b bytes.Buffer
	if err := Explain(&b, f, Options{Terminal: term.Terminal{Width: 240}}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, "by AssumeRole") != 50 || !strings.Contains(got, "and 206 links between that are not listed") || !strings.Contains(got, cut) {
		t.Errorf("explained:\n%s", got)
	}
}
