package sigma

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

// matcher evaluates base rules over records of named fields, by what the
// specification says of searches and conditions.
type matcher struct {
	searches map[string]any
	tokens   []string
	record   map[string]string
}

func matches(doc map[string]any, record map[string]string) bool {
	detection := doc["detection"].(map[string]any)
	m := &matcher{searches: detection, record: record,
		tokens: regexp.MustCompile(`[()]|[a-z_]+`).FindAllString(detection["condition"].(string), -1)}
	holds := m.or()
	if len(m.tokens) > 0 {
		panic(fmt.Sprint("left of a condition: ", m.tokens))
	}
	return holds
}

func (m *matcher) next(token string) bool {
	if len(m.tokens) == 0 || m.tokens[0] != token {
		return false
	}
	m.tokens = m.tokens[1:]
	return true
}

func (m *matcher) or() bool {
	holds := m.and()
	for m.next("or") {
		holds = m.and() || holds
	}
	return holds
}

func (m *matcher) and() bool {
	holds := m.not()
	for m.next("and") {
		holds = m.not() && holds
	}
	return holds
}

func (m *matcher) not() bool {
	switch {
	case m.next("not"):
		return !m.not()
	case m.next("("):
		holds := m.or()
		if !m.next(")") {
			panic("a bracket is not closed")
		}
		return holds
	}
	search := m.searches[m.tokens[0]]
	m.tokens = m.tokens[1:]
	list, ok := search.([]any)
	if !ok {
		list = []any{search}
	}
	for _, items := range list {
		all := true
		for key, value := range items.(map[string]any) {
			all = m.item(key, value) && all
		}
		if all {
			return true
		}
	}
	return false
}

func (m *matcher) item(key string, value any) bool {
	parts := strings.Split(key, "|")
	got, there := m.record[parts[0]]
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	for _, v := range values {
		text := fmt.Sprint(v)
		holds := false
		switch mods := strings.Join(parts[1:], "|"); mods {
		case "":
			want, wild := plain(text)
			holds = v == nil && !there || v != nil && there && (wild && got != "" || !wild && strings.EqualFold(got, want))
		case "re":
			holds = there && regexp.MustCompile(text).MatchString(got)
		case "re|i":
			holds = there && regexp.MustCompile("(?i)"+text).MatchString(got)
		case "contains":
			holds = strings.Contains(strings.ToLower(got), strings.ToLower(text))
		case "startswith":
			holds = strings.HasPrefix(strings.ToLower(got), strings.ToLower(text))
		default:
			panic(mods)
		}
		if holds {
			return true
		}
	}
	return false
}

// matching names the base rules of a text that a record matches.
func matching(t *testing.T, text string, record map[string]string) string {
	t.Helper()
	docs, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range docs {
		if d["detection"] != nil && matches(d, record) {
			names = append(names, d["name"].(string)[len("t1580_burst_"):])
		}
	}
	return strings.Join(names, " ")
}

