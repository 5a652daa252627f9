package azure

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// claims is what matters of the token that a call was made with ("Access
// token claims reference", Microsoft identity platform). None of it can be
// set by the caller.
type claims struct {
	object, tenant, app, kind      []byte // lower case
	upn, mail, name                []byte // as logged
	resource, identity             []byte // Azure resources behind a managed identity, lower case
	token, session, address, class []byte
	issuer                         []byte
	user                           bool // a claim that only people's tokens have
}

func (c *claims) read(d *decoder, raw []byte) {
	s := &d.space
	o := jsonscan.Members(d.object(raw))
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "http://schemas.microsoft.com/identity/claims/objectidentifier", "oid":
			c.object = s.Lower(s.Text(val))
		case "http://schemas.microsoft.com/identity/claims/tenantid", "tid":
			c.tenant = s.Lower(s.Text(val))
		case "appid", "azp":
			c.app = s.Lower(s.Text(val))
		case "idtyp":
			c.kind = s.Lower(s.Text(val))
		case "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "upn":
			c.upn, c.user = s.Text(val), true
		case "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "email":
			c.mail, c.user = s.Text(val), true
		case "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "unique_name":
			c.name, c.user = s.Text(val), true
		case "http://schemas.microsoft.com/identity/claims/scope", "scp", "puid", "altsecid":
			c.user = true
		case "xms_mirid":
			c.identity = s.Lower(s.Text(val))
		case "xms_az_rid":
			c.resource = s.Lower(s.Text(val))
		case "uti":
			c.token = s.Text(val)
		case "sid":
			c.session = s.Text(val)
		case "ipaddr":
			c.address = s.Text(val)
		case "appidacr", "azpacr":
			c.class = s.Scalar(val)
		case "iss":
			c.issuer = s.Lower(s.Text(val))
		}
	}
	if len(c.tenant) == 0 {
		// https://sts.windows.net/<tenant>/
		if from, to := segmentAfter(c.issuer, "://sts.windows.net/"); from < to {
			c.tenant = c.issuer[from:to]
		}
	}
}

// notLogged stands in a principal for a tenant that the record leaves out.
// Field maps of SIEMs have the same word, so that rows name such callers alike.
var notLogged = []byte("tenant-not-logged")

// who fills in the caller.
func (d *decoder) who(c *call, ev *event.Event) {
	var k claims
	caller := d.space.Text(c.caller)
	authorization, kind, hash := c.authorization, []byte(nil), []byte(nil)
	switch ev.Log {
	case event.AzureGraph:
		k.app, k.tenant, k.session = c.props.app, c.tenantID, c.props.session
		if k.object = c.props.user; len(k.object) > 0 {
			k.user = true
		} else {
			k.object = c.props.principal
		}
	default:
		k.read(d, c.claims)
		o := jsonscan.Members(d.object(c.identity))
		for {
			key, val, ok := o.Next()
			if !ok {
				break
			}
			switch string(key) {
			case "claims", "claim":
				k.read(d, val)
			case "requester":
				d.requester(&k, val)
			case "authorization":
				authorization = val
			case "type":
				kind = d.space.Text(val)
			case "tokenHash":
				hash = d.space.Text(val)
			}
		}
	}
	if len(k.tenant) == 0 {
		k.tenant = c.tenantID
	}
	if len(caller) == 0 {
		caller = firstOf(k.upn, k.mail, k.name)
	}
	a := &ev.Actor
	a.Key = firstOf(k.app, hash)
	a.Session = firstOf(k.session, k.token)
	if a.Label = firstOf(k.upn, k.mail, k.name); len(a.Label) == 0 {
		a.Label = caller
	}
	if r := firstOf(k.resource, k.identity); len(r) > 0 {
		a.Creator = d.space.Join([]byte("resource:"), r)
	}
	if len(ev.Address) == 0 {
		ev.Address = k.address // from where the token was asked for
	}
	if ev.Log == event.AzureActivity {
		ev.Seed.Identity = firstOf(caller, k.object, k.app)
	}

	app := d.appOnly(&k, caller)
	switch {
	case len(k.object) > 0:
		tenant := k.tenant
		if len(tenant) == 0 {
			tenant = notLogged
		}
		a.Principal = d.space.Join([]byte("entra:"), tenant, []byte("/"), k.object)
		// Key Vault's records lack the tenant: by the object id alone the
		// caller is recognised there.
		a.Name = d.space.Join([]byte("entra:"), k.object)
		a.Partial = len(k.tenant) == 0
	case len(caller) > 0:
		a.Principal = d.space.Lower(caller)
	case len(k.app) > 0:
		a.Principal = d.space.Join([]byte("app:"), k.tenant, []byte("/"), k.app)
	default:
		d.unnamed(c, kind, ev)
		return
	}
	switch {
	case len(k.identity) > 0:
		a.Kind = event.AzureManagedIdentity
	case app:
		a.Kind = event.AzureServicePrincipal
	case k.user || string(k.kind) == "user" || bytes.IndexByte(caller, '@') >= 0:
		a.Kind = event.AzureUser
	default:
		switch string(d.space.Text(jsonscan.Get(d.object(authorization), "evidence", "principalType"))) {
		case "ServicePrincipal":
			a.Kind = event.AzureServicePrincipal
		case "User":
			a.Kind = event.AzureUser
		}
	}
	d.firstParty(&k, caller, app, ev)
}

