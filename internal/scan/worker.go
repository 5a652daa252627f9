package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"vedette/internal/cloud"
	"vedette/internal/cloud/shape"
	"vedette/internal/codec"
	"vedette/internal/codec/envelope"
	"vedette/internal/codec/jsonscan"
	"vedette/internal/codec/rows"
	"vedette/internal/event"
	"vedette/internal/finding"
)

// Record is one raw record as a walk over an input meets it.
type Record struct {
	// Number counts the records of the file from 0, skipped and unparsed ones
	// included.
	Number uint32
	// Raw is the record as it lies in the file; of several records in one
	// envelope it is the envelope.
	Raw []byte
	// Native is the one record that the event was decoded from, in the
	// provider's own form, whatever it was wrapped in and whatever schema it
	// had; empty where there is no event.
	Native []byte
	// Offset is where Raw lies in the decompressed file.
	Offset int64
	// Verdict is Decoded, Skipped or Broken, and Log its class.
	Verdict event.Verdict
	Log     event.Log
}

// reader walks the records of files. Each goroutine has its own.
type reader struct {
	ctx      context.Context // ends the reading, also in the middle of a file
	decoders []cloud.Decoder
	shapes   shape.Tables
	hint     int // decoder that knew the last record
	open     codec.Opener
	peeler   envelope.Peeler
	streams  [maxDepth + 1]codec.Stream
	native   []byte // scratch: a foreign record in native form
	decoded  []byte // what r.ev was decoded from
	ev       event.Event
	rec      Record // what visit is told; here so that it is not made anew

	// Of the file at hand.
	number   uint32
	raw      []byte
	offset   int64
	bytes    int64
	problems []finding.Problem
	lost     int // problems, listed or not
	name     string
	notLog   bool
	wrapped  func(kind string) // told of each envelope opened

	// visit is called for every record; ev is valid for Decoded alone, and
	// both until it returns.
	visit func(r *Record, ev *event.Event)
}

// maxDepth bounds envelopes within envelopes.
const maxDepth = 6

// maxProblems bounds what is listed of one file; all are counted.
const maxProblems = 20

// file reads one input from its first record to its last.
func (r *reader) file(in input) {
	r.number, r.bytes, r.problems, r.lost, r.name, r.notLog = 0, 0, nil, 0, in.name, false
	f, err := os.Open(in.path)
	if err != nil {
		r.problem(0, 0, err)
		return
	}
	defer f.Close()
	if err := r.content(f); err != nil {
		r.problem(0, 0, err)
	}
}

func (r *reader) content(f *os.File) error {
	size := int64(-1)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	s := &r.streams[0]
	if err := r.open.Attach(s, interruptible{r.ctx, f}, size); err != nil {
		return err
	}
	head := s.Head(4096)
	switch kind := rows.Sniff(head); {
	case looksLikeJSON(head):
		r.records(s, 0)
		r.bytes = s.Offset()
		return s.Err()
	case kind != rows.None:
		return r.rows(kind, s)
	case len(head) == 0:
		return s.Err()
	}
	r.notLog = true
	r.bytes = int64(len(head))
	return s.Err()
}

// interruptible is a file that reads as broken once ctx is done.
type interruptible struct {
	ctx context.Context
	f   *os.File
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.f.Read(p[:min(len(p), maxRead)])
}

// maxRead bounds one system call: the runtime gives the processor of a call
// that lasts longer than some 20 microseconds to another thread, and to come
// by one again costs more than to call a few times.
const maxRead = 64 << 10

// looksLikeJSON reports whether a text begins like JSON that can hold a
// record.
func looksLikeJSON(head []byte) bool {
	for i, c := range head {
		switch c {
		case ' ', '\t', '\r', '\n', 0, 0xef, 0xbb, 0xbf:
			continue
		case '{', '[':
			return true
		case '"':
			// A JSON string that holds a record; a CSV header is followed by
			// a comma.
			return i+1 < len(head) && (head[i+1] == '{' || head[i+1] == '[')
		}
		return false
	}
	return false
}

