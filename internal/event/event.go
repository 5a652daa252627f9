// Package event defines what every other room speaks of: one audited API
// call, normalised, whatever cloud and whatever log it came from.
//
// An [Event] is a set of views into the bytes of the record it was decoded
// from. It is valid until its decoder is called again; whoever keeps a part
// of it copies that part.
package event

// Cloud is the provider whose control plane was called.
type Cloud uint8

// The three clouds. NoCloud marks an object that belongs to none.
const (
	NoCloud Cloud = iota
	AWS
	Azure
	GCP
	numClouds
)

// String returns the provider's name as findings show it: "aws", "azure",
// "gcp".
func (c Cloud) String() string {
	switch c {
	case AWS:
		return "aws"
	case Azure:
		return "azure"
	case GCP:
		return "gcp"
	}
	return "none"
}

// Clouds lists the providers in the order in which reports show them.
func Clouds() []Cloud { return []Cloud{AWS, Azure, GCP} }

// Log is the class of audit log a record belongs to. What a log class can
// and cannot show is the ground of the coverage verdict.
type Log uint8

// The log classes. Those above logSkipped never yield events: they are
// recognised, counted and passed over.
const (
	NoLog                Log = iota
	CloudTrailManagement     // AWS CloudTrail, eventCategory Management
	CloudTrailData           // AWS CloudTrail, eventCategory Data
	CloudTrailNetwork        // AWS CloudTrail, eventCategory NetworkActivity (VPC endpoints)
	AzureActivity            // Azure Monitor activity log
	AzureKeyVault            // Key Vault AuditEvent resource log
	AzureStorage             // Storage StorageRead, StorageWrite, StorageDelete resource logs
	AzureGraph               // MicrosoftGraphActivityLogs
	GCPActivity              // Cloud Audit Logs, Admin Activity
	GCPDataAccess            // Cloud Audit Logs, Data Access
	GCPPolicy                // Cloud Audit Logs, Policy Denied
	GCPSystemEvent           // Cloud Audit Logs, System Event

	CloudTrailDigest     // digest file: hashes of log files
	CloudTrailInsight    // Insights event: a rate, not a call
	CloudTrailAggregated // aggregated event: a count over five minutes
	ObjectNotification   // S3, SNS, SQS or EventBridge notice that an object exists
	ControlMessage       // CloudWatch Logs control message
	GCPKubernetes        // GKE audit entries (k8s.io, io.k8s.*)
	GCPWorkspace         // Google Workspace and Cloud Identity entries
	OtherLog             // a log entry of another kind (application text, Entra sign-in, metrics, ...)
	NumLogs
)

var logNames = [NumLogs]string{
	"none",
	"cloudtrail.management", "cloudtrail.data", "cloudtrail.network_activity",
	"azure.activity", "azure.key_vault", "azure.storage", "azure.microsoft_graph",
	"gcp.admin_activity", "gcp.data_access", "gcp.policy_denied", "gcp.system_event",
	"cloudtrail.digest", "cloudtrail.insight", "cloudtrail.aggregated",
	"notification", "control_message", "gcp.kubernetes", "gcp.workspace", "other",
}

// String returns the class's stable name, such as "cloudtrail.management".
func (l Log) String() string { return logNames[l] }

// Audited reports whether records of the class are events.
func (l Log) Audited() bool { return l > NoLog && l < CloudTrailDigest }

// Verdict is what a decoder says of the bytes it was given.
type Verdict uint8

// The verdicts of a decoder.
const (
	NotMine   Verdict = iota // an object this decoder does not know
	Decoded                  // an event was decoded
	Skipped                  // recognised, never an event; Event.Log says what it is
	Broken                   // recognised, but a part that an event needs is missing or of the wrong type
	Truncated                // the bytes end before the object does
)

// Flag is a fact about an event that changes how it is counted.
type Flag uint8

