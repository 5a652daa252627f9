package aws

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vedette/internal/cloud/catalog"
	"vedette/internal/cloud/catalog/catalogtest"
	"vedette/internal/event"
)

// observed.tsv lists the (event source, event name) pairs of public captures
// of CloudTrail, by name of the capture. NOTICE says where each is from.
//
//go:embed observed.tsv
var observedTSV []byte

func loadCatalog(t testing.TB) *catalog.Names {
	t.Helper()
	names, err := LoadCatalog(event.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func lookup(t testing.TB, names *catalog.Names, service, name string) *event.API {
	t.Helper()
	a := names.Lookup([]byte(service+".amazonaws.com"), []byte(name))
	if a == nil {
		t.Fatalf("%s %s is in no catalogue", service, name)
	}
	return a
}

func TestCanonical(t *testing.T) {
	for logged, want := range map[string]string{
		"ListFunctions20150331":                  "ListFunctions",
		"GetFunction20150331v2":                  "GetFunction",
		"UpdateFunctionConfiguration20150331v12": "UpdateFunctionConfiguration",
		"ListDistributions2020_05_31":            "ListDistributions",
		"ListDistributions2014_01_31":            "ListDistributions",
		"ListUsers":                              "ListUsers",
		"ListObjectsV2":                          "ListObjectsV2",
		"DescribeAssociationv2":                  "DescribeAssociationv2",
		"GetDetail12345678":                      "GetDetail12345678", // no month 56
		"Get2015033":                             "Get2015033",
		"List2020_0531":                          "List2020_0531",
		"20150331":                               "20150331",
		"20150331v2":                             "20150331v2",
		"v2":                                     "v2",
		"2":                                      "2",
		"":                                       "",
	} {
		if got := string(Canonical([]byte("lambda.amazonaws.com"), []byte(logged))); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", logged, got, want)
		}
	}
}

func TestStatement01_KeyedByServiceAndCanonicalName(t *testing.T) {
	names := loadCatalog(t)
	if a := lookup(t, names, "lambda", "ListFunctions20150331"); a.Name != "ListFunctions" || a.Class != event.ClassDiscovery {
		t.Errorf("ListFunctions20150331 is %s, class %s", a.Name, a.Class)
	}
	if lookup(t, names, "lambda", "ListFunctions20150331") == lookup(t, names, "cloudfront", "ListFunctions2020_05_31") {
		t.Error("Lambda and CloudFront share ListFunctions")
	}
	apis := map[*event.API]bool{}
	for _, service := range []string{"ecs", "redshift", "dax", "cloudhsm"} {
		apis[lookup(t, names, service, "DescribeClusters")] = true
	}
	if len(apis) != 4 {
		t.Errorf("DescribeClusters of four services is %d APIs", len(apis))
	}
	if names.Lookup([]byte("sns.amazonaws.com"), []byte("DescribeClusters")) != nil {
		t.Error("SNS has a DescribeClusters")
	}
}

func TestStatement02_S3PostureReads(t *testing.T) {
	names := loadCatalog(t)
	for _, name := range []string{
		"GetBucketPublicAccessBlock", "GetAccountPublicAccessBlock",
		"GetAccelerateConfiguration", "GetBucketObjectLockConfiguration",
	} {
		a := lookup(t, names, "s3", name)
		if a.Name != name || a.Class != event.ClassDiscovery || a.Category != "storage" || a.Technique != "T1580" {
			t.Errorf("%s is %+v", name, *a)
		}
	}
	for alias, want := range map[string]string{
		"GetPublicAccessBlock":             "GetBucketPublicAccessBlock",
		"GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
		"GetObjectLockConfiguration":       "GetBucketObjectLockConfiguration",
		"ListObjectsV2":                    "ListObjects",
	} {
		if a := lookup(t, names, "s3", alias); a.Name != want {
			t.Errorf("%s leads to %s, want %s", alias, a.Name, want)
		}
	}
}

func TestStatement03_CatalogueAgreesWithLogs(t *testing.T) {
	seen := observations(t)
	list, err := catalog.Parse(event.AWS, catalogTSV)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range catalogtest.Contradictions(list, seen, Canonical) {
		t.Error(c)
	}
}

// The check must see each of the three mistakes that it is there for.
func TestStatement03_CheckSeesContradictions(t *testing.T) {
	seen := observations(t)
	for _, c := range []struct{ row, want string }{
		{"lambda.amazonaws.com\tListFunctions\t\t\tcloudtrail.management\tdiscovery\tT1526\t\tserverless\taccount\t4\t\tinferred\tmodel\t",
			"line 2: lambda.amazonaws.com ListFunctions: said to be logged as ListFunctions, logs show ListFunctions20150331"},
		{"s3.amazonaws.com\tGetPublicAccessBlock\t\t\tcloudtrail.management\tdiscovery\tT1580\t\tstorage\tresource\t3\t\tinferred\tmodel\t",
			"line 2: s3.amazonaws.com GetPublicAccessBlock: said to be logged as GetPublicAccessBlock, logs show GetAccountPublicAccessBlock, GetBucketPublicAccessBlock"},
		{"s3.amazonaws.com\tHeadBucket\t\t\tcloudtrail.management\tdiscovery\tT1580\t\tstorage\tresource\t3\t\tdocumented\tmodel\t",
			"line 2: s3.amazonaws.com HeadBucket: said to be in cloudtrail.management, logs show it in [cloudtrail.data]"},
		{"ec2.amazonaws.com\tDescribeNothing\t\t\tcloudtrail.management\tdiscovery\tT1580\t\tcompute\taccount\t3\t\tobserved\tmodel\t",
			`line 2: ec2.amazonaws.com DescribeNothing: evidence is "observed", observed in a log: false`},
		{"lambda.amazonaws.com\tListFunctions\tListFunctions20150331\tListFunctions\tcloudtrail.management\tdiscovery\tT1526\t\tserverless\taccount\t4\t\tobserved\tmodel\t", ""},
	} {
		header, _, _ := bytes.Cut(catalogTSV, []byte("\n"))
		list, err := catalog.Parse(event.AWS, []byte(string(header)+"\n"+c.row+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(catalogtest.Contradictions(list, seen, Canonical), "\n"); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func TestStatement05_OtherTacticsAreNoBreadth(t *testing.T) {
	names := loadCatalog(t)
	for _, c := range []struct {
		service, name string
		class         event.Class
	}{
		{"sts", "AssumeRole", event.ClassSession},
		{"sts", "GetSessionToken", event.ClassSession}, // though readOnly=false
		{"sts", "GetFederationToken", event.ClassSession},
		{"signin", "GetSigninToken", event.ClassSession},
		{"ecr", "GetAuthorizationToken", event.ClassSession},
		{"kms", "Decrypt", event.ClassCrypto},
		{"kms", "Encrypt", event.ClassCrypto},
		{"kms", "GenerateDataKey", event.ClassCrypto},
		{"secretsmanager", "GetSecretValue", event.ClassDataRead},
		{"secretsmanager", "BatchGetSecretValue", event.ClassDataRead},
		{"ssm", "GetParameter", event.ClassDataRead},
		{"ssm", "GetParametersByPath", event.ClassDataRead},
		{"s3", "GetObject", event.ClassDataRead},
		{"dynamodb", "Scan", event.ClassDataRead},
		{"sqs", "ReceiveMessage", event.ClassDataRead},
		// What stands beside them and is enumeration.
		{"secretsmanager", "ListSecrets", event.ClassDiscovery},
		{"ssm", "DescribeParameters", event.ClassDiscovery},
		{"kms", "ListKeys", event.ClassDiscovery},
		{"s3", "ListObjects", event.ClassDiscovery},
		{"sts", "GetCallerIdentity", event.ClassDiscovery},
		{"ec2", "GetPasswordData", event.ClassDiscovery}, // denied bursts of it are probing
		{"ec2", "DescribeInstanceAttribute", event.ClassDiscovery},
	} {
		if a := lookup(t, names, c.service, c.name); a.Class != c.class {
			t.Errorf("%s %s is %s, want %s", c.service, c.name, a.Class, c.class)
		}
	}
}

func TestGlobalServices(t *testing.T) {
	names := loadCatalog(t)
	for _, s := range []string{"iam", "sts", "cloudfront", "route53", "organizations"} {
		if !names.Global(s + ".amazonaws.com") {
			t.Errorf("%s has regions", s)
		}
	}
	for _, s := range []string{"ec2", "s3", "lambda", "nosuch"} {
		if names.Global(s + ".amazonaws.com") {
			t.Errorf("%s has no regions", s)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	names := loadCatalog(t)
	service, name, unknown := []byte("lambda.amazonaws.com"), []byte("ListFunctions20150331"), []byte("ListNothing")
	if n := testing.AllocsPerRun(100, func() {
		if names.Lookup(service, name) == nil || names.Lookup(service, unknown) != nil || names.Lookup(unknown, name) != nil {
			t.Fatal("lookup")
		}
	}); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
}

// observations returns the corpus of observed names.
func observations(t *testing.T) []catalogtest.Observation {
	t.Helper()
	seen, err := catalogtest.Parse(observedTSV)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// captures are the sets of real logs that were captured and not written as
// tests of a rule, by the name they have in observed.tsv.
var captures = map[string]string{
	"invictus-ir__aws_dataset":   "invictus",
	"DataDog__stratus-red-team":  "stratus",
	"OTRF__Security-Datasets":    "otrf",
	"adanalvarez__TrailDiscover": "traildiscover",
	"cloud-custodian":            "custodian",
	"log2timeline__plaso":        "plaso",
	"flosell__trailscraper":      "trailscraper",
}

// misflagged names calls whose readOnly flag in these logs says the opposite
// of what the call does.
var misflagged = map[string]bool{
	"ses.amazonaws.com SendEmail":                                 true, // true
	"cloudtrail.amazonaws.com DescribeTrail":                      true, // false, from 2015
	"connect.amazonaws.com ListRealtimeContactAnalysisSegmentsV2": true, // false
	"wafv2.amazonaws.com ListWebACLs":                             true, // false
}

// TestObservedMatchesLogs holds the committed corpus against the logs it was
// drawn from, and how the log calls each name against how it is classed here.
func TestObservedMatchesLogs(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "shared", "logs", "aws")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no real logs beside the checkout (../shared/logs)")
	}
	corpus := map[string][]string{}
	for _, o := range observations(t) {
		for _, s := range o.Sources {
			if !strings.HasPrefix(s, "doc:") {
				corpus[o.Service+" "+o.Name] = append(corpus[o.Service+" "+o.Name], s)
			}
		}
	}
	names := loadCatalog(t)
	found := map[string][]string{}
	for dir, set := range captures {
		err := eachRecord(filepath.Join(root, dir), func(source, name string, readOnly *bool) {
			k := source + " " + name
			if !slices.Contains(found[k], set) {
				found[k] = append(found[k], set)
			}
			class := catalog.Classify(string(Canonical([]byte(source), []byte(name))))
			if a := names.Lookup([]byte(source), []byte(name)); a != nil {
				class = a.Class
			}
			switch {
			case readOnly == nil:
			case misflagged[k]:
			case *readOnly && class == event.ClassWrite:
				t.Errorf("%s: the log calls it a read, its class is %s", k, class)
			case !*readOnly && class == event.ClassDiscovery:
				t.Errorf("%s: the log calls it a write, its class is %s", k, class)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for k := range corpus {
		if found[k] == nil {
			t.Errorf("%s is in observed.tsv and in no log", k)
		}
	}
	for k, sets := range found {
		slices.Sort(sets)
		if !slices.Equal(sets, corpus[k]) {
			t.Errorf("%s is in the logs of %v, observed.tsv says %v", k, sets, corpus[k])
		}
	}
	if len(found) < 400 {
		t.Errorf("only %d names found", len(found))
	}
}

// eachRecord finds CloudTrail records wherever they stand in the JSON of a
// folder's files, records within strings included. It is slow and shares
// nothing with the decoder on purpose.
func eachRecord(dir string, f func(source, name string, readOnly *bool)) error {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			source, _ := v["eventSource"].(string)
			name, ok := v["eventName"].(string)
			if ok && source != "" {
				if ro, ok := v["readOnly"].(bool); ok {
					f(source, name, &ro)
				} else {
					f(source, name, nil)
				}
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			if strings.Contains(v, "eventSource") {
				var inner any
				if json.Unmarshal([]byte(v), &inner) == nil {
					walk(inner)
				}
			}
		}
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return err
			}
			if b, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		var v any
		if json.Unmarshal(b, &v) == nil {
			walk(v)
			return nil
		}
		for line := range bytes.Lines(b) {
			var v any
			if json.Unmarshal(line, &v) == nil {
				walk(v)
			}
		}
		return nil
	})
}
