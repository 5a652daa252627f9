package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vedette/internal/siem"
	"vedette/internal/term"
)

// questions writes questions in the languages of targets: one query to
// standard output, or files and beside them what each target cannot say.
func (c *compileCmd) questions(targets []siem.Backend, std IO) error {
	library, err := questions(c.Library)
	if err != nil {
		return err
	}
	asked, rest := named(library, c.Question)
	switch {
	case len(rest) > 0 && isBuiltin(rest[0]):
		return usagef("%s is a detection or a group of them, and no question: vedette compile %[1]s", rest[0])
	case len(rest) > 0:
		return usagef("no question %q: vedette hunt --list has them", rest[0])
	case len(c.Detections) > 0 || c.Package || c.Profile != "vedette" || c.Window != "tumbling" || c.Identity != "principal" || c.NoDedup || c.Services || c.Format != "text":
		return usagef("with --question go --target, --library, --cloud, --fields and -o alone: a question says itself what it counts")
	case c.Output == "" && len(targets)*len(asked) != 1:
		return usagef("standard output takes one query, and these are %d: say where with -o", len(targets)*len(asked))
	}
	clouds, err := cloudsOf(c.Cloud)
	if err != nil {
		return err
	}
	reg, err := registry()
	if err != nil {
		return err
	}
	for _, b := range targets {
		fields, err := c.fields(b)
		if err != nil {
			return err
		}
		for _, q := range asked {
			s := say(b, q, reg, clouds, fields)
			if c.Output == "" {
				if s.err != nil {
					return fmt.Errorf("%s in %s: %w", q.ID, b.Product(), s.err)
				}
				_, err := io.WriteString(std.Stdout, s.text)
				return err
			}
			switch {
			case errors.Is(s.err, siem.ErrNotSaid):
				fmt.Fprintf(std.Stdout, "%s  %s  not compiled: %s\n", b.Name(), q.ID, term.Safe(s.err.Error()))
				continue
			case s.err != nil:
				return s.err
			}
			path := filepath.Join(c.Output, strings.ReplaceAll(b.Name(), ":", "-"), q.ID+b.Ext())
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(s.text), 0o644); err != nil {
				return err
			}
			if len(s.differs) == 0 {
				fmt.Fprintf(std.Stdout, "%s  %s  exact\n", b.Name(), q.ID)
			}
			for _, d := range s.differs {
				fmt.Fprintf(std.Stdout, "%s  %s  approximated: %s\n", b.Name(), q.ID, term.Safe(strings.TrimSuffix(d, ".")))
			}
		}
	}
	return nil
}
