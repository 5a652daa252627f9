// Package cloudtest is the suite that every provider's decoder passes.
package cloudtest

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"vedette/internal/cloud"
	"vedette/internal/event"
)

// Run holds a provider to the contract of [cloud.Decoder]. Each of the
// records is one JSON object that decodes to an event.
func Run(t *testing.T, p cloud.Provider, records []string) {
	reg := register(t, p)
	d := p.NewDecoder(reg)
	for i, r := range records {
		var ev event.Event
		if n, v := d.Decode([]byte(r), &ev); v != event.Decoded || n != len(r) {
			t.Fatalf("record %d: verdict %d after %d of %d bytes", i, v, n, len(r))
		}
		Complete(t, &ev)
		if ev.Cloud != p.Cloud() || ev.API.Cloud != p.Cloud() {
			t.Errorf("record %d: an event of %v with an API of %v from the provider of %v", i, ev.Cloud, ev.API.Cloud, p.Cloud())
		}
	}
	t.Run("Following", func(t *testing.T) { following(t, d, records) })
	t.Run("Prefixes", func(t *testing.T) { prefixes(t, d, records) })
	t.Run("Repeatable", func(t *testing.T) { repeatable(t, p, records) })
	t.Run("Mutated", func(t *testing.T) { mutated(t, d, records) })
	t.Run("Allocations", func(t *testing.T) { allocations(t, d, records) })
}

// Fuzz runs the fuzzing engine over one record at a time; seeds are added
// before it is called.
func Fuzz(f *testing.F, p cloud.Provider) {
	d := p.NewDecoder(register(f, p))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || b[0] != '{' {
			return
		}
		check(t, d, b)
	})
}

// Complete fails unless an event has what every event must have.
func Complete(t testing.TB, ev *event.Event) {
	t.Helper()
	ev.Resolve()
	switch {
	case !ev.Log.Audited():
		t.Errorf("an event of log class %v", ev.Log)
	case ev.API == nil:
		t.Error("an event without API")
	case ev.API.Service == "" || ev.API.Name == "" || len(ev.API.Name) > 512:
		t.Errorf("API %q %.600q", ev.API.Service, ev.API.Name)
	case len(ev.Actor.Principal) == 0:
		t.Errorf("an event without principal: %s %s", ev.API.Service, ev.API.Name)
	case ev.Key == event.Key{}:
		t.Error("an event without key")
	case (ev.Outcome == event.Denied) != (ev.Reason != event.NoReason):
		t.Errorf("outcome %v with reason %v", ev.Outcome, ev.Reason)
	case ev.Has(event.ReadOnly | event.Writes):
		t.Error("an event that is a read and a write")
	}
}

// Keep returns the event with views of its own, which outlive the decoder's
// next call.
func Keep(ev *event.Event) event.Event {
	kept := *ev
	views(reflect.ValueOf(&kept).Elem(), func(_ string, v reflect.Value) {
		v.SetBytes(bytes.Clone(v.Bytes()))
	})
	return kept
}

// views calls f for every byte field of an event, with its path.
func views(v reflect.Value, f func(path string, v reflect.Value)) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case field.Type() == reflect.TypeFor[[]byte]():
			f(name, field)
		case field.Kind() == reflect.Struct:
			views(field, func(path string, v reflect.Value) { f(name+"."+path, v) })
		}
	}
}

func register(t testing.TB, p cloud.Provider) *event.Registry {
	t.Helper()
	reg := event.NewRegistry()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	return reg
}

// check decodes one object and holds the answer to what every answer must be.
func check(t testing.TB, d cloud.Decoder, b []byte) (event.Event, event.Verdict) {
	t.Helper()
	before := bytes.Clone(b)
	var ev event.Event
	n, v := d.Decode(b, &ev)
	if !bytes.Equal(b, before) {
		t.Fatalf("the decoder changed its input: %.300q", before)
	}
	switch {
	case n < 0 || n > len(b):
		t.Fatalf("%d bytes read of %d", n, len(b))
	case (v == event.NotMine || v == event.Truncated) && n != 0:
		t.Fatalf("verdict %d after %d bytes", v, n)
	case (v == event.Decoded || v == event.Skipped) && (n < 2 || b[n-1] != '}'):
		t.Fatalf("verdict %d after %d bytes, which is no end of an object", v, n)
	case v == event.Skipped && (ev.Log == event.NoLog || ev.Log.Audited()):
		t.Fatalf("a record of log class %v was skipped", ev.Log)
	case v > event.Truncated:
		t.Fatalf("no such verdict: %d", v)
	}
	if v == event.Decoded {
		Complete(t, &ev)
		within(t, b, n, &ev)
	}
	if v == event.Skipped {
		bare := event.Event{Cloud: ev.Cloud, Log: ev.Log}
		if !reflect.DeepEqual(ev, bare) {
			t.Fatalf("a skipped record sets more than cloud and log: %+v", ev)
		}
	}
	return ev, v
}