// appOnly reports whether an application acts for itself and not for a user:
// the token says so, or has an application and nothing that a user's has.
func (d *decoder) appOnly(k *claims, caller []byte) bool {
	switch string(k.kind) {
	case "app":
		return true
	case "user":
		return false
	}
	if k.user || string(k.class) == "0" || bytes.IndexByte(caller, '@') >= 0 {
		return false // class 0 is a public client, which cannot act for itself
	}
	return len(k.app) > 0 || isUUID(caller)
}

// firstParty marks the calls of Microsoft's own services, by the application
// id in the token. Where people sign in to one of Microsoft's clients, the
// call is theirs.
func (d *decoder) firstParty(k *claims, caller []byte, app bool, ev *event.Event) {
	id := k.app
	if len(id) == 0 && len(k.object) == 0 {
		id = d.space.Lower(caller)
	}
	switch d.apps[string(id)] {
	case "service":
		if app && len(k.identity) == 0 {
			ev.Flags |= event.ServiceMade
		}
	case "console":
		ev.Flags |= event.Console
	}
}

// requester reads the identity.requester of a Storage record.
func (d *decoder) requester(k *claims, raw []byte) {
	s := &d.space
	o := jsonscan.Members(raw)
	for {
		key, val, ok := o.Next()
		if !ok {
			return
		}
		switch string(key) {
		case "objectId":
			k.object = s.Lower(s.Text(val))
		case "tenantId":
			k.tenant = s.Lower(s.Text(val))
		case "appId":
			k.app = s.Lower(s.Text(val))
		case "upn":
			if k.upn = s.Text(val); len(k.upn) > 0 {
				k.user = true
			}
		}
	}
}

// unnamed gives a call that names nobody a typed key: the storage account and
// how it was opened, else tenant and address.
func (d *decoder) unnamed(c *call, kind []byte, ev *event.Event) {
	a := &ev.Actor
	account := c.props.account
	if len(account) == 0 {
		from, to := segmentAfter(c.lowResource, "/storageaccounts/")
		account = c.lowResource[from:to]
	}
	slash := []byte("/")
	if ev.Log == event.AzureStorage {
		// "SAS Key", "Account Key" and "AccountKey", "SAS" are all seen.
		switch low := d.space.Lower(kind); {
		case bytes.HasPrefix(low, []byte("sas")):
			a.Kind = event.AzureAccountKey
			a.Principal = d.space.Join([]byte("sas:"), account)
			return
		case bytes.HasPrefix(low, []byte("account")):
			a.Kind = event.AzureAccountKey
			a.Principal = d.space.Join([]byte("accountkey:"), account)
			return
		case string(low) == "anonymous":
			a.Kind = event.Anonymous
			a.Principal = d.space.Join([]byte("anonymous:"), account, slash, ev.Address)
			return
		}
	}
	scope := firstOf(c.tenantID, ev.Account)
	a.Principal = d.space.Join([]byte("unknown:"), scope, slash, ev.Address)
}

func firstOf(texts ...[]byte) []byte {
	for _, t := range texts {
		if len(t) > 0 {
			return t
		}
	}
	return nil
}

func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}
