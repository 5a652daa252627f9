package logscale

import (
	"fmt"
	"regexp"
	"strings"
)

// function is what the reference of query functions says of one.
type function struct {
	first     string   // the parameter whose name may be left out
	params    []string // the others that are used here
	needs     []string
	aggregate bool
	negatable bool
}

var functions = map[string]function{
	"lower":      {first: "field", params: []string{"as"}, needs: []string{"field"}},
	"replace":    {first: "regex", params: []string{"with", "field", "as"}, needs: []string{"regex", "with", "field"}},
	"format":     {first: "format", params: []string{"field", "as"}, needs: []string{"format", "field"}},
	"coalesce":   {first: "expressions", params: []string{"as"}, needs: []string{"expressions"}},
	"default":    {first: "value", params: []string{"field"}, needs: []string{"value", "field"}},
	"regex":      {first: "regex", params: []string{"field", "strict"}, needs: []string{"regex", "field", "strict"}},
	"rename":     {params: []string{"field", "as"}, needs: []string{"field", "as"}},
	"drop":       {first: "fields", needs: []string{"fields"}},
	"split":      {first: "field", needs: []string{"field"}},
	"match":      {first: "file", params: []string{"field", "column", "mode", "include", "strict"}, needs: []string{"file", "field", "column", "include", "strict"}},
	"test":       {first: "expression", needs: []string{"expression"}},
	"end":        {},
	"formatTime": {first: "format", params: []string{"field", "timezone", "as"}, needs: []string{"format", "field", "timezone"}},
	"groupBy":    {first: "field", params: []string{"function", "limit"}, needs: []string{"field", "function", "limit"}},
	"table":      {first: "fields", params: []string{"sortby", "order", "type", "limit"}, needs: []string{"fields", "limit"}},
	"count":      {first: "field", params: []string{"distinct", "as"}, needs: []string{"as"}, aggregate: true},
	"collect":    {first: "fields", params: []string{"limit"}, needs: []string{"fields", "limit"}, aggregate: true},
	"min":        {first: "field", params: []string{"as"}, needs: []string{"field", "as"}, aggregate: true},
	"max":        {first: "field", params: []string{"as"}, needs: []string{"field", "as"}, aggregate: true},
}

// arguments holds the arguments of a call against what they must be.
func (r *reader) arguments(c *call) error {
	for _, p := range []string{"field", "fields", "expressions", "sortby"} {
		for _, f := range names(c.args[p]) {
			if p == "expressions" && f.kind != 'w' {
				return fmt.Errorf("coalesce takes %q for a text, not for a field", f.text)
			}
			if c.name == "default" || c.name == "split" {
				continue
			}
			if err := r.uses(f.text); err != nil {
				return err
			}
		}
	}
	for _, f := range c.args["expression"].fields {
		if err := r.uses(f); err != nil {
			return err
		}
	}
	if v, ok := c.args["regex"]; ok {
		if err := expressionOf(strings.ReplaceAll(v.text, "(?<", "(?P<")); err != nil {
			return err
		}
	}
	if c.name == "format" && strings.Count(c.args["format"].text, "%s") != len(names(c.args["field"])) {
		return fmt.Errorf("format %q of %d fields", c.args["format"].text, len(names(c.args["field"])))
	}
	return nil
}

// names are the fields of an argument.
func names(v value) []token {
	if v.list == nil {
		if v.kind == 0 {
			return nil
		}
		return []token{v.token}
	}
	var list []token
	for _, x := range v.list {
		list = append(list, x.token)
	}
	return list
}

// effect follows what a call makes of the fields.
func (r *reader) effect(c *call) error {
	r.last = c.name
	switch c.name {
	case "match":
		for _, f := range names(c.args["include"]) {
			r.known[f.text] = true
		}
	case "rename":
		r.known[c.args["as"].text] = true
	case "default":
		for _, f := range names(c.args["field"]) {
			r.known[f.text] = true
		}
	case "drop":
		for _, f := range names(c.args["fields"]) {
			delete(r.known, f.text)
		}
	case "split":
		f := c.args["field"].text
		if !r.known[f+"[0]"] || !r.known[f+"[1]"] {
			return fmt.Errorf("split of %s, which is no array", f)
		}
		r.known[f] = true
	case "regex":
		for _, m := range groups.FindAllStringSubmatch(c.args["regex"].text, -1) {
			r.known[m[1]] = true
		}
	case "groupBy":
		now := map[string]bool{}
		for _, f := range names(c.args["field"]) {
			now[f.text] = true
		}
		for _, v := range c.args["function"].list {
			if v.call == nil || !functions[v.call.name].aggregate {
				return fmt.Errorf("groupBy by what is no aggregate: %s", v.text)
			}
			for _, f := range names(v.call.args["fields"]) {
				now[f.text] = true
			}
			if as, ok := v.call.args["as"]; ok {
				now[as.text] = true
			}
		}
		r.known = now
	case "table":
		for _, f := range names(c.args["fields"]) {
			r.table = append(r.table, f.text)
		}
		n := len(c.args["sortby"].list)
		if len(c.args["order"].list) != n || len(c.args["type"].list) != n {
			return fmt.Errorf("table sorts by %d fields, otherwise ordered or typed", n)
		}
	case "lower", "replace", "format", "coalesce", "end", "formatTime", "count", "collect", "min", "max":
		return fmt.Errorf("%s leaves its result nowhere", c.name)
	}
	return nil
}

var groups = regexp.MustCompile(`\(\?<([A-Za-z]+)>`)
