package respond

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"vedette/internal/finding"
)

// values are what a finding knows, by the names that commands have them by. A
// name with several values makes as many commands.
type values map[string][]string

// blanks are the names that commands may use, and what stands in the place of
// a value that is not known. Capitals in a command ({{REGION}}) are always
// blank.
var blanks = map[string]string{
	"finding": "FINDING", "short": "FINDING", "paths": "PATH", "account": "ACCOUNT", "from": "START_TIME", "until": "END_TIME",
	"address": "ADDRESS", "principal": "PRINCIPAL", "region": "REGION",
	"user": "USER_NAME", "role": "ROLE_NAME", "key": "KEY_ID", "session_key": "SESSION_KEY_ID", "instance": "INSTANCE_ID", "person": "SESSION_NAME", "partition": "aws",
	"object": "OBJECT_ID", "app": "APPLICATION_ID", "storage": "STORAGE_ACCOUNT", "resource": "RESOURCE_ID",
	"email": "EMAIL", "member": "MEMBER", "origin": "ORIGIN_MEMBER", "pool": "POOL", "pool_project": "POOL_PROJECT", "home": "HOME_PROJECT",
}

// valuesOf returns what the finding knows of one of its principals, taken to
// be of a type.
func valuesOf(f *finding.Finding, t Target, typ string, paths []string) values {
	v := values{}
	v.set("finding", f.ID)
	v.set("short", f.ID[:min(len(f.ID), 8)])
	v["paths"] = paths
	v.set("account", f.Cloud.Account.ID)
	v.set("from", shifted(f.FirstSeen, -24*time.Hour))
	v.set("until", shifted(f.LastSeen, 24*time.Hour))
	for _, a := range f.Addresses {
		v.more("address", a.IP)
	}
	v.set("principal", t.Principal)
	switch cloudOf(typ) {
	case "aws":
		v.aws(f, t, typ)
	case "azure":
		v.azure(f, t)
	case "gcp":
		v.gcp(f, t)
	}
	return v
}

func (v values) set(name, value string) {
	if value != "" {
		v[name] = []string{value}
	}
}

func (v values) more(name, value string) {
	if value != "" && !slices.Contains(v[name], value) {
		v[name] = append(v[name], value)
	}
}

func (v values) aws(f *finding.Finding, t Target, typ string) {
	uid := t.Principal
	if a := account(uid); a != "" {
		v.set("account", a)
	}
	if parts := strings.SplitN(uid, ":", 3); len(parts) == 3 && parts[0] == "arn" {
		v.set("partition", parts[1])
	}
	switch _, path, _ := cutResource(uid); {
	case strings.Contains(uid, ":user/"):
		v.set("user", lastPart(path))
	case strings.Contains(uid, "/AWSReservedSSO_") && !strings.HasPrefix(lastPart(path), "AWSReservedSSO_"):
		// The principal is the role and, behind it, the person.
		v.set("person", lastPart(path))
		v.set("role", lastPart(strings.TrimSuffix(path, "/"+lastPart(path))))
	case strings.Contains(uid, ":role/"):
		v.set("role", lastPart(path))
	}
	v.regions(f)
	prefix := "AKIA"
	if typ == "aws_root" {
		prefix = "A"
	}
	if t.Who == "caller" {
		v["instance"] = instances(f)
		v["key"], _ = keys(f, prefix)
		v["session_key"], _ = keys(f, "ASIA")
	} else if typ == "aws_instance_role" {
		for _, l := range linksTo(f, uid) {
			if id := lastPart(l.Session); l.From == ec2Service && instanceID.MatchString(id) {
				v.more("instance", id)
			}
		}
	}
	// What it obtained sessions with, which the calls themselves do not bear.
	for _, key := range chainKeys(f, uid) {
		switch {
		case strings.HasPrefix(key, prefix):
			v.more("key", key)
		case strings.HasPrefix(key, "ASIA"):
			v.more("session_key", key)
		}
	}
	// What was handed out to it, which may have been used for no further link.
	for _, l := range linksTo(f, uid) {
		if strings.HasPrefix(l.Key, "ASIA") {
			v.more("session_key", l.Key)
		}
	}
}

// ec2Service is who hands out the sessions of instances, as links have it.
const ec2Service = "service:ec2.amazonaws.com"

// linksTo are the links of a finding's chain that lead to a principal.
func linksTo(f *finding.Finding, uid string) []*finding.Link {
	var list []*finding.Link
	for i := range f.Chain {
		if l := &f.Chain[i]; l.To == uid {
			list = append(list, l)
		}
	}
	return list
}

