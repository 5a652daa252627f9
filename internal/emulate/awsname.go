package emulate

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"vedette/internal/tsv"
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
	protoXML                   // method and path, XML answer of the query protocol's form
	protoCBOR                  // Smithy RPC v2: /service/X/operation/Y and CBOR
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
	unlogged bool   // CloudTrail does not log it, whatever is asked
	readOnly bool
	params   map[string]any
	bucket   string
	host     string // what the provider sees as host, "" where that is not known
	query    bool   // the client understands the error codes of the query protocol
	version  string // apiVersion
	presign  bool   // the signature is in the query
}

// name is the call for people: service and event.
func (c awsCall) name() string { return c.service + " " + c.event }

var (
	// credentialScope is the part of a SigV4 signature that says whose key,
	// which region and which service. Stand-ins take keys of any form.
	credentialScope = regexp.MustCompile(`^([^/,\s]{1,128})/\d{8}/([a-z0-9-]+)/([A-Za-z0-9_.-]+)/aws4_request`)
	awsHost         = regexp.MustCompile(`^(?:[^.]+\.)*?([a-z0-9-]+)(?:\.([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com$`)
	awsDomain       = regexp.MustCompile(`\.(?:amazonaws\.com(?:\.cn)?|api\.aws|on\.aws)$`)
)

//go:embed awsdomains.tsv
var awsDomainsTSV string

// IsAWS reports whether a host name is below a domain of AWS's own, in any of
// its partitions. A name may have capital letters and a dot at its end.
func IsAWS(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, f := range tsv.Must("emulate/awsdomains.tsv", awsDomainsTSV, "domain partition") {
		if strings.HasSuffix(host, "."+f[0]) {
			return true
		}
	}
	return false
}

// readOnlyOverride lists the calls whose readOnly flag does not follow from
// the verb, as seen in public CloudTrail logs.
var readOnlyOverride = map[string]bool{
	"AssumeRole": true, "AssumeRoleWithWebIdentity": true, "AssumeRoleWithSAML": true,
	"Decrypt": true, "Encrypt": true, "GenerateDataKey": true,
	"GetSessionToken": false, "GetFederationToken": false,
}

var errUnknownCall = errors.New("no event name known for this call")

// nameAWS works out what CloudTrail would call a request. The body has been
// read already. errUnknownCall means that the tables lack the call: a name is
// never made up.
func nameAWS(r *http.Request, body []byte) (awsCall, error) {
	c := awsCall{host: hostOf(r), query: r.Header.Get("X-Amzn-Query-Mode") == "true"}
	c.signedBy(r)
	direct := !awsDomain.MatchString(c.host)
	target := r.Header.Get("X-Amz-Target")
	form := url.Values{}
	if c.service != "s3" { // whose bodies are objects, of any type
		var err error
		if form, err = callForm(r, body); err != nil {
			return c, err
		}
	}
	if c.service == "" && direct && strings.HasPrefix(form.Get("Action"), "AssumeRoleWith") {
		// The only unsigned calls that a stand-in's address cannot name.
		c.service = "sts"
	}
	if c.service == "" {
		return c, fmt.Errorf("%w: neither a signature nor a service in host %q", errUnknownCall, c.host)
	}
	if c.region == "" {
		c.region = "us-east-1"
	}
	route := awsRoute{log: "management"}
	var err error
	switch operation, isCBOR := cborOperation(r); {
	case isCBOR:
		c.protocol, c.event, c.params = protoCBOR, operation, cborParams(body)
	case target != "":
		c.protocol, c.event, c.params = protoJSON, target[strings.LastIndexByte(target, '.')+1:], jsonParams(body)
	case form.Get("Action") != "" && c.service == "ec2":
		c.protocol, c.event, c.params = protoEC2, form.Get("Action"), ec2Params(form)
	case form.Get("Action") != "":
		c.protocol, c.event, c.params = protoQuery, form.Get("Action"), queryParams(form)
	default:
		if route, err = c.route(r, body); err != nil {
			return c, err
		}
		c.event = route.event
	}
	src := awsTable().source(c.service, c.host, route.endpoint, target)
	c.source = src.source + ".amazonaws.com"
	c.version = src.version
	if c.version == "VERSION" {
		c.version = form.Get("Version")
	}
	if sent := bodyParams(body, func(k string) string { return k }); src.keys == "sent" && len(sent) > 0 {
		for k := range jsonParams(body) {
			delete(c.params, k)
		}
		maps.Copy(c.params, sent)
	}
	if src.region != "" {
		c.region = src.region
	}
	for _, h := range awsTable().hidden[[2]string{c.service, c.event}] {
		if _, given := c.params[h.param]; given {
			c.params[h.param] = h.text
		}
	}
	switch {
	case route.action != "":
		c.action = route.action
	case src.action == "METHOD":
		c.action = c.service + ":" + r.Method
	default:
		c.action = src.action + ":" + c.event
	}
	log := route.log
	if log == "management" {
		log = awsTable().log(c.service, c.host, route.endpoint, c.event)
	}
	c.data, c.unlogged = log == "data", log == "none"
	if ro, known := readOnlyOverride[c.event]; known {
		c.readOnly = ro
	} else {
		c.readOnly = readVerb.MatchString(c.event)
	}
	if direct {
		c.standInHost(r)
	}
	return c, nil
}

