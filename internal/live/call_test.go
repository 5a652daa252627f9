package live

import (
	"os"
	"strings"
	"testing"

	"vedette/internal/event"
)

// one wraps a call as Load reads it.
func one(text string) []byte {
	return []byte("- " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n")
}

func TestLoadRefusesWhatIsNoRead(t *testing.T) {
	for _, c := range []struct{ name, yaml, why string }{
		{"write", `aws: ec2:TerminateInstances`, "not known to be a read"},
		{"write that sounds like a read", `aws: iam:GenerateCredentialReport`, "not known to be a read"},
		{"lower case", `aws: ec2:describeInstances`, "no name of an operation"},
		{"two names", `aws: dynamodb:ListTables.DeleteTable`, "no name of an operation"},
		{"a second field", `aws: ec2:DescribeVpcs&Action=DeleteVpc`, "no name of an operation"},
		{"hands out credentials", `aws: sts:GetSessionToken`, "not known to be a read"},
		{"hands out credentials, said to be sensitive", "aws: sts:GetFederationToken\nsensitive: true", "not known to be a read"},
		{"secret unsaid", `aws: secretsmanager:GetSecretValue`, "say sensitive: true"},
		{"REST call of no table", "aws: s3:GetObject\nparams: {Bucket: b, Key: k}", "not among the REST calls"},
		{"REST call without its path", `aws: s3:GetBucketAcl`, "needs the parameter Bucket"},
		{"dotted path", "aws: s3:GetBucketAcl\nparams: {Bucket: ..}", "needs the parameter Bucket"},
		{"path of a POST turned elsewhere", "aws: guardduty:ListFindings\nparams: {DetectorId: d/findings/archive}", "could lead to another path"},
		{"another action in the form", "aws: ec2:DescribeInstances\nparams: {Action: TerminateInstances}", "Action is no parameter"},
		{"list in a form", "aws: ec2:DescribeInstances\nparams: {Filter: [a]}", "a text, a number"},
		{"unknown service", `aws: ec3:DescribeInstances`, `no service "ec3"`},
		{"no operation", `aws: ec2`, "no name of an operation"},
		{"ARM write", `azure: PUT https://management.azure.com/subscriptions/s/resourceGroups/g?api-version=2021-04-01`, "not known to be a read"},
		{"ARM delete", `azure: DELETE https://management.azure.com/subscriptions/s/resourceGroups/g?api-version=2021-04-01`, "not known to be a read"},
		{"ARM action", `azure: POST https://management.azure.com/subscriptions/s/providers/Microsoft.Compute/virtualMachines/v/deallocate`, "not known to be a read"},
		{"keys made anew", "azure: POST https://management.azure.com/subscriptions/s/providers/Microsoft.Storage/storageAccounts/a/regenerateKey\nsensitive: true", "not known to be a read"},
		{"keys unsaid", "azure: POST https://management.azure.com/subscriptions/s/providers/Microsoft.Storage/storageAccounts/a/listKeys\nevent: x", "say sensitive: true"},
		{"action hidden by an encoded slash", "azure: POST https://management.azure.com/subscriptions/s/deallocate%2FlistKeys\nevent: x\nsensitive: true", "must be plain"},
		{"dots", "azure: POST https://management.azure.com/subscriptions/listKeys/../deallocate\nevent: x", "dotted segments"},
		{"graph batch", "azure: POST https://graph.microsoft.com/v1.0/$batch\nevent: x", "not known to be a read"},
		{"secret's value", "azure: GET https://corp.vault.azure.net/secrets/db?api-version=7.4\nevent: SecretGet", "say sensitive: true"},
		{"blob's content", "azure: GET https://corp.blob.core.windows.net/box/blob\nevent: GetBlob", "say sensitive: true"},
		{"another host", "azure: GET https://management.azure.com.example.org/subscriptions", "not known to be a read"},
		{"deeper host", "azure: GET https://a.b.vault.azure.net/secrets\nevent: x", "not known to be a read"},
		{"port", "azure: GET https://management.azure.com:8443/subscriptions", "is not https"},
		{"user", "azure: GET https://x@management.azure.com/subscriptions", "is not https"},
		{"plain HTTP", "gcp: GET http://storage.googleapis.com/storage/v1/b\nevent: x", "is not https"},
		{"GCP write", "gcp: POST https://compute.googleapis.com/compute/v1/projects/p/zones/z/instances/i/stop\nevent: x", "not known to be a read"},
		{"GCP policy", "gcp: POST https://cloudresourcemanager.googleapis.com/v1/projects/p:setIamPolicy\nevent: x", "not known to be a read"},
		{"GCP token", "gcp: POST https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a:generateAccessToken\nevent: x", "not known to be a read"},
		{"GCP secret", "gcp: GET https://secretmanager.googleapis.com/v1/projects/p/secrets/s/versions/1:access\nevent: x", "say sensitive: true"},
		{"GCP content", "gcp: GET https://storage.googleapis.com/storage/v1/b/b/o/o?alt=media\nevent: x", "say sensitive: true"},
		{"another method", "gcp: GET https://storage.googleapis.com/storage/v1/b/b?$httpMethod=DELETE\nevent: x", "must not be in the URL"},
		{"somebody's token", "gcp: GET https://storage.googleapis.com/storage/v1/b?access_token=x\nevent: x", "must not be in the URL"},
		{"a shared access signature", "azure: GET https://a.blob.core.windows.net/?comp=list&sig=x\nevent: x", "must not be in the URL"},
		{"no event", "gcp: GET https://storage.googleapis.com/storage/v1/b?project=p", "say as which event"},
		{"event where nothing is logged", "azure: GET https://management.azure.com/subscriptions\nevent: Microsoft.Resources/subscriptions/read", "no log shows it"},
		{"another cloud's log", "gcp: GET https://storage.googleapis.com/storage/v1/b\nevent: x\nlog: cloudtrail.data", "no class of log of gcp"},
		{"log that holds no calls", "aws: ec2:DescribeVpcs\nlog: cloudtrail.digest", "no class of log of aws"},
		{"params of a GET", "azure: GET https://management.azure.com/subscriptions\nparams: {a: b}", "params are the body"},
		{"region at Google", "gcp: GET https://storage.googleapis.com/storage/v1/b\nevent: x\nregion: eu", "only a call to AWS has a region"},
		{"two clouds", "aws: ec2:DescribeVpcs\ngcp: GET https://storage.googleapis.com/storage/v1/b", "not 2 of them"},
		{"no cloud", "event: x", "not 0 of them"},
		{"too often", "aws: ec2:DescribeVpcs\ntimes: 1001", "at most 1000"},
		{"no field", "aws: ec2:DescribeVpcs\nmethod: POST", "method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(one(c.yaml))
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("error %v, want one that says %q", err, c.why)
			}
		})
	}
}

