package rehearse

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// awsAccountID is the account that the AWS CLI's documentation uses, awsOther
// another one of the documentation's: the estate's vendor has it.
const (
	awsAccountID = "111122223333"
	awsOther     = "444455556666"
)

var (
	//go:embed estate/aws.py
	awsEstate []byte
	// moto's server, with some of its answers mended.
	//go:embed estate/stand_in.py
	awsServer []byte
	//go:embed estate/state.py
	awsState []byte
)

// awsAccount is an account in moto. All runs that only read share one, each
// through a recorder of its own; it is made when the first run asks for it. A
// run that changes something has one to itself.
type awsAccount struct {
	once   sync.Once
	err    error
	url    *url.URL
	dir    string // of the scripts and of the estate's description
	estate awsDescription
	end    func()
}

// awsDescription is what estate/aws.py prints of the account.
type awsDescription struct {
	Keys   map[string]awsKey   `json:"keys"`   // of users, by part
	Roles  map[string]string   `json:"roles"`  // ARNs, by part
	Policy map[string][]string `json:"policy"` // what each may do, by ARN
}

// arn returns who "user/PART", "role/PART" or "root" is.
func (d *awsDescription) arn(as string) (string, error) {
	kind, part, _ := strings.Cut(as, "/")
	switch kind {
	case "root":
		return d.Keys["root"].ARN, nil
	case "user":
		if k, ok := d.Keys[part]; ok && part != "root" {
			return k.ARN, nil
		}
	case "role":
		if arn, ok := d.Roles[part]; ok {
			return arn, nil
		}
	}
	return "", fmt.Errorf("%q is neither a user nor a role of the account, nor its root", as)
}

// awsKey is a credential as estate/aws.py and sts print it.
type awsKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Token  string `json:"token"`
	ARN    string `json:"arn"`
}

func (k awsKey) env(s *session) []string {
	env := []string{
		"AWS_ACCESS_KEY_ID=" + k.ID, "AWS_SECRET_ACCESS_KEY=" + k.Secret,
		"AWS_CA_BUNDLE=" + s.authority(), "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_DEFAULT_REGION=us-east-1",
	}
	if k.Token != "" {
		env = append(env, "AWS_SESSION_TOKEN="+k.Token)
	}
	return env
}

// stop ends moto.
func (a *awsAccount) stop() {
	a.once.Do(func() { a.err = errors.New("closed") })
	if a.end != nil {
		a.end()
	}
	if a.dir != "" {
		_ = os.RemoveAll(a.dir)
	}
}

// start starts moto and builds the account in it.
func (a *awsAccount) start(tools Tools) error {
	a.once.Do(func() { a.err = a.build(tools) })
	return a.err
}

func (a *awsAccount) build(tools Tools) error {
	var err error
	if a.dir, err = os.MkdirTemp("", "rehearsal-account"); err != nil {
		return err
	}
	server, builder := filepath.Join(a.dir, "stand_in.py"), filepath.Join(a.dir, "aws.py")
	for file, text := range map[string][]byte{server: awsServer, builder: awsEstate, filepath.Join(a.dir, "state.py"): awsState} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	// moto outlives the run that starts it: stop ends it.
	cmd := exec.CommandContext(context.Background(), tools.find("python3"), server, "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	// Nothing of the user's own settings: a profile of the AWS CLI would be
	// moto's too.
	cmd.Env = []string{"PATH=" + tools.path(), "HOME=" + a.dir, "LANG=C.UTF-8", "PYTHONWARNINGS=ignore", "MOTO_ACCOUNT_ID=" + awsAccountID, "MOTO_EC2_LOAD_DEFAULT_AMIS=true"}
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
			return fmt.Errorf("moto ended: %v\n%s", err, said.text())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("moto did not answer within a minute")
		}
	}
	out, err := a.python(tools, builder)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, &a.estate); err != nil {
		return fmt.Errorf("estate: %w", err)
	}
	return os.WriteFile(filepath.Join(a.dir, "estate.json"), out, 0o600)
}

// python runs a script of the account's folder on the account, past every
// recorder, and returns what it prints.
func (a *awsAccount) python(tools Tools, script string) ([]byte, error) {
	var errs strings.Builder
	cmd := exec.Command(tools.find("python3"), script, a.url.String())
	cmd.Env = []string{"PATH=" + tools.path(), "HOME=" + a.dir, "LANG=C.UTF-8", "NO_PROXY=127.0.0.1", "PYTHONWARNINGS=ignore"}
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(script), err, errs.String())
	}
	return out, nil
}

// state is what the account is like, a fact a line, in the parts that tests
// change.
func (a *awsAccount) state(tools Tools) ([]string, error) {
	out, err := a.python(tools, filepath.Join(a.dir, "state.py"))
	return strings.Split(strings.TrimSpace(string(out)), "\n"), err
}

