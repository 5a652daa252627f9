package scan

import (
	"io"

	"vedette/internal/cloud"
	"vedette/internal/event"
	"vedette/internal/finding"
)

// Records reads files again and hands over the records at the given places,
// file by file in order of name, record by record as they lie. Of a file that
// holds several records in one envelope, or of a table, Raw is the envelope or
// the row. Raw is valid until visit returns.
//
// A record that is not found is given to missing: the file has changed.
func Records(paths []string, stdin io.Reader, providers []cloud.Provider, want []finding.At,
	visit func(at finding.At, r *Record) error, missing func(at finding.At)) error {
	files, _, cleanup, err := expand(paths, stdin)
	defer cleanup()
	if err != nil {
		return err
	}
	reg, shapes, err := tables(providers)
	if err != nil {
		return err
	}
	byFile := map[string]map[uint32]bool{}
	for _, at := range want {
		if byFile[at.File] == nil {
			byFile[at.File] = map[uint32]bool{}
		}
		byFile[at.File][uint32(at.Record-1)] = true
	}
	r := newReader(providers, shapes, reg)
	for _, in := range files {
		wanted := byFile[in.name]
		if wanted == nil {
			continue
		}
		r.visit = func(rec *Record, _ *event.Event) {
			if !wanted[rec.Number] || err != nil {
				return
			}
			delete(wanted, rec.Number)
			err = visit(finding.At{File: in.name, Record: int(rec.Number) + 1}, rec)
		}
		r.file(in)
		if err != nil {
			return err
		}
	}
	for _, at := range want {
		if byFile[at.File][uint32(at.Record-1)] {
			missing(at)
		}
	}
	return nil
}
