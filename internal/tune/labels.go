package tune

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"vedette/internal/finding"
)

// maxLabels bounds a file of labels, in bytes.
const maxLabels = 4 << 20

// Labels are what is known of the callers of some logs: who attacked, and who
// is benign. docs/tuning.md describes the file.
type Labels struct {
	Attacks []Label
	Benign  []Label
}

// Label names a principal in a span of time.
type Label struct {
	Name      string
	Principal string // its uid; * stands for any text; compared without letter case
	Account   string // account, subscription or project; empty for any
	// From and Until bound the span, both included; zero where it has no
	// bound, which attacks always have.
	From, Until time.Time
}

// LoadLabels reads a file of labels. What is wrong in it is said as
// file:line:column, every fault at once.
func LoadLabels(path string) (*Labels, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLabels+1))
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	if len(b) > maxLabels {
		return nil, fmt.Errorf("labels %s: larger than %d bytes", path, maxLabels)
	}
	return ParseLabels(path, b)
}

// names reports whether the label is of the finding's principal and account,
// at whatever time.
func (l *Label) names(f *finding.Finding) bool {
	if !match(strings.ToLower(l.Principal), strings.ToLower(f.Actor.ID)) {
		return false
	}
	if l.Account == "" || strings.EqualFold(l.Account, f.Cloud.Account.ID) {
		return true
	}
	// A finding over several accounts is of none alone.
	for i := range f.Accounts {
		if strings.EqualFold(l.Account, f.Accounts[i].ID) {
			return true
		}
	}
	return false
}

// holds reports whether the label is of the finding: its principal and
// account, at overlapping times.
func (l *Label) holds(f *found) bool {
	return (l.Until.IsZero() || !f.first.After(l.Until)) && (l.From.IsZero() || !f.last.Before(l.From)) && l.names(f.Finding)
}

// match reports whether s matches a pattern in which * stands for any text.
// Its time is bounded by the product of the lengths.
func match(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
