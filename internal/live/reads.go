package live

import (
	_ "embed"
	"net/url"
	"path"
	"strings"
	"sync"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

//go:embed reads.tsv
var readsTSV string

// rule is a row of the table of what may be called. The zero rule allows
// nothing.
type rule struct{ cloud, host, method, name, kind, log string }

var rules = sync.OnceValue(func() []rule {
	var list []rule
	for _, f := range tsv.Must("live/reads.tsv", readsTSV, "cloud host method name kind log source") {
		list = append(list, rule{f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return list
})

// findRule returns the first row that matches a request. For AWS host is the
// service, method is "-" and name the operation; else name is a path.
func findRule(cloud event.Cloud, host, method, name string, query url.Values) rule {
	for _, r := range rules() {
		if r.cloud == cloud.String() && r.method == method && matchHost(r.host, host) && r.matchName(name, query) {
			return r
		}
	}
	return rule{}
}

// matchHost holds a host against a pattern; "*" at its start is one label.
func matchHost(pattern, host string) bool {
	rest, any := strings.CutPrefix(pattern, "*")
	if !any {
		return host == pattern
	}
	label, ok := strings.CutSuffix(host, rest)
	return ok && label != "" && !strings.Contains(label, ".")
}

func (r rule) matchName(name string, query url.Values) bool {
	pattern, ask, asks := strings.Cut(r.name, "?")
	if asks {
		key, value, _ := strings.Cut(ask, "=")
		if got := query[key]; len(got) != 1 || got[0] != value {
			return false
		}
	}
	if r.cloud == event.AWS.String() {
		ok, _ := path.Match(pattern, name) // letter by letter: operations are
		return ok
	}
	return matchSegments(segments(pattern), segments(name))
}

func segments(p string) []string {
	return strings.Split(strings.Trim(strings.ToLower(p), "/"), "/")
}

func matchSegments(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		return matchSegments(pattern[1:], name) || len(name) > 0 && matchSegments(pattern, name[1:])
	}
	if len(name) == 0 {
		return false
	}
	ok, _ := path.Match(pattern[0], name[0])
	return ok && matchSegments(pattern[1:], name[1:])
}
