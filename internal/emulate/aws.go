package emulate

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// AWS stands in front of a moto server, or of anything else that speaks as AWS
// does. It answers a call with the server's answer, or refuses it where the
// rules do, and writes down the CloudTrail record of each. The server itself
// knows who a key belongs to, since users, roles and sessions are made there.
//
// It is safe for concurrent use. The zero value of every field but Stage and
// Backend is fit for use.
type AWS struct {
	Stage   *Stage
	Backend *url.URL
	// Policy says what each principal may do, by ARN; nil allows everything.
	Policy Policy
	// ServiceControl are the actions that a service control policy denies to
	// all principals, Boundary those that the permissions boundary of one
	// does, by its ARN. Both go before Policy.
	ServiceControl []string
	Boundary       Policy
	// Identities say who holds a key, where the server has no STS to ask or
	// is not to be asked.
	Identities []Identity
	// AnyKey takes callers as the server takes them: whoever comes with a key
	// that nobody made is the server's own user (moto's "moto", LocalStack's
	// root), and where there is no STS an IAM user named after the key, of
	// Account. Otherwise such a key is a fault.
	AnyKey  bool
	Account string
	// Tolerant keeps a call that the server lacks: it is recorded with an
	// internal failure, and NotImplemented lists it. Otherwise it is a fault.
	Tolerant bool
	// UserAgent rewrites the user agent before it is written down, to take
	// out what names the machine that records.
	UserAgent func(string) string
	// DataEvents writes data events too. A trail does not, unless asked.
	DataEvents bool
	// Accounts are those whose trails are recorded, all where it is empty: of
	// a call from one account to another each has a record of its own, and
	// only one of the two trails is the reader's.
	Accounts []string
	// Grants follows what calls of IAM make of Policy: a policy that is put on
	// or attached to a user or a role adds to what that one may do, until it
	// is taken away. Otherwise Policy is all that counts.
	Grants bool

	mu       sync.Mutex
	records  []cloudTrailRecord
	sessions map[string]userIdentity        // by access key
	users    map[string]userIdentity        // by access key, as the server said
	granted  map[string]map[string][]string // actions, by principal and policy
	skipped  map[string]int
	counts   AWSCounts
	marks    []NotImplemented
	marked   int // how many of the marks FlushMarks wrote
	notes    []string
	faults   []string
}

// AWSCounts says what was recorded.
type AWSCounts struct {
	Calls   int            // requests that came in
	Records map[string]int // records by event source
}

const (
	// maxBody bounds an answer that has to be read whole, and a request to one
	// of the stand-ins of our own.
	maxBody = 8 << 20
	// maxRequest bounds a request to AWS that is read whole, which are all but
	// those of S3. The largest that are known to come are Lambda's, of code.
	maxRequest = 64 << 20
	// readAheadOf is how much is read of an answer of which the record needs
	// nothing, before it is passed on: an answer of that size is recorded
	// only when the stand-in has given all of it.
	readAheadOf = 1 << 20
)

// errTooLarge says that more came than is read.
var errTooLarge = errors.New("too large")

// readWhole reads to the end, or fails with errTooLarge.
func readWhole(r io.Reader, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(body) > limit {
		return nil, errTooLarge
	}
	return body, err
}

// Faults returns what the recorder could not do honestly: calls that it cannot
// name, callers that it does not know, and, unless Tolerant, answers by which
// the server says that it lacks the call. A recording with faults is not whole.
func (a *AWS) Faults() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.faults)
}

// Notes returns what was taken for granted, each once: identities that were
// made up because nobody could say who a key belongs to.
func (a *AWS) Notes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.notes)
}

