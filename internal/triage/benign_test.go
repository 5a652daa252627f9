package triage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/footprint"
)

func TestBenignTables(t *testing.T) {
	if n := len(vendors()); n < 300 {
		t.Errorf("%d accounts of vendors", n)
	}
	categories := map[string]bool{}
	for account, v := range vendors() {
		if len(account) != 12 || strings.Trim(account, "0123456789") != "" || v.name == "" {
			t.Errorf("%s: %+v", account, v)
		}
		categories[v.category] = true
	}
	for k := range vendorCalls() {
		if !categories[k[0]] {
			t.Errorf("%v: no vendor is of that category", k)
		}
	}
	if claimed()["terraform"] != "Terraform" {
		t.Error("claims are not read")
	}
}

// ops is operations of one service.
func ops(service string, names ...string) (list []footprint.Operation) {
	for _, n := range names {
		list = append(list, footprint.Operation{Service: service + ".amazonaws.com", Name: n})
	}
	return list
}

// monitored are facts of a monitoring vendor's usual round, with history.
func monitored() *finding.Facts {
	f := factsOf(slices.Concat(
		ops("ec2", "DescribeInstances", "DescribeVolumes"), ops("rds", "DescribeDBInstances"), ops("elasticloadbalancing", "DescribeLoadBalancers"),
		ops("lambda", "ListFunctions"), ops("sqs", "ListQueues"), ops("tagging", "GetResources"), ops("monitoring", "ListMetrics"),
	), time.Second)
	f.Principal, f.Origin, f.Issued = "arn:aws:iam::111122223333:role/DatadogIntegrationRole", "account:464622532012", true
	f.Networks = []string{"198.51.100.0/24"}
	f.History = finding.History{Days: 30, Active: 29, From: "principal"}
	return f
}

// TestVendor: each of the things that a vendor is put aside for is needed.
func TestVendor(t *testing.T) {
	j := New(DefaultWeights())
	write := &event.API{Cloud: event.AWS, Service: "iam.amazonaws.com", Name: "CreateAccessKey", Class: event.ClassWrite}
	for _, c := range []struct {
		name   string
		change func(*finding.Facts)
		aside  bool
		says   bool // by way of whose account
	}{
		{"usual", func(f *finding.Facts) {}, true, true},
		{"through a role of the vendor's", func(f *finding.Facts) { f.Origin = "arn:aws:iam::464622532012:role/collector" }, true, true},
		{"recurs, though nothing of it is learned", func(f *finding.Facts) { f.History = finding.History{Recurs: 3} }, true, true},
		{"the name without the link", func(f *finding.Facts) { f.Origin, f.Issued = "", false }, false, false},
		{"a link by the session's name alone", func(f *finding.Facts) { f.Issued = false }, false, false},
		{"another account", func(f *finding.Facts) { f.Origin = "account:999988887777" }, false, false},
		{"a user of the same account's", func(f *finding.Facts) { f.Origin = "arn:aws:iam::111122223333:user/dev" }, false, false},
		{"no history", func(f *finding.Facts) { f.History = finding.History{} }, false, true},
		{"a new operation", func(f *finding.Facts) { f.Operations[3].New = true }, false, true},
		{"a new region", func(f *finding.Facts) { f.History.NewRegions = []string{"sa-east-1"} }, false, true},
		{"a new network", func(f *finding.Facts) { f.History.NewNetworks = []string{"203.0.113.0/24"} }, false, true},
		{"not its trade", func(f *finding.Facts) {
			f.Operations[3].API = &event.API{Cloud: event.AWS, Service: "iam.amazonaws.com", Name: "ListUsers"}
		}, false, true},
		{"a key followed", func(f *finding.Facts) { f.Follow = []finding.FollowOn{{API: write}} }, false, true},
		{"something was changed", func(f *finding.Facts) { f.Changes = 1 }, false, true},
		{"a new client", func(f *finding.Facts) { f.History.NewClients = []string{"aws-cli"} }, true, true},
	} {
		f := monitored()
		c.change(f)
		v := j.Judge(f)
		says := slices.ContainsFunc(v.Reasons, func(r finding.Reason) bool { return r.Factor == "vendor" && r.Points == 0 })
		if (v.Aside != "") != c.aside || says != c.says {
			t.Errorf("%s: aside because %q, says %v", c.name, v.Aside, says)
		}
		if c.aside && v.Level != "informational" {
			t.Errorf("%s: %s", c.name, v.Level)
		}
		checkSum(t, c.name, &v)
	}
}

func checkSum(t *testing.T, name string, v *finding.Judgement) {
	t.Helper()
	sum := 0
	for _, r := range v.Reasons {
		sum += r.Points
	}
	if sum != v.Priority {
		t.Errorf("%s: reasons add up to %d, priority %d", name, sum, v.Priority)
	}
}

