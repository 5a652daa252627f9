package scan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"vedette/internal/finding"
	"vedette/internal/report"
)

// entry is a Cloud Audit Logs entry.
func entry(n int, log, service, method, permission string) string {
	return fmt.Sprintf(`{"insertId":"i%d","logName":"projects/blue/logs/cloudaudit.googleapis.com%%2F%s","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",`+
		`"authenticationInfo":{"principalEmail":"ada@example.com"},"authorizationInfo":[{"granted":true,"permission":"x","permissionType":"%s"}],"methodName":"%s",`+
		`"requestMetadata":{"callerIp":"198.51.100.7","callerSuppliedUserAgent":"google-cloud-sdk"},"resourceName":"projects/blue","serviceName":"%s","status":{}},`+
		`"resource":{"labels":{"project_id":"blue"},"type":"api"},"timestamp":"2024-05-06T09:00:%02dZ"}`, n, log, permission, method, service, n)
}

const subscription = "1c2d3e40-0000-4000-8000-00000000cccc"

// activity is a record of Azure's activity log, as a diagnostic setting
// exports it.
func activity(n int, operation string) string {
	return fmt.Sprintf(`{"time":"2024-05-06T09:00:%02d.0000000Z","resourceId":"/SUBSCRIPTIONS/%s/RESOURCEGROUPS/OPS/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/VM1",`+
		`"operationName":"%s","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.","callerIpAddress":"203.0.113.9","correlationId":"c%d",`+
		`"identity":{"claims":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"5e1f2a30-0000-4000-8000-00000000bbbb","name":"Ada"}},"level":"Information","properties":{"eventDataId":"e%d"}}`,
		n, strings.ToUpper(subscription), operation, n, n)
}

// vault is a record of one Key Vault's audit log.
func vault(n int) string {
	return fmt.Sprintf(`{"time":"2024-05-06T09:00:%02d.0000000Z","category":"AuditEvent","operationName":"SecretList","resultType":"Success","correlationId":"v%d","callerIPAddress":"203.0.113.9",`+
		`"resourceId":"/SUBSCRIPTIONS/%s/RESOURCEGROUPS/OPS/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV1","identity":{"claim":{"oid":"5e1f2a30-0000-4000-8000-00000000bbbb"}},`+
		`"properties":{"requestUri":"https://kv1.vault.azure.net/secrets","httpStatusCode":200}}`, n, n, strings.ToUpper(subscription))
}

func writes(n int) []call {
	calls := burst(0, n, 1, time.Second, call{User: "ada", Write: true})
	for i := range calls {
		calls[i].Source, calls[i].Name = "ec2.amazonaws.com", []string{"RunInstances", "CreateTags", "StopInstances"}[i%3]
	}
	return calls
}

func several(n int, one func(i int) string) string {
	var out []string
	for i := range n {
		out = append(out, one(i))
	}
	return strings.Join(out, "\n")
}

// class is the row of a log class as a whole.
func class(t *testing.T, res *Result, log string) finding.Coverage {
	t.Helper()
	for _, c := range res.Report.Coverage {
		if c.Log == log && c.Service == "*" {
			return c
		}
	}
	t.Fatalf("no verdict on %s: %+v", log, res.Report.Coverage)
	return finding.Coverage{}
}

