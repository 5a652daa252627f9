package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
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
		if errors.Is(err, fs.ErrNotExist) && isBuiltin(file) {
			return usagef("%s is built in, and its examples are run by the program's own tests: check takes files. vedette detection show %[1]s prints one to start from", file)
		}
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
	Name  string `arg:"" help:"Id of a built-in detection, such as T1580, a group of them (related, all), or seed."`
	Guide bool   `help:"Show the guide of its technique instead: what it looks like, what to ask first, tuning."`
}

func (c *detectionShow) Run(std IO) error {
	list, err := detection.Builtin()
	if err != nil {
		return err
	}
	named := groupOf(list, c.Name)
	if d := byID(list, c.Name); d != nil {
		named = []*detection.Detection{d}
	}
	switch {
	case c.Guide && len(named) > 0:
		return showGuides(named, std)
	case c.Guide && strings.EqualFold(c.Name, "seed"):
		return usagef("seed is the original query and has no guide of its own: vedette detection show T1580 --guide has that of its technique")
	case len(named) > 0:
		return showSources(named, std)
	}
	if text, ok := detection.Source(c.Name + ".yaml"); ok {
		_, err := std.Stdout.Write(text)
		return err
	}
	if isQuestion(c.Name) {
		return usagef("%s is a hunting question and no detection: vedette hunt --list has it", c.Name)
	}
	return usagef("no built-in detection %q: vedette detection list shows them", c.Name)
}

// showSources writes the files of detections, as documents of one stream of
// YAML where there are several.
func showSources(list []*detection.Detection, std IO) error {
	for i, d := range list {
		text, ok := detection.Source(strings.TrimPrefix(d.File, "builtin/"))
		if !ok {
			return fmt.Errorf("detection %s has no file %s", d.ID, d.File)
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := std.Stdout.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// showGuides shows the guides of the detections' techniques, each once, for a
// terminal.
func showGuides(detections []*detection.Detection, std IO) error {
	list, err := guide.Builtin()
	if err != nil {
		return err
	}
	var shown []string
	for _, d := range detections {
		technique := d.Techniques[0]
		if slices.Contains(shown, technique) {
			continue
		}
		g := guide.Find(list, technique)
		if g == nil {
			return usagef("there is no guide of %s", technique)
		}
		if len(shown) > 0 {
			fmt.Fprintln(std.Stdout)
		}
		shown = append(shown, technique)
		if err := hub.WriteGuideAlone(std.Stdout, g, term.Detect(std.Stdout, std.Getenv)); err != nil {
			return err
		}
	}
	return nil
}
