package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"vedette/internal/scenario"
	"vedette/internal/triage"
)

// holdoutMeasured is the day on which the hold-out was first measured, with
// the weights as they were then.
const holdoutMeasured = "2026-11-26"

// holdout writes what triage makes of scenarios that no weight was set by. No
// test asks anything of these figures but that they are what stands in the
// document: a floor would turn them into a goal.
func holdout(b *bytes.Buffer) error {
	lib, err := scenario.LoadHoldout()
	if err != nil {
		return err
	}
	list, err := judgeAll(lib, scenario.Forge{}, triage.DefaultWeights())
	if err != nil {
		return err
	}
	n, caught := 0, 0
	families := byFamily(list)
	for _, c := range families {
		n, caught = n+c.n, caught+c.caught
	}
	benign, loud := labelled(list, scenario.Benign), loudBenign(list)
	fmt.Fprintf(b, `
## Hold-out

%d hostile and %d benign scenarios that were written without a look at the weights
([internal/scenario/holdout](../internal/scenario/holdout)), and first measured on %s: 34 of 52 hostile (65 %%) and 16
of 75 benign (21 %%) were then at medium or higher. That is what to expect of what nobody has looked at. Then some
faults that they showed were mended: Google callers were not followed over projects, findings of a campaign did not
count its accounts, many secrets read weighed as one, asking for permissions weighed nothing, one novelty counted in
four ways, and the console from a known network as much as from a new one. So the figures below are of a set that has
been looked at. No test asks for a figure here. They are judged in a trail of their own, whose records are written by the
same program as those above, from the same few networks.

`, n, benign, holdoutMeasured)
	writeLevels(b, list)
	fmt.Fprintf(b, "\nHostile at medium or higher: %d of %d (%.0f %%). Benign at medium or higher: %d of %d (%.0f %%).\n",
		caught, n, 100*float64(caught)/float64(n), loud, benign, 100*float64(loud)/float64(benign))
	fmt.Fprintf(b, "\n| family of hostile | scenarios | medium or higher |\n| --- | --- | --- |\n")
	for _, f := range slices.Sorted(maps.Keys(families)) {
		fmt.Fprintf(b, "| %s | %d | %d |\n", f, families[f].n, families[f].caught)
	}
	fmt.Fprintf(b, "\n### The ten worst misorderings of the hold-out\n\n")
	writeMisordered(b, list)
	fmt.Fprintf(b, "\n### All scenarios of the hold-out\n\n")
	writeAll(b, list)
	return nil
}