// awsRun is one run's recorder.
type awsRun struct {
	account *awsAccount
	rec     *emulate.AWS
	// given are the credentials that instances have, by instance.
	given map[string]delivered
	// before is the state of an account that the run has to itself; nil where
	// it shares one.
	before []string
}

// delivered is what EC2 put into an instance's metadata.
type delivered struct {
	key awsKey
	at  time.Time
}

// deliveredFor is how long an instance's credentials are good for; a new set is
// there before, which no rehearsal sees.
const deliveredFor = 6 * time.Hour

// standIn gives a run its recorder. own says that the account is the run's own.
func (a *awsAccount) standIn(tools Tools, r *Run, on []event.Log, s *session, own bool) (standIn, error) {
	if err := a.start(tools); err != nil {
		return nil, err
	}
	caller, err := a.estate.arn(r.As)
	if err != nil {
		return nil, err
	}
	policy := emulate.Policy{}
	maps.Copy(policy, a.estate.Policy)
	if r.Allow != nil {
		policy[caller] = r.Allow
	}
	root := a.estate.Keys["root"]
	run := &awsRun{account: a, given: map[string]delivered{}, rec: &emulate.AWS{
		Stage: s.stage, Backend: a.url, Policy: policy, UserAgent: emulate.PlainAgent,
		ServiceControl: r.Deny, Tolerant: true, Grants: true,
		DataEvents: slices.Contains(on, event.CloudTrailData),
		// moto has no keys of root, and other accounts' trails are not here.
		Identities: []emulate.Identity{{ARN: root.ARN, Keys: []string{root.ID}}},
		Accounts:   []string{awsAccountID},
	}}
	if own {
		run.before, err = a.state(tools)
	}
	return run, err
}

func (a *awsRun) serves(host string) http.Handler {
	if strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".api.aws") {
		return a.rec
	}
	return nil
}

func (a *awsRun) begin(s *session, step *Step) ([]string, string, error) {
	arn, err := a.account.estate.arn(step.As)
	if err != nil {
		return nil, "", err
	}
	kind, part, _ := strings.Cut(step.As, "/")
	var key awsKey
	switch {
	case step.Instance != "" && kind == "role":
		if key, err = a.instance(s, arn, step.Instance); err != nil {
			return nil, "", err
		}
	case step.Instance != "" || kind == "role":
		return nil, "", fmt.Errorf("%q cannot call: a user has keys, and a role an instance", step.As)
	case kind == "root":
		key = a.account.estate.Keys["root"]
	default:
		key = a.account.estate.Keys[part]
	}
	return a.env(s, key), "", nil
}

// env is the environment of steps by the holder of a key.
func (a *awsRun) env(s *session, key awsKey) []string {
	return append(key.env(s), "ESTATE="+filepath.Join(a.account.dir, "estate.json"), "OTHER_ACCOUNT="+awsOther)
}

// instance is what an instance finds at its metadata service: the same
// credentials as before while they are good, wherever they are used from.
func (a *awsRun) instance(s *session, role, id string) (awsKey, error) {
	now := s.stage.Now()
	if was, ok := a.given[id]; ok && !now.Before(was.at) && now.Before(was.at.Add(deliveredFor)) {
		return was.key, nil
	}
	c, err := a.rec.Instance(context.Background(), role, id)
	if err != nil {
		return awsKey{}, err
	}
	key := awsKey{ID: c.Key, Secret: c.Secret, Token: c.Token}
	a.given[id] = delivered{key, now}
	return key, nil
}

// undo plays a test's clean-up as the account's administrator, unrecorded since
// the logs are written, and returns what is then not as it was before the run.
func (a *awsRun) undo(ctx context.Context, s *session, cleanup string) ([]string, error) {
	admin := a.account.estate.Keys["admin"]
	if err := s.run(ctx, cleanup, a.env(s, admin)); err != nil {
		return nil, fmt.Errorf("clean-up: %w", err)
	}
	after, err := a.account.state(s.tools)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, fact := range a.before {
		if !slices.Contains(after, fact) {
			left = append(left, "gone: "+fact)
		}
	}
	for _, fact := range after {
		if !slices.Contains(a.before, fact) {
			left = append(left, "there: "+fact)
		}
	}
	return left, nil
}

func (a *awsRun) deliver(dir string) error {
	_, err := a.rec.Deliver(dir)
	return err
}

func (a *awsRun) told(p *Played) {
	p.NotLogged = a.rec.NotLogged()
	p.fault(a.rec.Faults()...)
	for _, n := range a.rec.NotImplemented() {
		if p.NotImplemented == nil {
			p.NotImplemented = map[string]int{}
		}
		p.NotImplemented[n.Service+" "+n.Call]++
	}
}
