package gcp

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// who fills in the caller ("AuthenticationInfo", Cloud Audit Logs reference).
func (d *decoder) who(p *payload, ev *event.Event) {
	var email, subject, keyName, client, delegation, third []byte
	o := jsonscan.Members(p.authentication)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "principalEmail":
			email = d.space.Lower(d.space.Text(val))
		case "principalSubject":
			subject = d.space.Text(val)
		case "serviceAccountKeyName":
			keyName = d.space.Text(val)
		case "oauthInfo":
			client = d.space.Text(jsonscan.Get(val, "oauthClientId"))
		case "serviceAccountDelegationInfo":
			delegation = val
		case "authoritySelector":
			third = d.space.Text(val)
		}
	}
	a := &ev.Actor
	a.Key = keyID(keyName)
	if len(a.Key) == 0 {
		a.Key = client
	}
	a.Creator, a.Delegates = d.delegation(delegation)

	switch {
	case len(email) > 0:
		a.Principal = email
		a.Kind = kindOf(email, subject)
	case len(subject) > 0:
		a.Principal, a.Kind = d.fromSubject(subject)
	case len(keyAccount(keyName)) > 0:
		a.Principal = d.space.Lower(keyAccount(keyName))
		a.Kind = event.GCPServiceAccount
	case len(a.Creator) > 0:
		// Whom the caller acted as is not told, only who was behind it.
		a.Principal = d.space.Join([]byte("delegated:"), a.Creator)
		a.Kind = event.GCPRedacted
	case len(third) > 0:
		a.Principal = d.space.Join([]byte("authority:"), third)
		a.Kind = event.GCPFederated
	default:
		d.unnamed(ev)
	}
	if a.Kind != event.GCPRedacted {
		a.Name = a.Principal // one caller in whatever project
	}
	if d.agents.has(a.Principal) {
		ev.Flags |= event.ServiceMade
	}
}

var (
	serviceAccountDomain = []byte(".gserviceaccount.com")
	userPrefix           = []byte("user:")
	accountPrefix        = []byte("serviceAccount:")
)

func kindOf(email, subject []byte) event.ActorKind {
	switch {
	case bytes.HasSuffix(email, serviceAccountDomain), bytes.HasPrefix(subject, accountPrefix):
		return event.GCPServiceAccount
	case bytes.HasPrefix(subject, []byte("principal:")), bytes.HasPrefix(email, []byte("principal:")):
		return event.GCPFederated
	case string(email) == "allusers":
		return event.Anonymous
	}
	return event.GCPUser
}

// fromSubject names the caller by principalSubject. "user:" and
// "serviceAccount:" stand before the e-mail address that the same caller's
// other entries have; a federated subject is a name of its own, whose letter
// case its identity provider decides.
func (d *decoder) fromSubject(subject []byte) ([]byte, event.ActorKind) {
	if rest, ok := bytes.CutPrefix(subject, userPrefix); ok {
		return d.space.Lower(rest), event.GCPUser
	}
	if rest, ok := bytes.CutPrefix(subject, accountPrefix); ok {
		return d.space.Lower(rest), event.GCPServiceAccount
	}
	return subject, event.GCPFederated
}

// unnamed gives a caller without any name a typed key: project, address and
// client. Google redacts the caller of a denied read ("principalEmail is
// redacted for all read-only operations that fail with a permission denied
// error", AuditLog reference).
func (d *decoder) unnamed(ev *event.Event) {
	a := &ev.Actor
	scheme := "unknown:"
	switch {
	case ev.Outcome == event.Denied && string(ev.ErrorCode) == "UNAUTHENTICATED":
		a.Kind, scheme = event.Anonymous, "anonymous:"
	case ev.Outcome == event.Denied:
		a.Kind, scheme = event.GCPRedacted, "redacted:"
	}
	slash := []byte("/")
	a.Principal = d.space.Join([]byte(scheme), ev.Account, slash, ev.Address, slash, clientFamily(ev.UserAgent))
}

// clientFamily is the name of the client before its first version or
// comment: what follows may differ from call to call, as gcloud's invocation
// id does.
func clientFamily(agent []byte) []byte {
	if i := bytes.IndexAny(agent, "/(,;"); i >= 0 {
		agent = agent[:i]
	}
	if len(agent) > 64 {
		agent = agent[:64]
	}
	return bytes.TrimSpace(agent)
}

// unnamedDelegate stands for an authority of a delegation chain without a name,
// so that nobody is taken for its neighbour's neighbour.
const unnamedDelegate = "unknown:delegate"

// maxDelegates bounds the bytes of [event.Actor.Delegates]. Those furthest from
// the caller fall off.
const maxDelegates = 1000

// delegation reads a delegation chain, which is in the order in which it was
// delegated ("ServiceAccountDelegationInfo", AuditLog reference): the first
// authority, and those between it and the service account of the entry.
func (d *decoder) delegation(chain []byte) (first, between []byte) {
	if len(chain) == 0 || chain[0] != '[' {
		return nil, nil
	}
	var last [32][]byte // by number, modulo
	n := 0
	for a := jsonscan.Elements(chain); ; n++ {
		one, ok := a.Next()
		if !ok {
			break
		}
		if n == 0 {
			first = d.authority(one)
		}
		last[n%len(last)] = one
	}
	for i := n - 1; i > max(0, n-1-len(last)); i-- {
		who := d.authority(last[i%len(last)])
		if len(who) == 0 || bytes.IndexByte(who, '\n') >= 0 {
			who = []byte(unnamedDelegate)
		}
		if len(between)+1+len(who) > maxDelegates {
			break
		}
		if len(between) == 0 {
			between = who
		} else {
			between = d.space.Join(between, []byte{'\n'}, who)
		}
	}
	return first, between
}

// authority is the name of one element of a delegation chain, or nil.
func (d *decoder) authority(one []byte) []byte {
	if s := d.space.Text(jsonscan.Get(one, "principalSubject")); len(s) > 0 {
		who, _ := d.fromSubject(s)
		return who
	}
	return d.space.Lower(d.space.Text(jsonscan.Get(one, "firstPartyPrincipal", "principalEmail")))
}

// keyID is the id in a key name such as
// "//iam.googleapis.com/projects/p/serviceAccounts/a@b/keys/0123".
func keyID(name []byte) []byte {
	if _, id, ok := bytes.Cut(name, []byte("/keys/")); ok {
		return id
	}
	return nil
}

// keyAccount is the service account for which a key name stands.
func keyAccount(keyName []byte) []byte {
	_, rest, ok := bytes.Cut(keyName, []byte("/serviceAccounts/"))
	if !ok {
		return nil
	}
	who, _, _ := bytes.Cut(rest, []byte("/"))
	return who
}
