package main

import (
	"bytes"
	"os"
	"testing"
)

// TestSIEMCoverage holds docs/siem-coverage.md against what is measured.
func TestSIEMCoverage(t *testing.T) {
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
