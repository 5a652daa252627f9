// Package investigate walks an investigation guide over the logs that a
// finding lies in: who the caller is and who stands behind it, what it did
// before and after, who else came the same way, what it wanted and was
// refused. The questions, and how answers are worded, are data ([Guide]); the
// facts that they ask for are computed here, from the records.
//
// The logs are read twice at most: first for the caller's own calls and for
// every credential that was handed out, then, once it is known from where and
// with what it came, for others and for what it did earlier. What is kept is
// bounded. The same input gives the same answer in whatever order it is read.
package investigate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// SchemaVersion is the version of the JSON form of a [Walk]
// (docs/investigate.schema.json): its major part changes when a field is
// renamed or removed.
const SchemaVersion = "1.0.0"

// Visit is shown one event: the file as it is named, the number of the record
// in it from 1, and the record in the provider's own form. All are valid until
// it returns.
type Visit func(file string, record int, native []byte, ev *event.Event)

// Options say whom to look at, when, and how to read.
type Options struct {
	// Finding is what is looked into; or Principal says whom, where there is
	// no finding.
	Finding *finding.Finding
	// Principal reports whether a principal, by its uid, is meant. Where one
	// is called Name, letter for letter but for case, it is meant alone.
	Principal func(uid string) bool
	Name      string
	// Since and Until bound the time in question, the second exclusive. Zero
	// bounds are the finding's first and last event; without a finding, none.
	Since, Until time.Time
	// Around is how long before and after that time is looked at too.
	Around time.Duration
	// Evidence is how many events each step lists; less than 0 stands for all.
	Evidence int
	// Guide is the questions to ask.
	Guide *Guide
	// Paths name what Read reads, for the commands that go on from a step.
	Paths []string

	// Read reads the whole input and shows each event to one of the visits;
	// visits asks for one for each goroutine that reads. It is called twice,
	// and returns what the input can and cannot show.
	Read func(visits func() Visit) ([]finding.Coverage, error)
	// Network names the network of an address, and Family the client of a user
	// agent, as the slices of findings do.
	Network func(address string) string
	Family  func(agent []byte) string
	// Follow says what a change is for: keys, policy, sharing, secrets,
	// logging, compute; "" for any other.
	Follow func(*event.API) string
}

// Walk is the answer.
type Walk struct {
	SchemaVersion string  `json:"schema_version"`
	Subject       Subject `json:"subject"`
	// Steps are the questions in the order of the guide.
	Steps []Step `json:"steps"`
	// Facts are the figures that the answers were worded from.
	Facts Facts `json:"facts"`
	// Notes say what the walk could not look at.
	Notes []string `json:"notes,omitempty"`
}

// Subject is whom the walk is about, and when.
type Subject struct {
	Finding   string `json:"finding,omitempty"`
	Provider  string `json:"provider"`
	Principal string `json:"principal"`
	Kind      string `json:"kind"`
	Slice     string `json:"slice,omitempty"` // the part of the caller that is judged
	// First and Last are the time in question; From and To what was looked at
	// around it, as far as the caller's calls reach where it is not bounded.
	First string `json:"first"`
	Last  string `json:"last"`
	From  string `json:"from"`
	To    string `json:"to"`
	Hours int    `json:"hours"` // looked at before and after, where bounded
}

// ErrNoCalls says that no call of the principal is in the input.
var ErrNoCalls = errors.New("no call of this principal is in the input at that time")

// ManyError says that several principals are meant.
type ManyError struct{ Principals []string }

func (e *ManyError) Error() string {
	shown := e.Principals[:min(len(e.Principals), 5)]
	text := fmt.Sprintf("%d principals have that name: %s", len(e.Principals), strings.Join(shown, ", "))
	if len(shown) < len(e.Principals) {
		text += ", and more"
	}
	return text + ": give the whole of one"
}

// Run walks the guide. The error is [ErrNoCalls], a [*ManyError], or that of
// Read or of a template of the guide.
func Run(opts Options) (*Walk, error) {
	s, err := newSubject(&opts)
	if err != nil {
		return nil, err
	}
	own := newGathered(s)
	cov, err := opts.Read(func() Visit { return own.worker().own })
	if err != nil {
		return nil, err
	}
	own.join()
	if err := s.settle(own); err != nil {
		return nil, err
	}
	look := newLookout(s, own)
	if _, err := opts.Read(func() Visit { return look.worker().event }); err != nil {
		return nil, err
	}
	look.join()

	w := &Walk{SchemaVersion: SchemaVersion, Subject: s.Subject, Facts: facts(s, own, look, cov)}
	w.Notes = notes(own, look)
	if w.Steps, err = opts.Guide.answer(w, opts.Finding, opts.Paths); err != nil {
		return nil, err
	}
	return w, nil
}

// notes say what did not fit into memory.
func notes(own *gathered, look *lookout) []string {
	var list []string
	for _, x := range []struct {
		dropped int
		what    string
	}{{own.calls.dropped, "the caller's calls"}, {own.grants.dropped, "the calls that hand out credentials"}, {look.calls.dropped, "others' calls"}} {
		if x.dropped > 0 {
			list = append(list, fmt.Sprintf("%s of %s are left out, which are more than are kept: those furthest from the time in question, and the latest of it", count(x.dropped), x.what))
		}
	}
	return list
}

