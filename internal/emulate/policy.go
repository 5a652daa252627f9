package emulate

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

// Policy says what each principal may do: a list of actions such as
// "ec2:Describe*" by the principal's own ARN (the role's, for its sessions),
// by Azure object id or by e-mail. A principal without an entry may do what "*"
// may, or nothing where that has none either; a nil Policy allows everything.
type Policy map[string][]string

// Allows reports whether a principal may take an action. As in IAM, letter
// case does not matter and * stands for any run of characters.
func (p Policy) Allows(principal, action string) bool {
	patterns, named := p[principal]
	if !named {
		patterns = p["*"]
	}
	return p == nil || matchesAny(patterns, action)
}

// matchesAny reports whether one of the patterns covers an action.
func matchesAny(patterns []string, action string) bool {
	action = escapeSlash(strings.ToLower(action))
	for _, pat := range patterns {
		if ok, err := path.Match(escapeSlash(strings.ToLower(pat)), action); err == nil && ok {
			return true
		}
	}
	return false
}

// escapeSlash keeps path.Match from treating the slashes of Azure's operation
// names as borders that a star cannot cross.
func escapeSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

// awsUncheckedActions need no permission (GetCallerIdentity), or are judged by
// the role's trust policy and not by the caller's.
var awsUncheckedActions = map[string]bool{"sts:GetCallerIdentity": true, "sts:AssumeRoleWithWebIdentity": true, "sts:AssumeRoleWithSAML": true}

// Why a call is refused, in AWS's words (IAM User Guide, "Troubleshoot access
// denied error messages").
const (
	deniedByServiceControl = "with an explicit deny in a service control policy"
	deniedByBoundary       = "with an explicit deny in a permissions boundary"
	notAllowed             = "because no identity-based policy allows the %s action"
)

// refusal says why a caller may not make a call, "" if it may. Calls that need
// no permission are refused by no policy of the caller's.
func (a *AWS) refusal(c awsCall, who userIdentity) string {
	principal := principalARN(who)
	switch {
	case awsUncheckedActions[c.action] || who.Type == "":
		return ""
	case matchesAny(a.ServiceControl, c.action):
		return deniedByServiceControl
	case matchesAny(a.Boundary[principal], c.action):
		return deniedByBoundary
	case who.Type == "Root" || a.Policy.Allows(principal, c.action) || a.grants(principal, c.action):
		return ""
	}
	return fmt.Sprintf(notAllowed, c.action)
}

// denialMessage is the text that AWS gives a caller whom a policy refuses.
func denialMessage(c awsCall, caller, why string) string {
	var on string
	if id, _ := c.params["instanceId"].(string); id != "" {
		on = fmt.Sprintf(" on resource: arn:aws:ec2:%s:%s:instance/%s", c.region, accountOfARN(caller), id)
	}
	if c.bucket != "" {
		on = fmt.Sprintf(" on resource: \"arn:aws:s3:::%s\"", c.bucket)
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", caller, c.action, on, why)
	if c.protocol == protoEC2 {
		text = "You are not authorized to perform this operation. " + text
	}
	return text
}

// deniedCode is the errorCode that CloudTrail writes for a refused call: EC2
// and AccessDenied are what public logs have; resource-explorer-2 is the one
// service seen with another.
func deniedCode(c awsCall) string {
	switch {
	case c.protocol == protoEC2:
		return "Client.UnauthorizedOperation"
	case c.service == "resource-explorer-2":
		return "UnauthorizedException"
	}
	return "AccessDenied"
}

// writeDenial refuses a call in the form in which its client expects it.
func writeDenial(w http.ResponseWriter, c awsCall, message, requestID string) {
	code, status := "AccessDenied", http.StatusForbidden
	switch c.protocol {
	case protoEC2:
		code = "UnauthorizedOperation"
	case protoREST:
		code = "AccessDeniedException"
	case protoJSON, protoCBOR:
		code, status = "AccessDeniedException", http.StatusBadRequest
	}
	writeError(w, c, status, code, "AccessDenied;Sender", message, requestID)
}

// writeLacking answers a call that the server lacks, whose own answer may be a
// page that no client can read. SDKs do not try a call again for this status.
func writeLacking(w http.ResponseWriter, c awsCall, requestID string) {
	code := strings.TrimPrefix(internalFailure(c), "Server.")
	writeError(w, c, http.StatusNotImplemented, code, code+";Receiver", unknownError, requestID)
}

// writeError answers with an error in the form of the call's protocol. query is
// the code for a client that asked for that of the query protocol (Smithy, "AWS
// Query compatible services").
func writeError(w http.ResponseWriter, c awsCall, status int, code, query, message, requestID string) {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(message))
	var kind, body string
	switch c.protocol {
	case protoEC2:
		kind = "text/xml;charset=UTF-8"
		body = fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>", code, text.String(), requestID)
	case protoQuery, protoXML:
		_, side, _ := strings.Cut(query, ";")
		kind = "text/xml"
		body = fmt.Sprintf("<ErrorResponse><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>", side, code, text.String(), requestID)
	case protoS3:
		kind = "application/xml"
		body = fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>", code, text.String(), requestID)
	case protoCBOR:
		cbor, err := cborRefusal(code, message)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		kind, body = "application/cbor", string(cbor)
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	default:
		doc, _ := json.Marshal(map[string]string{"__type": code, "message": message, "Message": message})
		kind, body = "application/x-amz-json-1.1", string(doc)
		w.Header().Set("X-Amzn-ErrorType", code)
	}
	if c.query && (c.protocol == protoCBOR || c.protocol == protoJSON || c.protocol == protoREST) {
		w.Header().Set("X-Amzn-Query-Error", query)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func accountOfARN(arn string) string {
	f := strings.Split(arn, ":")
	if len(f) < 6 {
		return ""
	}
	return f[4]
}
