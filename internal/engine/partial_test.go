package engine

import (
	"slices"
	"testing"
	"time"
)

// vaultReads are calls of one caller, half of whose records leave out the
// tenant.
func vaultReads() []act {
	whole := burst(6, 3, "entra:t/o", "s", 0, time.Second)
	part := burst(6, 2, "entra:tenant-not-logged/o", "s", 10*time.Second, time.Second)
	for i := range whole {
		whole[i].Name = "entra:o"
	}
	for i := range part {
		part[i].Name, part[i].Partial, part[i].API = "entra:o", true, 3+i%2
	}
	return append(whole, part...)
}

func TestACallerWithoutItsTenantIsTheOneOfThatName(t *testing.T) {
	acts := vaultReads()
	found, _ := evaluate(t, acts, 1, Options{})
	if len(found) != 1 || found[0].Events != 12 || found[0].Actor.ID != "entra:t/o" {
		t.Fatalf("%d findings: %+v", len(found), found)
	}
	slices.Reverse(acts)
	again, _ := evaluate(t, acts, 3, Options{})
	if len(again) != 1 || again[0].ID != found[0].ID {
		t.Errorf("another order gives %+v", again)
	}
}

func TestACallerWithoutItsTenantMayBeOneOfTwo(t *testing.T) {
	acts := vaultReads()
	other := burst(6, 3, "entra:u/o", "s", time.Minute, time.Second)
	for i := range other {
		other[i].Name = "entra:o"
	}
	found, _ := evaluate(t, append(acts, other...), 1, Options{})
	if len(found) != 0 {
		t.Errorf("six calls of four kinds at most are one caller's, and %d findings came", len(found))
	}
}

func TestACallerWithoutItsTenantAlone(t *testing.T) {
	acts := burst(12, 3, "entra:tenant-not-logged/o", "s", 0, time.Second)
	for i := range acts {
		acts[i].Name, acts[i].Partial = "entra:o", true
	}
	found, _ := evaluate(t, acts, 1, Options{})
	if len(found) != 1 || found[0].Actor.ID != "entra:tenant-not-logged/o" {
		t.Errorf("%+v", found)
	}
}
