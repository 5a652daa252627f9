package footprint

import (
	"strings"
	"testing"
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
			if !strings.HasSuffix(o.Service, ".amazonaws.com") || o.Name == "" {
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
