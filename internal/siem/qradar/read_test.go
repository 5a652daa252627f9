package qradar_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A reader of the part of AQL that is compiled, after IBM's Ariel Query
// Language guide: the clauses and their order, IF and CASE as documented,
// quotes, and comments in a query's body alone. What it does not know is an
// error. It reads no more than the guide shows, and so proves the text, not
// the product.

// aql is a query.
type aql struct {
	items  []item
	from   *aql // nil for events
	where  *node
	group  []string
	having *node
	order  []string
	desc   []bool
	last   time.Duration // 0 for none
}

type item struct {
	expr *node
	name string
}

// node is an expression. op is an operator, a function in upper case, or one
// of "text", "number", "column", "IF", "CASE".
type node struct {
	op   string
	text string
	args []*node
	cond bool // a condition, not a value
}

type lexeme struct {
	kind byte // 'w' word, 'p' property in double quotes, 's' string, 'n' number, or the sign itself
	text string
}

func lex(text string) ([]lexeme, error) {
	var list []lexeme
	comment := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\n':
			i++
		case strings.HasPrefix(text[i:], "/*"):
			if len(list) == 0 {
				return nil, fmt.Errorf("a comment before the first word")
			}
			j := strings.Index(text[i+2:], "*/")
			if j < 0 {
				return nil, fmt.Errorf("a comment has no end")
			}
			if strings.Contains(text[i+2:i+2+j], "/*") {
				return nil, fmt.Errorf("a comment in a comment")
			}
			i += j + 4
			comment = len(list)
		case c == '\'' || c == '"':
			j := strings.IndexByte(text[i+1:], c)
			if j < 0 {
				return nil, fmt.Errorf("a quote has no end: %q", text[i:min(i+30, len(text))])
			}
			body := text[i+1 : i+1+j]
			if i+j+2 < len(text) && text[i+j+2] == c {
				return nil, fmt.Errorf("a doubled quote behind %q", body)
			}
			if strings.Contains(body, `\`) || strings.ContainsFunc(body, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				return nil, fmt.Errorf("%q holds what no literal may", body)
			}
			list = append(list, lexeme{map[byte]byte{'\'': 's', '"': 'p'}[c], body})
			i += j + 2
		case c >= '0' && c <= '9':
			j := i
			for j < len(text) && text[j] >= '0' && text[j] <= '9' {
				j++
			}
			list = append(list, lexeme{'n', text[i:j]})
			i = j
		case c < utf8.RuneSelf && unicode.IsLetter(rune(c)):
			j := i
			for j < len(text) && text[j] < utf8.RuneSelf && (unicode.IsLetter(rune(text[j])) || unicode.IsDigit(rune(text[j]))) {
				j++
			}
			list = append(list, lexeme{'w', text[i:j]})
			i = j
		case strings.HasPrefix(text[i:], ">=") || strings.HasPrefix(text[i:], "<="):
			list = append(list, lexeme{c, text[i : i+2]})
			i += 2
		case strings.IndexByte("()=<>+-*/,", c) >= 0:
			list = append(list, lexeme{c, string(c)})
			i++
		default:
			return nil, fmt.Errorf("%q has no place in a query", c)
		}
	}
	if comment == len(list) {
		return nil, fmt.Errorf("a comment behind the last word")
	}
	return list, nil
}

type parser struct{ rest []lexeme }

// read reads a query.
func read(text string) (q *aql, err error) {
	p := &parser{}
	if p.rest, err = lex(text); err != nil {
		return nil, err
	}
	defer p.catch(&err)
	q = p.query()
	if len(p.rest) > 0 {
		p.fail("%q behind the query", p.rest[0].text)
	}
	return q, check(q)
}

// readFilter reads a condition on events.
func readFilter(text string) (n *node, err error) {
	p := &parser{}
	if p.rest, err = lex(text); err != nil {
		return nil, err
	}
	defer p.catch(&err)
	n = p.condition()
	if len(p.rest) > 0 {
		p.fail("%q behind the condition", p.rest[0].text)
	}
	return n, resolve(n, columnsOf(nil), false)
}

type parseError struct{ error }

func (p *parser) fail(format string, args ...any) { panic(parseError{fmt.Errorf(format, args...)}) }

func (p *parser) catch(err *error) {
	if r := recover(); r != nil {
		e, ok := r.(parseError)
		if !ok {
			panic(r)
		}
		*err = e.error
	}
}

func (p *parser) at(words ...string) bool {
	for i, w := range words {
		if i >= len(p.rest) || p.rest[i].text != w || p.rest[i].kind == 's' || p.rest[i].kind == 'p' {
			return false
		}
	}
	return true
}

func (p *parser) take(words ...string) bool {
	if !p.at(words...) {
		return false
	}
	p.rest = p.rest[len(words):]
	return true
}

func (p *parser) need(words ...string) {
	if !p.take(words...) {
		p.fail("no %v before %v", words, p.rest[:min(4, len(p.rest))])
	}
}

func (p *parser) next(kind byte) string {
	if len(p.rest) == 0 || p.rest[0].kind != kind {
		p.fail("no %c before %v", kind, p.rest[:min(4, len(p.rest))])
	}
	text := p.rest[0].text
	p.rest = p.rest[1:]
	return text
}

func (p *parser) names() []string {
	list := []string{p.next('w')}
	for p.take(",") {
		list = append(list, p.next('w'))
	}
	return list
}

func (p *parser) query() *aql {
	q := &aql{}
	p.need("SELECT")
	for {
		it := item{expr: p.value()}
		if p.take("AS") {
			it.name = p.next('w')
		} else if it.expr.op == "column" {
			it.name = it.expr.text
		} else {
			p.fail("a column without a name: %v", it.expr)
		}
		q.items = append(q.items, it)
		if !p.take(",") {
			break
		}
	}
	p.need("FROM")
	if !p.take("events") {
		p.need("(")
		q.from = p.query()
		p.need(")")
	}
	if p.take("WHERE") {
		q.where = p.condition()
	}
	if p.take("GROUP", "BY") {
		q.group = p.names()
		if p.take("HAVING") {
			q.having = p.condition()
		}
	}
	if p.take("ORDER", "BY") {
		for {
			q.order = append(q.order, p.next('w'))
			q.desc = append(q.desc, p.take("DESC"))
			if !p.take(",") {
				break
			}
		}
	}
	if p.take("LAST") {
		n, err := strconv.Atoi(p.next('n'))
		if err != nil || n == 0 {
			p.fail("LAST of nothing")
		}
		switch {
		case p.take("MINUTES"):
			q.last = time.Duration(n) * time.Minute
		case p.take("HOURS"):
			q.last = time.Duration(n) * time.Hour
		default:
			p.fail("LAST without a unit")
		}
	}
	return q
}

func (p *parser) condition() *node {
	n := p.or()
	if !n.cond {
		p.fail("%v is no condition", n)
	}
	return n
}

func (p *parser) value() *node {
	n := p.or()
	if n.cond {
		p.fail("%v is no value", n)
	}
	return n
}

func (p *parser) logic(op string, part func() *node) *node {
	n := part()
	for p.take(op) {
		m := part()
		if !n.cond || !m.cond {
			p.fail("%s joins what is no condition", op)
		}
		n = &node{op: op, args: []*node{n, m}, cond: true}
	}
	return n
}

func (p *parser) or() *node  { return p.logic("OR", p.and) }
func (p *parser) and() *node { return p.logic("AND", p.not) }

func (p *parser) not() *node {
	if p.take("NOT") {
		p.need("(")
		n := p.condition()
		p.need(")")
		return &node{op: "NOT", args: []*node{n}, cond: true}
	}
	n := p.sum()
	compare := func(op string, args ...*node) *node {
		for _, a := range append(args, n) {
			if a.cond {
				p.fail("%s of a condition", op)
			}
		}
		return &node{op: op, args: append([]*node{n}, args...), cond: true}
	}
	for _, op := range []string{"=", ">=", "<=", ">", "<"} {
		if p.take(op) {
			return compare(op, p.sum())
		}
	}
	switch {
	case p.take("IS", "NULL"):
		return compare("IS NULL")
	case p.take("IS", "NOT", "NULL"):
		return &node{op: "NOT", args: []*node{compare("IS NULL")}, cond: true}
	case p.take("MATCHES"):
		return compare("MATCHES", &node{op: "text", text: p.next('s')})
	case p.take("IN"):
		p.need("(")
		var list []*node
		for {
			list = append(list, p.primary())
			if op := list[len(list)-1].op; op != "text" && op != "number" {
				p.fail("IN of what is no literal")
			}
			if !p.take(",") {
				break
			}
		}
		p.need(")")
		return compare("IN", list...)
	}
	return n
}

func (p *parser) sum() *node {
	n := p.product()
	for p.at("+") || p.at("-") {
		op := p.rest[0].text
		p.rest = p.rest[1:]
		n = &node{op: op, args: []*node{n, p.product()}}
	}
	return n
}

func (p *parser) product() *node {
	n := p.primary()
	for p.at("*") || p.at("/") {
		op := p.rest[0].text
		p.rest = p.rest[1:]
		n = &node{op: op, args: []*node{n, p.primary()}}
	}
	return n
}

// arity are the functions and how many arguments they take; -1 is any number.
var arity = map[string]int{"LOWER": 1, "CONCAT": -1, "REPLACEALL": 3, "LONG": 1, "NOW": 0, "DATEFORMAT": 2, "REFERENCESETCONTAINS": 2,
	"COUNT": 1, "UNIQUECOUNT": 1, "SUM": 1, "MIN": 1, "MAX": 1}

var aggregates = []string{"COUNT", "UNIQUECOUNT", "SUM", "MIN", "MAX"}

var reserved = []string{"SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER", "LAST", "LIMIT", "START", "STOP", "AS", "AND", "OR", "NOT", "IN", "IS",
	"NULL", "MATCHES", "IF", "THEN", "ELSE", "CASE", "WHEN", "END", "DESC", "ASC"}

func (p *parser) primary() *node {
	if len(p.rest) == 0 {
		p.fail("the text ends early")
	}
	t := p.rest[0]
	switch t.kind {
	case 's', 'n', 'p':
		p.rest = p.rest[1:]
		return &node{op: map[byte]string{'s': "text", 'n': "number", 'p': "property"}[t.kind], text: t.text}
	case '(':
		p.need("(")
		n := p.or()
		p.need(")")
		return n
	case 'w':
	default:
		p.fail("%q begins no expression", t.text)
	}
	switch {
	case p.take("IF"):
		c := p.condition()
		p.need("THEN")
		a := p.value()
		p.need("ELSE")
		return &node{op: "IF", args: []*node{c, a, p.value()}}
	case p.take("CASE"):
		n := &node{op: "CASE", args: []*node{p.sum()}}
		for p.take("WHEN") {
			n.args = append(n.args, p.primary())
			p.need("THEN")
			n.args = append(n.args, p.value())
		}
		p.need("ELSE")
		n.args = append(n.args, p.value())
		p.need("END")
		return n
	}
	p.rest = p.rest[1:]
	if slices.Contains(reserved, t.text) {
		p.fail("%s begins no expression", t.text)
	}
	if !p.take("(") {
		return &node{op: "column", text: t.text}
	}
	want, ok := arity[t.text]
	if !ok {
		p.fail("no function %s", t.text)
	}
	n := &node{op: t.text, cond: t.text == "REFERENCESETCONTAINS"}
	switch {
	case t.text == "COUNT":
		p.need("*")
		n.args = []*node{{op: "number", text: "1"}}
	case !p.at(")"):
		n.args = append(n.args, p.value())
		for p.take(",") {
			n.args = append(n.args, p.value())
		}
	}
	p.need(")")
	if want >= 0 && len(n.args) != want {
		p.fail("%s has %d arguments", t.text, len(n.args))
	}
	return n
}
