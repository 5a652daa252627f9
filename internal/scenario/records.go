package scenario

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Trail is the records of one scenario, in order of time, each as its
// provider writes it.
type Trail struct {
	Scenario *Scenario
	// Principal is the uid that a finding about the caller has.
	Principal string
	// Principals are its uids in all accounts: a role of AWS has one in each.
	Principals []string
	Account    string // the first of Accounts
	Accounts   []string
	Records    [][]byte
	First      time.Time // of the steps, without the usual days before
}

// Forge replaces what a caller can set of itself; empty fields stay.
type Forge struct{ UserAgent, Session, Role string }

// Play writes a scenario: n tells its caller from others, start is when its
// steps begin. Equal arguments give equal bytes.
func (l *Library) Play(s *Scenario, n int, start time.Time, forge Forge) Trail {
	return l.PlayAgain(s, n, 0, start, forge)
}

// PlayAgain is Play for the run-th time: the same caller makes calls with ids
// of their own.
func (l *Library) PlayAgain(s *Scenario, n, run int, start time.Time, forge Forge) Trail {
	c := newCaller(s, n)
	t := Trail{Scenario: s, Account: c.account, First: start}
	w := writer{c: c, run: run, forge: forge}
	for i := range max(s.Accounts, 1) {
		v := writer{c: c.in(i), run: run, forge: forge}
		t.Accounts = append(t.Accounts, v.c.account)
		if p := v.principal(); !slices.Contains(t.Principals, p) {
			t.Principals = append(t.Principals, p)
		}
	}
	t.Principal = t.Principals[0]
	for _, a := range l.acts(s, start, rand.New(rand.NewPCG(1, uint64(n)))) {
		for _, r := range w.records(a) {
			data, err := json.Marshal(r, json.Deterministic(true))
			if err != nil {
				panic("scenario: " + err.Error()) // made of texts and maps
			}
			t.Records = append(t.Records, data)
		}
	}
	return t
}

// object is a JSON object.
type object map[string]any

// writer writes the records of one caller.
type writer struct {
	c     caller
	run   int
	forge Forge
}

func (w *writer) records(a act) []object {
	there := *w
	there.c = w.c.in(a.account)
	w = &there
	switch w.c.s.Cloud {
	case "azure":
		return w.azure(a)
	case "gcp":
		return []object{w.gcp(a)}
	}
	if w.c.s.Actor == "vendor" && a.n%callsPerSession == 0 {
		return []object{w.assumed(a), w.aws(a)}
	}
	return []object{w.aws(a)}
}

func (w *writer) principal() string {
	switch w.c.s.Cloud {
	case "azure":
		return "entra:" + tenant + "/" + w.objectID()
	case "gcp":
		return w.email()
	}
	return w.awsPrincipal()
}

// id is a UUID that depends on the caller and its call alone.
func (w *writer) id(a act, what string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %d", what, w.c.n, w.run, a.n))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func (w *writer) agent(a act) string {
	if w.forge.UserAgent != "" {
		return w.forge.UserAgent
	}
	return clients[a.client]
}

// AWS CloudTrail (record contents, AWS CloudTrail User Guide).

func (w *writer) roleName() string {
	if w.forge.Role != "" {
		return w.forge.Role
	}
	if w.c.s.Role != "" {
		return w.c.s.Role
	}
	if w.c.s.Actor == "sso" {
		return "AWSReservedSSO_Administrator_0123456789abcdef"
	}
	if w.c.s.Actor == "service-linked" {
		return "AWSServiceRoleForConfig"
	}
	return w.c.name
}

func (w *writer) roleARN() string {
	path := ""
	switch w.c.s.Actor {
	case "sso":
		path = "aws-reserved/sso.amazonaws.com/eu-west-1/"
	case "service-linked":
		path = "aws-service-role/config.amazonaws.com/"
	}
	return fmt.Sprintf("arn:aws:iam::%s:role/%s%s", w.c.account, path, w.roleName())
}

func (w *writer) awsPrincipal() string {
	switch w.c.s.Actor {
	case "user", "cloudformation":
		return fmt.Sprintf("arn:aws:iam::%s:user/%s", w.c.account, w.c.name)
	case "root":
		return fmt.Sprintf("arn:aws:iam::%s:root", w.c.account)
	case "sso":
		return w.roleARN() + "/" + w.session(0)
	}
	return w.roleARN()
}

