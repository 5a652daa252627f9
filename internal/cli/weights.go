package cli

import (
	"os"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/triage"
)

type weightsCmd struct {
	Weights string `type:"path" placeholder:"FILE" help:"Lay the weights of this YAML file over the built-in ones first."`
}

// Run prints the weights in force as a file that --weights takes: the
// built-in ones as they are explained, or those that an own file leads to.
func (c *weightsCmd) Run(std IO) error {
	if c.Weights == "" {
		_, err := std.Stdout.Write(triage.WeightsFile())
		return err
	}
	w, err := loadWeights(c.Weights)
	if err != nil {
		return err
	}
	text, err := yaml.Dump(w)
	if err != nil {
		return err
	}
	_, err = std.Stdout.Write(text)
	return err
}

// loadWeights returns the built-in weights with those of a file over them, if
// one is named.
func loadWeights(file string) (*triage.Weights, error) {
	w := triage.DefaultWeights()
	if file == "" {
		return w, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("--weights: %w", err)
	}
	if err := w.Overlay(file, data); err != nil {
		return nil, usage(err)
	}
	return w, nil
}
