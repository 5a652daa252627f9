package scenario

import (
	"fmt"
	"net/netip"
)

// actors are the kinds of caller, by cloud.
var actors = map[string][]string{
	"aws": {
		"user",           // IAM user with a long-lived key
		"role",           // role, session named by whoever assumed it
		"instance",       // role of an EC2 instance
		"sso",            // person in an AWSReservedSSO role, signed in with MFA
		"root",           // root, at the console or with a key
		"ci",             // role assumed by a web identity
		"service-linked", // role of a service, its calls made by the service
		"cloudformation", // a user's identity, the calls made by CloudFormation
		"vendor",         // role assumed from a vendor's account: the record of that is in the trail
	},
	"azure": {"user", "app", "first-party"},
	"gcp":   {"user", "service-account", "agent"},
}

// networks are where calls come from; each is a network of its own. All lie in
// ranges set aside for documentation (RFC 5737, RFC 3849).
var networks = map[string][]string{
	"office":  {"198.51.100.20", "198.51.100.21", "198.51.100.34"},
	"hosting": {"203.0.113.66"},
	"home":    {"192.0.2.77"},
	"vpn":     {"2001:db8:77::a", "2001:db8:77::b"},
	"ci":      {"2001:db8:c1::10", "2001:db8:c1::11"},
	"cloud":   {"2001:db8:ec2::5", "2001:db8:ec2::6", "2001:db8:ec2::7"},
	"scanner": {"2001:db8:5ca::1", "2001:db8:5ca::2"},
	"rotated": rotated(40),
}

// rotated are addresses of many networks, as proxies give them.
func rotated(n int) []string {
	var list []string
	for i := range n {
		list = append(list, netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0xf0, byte(i), 15: 1}).String())
	}
	return list
}

// clients are user agents, by what sends them.
var clients = map[string]string{
	"aws-cli":     "aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard",
	"boto3":       "Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.220 md/arch#x86_64 lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.145",
	"go-sdk":      "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.172.0",
	"java-sdk":    "aws-sdk-java/2.26.20 Linux/5.10.219 OpenJDK_64-Bit_Server_VM/21.0.3+9-LTS Java/21.0.3 vendor/Amazon.com_Inc. io/sync http/Apache",
	"ruby-sdk":    "aws-sdk-ruby3/3.201.1 ua/2.0 api/ec2#1.467.0 os/linux#5.10 md/x86_64 lang/ruby#3.3.4",
	"js-sdk":      "aws-sdk-js/3.614.0 ua/2.0 os/linux#6.5.0 lang/js md/nodejs#20.15.1 api/cloudformation#3.614.0",
	"kali-cli":    "aws-cli/1.29.44 Python/3.11.9 Linux/6.8.11-amd64-kali botocore/1.31.44",
	"s3-browser":  "S3 Browser/11.7.5 (https://s3browser.com)",
	"pulumi":      "APN/1.0 Pulumi/1.0 (+https://www.pulumi.com) aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5",
	"terraform":   "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5",
	"scoutsuite":  "Scout Suite/5.14.0 Boto3/1.34.145 md/Botocore#1.34.145 (https://github.com/nccgroup/ScoutSuite)",
	"prowler":     "Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.220 lang/python#3.12.4 Botocore/1.34.145 APN_1826889",
	"browser":     "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"service":     "config.amazonaws.com",
	"az":          "python/3.11.7 (Linux-6.8.0-x86_64-with-glibc2.36) AZURECLI/2.91.0 (PIP)",
	"azurehound":  "azurehound/v2.2.1",
	"aiohttp":     "Python/3.11 aiohttp/3.9.5",
	"powershell":  "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.19045) PowerShell/7.4.2 AzurePowershell/v12.1.0 Az.Accounts/3.0.2",
	"graph-sdk":   "kiota-dotnet/1.9.0",
	"gcloud":      "google-cloud-sdk gcloud/528.0.0 command/gcloud.compute.instances.list invocation-id/0 environment/None client-os/LINUX interactive/False from-script/False python/3.12.10,gzip(gfe)",
	"google-api":  "(gzip),gzip(gfe)",
	"google-go":   "google-api-go-client/0.5,gzip(gfe)",
	"tf-google":   "Terraform/1.9.2 (+https://www.terraform.io) Terraform-Plugin-SDK/2.33.0 terraform-provider-google/5.38.0,gzip(gfe)",
	"tf-azure":    "HashiCorp Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-azurerm/3.112.0 pid-222c6c49-1b0a-5959-a213-6608f9eb8820",
	"google-java": "Google-API-Java-Client/2.2.0 Google-HTTP-Java-Client/1.43.3 (gzip),gzip(gfe)",
}

// caller is who plays a scenario: one a scenario, known by its number.
type caller struct {
	s       *Scenario
	n       int
	account string // AWS account, subscription or project
	home    string // the first of its accounts
	name    string // harmless: it says nothing of the scenario
}

func newCaller(s *Scenario, n int) caller {
	c := caller{s: s, n: n, name: fmt.Sprintf("worker-%03d", n)}
	c = c.in(0)
	c.home = c.account
	return c
}

// in is the caller in the i-th of its accounts.
func (c caller) in(i int) caller {
	switch c.s.Cloud {
	case "aws":
		c.account = fmt.Sprintf("4%02d%09d", i, c.n)
	case "azure":
		c.account = fmt.Sprintf("5ca1ab1e-%04d-4000-8000-%012d", i, c.n)
	case "gcp":
		c.account = fmt.Sprintf("shop-%04d", c.n)
		if i > 0 {
			c.account += fmt.Sprintf("-%02d", i)
		}
	}
	return c
}

// address is where the caller's n-th call comes from.
func (c caller) address(network string, n int) string {
	list := networks[network]
	if network == "rotated" {
		return list[n%len(list)]
	}
	return list[(c.n+n/200)%len(list)]
}
