package qradar_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An interpreter of what the reader reads. Where the guide leaves open what a
// text means it can mean either, and the queries must give the same rows.

type row map[string]any // nil, string, int64

// reading is one way to understand what the guide leaves open.
type reading struct {
	whole    bool  // MATCHES looks at the whole text, not for a part of it
	unknown  bool  // a condition on NULL is neither true nor false, also under NOT
	countsIt bool  // UNIQUECOUNT counts NULL as a value
	now      int64 // milliseconds; 0 reads every event, whatever the time range
}

var readings = []reading{{whole: true, unknown: true}, {whole: true, countsIt: true}, {unknown: true, countsIt: true}, {}}

// truth is 1, 0, or -1 for unknown.
func (how reading) truth(n *node, r row) int {
	is := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	null := is(false)
	if how.unknown {
		null = -1
	}
	switch n.op {
	case "AND", "OR":
		a, b := how.truth(n.args[0], r), how.truth(n.args[1], r)
		stop := is(n.op == "OR")
		switch {
		case a == stop || b == stop:
			return stop
		case a < 0 || b < 0:
			return -1
		}
		return 1 - stop
	case "NOT":
		if a := how.truth(n.args[0], r); a >= 0 {
			return 1 - a
		}
		return -1
	case "IS NULL":
		return is(how.value(n.args[0], r) == nil)
	case "REFERENCESETCONTAINS":
		return 0
	}
	a := how.value(n.args[0], r)
	if a == nil {
		return null
	}
	if n.op == "MATCHES" {
		expr := n.args[1].text
		if how.whole {
			expr = "^(?:" + expr + ")$"
		}
		return is(expression(expr).MatchString(a.(string)))
	}
	for _, arg := range n.args[1:] {
		b := how.value(arg, r)
		if b == nil {
			return null
		}
		if x, ok := a.(int64); ok {
			y := b.(int64)
			if map[string]bool{"=": x == y, "IN": x == y, ">=": x >= y, "<=": x <= y, ">": x > y, "<": x < y}[n.op] {
				return 1
			}
		} else if n.op != "=" && n.op != "IN" {
			panic(n.op + " of text")
		} else if a == b.(string) {
			return 1
		}
	}
	return 0
}

var compiledExpressions = map[string]*regexp.Regexp{}

func expression(text string) *regexp.Regexp {
	if compiledExpressions[text] == nil {
		compiledExpressions[text] = regexp.MustCompile(text)
	}
	return compiledExpressions[text]
}

func (how reading) holds(n *node, r row) bool { return how.truth(n, r) == 1 }

func (how reading) value(n *node, r row) any {
	switch n.op {
	case "text":
		return n.text
	case "number":
		var v int64
		fmt.Sscan(n.text, &v)
		return v
	case "column", "property":
		return r[n.text]
	case "IF":
		if how.holds(n.args[0], r) {
			return how.value(n.args[1], r)
		}
		return how.value(n.args[2], r)
	case "CASE":
		v := how.value(n.args[0], r)
		for i := 1; i+1 < len(n.args); i += 2 {
			if how.value(n.args[i], r) == v {
				return how.value(n.args[i+1], r)
			}
		}
		return how.value(n.args[len(n.args)-1], r)
	case "NOW":
		return how.now
	}
	var args []any
	for _, a := range n.args {
		args = append(args, how.value(a, r))
	}
	if n.op == "CONCAT" {
		var b strings.Builder
		for _, a := range args {
			if a != nil {
				fmt.Fprint(&b, a)
			}
		}
		return b.String()
	}
	if slices.Contains(args, nil) {
		return nil
	}
	switch n.op {
	case "LOWER":
		return strings.ToLower(args[0].(string))
	case "REPLACEALL":
		return expression(args[0].(string)).ReplaceAllLiteralString(args[1].(string), args[2].(string))
	case "LONG":
		return args[0]
	case "DATEFORMAT":
		return time.UnixMilli(args[0].(int64)).UTC().Format("2006-01-02 15:04:05")
	}
	a, b := args[0].(int64), args[1].(int64)
	switch n.op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	panic("no value of " + n.op)
}

// total is the value of an expression over the rows of a group.
func (how reading) total(n *node, rows []row) any {
	if !slices.Contains(aggregates, n.op) {
		return how.value(n, rows[0])
	}
	seen := map[any]bool{}
	var sum int64
	var least, most any
	for _, r := range rows {
		v := how.value(n.args[0], r)
		if v == nil && !how.countsIt {
			continue
		}
		seen[v] = true
		if x, ok := v.(int64); ok {
			sum += x
			if least == nil || x < least.(int64) {
				least = x
			}
			if most == nil || x > most.(int64) {
				most = x
			}
		}
	}
	switch n.op {
	case "UNIQUECOUNT":
		return int64(len(seen))
	case "MIN":
		return least
	case "MAX":
		return most
	}
	return sum // COUNT(*) is SUM of ones
}

func (how reading) run(q *aql, events []row) []row {
	source := events
	if q.from != nil {
		source = how.run(q.from, events)
	}
	var rows []row
	for _, r := range source {
		if when, ok := r["devicetime"].(int64); ok && q.from == nil && how.now > 0 && (when > how.now || when <= how.now-q.last.Milliseconds()) {
			continue
		}
		made := row{}
		for k, v := range r {
			made[k] = v
		}
		for _, it := range q.items {
			if !aggregated(it.expr) {
				made[it.name] = how.value(it.expr, r)
			}
		}
		if q.where == nil || how.holds(q.where, made) {
			rows = append(rows, made)
		}
	}
	if len(q.group) > 0 {
		groups := map[string][]row{}
		for _, r := range rows {
			var key []any
			for _, g := range q.group {
				key = append(key, r[g])
			}
			k := fmt.Sprintf("%#v", key)
			groups[k] = append(groups[k], r)
		}
		rows = nil
		for _, g := range groups {
			made := row{}
			for _, it := range q.items {
				if aggregated(it.expr) {
					made[it.name] = how.total(it.expr, g)
				} else {
					made[it.name] = g[0][it.name]
				}
			}
			if q.having == nil || how.holds(q.having, made) {
				rows = append(rows, made)
			}
		}
	}
	var out []row
	for _, r := range rows {
		only := row{}
		for _, it := range q.items {
			only[it.name] = r[it.name]
		}
		out = append(out, only)
	}
	return out
}
