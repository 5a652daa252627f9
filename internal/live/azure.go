package live

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

// azureHost is a row of the table of hosts.
type azureHost struct{ host, scope, version, id string }

//go:embed azurehosts.tsv
var azureHostsTSV string

var azureHosts = sync.OnceValue(func() []azureHost {
	var list []azureHost
	for _, f := range tsv.Must("live/azurehosts.tsv", azureHostsTSV, "host scope version id source") {
		list = append(list, azureHost{f[0], f[1], f[2], f[3]})
	}
	return list
})

func findAzureHost(host string) (azureHost, error) {
	for _, h := range azureHosts() {
		if matchHost(h.host, strings.ToLower(host)) {
			return h, nil
		}
	}
	return azureHost{}, fmt.Errorf("no token is known for %s", host)
}

// azureCaller calls Azure with what azidentity finds: environment, workload or
// managed identity, the Azure CLI's sign-in, and so on.
type azureCaller struct {
	cred   azcore.TokenCredential
	client *http.Client
	agent  string
	pipes  map[string]runtime.Pipeline // by scope
}

func newAzure(p *Plan) (*azureCaller, error) {
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: policy.ClientOptions{Transport: p.client},
	})
	if err != nil {
		return nil, fmt.Errorf("the Azure credentials: %w", err)
	}
	return &azureCaller{cred: cred, client: p.client, agent: p.UserAgent, pipes: map[string]runtime.Pipeline{}}, nil
}

// who reads the claims of a token for Resource Manager, which every principal
// can have. They are the provider's word, and are only shown.
func (a *azureCaller) who(ctx context.Context) (Who, error) {
	token, err := a.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azureHosts()[0].scope}})
	if err != nil {
		return Who{}, err
	}
	return whoseToken(token.Token)
}

func whoseToken(token string) (Who, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Who{}, errors.New("the token has no claims")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Who{}, errors.New("the claims of the token cannot be read")
	}
	var c struct {
		UPN    string `json:"upn"`
		Unique string `json:"unique_name"`
		App    string `json:"appid"`
		Object string `json:"oid"`
		Tenant string `json:"tid"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return Who{}, errors.New("the claims of the token cannot be read")
	}
	w := Who{Cloud: event.Azure.String(), Account: c.Tenant}
	switch {
	case c.UPN != "":
		w.Name = c.UPN
	case c.Unique != "":
		w.Name = c.Unique
	case c.App != "":
		w.Name = "application " + c.App + ", object " + c.Object
	default:
		return Who{}, errors.New("the token does not say whose it is")
	}
	return w, nil
}

func (a *azureCaller) call(ctx context.Context, t *target) answer {
	host, err := findAzureHost(t.url.Host)
	if err != nil {
		return answer{err: err}
	}
	req, err := runtime.NewRequest(ctx, t.method, t.url.String())
	if err != nil {
		return answer{err: err}
	}
	if t.body != nil {
		if err := req.SetBody(streaming.NopCloser(bytes.NewReader(t.body)), t.kind); err != nil {
			return answer{err: err}
		}
	}
	id := newUUID()
	h := req.Raw().Header
	h.Set("User-Agent", a.agent)
	h.Set("Accept", "application/json")
	h.Set(host.id, id)
	if name, value, ok := strings.Cut(host.version, ": "); ok {
		h.Set(name, value)
	}
	runtime.SkipBodyDownload(req)
	count := &attempts{}
	req.SetOperationValue(count)
	pipe := a.pipe(host.scope)
	resp, err := pipe.Do(req)
	if err != nil {
		return answer{err: err, requestID: id, attempts: count.n}
	}
	ans := read(resp)
	ans.attempts, ans.requestID = count.n, id
	// Resource Manager says which correlation id it took.
	if own := resp.Header.Get(host.id); validVar.MatchString(own) {
		ans.requestID = own
	}
	if ans.status >= 300 {
		ans.code = word(azureCode(resp.Header, ans.body))
	}
	return ans
}

// attempts counts how often a request went out, and is its policy.
type attempts struct{ n int }

type countAttempts struct{}

// Do is called by the pipeline, once for each attempt.
func (countAttempts) Do(req *policy.Request) (*http.Response, error) {
	var count *attempts
	if req.OperationValue(&count) {
		count.n++
	}
	return req.Next()
}

func (a *azureCaller) pipe(scope string) runtime.Pipeline {
	p, ok := a.pipes[scope]
	if !ok {
		p = runtime.NewPipeline("live", "v1", runtime.PipelineOptions{
			PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(a.cred, []string{scope}, nil), countAttempts{}},
		}, &policy.ClientOptions{
			Transport: a.client,
			Telemetry: policy.TelemetryOptions{Disabled: true}, // the user agent is the marker
		})
		a.pipes[scope] = p
	}
	return p
}

func azureCode(h http.Header, body []byte) string {
	if code := h.Get("x-ms-error-code"); code != "" {
		return code
	}
	var e struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return e.Error.Code
}
