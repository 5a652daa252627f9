package main

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"vedette/internal/emulate"
)

const awsAccount = "111122223333"

var (
	//go:embed aws_estate.py
	awsEstateScript []byte
	//go:embed aws_role.py
	awsRoleScript []byte
)

// The networks of the samples, all from the blocks kept for documentation.
const (
	office   = "198.51.100.20"
	runner   = "198.51.100.77"
	intruder = "203.0.113.66"
	thief    = "203.0.113.142"
)

func day(clock string) time.Time {
	at, err := time.Parse("2006-01-02 15:04:05", "2026-03-17 "+clock)
	if err != nil {
		panic(err)
	}
	return at
}

type awsKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Token  string `json:"token"`
}

func (k awsKey) env(caFile string) []string {
	env := []string{"AWS_CA_BUNDLE=" + caFile, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_DEFAULT_REGION=eu-west-1"}
	if k.ID != "" {
		env = append(env, "AWS_ACCESS_KEY_ID="+k.ID, "AWS_SECRET_ACCESS_KEY="+k.Secret)
	}
	if k.Token != "" {
		env = append(env, "AWS_SESSION_TOKEN="+k.Token)
	}
	return env
}

func recordAWS(r *recording) error {
	moto, stop, err := startMoto(r)
	if err != nil {
		return err
	}
	defer stop()
	estate, err := buildAWS(r, moto)
	if err != nil {
		return err
	}
	rec := &emulate.AWS{Stage: r.stage, Backend: moto, Policy: r.policy, UserAgent: emulate.PlainAgent}
	if err := r.serve(func(host string) http.Handler {
		if strings.HasSuffix(host, ".amazonaws.com") {
			return rec
		}
		return nil
	}); err != nil {
		return err
	}
	for _, scene := range []func(*recording, *awsEstate) error{developer, pipeline, stolenKey, stolenRole} {
		if err := scene(r, estate); err != nil {
			return err
		}
	}
	if faults := append(rec.Faults(), r.proxy.Missed()...); len(faults) > 0 {
		return fmt.Errorf("not recorded honestly:\n%s", strings.Join(faults, "\n"))
	}
	paths, err := rec.Deliver(r.out)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if strings.Contains(p, "/eu-west-1/") && strings.Contains(p, "T1310Z") {
			if _, err := rec.Redeliver(r.out, p); err != nil {
				return err
			}
			break
		}
	}
	if _, err := rec.Digest(r.out, paths, awsAccount, "eu-west-1", day("14:00:00")); err != nil {
		return err
	}
	fmt.Printf("aws: %d objects; called but not in a trail of management events: %v\n", len(paths), rec.NotLogged())
	return nil
}

// serviceError is what the AWS CLI says where the service answered with an
// error, whether a refusal or a thing that is not there.
const serviceError = "An error occurred ("

// aws runs one line of the AWS CLI. Refusals are part of the story.
func (r *recording) aws(k awsKey, line string) error {
	_, err := r.client(serviceError, k.env(r.caFile()), r.bin.aws, strings.Fields(line)...)
	return err
}

func (r *recording) awsLines(k awsKey, lines ...string) error {
	for _, l := range lines {
		if err := r.aws(k, l); err != nil {
			return err
		}
	}
	return nil
}

// developer is an ordinary morning: a few looks at a service and its logs.
func developer(r *recording, estate *awsEstate) error {
	k := estate.Keys["anna.lindqvist"]
	r.stage.Begin(emulate.Scene{Source: office, Start: day("08:57:12"), PaceMin: 20 * time.Second, PaceMax: 4 * time.Minute})
	return r.awsLines(k,
		"ec2 describe-instances --filters Name=tag:app,Values=shop",
		"logs describe-log-groups --log-group-name-prefix /aws/lambda/resize",
		"lambda get-function-configuration --function-name resize-images",
		"dynamodb describe-table --table-name carts",
		"s3api list-objects-v2 --bucket shop-images-eu --max-items 5",
		"logs describe-log-groups --log-group-name-prefix /aws/lambda/resize",
	)
}

// pipeline is a deployment: a job of a code host trades its token for a role.
func pipeline(r *recording, estate *awsEstate) error {
	r.stage.Begin(emulate.Scene{Source: runner, Start: day("09:31:04"), PaceMin: 2 * time.Second, PaceMax: 9 * time.Second})
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	token := part(map[string]string{"alg": "none"}) + "." + part(map[string]string{
		"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", "sub": "repo:example/shop:ref:refs/heads/main",
	}) + ".none"
	out, err := r.client("", awsKey{}.env(r.caFile()), r.bin.aws, "sts", "assume-role-with-web-identity",
		"--role-arn", "arn:aws:iam::"+awsAccount+":role/ci-deploy", "--role-session-name", "shop-deploy-4711", "--web-identity-token", token)
	if err != nil {
		return err
	}
	k, err := sessionKey(out)
	if err != nil {
		return err
	}
	return r.awsLines(k,
		"sts get-caller-identity",
		"ecs describe-clusters --clusters shop",
		"ec2 describe-images --owners self",
		"lambda get-function --function-name resize-images",
		"ec2 create-tags --resources "+estate.Instance+" --tags Key=release,Value=4711",
	)
}

