package emulate

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// protocol is the way a service takes its requests, and so the way it has to
// refuse them.
type protocol int

const (
	protoQuery protocol = iota // form body, XML answer
	protoEC2                   // form body, XML answer of its own
	protoJSON                  // X-Amz-Target and JSON
	protoREST                  // method and path, JSON answer
	protoS3                    // method and path, XML answer
)

// awsCall is one request as CloudTrail would name it.
type awsCall struct {
	service  string // signing name
	region   string
	key      string // access key id, "" where the request is unsigned
	protocol protocol
	source   string // eventSource
	event    string // eventName
	action   string // IAM action
	data     bool   // a data event
	readOnly bool
	params   map[string]any
	bucket   string
	host     string
}

var (
	// credentialScope is the part of a SigV4 Authorization header that says
	// whose key, which region and which service.
	credentialScope = regexp.MustCompile(`Credential=([A-Z0-9]{16,128})/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request`)
	awsHost         = regexp.MustCompile(`^(?:[^.]+\.)*?([a-z0-9-]+)(?:\.([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com$`)
)

// readOnlyOverride lists the calls whose readOnly flag does not follow from
// the verb, as seen in public CloudTrail logs.
var readOnlyOverride = map[string]bool{
	"AssumeRole": true, "AssumeRoleWithWebIdentity": true, "AssumeRoleWithSAML": true,
	"Decrypt": true, "Encrypt": true, "GenerateDataKey": true,
	"GetSessionToken": false, "GetFederationToken": false,
}

// eventSources lists the services whose event source is not their signing name.
var eventSources = map[string]string{"email": "ses", "aws-marketplace": "aws-marketplace"}

// globalServices are recorded in us-east-1 wherever the caller signs for
// (CloudTrail User Guide, "Global service events").
var globalServices = []string{"iam", "cloudfront", "route53", "organizations"}

var errUnknownCall = errors.New("no event name known for this call")

// nameAWS works out what CloudTrail would call a request. The body has been
// read already. errUnknownCall means that the route table lacks the call: a
// name is never made up.
func nameAWS(r *http.Request, body []byte) (awsCall, error) {
	c := awsCall{host: hostOf(r)}
	if m := credentialScope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		c.key, c.region, c.service = m[1], m[2], m[3]
	} else if m := awsHost.FindStringSubmatch(c.host); m != nil {
		c.service, c.region = m[1], m[2]
	}
	if c.service == "" {
		return c, fmt.Errorf("%w: neither a signature nor a service in host %q", errUnknownCall, c.host)
	}
	if c.region == "" || slices.Contains(globalServices, c.service) {
		c.region = "us-east-1"
	}
	c.source = c.service + ".amazonaws.com"
	if s := eventSources[c.service]; s != "" {
		c.source = s + ".amazonaws.com"
	}

	target := r.Header.Get("X-Amz-Target")
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		v, err := url.ParseQuery(string(body))
		if err != nil {
			return c, fmt.Errorf("form of a call to %s: %w", c.service, err)
		}
		form = v
	}
	switch {
	case target != "":
		c.protocol = protoJSON
		c.event = target[strings.LastIndexByte(target, '.')+1:]
		c.action = c.service + ":" + c.event
		c.params = jsonParams(body)
	case form.Get("Action") != "":
		c.protocol = protoQuery
		c.event = form.Get("Action")
		c.action = c.service + ":" + c.event
		if c.service == "ec2" {
			c.protocol = protoEC2
			c.params = ec2Params(form)
		} else {
			c.params = queryParams(form)
		}
	default:
		c.protocol = protoREST
		if err := c.route(r, body); err != nil {
			return c, err
		}
	}
	if ro, known := readOnlyOverride[c.event]; known {
		c.readOnly = ro
	} else {
		c.readOnly = readVerb.MatchString(c.event)
	}
	return c, nil
}

var readVerb = regexp.MustCompile(`^(?:Describe|List|Get|Head|Search|Lookup|BatchGet|Scan|Query|Select|Simulate)`)

