package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// What a Parquet file may ask for. Security Lake writes files of some 256 MB
// with pages of about 1 MB.
const (
	maxFooter = 64 << 20
	maxPage   = 256 << 20 // one page, decompressed
	maxPages  = 1 << 22
)

// checkPages walks the page headers before anything is decompressed, so that
// a header which claims gigabytes is refused and not believed.
func checkPages(r io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return errors.New("parquet: the file is cut off")
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	footer := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24
	if string(tail[4:]) != string(parquetMagic) {
		return errors.New("parquet: the file is cut off")
	}
	if footer > maxFooter || footer > size-12 {
		return errors.New("parquet: the footer is larger than is allowed")
	}
	f, err := openParquet(r, size)
	if err != nil {
		return err
	}
	pages := 0
	for _, group := range f.Metadata().RowGroups {
		for i := range group.Columns {
			m := &group.Columns[i].MetaData
			start := m.DataPageOffset
			if d := m.DictionaryPageOffset; d > 0 && d < start {
				start = d
			}
			end := start + m.TotalCompressedSize
			if start < 0 || m.TotalCompressedSize < 0 || end < start || end > size {
				return errors.New("parquet: a column lies outside the file")
			}
			n, err := checkColumn(io.NewSectionReader(r, start, end-start), maxPages-pages)
			if err != nil {
				return err
			}
			pages += n
		}
	}
	return nil
}

func checkColumn(section *io.SectionReader, allowed int) (pages int, err error) {
	var protocol thrift.CompactProtocol
	buf := bufio.NewReaderSize(nil, 512)
	for pos := int64(0); pos < section.Size(); {
		if pages++; pages > allowed {
			return pages, errors.New("parquet: more pages than are allowed")
		}
		if _, err := section.Seek(pos, io.SeekStart); err != nil {
			return pages, err
		}
		counted := &counter{r: section}
		buf.Reset(counted)
		var h format.PageHeader
		if err := thrift.NewDecoder(protocol.NewReader(buf)).Decode(&h); err != nil {
			return pages, fmt.Errorf("parquet: page header: %w", err)
		}
		if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 ||
			h.CompressedPageSize > maxPage || h.UncompressedPageSize > maxPage {
			return pages, errors.New("parquet: a page is larger than is allowed")
		}
		pos += counted.n - int64(buf.Buffered()) + int64(h.CompressedPageSize)
	}
	return pages, nil
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
