package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// juggle is a user who takes a role, which takes another, and so on back and
// forth between two for n links; the last one enumerates.
func juggle(n int, apart time.Duration) []act {
	name := func(i int) string { return "arn:aws:iam::1:role/" + string(rune('a'+i%2)) }
	end := time.Duration(n) * apart
	acts := burst(12, 1, name(n-1), "1", end, time.Second)
	for i := range acts {
		acts[i].Kind, acts[i].Key = event.AWSRole, fmt.Sprint("ASIA", n-1)
	}
	for i := range n {
		g := act{At: time.Duration(i) * apart, Principal: "arn:aws:iam::1:user/eve", Account: "1", Kind: event.AWSUser, Key: "AKIA1", GrantKey: fmt.Sprint("ASIA", i), ID: fmt.Sprintf("g%d", i)}
		if i > 0 {
			g.Principal, g.Kind, g.Key = name(i-1), event.AWSRole, fmt.Sprint("ASIA", i-1)
		}
		acts = append(acts, g)
	}
	return acts
}

// TestLongChain: a chain is followed to its beginning over a day and more of
// sessions that follow one another, and says so where it is not.
func TestLongChain(t *testing.T) {
	for _, n := range []int{2, 17, 50, 51, finding.MaxChain, finding.MaxChain + 1, 3000} {
		found, _ := evaluate(t, juggle(n, 50*time.Minute), 2, Options{})
		f := &found[len(found)-1]
		if f.Origin == nil {
			t.Fatalf("%d links: no origin", n)
		}
		cut := n > finding.MaxChain
		if f.Origin.Cut != cut || (f.Origin.ID == "arn:aws:iam::1:user/eve") == cut {
			t.Errorf("%d links: origin %+v", n, f.Origin)
		}
		total := 0
		if n > maxLinks {
			total = min(n, finding.MaxChain)
		}
		if len(f.Chain) != min(n, maxLinks) || f.ChainTotal != total {
			t.Errorf("%d links: %d listed of %d", n, len(f.Chain), f.ChainTotal)
		}
		if first := f.Chain[0].EventID; first != fmt.Sprintf("g%d", n-min(n, finding.MaxChain)) {
			t.Errorf("%d links: the chain begins with %s", n, first)
		}
		if last := f.Chain[len(f.Chain)-1].EventID; last != fmt.Sprintf("g%d", n-1) {
			t.Errorf("%d links: the chain ends with %s", n, last)
		}
	}
}

// TestChainAtOneTime: links of one second are in the order of the chain, not in
// that of their ids, and a circle among them ends.
func TestChainAtOneTime(t *testing.T) {
	acts := juggle(6, 0)
	found, _ := evaluate(t, acts, 2, Options{})
	var got []string
	for _, l := range found[0].Chain {
		got = append(got, l.EventID)
	}
	if want := "g0 g1 g2 g3 g4 g5"; strings.Join(got, " ") != want {
		t.Errorf("chain %q, want %s", got, want)
	}
	acts[len(acts)-6].Key = "ASIA5" // whoever began has the key that came last
	found, _ = evaluate(t, acts, 2, Options{})
	if n := len(found[0].Chain); n != 6 || found[0].Origin == nil || found[0].Origin.Cut {
		t.Errorf("a circle of 6 has %d links, origin %+v", n, found[0].Origin)
	}
	acts = juggle(3000, 0)
	acts[len(acts)-3000].Key = "ASIA2999"
	found, _ = evaluate(t, acts, 2, Options{})
	if f := &found[0]; f.ChainTotal != finding.MaxChain || !f.Origin.Cut {
		t.Errorf("a circle of 3000 has %d links, origin %+v", f.ChainTotal, f.Origin)
	}
}

// TestDelegatesInChain: each authority of a delegation chain is a link, in the
// order of the delegation.
func TestDelegatesInChain(t *testing.T) {
	acts := burst(12, 1, "sa@p.example", "p", 0, time.Second)
	for i := range acts {
		acts[i].Kind, acts[i].Creator, acts[i].Delegates = event.GCPServiceAccount, "eve@example.com", "near@p.example\nfar@p.example"
		if i > 9 {
			acts[i].Creator, acts[i].Delegates = "bob@example.com", "near@p.example"
		}
	}
	found, _ := evaluate(t, acts, 2, Options{})
	f := &found[0]
	var got []string
	for _, l := range f.Chain {
		got = append(got, l.From+" "+l.To)
	}
	want := []string{"eve@example.com far@p.example", "far@p.example near@p.example", "near@p.example sa@p.example", "bob@example.com near@p.example"}
	if !slices.Equal(got, want) {
		t.Errorf("chain %q, want %q", got, want)
	}
	if f.Origin == nil || f.Origin.ID != "eve@example.com" || f.Origin.Others != 1 {
		t.Errorf("origin %+v", f.Origin)
	}
	// Who began it has no name: the others are links all the same.
	for i := range acts {
		acts[i].Creator, acts[i].Delegates = "", "near@p.example"
	}
	found, _ = evaluate(t, acts, 2, Options{})
	if f := &found[0]; f.Origin != nil || len(f.Chain) != 1 || f.Chain[0].From != "near@p.example" {
		t.Errorf("origin %+v, chain %+v", f.Origin, f.Chain)
	}
}

// TestShownLinks: of a long chain, one link to each principal is shown, and
// the ends.
func TestShownLinks(t *testing.T) {
	var chain []finding.Link
	for i := range 300 {
		chain = append(chain, finding.Link{To: fmt.Sprint("r", i%2), EventID: fmt.Sprint(i)})
	}
	chain[150].To = "once"
	var got []string
	last := -1
	for _, l := range shownLinks(chain) {
		n, err := strconv.Atoi(l.EventID)
		if err != nil || n <= last {
			t.Errorf("link %s after %d", l.EventID, last)
		}
		last = n
		got = append(got, l.EventID)
	}
	if len(got) != maxLinks || !slices.Contains(got, "150") || got[0] != "0" || got[maxLinks-1] != "299" {
		t.Errorf("%d links: %q", len(got), got)
	}
}
