package emulate

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPolicyAllows(t *testing.T) {
	p := Policy{
		"arn:aws:iam::1:user/a": {"ec2:Describe*", "s3:GetBucketAcl"},
		"oid":                   {"Microsoft.*/read", "Microsoft.Storage/storageAccounts/listKeys/action"},
		"nothing":               {},
	}
	for _, c := range []struct {
		who, action string
		want        bool
	}{
		{"arn:aws:iam::1:user/a", "ec2:DescribeInstances", true},
		{"arn:aws:iam::1:user/a", "EC2:describeinstances", true},
		{"arn:aws:iam::1:user/a", "ec2:GetPasswordData", false},
		{"arn:aws:iam::1:user/a", "s3:GetBucketAcl", true},
		{"arn:aws:iam::1:user/a", "s3:GetBucketAclX", false},
		{"oid", "Microsoft.Compute/virtualMachines/read", true},
		{"oid", "Microsoft.Compute/virtualMachines/write", false},
		{"oid", "microsoft.storage/STORAGEACCOUNTS/listkeys/action", true},
		{"nothing", "ec2:DescribeInstances", false},
		{"nobody", "ec2:DescribeInstances", false},
	} {
		if got := p.Allows(c.who, c.action); got != c.want {
			t.Errorf("%s may %s: %v", c.who, c.action, got)
		}
	}
}

// TestDenialsSpeakTheProtocol reads each refusal as its client would.
func TestDenialsSpeakTheProtocol(t *testing.T) {
	const message = `User: arn:aws:iam::1:user/<a> is not authorized`
	for _, c := range []struct {
		name   string
		proto  protocol
		status int
		code   string
		log    string
		read   func([]byte, http.Header) (code, text string)
	}{
		{"ec2", protoEC2, 403, "UnauthorizedOperation", "Client.UnauthorizedOperation", func(b []byte, _ http.Header) (string, string) {
			var d struct {
				XMLName xml.Name `xml:"Response"`
				Code    string   `xml:"Errors>Error>Code"`
				Message string   `xml:"Errors>Error>Message"`
			}
			_ = xml.Unmarshal(b, &d)
			return d.Code, d.Message
		}},
		{"query", protoQuery, 403, "AccessDenied", "AccessDenied", func(b []byte, _ http.Header) (string, string) {
			var d struct {
				XMLName xml.Name `xml:"ErrorResponse"`
				Code    string   `xml:"Error>Code"`
				Message string   `xml:"Error>Message"`
			}
			_ = xml.Unmarshal(b, &d)
			return d.Code, d.Message
		}},
		{"s3", protoS3, 403, "AccessDenied", "AccessDenied", func(b []byte, _ http.Header) (string, string) {
			var d struct {
				XMLName xml.Name `xml:"Error"`
				Code    string
				Message string
			}
			_ = xml.Unmarshal(b, &d)
			return d.Code, d.Message
		}},
		{"json", protoJSON, 400, "AccessDeniedException", "AccessDenied", func(b []byte, _ http.Header) (string, string) {
			var d map[string]string
			_ = json.Unmarshal(b, &d)
			return d["__type"], d["message"]
		}},
		{"rest", protoREST, 403, "AccessDeniedException", "AccessDenied", func(b []byte, h http.Header) (string, string) {
			var d map[string]string
			_ = json.Unmarshal(b, &d)
			return h.Get("X-Amzn-ErrorType"), d["Message"]
		}},
		{"cbor", protoCBOR, 400, "AccessDeniedException", "AccessDenied", func(b []byte, h http.Header) (string, string) {
			if h.Get("Smithy-Protocol") != "rpc-v2-cbor" || h.Get("X-Amzn-Query-Error") != "AccessDenied;Sender" {
				return "", ""
			}
			return cborError(b)
		}},
		{"route53", protoXML, 403, "AccessDenied", "AccessDenied", func(b []byte, _ http.Header) (string, string) {
			var code, text string
			_ = decodeDeep(b, map[string]*string{"Code": &code, "Message": &text})
			return code, text
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			call := awsCall{protocol: c.proto, service: "x", action: "x:Y", query: true}
			writeDenial(w, call, message, "id")
			code, text := c.read(w.Body.Bytes(), w.Header())
			if w.Code != c.status || code != c.code || text != message {
				t.Errorf("status %d, code %q, message %q", w.Code, code, text)
			}
			if got := deniedCode(call); got != c.log {
				t.Errorf("the log says %q, want %q", got, c.log)
			}
			if c.proto == protoEC2 && !strings.HasPrefix(denialMessage(call, "arn", notAllowed), "You are not authorized to perform this operation. User: arn") {
				t.Error(denialMessage(call, "arn", notAllowed))
			}
		})
	}
}
