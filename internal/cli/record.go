package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"vedette/internal/emulate"
)

type recordCmd struct {
	Provider   string `required:"" enum:"aws,azure,gcp" placeholder:"CLOUD" help:"Whose logs to write: aws, azure or gcp."`
	Output     string `required:"" short:"o" type:"path" placeholder:"DIR" help:"Folder to write the logs into."`
	Listen     string `default:"127.0.0.1:4570" placeholder:"ADDRESS" help:"Where clients come to; loopback only. Default: ${default}."`
	Upstream   string `placeholder:"URL" help:"AWS: the stand-in that answers, such as moto, LocalStack or MinIO."`
	Estate     string `type:"path" placeholder:"FILE" help:"Azure and Google Cloud: what the tenant or project holds, as JSON."`
	Policy     string `type:"path" placeholder:"FILE" help:"Who holds which key and may do what, as YAML. Without it everything is allowed."`
	DataEvents bool   `name:"data-events" help:"AWS: write data events too, as a trail does that is asked to."`
	Source     string `default:"127.0.0.1" placeholder:"ADDRESS" help:"Address that calls are said to come from. Default: ${default}."`
	Account    string `placeholder:"ID" help:"AWS: account of callers whom the stand-in, having no STS, cannot name."`
	Every      string `default:"5m" placeholder:"DURATION" help:"Deliver so often. Default: ${default}."`
	Redeliver  int    `placeholder:"N" help:"AWS: deliver every Nth object twice, as CloudTrail may."`
	CA         string `name:"ca" type:"path" placeholder:"FILE" help:"Write the certificate that clients of the proxy must trust there. Default: a temporary file."`
}

// recording is one provider's recorder as record drives it.
type recording struct {
	// direct serves what is sent to the listener's own address, nil where
	// nothing can be; serves finds who answers for a host.
	direct    http.Handler
	serves    func(host string) http.Handler
	deliver   func() ([]string, error)
	summary   func(w io.Writer)
	faults    func() []string
	notLogged func() map[string]int
	environ   func(addr, ca string) string
	// left are the calls that were not answered when the recording ended.
	left []string
}

// Run records until it is interrupted.
func (c *recordCmd) Run(ctx context.Context, std IO) error {
	every, err := c.check()
	if err != nil {
		return err
	}
	rec, err := c.recording()
	if err != nil {
		return err
	}
	calls := newCallsUnderWay()
	proxy, err := emulate.NewProxy(func(host string) http.Handler {
		if h := rec.serves(host); h != nil {
			return calls.through(h)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Output, 0o755); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	ca, remove, err := c.authority(proxy.AuthorityPEM())
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer remove()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 30 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect || r.URL.IsAbs():
			proxy.ServeHTTP(w, r)
		case rec.direct != nil:
			calls.through(rec.direct).ServeHTTP(w, r)
		default:
			http.Error(w, "this is a proxy: start the client with the environment that record printed", http.StatusMisdirectedRequest)
		}
	})}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(std.Stdout, "Recording into %s; Ctrl-C ends it.\n\n%s\n", c.Output, rec.environ(listener.Addr().String(), ca))

	tick := time.NewTicker(every)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-tick.C:
			if _, err := rec.deliver(); err != nil {
				fmt.Fprintln(std.Stderr, "vedette: record:", err)
			}
		case err := <-failed:
			return errors.Join(fmt.Errorf("record: %w", err), deliverLast(rec))
		case <-ctx.Done():
			ended = true
		}
	}
	closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	calls.end()
	_ = server.Shutdown(closing)
	rec.left = calls.wait(closing)
	if err := deliverLast(rec); err != nil {
		return err
	}
	rec.summary(std.Stdout)
	return c.told(std.Stdout, rec, proxy.Missed())
}

