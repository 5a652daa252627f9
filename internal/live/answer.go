package live

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

// answer is what came back of one call.
type answer struct {
	status    int
	code      string // the provider's error code
	requestID string // the id by which its log may show the call
	attempts  int
	body      []byte // at most maxBody bytes; never kept
	err       error  // why there was no answer
}

// maxBody bounds what is read of an answer: an error is shorter, and nothing
// else is wanted.
const maxBody = 64 << 10

// read takes the answer off the wire as far as it is wanted.
func read(resp *http.Response) answer {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return answer{status: resp.StatusCode, body: body, err: err}
}

// The outcomes of a call.
const (
	OutcomeOK     = "ok"
	OutcomeDenied = "denied"
	OutcomeOther  = "other"
)

// credentialFault marks a call that the provider turned down before it knew
// who called: no log shows it.
const credentialFault = "credential"

//go:embed codes.tsv
var codesTSV string

var codes = sync.OnceValue(func() map[[2]string]string {
	m := map[[2]string]string{}
	for _, f := range tsv.Must("live/codes.tsv", codesTSV, "cloud code result source") {
		m[[2]string{f[0], f[1]}] = f[2]
	}
	return m
})

// result says what an answer means: an outcome, or credentialFault.
func (a *answer) result(cloud event.Cloud) string {
	known := codes()[[2]string{cloud.String(), a.code}]
	switch {
	case a.err != nil:
		return OutcomeOther
	case a.status >= 200 && a.status < 300:
		return OutcomeOK
	case known != "":
		return known
	case a.status == http.StatusForbidden:
		return OutcomeDenied
	case a.status == http.StatusUnauthorized:
		return credentialFault
	}
	return OutcomeOther
}

// reason is an error without the URL that it was about, whose query may hold
// what nobody should see.
func reason(err error) string {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(text) > 200 {
		text = text[:200]
	}
	return text
}

// word keeps a code that an answer gave to what a code can be.
func word(s string) string {
	if len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" {
		return ""
	}
	return s
}

// firstOf returns the first of the headers that is there.
func firstOf(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}

// sleep waits, or returns early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