// callsPerSession is how many calls a role's session makes before it has a new
// credential.
const callsPerSession = 500

func (w *writer) sessionKey(n int) string {
	return fmt.Sprintf("ASIA%08d%08d", w.c.n, n/callsPerSession)
}

func (w *writer) session(n int) string {
	if w.forge.Session != "" && w.c.s.Actor != "sso" && w.c.s.Actor != "instance" {
		return w.forge.Session
	}
	switch w.c.s.Actor {
	case "instance":
		return fmt.Sprintf("i-%017x", w.c.n)
	case "sso":
		return w.c.name + "@example.com"
	case "service-linked":
		return "AWSConfig-Describe"
	case "ci":
		return fmt.Sprintf("build-%d", n/callsPerSession)
	}
	return fmt.Sprintf("session-%d", n/callsPerSession)
}

func (w *writer) identity(a act) object {
	account := w.c.account
	switch w.c.s.Actor {
	case "user", "cloudformation":
		return object{"type": "IAMUser", "principalId": fmt.Sprintf("AIDA%016d", w.c.n), "arn": w.awsPrincipal(), "accountId": account,
			"accessKeyId": fmt.Sprintf("AKIA%016d", w.c.n), "userName": w.c.name}
	case "root":
		return object{"type": "Root", "principalId": account, "arn": w.awsPrincipal(), "accountId": account, "accessKeyId": fmt.Sprintf("ASIA%016d", w.c.n)}
	}
	session := w.session(a.n)
	roleID := fmt.Sprintf("AROA%016d", w.c.n)
	attributes := object{"creationDate": a.time.Truncate(time.Hour).UTC().Format(time.RFC3339), "mfaAuthenticated": fmt.Sprint(w.c.s.Actor == "sso")}
	context := object{"sessionIssuer": object{"type": "Role", "principalId": roleID, "arn": w.roleARN(), "accountId": account, "userName": w.roleName()}, "attributes": attributes}
	if w.c.s.Actor == "instance" {
		context["ec2RoleDelivery"] = "2.0"
	}
	return object{"type": "AssumedRole", "principalId": roleID + ":" + session, "arn": fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, w.roleName(), session),
		"accountId": account, "accessKeyId": w.sessionKey(a.n), "sessionContext": context}
}

// assumed is the call by which a vendor's account gets the credential of a
// session, as the customer's trail shows it.
func (w *writer) assumed(a act) object {
	session := w.session(a.n)
	arn := fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", w.c.account, w.roleName(), session)
	at := a.time.Add(-time.Second).UTC()
	return object{
		"eventVersion": "1.10", "eventTime": at.Format("2006-01-02T15:04:05Z"), "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
		"userIdentity": object{"type": "AWSAccount", "principalId": fmt.Sprintf("AROA%016d:collector", 9000000+w.c.n), "accountId": w.c.s.Vendor},
		"awsRegion":    a.region, "sourceIPAddress": w.c.address(a.network, a.n), "userAgent": w.agent(a),
		"requestParameters": object{"roleArn": w.roleARN(), "roleSessionName": session, "externalId": "f3b1"},
		"responseElements": object{
			"credentials":     object{"accessKeyId": w.sessionKey(a.n), "expiration": at.Add(time.Hour).Format("Jan 2, 2006, 3:04:05 PM"), "sessionToken": "removed"},
			"assumedRoleUser": object{"assumedRoleId": fmt.Sprintf("AROA%016d:%s", w.c.n, session), "arn": arn},
		},
		"requestID": w.id(a, "assume request"), "eventID": w.id(a, "assume"), "sharedEventID": w.id(a, "assume shared"),
		"readOnly": true, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": w.c.account, "eventCategory": "Management",
		"resources": []object{{"accountId": w.c.account, "type": "AWS::IAM::Role", "ARN": w.roleARN()}},
	}
}

