package main

import (
	"bytes"
	"os"
	"testing"

	"vedette/internal/scenario"
	"vedette/internal/triage"
)

// TestSIEMCoverage holds docs/siem-coverage.md against what is measured.
func TestSIEMCoverage(t *testing.T) {
	if testing.Short() {
		t.Skip("figures of a document")
	}
	var b bytes.Buffer
	if err := siemCoverage(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/siem-coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), doc) {
		t.Error("docs/siem-coverage.md is not what `go run ./quality siem` prints: write it anew, and look at what changed")
	}
}

// TestTriageQuality holds docs/triage-quality.md against what is measured, and
// what is measured against what triage is for: with no tool's footprint known
// at least four fifths of the hostile scenarios are at medium or higher, and at
// most one in twenty of the benign. Of the hold-out nothing is asked.
func TestTriageQuality(t *testing.T) {
	if testing.Short() {
		t.Skip("figures of a document")
	}
	var b bytes.Buffer
	if err := triageQuality(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/triage-quality.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), doc) {
		t.Error("docs/triage-quality.md is not what `go run ./quality triage` prints: write it anew, and look at what changed")
	}
	lib, err := scenario.Load()
	if err != nil {
		t.Fatal(err)
	}
	weights := triage.DefaultWeights()
	tool := weights.Factors["tool"]
	tool.Each = 0
	weights.Factors["tool"] = tool
	list, err := judgeAll(lib, scenario.Forge{}, weights)
	if err != nil {
		t.Fatal(err)
	}
	n, caught := 0, 0
	for _, c := range byFamily(list) {
		n, caught = n+c.n, caught+c.caught
	}
	if caught*10 < n*8 {
		t.Errorf("%d of %d hostile scenarios at medium or higher", caught, n)
	}
	if loud, all := loudBenign(list), labelled(list, scenario.Benign); loud*20 > all {
		t.Errorf("%d of %d benign scenarios at medium or higher", loud, all)
	}
}
