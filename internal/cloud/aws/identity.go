package aws

import (
	"bytes"
	"slices"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// identity is a userIdentity element resolved ("CloudTrail userIdentity
// element", CloudTrail User Guide). Its views point into memory of its own.
type identity struct {
	text    []byte // what the views point into
	actor   event.Actor
	account []byte
	arn     []byte
	service bool // the element says that an AWS service made the call
	noMFA   bool // the element is of a person's session begun without MFA
	whole   bool // the element alone tells the caller and the account
}

// parts is what a userIdentity element may hold that matters.
type parts struct {
	kind, principalID, arn, account, key, user, invokedBy, provider []byte
	issuerARN, issuerUser                                           []byte
	storeARN, storeUser, credential                                 []byte
	delegate, signIn                                                []byte
	ec2Delivery                                                     bool
	noMFA                                                           bool

	built []byte // keys put together from parts
}

func (id *identity) resolve(raw []byte, p *parts) {
	*id = identity{text: id.text[:0]}
	if len(raw) == 0 || raw[0] != '{' {
		return
	}
	*p = parts{built: p.built[:0]}
	// With what follows it in the record, so that what is nested at its end is
	// passed over like the rest of it, many bytes at a time.
	p.read(raw[:min(cap(raw), len(raw)+64)])
	id.arn = p.arn
	id.account = p.account
	id.service = string(p.kind) == "AWSService" || len(p.invokedBy) > 0
	id.actor = id.who(p)
	// Sessions of roles never have MFA of their own: it says something of
	// people alone.
	switch id.actor.Kind {
	case event.AWSUser, event.AWSSSOUser, event.AWSRoot:
		id.noMFA = p.noMFA
	}
	// Else the rest of the record has a say in who called.
	id.whole = len(id.account) > 0 && len(id.actor.Principal) > 0
	id.keep()
}

// keep puts what was found into memory of the identity: it is about half of the
// element.
func (id *identity) keep() {
	a := &id.actor
	views := [...]*[]byte{&id.arn, &id.account, &a.Principal, &a.Name, &a.Session, &a.Key, &a.Label, &a.Creator}
	n := 0
	for _, v := range views {
		n += len(*v)
	}
	text := slices.Grow(id.text, n)
	for _, v := range views {
		if from := len(text); len(*v) > 0 {
			text = append(text, *v...)
			*v = text[from:len(text):len(text)]
		}
	}
	id.text = text
}

// read takes the parts of the element that b begins with.
func (p *parts) read(b []byte) {
	var o jsonscan.Object
	o.Reset(b)
	for {
		key, val, ok := o.Next()
		if !ok {
			return
		}
		switch string(key) {
		case "type":
			p.kind = jsonscan.Text(val)
		case "principalId":
			p.principalID = jsonscan.Text(val)
		case "arn":
			p.arn = jsonscan.Text(val)
		case "accountId":
			p.account = accountID(val)
		case "accessKeyId":
			p.key = unmasked(jsonscan.Text(val))
		case "userName":
			p.user = jsonscan.Text(val)
		case "invokedBy":
			p.invokedBy = jsonscan.Text(val)
		case "identityProvider":
			p.provider = jsonscan.Text(val)
		case "credentialId":
			p.credential = jsonscan.Text(val)
		case "onBehalfOf":
			p.storeARN = jsonscan.GetText(val, "identityStoreArn")
			p.storeUser = jsonscan.GetText(val, "userId")
		case "invokedByDelegate":
			p.delegate = accountID(jsonscan.Get(val, "accountId"))
		case "sessionContext":
			p.readSession(b[o.End()-len(val):])
		}
	}
}

// unmasked returns the id of an access key, or nothing where whoever passed
// the log on has struck it out: such a text is shared by many keys and names
// none. Ids are of letters and digits ("IAM identifiers", IAM User Guide);
// what else documents and tests put in their place stays.
func unmasked(id []byte) []byte {
	for i, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return nil
		}
		switch c {
		case 'R', 'r', 'M', 'm', 'H', 'h', 'X', 'x':
			if struckOut(id[i:]) {
				return nil
			}
		}
	}
	return id
}

