// Package finding defines what a scan answers with: findings, the summary of
// what was read, and the coverage verdict. It is data only; the JSON names
// are the product's stable output schema (docs/findings.schema.json).
//
// Times are RFC 3339 in UTC, with as many fractional digits as the event
// had. Lists are sorted as each field says, so that equal findings are equal
// bytes.
package finding

// Report is the whole answer of a scan.
type Report struct {
	SchemaVersion string     `json:"schema_version"`
	Findings      []Finding  `json:"findings"`
	Summary       Summary    `json:"summary"`
	Coverage      []Coverage `json:"coverage"`
}

// SchemaVersion is the version of the JSON output: its major part changes
// when a field is renamed or removed.
const SchemaVersion = "1.4.0"

// Finding is one principal's discovery campaign in one account, or, where
// Scope is "origin", one origin's over several accounts.
type Finding struct {
	ID          string   `json:"id"`
	PreviousIDs []string `json:"previous_ids,omitempty"`
	// Continues is the id of the finding of which this is the next part: a
	// finding longer than 24 hours is cut.
	Continues string `json:"continues,omitempty"`
	// Campaign is shared by the findings of one origin that touched several
	// accounts at the same time.
	Campaign string `json:"campaign,omitempty"`
	// Scope is "account" or "origin".
	Scope string `json:"scope"`

	Detections []Detection `json:"detections"`
	Techniques []Technique `json:"techniques"`

	Cloud  CloudRef `json:"cloud"`
	Actor  Actor    `json:"actor"`
	Origin *Origin  `json:"origin,omitempty"`
	Chain  []Link   `json:"chain,omitempty"`
	// ChainTotal is how many links were seen, where Chain does not list them
	// all: at most 50, those that lead to a further principal first.
	ChainTotal int `json:"chain_total,omitzero"`

	Judgement

	// RiskScore is the highest that the detection's bands give over the
	// firing windows.
	RiskScore int    `json:"risk_score"`
	Peak      Window `json:"peak"`

	// Events and DistinctAPIs are the finding's totals.
	Events       int    `json:"events"`
	DistinctAPIs int    `json:"distinct_apis"`
	FirstSeen    string `json:"first_seen"`
	LastSeen     string `json:"last_seen"`
	// Throttled counts the retries of throttled calls that are left out of
	// Events.
	ThrottledRetries int `json:"throttled_retries,omitzero"`

	Outcomes      Outcomes       `json:"outcomes"`
	DenialReasons map[string]int `json:"denial_reasons,omitempty"`

	APIs           []API     `json:"apis"`            // by events, descending
	Services       []Count   `json:"services"`        // by events, descending
	Regions        []Count   `json:"regions"`         // of regional services alone
	GlobalServices []Count   `json:"global_services"` // services without regions
	Accounts       []Account `json:"accounts"`
	Addresses      []Address `json:"source_addresses"`
	Clients        []Client  `json:"clients"`
	Sessions       []Count   `json:"sessions"`
	SessionsTotal  int       `json:"sessions_total"`
	Keys           []Count   `json:"keys"`
	KeysTotal      int       `json:"keys_total"`
	AddressesTotal int       `json:"source_addresses_total"`
	Targets        int       `json:"distinct_targets"` // distinct requests (API and what it asked for)

	// Slices are the parts of the principal, worst first; WorstSlice names
	// the first of them that fires by itself, if one does.
	Slices      []Slice `json:"slices"`
	SlicesTotal int     `json:"slices_total"`
	WorstSlice  string  `json:"worst_slice,omitempty"`

	Evidence      []Evidence `json:"evidence"`
	EvidenceTotal int        `json:"evidence_total"`
}

// Judgement is how much a finding matters, and why. It stands beside the
// detection's own verdict and does not change it.
type Judgement struct {
	// Priority is from 0 to 100; Reasons add up to it.
	Priority int      `json:"priority"`
	Level    string   `json:"level"` // informational, low, medium, high, critical
	Reasons  []Reason `json:"reasons"`
	// Slice is the part of the principal that was judged, where that is
	// worse than the whole.
	Slice string `json:"judged_slice,omitempty"`
	// Aside says why the finding is put aside as benign, by what the caller
	// cannot set.
	Aside string `json:"aside_because,omitempty"`
	// Claims are what the client says it is: it lowers nothing.
	Claims []string `json:"claims,omitempty"`
	// Tools are tools whose calls these resemble.
	Tools []Resemblance `json:"tools,omitempty"`
	// Incidents are published incidents whose calls these resemble. That is
	// similarity, not attribution, and has no weight.
	Incidents []Resemblance `json:"similar_incidents,omitempty"`
}

// Reason is a part of a priority.
type Reason struct {
	Factor string `json:"factor"`
	Points int    `json:"points"`
	Text   string `json:"text"` // the evidence, in words
	// NoneSucceeded is set for what followed where every call of it was
	// refused or failed: it was tried, and nothing came of it.
	NoneSucceeded bool `json:"none_succeeded,omitzero"`
}

