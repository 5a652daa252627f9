package investigate

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
	"vedette/internal/tsv"
)

// Calls that hand out a credential which the event itself does not name: where
// the record has its id, by keys with dots between them. Without a path it has
// none: a sign-in.
//
//go:embed issues.tsv
var issuesTSV string

// Members of AWS requests that name a resource.
//
//go:embed resources.tsv
var resourcesTSV string

// Words of user agents that differ from call to call of one client.
//
//go:embed agent_words.tsv
var agentWordsTSV string

var agentWords = sync.OnceValue(func() (list []string) {
	for _, f := range tsv.Must("investigate/agent_words.tsv", agentWordsTSV, "prefix source") {
		list = append(list, f[0])
	}
	return list
})

// sameClient is what stays of a user agent from call to call.
func sameClient(agent string) string {
	words := strings.Fields(strings.Trim(agent, "[]")) // S3 sets them in brackets
	return strings.Join(slices.DeleteFunc(words, func(w string) bool {
		return slices.ContainsFunc(agentWords(), func(p string) bool { return strings.HasPrefix(w, p) })
	}), " ")
}

// issue is a row of issues.tsv.
type issue struct{ path []string }

var issues = sync.OnceValue(func() map[string]*issue {
	m := map[string]*issue{}
	for _, f := range tsv.Must("investigate/issues.tsv", issuesTSV, "cloud service operation path source") {
		how := &issue{}
		if f[3] != "" {
			how.path = strings.Split(f[3], ".")
		}
		m[f[0]+" "+f[1]+" "+f[2]] = how
	}
	return m
})

var resourceKinds = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, f := range tsv.Must("investigate/resources.tsv", resourcesTSV, "member kind source") {
		m[f[0]] = f[1]
	}
	return m
})

// issue returns how a call of the API hands out a credential, or nil. Each API
// is looked up once.
func (k *keeper) issue(a *event.API) *issue {
	for int(a.ID) >= len(k.asked) {
		k.asked, k.issues = append(k.asked, false), append(k.issues, nil)
	}
	if !k.asked[a.ID] {
		k.asked[a.ID], k.issues[a.ID] = true, issues()[a.Cloud.String()+" "+a.Service+" "+a.Name]
	}
	return k.issues[a.ID]
}

// detail is what a record says beyond the event.
type detail struct {
	resources []resource
	// permission is what the caller lacked, in the provider's own word, and
	// over what; empty where the record does not say.
	permission, over string
}

// resource is a thing that was asked about or changed.
type resource struct{ kind, name string }

// Limits of a detail: how many resources of one call, and the length of a
// name in bytes.
const (
	maxResources = 8
	maxText      = 512
)

// detail reads what the record says of resources, and of the permission that
// was lacking.
func (k *keeper) detail(native []byte, ev *event.Event) *detail {
	var d detail
	switch ev.Cloud {
	case event.AWS:
		if len(ev.Target) > 0 && ev.Target[0] == '{' {
			k.awsResources(&d, ev.Target, 0)
		}
	default:
		if name, _, _ := bytes.Cut(ev.Target, []byte("?")); len(name) > 0 {
			s := k.short(name)
			d.resources = []resource{{pathKind(s), s}}
		}
	}
	if ev.Outcome == event.Denied {
		k.lacking(&d, native, ev)
	}
	if d.permission == "" && len(d.resources) == 0 {
		return nil
	}
	return &d
}

// short is a name, cut to a bounded length.
func (k *keeper) short(b []byte) string {
	return k.name(b[:min(len(b), maxText)])
}

// awsResources collects what the members of a request name, and those within
// them ({"instancesSet":{"items":[{"instanceId":…}]}}).
func (k *keeper) awsResources(d *detail, object []byte, depth int) {
	if depth > 4 {
		return
	}
	o := jsonscan.Members(object)
	for {
		key, val, ok := o.Next()
		if !ok || len(d.resources) >= maxResources {
			return
		}
		k.awsValue(d, key, val, depth)
	}
}

func (k *keeper) awsValue(d *detail, member, val []byte, depth int) {
	if len(val) == 0 {
		return
	}
	switch val[0] {
	case '{':
		k.awsResources(d, val, depth+1)
	case '[':
		a := jsonscan.Elements(val)
		for {
			v, ok := a.Next()
			if !ok || len(d.resources) >= maxResources {
				return
			}
			k.awsValue(d, member, v, depth+1)
		}
	case '"':
		kind := resourceKinds()[string(member)]
		if kind == "" {
			return
		}
		r := resource{kind, k.short(jsonscan.Text(val))}
		if r.name != "" && !slices.Contains(d.resources, r) {
			d.resources = append(d.resources, r)
		}
	}
}

// pathKind is the kind of thing that a path names, by the segment before its
// last: ".../storageaccounts/logs" is one of storageaccounts.
func pathKind(path string) string {
	if _, rest, ok := strings.Cut(path, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		return host
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	n := len(parts)
	switch {
	case n < 2:
		return ""
	case parts[n-2] == "global":
		return parts[n-1] // a list of them, of all the project
	}
	return parts[n-2]
}

// lacking reads which permission was lacking. AWS says it in the error's text
// ("Troubleshoot access denied error messages", IAM User Guide), Azure in the
// authorization of the record ("Azure activity log event schema"), Google in
// authorizationInfo ("AuditLog", Cloud Audit Logs reference).
func (k *keeper) lacking(d *detail, native []byte, ev *event.Event) {
	switch ev.Cloud {
	case event.AWS:
		message := jsonscan.GetText(native, "errorMessage")
		_, rest, ok := bytes.Cut(message, []byte("not authorized to perform: "))
		if !ok {
			return
		}
		action, rest, _ := bytes.Cut(rest, []byte(" "))
		d.permission = k.short(action)
		if over, ok := bytes.CutPrefix(rest, []byte("on resource: ")); ok {
			over, _, _ = bytes.Cut(over, []byte(" "))
			d.over = k.short(over)
		}
	case event.Azure:
		for _, at := range [][]string{{"authorization"}, {"identity", "authorization"}} {
			a := jsonscan.Get(native, at...)
			if jsonscan.IsString(a) {
				a = jsonscan.Text(a)
			}
			if action := jsonscan.GetText(a, "action"); len(action) > 0 {
				d.permission, d.over = k.short(action), k.short(jsonscan.GetText(a, "scope"))
				return
			}
		}
	case event.GCP:
		a := jsonscan.Elements(jsonscan.Get(native, "protoPayload", "authorizationInfo"))
		for {
			v, ok := a.Next()
			if !ok {
				return
			}
			if string(jsonscan.Scalar(jsonscan.Get(v, "granted"))) == "true" {
				continue
			}
			d.permission, d.over = k.short(jsonscan.GetText(v, "permission")), k.short(jsonscan.GetText(v, "resource"))
			return
		}
	}
}
