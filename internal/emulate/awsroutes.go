package emulate

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"vedette/internal/tsv"
)

//go:embed awsroutes.tsv
var awsRoutesTSV string

//go:embed operations.gz
var awsOperationsGZ []byte

//go:embed awssources.tsv
var awsSourcesTSV string

//go:embed awslogged.tsv
var awsLoggedTSV string

//go:embed awshidden.tsv
var awsHiddenTSV string

// awsTables are the tables that say what CloudTrail makes of a request.
type awsTables struct {
	// routes are the calls of REST services by signing name and method, the
	// most particular first: a literal segment before a variable one, more
	// query keys before fewer.
	routes map[[2]string][]awsRoute
	// sources and logged are by signing name.
	sources map[string][]awsSource
	logged  map[string][]awsLogged
	// hidden are the parameters that are masked, by signing name and event.
	hidden map[[2]string][]awsHidden
}

// awsRoute is a row of awsroutes.tsv or of operations.gz.
type awsRoute struct {
	service  string
	endpoint string // endpoint prefix, "" where the table does not say
	method   string
	path     string
	needs    []string // query keys, key=value, @header
	event    string
	action   string // "" where it follows from the event
	log      string // management or data
	rank     string
}

// awsSource is a row of awssources.tsv.
type awsSource struct{ service, endpoint, source, action, region, keys, version string }

// awsLogged is a row of awslogged.tsv.
type awsLogged struct{ service, endpoint, operation, log string }

// awsHidden is a row of awshidden.tsv.
type awsHidden struct{ param, text string }

var awsTable = sync.OnceValue(func() awsTables {
	t := awsTables{routes: map[[2]string][]awsRoute{}, sources: map[string][]awsSource{}, logged: map[string][]awsLogged{}, hidden: map[[2]string][]awsHidden{}}
	for _, r := range append(irregularRoutes(), operationRoutes()...) {
		k := [2]string{r.service, r.method}
		t.routes[k] = append(t.routes[k], r)
	}
	for _, rs := range t.routes {
		slices.SortStableFunc(rs, func(a, b awsRoute) int {
			if c := strings.Compare(a.rank, b.rank); c != 0 {
				return c
			}
			return len(b.needs) - len(a.needs)
		})
	}
	for _, f := range tsv.Must("emulate/awssources.tsv", awsSourcesTSV, "service endpoint source action region keys version from") {
		t.sources[f[0]] = append(t.sources[f[0]], awsSource{f[0], dash(f[1]), dash(f[2]), dash(f[3]), dash(f[4]), dash(f[5]), dash(f[6])})
	}
	for _, f := range tsv.Must("emulate/awslogged.tsv", awsLoggedTSV, "service endpoint operation log from") {
		t.logged[f[0]] = append(t.logged[f[0]], awsLogged{f[0], dash(f[1]), f[2], f[3]})
	}
	for _, f := range tsv.Must("emulate/awshidden.tsv", awsHiddenTSV, "service event param text from") {
		k := [2]string{f[0], f[1]}
		t.hidden[k] = append(t.hidden[k], awsHidden{f[2], f[3]})
	}
	return t
})

// dash reads a field of which "-" means that there is none.
func dash(f string) string {
	if f == "-" {
		return ""
	}
	return f
}

// irregularRoutes returns the rows of awsroutes.tsv in the order of the file.
func irregularRoutes() []awsRoute {
	var rows []awsRoute
	for _, f := range tsv.Must("emulate/awsroutes.tsv", awsRoutesTSV, "service method path query event action log") {
		r := awsRoute{service: f[0], method: f[1], path: f[2], event: f[4], action: f[5], log: f[6], rank: pathRank(f[2])}
		if f[3] != "-" {
			r.needs = strings.Split(f[3], "&")
		}
		rows = append(rows, r)
	}
	return rows
}