// Resemblance is how alike the calls of a finding are to a known set.
type Resemblance struct {
	Name       string `json:"name"`
	Confidence string `json:"confidence"` // low, medium, high
	Basis      string `json:"basis"`      // what it rests on, in words
	// Against is what of the client speaks against it, in words. A client says
	// of itself what it likes, so that it takes nothing from the confidence.
	Against string `json:"against,omitempty"`
	Link    string `json:"link,omitempty"`
}

// Detection is a detection that fired, with the windows of it that did.
type Detection struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Windows []string `json:"windows"`
}

// Technique is an ATT&CK technique with the events that count for it.
type Technique struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Events int    `json:"events"`
}

// CloudRef is the OCSF cloud object: provider and account.
type CloudRef struct {
	Provider string  `json:"provider"`
	Account  Account `json:"account"`
}

// Account is an AWS account, an Azure subscription or a GCP project.
type Account struct {
	ID          string `json:"uid"`
	Name        string `json:"name,omitempty"`        // from --context
	Environment string `json:"environment,omitempty"` // from --context
	Criticality string `json:"criticality,omitempty"` // from --context
	Events      int    `json:"events,omitzero"`
}

// Actor is the principal a finding is about.
type Actor struct {
	Kind  string `json:"kind"`
	ID    string `json:"uid"`
	Name  string `json:"name,omitempty"`
	Owner string `json:"owner,omitempty"` // from --context
}

// MaxChain is how many links a chain is followed back: over a week of sessions
// that follow one another by the hour. Each caller's chain is followed, so that
// it bounds what a log costs that was made for it.
const MaxChain = 256

// Origin is who stands behind the finding's sessions, by observed links.
type Origin struct {
	ID   string `json:"uid"`
	Kind string `json:"kind,omitempty"`
	// Others counts further origins of other sessions of the same finding.
	Others int `json:"others,omitzero"`
	// Cut says that the chain is longer than is followed, 256 links: who began
	// it stands further back, and this is whom the last link came from.
	Cut bool `json:"cut,omitzero"`
}

// Link is one observed step of the chain from origin to actor.
type Link struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Via     string `json:"via"`     // the call, or the provider's field, that links them
	Session string `json:"session"` // the session it led to
	Key     string `json:"key,omitempty"`
	// FromKey is the credential that From asked with: of the first link, what
	// stands at the beginning of the chain.
	FromKey string `json:"from_key,omitempty"`
	Time    string `json:"time,omitempty"`
	EventID string `json:"event_id,omitempty"`
}

// Window is the figures of one window.
type Window struct {
	Name         string `json:"name"`
	Start        string `json:"start"`
	End          string `json:"end"` // exclusive
	RiskScore    int    `json:"risk_score"`
	Events       int    `json:"events"`
	DistinctAPIs int    `json:"distinct_apis"`
}

// Outcomes counts events by the class of their result.
type Outcomes struct {
	OK        int `json:"ok"`
	Denied    int `json:"denied"`
	Absent    int `json:"absent"`
	Throttled int `json:"throttled"`
	Invalid   int `json:"invalid"`
	Other     int `json:"other"`
}

// API is one operation within a finding.
type API struct {
	Service   string   `json:"service"`
	Name      string   `json:"operation"`
	Events    int      `json:"events"`
	Outcomes  Outcomes `json:"outcomes"`
	Technique string   `json:"technique,omitempty"`
	Category  string   `json:"category,omitempty"`
	Known     bool     `json:"in_catalog"`
	Targets   int      `json:"distinct_targets"`
}

// Count is a value with the number of events that have it. Several values
// are sorted by that number, descending, then by name.
type Count struct {
	Name   string `json:"name"`
	Events int    `json:"events"`
}

// Address is a caller's network address.
type Address struct {
	IP       string `json:"ip"`
	Endpoint string `json:"vpc_endpoint,omitempty"`
	Events   int    `json:"events"`
	ASN      string `json:"asn,omitempty"`     // from --geoip
	ASName   string `json:"as_name,omitempty"` // from --geoip
	Country  string `json:"country,omitempty"` // from --geoip
	Label    string `json:"label,omitempty"`   // from --context: what the network is called
	Kind     string `json:"kind,omitempty"`    // from --context: "egress", "scanner" or "office"
}

// Client is what callers said of themselves: a family (such as "boto3") and
// one of its user agents, the most frequent.
type Client struct {
	Family    string `json:"family"`
	UserAgent string `json:"user_agent"`
	Events    int    `json:"events"`
}

