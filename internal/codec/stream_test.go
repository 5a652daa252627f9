package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"vedette/internal/codec/jsonscan"
)

// measure returns where the value at b[0] ends, looking at an object's members
// as a decoder does.
func measure(b []byte) (int, error) {
	if b[0] != '{' {
		return jsonscan.Skip(b, 0)
	}
	o := jsonscan.Members(b)
	for {
		if _, _, ok := o.Next(); !ok {
			return o.End(), o.Err()
		}
	}
}

// walk reads a text as a scan does and returns the values that the stream
// hands out, and how many of them were broken. An object with the member
// "eventName" is a record that is understood; what else is whole is passed.
func walk(t testing.TB, s *Stream) (records []string, broken int) {
	t.Helper()
	last := int64(-1)
	for s.Next() {
		b := s.Bytes()
		if len(b) == 0 {
			t.Fatal("a record without a byte")
		}
		n, err := measure(b)
		if errors.Is(err, jsonscan.ErrTruncated) && s.More() {
			continue
		}
		if at := s.Offset(); at <= last {
			t.Fatalf("offset %d after %d: the stream does not move on", at, last)
		} else {
			last = at
		}
		if err != nil {
			broken++
			s.Resync()
			continue
		}
		raw := string(b[:n])
		if b[0] == '{' && strings.Contains(raw, `"eventName"`) {
			s.Advance(n)
			records = append(records, raw)
			continue
		}
		passed, ok := s.Pass()
		if !ok || string(passed) != raw {
			t.Fatalf("Pass gives %q, %v for %q", passed, ok, raw)
		}
		records = append(records, raw)
	}
	return records, broken
}