// subject is whom the walk is about, as the events are held against it.
type subject struct {
	Subject
	opts        *Options
	first, last int64 // the time in question, both inclusive
	from, to    int64 // what is looked at, both inclusive
	uid         string
	wide        map[string]bool // of a finding over several accounts: its keys and sessions
}

func newSubject(opts *Options) (*subject, error) {
	s := &subject{opts: opts, first: math.MinInt64, last: math.MaxInt64}
	s.Hours = int(opts.Around / time.Hour)
	if f := opts.Finding; f != nil {
		first, err := time.Parse(time.RFC3339Nano, f.FirstSeen)
		if err != nil {
			return nil, fmt.Errorf("finding %s: first_seen: %w", f.ID, err)
		}
		last, err := time.Parse(time.RFC3339Nano, f.LastSeen)
		if err != nil {
			return nil, fmt.Errorf("finding %s: last_seen: %w", f.ID, err)
		}
		s.first, s.last = first.UnixNano(), last.UnixNano()
		s.uid, s.Finding, s.Slice = f.Actor.ID, f.ID, cmp.Or(f.Slice, f.WorstSlice)
		if f.Scope == "origin" {
			s.wide = map[string]bool{}
			for _, list := range [][]finding.Count{f.Keys, f.Sessions} {
				for _, c := range list {
					s.wide[c.Name] = true
				}
			}
		}
	}
	if !opts.Since.IsZero() {
		s.first = opts.Since.UnixNano()
	}
	if !opts.Until.IsZero() {
		s.last = opts.Until.UnixNano() - 1
	}
	s.from, s.to = s.first, s.last
	if d := int64(opts.Around); s.first > math.MinInt64+d {
		s.from -= d
	}
	if d := int64(opts.Around); s.last < math.MaxInt64-d {
		s.to += d
	}
	return s, nil
}

// mine reports whether a call is the subject's. The event's caller is
// resolved.
func (k *keeper) mine(ev *event.Event) bool {
	s, a := k.s, &ev.Actor
	if s.uid == "" {
		is, ok := k.meant[string(a.Principal)]
		if !ok {
			if len(k.meant) >= maxNames {
				clear(k.meant)
			}
			is = s.opts.Principal(string(a.Principal))
			k.meant[string(a.Principal)] = is
		}
		return is
	}
	switch {
	case string(a.Principal) == s.uid:
		return true
	case a.Partial:
		return sameObject(string(a.Name), s.uid)
	case s.wide != nil:
		return string(a.Name) == s.uid || s.wide[string(a.Key)] && len(a.Key) > 0 || s.wide[string(a.Session)] && len(a.Session) > 0
	}
	return false
}

// sameObject reports whether a name such as "entra:OBJECT", of a record that
// leaves out the tenant, is that of "entra:TENANT/OBJECT".
func sameObject(name, uid string) bool {
	scheme, object, ok := strings.Cut(name, ":")
	return ok && object != "" && strings.HasPrefix(uid, scheme+":") && strings.HasSuffix(uid, "/"+object)
}

// settle takes from the subject's own calls what was open until then.
func (s *subject) settle(g *gathered) error {
	if len(g.calls.list) == 0 {
		return ErrNoCalls
	}
	if s.uid == "" {
		names := map[string]bool{}
		for i := range g.calls.list {
			names[g.calls.list[i].who.principal] = true
		}
		for n := range names {
			if len(names) > 1 && strings.EqualFold(n, s.opts.Name) {
				names = map[string]bool{n: true}
				g.calls.list = slices.DeleteFunc(g.calls.list, func(c call) bool { return c.who.principal != n })
				break
			}
		}
		if len(names) > 1 {
			list := make([]string, 0, len(names))
			for n := range names {
				list = append(list, n)
			}
			slices.Sort(list)
			return &ManyError{list}
		}
		s.uid = g.calls.list[0].who.principal
	}
	list := g.calls.list
	who := list[0].who
	s.Principal, s.Kind, s.Provider = s.uid, who.kind.String(), who.cloud.String()
	for i := range list {
		// A record that lacks a part of the caller says less of its kind.
		if k := list[i].who.kind; k != event.UnknownActor && !list[i].who.partial {
			s.Kind = k.String()
			break
		}
	}
	if f := s.opts.Finding; f != nil {
		s.Kind = f.Actor.Kind
	}
	// What is not bounded reaches as far as the calls do.
	s.first, s.last = max(s.first, list[0].time), min(s.last, list[len(list)-1].time)
	if s.last < s.first {
		return ErrNoCalls
	}
	s.First, s.Last = stamp(s.first), stamp(s.last)
	s.From, s.To = stamp(max(s.from, s.first-int64(s.opts.Around))), stamp(min(s.to, s.last+int64(s.opts.Around)))
	s.from, s.to = max(s.from, s.first-int64(s.opts.Around)), min(s.to, s.last+int64(s.opts.Around))
	return nil
}

// stamp writes an instant as findings do.
func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
