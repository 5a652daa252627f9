package rows

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// readParquet reads the rows of a Parquet file of any schema, group by group:
// a damaged group costs itself, a damaged footer the file.
func readParquet(r io.ReaderAt, size int64, yield func(Row) error) error {
	var (
		f *parquet.File
		t *tree
	)
	err := guarded(func() (err error) {
		if f, err = openParquet(r, size); err == nil {
			t, err = newTree(f.Schema())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	var fromYield error
	groups := f.RowGroups()
	number, pages, credible := int64(0), maxPages, size
	for i, group := range groups {
		// A group without rows may be one without pages.
		rows := group.NumRows()
		if rows == 0 {
			continue
		}
		read := int64(0)
		err := guarded(func() error {
			if err := checkPages(r, f, i, &pages); err != nil {
				return err
			}
			return readGroup(group, t, func(row Row) error {
				row.Offset = number + read
				read++
				fromYield = yield(row)
				return fromYield
			})
		})
		if fromYield != nil {
			return fromYield
		}
		number += read
		if err == nil && read < rows {
			err = errors.New("it ends early")
		}
		if err == nil {
			continue
		}
		// How many rows there were is what the footer says; of all groups
		// together it is not believed more than the file has bytes.
		err = fmt.Errorf("parquet: row group %d of %d, %d of its %d rows lost: %w", i+1, len(groups), max(rows-read, 0), rows, err)
		lost := max(min(rows-read, credible), 1)
		credible -= lost
		if err := yield(Row{Offset: number, Err: err, Lost: lost}); err != nil {
			return err
		}
		number += lost
	}
	return nil
}

// guarded makes an error of a panic: a file that is not what it says makes the
// library panic here and there, and that is no end of the program.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return f()
}

func readGroup(group parquet.RowGroup, tree *tree, yield func(Row) error) error {
	reader := group.Rows()
	defer reader.Close()
	batch := make([]parquet.Row, 64)
	var out []byte
	for {
		n, err := reader.ReadRows(batch)
		for _, values := range batch[:n] {
			var row Row
			if out, row.Err = tree.row(out[:0], values); row.Err == nil {
				row.JSON = out
			}
			if err := yield(row); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrNoProgress
		}
	}
}

// tree is a schema laid out for putting rows together again from the values
// of their leaf columns (Dremel's record assembly).
type tree struct {
	root    column
	columns int
	values  [][]parquet.Value // of the row at hand, by leaf column
}

// column is a node of the schema.
type column struct {
	name     []byte // with JSON quotes
	kids     []*column
	first    int // first leaf column below, or this one
	leaves   int // how many leaf columns
	def, rep int // levels at which a value of the node exists
	optional bool
	repeated bool
	list     bool // a group that only holds a list
	pairs    bool // a group that only holds a map
	leaf     leaf // how values are written, where it has no kids
}

const maxParquetDepth = 64

func newTree(schema *parquet.Schema) (*tree, error) {
	t := &tree{}
	for _, f := range schema.Fields() {
		if err := t.add(&t.root, f, 0, 0, 1); err != nil {
			return nil, err
		}
	}
	if t.columns == 0 || t.columns > maxColumns {
		return nil, fmt.Errorf("%d columns", t.columns)
	}
	t.values = make([][]parquet.Value, t.columns)
	return t, nil
}

func (t *tree) add(parent *column, f parquet.Field, def, rep, depth int) error {
	if depth > maxParquetDepth {
		return errors.New("schema nested too deep")
	}
	c := &column{name: quote(nil, []byte(f.Name())), first: t.columns, optional: f.Optional(), repeated: f.Repeated()}
	if c.optional || c.repeated {
		def++
	}
	if c.repeated {
		rep++
	}
	c.def, c.rep = def, rep
	parent.kids = append(parent.kids, c)
	if f.Leaf() {
		t.columns++
		c.leaves = 1
		c.leaf = leafOf(f.Type())
		return nil
	}
	for _, kid := range f.Fields() {
		if err := t.add(c, kid, def, rep, depth+1); err != nil {
			return err
		}
	}
	c.leaves = t.columns - c.first
	if c.leaves == 0 {
		return errors.New("group without columns")
	}
	if len(c.kids) == 1 && c.kids[0].repeated {
		switch inner := c.kids[0]; string(inner.name) {
		case `"list"`, `"bag"`, `"array"`:
			c.list = len(inner.kids) <= 1
		case `"key_value"`, `"map"`:
			c.pairs = len(inner.kids) == 2 && inner.kids[0].leaves == 1 && inner.kids[0].kids == nil
		}
	}
	return nil
}

var errRow = errors.New("parquet: row does not fit the schema")

// row writes one row as JSON.
func (t *tree) row(dst []byte, values parquet.Row) (_ []byte, err error) {
	for i := range t.values {
		t.values[i] = t.values[i][:0]
	}
	for _, v := range values {
		c := v.Column()
		if c < 0 || c >= t.columns {
			return dst, errRow
		}
		t.values[c] = append(t.values[c], v)
	}
	return t.members(dst, &t.root)
}

// members writes the members of a group; those that are null are left out.
func (t *tree) members(dst []byte, c *column) ([]byte, error) {
	dst = append(dst, '{')
	for _, k := range c.kids {
		before := len(dst)
		if dst[before-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(dst, k.name...), ':')
		at := len(dst)
		var err error
		if dst, err = t.value(dst, k); err != nil {
			return dst, err
		}
		if string(dst[at:]) == "null" {
			dst = dst[:before]
		}
	}
	return append(dst, '}'), nil
}

// value writes a node's value: null, an array of a repeated node, or one.
func (t *tree) value(dst []byte, c *column) ([]byte, error) {
	if len(dst) > MaxRow {
		return dst, errTooLong
	}
	head := t.values[c.first]
	if len(head) == 0 {
		return dst, errRow
	}
	if c.optional && head[0].DefinitionLevel() < c.def {
		return append(dst, "null"...), t.skip(c)
	}
	if !c.repeated {
		return t.one(dst, c)
	}
	dst = append(dst, '[')
	err := t.repeat(c, func(i int) (err error) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, err = t.one(dst, c)
		return err
	})
	return append(dst, ']'), err
}

// repeat calls f for each element of a repeated node.
func (t *tree) repeat(c *column, f func(i int) error) error {
	head := t.values[c.first]
	if len(head) == 0 {
		return errRow
	}
	if head[0].DefinitionLevel() < c.def {
		return t.skip(c) // no element
	}
	for i := 0; ; i++ {
		left := len(t.values[c.first])
		if err := f(i); err != nil {
			return err
		}
		head = t.values[c.first]
		if len(head) == left {
			return errRow
		}
		if len(head) == 0 || head[0].RepetitionLevel() != c.rep {
			return nil
		}
	}
}

// one writes a value that is there.
func (t *tree) one(dst []byte, c *column) ([]byte, error) {
	switch {
	case c.kids == nil:
		v := t.values[c.first][0]
		t.values[c.first] = t.values[c.first][1:]
		return c.leaf.append(dst, v), nil
	case c.list:
		inner := c.kids[0]
		dst = append(dst, '[')
		err := t.repeat(inner, func(i int) (err error) {
			if i > 0 {
				dst = append(dst, ',')
			}
			if len(inner.kids) == 1 {
				dst, err = t.value(dst, inner.kids[0])
			} else {
				dst, err = t.one(dst, inner)
			}
			return err
		})
		return append(dst, ']'), err
	case c.pairs:
		inner := c.kids[0]
		dst = append(dst, '{')
		err := t.repeat(inner, func(i int) (err error) {
			if i > 0 {
				dst = append(dst, ',')
			}
			at := len(dst)
			if dst, err = t.value(dst, inner.kids[0]); err != nil {
				return err
			}
			if dst[at] != '"' { // a key that is no string
				dst = quote(dst[:at], append([]byte(nil), dst[at:]...))
			}
			dst = append(dst, ':')
			dst, err = t.value(dst, inner.kids[1])
			return err
		})
		return append(dst, '}'), err
	}
	return t.members(dst, c)
}

// skip consumes the placeholders that stand for a missing value: one in each
// leaf column below.
func (t *tree) skip(c *column) error {
	for i := c.first; i < c.first+c.leaves; i++ {
		if len(t.values[i]) == 0 {
			return errRow
		}
		t.values[i] = t.values[i][1:]
	}
	return nil
}
