package finding

import (
	"slices"
	"time"

	"vedette/internal/event"
)

// Facts are what judgement rests on, counted from the calls of a finding or
// of a slice of it. They are no part of the output: what judgement makes of
// them is told in words, in its reasons.
type Facts struct {
	Cloud event.Cloud
	Kind  event.ActorKind
	// Principal and Origin are the uids of the caller and of who stands
	// behind it, or empty.
	Principal, Origin string
	// Issued is set where every call was made with a credential that was seen
	// handed out to Origin, by its id: no name decides.
	Issued bool

	First, Last time.Time
	Events      int
	Outcomes    Outcomes
	// Operations are the distinct APIs, in the order of their first call.
	Operations []Operation

	Services, Categories []string // in order of name
	Regions              []string // of regional services
	Accounts             int
	Networks, Clients    []string // in order of name
	UserAgents           []string // in order of name, at most 64

	// DeniedTargets counts distinct pairs of API and request that were
	// refused; Reasons are those of all operations.
	DeniedTargets int
	Reasons       [event.NumReasons]int

	Console  int // calls that the provider marks as made by its console
	Made     int // calls that the provider made itself, where they score
	NoMFA    int // calls of sessions that the provider marks as without MFA
	Listings int // calls that list many
	Open     int // of them, those that asked for all
	// Minute is the greatest number of calls within one minute.
	Minute int
	// Burst is the greatest number of distinct services within ten seconds.
	Burst int

	// LongLived is set where a key that does not expire was used.
	LongLived bool
	// KeyNetworks is the greatest number of networks that one credential
	// called from, at most an hour apart; KeyID is that credential.
	KeyNetworks int
	KeyID       string
	// Instance is set for credentials that a provider hands to a machine.
	Instance bool

	// Changes counts the distinct operations by which the caller changed
	// something, from an hour before to an hour after.
	Changes int
	Follow  []FollowOn

	History History

	// Sources are filled for the whole of a finding alone, where exceptions
	// are asked for: sorted, each once.
	Sources []Source
}

// Clone returns facts that share nothing with f but the APIs.
func (f *Facts) Clone() *Facts {
	c := *f
	c.Operations, c.Follow, c.Sources = slices.Clone(f.Operations), slices.Clone(f.Follow), slices.Clone(f.Sources)
	for _, list := range []*[]string{
		&c.Services, &c.Categories, &c.Regions, &c.Networks, &c.Clients, &c.UserAgents,
		&c.History.NewServices, &c.History.NewRegions, &c.History.NewNetworks, &c.History.NewClients,
	} {
		*list = slices.Clone(*list)
	}
	return &c
}

// Source is from where and with what a caller called, and in which account.
type Source struct {
	Account  string
	Client   string // family, or empty
	Address  string // or what the provider wrote in its place, or empty
	Endpoint string // VPC endpoint, or network of Google Cloud, or empty
	Network  string // what the address's network is called, as in Networks
}

// PrivateNetwork stands for every private address without the endpoint that
// it belongs to: it says nothing of where a caller is.
const PrivateNetwork = "private"

// Operation is one API within facts.
type Operation struct {
	API     *event.API
	Events  int
	OK      int
	Denied  int
	Open    int // calls that asked for all there is
	Targets int // distinct requests, wherever they were made
	// Requests are distinct ones by region: whoever repeats one has asked
	// once. Refused are those of them that were refused and never answered.
	Requests, Refused int
	// DeniedTargets are the distinct requests of Targets that were refused;
	// Reasons counts those of Requests by why they were first refused.
	DeniedTargets int
	Reasons       [event.NumReasons]int
	New           bool // not in the caller's history
	// Unusual says how few of the account's callers use it, by a baseline: 0
	// where all do, 1 where it is one of a thousand.
	Unusual float64
	// After is the time from the first call of the facts to the first of this
	// API. Logs that keep seconds have many that are equal.
	After time.Duration
}

// FollowOn is a call that matters, made by the caller at the same time as
// its discovery or in the hours after.
type FollowOn struct {
	API      *event.API
	Requests int // distinct ones
	// Outcome is OK where one of the calls succeeded, else that of the first.
	// Time and EventID are of the first call with that outcome.
	Outcome event.Outcome
	Time    time.Time
	EventID string
	// Undone is set where the caller made and unmade the thing: the opposite
	// call (Create and Delete, Attach and Detach, Start and Stop) is its own
	// too, in the hours around.
	Undone bool
}

// History is what is known of the caller from before, and what of the facts
// is new against it.
type History struct {
	// Days is how many days it spans; 0 where there is none.
	Days int
	// Active is how many days of them the caller called on.
	Active int
	// Idle is the time from the last call before to the first of the facts.
	Idle time.Duration
	// What the facts have that history has not.
	NewServices, NewRegions, NewNetworks, NewClients []string
	// Peers is how many callers of the account the baseline knows; 0 for none.
	Peers int
	// Recurs is on how many earlier days the caller made a burst much like
	// this one, from the same networks.
	Recurs int
	// From says whose history it is: "principal", or what stood in for it.
	From string
}
