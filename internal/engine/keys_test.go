package engine

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// TestNetworksOfKey: how many networks a credential called from within an
// hour, whichever hour of the finding, against the definition.
func TestNetworksOfKey(t *testing.T) {
	seen := map[int]int{}
	rapid.Check(t, func(r *rapid.T) {
		var acts []act
		at := time.Duration(0)
		for i := range rapid.IntRange(40, 120).Draw(r, "calls") {
			at += time.Duration(rapid.IntRange(0, 4).Draw(r, "minutes")) * time.Minute
			acts = append(acts, act{
				At: at, API: i % 8, Principal: "u", Account: "1", ID: fmt.Sprint(i), Kind: event.AWSRole, Session: "s",
				Key:     fmt.Sprintf("ASIA%d", rapid.IntRange(0, 1).Draw(r, "key")),
				Address: fmt.Sprintf("198.51.%d.7", i/12+rapid.IntRange(0, 1).Draw(r, "network")),
			})
		}
		of := func(f *finding.Facts) (most int) {
			for _, key := range []string{"ASIA0", "ASIA1"} {
				for i := range acts {
					nets := map[string]bool{}
					for k := range acts {
						when := epoch.Add(acts[k].At)
						if acts[k].Key == key && acts[k].At >= acts[i].At && acts[k].At-acts[i].At < time.Hour && !when.Before(f.First) && !when.After(f.Last) {
							nets[acts[k].Address] = true
						}
					}
					most = max(most, len(nets))
				}
			}
			return most
		}
		judge := func(f *finding.Facts) finding.Judgement {
			if got, want := f.KeyNetworks, of(f); len(f.Networks) > 1 && got != want && f.Events == between(acts, f) {
				r.Errorf("%d networks within an hour, want %d", got, want)
			}
			seen[f.KeyNetworks]++
			return finding.Judgement{}
		}
		evaluate(t, acts, 1, Options{Workers: 1, Judge: judge, Notable: func(*event.API) bool { return false }})
	})
	if len(seen) < 3 {
		t.Errorf("the numbers of networks were %v: the property says little", seen)
	}
}

// between counts the acts within the time of the facts: a slice has fewer.
func between(acts []act, f *finding.Facts) (n int) {
	for i := range acts {
		if when := epoch.Add(acts[i].At); !when.Before(f.First) && !when.After(f.Last) {
			n++
		}
	}
	return n
}

// TestThiefAfterAnHour: a stolen credential that is used while its owner uses
// it is one of two networks, however long after the finding's first call.
func TestThiefAfterAnHour(t *testing.T) {
	for _, start := range []time.Duration{30 * time.Minute, 62 * time.Minute, 5 * time.Hour} {
		owner := burst(180, 20, "app", "1", 0, 2*time.Minute)
		thief := burst(20, 20, "app", "1", start, 3*time.Second)
		for i := range owner {
			owner[i].Address, owner[i].Key, owner[i].ID = "203.0.113.9", "ASIA1", fmt.Sprintf("o%d", i)
		}
		for i := range thief {
			thief[i].Address, thief[i].Key, thief[i].ID = "192.0.2.66", "ASIA1", fmt.Sprintf("t%d", i)
		}
		got := 0
		judge := func(f *finding.Facts) finding.Judgement {
			got = max(got, f.KeyNetworks)
			return finding.Judgement{}
		}
		evaluate(t, append(owner, thief...), 1, Options{Workers: 1, Judge: judge, Notable: func(*event.API) bool { return false }})
		if got != 2 {
			t.Errorf("%s after the owner's first call: %d networks within an hour", start, got)
		}
	}
}
