package gcp

import (
	"bytes"
	"fmt"
	"strings"

	"vedette/internal/tsv"
)

// agents recognises Google's service agents: service accounts that Google
// owns and acts with on behalf of its services. They live in projects of
// Google's, so that no customer can create one of these names.
type agents struct {
	domains map[string][][]token // local parts by domain
}

// token is a part of a pattern: a literal, or one of the placeholders.
type token struct {
	literal string
	kind    byte // 0 literal, 'n' number, 'i' identifier
}

var placeholders = []struct {
	name string
	kind byte
}{
	{"PROJECT_NUMBER", 'n'}, {"ORGANIZATION_NUMBER", 'n'}, {"FOLDER_NUMBER", 'n'}, {"IDENTIFIER", 'i'},
}

// parseAgents reads service_agents.tsv: pattern, name, runs_customer_code,
// source. Agents that lend their credentials to the customer's own code are
// in the file and do not count: whoever runs code there is the caller.
func parseAgents(text string) (agents, error) {
	a := agents{domains: map[string][][]token{}}
	rows, err := tsv.Rows("gcp/service_agents.tsv", text, "pattern name runs_customer_code source")
	if err != nil {
		return a, err
	}
	for _, r := range rows {
		f := r.Fields
		local, domain, ok := strings.Cut(f[0], "@")
		if !ok || domain != strings.ToLower(domain) {
			return a, fmt.Errorf("gcp/service_agents.tsv:%d: %q is no address", r.Line, f[0])
		}
		if f[2] == "" {
			a.domains[domain] = append(a.domains[domain], tokens(local))
		}
	}
	return a, nil
}

func tokens(pattern string) []token {
	for _, p := range placeholders {
		before, after, ok := strings.Cut(pattern, p.name)
		if !ok {
			continue
		}
		t := append(tokens(before), token{kind: p.kind})
		return append(t, tokens(after)...)
	}
	if pattern == "" {
		return nil
	}
	return []token{{literal: pattern}}
}

// has reports whether an e-mail address in lower case is a service agent's.
func (a *agents) has(email []byte) bool {
	local, domain, ok := bytes.Cut(email, []byte("@"))
	if !ok {
		return false
	}
	for _, pattern := range a.domains[string(domain)] {
		if matches(local, pattern) {
			return true
		}
	}
	return false
}

func matches(s []byte, pattern []token) bool {
	for i := range pattern {
		switch t := &pattern[i]; t.kind {
		case 0:
			if len(s) < len(t.literal) || string(s[:len(t.literal)]) != t.literal {
				return false
			}
			s = s[len(t.literal):]
		default:
			n := 0
			for n < len(s) && (isDigit(s[n]) || t.kind == 'i' && (s[n] == '-' || s[n] >= 'a' && s[n] <= 'z')) {
				n++
			}
			if n == 0 {
				return false
			}
			s = s[n:]
		}
	}
	return len(s) == 0
}
