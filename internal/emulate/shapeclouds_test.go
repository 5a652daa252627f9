package emulate

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/tsv"
)

// shapeLogs are captured public logs beside the checkout.
const shapeLogs = "../../../shared/logs/"

//go:embed shape_differences.tsv
var shapeDifferencesTSV string

// TestRecordsHaveTheShapeOfRealOnes holds records of the stand-ins, field by
// field, against captured ones of the same log: which fields are there, of what
// JSON type, and in what form their text is. Every difference stands with its
// reason in shape_differences.tsv; one that does not fails, and so does a row
// that is no difference any more.
func TestRecordsHaveTheShapeOfRealOnes(t *testing.T) {
	if _, err := os.Stat(shapeLogs); err != nil {
		t.Skip("no logs beside the checkout at ../shared/logs")
	}
	meant := map[string]map[string]bool{}
	for _, f := range tsv.Must("emulate/shape_differences.tsv", shapeDifferencesTSV, "log difference reason") {
		if meant[f[0]] == nil {
			meant[f[0]] = map[string]bool{}
		}
		if strings.TrimSpace(f[2]) == "" {
			t.Errorf("%s: %s: no reason", f[0], f[1])
		}
		meant[f[0]][f[1]] = true
	}
	azure, google := recordedAzure(t), recordedGCP(t)
	for _, c := range []struct {
		log      string
		recorded []map[string]any
		file     string
		like     func(r map[string]any) bool
	}{
		{"azure.activity", pick(azure, is("operationName", "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION"), is("resultType", "Start")),
			"azure/elastic__integrations/test-activitylogs-raw.log.selected.jsonl", is("resultType", "Start")},
		{"azure.key_vault", pick(azure, is("operationName", "VaultGet")), "azure/galawin59__azure_security/PT1H.keyvault.redacted.jsonl", is("operationName", "VaultGet")},
		{"azure.storage", pick(azure, is("category", "StorageRead")), "azure/panther-labs__panther-analysis/azure_activity_rules.jsonl", is("category", "StorageWrite")},
		{"azure.graph", pick(azure, is("category", "MicrosoftGraphActivityLogs")), "azure/elastic__integrations/graphactivitylogs.raw.selected.jsonl", is("category", "MicrosoftGraphActivityLogs")},
		{"gcp.data_access", pick(google, func(r map[string]any) bool { return strings.Contains(method(r), "aggregatedList") }),
			"gcp/elastic__integrations/test-audit.log.selected.jsonl", func(r map[string]any) bool { return strings.Contains(method(r), "aggregatedList") }},
		{"gcp.activity", pick(google, func(r map[string]any) bool { return r["operation"] != nil }),
			"gcp/log2timeline__plaso/gcp_logging.jsonl", func(r map[string]any) bool { return strings.HasSuffix(method(r), "compute.instances.insert") }},
	} {
		real := pick(readLines(t, filepath.Join(shapeLogs, c.file)), c.like)
		if len(real) == 0 || len(c.recorded) == 0 {
			t.Errorf("%s: %d real records, %d recorded", c.log, len(real), len(c.recorded))
			continue
		}
		found := differences(kindsOf(c.recorded), kindsOf(real))
		for _, d := range found {
			if !meant[c.log][d] {
				t.Errorf("%s\t%s", c.log, d)
			}
			delete(meant[c.log], d)
		}
	}
	for log, rest := range meant {
		for _, d := range slices.Sorted(maps.Keys(rest)) {
			t.Errorf("no difference any more: %s: %s", log, d)
		}
	}
}

func method(r map[string]any) string { s, _ := at(r, "protoPayload", "methodName").(string); return s }

func is(key, value string) func(map[string]any) bool {
	return func(r map[string]any) bool { return r[key] == value }
}

func pick(recs []map[string]any, like ...func(map[string]any) bool) []map[string]any {
	var out []map[string]any
	for _, r := range recs {
		ok := true
		for _, f := range like {
			ok = ok && f(r)
		}
		if ok {
			out = append(out, r)
		}
	}
	return out
}

