package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// Watch says what to wait for and how.
type Watch struct {
	// Folder is where logs arrive, in any layout. It need not be there yet.
	Folder string
	// Record is the run whose lines are awaited.
	Record *Record
	// Lines reads files and shows visit every event in them, with the bytes of
	// the record or of the envelope that it lay in; scan.Walk does this. A
	// part of a file that cannot be read, such as the end of one that is still
	// being written, is no error: the file is read again when it has grown.
	Lines func(ctx context.Context, paths []string, visit func(file string, raw []byte, ev *event.Event)) error
	// Findings scans all files there are so far. Nil where no finding is
	// awaited.
	Findings func(ctx context.Context, paths []string) ([]finding.Finding, error)
	// Fires says whether a finding of this run is the one that is awaited,
	// such as by detection and level; nil for any.
	Fires func(*finding.Finding) bool
	// Silent says that no finding must come: the lines alone are awaited, and
	// one that Fires takes is an error.
	Silent bool
	// Poll is the time between two looks at the folder, and so the grain of
	// what is measured; 0 for 5 seconds.
	Poll time.Duration
	// Timeout is how long to wait; 0 for 30 minutes.
	Timeout time.Duration
	// Told, unless nil, is told in one line when something has changed.
	Told func(line string)
}

const (
	defaultPoll    = 5 * time.Second
	defaultTimeout = 30 * time.Minute
	// maxSkew is how far the caller's clock may be ahead of the provider's.
	maxSkew = 10 * time.Minute
)

// Arrival is what came. Delays are seconds from the first call of the run. A
// line that came while the folder was watched is measured by the look that met
// it; one that was there before, by its file's time of modification, which
// tools that fetch logs set to that of delivery or of fetching.
type Arrival struct {
	ID       string `json:"id"`
	Expected int    `json:"lines_expected"`
	Lines    []Line `json:"lines"` // of expected calls, in order of the calls
	// Others counts further lines of the run: of calls whose line is not
	// certain, of retries, and of GetCallerIdentity.
	Others int `json:"lines_other"`
	// FirstLine and LastLine are the delays of the first expected line and,
	// once all are there, of the last; Fired that of the finding.
	FirstLine *float64 `json:"first_line_seconds,omitempty"`
	LastLine  *float64 `json:"last_line_seconds,omitempty"`
	Fired     *float64 `json:"finding_seconds,omitempty"`
	// Finding is the id of the finding that was awaited. Unmet are the ids of
	// findings of the run that Fires did not take.
	Finding string   `json:"finding,omitempty"`
	Unmet   []string `json:"findings_unmet,omitempty"`
	// Missing says, in sentences, what has not come.
	Missing []string `json:"missing,omitempty"`

	// Found is the finding itself, nil where none has come.
	Found *finding.Finding `json:"-"`
}

// Line is the log line of a call.
type Line struct {
	Call    int     `json:"call"` // index in [Record].Calls
	EventID string  `json:"event_id"`
	File    string  `json:"file"`
	Delay   float64 `json:"delay_seconds"`
	// Basis is "watched" or "file_time".
	Basis string `json:"basis"`
}

var (
	// ErrLate says that the time ran out before everything came.
	ErrLate = errors.New("not everything came in time")
	// ErrUnfound says that all lines of the run have come, so that waiting
	// would help no more, and the finding has not.
	ErrUnfound = errors.New("every line has come and the finding has not")
	// ErrFound says that a finding has come where none must.
	ErrFound = errors.New("a finding has come, and none is expected")
)