func TestLoadKnowsWhatTheLogShows(t *testing.T) {
	for _, c := range []struct {
		yaml, event string
		log         event.Log
	}{
		{`aws: ec2:DescribeInstances`, "DescribeInstances", event.CloudTrailManagement},
		{`aws: lambda:ListFunctions`, "ListFunctions20150331", event.CloudTrailManagement},
		{"aws: s3:GetPublicAccessBlock\nparams: {Bucket: logs}", "GetBucketPublicAccessBlock", event.CloudTrailManagement},
		{"aws: s3:ListObjectsV2\nparams: {Bucket: logs}", "ListObjects", event.CloudTrailData},
		{"aws: secretsmanager:GetSecretValue\nparams: {SecretId: s}\nsensitive: true", "GetSecretValue", event.CloudTrailManagement},
		{"aws: ec2:DescribeVpcs\nlog: none", "", event.NoLog},
		{`azure: GET https://management.azure.com/subscriptions/{subscription}/resources?api-version=2021-04-01`, "", event.NoLog},
		{`azure: POST https://management.azure.com/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01`, "", event.NoLog},
		{"azure: POST https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/LISTKEYS\nevent: Microsoft.Storage/storageAccounts/listKeys/action\nsensitive: true",
			"Microsoft.Storage/storageAccounts/listKeys/action", event.AzureActivity},
		{"azure: GET https://{vault}.vault.azure.net/secrets?api-version=7.4\nevent: SecretList", "SecretList", event.AzureKeyVault},
		{"azure: GET https://{account}.blob.core.windows.net/?comp=list\nevent: ListContainers", "ListContainers", event.AzureStorage},
		{"azure: GET https://graph.microsoft.com/v1.0/users\nevent: GET /users", "GET /users", event.AzureGraph},
		{"gcp: POST https://cloudresourcemanager.googleapis.com/v1/projects/{project}:testIamPermissions\nparams: {permissions: [a.b.c]}\nevent: TestIamPermissions\ntimes: 500",
			"TestIamPermissions", event.GCPDataAccess},
	} {
		calls, err := Load(one(c.yaml))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := calls[0].target(nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if got.event != c.event || got.log != c.log {
			t.Errorf("%s: %q in %s, want %q in %s", c.yaml, got.event, got.log, c.event, c.log)
		}
	}
}

// TestPlaceholdersCannotTurnAReadIntoSomethingElse: a call is checked again
// with its values in place.
func TestPlaceholdersCannotTurnAReadIntoSomethingElse(t *testing.T) {
	c := Call{Azure: "GET https://{vault}.vault.azure.net/{what}?api-version=7.4", Event: "SecretList"}
	if err := (&Call{Azure: "GET https://{vault}.vault.azure.net/{what}", Event: "x"}).Check(); err == nil {
		t.Error("a path that could be anything is allowed before its value is known")
	}
	c = Call{Azure: "GET https://{vault}.vault.azure.net/secrets?api-version=7.4", Event: "SecretList"}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	got, err := c.resolve(map[string]string{"vault": "corp"})
	if err != nil || got.url.Host != "corp.vault.azure.net" {
		t.Fatalf("%v, %v", got, err)
	}
	for _, v := range []string{"evil.example/", "evil.example#", "a/b", "a?b", "..", "", "a%2fb", "evil.example\\", "a b", "a..b"} {
		if got, err := c.resolve(map[string]string{"vault": v}); err == nil {
			t.Errorf("%q may stand for the vault: %s", v, got.url)
		}
	}
	if _, err := c.resolve(nil); err == nil || !strings.Contains(err.Error(), "{vault}") {
		t.Errorf("no value: %v", err)
	}
	if got, err := c.resolve(map[string]string{"vault": "a.b"}); err == nil {
		t.Errorf("a value that adds a label is allowed: %s", got.url)
	}
}

// TestTablesAgree holds the tables of this package against one another and
// against those of the decoders.
func TestTablesAgree(t *testing.T) {
	for text, r := range awsRoutes() {
		name, op, _ := strings.Cut(text, ":")
		svc := awsServices()[name]
		if svc == nil {
			t.Errorf("%s: no such service", text)
			continue
		}
		if rest := strings.HasPrefix(svc.protocol, "rest-"); rest != (r.method != "-") {
			t.Errorf("%s: method %s at a service that speaks %s", text, r.method, svc.protocol)
		}
		if r.method == "POST" && svc.protocol != "rest-json" {
			t.Errorf("%s: a body of %s cannot be written", text, svc.protocol)
		}
		if k := findRule(event.AWS, name, "-", op, nil).kind; k != "read" && k != "secret" {
			t.Errorf("%s is routed and not allowed: %q", text, k)
		}
		if _, ok := logClass(event.AWS, r.log); !ok {
			t.Errorf("%s: log %q", text, r.log)
		}
	}
	for _, r := range rules() {
		var cloud event.Cloud
		for _, c := range event.Clouds() {
			if c.String() == r.cloud {
				cloud = c
			}
		}
		_, ok := logClass(cloud, r.log)
		if !ok && r.kind != "refused" {
			t.Errorf("rule %v: log %q", r, r.log)
		}
		switch r.kind {
		case "read", "secret", "refused":
		default:
			t.Errorf("rule %v: kind %q", r, r.kind)
		}
		if cloud == event.Azure {
			if _, err := findAzureHost(strings.Replace(r.host, "*", "x", 1)); err != nil {
				t.Errorf("rule %v: %v", r, err)
			}
		}
	}
	known := map[string]string{}
	data, err := os.ReadFile("../cloud/aws/outcomes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, "\t"); f[0] == "code" {
			known[f[1]] = f[2]
		}
	}
	for k, result := range codes() {
		if k[0] == "aws" && result == OutcomeDenied && known[k[1]] != "denied" {
			t.Errorf("%s is a denial here and %q to the decoder", k[1], known[k[1]])
		}
	}
}

