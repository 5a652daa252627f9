package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/cloud/all"
	"vedette/internal/compile"
	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
)

// grades writes which part of which rule each language says, for each cloud.
func grades(b *bytes.Buffer) error {
	rules, err := packaged()
	if err != nil {
		return err
	}
	b.WriteString(`# What each SIEM can say

Written by ` + "`go run ./quality siem`" + ` from the backends' own grades: do not edit. A query's header says the same of itself,
and ` + "`vedette compile --format json`" + ` has it for programs. ` + "`=`" + ` is exact, ` + "`~`" + ` approximated, ` + "`x`" + ` impossible, ` + "`.`" + ` not asked
for by any rule. Where rules or logs of one cloud differ, the worst stands in the table and all stand below it. The
rules are those that ` + "`vedette compile T1580 --target all --package`" + ` writes.

`)
	list := backends.Backends()
	features := siem.Features()
	b.WriteString("| target | cloud |")
	for _, f := range features {
		fmt.Fprintf(b, " %s |", f)
	}
	fmt.Fprintf(b, "\n| --- | --- |%s\n", strings.Repeat(" --- |", len(features)))
	var notes bytes.Buffer
	for _, back := range list {
		fmt.Fprintf(&notes, "\n### %s: %s\n\n", back.Name(), back.Product())
		worst := map[event.Cloud]map[siem.Feature]siem.Said{}
		said := map[string][]string{} // loss, by which rules and logs
		var order []string
		for _, r := range rules {
			out, err := back.Compile(r, back.Fields())
			if errors.Is(err, siem.ErrNotSaid) {
				fmt.Fprintf(&notes, "- %s: not compiled: %v\n", r.ID, err)
				continue
			} else if err != nil {
				return err
			}
			for _, g := range out.Grades {
				c := g.Log.Cloud()
				if worst[c] == nil {
					worst[c] = map[siem.Feature]siem.Said{}
				}
				if was, ok := worst[c][g.Feature]; !ok || badness(g.Said) > badness(was) {
					worst[c][g.Feature] = g.Said
				}
			}
			for _, l := range siem.Losses(out) {
				if said[l] == nil {
					order = append(order, l)
				}
				said[l] = append(said[l], r.ID)
			}
		}
		for _, c := range event.Clouds() {
			if worst[c] == nil {
				fmt.Fprintf(b, "| %s | %s |%s\n", back.Name(), c, strings.Repeat(" x |", len(features)))
				continue
			}
			fmt.Fprintf(b, "| %s | %s |", back.Name(), c)
			for _, f := range features {
				fmt.Fprintf(b, " %s |", sign(worst[c][f]))
			}
			fmt.Fprintln(b)
		}
		for _, l := range order {
			which := strings.Join(said[l], ", ")
			if len(said[l]) == len(rules) {
				which = "all rules"
			}
			fmt.Fprintf(&notes, "- %s (%s)\n", l, which)
		}
	}
	b.WriteString("\n## What is lost, and what is shipped instead\n")
	b.Write(notes.Bytes())
	return nil
}

// packaged returns the rules of the default package.
func packaged() ([]*siem.Rule, error) {
	builtin, err := detection.Builtin()
	if err != nil {
		return nil, err
	}
	reg := event.NewRegistry()
	for _, p := range all.Providers() {
		if err := p.Register(reg); err != nil {
			return nil, err
		}
	}
	var rules []*siem.Rule
	for _, id := range ruleIDs[:3] {
		i := slices.IndexFunc(builtin, func(d *detection.Detection) bool { return d.ID == id })
		r, err := compile.Rules(builtin[i], reg, compile.Options{Schedule: compile.DefaultSchedule()})
		if err != nil {
			return nil, err
		}
		rules = append(rules, r...)
	}
	return rules, nil
}

// badness orders grades: exact, not used, approximated, impossible.
func badness(s siem.Said) int {
	return map[siem.Said]int{siem.Unused: 0, siem.Exact: 1, siem.Approximated: 2, siem.Impossible: 3}[s]
}

func sign(s siem.Said) string {
	return map[siem.Said]string{siem.Exact: "=", siem.Approximated: "~", siem.Impossible: "x", siem.Unused: "."}[s]
}
