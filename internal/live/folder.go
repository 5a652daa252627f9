package live

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// folder is a folder that fills while it is looked at: files come, grow, are
// renamed into place, and go.
type folder struct {
	root string
	have map[string]fs.FileInfo // as they were at the last look
}

// look returns the paths of all files below the root, and of those that are
// new or have changed since the last look; both in order of name. A root that
// is not there yet is empty.
func (f *folder) look() (all, fresh []string, err error) {
	now := map[string]fs.FileInfo{}
	err = filepath.WalkDir(f.root, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while we walked
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			now[p] = info
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look into %s: %w", f.root, err)
	}
	all = slices.Sorted(maps.Keys(now))
	for _, p := range all {
		old, info := f.have[p], now[p]
		if old == nil || old.Size() != info.Size() || !old.ModTime().Equal(info.ModTime()) || !os.SameFile(old, info) {
			fresh = append(fresh, p)
		}
	}
	f.have = now
	return all, fresh, nil
}

// forget makes the next look take a file for fresh.
func (f *folder) forget(paths []string) {
	for _, p := range paths {
		delete(f.have, p)
	}
}

// gone reports whether a file is no longer there.
func gone(paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		_, err := os.Stat(p)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// written is when a file was written last.
func (f *folder) written(path string) (time.Time, bool) {
	info := f.have[path]
	if info == nil {
		return time.Time{}, false
	}
	return info.ModTime(), true
}
