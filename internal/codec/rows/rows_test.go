package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

const logs = "../../../../shared/logs/"

type got struct {
	JSON, Raw string
	Offset    int64
	Err       string
}

func read(t testing.TB, kind Kind, text []byte) ([]got, error) {
	t.Helper()
	var out []got
	err := Read(kind, bytes.NewReader(text), int64(len(text)), func(r Row) error {
		g := got{JSON: string(r.JSON), Raw: string(r.Raw), Offset: r.Offset}
		if r.Err != nil {
			g.Err = r.Err.Error()
		} else if !json.Valid(r.JSON) {
			t.Errorf("row is no JSON: %s", r.JSON)
		}
		out = append(out, g)
		return nil
	})
	return out, err
}

func TestSniff(t *testing.T) {
	for in, want := range map[string]Kind{
		"":                        None,
		`{"a":1}`:                 None,
		"\n [1]":                  None,
		"hello world":             None,
		"a,b,c\n1,2,3\n":          None,
		"EventName,EventSource\n": CSV,
		"EventName,EventSource":   CSV,
		"\xef\xbb\xbf\"TimeGenerated [UTC]\",AwsEventId,EventName\r\n1": CSV,
		"eventName;eventSource;eventTime\n":                             CSV,
		"eventName\teventSource\n":                                      CSV,
		"_time,_raw\n":                                                  CSV,
		"@timestamp,@message\n":                                         CSV,
		"Correlation id,Operation name,Status\n":                        CSV,
		"eventName,other\n":                                             None,
		"PAR1\x15":                                                      Parquet,
		"---\ninsertId: a\nlogName: b\n":                                YAML,
		"insertId: a\nlabels:\n  x: y\nlogName: b\n":                    YAML,
		"name: a\nlogName: b\ninsertId: c\n":                            None,
		"insertId: a\n":                                                 None,
	} {
		if k := Sniff([]byte(in)); k != want {
			t.Errorf("Sniff(%q) = %v, want %v", in, k, want)
		}
	}
}

