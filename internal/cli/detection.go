package cli

import (
	"fmt"
	"os"
	"strings"

	"vedette/internal/attack"
	"vedette/internal/detection"
	"vedette/internal/guide"
	"vedette/internal/hub"
	"vedette/internal/term"
)

type detectionCmd struct {
	Check detectionCheck `cmd:"" help:"Check detection files and run the examples in them."`
	List  detectionList  `cmd:"" help:"List the built-in detections."`
	Show  detectionShow  `cmd:"" help:"Show a built-in detection file, to start one's own from."`
}

type detectionCheck struct {
	Files []string `arg:"" name:"file" help:"Detection files."`
}

func (c *detectionCheck) Run(std IO) error {
	failed := false
	for _, file := range c.Files {
		data, err := os.ReadFile(file)
		if err != nil {
			return usage(err)
		}
		d, err := detection.Load(file, data)
		if err != nil {
			// One fault a line, each made harmless by itself.
			for line := range strings.SplitSeq(err.Error(), "\n") {
				fmt.Fprintln(std.Stderr, term.Safe(line))
			}
			failed = true
			continue
		}
		problems, err := checkDetection(d)
		if err != nil {
			return err
		}
		for _, p := range problems {
			fmt.Fprintln(std.Stderr, term.Safe(p.String()))
		}
		if problems.Err() != nil {
			failed = true
			continue
		}
		for _, w := range unknownTechniques(d) {
			fmt.Fprintln(std.Stderr, term.Safe(file+": warning: "+w))
		}
		fmt.Fprintf(std.Stdout, "%s: %s %s is well-formed; of its examples %d fire and %d stay silent, as they must\n",
			term.Safe(file), term.Safe(d.ID), term.Safe(d.Version), len(d.Fire), len(d.Silent))
	}
	if failed {
		return exit{code: ExitUsage}
	}
	return nil
}

// unknownTechniques says which technique ids ATT&CK does not have, as far as
// this program's copy of it goes.
func unknownTechniques(d *detection.Detection) []string {
	var list []string
	for _, id := range d.Techniques {
		if _, ok := attack.Lookup(id); !ok {
			list = append(list, fmt.Sprintf("%q is no technique that this program knows of ATT&CK %s", id, attack.Version))
		}
	}
	return list
}

type detectionList struct{}

func (detectionList) Run(std IO) error {
	list, err := detection.Builtin()
	if err != nil {
		return err
	}
	for _, d := range list {
		fmt.Fprintf(std.Stdout, "%-12s %-8s %s (%s%s)\n", d.ID, d.Version, d.Name, d.File, when(d))
	}
	return nil
}

// when says of a detection that a scan does not run by default when it does.
func when(d *detection.Detection) string {
	switch {
	case d.PartOf != "":
		return ", part of " + d.PartOf
	case d.Group != "":
		return ", runs where it or " + d.Group + " is named"
	}
	return ""
}

type detectionShow struct {
	Name  string `arg:"" help:"Id of a built-in detection, such as T1580, or seed."`
	Guide bool   `help:"Show the guide of its technique instead: what it looks like, what to ask first, tuning."`
}

func (c *detectionShow) Run(std IO) error {
	list, err := detection.Builtin()
	if err != nil {
		return err
	}
	if d := byID(list, c.Name); c.Guide && d != nil {
		return showGuide(d.Techniques[0], std)
	}
	names := []string{c.Name + ".yaml"}
	for _, d := range list {
		if strings.EqualFold(d.ID, c.Name) {
			names = append(names, d.File[len("builtin/"):])
		}
	}
	for _, n := range names {
		if text, ok := detection.Source(n); ok {
			_, err := std.Stdout.Write(text)
			return err
		}
	}
	return usagef("no built-in detection %q: vedette detection list shows them", c.Name)
}

// showGuide shows the guide of a technique, for a terminal.
func showGuide(technique string, std IO) error {
	list, err := guide.Builtin()
	if err != nil {
		return err
	}
	g := guide.Find(list, technique)
	if g == nil {
		return usagef("there is no guide of %s", technique)
	}
	return hub.WriteGuideAlone(std.Stdout, g, term.Detect(std.Stdout, std.Getenv))
}
