package cli

import (
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/triage"
)

// failOn reads --fail-on: a level, a priority or a risk; nil where it is not
// set. A bare number is the priority, which tables show first and go by. Rows
// have neither that nor a level, as both are judged from more than they hold:
// a bare number is their risk.
func failOn(s string, rows bool) (func(*finding.Finding) bool, error) {
	if s == "" {
		return nil, nil
	}
	kind, number, named := strings.Cut(s, ":")
	switch {
	case named:
	case rows:
		kind, number = "risk", s
	default:
		kind, number = "priority", s
	}
	rank := levelRank(s)
	if rows && (rank >= 0 || kind == "priority") {
		return nil, usagef("--fail-on %s: rows have no level and no priority: give a risk, 0 to 100", s)
	}
	if rank >= 0 {
		return func(f *finding.Finding) bool { return levelRank(f.Level) >= rank }, nil
	}
	n, err := strconv.Atoi(number)
	valid := err == nil && n >= 0 && n <= 100
	switch {
	case valid && kind == "risk":
		return func(f *finding.Finding) bool { return f.RiskScore >= n }, nil
	case valid && kind == "priority":
		return func(f *finding.Finding) bool { return f.Priority >= n }, nil
	case rows:
		return nil, usagef("--fail-on: %q is no risk, a number from 0 to 100", s)
	}
	return nil, usagef("--fail-on: %q is neither one of the levels %s nor a priority, from 0 to 100, nor a risk, such as risk:70",
		s, strings.Join(triage.Levels(), ", "))
}
