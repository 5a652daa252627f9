// Package siem is what it takes to be a SIEM: a [Backend] prints rules in one
// query language, with the field names of one product, and says of every
// feature of a rule whether the language can say it.
//
// A [Rule] is a plan with the names resolved: it says what to select by
// predicates over names that logs show, so that neither backends nor readers
// need a catalogue. Field maps are data: [Fields].
package siem

import (
	"crypto/sha1"
	"fmt"
	"io"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Rule is one question to a SIEM: which callers reach the trigger within a
// window.
type Rule struct {
	// ID is a slug of lower-case letters, digits and hyphens, such as
	// "t1580-burst". It is unique in a run.
	ID string
	// Detection is the id of the detection that the rule was made from.
	Detection string
	Version   string
	Title     string
	// Description is plain text, one paragraph.
	Description string
	Kind        Kind
	// Profile is "vedette" or "seed".
	Profile string

	Techniques     []string // ATT&CK ids, the main one first
	Severity       string   // informational, low, medium, high, critical
	Confidence     string   // low, medium, high; or empty
	References     []string
	FalsePositives []string
	// BuildingBlock is set for rules that administrators and tools make fire
	// too: packages raise no incident for them, and let them add up by caller.
	BuildingBlock bool
	// Says is the severity that the detection says, where Severity is another.
	Says string

	// Unsaid is what of the detection no language can say, where nothing short
	// of it would do; empty as a rule.
	Unsaid string

	// Legs are the logs the rule reads, one each, in order of log class.
	Legs []Leg
	// BySession groups by session instead of by principal.
	BySession bool
	Window    Window
	Trigger   plan.Condition
	// Bands give RiskScore: the first that holds.
	Bands []plan.Band

	// Leftover is set for rules that mean the calls alone that no other rule's
	// findings hold, which no query can say.
	Leftover bool

	// KeepCopies counts every record; otherwise copies of one act, which have
	// one id, count once.
	KeepCopies bool

	// Warnings are what cannot work whatever the language.
	Warnings []string

	// MaxAPIs and MaxAddresses cap the lists of a result row.
	MaxAPIs, MaxAddresses int

	// Schedule is set for a rule that runs by itself; nil makes a query for
	// a person, who picks the time range.
	Schedule *Schedule
	// Range is the time that a query asks about by itself; the zero value
	// leaves it to the person. Only SQL prints it.
	Range Range
}

// Range is a stretch of time: from Since, and before Until. A zero time is an
// open end.
type Range struct{ Since, Until time.Time }

// IsZero reports whether both ends are open.
func (r Range) IsZero() bool { return r.Since.IsZero() && r.Until.IsZero() }

// String says the range in words.
func (r Range) String() string {
	var parts []string
	if !r.Since.IsZero() {
		parts = append(parts, "from "+r.Since.UTC().Format(time.RFC3339Nano))
	}
	if !r.Until.IsZero() {
		parts = append(parts, "before "+r.Until.UTC().Format(time.RFC3339Nano))
	}
	if len(parts) == 0 {
		return "at any time"
	}
	return strings.Join(parts, " and ")
}

// Reads is the time whose calls a query about [Rule.Range] must read, so that
// every window that reaches into the range is whole.
func (r *Rule) Reads() Range {
	reads := r.Range
	length := int64(r.Window.Length / time.Second)
	if !reads.Since.IsZero() {
		if r.Window.Kind == Overlapping {
			reads.Since = reads.Since.Add(-r.Window.Length)
		} else {
			n := reads.Since.Unix()
			reads.Since = time.Unix(n-(n%length+length)%length, 0).UTC()
		}
	}
	if !reads.Until.IsZero() {
		if r.Window.Kind == Overlapping {
			reads.Until = reads.Until.Add(r.Window.Length)
		} else {
			n := reads.Until.Add(time.Second - 1).Unix()
			reads.Until = time.Unix(n+((-n)%length+length)%length, 0).UTC()
		}
	}
	return reads
}

// Kind is what a rule looks for.
type Kind uint8

// The kinds of rule.
const (
	Burst  Kind = iota // many discovery calls, or few of many kinds
	Denied             // many kinds of call refused
	Sweep              // one question put to many resources
)

var kindNames = [...]string{"burst", "denied", "sweep"}

// String returns the kind's stable name.
func (k Kind) String() string { return kindNames[k] }

// Leg is a rule's part for one log.
type Leg struct {
	Log    event.Log
	Select *plan.Predicate
	// Differs says in what Select is not what the detection selects.
	Differs []string
	// Outcomes narrows to calls with one of these outcomes; empty means any.
	// Languages tell Denied and OK apart from all others, no more: it is one of
	// the two.
	Outcomes []event.Outcome
	// Services makes calls count that the provider made itself.
	Services bool
	// Raw makes the leg read the seed profile's way: names as logged and in
	// any service, the caller as logged, no exclusions.
	Raw bool
	// FoldCase compares names without letter case (Raw legs of Azure).
	FoldCase bool
	// NeedsCaller drops rows without a caller (Raw legs).
	NeedsCaller bool
}

// Window is how a rule lays windows over time.
type Window struct {
	Length time.Duration
	// Kind is how windows lie. Overlapping ones miss no burst at an edge, as
	// far as the language goes; each backend says how far that is.
	Kind WindowKind
}

// WindowKind is how windows lie over time.
type WindowKind uint8

// The kinds of window.
const (
	Tumbling    WindowKind = iota // aligned to the Unix epoch
	Overlapping                   // every burst lies whole within one, as far as the language goes
)

// String returns the kind's stable name.
func (k WindowKind) String() string { return [...]string{"tumbling", "overlapping"}[k] }

// Schedule is how a rule runs by itself. A run looks at windows that are
// closed and have settled, and at each of them once.
type Schedule struct {
	Every time.Duration // from run to run
	// Settle is how long after its end a window is looked at: logs come late.
	Settle time.Duration
}

// A rule that reads FarBack or more runs every FarBackEvery and no oftener:
// Microsoft Sentinel refuses it else (queryFrequency of a rule whose queryPeriod
// is two days or more, in the validation of Azure/Azure-Sentinel), and to read
// days every quarter of an hour is dear in every product.
const (
	FarBack      = 48 * time.Hour
	FarBackEvery = time.Hour
)

// Lookback is how far back from its start a run must read, in whole minutes,
// which are all that products take.
func (r *Rule) Lookback() time.Duration {
	d := r.Schedule.Settle + r.Schedule.Every + 2*r.Window.Length
	return (d + time.Minute - 1).Truncate(time.Minute)
}

// Cron is the schedule as the five fields of cron.
func (s *Schedule) Cron() string {
	if s.Every < time.Hour {
		return fmt.Sprintf("*/%d * * * *", int(s.Every.Minutes()))
	}
	return fmt.Sprintf("0 */%d * * *", int(s.Every.Hours()))
}

// The columns of a result row, in order.
const (
	ColTime      = "TimeGenerated" // start of the window
	ColProvider  = "CloudProvider" // AWS, Azure, GCP
	ColIdentity  = "Identity"
	ColAccount   = "AccountId"
	ColEvents    = "DiscoveryCount"
	ColAPIs      = "DistinctAPIs"
	ColAPIList   = "APIList"
	ColRegions   = "DistinctRegions"
	ColAddresses = "SourceIPs"
	ColFirst     = "FirstSeen"
	ColLast      = "LastSeen"
	ColRisk      = "RiskScore"
)

// Columns lists the columns of a result row.
func Columns() []string {
	return []string{ColTime, ColProvider, ColIdentity, ColAccount, ColEvents, ColAPIs, ColAPIList, ColRegions, ColAddresses, ColFirst, ColLast, ColRisk}
}

// ColTargets is a further column, of rules whose trigger counts targets; it
// stands after [ColAPIs].
const ColTargets = "DistinctTargets"

// CountsTargets reports whether the trigger or a band of the rule asks for
// distinct targets.
func (r *Rule) CountsTargets() bool {
	for _, t := range r.Trigger {
		if t.DistinctTargets > 0 {
			return true
		}
	}
	for _, b := range r.Bands {
		for _, t := range b.When {
			if t.DistinctTargets > 0 {
				return true
			}
		}
	}
	return false
}

// Provider is the value of [ColProvider] for a cloud.
func Provider(c event.Cloud) string {
	switch c {
	case event.AWS:
		return "AWS"
	case event.Azure:
		return "Azure"
	case event.GCP:
		return "GCP"
	}
	return ""
}

// UUID is a stable id of a rule in a language (RFC 9562, version 5, of the
// language's name and the rule's id), for products that name rules so.
func UUID(language string, r *Rule) string {
	h := sha1.New()
	h.Write([]byte("\x5b\x1e\x7b\x33\x9d\x0f\x4c\x4e\x8a\x57\x0c\x2f\xd1\x6e\x90\xaa")) // Vedette's own name space
	io.WriteString(h, language+"/"+r.ID)
	var u [16]byte
	copy(u[:], h.Sum(nil))
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
