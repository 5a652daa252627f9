package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
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

// openParquet reads the footer, if it is of a size that can be.
func openParquet(r io.ReaderAt, size int64) (*parquet.File, error) {
	var tail [8]byte
	if size < 12 {
		return nil, errors.New("the file is cut off")
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return nil, err
	}
	footer := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24
	if string(tail[4:]) != string(parquetMagic) {
		return nil, errors.New("the file is cut off")
	}
	if footer > maxFooter || footer > size-12 {
		return nil, errors.New("the footer is larger than is allowed")
	}
	if err := checkThrift(bufio.NewReader(io.NewSectionReader(r, size-8-footer, footer))); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// checkPages walks the pages of row group i before anything of it is
// decompressed, so that a header which claims gigabytes is refused and not
// believed. It takes the pages from those that the file may still have.
func checkPages(r io.ReaderAt, f *parquet.File, i int, allowed *int) error {
	groups := f.Metadata().RowGroups
	for j := range groups[i].Columns {
		m := &groups[i].Columns[j].MetaData
		start := m.DataPageOffset
		if d := m.DictionaryPageOffset; d > 0 && d < start {
			start = d
		}
		end := start + m.TotalCompressedSize
		if start < 0 || m.TotalCompressedSize < 0 || end < start || end > f.Size() {
			return errors.New("a column lies outside the file")
		}
		// The library reads every group by the codecs of the first.
		if j >= len(groups[0].Columns) || m.Codec != groups[0].Columns[j].MetaData.Codec {
			return errors.New("a column is compressed otherwise than in the first row group")
		}
		if err := checkColumn(io.NewSectionReader(r, start, end-start), m.Codec, allowed); err != nil {
			return err
		}
	}
	return nil
}

func checkColumn(section *io.SectionReader, codec format.CompressionCodec, allowed *int) error {
	var protocol thrift.CompactProtocol
	buf := bufio.NewReaderSize(nil, 512)
	for pos := int64(0); pos < section.Size(); {
		if *allowed--; *allowed < 0 {
			return errors.New("more pages than are allowed")
		}
		var (
			h       format.PageHeader
			counted *counter
		)
		for _, read := range []func(*bufio.Reader) error{
			checkThrift,
			func(b *bufio.Reader) error { return thrift.NewDecoder(protocol.NewReader(b)).Decode(&h) },
		} {
			if _, err := section.Seek(pos, io.SeekStart); err != nil {
				return err
			}
			counted = &counter{r: section}
			buf.Reset(counted)
			if err := read(buf); err != nil {
				return fmt.Errorf("page header: %w", err)
			}
		}
		if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 ||
			h.CompressedPageSize > maxPage || h.UncompressedPageSize > maxPage {
			return errors.New("a page is larger than is allowed")
		}
		pos += counted.n - int64(buf.Buffered())
		if err := checkBlock(section, pos, codec, &h); err != nil {
			return err
		}
		pos += int64(h.CompressedPageSize)
	}
	return nil
}

// checkBlock looks into a page of a codec of which the library believes what
// the page says, whatever it takes. pos is where the page begins.
func checkBlock(section *io.SectionReader, pos int64, codec format.CompressionCodec, h *format.PageHeader) error {
	if codec != format.Lz4Raw && codec != format.Snappy {
		return nil
	}
	end := pos + int64(h.CompressedPageSize)
	if v2 := &h.DataPageHeaderV2; v2.Valid {
		if v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
			return nil
		}
		// Levels stand before what is compressed.
		levels := int64(v2.V.DefinitionLevelsByteLength) + int64(v2.V.RepetitionLevelsByteLength)
		if v2.V.DefinitionLevelsByteLength < 0 || v2.V.RepetitionLevelsByteLength < 0 || pos+levels > end {
			return errors.New("the levels of a page are longer than the page")
		}
		pos += levels
	}
	if pos == end {
		return nil
	}
	in := bufio.NewReader(io.NewSectionReader(section, pos, end-pos))
	if codec == format.Lz4Raw {
		return checkLZ4(in)
	}
	if n, err := binary.ReadUvarint(in); err != nil || n > maxPage {
		return errors.New("corrupt Snappy block")
	}
	return nil
}