// operationRoutes returns the rows of operations.gz in the order of the file.
// The table is part of the program: that it cannot be read is a mistake in the
// build.
func operationRoutes() []awsRoute {
	z, err := gzip.NewReader(bytes.NewReader(awsOperationsGZ))
	if err != nil {
		panic(fmt.Sprintf("operations.gz: %v", err))
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic(fmt.Sprintf("operations.gz: %v", err))
	}
	var rows []awsRoute
	var service, endpoint string
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case len(f) != 3:
		case f[0] == ">":
			service, endpoint = f[1], f[2]
		default:
			path, query, _ := strings.Cut(f[1], "?")
			r := awsRoute{service: service, endpoint: endpoint, method: f[0], path: path, event: f[2], log: "management", rank: pathRank(path)}
			if query != "" {
				r.needs = strings.Split(query, "&")
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// pathRank orders patterns that match the same path: a character a segment, 0
// for a literal one, 1 for one with a variable in it, 2 for a variable, 3 for
// any number of them.
func pathRank(pattern string) string {
	var b strings.Builder
	for s := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		switch {
		case strings.HasSuffix(s, "+}"):
			b.WriteByte('3')
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
			b.WriteByte('2')
		case strings.Contains(s, "{"):
			b.WriteByte('1')
		default:
			b.WriteByte('0')
		}
	}
	return b.String() + "~" // what goes on after the same beginning stands before it
}

// findRoute returns the row of a request to a REST service and what the path's
// variables stand for. path is escaped, as the client sent it. Where several
// services sign with one name and have a call on the same path, the host tells
// them apart; where it cannot, as on a loopback address, the call has no name.
func (t awsTables) findRoute(service, host, path string, r *http.Request) (awsRoute, map[string]string, bool) {
	query := r.URL.Query()
	var found awsRoute
	var vars map[string]string
	for _, row := range t.routes[[2]string{service, r.Method}] {
		if vars != nil && (row.rank != found.rank || len(row.needs) != len(found.needs)) {
			break
		}
		if !needsMet(row.needs, query, r.Header) || len(row.needs) == 0 && service == "s3" && !plainS3Query(query) {
			continue
		}
		v, ok := matchPath(row.path, path)
		if !ok || service == "s3" && v["bucketName"] == s3ControlVersion {
			continue
		}
		if vars == nil {
			found, vars = row, v
			continue
		}
		if row.event == found.event {
			continue
		}
		switch at, before := onEndpoint(host, row.endpoint), onEndpoint(host, found.endpoint); {
		case at && !before:
			found, vars = row, v
		case at == before:
			return awsRoute{}, nil, false
		}
	}
	for k, v := range vars {
		if u, err := url.PathUnescape(v); err == nil {
			vars[k] = u
		}
	}
	return found, vars, vars != nil
}

// s3ControlVersion begins the paths of S3 Control, which signs as S3 does.
const s3ControlVersion = "v20180820"

// onEndpoint reports whether a host is one of an endpoint prefix.
func onEndpoint(host, endpoint string) bool {
	return endpoint != "" && strings.Contains("."+host, "."+endpoint+".")
}

func needsMet(needs []string, query url.Values, header http.Header) bool {
	for _, n := range needs {
		if name, ok := strings.CutPrefix(n, "@"); ok {
			if header.Get(name) == "" {
				return false
			}
			continue
		}
		key, value, valued := strings.Cut(n, "=")
		if !query.Has(key) || valued && query.Get(key) != value {
			return false
		}
	}
	return true
}

// plainS3Query reports whether a request names no sub-resource: every other
// key turns "list the objects" or "get the object" into another call, which
// must not be taken for it.
func plainS3Query(query url.Values) bool {
	for k := range query {
		switch l := strings.ToLower(k); {
		case strings.HasPrefix(l, "x-amz-"), strings.HasPrefix(l, "response-"):
		case slices.Contains([]string{"list-type", "prefix", "delimiter", "marker", "max-keys", "encoding-type", "continuation-token",
			"start-after", "fetch-owner", "x-id", "versionid", "partnumber", "max-buckets", "bucket-region"}, l):
		default:
			return false
		}
	}
	return true
}

// source returns what CloudTrail and IAM call a service.
func (t awsTables) source(service, host, endpoint, target string) awsSource {
	out := awsSource{service: service}
	for _, row := range t.sources[service] {
		if row.endpoint == "" || row.endpoint == endpoint || onEndpoint(host, row.endpoint) ||
			row.endpoint == "agreement-marketplace" && strings.HasPrefix(target, "AWSMPCommerceService") {
			out = row
		}
	}
	if out.source == "" {
		out.source = service
	}
	if out.action == "" {
		out.action = service
	}
	return out
}

// log says what becomes of a call: management, data or none.
func (t awsTables) log(service, host, endpoint, event string) string {
	for _, row := range t.logged[service] {
		if (row.operation == event || row.operation == "*") && (row.endpoint == "" || row.endpoint == endpoint || onEndpoint(host, row.endpoint)) {
			return row.log
		}
	}
	return "management"
}

// matchPath holds a path against a pattern and returns what its variables
// stand for. {x} is one segment, {x+} one or more.
func matchPath(pattern, path string) (map[string]string, bool) {
	vars := map[string]string{}
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	have := strings.Split(strings.Trim(path, "/"), "/")
	for i, w := range want {
		if name, ok := strings.CutSuffix(w, "+}"); ok {
			end := len(have) - (len(want) - i - 1)
			if end <= i || have[i] == "" {
				return nil, false
			}
			tail, ok := matchPath(strings.Join(want[i+1:], "/"), strings.Join(have[end:], "/"))
			if !ok {
				return nil, false
			}
			maps.Copy(vars, tail)
			vars[name[1:]] = strings.Join(have[i:end], "/")
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
