package qradar_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/siem"
)

// columnsOf are the columns of a source: those of a query, or QRadar's own.
func columnsOf(q *aql) []string {
	if q == nil {
		return []string{"devicetype", "devicetime", "eventcount"}
	}
	var list []string
	for _, it := range q.items {
		list = append(list, it.name)
	}
	return list
}

// check follows names through the levels of a query.
func check(q *aql) error {
	if q.from != nil {
		if err := check(q.from); err != nil {
			return err
		}
	}
	if (q.last != 0) != (q.from == nil) {
		return fmt.Errorf("LAST belongs to a query of events")
	}
	source := columnsOf(q.from)
	own := columnsOf(q)
	if s := slices.Sorted(slices.Values(own)); len(slices.Compact(s)) != len(own) {
		return fmt.Errorf("a column twice: %v", own)
	}
	for _, it := range q.items {
		if err := resolve(it.expr, source, true); err != nil {
			return err
		}
		if len(q.group) > 0 && !aggregated(it.expr) && !slices.Contains(q.group, it.name) {
			return fmt.Errorf("%s is neither counted nor grouped by", it.name)
		}
		if len(q.group) == 0 && aggregated(it.expr) {
			return fmt.Errorf("%s is counted without groups", it.name)
		}
	}
	if q.where != nil {
		if err := resolve(q.where, append(source, own...), false); err != nil {
			return err
		}
	}
	if q.having != nil {
		if err := resolve(q.having, own, false); err != nil {
			return err
		}
	}
	for _, n := range append(q.group, q.order...) {
		if !slices.Contains(own, n) {
			return fmt.Errorf("no column %s", n)
		}
	}
	return nil
}

func aggregated(n *node) bool {
	return slices.Contains(aggregates, n.op) || slices.ContainsFunc(n.args, aggregated)
}

// resolve holds that an expression uses known columns and properties.
func resolve(n *node, columns []string, counts bool) error {
	switch {
	case n.op == "column" && !slices.Contains(columns, n.text):
		return fmt.Errorf("no column %s", n.text)
	case n.op == "property" && (!slices.Contains(columns, "devicetype") || !slices.Contains(propertyNames(), n.text)):
		return fmt.Errorf("no custom property %q", n.text)
	case slices.Contains(aggregates, n.op) && !counts:
		return fmt.Errorf("%s where nothing is counted", n.op)
	case n.op == "number":
		if _, err := strconv.ParseInt(n.text, 10, 64); err != nil {
			return err
		}
	}
	for _, a := range n.args {
		if err := resolve(a, columns, counts && !slices.Contains(aggregates, n.op)); err != nil {
			return err
		}
	}
	return nil
}

// propertyNames are the custom properties that the package creates.
func propertyNames() []string {
	var list []string
	for _, m := range backend.Fields().Logs {
		for key := range m.Set {
			if how, name, _ := strings.Cut(key, " "); how == "json" || how == "regex" {
				list = append(list, name)
			}
		}
	}
	return list
}

// texts are the texts of an output in AQL: queries, and the filter apart.
func texts(out *siem.Output) (queries map[string]string, filter string) {
	queries = map[string]string{"query": out.Query}
	for _, f := range out.Further {
		if f.Name == "filter" {
			filter = f.Text
		} else {
			queries[f.Name] = f.Text
		}
	}
	return queries, filter
}
