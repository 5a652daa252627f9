package live

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// request is what a stand-in was asked.
type request struct {
	host, method, path, agent, auth string
	header                          http.Header
	body                            string
}

// standIn is a TLS server that every host name leads to.
type standIn struct {
	mu  sync.Mutex
	got []request
}

// serve starts a stand-in and returns a client whose every connection ends
// there, whatever the host: host names, TLS and signatures are the real ones.
func serve(t *testing.T, handle func(w http.ResponseWriter, r request)) (*standIn, *http.Client) {
	t.Helper()
	noGoroutinesLeft(t)
	s := &standIn{}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		buf := make([]byte, 4096)
		for {
			n, err := r.Body.Read(buf)
			body.Write(buf[:n])
			if err != nil {
				break
			}
		}
		got := request{
			host: r.Host, method: r.Method, path: r.URL.RequestURI(), agent: r.UserAgent(),
			auth: r.Header.Get("Authorization"), header: r.Header, body: body.String(),
		}
		s.mu.Lock()
		s.got = append(s.got, got)
		s.mu.Unlock()
		handle(w, got)
	}))
	t.Cleanup(srv.Close)
	tr := srv.Client().Transport.(*http.Transport).Clone()
	tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", srv.Listener.Addr().String())
	}
	tr.TLSClientConfig.ServerName = "example.com" // a name that the server's certificate has
	return s, &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// requests returns what was asked of hosts that end so.
func (s *standIn) requests(suffix string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.got), func(r request) bool { return !strings.HasSuffix(r.host, suffix) })
}

// noGoroutinesLeft fails the test if, after all its cleaning up, there are
// more goroutines than now.
func noGoroutinesLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 3000 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before and %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}

// noCredentials keeps whatever credentials the machine has out of a test.
func noCredentials(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for k, v := range map[string]string{
		"HOME": none, "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": "",
		"AZURE_CONFIG_DIR": none, "AZURE_TENANT_ID": "", "AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": "",
		"GOOGLE_APPLICATION_CREDENTIALS": none, "CLOUDSDK_CONFIG": none, "GOOGLE_CLOUD_PROJECT": "",
	} {
		t.Setenv(k, v)
	}
}

// mustPrepare prepares a run of calls in YAML.
func mustPrepare(t *testing.T, opts Options, yaml string) *Plan {
	t.Helper()
	calls, err := Load([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	opts.Calls = calls
	if opts.Pace == 0 {
		opts.Pace = time.Millisecond
	}
	p, err := Prepare(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// outcomes lists the calls of a record with what came of each.
func outcomes(r *Record) []string {
	var list []string
	for _, m := range r.Calls {
		list = append(list, strings.TrimSpace(m.Call+" "+m.Outcome+" "+m.Code))
	}
	return list
}

// sum256 is the SHA-256 of a text, in hexadecimal digits.
func sum256(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