// Await waits until the folder holds the line of every call that must have
// one, and the finding unless none is expected. Both may come late, in any order, more than once and
// in files that are still being written. What has come is returned with every
// error: [ErrLate] when the time is up, [ErrUnfound], [ErrFound], the context's, or one of
// reading.
func Await(ctx context.Context, w Watch) (*Arrival, error) {
	switch {
	case w.Record == nil || len(w.Record.Calls) == 0:
		return nil, errors.New("await: the run made no call")
	case w.Record.Version != RecordVersion:
		return nil, fmt.Errorf("await: a record of version %d, and this is %d", w.Record.Version, RecordVersion)
	}
	if w.Poll == 0 {
		w.Poll = defaultPoll
	}
	if w.Timeout == 0 {
		w.Timeout = defaultTimeout
	}
	a := newAwait(&w)
	end := time.Now().Add(w.Timeout)
	for {
		err := a.look(ctx)
		a.conclude()
		switch {
		case ctx.Err() != nil:
			return a.Arrival, fmt.Errorf("await: %w", ctx.Err())
		case err != nil:
			return a.Arrival, fmt.Errorf("await: %w", err)
		case w.Silent && a.Found != nil:
			return a.Arrival, fmt.Errorf("await: %w: %s", ErrFound, a.Finding)
		case len(a.Missing) == 0:
			return a.Arrival, nil
		case a.over():
			return a.Arrival, fmt.Errorf("await: %w: %s", ErrUnfound, strings.Join(a.Missing, "; "))
		case !time.Now().Before(end):
			return a.Arrival, fmt.Errorf("await: %w: %s", ErrLate, strings.Join(a.Missing, "; "))
		}
		// The last look is at the end itself.
		if sleep(ctx, min(w.Poll, time.Until(end))) != nil {
			return a.Arrival, fmt.Errorf("await: %w", ctx.Err())
		}
	}
}

// await is a wait under way.
type await struct {
	*Arrival
	w       *Watch
	folder  folder
	looks   int
	marker  []byte
	lines   map[int]Line // by call
	seen    map[event.Key]bool
	ids     map[string]bool     // event ids of the run's lines
	newest  map[event.Log]int64 // time of the newest event, whoever called
	scanned bool                // all files were scanned as they are
	// request are the calls' request ids in lower case; oldest is the time
	// before which no event can be of the run.
	request []string
	oldest  int64
}

func newAwait(w *Watch) *await {
	a := &await{
		Arrival: &Arrival{ID: w.Record.ID, Lines: []Line{}},
		w:       w, folder: folder{root: w.Folder}, marker: []byte(w.Record.UserAgent),
		lines: map[int]Line{}, seen: map[event.Key]bool{}, ids: map[string]bool{}, newest: map[event.Log]int64{},
		oldest: w.Record.Started.Add(-maxSkew).UnixNano(),
	}
	for i := range w.Record.Calls {
		m := &w.Record.Calls[i]
		a.request = append(a.request, strings.ToLower(m.RequestID))
		if m.Expected() {
			a.Expected++
		}
	}
	return a
}

// look reads what is new in the folder.
func (a *await) look(ctx context.Context) error {
	all, fresh, err := a.folder.look()
	if err != nil {
		return err
	}
	a.looks++
	if len(fresh) > 0 {
		a.scanned = false
		before := len(a.ids)
		if err := a.w.Lines(ctx, fresh, a.visit); err != nil {
			return a.unless(fresh, err)
		}
		if n := len(a.ids); n > before {
			a.tell("%d of %d lines are here", len(a.lines), a.Expected)
		}
	}
	if a.w.Findings == nil || a.Found != nil || a.scanned || len(a.ids) == 0 {
		return nil
	}
	found, err := a.w.Findings(ctx, all)
	if err != nil {
		return a.unless(all, err)
	}
	a.scanned = true
	a.Unmet = nil
	for i := range found {
		if !a.ours(&found[i]) {
			continue
		}
		if a.w.Fires != nil && !a.w.Fires(&found[i]) {
			a.Unmet = append(a.Unmet, found[i].ID)
			continue
		}
		f := found[i]
		a.Found, a.Finding, a.Fired = &f, f.ID, new(a.since(time.Now()))
		if a.looks == 1 {
			// It could be made as soon as its last line was there.
			*a.Fired = a.last()
		}
		a.tell("the finding is here: %s", f.ID)
		return nil
	}
	return nil
}

// unless returns err, or nil where a file went while it was to be read: the
// next look reads what there is then.
func (a *await) unless(paths []string, err error) error {
	if !gone(paths) {
		return err
	}
	a.folder.forget(paths)
	return nil
}

// over reports whether no further line of the run can come: each call that a
// log shows has its own.
func (a *await) over() bool {
	for i := range a.w.Record.Calls {
		_, here := a.lines[i]
		if !here && a.w.Record.Calls[i].Log != event.NoLog.String() {
			return false
		}
	}
	return a.scanned || len(a.ids) == 0
}

