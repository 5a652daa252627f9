package footprint

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/tsv"
)

func TestTables(t *testing.T) {
	if n := len(Tools()); n < 50 {
		t.Errorf("%d tools and modules", n)
	}
	seen := map[string]bool{}
	for _, tool := range Tools() {
		k := tool.Name + "/" + tool.Module
		if seen[k] {
			t.Errorf("%s stands in two places of the table", k)
		}
		seen[k] = true
		for _, o := range tool.Operations {
			known := slices.ContainsFunc([]string{".amazonaws.com", ".googleapis.com", "graph.microsoft.com"}, func(end string) bool { return strings.HasSuffix(o.Service, end) })
			if !known && !strings.HasPrefix(o.Service, "microsoft.") || o.Name == "" {
				t.Errorf("%s: operation %q of %q", k, o.Name, o.Service)
			}
		}
	}
	ids := map[string]bool{}
	for _, i := range Incidents() {
		if ids[i.ID] || i.ID == "" || i.Title == "" || !strings.HasPrefix(i.Link, "https://") || len(i.Discovery) == 0 {
			t.Errorf("incident %+v", i)
		}
		ids[i.ID] = true
	}
}

func TestPrograms(t *testing.T) {
	names := map[string]bool{}
	for i, p := range Programs() {
		if names[p.Name] || p.Title == "" || p.Source == "" || !slices.Contains([]string{"offensive", "dual", "emulation"}, p.Class) {
			t.Errorf("program %+v", p)
		}
		if i > 0 && Programs()[i-1].Name >= p.Name {
			t.Errorf("%s stands out of order", p.Name)
		}
		names[p.Name] = true
		for _, l := range p.Libraries {
			if l == "" || l != strings.ToLower(l) || l == p.Client {
				t.Errorf("%s has library %q", p.Name, l)
			}
		}
		if p.Client == "" && OfTool(p.Name, "") == nil {
			t.Errorf("%s has neither operations nor a client: nothing can tell it", p.Name)
		}
	}
	for _, tool := range Tools() {
		if !names[tool.Name] {
			t.Errorf("%s has operations and no row in programs.tsv", tool.Name)
		}
	}
	for _, f := range tsv.Must("footprint/disguises.tsv", disguisesTSV, "tool user_agent") {
		if !names[f[0]] || f[1] == "" {
			t.Errorf("%q puts on %q and has no row in programs.tsv", f[0], f[1])
		}
	}
	i := slices.IndexFunc(Programs(), func(p Program) bool { return p.Name == "pacu" })
	if n := len(Programs()[i].Disguises); n != 60 {
		t.Errorf("Pacu puts on %d user agents", n)
	}
}

func TestEveryday(t *testing.T) {
	m := Everyday()
	if n := m[Operation{"ec2.amazonaws.com", "DescribeVpcs"}]; n != 2 {
		t.Errorf("DescribeVpcs has %d callers of two", n)
	}
	for o := range m {
		if o != o.Canonical() {
			t.Errorf("%v ends in an API date", o)
		}
	}
}

func TestCanonical(t *testing.T) {
	for logged, want := range map[string]string{
		"GetFunction20150331v2": "GetFunction", "ListDistributions2020_05_31": "ListDistributions",
		"DescribeVpcs": "DescribeVpcs", "ListObjectsV2": "ListObjectsV2", "Get12345678": "Get12345678",
	} {
		if got := (Operation{"x", logged}).Canonical().Name; got != want {
			t.Errorf("%s: %s, want %s", logged, got, want)
		}
	}
}

func TestOfTool(t *testing.T) {
	one, all := OfTool("pacu", "ec2__enum"), OfTool("pacu", "")
	if len(one) < 10 || len(all) <= len(one) {
		t.Fatalf("%d operations of the module, %d of the tool", len(one), len(all))
	}
	seen := map[Operation]bool{}
	for _, o := range all {
		if seen[o] {
			t.Errorf("%v stands twice", o)
		}
		seen[o] = true
	}
	if OfTool("nothing", "") != nil {
		t.Error("an unknown tool has operations")
	}
	if i, ok := OfIncident(Incidents()[0].ID); !ok || i.Title == "" {
		t.Error("the first incident is not found by its id")
	}
}
