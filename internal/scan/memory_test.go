package scan

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"vedette/internal/cloud/shape"
	"vedette/internal/engine"
	"vedette/internal/event"
)

// TestStatement40_MintedSessions: an intruder who mints session names, keys
// and addresses makes the table of callers grow by a few hundred bytes each,
// and nothing else: caches are of fixed size and calls go to disk.
func TestStatement40_MintedSessions(t *testing.T) {
	const n = 20000
	opts := options(t)
	opts.Engine.Memory = 1
	reg := event.NewRegistry()
	for _, p := range opts.Providers {
		if err := p.Register(reg); err != nil {
			t.Fatal(err)
		}
	}
	eng, err := engine.New(reg, opts.Engine)
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	shapes, err := shape.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(opts.Providers, shapes, reg)
	c := eng.Collector()
	taken := 0
	r.visit = func(rec *Record, ev *event.Event) {
		if rec.Verdict == event.Decoded && c.Add(ev, 0, rec.Number) == engine.Scored {
			taken++
		}
	}
	template := (&call{Role: "app", Session: "SESSION", Key: "ASIAKEY", IP: "ADDRESS", Source: "ec2.amazonaws.com", Name: "DescribeInstances", ID: "EVENTID"}).record()
	mint := func(from, to int) uint64 {
		for i := from; i < to; i++ {
			text := strings.NewReplacer("SESSION", fmt.Sprintf("session-%08d", i), "ASIAKEY", fmt.Sprintf("ASIA%012d", i),
				"ADDRESS", fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), "EVENTID", uuid(i)).Replace(template)
			r.text([]byte(text), 0)
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	// The first round fills the caches.
	first := mint(0, n)
	second := mint(n, 3*n)
	if taken != 3*n {
		t.Fatalf("%d calls were taken of %d", taken, 3*n)
	}
	grown := int64(second) - int64(first)
	// A context, its hashes and slots, and the texts of session, key and
	// address: a quarter of a kilobyte each, doubled where tables just grew.
	if per := grown / (2 * n); per > 700 {
		t.Errorf("a minted session takes %d bytes", per)
	} else {
		t.Logf("a minted session takes %d bytes", per)
	}
	runtime.KeepAlive(r)
	runtime.KeepAlive(c)
	c.Close()
	found, stats, err := eng.Run(func(uint32) string { return "f" })
	if err != nil {
		t.Fatal(err)
	}
	if stats.Spilled == 0 {
		t.Error("nothing went to disk")
	}
	if len(found) != 1 || found[0].Events != 3*n || found[0].SessionsTotal != 3*n {
		t.Errorf("%d findings, stats %+v", len(found), stats)
	} else if f := &found[0]; len(f.Sessions) > 1000 || len(f.Slices) > 1000 || len(f.Addresses) > 1000 || len(f.Evidence) > 1000 {
		t.Errorf("the finding lists %d sessions, %d slices, %d addresses, %d events", len(f.Sessions), len(f.Slices), len(f.Addresses), len(f.Evidence))
	}
}

// TestStatement40_LongNames: names of services, calls, errors and callers that
// are very long do not stay in the decoders' caches.
func TestStatement40_LongNames(t *testing.T) {
	reg := event.NewRegistry()
	opts := options(t)
	for _, p := range opts.Providers {
		if err := p.Register(reg); err != nil {
			t.Fatal(err)
		}
	}
	shapes, err := shape.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(opts.Providers, shapes, reg)
	events := 0
	r.visit = func(rec *Record, ev *event.Event) {
		if rec.Verdict == event.Decoded {
			ev.Resolve()
			events++
		}
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	long := strings.Repeat("x", 50000)
	const n = 1000
	for _, c := range []struct{ name, record string }{
		{"CloudTrail", (&call{User: "NAME", Source: "NAME.amazonaws.com", Name: "GetNAME", Code: "NAME", ID: uuid(1)}).record()},
		{"Cloud Audit Logs", entry(1, "data_access", "NAME.googleapis.com", "v1.NAME.list", "ADMIN_READ")},
		{"Azure activity", activity(1, "MICROSOFT.NAME/NAME/ACTION")},
	} {
		events = 0
		r.text([]byte(c.record), 0)
		before := heap()
		for i := range n {
			r.text([]byte(strings.ReplaceAll(c.record, "NAME", fmt.Sprintf("N%d%s", i, long))), 0)
		}
		if events != n+1 {
			t.Fatalf("%s: %d events of %d", c.name, events, n+1)
		}
		if grown := heap() - before; grown > 10<<20 {
			t.Errorf("%s: %d names of %d bytes each leave %d MiB behind", c.name, n, len(long), grown>>20)
		}
	}
	runtime.KeepAlive(r)
}

// TestStatement44_SameBytes: the same input gives the same report byte for
// byte, also where tables are full and hashes of many requests are compared:
// nothing of what is shown may hang on a random seed.
func TestStatement44_SameBytes(t *testing.T) {
	const n = 100000
	template := (&call{User: "ada", Source: "ec2.amazonaws.com", Name: "DescribeInstances", ID: "EVENTID", Params: map[string]any{"id": "TARGET"}}).record()
	var b strings.Builder
	for i := range n {
		strings.NewReplacer("EVENTID", uuid(i), "TARGET", fmt.Sprintf("i-%017x", i*7919)).WriteString(&b, template)
		b.WriteByte('\n')
	}
	// A second caller, copies that differ in what was asked for, retries.
	for i, c := range burst(n, 200, 12, 0, call{Role: "deploy", Session: "s", Code: "ThrottlingException"}) {
		for copy := range 2 {
			c.Params = map[string]any{"x": i % 5, "copy": copy}
			b.WriteString(c.record())
			b.WriteByte('\n')
		}
	}
	dir := folder(t, map[string]string{"log": b.String()})
	var want string
	for i := range 3 {
		opts := options(t, dir)
		opts.Engine.Workers = 1 + i
		res := run(t, opts)
		if res.Report.Summary.Duplicates != 200 || len(res.Report.Findings) != 2 {
			t.Fatalf("%d duplicates, findings %v", res.Report.Summary.Duplicates, verdicts(res))
		}
		for _, f := range res.Report.Findings {
			if f.Events > 1000 && f.Targets != n {
				t.Errorf("%d distinct requests, want %d", f.Targets, n)
			}
		}
		if got := whole(t, res); want == "" {
			want = got
		} else if got != want {
			t.Errorf("run %d differs from run 0", i)
		}
	}
}
