package emulate

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// realLogs is the folder of captured public logs beside the checkout.
var realLogs = filepath.Join("..", "..", "..", "shared", "logs")

// handMade are the sets that nobody captured.
var handMade = []string{"SnellerInc__sneller", "panther-labs__panther-analysis", "bilals12__iota", "timescale__rsigma"}

// documents returns all JSON objects of a folder that is() takes for records,
// however they are wrapped.
func documents(t *testing.T, root string, is func(map[string]any) bool) (out []map[string]any) {
	t.Helper()
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if is(v) {
				out = append(out, v)
				return
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && slices.Contains(handMade, d.Name()) {
				return fs.SkipDir
			}
			return err
		}
		body, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			if body, err = gunzipped(body); err != nil {
				return err
			}
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		for {
			var v any
			if dec.Decode(&v) != nil {
				return nil // the end, or a file that is not JSON on purpose
			}
			walk(v)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func isCloudTrail(r map[string]any) bool {
	_, source := r["eventSource"].(string)
	_, name := r["eventName"].(string)
	_, who := r["userIdentity"].(map[string]any)
	return source && name && who
}

func realTrail(t *testing.T) []map[string]any {
	t.Helper()
	root := filepath.Join(realLogs, "aws")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no real logs at ../shared/logs beside the checkout")
	}
	recs := documents(t, root, isCloudTrail)
	if len(recs) < 3000 {
		t.Fatalf("only %d records in %s: is this test still looking at the right thing?", len(recs), root)
	}
	return recs
}

// produced is every name that the tables can give to a REST call.
func produced() map[[2]string]awsCall {
	out := map[[2]string]awsCall{}
	for _, row := range append(irregularRoutes(), operationRoutes()...) {
		src := awsTable().source(row.service, "", row.endpoint, "")
		log := row.log
		if log == "management" {
			log = awsTable().log(row.service, "", row.endpoint, row.event)
		}
		k := [2]string{src.source + ".amazonaws.com", row.event}
		out[k] = awsCall{data: log == "data", unlogged: log == "none"}
	}
	return out
}

// TestNamesThatCloudTrailNeverUses holds the tables against what the guides
// say of S3, Lambda and CloudFront.
func TestNamesThatCloudTrailNeverUses(t *testing.T) {
	dated := regexp.MustCompile(`20\d{6}(v\d)?$|20\d\d_\d\d_\d\d$`)
	// Lambda's calls that bear no date.
	bare := regexp.MustCompile(`Url|CodeSigning|EventInvoke|ProvisionedConcurrency|RuntimeManagement|RecursionConfig|ScalingConfig|^GetFunctionConcurrency$|^Invoke$`)
	all := produced()
	if len(all) < 8000 {
		t.Fatalf("%d names", len(all))
	}
	for k, c := range all {
		source, event := k[0], k[1]
		switch source {
		case "lambda.amazonaws.com":
			if !dated.MatchString(event) && !bare.MatchString(event) {
				t.Errorf("Lambda %s without its API date", event)
			}
		case "cloudfront.amazonaws.com":
			if !strings.HasSuffix(event, "2020_05_31") {
				t.Errorf("CloudFront %s without its API date", event)
			}
		case "s3.amazonaws.com":
			switch {
			case event == "HeadBucket" || event == "HeadObject" || event == "GetObject" || event == "PutObject" || event == "ListObjects" || event == "ListObjectVersions":
				if !c.data {
					t.Errorf("S3 %s as a management event", event)
				}
			case regexp.MustCompile(`^(Get|Put|Delete)PublicAccessBlock$|^ListObjectsV2$|LifecycleConfiguration$|NotificationConfiguration$|^(Get|Put)ObjectLockConfiguration$|^(Get|Put)BucketAccelerateConfiguration$|^List(Bucket.*Configurations|DirectoryBuckets)$`).MatchString(event):
				t.Errorf("S3 %s is not what the S3 User Guide calls it", event)
			}
		}
		if dated.MatchString(event) && source != "lambda.amazonaws.com" && source != "cloudfront.amazonaws.com" {
			t.Errorf("%s %s: a date in the name", source, event)
		}
	}
	for _, want := range [][2]string{{"lambda.amazonaws.com", "ListFunctions20150331"}, {"s3.amazonaws.com", "GetBucketPublicAccessBlock"}, {"cloudfront.amazonaws.com", "ListDistributions2020_05_31"}, {"amazonmq.amazonaws.com", "ListBrokers"}} {
		if _, ok := all[want]; !ok {
			t.Errorf("no %s %s", want[0], want[1])
		}
	}
}

// TestNamesAgreeWithRealLogs holds every name that was seen in a captured log
// against the tables: the same call must not get another name, nor be another
// kind of event.
func TestNamesAgreeWithRealLogs(t *testing.T) {
	recs := realTrail(t)
	dated := regexp.MustCompile(`20\d{6}(v\d)?$|20\d\d_\d\d_\d\d$`)
	all := produced()
	byBase := map[[2]string][]string{}
	for k := range all {
		base := [2]string{k[0], dated.ReplaceAllString(k[1], "")}
		byBase[base] = append(byBase[base], k[1])
	}
	held := map[[2]string]bool{}
	for _, r := range recs {
		k := [2]string{r["eventSource"].(string), r["eventName"].(string)}
		// What AWS's own consoles do has names of its own, and so had Lambda
		// long ago.
		if r["userAgent"] == "AWS Internal" || r["eventType"] != "AwsApiCall" || r["eventVersion"] == "1.03" {
			continue
		}
		names := byBase[[2]string{k[0], dated.ReplaceAllString(k[1], "")}]
		if len(names) == 0 {
			continue
		}
		held[k] = true
		if !slices.Contains(names, k[1]) {
			t.Errorf("%s: the log has %s, the tables %v", k[0], k[1], names)
			continue
		}
		c := all[k]
		if c.unlogged {
			t.Errorf("%s %s is in a log, and the tables say that it never is", k[0], k[1])
		}
		if management, ok := r["managementEvent"].(bool); ok && management == c.data {
			t.Errorf("%s %s: managementEvent is %v", k[0], k[1], management)
		}
	}
	if len(held) < 60 {
		t.Errorf("only %d names could be compared", len(held))
	}
}

// TestCallsOfOtherProtocolsAgreeWithRealLogs names each call of a captured log
// anew, as if its client had sent it by its service's protocol.
func TestCallsOfOtherProtocolsAgreeWithRealLogs(t *testing.T) {
	held := map[[2]string]bool{}
	for _, r := range realTrail(t) {
		source, event := r["eventSource"].(string), r["eventName"].(string)
		k := [2]string{source, event}
		service, _ := strings.CutSuffix(source, ".amazonaws.com")
		if held[k] || r["eventType"] != "AwsApiCall" {
			continue
		}
		held[k] = true
		got, err := nameAWS(signed("POST", "https://"+service+".eu-west-1.amazonaws.com/", "", "eu-west-1", service, "X-Amz-Target", "X."+event), nil)
		if err != nil || got.source != source || got.event != event {
			t.Errorf("%s %s: named %s %s, %v", source, event, got.source, got.event, err)
			continue
		}
		if management, ok := r["managementEvent"].(bool); ok && service != "s3" && service != "lambda" && (management == got.data || got.unlogged) {
			t.Errorf("%s %s: managementEvent %v, but data %v, unlogged %v", source, event, management, got.data, got.unlogged)
		}
		if ro, ok := r["readOnly"].(bool); ok && ro != got.readOnly {
			t.Errorf("%s %s: readOnly %v in the log, %v here", source, event, ro, got.readOnly)
		}
	}
	if len(held) < 400 {
		t.Errorf("only %d names", len(held))
	}
}
