package rehearse

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/internal/emulate"
	"vedette/internal/event"
)

// awsAccountID is the account that the AWS CLI's documentation uses.
const awsAccountID = "111122223333"

//go:embed estate/aws.py
var awsEstate []byte

// awsAccount is an account in moto. All runs read the same one, each through a
// recorder of its own; it is made when the first run asks for it.
type awsAccount struct {
	once sync.Once
	err  error
	url  *url.URL
	keys map[string]awsKey // by user
	end  func()
}

// awsKey is a credential as estate/aws.py and sts print it.
type awsKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Token  string `json:"token"`
}

func (k awsKey) env(s *session) []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + k.ID, "AWS_SECRET_ACCESS_KEY=" + k.Secret, "AWS_SESSION_TOKEN=" + k.Token,
		"AWS_CA_BUNDLE=" + s.authority(), "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_DEFAULT_REGION=us-east-1",
	}
}

// stop ends moto.
func (a *awsAccount) stop() {
	a.once.Do(func() { a.err = errors.New("closed") })
	if a.end != nil {
		a.end()
	}
}

// start starts moto and builds the account in it.
func (a *awsAccount) start(tools Tools) error {
	a.once.Do(func() { a.err = a.build(tools) })
	return a.err
}

func (a *awsAccount) build(tools Tools) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	// moto outlives the run that starts it: stop ends it.
	cmd := exec.CommandContext(context.Background(), tools.find("moto_server"), "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	cmd.Env = append(os.Environ(), "PATH="+tools.path(), "MOTO_ACCOUNT_ID="+awsAccountID, "MOTO_EC2_LOAD_DEFAULT_AMIS=true")
	endTogether(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("moto: %w", err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	a.end = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-gone
	})
	a.url = &url.URL{Scheme: "http", Host: addr.String()}
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get(a.url.String() + "/moto-api/data.json")
		if err == nil {
			_ = resp.Body.Close()
			break
		}
		select {
		case err := <-gone:
			gone <- err
			return fmt.Errorf("moto ended: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("moto did not answer within a minute")
		}
	}
	dir, err := os.MkdirTemp("", "rehearsal-estate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "estate.py")
	if err := os.WriteFile(script, awsEstate, 0o600); err != nil {
		return err
	}
	var errs strings.Builder
	python := exec.Command(tools.find("python3"), script, a.url.String())
	python.Env = []string{"PATH=" + tools.path(), "HOME=" + dir, "LANG=C.UTF-8", "NO_PROXY=127.0.0.1"}
	python.Stderr = &errs
	out, err := python.Output()
	if err != nil {
		return fmt.Errorf("estate: %w\n%s", err, errs.String())
	}
	var doc struct {
		Keys map[string]awsKey `json:"keys"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return fmt.Errorf("estate: %w", err)
	}
	a.keys = doc.Keys
	return nil
}

// awsRun is one run's recorder.
type awsRun struct {
	account *awsAccount
	rec     *emulate.AWS
	caller  string
}

func (a *awsAccount) standIn(_ context.Context, tools Tools, r *Run, on []event.Log, s *session) (standIn, error) {
	if err := a.start(tools); err != nil {
		return nil, err
	}
	policy := emulate.Policy{}
	// Others than the caller that is tried are not what the run is about.
	for user := range a.keys {
		policy[awsARN("user/"+user)] = []string{"*"}
	}
	policy[awsARN(r.As)] = r.Allow
	return &awsRun{
		account: a, caller: r.As,
		rec: &emulate.AWS{
			Stage: s.stage, Backend: a.url, Policy: policy, UserAgent: plainAgent,
			DataEvents: slices.Contains(on, event.CloudTrailData),
		},
	}, nil
}

// awsARN is the name of user/x or role/x in the account.
func awsARN(name string) string { return "arn:aws:iam::" + awsAccountID + ":" + name }

func (a *awsRun) serves(host string) http.Handler {
	if strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".api.aws") {
		return a.rec
	}
	return nil
}

func (a *awsRun) begin(s *session, step *Step) ([]string, string, error) {
	kind, name, _ := strings.Cut(step.As, "/")
	key, ok := a.account.keys[name]
	if kind != "user" || !ok {
		return nil, "", fmt.Errorf("%q is no user of the account", step.As)
	}
	return key.env(s), "", nil
}

func (a *awsRun) deliver(dir string) error {
	_, err := a.rec.Deliver(dir)
	return err
}

func (a *awsRun) told(p *Played) {
	p.NotLogged, p.Faults = a.rec.NotLogged(), a.rec.Faults()
}
