package aws

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"vedette/internal/event"
)

//go:embed outcomes.tsv
var outcomesTSV string

// outcomes classes error codes and reads denial texts by a table of rules,
// tried in order.
type outcomes struct {
	exact   map[string]event.Outcome
	codes   []codeRule
	reasons []reasonRule
}

type codeRule struct {
	match   func(code, arg string) bool
	arg     string
	outcome event.Outcome
}

type reasonRule struct {
	text   []byte
	reason event.Reason
}

// loadOutcomes reads outcomes.tsv: kind, pattern, result, source.
func loadOutcomes() (*outcomes, error) {
	o := &outcomes{exact: map[string]event.Outcome{}}
	for i, line := range strings.Split(outcomesTSV, "\n") {
		if i == 0 || line == "" {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("aws/outcomes.tsv:%d: %d columns, want 4", i+1, len(f))
		}
		if err := o.add(f[0], f[1], f[2]); err != nil {
			return nil, fmt.Errorf("aws/outcomes.tsv:%d: %w", i+1, err)
		}
	}
	return o, nil
}

func (o *outcomes) add(kind, pattern, result string) error {
	if kind == "reason" {
		for r := range event.NumReasons {
			if r.String() == result {
				o.reasons = append(o.reasons, reasonRule{[]byte(pattern), r})
				return nil
			}
		}
		return fmt.Errorf("no reason %q", result)
	}
	out := event.NumOutcomes
	for c := range event.NumOutcomes {
		if c.String() == result {
			out = c
		}
	}
	if out == event.NumOutcomes {
		return fmt.Errorf("no outcome %q", result)
	}
	switch kind {
	case "code":
		o.exact[pattern] = out
	case "prefix":
		o.codes = append(o.codes, codeRule{strings.HasPrefix, pattern, out})
	case "suffix":
		o.codes = append(o.codes, codeRule{strings.HasSuffix, pattern, out})
	case "contains":
		o.codes = append(o.codes, codeRule{strings.Contains, pattern, out})
	default:
		return fmt.Errorf("no kind of rule %q", kind)
	}
	return nil
}

// of classes an error code. The fault side that EC2 puts before its codes
// ("Client.", "Server.") does not matter.
func (o *outcomes) of(code []byte) event.Outcome {
	s := string(code)
	s = strings.TrimPrefix(s, "Client.")
	s = strings.TrimPrefix(s, "Server.")
	if out, ok := o.exact[s]; ok {
		return out
	}
	for _, r := range o.codes {
		if r.match(s, r.arg) {
			return r.outcome
		}
	}
	return event.Other
}

// reason says what refused a call, as far as the raw error message tells.
func (o *outcomes) reason(message []byte) event.Reason {
	for _, r := range o.reasons {
		if bytes.Contains(message, r.text) {
			return r.reason
		}
	}
	return event.ReasonUnknown
}