// rows reads a table or YAML, one row a record.
func (r *reader) rows(kind rows.Kind, s *codec.Stream) error {
	rest := upToError{r: s.Rest()}
	tmp, size, err := spool(&rest)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := r.ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(tmp)
	if err != nil {
		return err
	}
	defer f.Close()
	r.bytes = size
	err = rows.Read(kind, f, size, func(row rows.Row) error {
		r.raw, r.offset = row.Raw, row.Offset
		switch {
		case row.Open && rest.err != nil:
			r.broken(errInside)
			return r.ctx.Err()
		case row.Err != nil:
			if kind == rows.Parquet {
				r.offset = 0 // the number of a row is no place in the file
			}
			r.broken(row.Err.Error())
			for range row.Lost - 1 {
				r.leaf(event.Broken)
			}
			return r.ctx.Err()
		}
		if row.Raw == nil {
			r.raw = row.JSON
		}
		r.peeler.Reset()
		r.text(row.JSON, 0)
		return r.ctx.Err()
	})
	if rest.err != nil {
		return rest.err // which says more than what comes of it
	}
	return err
}

// errInside is the reason of a record that a text ends inside.
const errInside = "the text ends inside the record"

// upToError reads what r has before an error as if it ended there, and keeps
// the error.
type upToError struct {
	r   io.Reader
	err error
}

func (u *upToError) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		u.err, err = err, io.EOF
	}
	return n, err
}

// records reads every record of a text. depth is 0 for a file and grows with
// each envelope.
func (r *reader) records(s *codec.Stream, depth int) {
	for s.Next() {
		b := s.Bytes()
		n, v := 0, event.NotMine
		if b[0] == '{' {
			n, v = r.decode(b)
		}
		if v == event.Truncated || v == event.NotMine && b[0] != '{' && !closed(b) {
			if s.More() {
				continue
			}
		}
		if depth == 0 {
			r.offset = s.Offset()
		}
		switch {
		case v == event.Truncated && s.TooLong():
			r.setRaw(depth, b)
			r.broken(fmt.Sprintf("record longer than %d MiB", codec.MaxRecord>>20))
			s.Resync()
		case v == event.Truncated:
			r.setRaw(depth, b)
			r.broken(errInside)
			s.Resync()
		case n == 0 && v == event.Broken:
			r.setRaw(depth, b)
			r.broken("not valid JSON")
			s.Resync()
		case v == event.NotMine:
			raw, ok := s.Pass()
			if !ok {
				r.setRaw(depth, b)
				r.broken("not valid JSON")
				s.Resync()
				continue
			}
			r.setRaw(depth, raw)
			if depth == 0 {
				r.peeler.Reset()
			}
			r.foreign(raw, depth)
		default:
			r.setRaw(depth, b[:n])
			switch {
			case v == event.Broken:
				r.shaped(b[:n])
			case v == event.Skipped && r.ev.Log == event.OtherLog:
				// A log entry that is no audit entry may carry one.
				if depth == 0 {
					r.peeler.Reset()
				}
				r.foreign(b[:n], depth)
			default:
				r.leaf(v)
			}
			s.Advance(n)
		}
	}
}

// closed reports whether the JSON value at b[0] ends within b.
func closed(b []byte) bool {
	_, err := jsonscan.Skip(b, 0)
	return !errors.Is(err, jsonscan.ErrTruncated)
}

// setRaw remembers where the outermost record lies.
func (r *reader) setRaw(depth int, raw []byte) {
	if depth == 0 {
		r.raw = raw
	}
}

// decode asks the decoder that knew the last record, then the others.
func (r *reader) decode(b []byte) (n int, v event.Verdict) {
	if n, v = r.decoders[r.hint].Decode(b, &r.ev); v != event.NotMine {
		r.decoded = b[:n]
		return n, v
	}
	for i, d := range r.decoders {
		if i == r.hint {
			continue
		}
		if n, v = d.Decode(b, &r.ev); v != event.NotMine {
			r.hint = i
			r.decoded = b[:n]
			return n, v
		}
	}
	return 0, event.NotMine
}

