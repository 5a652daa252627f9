package respond

import (
	"slices"
	"strings"

	"vedette/internal/finding"
)

// Choose says whom to contain, and of which type each is. A principal stands
// there once for each type that the finding leaves possible, the likelier one
// first. What a caller can set decides nothing by itself: a session that is
// called after an instance may be one, or may only be called so.
func Choose(f *finding.Finding) []Target {
	c := chooser{f: f}
	c.who, c.uid = "caller", f.Actor.ID
	c.caller()
	origin := ""
	if f.Origin != nil {
		origin = f.Origin.ID
	}
	// Who holds the credential of a link between keeps the rights of its
	// principal, whatever is done at both ends: back from the caller.
	for i := len(f.Chain) - 1; i >= 0; i-- {
		if uid := f.Chain[i].To; uid != f.Actor.ID && uid != origin {
			c.who, c.uid = "between", uid
			c.behind("it stands between the caller and who began the chain")
		}
	}
	if origin != "" && origin != f.Actor.ID {
		c.who, c.uid = "origin", origin
		place := "it stands behind the caller"
		if f.Origin.Cut {
			place = "it stands behind the caller, and others before it"
		}
		c.behind(place)
	}
	return c.targets
}

type chooser struct {
	f        *finding.Finding
	who, uid string
	targets  []Target
}

// is adds a type that the finding is sure of.
func (c *chooser) is(typ, because string) { c.add(typ, because, true) }

// maybe adds one of several types that the finding allows.
func (c *chooser) maybe(typ, because string) { c.add(typ, because, false) }

func (c *chooser) add(typ, because string, sure bool) {
	for _, t := range c.targets {
		if t.Principal == c.uid && t.Type == typ {
			return
		}
	}
	c.targets = append(c.targets, Target{Who: c.who, Principal: c.uid, Type: typ, Because: because, Sure: sure})
}

// caller decides by the kind of the actor (event.ActorKind names them), its
// credentials, and how its sessions came to be.
func (c *chooser) caller() {
	switch c.f.Actor.Kind {
	case "iam_user":
		c.user()
	case "iam_role":
		c.role()
	case "sso_user", "identity_center_user":
		c.is("aws_sso_role", "the provider's own name for the role, or the kind of identity, says so")
	case "root":
		c.is("aws_root", "the caller is the root user")
	case "federated_user":
		c.is("aws_federation_token", "the log says that the caller is a federated user")
	case "saml_user", "web_identity":
		c.is("aws_web_identity_role", "the caller is an identity of another provider that asks for a role")
	case "aws_account":
		c.is("aws_vendor_role", "the caller is another account")
	case "entra_user":
		c.is("azure_user", "the token is a user's")
	case "service_principal":
		c.maybe("azure_sp_secret", "the token is an application's; the log does not say with what it was asked for")
		c.maybe("azure_sp_certificate", "the token is an application's; the log does not say with what it was asked for")
	case "managed_identity":
		c.is("azure_managed_identity", "the token is a managed identity's")
	case "account_key":
		if strings.HasPrefix(c.uid, "sas:") {
			c.is("azure_sas", "the request was authorised by a shared access signature")
		} else {
			c.is("azure_account_key", "the request was authorised by an account key")
		}
	case "google_user":
		c.is("gcp_user", "the principal is a user")
	case "service_account":
		c.serviceAccount()
	case "federated_identity":
		c.federated()
	default:
		c.unknown()
	}
}

