package cli

import (
	"fmt"
	"slices"
	"strings"

	"vedette/internal/detection"
	"vedette/internal/term"
)

// alsoCompiled says how to have the other rules of a detection.
const alsoCompiled = "queries of their own; -o DIR writes them all, with --package as rules to import"

// unnamedParts are the ids of built-in detections that are rules beside those
// of a list and stand in it by no name of their own.
func unnamedParts(list, builtin []*detection.Detection) []string {
	has := func(id string) bool {
		return slices.ContainsFunc(list, func(d *detection.Detection) bool { return d.Builtin && d.ID == id })
	}
	var ids []string
	for _, d := range builtin {
		if d.PartOf != "" && has(d.PartOf) && !has(d.ID) {
			ids = append(ids, d.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// tellParts says on standard error which rules belong to those that were named
// and are no part of the answer: one query says one window, and what a scan
// finds by refusals or targets is in the others.
func (c *compileCmd) tellParts(std IO, how string) error {
	if c.Profile == "seed" {
		return nil // it is one query
	}
	builtin, err := detection.Builtin()
	if err != nil {
		return err
	}
	list, err := c.detections()
	if err != nil {
		return err
	}
	if parts := unnamedParts(list, builtin); len(parts) > 0 {
		_, err = fmt.Fprintf(std.Stderr, "also: %s: %s\n", term.Safe(strings.Join(parts, ", ")), how)
	}
	return err
}
