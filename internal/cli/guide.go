package cli

import (
	"vedette/internal/detection"
	"vedette/internal/investigate"
)

type guideCmd struct {
	Detection string `arg:"" optional:"" name:"detection" help:"Show the guide of this detection's technique instead, by its id, such as T1580, or those of a group (related, all)."`
}

// Run prints the built-in investigation guide as a file that investigate
// --guide takes, or what an analyst needs to know of a technique.
func (c *guideCmd) Run(std IO) error {
	if c.Detection == "" {
		_, err := std.Stdout.Write(investigate.GuideFile())
		return err
	}
	list, err := detection.Builtin()
	if err != nil {
		return err
	}
	if d := byID(list, c.Detection); d != nil {
		return showGuides([]*detection.Detection{d}, std)
	}
	if group := groupOf(list, c.Detection); group != nil {
		return showGuides(group, std)
	}
	return usagef("no built-in detection %q: vedette detection list shows them. A finding is looked into by vedette investigate ID PATH", c.Detection)
}