func (w *writer) aws(a act) object {
	source := a.service
	if !strings.Contains(source, ".") {
		source += ".amazonaws.com"
	}
	r := object{
		"eventVersion": "1.10", "userIdentity": w.identity(a), "eventTime": a.time.UTC().Format("2006-01-02T15:04:05Z"),
		"eventSource": source, "eventName": a.name, "awsRegion": a.region,
		"sourceIPAddress": w.c.address(a.network, a.n), "userAgent": w.agent(a),
		"requestParameters": awsRequest(a), "responseElements": nil, "requestID": w.id(a, "request"), "eventID": w.id(a, "event"),
		"readOnly": reads(a.name), "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": w.c.account, "eventCategory": "Management",
	}
	identity := r["userIdentity"].(object)
	switch w.c.s.Actor {
	case "service-linked":
		identity["invokedBy"] = "config.amazonaws.com"
		r["sourceIPAddress"], r["userAgent"] = "config.amazonaws.com", "config.amazonaws.com"
	case "cloudformation":
		identity["invokedBy"] = "cloudformation.amazonaws.com"
		r["sourceIPAddress"], r["userAgent"] = "cloudformation.amazonaws.com", "cloudformation.amazonaws.com"
	}
	if a.console {
		r["sessionCredentialFromConsole"] = "true"
	}
	switch a.outcome {
	case "denied":
		r["errorCode"] = "AccessDenied"
		if a.service == "ec2" {
			r["errorCode"] = "Client.UnauthorizedOperation"
		}
		r["errorMessage"] = fmt.Sprintf("User: %v is not authorized to perform: %s:%s%s", identity["arn"], a.service, a.name, because[a.reason])
	case "absent":
		r["errorCode"], r["errorMessage"] = "NoSuchEntity", "The resource was not found"
		if a.service == "ec2" {
			r["errorCode"] = "Client.InvalidInstanceID.NotFound"
		}
	}
	return r
}

// because is what a refusal says of its reason (IAM User Guide, troubleshooting
// access denied messages).
var because = map[string]string{
	"identity": " because no identity-based policy allows the action",
	"resource": " because no resource-based policy allows the action",
	"boundary": " because no permissions boundary allows the action",
	"session":  " because no session policy allows the action",
	"scp":      " with an explicit deny in a service control policy",
	"unknown":  "",
}

func awsRequest(a act) any {
	if a.target != "" {
		return object{"name": a.target}
	}
	if a.service == "ec2" {
		return object{"filterSet": object{}, "maxResults": 1000}
	}
	return nil
}

// Google Cloud (AuditLog, Cloud Logging).

func (w *writer) email() string {
	switch w.c.s.Actor {
	case "user":
		return w.c.name + "@example.com"
	case "agent":
		return fmt.Sprintf("service-%012d@gcp-sa-cloudasset.iam.gserviceaccount.com", w.c.n)
	}
	return fmt.Sprintf("%s@%s.iam.gserviceaccount.com", w.c.name, w.c.home)
}

func (w *writer) gcp(a act) object {
	kind := "user:"
	if w.c.s.Actor != "user" {
		kind = "serviceAccount:"
	}
	resource := "projects/" + w.c.account
	if a.target != "" {
		resource += "/resources/" + a.target
	}
	payload := object{
		"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": a.service, "methodName": a.name, "resourceName": resource,
		"authenticationInfo": object{"principalEmail": w.email(), "principalSubject": kind + w.email()},
		"requestMetadata":    object{"callerIp": w.c.address(a.network, a.n), "callerSuppliedUserAgent": w.agent(a)},
		"resourceLocation":   object{"currentLocations": []string{"europe-west1"}},
	}
	severity := "INFO"
	if a.outcome == "denied" {
		severity = "ERROR"
		payload["status"] = object{"code": 7, "message": "PERMISSION_DENIED"}
	} else if a.outcome == "absent" {
		severity = "ERROR"
		payload["status"] = object{"code": 5, "message": "NOT_FOUND"}
	}
	log := "data_access"
	verb := strings.ToLower(a.name[strings.LastIndexByte(a.name, '.')+1:])
	for _, v := range []string{"insert", "create", "delete", "set", "update", "patch", "enable", "disable"} {
		if strings.HasPrefix(verb, v) {
			log, severity = "activity", "NOTICE"
		}
	}
	return object{
		"insertId": w.id(a, "insert")[:14], "logName": fmt.Sprintf("projects/%s/logs/cloudaudit.googleapis.com%%2F%s", w.c.account, log),
		"protoPayload": payload, "resource": object{"type": "api", "labels": object{"project_id": w.c.account, "service": a.service}},
		"severity": severity, "timestamp": a.time.UTC().Format(time.RFC3339Nano), "receiveTimestamp": a.time.Add(time.Second).UTC().Format(time.RFC3339Nano),
	}
}