func TestAsideByTheProvidersMark(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*finding.Facts)
		aside  bool
	}{
		{"a service-linked role", func(f *finding.Facts) {
			f.Principal = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
		}, true},
		{"in another partition", func(f *finding.Facts) {
			f.Principal = "arn:aws-cn:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
		}, true},
		{"a role with that name", func(f *finding.Facts) { f.Principal = "arn:aws:iam::111122223333:role/AWSServiceRoleForConfig" }, false},
		{"a path that has it inside", func(f *finding.Facts) { f.Principal = "arn:aws:iam::111122223333:role/x:role/aws-service-role/a" }, false},
		{"a user with that path", func(f *finding.Facts) {
			f.Kind, f.Principal = event.AWSUser, "arn:aws:iam::111122223333:user/aws-service-role/a"
		}, false},
		{"calls of CloudFormation's", func(f *finding.Facts) { f.Made = f.Events }, true},
		{"all but one", func(f *finding.Facts) { f.Made = f.Events - 1 }, false},
		{"an application of Microsoft's", func(f *finding.Facts) {
			f.Cloud, f.Kind, f.Made = event.Azure, event.AzureServicePrincipal, f.Events
		}, true},
		{"a service agent of Google's", func(f *finding.Facts) { f.Cloud, f.Kind, f.Made = event.GCP, event.GCPServiceAccount, f.Events }, true},
		{"a service account with an agent's name, which the decoder did not mark", func(f *finding.Facts) {
			f.Cloud, f.Kind, f.Principal = event.GCP, event.GCPServiceAccount, "service-1@gcp-sa-cloudasset.example.iam.gserviceaccount.com"
		}, false},
	} {
		f := factsOf(footprint.OfTool("cloudfox", ""), 0)
		f.Principal = "arn:aws:iam::111122223333:role/worker"
		c.change(f)
		if got := aside(f); (got != "") != c.aside {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// TestClaimsLowerNothing: what a client says is shown, and that is all.
func TestClaimsLowerNothing(t *testing.T) {
	j := New(DefaultWeights())
	plain := monitored()
	plain.Issued = false
	plain.Clients = []string{"boto3"}
	want := j.Judge(plain)
	for family, claim := range claimed() {
		if family == "prowler" || family == "scoutsuite" {
			continue // they name tools, and raise
		}
		f := monitored()
		f.Issued = false
		f.Clients = []string{family}
		got := j.Judge(f)
		if got.Priority != want.Priority || got.Aside != "" || !slices.Equal(got.Claims, []string{"claims to be " + claim}) {
			t.Errorf("%s: %d (%d without), %v", family, got.Priority, want.Priority, got.Claims)
		}
	}
	f := monitored()
	f.UserAgents = []string{"Boto3/1.26 Python/3.11 Linux/6.1.0-kali5-amd64 Botocore/1.29"}
	if got := claims(f); len(got) != 1 || !strings.HasPrefix(got[0], "claims to run on Kali Linux") {
		t.Errorf("%v", got)
	}
}

// TestBrowserOfGoogleCloudLowersNothing: there the mark of a console is the
// user agent, which anyone can send.
func TestBrowserOfGoogleCloudLowersNothing(t *testing.T) {
	f := factsOf(footprint.OfTool("gcp_scanner", "")[:10], time.Second)
	f.Cloud, f.Services = event.GCP, []string{"compute.googleapis.com"}
	f.DeniedTargets, f.Outcomes.Denied = 9, 9
	for i := range 9 {
		f.Operations[i].OK, f.Operations[i].Denied, f.Operations[i].Refused = 0, 1, 1
		f.Operations[i].DeniedTargets = 1
	}
	j := New(DefaultWeights())
	plain := j.Judge(f)
	f.Console = f.Events
	if got := j.Judge(f); got.Priority != plain.Priority {
		t.Errorf("%d as a browser, %d without", got.Priority, plain.Priority)
	}
	f.Cloud = event.AWS
	if got := j.Judge(f); got.Priority >= plain.Priority {
		t.Errorf("%d for pages of the AWS console, whose mark the provider sets", got.Priority)
	}
}

// TestKnownFromKnownNetworks: what a caller always did takes points away after
// a week of it, and from the networks that it always did it from: whoever stole
// the credential can ask what its owner asks.
func TestKnownFromKnownNetworks(t *testing.T) {
	j := New(DefaultWeights())
	known := func(days int, fresh ...string) int {
		f := askedAll("iam ListUsers", "iam ListRoles", "ec2 DescribeInstances", "ec2 DescribeVolumes", "rds DescribeDBInstances", "s3 ListBuckets", "eks ListClusters")
		f.History = finding.History{Days: days, Active: days, From: "principal", NewNetworks: fresh}
		n, _ := points(j.Judge(f), "known")
		return n
	}
	if n := known(7); n >= 0 {
		t.Errorf("after seven days: %d", n)
	}
	if n := known(6); n != 0 {
		t.Errorf("after six days: %d", n)
	}
	if n := known(90, "192.0.2.0/24"); n != 0 {
		t.Errorf("from a new network: %d", n)
	}
}
