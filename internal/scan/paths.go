package scan

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"vedette/internal/finding"
)

// input is one file to read.
type input struct {
	name string // as findings name it
	path string // where it is read from; differs for standard input
	size int64
}

// stdinName is how findings name standard input.
const stdinName = "-"

// expand turns the arguments into files: folders are walked, patterns are
// matched, "-" is standard input, which is kept in a temporary file because
// evidence is read again. Files and problems are in order of name, each once,
// whatever the order of the arguments. cleanup removes the temporary file.
func expand(args []string, stdin io.Reader) (files []input, problems []finding.Problem, cleanup func(), err error) {
	cleanup = func() {}
	seen := map[string]bool{}
	add := func(name, path string, size int64) {
		if !seen[name] {
			seen[name] = true
			files = append(files, input{name, path, size})
		}
	}
	lost := func(name string, err error) {
		problems = append(problems, finding.Problem{File: filepath.ToSlash(name), Reason: reason(err)})
	}
	for _, arg := range args {
		if arg == stdinName {
			if stdin == nil || seen[stdinName] {
				continue
			}
			tmp, size, err := spool(stdin)
			if err != nil {
				return nil, nil, cleanup, fmt.Errorf("standard input: %w", err)
			}
			cleanup = func() { os.Remove(tmp) }
			add(stdinName, tmp, size)
			continue
		}
		paths := []string{arg}
		if _, err := os.Lstat(arg); err != nil && strings.ContainsAny(arg, "*?[") {
			matches, err := glob(arg, lost)
			if err != nil {
				lost(arg, fmt.Errorf("bad pattern: %w", err))
				continue
			}
			if len(matches) == 0 {
				lost(arg, errors.New("no file matches"))
				continue
			}
			paths = matches
		}
		for _, p := range paths {
			walk(p, add, lost)
		}
	}
	slices.SortFunc(files, func(a, b input) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(problems, func(a, b finding.Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Reason, b.Reason))
	})
	problems = slices.Compact(problems)
	return files, problems, cleanup, nil
}

// Find returns the name of the input that is a file, links to it included, among
// those that arguments lead to, or "". named says that an argument is the file
// itself, and not a folder or a pattern that it was found by.
func Find(args []string, file os.FileInfo) (name string, named bool) {
	same := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && os.SameFile(info, file)
	}
	for _, a := range args {
		if a != stdinName && same(a) {
			return a, true
		}
	}
	files, _, cleanup, err := expand(args, nil)
	defer cleanup()
	if err != nil {
		return "", false
	}
	for _, in := range files {
		if in.size == file.Size() && same(in.path) {
			return in.name, false
		}
	}
	return "", false
}

// glob is [filepath.Glob] in which ** stands for any number of folders, none
// included. Links to folders are not followed below it. Of what lies below it
// and cannot be read, lost is told: something may have matched there.
func glob(pattern string, lost func(string, error)) (matches []string, err error) {
	parts := strings.Split(filepath.ToSlash(pattern), "/")
	deep := slices.Index(parts, "**")
	if deep < 0 {
		return filepath.Glob(pattern)
	}
	if _, err := path.Match(filepath.ToSlash(pattern), ""); err != nil {
		return nil, err
	}
	roots := []string{"."}
	if deep > 0 {
		above := cmp.Or(strings.Join(parts[:deep], "/"), "/")
		if roots, err = filepath.Glob(filepath.FromSlash(above)); err != nil {
			return nil, err
		}
	}
	for _, root := range roots {
		if info, err := os.Stat(root); err == nil && !info.IsDir() {
			continue
		}
		// The separator makes a link that is named stand for its folder.
		_ = filepath.WalkDir(root+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
			rel, e := filepath.Rel(root, p)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				lost(p, err)
			}
			if err != nil || e != nil || rel == "." {
				return nil
			}
			if !matchesBelow(parts[deep:], strings.Split(filepath.ToSlash(rel), "/")) {
				return nil
			}
			if info, err := os.Stat(p); err == nil && info.IsDir() && d.Type()&fs.ModeSymlink != 0 {
				return nil
			}
			matches = append(matches, p)
			return nil
		})
	}
	return matches, nil
}

// matchesBelow reports whether the parts of a path match those of a pattern.
func matchesBelow(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		return matchesBelow(pattern[1:], name) || len(name) > 0 && matchesBelow(pattern, name[1:])
	}
	if len(name) == 0 {
		return false
	}
	ok, _ := path.Match(pattern[0], name[0])
	return ok && matchesBelow(pattern[1:], name[1:])
}

func walk(root string, add func(name, path string, size int64), lost func(string, error)) {
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			lost(p, err)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := os.Stat(p) // follows a link to a file
		switch {
		case err != nil:
			lost(p, err)
		case info.IsDir():
			// A link to a folder is followed only where it is named, so
			// that a circle cannot trap the walk.
			if p == root {
				walk(p+string(filepath.Separator), add, lost)
			}
		case info.Mode().IsRegular() || p == root:
			add(filepath.ToSlash(filepath.Clean(p)), p, info.Size())
		}
		return nil
	})
	if err != nil {
		lost(root, err)
	}
}

// folders returns the arguments that are folders, the first few.
func folders(args []string) []string {
	var list []string
	for _, a := range args {
		if info, err := os.Stat(a); err == nil && info.IsDir() {
			if len(list) == maxNamed {
				return append(list, "...")
			}
			list = append(list, a)
		}
	}
	return list
}

// spool copies a stream to a temporary file.
func spool(r io.Reader) (path string, size int64, err error) {
	f, err := os.CreateTemp("", "vedette-stdin-")
	if err != nil {
		return "", 0, err
	}
	size, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", 0, err
	}
	return f.Name(), size, nil
}

// reason is an error without the path, which the problem names by itself.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
