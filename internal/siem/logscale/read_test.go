package logscale

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A strict reader of what this package prints, written from the vendor's
// "CrowdStrike Query Language Grammar Subset". What it does not know is an
// error, and so is AND beside OR without brackets: the language binds them
// the other way round than readers expect.

type token struct {
	kind byte   // 'w' word, 's' string, 'r' regular expression, 'o' sign
	text string // unquoted
}

var tokenSigns = []string{":=", "!=", "<=", ">=", "<", ">", "=", "|", "(", ")", "[", "]", "{", "}", ",", ";", "*", "+", "-", "%", "!"}

func fieldChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= '@' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte(`#&.\^_`, c) >= 0
}

func lex(text string) ([]token, error) {
	var list []token
next:
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\n':
			i++
		case strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '"':
			var b strings.Builder
			for i++; ; i++ {
				if i >= len(text) || text[i] == '\n' {
					return nil, fmt.Errorf("a string has no end")
				}
				if text[i] == '"' {
					break
				}
				if text[i] == '\\' {
					if i++; i >= len(text) || text[i] != '"' && text[i] != '\\' {
						return nil, fmt.Errorf("no such escape in a string")
					}
				}
				b.WriteByte(text[i])
			}
			i++
			if strings.ContainsFunc(b.String(), func(c rune) bool { return !unicode.IsGraphic(c) }) {
				return nil, fmt.Errorf("a string holds what cannot be seen")
			}
			list = append(list, token{'s', b.String()})
		case c == '/':
			j := i + 1
			for ; ; j++ {
				if j >= len(text) || text[j] == '\n' {
					return nil, fmt.Errorf("an expression has no end")
				}
				if text[j] == '/' {
					break
				}
				if text[j] == '\\' {
					j++
				}
			}
			list = append(list, token{'r', text[i+1 : j]})
			for i = j + 1; i < len(text) && fieldChar(text[i]); i++ {
				if text[i] != 'i' {
					return nil, fmt.Errorf("no flag %c", text[i])
				}
			}
		case fieldChar(c):
			j := i
			for j < len(text) && fieldChar(text[j]) {
				j++
			}
			if m := arrayIndex.FindString(text[j:]); m != "" {
				j += len(m)
			}
			list = append(list, token{'w', text[i:j]})
			i = j
		default:
			for _, s := range tokenSigns {
				if strings.HasPrefix(text[i:], s) {
					list = append(list, token{'o', s})
					i += len(s)
					continue next
				}
			}
			return nil, fmt.Errorf("%q has no place in a query", c)
		}
	}
	return list, nil
}

var arrayIndex = regexp.MustCompile(`^\[[0-9]+\]`)

// value is an argument: a word, a string, a number, a list, a call, or an
// expression, of which only the fields are kept.
type value struct {
	token
	list   []value
	call   *call
	fields []string
}

type call struct {
	name string
	args map[string]value
}

// reader reads a pipeline and follows its fields.
type reader struct {
	tokens []token
	known  map[string]bool
	last   string // the function of the last step
	table  []string
}

func (r *reader) peek(n int) token {
	if n < len(r.tokens) {
		return r.tokens[n]
	}
	return token{}
}

func (r *reader) is(kind byte, text string) bool { return r.peek(0) == token{kind, text} }

func (r *reader) take() token {
	t := r.peek(0)
	if len(r.tokens) > 0 {
		r.tokens = r.tokens[1:]
	}
	return t
}

func (r *reader) sign(s string) error {
	if t := r.take(); (t != token{'o', s}) {
		return fmt.Errorf("%q where %q belongs", t.text, s)
	}
	return nil
}

// read reads a whole query and returns its columns.
func read(text string) ([]string, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	r := &reader{tokens: tokens, known: map[string]bool{"@timestamp": true, "@rawstring": true, "@id": true}}
	if err := r.pipeline(); err != nil {
		return nil, err
	}
	if len(r.tokens) > 0 {
		return nil, fmt.Errorf("%q goes on where the query ends", r.tokens[0].text)
	}
	if r.last != "table" {
		return nil, fmt.Errorf("no table at the end")
	}
	return r.table, nil
}

