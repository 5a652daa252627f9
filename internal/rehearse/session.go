package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vedette/internal/emulate"
)

// Tools are the folders in which client programs are looked for, before those
// of the system.
type Tools []string

// FindTools returns the bin folders that setup.sh made below dir; none where
// dir is not there. The folder of the AWS clients is the first: its Python has
// boto3.
func FindTools(dir string) (Tools, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("tools: %w", err)
	}
	sets, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tools: %w", err)
	}
	var bins Tools
	for _, set := range sets {
		bin := filepath.Join(dir, set.Name(), "bin")
		if info, err := os.Stat(bin); err == nil && info.IsDir() {
			bins = append(bins, bin)
		}
	}
	first := filepath.Join(dir, "aws", "bin")
	slices.SortStableFunc(bins, func(a, b string) int {
		switch {
		case a == first:
			return -1
		case b == first:
			return 1
		}
		return 0
	})
	return bins, nil
}

// path is the value of PATH.
func (t Tools) path() string {
	return strings.Join(append(slices.Clone(t), filepath.SplitList(os.Getenv("PATH"))...), string(os.PathListSeparator))
}

// find returns where a program lies, or "".
func (t Tools) find(name string) string {
	for _, dir := range filepath.SplitList(t.path()) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// absent returns which of the programs are not there.
func (t Tools) absent(names []string) []string {
	var out []string
	for _, n := range names {
		if t.find(n) == "" {
			out = append(out, n)
		}
	}
	return out
}

// standIn is a provider on this machine: it answers for its hosts and writes
// down what the provider would have logged.
type standIn interface {
	// serves returns what answers for a host, nil for a host of others.
	serves(host string) http.Handler
	// begin gives what a step needs before its own lines: the environment
	// that makes its caller known to the clients, and lines of a shell.
	begin(s *session, step *Step) (env []string, before string, err error)
	// deliver writes the logs into dir.
	deliver(dir string) error
	// told fills in what the stand-in has to say of its work.
	told(p *Played)
}

// session is a run that is being played: a folder of its own, a clock, and a
// proxy through which the clients reach the stand-in.
type session struct {
	work  string // scratch folder, and the clients' home
	tools Tools
	stage *emulate.Stage
	proxy *emulate.Proxy
	addr  string // of the proxy
	calls atomic.Int64
	log   *os.File // what the clients print
}

// quiet are hosts that clients ask for news of themselves: nothing of the
// cloud's, and no call.
var quiet = []string{"azcliprod.blob.core.windows.net", "dl.google.com", "aka.ms"}

// open starts the proxy. close must be called.
func (s *session) open(in standIn) (close func(), err error) {
	counted := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.calls.Add(1)
			h.ServeHTTP(w, r)
		})
	}
	s.proxy, err = emulate.NewProxy(func(host string) http.Handler {
		if slices.Contains(quiet, host) {
			return http.NotFoundHandler()
		}
		h := in.serves(host)
		if h == nil || host == "login.microsoftonline.com" || host == "oauth2.googleapis.com" {
			return h
		}
		return counted(h)
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.addr = l.Addr().String()
	srv := &http.Server{Handler: s.proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	if err := os.WriteFile(s.authority(), s.proxy.AuthorityPEM(), 0o600); err != nil {
		_ = srv.Close()
		return nil, err
	}
	return func() { _ = srv.Close() }, nil
}

// authority is the file of the certificate that clients must trust.
func (s *session) authority() string { return filepath.Join(s.work, "ca.pem") }

// run gives lines to a shell that knows nothing but what it is told here, and
// that reaches nothing but the proxy.
func (s *session) run(ctx context.Context, lines string, env []string) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", lines)
	proxy := "http://" + s.addr
	cmd.Env = append([]string{
		"PATH=" + s.tools.path(), "HOME=" + s.work, "TMPDIR=" + s.work, "LANG=C.UTF-8", "TZ=UTC", "REHEARSAL=" + filepath.Join(s.work, "files"),
		// botocore writes a Python set into its user agent: the order of a
		// set follows from the hash seed.
		"PYTHONHASHSEED=0", "PYTHONWARNINGS=ignore",
		"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "HTTP_PROXY=" + proxy, "http_proxy=" + proxy,
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"REQUESTS_CA_BUNDLE=" + s.authority(), "SSL_CERT_FILE=" + s.authority(), "CURL_CA_BUNDLE=" + s.authority(),
	}, env...)
	cmd.Dir = s.work
	cmd.Stdout, cmd.Stderr = s.log, s.log
	endTogether(cmd)
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cmd.ProcessState == nil {
			return fmt.Errorf("sh: %w", err)
		}
		// The shell's exit code is its last line's, which may well have been
		// refused.
	}
	return nil
}

// tail keeps the end of what a program prints.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	t.end = t.end[max(0, len(t.end)-2000):]
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