var readVerb = regexp.MustCompile(`^(?:Describe|List|Get|Head|Search|Lookup|BatchGet|Scan|Query|Select|Simulate)`)

// signedBy reads key, region and service from the signature, in the header or
// in the query; without one, service and region come from the host.
func (c *awsCall) signedBy(r *http.Request) {
	scope := r.URL.Query().Get("X-Amz-Credential")
	c.presign = scope != ""
	if _, s, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		scope, c.presign = s, false
	}
	if m := credentialScope.FindStringSubmatch(scope); m != nil {
		c.key, c.region, c.service = m[1], m[2], m[3]
	} else if m := awsHost.FindStringSubmatch(c.host); m != nil {
		c.service, c.region = m[1], m[2]
	}
}

// callForm returns the form of a query call, which may be in the body or in
// the address.
func callForm(r *http.Request, body []byte) (url.Values, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, fmt.Errorf("form of a call to %s: %w", r.Host, err)
		}
		if form.Get("Action") != "" {
			return form, nil
		}
	}
	if q := r.URL.Query(); q.Get("Action") != "" && q.Get("Version") != "" {
		return q, nil
	}
	return url.Values{}, nil
}

// standInHost puts the host that the provider would have seen in place of a
// stand-in's own address. Only S3 writes it outside of the TLS details, which
// a call without TLS lacks.
func (c *awsCall) standInHost(r *http.Request) {
	bucket, _, inHost := strings.Cut(c.host, ".s3.")
	account := r.Header.Get("X-Amz-Account-Id")
	c.host = ""
	if c.service != "s3" {
		return
	}
	switch {
	case account != "":
		c.host = account + ".s3-control." + c.region + ".amazonaws.com"
	case inHost:
		c.host = bucket + ".s3." + c.region + ".amazonaws.com"
	default:
		c.host = "s3." + c.region + ".amazonaws.com"
	}
	c.params["Host"] = c.host
}

// route finds the operation of a REST call, and its parameters in path, query
// and body.
func (c *awsCall) route(r *http.Request, body []byte) (awsRoute, error) {
	c.protocol = protoREST
	path := r.URL.EscapedPath()
	switch c.service {
	case "route53", "cloudfront":
		c.protocol = protoXML
	case "s3":
		c.protocol = protoS3
		// A bucket in the host name is put back into the path, where the
		// table has it.
		if b, _, ok := strings.Cut(c.host, ".s3."); ok && !strings.Contains(c.host, ".s3-control.") {
			path = "/" + b + strings.TrimSuffix(path, "/")
		}
	}
	row, vars, ok := awsTable().findRoute(c.service, c.host, path, r)
	if !ok {
		return row, fmt.Errorf("%w: %s %s %s?%s", errUnknownCall, c.service, r.Method, path, r.URL.RawQuery)
	}
	c.params = map[string]any{}
	for k, v := range vars {
		c.params[k] = v
	}
	for k, v := range r.URL.Query() {
		switch {
		case strings.HasPrefix(strings.ToLower(k), "x-amz-"), k == "x-id", masked(k):
		case c.service == "s3":
			c.params[k] = strings.Join(v, ",")
		case len(v) > 1:
			c.params[lowerFirst(k)] = v
		default:
			c.params[lowerFirst(k)] = v[0]
		}
	}
	switch c.service {
	case "s3":
		c.bucket = vars["bucketName"]
		c.params["Host"] = c.host
		return row, nil
	case "lambda":
		defer delete(c.params, "environment") // the guide: left out of the records
	}
	for k, v := range jsonParams(body) {
		c.params[k] = v
	}
	return row, nil
}

func hostOf(r *http.Request) string {
	host, _, _ := strings.Cut(r.Host, ":")
	return strings.ToLower(host)
}

// masked reports whether a request parameter is one that CloudTrail leaves out
// or masks. What names a secret (secretId), the next page of a list (nextToken)
// or one try of a call (clientToken) is neither.
func masked(name string) bool {
	return secretParams.MatchString(name) && !pageParams.MatchString(name)
}

var (
	secretParams = regexp.MustCompile(`(?i)secret(?:string|binary|(?:access)?key)?$|password$|passphrase|token$|tokencode$|samlassertion$|privatekey|userdata$|zipfile|plaintext$|ciphertextblob$`)
	pageParams   = regexp.MustCompile(`(?i)^(?:next|page|pagination|continuation|starting|client|clientrequest|idempotency)-?token$`)
)

func jsonParams(body []byte) map[string]any { return bodyParams(body, lowerFirst) }

// bodyParams reads a body of JSON, its keys as spell has them and without
// secrets.
func bodyParams(body []byte, spell func(string) string) map[string]any {
	var in map[string]any
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	return spelled(in, spell).(map[string]any)
}

func spelled(v any, spell func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if !masked(k) {
				out[spell(k)] = spelled(e, spell)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = spelled(v[i], spell)
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
