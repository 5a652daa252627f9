package cli

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// paceGC lets the heap grow freely while it is small and keeps it tight once
// it is large: what a scan keeps is long-lived and nearly free of pointers,
// so that collecting it often costs little and saves the room that the
// default would leave. It returns what undoes it.
func paceGC() (stop func()) {
	before := debug.SetGCPercent(100)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		percent := 100
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			metrics.Read(sample)
			want := 100
			switch live := sample[0].Value.Uint64(); {
			case live > 350<<20:
				want = 5
			case live > 200<<20:
				want = 10
			case live > 100<<20:
				want = 20
			case live > 48<<20:
				want = 40
			}
			if want < percent {
				percent = want
				debug.SetGCPercent(percent)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		debug.SetGCPercent(before)
	}
}