// The flags of an event.
const (
	// ServiceMade marks a call that the provider made itself: it is context
	// and does not score unless asked for. It rests on fields the caller
	// cannot set.
	ServiceMade Flag = 1 << iota
	// Console marks a call that says it came from the provider's web console.
	Console
	// Page marks a call that asks for a further page of a list.
	Page
	// ReadOnly marks a call the log itself calls a read.
	ReadOnly
	// Writes marks a call the log itself calls a write.
	Writes
	// NoMFA marks a call of a session that the provider records as begun
	// without a second factor.
	NoMFA
)

// Event is one audited API call.
//
// Byte fields are views; an absent field is empty. Time is nanoseconds since
// the Unix epoch, taken from the record and never from the clock.
type Event struct {
	Cloud Cloud
	Log   Log
	Flags Flag

	// Time is when the provider says the call was made.
	Time int64
	// ID is the log's own id of the event as an analyst would search for
	// it: CloudTrail eventID, GCP insertId, Azure eventDataId or, failing
	// that, correlationId.
	ID []byte
	// Key is equal for all copies of one act; see [Key].
	Key Key
	// Rank orders copies of one act that differ: the greatest is kept. An
	// operation's terminal record outranks its start record.
	Rank uint8
	// Shared is set where Key stands for an act recorded in several accounts
	// (CloudTrail sharedEventID), whose copies have ids of their own.
	Shared bool

	API       *API
	Outcome   Outcome
	Reason    Reason // of a denial
	ErrorCode []byte

	// Region is the provider's region, or empty.
	Region []byte
	// Account is the AWS account, Azure subscription or GCP project that the
	// caller acted in.
	Account []byte
	// Recipient is a further account that holds a copy of the record, when
	// it differs from Account.
	Recipient []byte

	Actor Actor

	// Address is the caller's network address as logged; a service name
	// where the provider wrote one.
	Address []byte
	// Endpoint is the private endpoint (vpcEndpointId) that Address belongs
	// to. A private address means something only together with it.
	Endpoint []byte
	// UserAgent is what the client says of itself. Anyone can set it.
	UserAgent []byte

	// Target is the part of the record that says what was asked for (AWS
	// requestParameters, Azure resource id, GCP resource name). Only its
	// hash is kept, to tell retries of one request from requests over many
	// resources.
	Target []byte

	// Grant is the credential that the call handed out, if it did.
	Grant Grant

	// Seed holds the raw values that the seed profile compares and groups
	// by, letter for letter as its tables would hold them.
	Seed Seed

	resolver Resolver
}

// Resolver fills in who made a call. A decoder may put that off, because it
// costs the most and matters for few of the events of a trail.
type Resolver interface {
	// Resolve sets the fields that [Event.Resolve] names, from the record
	// that the event was decoded from last.
	Resolve(ev *Event)
}

// Defer says who will fill in the caller when it is asked for.
func (e *Event) Defer(r Resolver) { e.resolver = r }

// Resolve fills in Actor, Account, Recipient, Grant, the flag ServiceMade, and
// the identity and account of Seed, where the decoder put that off. Until it
// was called they are not to be read. Calling it twice does no harm.
func (e *Event) Resolve() {
	if r := e.resolver; r != nil {
		e.resolver = nil
		r.Resolve(e)
	}
}

// Grant is a credential handed out by a call such as AssumeRole: the link
// from a session to whoever stands behind it.
type Grant struct {
	Key     []byte // access key id of the issued session
	Session []byte // ARN of the issued session
	// By names who obtained the session where that is not the event's own
	// actor (SAML subject, OIDC subject, service); else it is empty.
	By []byte
	// Via is the call, such as "AssumeRole".
	Via string
}

// Seed is the view of an event that the seed profile's tables have.
type Seed struct {
	Name     []byte // EventName, OperationNameValue
	Identity []byte // UserIdentityArn, Caller
	Account  []byte // UserIdentityAccountId, SubscriptionId
	Region   []byte // AWSRegion, ResourceGroup
	Status   []byte // ActivityStatusValue; Azure only
}

// Has reports whether all of the flags in f are set.
func (e *Event) Has(f Flag) bool { return e.Flags&f == f }

// Reset clears the event for the next record.
func (e *Event) Reset() { *e = Event{} }
