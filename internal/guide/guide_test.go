package guide

import (
	"strings"
	"testing"

	"vedette/internal/attack"
)

// Every guide can be read, is of a technique of Discovery, and has a source
// for each cloud that its text makes a statement about.
func TestBuiltin(t *testing.T) {
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 10 {
		t.Fatalf("%d guides", len(list))
	}
	for _, g := range list {
		if a, ok := attack.Lookup(g.Technique); !ok || a.Tactic != "Discovery" {
			t.Errorf("%s: no technique of Discovery", g.Technique)
		}
		if len(g.Sources) < 2 {
			t.Errorf("%s: %d sources", g.Technique, len(g.Sources))
		}
		for _, cloud := range []string{"aws", "azure", "gcp"} {
			if g.Looks(cloud) == "" {
				t.Errorf("%s says nothing of %s", g.Technique, cloud)
			}
		}
	}
}

func TestLoadTellsEachFaultAtItsLine(t *testing.T) {
	const whole = `technique: T1613
what: Containers.
looks:
  aws: A.
  azure: B.
  gcp: C.
confused: [a]
ask: [a]
tune: [a]
next: [a]
related: [T1580]
sources: ["https://attack.mitre.org/"]
`
	if _, err := Load("g.yaml", []byte(whole)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"T1613", "containers", `g.yaml:1: "containers" is no ATT&CK id`},
		{"what: Containers.\n", "", "g.yaml:1: what: missing"},
		{"what: Containers.", "what: Containers.\nwhat: Twice.", "g.yaml:3: what stands twice"},
		{"ask: [a]", "asks: [a]", `g.yaml:8: a guide has no field "asks"`},
		{"ask: [a]", "ask: a", "g.yaml:8: ask is a list of texts"},
		{"ask: [a]", "ask: [a, {b: c}]", "g.yaml:8: ask: an entry is no text"},
		{"  gcp: C.\n", "", "g.yaml:4: looks.gcp: missing"},
		{"[T1580]", "[1580]", `g.yaml:11: related: "1580" has not the form of such`},
		{"https://attack", "javascript:attack", `g.yaml:12: sources: "javascript:attack.mitre.org/" has not the form`},
		{whole, "- a\n", "g.yaml:1: a guide is a mapping"},
	} {
		_, err := Load("g.yaml", []byte(strings.Replace(whole, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %q", c.to, c.from, err, c.want)
		}
	}
}
