package emulate

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const samples = "../../examples"

// sampleFiles returns the recorded files of one cloud, unpacked, by path.
func sampleFiles(t *testing.T, cloud string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(filepath.Join(samples, cloud), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(p)
		if err == nil && strings.HasSuffix(p, ".gz") {
			body, err = gunzipped(body)
		}
		out[filepath.ToSlash(p)] = body
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no samples of %s", cloud)
	}
	return out
}

// sampleLines reads files of JSON lines.
func sampleLines(t *testing.T, cloud string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for p, body := range sampleFiles(t, cloud) {
		for line := range bytes.Lines(body) {
			var rec map[string]any
			if err := json.Unmarshal(line, &rec); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			out = append(out, rec)
		}
	}
	return out
}

func at(v any, path ...string) any {
	for _, k := range path {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func TestSampleTrailIsWellFormed(t *testing.T) {
	seen := map[string][]string{}
	objects, digests := 0, 0
	for p, body := range sampleFiles(t, "aws") {
		var doc struct {
			Records  []map[string]any
			LogFiles []map[string]any
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if strings.Contains(p, "/CloudTrail-Digest/") {
			digests++
			if len(doc.LogFiles) == 0 {
				t.Errorf("%s names no file", p)
			}
			continue
		}
		objects++
		for _, r := range doc.Records {
			id, _ := r["eventID"].(string)
			seen[id] = append(seen[id], p)
			for _, k := range []string{"eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "eventType", "recipientAccountId", "eventCategory"} {
				if s, _ := r[k].(string); s == "" {
					t.Errorf("%s: %s: no %s", p, id, k)
				}
			}
			if at(r, "userIdentity", "type") == nil || r["managementEvent"] != true || r["recipientAccountId"] != "111122223333" {
				t.Errorf("%s: %s: %v", p, id, r["userIdentity"])
			}
			if name := r["eventName"]; name == "HeadBucket" || name == "ListObjects" || name == "ListFunctions" {
				t.Errorf("%s: %v is not logged so by default", p, name)
			}
		}
	}
	twice := 0
	for _, in := range seen {
		if len(in) > 1 {
			twice++
		}
	}
	if objects < 8 || digests != 1 || twice < 10 || len(seen) < 80 {
		t.Errorf("%d objects, %d digests, %d events of which %d twice", objects, digests, len(seen), twice)
	}
}

func TestSampleAzureHoldsNoReads(t *testing.T) {
	kinds := map[string]int{}
	for _, r := range sampleLines(t, "azure") {
		category, _ := r["category"].(string)
		kinds[category]++
		op, _ := r["operationName"].(string)
		if strings.HasSuffix(strings.ToLower(op), "/read") {
			t.Errorf("%s is in no log", op)
		}
		if r["time"] == nil || r["callerIpAddress"] == nil || r["correlationId"] == nil || r["resourceId"] == nil {
			t.Errorf("%v", r)
		}
		if uri, _ := at(r, "properties", "requestUri").(string); category == "AuditEvent" && !strings.Contains(uri, "kv-shop") {
			t.Errorf("a vault without a diagnostic setting: %s", uri)
		}
	}
	if kinds["Administrative"] < 10 || kinds["AuditEvent"] < 3 || kinds["MicrosoftGraphActivityLogs"] < 3 {
		t.Errorf("%v", kinds)
	}
}

func TestSampleGCPHoldsWhatIsSwitchedOn(t *testing.T) {
	logs := map[string]int{}
	nameless := 0
	for _, r := range sampleLines(t, "gcp") {
		name, _ := r["logName"].(string)
		log := name[strings.LastIndex(name, "%2F")+3:]
		logs[log]++
		service, _ := at(r, "protoPayload", "serviceName").(string)
		if log == "data_access" && !slices.Contains([]string{"compute.googleapis.com", "iam.googleapis.com"}, service) {
			t.Errorf("Data Access of %s is off", service)
		}
		if at(r, "protoPayload", "authenticationInfo", "principalEmail") == nil {
			nameless++
			if at(r, "protoPayload", "status", "code") != 7.0 {
				t.Errorf("no name on what was not denied: %v", r)
			}
		}
		if r["insertId"] == nil || r["timestamp"] == nil || at(r, "protoPayload", "methodName") == nil {
			t.Errorf("%v", r)
		}
	}
	if logs["data_access"] < 15 || logs["activity"] != 2 || nameless < 5 {
		t.Errorf("%v, %d without a name", logs, nameless)
	}
}

var (
	secretField = regexp.MustCompile(`(?i)"[a-z]*(secretAccessKey|secretkey|secretvalue|sessionToken|password|privateKey|masterKey|primaryKey|access_token|refresh_token)"\s*:\s*"[^"]`)
	address     = regexp.MustCompile(`"(?:sourceIPAddress|callerIpAddress|ipAddress|ipaddr|callerIp)":"([^"]+)"`)
	kernelToken = regexp.MustCompile(`(?i)(?:linux[#/ -]|client-os-ver/)(\d+\.\d+[^ ;)-]*)`)
	bareToken   = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.`)
)

// TestSamplesGiveNothingAway looks for secrets, for addresses that may be
// somebody's, and for traces of the machine that recorded.
func TestSamplesGiveNothingAway(t *testing.T) {
	documentation := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24")}
	kernels := 0
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		for p, body := range sampleFiles(t, cloud) {
			if m := secretField.Find(body); m != nil {
				t.Errorf("%s: %s", p, m)
			}
			if m := bareToken.Find(body); m != nil {
				t.Errorf("%s: a token: %s", p, m)
			}
			for _, m := range address.FindAllSubmatch(body, -1) {
				ip, err := netip.ParseAddr(string(m[1]))
				if err != nil || !slices.ContainsFunc(documentation, func(n netip.Prefix) bool { return n.Contains(ip) }) {
					t.Errorf("%s: address %s", p, m[1])
				}
			}
			for _, m := range kernelToken.FindAllSubmatch(body, -1) {
				kernels++
				if string(m[1]) != "6.8.0" {
					t.Errorf("%s: kernel %s", p, m[1])
				}
			}
		}
	}
	if kernels < 100 {
		t.Errorf("only %d user agents name a kernel: is this test still looking at the right thing?", kernels)
	}
}

func TestSamplesStaySmall(t *testing.T) {
	var total int64
	err := filepath.WalkDir(samples, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if total > 300_000 {
		t.Errorf("the samples weigh %d bytes", total)
	}
}