// stolenKey is the enumeration of Atomic Red Team's kind, by a key that was
// left in a repository: who am I, then everything, region by region.
func stolenKey(r *recording, estate *awsEstate) error {
	k := estate.Keys["backup-sync"]
	r.stage.Begin(emulate.Scene{Source: intruder, Start: day("13:02:41"), PaceMin: 900 * time.Millisecond, PaceMax: 2600 * time.Millisecond})
	lines := []string{"sts get-caller-identity"}
	for _, region := range []string{"us-east-1", "eu-west-1", "eu-central-1", "us-west-2"} {
		for _, call := range []string{"describe-instances", "describe-volumes", "describe-snapshots --owner-ids self", "describe-security-groups", "describe-key-pairs", "describe-vpcs", "describe-subnets"} {
			lines = append(lines, "ec2 "+call+" --region "+region)
		}
		lines = append(lines, "rds describe-db-instances --region "+region)
	}
	lines = append(lines, "s3api list-buckets")
	for _, b := range []string{"shop-orders-eu", "shop-images-eu", "shop-backups-eu", "shop-trail-eu"} {
		lines = append(lines,
			"s3api head-bucket --bucket "+b,
			"s3api get-public-access-block --bucket "+b,
			"s3api get-bucket-acl --bucket "+b,
			"s3api get-bucket-policy --bucket "+b)
	}
	lines = append(lines, "iam list-users", "iam list-roles", "lambda list-functions", "dynamodb list-tables", "eks list-clusters", "secretsmanager list-secrets")
	return r.awsLines(k, lines...)
}

// stolenRole is a session taken from the machine of the person who asked for
// it, and used from another network until nothing is left to be refused.
func stolenRole(r *recording, estate *awsEstate) error {
	r.stage.Begin(emulate.Scene{Source: office, Start: day("14:20:09"), PaceMin: 2 * time.Second, PaceMax: 20 * time.Second})
	k := estate.Keys["marek.novak"]
	if err := r.aws(k, "sts get-caller-identity"); err != nil {
		return err
	}
	out, err := r.client("", k.env(r.caFile()), r.bin.aws, "sts", "assume-role",
		"--role-arn", "arn:aws:iam::"+awsAccount+":role/instance-inspector", "--role-session-name", "marek.novak")
	if err != nil {
		return err
	}
	session, err := sessionKey(out)
	if err != nil {
		return err
	}
	if err := r.aws(session, "ec2 describe-instance-status"); err != nil {
		return err
	}
	script := filepath.Join(r.work, "role.py")
	if err := os.WriteFile(script, awsRoleScript, 0o600); err != nil {
		return err
	}
	r.stage.Begin(emulate.Scene{Source: thief, Start: day("14:33:50"), PaceMin: 90 * time.Millisecond, PaceMax: 240 * time.Millisecond})
	_, err = r.client("", session.env(r.caFile()), r.bin.python, script)
	return err
}

func sessionKey(answer []byte) (awsKey, error) {
	var doc struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	}
	if err := json.Unmarshal(answer, &doc); err != nil {
		return awsKey{}, fmt.Errorf("session: %w", err)
	}
	c := doc.Credentials
	if c.AccessKeyId == "" {
		return awsKey{}, errors.New("session without a key")
	}
	return awsKey{c.AccessKeyId, c.SecretAccessKey, c.SessionToken}, nil
}

func startMoto(r *recording) (*url.URL, func(), error) {
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(r.ctx, r.bin.moto, "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), "MOTO_ACCOUNT_ID="+awsAccount, "MOTO_EC2_LOAD_DEFAULT_AMIS=true")
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("moto: %w", err)
	}
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	for range 300 {
		resp, err := http.Get(u.String() + "/moto-api/data.json")
		if err == nil {
			_ = resp.Body.Close()
			return u, stop, nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	stop()
	return nil, nil, errors.New("moto did not answer within a minute")
}

// awsEstate is what the account of the samples holds, as far as the scenes
// need to know it.
type awsEstate struct {
	Keys     map[string]awsKey `json:"keys"`
	Instance string            `json:"instance"`
}

func buildAWS(r *recording, moto *url.URL) (*awsEstate, error) {
	script := filepath.Join(r.work, "estate.py")
	if err := os.WriteFile(script, awsEstateScript, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(r.ctx, r.bin.python, script, moto.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("estate: %w", err)
	}
	var estate awsEstate
	if err := json.Unmarshal(out, &estate); err != nil {
		return nil, fmt.Errorf("estate: %w", err)
	}
	return &estate, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	a := l.Addr().String()
	return a[strings.LastIndexByte(a, ':')+1:], nil
}
