package catalog

import (
	"strings"
	"testing"

	"vedette/internal/event"
)

func TestVerbs(t *testing.T) {
	if _, err := parseVerbs(verbsTSV); err != nil {
		t.Fatal(err)
	}
	const h = "pattern\tclass\tsource\n"
	for text, want := range map[string]string{
		"verb\n":                           "verbs.tsv:1:",
		h + "Get*\tdiscovery\n":            "verbs.tsv:2:",
		h + "Get*\treading\tx\n":           `verbs.tsv:2: unknown class "reading"`,
		h + "*Get\tdiscovery\tx\n":         "verbs.tsv:2:",
		h + "G*e*t\tdiscovery\tx\n":        "verbs.tsv:2:",
		h + "A*\twrite\tx\na*\twrite\tx\n": "verbs.tsv:3:",
	} {
		if _, err := parseVerbs(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestClassify(t *testing.T) {
	for class, names := range map[event.Class][]string{
		event.ClassDiscovery: {
			// AWS
			"ListUsers", "DescribeInstances", "GetBucketAcl", "SearchResources", "LookupEvents", "BatchGetProjects",
			"BatchDescribeEntities", "SimulatePrincipalPolicy", "HeadBucket", "Search", "SelectResourceConfig", "ListSecrets",
			"GetPasswordData", "ListSourceCredentials", "GetAccountAuthorizationDetails", "GetCredentialReport",
			// GCP
			"compute.instances.list", "compute.instances.aggregatedList", "compute.disks.getIamPolicy",
			"compute.instances.testIamPermissions", "google.iam.admin.ListServiceAccounts", "SearchProjects",
			"google.cloud.asset.AssetService.SearchAllResources", "google.cloud.asset.AssetService.ExportAssets",
			"google.iam.admin.QueryGrantableRoles", "datasetservice.list",
			// Azure
			"virtualmachines/read", "Microsoft.Compute/virtualMachines/read", "storageAccounts/listKeys/action",
			"storageaccounts/listkeys/action", "sites/config/list/action", "registries/listCredentials/action",
			"servers/getsomething/action", "ListBlobs", "listblobs", "GetContainerProperties",
			"GET /users/{id}/memberOf", "GET /users", "POST /users/{id}/getMemberGroups",
			"POST /groups/{id}/microsoft.graph.getMemberObjects", "POST /directoryObjects/getByIds",
		},
		event.ClassDataRead: {
			"GetObject", "GetSecretValue", "BatchGetSecretValue", "GetItem", "Query", "Scan", "GetRecords", "ReceiveMessage",
			"GetParameter", "GetParametersByPath", "GetLogEvents", "FilterLogEvents", "SelectObjectContent", "InvokeModel",
			"google.cloud.secretmanager.SecretManagerService.AccessSecretVersion", "google.firestore.Firestore.RunQuery",
			"google.cloud.bigquery.JobService.GetQueryResults", "google.pubsub.Subscriber.Pull", "GetBlob", "getblob",
			"disks/beginGetAccess/action", "GET /users/{id}/messages", "GET /me/drive/root/children",
		},
		event.ClassCrypto:  {"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "Sign", "GetPublicKey", "AsymmetricSign"},
		event.ClassSession: {"AssumeRole", "AssumeRoleWithSAML", "GetSessionToken", "GetFederationToken", "GetAuthorizationToken", "GetRoleCredentials", "ConsoleLogin", "google.iam.credentials.IAMCredentials.GenerateAccessToken"},
		event.ClassWrite: {
			"CreateUser", "PutBucketPolicy", "DeleteTrail", "UpdateFunctionCode", "RunInstances", "TerminateInstances",
			"BatchWriteItem", "SetIamPolicy", "compute.instances.insert", "storage.buckets.create", "compute.instances.setMetadata",
			"virtualmachines/write", "virtualmachines/delete", "virtualmachines/runcommand/action", "virtualmachines/start/action",
			"putblob", "PutBlob", "POST /users", "PATCH /users/{id}", "DELETE /groups/{id}",
		},
		event.ClassOther: {"", "/", "Getaway", "Listless", "DetectText", "PollForJobs", "x/y/z", "FOO /bar", "...", "ÄÖ"},
	} {
		for _, n := range names {
			if got := Classify(n); got != class {
				t.Errorf("Classify(%q) = %s, want %s", n, got, class)
			}
		}
	}
}

// The fallback and the catalogues must be of one mind on almost everything:
// what the fallback alone would get wrong is what the catalogues are for.
func TestClassifyAgreesWithCatalogues(t *testing.T) {
	for cloud, list := range files(t) {
		n, wrong := 0, 0
		for _, e := range list {
			if e.API.Service == "microsoft.keyvault" {
				continue // SecretList and its like put the verb last; the catalogue has them all
			}
			n++
			if Classify(e.API.Name) != e.API.Class {
				wrong++
			}
		}
		if wrong*15 > n {
			t.Errorf("%s: the fallback differs in %d of %d", cloud, wrong, n)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{"ListUsers", "a/b/action", "GET /x?y", "v1.compute.list", "", "GET /", "POST //", "/", ".", "İ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if c := Classify(name); c >= event.NumClasses || c != Classify(name) {
			t.Errorf("Classify(%q) = %d", name, c)
		}
	})
}