// visit takes note of one event.
func (a *await) visit(file string, raw []byte, ev *event.Event) {
	if a.seen[ev.Key] {
		return // a copy, or the file was read before
	}
	a.newest[ev.Log] = max(a.newest[ev.Log], ev.Time)
	if ev.Time < a.oldest {
		return
	}
	marked := carries(ev.UserAgent, a.marker)
	call := a.callOf(marked, raw, ev)
	if !marked && call < 0 {
		return
	}
	a.seen[ev.Key] = true
	if len(ev.ID) > 0 {
		a.ids[string(ev.ID)] = true
	}
	if call < 0 || !a.w.Record.Calls[call].Expected() {
		a.Others++
		return
	}
	l := Line{Call: call, EventID: string(ev.ID), File: filepath.ToSlash(file), Basis: "watched", Delay: a.since(time.Now())}
	if at, ok := a.folder.written(filepath.FromSlash(file)); ok && a.looks == 1 && at.Before(time.Now()) && a.since(at) >= 0 {
		l.Basis, l.Delay = "file_time", a.since(at)
	}
	a.lines[call] = l
}

// callOf returns the call that an event is the line of, or -1: by the id of
// the request, else by its name where the marker is there.
func (a *await) callOf(marked bool, raw []byte, ev *event.Event) int {
	byName := -1
	var low []byte
	for i := range a.w.Record.Calls {
		m := &a.w.Record.Calls[i]
		if _, taken := a.lines[i]; taken || m.Log != ev.Log.String() || !named(m.Event, ev) {
			continue
		}
		if id := a.request[i]; id != "" {
			if low == nil {
				low = bytes.ToLower(raw)
			}
			if bytes.Contains(low, []byte(id)) {
				return i
			}
		}
		if marked && byName < 0 && m.Expected() {
			byName = i
		}
	}
	return byName
}

// carries reports whether a user agent holds the marker and not a longer one.
func carries(agent, marker []byte) bool {
	for at := 0; ; {
		i := bytes.Index(agent[at:], marker)
		if i < 0 {
			return false
		}
		at += i + len(marker)
		if at == len(agent) || !idByte(agent[at]) {
			return true
		}
	}
}

func idByte(c byte) bool { return c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }

// apiVersion is a part of a name in Google's logs that says which version of
// an API was called; catalogues leave it out.
var apiVersion = regexp.MustCompile(`^(?:v\d+\w*|alpha|beta)$`)

func withoutVersion(name string) string {
	parts := strings.Split(name, ".")
	return strings.Join(slices.DeleteFunc(parts, apiVersion.MatchString), ".")
}

// named reports whether a log shows an event under a name: as it was written,
// or by one of the names that the catalogue has for the operation.
func named(name string, ev *event.Event) bool {
	if strings.EqualFold(name, string(ev.Seed.Name)) {
		return true
	}
	if ev.API == nil {
		return false
	}
	bare := withoutVersion(name)
	full := ev.API.Service + "/" + ev.API.Name // as Azure's Activity log has it
	return slices.ContainsFunc(append([]string{ev.API.Name, full}, ev.API.Logged...), func(n string) bool {
		return strings.EqualFold(n, name) || strings.EqualFold(withoutVersion(n), bare)
	})
}

// ours reports whether a finding is about this run: one of its events is, or
// the marker is among its clients.
func (a *await) ours(f *finding.Finding) bool {
	return slices.ContainsFunc(f.Evidence, func(e finding.Evidence) bool { return a.ids[e.EventID] }) ||
		slices.ContainsFunc(f.Clients, func(c finding.Client) bool { return carries([]byte(c.UserAgent), a.marker) })
}

// since is the delay from the first call, in seconds.
func (a *await) since(t time.Time) float64 {
	return t.Sub(a.w.Record.Calls[0].Time).Seconds()
}

// last is the greatest delay of the lines that have come.
func (a *await) last() float64 {
	d := 0.0
	for _, l := range a.lines {
		d = max(d, l.Delay)
	}
	return d
}

func (a *await) tell(format string, args ...any) {
	if a.w.Told != nil {
		a.w.Told(fmt.Sprintf(format, args...))
	}
}

// conclude brings the arrival up to date.
func (a *await) conclude() {
	a.Lines = a.Lines[:0]
	for i := range a.w.Record.Calls {
		if l, ok := a.lines[i]; ok {
			a.Lines = append(a.Lines, l)
		}
	}
	a.FirstLine, a.LastLine = nil, nil
	if len(a.Lines) > 0 {
		first := a.Lines[0].Delay
		for _, l := range a.Lines {
			first = min(first, l.Delay)
		}
		a.FirstLine = &first
		if len(a.Lines) == a.Expected {
			a.LastLine = new(a.last())
		}
	}
	a.Missing = a.missing()
}
