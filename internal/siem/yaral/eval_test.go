package yaral

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vedette/internal/event"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

// env runs what was read over one event: fields that are not there are empty,
// and regular expressions are RE2's, as the reference has them.
type env struct {
	fields map[string]string
	vars   map[string]any // text or number
	lists  []string
}

func (v env) text(e *expr) string {
	switch e.op {
	case "text", "number":
		return e.text
	case "field":
		return v.fields[e.text]
	case "var":
		s, _ := v.vars[e.text].(string)
		return s
	}
	var args []string
	for _, a := range e.args {
		args = append(args, v.text(a))
	}
	switch e.text {
	case "strings.concat":
		return strings.Join(args, "")
	case "strings.coalesce":
		for _, a := range args {
			if a != "" {
				return a
			}
		}
		return ""
	case "strings.to_lower":
		return strings.ToLower(args[0])
	case "re.replace":
		template := strings.ReplaceAll(args[2], "$", "$$")
		template = regexp.MustCompile(`\\([0-9])`).ReplaceAllString(template, "$${$1}")
		return regexp.MustCompile(args[1]).ReplaceAllString(args[0], template)
	case "re.capture":
		m := regexp.MustCompile(args[1]).FindStringSubmatch(args[0])
		if m == nil {
			return ""
		}
		return m[len(m)-1]
	case "cast.as_string", "hash.fingerprint2011":
		return args[0]
	}
	panic("no function " + e.text)
}

func (v env) holds(e *expr) bool {
	switch e.op {
	case "and":
		return !slices.ContainsFunc(e.args, func(a *expr) bool { return !v.holds(a) })
	case "or":
		return slices.ContainsFunc(e.args, v.holds)
	case "not":
		return !v.holds(e.args[0])
	case "in":
		return slices.Contains(v.lists, v.text(e.args[0]))
	case "call":
		return regexp.MustCompile(e.args[1].text).MatchString(v.text(e.args[0]))
	}
	a, b := v.text(e.args[0]), v.text(e.args[1])
	switch e.op {
	case "=":
		return a == b
	case "!=":
		return a != b
	}
	return v.compares(e)
}

func (v env) compares(e *expr) bool {
	a, b := v.number(e.args[0]), v.number(e.args[1])
	switch e.op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	}
	panic("no operator " + e.op)
}

func (v env) number(e *expr) int {
	switch e.op {
	case "+":
		n := 0
		for _, a := range e.args {
			n += v.number(a)
		}
		return n
	case "if":
		if v.holds(e.args[0]) {
			return v.number(e.args[1])
		}
		return v.number(e.args[2])
	case "var":
		return v.vars[e.text].(int)
	case "field":
		n, _ := strconv.Atoi(v.fields[e.text])
		return n
	}
	n, err := strconv.Atoi(e.text)
	if err != nil {
		panic(err)
	}
	return n
}

// run gives the placeholders of an event; nil where the rule passes it over.
func (r *rule) run(fields map[string]string, excepted ...string) map[string]any {
	v := env{fields, map[string]any{}, excepted}
	for _, d := range r.defs {
		v.vars[d.name] = v.text(d.expr)
	}
	if slices.ContainsFunc(r.filters, func(e *expr) bool { return !v.holds(e) }) {
		return nil
	}
	return v.vars
}

const account = `additional.fields["recipientAccountId"]`

