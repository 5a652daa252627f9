package emulate

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// AWS stands in front of a moto server. It answers a call with moto's answer,
// or refuses it where the Policy does, and writes down the CloudTrail record
// of each. moto itself knows who a key belongs to, since users, roles and
// sessions are made there.
type AWS struct {
	Stage   *Stage
	Backend *url.URL
	Policy  Policy
	// UserAgent rewrites the user agent before it is written down, to take
	// out what names the machine that records.
	UserAgent func(string) string
	// DataEvents writes data events too. A trail does not, unless asked.
	DataEvents bool

	mu       sync.Mutex
	records  []cloudTrailRecord
	sessions map[string]userIdentity
	skipped  map[string]int
	faults   []string
}

// maxBody bounds what is read of a request or an answer.
const maxBody = 8 << 20

// Faults returns what the recorder could not do honestly: calls that it cannot
// name, and answers by which moto says that it lacks the call. A recording
// with faults must not be kept.
func (a *AWS) Faults() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.faults...)
}

// NotLogged returns how often each call was made that a trail of management
// events does not show, by event name.
func (a *AWS) NotLogged() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for k, n := range a.skipped {
		out[k] = n
	}
	return out
}

// ServeHTTP handles one call.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call, err := nameAWS(r, body)
	if err != nil {
		a.fault(err.Error())
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	who, err := a.caller(r.Context(), call, body)
	if err != nil {
		a.fault(fmt.Sprintf("%s %s: caller: %v", call.service, call.event, err))
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	at, from := a.Stage.Tick()
	rec := a.record(call, who, at, from, r)

	if !awsUncheckedActions[call.action] && !a.Policy.Allows(principalARN(who), call.action) {
		rec.ErrorCode, rec.ErrorMessage = deniedCode(call), denialMessage(call, who.ARN)
		a.keep(call, rec)
		writeDenial(w, call, rec.ErrorMessage, rec.RequestID)
		return
	}
	status, header, answer, err := a.forward(r, body)
	if err != nil {
		a.fault(fmt.Sprintf("%s %s: %v", call.service, call.event, err))
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	switch {
	case status == http.StatusNotImplemented || status >= 500:
		a.fault(fmt.Sprintf("%s %s: moto answered %d", call.service, call.event, status))
	case status >= 400:
		rec.ErrorCode, rec.ErrorMessage = awsError(call, header, answer)
	default:
		a.answered(&rec, call, who, answer, at)
	}
	a.keep(call, rec)
	for k, vs := range header {
		for _, v := range vs {
			w.Header().Add(k, v)
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (a *AWS) record(c awsCall, who userIdentity, at time.Time, from string, r *http.Request) cloudTrailRecord {
	rec := cloudTrailRecord{
		EventVersion:       "1.11",
		UserIdentity:       who,
		EventTime:          at.UTC().Format(time.RFC3339),
		EventSource:        c.source,
		EventName:          c.event,
		AWSRegion:          c.region,
		SourceIPAddress:    from,
		UserAgent:          r.UserAgent(),
		EventID:            a.Stage.UUID("eventID"),
		RequestID:          a.Stage.UUID("requestID"),
		ReadOnly:           c.readOnly,
		EventType:          "AwsApiCall",
		ManagementEvent:    !c.data,
		RecipientAccountID: who.AccountID,
		EventCategory:      "Management",
	}
	if c.data {
		rec.EventCategory = "Data"
	}
	if a.UserAgent != nil {
		rec.UserAgent = a.UserAgent(rec.UserAgent)
	}
	if len(c.params) > 0 {
		rec.RequestParameters = c.params
	}
	if r.TLS != nil {
		rec.TLSDetails = &tlsDetails{tlsName(r.TLS.Version), tls.CipherSuiteName(r.TLS.CipherSuite), c.host}
	}
	if c.service == "s3" {
		rec.UserAgent = "[" + rec.UserAgent + "]"
		rec.RequestID = a.Stage.Token("s3RequestID", upperAlnum, 16)
		rec.AdditionalEventData = map[string]any{"SignatureVersion": "SigV4", "AuthenticationMethod": "AuthHeader", "bytesTransferredIn": max(r.ContentLength, 0)}
		if rec.TLSDetails != nil {
			rec.AdditionalEventData["CipherSuite"] = rec.TLSDetails.CipherSuite
		}
		if c.bucket != "" {
			rec.Resources = []awsResource{{who.AccountID, "AWS::S3::Bucket", "arn:aws:s3:::" + c.bucket}}
		}
	}
	return rec
}

// answered fills in what only a call that succeeded has: the answer of a
// write, and the link from AssumeRole to the session that it made.
func (a *AWS) answered(rec *cloudTrailRecord, c awsCall, who userIdentity, answer []byte, at time.Time) {
	switch {
	case c.service == "sts" && strings.HasPrefix(c.event, "AssumeRole"):
		a.assumed(rec, who, answer, at)
	case c.protocol == protoEC2 && !c.readOnly:
		rec.ResponseElements = map[string]any{"requestId": rec.RequestID, "_return": true}
	}
}

func (a *AWS) assumed(rec *cloudTrailRecord, who userIdentity, answer []byte, at time.Time) {
	var doc struct{ Key, ID, ARN string }
	if err := decodeDeep(answer, map[string]*string{
		"AccessKeyId": &doc.Key, "AssumedRoleId": &doc.ID, "Arn": &doc.ARN,
	}); err != nil || doc.Key == "" {
		a.fault(fmt.Sprintf("%s: answer without a session: %v", rec.EventName, err))
		return
	}
	roleARN, _ := rec.RequestParameters["roleArn"].(string)
	account := accountOfARN(roleARN)
	roleName := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	// moto answers a web identity with a made-up role id: the role itself is
	// asked, so that all sessions of a role have one issuer.
	var roleID string
	if err := a.ask(context.Background(), doc.Key, "iam", "Action=GetRole&Version=2010-05-08&RoleName="+url.QueryEscape(roleName),
		map[string]*string{"RoleId": &roleID}); err != nil || roleID == "" {
		a.fault(fmt.Sprintf("%s: role %s: no id: %v", rec.EventName, roleName, err))
		return
	}
	_, sessionName, _ := strings.Cut(doc.ID, ":")
	doc.ID = roleID + ":" + sessionName
	life := int64(3600)
	if d, ok := rec.RequestParameters["durationSeconds"].(int64); ok {
		life = d
	}
	// The session token belongs to the record too, but has no business in a
	// sample; the secret is in neither.
	rec.ResponseElements = map[string]any{
		"credentials": map[string]any{
			"accessKeyId": doc.Key,
			"expiration":  at.Add(time.Duration(life) * time.Second).UTC().Format("Jan 2, 2006, 3:04:05 PM"),
		},
		"assumedRoleUser": map[string]any{"assumedRoleId": doc.ID, "arn": doc.ARN},
	}
	rec.Resources = []awsResource{{account, "AWS::IAM::Role", roleARN}}
	rec.RecipientAccountID = account
	session := userIdentity{
		Type: "AssumedRole", PrincipalID: doc.ID, ARN: doc.ARN, AccountID: account, AccessKeyID: doc.Key,
		SessionContext: &sessionContext{
			SessionIssuer: sessionIssuer{"Role", roleID, roleARN, account, roleName},
			Attributes:    sessionAttributes{at.UTC().Format(time.RFC3339), "false"},
		},
	}
	if who.Type == "WebIdentityUser" {
		session.SessionContext.WebIDFederationData = &webIDFederationData{who.IdentityProvider, map[string]string{}}
		audience := strings.TrimPrefix(who.PrincipalID, who.IdentityProvider+":")
		rec.ResponseElements["subjectFromWebIdentityToken"] = who.UserName
		rec.ResponseElements["provider"] = who.IdentityProvider
		rec.ResponseElements["audience"] = strings.TrimSuffix(audience, ":"+who.UserName)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions == nil {
		a.sessions = map[string]userIdentity{}
	}
	a.sessions[doc.Key] = session
}

// caller resolves an access key: sessions from the AssumeRole call that made
// them, users by asking moto, web identities from the token they show.
func (a *AWS) caller(ctx context.Context, c awsCall, body []byte) (userIdentity, error) {
	if c.key == "" {
		if c.event != "AssumeRoleWithWebIdentity" {
			return userIdentity{}, fmt.Errorf("unsigned call")
		}
		return webIdentity(body)
	}
	a.mu.Lock()
	who, ok := a.sessions[c.key]
	a.mu.Unlock()
	if ok {
		return who, nil
	}
	var arn, id, account string
	if err := a.ask(ctx, c.key, "sts", "Action=GetCallerIdentity&Version=2011-06-15",
		map[string]*string{"Arn": &arn, "UserId": &id, "Account": &account}); err != nil {
		return userIdentity{}, err
	}
	if !strings.HasPrefix(arn, "arn:aws:iam::") || !strings.Contains(arn, ":user/") || len(id) < 17 {
		return userIdentity{}, fmt.Errorf("key %s is nobody's (%s)", c.key, arn)
	}
	// moto's user ids lack the prefix and the capital letters of AWS's.
	id = "AIDA" + strings.ToUpper(id[:17])
	return userIdentity{
		Type: "IAMUser", PrincipalID: id, ARN: arn, AccountID: account, AccessKeyID: c.key,
		UserName: arn[strings.LastIndexByte(arn, '/')+1:],
	}, nil
}

// ask puts a question of the recorder's own to moto and reads the named
// elements of the answer. moto does not check signatures.
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

func (a *AWS) forward(r *http.Request, body []byte) (int, http.Header, []byte, error) {
	u := *a.Backend
	u.Path, u.RawPath, u.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
	req, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	req.Header.Del("Proxy-Connection")
	req.Host = r.Host
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, nil, nil, err
	}
	resp.Header.Del("Content-Length")
	resp.Header.Del("Transfer-Encoding")
	return resp.StatusCode, resp.Header, answer, nil
}

func (a *AWS) keep(c awsCall, rec cloudTrailRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.data && !a.DataEvents {
		if a.skipped == nil {
			a.skipped = map[string]int{}
		}
		a.skipped[c.event]++
		return
	}
	a.records = append(a.records, rec)
}

func (a *AWS) fault(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, text)
}

// principalARN is what a policy is attached to: the user, or the role behind a
// session.
func principalARN(who userIdentity) string {
	if who.SessionContext != nil {
		return who.SessionContext.SessionIssuer.ARN
	}
	return who.ARN
}

var errorCodeTail = regexp.MustCompile(`^.*#|:.*$`)

// awsError reads code and message of an answer that is an error, in the form
// in which CloudTrail writes them.
func awsError(c awsCall, header http.Header, answer []byte) (code, message string) {
	switch c.protocol {
	case protoJSON, protoREST:
		var doc map[string]any
		_ = json.Unmarshal(answer, &doc)
		code, _ = doc["__type"].(string)
		if h := header.Get("X-Amzn-Errortype"); h != "" {
			code = h
		}
		code = errorCodeTail.ReplaceAllString(code, "")
		for _, k := range []string{"message", "Message"} {
			if m, ok := doc[k].(string); ok {
				message = m
			}
		}
	default:
		_ = decodeDeep(answer, map[string]*string{"Code": &code, "Message": &message})
	}
	if c.protocol == protoEC2 && code != "" {
		code = "Client." + code
	}
	return code, message
}

// decodeDeep finds the first element of each name, however deep it lies.
func decodeDeep(doc []byte, want map[string]*string) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		el, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if to := want[el.Name.Local]; to != nil && *to == "" {
			if err := d.DecodeElement(to, &el); err != nil {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
}

func tlsName(v uint16) string {
	return strings.Replace(strings.Replace(tls.VersionName(v), "TLS ", "TLSv", 1), ".0", "", 1)
}
