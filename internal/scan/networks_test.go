package scan

import (
	"testing"
	"time"
)

// TestEndpointIsTheNetwork: whoever calls through an endpoint of his own has
// the network of that endpoint, and not the one whose public address he gave
// his machines.
func TestEndpointIsTheNetwork(t *testing.T) {
	like := call{User: "inv", IP: "203.0.113.9"}
	routine := func(from call) []call {
		var out []call
		for day := range 10 {
			from.At = time.Duration(day) * 24 * time.Hour
			out = append(out, burst(day*100, 24, 12, 3*time.Second, from)...)
		}
		return out
	}
	last := func(before call, from call) (priority int, recurs int) {
		from.At = 10*24*time.Hour + 10*time.Hour
		res := scanCalls(t, join(routine(before), burst(5000, 24, 12, 3*time.Second, from)))
		for i := range res.Report.Findings {
			if f := &res.Report.Findings[i]; f.FirstSeen == epoch.Add(from.At).Format(time.RFC3339) {
				recurs, _ = saidOf(f, "recurs")
				return f.Priority, recurs
			}
		}
		t.Fatal("no finding of the last day")
		return 0, 0
	}
	outside, inside := like, like
	outside.IP = "192.0.2.66"
	inside.Endpoint = "vpce-0a1b2c3d4e5f60718"
	foreign, none := last(like, outside)
	if known, recurs := last(like, like); recurs >= 0 || none != 0 || known >= foreign {
		t.Fatalf("from the same network %d (%d), from another %d (%d)", known, recurs, foreign, none)
	}
	if got, recurs := last(like, inside); got != foreign || recurs != 0 {
		t.Errorf("through an endpoint, with the known address: %d (%d), from another network %d", got, recurs, foreign)
	}
	// The same endpoint is the same network, whatever its addresses.
	moved := inside
	moved.IP = "10.0.0.9"
	if _, recurs := last(inside, moved); recurs >= 0 {
		t.Errorf("through the known endpoint from another address: %d", recurs)
	}
}