func deliverLast(rec *recording) error {
	if _, err := rec.deliver(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// check holds the flags against each other and returns the time from one
// delivery to the next.
func (c *recordCmd) check() (time.Duration, error) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return 0, usagef("--listen: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0, usagef("--listen %s: record listens on a loopback address only, because it answers whoever comes and checks no signature", c.Listen)
	}
	every, err := parseDuration(c.Every)
	if err != nil {
		return 0, usagef("--every: %w", err)
	}
	if every < time.Second {
		return 0, usagef("--every %s: at least a second", c.Every)
	}
	if _, err := netip.ParseAddr(c.Source); err != nil {
		return 0, usagef("--source %q is no address", c.Source)
	}
	if c.Account != "" && !regexp.MustCompile(`^\d{12}$`).MatchString(c.Account) {
		return 0, usagef("--account %q: an account has twelve digits", c.Account)
	}
	if c.Redeliver < 0 {
		return 0, usagef("--redeliver %d is less than nothing", c.Redeliver)
	}
	aws := map[string]bool{"--upstream": c.Upstream != "", "--data-events": c.DataEvents, "--account": c.Account != "", "--redeliver": c.Redeliver > 0}
	switch {
	case c.Provider == "aws" && c.Upstream == "":
		return 0, usagef("--provider aws needs --upstream, the stand-in that answers")
	case c.Provider == "aws" && c.Estate != "":
		return 0, usagef("--estate is for azure and gcp: in AWS the stand-in behind --upstream has the estate")
	case c.Provider != "aws" && c.Estate == "":
		return 0, usagef("--provider %s needs --estate, what the stand-in holds", c.Provider)
	}
	for _, flag := range slices.Sorted(maps.Keys(aws)) {
		if c.Provider != "aws" && aws[flag] {
			return 0, usagef("%s is for aws alone", flag)
		}
	}
	return every, nil
}

func (c *recordCmd) recording() (*recording, error) {
	rules := &emulate.Rules{}
	if c.Policy != "" {
		text, err := os.ReadFile(c.Policy)
		if err != nil {
			return nil, usagef("--policy: %w", err)
		}
		if rules, err = emulate.ParseRules(c.Policy, text); err != nil {
			return nil, usage(err)
		}
	}
	// The identifiers of two recordings must not be the same.
	stage := emulate.NewStage(rand.Text())
	stage.Live(c.Source)
	if c.Provider == "aws" {
		return c.aws(stage, rules)
	}
	if len(rules.Identities)+len(rules.Boundary)+len(rules.ServiceControl) > 0 {
		return nil, usagef("--policy %s: keys, boundaries and service control are AWS's", c.Policy)
	}
	estate, err := os.ReadFile(c.Estate)
	if err != nil {
		return nil, usagef("--estate: %w", err)
	}
	read := func(into any) error {
		if err := json.Unmarshal(estate, into); err != nil {
			return usagef("--estate %s: %w", c.Estate, err)
		}
		return nil
	}
	if c.Provider == "azure" {
		holds := &emulate.AzureEstate{}
		if err := read(holds); err != nil {
			return nil, err
		}
		return c.estate(&emulate.Azure{Stage: stage, Estate: holds, Policy: rules.Policy}, func(addr, ca string) string {
			return fmt.Sprintf("  export HTTPS_PROXY=http://%s REQUESTS_CA_BUNDLE=%s SSL_CERT_FILE=%s\n", addr, ca, ca)
		}), nil
	}
	holds := &emulate.GCPEstate{}
	if err := read(holds); err != nil {
		return nil, err
	}
	return c.estate(&emulate.GCP{Stage: stage, Estate: holds, Policy: rules.Policy}, func(addr, ca string) string {
		host, port, _ := net.SplitHostPort(addr)
		return fmt.Sprintf("  export CLOUDSDK_PROXY_TYPE=http CLOUDSDK_PROXY_ADDRESS=%s CLOUDSDK_PROXY_PORT=%s CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE=%s\n\n"+
			"The token in CLOUDSDK_AUTH_ACCESS_TOKEN_FILE says which of the estate's principals calls.\n", host, port, ca)
	}), nil
}

// aws records in front of the stand-in, for clients that are pointed at the
// listener and for clients that go through it as their proxy.
func (c *recordCmd) aws(stage *emulate.Stage, rules *emulate.Rules) (*recording, error) {
	upstream, err := url.Parse(c.Upstream)
	if err != nil || upstream.Host == "" || upstream.Scheme != "http" && upstream.Scheme != "https" {
		return nil, usagef("--upstream %q is no http address, as http://127.0.0.1:5000", c.Upstream)
	}
	if emulate.IsAWS(upstream.Hostname()) {
		return nil, usagef("--upstream %s: that is AWS itself, which logs for itself; the recorder stands in front of a stand-in", c.Upstream)
	}
	upstream = &url.URL{Scheme: upstream.Scheme, Host: upstream.Host}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(upstream.String())
	if err != nil {
		return nil, exit{ExitFailed, fmt.Errorf("--upstream %s does not answer: %w", c.Upstream, err)}
	}
	resp.Body.Close()
	a := &emulate.AWS{
		Stage: stage, Backend: upstream, DataEvents: c.DataEvents, Tolerant: true, AnyKey: true, Account: c.Account,
		Policy: rules.Policy, Boundary: rules.Boundary, ServiceControl: rules.ServiceControl, Identities: rules.Identities,
	}
	delivered := 0
	return &recording{
		direct: a,
		serves: func(host string) http.Handler {
			if standsInFor(host) {
				return a
			}
			return nil
		},
		deliver: func() ([]string, error) {
			paths, err := a.Flush(c.Output)
			for _, p := range paths {
				if delivered++; c.Redeliver > 0 && delivered%c.Redeliver == 0 {
					if _, e := a.Redeliver(c.Output, p); e != nil {
						err = errors.Join(err, e)
					}
				}
			}
			return paths, errors.Join(err, a.FlushMarks(c.marksFile()))
		},
		summary: func(w io.Writer) { c.summary(w, a) },
		faults:  a.Faults, notLogged: a.NotLogged,
		environ: func(addr, ca string) string {
			return fmt.Sprintf("  export AWS_ENDPOINT_URL=http://%s\n  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 # any that the stand-in takes\n\nor, to keep the real host names and the TLS details of the records:\n\n"+
				"  export HTTPS_PROXY=http://%s AWS_CA_BUNDLE=%s\n", addr, addr, ca)
		},
	}, nil
}

// standsInFor reports whether a host is of the partition whose names and ARNs
// the recorder writes.
func standsInFor(host string) bool {
	host = strings.ToLower(host)
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".api.aws")
}

