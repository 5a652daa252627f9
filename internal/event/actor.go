package event

// ActorKind is the type of a principal.
type ActorKind uint8

// The kinds of principal. Each is a typed key: a principal is never dropped
// for lack of an ARN, a user name or an e-mail address.
const (
	UnknownActor          ActorKind = iota
	AWSUser                         // IAM user
	AWSRole                         // IAM role; its sessions fold into it
	AWSSSOUser                      // a person in an AWSReservedSSO role: (permission set, session name)
	AWSRoot                         // root user of an account
	AWSFederatedUser                // GetFederationToken session
	AWSSAMLUser                     // SAML subject calling STS
	AWSWebIdentity                  // OIDC subject calling STS
	AWSIdentityCenter               // IAM Identity Center user without a role
	AWSAccount                      // another account, nothing more known
	AWSService                      // an AWS service
	AWSDirectory                    // AWS Directory Service user
	AzureUser                       // Entra user
	AzureServicePrincipal           // Entra application or service principal
	AzureManagedIdentity            // managed identity
	AzureAccountKey                 // storage account key or shared access signature: no person known
	GCPUser                         // Google user
	GCPServiceAccount               // service account
	GCPFederated                    // workload or workforce identity federation subject
	GCPRedacted                     // denied read whose e-mail Google redacts: (project, address, client)
	Anonymous                       // unauthenticated caller
	NumActorKinds
)

var actorNames = [NumActorKinds]string{
	"unknown", "iam_user", "iam_role", "sso_user", "root", "federated_user", "saml_user",
	"web_identity", "identity_center_user", "aws_account", "aws_service", "directory_user",
	"entra_user", "service_principal", "managed_identity", "account_key",
	"google_user", "service_account", "federated_identity", "redacted", "anonymous",
}

// String returns the kind's stable name.
func (k ActorKind) String() string { return actorNames[k] }

// Actor says who made a call.
type Actor struct {
	Kind ActorKind
	// Principal is the stable caller, unique over all accounts: an ARN where
	// there is one, else a typed key such as "account:111122223333".
	Principal []byte
	// Name is Principal without the account it lives in, by which one caller
	// is recognised across accounts ("role/OrgAudit"). Empty where the
	// principal exists once only, whatever account it acts in.
	Name []byte
	// Partial says that the record leaves out where the principal lives, so
	// that Principal is no more than Name is: it is taken for the principal of
	// that name which other records show, if they show just one.
	Partial bool
	// Session is the session of the principal, where it has sessions: an
	// assumed-role session ARN, a sign-in session. The name in it is chosen
	// by the caller and decides nothing.
	Session []byte
	// Key is the credential's id: access key id, service-account key name,
	// application id of a token.
	Key []byte
	// Label is a name for people (user name, e-mail, session name), or empty.
	Label []byte
	// Creator is who stands behind the session as the provider recorded it
	// in this very record, by a field that the caller cannot set: the
	// instance of an ec2RoleDelivery session, the delegating account of
	// invokedByDelegate, the first authority of a delegation chain.
	Creator []byte
	// Delegates are those who stand between Creator and Principal in a
	// delegation chain, the nearest to Principal first, one a line: each acted
	// through the one before it. Empty where there are none.
	Delegates []byte
	// Ref, where it is not zero, stands for this Actor and the event's Account
	// and Cloud: events of one process with equal Refs agree in all of them.
	// It saves a reader from comparing them. It is a hash with seeds that no
	// input can know.
	Ref [2]uint64
}
