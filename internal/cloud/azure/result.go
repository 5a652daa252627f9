package azure

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

var (
	started = []byte("started")
	success = []byte("Success")
)

// result fills in the outcome, and the seed's status.
func (d *decoder) result(c *call, ev *event.Event) {
	s := &d.space
	status := s.Text(c.status)
	if len(status) == 0 {
		status = s.Text(c.resultType)
	}
	c.state = s.Lower(status)
	if len(c.state) == 0 && string(s.Text(c.eventName)) == "BeginRequest" {
		c.state = started
	}
	if ev.Log == event.AzureActivity {
		// Other shapes than the table's own say Succeeded where it would say
		// Success.
		if ev.Seed.Status = s.Text(c.tableStatus); len(ev.Seed.Status) == 0 {
			if ev.Seed.Status = status; string(c.state) == "succeeded" {
				ev.Seed.Status = success
			}
		}
		switch string(c.state) {
		case "success", "succeeded":
			return
		case "start", "started":
			// Nothing is known yet but that the request came in.
			ev.Outcome = event.Other
			return
		}
	}

	// The codes, the most telling first. Resource logs may well call a
	// request that was refused a success; its HTTP status does not.
	code, text := d.errorOf(c)
	words := c.statusText
	if words == nil {
		words = c.props.responseType
	}
	failed := isFailure(c.state)
	for _, code := range [...][]byte{
		code, s.Scalar(c.subStatus), afterDot(s.Scalar(c.signature)), s.Scalar(c.props.statusCode),
		s.Scalar(words), s.Scalar(c.props.httpStatus), s.Scalar(c.props.response), s.Scalar(c.statusCode),
	} {
		if len(code) == 0 || isSuccess(code) {
			continue
		}
		failed = failed || isHTTPError(code)
		name := d.outcomes.Name(code)
		if len(ev.ErrorCode) == 0 {
			ev.ErrorCode = name
		}
		if o, known := d.outcomes.Of(name); known {
			ev.ErrorCode, ev.Outcome = name, o
			break
		}
	}
	switch {
	case ev.Outcome != event.OK:
	case failed:
		ev.Outcome = event.Other
	default:
		ev.ErrorCode = nil
	}
	if ev.Outcome == event.Denied {
		ev.Reason = d.outcomes.Reason(ev.ErrorCode, text, c.description)
	}
}

// errorOf takes the error's code and text out of properties.statusMessage,
// which is the response's body, often as JSON in a string.
func (d *decoder) errorOf(c *call) (code, text []byte) {
	body := d.object(c.props.statusMessage)
	if len(body) == 0 || body[0] != '{' {
		return nil, body
	}
	e := jsonscan.Get(body, "error")
	if len(e) == 0 || e[0] != '{' {
		e = body
	}
	return d.space.Text(jsonscan.Get(e, "code")), body
}

// isSuccess reports whether a code is one of success: a number below 400 or
// its name.
func isSuccess(code []byte) bool {
	switch string(code) {
	case "OK", "Ok", "Success", "Succeeded", "Created", "Accepted", "NoContent":
		return true
	}
	return len(code) == 3 && code[0] >= '1' && code[0] < '4'
}

func isHTTPError(code []byte) bool {
	return len(code) == 3 && (code[0] == '4' || code[0] == '5')
}

// afterDot is the second half of a result signature such as
// "Failed.Forbidden", or all of one such as "403".
func afterDot(signature []byte) []byte {
	if _, after, ok := bytes.Cut(signature, []byte(".")); ok {
		return after
	}
	return signature
}

func isFailure(status []byte) bool {
	switch string(status) {
	case "failed", "failure", "canceled", "cancelled", "timeout":
		return true
	}
	return false
}

// rank orders the records of one operation: its end wins over its start.
func rank(status []byte) uint8 {
	switch string(status) {
	case "start", "started", "":
		return 0
	case "accept", "accepted", "in progress", "inprogress", "running", "updating":
		return 1
	}
	return 2
}