// estateRecorder is a stand-in with an estate: emulate.Azure, emulate.GCP.
type estateRecorder interface {
	http.Handler
	Serves(host string) bool
	Flush(root string) (map[string]int, error)
	Faults() []string
	NotLogged() map[string]int
}

func (c *recordCmd) estate(r estateRecorder, environ func(addr, ca string) string) *recording {
	records := map[string]int{}
	var calls atomic.Int64
	counted := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		calls.Add(1)
		r.ServeHTTP(w, q)
	})
	return &recording{
		serves: func(host string) http.Handler {
			if r.Serves(host) {
				return counted
			}
			return nil
		},
		deliver: func() ([]string, error) {
			written, err := r.Flush(c.Output)
			for path, n := range written {
				records[path] += n
			}
			return slices.Sorted(maps.Keys(written)), err
		},
		summary: func(w io.Writer) {
			total := 0
			for _, n := range records {
				total += n
			}
			fmt.Fprintf(w, "\n%s, %s\n", plural(int(calls.Load()), "call"), plural(total, "record"))
			tally(w, records)
		},
		faults: r.Faults, notLogged: r.NotLogged, environ: environ,
	}
}

// authority writes the certificate of the proxy's authority where clients find
// it, and returns how to take it away again.
func (c *recordCmd) authority(pem []byte) (file string, remove func(), err error) {
	if c.CA != "" {
		return c.CA, func() {}, os.WriteFile(c.CA, pem, 0o644)
	}
	f, err := os.CreateTemp("", "vedette-ca-*.pem")
	if err != nil {
		return "", nil, err
	}
	_, err = f.Write(pem)
	return f.Name(), func() { os.Remove(f.Name()) }, errors.Join(err, f.Close())
}

// marksFile lists the calls that the stand-in lacks. It lies beside the folder
// and not in it, where it would be taken for a log.
func (c *recordCmd) marksFile() string { return filepath.Clean(c.Output) + ".not-implemented.jsonl" }

func (c *recordCmd) summary(w io.Writer, a *emulate.AWS) {
	n := a.Counts()
	total := 0
	for _, k := range n.Records {
		total += k
	}
	fmt.Fprintf(w, "\n%s, %s\n", plural(n.Calls, "call"), plural(total, "record"))
	for _, source := range slices.Sorted(maps.Keys(n.Records)) {
		fmt.Fprintf(w, "%6d  %s\n", n.Records[source], source)
	}
	if marks := a.NotImplemented(); len(marks) > 0 {
		lacking := map[string]int{}
		for _, m := range marks {
			lacking[m.Service+" "+m.Call]++
		}
		fmt.Fprintf(w, "The stand-in lacks %s, recorded as internal failures and listed in %s:\n", plural(len(lacking), "API"), c.marksFile())
		tally(w, lacking)
	}
	for _, note := range a.Notes() {
		fmt.Fprintln(w, "Taken for granted: "+note)
	}
}

// told prints what is in no log and what could not be recorded, and makes the
// latter the exit code.
func (c *recordCmd) told(w io.Writer, rec *recording, missed []string) error {
	if skipped := rec.notLogged(); len(skipped) > 0 {
		fmt.Fprintln(w, "Called, and in none of these logs:")
		tally(w, skipped)
	}
	faults := append(rec.faults(), rec.left...)
	for _, m := range missed {
		faults = append(faults, "nobody stands in for "+m)
	}
	if len(faults) == 0 {
		return nil
	}
	return exit{ExitLost, fmt.Errorf("%s could not be recorded, so the logs are not whole:\n%s", plural(len(faults), "call"), strings.Join(faults, "\n"))}
}

func tally(w io.Writer, n map[string]int) {
	for _, k := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(w, "%6d  %s\n", n[k], k)
	}
}
