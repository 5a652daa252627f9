package emulate

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Policy says what each principal may do: a list of actions such as
// "ec2:Describe*" by the principal's own ARN (the role's, for its sessions),
// by Azure object id or by e-mail. A principal without an entry may do
// nothing.
type Policy map[string][]string

// Allows reports whether a principal may take an action. As in IAM, letter
// case does not matter and * stands for any run of characters.
func (p Policy) Allows(principal, action string) bool {
	action = escapeSlash(strings.ToLower(action))
	for _, pat := range p[principal] {
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
var awsUncheckedActions = map[string]bool{"sts:GetCallerIdentity": true, "sts:AssumeRoleWithWebIdentity": true}

// denialMessage is the text that AWS gives a caller whose own policies do not
// allow an action.
func denialMessage(c awsCall, caller string) string {
	var on string
	if id, _ := c.params["instanceId"].(string); id != "" {
		on = fmt.Sprintf(" on resource: arn:aws:ec2:%s:%s:instance/%s", c.region, accountOfARN(caller), id)
	}
	if c.bucket != "" {
		on = fmt.Sprintf(" on resource: \"arn:aws:s3:::%s\"", c.bucket)
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s%s because no identity-based policy allows the %s action", caller, c.action, on, c.action)
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
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(message))
	switch c.protocol {
	case protoEC2:
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>", text.String(), requestID)
	case protoQuery:
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>", text.String(), requestID)
	case protoS3:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>%s</Message><RequestId>%s</RequestId></Error>", text.String(), requestID)
	default:
		body, _ := json.Marshal(map[string]string{"__type": "AccessDeniedException", "message": message, "Message": message})
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		status := http.StatusBadRequest
		if c.protocol == protoREST {
			status = http.StatusForbidden
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func accountOfARN(arn string) string {
	f := strings.Split(arn, ":")
	if len(f) < 6 {
		return ""
	}
	return f[4]
}