// globalRegion is where each partition logs the services that have no region,
// IAM for one ("Global service events", CloudTrail User Guide; "IAM endpoints
// and quotas", AWS General Reference).
var globalRegion = map[string]string{"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

// regions are those that the finding's calls went to, the most called first,
// and the one that has what services without a region log.
func (v values) regions(f *finding.Finding) {
	if f.ID == "" {
		return // a template
	}
	list := names(f.Regions)
	partition := "aws"
	if p := v["partition"]; len(p) > 0 {
		partition = p[0]
	}
	if global := globalRegion[partition]; global != "" && !slices.Contains(list, global) {
		list = append(list, global)
	}
	v["region"] = list
}

// chainKeys are the credentials with which a principal obtained the sessions
// of a finding, as its chain shows, each once.
func chainKeys(f *finding.Finding, uid string) []string {
	var list []string
	for _, l := range f.Chain {
		if l.From == uid && l.FromKey != "" && !slices.Contains(list, l.FromKey) {
			list = append(list, l.FromKey)
		}
	}
	return list
}

// chainKey reports whether one of those begins so.
func chainKey(f *finding.Finding, uid, prefix string) bool {
	return slices.ContainsFunc(chainKeys(f, uid), func(k string) bool { return strings.HasPrefix(k, prefix) })
}

// keys returns the credentials of a finding whose ids begin so.
func keys(f *finding.Finding, prefix string) (list []string, any bool) {
	for _, k := range f.Keys {
		if strings.HasPrefix(k.Name, prefix) {
			list = append(list, k.Name)
		}
	}
	return list, len(list) > 0
}

// instanceID is the form of an instance's id ("Resource IDs", Amazon EC2 User
// Guide).
var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

// instances are the instances that a finding names: as the provider recorded
// them, else as sessions are called.
func instances(f *finding.Finding) []string {
	if f.Origin != nil {
		if id, ok := strings.CutPrefix(f.Origin.ID, "instance:"); ok {
			return []string{id}
		}
	}
	var list []string
	for _, s := range f.Sessions {
		if id := lastPart(s.Name); instanceID.MatchString(id) {
			list = append(list, id)
		}
	}
	return list
}

func (v values) azure(f *finding.Finding, t Target) {
	uid := t.Principal
	switch scheme, rest, _ := strings.Cut(uid, ":"); scheme {
	case "entra":
		v.set("object", lastPart(rest))
	case "app":
		v.set("app", lastPart(rest))
	case "sas", "accountkey":
		v.set("storage", rest)
	default:
		if strings.Contains(uid, "@") || uuid.MatchString(uid) {
			v.set("object", uid)
		}
	}
	for _, k := range f.Keys {
		if uuid.MatchString(k.Name) && t.Who == "caller" {
			v.set("app", k.Name)
			break
		}
	}
	if f.Origin != nil {
		if id, ok := strings.CutPrefix(f.Origin.ID, "resource:"); ok {
			v.set("resource", id)
		}
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func (v values) gcp(f *finding.Finding, t Target) {
	v.set("member", member(t.Principal))
	if strings.Contains(t.Principal, "@") {
		v.set("email", t.Principal)
		v.set("home", homeProject(t.Principal))
	}
	if strings.Trim(f.Cloud.Account.ID, "0123456789") == "" {
		delete(v, "account") // gcloud refuses a project's number
	}
	v["key"] = chainKeys(f, t.Principal)
	if t.Who == "caller" {
		v["key"] = append(names(f.Keys), v["key"]...)
	}
	v["key"], _ = v.googleKey()
	// The binding on an account is that of who acted through it, which is not
	// who began a longer chain.
	for _, l := range linksTo(f, t.Principal) {
		v.more("origin", member(l.From))
	}
	if f.Origin != nil && t.Who == "caller" && len(linksTo(f, t.Principal)) == 0 {
		v.set("origin", member(f.Origin.ID))
	}
	// principal://iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/P/subject/S
	parts := strings.Split(t.Principal, "/")
	for i := range len(parts) - 1 {
		switch parts[i] {
		case "projects":
			v.set("pool_project", parts[i+1])
		case "workloadIdentityPools", "workforcePools":
			v.set("pool", parts[i+1])
		}
	}
}

// serviceAccountKey is the form of a key's id: 40 hexadecimal digits. Other
// credentials that logs name are OAuth clients.
var serviceAccountKey = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (v values) googleKey() (list []string, any bool) {
	for _, k := range v["key"] {
		if serviceAccountKey.MatchString(k) {
			list = append(list, k)
		}
	}
	return list, len(list) > 0
}

// homeProject is the project that a service account lives in, by its address;
// empty where that does not say ("Types of service accounts", IAM
// documentation). The project of an old domain stands there turned round.
func homeProject(email string) string {
	name, domain, _ := strings.Cut(email, "@")
	if domain == "appspot.gserviceaccount.com" {
		return name
	}
	project, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com")
	if !ok {
		return ""
	}
	if project, of, scoped := strings.Cut(project, "."); scoped {
		return of + ":" + project
	}
	return project
}

// member is a principal as IAM policies of Google Cloud name it.
func member(uid string) string {
	switch {
	case strings.HasSuffix(uid, ".gserviceaccount.com"):
		return "serviceAccount:" + uid
	case strings.HasPrefix(uid, "principal:"):
		return uid
	case strings.Contains(uid, "@"):
		return "user:" + uid
	}
	return ""
}

func names(list []finding.Count) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return out
}

// cutResource cuts an ARN before its resource.
func cutResource(arn string) (before, resource string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn, "", false
	}
	return strings.Join(parts[:5], ":"), parts[5], true
}

func lastPart(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// shifted moves a time of a finding; empty where it has none.
func shifted(at string, by time.Duration) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return ""
	}
	return t.Add(by).UTC().Format(time.RFC3339)
}
