package yaral

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A rule read by the grammar of the reference ("YARA-L 2.0 language syntax"),
// strictly: what the subset does not need is an error.
type rule struct {
	name    string
	meta    map[string]string
	defs    []def   // placeholders, in order
	filters []*expr // joined by and
	match   []string
	window  string // over or by
	span    int    // minutes
	outcome []def
	cond    *expr
	options map[string]string
	order   []string // of a search
}

type def struct {
	name string
	expr *expr
}

// expr is a call, an operation or a leaf, by op: "call", "text", "number",
// "field", "var", "list", or the operator itself.
type expr struct {
	op   string
	text string
	args []*expr
}

type reader struct {
	list []token
	at   int
}

func (r *reader) peek(n int) token {
	if r.at+n < len(r.list) {
		return r.list[r.at+n]
	}
	return token{}
}

func (r *reader) fail(format string, args ...any) {
	panic(fmt.Errorf("line %d: %s", r.peek(0).line, fmt.Sprintf(format, args...)))
}

func (r *reader) next() token {
	t := r.peek(0)
	r.at++
	return t
}

func (r *reader) want(kind byte, text string) token {
	t := r.peek(0)
	if t.kind != kind || text != "" && t.text != text {
		r.fail("%q instead of %q", t.text, text)
	}
	return r.next()
}

// section reports whether a section's name comes next, and takes it.
func (r *reader) section(name string) bool {
	if r.peek(0).text != name || r.peek(0).kind != 'w' || r.peek(1).kind != ':' {
		return false
	}
	r.at += 2
	return true
}

func (r *reader) is(word string) bool { return r.peek(0).kind == 'w' && r.peek(0).text == word }

// readRule reads a rule; readSearch reads the form of UDM search.
func readRule(text string) (*rule, error) { return read(text, true) }

func readSearch(text string) (*rule, error) { return read(text, false) }

func read(text string, whole bool) (out *rule, err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			out, err = nil, e
		}
	}()
	list, err := lex(text)
	if err != nil {
		return nil, err
	}
	r := &reader{list: list}
	out = &rule{meta: map[string]string{}, options: map[string]string{}}
	if whole {
		r.want('w', "rule")
		out.name = r.want('w', "").text
		r.want('{', "{")
		if !r.section("meta") {
			r.fail("no meta")
		}
		for !r.section("events") {
			key := r.want('w', "").text
			if out.meta[key] != "" {
				r.fail("%s twice", key)
			}
			r.want('o', "=")
			out.meta[key] = r.want('s', "").text
		}
	}
	known := map[string]bool{}
	for !r.section("match") {
		if v := r.peek(0); v.kind == 'v' && !strings.ContainsAny(v.text, ".[") && r.peek(1).text == "=" && !known[v.text] {
			r.at += 2
			e := r.value()
			if !bound(e) {
				r.fail("%s is bound to no field of the event", v.text)
			}
			known[v.text] = true
			out.defs = append(out.defs, def{v.text, e})
			continue
		}
		e := r.or()
		r.known(e, known)
		out.filters = append(out.filters, e)
	}
	for {
		v := r.want('v', "").text
		if !known[v] {
			r.fail("match of %s, which no event gives", v)
		}
		out.match = append(out.match, v)
		if r.peek(0).kind != ',' {
			break
		}
		r.next()
	}
	if out.window = r.want('w', "").text; out.window != "over" && out.window != "by" {
		r.fail("no window")
	}
	span := r.want('n', "").text
	n, err := strconv.Atoi(span[:len(span)-1])
	if err != nil {
		r.fail("span %s", span)
	}
	out.span = n * map[byte]int{'m': 1, 'h': 60, 'd': 1440}[span[len(span)-1]]
	if out.span < 1 || out.span > 48*60 {
		r.fail("a window of %s", span)
	}
	if !r.section("outcome") {
		r.fail("no outcome")
	}
	outcomes := map[string]bool{}
	for !r.section("condition") {
		v := r.want('v', "").text
		if outcomes[v] || known[v] {
			r.fail("%s twice", v)
		}
		r.want('o', "=")
		e := r.sum(known, outcomes)
		outcomes[v] = true
		out.outcome = append(out.outcome, def{v, e})
	}
	if len(out.outcome) > maxOutcome {
		r.fail("%d outcome variables", len(out.outcome))
	}
	out.cond = r.or()
	if whole {
		outcomes["$e"] = true
		if !slices.ContainsFunc(out.cond.args, func(e *expr) bool { return e.text == "$e" }) {
			r.fail("the condition does not ask for the event")
		}
	}
	r.known(out.cond, outcomes)
	if whole {
		if !r.section("options") {
			r.fail("no options")
		}
		for r.peek(0).kind == 'w' {
			key := r.next().text
			r.want('o', "=")
			out.options[key] = r.want('w', "").text
		}
		r.want('}', "}")
	} else {
		if !r.section("order") {
			r.fail("no order")
		}
		for {
			v := r.want('v', "").text
			if !outcomes[v] {
				r.fail("order by %s", v)
			}
			out.order = append(out.order, v)
			r.want('w', "desc")
			if r.peek(0).kind != ',' {
				break
			}
			r.next()
		}
		if !r.section("limit") {
			r.fail("no limit")
		}
		r.want('n', "")
	}
	if r.at != len(r.list) {
		r.fail("something stands behind the end")
	}
	return out, nil
}

