package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

// awsService is how a service is called: a row of the table of services.
type awsService struct{ name, signs, protocol, detail, host, region string }

// awsRoute is where a REST call goes, and how CloudTrail names a call.
type awsRoute struct{ method, path, event, log string }

//go:embed awsservices.tsv
var awsServicesTSV string

//go:embed awscalls.tsv
var awsCallsTSV string

var awsServices = sync.OnceValue(func() map[string]*awsService {
	m := map[string]*awsService{}
	for _, f := range tsv.Must("live/awsservices.tsv", awsServicesTSV, "service signs protocol detail host region") {
		m[f[0]] = &awsService{f[0], f[1], f[2], f[3], f[4], f[5]}
	}
	return m
})

var awsRoutes = sync.OnceValue(func() map[string]awsRoute {
	m := map[string]awsRoute{}
	for _, f := range tsv.Must("live/awscalls.tsv", awsCallsTSV, "service operation method path event log") {
		m[f[0]+":"+f[1]] = awsRoute{f[2], f[3], f[4], f[5]}
	}
	return m
})

var operation = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{2,99}$`)

// awsRequest builds the request for service:Operation, but for its host.
func (t *target) awsRequest(text string, params map[string]any) (rule, error) {
	name, op, _ := strings.Cut(text, ":")
	svc := awsServices()[name]
	if svc == nil {
		return rule{}, fmt.Errorf("no service %q is known that can be called; want service:Operation", name)
	}
	if !operation.MatchString(op) {
		// A server may take "X-Amz-Target: T.ListTables.DeleteTable" for the
		// last of the names in it.
		return rule{}, fmt.Errorf("%q is no name of an operation", op)
	}
	r := findRule(event.AWS, name, "-", op, nil)
	route, listed := awsRoutes()[text]
	if listed {
		t.event = route.event
		if r.kind == "read" {
			r.log = route.log
		}
	} else {
		t.event = op
	}
	t.service, t.op, t.name = svc, op, text
	t.method, t.url = http.MethodPost, &url.URL{Path: "/"}
	var err error
	switch svc.protocol {
	case "ec2", "query":
		t.kind = "application/x-www-form-urlencoded; charset=utf-8"
		form := url.Values{"Action": {op}, "Version": {svc.detail}}
		for k, v := range params {
			if k == "Action" || k == "Version" {
				return rule{}, fmt.Errorf("%s is no parameter", k)
			}
			s, err := scalar(v)
			if err != nil {
				return rule{}, fmt.Errorf("%s: %w", k, err)
			}
			form.Set(k, s)
		}
		t.body = []byte(form.Encode())
	case "json":
		_, version, _ := strings.Cut(svc.detail, "/")
		t.kind = "application/x-amz-json-" + version
		t.body, err = jsonBody(params)
	default:
		if !listed {
			return rule{}, errors.New("it is not among the REST calls that are known to be reads")
		}
		err = t.awsREST(route, params)
	}
	return r, err
}

// awsREST fills in the path; what it does not take goes into the query of a
// GET, or the body of a POST.
func (t *target) awsREST(route awsRoute, params map[string]any) error {
	rest := map[string]any{}
	for k, v := range params {
		rest[k] = v
	}
	pattern, ask, _ := strings.Cut(route.path, "?")
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		name, more := strings.CutSuffix(strings.TrimSuffix(name, "}"), "+")
		v, err := scalar(rest[name])
		if err != nil || v == "" || v == "." || v == ".." {
			return fmt.Errorf("it needs the parameter %s", name)
		}
		if route.method == http.MethodPost && strings.ContainsAny(v, "/\\%") {
			return fmt.Errorf("%s: %q could lead to another path", name, v)
		}
		delete(rest, name)
		parts[i] = url.PathEscape(v)
		if more { // the rest of the path, with its slashes
			parts[i] = strings.ReplaceAll(parts[i], "%2F", "/")
		}
	}
	u, err := url.Parse(strings.Join(parts, "/"))
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	t.method, t.url = route.method, u
	if route.method == http.MethodPost {
		t.kind = "application/json"
		t.body, err = jsonBody(rest)
		return err
	}
	query, err := url.ParseQuery(ask)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	for k, v := range rest {
		s, err := scalar(v)
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		query.Set(k, s)
	}
	u.RawQuery = query.Encode()
	return nil
}

// scalar writes a param that is no list and no mapping as text.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int, int64, uint64, float64, bool:
		return fmt.Sprint(v), nil
	}
	return "", errors.New("a text, a number or a truth value is wanted here")
}

// awsCaller calls AWS with the credentials of the user's configuration.
type awsCaller struct {
	cfg     aws.Config
	signer  *v4.Signer
	retryer *retry.Standard
	client  *http.Client
	agent   string
}

func newAWS(ctx context.Context, p *Plan, opts *Options) (*awsCaller, error) {
	load := []func(*config.LoadOptions) error{config.WithSharedConfigProfile(opts.Profile), config.WithRegion(opts.Region), config.WithLogger(logging.Nop{})}
	if opts.Client != nil {
		load = append(load, config.WithHTTPClient(p.client))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration: %w", err)
	}
	client := p.client
	if own, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		// The SDK's own trusts the certificates that AWS_CA_BUNDLE names.
		client = httpClient(&http.Client{Timeout: callTimeout, Transport: own.GetTransport()})
		p.idle = append(p.idle, client)
	}
	return &awsCaller{
		cfg: cfg, signer: v4.NewSigner(), client: client, agent: p.UserAgent,
		retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			if cfg.RetryMaxAttempts > 0 {
				o.MaxAttempts = cfg.RetryMaxAttempts
			}
		}),
	}, nil
}

// Regions of other partitions than aws: those of near ones have the hosts of the
// table, global services excepted, and those of far ones other hosts.
var (
	nearRegion = regexp.MustCompile(`^(?:cn|us-gov)-`)
	farRegion  = regexp.MustCompile(`^(?:us-iso|eu-iso|eusc)`)
)

// place settles region and endpoint: AWS's own in the partitions aws, aws-cn
// and aws-us-gov, or the one that the user's configuration names.
func (a *awsCaller) place(t *target) error {
	s := t.service
	if t.region == "" {
		t.region = a.cfg.Region
	}
	suffix := ""
	switch {
	case farRegion.MatchString(t.region), s.region != "-" && nearRegion.MatchString(t.region):
		return fmt.Errorf("%s: where %s lies in the partition of %s is not known", t.name, s.name, t.region)
	case s.region != "-":
		t.region = s.region
	case t.region == "":
		return fmt.Errorf("%s: no region is given, by the call, the command or the AWS configuration", t.name)
	case !validRegion(t.region):
		return fmt.Errorf("%s: %q is no region", t.name, t.region)
	case strings.HasPrefix(t.region, "cn-"):
		suffix = ".cn"
	}
	u := *t.url
	u.Scheme, u.Host = "https", strings.ReplaceAll(s.host, "{region}", t.region)+suffix
	if own := aws.ToString(a.cfg.BaseEndpoint); own != "" {
		base, err := url.Parse(own)
		if err != nil || base.Host == "" {
			return fmt.Errorf("the endpoint %q of the AWS configuration is no URL", own)
		}
		u.Scheme, u.Host = base.Scheme, base.Host
	}
	t.url = &u
	return nil
}

func validRegion(s string) bool {
	return len(s) < 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (a *awsCaller) who(ctx context.Context) (Who, error) {
	c := Call{AWS: "sts:GetCallerIdentity"}
	t, err := c.resolve(nil)
	if err != nil {
		return Who{}, err
	}
	if t.region = a.cfg.Region; t.region == "" {
		t.region = "us-east-1"
	}
	if err := a.place(t); err != nil {
		return Who{}, err
	}
	ans := a.call(ctx, t)
	if ans.err != nil {
		return Who{}, fmt.Errorf("GetCallerIdentity: %w", ans.err)
	}
	var id struct {
		ARN     string `xml:"GetCallerIdentityResult>Arn"`
		Account string `xml:"GetCallerIdentityResult>Account"`
	}
	if ans.status != http.StatusOK || xml.Unmarshal(ans.body, &id) != nil || id.ARN == "" {
		return Who{}, fmt.Errorf("GetCallerIdentity was answered %d %s", ans.status, ans.code)
	}
	return Who{Cloud: event.AWS.String(), Name: id.ARN, Account: id.Account}, nil
}

// call makes the request, and again where the SDK's rules say so.
func (a *awsCaller) call(ctx context.Context, t *target) answer {
	for attempt := 1; ; attempt++ {
		ans, failure := a.once(ctx, t)
		ans.attempts = attempt
		if failure == nil || attempt >= a.retryer.MaxAttempts() || !a.retryer.IsErrorRetryable(failure) {
			return ans
		}
		delay, err := a.retryer.RetryDelay(attempt, failure)
		if err != nil || sleep(ctx, delay) != nil {
			return ans
		}
	}
}

// once makes the request once. failure is what was not well, in the SDK's
// words.
func (a *awsCaller) once(ctx context.Context, t *target) (ans answer, failure error) {
	req, err := http.NewRequestWithContext(ctx, t.method, t.url.String(), bytes.NewReader(t.body))
	if err != nil {
		return answer{err: err}, err
	}
	sum := sha256.Sum256(t.body)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("User-Agent", a.agent)
	if t.kind != "" {
		req.Header.Set("Content-Type", t.kind)
	}
	if t.service.protocol == "json" {
		prefix, _, _ := strings.Cut(t.service.detail, "/")
		req.Header.Set("X-Amz-Target", prefix+"."+t.op)
	}
	if t.service.signs == "s3" {
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	creds, err := a.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return answer{err: err}, nil
	}
	err = a.signer.SignHTTP(ctx, creds, req, hash, t.service.signs, t.region, time.Now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = t.service.signs == "s3"
	})
	if err != nil {
		return answer{err: err}, nil
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return answer{err: err}, &smithyhttp.RequestSendError{Err: err}
	}
	if ans = read(resp); ans.err != nil {
		return ans, &smithyhttp.RequestSendError{Err: ans.err}
	}
	ans.requestID = firstOf(resp.Header, "X-Amzn-Requestid", "X-Amz-Request-Id")
	if ans.status < 300 {
		return ans, nil
	}
	ans.code = word(awsCode(resp.Header, ans.body))
	return ans, &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: resp},
		Err:      &smithy.GenericAPIError{Code: ans.code},
	}
}

// awsCode is the error code of an answer, by whichever protocol.
func awsCode(h http.Header, body []byte) string {
	code := h.Get("X-Amzn-Errortype")
	if code == "" && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var e struct {
			Type string `json:"__type"`
			Code any    `json:"code"`
		}
		if json.Unmarshal(body, &e) == nil {
			if code = e.Type; code == "" {
				code, _ = e.Code.(string)
			}
		}
	}
	if code == "" {
		for d := xml.NewDecoder(bytes.NewReader(body)); ; {
			tok, err := d.Token()
			if err != nil {
				break // io.EOF, or no XML
			}
			if el, ok := tok.(xml.StartElement); ok && el.Name.Local == "Code" {
				if d.DecodeElement(&code, &el) != nil {
					code = ""
				}
				break
			}
		}
	}
	// "namespace#Code:uri"
	code = code[strings.LastIndexByte(code, '#')+1:]
	code, _, _ = strings.Cut(code, ":")
	return code
}
