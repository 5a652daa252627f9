package sumo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A reader of the part of the search language that the backend prints, by the
// pages of Sumo Logic's documentation: "Search Syntax Overview", "Comments in
// Search Queries", "Field Expressions", and those of each operator. What it
// does not know is an error. It gives the operators as functions, so that
// run_test.go can run a query.

type row map[string]any // string, float64, bool, or nil for null

// expr is an expression over a row.
type expr func(row) (any, error)

// step is one operator: rows in, rows out.
type step func([]row) ([]row, error)

type reader struct {
	text  string
	pos   int
	known map[string]bool // fields that exist here
	keys  map[string]string
	// clock is the end of the search's time range in milliseconds.
	clock float64
	// listed is the lookup table of exceptions: what Expires is by Identity.
	listed map[string]string
}

// read takes a query apart. Its first part, the scope, is returned as it is.
func read(text string, clock float64) (scope string, steps []step, err error) {
	return readWith(text, clock, nil)
}

func readWith(text string, clock float64, listed map[string]string) (scope string, steps []step, err error) {
	if n := utf8.RuneCountInString(text); n > 15000 {
		return "", nil, fmt.Errorf("%d characters", n)
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "//") {
			b.WriteString(line)
		} else if strings.Contains(line, "{{") {
			return "", nil, fmt.Errorf("a parameter in a comment: %s", line)
		}
	}
	scope, rest, ok := strings.Cut(b.String(), "\n|")
	if !ok || strings.ContainsAny(scope, `|"/`) {
		return "", nil, fmt.Errorf("no scope: %q", scope)
	}
	r := &reader{text: strings.TrimSuffix(rest, "\n"), clock: clock, listed: listed, known: map[string]bool{"_messagetime": true, "_raw": true}, keys: map[string]string{}}
	for {
		s, err := r.operator()
		if err != nil {
			return "", nil, fmt.Errorf("%w, before %q", err, r.text[r.pos:min(r.pos+60, len(r.text))])
		}
		steps = append(steps, s)
		if r.space(); r.pos == len(r.text) {
			return scope, steps, nil
		}
		if !r.take("|") {
			return "", nil, fmt.Errorf("no pipe before %q", r.text[r.pos:min(r.pos+60, len(r.text))])
		}
	}
}

func (r *reader) space() {
	for r.pos < len(r.text) && (r.text[r.pos] == ' ' || r.text[r.pos] == '\n') {
		r.pos++
	}
}

