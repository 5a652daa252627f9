package emulate

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// upstream passes answers on as they are: left to itself, a transport asks for
// compression and takes off what the object itself was stored with.
var upstream = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	return t
}()

// forward sends a call on to the server. Of a body that is passed on as it
// comes, the size is the one that the client gave.
func (a *AWS) forward(r *http.Request, body io.Reader) (*http.Response, error) {
	u := *a.Backend
	u.Path, u.RawPath, u.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
	req, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if _, upload := body.(*watched); upload {
		req.ContentLength = r.ContentLength
	}
	req.Header = r.Header.Clone()
	if req.Header.Get("Accept-Encoding") != "identity" {
		// What comes back is read here.
		req.Header.Del("Accept-Encoding")
	}
	req.Header.Del("Proxy-Connection")
	req.Header.Del("Expect") // this server has said that it may come
	req.Host = r.Host
	return upstream.RoundTrip(req)
}

// isUpload reports whether a request is one of S3's with a body of a known
// size, which is passed on as it comes.
func isUpload(r *http.Request) bool {
	c := awsCall{host: hostOf(r)}
	c.signedBy(r)
	return c.service == "s3" && r.ContentLength > 0
}

// readsAnswer reports whether the record of a call that succeeded, or of later
// ones, needs its whole answer: the sessions that it made.
func readsAnswer(c awsCall) bool {
	return c.service == "sts" && (strings.HasPrefix(c.event, "AssumeRole") || c.event == "GetSessionToken" || c.event == "GetFederationToken")
}

// beginning reads as much of an answer as its record needs, and a little
// more. whole says that this is all of it. An answer that is needed whole, as
// errors are, and does not end is an error.
func beginning(c awsCall, resp *http.Response) (answer []byte, whole bool, err error) {
	limit, needed := readAheadOf, resp.StatusCode >= 400 || readsAnswer(c)
	if needed {
		limit = maxBody
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	whole = len(answer) <= limit
	if err == nil && needed && !whole {
		err = fmt.Errorf("the record needs the answer, which is larger than %d bytes", limit)
	}
	if resp.StatusCode == http.StatusNoContent {
		resp.Header.Del("Content-Length")
	}
	return answer, whole, err
}

// watched is a body, and whether reading it failed: who copies learns from the
// error of a copy not which of the two sides it was.
type watched struct {
	r     io.Reader
	broke atomic.Bool
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.broke.Store(true)
	}
	return n, err
}

// afterUpload answers when the request has come to its end: a client that is
// still sending may not hear an answer, and gets a broken connection instead.
type afterUpload struct {
	http.ResponseWriter
	body io.Reader
}

// WriteHeader implements [http.ResponseWriter].
func (w *afterUpload) WriteHeader(status int) {
	_, _ = io.Copy(io.Discard, w.body)
	w.ResponseWriter.WriteHeader(status)
}
