// Package outcomes reads the tables by which a provider's error codes and
// error texts are classed.
package outcomes

import (
	"bytes"
	"fmt"
	"strings"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

// Table classes results. It is read-only once parsed and may be shared.
type Table struct {
	names   map[string][]byte
	exact   map[string]event.Outcome
	rules   []rule
	reasons []reason
}

type rule struct {
	kind    string
	arg     []byte
	outcome event.Outcome
}

func (r *rule) matches(code []byte) bool {
	switch r.kind {
	case "prefix":
		return bytes.HasPrefix(code, r.arg)
	case "suffix":
		return bytes.HasSuffix(code, r.arg)
	}
	return bytes.Contains(code, r.arg)
}

type reason struct {
	text   []byte
	reason event.Reason
}

// Parse reads a table: tab-separated, a header, and the columns kind,
// pattern, result, source. The kinds are
//
//	name      the code pattern is also called result
//	code      the code is pattern; result is an outcome
//	prefix    the code begins with pattern
//	suffix    the code ends in pattern
//	contains  the code contains pattern
//	reason    the text of a denial contains pattern; result is a reason
//
// Codes compare without regard to letter case, texts with it. Exact codes
// come first, then the other rules in the order of the table. An error names
// the file and the line.
func Parse(file, text string) (*Table, error) {
	t := &Table{names: map[string][]byte{}, exact: map[string]event.Outcome{}}
	rows, err := tsv.Rows(file, text, "kind pattern result source")
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if err := t.add(r.Fields[0], r.Fields[1], r.Fields[2]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, r.Line, err)
		}
	}
	return t, nil
}

func (t *Table) add(kind, pattern, result string) error {
	low := strings.ToLower(pattern)
	switch kind {
	case "name":
		t.names[low] = []byte(result)
		return nil
	case "reason":
		for r := range event.NumReasons {
			if r.String() == result {
				t.reasons = append(t.reasons, reason{[]byte(pattern), r})
				return nil
			}
		}
		return fmt.Errorf("no reason %q", result)
	}
	out := event.NumOutcomes
	for o := range event.NumOutcomes {
		if o.String() == result {
			out = o
		}
	}
	if out == event.NumOutcomes {
		return fmt.Errorf("no outcome %q", result)
	}
	switch kind {
	case "code":
		t.exact[low] = out
	case "prefix", "suffix", "contains":
		t.rules = append(t.rules, rule{kind, []byte(low), out})
	default:
		return fmt.Errorf("no kind of rule %q", kind)
	}
	return nil
}

// maxCode bounds how much of a code is looked at.
const maxCode = 128

// Name returns the name of a code, or the code itself where the table has no
// name for it.
func (t *Table) Name(code []byte) []byte {
	var buf [maxCode]byte
	if n := t.names[string(lower(buf[:], code))]; n != nil {
		return n
	}
	return code
}

// Of classes a code. ok is false, and the outcome [event.Other], for a code
// that no rule covers.
func (t *Table) Of(code []byte) (o event.Outcome, ok bool) {
	var buf [maxCode]byte
	low := lower(buf[:], code)
	if o, ok := t.exact[string(low)]; ok {
		return o, true
	}
	for i := range t.rules {
		if r := &t.rules[i]; r.matches(low) {
			return r.outcome, true
		}
	}
	return event.Other, false
}

// Reason says what refused a call, as far as the texts tell; the first rule
// that any of them matches holds.
func (t *Table) Reason(texts ...[]byte) event.Reason {
	for _, r := range t.reasons {
		for _, text := range texts {
			if bytes.Contains(text, r.text) {
				return r.reason
			}
		}
	}
	return event.ReasonUnknown
}

func lower(dst, code []byte) []byte {
	n := min(len(code), len(dst))
	for i, c := range code[:n] {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst[i] = c
	}
	return dst[:n]
}
