package emulate

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Identity says who holds which access keys.
type Identity struct {
	ARN  string   // arn:aws:iam::<account>:user/<name>, …:role/<name> or …:root
	Keys []string // access key ids
}

// caller resolves an access key: sessions by the call that made them, other
// keys by what the user says of them or by asking the server; web and SAML
// identities by the token they show. A call that leaves no record needs none.
func (a *AWS) caller(ctx context.Context, c awsCall, body []byte) (userIdentity, error) {
	if c.key == "" {
		switch {
		case c.service == "sts" && c.event == "AssumeRoleWithWebIdentity":
			return webIdentity(body)
		case c.service == "sts" && c.event == "AssumeRoleWithSAML":
			return samlIdentity(c, body)
		case c.unlogged || c.data && !a.DataEvents:
			return userIdentity{}, nil
		}
		return userIdentity{}, fmt.Errorf("unsigned call")
	}
	a.mu.Lock()
	who, ok := a.sessions[c.key]
	if !ok {
		who, ok = a.users[c.key]
	}
	a.mu.Unlock()
	if ok {
		return who, nil
	}
	who, err := a.lookUp(ctx, c.key)
	if err != nil || !a.AnyKey {
		// Asked again each time: a seeded moto draws as many random numbers
		// as it is asked questions, and the samples' keys follow from them.
		return who, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users == nil {
		a.users = map[string]userIdentity{}
	}
	a.users[c.key] = who
	return who, nil
}

// lookUp finds out who holds a key that no recorded call made.
func (a *AWS) lookUp(ctx context.Context, key string) (userIdentity, error) {
	for _, id := range a.Identities {
		for _, k := range id.Keys {
			if k == key {
				return identityOf(id.ARN, key, "")
			}
		}
	}
	var arn, id, account string
	err := a.ask(ctx, key, "sts", "Action=GetCallerIdentity&Version=2011-06-15",
		map[string]*string{"Arn": &arn, "UserId": &id, "Account": &account})
	if (err != nil || arn == "") && a.AnyKey {
		if a.Account == "" {
			return userIdentity{}, fmt.Errorf("key %s: the server has no STS to ask, and no account is given", key)
		}
		a.note(fmt.Sprintf("the server has no STS: key %s is taken for IAM user %s of account %s", key, key, a.Account))
		return identityOf("arn:aws:iam::"+a.Account+":user/"+key, key, "")
	}
	if err != nil {
		return userIdentity{}, err
	}
	if user, ok := strings.CutPrefix(arn, "arn:aws:sts::"+account+":user/"); ok {
		// moto's answer to a key that it did not make.
		if !a.AnyKey {
			return userIdentity{}, fmt.Errorf("key %s is nobody's (%s)", key, arn)
		}
		a.note(fmt.Sprintf("key %s was made by no call: it is taken for the server's own user %s", key, user))
		return identityOf("arn:aws:iam::"+account+":user/"+user, key, "")
	}
	if strings.HasPrefix(arn, "arn:aws:sts::") && strings.Contains(arn, ":assumed-role/") {
		return a.strangeSession(ctx, arn, key)
	}
	if strings.HasSuffix(arn, ":root") && !a.AnyKey {
		return userIdentity{}, fmt.Errorf("key %s is nobody's (%s)", key, arn)
	}
	return identityOf(arn, key, id)
}

// strangeSession is a role's session that was made before the recorder ran, or
// past it.
func (a *AWS) strangeSession(ctx context.Context, arn, key string) (userIdentity, error) {
	role, session, _ := strings.Cut(arn[strings.Index(arn, ":assumed-role/")+len(":assumed-role/"):], "/")
	account := accountOfARN(arn)
	roleARN := "arn:aws:iam::" + account + ":role/" + role
	roleID, found, err := a.role(ctx, key, role)
	if err != nil {
		return userIdentity{}, err
	}
	if found != "" {
		roleARN = found
	}
	if !a.AnyKey {
		return userIdentity{}, fmt.Errorf("key %s is of a session that was not recorded (%s)", key, arn)
	}
	a.note("session " + arn + " was made by no recorded call: when it began is not known, and the time of its first call stands there")
	return userIdentity{
		Type: "AssumedRole", PrincipalID: roleID + ":" + session, ARN: arn, AccountID: account, AccessKeyID: key,
		SessionContext: &sessionContext{
			SessionIssuer: &sessionIssuer{"Role", roleID, roleARN, account, role},
			Attributes:    sessionAttributes{a.Stage.Now().UTC().Format(recordStamp), "false"},
		},
	}, nil
}

// identityOf builds the identity of an IAM user, a role or the root user by
// its ARN. id is the server's own user id, if it gave one.
func identityOf(arn, key, id string) (userIdentity, error) {
	account := accountOfARN(arn)
	_, kind, _ := strings.Cut(arn, "::"+account+":")
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	switch {
	case account == "" || !strings.HasPrefix(arn, "arn:aws:iam::"):
		return userIdentity{}, fmt.Errorf("key %s is of %q, which is no identity of IAM", key, arn)
	case kind == "root":
		return userIdentity{Type: "Root", PrincipalID: account, ARN: arn, AccountID: account, AccessKeyID: key}, nil
	case strings.HasPrefix(kind, "user/") && name != "":
		principal := madeUpID("AIDA", arn)
		if len(id) >= 17 {
			// moto's user ids lack the prefix and the capital letters of AWS's.
			principal = "AIDA" + strings.ToUpper(id[:17])
		}
		return userIdentity{Type: "IAMUser", PrincipalID: principal, ARN: arn, AccountID: account, AccessKeyID: key, UserName: name}, nil
	}
	return userIdentity{}, fmt.Errorf("key %s is of %q: a user's ARN or the root user's is wanted", key, arn)
}

// madeUpID is a unique id of IAM's form that follows from an ARN.
func madeUpID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// role asks for a role's id and ARN. A server that hands out sessions of roles
// that it does not have leaves the id to be made up, where AnyKey allows it.
func (a *AWS) role(ctx context.Context, key, name string) (id, arn string, err error) {
	err = a.ask(ctx, key, "iam", "Action=GetRole&Version=2010-05-08&RoleName="+url.QueryEscape(name), map[string]*string{"RoleId": &id, "Arn": &arn})
	if id == "" && a.AnyKey {
		a.note("the server does not know role " + name + ", of which it gave a session: its id is made up")
		return madeUpID("AROA", name), "", nil
	}
	if err == nil && id == "" {
		err = fmt.Errorf("no id in the answer")
	}
	if err != nil {
		return "", "", fmt.Errorf("role %s: %w", name, err)
	}
	return id, arn, nil
}

// ask puts a question of the recorder's own to the server and reads the named
// elements of the answer. Stand-ins do not check signatures.
func (a *AWS) ask(ctx context.Context, key, service, form string, want map[string]*string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Backend.String(), strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Host = service + ".us-east-1.amazonaws.com"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	return decodeDeep(answer, want)
}

// webIdentity reads subject, audience and issuer from the token of an
// AssumeRoleWithWebIdentity call. The token itself is not kept.
func webIdentity(body []byte) (userIdentity, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return userIdentity{}, err
	}
	part := strings.Split(form.Get("WebIdentityToken"), ".")
	if len(part) != 3 {
		return userIdentity{}, fmt.Errorf("not a JSON web token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(part[1])
	if err != nil {
		return userIdentity{}, fmt.Errorf("token: %w", err)
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return userIdentity{}, fmt.Errorf("token: %w", err)
	}
	account := accountOfARN(form.Get("RoleArn"))
	provider := fmt.Sprintf("arn:aws:iam::%s:oidc-provider/%s", account, strings.TrimPrefix(claims.Issuer, "https://"))
	return userIdentity{
		Type: "WebIdentityUser", PrincipalID: provider + ":" + claims.Audience + ":" + claims.Subject,
		UserName: claims.Subject, IdentityProvider: provider,
	}, nil
}

// samlIdentity reads subject and issuer from the assertion of an
// AssumeRoleWithSAML call, and puts the assertion's id among the call's
// parameters, where CloudTrail has it. The assertion itself is not kept.
func samlIdentity(c awsCall, body []byte) (userIdentity, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return userIdentity{}, err
	}
	text, err := base64.StdEncoding.DecodeString(form.Get("SAMLAssertion"))
	if err != nil {
		return userIdentity{}, fmt.Errorf("SAML assertion: %w", err)
	}
	var doc struct {
		Assertion struct {
			ID      string `xml:"ID,attr"`
			Issuer  string
			Subject struct{ NameID string }
		}
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		return userIdentity{}, fmt.Errorf("SAML assertion: %w", err)
	}
	as := doc.Assertion
	if as.Issuer == "" || as.Subject.NameID == "" {
		return userIdentity{}, fmt.Errorf("SAML assertion: no issuer or no subject")
	}
	c.params["sAMLAssertionID"] = as.ID
	provider := form.Get("PrincipalArn")
	// The hash that AWS calls the name qualifier (STS API Reference,
	// AssumeRoleWithSAML).
	sum := sha1.Sum([]byte(as.Issuer + accountOfARN(provider) + provider[strings.LastIndexByte(provider, '/')+1-min(1, strings.Count(provider, "/")):]))
	return userIdentity{
		Type: "SAMLUser", PrincipalID: base64.StdEncoding.EncodeToString(sum[:]) + ":" + as.Subject.NameID,
		UserName: as.Subject.NameID, IdentityProvider: as.Issuer,
	}, nil
}

// principalARN is what a policy is attached to: the user, or the role or user
// behind a session.
func principalARN(who userIdentity) string {
	if who.SessionContext != nil && who.SessionContext.SessionIssuer != nil {
		return who.SessionContext.SessionIssuer.ARN
	}
	return who.ARN
}