func TestCSV(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []got
	}{
		{"plain", "eventName,eventSource\na,b\nc,d\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 22},
			{JSON: `{"eventName":"c","eventSource":"d"}`, Raw: "c,d", Offset: 26}}},
		{"BOM, CRLF, no line break at the end", "\xef\xbb\xbfeventName,eventSource\r\na,b\r\n\r\nc,d", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 26},
			{JSON: `{"eventName":"c","eventSource":"d"}`, Raw: "c,d", Offset: 33}}},
		{"quotes", "eventName,eventSource,x\n\"a,\"\"b\"\"\nc\",,\"\"\n", []got{
			{JSON: `{"eventName":"a,\"b\"\nc"}`, Raw: "\"a,\"\"b\"\"\nc\",,\"\"", Offset: 24}}},
		{"short rows and trailing empties", "eventName,eventSource,x\na\na,b,c,,\n", []got{
			{JSON: `{"eventName":"a"}`, Raw: "a", Offset: 24},
			{JSON: `{"eventName":"a","eventSource":"b","x":"c"}`, Raw: "a,b,c,,", Offset: 26}}},
		{"too many cells", "eventName,eventSource\na,b,c\nd,e\n", []got{
			{Raw: "a,b,c", Offset: 22, Err: "3 cells under 2 columns"},
			{JSON: `{"eventName":"d","eventSource":"e"}`, Raw: "d,e", Offset: 28}}},
		{"files put together", "eventName,eventSource\na,b\neventName,eventSource\nc,d\neventSource,eventName\ne,f\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 22},
			{JSON: `{"eventName":"c","eventSource":"d"}`, Raw: "c,d", Offset: 48},
			{JSON: `{"eventSource":"e","eventName":"f"}`, Raw: "e,f", Offset: 74}}},
		{"a quote never closed", "eventName,eventSource\na,b\n\"c,d\ne,f\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 22},
			{Raw: "\"c,d", Offset: 26, Err: "quotes do not match"},
			{JSON: `{"eventName":"e","eventSource":"f"}`, Raw: "e,f", Offset: 31}}},
		{"not UTF-8", "eventName,eventSource\na\xff,b\n", []got{
			{JSON: "{\"eventName\":\"a\ufffd\",\"eventSource\":\"b\"}", Raw: "a\xff,b", Offset: 22}}},
		{"semicolons", "eventName;eventSource\na;\"b;c\"\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b;c"}`, Raw: `a;"b;c"`, Offset: 22}}},
		{"a column name without end", "eventName,eventSource," + strings.Repeat("x", 5000) + "\na,b,c\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b","` + strings.Repeat("x", maxColumnName) + `":"c"}`, Raw: "a,b,c", Offset: 5023}}},
		{"header alone", "eventName,eventSource\n", nil},
		{"blank lines before the header", "\n \t\r\n\neventName,eventSource\na,b\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 28}}},
		{"BOM and a blank line", "\xef\xbb\xbf\neventName,eventSource\na,b\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 26}}},
		{"a blank line, and a first column without a name", "\n\teventName\teventSource\nx\ta\tb\n", []got{
			{JSON: `{"":"x","eventName":"a","eventSource":"b"}`, Raw: "x\ta\tb", Offset: 24}}},
		{"carriage returns", "eventName,eventSource\ra,b\r\r\"c\rd\",e\rf,g", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 22},
			{JSON: `{"eventName":"c\rd","eventSource":"e"}`, Raw: "\"c\rd\",e", Offset: 27},
			{JSON: `{"eventName":"f","eventSource":"g"}`, Raw: "f,g", Offset: 35}}},
		{"blank lines of carriage returns", "\xef\xbb\xbf\r\reventName,eventSource\ra,b\r", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 27}}},
		{"carriage returns behind blank lines of line feeds", "\n\neventName,eventSource\ra,b\r", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 24}}},
		{"carriage returns and a wide header", "eventName,eventSource," + strings.Repeat("x,", 3000) + "\ra,b\r", []got{
			{JSON: `{"eventName":"a","eventSource":"b"}`, Raw: "a,b", Offset: 6023}}},
		{"a quote of the header never closed", "eventName,eventSource,\"x\na,b,c\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b","x":"c"}`, Raw: "a,b,c", Offset: 25}}},
		{"a quote of the header closed by the last row", "eventName,eventSource,\"x\na,b,c\nd,e,\"f\"\n", []got{
			{JSON: `{"eventName":"a","eventSource":"b","x":"c"}`, Raw: "a,b,c", Offset: 25},
			{JSON: `{"eventName":"d","eventSource":"e","x":"f"}`, Raw: "d,e,\"f\"", Offset: 31}}},
		{"a quote of the header closed far on", "eventName,eventSource,\"x\n" + strings.Repeat("\n", 300) + "d,e,\"f\"\na,b,c\n", []got{
			{JSON: `{"eventName":"d","eventSource":"e","x":"f"}`, Raw: "d,e,\"f\"", Offset: 325},
			{JSON: `{"eventName":"a","eventSource":"b","x":"c"}`, Raw: "a,b,c", Offset: 333}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if k := Sniff([]byte(c.in)); k != CSV {
				t.Fatalf("sniffed as %v", k)
			}
			out, err := read(t, CSV, []byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, out); d != "" {
				t.Error(d)
			}
			for _, g := range out {
				if at := c.in[g.Offset:]; !strings.HasPrefix(strings.TrimPrefix(at, "\xef\xbb\xbf"), g.Raw) {
					t.Errorf("at %d lies %q, not %q", g.Offset, at, g.Raw)
				}
			}
		})
	}
}

// A table of which no row can be read is an error, never an empty table.
func TestCSVWithoutHeader(t *testing.T) {
	for in, want := range map[string]error{
		"":                      nil,
		" \n\n":                 nil,
		"eventName,eventSource": nil,
		"foo,bar\n1,2\n":        errNoHeader,
		"foo,bar":               errNoHeader,
		"eventID,eventName,eventSource\ra,b,c\r\n": errAllHeader,
	} {
		if out, err := read(t, CSV, []byte(in)); err != want || len(out) > 0 {
			t.Errorf("%q: %v, %v; want %v", in, out, err, want)
		}
	}
}

// The row that the text may end inside is marked, and no other.
func TestOpenRows(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		in   string
		want []bool
	}{
		{CSV, "eventName,eventSource\na,b\nc,d\n", []bool{false, false}},
		{CSV, "eventName,eventSource\na,b\nc,d", []bool{false, true}},
		{CSV, "eventName,eventSource\na,b\n\"c,d", []bool{false, true}},
		{CSV, "eventName,eventSource\ra,b\rc", []bool{false, true}},
		{YAML, "insertId: a\nlogName: b\n---\ninsertId: c\n---\n", []bool{false, false}},
		{YAML, "insertId: a\nlogName: b\n---\ninsertId: c\n", []bool{false, true}},
		{YAML, "insertId: a\nlogName: b\n---\ninsertId: c", []bool{false, true}},
	} {
		var got []bool
		err := Read(c.kind, strings.NewReader(c.in), int64(len(c.in)), func(r Row) error {
			got = append(got, r.Open)
			return nil
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v %q: %v, %v; want %v", c.kind, c.in, got, err, c.want)
		}
	}
}

// One value that can only be read one way tells the order for its column,
// also for rows before it, and for the other time columns.
func TestCSVDates(t *testing.T) {
	head := "\"TimeGenerated [UTC]\",EventName,Other\n"
	for _, c := range []struct{ in, want string }{
		{head + "\"3/4/2025, 1:00:00.000 AM\",A,\"3/4/2025, 1:00:00.000 AM\"\n\"3/14/2025, 1:00:00.000 AM\",B,\n", "2025-03-04T01:00:00Z 2025-03-04T01:00:00Z"},
		{head + "\"3/4/2025, 1:00:00.000 am\",A,\"3/4/2025, 1:00:00.000 am\"\n\"14/3/2025, 1:00:00.000 am\",B,\n", "2025-04-03T01:00:00Z 2025-04-03T01:00:00Z"},
		{head + "\"3/4/2025, 01:00:00.000\",A,\"3/4/2025, 01:00:00.000\"\n", "3/4/2025, 01:00:00.000 3/4/2025, 01:00:00.000"},
		{head + "\"13/4/2025, 01:00:00.000\",A,\n\"4/13/2025, 01:00:00.000\",A,\n", "13/4/2025, 01:00:00.000 "},
		{head + "\"2025-04-03T01:00:00Z\",A,\n\"4/13/2025, 01:00:00.000\",A,\n", "2025-04-03T01:00:00Z "},
	} {
		out, err := read(t, CSV, []byte(c.in))
		if err != nil || len(out) == 0 {
			t.Fatal(out, err)
		}
		var row map[string]string
		if err := json.Unmarshal([]byte(out[0].JSON), &row); err != nil {
			t.Fatal(err)
		}
		if got := row["TimeGenerated [UTC]"] + " " + row["Other"]; got != c.want {
			t.Errorf("%q gave %q, want %q", c.in, got, c.want)
		}
	}
}

// A row beyond the limit costs itself and no other; memory stays bounded and
// the work linear.
func TestCSVTooLong(t *testing.T) {
	long := strings.Repeat("x", MaxRow+10)
	in := "eventName,eventSource\na,b\n\"" + long + "\",c\nd,e\n"
	start := time.Now()
	out, err := read(t, CSV, []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var good, bad int
	for _, g := range out {
		if g.Err != "" {
			bad++
		} else {
			good++
		}
	}
	if good != 2 || bad == 0 {
		t.Errorf("%d good and %d bad rows, want 2 good and some bad", good, bad)
	}
	in = "eventName,eventSource\n" + strings.Repeat("\"a,b\n", 200000)
	if out, err = read(t, CSV, []byte(in)); err != nil || len(out) < 100000 {
		t.Errorf("%d rows, %v", len(out), err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestYAML(t *testing.T) {
	in := `---
