package rehearse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// marker is the file that says that a folder is a rehearsal's.
	marker = ".vedette-rehearsal"
	// runMarker is the file that says, from a run's beginning, that a folder
	// is that run's; runFile is there when the run has come to its end.
	runMarker = ".vedette-run"
	runFile   = "run.json"
)

// claim makes the folder, or takes one that is a rehearsal's already.
func (p *Player) claim() error {
	if entries, err := os.ReadDir(p.Dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(p.Dir, marker)); err != nil {
			return fmt.Errorf("%s: not empty, and no rehearsal's: give another folder", p.Dir)
		}
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.Dir, marker), []byte("made by vedette rehearse run; vedette rehearse clean removes it\n"), 0o644)
}

// whose is what the files of a run say of the folder in which they lie.
type whose struct {
	Test string `json:"test"`
	Run  string `json:"run"`
}

// Mark makes the folder DIR/TEST/RUN and says in it whose it is, so that
// [Clean] knows it even where the run does not come to its end.
func Mark(dir, test, run string) error {
	folder := filepath.Join(dir, test, run)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(whose{test, run})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, runMarker), append(text, '\n'), 0o644)
}

// clearRun removes what an earlier run left in DIR/TEST/RUN. What lies behind a
// link is not the rehearsal's.
func clearRun(dir, test, run string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range []string{test, filepath.Join(test, run)} {
		switch info, err := root.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s: no folder that a rehearsal made: give another folder", filepath.Join(dir, name))
		}
	}
	return root.RemoveAll(filepath.Join(test, run))
}

// isRun reports whether TEST/RUN is the folder of a run: a file of the run's
// says so.
func isRun(root *os.Root, test, run string) bool {
	for _, name := range []string{runMarker, runFile} {
		name = filepath.Join(test, run, name)
		if info, err := root.Lstat(name); err != nil || !info.Mode().IsRegular() {
			continue
		}
		var says whose
		if text, err := root.ReadFile(name); err == nil && json.Unmarshal(text, &says) == nil && says == (whose{test, run}) {
			return true
		}
	}
	return false
}

// Clean removes the runs that a folder holds, finished or not, and the folder
// if nothing else is in it. It returns how many runs were removed, and what was
// left, by path. It follows no link, and removes no folder of which no run's
// file says that it is that run's. A folder that no rehearsal made is an error.
func Clean(dir string) (removed int, left []string, err error) {
	if removed, left, err = cleanRuns(dir); err != nil || len(left) > 0 {
		return removed, left, err
	}
	if err := os.Remove(filepath.Join(dir, marker)); err != nil {
		return removed, nil, err
	}
	return removed, nil, os.Remove(dir)
}

func cleanRuns(dir string) (removed int, left []string, err error) {
	root, err := os.OpenRoot(dir)
	if err == nil {
		defer root.Close()
		_, err = root.Lstat(marker)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, fmt.Errorf("%s: no rehearsal's folder: nothing was removed", dir)
	}
	if err != nil {
		return 0, nil, err
	}
	tests, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return 0, nil, err
	}
	for _, t := range tests {
		if t.Name() == marker {
			continue
		}
		if !t.IsDir() {
			left = append(left, filepath.Join(dir, t.Name()))
			continue
		}
		runs, err := fs.ReadDir(root.FS(), t.Name())
		if err != nil {
			return removed, left, err
		}
		var others []string
		for _, r := range runs {
			if !r.IsDir() || !isRun(root, t.Name(), r.Name()) {
				others = append(others, filepath.Join(dir, t.Name(), r.Name()))
				continue
			}
			if err := root.RemoveAll(filepath.Join(t.Name(), r.Name())); err != nil {
				return removed, left, err
			}
			removed++
		}
		switch {
		case len(others) == len(runs): // nothing in it was a run's, nor is it
			left = append(left, filepath.Join(dir, t.Name()))
		case len(others) > 0:
			left = append(left, others...)
		default:
			if err := root.Remove(t.Name()); err != nil {
				return removed, left, err
			}
		}
	}
	return removed, left, nil
}
