// Package rows reads audit logs that are tables or YAML: CSV exports,
// Parquet files of Security Lake and other lakes, and what `gcloud logging
// read` prints. Each row becomes one JSON object, keyed by column name.
package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Kind is a format of rows.
type Kind uint8

// The kinds.
const (
	None    Kind = iota // not rows
	CSV                 // comma, semicolon or tab separated, with a header that names known columns
	Parquet             // Apache Parquet
	YAML                // YAML documents of LogEntry
)

// String returns the kind's name.
func (k Kind) String() string { return [...]string{"none", "csv", "parquet", "yaml"}[k] }

// Row is one row, or one that could not be read.
type Row struct {
	// JSON is the row as an object. Empty cells and nulls are left out.
	// It is valid until yield returns.
	JSON []byte
	// Raw is the row as it stands in the file; nil for Parquet, which keeps
	// no rows. It is valid until yield returns.
	Raw []byte
	// Offset is where Raw lies in the file; for Parquet the number of the row.
	Offset int64
	// Open is set where nothing but the end of the text ends the row: of a text
	// that is cut off, that may be inside it.
	Open bool
	// Err says why the row could not be read; JSON is then nil.
	Err error
	// Lost is how many rows Err has cost, where those of a whole row group of
	// a Parquet file are handed over as one; else 0.
	Lost int64
}

// MaxRow bounds one row, as text and as JSON.
const MaxRow = 4 << 20

// errTooLong is the error of a row that exceeds MaxRow.
var errTooLong = fmt.Errorf("row longer than %d MiB", MaxRow>>20)

// Sniff tells the kind from the first bytes of a file; 4 KiB are enough, for
// a header wider than that more. It looks at content alone.
func Sniff(head []byte) Kind {
	if bytes.HasPrefix(head, parquetMagic) {
		return Parquet
	}
	head = bytes.TrimPrefix(head, bom)
	text := bytes.TrimLeft(head, " \t\r\n")
	if len(text) == 0 || text[0] == '{' || text[0] == '[' || bytes.IndexByte(head, 0) >= 0 {
		return None
	}
	if looksLikeYAML(text) {
		return YAML
	}
	if _, ok := sniffHeader(text, lineBreak(text)); ok {
		return CSV
	}
	return None
}

// Read hands every row of a file to yield, in order. Rows that cannot be read
// are handed over too, with Err set, and reading goes on. An error of yield
// ends the reading and is returned; other errors say that the rest of the
// file is lost.
func Read(kind Kind, r io.ReaderAt, size int64, yield func(Row) error) error {
	text := func() io.Reader { return io.NewSectionReader(r, 0, size) }
	switch kind {
	case CSV:
		return readCSV(text, yield)
	case YAML:
		return readYAML(text(), yield)
	case Parquet:
		return readParquet(r, size, yield)
	}
	return errors.New("not a table")
}

var (
	bom          = []byte("\xef\xbb\xbf")
	parquetMagic = []byte("PAR1")
)

// window reads a text through a buffer that grows to the row at hand.
type window struct {
	r        io.Reader
	buf      []byte
	pos, end int
	base     int64 // offset of buf[0] in the text
	eof      bool
	err      error
}

// more reads further text behind what is there. It returns false at the end
// of the text, at an error, and when the row at hand has reached MaxRow.
func (w *window) more() bool {
	if w.eof || w.end-w.pos >= MaxRow {
		return false
	}
	if w.pos > 0 {
		copy(w.buf, w.buf[w.pos:w.end])
		w.base += int64(w.pos)
		w.end -= w.pos
		w.pos = 0
	}
	if w.end == len(w.buf) {
		grown := make([]byte, min(max(2*len(w.buf), 64<<10), MaxRow))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	n, err := io.ReadAtLeast(w.r, w.buf[w.end:], 1)
	w.end += n
	if err != nil {
		w.eof = true
		if err != io.EOF && err != io.ErrUnexpectedEOF {
			w.err = err
		}
	}
	return n > 0
}

func (w *window) rest() []byte { return w.buf[w.pos:w.end] }

func (w *window) offset() int64 { return w.base + int64(w.pos) }