// TestStatement34_35_36_SixTrails: what six trails can and cannot show gets
// six verdicts, and "nothing found" never stands alone.
func TestStatement34_35_36_SixTrails(t *testing.T) {
	bridge := func(i int) string {
		return `{"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"111122223333","time":"2024-05-06T09:00:00Z","region":"eu-west-1","resources":[],"detail":` + writes(6)[i].record() + `}`
	}
	ids := map[string]string{}
	for _, c := range []struct {
		name, text, log, id, verdict string
		blind, enable                []string
	}{
		{"BigQuery's Data Access only", several(6, func(i int) string {
			return entry(i, "data_access", "bigquery.googleapis.com", "google.cloud.bigquery.v2.JobService.InsertJob", "DATA_READ")
		}), "gcp.data_access", "gcp.data_access.bigquery_only", "reads_seen", []string{"BigQuery alone", "Compute"}, []string{"ADMIN_READ"}},
		{"Compute's ADMIN_READ", several(3, func(i int) string {
			return entry(i, "data_access", "compute.googleapis.com", "v1.compute.instances.list", "ADMIN_READ")
		}), "gcp.data_access", "gcp.data_access.partial", "reads_seen", []string{"compute"}, []string{"allServices"}},
		{"CloudTrail of writes alone", lines(writes(6)), "cloudtrail.management", "aws.management.writes_only", "only_writes_seen", []string{"WriteOnly"}, []string{"ReadWriteType"}},
		{"EventBridge's default", several(6, bridge), "cloudtrail.management", "aws.eventbridge.default", "only_writes_seen",
			[]string{"EventBridge"}, []string{"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}},
		{"Azure's activity log alone", several(4, func(i int) string { return activity(i, "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE") }),
			"azure.activity", "azure.activity.only", "only_writes_seen", []string{"reads", "GET"}, []string{"Nothing switches ARM reads on", "AuditEvent"}},
		{"Azure's activity log and one vault", several(4, func(i int) string { return activity(i, "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE") }) + "\n" + several(3, vault),
			"azure.activity", "azure.activity.with_resource_logs", "only_writes_seen", []string{"GET", "nothing switches them on"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := scanText(t, c.text)
			row := class(t, res, c.log)
			if row.ID != c.id || row.Verdict != c.verdict {
				t.Errorf("verdict %s (%s), want %s (%s): %+v", row.ID, row.Verdict, c.id, c.verdict, row)
			}
			if other, twice := ids[row.ID]; twice {
				t.Errorf("the verdict %s is that of %s as well", row.ID, other)
			}
			ids[row.ID] = c.name
			for _, w := range c.blind {
				if !strings.Contains(row.Blind, w) {
					t.Errorf("what cannot be seen does not name %q: %s", w, row.Blind)
				}
			}
			for _, w := range c.enable {
				if !strings.Contains(row.Enable, w) {
					t.Errorf("how to switch it on does not name %q: %s", w, row.Enable)
				}
			}
			var page bytes.Buffer
			if err := report.Summary(&page, &res.Report, report.Options{}); err != nil {
				t.Fatal(err)
			}
			if len(res.Report.Findings) != 0 {
				t.Fatalf("the trail of this test has findings: %v", verdicts(res))
			}
			if text := page.String(); !strings.Contains(text, "this input cannot show everything") {
				t.Errorf("nothing found is not qualified:\n%s", text)
			}
		})
	}
	if len(ids) != 6 {
		t.Errorf("%d verdicts: %v", len(ids), ids)
	}
}

// object is a CloudTrail record of a call on objects in S3, as version 1.05
// has it; more are further members.
func object(n int, name, more string) string {
	return fmt.Sprintf(`{"eventVersion":"1.05","userIdentity":{"type":"IAMUser","principalId":"AIDAada","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333","userName":"ada"},`+
		`"eventTime":"2024-05-06T09:00:%02dZ","eventSource":"s3.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli",`+
		`"eventID":"11111111-2222-4333-8444-0000000000%02d","eventType":"AwsApiCall","recipientAccountId":"111122223333"%s}`, n, name, n, more)
}

// TestClasslessDataEvents: what records show that do not say whether they are
// data or management events is booked as what it is.
func TestClasslessDataEvents(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("eventversion,useridentity,eventtime,eventsource,eventname,awsregion,sourceipaddress,useragent,eventid,eventtype,readonly,recipientaccountid,vpcendpointid\n")
	for i := range 4 {
		fmt.Fprintf(&rows, `1.05,"{type=IAMUser, principalid=AIDAada, arn=arn:aws:iam::111122223333:user/ada, accountid=111122223333, username=ada}",`+
			`2024-05-06T09:00:%02dZ,s3.amazonaws.com,ListObjects,eu-west-1,198.51.100.7,aws-cli,11111111-2222-4333-8444-0000000000%02d,AwsApiCall,true,111122223333,`+"\n", i, i)
	}
	for name, text := range map[string]string{
		"records": several(4, func(i int) string { return object(i, "ListObjects", `,"readOnly":true`) }),
		"rows":    rows.String(),
	} {
		res := scanText(t, text)
		if row := class(t, res, "cloudtrail.data"); row.ID != "aws.data.partial" || row.Reads != 4 {
			t.Errorf("%s: %+v", name, row)
		}
		if row := class(t, res, "cloudtrail.management"); row.ID != "aws.management.not_seen" {
			t.Errorf("%s: %+v", name, row)
		}
	}
}

// TestWritesOnly: a log that may well hold reads and holds none says that
// they are unseen, and names no service as one whose reads are seen.
func TestWritesOnly(t *testing.T) {
	for _, c := range []struct{ id, log, blind, text string }{
		{"aws.data.writes_only", "cloudtrail.data", "ListObjects",
			several(3, func(i int) string { return object(i, "PutObject", `,"eventCategory":"Data","readOnly":false`) })},
		{"azure.storage.writes_only", "azure.storage", "Listing of containers", several(5, func(i int) string {
			return fmt.Sprintf(`{"time":"2024-05-06T09:00:%02dZ","resourceId":"/subscriptions/%s/resourceGroups/ops/providers/Microsoft.Storage/storageAccounts/s1/blobServices/default",`+
				`"category":"StorageWrite","operationName":"PutBlob","statusCode":201,"correlationId":"w%d","uri":"https://s1.blob.core.windows.net/a/b"}`, i, subscription, i)
		})},
		{"gcp.data_access.writes_only", "gcp.data_access", "list, get", several(4, func(i int) string {
			return entry(i, "data_access", "storage.googleapis.com", "storage.objects.create", "DATA_WRITE")
		})},
	} {
		row := class(t, scanText(t, c.text), c.log)
		if row.ID != c.id || row.Verdict != "only_writes_seen" || !strings.Contains(row.Blind, c.blind) || strings.Contains(row.Blind, "none") || row.Enable == "" {
			t.Errorf("want %s: %+v", c.id, row)
		}
	}
}

// TestStatement35_NoDataAccess: a GCP input of Admin Activity alone shows no
// reads, and says so; refused reads without a caller are told apart by what
// is left of them.
func TestStatement35_NoDataAccess(t *testing.T) {
	res := scanText(t, several(5, func(i int) string {
		return entry(i, "activity", "compute.googleapis.com", "v1.compute.instances.insert", "ADMIN_WRITE")
	}))
	if row := class(t, res, "gcp.data_access"); row.ID != "gcp.data_access.not_seen" || row.Verdict != "not_seen" || !strings.Contains(row.Enable, "ADMIN_READ") {
		t.Errorf("%+v", row)
	}
	var recs []string
	for i := range 24 {
		r := entry(i, "data_access", "compute.googleapis.com", "v1.compute.instances.list", "ADMIN_READ")
		r = strings.Replace(r, `{"principalEmail":"ada@example.com"}`, `{}`, 1)
		r = strings.Replace(r, `"status":{}`, `"status":{"code":7,"message":"PERMISSION_DENIED"}`, 1)
		if i%2 == 1 {
			r = strings.Replace(r, "198.51.100.7", "203.0.113.9", 1)
		}
		recs = append(recs, r)
	}
	res = scanText(t, strings.Join(recs, "\n"))
	if len(res.Report.Findings) != 2 || res.Report.Findings[0].Events != 12 || res.Report.Findings[1].Outcomes.Denied != 12 {
		t.Errorf("two redacted callers of twelve calls each: %v", verdicts(res))
	}
}

// TestStatement36_EventBridgeWithReads: with reads among them, events by
// EventBridge are no reason to warn of missing ones.
func TestStatement36_EventBridgeWithReads(t *testing.T) {
	recs := texts(append(writes(6), burst(100, 3, 3, time.Second, call{User: "ada", Region: "eu-west-1"})...))
	for i, r := range recs {
		recs[i] = `{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":` + r + `}`
	}
	if row := class(t, scanText(t, strings.Join(recs, "\n")), "cloudtrail.management"); row.Verdict != "reads_seen" || strings.Contains(row.ID, "eventbridge") {
		t.Errorf("%+v", row)
	}
	// Writes by EventBridge beside a trail's own are no stream of EventBridge.
	recs = texts(writes(6))
	recs[0] = `{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":` + recs[0] + `}`
	if row := class(t, scanText(t, strings.Join(recs, "\n")), "cloudtrail.management"); row.ID != "aws.management.writes_only" {
		t.Errorf("%+v", row)
	}
}

// TestStatement31_RegionsOfCoverage: one region alone is said to be one, and
// services without regions are none.
func TestStatement31_RegionsOfCoverage(t *testing.T) {
	one := burst(0, 8, 12, time.Second, call{User: "ada", Region: "eu-west-1"})
	for i := range one {
		if one[i].Source == "iam.amazonaws.com" {
			one[i].Region = "us-east-1"
		}
	}
	one = append(one, call{User: "ada", Source: "iam.amazonaws.com", Name: "ListUsers", ID: uuid(99), Region: "us-east-1"})
	if row := class(t, scanCalls(t, one), "cloudtrail.management"); row.ID != "aws.management.one_region" || !strings.Contains(row.Blind, "(eu-west-1)") {
		t.Errorf("%+v", row)
	}
	two := append(one, call{User: "ada", Source: "ec2.amazonaws.com", Name: "DescribeVpcs", ID: uuid(100), Region: "us-east-1"})
	if row := class(t, scanCalls(t, two), "cloudtrail.management"); row.ID != "aws.management.reads" {
		t.Errorf("%+v", row)
	}
}
