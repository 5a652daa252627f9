package triage

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

//go:embed weights.yaml
var weightsYAML []byte

// Weights are what factors add; weights.yaml explains each.
type Weights struct {
	Levels  map[string]int     `yaml:"levels"`
	Groups  map[string]float64 `yaml:"groups"`
	Factors map[string]Factor  `yaml:"factors"`
	Shares  map[string]float64 `yaml:"shares"`
}

// Factor says what a count adds: min(Cap, Each * max(0, n-Least)).
type Factor struct {
	Group string  `yaml:"group,omitempty"`
	Least float64 `yaml:"least"`
	Each  float64 `yaml:"each"`
	Cap   float64 `yaml:"cap"`
}

// DefaultWeights returns the weights that the program comes with. The caller
// owns them.
func DefaultWeights() *Weights {
	w := &Weights{}
	if err := yaml.Load(weightsYAML, w, yaml.WithKnownFields()); err != nil {
		panic("triage: weights.yaml: " + err.Error()) // a test reads it
	}
	return w
}

// WeightsFile returns the file that [DefaultWeights] are read from, with its
// explanations.
func WeightsFile() []byte { return bytes.Clone(weightsYAML) }

// Overlay lays the weights of a file over w. What it does not say of a factor
// that it names stays as it was. Errors name the file.
func (w *Weights) Overlay(file string, data []byte) error {
	var own struct {
		Levels  map[string]int     `yaml:"levels"`
		Groups  map[string]float64 `yaml:"groups"`
		Factors map[string]struct {
			Group            *string
			Least, Each, Cap *float64
		} `yaml:"factors"`
		Shares map[string]float64 `yaml:"shares"`
	}
	if err := yaml.Load(data, &own, yaml.WithKnownFields()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for name := range own.Factors {
		if _, ok := w.Factors[name]; !ok {
			return fmt.Errorf("%s: there is no factor %q; there are %v", file, name, slices.Sorted(maps.Keys(w.Factors)))
		}
	}
	for name, said := range own.Factors {
		f := w.Factors[name]
		if said.Group != nil {
			f.Group = *said.Group
		}
		for _, x := range []struct{ to, from *float64 }{{&f.Least, said.Least}, {&f.Each, said.Each}, {&f.Cap, said.Cap}} {
			if x.from != nil {
				*x.to = *x.from
			}
		}
		if f.Group != "" && w.Groups[f.Group] == 0 && own.Groups[f.Group] == 0 {
			return fmt.Errorf("%s: factor %s: there is no group %q", file, name, f.Group)
		}
		if !finite(f.Least) || !finite(f.Each) {
			return fmt.Errorf("%s: factor %s: least %v and each %v are not both numbers", file, name, f.Least, f.Each)
		}
		if !(f.Cap >= 0 && f.Cap <= 100) {
			return fmt.Errorf("%s: factor %s: cap %v is not between 0 and 100", file, name, f.Cap)
		}
		w.Factors[name] = f
	}
	for name, v := range own.Levels {
		if _, ok := w.Levels[name]; !ok {
			return fmt.Errorf("%s: there is no level %q", file, name)
		}
		w.Levels[name] = v
	}
	for name, v := range own.Groups {
		if !(v >= 0 && v <= 100) {
			return fmt.Errorf("%s: group %s: %v is not between 0 and 100", file, name, v)
		}
		w.Groups[name] = v
	}
	for name, v := range own.Shares {
		if _, ok := w.Shares[name]; !ok {
			return fmt.Errorf("%s: there is no share %q", file, name)
		}
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("%s: share %s: %v is not between 0 and 1", file, name, v)
		}
		w.Shares[name] = v
	}
	last := 0
	for _, name := range Levels()[1:] {
		if w.Levels[name] <= last || w.Levels[name] > 100 {
			return fmt.Errorf("%s: level %s begins at %d, which is not above the one below it", file, name, w.Levels[name])
		}
		last = w.Levels[name]
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Levels lists the levels, lowest first.
func Levels() []string { return []string{"informational", "low", "medium", "high", "critical"} }

// level names the level of a priority.
func (w *Weights) level(priority int) string {
	level := "informational"
	for _, name := range Levels()[1:] {
		if priority >= w.Levels[name] {
			level = name
		}
	}
	return level
}
