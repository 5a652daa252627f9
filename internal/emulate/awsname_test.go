package emulate

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/tsv"
)

// signed builds a request as an AWS client signs it.
func signed(method, url, body, region, service string, header ...string) *http.Request {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260317/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	if strings.HasPrefix(body, "Action=") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestCallsAreNamedAsCloudTrailNamesThem(t *testing.T) {
	type want struct {
		Source, Event, Action, Region string
		ReadOnly, Data                bool
		Params                        string
	}
	const form = "Action="
	for _, c := range []struct {
		name string
		r    *http.Request
		body string
		want want
	}{
		{"ec2 form", signed("POST", "https://ec2.eu-west-1.amazonaws.com/", form+"x", "eu-west-1", "ec2"),
			form + "DescribeInstances&Version=2016-11-15&InstanceId.1=i-1&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&MaxResults=5",
			want{"ec2.amazonaws.com", "DescribeInstances", "ec2:DescribeInstances", "eu-west-1", true, false,
				`{"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"vpc-1"}]}}]},"instancesSet":{"items":[{"instanceId":"i-1"}]},"maxResults":5}`}},
		{"ec2 write", signed("POST", "https://ec2.eu-west-1.amazonaws.com/", form+"x", "eu-west-1", "ec2"),
			form + "CreateTags&ResourceId.1=i-1&Tag.1.Key=k&Tag.1.Value=v",
			want{"ec2.amazonaws.com", "CreateTags", "ec2:CreateTags", "eu-west-1", false, false,
				`{"resourcesSet":{"items":[{"resourceId":"i-1"}]},"tagSet":{"items":[{"key":"k","value":"v"}]}}`}},
		{"query, global service signed elsewhere", signed("POST", "https://iam.amazonaws.com/", form+"x", "eu-west-1", "iam"),
			form + "ListUsers&Version=2010-05-08", want{"iam.amazonaws.com", "ListUsers", "iam:ListUsers", "us-east-1", true, false, `{}`}},
		{"readOnly though not a read", signed("POST", "https://sts.eu-west-1.amazonaws.com/", form+"x", "eu-west-1", "sts"),
			form + "AssumeRole&RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=s&DurationSeconds=900",
			want{"sts.amazonaws.com", "AssumeRole", "sts:AssumeRole", "eu-west-1", true, false,
				`{"durationSeconds":900,"roleArn":"arn:aws:iam::111122223333:role/r","roleSessionName":"s"}`}},
		{"write though a Get", signed("POST", "https://sts.eu-west-1.amazonaws.com/", form+"x", "eu-west-1", "sts"),
			form + "GetSessionToken", want{"sts.amazonaws.com", "GetSessionToken", "sts:GetSessionToken", "eu-west-1", false, false, `{}`}},
		{"json target", signed("POST", "https://dynamodb.eu-west-1.amazonaws.com/", `{"Limit":10}`, "eu-west-1", "dynamodb", "X-Amz-Target", "DynamoDB_20120810.ListTables"),
			`{"Limit":10}`, want{"dynamodb.amazonaws.com", "ListTables", "dynamodb:ListTables", "eu-west-1", true, false, `{"limit":10}`}},
		{"json secrets are left out", signed("POST", "https://secretsmanager.eu-west-1.amazonaws.com/", "", "eu-west-1", "secretsmanager", "X-Amz-Target", "secretsmanager.PutSecretValue"),
			`{"SecretId":"x","SecretString":"hush","Tags":[{"Key":"a"}]}`,
			want{"secretsmanager.amazonaws.com", "PutSecretValue", "secretsmanager:PutSecretValue", "eu-west-1", false, false, `{"secretId":"x","tags":[{"key":"a"}]}`}},
		{"json values that the log hides", signed("POST", "https://ssm.eu-west-1.amazonaws.com/", "", "eu-west-1", "ssm", "X-Amz-Target", "AmazonSSM.PutParameter"),
			`{"Name":"/db","Value":"hush","KeyId":"k"}`,
			want{"ssm.amazonaws.com", "PutParameter", "ssm:PutParameter", "eu-west-1", false, false,
				`{"keyId":"k","name":"/db","value":"HIDDEN_DUE_TO_SECURITY_REASONS"}`}},
		{"lambda carries its API date", signed("GET", "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/", "", "eu-west-1", "lambda"),
			"", want{"lambda.amazonaws.com", "ListFunctions20150331", "lambda:ListFunctions", "eu-west-1", true, false, `{}`}},
		{"lambda path parameter", signed("GET", "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f/policy", "", "eu-west-1", "lambda"),
			"", want{"lambda.amazonaws.com", "GetPolicy20150331v2", "lambda:GetPolicy", "eu-west-1", true, false, `{"functionName":"f"}`}},
		{"eks", signed("GET", "https://eks.eu-west-1.amazonaws.com/clusters?maxResults=100", "", "eu-west-1", "eks"),
			"", want{"eks.amazonaws.com", "ListClusters", "eks:ListClusters", "eu-west-1", true, false, `{"maxResults":"100"}`}},
		{"s3 list buckets", signed("GET", "https://s3.eu-west-1.amazonaws.com/", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets", "eu-west-1", true, false, `{"Host":"s3.eu-west-1.amazonaws.com"}`}},
		{"s3 sub-resource, bucket in the host", signed("GET", "https://b.s3.eu-west-1.amazonaws.com/?publicAccessBlock", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "GetBucketPublicAccessBlock", "s3:GetBucketPublicAccessBlock", "eu-west-1", true, false,
				`{"Host":"b.s3.eu-west-1.amazonaws.com","bucketName":"b","publicAccessBlock":""}`}},
		{"s3 sub-resource, bucket in the path", signed("GET", "https://s3.eu-west-1.amazonaws.com/b?acl", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "GetBucketAcl", "s3:GetBucketAcl", "eu-west-1", true, false,
				`{"Host":"s3.eu-west-1.amazonaws.com","acl":"","bucketName":"b"}`}},
		{"s3 account block is another call", signed("GET", "https://111122223333.s3-control.eu-west-1.amazonaws.com/v20180820/configuration/publicAccessBlock", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "GetAccountPublicAccessBlock", "s3:GetAccountPublicAccessBlock", "eu-west-1", true, false,
				`{"Host":"111122223333.s3-control.eu-west-1.amazonaws.com"}`}},
		{"s3 renamed", signed("GET", "https://b.s3.eu-west-1.amazonaws.com/?accelerate", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "GetAccelerateConfiguration", "s3:GetAccelerateConfiguration", "eu-west-1", true, false,
				`{"Host":"b.s3.eu-west-1.amazonaws.com","accelerate":"","bucketName":"b"}`}},
		{"s3 head bucket is a data event", signed("HEAD", "https://b.s3.eu-west-1.amazonaws.com/", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "HeadBucket", "s3:ListBucket", "eu-west-1", true, true, `{"Host":"b.s3.eu-west-1.amazonaws.com","bucketName":"b"}`}},
		{"s3 list objects of either version", signed("GET", "https://b.s3.eu-west-1.amazonaws.com/?list-type=2", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "ListObjects", "s3:ListBucket", "eu-west-1", true, true, `{"Host":"b.s3.eu-west-1.amazonaws.com","bucketName":"b","list-type":"2"}`}},
		{"s3 object", signed("GET", "https://b.s3.eu-west-1.amazonaws.com/a/b/c.txt", "", "eu-west-1", "s3"),
			"", want{"s3.amazonaws.com", "GetObject", "s3:GetObject", "eu-west-1", true, true, `{"Host":"b.s3.eu-west-1.amazonaws.com","bucketName":"b","key":"a/b/c.txt"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := nameAWS(c.r, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			params, err := json.Marshal(got.params)
			if err != nil {
				t.Fatal(err)
			}
			if got.params == nil {
				params = []byte(`{}`)
			}
			have := want{got.source, got.event, got.action, got.region, got.readOnly, got.data, string(params)}
			if d := cmp.Diff(c.want, have); d != "" {
				t.Error(d)
			}
			if got.key != "AKIAIOSFODNN7EXAMPLE" {
				t.Errorf("key %q", got.key)
			}
		})
	}
}

func TestAnUnsignedCallIsKnownByItsHost(t *testing.T) {
	body := "Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::111122223333:role/r&WebIdentityToken=a.b.c"
	r := httptest.NewRequest("POST", "https://sts.eu-west-1.amazonaws.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, err := nameAWS(r, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got.service != "sts" || got.region != "eu-west-1" || got.key != "" || got.event != "AssumeRoleWithWebIdentity" {
		t.Errorf("%+v", got)
	}
	if _, kept := got.params["webIdentityToken"]; kept {
		t.Error("the token is in the parameters")
	}
}

func TestAnUnknownCallGetsNoName(t *testing.T) {
	for _, r := range []*http.Request{
		signed("GET", "https://eks.eu-west-1.amazonaws.com/no-such-thing", "", "eu-west-1", "eks"),
		signed("GET", "https://s3.eu-west-1.amazonaws.com/b?analytics", "", "eu-west-1", "s3"), // a list, of which no source gives the name
		signed("POST", "https://lambda.eu-west-1.amazonaws.com/2018-10-31/layers/l/versions/1/policy", "", "eu-west-1", "lambda"),
		httptest.NewRequest("GET", "https://example.com/", nil),
	} {
		if got, err := nameAWS(r, nil); !errors.Is(err, errUnknownCall) {
			t.Errorf("%s: named %q, error %v", r.URL, got.event, err)
		}
	}
}

func TestRouteTablesAreWhole(t *testing.T) {
	lines := func(s string) int {
		n := -1 // the header
		for l := range strings.Lines(s) {
			if l[0] != '#' {
				n++
			}
		}
		return n
	}
	if got, want := len(irregularRoutes()), lines(awsRoutesTSV); got != want || want < 150 {
		t.Errorf("%d of %d rows of awsroutes.tsv have all fields", got, want)
	}
	if got := len(operationRoutes()); got < 8000 {
		t.Errorf("operations.gz has %d operations", got)
	}
	if got, want := len(tsv.Must("emulate/awssources.tsv", awsSourcesTSV, "service endpoint source action region keys version from")), lines(awsSourcesTSV); got != want || want < 20 {
		t.Errorf("%d of %d rows of awssources.tsv have all fields", got, want)
	}
	if got, want := len(tsv.Must("emulate/awshidden.tsv", awsHiddenTSV, "service event param text from")), lines(awsHiddenTSV); got != want || want < 5 {
		t.Errorf("%d of %d rows of awshidden.tsv have all fields", got, want)
	}
	if got, want := len(tsv.Must("emulate/awslogged.tsv", awsLoggedTSV, "service endpoint operation log from")), lines(awsLoggedTSV); got != want || want < 60 {
		t.Errorf("%d of %d rows of awslogged.tsv have all fields", got, want)
	}
	if got, want := len(gcpRoutes()), lines(gcpRoutesTSV); got != want || want < 15 {
		t.Errorf("%d of %d rows of gcproutes.tsv have all fields", got, want)
	}
	for _, row := range irregularRoutes() {
		if row.log != "management" && row.log != "data" {
			t.Errorf("%s: log %q", row.event, row.log)
		}
	}
	for _, f := range tsv.Must("emulate/awslogged.tsv", awsLoggedTSV, "service endpoint operation log from") {
		if f[3] != "data" && f[3] != "none" {
			t.Errorf("%s %s: log %q", f[0], f[2], f[3])
		}
	}
}

// TestEveryRouteIsReached asks for every call of the tables by an address made
// of its own pattern, and wants its own name back.
func TestEveryRouteIsReached(t *testing.T) {
	for _, row := range append(irregularRoutes(), operationRoutes()...) {
		path := regexp.MustCompile(`\{(\w+)\+?\}`).ReplaceAllString(row.path, "x-$1")
		query := url.Values{}
		r := httptest.NewRequest(row.method, "https://"+row.endpoint+".eu-west-1.amazonaws.com/", nil)
		for _, n := range row.needs {
			if name, ok := strings.CutPrefix(n, "@"); ok {
				r.Header.Set(name, "x")
				continue
			}
			k, v, _ := strings.Cut(n, "=")
			query.Set(k, v)
		}
		r.URL.RawQuery = query.Encode()
		got, _, ok := awsTable().findRoute(row.service, hostOf(r), path, r)
		if !ok || got.event != row.event {
			t.Errorf("%s %s %s?%s: named %q, want %s", row.service, row.method, path, r.URL.RawQuery, got.event, row.event)
		}
	}
}

func TestWhatIsMasked(t *testing.T) {
	for name, want := range map[string]bool{
		"SecretString": true, "clientSecret": true, "secretAccessKey": true, "MasterUserPassword": true, "authToken": true, "UserData": true, "ZipFile": true, "Plaintext": true, "CiphertextBlob": true, "TokenCode": true, "SAMLAssertion": true,
		"SecretId": false, "NextToken": false, "nextToken": false, "PaginationToken": false, "continuation-token": false, "KeyName": false, "ClientToken": false, "clientRequestToken": false,
	} {
		if masked(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
