package cli

import "vedette/internal/investigate"

type guideCmd struct{}

// Run prints the built-in investigation guide as a file that investigate
// --guide takes.
func (guideCmd) Run(std IO) error {
	_, err := std.Stdout.Write(investigate.GuideFile())
	return err
}