func TestSelection(t *testing.T) {
	graph := siemtest.Rule(event.AzureGraph)
	graph.Legs[0].Select = &plan.Predicate{Names: []plan.Name{
		{Service: "graph.microsoft.com", API: "get /users"}, {Service: "graph.microsoft.com", API: "get /users/{id}/memberof"},
		{Service: "graph.microsoft.com", API: "get /users/$count"}, {Service: "graph.microsoft.com", API: "post /directoryobjects/getbyids"},
	}}
	denied := siemtest.Rules()["denied"]
	denied.ID = "t1580-burst"
	versions := siemtest.Rule(event.GCPDataAccess)
	versions.Legs[0].Select.NotNames = []plan.Name{{Service: "bigquery.googleapis.com", API: "google.cloud.bigquery.TableDataService.List"}}
	aws := func(fields ...string) map[string]string {
		r := map[string]string{"eventType": "AwsApiCall", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "userIdentity.type": "IAMUser", "sourceIPAddress": "192.0.2.1"}
		for i := 0; i < len(fields); i += 2 {
			if r[fields[i]] = fields[i+1]; fields[i+1] == "" {
				delete(r, fields[i])
			}
		}
		return r
	}
	issuer := "userIdentity.sessionContext.sessionIssuer.arn"
	for _, c := range []struct {
		rule   *siem.Rule
		record map[string]string
		want   string
	}{
		{siemtest.Rule(event.CloudTrailManagement), aws(), "cloudtrail_user"},
		{siemtest.Rule(event.CloudTrailManagement), aws("userIdentity.type", "Root"), "cloudtrail_user"},
		{siemtest.Rule(event.CloudTrailManagement), aws("userIdentity.type", "AssumedRole", issuer, "arn:aws:iam::1:role/x"), "cloudtrail_role"},
		{siemtest.Rule(event.CloudTrailManagement), aws("userIdentity.type", "AssumedRole", issuer, "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x"), "cloudtrail_user"},
		{siemtest.Rule(event.CloudTrailManagement), aws("userIdentity.type", "AWSService"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("userIdentity.invokedBy", "x.amazonaws.com"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("sourceIPAddress", "config.amazonaws.com"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventType", "AwsCloudTrailInsight"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "ListFunctions20150331"), "cloudtrail_user"},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "Listen"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "GetSessionToken"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "GetSessionToken2020_05_31"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "GetFile"), "cloudtrail_user"},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "GetFile", "eventSource", "codecommit.amazonaws.com"), ""},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "GenerateCredentialReport", "eventSource", "iam.amazonaws.com"), "cloudtrail_user"},
		{siemtest.Rule(event.CloudTrailManagement), aws("eventName", "GenerateCredentialReport", "eventSource", "x.amazonaws.com"), ""},
		{denied, aws("errorCode", "AccessDenied"), "cloudtrail_user"},
		{denied, aws("errorCode", "Client.UnauthorizedOperation", "userIdentity.invokedBy", "x.amazonaws.com"), "cloudtrail_user"},
		{denied, aws("errorCode", "NoSuchBucket"), ""},
		{denied, aws(), ""},
		{siemtest.Rule(event.AzureActivity), map[string]string{"OperationNameValue": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "ActivityStatusValue": "Success"}, "activitylogs"},
		{siemtest.Rule(event.AzureActivity), map[string]string{"OperationNameValue": "Microsoft.Storage/storageAccounts/listKeys/action", "ActivityStatusValue": "Start"}, ""},
		{siemtest.Rule(event.AzureActivity), map[string]string{"OperationNameValue": "Microsoft.CostManagement/query/action"}, "activitylogs"},
		{siemtest.Rule(event.AzureActivity), map[string]string{"OperationNameValue": "Microsoft.Other/query/action"}, ""},
		{siemtest.Rule(event.AzureKeyVault), map[string]string{"OperationName": "SecretList"}, "azkvauditlogs"},
		{siemtest.Rule(event.AzureKeyVault), map[string]string{"OperationName": "SecretGet"}, ""},
		{graph, map[string]string{"RequestMethod": "GET", "RequestUri": "https://graph.microsoft.com/v1.0/users?$top=5", "UserId": "0a"}, "microsoftgraphactivitylogs_user"},
		{graph, map[string]string{"RequestMethod": "GET", "RequestUri": "https://graph.microsoft.com/beta/users/1-2/memberOf", "UserId": ""}, "microsoftgraphactivitylogs_app"},
		{graph, map[string]string{"RequestMethod": "GET", "RequestUri": "https://graph.microsoft.com/v1.0/users/$count"}, "microsoftgraphactivitylogs_app"},
		{graph, map[string]string{"RequestMethod": "POST", "RequestUri": "https://graph.microsoft.com/v1.0/users"}, ""},
		{graph, map[string]string{"RequestMethod": "GET", "RequestUri": "https://graph.microsoft.com/v1.0/users/1/messages"}, ""},
		{versions, map[string]string{"data.protoPayload.methodName": "v1.compute.instances.list", "data.protoPayload.serviceName": "compute.googleapis.com"}, "gcp_audit"},
		{versions, map[string]string{"data.protoPayload.methodName": "google.cloud.bigquery.v2.TableDataService.List", "data.protoPayload.serviceName": "bigquery.googleapis.com"}, ""},
		{versions, map[string]string{"data.protoPayload.methodName": "google.cloud.bigquery.v2.TableDataService.List", "data.protoPayload.serviceName": "other.googleapis.com"}, "gcp_audit"},
		{versions, map[string]string{"data.protoPayload.methodName": "storage.buckets.list", "data.protoPayload.authenticationInfo.principalEmail": "service-1@gcp-sa-x.iam.gserviceaccount.com"}, ""},
		{versions, map[string]string{"data.protoPayload.methodName": "storage.buckets.list", "data.protoPayload.authenticationInfo.principalEmail": "x@project.iam.gserviceaccount.com"}, "gcp_audit"},
	} {
		if got := matching(t, compile(t, c.rule).Query, c.record); got != c.want {
			t.Errorf("%v matches %q, want %q", c.record, got, c.want)
		}
	}
}

// TestHostileNames holds that a hostile name matches itself and no more.
func TestHostileNames(t *testing.T) {
	for _, name := range siemtest.Hostile() {
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Legs[0].Select = &plan.Predicate{Names: []plan.Name{{Service: name, API: name}}}
		text := compile(t, r).Query
		record := map[string]string{"eventType": "AwsApiCall", "eventSource": name, "eventName": name}
		if got := matching(t, text, record); got != "cloudtrail_user" {
			t.Errorf("%q does not match itself: %q", name, got)
		}
		for _, other := range []string{name + "x", "x" + name, "x", "xay", ""} {
			if record["eventName"] = other; matching(t, text, record) != "" {
				t.Errorf("%q matches %q", name, other)
			}
		}
	}
}
