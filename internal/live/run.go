package live

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"vedette/internal/event"
)

// RecordVersion is the version of a record's JSON; it grows when a field is
// renamed or removed.
const RecordVersion = 1

// Record is a run as it was made. Written as JSON it lets [Await] be called
// later, in another process. It holds no secret: no answer, no token, no query
// of a URL.
type Record struct {
	Version   int    `json:"version"` // [RecordVersion]
	ID        string `json:"id"`
	UserAgent string `json:"user_agent"` // as the client called itself
	Who       []Who  `json:"who"`
	// Started and Ended are the caller's clock, in UTC.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Calls   []Made    `json:"calls"` // in the order in which they were made
	// Left counts calls that were not made, because the run was stopped or the
	// credentials failed.
	Left int `json:"left,omitzero"`
}

// Made is a call that was made.
type Made struct {
	Cloud  string    `json:"cloud"`
	Call   string    `json:"call"`             // operation, or method and URL without its query
	Region string    `json:"region,omitempty"` // AWS
	Time   time.Time `json:"time"`             // when it was sent, UTC
	// Event and Log say how the log should show it; empty and "none" where
	// no log does.
	Event string `json:"event,omitempty"`
	Log   string `json:"log"`
	// Outcome is "ok", "denied" or "other": an error of another kind, or no
	// answer. Status is the HTTP status, 0 without an answer.
	Outcome string `json:"outcome"`
	Status  int    `json:"status,omitzero"`
	Code    string `json:"code,omitempty"`  // the provider's error code
	Error   string `json:"error,omitempty"` // why there was no answer
	// Attempts is more than 1 where it was sent again: the log may then have
	// as many lines.
	Attempts int `json:"attempts"`
	// RequestID is an id of the request that the log may show: Amazon's
	// request id, the correlation or client request id at Azure.
	RequestID string `json:"request_id,omitempty"`
}

// Expected reports whether the log must come to show the call: the provider
// decided on it and a log shows such calls. What fails in other ways some
// services log and some do not.
func (m *Made) Expected() bool {
	return m.Log != event.NoLog.String() && (m.Outcome == OutcomeOK || m.Outcome == OutcomeDenied)
}

// ErrCredentials says that a provider does not take the credentials, so that
// the rest of the calls would leave no line either.
var ErrCredentials = errors.New("the credentials are not taken")

// Run makes the calls, one after the other. made, unless nil, is told of each
// when it is done. Once ctx is done it stops at once; the record then holds
// what was done so far, the call that was under way included, and the error is
// the context's. Denials and failures of single calls are no errors. The plan
// is closed.
func (p *Plan) Run(ctx context.Context, made func(*Made)) (*Record, error) {
	if p.callers == nil {
		return nil, errors.New("rehearse: the plan was run or closed before")
	}
	defer p.Close()
	r := &Record{
		Version: RecordVersion, ID: p.ID, UserAgent: p.UserAgent, Who: p.Who,
		Started: now(), Calls: []Made{},
	}
	err := p.run(ctx, r, made)
	r.Ended, r.Left = now(), len(p.targets)-len(r.Calls)
	if err != nil {
		return r, fmt.Errorf("rehearse: stopped after %d of %s: %w", len(r.Calls), plural(len(p.targets), "call"), err)
	}
	return r, nil
}

func (p *Plan) run(ctx context.Context, r *Record, made func(*Made)) error {
	for i, t := range p.targets {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := Made{
			Cloud: t.cloud.String(), Call: t.name, Region: t.region, Time: now(),
			Event: t.event, Log: t.log.String(),
		}
		ans := p.callers[t.cloud].call(ctx, t)
		m.Outcome = ans.result(t.cloud)
		fault := m.Outcome == credentialFault
		if fault {
			m.Outcome = OutcomeOther
		}
		m.Status, m.Code, m.Attempts, m.RequestID = ans.status, ans.code, ans.attempts, ans.requestID
		if ans.err != nil {
			m.Error = reason(ans.err)
		}
		r.Calls = append(r.Calls, m)
		if made != nil {
			made(&r.Calls[len(r.Calls)-1])
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case fault:
			return fmt.Errorf("%w: %s answered %d %s", ErrCredentials, t.name, ans.status, ans.code)
		case i+1 < len(p.targets):
			if err := sleep(ctx, p.pace-time.Since(m.Time)); err != nil {
				return err
			}
		}
	}
	return nil
}

func now() time.Time { return time.Now().UTC() }

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