func record(i int) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","eventName":"List%d","nested":{"a":[1,{"b":"}],{"}]},"text":"\"{\\"}`, i)
}

func records(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = record(i)
	}
	return out
}

// layouts are the ways in which logs lay several records.
var layouts = []struct {
	name string
	lay  func(recs []string) string
}{
	{"one after the other", func(r []string) string { return strings.Join(r, "") }},
	{"JSON lines", func(r []string) string { return strings.Join(r, "\n") }},
	{"JSON lines with a line end at the end", func(r []string) string { return strings.Join(append(slices.Clone(r), ""), "\n") }},
	{"JSON lines with CRLF", func(r []string) string { return strings.Join(append(slices.Clone(r), ""), "\r\n") }},
	{"JSON lines with commas", func(r []string) string { return strings.Join(r, ",\n") }},
	{"JSON lines with empty lines", func(r []string) string { return "\n\n" + strings.Join(r, "\n\n\n") + "\n\n" }},
	{"NULs between", func(r []string) string { return strings.Join(r, "\x00") + "\x00\x00" }},
	{"byte order mark", func(r []string) string { return "\xef\xbb\xbf" + strings.Join(r, "\n") }},
	{"byte order mark on each line", func(r []string) string {
		return "\xef\xbb\xbf" + strings.Join(r, "\n\xef\xbb\xbf")
	}},
	{"array", func(r []string) string { return "[" + strings.Join(r, ",") + "]" }},
	{"array, one a line", func(r []string) string { return "[\n  " + strings.Join(r, ",\n  ") + "\n]\n" }},
	{"array behind a byte order mark", func(r []string) string { return "\xef\xbb\xbf[" + strings.Join(r, ",") + "]" }},
	{"arrays one after the other", func(r []string) string {
		h := len(r) / 2
		return "[" + strings.Join(r[:h], ",") + "]\n[" + strings.Join(r[h:], ",") + "]"
	}},
	{"Records", func(r []string) string { return `{"Records":[` + strings.Join(r, ",") + `]}` }},
	{"Records with spaces", func(r []string) string { return "{ \"Records\" : [ " + strings.Join(r, " , ") + " ] }" }},
	{"value behind members, members behind it", func(r []string) string {
		return `{"count":12,"odata":{"value":[]},"text":"{\"","null":null,"value":[` + strings.Join(r, ",") + `],"nextLink":"https://x/?{","n":1}`
	}},
	{"two arrays in one object", func(r []string) string {
		h := len(r) / 2
		return `{"records":[` + strings.Join(r[:h], ",") + `],"Records":[` + strings.Join(r[h:], ",") + `]}`
	}},
	{"objects of Records one after the other", func(r []string) string {
		var b strings.Builder
		for _, x := range r {
			b.WriteString(`{"Records":[` + x + `]}`)
		}
		return b.String()
	}},
	{"no Records before Records", func(r []string) string {
		return `{"Records":[]}` + "\n" + `{"Records":[` + strings.Join(r, ",") + `]}`
	}},
}

func TestStreamLayouts(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			want := records(6)
			text := l.lay(want)
			for _, in := range []struct {
				name string
				r    io.Reader
			}{
				{"whole", strings.NewReader(text)},
				{"byte by byte", iotest.OneByteReader(strings.NewReader(text))},
				{"half reads", iotest.HalfReader(strings.NewReader(text))},
				{"end with the data", iotest.DataErrReader(strings.NewReader(text))},
			} {
				var s Stream
				s.Reset(in.r)
				got, broken := walk(t, &s)
				if !slices.Equal(got, want) || broken != 0 || s.Loose() || s.Err() != nil {
					t.Errorf("%s: %d records, %d broken, loose %v, err %v; want %d records\n%q", in.name, len(got), broken, s.Loose(), s.Err(), len(want), got)
				}
			}
			var s Stream
			s.ResetBytes([]byte(text))
			if got, broken := walk(t, &s); !slices.Equal(got, want) || broken != 0 {
				t.Errorf("in memory: %d records, %d broken", len(got), broken)
			}
		})
	}
}

func TestStreamSingle(t *testing.T) {
	pretty := "{\n    \"eventVersion\": \"1.08\",\n    \"eventName\": \"ListUsers\",\n    \"list\": [\n        {\n            \"a\": 1\n        }\n    ]\n}"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"white space", " \r\n\t\x00\n", nil},
		{"byte order mark alone", "\xef\xbb\xbf", nil},
		{"empty array", "[]", nil},
		{"empty array with space", "[ \n ]\n", nil},
		{"empty Records", `{"Records":[]}`, nil},
		{"pretty object", pretty, []string{pretty}},
		{"array of strings", `["{\"a\":1}", "b"]`, []string{`"{\"a\":1}"`, `"b"`}},
		{"Records of strings", `{"records":["{\"a\":1}"]}`, []string{`"{\"a\":1}"`}},
		{"array of arrays", `[[{"a":1}],[]]`, []string{`[{"a":1}]`, `[]`}},
		{"scalars", "1 true null \"x\" -2.5e3", []string{"1", "true", "null", `"x"`, "-2.5e3"}},
		{"an object that holds no records", `{"Records":null}`, []string{`{"Records":null}`}},
		{"a record with a member value", `{"eventName":"x","value":"y"}`, []string{`{"eventName":"x","value":"y"}`}},
		{"value of numbers", `{"value":[1,2]}`, []string{`{"value":[1,2]}`}},
		{"not UTF-8", "{\"eventName\":\"\xff\xfe\x80\"}\n{\"eventName\":\"b\"}", []string{"{\"eventName\":\"\xff\xfe\x80\"}", `{"eventName":"b"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Stream
			s.Reset(strings.NewReader(c.text))
			got, broken := walk(t, &s)
			if !slices.Equal(got, c.want) || broken != 0 || s.Err() != nil {
				t.Errorf("got %q, %d broken, err %v; want %q", got, broken, s.Err(), c.want)
			}
		})
	}
}