// FuzzLoad: whatever is loaded, nothing but a read comes out.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"aws: ec2:DescribeInstances\nregion: eu-west-1\nparams: {Filter.1.Name: vpc-id, MaxResults: 5}",
		"aws: s3:GetBucketAcl\nparams: {Bucket: b}",
		"aws: dynamodb:ListTables",
		"azure: GET https://management.azure.com/subscriptions/{s}?api-version=1",
		"azure: POST https://management.azure.com/subscriptions/a/listKeys\nsensitive: true\nevent: x",
		"gcp: POST https://compute.googleapis.com/compute/v1/projects/p/zones/z/instances/i/testIamPermissions\nparams: {permissions: []}\nevent: x",
		"gcp: GET https://storage.googleapis.com//x/./y\nevent: x",
	} {
		f.Add(one(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		calls, err := Load(data)
		if err != nil {
			return
		}
		for i := range calls {
			got, err := calls[i].target(nil)
			if err != nil {
				t.Fatalf("checked, and then: %v", err)
			}
			switch {
			case got.cloud == event.AWS:
				if !operation.MatchString(got.op) || !strings.HasPrefix(got.op, "Describe") && !strings.HasPrefix(got.op, "List") && !strings.HasPrefix(got.op, "Get") &&
					!strings.HasPrefix(got.op, "Head") && !strings.HasPrefix(got.op, "Search") && !strings.HasPrefix(got.op, "Lookup") &&
					!strings.HasPrefix(got.op, "BatchGet") && !strings.HasPrefix(got.op, "Simulate") {
					t.Fatalf("%s is no read", got.op)
				}
			case got.method == "GET":
			case got.method != "POST":
				t.Fatalf("method %q", got.method)
			default:
				p := strings.ToLower(got.url.Path)
				last := p[strings.LastIndexAny(strings.TrimSuffix(p, "/"), "/:")+1:]
				switch strings.TrimSuffix(last, "/") {
				case "listkeys", "listsecrets", "listcredentials", "listcredential", "listconnectionstrings", "listadminkeys",
					"listclusterusercredential", "listclusteradmincredential", "resources", "getbyids", "checkmembergroups",
					"getmembergroups", "getmemberobjects", "testiampermissions", "getiampolicy", "getancestry":
				default:
					t.Fatalf("POST %s", got.url)
				}
			}
		}
	})
}
