package detection

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// pos is a place in a file: line and column from 1.
type pos struct{ line, col int }

// Problem is something wrong in a detection file.
type Problem struct {
	File      string
	Line, Col int // from 1
	// Warning marks a problem that does not stop the detection from being
	// used.
	Warning bool
	Message string
}

// String is "file:line:col: message".
func (p Problem) String() string {
	kind := ""
	if p.Warning {
		kind = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Col, kind, p.Message)
}

// Problems is everything wrong in a file, in the order of the file. As an
// error it is one line a problem.
type Problems []Problem

// Error lists the problems.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, q := range p {
		lines[i] = q.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems that are not warnings, or nil where there are
// none.
func (p Problems) Err() error {
	errs := slices.DeleteFunc(slices.Clone(p), func(q Problem) bool { return q.Warning })
	if len(errs) == 0 {
		return nil
	}
	return errs
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// report collects the problems of one file.
type report struct {
	file     string
	problems Problems
}

func (r *report) errorf(at pos, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.file, at.line, at.col, false, fmt.Sprintf(format, args...)})
}

func (r *report) warnf(at pos, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.file, at.line, at.col, true, fmt.Sprintf(format, args...)})
}
