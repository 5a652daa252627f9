// Package live rehearses in a real cloud: it makes the calls of an attack test
// with the user's own credentials, and waits until their log lines, and the
// finding, have come.
//
// It reads and changes nothing. A [Call] that is not known to be a read is
// refused, twice: when a test is loaded, and again when its placeholders are
// filled in. [Prepare] finds out as whom the calls would be made and says so;
// nothing can be called that a [Plan] has not announced. Every request carries
// a marker in its user agent, which most logs show, so that [Await] can tell
// the lines of this run from all others.
//
// Credentials, their renewal and signatures are the providers' own SDKs'
// business. Answers are thrown away unread, but for the error code; no token,
// key or answer is kept or printed.
package live

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"vedette/internal/event"
)

// Options says what to call and how.
type Options struct {
	Calls []Call
	// Vars fill the placeholders of the calls: {subscription} and so on.
	// {account} (AWS) and {project} (Google Cloud) are known from the
	// credentials where they are not given.
	Vars map[string]string
	// ID marks the run, in lower-case letters, digits and hyphens; empty for a
	// fresh one.
	ID string
	// Pace is the time from the start of one call to the next; 0 for 250
	// milliseconds.
	Pace time.Duration
	// Sensitive allows calls whose answers hold secrets.
	Sensitive bool
	// Profile and Region are those of the AWS configuration to use; empty for
	// what the environment says.
	Profile, Region string
	// Client makes the requests, those for credentials included; nil for one
	// of our own. Redirects are never followed.
	Client *http.Client
}

const (
	agentName   = "vedette-rehearsal/"
	defaultPace = 250 * time.Millisecond
	callTimeout = 30 * time.Second
)

