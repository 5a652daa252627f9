package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
)

// Call is one request of a provider that reads. Exactly one of AWS, Azure and
// GCP is set:
//
//   - aws: ec2:DescribeInstances
//     region: eu-west-1
//   - aws: s3:GetBucketAcl
//     params: {Bucket: example-logs}
//   - azure: GET https://management.azure.com/subscriptions/{subscription}/resources?api-version=2021-04-01
//   - azure: GET https://{vault}.vault.azure.net/secrets?api-version=7.4
//     event: SecretList
//   - gcp: GET https://storage.googleapis.com/storage/v1/b?project={project}
//     event: storage.buckets.list
//
// {name} in a URL, a region and in texts of params is a placeholder.
type Call struct {
	// AWS is service:Operation, with the service as the AWS CLI calls it.
	AWS string `yaml:"aws,omitempty"`
	// Azure and GCP are a method and a URL.
	Azure string `yaml:"azure,omitempty"`
	GCP   string `yaml:"gcp,omitempty"`
	// Region is for AWS alone; empty for that of the user's configuration.
	Region string `yaml:"region,omitempty"`
	// Params are the fields of the request, by the names that go over the
	// wire: of a form (EC2, query: "Filter.1.Name"), of the path and query of
	// a REST call, else of the JSON body.
	Params map[string]any `yaml:"params,omitempty"`
	// Event is the name under which the log should show the call, as findings
	// name it. AWS's is known; for the others it must be there, unless no log
	// shows the call.
	Event string `yaml:"event,omitempty"`
	// Log is the class of log that should show it (see [event.Log]), or
	// "none"; empty for what is known of such calls.
	Log string `yaml:"log,omitempty"`
	// Times repeats the call; 0 is once, 1000 the most.
	Times int `yaml:"times,omitempty"`
	// Sensitive must be set on a call whose answer holds secrets or content.
	Sensitive bool `yaml:"sensitive,omitempty"`
}

const maxTimes = 1000

// Load reads a list of calls and checks each. Unknown fields are errors.
func Load(data []byte) ([]Call, error) {
	var calls []Call
	if err := yaml.Load(data, &calls, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	for i := range calls {
		if err := calls[i].Check(); err != nil {
			return nil, fmt.Errorf("calls: call %d: %w", i+1, err)
		}
	}
	return calls, nil
}

// Check reports why a call must not be made or cannot be, nil where it can:
// it is not known to be a read, it reads secrets without saying so, or what it
// should leave in the log is not said. Placeholders need no value yet.
func (c *Call) Check() error {
	_, err := c.target(nil)
	return err
}

// resolve returns the request with its placeholders filled in, checked again.
func (c *Call) resolve(vars map[string]string) (*target, error) {
	if vars == nil {
		vars = map[string]string{}
	}
	return c.target(vars)
}

// target is a request that is allowed, ready to be sent but for credentials.
type target struct {
	cloud     event.Cloud
	name      string // for people: operation, or method and URL without its query
	region    string // AWS
	event     string
	log       event.Log
	sensitive bool

	method string
	url    *url.URL
	body   []byte
	kind   string // content type of the body
	// Of AWS alone.
	service *awsService
	op      string
}

func (c *Call) cloud() event.Cloud {
	switch {
	case c.AWS != "":
		return event.AWS
	case c.Azure != "":
		return event.Azure
	case c.GCP != "":
		return event.GCP
	}
	return event.NoCloud
}

// text is the call as it was written.
func (c *Call) text() string { return c.AWS + c.Azure + c.GCP }

// target builds the request and checks it. vars nil leaves placeholders as
// they are.
func (c *Call) target(vars map[string]string) (*target, error) {
	cloud := c.cloud()
	if n := len(slices.DeleteFunc([]string{c.AWS, c.Azure, c.GCP}, func(s string) bool { return s == "" })); n != 1 {
		return nil, fmt.Errorf("a call is one of aws, azure and gcp, not %d of them", n)
	}
	if c.Times < 0 || c.Times > maxTimes {
		return nil, fmt.Errorf("%s: times is at most %d, not %d", c.text(), maxTimes, c.Times)
	}
	if c.Region != "" && cloud != event.AWS {
		return nil, fmt.Errorf("%s: only a call to AWS has a region", c.text())
	}
	t := &target{cloud: cloud, sensitive: c.Sensitive}
	r, err := t.request(c, vars)
	if err == nil {
		err = t.expect(c, r)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.text(), err)
	}
	return t, nil
}

// request builds what is sent and finds the rule that allows it.
func (t *target) request(c *Call, vars map[string]string) (rule, error) {
	filled, err := fillAll(c.Params, vars)
	if err != nil {
		return rule{}, err
	}
	params := filled.(map[string]any)
	if t.cloud != event.AWS {
		return t.urlRequest(c.Azure+c.GCP, params, vars)
	}
	if t.region, err = fill(c.Region, vars); err != nil {
		return rule{}, err
	}
	return t.awsRequest(c.AWS, params)
}

