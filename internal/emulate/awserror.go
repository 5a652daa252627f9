package emulate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// NotImplemented marks a record of a call that the server behind the recorder
// lacks. The provider would have answered; what the record says of the outcome
// is the stand-in's doing.
type NotImplemented struct {
	EventID string `json:"eventID"`
	Time    string `json:"eventTime"`
	Service string `json:"eventSource"`
	Call    string `json:"eventName"`
	Said    string `json:"said"` // the server's answer, one line
}

// NotImplemented returns the marks of the calls so far, in order. Calls that
// left no record have no event id.
func (a *AWS) NotImplemented() []NotImplemented {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.marks)
}

// FlushMarks appends the marks that no FlushMarks wrote before to a file, each
// as a line of JSON. Without new marks it touches no file.
func (a *AWS) FlushMarks(file string) error {
	a.mu.Lock()
	fresh := slices.Clone(a.marks[a.marked:])
	a.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	var lines []byte
	for _, m := range fresh {
		line, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("marks: %w", err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := appendFile(file, lines); err != nil {
		return fmt.Errorf("marks: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.marked += len(fresh)
	return nil
}

func (a *AWS) mark(c awsCall, rec cloudTrailRecord, said string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := NotImplemented{rec.EventID, rec.EventTime, rec.EventSource, rec.EventName, said}
	if c.unlogged || c.data && !a.DataEvents {
		m.EventID = ""
	}
	a.marks = append(a.marks, m)
}

// unknownError is the message that public CloudTrail logs have where a service
// gave none.
const unknownError = "An unknown error occurred"

// internalFailure is the errorCode of a service that failed (AWS's common
// errors; EC2 and S3 have codes of their own).
func internalFailure(c awsCall) string {
	switch c.protocol {
	case protoEC2:
		return "Server.InternalError"
	case protoS3:
		return "InternalError"
	}
	return "InternalFailure"
}

// lackingCodes are the error codes that say that an operation does not exist.
// A real client only asks for operations that do.
var lackingCodes = []string{"NotImplemented", "UnknownOperationException", "UnknownOperation", "InvalidAction"}

// lacksCall reports how an answer says that the server lacks the call, "" if
// it does not. moto fails with 500, or gives its web server's own page where
// no path is served; LocalStack and MinIO answer 501; all of them may not know
// the operation. None of it is an error of the caller's.
//
// moto hands calls of services that it does not know to its S3, whose answers
// have no error code that a client of another protocol could read.
func lacksCall(c awsCall, status int, header http.Header, answer []byte) string {
	if status < 400 {
		if c.protocol != protoS3 && bytes.Contains(answer[:min(len(answer), 512)], []byte("http://s3.amazonaws.com/doc/")) {
			return "answered as S3"
		}
		return ""
	}
	code, message := awsError(c, status, header, answer)
	page := bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(answer)), []byte("<!doctype html"))
	bare := strings.TrimPrefix(code, "Client.")
	if status < 500 && !page && code != "" && !slices.Contains(lackingCodes, bare) {
		return ""
	}
	switch {
	case page || code == "" && message == "":
		return fmt.Sprintf("%d %s", status, http.StatusText(status))
	case message == "":
		return fmt.Sprintf("%d %s", status, bare)
	}
	return fmt.Sprintf("%d %s: %s", status, bare, strings.Join(strings.Fields(message), " "))
}

var errorCodeTail = regexp.MustCompile(`^.*#|:.*$`)

// awsError reads code and message of an answer that is an error, in the form
// in which CloudTrail writes them. The code is "" where the answer has none.
func awsError(c awsCall, status int, header http.Header, answer []byte) (code, message string) {
	switch c.protocol {
	case protoJSON, protoREST:
		var doc map[string]any
		_ = json.Unmarshal(answer, &doc)
		code, _ = doc["__type"].(string)
		if h := header.Get("X-Amzn-Errortype"); h != "" {
			code = h
		}
		for _, k := range []string{"message", "Message"} {
			if m, ok := doc[k].(string); ok {
				message = m
			}
		}
	case protoCBOR:
		code, message = cborError(answer)
	default:
		_ = decodeDeep(answer, map[string]*string{"Code": &code, "Message": &message})
	}
	code = errorCodeTail.ReplaceAllString(code, "")
	if c.query {
		// The client is promised the codes of the query protocol, which the
		// service's logs had before it learned another.
		if q, _, _ := strings.Cut(header.Get("X-Amzn-Query-Error"), ";"); q != "" {
			code = q
		}
	}
	if code == "" && c.protocol == protoS3 && len(answer) == 0 {
		// An answer to HEAD has no body; what is missing is what was asked for.
		switch {
		case status == http.StatusForbidden:
			code = "AccessDenied"
		case status == http.StatusNotFound && c.event == "HeadBucket":
			code = "NoSuchBucket"
		case status == http.StatusNotFound:
			code = "NoSuchKey"
		}
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