func aws(more ...string) map[string]string {
	m := map[string]string{"metadata.log_type": "AWS_CLOUDTRAIL", "metadata.product_event_type": "DescribeInstances", "target.application": "ec2.amazonaws.com",
		"principal.user.userid": "arn:aws:iam::111122223333:user/alice", account: "444455556666", "principal.location.name": "eu-west-1",
		"principal.ip[0]": "192.0.2.1", "metadata.product_log_id": "id-1"}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func gcp(more ...string) map[string]string {
	m := map[string]string{"metadata.log_type": "GCP_CLOUDAUDIT", "metadata.product_event_type": "v1.compute.instances.list", "target.application": "compute.googleapis.com",
		"principal.user.userid": "Bob@example.com", "target.resource.name": "projects/p1/zones/z", "principal.ip[0]": "192.0.2.2", "metadata.product_log_id": "id-2"}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// TestEvents runs rules over events as the product's parsers make them.
func TestEvents(t *testing.T) {
	all := siemtest.Rule(siemtest.Logs()...)
	sessions := siemtest.Rule(event.CloudTrailManagement, event.GCPDataAccess)
	sessions.BySession = true
	denied := siemtest.Rule(event.CloudTrailManagement)
	denied.Legs[0].Outcomes = []event.Outcome{event.Denied}
	denied.Legs[0].Services = true
	azure := map[string]string{"metadata.log_type": "AZURE_ACTIVITY", "metadata.product_event_type": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
		"principal.user.product_object_id": "oid", "target.resource.name": "/SUBSCRIPTIONS/SUB/resourceGroups/rg", "metadata.id": "bytes"}
	for _, c := range []struct {
		name                   string
		rule                   *siem.Rule
		event                  map[string]string
		identity, account, api string // an empty api is an event passed over
	}{
		{"a user", all, aws(), "arn:aws:iam::111122223333:user/alice", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
		{"a session is its role", all, aws("principal.user.userid", "arn:aws:sts::111122223333:assumed-role/R/s-1"), "arn:aws:iam::111122223333:role/R", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
		{"a person of single sign-on", all, aws("principal.user.userid", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_A_1/carol"), "arn:aws:iam::111122223333:role/AWSReservedSSO_A_1/carol", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
		{"another partition", all, aws("principal.user.userid", "arn:aws-cn:sts::111122223333:assumed-role/R/s"), "arn:aws-cn:iam::111122223333:role/R", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
		{"no ARN", all, aws("principal.user.userid", ""), "account:444455556666", "444455556666", "ec2.amazonaws.com/DescribeInstances"},
		{"a date behind the name", all, aws("metadata.product_event_type", "ListFunctions20150331", "target.application", "lambda.amazonaws.com"), "arn:aws:iam::111122223333:user/alice", "111122223333", "lambda.amazonaws.com/ListFunctions"},
		{"a name of the list", all, aws("metadata.product_event_type", "GenerateCredentialReport", "target.application", "iam.amazonaws.com"), "arn:aws:iam::111122223333:user/alice", "111122223333", "iam.amazonaws.com/GenerateCredentialReport"},
		{"that name elsewhere", all, aws("metadata.product_event_type", "GenerateCredentialReport"), "", "", ""},
		{"taken back by the list", all, aws("metadata.product_event_type", "GetFile", "target.application", "codecommit.amazonaws.com"), "", "", ""},
		{"taken back by the expression", all, aws("metadata.product_event_type", "GetSessionToken"), "", "", ""},
		{"a write", all, aws("metadata.product_event_type", "RunInstances"), "", "", ""},
		{"made by a service", all, aws("principal.resource.type", "AWSService"), "", "", ""},
		{"from a service", all, aws("principal.ip[0]", "", "principal.hostname", "config.amazonaws.com"), "", "", ""},
		{"an event of a service", all, aws(`additional.fields["eventType"]`, "AwsServiceEvent"), "", "", ""},
		{"another log", all, aws("metadata.log_type", "OKTA"), "", "", ""},
		{"Google", all, gcp(), "bob@example.com", "p1", "compute.googleapis.com/compute.instances.list"},
		{"Google, another cloud's verb", all, gcp("metadata.product_event_type", "DescribeInstances"), "", "", ""},
		{"Google's own agent", all, gcp("principal.user.userid", "service-1@gcp-sa-x.iam.gserviceaccount.com"), "", "", ""},
		{"an agent that runs code of the customer", all, gcp("principal.user.userid", "service-1@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"), "service-1@gcp-sa-aiplatform-cc.iam.gserviceaccount.com", "p1", "compute.googleapis.com/compute.instances.list"},
		{"an account in a project named like theirs", all, gcp("principal.user.userid", "scanner@gcp-sa-lab.iam.gserviceaccount.com"), "scanner@gcp-sa-lab.iam.gserviceaccount.com", "p1", "compute.googleapis.com/compute.instances.list"},
		{"Google, redacted", all, gcp("principal.user.userid", ""), "redacted:192.0.2.2", "p1", "compute.googleapis.com/compute.instances.list"},
		{"Azure", all, azure, "entra:oid", "sub", "microsoft.storage/storageaccounts/listkeys/action"},
		{"by session", sessions, aws("principal.user.userid", "arn:aws:sts::111122223333:assumed-role/R/s-1"), "arn:aws:sts::111122223333:assumed-role/R/s-1", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
		{"not refused", denied, aws(), "", "", ""},
		{"refused", denied, aws("security_result.rule_id", "Client.UnauthorizedOperation"), "arn:aws:iam::111122223333:user/alice", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
		{"another error", denied, aws("security_result.rule_id", "ThrottlingException"), "", "", ""},
		{"refused to a service", denied, aws("security_result.rule_id", "AccessDenied", "principal.resource.type", "AWSService"), "arn:aws:iam::111122223333:user/alice", "111122223333", "ec2.amazonaws.com/DescribeInstances"},
	} {
		read, err := readRule(compiled(t, c.rule).Query)
		if err != nil {
			t.Fatal(err)
		}
		got := read.run(c.event)
		if got == nil {
			if c.api != "" {
				t.Errorf("%s: passed over", c.name)
			}
			continue
		}
		if got["$Identity"] != c.identity || got["$AccountId"] != c.account || got["$Api"] != c.api {
			t.Errorf("%s: %v %v %v", c.name, got["$Identity"], got["$AccountId"], got["$Api"])
		}
	}
}

// TestColumns holds what stands beside the three names.
func TestColumns(t *testing.T) {
	read, err := readRule(compiled(t, siemtest.Rule(siemtest.Logs()...)).Query)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		event                        map[string]string
		provider, region, ip, event2 string
	}{
		{aws(), "AWS", "eu-west-1", "192.0.2.1", "id-1"},
		{gcp("target.location.name", "us-east1"), "GCP", "us-east1", "192.0.2.2", "id-2"},
		{gcp("metadata.product_log_id", "", "metadata.id", "bytes"), "GCP", "", "192.0.2.2", "bytes"},
	} {
		got := read.run(c.event)
		if got["$CloudProvider"] != c.provider || got["$Region"] != c.region || got["$SourceIp"] != c.ip || got["$EventId"] != c.event2 {
			t.Errorf("%v", got)
		}
	}
}

// TestExceptions holds that a scheduled rule leaves out who is listed.
func TestExceptions(t *testing.T) {
	read, err := readRule(compiled(t, siemtest.Rules()["scheduled"]).Query)
	if err != nil {
		t.Fatal(err)
	}
	if read.run(aws()) == nil || read.run(aws(), "arn:aws:iam::111122223333:user/alice") != nil || read.run(aws(), "arn:aws:iam::111122223333:user/bob") == nil {
		t.Error("the exceptions are not heeded")
	}
}

// TestSeed holds names as they are logged, in letter case where the rule asks.
func TestSeed(t *testing.T) {
	read, err := readRule(compiled(t, siemtest.Rules()["seed"]).Query)
	if err != nil {
		t.Fatal(err)
	}
	azure := func(name, action string) map[string]string {
		return map[string]string{"metadata.log_type": "AZURE_ACTIVITY", "metadata.product_event_type": name, "security_result.action": action}
	}
	for _, c := range []struct {
		event map[string]string
		runs  bool
	}{
		{aws(), true},
		{aws("principal.resource.type", "AWSService"), true},
		{aws("metadata.product_event_type", "describeinstances"), false},
		{aws("principal.user.userid", ""), false},
		{azure("MICROSOFT.COMPUTE/VIRTUALMACHINES/READ", "ALLOW"), true},
		{azure("Microsoft.Compute/virtualMachines/read", "BLOCK"), false},
		{azure("Microsoft.Compute/virtualMachines/write", "ALLOW"), false},
	} {
		if got := read.run(c.event); (got != nil) != c.runs {
			t.Errorf("%v: %v", c.event, got)
		}
	}
}
