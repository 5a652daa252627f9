package jsonscan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// members lists what a walk hands out. Where keys are given, Known is asked
// first.
func members(b []byte, keys []Key) (list []string, end int, err error) {
	o := Members(b)
	vals := make([]Span, len(keys))
	for at := 0; ; {
		from := o.pos
		n := o.Known(keys[at:], vals)
		for i, v := range vals[:n] {
			k := &keys[at+i]
			val := string(b[v.Start:v.End])
			if val[0] == '"' && strings.Contains(val, `\`) {
				val = "with a backslash: " + val
			}
			list = append(list, string(k.text[2:k.size-2])+"="+val)
			if k.text[0] == '{' {
				from--
			}
			if v.Start != from+k.size || v.End > o.End() {
				list = append(list, fmt.Sprint("misplaced: ", v, " from ", from))
			}
			from = v.End
		}
		at += n
		k, v, ok := o.Next()
		if !ok {
			return list, o.End(), o.Err()
		}
		list = append(list, string(k)+"="+string(v))
		for i := at; i < len(keys); i++ {
			if keys[i].Is(k) {
				at = i + 1
				break
			}
		}
	}
}

// sameMembers fails where Known, in either form, does not hand out what Next
// does.
func sameMembers(t *testing.T, b []byte) {
	t.Helper()
	var keys []Key
	for o := Members(b); ; {
		k, _, ok := o.Next()
		if !ok {
			break
		}
		if known, ok := KeyOf(k, len(keys) == 0); ok {
			keys = append(keys, known)
		}
	}
	want, wantEnd, wantErr := members(b, nil)
	fast := nestedFast
	defer func() { nestedFast = fast }()
	for _, nestedFast = range []bool{false, fast} {
		got, end, err := members(b, keys)
		if strings.Join(got, "\n") != strings.Join(want, "\n") || end != wantEnd || err != wantErr {
			t.Fatalf("fast %v: members of %q: %q, to %d, %v; want %q, to %d, %v", nestedFast, b, got, end, err, want, wantEnd, wantErr)
		}
	}
}

// TestKnown makes objects, whole and spoilt, of all kinds of members.
func TestKnown(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	keys := []string{"a", "eventTime", "eventSource", "requestParameters", "a key of twenty-eight bytes.", "a key of twenty-nine bytes...", strings.Repeat("long", 20), `es\"caped`, ""}
	values := []string{
		`"text"`, `""`, `"` + strings.Repeat("x", 31) + `"`, `"` + strings.Repeat("x", 32) + `"`, `"` + strings.Repeat("y", 200) + `"`,
		`"a \" quote"`, `"` + strings.Repeat("z", 40) + `\\"`, "null", "true", "false", "nul", "falsy", "12", "-1.5e3", "", " null", `"open`,
		`{}`, `[]`, `{"a":"b","c":[1,{"d":"}"}]}`, `[` + strings.Repeat(`{"k":"v"},`, 20) + `{}]`, `{]`, `[}`, `{"a":1`,
	}
	var b []byte
	for range 100_000 {
		b = append(b[:0], '{')
		// Most are well-formed: what is spoilt ends the walk.
		sound := r.IntN(3) > 0
		for i := range r.IntN(12) {
			if i > 0 {
				b = append(b, ',')
			}
			if r.IntN(40) == 0 {
				b = append(b, ' ')
			}
			v := values[r.IntN(len(values))]
			for sound && !valid(v) {
				v = values[r.IntN(len(values))]
			}
			b = fmt.Appendf(b, `"%s":%s`, keys[r.IntN(len(keys))], v)
		}
		b = append(b, '}')
		b = append(b, strings.Repeat(" ", r.IntN(100))...)
		sameMembers(t, b)
	}
}

func valid(v string) bool {
	end, err := Skip([]byte(v), Space([]byte(v), 0))
	return err == nil && end == len(v) && v != "{]" && v != "[}"
}

// TestKnownTakes holds that Known does what it is for.
func TestKnownTakes(t *testing.T) {
	record := []byte(`{"a":"first","b":"text","c":null,"d":true,"e":false,"f":{"g":["h"]},"i":[],"j":"a longer text than a register of the processor holds","k":2,"l":""}`)
	b := append(bytes.Clone(record), bytes.Repeat([]byte(" "), 2*keySize)...)
	var keys []Key
	for i, k := range strings.Split("a b c d e f i j k l", " ") {
		key, ok := KeyOf([]byte(k), i == 0)
		if !ok {
			t.Fatalf("%q is no key", k)
		}
		keys = append(keys, key)
	}
	o := Members(b)
	vals := make([]Span, len(keys))
	if n := o.Known(keys[1:], vals); n != 0 {
		t.Errorf("took %d members that are not the first", n)
	}
	if n := o.Known(keys, vals); n != 8 {
		t.Errorf("took %d members, want those from a to j", n)
	}
	if n := o.Known(keys, vals); n != 0 {
		t.Errorf("took %d members as if at the start", n)
	}
	if k, v, ok := o.Next(); !ok || string(k) != "k" || string(v) != "2" {
		t.Errorf("then Next gives %q, %q, %v", k, v, ok)
	}
	if n := o.Known(keys[9:], vals); n != 1 {
		t.Errorf("took %d members, want l", n)
	}
	if _, _, ok := o.Next(); ok || o.Err() != nil || o.End() != len(record) {
		t.Errorf("ends at %d with %v, want %d", o.End(), o.Err(), len(record))
	}
}

func FuzzKnown(f *testing.F) {
	f.Add([]byte(`{"eventVersion":"1.09","userIdentity":{"type":"Root"},"eventTime":"2026-03-17T00:00:00Z","x":null,"y":"a\"b","z":[1]}` + strings.Repeat(" ", 64)))
	f.Add([]byte(`{"a":1,"b":false,"c":"` + strings.Repeat("long", 30) + `","c":"","d":{"e":"f"}}` + strings.Repeat("}", 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		sameMembers(t, b)
	})
}