func (r *reader) pipeline() error {
	for {
		r.last = ""
		if err := r.step(); err != nil {
			return err
		}
		if !r.is('o', "|") {
			return nil
		}
		r.take()
	}
}

func (r *reader) step() error {
	t, then := r.peek(0), r.peek(1)
	switch {
	case t == token{'o', "!"}:
		r.take()
		c, err := r.call()
		if err == nil && !functions[c.name].negatable {
			err = fmt.Errorf("%s cannot be negated", c.name)
		}
		return err
	case t == token{'w', "case"} && then == token{'o', "{"}:
		return r.cases()
	case t.kind == 'w' && then == token{'o', "("}:
		c, err := r.call()
		if err != nil {
			return err
		}
		return r.effect(c)
	case (t.kind == 'w' || t.kind == 's') && then == token{'o', ":="}:
		r.take()
		r.take()
		v, err := r.expression()
		if err != nil {
			return err
		}
		if v.kind == 'w' && v.call == nil && !number(v.text) {
			return fmt.Errorf("eval of the bare field %s drops records that lack it", v.text)
		}
		r.known[t.text] = true
		return nil
	}
	return r.filter()
}

// cases reads clauses. Each begins with a filter, or with * for what no other
// takes; the fields of all are known behind it.
func (r *reader) cases() error {
	r.take()
	r.take()
	before, after := r.known, map[string]bool{}
	for {
		r.known = map[string]bool{}
		for f := range before {
			r.known[f] = true
		}
		if r.is('o', "*") {
			r.take()
		} else if err := r.filter(); err != nil {
			return err
		}
		if r.is('o', "|") {
			r.take()
			if err := r.pipeline(); err != nil {
				return err
			}
		}
		for f := range r.known {
			after[f] = true
		}
		if r.is('o', ";") {
			r.take()
			continue
		}
		r.known = after
		return r.sign("}")
	}
}

func (r *reader) filter() error {
	joined := ""
	for {
		for r.is('w', "NOT") {
			r.take()
		}
		if err := r.primary(); err != nil {
			return err
		}
		t := r.peek(0)
		if t.kind != 'w' || t.text != "AND" && t.text != "OR" {
			return nil
		}
		if joined != "" && joined != t.text {
			return fmt.Errorf("AND beside OR without brackets")
		}
		joined = t.text
		r.take()
	}
}

func (r *reader) primary() error {
	if r.is('o', "(") {
		r.take()
		if err := r.filter(); err != nil {
			return err
		}
		return r.sign(")")
	}
	field := r.take()
	if field.kind != 'w' && field.kind != 's' {
		return fmt.Errorf("%q where a filter belongs", field.text)
	}
	if err := r.uses(field.text); err != nil {
		return err
	}
	op, v := r.take(), r.take()
	switch op.text {
	case "=", "!=":
		switch v.kind {
		case 's':
			if v.text == "" {
				return fmt.Errorf("an empty pattern matches anything")
			}
			if strings.Contains(v.text, "*") && field.text != "#repo" {
				return fmt.Errorf("the pattern %q has a wildcard", v.text)
			}
			return nil
		case 'r':
			return expressionOf(v.text)
		}
	case "<", "<=", ">", ">=":
		if number(v.text) {
			return nil
		}
	}
	return fmt.Errorf("no filter: %s %s %s", field.text, op.text, v.text)
}

// expressionOf holds that a regular expression is one, and shows all it holds.
func expressionOf(s string) error {
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsGraphic(c) }) {
		return fmt.Errorf("an expression holds what cannot be seen")
	}
	_, err := regexp.Compile(goRegex(s))
	return err
}