// take takes a sign, or a word that ends there.
func (r *reader) take(s string) bool {
	r.space()
	rest := r.text[r.pos:]
	if !strings.HasPrefix(rest, s) {
		return false
	}
	if isWord(s[0]) && len(rest) > len(s) && isWord(rest[len(s)]) {
		return false
	}
	r.pos += len(s)
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (r *reader) need(s string) error {
	if !r.take(s) {
		return fmt.Errorf("no %q", s)
	}
	return nil
}

func (r *reader) word() (string, error) {
	r.space()
	i := r.pos
	for i < len(r.text) && isWord(r.text[i]) {
		i++
	}
	w := r.text[r.pos:i]
	if w == "" || w[0] >= '0' && w[0] <= '9' {
		return "", fmt.Errorf("no name")
	}
	r.pos = i
	return w, nil
}

// field is the name of a field that exists; names have no letter case.
func (r *reader) field() (string, error) {
	w, err := r.word()
	if err == nil && !r.known[strings.ToLower(w)] {
		err = fmt.Errorf("no operator made the field %s", w)
	}
	return strings.ToLower(w), err
}

func (r *reader) as() (string, error) {
	if err := r.need("as"); err != nil {
		return "", err
	}
	w, err := r.word()
	w = strings.ToLower(w)
	r.known[w] = true
	return w, err
}

// literal is a text in quotes. A quote within has a backslash before it; no
// other escape is documented.
func (r *reader) literal() (string, error) {
	if err := r.need(`"`); err != nil {
		return "", err
	}
	i := strings.IndexByte(r.text[r.pos:], '"')
	if i < 0 {
		return "", fmt.Errorf("a quote has no end")
	}
	s := r.text[r.pos : r.pos+i]
	if strings.ContainsAny(s, "\\\n") || strings.Contains(s, "{{") {
		return "", fmt.Errorf("%q in quotes", s)
	}
	r.pos += i + 1
	return s, nil
}

// regex is an expression between slashes, which have a backslash before them
// within. Go reads the same syntax, RE2.
func (r *reader) regex() (*regexp.Regexp, error) {
	if err := r.need("/"); err != nil {
		return nil, err
	}
	for i := r.pos; i < len(r.text); i++ {
		switch r.text[i] {
		case '\\':
			i++
		case '\n', '"':
			return nil, fmt.Errorf("%q in an expression", r.text[i])
		case '/':
			s := r.text[r.pos:i]
			if strings.Contains("/"+s+"/", "//") || strings.Contains("/"+s+"/", "/*") {
				return nil, fmt.Errorf("%q could be a comment", s)
			}
			r.pos = i + 1
			return regexp.Compile(s)
		}
	}
	return nil, fmt.Errorf("an expression has no end")
}

// list reads items between commas.
func (r *reader) list(item func() error) error {
	for {
		if err := item(); err != nil {
			return err
		}
		if !r.take(",") {
			return nil
		}
	}
}

// or, and, not, compare, sum, product, value: a level of "Field Expressions"
// each.
func (r *reader) or() (expr, error) { return r.chain("or", (*reader).and, true) }

func (r *reader) and() (expr, error) { return r.chain("and", (*reader).not, false) }

func (r *reader) chain(word string, next func(*reader) (expr, error), stop bool) (expr, error) {
	e, err := next(r)
	all := []expr{e}
	for err == nil && r.take(word) {
		e, err = next(r)
		all = append(all, e)
	}
	if len(all) == 1 {
		return all[0], err
	}
	return func(x row) (any, error) {
		for _, e := range all {
			v, err := e(x)
			if err != nil {
				return nil, err
			}
			b, ok := v.(bool)
			if !ok {
				return nil, fmt.Errorf("%v is no condition", v)
			}
			if b == stop {
				return stop, nil
			}
		}
		return !stop, nil
	}, err
}

func (r *reader) not() (expr, error) {
	if r.space(); strings.HasPrefix(r.text[r.pos:], "!") {
		r.pos++
		e, err := r.not()
		return func(x row) (any, error) {
			v, err := e(x)
			b, ok := v.(bool)
			if err == nil && !ok {
				err = fmt.Errorf("! before %v", v)
			}
			return !b, err
		}, err
	}
	return r.compare()
}

func (r *reader) compare() (expr, error) {
	left, err := r.sum()
	if err != nil {
		return nil, err
	}
	switch {
	case r.take("matches"):
		re, err := r.regex()
		return func(x row) (any, error) {
			s, err := text(left, x)
			return err == nil && re.MatchString(s), err
		}, err
	case r.take("in"):
		if err := r.need("("); err != nil {
			return nil, err
		}
		var values []string
		err := r.list(func() error {
			s, err := r.literal()
			values = append(values, s)
			return err
		})
		if err == nil {
			err = r.need(")")
		}
		return func(x row) (any, error) {
			s, err := text(left, x)
			return slices.Contains(values, s), err
		}, err
	}
	for _, op := range []string{">=", "<=", "!=", "=", ">", "<"} {
		if !r.take(op) {
			continue
		}
		right, err := r.sum()
		return func(x row) (any, error) {
			a, err := left(x)
			if err != nil {
				return nil, err
			}
			b, err := right(x)
			if err != nil {
				return nil, err
			}
			if s, ok := a.(string); ok && (op == "=" || op == "!=") {
				t, ok := b.(string)
				if !ok {
					return nil, fmt.Errorf("%q %s %v", s, op, b)
				}
				return (s == t) == (op == "="), nil
			}
			m, ok1 := a.(float64)
			n, ok2 := b.(float64)
			if !ok1 || !ok2 {
				return nil, fmt.Errorf("%v %s %v: what it gives is not documented", a, op, b)
			}
			return map[string]bool{">=": m >= n, "<=": m <= n, ">": m > n, "<": m < n, "=": m == n, "!=": m != n}[op], nil
		}, err
	}
	return left, nil
}

func text(e expr, x row) (string, error) {
	v, err := e(x)
	s, ok := v.(string)
	if err == nil && !ok {
		err = fmt.Errorf("%v is no text to compare", v)
	}
	return s, err
}

func (r *reader) sum() (expr, error) { return r.calculate("+-", (*reader).product) }

func (r *reader) product() (expr, error) { return r.calculate("*/", (*reader).value) }

func (r *reader) calculate(ops string, next func(*reader) (expr, error)) (expr, error) {
	left, err := next(r)
	for err == nil {
		r.space()
		if r.pos == len(r.text) || !strings.ContainsRune(ops, rune(r.text[r.pos])) {
			return left, nil
		}
		op := r.text[r.pos]
		r.pos++
		var right expr
		a := left
		right, err = next(r)
		left = func(x row) (any, error) {
			v, err := a(x)
			if err != nil {
				return nil, err
			}
			w, err := right(x)
			if err != nil {
				return nil, err
			}
			m, ok1 := v.(float64)
			n, ok2 := w.(float64)
			if !ok1 || !ok2 {
				return nil, fmt.Errorf("%v %c %v", v, op, w)
			}
			return map[byte]float64{'+': m + n, '-': m - n, '*': m * n, '/': m / n}[op], nil
		}
	}
	return left, err
}

func (r *reader) value() (expr, error) {
	r.space()
	if r.pos == len(r.text) {
		return nil, fmt.Errorf("no value")
	}
	switch c := r.text[r.pos]; {
	case c == '(':
		r.pos++
		e, err := r.or()
		if err == nil {
			err = r.need(")")
		}
		return e, err
	case c == '"':
		s, err := r.literal()
		return func(row) (any, error) { return s, nil }, err
	case c >= '0' && c <= '9':
		i := r.pos
		for i < len(r.text) && r.text[i] >= '0' && r.text[i] <= '9' {
			i++
		}
		n, err := strconv.ParseFloat(r.text[r.pos:i], 64)
		r.pos = i
		return func(row) (any, error) { return n, nil }, err
	}
	w, err := r.word()
	if err != nil {
		return nil, err
	}
	if r.take("(") {
		e, err := r.call(w)
		if err == nil {
			err = r.need(")")
		}
		return e, err
	}
	w = strings.ToLower(w)
	if !r.known[w] {
		return nil, fmt.Errorf("no operator made the field %s", w)
	}
	return func(x row) (any, error) { return x[w], nil }, nil
}