// foreign reads a value that no cloud's decoder knows: an envelope, another
// schema of the same events, or something else.
func (r *reader) foreign(raw []byte, depth int) {
	switch raw[0] {
	case '"':
		r.nested(jsonscan.Text(raw), depth)
		return
	case '[':
		r.nested(raw, depth)
		return
	case '{':
	default:
		r.skip(event.OtherLog)
		return
	}
	result, _ := r.peeler.Peel(raw, func(inner []byte) error {
		r.nested(inner, depth)
		return nil
	})
	for range result.Lost {
		r.broken("the contents of the " + result.Kind + " envelope cannot be read")
	}
	for range result.Other {
		r.skip(event.OtherLog)
	}
	switch result.Verdict {
	case event.Decoded:
		if r.wrapped != nil && result.Emitted > 0 {
			r.wrapped(result.Kind)
		}
		return
	case event.Skipped:
		r.skip(result.Log)
		return
	case event.Broken:
		if result.Lost == 0 {
			r.broken("the contents of the " + result.Kind + " envelope cannot be read")
		}
		return
	}
	if len(raw) >= minEvent {
		if t := r.shapes.Recognise(raw); t != nil {
			r.convert(t, raw)
			return
		}
	}
	// What is no JSON may have been a record.
	if !wellFormed(raw) {
		if fixed, ok := envelope.Repair(raw); ok && depth < maxDepth {
			r.nested(fixed, depth)
			return
		}
		r.broken("not valid JSON")
		return
	}
	r.skip(event.OtherLog)
}

// minEvent is shorter than any event, which has a time and a name at least:
// what is shorter is not looked at closely.
const minEvent = 32

// wellFormed reports whether the members of an object follow one another as
// they must; that its brackets match is known.
func wellFormed(object []byte) bool {
	o := jsonscan.Members(object)
	for {
		if _, _, ok := o.Next(); !ok {
			return o.Err() == nil
		}
	}
}

// shaped reads a record that a cloud's decoder claims but cannot use: it may
// be that cloud's event in another schema.
func (r *reader) shaped(raw []byte) {
	if t := r.shapes.Recognise(raw); t != nil {
		r.convert(t, raw)
		return
	}
	r.broken(r.lacks())
}

// lacks says what the record lacked that a decoder has just called broken.
func (r *reader) lacks() string {
	return r.decoders[r.hint].Lacks() + ", which an event needs, is missing or not understood"
}

func (r *reader) convert(t *shape.Table, raw []byte) {
	native, err := t.Convert(raw, r.native[:0])
	if err != nil {
		r.broken(err.Error())
		return
	}
	r.native = native
	switch n, v := r.decode(native); {
	case v == event.Decoded, v == event.Skipped:
		r.leaf(v)
	case v == event.Broken && n > 0:
		r.broken(r.lacks())
	default:
		r.broken("a field that an event needs is missing or of the wrong type")
	}
}

// nested reads the contents of an envelope.
func (r *reader) nested(text []byte, depth int) { r.text(text, depth+1) }

func (r *reader) text(text []byte, depth int) {
	i := jsonscan.Space(text, 0)
	if i == len(text) || text[i] != '{' && text[i] != '[' && text[i] != '"' {
		r.skip(event.OtherLog)
		return
	}
	if depth > maxDepth { // whatever it is, an event may be in it
		r.broken("envelopes nested too deep")
		return
	}
	s := &r.streams[max(depth, 1)]
	s.ResetBytes(text)
	r.records(s, max(depth, 1))
	if err := s.Err(); err != nil {
		r.broken(err.Error())
	}
}

// leaf counts the record that r.ev was decoded from.
func (r *reader) leaf(v event.Verdict) {
	rec := &r.rec
	rec.Number, rec.Raw, rec.Offset, rec.Verdict, rec.Log = r.number, r.raw, r.offset, v, r.ev.Log
	if rec.Native = nil; v == event.Decoded {
		rec.Native = r.decoded
	}
	r.number++
	r.visit(rec, &r.ev)
}

func (r *reader) skip(l event.Log) {
	r.ev.Reset()
	r.ev.Log = l
	r.leaf(event.Skipped)
}

// broken counts a record that is lost and says why.
func (r *reader) broken(reason string) {
	r.problem(int(r.number)+1, r.offset, errors.New(reason))
	r.ev.Reset()
	r.leaf(event.Broken)
}

func (r *reader) problem(record int, offset int64, err error) {
	r.lost++
	if len(r.problems) < maxProblems {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file is cut off: the compressed data end early")
		}
		r.problems = append(r.problems, finding.Problem{File: r.name, Record: record, Offset: offset, Reason: reason(err)})
	}
}