// TestStreamCut: a text that ends between two records inside their list is cut
// off, and its records are read; values one after the other may end anywhere.
func TestStreamCut(t *testing.T) {
	want := records(3)
	list := strings.Join(want, ",\n")
	for _, c := range []struct {
		name, text string
		cut        bool
	}{
		{"before a comma", `{"Records":[` + list, true},
		{"after a comma", `{"Records":[` + list + ",", true},
		{"after a comma and space", `{"Records":[` + list + ", \r\n", true},
		{"lower case records", `{"records":[` + list, true},
		{"top-level array", "[" + list, true},
		{"top-level array after a comma", "[" + list + ",", true},
		{"after the list", `{"Records":[` + list + "]", true},
		{"in a key after the list", `{"value":[` + list + `],"nextL`, true},
		{"after a key", `{"value":[` + list + `],"nextLink"`, true},
		{"after a colon", `{"value":[` + list + `],"nextLink":`, true},
		{"in a value after the list", `{"value":[` + list + `],"nextLink":"https://x`, true},
		{"second list cut", `{"Records":[` + list + `]}{"Records":[`, true},
		{"whole", `{"Records":[` + list + "]}", false},
		{"whole, space behind", `{"Records":[` + list + "]} \n", false},
		{"lines", strings.Join(want, "\n"), false},
		{"lines with commas", strings.Join(want, ",\n") + ",", false},
		{"nothing between", strings.Join(want, ""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Stream
			for range 2 { // the second text must not inherit from the first
				for in, reset := range map[string]func(){
					"read":      func() { s.Reset(iotest.OneByteReader(strings.NewReader(c.text))) },
					"in memory": func() { s.ResetBytes([]byte(c.text)) },
				} {
					reset()
					got, broken := walk(t, &s)
					if !slices.Equal(got, want) || broken != 0 || errors.Is(s.Err(), ErrCut) != c.cut || !c.cut && s.Err() != nil {
						t.Errorf("%s: %d records, %d broken, err %v", in, len(got), broken, s.Err())
					}
				}
			}
		})
	}
	var s Stream
	s.Reset(strings.NewReader(`{"Records":[` + list + `,{"eventName":"x`))
	if _, broken := walk(t, &s); broken != 1 || s.Err() != nil {
		t.Errorf("a text cut inside a record: %d broken, err %v; want one, told once", broken, s.Err())
	}
}

// TestStreamSizes: a record may be longer than CloudTrail's 256 KB and than
// the window; one longer than MaxRecord costs itself alone.
func TestStreamSizes(t *testing.T) {
	long := func(n int) string {
		return `{"eventVersion":"1.08","eventName":"Long","text":"` + strings.Repeat("x", n-52) + `"}`
	}
	for _, c := range []struct {
		size   int
		broken int
	}{
		{256 << 10, 0}, {windowSize - 1, 0}, {windowSize, 0}, {windowSize + 1, 0}, {3*windowSize + 17, 0},
		{MaxRecord - 1, 0}, {MaxRecord, 0}, {MaxRecord + 1, 1}, {MaxRecord + 3*windowSize, 1},
	} {
		for _, at := range []int{0, 2, 4} {
			recs := records(5)
			want := slices.Clone(recs)
			recs[at] = long(c.size)
			if len(recs[at]) != c.size {
				t.Fatalf("the test's record has %d bytes and not %d", len(recs[at]), c.size)
			}
			if c.broken == 0 {
				want[at] = recs[at]
			} else {
				want = slices.Delete(want, at, at+1)
			}
			checkLong(t, fmt.Sprintf("%d bytes at %d in lines", c.size, at), strings.Join(recs, "\n"), want, c.broken)
			checkLong(t, fmt.Sprintf("%d bytes at %d in Records", c.size, at), `{"Records":[`+strings.Join(recs, ",")+`]}`, want, c.broken)
		}
	}
}

func checkLong(t *testing.T, name, text string, want []string, broken int) {
	t.Helper()
	var s Stream
	s.Reset(strings.NewReader(text))
	got, lost := walk(t, &s)
	if len(s.buf) > MaxRecord {
		t.Errorf("%s: the window has grown to %d bytes", name, len(s.buf))
	}
	if lost != broken || !slices.Equal(got, want) {
		t.Errorf("%s: %d records and %d broken; want %d and %d", name, len(got), lost, len(want), broken)
	}
}