// NewID returns a fresh marker id: 16 random hexadecimal digits.
func NewID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{7,63}$`)

// Who is as whom the calls to one cloud are made.
type Who struct {
	Cloud   string `json:"cloud"`             // "aws", "azure", "gcp"
	Name    string `json:"name"`              // ARN, user or application, e-mail
	Account string `json:"account,omitempty"` // AWS account, Entra tenant, Google project
}

// Plan is a run that was announced and not made yet. It is good for one run;
// whoever does not run it calls Close.
type Plan struct {
	ID        string
	UserAgent string
	Who       []Who
	// Number counts the calls, repetitions included.
	Number int

	pace    time.Duration
	client  *http.Client
	idle    []*http.Client // whose connections are to be let go
	callers map[event.Cloud]caller
	targets []*target
}

// caller makes requests with the user's credentials at one cloud.
type caller interface {
	// who asks the provider, or the credentials, as whom calls are made.
	who(ctx context.Context) (Who, error)
	call(ctx context.Context, t *target) answer
}

// Prepare checks every call, finds the user's credentials for the clouds that
// are called, and asks who they are: AWS by GetCallerIdentity, Azure by the
// token's claims, Google Cloud by the key file or else its tokeninfo. It calls
// nothing else. The error says what is no read, which placeholder has no
// value, or which credentials there are none of.
func Prepare(ctx context.Context, opts Options) (*Plan, error) {
	if len(opts.Calls) == 0 {
		return nil, errors.New("rehearse: there is no call to make")
	}
	if opts.ID == "" {
		opts.ID = NewID()
	}
	if !validID.MatchString(opts.ID) {
		return nil, fmt.Errorf("rehearse: the id %q is not 8 to 64 lower-case letters, digits and hyphens", opts.ID)
	}
	if opts.Pace == 0 {
		opts.Pace = defaultPace
	}
	for i := range opts.Calls {
		if err := opts.Calls[i].Check(); err != nil {
			return nil, fmt.Errorf("rehearse: call %d: %w", i+1, err)
		}
		if opts.Calls[i].Sensitive && !opts.Sensitive {
			return nil, fmt.Errorf("rehearse: call %d, %s: its answer holds secrets, and such calls were not allowed", i+1, opts.Calls[i].text())
		}
	}
	p := &Plan{
		ID: opts.ID, UserAgent: agentName + opts.ID, pace: opts.Pace,
		client: httpClient(opts.Client), callers: map[event.Cloud]caller{},
	}
	p.idle = []*http.Client{p.client}
	if err := p.prepare(ctx, &opts); err != nil {
		p.Close()
		return nil, fmt.Errorf("rehearse: %w", err)
	}
	return p, nil
}

func (p *Plan) prepare(ctx context.Context, opts *Options) error {
	vars := map[string]string{}
	for _, cloud := range event.Clouds() {
		if !slices.ContainsFunc(opts.Calls, func(c Call) bool { return c.cloud() == cloud }) {
			continue
		}
		c, err := p.newCaller(ctx, cloud, opts)
		if err != nil {
			return err
		}
		who, err := c.who(ctx)
		if err != nil {
			return fmt.Errorf("who calls %s: %w", cloud, err)
		}
		p.callers[cloud] = c
		p.Who = append(p.Who, who)
		switch {
		case who.Account == "":
		case cloud == event.AWS:
			vars["account"] = who.Account
		case cloud == event.GCP:
			vars["project"] = who.Account
		}
	}
	for k, v := range opts.Vars {
		vars[k] = v
	}
	for i := range opts.Calls {
		t, err := opts.Calls[i].resolve(vars)
		if err != nil {
			return fmt.Errorf("call %d: %w", i+1, err)
		}
		if a, ok := p.callers[event.AWS].(*awsCaller); ok && t.cloud == event.AWS {
			if err := a.place(t); err != nil {
				return fmt.Errorf("call %d: %w", i+1, err)
			}
		}
		for range max(opts.Calls[i].Times, 1) {
			p.targets = append(p.targets, t)
		}
	}
	p.Number = len(p.targets)
	return nil
}

func (p *Plan) newCaller(ctx context.Context, cloud event.Cloud, opts *Options) (caller, error) {
	switch cloud {
	case event.AWS:
		return newAWS(ctx, p, opts)
	case event.Azure:
		return newAzure(p)
	}
	return newGCP(ctx, p, opts.Vars["project"])
}

// Lines announces the run to a person: what is called, as whom, under which
// name the logs should show it, and how many calls there are.
func (p *Plan) Lines() []string {
	took := time.Duration(p.Number-1) * p.pace
	lines := []string{
		fmt.Sprintf("Rehearsal %s: %s that read and change nothing, in %s or more.", p.ID, plural(p.Number, "call"), took.Round(time.Second)),
	}
	for _, w := range p.Who {
		line := fmt.Sprintf("At %s as %s", w.Cloud, w.Name)
		if w.Account != "" {
			line += ", in " + w.Account
		}
		lines = append(lines, line+".")
	}
	for i := 0; i < len(p.targets); {
		t, n := p.targets[i], 1
		for i+n < len(p.targets) && p.targets[i+n] == t {
			n++
		}
		i += n
		line := "  " + t.name
		if t.region != "" {
			line += " in " + t.region
		}
		if n > 1 {
			line += fmt.Sprintf(", %d times", n)
		}
		if t.log == event.NoLog {
			line += ": no log shows it"
		} else {
			line += fmt.Sprintf(": %s in %s", t.event, t.log)
		}
		if t.sensitive {
			line += "; the answer holds secrets and is thrown away unread"
		}
		lines = append(lines, line)
	}
	return append(lines, "The client calls itself "+p.UserAgent+".")
}

// Close lets connections go. The plan cannot be run afterwards.
func (p *Plan) Close() {
	for _, c := range p.idle {
		c.CloseIdleConnections()
	}
	p.callers = nil
}

// httpClient is the client for everything that is asked: it follows no
// redirect, which could lead where nothing was announced.
func httpClient(own *http.Client) *http.Client {
	c := http.Client{Timeout: callTimeout, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	if own != nil {
		c = *own
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