func (c *awsCall) route(r *http.Request, body []byte) error {
	path := r.URL.Path
	if c.service == "s3" {
		c.protocol = protoS3
		// A bucket in the host name is put back into the path, where the
		// table has it.
		if b, _, ok := strings.Cut(c.host, ".s3."); ok && !strings.Contains(c.host, ".s3-control.") {
			path = "/" + b + strings.TrimSuffix(path, "/")
		}
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	query := r.URL.Query()
	for _, row := range awsRoutes() {
		if row.service != c.service || row.method != r.Method || row.query != "-" && !query.Has(row.query) {
			continue
		}
		vars, ok := matchPath(row.path, path)
		if !ok {
			continue
		}
		c.event, c.action, c.data = row.event, row.action, row.log == "data"
		c.params = map[string]any{}
		for k, v := range vars {
			c.params[k] = v
		}
		c.bucket = vars["bucketName"]
		if c.service == "s3" {
			c.params["Host"] = c.host
			if row.query != "-" {
				c.params[row.query] = query.Get(row.query)
			}
			return nil
		}
		for k := range query {
			c.params[lowerFirst(k)] = query.Get(k)
		}
		for k, v := range jsonParams(body) {
			c.params[k] = v
		}
		return nil
	}
	return fmt.Errorf("%w: %s %s %s?%s", errUnknownCall, c.service, r.Method, path, r.URL.RawQuery)
}

type awsRoute struct{ service, method, path, query, event, action, log string }

//go:embed awsroutes.tsv
var awsRoutesTSV string

// awsRoutes returns the table in the order of the file: a row with a
// sub-resource stands before the row without one.
func awsRoutes() []awsRoute {
	var rows []awsRoute
	for _, f := range tableRows(awsRoutesTSV, 7) {
		rows = append(rows, awsRoute{f[0], f[1], f[2], f[3], f[4], f[5], f[6]})
	}
	return rows
}

// tableRows splits a tab-separated table with a header row into rows of n
// fields, leaving out the header, comments and any line of another width.
func tableRows(table string, n int) [][]string {
	var rows [][]string
	header := true
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if header {
			header = false
			continue
		}
		if len(f) == n {
			rows = append(rows, f)
		}
	}
	return rows
}

// matchPath holds a path against a pattern and returns what its variables
// stand for. {x} is one segment, {x+} one or more to the end.
func matchPath(pattern, path string) (map[string]string, bool) {
	vars := map[string]string{}
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	have := strings.Split(strings.Trim(path, "/"), "/")
	for i, w := range want {
		if name, ok := strings.CutSuffix(w, "+}"); ok && i < len(have) && have[i] != "" {
			vars[name[1:]] = strings.Join(have[i:], "/")
			return vars, true
		}
		if i >= len(have) {
			return nil, false
		}
		open, rest, isVar := strings.Cut(w, "{")
		if !isVar {
			if w != have[i] {
				return nil, false
			}
			continue
		}
		name, end, _ := strings.Cut(rest, "}")
		v, ok := strings.CutPrefix(have[i], open)
		if !ok || !strings.HasSuffix(v, end) || len(v) <= len(end) {
			return nil, false
		}
		vars[name] = strings.TrimSuffix(v, end)
	}
	return vars, len(want) == len(have)
}

func hostOf(r *http.Request) string {
	host, _, _ := strings.Cut(r.Host, ":")
	return strings.ToLower(host)
}

// secretParams are request parameters that CloudTrail leaves out or masks.
var secretParams = regexp.MustCompile(`(?i)secret|password$|passphrase|token$|privatekey|userdata$|zipfile`)

func jsonParams(body []byte) map[string]any {
	var in map[string]any
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	return lowerKeys(in).(map[string]any)
}

func lowerKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if !secretParams.MatchString(k) {
				out[lowerFirst(k)] = lowerKeys(e)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = lowerKeys(v[i])
		}
	}
	return v
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