insertId: abc
logName: projects/p/logs/cloudaudit.googleapis.com%2Factivity
protoPayload:
  '@type': type.googleapis.com/google.cloud.audit.AuditLog
  authorizationInfo:
  - granted: true
    permission: iam.serviceAccounts.list
  methodName: google.iam.admin.v1.ListServiceAccounts
  numResponseItems: '3'
  status: {code: 7}
  note: |
    two
    lines
  empty: null
timestamp: '2018-10-23T16:13:32.123456789Z'
---
insertId: 0123
logName: x
timestamp: 2018-10-23T16:13:32Z
shared: &a {k: no}
again: *a
---
a: [1
---
# nothing
---
insertId: last
logName: y`
	if k := Sniff([]byte(in)); k != YAML {
		t.Fatalf("sniffed as %v", k)
	}
	out, err := read(t, YAML, []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 4 || out[2].Err == "" {
		t.Fatalf("%+v", out)
	}
	for i, want := range map[int]string{
		0: `{"insertId":"abc","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","authorizationInfo":[{"granted":true,"permission":"iam.serviceAccounts.list"}],"methodName":"google.iam.admin.v1.ListServiceAccounts","numResponseItems":"3","status":{"code":7},"note":"two\nlines\n","empty":null},"timestamp":"2018-10-23T16:13:32.123456789Z"}`,
		3: `{"insertId":"last","logName":"y"}`,
	} {
		if out[i].JSON != want {
			t.Errorf("document %d\ngot  %s\nwant %s", i, out[i].JSON, want)
		}
	}
	if !strings.Contains(out[1].JSON, `"timestamp":"2018-10-23T16:13:32Z"`) || !strings.Contains(out[1].JSON, `"again":{"k":`) {
		t.Errorf("document 1: %s", out[1].JSON)
	}
	for _, g := range out {
		if !strings.HasPrefix(in[g.Offset:], g.Raw) {
			t.Errorf("at %d lies %.20q, not %.20q", g.Offset, in[g.Offset:], g.Raw)
		}
	}
}

func TestYAMLBounds(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 8), i-1)
	}
	long := "insertId: " + strings.Repeat("x", 3*MaxRow) + "\nk: v\n"
	good := "insertId: good\n"
	out, err := read(t, YAML, []byte(bomb+"---\n"+good+"---\n"+long+"---\n"+good))
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 4 || out[0].Err == "" || out[2].Err == "" || out[1].JSON != out[3].JSON || out[1].JSON != `{"insertId":"good"}` {
		for _, g := range out {
			t.Errorf("%.60s %.60s", g.JSON, g.Err)
		}
	}
}

type account struct {
	UID string `parquet:"uid"`
}

type user struct {
	Type    string   `parquet:"type,optional"`
	UID     *string  `parquet:"uid,optional"`
	Account *account `parquet:"account,optional"`
}

type ocsf struct {
	ClassUID int32 `parquet:"class_uid"`
	Time     int64 `parquet:"time"`
	Actor    struct {
		User user `parquet:"user"`
	} `parquet:"actor"`
	TimeDT   time.Time         `parquet:"time_dt,timestamp(microsecond)"`
	Names    []string          `parquet:"names,list"`
	Old      []int32           `parquet:"old"`
	Unmapped map[string]string `parquet:"unmapped,optional"`
	Nested   [][]string        `parquet:"nested,list"`
	Rate     float64           `parquet:"rate"`
	OK       bool              `parquet:"ok"`
	Items    []user            `parquet:"items,list"`
}

func samples() []ocsf {
	uid := "arn:aws:iam::111122223333:user/u1"
	at := time.Date(2024, 5, 1, 10, 0, 0, 123456000, time.UTC)
	a := ocsf{ClassUID: 6003, Time: 1714557600123, TimeDT: at, Names: []string{"a", "b"}, Old: []int32{1, 2, 3},
		Unmapped: map[string]string{"readOnly": "true"}, Rate: 0.5, OK: true,
		Items: []user{{Type: "x"}, {UID: &uid, Account: &account{"1"}}, {}}}
	a.Actor.User = user{Type: "IAMUser", UID: &uid, Account: &account{UID: "111122223333"}}
	b := ocsf{ClassUID: 3005, Time: 1, TimeDT: at}
	return []ocsf{a, b}
}

func parquetFile(t testing.TB, rows []ocsf, options ...parquet.WriterOption) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[ocsf](&buf, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestParquet(t *testing.T) {
	file := parquetFile(t, samples(), parquet.Compression(&parquet.Zstd))
	if k := Sniff(file); k != Parquet {
		t.Fatalf("sniffed as %v", k)
	}
	out, err := read(t, Parquet, file)
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"class_uid": 6003., "time": 1714557600123., "time_dt": "2024-05-01T10:00:00.123456Z",
			"actor": map[string]any{"user": map[string]any{"type": "IAMUser", "uid": "arn:aws:iam::111122223333:user/u1", "account": map[string]any{"uid": "111122223333"}}},
			"names": []any{"a", "b"}, "old": []any{1., 2., 3.}, "unmapped": map[string]any{"readOnly": "true"}, "nested": []any{},
			"rate": 0.5, "ok": true,
			"items": []any{map[string]any{"type": "x"}, map[string]any{"uid": "arn:aws:iam::111122223333:user/u1", "account": map[string]any{"uid": "1"}}, map[string]any{}}},
		{"class_uid": 3005., "time": 1., "time_dt": "2024-05-01T10:00:00.123456Z",
			"actor": map[string]any{"user": map[string]any{}}, "names": []any{}, "old": []any{}, "nested": []any{}, "rate": 0., "ok": false, "items": []any{}},
	}
	if len(out) != len(want) {
		t.Fatalf("%d rows", len(out))
	}
	for i, w := range want {
		var g map[string]any
		if err := json.Unmarshal([]byte(out[i].JSON), &g); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(w, g); d != "" {
			t.Errorf("row %d: %s\n%s", i, d, out[i].JSON)
		}
		if out[i].Offset != int64(i) {
			t.Errorf("row %d numbered %d", i, out[i].Offset)
		}
	}
}

// Rows come out whole and in order over many pages and row groups.
func TestParquetManyPages(t *testing.T) {
	var rows []ocsf
	for i := range 5000 {
		r := samples()[i%2]
		r.Time = int64(i)
		rows = append(rows, r)
	}
	file := parquetFile(t, rows, parquet.PageBufferSize(512), parquet.MaxRowsPerRowGroup(700))
	out, err := read(t, Parquet, file)
	if err != nil || len(out) != len(rows) {
		t.Fatalf("%d rows, %v", len(out), err)
	}
	for i, g := range out {
		if !strings.Contains(g.JSON, fmt.Sprintf(`"time":%d,`, i)) {
			t.Fatalf("row %d is %s", i, g.JSON)
		}
	}
	stop := errors.New("stop")
	n := 0
	err = Read(Parquet, bytes.NewReader(file), int64(len(file)), func(Row) error {
		if n++; n == 100 {
			return stop
		}
		return nil
	})
	if err != stop || n != 100 {
		t.Errorf("%v after %d rows", err, n)
	}
}

func TestParquetDamaged(t *testing.T) {
	file := parquetFile(t, samples())
	for n := range len(file) {
		if _, err := read(t, Parquet, file[:n]); err == nil {
			t.Errorf("no error for the first %d of %d bytes", n, len(file))
		}
	}
	for _, file := range [][]byte{
		file,
		parquetFile(t, samples(), parquet.Compression(&parquet.Snappy)),
		parquetFile(t, samples(), parquet.Compression(&parquet.Lz4Raw)),
		parquetFile(t, samples(), parquet.Compression(&parquet.Lz4Raw), parquet.DataPageVersion(1)),
	} {
		if out, err := read(t, Parquet, file); err != nil || len(out) != 2 || out[0].Err != "" {
			t.Errorf("undamaged: %v, %v", out, err)
		}
		for i := range file {
			damaged := bytes.Clone(file)
			damaged[i] ^= 0x55
			if _, err := read(t, Parquet, damaged); err != nil {
				continue // and no panic
			}
		}
	}
}

func TestReadStopsAtYieldError(t *testing.T) {
	stop := errors.New("stop")
	for kind, text := range map[Kind]string{CSV: "eventName,eventSource\na,b\nc,d\n", YAML: "a: 1\n---\na: 2\n"} {
		n := 0
		err := Read(kind, strings.NewReader(text), int64(len(text)), func(Row) error { n++; return stop })
		if err != stop || n != 1 {
			t.Errorf("%v: %v after %d rows", kind, err, n)
		}
	}
}

func TestRealCSV(t *testing.T) {
	if _, err := os.Stat(logs); err != nil {
		t.Skip("no logs beside the checkout at ../shared/logs")
	}
	for _, c := range []struct {
		file  string
		n     int
		first string
	}{
		{"aws/Azure__Azure-Sentinel/AWS_CloudTrail_Authentication_IngestedLogs.first3.csv", 3, `"TimeGenerated [UTC]":"2025-04-16T05:50:00Z"`},
		{"azure/Azure__Azure-Sentinel/Microsoft_Azure_AuditEvent_IngestedLogs.first2.csv", 2, `"TimeGenerated [UTC]":"2024-12-19T08:49:37.587Z"`},
		{"aws/OTRF__Security-Datasets/AWS_S3_HoneyBucketLogs.csv", 301, `"Event Name":"ListObjects"`},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			text, err := os.ReadFile(logs + c.file)
			if err != nil {
				t.Fatal(err)
			}
			if k := Sniff(text[:min(len(text), 4096)]); k != CSV {
				t.Fatalf("sniffed as %v", k)
			}
			out, err := read(t, CSV, text)
			if err != nil || len(out) != c.n {
				t.Fatalf("%d rows, want %d; %v", len(out), c.n, err)
			}
			for _, g := range out {
				if g.Err != "" {
					t.Errorf("%s: %s", g.Err, g.Raw)
				}
			}
			if !strings.Contains(out[0].JSON, c.first) {
				t.Errorf("first row %s", out[0].JSON)
			}
		})
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("eventName,eventSource\na,\"b\"\"\nc\"\n"))
	f.Add([]byte("\"TimeGenerated [UTC]\",EventName,EventSource\r\n\"1/2/2025, 01:02:03 AM\",x,\"y\r\n"))
	f.Add([]byte("\xef\xbb\xbfeventName;eventSource\n;;;\n\"\n\"\"\"\n"))
	f.Add([]byte("\n\neventName,eventSource,\"x\ra,b\r\r\"c\rd\",e"))
	f.Fuzz(func(t *testing.T, in []byte) {
		Sniff(in)
		out, err := read(t, CSV, in)
		if err != nil && (err != errNoHeader && err != errAllHeader || len(out) > 0) {
			t.Fatal(err)
		}
		last := int64(-1)
		for _, g := range out {
			at := bytes.TrimPrefix(in[g.Offset:], bom)
			if g.Offset <= last || !bytes.HasPrefix(at, []byte(g.Raw)) {
				t.Fatalf("row %q at %d", g.Raw, g.Offset)
			}
			last = g.Offset
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("---\ninsertId: a\nlogName: b\n---\na: &x [1, *x]\n"))
	f.Add([]byte("a: {b: [c, 'd', \"e\", 1.5, 0x1F, ~, yes, 2020-01-01]}\n...\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := read(t, YAML, in); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetFile(f, samples()))
	f.Add(parquetFile(f, samples(), parquet.Compression(&parquet.Snappy)))
	f.Add(parquetFile(f, samples(), parquet.Compression(&parquet.Lz4Raw)))
	f.Add(groups(f))
	for _, name := range []string{"duckdb", "pyarrow", "pyarrow-empty"} {
		file, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<16 {
			return
		}
		n := 0
		stop := errors.New("enough")
		Read(Parquet, bytes.NewReader(in), int64(len(in)), func(r Row) error {
			if r.Err == nil && !json.Valid(r.JSON) {
				t.Fatalf("row is no JSON: %s", r.JSON)
			}
			if n++; n > 1000 {
				return stop
			}
			return nil
		})
	})
}
