package live

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"vedette/internal/event"
)

const (
	gcpScope = "https://www.googleapis.com/auth/cloud-platform"
	// tokenInfo tells whose an access token is (Google Identity, "Verifying a
	// token").
	tokenInfo   = "https://oauth2.googleapis.com/tokeninfo"
	gcpAttempts = 3
)

// gcpCaller calls Google Cloud with the application default credentials.
type gcpCaller struct {
	creds   *google.Credentials
	key     gcpKey
	client  *http.Client
	agent   string
	project string
}

// gcpKey is what a file of credentials says that is no secret.
type gcpKey struct {
	Type    string `json:"type"`
	Email   string `json:"client_email"`
	Project string `json:"project_id"`
	Quota   string `json:"quota_project_id"`
	Acts    string `json:"service_account_impersonation_url"`
}

func newGCP(ctx context.Context, p *Plan, project string) (*gcpCaller, error) {
	// The tokens are fetched later, and outlive the preparation.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, p.client)
	creds, err := google.FindDefaultCredentials(ctx, gcpScope)
	if err != nil {
		return nil, fmt.Errorf("the Google credentials: %w", err)
	}
	g := &gcpCaller{creds: creds, client: p.client, agent: p.UserAgent}
	if len(creds.JSON) > 0 && json.Unmarshal(creds.JSON, &g.key) != nil {
		return nil, errors.New("the file of Google credentials cannot be read")
	}
	g.project = cmp.Or(project, creds.ProjectID, g.key.Quota)
	return g, nil
}

func (g *gcpCaller) who(ctx context.Context) (Who, error) {
	w := Who{Cloud: event.GCP.String(), Account: g.project}
	token, err := g.creds.TokenSource.Token()
	if err != nil {
		return w, tokenError(err)
	}
	switch {
	case g.key.Type == "service_account":
		w.Name = g.key.Email
		return w, nil
	case g.key.Acts != "":
		_, name, _ := strings.Cut(g.key.Acts, "/serviceAccounts/")
		w.Name, _, _ = strings.Cut(name, ":")
		return w, nil
	}
	form := url.Values{"access_token": {token.AccessToken}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenInfo, strings.NewReader(form.Encode()))
	if err != nil {
		return w, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := g.client.Do(req)
	if err != nil {
		return w, fmt.Errorf("tokeninfo: %s", reason(err))
	}
	ans := read(resp)
	var info struct {
		Email   string `json:"email"`
		Subject string `json:"sub"`
		Client  string `json:"azp"`
	}
	if ans.err != nil || ans.status != http.StatusOK || json.Unmarshal(ans.body, &info) != nil {
		return w, fmt.Errorf("tokeninfo was answered %d", ans.status)
	}
	if w.Name = info.Email; w.Name == "" {
		// A token without the scope for e-mail tells a number alone.
		w.Name = "account number " + cmp.Or(info.Subject, info.Client, "that is not told")
	}
	return w, nil
}

// tokenError is why there is no token, without the answer that said so.
func tokenError(err error) error {
	if re := (*oauth2.RetrieveError)(nil); errors.As(err, &re) {
		return fmt.Errorf("no token was given: %d %s", re.Response.StatusCode, word(re.ErrorCode))
	}
	return errors.New("no token: " + reason(err))
}

// call makes the request, and again when the service is overloaded: oauth2 is
// about tokens and has no rules for that.
func (g *gcpCaller) call(ctx context.Context, t *target) answer {
	for attempt := 1; ; attempt++ {
		ans, wait := g.once(ctx, t)
		ans.attempts = attempt
		if wait < 0 || attempt == gcpAttempts || sleep(ctx, max(wait, time.Duration(attempt)*time.Second)) != nil {
			return ans
		}
	}
}

// once makes the request once. wait is how long the service asks to wait
// before the next attempt, negative where there should be none.
func (g *gcpCaller) once(ctx context.Context, t *target) (ans answer, wait time.Duration) {
	token, err := g.creds.TokenSource.Token()
	if err != nil {
		return answer{err: tokenError(err)}, -1
	}
	req, err := http.NewRequestWithContext(ctx, t.method, t.url.String(), bytes.NewReader(t.body))
	if err != nil {
		return answer{err: err}, -1
	}
	token.SetAuthHeader(req)
	req.Header.Set("User-Agent", g.agent)
	if t.kind != "" {
		req.Header.Set("Content-Type", t.kind)
	}
	if g.key.Quota != "" {
		// Users' own credentials name the project whose quota they use.
		req.Header.Set("X-Goog-User-Project", g.key.Quota)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return answer{err: err}, -1
	}
	if ans = read(resp); ans.err != nil || ans.status < 300 {
		return ans, -1
	}
	ans.code = word(gcpCode(ans.body))
	switch ans.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return ans, time.Duration(min(max(after, 0), 60)) * time.Second
	}
	return ans, -1
}

// gcpCode is the reason that an error gives, or else its status.
func gcpCode(body []byte) string {
	var e struct {
		Error struct {
			Status  string `json:"status"`
			Details []struct {
				Reason string `json:"reason"`
			} `json:"details"`
			Errors []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	for _, d := range e.Error.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	if e.Error.Status == "" && len(e.Error.Errors) > 0 {
		return e.Error.Errors[0].Reason
	}
	return e.Error.Status
}
