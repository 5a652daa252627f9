package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/live"
)

// A test that expects nothing is done when its lines have come.
func TestLiveRunThatExpectsNothing(t *testing.T) {
	dir, logs := t.TempDir(), t.TempDir()
	at := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	record := live.Record{
		Version: live.RecordVersion, ID: "1", UserAgent: "vedette-rehearsal/1", Started: at,
		Calls: []live.Made{{Cloud: "aws", Call: "ec2:DescribeSecurityGroups", Region: "eu-west-1", Time: at, Event: "DescribeSecurityGroups", Log: "cloudtrail.management", Outcome: live.OutcomeOK}},
	}
	if err := writeJSONFile(liveFile(dir, "atomic-t1580-2"), record); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(map[string]any{
		"eventVersion": "1.09", "eventTime": "2026-03-10T09:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeSecurityGroups",
		"eventID": "2f0e5e63-6a3a-4a19-8b0b-0f6f0f6f0001", "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7", "userAgent": "vedette-rehearsal/1",
		"eventCategory": "Management", "readOnly": true, "recipientAccountId": "111122223333",
		"userIdentity": map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/u", "accountId": "111122223333", "userName": "u"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(logs, "a.json"), line, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Main([]string{"rehearse", "verify", "atomic-t1580-2", "--dir", dir, "--live", logs, "--wait", "1s", "--every", "100ms"},
		IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8})
	if code != ExitDone || !strings.Contains(stdout.String(), "lines        1 of 1") || !strings.Contains(stdout.String(), "the test expects none") {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}
