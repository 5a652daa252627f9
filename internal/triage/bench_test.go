package triage

import (
	"testing"
	"time"
)

// BenchmarkNoMatch is what attribution costs where calls are like no tool's.
func BenchmarkNoMatch(b *testing.B) {
	x, f := newToolIndex(), factsOf(everyday(2), time.Second)
	b.ReportAllocs()
	for b.Loop() {
		x.tools(f, true)
		x.incidents(f)
	}
}