// goRegex writes an expression as Go takes it: the escapes that it lacks are
// put in its own way. They are read from the left, or the second half of an
// escaped backslash would start another.
func goRegex(s string) string {
	return escapes.ReplaceAllStringFunc(s, func(e string) string {
		switch e[1] {
		case '/':
			return "/"
		case 'u':
			if len(e) == 6 {
				return `\x{` + e[2:] + "}"
			}
		}
		return e
	})
}

var escapes = regexp.MustCompile(`(?s)\\(?:u[0-9a-f]{4}|.)`)

func number(s string) bool {
	_, err := strconv.ParseUint(s, 10, 63)
	return err == nil
}

// uses holds that a field is one of the record or was made.
func (r *reader) uses(field string) error {
	if r.known[field] || strings.HasPrefix(field, "#") || r.known["@id"] && (strings.HasPrefix(field, "Vendor.") || strings.HasPrefix(field, "cloud.")) {
		return nil
	}
	return fmt.Errorf("no step made the field %s", field)
}

func (r *reader) call() (*call, error) {
	c := &call{r.take().text, map[string]value{}}
	f, ok := functions[c.name]
	if !ok {
		return nil, fmt.Errorf("no function %s", c.name)
	}
	if err := r.sign("("); err != nil {
		return nil, err
	}
	for !r.is('o', ")") {
		name := f.first
		if r.peek(0).kind == 'w' && r.peek(1) == (token{'o', "="}) {
			name = r.take().text
			r.take()
		}
		if _, twice := c.args[name]; twice || name == "" || name != f.first && !slices.Contains(f.params, name) {
			return nil, fmt.Errorf("%s has no parameter %q, or has it twice", c.name, name)
		}
		v, err := r.expression()
		if err != nil {
			return nil, err
		}
		c.args[name] = v
		if r.is('o', ",") {
			r.take()
		}
	}
	r.take()
	for _, n := range f.needs {
		if _, ok := c.args[n]; !ok {
			return nil, fmt.Errorf("%s lacks %s", c.name, n)
		}
	}
	return c, r.arguments(c)
}

// expression reads comparisons over sums over products, without precedence:
// it keeps the fields and, of a single operand, what it is.
func (r *reader) expression() (value, error) {
	v, err := r.operand()
	fields := v.fields
	for err == nil && r.peek(0).kind == 'o' && slices.Contains([]string{"+", "-", "%", "<=", ">"}, r.peek(0).text) {
		r.take()
		var next value
		next, err = r.operand()
		fields = append(fields, next.fields...)
		v = value{token: token{'e', ""}}
	}
	v.fields = fields
	if err == nil && v.kind == 'e' {
		for _, f := range fields {
			if err := r.uses(f); err != nil {
				return v, err
			}
		}
	}
	return v, err
}

func (r *reader) operand() (value, error) {
	t := r.peek(0)
	switch {
	case t.kind == 'w' && r.peek(1) == token{'o', "("}:
		c, err := r.call()
		return value{token: t, call: c}, err
	case t.kind == 'w' && number(t.text):
		r.take()
		return value{token: t}, nil
	case t.kind == 'w':
		r.take()
		return value{token: t, fields: []string{t.text}}, nil
	case t.kind == 's':
		r.take()
		return value{token: t}, nil
	case t == token{'o', "("}:
		r.take()
		v, err := r.expression()
		if err != nil {
			return v, err
		}
		return value{token: token{'e', ""}, fields: v.fields}, r.sign(")")
	case t == token{'o', "["}:
		r.take()
		v := value{token: token{'l', ""}, list: []value{}}
		for !r.is('o', "]") {
			x, err := r.expression()
			if err != nil {
				return v, err
			}
			v.list = append(v.list, x)
			if r.is('o', ",") {
				r.take()
			}
		}
		r.take()
		return v, nil
	}
	return value{}, fmt.Errorf("%q where a value belongs", t.text)
}
