package rows

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// refooter makes a file say something else of what it holds.
func refooter(t testing.TB, file []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	end := len(file) - 8
	footer := end - int(binary.LittleEndian.Uint32(file[end:]))
	var meta format.FileMetaData
	var p thrift.CompactProtocol
	if err := thrift.Unmarshal(&p, file[footer:end], &meta); err != nil {
		t.Fatal(err)
	}
	change(&meta)
	changed, err := thrift.Marshal(&p, &meta)
	if err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(file[:footer]), changed...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(changed))), parquetMagic...)
}

// columnFile is a file of one column v with one value.
func columnFile(t testing.TB, node parquet.Node, v parquet.Value) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := parquet.NewWriter(&buf, parquet.NewSchema("row", parquet.Group{"v": node}))
	if _, err := w.WriteRows([]parquet.Row{{v.Level(0, 0, 0)}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func sevens(n int) []byte { return append(make([]byte, n-1), 7) }

// A value is written as what its column is annotated to hold, and so it is
// where an older writer says it as a converted type alone.
func TestParquetValues(t *testing.T) {
	fixed := func(n int) parquet.Type { return parquet.FixedLenByteArrayType(n) }
	uuid := []byte("\x0f\x6c\x1f\x8e\x6f\x0a\x4f\x0e\x9a\x53\x0c\x1d\x2e\x3f\x4a\xFb")
	for _, c := range []struct {
		name string
		node parquet.Node
		v    any
		want string
	}{
		{"UUID", parquet.UUID(), uuid, `"0f6c1f8e-6f0a-4f0e-9a53-0c1d2e3f4afb"`},
		{"bytes of a UUID, not said to be one", parquet.Leaf(fixed(16)), uuid, `"0f6c1f8e6f0a4f0e9a530c1d2e3f4afb"`},
		{"JSON object", parquet.JSON(), []byte(` {"filterSet": {}, "n":[1, "x"]}` + "\n"), `{"filterSet":{},"n":[1,"x"]}`},
		{"JSON text", parquet.JSON(), []byte(`"a \"b\""`), `"a \"b\""`},
		{"JSON number", parquet.JSON(), []byte(`111122223333`), `111122223333`},
		{"JSON that is none", parquet.JSON(), []byte(`{"a":`), `"{\"a\":"`},
		{"JSON and more", parquet.JSON(), []byte(`{} {}`), `"{} {}"`},
		{"JSON of nothing", parquet.JSON(), []byte(``), `""`},
		{"text that is JSON", parquet.String(), []byte(`{"a":1}`), `"{\"a\":1}"`},
		{"ENUM", parquet.Enum(), []byte("READ"), `"READ"`},
		{"bytes", parquet.Leaf(parquet.ByteArrayType), []byte("text"), `"text"`},
		{"DECIMAL in 4 bytes", parquet.Decimal(2, 9, parquet.Int32Type), int32(40300), `403`},
		{"DECIMAL in 8 bytes", parquet.Decimal(3, 18, parquet.Int64Type), int64(-1773752400250), `-1773752400.25`},
		{"DECIMAL smaller than its last digits", parquet.Decimal(4, 9, parquet.Int32Type), int32(-5), `-0.0005`},
		{"DECIMAL of nothing", parquet.Decimal(4, 9, parquet.Int32Type), int32(0), `0`},
		{"DECIMAL of round thousands", parquet.Decimal(0, 9, parquet.Int32Type), int32(7000), `7000`},
		{"DECIMAL(38, 0)", parquet.Decimal(0, 38, fixed(16)), sevens(16), `7`},
		{"negative DECIMAL(38, 0)", parquet.Decimal(0, 38, fixed(16)), bytes.Repeat([]byte{0xff}, 16), `-1`},
		{"DECIMAL(20, 0)", parquet.Decimal(0, 20, fixed(9)), append([]byte{1}, make([]byte, 8)...), `18446744073709551616`},
		{"DECIMAL of any length", parquet.Decimal(1, 38, parquet.ByteArrayType), []byte{0x01, 0x00}, `25.6`},
		{"DECIMAL longer than any", parquet.Decimal(0, 99, fixed(33)), sevens(33), `"` + strings.Repeat("00", 32) + `07"`},
		{"fixed-length text", parquet.Leaf(fixed(9)), []byte("eu-west-1"), `"eu-west-1"`},
		{"fixed-length text, filled up", parquet.Leaf(fixed(12)), []byte("eu-west-1\x00\x00\x00"), `"eu-west-1"`},
		{"fixed-length text beyond ASCII", parquet.Leaf(fixed(6)), []byte("Zoë\x00\x00"), `"Zoë"`},
		{"fixed-length bytes", parquet.Leaf(fixed(4)), []byte("a\x01bc"), `"61016263"`},
		{"fixed-length zeros", parquet.Leaf(fixed(2)), []byte("\x00\x00"), `"0000"`},
		{"unsigned 32 bits", parquet.Uint(32), int32(-1), `4294967295`},
		{"unsigned 64 bits", parquet.Uint(64), int64(math.MinInt64), `9223372036854775808`},
		{"signed 64 bits", parquet.Int(64), int64(-1), `-1`},
		{"integral double", parquet.Leaf(parquet.DoubleType), 1773752400., `1773752400`},
		{"integral double of milliseconds", parquet.Leaf(parquet.DoubleType), 1773752400123., `1773752400123`},
		{"round double", parquet.Leaf(parquet.DoubleType), 1e15, `1000000000000000`},
		{"large double", parquet.Leaf(parquet.DoubleType), 1e21, `1e+21`},
		{"small double", parquet.Leaf(parquet.DoubleType), 0.00001, `0.00001`},
		{"fraction", parquet.Leaf(parquet.DoubleType), 1773752400.125, `1773752400.125`},
		{"float", parquet.Leaf(parquet.FloatType), float32(16777216), `16777216`},
		{"DATE", parquet.Date(), int32(1), `"1970-01-02"`},
		{"TIMESTAMP", parquet.Timestamp(parquet.Millisecond), int64(1500), `"1970-01-01T00:00:01.5Z"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := columnFile(t, c.node, parquet.ValueOf(c.v))
			for _, old := range []bool{false, true} {
				if old {
					typ := c.node.Type()
					if typ.ConvertedType() == nil {
						continue // nothing that an older writer could say
					}
					file = refooter(t, file, func(m *format.FileMetaData) { m.Schema[1].LogicalType.Value = nil })
				}
				out, err := read(t, Parquet, file)
				if err != nil || len(out) != 1 {
					t.Fatal(out, err)
				}
				if want := `{"v":` + c.want + `}`; out[0].JSON != want {
					t.Errorf("converted type alone %v: %s, want %s", old, out[0].JSON, want)
				}
			}
		})
	}
}

// What a footer may claim of a column without anyone having meant it costs
// neither the program nor more than the value.
func TestParquetHostileAnnotations(t *testing.T) {
	file := columnFile(t, parquet.Decimal(2, 38, parquet.FixedLenByteArrayType(16)), parquet.ValueOf(sevens(16)))
	for _, scale := range []int32{math.MinInt32, -1, maxScale + 1, math.MaxInt32} {
		in := refooter(t, file, func(m *format.FileMetaData) {
			m.Schema[1].LogicalType.Value = &format.DecimalType{Scale: scale, Precision: 38}
		})
		out, err := read(t, Parquet, in)
		if err != nil || (len(out) != 1 || out[0].JSON != `{"v":"00000000000000000000000000000007"}`) {
			t.Errorf("scale %d: %v", scale, out)
		}
	}
	interval := refooter(t, columnFile(t, parquet.Leaf(parquet.FixedLenByteArrayType(12)), parquet.ValueOf([]byte("abcdefghijkl"))), func(m *format.FileMetaData) {
		m.Schema[1].ConvertedType.V, m.Schema[1].ConvertedType.Valid = deprecated.Interval, true
	})
	if out, err := read(t, Parquet, interval); err != nil || out[0].JSON != `{"v":"6162636465666768696a6b6c"}` {
		t.Errorf("interval: %v, %v", out, err)
	}
}

// A table that DuckDB made of JSON says what the JSON said.
func TestParquetByDuckDB(t *testing.T) {
	lines, err := os.ReadFile("testdata/cloudtrail.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("testdata/duckdb.parquet")
	if err != nil {
		t.Fatal(err)
	}
	out, err := read(t, Parquet, file)
	want := strings.Split(strings.TrimSpace(string(lines)), "\n")
	if err != nil || len(out) != len(want) {
		t.Fatalf("%d rows, %v", len(out), err)
	}
	for i := range want {
		var w, g map[string]any
		if err := json.Unmarshal([]byte(want[i]), &w); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(out[i].JSON), &g); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(w, g); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
}

func TestParquetByPyarrow(t *testing.T) {
	want := []string{
		`{"id":"0f6c1f8e-6f0a-4f0e-9a53-0c1d2e3f4a5b","code":7,"wide":-403.5,"small":200,"region":"eu-west-1","digest":"00ff0102","document":{"a":[1,"x"]},"seconds":1773752400,"account":9223372036854775809}`,
		`{"code":-1773752400123,"wide":0.000000001,"small":-0.05,"region":"us-east-1","digest":"80000000","document":"text","seconds":0.25,"account":111122223333}`,
	}
	for name, n := range map[string]int{"pyarrow": 2, "pyarrow-empty": 0} {
		file, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		out, err := read(t, Parquet, file)
		if err != nil || len(out) != n {
			t.Fatalf("%s: %d rows, %v", name, len(out), err)
		}
		for i, g := range out {
			if d := cmp.Diff(want[i], g.JSON); d != "" {
				t.Errorf("row %d: %s", i, d)
			}
		}
	}
}

// groups is a file of three row groups of ten rows each.
func groups(t testing.TB) []byte {
	var rows []ocsf
	for i := range 30 {
		r := samples()[0]
		r.Time = int64(i)
		rows = append(rows, r)
	}
	return parquetFile(t, rows, parquet.MaxRowsPerRowGroup(10), parquet.Compression(&parquet.Zstd))
}

// A damaged row group costs its own rows and no other, is named, and the rows
// behind it keep their numbers.
func TestParquetDamagedGroup(t *testing.T) {
	file := groups(t)
	var meta format.FileMetaData
	refooter(t, file, func(m *format.FileMetaData) { meta = *m })
	if len(meta.RowGroups) != 3 {
		t.Fatalf("%d row groups", len(meta.RowGroups))
	}
	for _, c := range []struct {
		name   string
		group  int
		damage func(b []byte, at, end int64)
		why    string
	}{
		{"page header", 1, func(b []byte, at, _ int64) { copy(b[at:], "\xff\xff\xff\xff\xff\xff") }, "page header"},
		{"first page header of the file", 0, func(b []byte, at, _ int64) { copy(b[at:], "\xff\xff\xff\xff\xff\xff") }, "page header"},
		{"data", 2, func(b []byte, _, end int64) { copy(b[end-8:], "\xff\xff\xff\xff\xff\xff\xff\xff") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &meta.RowGroups[c.group].Columns[1].MetaData
			at := m.DataPageOffset
			if d := m.DictionaryPageOffset; d > 0 && d < at {
				at = d
			}
			damaged := bytes.Clone(file)
			c.damage(damaged, at, at+m.TotalCompressedSize)
			var good, lost []Row
			err := Read(Parquet, bytes.NewReader(damaged), int64(len(damaged)), func(r Row) error {
				if r.Err != nil {
					lost = append(lost, r)
				} else {
					r.JSON = bytes.Clone(r.JSON)
					good = append(good, r)
				}
				return nil
			})
			if err != nil || len(good) != 20 || len(lost) != 1 {
				t.Fatalf("%d rows, lost %v, %v", len(good), lost, err)
			}
			for i, r := range good {
				want := int64(i)
				if i >= c.group*10 {
					want += 10
				}
				var row struct{ Time int64 }
				if err := json.Unmarshal(r.JSON, &row); err != nil || r.Offset != want || row.Time != want {
					t.Errorf("row %d of time %d stands at %d, %v", want, row.Time, r.Offset, err)
				}
			}
			l := lost[0]
			if l.Lost != 10 || l.Offset != int64(c.group*10) ||
				!strings.Contains(l.Err.Error(), "row group "+string(rune('1'+c.group))+" of 3, 10 of its 10 rows lost: ") || !strings.Contains(l.Err.Error(), c.why) {
				t.Errorf("%d rows lost at %d: %v", l.Lost, l.Offset, l.Err)
			}
		})
	}
}

// Groups may be said to have more rows than they have. What is not there is
// lost, but it is counted within the size of the file.
func TestParquetFewerRows(t *testing.T) {
	for _, claimed := range []int64{15, 1 << 40, math.MaxInt64} {
		file := refooter(t, groups(t), func(m *format.FileMetaData) {
			for i := range m.RowGroups {
				m.RowGroups[i].NumRows = claimed
			}
		})
		rows, lost := 0, int64(0)
		err := Read(Parquet, bytes.NewReader(file), int64(len(file)), func(r Row) error {
			if r.Err == nil {
				rows++
			}
			lost += r.Lost
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if rows != 30 || lost == 0 || lost > int64(len(file))+3 || claimed == 15 && lost != 15 {
			t.Errorf("%d rows claimed a group: %d read, %d lost", claimed, rows, lost)
		}
	}
}

// A group without rows may be one without pages, which writers say lie at 0.
func TestParquetGroupWithoutRows(t *testing.T) {
	empty := func(m *format.FileMetaData) {
		for i := range m.RowGroups[1].Columns {
			c := &m.RowGroups[1].Columns[i].MetaData
			c.DataPageOffset, c.DictionaryPageOffset, c.NumValues = 0, 0, 0
		}
		m.RowGroups[1].NumRows = 0
	}
	out, err := read(t, Parquet, refooter(t, groups(t), empty))
	if err != nil || len(out) != 20 {
		t.Errorf("%d rows, %v", len(out), err)
	}
}

// A few bytes of a footer or a page header may not ask for more memory or
// stack than there is: a list of a hundred million elements that are not
// there, structs a million deep.
func TestParquetHostileThrift(t *testing.T) {
	list := append([]byte{0x29, 0xfc}, 0x80, 0x80, 0x80, 0x40) // field 2, a list of 2^27 structs
	deep := bytes.Repeat([]byte{0x1c}, 16<<20)                 // each a struct in the first field of the one around it
	for name, footer := range map[string][]byte{"list": list, "deep": deep} {
		in := append([]byte("PAR1"), footer...)
		in = append(binary.LittleEndian.AppendUint32(in, uint32(len(footer))), "PAR1"...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := read(t, Parquet, in)
		runtime.ReadMemStats(&after)
		if err == nil || len(out) > 0 {
			t.Errorf("%s: %v, %v", name, out, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 256<<20 {
			t.Errorf("%s: %d MiB for %d bytes", name, n>>20, len(in))
		}
	}
	file := groups(t)
	var at int64
	file = refooter(t, append(bytes.Clone(file[:4]), append(deep, file[4:]...)...), func(m *format.FileMetaData) {
		c := &m.RowGroups[0].Columns[0].MetaData
		c.DataPageOffset, c.DictionaryPageOffset, c.TotalCompressedSize = 4, 0, int64(len(deep))
		at = c.DataPageOffset
	})
	out, err := read(t, Parquet, file)
	if err != nil || len(out) == 0 || !strings.Contains(out[0].Err, "page header: nested too deep") {
		t.Errorf("page header at %d: %v, %v", at, out, err)
	}
}

// The library goes on for ever with an LZ4 block that it cannot read: one that
// the check lets pass it reads.
func TestCheckLZ4(t *testing.T) {
	check := func(b []byte) error { return checkLZ4(bufio.NewReader(bytes.NewReader(b))) }
	rng := rand.New(rand.NewSource(7))
	passed := 0
	for i := range 2000 {
		text := bytes.Repeat([]byte("eventName"), rng.Intn(200))
		for range rng.Intn(100) {
			text = append(text, byte(rng.Intn(4)))
		}
		block, err := parquet.Lz4Raw.Encode(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(block) == 0 {
			continue
		}
		if err := check(block); err != nil {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if i%4 == 0 {
			block = block[:rng.Intn(len(block))]
		}
		for range rng.Intn(3) {
			if len(block) > 0 {
				block[rng.Intn(len(block))] = byte(rng.Intn(256))
			}
		}
		if check(block) == nil {
			passed++
			if _, err := parquet.Lz4Raw.Decode(nil, block); err != nil {
				t.Error(err)
			}
		}
	}
	if passed < 100 {
		t.Errorf("%d damaged blocks passed", passed)
	}
	for name, block := range map[string]string{
		"nothing":                   "",
		"literals cut off":          "\x40abc",
		"length cut off":            "\xf0\xff",
		"a match last":              "\x10a\x01\x00",
		"a match wanted, not there": "\x11a",
		"a match of no distance":    "\x10a\x00\x00\x10b",
		"a match from before":       "\x10a\x02\x00\x10b",
		"more than a page":          "\x1fa\x01\x00" + strings.Repeat("\xff", maxPage/255+2) + "\x00\x00",
	} {
		if check([]byte(block)) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
