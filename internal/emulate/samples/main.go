// Command samples records the sample logs of this repository's examples folder:
// it starts stand-ins of the clouds, runs the real clients against them and
// writes down what the providers would have logged. Run it through record.sh,
// which installs the clients first.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"vedette/internal/emulate"
)

//go:embed policy.json
var policyJSON []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

// recording is what the scenes of one cloud share.
type recording struct {
	ctx    context.Context
	out    string // folder of this cloud's logs
	work   string // scratch folder, removed at the end
	proxy  *emulate.Proxy
	addr   string // of the proxy
	stage  *emulate.Stage
	policy emulate.Policy
	bin    clients
}

// clients are the programs that are run.
type clients struct{ aws, moto, python, az, gcloud string }

func run(ctx context.Context) error {
	var bin clients
	out := flag.String("o", "examples", "folder to write the logs into")
	only := flag.String("only", "aws,azure,gcp", "clouds to record")
	flag.StringVar(&bin.aws, "aws", "aws", "the AWS CLI")
	flag.StringVar(&bin.moto, "moto", "moto_server", "moto's server")
	flag.StringVar(&bin.python, "python", "python3", "a Python that has boto3")
	flag.StringVar(&bin.az, "az", "az", "the Azure CLI")
	flag.StringVar(&bin.gcloud, "gcloud", "gcloud", "the Google Cloud CLI")
	flag.Parse()

	var policy emulate.Policy
	if err := json.Unmarshal(policyJSON, &policy); err != nil {
		return fmt.Errorf("policy.json: %w", err)
	}
	record := map[string]func(*recording) error{"aws": recordAWS, "azure": recordAzure, "gcp": recordGCP}
	for cloud := range strings.SplitSeq(*only, ",") {
		if record[cloud] == nil {
			return fmt.Errorf("no cloud %q", cloud)
		}
		if err := recordCloud(ctx, cloud, *out, policy, bin, record[cloud]); err != nil {
			return fmt.Errorf("%s: %w", cloud, err)
		}
	}
	return nil
}

func recordCloud(ctx context.Context, cloud, out string, policy emulate.Policy, bin clients, record func(*recording) error) error {
	work, err := os.MkdirTemp("", "record-"+cloud)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := &recording{ctx: ctx, out: filepath.Join(out, cloud), work: work, stage: emulate.NewStage(cloud), policy: policy, bin: bin}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	return record(r)
}

// serve starts the proxy with a stand-in for each host that route knows.
func (r *recording) serve(route func(host string) http.Handler) error {
	p, err := emulate.NewProxy(route)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.proxy, r.addr = p, l.Addr().String()
	srv := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	return os.WriteFile(r.caFile(), p.AuthorityPEM(), 0o600)
}

func (r *recording) caFile() string { return filepath.Join(r.work, "ca.pem") }

// client runs a client with nothing in its environment but what it is given
// and the way through the proxy. Its standard output is returned. A client
// that was answered with an error says so in words that the caller names; any
// other failure ends the recording.
func (r *recording) client(refusal string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(r.ctx, name, args...)
	proxy := "http://" + r.addr
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.work, "LANG=C.UTF-8", "TZ=UTC",
		// botocore writes a Python set into its user agent: the order of a
		// set follows from the hash seed.
		"PYTHONHASHSEED=0",
		"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "HTTP_PROXY=" + proxy, "http_proxy=" + proxy, "NO_PROXY=127.0.0.1",
	}, env...)
	cmd.Dir = r.work
	var errText strings.Builder
	cmd.Stderr = &errText
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && refusal != "" && strings.Contains(errText.String(), refusal) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, errText.String())
	}
	return out, nil
}