// TestStreamBroken: what is broken costs itself; the rest is read.
func TestStreamBroken(t *testing.T) {
	r := records(6)
	for _, c := range []struct {
		name, text string
		want       []string
		broken     int
	}{
		{"in the middle of an array", "[" + r[0] + "," + r[1] + `,{"eventVersion":"1.08","eventName" "x"},` + r[2] + "," + r[3] + "]", r[:4], 1},
		{"in the middle of Records", `{"Records":[` + r[0] + `,{"eventVersion":"1.08",,},` + r[1] + "]}", r[:2], 1},
		{"first of an array", `[{"eventVersion":"1.08",nope},` + r[0] + "," + r[1] + "]", r[:2], 1},
		{"last of an array", "[" + r[0] + "," + r[1] + `,{"eventVersion":"1.08",nope}]`, r[:2], 1},
		{"in the middle of JSON lines", r[0] + "\n" + `{"eventVersion":"1.08","x":nope}` + "\n" + r[1] + "\n", r[:2], 1},
		{"line cut off", r[0] + "\n" + r[1][:40] + "\n" + r[2] + "\n" + r[3], []string{r[0], r[2], r[3]}, 1},
		{"first line cut off", r[0][:40] + "\n" + r[1] + "\n" + r[2], r[1:3], 1},
		{"text between lines", r[0] + "\nWARN: throttled\n" + r[1] + "\n", r[:2], 1},
		{"cut off at the end", `{"Records":[` + r[0] + "," + r[1] + "," + r[2][:50], r[:2], 1},
		{"closed twice", "[" + r[0] + "]]\n" + r[1], r[:2], 1},
		{"trailing comma", "[" + r[0] + "," + r[1] + ",]", r[:2], 0},
		{"no comma", "[" + r[0] + r[1] + "\n" + r[2] + "]", r[:3], 0},
		{"two broken of six", "[" + r[0] + `,{"eventVersion":1 2},` + r[1] + `,{"eventVersion":3 4},` + r[2] + "," + r[3] + "]", r[:4], 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				var s Stream
				s.Reset(in)
				got, broken := walk(t, &s)
				if !slices.Equal(got, c.want) || broken != c.broken || s.Err() != nil {
					t.Errorf("%d broken, err %v, records\n%s\nwant %d broken and\n%s", broken, s.Err(),
						strings.Join(got, "\n"), c.broken, strings.Join(c.want, "\n"))
				}
			}
		})
	}
}

// TestStreamFirstElementLostItsOpening is the broken file met in practice:
// the array's first element begins in its middle, the others are wrapped.
func TestStreamFirstElementLostItsOpening(t *testing.T) {
	var want []string
	text := `["arn":"arn:aws:iam::123456789012:user/a","accountId":"123456789012"},"eventName":"GetUser"}`
	for i := range 5 {
		w := `{"aws":{"cloudtrail":` + record(i) + `}}`
		want = append(want, w)
		text += ",\n" + w
	}
	var s Stream
	s.Reset(strings.NewReader(text + "]"))
	got, broken := walk(t, &s)
	if got = slices.DeleteFunc(got, func(r string) bool { return r[0] != '{' }); !slices.Equal(got, want) || broken == 0 {
		t.Errorf("%d broken, %q", broken, got)
	}
}

func TestStreamReadError(t *testing.T) {
	fail := errors.New("the disk is gone")
	r := records(3)
	var s Stream
	s.Reset(io.MultiReader(strings.NewReader(strings.Join(r, "\n")), iotest.ErrReader(fail)))
	got, broken := walk(t, &s)
	if !slices.Equal(got, r) || broken != 0 || !errors.Is(s.Err(), fail) {
		t.Errorf("%d records, %d broken, err %v", len(got), broken, s.Err())
	}
	s.Reset(stalled{})
	if s.Next() || !errors.Is(s.Err(), io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", s.Err())
	}
}

// TestStreamHopeless: text made so that each record breaks off far behind
// where the next one seems to begin is given up after a while, and text that
// is merely bad is not.
func TestStreamHopeless(t *testing.T) {
	for _, unit := range []string{`{"eventVersion":`, `{"a":[1,`, "{\"a\":1,\n\"b\":[{", "{x},"} {
		text := strings.Repeat(unit, (8<<20)/len(unit))
		var s Stream
		s.Reset(strings.NewReader(text))
		walk(t, &s)
		if at := s.Offset(); !errors.Is(s.Err(), ErrHopeless) || at > 6<<20 {
			t.Errorf("%q: %v after %d bytes", unit, s.Err(), at)
		}
		s.ResetBytes([]byte(text[:1<<20]))
		walk(t, &s)
		if !errors.Is(s.Err(), ErrHopeless) {
			t.Errorf("%q in memory: %v", unit, s.Err())
		}
	}
	// Every second line is broken, in one way or another.
	var b strings.Builder
	const n = 20000
	for i := range n {
		b.WriteString(record(i) + "\n" + []string{
			"2024-05-06 09:00:00 ERROR throttled", record(i)[:60], `{"eventVersion":"1.08","eventName":"x","quote":{"a":"b"c"}}`, `{"eventName":"x"]}`,
		}[i%4] + "\n")
	}
	var s Stream
	s.Reset(strings.NewReader(b.String()))
	got, broken := walk(t, &s)
	if whole := slices.DeleteFunc(got, func(r string) bool { return !strings.Contains(r, "nested") }); len(whole) < n*9/10 || broken < n/2 || s.Err() != nil {
		t.Errorf("%d of %d records, %d broken, %v", len(whole), n, broken, s.Err())
	}
}