// Counts returns how much was recorded so far.
func (a *AWS) Counts() AWSCounts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return AWSCounts{a.counts.Calls, maps.Clone(a.counts.Records)}
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
	a.mu.Lock()
	a.counts.Calls++
	a.mu.Unlock()
	// What is uploaded to S3 says nothing that a record has, and may be of any
	// size.
	var body []byte
	upload := isUpload(r)
	if upload {
		w = &afterUpload{w, r.Body}
	} else {
		var err error
		body, err = readWhole(r.Body, maxRequest)
		switch {
		case errors.Is(err, errTooLarge):
			a.fault(fmt.Sprintf("%s %s: more than %d bytes", r.Method, r.URL.Path, maxRequest))
			http.Error(w, "the recorder takes no request of this size", http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	call, err := nameAWS(r, body)
	if err != nil {
		a.fault(err.Error())
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	who, err := a.caller(r.Context(), call, body)
	if err != nil {
		a.fault(call.name() + ": caller: " + err.Error())
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	at, source := a.Stage.Tick()
	rec := a.record(call, who, at, source, r)

	if why := a.refusal(call, who); why != "" {
		rec.ErrorCode, rec.ErrorMessage = deniedCode(call), denialMessage(call, who.ARN, why)
		a.keep(call, rec)
		writeDenial(w, call, rec.ErrorMessage, rec.RequestID)
		return
	}
	var sent watched
	var send io.Reader = bytes.NewReader(body)
	if upload {
		sent.r = r.Body
		send = &sent
	}
	resp, err := a.forward(r, send)
	if err != nil && sent.broke.Load() {
		http.Error(w, err.Error(), http.StatusBadRequest) // the client gave up
		return
	}
	var answer []byte
	whole := true
	if err == nil {
		defer resp.Body.Close()
		answer, whole, err = beginning(call, resp)
	}
	if err != nil {
		a.fault(call.name() + ": " + err.Error())
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	status, header := resp.StatusCode, resp.Header
	lacks := lacksCall(call, status, header, answer)
	switch {
	case lacks != "" && a.Tolerant:
		rec.ErrorCode, rec.ErrorMessage = internalFailure(call), unknownError
		a.mark(call, rec, lacks)
		a.keep(call, rec)
		writeLacking(w, call, rec.RequestID)
		return
	case lacks != "":
		a.fault(fmt.Sprintf("%s: not implemented: %s", call.name(), lacks))
	case status >= 400:
		rec.ErrorCode, rec.ErrorMessage = awsError(call, status, header, answer)
	default:
		a.answered(r.Context(), &rec, call, who, answer, at)
	}
	a.keep(call, rec)
	for k, vs := range header {
		for _, v := range vs {
			w.Header().Add(k, v)
		}
	}
	w.WriteHeader(status)
	if _, err := w.Write(answer); err != nil || whole {
		return
	}
	rest := &watched{r: resp.Body}
	if _, err := io.Copy(w, rest); rest.broke.Load() && r.Context().Err() == nil {
		a.fault(fmt.Sprintf("%s: recorded as answered, but the answer broke off: %v", call.name(), err))
		panic(http.ErrAbortHandler) // so that the client does not take it for whole
	}
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
		APIVersion:         c.version,
		ManagementEvent:    !c.data,
		RecipientAccountID: recipient(c, who),
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
		rec.AdditionalEventData = map[string]any{"SignatureVersion": "SigV4", "AuthenticationMethod": authMethod(c), "bytesTransferredIn": max(r.ContentLength, 0)}
		if rec.TLSDetails != nil {
			rec.AdditionalEventData["CipherSuite"] = rec.TLSDetails.CipherSuite
		}
		if c.bucket != "" {
			rec.Resources = []awsResource{{who.AccountID, "AWS::S3::Bucket", "arn:aws:s3:::" + c.bucket}}
		}
	}
	return rec
}

func (a *AWS) keep(c awsCall, rec cloudTrailRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.unlogged || c.data && !a.DataEvents {
		if a.skipped == nil {
			a.skipped = map[string]int{}
		}
		a.skipped[c.event]++
		return
	}
	a.write(rec)
}

// write puts a record into its trail. a.mu must be held.
func (a *AWS) write(rec cloudTrailRecord) {
	if len(a.Accounts) > 0 && !slices.Contains(a.Accounts, rec.RecipientAccountID) {
		return
	}
	if a.counts.Records == nil {
		a.counts.Records = map[string]int{}
	}
	a.counts.Records[rec.EventSource]++
	a.records = append(a.records, rec)
}

func (a *AWS) fault(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, text)
}

func (a *AWS) note(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.notes, text) {
		a.notes = append(a.notes, text)
	}
}

// recipient is the account whose trail holds the record: the caller's, or, of
// callers that belong to no account, that of the role they ask for.
func recipient(c awsCall, who userIdentity) string {
	if who.AccountID != "" {
		return who.AccountID
	}
	role, _ := c.params["roleArn"].(string)
	return accountOfARN(role)
}

func authMethod(c awsCall) string {
	if c.presign {
		return "QueryString"
	}
	return "AuthHeader"
}

func tlsName(v uint16) string {
	return strings.Replace(strings.Replace(tls.VersionName(v), "TLS ", "TLSv", 1), ".0", "", 1)
}
