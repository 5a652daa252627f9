package emulate

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// realOf returns the captured records of a cloud, or skips the test.
func realOf(t *testing.T, cloud string, is func(map[string]any) bool, atLeast int) []map[string]any {
	t.Helper()
	root := filepath.Join(realLogs, cloud)
	if _, err := os.Stat(root); err != nil {
		t.Skip("no real logs at ../shared/logs beside the checkout")
	}
	recs := documents(t, root, is)
	if len(recs) < atLeast {
		t.Fatalf("only %d records in %s: is this test still looking at the right thing?", len(recs), root)
	}
	return recs
}

func isGCPAudit(r map[string]any) bool {
	p, ok := r["protoPayload"].(map[string]any)
	_, named := r["logName"].(string)
	return ok && named && p["methodName"] != nil
}

// The captured Google records are few: a method is held against the same
// method of any version of its API, and everything but request, response and
// labels against all of them.
var gcpComparison = comparison{
	kind: func(r map[string]any) string {
		return regexp.MustCompile(`^(v\d+|beta|alpha)\.`).ReplaceAllString(textAt(r, "protoPayload.methodName"), "")
	},
	general:  regexp.MustCompile(`^(?:[a-zA-Z]*|operation\..*|resource\.type|resource\.labels(\.project_id)?|protoPayload\.(?:[a-zA-Z@]+|authorizationInfo\[\].*|requestMetadata\..*|resourceLocation\..*|status\..*|request\.@type|response\.@type))$`),
	callers:  "protoPayload.authenticationInfo",
	caller:   func(map[string]any) string { return "" },
	optional: regexp.MustCompile(`^(?:severity|protoPayload\.(?:status|response|request).*)$`),
	formats:  []string{"timestamp", "receiveTimestamp", "protoPayload.requestMetadata.callerIp"},
}

func TestGoogleRecordsHaveTheShapeOfCapturedOnes(t *testing.T) {
	got, _ := gcpComparison.differences(documents(t, "../../examples/gcp", isGCPAudit), realOf(t, "gcp", isGCPAudit, 20))
	hold(t, got, meantInGoogle)
}

func isAzureRecord(r map[string]any) bool {
	_, category := r["category"].(string)
	_, op := r["operationName"].(string)
	_, at := r["time"].(string)
	return category && op && at
}

// The captured Azure records are few too: each is held against those of its
// category.
var azureComparison = comparison{
	kind:     func(r map[string]any) string { return r["category"].(string) },
	general:  regexp.MustCompile(`^$`),
	callers:  "identity.claims",
	caller:   func(map[string]any) string { return "" },
	optional: regexp.MustCompile(`^(?:identity|properties).*$`),
	formats:  []string{"time", "correlationId", "callerIpAddress"},
}

func TestAzureRecordsHaveTheShapeOfCapturedOnes(t *testing.T) {
	got, held := azureComparison.differences(documents(t, "../../examples/azure", isAzureRecord), realOf(t, "azure", isAzureRecord, 5))
	if held < 2 {
		t.Errorf("only %d categories are in both", held)
	}
	hold(t, got, meantInAzure)
}
