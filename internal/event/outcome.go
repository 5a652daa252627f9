package event

// Outcome is the class of a call's result.
type Outcome uint8

// The outcome classes. Only Denied says that the caller lacked a permission;
// "no such policy" is Absent, the ordinary answer to a read of configuration.
const (
	OK Outcome = iota
	Denied
	Absent
	Throttled
	Invalid
	Other
	NumOutcomes
)

var outcomeNames = [NumOutcomes]string{"ok", "denied", "absent", "throttled", "invalid", "other"}

// String returns the outcome's stable name.
func (o Outcome) String() string { return outcomeNames[o] }

// Reason is what refused a denied call, where the error text says so.
type Reason uint8

// The reasons of a denial. AWS names the policy type in the error message
// ("because no identity-based policy allows ...", "with an explicit deny in a
// service control policy"); see "Troubleshoot access denied error messages"
// in the IAM User Guide.
const (
	NoReason       Reason = iota // not denied
	ReasonUnknown                // denied, the text does not say by what
	ReasonIdentity               // identity-based policy
	ReasonResource               // resource-based policy
	ReasonBoundary               // permissions boundary
	ReasonSession                // session policy
	ReasonSCP                    // service or resource control policy, organisation policy, VPC service controls
	ReasonEndpoint               // VPC endpoint policy
	NumReasons
)

var reasonNames = [NumReasons]string{
	"none", "unknown", "identity_policy", "resource_policy", "permissions_boundary",
	"session_policy", "organization_policy", "endpoint_policy",
}

// String returns the reason's stable name.
func (r Reason) String() string { return reasonNames[r] }
