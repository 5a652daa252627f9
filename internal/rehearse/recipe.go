package rehearse

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vedette/internal/scenario"
)

// cook writes the logs of a recipe.
func (t *Test) cook(dir string) error {
	if t.Recipe.Records != "" {
		return os.WriteFile(filepath.Join(dir, "trail", t.Recipe.Records), t.files[t.Recipe.Records], 0o644)
	}
	lib, err := scenario.Load()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(lib.Scenarios, func(s *scenario.Scenario) bool { return s.ID == t.Recipe.Scenario })
	if i < 0 {
		return fmt.Errorf("there is no scenario %q", t.Recipe.Scenario)
	}
	trail := lib.Play(lib.Scenarios[i], i, day, scenario.Forge{})
	return os.WriteFile(filepath.Join(dir, "trail", "records.json"), append(bytes.Join(trail.Records, []byte("\n")), '\n'), 0o644)
}
