package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"vedette/internal/cloud/all"
	"vedette/internal/finding"
	"vedette/internal/scan"
	"vedette/internal/term"
)

type extractCmd struct {
	inLogs
	counting
	Output string `short:"o" required:"" type:"path" placeholder:"DIR" help:"Folder for the records and the manifest; made if need be, and empty or new."`
	Quiet  bool   `short:"q" help:"No progress on standard error."`
}

// manifest says where each extracted record lay, so that it can be proved.
type manifest struct {
	Finding string           `json:"finding"`
	Version string           `json:"vedette"`
	Records []manifestRecord `json:"records"`
	Sources []manifestSource `json:"sources"`
}

// manifestRecord is one extracted record.
type manifestRecord struct {
	Name    string `json:"name"` // file in the folder
	EventID string `json:"event_id"`
	File    string `json:"file"`   // source, as it was named
	Record  int    `json:"record"` // number in the source, from 1
	Offset  int64  `json:"offset"` // in the decompressed source
	Length  int    `json:"length"`
	SHA256  string `json:"sha256"` // of the record's bytes
}

// manifestSource is one file that records came from, as it is on disk.
type manifestSource struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (c *extractCmd) Run(ctx context.Context, std IO) error {
	if err := c.chosen().split(); err != nil {
		return err
	}
	if len(c.Paths) == 0 {
		return usagef("name the logs to take the records from")
	}
	if entries, err := os.ReadDir(c.Output); err == nil && len(entries) > 0 {
		return usagef("%s is not empty", c.Output)
	}
	// Standard input is read twice: for the finding and for its records.
	var again io.Reader
	for _, p := range c.Paths {
		if p == "-" {
			data, err := io.ReadAll(std.Stdin)
			if err != nil {
				return err
			}
			std.Stdin, again = bytes.NewReader(data), bytes.NewReader(data)
		}
	}
	f, err := c.chosen().find(ctx, std, &c.counting, -1, c.Quiet)
	if err != nil {
		return err
	}
	if len(f.Evidence) < f.EvidenceTotal {
		fmt.Fprintf(std.Stderr, "vedette: the finding lists %d of its %d events: only those are extracted (scan with --evidence all for every one)\n",
			len(f.Evidence), f.EvidenceTotal)
	}
	m, missing, err := c.extract(f, again)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Stdout, "%d records of finding %s written to %s\n", len(m.Records), f.ID, term.Safe(c.Output))
	if missing > 0 {
		fmt.Fprintf(std.Stderr, "vedette: %d records are not where the finding says: the logs have changed since\n", missing)
	}
	switch err := c.chosen().lost(); {
	case err != nil:
		return err
	case missing > 0:
		return exit{code: ExitLost}
	}
	return nil
}

func (c *extractCmd) extract(f *finding.Finding, stdin io.Reader) (*manifest, int, error) {
	records := filepath.Join(c.Output, "records")
	if err := os.MkdirAll(records, 0o700); err != nil {
		return nil, 0, err
	}
	ids := map[finding.At]string{}
	var want []finding.At
	for i := range f.Evidence {
		e := &f.Evidence[i]
		if _, twice := ids[e.At]; !twice {
			want = append(want, e.At)
		}
		ids[e.At] = e.EventID
	}
	m := &manifest{Finding: f.ID, Version: Version(), Records: []manifestRecord{}, Sources: []manifestSource{}}
	missing := 0
	err := scan.Records(c.Paths, stdin, all.Providers(), want, func(at finding.At, r *scan.Record) error {
		name := fmt.Sprintf("%06d.json", len(m.Records)+1)
		if err := os.WriteFile(filepath.Join(records, name), r.Raw, 0o600); err != nil {
			return err
		}
		sum := sha256.Sum256(r.Raw)
		m.Records = append(m.Records, manifestRecord{
			Name: "records/" + name, EventID: ids[at], File: at.File, Record: at.Record,
			Offset: r.Offset, Length: len(r.Raw), SHA256: hex.EncodeToString(sum[:]),
		})
		if n := len(m.Sources); n == 0 || m.Sources[n-1].File != at.File {
			return m.source(at.File)
		}
		return nil
	}, func(finding.At) { missing++ })
	if err != nil {
		return nil, 0, err
	}
	out, err := json.Marshal(m, jsontext.WithIndent("  "))
	if err != nil {
		return nil, 0, err
	}
	return m, missing, os.WriteFile(filepath.Join(c.Output, "manifest.json"), append(out, '\n'), 0o600)
}

// source adds a file's own hash. Standard input has none: it is gone.
func (m *manifest) source(name string) error {
	s := manifestSource{File: name}
	if name != "-" {
		in, err := os.Open(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		defer in.Close()
		h := sha256.New()
		if s.Bytes, err = io.Copy(h, in); err != nil {
			return err
		}
		s.SHA256 = hex.EncodeToString(h.Sum(nil))
	}
	m.Sources = append(m.Sources, s)
	return nil
}