// Slice is a part of the principal with figures of its own. Cut is
// "session" (by session, else credential) or "network" (by network and
// client family).
type Slice struct {
	Cut          string   `json:"cut"`
	Name         string   `json:"name"`
	Fires        bool     `json:"fires"`
	RiskScore    int      `json:"risk_score"`
	Events       int      `json:"events"`
	DistinctAPIs int      `json:"distinct_apis"`
	Peak         *Window  `json:"peak,omitempty"`
	Outcomes     Outcomes `json:"outcomes"`
	FirstSeen    string   `json:"first_seen"`
	LastSeen     string   `json:"last_seen"`
}

// Evidence is one event of the finding and where its record lies.
type Evidence struct {
	EventID   string `json:"event_id"`
	Time      string `json:"time"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Outcome   string `json:"outcome"`
	Account   string `json:"account"`
	Region    string `json:"region,omitempty"`
	IP        string `json:"source_ip,omitempty"`
	At        At     `json:"at"`
}

// At is where a record lies: the file as it was named, and the number of the
// record in it, from 1.
type At struct {
	File   string `json:"file"`
	Record int    `json:"record"`
}

// Summary counts what was read. Every record is in exactly one of Events,
// Skipped and Unparsed; Events includes Duplicates.
type Summary struct {
	Files       int    `json:"files"`
	Bytes       int64  `json:"bytes"` // decompressed
	Records     int    `json:"records"`
	Events      int    `json:"events"`
	Duplicates  int    `json:"duplicates"`
	Scoring     int    `json:"scoring_events"` // after deduplication
	ServiceMade int    `json:"service_made"`   // events that did not score because the provider made them
	Skipped     int    `json:"skipped"`
	Unparsed    int    `json:"unparsed"`
	FirstEvent  string `json:"first_event,omitempty"`
	LastEvent   string `json:"last_event,omitempty"`
	// Logs counts records by cloud and kind of log, in order of name.
	Logs []LogCount `json:"logs"`
	// Problems name what was lost, file by file; at most a thousand are
	// listed and ProblemsTotal counts them all.
	Problems      []Problem `json:"problems,omitempty"`
	ProblemsTotal int       `json:"problems_total,omitzero"`
	Detections    []string  `json:"detections"`
	// Levels counts the findings of the report by level, and Aside those of
	// them that are put aside.
	Levels Levels `json:"findings_by_level"`
	Aside  int    `json:"findings_aside,omitzero"`
	// Findings that filters (--since, --actor, --min-level, ...) left out.
	Filtered int `json:"findings_filtered,omitzero"`
	// Exceptions are those of --exceptions, in the order of the file.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// ContextHits counts entries of --context that were used, and so on;
	// absent when not asked for.
	Notes []string `json:"notes,omitempty"`
}

// Levels counts findings by level.
type Levels struct {
	Critical      int `json:"critical"`
	High          int `json:"high"`
	Medium        int `json:"medium"`
	Low           int `json:"low"`
	Informational int `json:"informational"`
}

// Tally sets what the summary counts of the findings. Whoever leaves findings
// out of a report calls it afterwards.
func (r *Report) Tally() {
	r.Summary.Levels, r.Summary.Aside = Levels{}, 0
	l := &r.Summary.Levels
	by := map[string]*int{"critical": &l.Critical, "high": &l.High, "medium": &l.Medium, "low": &l.Low, "informational": &l.Informational}
	for i := range r.Findings {
		if n := by[r.Findings[i].Level]; n != nil {
			*n++
		}
		if r.Findings[i].Aside != "" {
			r.Summary.Aside++
		}
	}
}

// Exception is how far an exception was used.
type Exception struct {
	ID   string `json:"id"`
	Hits int    `json:"hits"` // findings that it put aside
	// State is "expired" where the newest event is not before Expires, else
	// "unused" where it put nothing aside, else "live".
	State   string `json:"state"`
	Expires string `json:"expires"`
}

// LogCount counts the records of one kind of log.
type LogCount struct {
	Cloud   string `json:"cloud"`
	Log     string `json:"log"`
	Records int    `json:"records"`
	Events  int    `json:"events"`
}

// Problem is input that was lost.
type Problem struct {
	File   string `json:"file"`
	Record int    `json:"record,omitzero"` // from 1; absent when the whole file is meant
	Offset int64  `json:"offset,omitzero"` // in the decompressed object
	Reason string `json:"reason"`
}

// Coverage is the verdict on one provider, service, region and log class:
// what this input shows and what it cannot.
type Coverage struct {
	Provider string `json:"provider"`
	Service  string `json:"service"` // "*" for the log class as a whole
	Region   string `json:"region"`  // "*" for all
	Log      string `json:"log"`
	// Verdict is "reads_seen", "only_writes_seen" or "not_seen".
	Verdict string `json:"verdict"`
	Reads   int    `json:"reads"`
	Writes  int    `json:"writes"`
	// Blind says what cannot be seen in this input, and Enable how to switch
	// it on. Both are set on rows with service "*".
	Blind  string `json:"blind,omitempty"`
	Enable string `json:"enable,omitempty"`
	// ID names the verdict, for tests and for filters.
	ID string `json:"id,omitempty"`
}
