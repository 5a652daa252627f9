package respond

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// Whoever stands between the ends of a chain is a target with the credentials
// that the chain shows, those it was given and those it went on with; in the
// order of going back from the caller.
func TestBetween(t *testing.T) {
	far := "arn:aws:iam::111122223333:role/far"
	f := made("aws", "iam_role", role, withKeys("ASIAI44QH8DHBEXAMPL3"), over(
		finding.Link{From: user, To: far, Via: "AssumeRole", FromKey: "AKIAI44QH8DHBEXAMPLE", Key: "ASIAI44QH8DHBEXAMPL1"},
		finding.Link{From: far, To: middle, Via: "AssumeRole", FromKey: "ASIAI44QH8DHBEXAMPL1", Key: "ASIAI44QH8DHBEXAMPL2"},
		finding.Link{From: user, To: middle, Via: "AssumeRole", FromKey: "AKIAI44QH8DHBEXAMPLE", Key: "ASIAI44QH8DHBEXAMPL4"},
		finding.Link{From: middle, To: role, Via: "AssumeRole", FromKey: "ASIAI44QH8DHBEXAMPL2", Key: "ASIAI44QH8DHBEXAMPL3"}))
	p, err := For(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var who []string
	for _, target := range p.Targets {
		who = append(who, target.Who+" "+lastPart(target.Principal))
	}
	if want := []string{"caller deploy", "between middle", "between far", "origin marek.novak"}; !slices.Equal(who, want) {
		t.Errorf("targets %q, want %q", who, want)
	}
	for principal, keys := range map[string][]string{far: {"ASIAI44QH8DHBEXAMPL1"}, middle: {"ASIAI44QH8DHBEXAMPL2", "ASIAI44QH8DHBEXAMPL4"}, role: {"ASIAI44QH8DHBEXAMPL3"}} {
		n := 0
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if s.Principal != principal || s.ID != "aws-trail-by-session" {
					continue
				}
				n++
				text := strings.Join(s.Commands, "\n")
				for _, k := range []string{"ASIAI44QH8DHBEXAMPL1", "ASIAI44QH8DHBEXAMPL2", "ASIAI44QH8DHBEXAMPL3", "ASIAI44QH8DHBEXAMPL4"} {
					if strings.Contains(text, k) != slices.Contains(keys, k) {
						t.Errorf("%s: key %s, where its own are %s:\n%s", principal, k, keys, text)
					}
				}
			}
		}
		if n != 1 {
			t.Errorf("%s: its sessions are kept in %d steps", principal, n)
		}
	}
	for _, name := range []string{"role-name=far", "role-name=middle", "role-name=deploy"} {
		n := 0
		for _, s := range p.Phases[2].Steps {
			if strings.Contains(strings.Join(s.Commands, "\n"), name) {
				n++
			}
		}
		if p.Phases[2].ID != "contain" || n < 2 {
			t.Errorf("%s is contained in %d steps", name, n)
		}
	}
}

// A person of a permission set who stands in the middle is denied by name, and
// an account in the middle is impersonated by the one before it.
func TestBetweenCommands(t *testing.T) {
	for _, c := range []struct{ name, step, principal, want string }{
		{"role over a permission set", "aws-sso-policy", permissionSet, `"aws:userid":"*:ada"`},
		{"impersonated over another account", "gcp-impersonator", mid, "remove-iam-policy-binding " + mid + " --project=shop-prod-4711 --member=user:" + eve + " "},
	} {
		i := slices.IndexFunc(chosen, func(x choice) bool { return x.name == c.name })
		p, err := For(chosen[i].finding, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if s.ID == c.step && s.Principal == c.principal {
					n++
					if !strings.Contains(s.Commands[0], c.want) {
						t.Errorf("%s: %s is %s", c.name, c.step, s.Commands[0])
					}
				}
			}
		}
		if n != 1 {
			t.Errorf("%s: %d steps %s of %s", c.name, n, c.step, c.principal)
		}
	}
}

// What the chain does not name is told of.
func TestChainIsCut(t *testing.T) {
	f := made("aws", "iam_role", role, from(middle, "iam_role", "AssumeRole"))
	p, err := For(f, Options{})
	if err != nil || len(p.Notes) > 0 {
		t.Errorf("a whole chain: notes %q, %v", p.Notes, err)
	}
	f.Origin.Cut, f.ChainTotal = true, 256
	p, err = For(f, Options{})
	if err != nil || len(p.Notes) != 2 || !strings.Contains(p.Notes[0], "longer than 256 links. It goes on before "+middle) || !strings.Contains(p.Notes[1], "256 links the finding lists 1") {
		t.Errorf("notes %q, %v", p.Notes, err)
	}
	if o := p.Targets[len(p.Targets)-1]; o.Who != "origin" || !strings.Contains(o.Because, "others before it") {
		t.Errorf("origin %+v", o)
	}
	// Where what is left out are links between the same principals, nobody is.
	f.Origin.Cut = false
	f.Chain = append(f.Chain, f.Chain[0])
	if p, err = For(f, Options{}); err != nil || len(p.Notes) > 0 {
		t.Errorf("notes %q, %v", p.Notes, err)
	}
}