// recordedAzure is one record and more of each log of Azure's, by a service
// principal and by a user.
func recordedAzure(t *testing.T) []map[string]any {
	a := rehearsalAzure(t)
	for _, who := range []string{rehearsalOwner, a.Estate.DeviceUser} {
		vault := a.resourceNamed("Microsoft.KeyVault/vaults", "kv-orders")["id"].(string)
		store := a.resourceNamed("Microsoft.Storage/storageAccounts", "orderdocs")["id"].(string)
		a.askAs(who, "GET", "https://management.azure.com"+vault+"?api-version=2024-04-01-preview", "")
		a.askAs(who, "POST", "https://management.azure.com"+store+"/listKeys?api-version=1", "")
		a.askAs(who, "GET", "https://orderdocs.blob.core.windows.net/invoices?restype=container&comp=list", "")
		a.askAs(who, "GET", "https://graph.microsoft.com/v1.0/users", "")
	}
	var out []map[string]any
	for _, recs := range a.lines(t) {
		out = append(out, recs...)
	}
	return out
}

func recordedGCP(t *testing.T) []map[string]any {
	g := rehearsalGCP(t)
	const compute = "https://compute.googleapis.com/compute/v1/projects/atelier-prod-2207/"
	g.call("GET", "token-operator", compute+"aggregated/instances", "")
	g.call("GET", "token-nobody", compute+"aggregated/disks", "")
	g.call("POST", "token-operator", compute+"zones/europe-west1-b/instances/shop-1/setLabels", `{"labels":{"a":"b"}}`)
	var out []map[string]any
	for _, e := range g.entries {
		text, _ := marshal(e)
		var rec map[string]any
		if err := json.Unmarshal(text, &rec); err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

func readLines(t *testing.T, path string) []map[string]any {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for line := range bytes.Lines(body) {
		var rec map[string]any
		if json.Unmarshal(line, &rec) == nil {
			out = append(out, rec)
		}
	}
	return out
}

// shapeOf says of each field of some records, by path, what kinds of value it
// has there.
func kindsOf(recs []map[string]any) map[string]map[string]bool {
	shape := map[string]map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if shape[path] == nil {
			shape[path] = map[string]bool{}
		}
		shape[path][kindOf(v)] = true
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(strings.TrimPrefix(path+"."+k, "."), x)
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		}
	}
	for _, r := range recs {
		walk("", r)
	}
	// What a write asks for differs from method to method.
	maps.DeleteFunc(shape, func(path string, _ map[string]bool) bool {
		return path == "" || strings.HasPrefix(path, "protoPayload.request.") && path != "protoPayload.request.@type"
	})
	return shape
}

var forms = []struct {
	name string
	like *regexp.Regexp
}{
	{"time", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)},
	{"uuid", regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-zA-Z]{4}-[0-9a-zA-Z]{4}-[0-9a-zA-Z]{4}-[0-9a-zA-Z]{11,13}$`)},
	{"digits", regexp.MustCompile(`^\d+$`)},
	{"url", regexp.MustCompile(`^https?://`)},
	{"path", regexp.MustCompile(`^/`)},
	{"e-mail", regexp.MustCompile(`^[^ /@]+@[^ /@]+$`)},
}

// kindOf is the JSON type of a value, and of a string what it looks like.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case string:
		if net.ParseIP(v) != nil {
			return "address"
		}
		if host, _, err := net.SplitHostPort(v); err == nil && net.ParseIP(host) != nil {
			return "address and port"
		}
		for _, f := range forms {
			if f.like.MatchString(v) {
				return f.name
			}
		}
		return "text"
	}
	return fmt.Sprintf("%T", v)
}

// differences are the fields that one side alone has, without what lies below
// them, and those of which the recorded side has a kind that no real one has.
func differences(recorded, real map[string]map[string]bool) []string {
	var out []string
	above := func(in map[string]map[string]bool, path string) bool {
		i := strings.LastIndexAny(strings.TrimSuffix(path, "[]"), ".")
		return i < 0 || in[path[:i]] != nil || in[strings.TrimSuffix(path[:i], "[]")] != nil
	}
	for _, path := range slices.Sorted(maps.Keys(recorded)) {
		if real[path] == nil {
			if above(real, path) && !strings.HasSuffix(path, "[]") {
				out = append(out, path+": only recorded")
			}
			continue
		}
		for _, kind := range slices.Sorted(maps.Keys(recorded[path])) {
			if !real[path][kind] {
				out = append(out, path+": recorded "+kind+", real "+strings.Join(slices.Sorted(maps.Keys(real[path])), " or "))
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(real)) {
		if recorded[path] == nil && above(recorded, path) && !strings.HasSuffix(path, "[]") {
			out = append(out, path+": only real")
		}
	}
	return out
}
