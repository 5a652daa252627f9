package cli

import (
	"slices"
	"testing"

	"vedette/internal/hub"
	"vedette/internal/rehearse"
)

// unfired are the cells of a technique and a cloud in which a detection could
// fire by what the catalogue has, and which no client can bring it to.
var unfired = map[string]string{
	"T1538 gcp": "of the four kinds that a project's log can show, gcloud asks one (tests/gcp-billing)",
}

// TestEveryCellIsRehearsed holds the rehearsals against the hub: where a
// technique has a detection that can fire in a cloud there is an attack that must
// be found and a counter-test that its detection judges; where none can, an
// attack holds that nothing is found.
func TestEveryCellIsRehearsed(t *testing.T) {
	h, err := (&hubCmd{}).build()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := rehearse.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cells, needed := 0, map[string]bool{}
	for _, tech := range h.Techniques {
		for _, c := range tech.Clouds {
			if len(c.Logs) == 0 && c.Unlogged == 0 {
				continue // nothing is called, and so nothing is rehearsed
			}
			cells++
			found, quiet, counter := cellTests(tech, c.Name, tests)
			cell := tech.ID + " " + c.Name
			switch silent := c.Silent(); {
			case silent == "not logged" || silent == "cannot fire":
				if !quiet || found {
					t.Errorf("%s: %s: no attack holds that nothing is found (%v), or one must be found (%v)", cell, silent, quiet, found)
				}
			case unfired[cell] != "":
				needed[cell] = true
				if !quiet || found {
					t.Errorf("%s: no attack holds that nothing is found (%v), or one must be found (%v): %s", cell, quiet, found, unfired[cell])
				}
			case !found:
				t.Errorf("%s: no attack must be found", cell)
			case !counter:
				t.Errorf("%s: no counter-test", cell)
			}
		}
	}
	if cells < 25 {
		t.Errorf("%d cells", cells)
	}
	for cell := range unfired {
		if !needed[cell] {
			t.Errorf("%s is no cell that needs a reason", cell)
		}
	}
}

// cellTests looks what there is of a technique in a cloud: an attack that must be
// found, one that must not, and a counter-test that one of its detections judges
// by name, or of the technique where it has none of its own.
func cellTests(tech *hub.Technique, cloud string, tests []*rehearse.Test) (found, quiet, counter bool) {
	for _, test := range tests {
		named := slices.ContainsFunc(tech.Detections, func(d hub.Detection) bool { return slices.Contains(test.Detections, d.ID) })
		if test.Provider != cloud || test.Technique != tech.ID && !named {
			continue
		}
		for _, r := range test.Runs {
			switch {
			case test.Kind == rehearse.Benign:
				counter = counter || named || len(test.Detections) == 0
			case r.Expect.AtLeast != "":
				found = true
			case r.Expect.Invisible != "" || r.Expect.Silent:
				quiet = true
			}
		}
	}
	return found, quiet, counter
}