// user tells a user's keys apart by their prefixes: AKIA is a long-lived key,
// ASIA a temporary one ("IAM identifiers", IAM User Guide). The console uses
// temporary ones as well.
func (c *chooser) user() {
	f := c.f
	_, long := keys(f, "AKIA")
	_, short := keys(f, "ASIA")
	if long {
		c.is("aws_user_key", "a key that begins with AKIA was used")
	}
	switch {
	case short && c.via("GetSessionToken"):
		c.is("aws_session_token", "the key was seen handed out by GetSessionToken")
		if chainKey(f, c.uid, "AKIA") {
			c.is("aws_user_key", "the session was seen handed out to a key that begins with AKIA")
		}
	case short:
		c.maybe("aws_session_token", "a temporary key (ASIA) was used; the input does not show where it came from")
		c.maybe("aws_user_console", "a temporary key (ASIA) was used; the input does not show where it came from")
	case !long:
		c.maybe("aws_user_key", "the log names no key")
		c.maybe("aws_user_console", "the log names no key")
	}
}

func (c *chooser) role() {
	f := c.f
	switch {
	case strings.Contains(c.uid, "/aws-service-role/"):
		c.is("aws_service_linked_role", "the role's path is /aws-service-role/")
		return
	case strings.Contains(c.uid, "/AWSReservedSSO_"):
		c.is("aws_sso_role", "the role's name begins with AWSReservedSSO_")
		return
	}
	origin := ""
	if f.Origin != nil {
		origin = f.Origin.ID
	}
	switch {
	case strings.HasPrefix(origin, "instance:"):
		c.is("aws_instance_role", "the provider recorded that it delivered the session to an instance")
	case c.via("AssumeRoleWithWebIdentity") || c.via("AssumeRoleWithSAML"):
		c.is("aws_web_identity_role", "the session was seen handed out to an identity of another provider")
	case foreign(origin, account(c.uid)):
		c.is("aws_vendor_role", "the session was seen handed out to a principal of another account")
	case strings.HasPrefix(origin, "service:"):
		c.is("aws_role", "the session was seen handed out to a service")
	case origin != "":
		c.is("aws_role", "the session was seen handed out to "+kindOr(f.Origin.Kind, "its origin"))
	case namedAfterInstance(f):
		c.maybe("aws_instance_role", "a session is called after an instance, which whoever assumes a role can choose as well")
		c.maybe("aws_role", "a session is called after an instance, which whoever assumes a role can choose as well")
	default:
		c.maybe("aws_role", "the input does not show who assumed the role")
		c.maybe("aws_vendor_role", "the input does not show who assumed the role")
		c.maybe("aws_web_identity_role", "the input does not show who assumed the role")
	}
}

func (c *chooser) serviceAccount() {
	f := c.f
	if _, ok := (values{"key": names(f.Keys)}).googleKey(); ok {
		c.is("gcp_service_account_key", "the log names the key of the service account")
		return
	}
	if f.Origin != nil || len(c.links()) > 0 {
		c.is("gcp_service_account_impersonation", "the log names who acted through the service account")
		return
	}
	c.maybe("gcp_service_account_attached", "the log names neither a key nor who acted through the service account")
	c.maybe("gcp_service_account_impersonation", "the log names neither a key nor who acted through the service account")
}

func (c *chooser) federated() {
	if strings.Contains(c.uid, "/workforcePools/") {
		c.is("gcp_workforce", "the subject is of a workforce pool")
		return
	}
	c.is("gcp_workload_federation", "the subject is of a workload identity pool")
}