// within fails if a view that points into b goes beyond its first n bytes.
func within(t testing.TB, b []byte, n int, ev *event.Event) {
	t.Helper()
	lo := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	hi := lo + uintptr(cap(b))
	views(reflect.ValueOf(ev).Elem(), func(path string, v reflect.Value) {
		view := v.Bytes()
		if len(view) == 0 {
			return
		}
		at := uintptr(unsafe.Pointer(unsafe.SliceData(view)))
		if at >= lo && at < hi && at+uintptr(len(view)) > lo+uintptr(n) {
			t.Fatalf("%s goes beyond the record: %.80q", path, view)
		}
	})
}

// following holds that what comes after a record changes nothing.
func following(t *testing.T, d cloud.Decoder, records []string) {
	for i, r := range records {
		want, _ := check(t, d, []byte(r))
		want = Keep(&want)
		for _, after := range []string{"\n", r, ",{", "}", "]", "\x00\xff", strings.Repeat(`"`, 100), `{"Records":[`} {
			b := append([]byte(r), after...)
			got, v := check(t, d, b)
			n, _ := d.Decode(b, new(event.Event))
			if v != event.Decoded || n != len(r) {
				t.Errorf("record %d before %.10q: verdict %d after %d of %d bytes", i, after, v, n, len(r))
				continue
			}
			if got = Keep(&got); !reflect.DeepEqual(got, want) {
				t.Errorf("record %d before %.10q is another event", i, after)
			}
		}
	}
}

// prefixes holds that a record cut short is known to be.
func prefixes(t *testing.T, d cloud.Decoder, records []string) {
	for i, r := range records {
		for n := 1; n < len(r); n++ {
			var ev event.Event
			// The rest of the record lies beyond the end of the slice.
			if got, v := d.Decode([]byte(r)[:n], &ev); v != event.Truncated || got != 0 {
				t.Fatalf("record %d cut at %d: verdict %d after %d", i, n, v, got)
			}
		}
	}
}

// repeatable holds that a decoder carries nothing from one record into the
// next.
func repeatable(t *testing.T, p cloud.Provider, records []string) {
	reg := register(t, p)
	used := p.NewDecoder(reg)
	for _, r := range records {
		for _, other := range records {
			check(t, used, []byte(other))
		}
		got, _ := check(t, used, []byte(r))
		got = Keep(&got)
		want, _ := check(t, p.NewDecoder(reg), []byte(r))
		want = Keep(&want)
		got.Actor.Ref, want.Actor.Ref = [2]uint64{}, [2]uint64{} // says nothing of the record
		if !reflect.DeepEqual(got, want) {
			t.Errorf("a used decoder and a new one differ:\n%+v\n%+v", got, want)
		}
	}
}

// mutated throws damaged records at the decoder: bytes changed, cut out and
// doubled, values replaced by others of every type.
func mutated(t *testing.T, d cloud.Decoder, records []string) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := []string{`null`, `true`, `0`, `-1e400`, `""`, `"\ud800"`, `{}`, `[]`, `[[[]]]`, `{"":""}`, `[null]`, `"{\"a\":"`, `"[1]"`}
	for _, r := range records {
		for range 3000 {
			b := []byte(r)
			for range 1 + rng.IntN(3) {
				at := rng.IntN(len(b))
				switch rng.IntN(5) {
				case 0:
					b[at] = byte(rng.IntN(256))
				case 1:
					b[at] = `{}[]",:\0`[rng.IntN(9)]
				case 2:
					b = append(b[:at:at], b[min(len(b), at+1+rng.IntN(20)):]...)
				case 3:
					b = append(b[:at:at], append([]byte(values[rng.IntN(len(values))]), b[at:]...)...)
				case 4:
					b = replaceValue(b, at, values[rng.IntN(len(values))])
				}
				if len(b) == 0 {
					b = []byte{'{'}
				}
			}
			b[0] = '{'
			check(t, d, b)
		}
	}
}

// replaceValue puts a value in the place of the string after position at.
func replaceValue(b []byte, at int, value string) []byte {
	colon := bytes.Index(b[at:], []byte(`:"`))
	if colon < 0 {
		return b
	}
	start := at + colon + 1
	end := bytes.IndexByte(b[start+1:], '"')
	if end < 0 {
		return b
	}
	return append(b[:start:start], append([]byte(value), b[start+1+end+1:]...)...)
}

// allocations holds that a record whose names are known costs no allocation.
func allocations(t *testing.T, d cloud.Decoder, records []string) {
	for i, r := range records {
		b := []byte(r)
		var ev event.Event
		d.Decode(b, &ev)
		if n := testing.AllocsPerRun(100, func() { d.Decode(b, &ev) }); n != 0 {
			t.Errorf("record %d: %v allocations", i, n)
		}
	}
}