// checkLZ4 walks a block. The library takes every error of one for too little
// room, and tries again with twice as much until there is none.
func checkLZ4(in *bufio.Reader) error {
	damaged := errors.New("corrupt LZ4 block")
	// length reads what goes on from the four bits of a token.
	length := func(n int64) (int64, error) {
		for b := byte(0xff); n >= 15 && b == 0xff && n <= maxPage; n += int64(b) {
			var err error
			if b, err = in.ReadByte(); err != nil {
				return 0, damaged
			}
		}
		return n, nil
	}
	for size := int64(0); ; {
		token, err := in.ReadByte()
		if err != nil {
			return damaged // ends with a match
		}
		literals, err := length(int64(token >> 4))
		if err != nil {
			return err
		}
		if size += literals; size > maxPage {
			return errors.New("a page is larger than is allowed")
		}
		if _, err := in.Discard(int(literals)); err != nil {
			return damaged
		}
		var offset [2]byte
		switch n, err := io.ReadFull(in, offset[:]); {
		case n == 0 && token&15 == 0:
			return nil
		case err != nil:
			return damaged
		}
		if back := int64(offset[0]) | int64(offset[1])<<8; back == 0 || back > size {
			return damaged
		}
		match, err := length(int64(token & 15))
		if err != nil {
			return err
		}
		if size += match + 4; size > maxPage {
			return errors.New("a page is larger than is allowed")
		}
	}
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

// maxThrift is far deeper than what is in a footer.
const maxThrift = 32

// checkThrift walks a struct in Thrift's compact encoding before the library
// decodes it. The library makes room for as many elements as a list says to
// have, and goes as deep as fields of no known name lie in one another: a few
// bytes can ask for more memory, or stack, than there is.
func checkThrift(in *bufio.Reader) error {
	return skipThrift(new(thrift.CompactProtocol).NewReader(in), in, thrift.STRUCT, 0)
}

func skipThrift(r thrift.Reader, in *bufio.Reader, t thrift.Type, depth int) (err error) {
	if depth > maxThrift {
		return errors.New("nested too deep")
	}
	items := func(n int32, types ...thrift.Type) error {
		for range n {
			for _, t := range types {
				if t == thrift.TRUE || t == thrift.FALSE {
					_, err = r.ReadBool() // has a byte here, and none in a field
				} else {
					err = skipThrift(r, in, t, depth+1)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
	switch t {
	case thrift.TRUE, thrift.FALSE:
	case thrift.I8:
		_, err = r.ReadInt8()
	case thrift.I16:
		_, err = r.ReadInt16()
	case thrift.I32:
		_, err = r.ReadInt32()
	case thrift.I64:
		_, err = r.ReadInt64()
	case thrift.DOUBLE:
		_, err = r.ReadFloat64()
	case thrift.BINARY:
		var n int
		if n, err = r.ReadLength(); err == nil {
			_, err = in.Discard(n)
		}
	case thrift.LIST:
		var l thrift.List
		if l, err = r.ReadList(); err == nil {
			err = items(l.Size, l.Type)
		}
	case thrift.SET:
		var s thrift.Set
		if s, err = r.ReadSet(); err == nil {
			err = items(s.Size, s.Type)
		}
	case thrift.MAP:
		var m thrift.Map
		if m, err = r.ReadMap(); err == nil {
			err = items(m.Size, m.Key, m.Value)
		}
	case thrift.STRUCT:
		for {
			f, err := r.ReadField()
			if err != nil {
				return err
			}
			if f.Type == thrift.STOP {
				return nil
			}
			if err := skipThrift(r, in, f.Type, depth+1); err != nil {
				return err
			}
		}
	default:
		err = fmt.Errorf("no type %d", t)
	}
	return err
}