// behind decides, of a principal whom the chain names, by the key that the chain
// shows it used, else by how its session came to be and the form of the name.
func (c *chooser) behind(place string) {
	uid := c.uid
	because := place + "; the finding does not hold its credentials"
	long, short := chainKey(c.f, uid, "AKIA"), chainKey(c.f, uid, "ASIA")
	switch {
	case strings.HasPrefix(uid, "instance:"), strings.HasPrefix(uid, "service:"), strings.HasPrefix(uid, "resource:"):
		// The caller's own steps deal with the machine.
	case foreign(uid, account(c.f.Actor.ID)) && strings.HasPrefix(c.f.Actor.ID, "arn:"):
		// Nobody contains a principal of somebody else's account.
	case strings.Contains(uid, ":user/") && (long || short):
		if long {
			c.is("aws_user_key", place+", and obtained the session with a key that begins with AKIA")
		}
		if short {
			because := place + ", and obtained the session with a temporary key (ASIA); the chain does not show where that came from"
			c.maybe("aws_session_token", because)
			c.maybe("aws_user_console", because)
		}
	case strings.Contains(uid, ":user/"):
		c.maybe("aws_user_key", because)
		c.maybe("aws_user_console", because)
	case strings.Contains(uid, ":role/"):
		c.roleBehind(place, because)
	case strings.HasPrefix(uid, "arn:") && strings.HasSuffix(uid, ":root"):
		c.is("aws_root", because)
	case strings.HasSuffix(uid, ".gserviceaccount.com") && slices.ContainsFunc(chainKeys(c.f, uid), serviceAccountKey.MatchString):
		c.is("gcp_service_account_key", place+", and obtained the token with a key of its own")
	case strings.HasSuffix(uid, ".gserviceaccount.com") && len(c.links()) > 0:
		c.is("gcp_service_account_impersonation", place+", and the log names who acted through it")
	case strings.HasSuffix(uid, ".gserviceaccount.com"):
		c.maybe("gcp_service_account_key", because)
		c.maybe("gcp_service_account_attached", because)
	case strings.HasPrefix(uid, "principal:"):
		c.federated()
	case strings.Contains(uid, "@") && c.f.Cloud.Provider == "gcp":
		c.is("gcp_user", because)
	}
}

// roleBehind decides by the name of a role and by whom its session was handed
// out to, where the chain shows that.
func (c *chooser) roleBehind(place, because string) {
	from := func(is func(string) bool) bool {
		return slices.ContainsFunc(c.links(), func(l *finding.Link) bool { return is(l.From) })
	}
	switch {
	case strings.Contains(c.uid, "/aws-service-role/"):
		c.is("aws_service_linked_role", "the role's path is /aws-service-role/")
	case strings.Contains(c.uid, "/AWSReservedSSO_"):
		c.is("aws_sso_role", because)
	case c.via("AssumeRoleWithWebIdentity") || c.via("AssumeRoleWithSAML"):
		c.is("aws_web_identity_role", place+"; its session was seen handed out to an identity of another provider")
	case from(func(uid string) bool { return uid == ec2Service }):
		c.is("aws_instance_role", place+"; its session was seen handed out to an instance")
	case from(func(uid string) bool { return foreign(uid, account(c.uid)) }):
		c.is("aws_vendor_role", place+"; its session was seen handed out to a principal of another account")
	case len(c.links()) > 0:
		c.is("aws_role", place+", by a session that the chain shows handed out")
	default:
		c.is("aws_role", because)
	}
}

func (c *chooser) unknown() {
	switch c.f.Cloud.Provider {
	case "azure":
		c.is("azure_unknown", "the log does not name the caller")
	case "gcp":
		c.is("gcp_unknown", "the log does not name the caller")
	default:
		c.is("aws_unknown", "the log does not name a principal that could be contained")
	}
}

// via reports whether a session of the principal was handed out by that call.
func (c *chooser) via(call string) bool {
	return slices.ContainsFunc(c.links(), func(l *finding.Link) bool { return l.Via == call })
}

// links are those of the chain that lead to the principal.
func (c *chooser) links() []*finding.Link { return linksTo(c.f, c.uid) }

// namedAfterInstance reports whether a session has the name that EC2 gives:
// the instance's id.
func namedAfterInstance(f *finding.Finding) bool { return len(instances(f)) > 0 }

// foreign reports whether a principal is known to be of another AWS account.
func foreign(uid, own string) bool {
	other, ok := strings.CutPrefix(uid, "account:")
	if !ok {
		other = account(uid)
	}
	return own != "" && other != "" && own != other
}

// account is the account in an ARN, or empty.
func account(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[4]
}

func kindOr(kind, other string) string {
	if kind == "" {
		return other
	}
	return "a principal of kind " + kind
}