// struckOut reports whether a text begins with one of the words and runs of
// one letter that stand for an id, none of which the 16 letters and digits of
// a real one hold but by a chance of one in 2^25 or less.
func struckOut(b []byte) bool {
	for _, word := range [...]string{
		"REDACT", "redact", "Redact", "MASKED", "masked", "Masked",
		"HIDDEN", "hidden", "XXXXXXXX", "xxxxxxxx",
	} {
		if len(b) >= len(word) && string(b[:len(word)]) == word {
			return true
		}
	}
	return false
}

func (p *parts) readSession(b []byte) {
	var o jsonscan.Object
	o.Reset(b)
	for {
		key, val, ok := o.Next()
		if !ok {
			return
		}
		switch string(key) {
		case "sessionIssuer":
			p.readIssuer(b[o.End()-len(val):])
		case "attributes":
			p.noMFA = string(jsonscan.Scalar(jsonscan.Get(val, "mfaAuthenticated"))) == "false"
		case "ec2RoleDelivery":
			p.ec2Delivery = true
		case "signInSessionArn":
			p.signIn = jsonscan.Text(val)
		}
	}
}

func (p *parts) readIssuer(b []byte) {
	var o jsonscan.Object
	o.Reset(b)
	for {
		key, val, ok := o.Next()
		if !ok {
			return
		}
		switch string(key) {
		case "arn":
			p.issuerARN = jsonscan.Text(val)
		case "userName":
			p.issuerUser = jsonscan.Text(val)
		}
	}
}

// build returns the concatenation of its arguments, valid until the parts are
// of another element.
func (p *parts) build(s ...[]byte) []byte {
	need := 0
	for _, t := range s {
		need += len(t)
	}
	if cap(p.built)-len(p.built) < need {
		// What was built before stays where it is.
		p.built = make([]byte, 0, max(need, 128))
	}
	start := len(p.built)
	for _, t := range s {
		p.built = append(p.built, t...)
	}
	return p.built[start:len(p.built):len(p.built)]
}

var (
	ssoPrefix = []byte("AWSReservedSSO_")
	slash     = []byte("/")
)

func (id *identity) who(p *parts) event.Actor {
	a := event.Actor{Key: p.key, Label: p.user, Session: p.signIn}
	if len(p.delegate) > 0 {
		a.Creator = p.build([]byte("account:"), p.delegate)
	}
	switch string(p.kind) {
	case "Root":
		a.Kind = event.AWSRoot
		if a.Principal = p.arn; len(a.Principal) == 0 {
			a.Principal = p.build([]byte("arn:aws:iam::"), p.account, []byte(":root"))
		}
		if len(a.Label) == 0 {
			a.Label = []byte("root")
		}
	case "IAMUser":
		id.user(p, &a)
	case "AssumedRole", "Role":
		id.role(p, &a)
	case "FederatedUser":
		// The name of the federated user is chosen by whoever asked for the
		// token: it is the session, and the issuing user is the principal.
		a.Kind = event.AWSFederatedUser
		a.Session = p.arn
		if a.Principal = p.issuerARN; len(a.Principal) == 0 {
			a.Principal = p.arn
		}
		a.Name = resource(a.Principal)
	case "SAMLUser", "WebIdentityUser":
		a.Kind = event.AWSSAMLUser
		scheme := []byte("saml:")
		if p.kind[0] == 'W' {
			a.Kind, scheme = event.AWSWebIdentity, []byte("oidc:")
		}
		who := p.user
		if len(who) == 0 {
			who = p.principalID
		}
		a.Principal = p.build(scheme, p.provider, slash, who)
		a.Name = a.Principal
	case "IdentityCenterUser":
		a.Kind = event.AWSIdentityCenter
		a.Key = p.credential
		a.Principal = p.build([]byte("identitycenter:"), p.storeARN, slash, p.storeUser)
		a.Name = a.Principal
	case "AWSAccount":
		a.Kind = event.AWSAccount
		a.Principal = p.build([]byte("account:"), p.account)
		a.Name = a.Principal
	case "AWSService":
		a.Kind = event.AWSService
		a.Principal = p.build([]byte("service:"), p.invokedBy)
		a.Name = a.Principal
	case "Directory":
		a.Kind = event.AWSDirectory
		who := p.arn
		if len(who) == 0 {
			who = p.user
		}
		a.Principal = p.build([]byte("directory:"), p.account, slash, who)
	default:
		id.untyped(p, &a)
	}
	return a
}