// bound reports whether an expression has a field of the event.
func bound(e *expr) bool { return e.op == "field" || slices.ContainsFunc(e.args, bound) }

// known holds that all variables of an expression are.
func (r *reader) known(e *expr, names map[string]bool) {
	if e.op == "var" && !names[e.text] {
		r.fail("nothing gives %s", e.text)
	}
	for _, a := range e.args {
		r.known(a, names)
	}
}

func (r *reader) or() *expr  { return r.chain("or", r.and) }
func (r *reader) and() *expr { return r.chain("and", r.not) }

func (r *reader) chain(word string, of func() *expr) *expr {
	e := of()
	if !r.is(word) {
		return e
	}
	e = &expr{op: word, args: []*expr{e}}
	for r.is(word) {
		r.next()
		e.args = append(e.args, of())
	}
	return e
}

func (r *reader) not() *expr {
	if r.is("not") {
		r.next()
		return &expr{op: "not", args: []*expr{r.not()}}
	}
	if r.peek(0).kind == '(' {
		r.next()
		e := r.or()
		r.want(')', ")")
		return e
	}
	left := r.value()
	e := left
	switch {
	case r.peek(0).kind == 'o':
		op := r.next().text
		right := r.value()
		if (left.op == "text" || left.op == "number") && (right.op == "text" || right.op == "number") {
			r.fail("both sides are literals")
		}
		e = &expr{op: op, args: []*expr{left, right}}
	case r.is("in"):
		r.next()
		e = &expr{op: "in", args: []*expr{left, {op: "list", text: r.want('l', "").text}}}
	case left.op == "call" && left.text == "re.regex" || left.op == "var":
	default:
		r.fail("%s is no condition", left.text)
	}
	return e
}

// functions are the functions of the subset with the number of their
// arguments, the least where there may be more.
var functions = map[string]int{"re.regex": 2, "re.replace": 3, "re.capture": 2, "strings.concat": 1, "strings.coalesce": 1, "strings.to_lower": 1,
	"cast.as_string": 1, "hash.fingerprint2011": 1}

var keywords = strings.Fields(`rule meta match over events condition outcome options and or not nocase in regex cidr before after all any if max min sum
	array array_distinct count count_distinct is null`)

func (r *reader) value() *expr {
	t := r.next()
	switch t.kind {
	case 's':
		return &expr{op: "text", text: t.text}
	case 'n':
		if _, err := strconv.Atoi(t.text); err != nil {
			r.fail("number %s", t.text)
		}
		return &expr{op: "number", text: t.text}
	case 'v':
		if strings.HasPrefix(t.text, "$e.") {
			return &expr{op: "field", text: t.text[3:]}
		}
		if strings.ContainsAny(t.text, ".[") || slices.Contains(keywords, strings.ToLower(t.text[1:])) {
			r.fail("variable %s", t.text)
		}
		return &expr{op: "var", text: t.text}
	case 'w':
		n, ok := functions[t.text]
		if !ok {
			r.fail("no function %s", t.text)
		}
		e := &expr{op: "call", text: t.text, args: r.args(r.value)}
		if len(e.args) < n || len(e.args) > n && t.text != "strings.concat" && t.text != "strings.coalesce" {
			r.fail("%s with %d arguments", t.text, len(e.args))
		}
		if strings.HasPrefix(t.text, "re.") {
			if e.args[1].op != "text" {
				r.fail("an expression that is no literal")
			}
			re, err := regexp.Compile(e.args[1].text)
			if err != nil {
				r.fail("%v", err)
			}
			if t.text == "re.capture" && re.NumSubexp() > 1 {
				r.fail("re.capture with %d groups", re.NumSubexp())
			}
		}
		return e
	}
	r.fail("%q is no value", t.text)
	return nil
}

func (r *reader) args(of func() *expr) []*expr {
	r.want('(', "(")
	list := []*expr{of()}
	for r.peek(0).kind == ',' {
		r.next()
		list = append(list, of())
	}
	r.want(')', ")")
	return list
}

// sum reads an outcome: aggregates, numbers and conditions over outcomes that
// stand before it.
func (r *reader) sum(known, outcomes map[string]bool) *expr {
	e := &expr{op: "+"}
	for {
		t := r.next()
		switch {
		case t.kind == 'n':
			e.args = append(e.args, &expr{op: "number", text: t.text})
		case t.text == "if":
			r.want('(', "(")
			cond := r.or()
			r.known(cond, outcomes)
			r.want(',', ",")
			yes := r.want('n', "").text
			r.want(',', ",")
			no := r.want('n', "").text
			r.want(')', ")")
			e.args = append(e.args, &expr{op: "if", args: []*expr{cond, {op: "number", text: yes}, {op: "number", text: no}}})
		case slices.Contains([]string{"count_distinct", "array_distinct", "min", "max"}, t.text):
			args := r.args(r.value)
			if len(args) != 1 || args[0].op != "var" && args[0].op != "field" {
				r.fail("%s of %v", t.text, args)
			}
			r.known(args[0], known)
			e.args = append(e.args, &expr{op: "call", text: t.text, args: args})
		default:
			r.fail("%q is no outcome", t.text)
		}
		if r.peek(0).kind != '+' {
			return e
		}
		r.next()
	}
}