// expect settles what the log should show of the call.
func (t *target) expect(c *Call, r rule) error {
	switch {
	case r.kind == "secret" && !c.Sensitive:
		return errors.New("its answer holds secrets or content: say sensitive: true")
	case r.kind != "secret" && r.kind != "read":
		return errors.New("it is not known to be a read, and only reads are made")
	}
	log := c.Log
	if log == "" {
		log = r.log
	}
	var ok bool
	if t.log, ok = logClass(t.cloud, log); !ok {
		return fmt.Errorf("%q is no class of log of %s", log, t.cloud)
	}
	if c.Event != "" {
		t.event = c.Event
	}
	switch {
	case t.log != event.NoLog && t.event == "":
		return fmt.Errorf("say as which event %s shows it, or log: none", t.log)
	case t.log == event.NoLog && c.Event != "":
		return fmt.Errorf("no log shows it, so it has no event %q", c.Event)
	case t.log == event.NoLog:
		t.event = ""
	}
	return nil
}

// logClass is the log of that name, if the cloud writes it.
func logClass(cloud event.Cloud, name string) (event.Log, bool) {
	for l := event.NoLog; l < event.NumLogs; l++ {
		if l.String() != name || l != event.NoLog && !l.Audited() {
			continue
		}
		own := map[event.Cloud]string{event.AWS: "cloudtrail.", event.Azure: "azure.", event.GCP: "gcp."}[cloud]
		return l, l == event.NoLog || strings.HasPrefix(name, own)
	}
	return event.NoLog, false
}

// urlRequest reads a method and a URL. A text that a server could read in
// another way than we do is refused.
func (t *target) urlRequest(text string, params map[string]any, vars map[string]string) (rule, error) {
	method, address, ok := strings.Cut(text, " ")
	if !ok {
		return rule{}, errors.New("want a method and a URL, such as GET https://management.azure.com/subscriptions")
	}
	// Without values, each placeholder stands for a name of its own kind.
	if vars == nil {
		address = placeholder.ReplaceAllString(address, "${1}")
	}
	address, err := fill(address, vars)
	if err != nil {
		return rule{}, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return rule{}, fmt.Errorf("the URL cannot be read: %w", err)
	}
	switch {
	case u.Scheme != "https" || u.User != nil || u.Port() != "" || u.Fragment != "" || u.Opaque != "":
		return rule{}, errors.New("the URL is not https://host/path?query")
	case u.Path == "":
		u.Path = "/"
	case path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") && u.Path != "/":
		return rule{}, errors.New("the path has empty or dotted segments")
	case method != "GET" && strings.Contains(u.EscapedPath(), "%"):
		return rule{}, errors.New("the path of what is not a GET must be plain")
	}
	for k := range u.Query() {
		// Credentials are the SDK's business; and what begins with $ at Google
		// tells the server to take the request for another than it looks.
		if slices.Contains([]string{"access_token", "oauth_token", "key", "sig"}, k) || t.cloud == event.GCP && strings.HasPrefix(k, "$") {
			return rule{}, fmt.Errorf("the parameter %s must not be in the URL", k)
		}
	}
	t.method, t.url = method, u
	t.name = method + " " + u.Host + u.EscapedPath()
	if method == "POST" {
		if t.body, err = jsonBody(params); err != nil {
			return rule{}, err
		}
		t.kind = "application/json"
	} else if len(params) > 0 {
		return rule{}, errors.New("params are the body of a POST; what a GET asks stands in its URL")
	}
	return findRule(t.cloud, strings.ToLower(u.Host), method, u.Path, u.Query()), nil
}

// A placeholder, and what may stand for one: nothing that could leave the
// segment of a path, or the label of a host name, that it stands in.
var (
	placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)
	validVar    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@-]{0,255}$`)
)

// fill puts values for placeholders; vars nil leaves them.
func fill(text string, vars map[string]string) (string, error) {
	if vars == nil {
		return text, nil
	}
	var err error
	out := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		name := p[1 : len(p)-1]
		v, ok := vars[name]
		switch {
		case !ok:
			err = errors.Join(err, fmt.Errorf("no value is given for %s", p))
		case !validVar.MatchString(v) || strings.Contains(v, ".."):
			err = errors.Join(err, fmt.Errorf("%q cannot stand for %s", v, p))
		}
		return v
	})
	return out, err
}

// fillAll fills the texts in a tree of params.
func fillAll(v any, vars map[string]string) (any, error) {
	var err, e error
	switch v := v.(type) {
	case string:
		return fill(v, vars)
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k], e = fillAll(v[k], vars)
			err = errors.Join(err, e)
		}
		return out, err
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i], e = fillAll(v[i], vars)
			err = errors.Join(err, e)
		}
		return out, err
	}
	return v, nil
}

// jsonBody writes params as a body; an empty object where there are none.
func jsonBody(params map[string]any) ([]byte, error) {
	if params == nil {
		params = map[string]any{}
	}
	b, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return b, nil
}
