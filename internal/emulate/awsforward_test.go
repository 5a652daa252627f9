package emulate

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// zeros are n bytes that take no room.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// inFront starts a recorder in front of a stand-in, and sends requests to it as
// clients do whose bodies and answers really travel.
func inFront(t *testing.T, answer http.HandlerFunc) (a *AWS, send func(method, path, service string, body io.Reader, size int64, header ...string) (*http.Response, error)) {
	t.Helper()
	behind := httptest.NewServer(answer)
	t.Cleanup(behind.Close)
	at, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	a = &AWS{Stage: NewStage("x"), Backend: at, DataEvents: true, Identities: []Identity{{ARN: userARN, Keys: []string{userKey}}}}
	front := httptest.NewServer(a)
	t.Cleanup(front.Close)
	// What a client of Go's does by itself would hide what is tested.
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(client.CloseIdleConnections)
	return a, func(method, path, service string, body io.Reader, size int64, header ...string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = size
		req.Header = signed("GET", "http://x/", "", "eu-west-1", service, header...).Header
		return client.Do(req)
	}
}

const large = 20 << 20

// TestALargeAnswerPassesAsItComes has a stand-in that holds back the end of an
// object until the client has most of it, and one that breaks off.
func TestALargeAnswerPassesAsItComes(t *testing.T) {
	arrived := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(arrived) })
	a, send := inFront(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b/chunked" {
			_, _ = io.Copy(w, zeros(large))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(large))
		_, _ = io.Copy(w, zeros(large-1))
		if r.URL.Path == "/b/broken" {
			panic(http.ErrAbortHandler)
		}
		_ = http.NewResponseController(w).Flush()
		<-arrived
		_, _ = w.Write([]byte{0})
	})
	defer goOn()
	resp, err := send("GET", "/b/k", "s3", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ContentLength != large {
		t.Errorf("Content-Length %d", resp.ContentLength)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, large-(2<<20)); err != nil {
		t.Fatal(err)
	}
	goOn()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 2<<20 {
		t.Errorf("%d bytes more, %v", n, err)
	}
	if resp, err = send("GET", "/b/chunked", "s3", nil, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != large {
		t.Errorf("without a length: %d bytes, %v", n, err)
	}
	if len(a.Faults()) > 0 {
		t.Errorf("faults %q", a.Faults())
	}
	if resp, err = send("GET", "/b/broken", "s3", nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a part is taken for the whole: %v", err)
	}
	// The client hears of the break before the recorder says so.
	for deadline := time.Now().Add(10 * time.Second); len(a.Faults()) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if f := a.Faults(); len(f) != 1 || !strings.Contains(f[0], "s3 GetObject: recorded as answered, but the answer broke off") {
		t.Errorf("faults %q", f)
	}
	if len(a.records) != 3 {
		t.Errorf("%d records", len(a.records))
	}
}

// TestAnAnswerThatIsNeededIsNotCut holds that what a record is made from is
// read whole or not at all.
func TestAnAnswerThatIsNeededIsNotCut(t *testing.T) {
	a, send := inFront(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/error" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "<R><Credentials><AccessKeyId>ASIAX</AccessKeyId></Credentials>")
		_, _ = io.Copy(w, zeros(maxBody))
	})
	for path, form := range map[string]string{"/": "Action=GetSessionToken", "/error": "Action=GetCallerIdentity"} {
		resp, err := send("POST", path, "sts", strings.NewReader(form), int64(len(form)), "Content-Type", "application/x-www-form-urlencoded")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d", form, resp.StatusCode)
		}
	}
	if f := a.Faults(); len(f) != 2 || !strings.Contains(f[0], "the record needs the answer, which is larger than 8388608 bytes") || len(a.records) != 0 {
		t.Errorf("%d records, faults %q", len(a.records), f)
	}
}

// TestObjectsPassUnchanged holds the headers that clients of S3 need, and an
// object that was stored compressed.
func TestObjectsPassUnchanged(t *testing.T) {
	zipped := gzipped(bytes.Repeat([]byte("line\n"), 2000))
	var asked atomic.Value
	_, send := inFront(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(len(zipped)))
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(zipped)
	})
	for _, c := range []struct {
		method, header string
		status, body   int
	}{
		{"GET", "X-None", 200, len(zipped)}, {"HEAD", "X-None", 200, 0}, {"GET", "If-None-Match", 304, 0},
	} {
		for _, accept := range []string{"identity", "gzip, deflate"} {
			resp, err := send(c.method, "/b/k", "s3", nil, 0, "Accept-Encoding", accept, c.header, "x")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			length := strconv.Itoa(len(zipped))
			if c.status == http.StatusNotModified {
				length = "" // net/http gives none with it
			}
			if err != nil || resp.StatusCode != c.status || len(body) != c.body || resp.Header.Get("Content-Length") != length || resp.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("%s %s: %d, %d bytes, %v, %v", c.method, c.header, resp.StatusCode, len(body), resp.Header, err)
			}
			if len(body) > 0 && !bytes.Equal(body, zipped) {
				t.Error("the object is not what was stored")
			}
			if got := asked.Load(); got != "" && got != "identity" {
				t.Errorf("the recorder asks for %q", got)
			}
		}
	}
}

// TestALargeObjectIsTaken uploads more than is read of any other request, as
// it is allowed and as it is not.
func TestALargeObjectIsTaken(t *testing.T) {
	var took atomic.Int64
	a, send := inFront(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/b/k" && n != r.ContentLength {
			t.Errorf("%d bytes of %d", n, r.ContentLength)
		}
		took.Add(n)
	})
	put := func(path string, size int64) int {
		t.Helper()
		// A form by its type, and none: an object may be of any.
		resp, err := send("PUT", path, "s3", zeros(size), size, "Content-Type", "application/x-www-form-urlencoded")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := put("/b/k", maxRequest+1); got != 200 || took.Load() != maxRequest+1 {
		t.Errorf("%d, %d bytes", got, took.Load())
	}
	if got := put("/b/k", 0); got != 200 {
		t.Errorf("an empty object: %d", got)
	}
	a.Policy = Policy{}
	if got := put("/b/k", large); got != 403 || took.Load() != maxRequest+1 {
		t.Errorf("refused: %d, %d bytes", got, took.Load())
	}
	if got := put("/b/k?unheard-of", large); got != 501 {
		t.Errorf("without a name: %d", got)
	}
	var codes []string
	for _, r := range a.records {
		codes = append(codes, r.EventName+" "+r.ErrorCode)
	}
	if strings.Join(codes, ",") != "PutObject ,PutObject ,PutObject AccessDenied" || len(a.Faults()) != 1 {
		t.Errorf("%q, faults %q", codes, a.Faults())
	}
}

// TestOtherRequestsAreBounded holds the limit of what is read whole.
func TestOtherRequestsAreBounded(t *testing.T) {
	var took atomic.Int64
	a, send := inFront(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		took.Add(n)
	})
	for size, want := range map[int64]int{maxRequest: 200, maxRequest + 1: 413} {
		resp, err := send("PUT", "/2015-03-31/functions/f/code", "lambda", zeros(size), size)
		if err != nil {
			// The answer to what is not read to its end may not be heard.
			if want != 413 {
				t.Fatal(err)
			}
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes: %d", size, resp.StatusCode)
		}
	}
	if f := a.Faults(); took.Load() != maxRequest || len(f) != 1 || !strings.Contains(f[0], "more than 67108864 bytes") {
		t.Errorf("%d bytes, faults %q", took.Load(), f)
	}
}