func (id *identity) user(p *parts, a *event.Actor) {
	a.Kind = event.AWSUser
	switch {
	case len(p.arn) > 0:
		a.Principal = p.arn
		a.Name = resource(p.arn)
	case len(p.user) > 0:
		a.Principal = p.build([]byte("arn:aws:iam::"), p.account, []byte(":user/"), p.user)
		a.Name = resource(a.Principal)
	default:
		a.Principal = p.build([]byte("user:"), p.account, slash, p.principalID)
	}
}

// role makes the role the principal and the session a part of it. In a role
// that IAM Identity Center reserves, the session name is the person, set by
// the service: there the pair is the principal.
func (id *identity) role(p *parts, a *event.Actor) {
	a.Kind = event.AWSRole
	role := p.issuerARN
	name := p.issuerUser
	var session []byte
	if rest, ok := after(p.arn, ":assumed-role/"); ok {
		r, s, _ := bytes.Cut(rest, slash)
		if len(name) == 0 {
			name = r
		}
		session = s
		a.Session = p.arn
		if len(role) == 0 {
			partition := []byte("aws")
			if f := bytes.SplitN(p.arn, []byte(":"), 3); len(f) == 3 && len(f[1]) > 0 {
				partition = f[1]
			}
			role = p.build([]byte("arn:"), partition, []byte(":iam::"), p.account, []byte(":role/"), r)
		}
	} else if len(role) == 0 {
		role = p.arn
	}
	if len(session) == 0 {
		// The principal id of a session is "role id:session name".
		_, session, _ = bytes.Cut(p.principalID, []byte(":"))
	}
	if len(role) == 0 {
		rid, _, _ := bytes.Cut(p.principalID, []byte(":"))
		role = p.build([]byte("role:"), p.account, slash, rid)
	}
	a.Label = session
	if p.ec2Delivery && bytes.HasPrefix(session, []byte("i-")) {
		a.Creator = p.build([]byte("instance:"), session)
	}
	if len(name) == 0 {
		name = role[bytes.LastIndexByte(role, '/')+1:]
	}
	if bytes.HasPrefix(name, ssoPrefix) && len(session) > 0 {
		a.Kind = event.AWSSSOUser
		a.Principal = p.build(role, slash, session)
		a.Session = p.signIn
		// The role's name ends in a hash of its account: the permission set
		// is what is before it.
		set := name[len(ssoPrefix):]
		if i := bytes.LastIndexByte(set, '_'); i > 0 {
			set = set[:i]
		}
		a.Name = p.build([]byte("sso:"), set, slash, session)
		return
	}
	a.Principal = role
	a.Name = p.build([]byte("role/"), name)
}

// untyped names a caller whose element has no type, or one not known yet.
func (id *identity) untyped(p *parts, a *event.Actor) {
	switch {
	case len(p.issuerARN) > 0 || bytes.Contains(p.arn, []byte(":assumed-role/")):
		id.role(p, a)
	case bytes.Contains(p.arn, []byte(":user/")):
		id.user(p, a)
	case bytes.HasSuffix(p.arn, []byte(":root")):
		a.Kind = event.AWSRoot
		a.Principal = p.arn
	case len(p.arn) > 0:
		a.Principal = p.arn
		a.Name = resource(p.arn)
	case len(p.invokedBy) > 0:
		a.Kind = event.AWSService
		a.Principal = p.build([]byte("service:"), p.invokedBy)
		a.Name = a.Principal
	case len(p.principalID) > 0:
		a.Principal = p.build([]byte("principal:"), p.account, slash, p.principalID)
	}
}

// resource returns the part of an ARN after its account, such as
// "user/deploy".
func resource(arn []byte) []byte {
	rest := arn
	for range 5 {
		_, r, ok := bytes.Cut(rest, []byte(":"))
		if !ok {
			return nil
		}
		rest = r
	}
	return rest
}

// after returns what follows the first sep in b.
func after(b []byte, sep string) ([]byte, bool) {
	i := bytes.Index(b, []byte(sep))
	if i < 0 {
		return nil, false
	}
	return b[i+len(sep):], true
}