type stalled struct{}

func (stalled) Read([]byte) (int, error) { return 0, nil }

// TestStreamReuse: a stream that read a text in memory must not write over it
// when it goes on to read a file.
func TestStreamReuse(t *testing.T) {
	text := []byte(strings.Repeat(record(1)+"\n", 2000)) // longer than the stream reads ahead
	before := bytes.Clone(text)
	var s Stream
	s.ResetBytes(text)
	walk(t, &s)
	s.Reset(strings.NewReader(strings.Repeat(record(2), 20)))
	if got, _ := walk(t, &s); len(got) != 20 {
		t.Errorf("%d records", len(got))
	}
	if !bytes.Equal(text, before) {
		t.Error("the text in memory was written over")
	}
}

// TestStreamHeadAndRest: the head is looked at without being passed over, and
// the rest is all of the text.
func TestStreamHeadAndRest(t *testing.T) {
	text := strings.Repeat("a,b,c\n", 1<<19)
	var s Stream
	s.Reset(iotest.HalfReader(strings.NewReader(text)))
	if got := string(s.Head(10)); got != text[:10] {
		t.Errorf("head %q", got)
	}
	rest, err := io.ReadAll(s.Rest())
	if err != nil || string(rest) != text {
		t.Errorf("rest: %d bytes, %v; want %d", len(rest), err, len(text))
	}
	s.Reset(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if _, err := io.ReadAll(s.Rest()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("rest of a text cut off: %v", err)
	}
}

// TestStreamOffsets: a record is found again at its offset.
func TestStreamOffsets(t *testing.T) {
	text := `{"x":1,"Records":[` + strings.Join(records(20000), ", ") + "]}"
	var s Stream
	s.Reset(strings.NewReader(text))
	n := 0
	for s.Next() {
		k, err := jsonscan.Skip(s.Bytes(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if at := s.Offset(); text[at:at+int64(k)] != record(n) {
			t.Fatalf("record %d is not at %d", n, at)
		}
		s.Advance(k)
		n++
	}
	if n != 20000 {
		t.Errorf("%d records", n)
	}
}

// FuzzStream: over any bytes a stream ends, never panics, hands out nothing
// that is not in the text, and does not depend on how the bytes arrive. And
// whatever valid records there are, each layout gives them all back.
func FuzzStream(f *testing.F) {
	for _, l := range layouts {
		f.Add([]byte(l.lay(records(3))), uint8(0))
	}
	for i, s := range []string{"", "[", "{", "]", "}", `"`, `{"Records":[`, `{"Records":[{`, "{}{}", `[{"a":1}{`, "\xef\xbb", "{\"a\":\n{", "nul", "[1,2"} {
		f.Add([]byte(s), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		var s Stream
		s.Reset(bytes.NewReader(data))
		got, broken := walk(t, &s)
		from := 0
		for _, r := range got {
			i := bytes.Index(data[from:], []byte(r))
			if i < 0 {
				t.Fatalf("%q does not lie in the text after %d", r, from)
			}
			from += i + len(r)
		}
		var one Stream
		one.Reset(iotest.OneByteReader(bytes.NewReader(data)))
		if other, lost := walk(t, &one); !slices.Equal(got, other) || lost != broken {
			t.Fatalf("byte by byte: %q and %d broken; at once: %q and %d", other, lost, got, broken)
		}

		if len(data) > 1<<16 {
			return
		}
		text, err := json.Marshal(string(data))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewSource(int64(len(data))))
		want := make([]string, 1+rng.Intn(5))
		for i := range want {
			want[i] = fmt.Sprintf(`{"eventName":%s,"n":%d}`, text, i)
		}
		l := layouts[int(which)%len(layouts)]
		s.Reset(strings.NewReader(l.lay(want)))
		if got, broken := walk(t, &s); !slices.Equal(got, want) || broken != 0 {
			t.Fatalf("%s: %d of %d records, %d broken: %q", l.name, len(got), len(want), broken, got)
		}
	})
}
