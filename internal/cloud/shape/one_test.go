package shape_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"vedette/internal/cloud"
	"vedette/internal/cloud/azure"
	"vedette/internal/cloud/shape"
	"vedette/internal/codec/envelope"
	"vedette/internal/codec/jsonscan"
	"vedette/internal/codec/rows"
	"vedette/internal/event"
)

// Statement 33: one Azure event is one event, whether it comes as a page of
// the REST API, the array of the command line, records[] of an event hub, a
// line of a PT1H blob or a row of Log Analytics.
func TestStatement33OneAzureEventInAllShapes(t *testing.T) {
	reg := event.NewRegistry()
	p := azure.New()
	if err := p.Register(reg); err != nil {
		t.Fatal(err)
	}
	dec := p.NewDecoder(reg)
	ts := load(t)
	files, err := filepath.Glob("testdata/one/*")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var first facts
	var from string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var got []facts
		if kind := rows.Sniff(text); kind != rows.None {
			err = rows.Read(kind, bytes.NewReader(text), int64(len(text)), func(r rows.Row) error {
				got = append(got, all(t, dec, ts, r.JSON, 0)...)
				return r.Err
			})
			if err != nil {
				t.Fatal(err)
			}
		} else {
			got = all(t, dec, ts, text, 0)
		}
		if len(got) != 1 {
			t.Errorf("%s: %d events", f, len(got))
			continue
		}
		if from == "" {
			first, from = got[0], f
			t.Logf("%+v", first)
			if first.Time != "2024-05-01T10:00:00.1234567Z" || first.Address != "198.51.100.7" || first.Principal == "" || first.Outcome != "ok" {
				t.Errorf("%s: %+v", f, first)
			}
		}
		// The event's own id is only in some of the shapes; its key is in all.
		got[0].ID, first.ID = "", ""
		if got[0] != first {
			t.Errorf("%s and %s differ:\n%+v\n%+v", f, from, got[0], first)
		}
	}
}

// all decodes every record in a text.
func all(t *testing.T, dec cloud.Decoder, ts shape.Tables, text []byte, depth int) (out []facts) {
	t.Helper()
	text = bytes.TrimSpace(text)
	if depth > 4 || len(text) == 0 {
		t.Fatalf("nothing in it at depth %d", depth)
	}
	if text[0] == '[' {
		a := jsonscan.Elements(text)
		for {
			e, ok := a.Next()
			if !ok {
				return out
			}
			out = append(out, all(t, dec, ts, e, depth+1)...)
		}
	}
	var ev event.Event
	if _, v := dec.Decode(text, &ev); v == event.Decoded {
		f, _ := decode(t, dec, text)
		return []facts{f}
	}
	r, err := envelope.Peel(text, func(inner []byte) error {
		out = append(out, all(t, dec, ts, inner, depth+1)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != event.NotMine {
		return out
	}
	table := ts.Recognise(text)
	if table == nil {
		t.Fatalf("not recognised: %s", text)
	}
	native, err := table.Convert(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := decode(t, dec, native)
	return []facts{f}
}
