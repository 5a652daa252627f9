package aws

import (
	"fmt"
	"testing"

	"vedette/internal/event"
)

// A Ref stands for the caller in all decoders of a process, also once the
// element has left their caches, and only where the element alone says who
// called.
func TestRefStandsForTheCaller(t *testing.T) {
	element := func(n int) string {
		return fmt.Sprintf(`{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/u%d","accountId":"111122223333","accessKeyId":"AKIA%d"}`, n, n)
	}
	record := func(identity string) []byte {
		return []byte(`{"eventVersion":"1.09","userIdentity":` + identity + `,"eventTime":"2026-03-02T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","recipientAccountId":"111122223333"}`)
	}
	_, a := newDecoder(t)
	_, b := newDecoder(t)
	var ev event.Event
	ref := func(d *decoder, identity string) [2]uint64 {
		if _, v := decode(d, record(identity), &ev); v != event.Decoded {
			t.Fatalf("verdict %d for %s", v, identity)
		}
		return ev.Actor.Ref
	}
	first := ref(a, element(0))
	if first == ([2]uint64{}) || ref(b, element(0)) != first {
		t.Error("two decoders disagree about an element")
	}
	seen := map[[2]uint64]int{first: 0}
	for n := 1; n < 3*identitySlots; n++ {
		r := ref(a, element(n))
		if other, ok := seen[r]; ok {
			t.Fatalf("elements %d and %d have one Ref", n, other)
		}
		seen[r] = n
		if want := fmt.Sprintf("AKIA%d", n); string(ev.Actor.Key) != want {
			t.Fatalf("element %d has the key %s, want %s", n, ev.Actor.Key, want)
		}
	}
	if ref(a, element(0)) != first || string(ev.Actor.Key) != "AKIA0" {
		t.Error("an element that comes back is another caller")
	}
	for _, identity := range []string{`{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}`, `{}`} {
		if r := ref(a, identity); r != ([2]uint64{}) {
			t.Errorf("%s does not tell the account, and has a Ref", identity)
		}
	}
}

// Names that meet in the table of those met of late are still told apart.
func TestManyNamesAreToldApart(t *testing.T) {
	_, d := newDecoder(t)
	var ev event.Event
	for round := range 2 {
		for i := range 8 << knownBits {
			// Same length, same first and last letters: many share a slot, and
			// several sources have each name.
			name, source := fmt.Sprintf("ListThing%06dsOfSome", i%1000), fmt.Sprintf("service%d.amazonaws.com", i/1000)
			rec := fmt.Sprintf(`{"eventVersion":"1.09","userIdentity":{},"eventTime":"2026-03-02T10:00:00Z","eventSource":%q,"eventName":%q}`, source, name)
			if _, v := decode(d, []byte(rec), &ev); v != event.Decoded || ev.API.Name != name || ev.API.Service != source {
				t.Fatalf("round %d: %s of %s is %s of %s, verdict %d", round, name, source, ev.API.Name, ev.API.Service, v)
			}
		}
	}
}
