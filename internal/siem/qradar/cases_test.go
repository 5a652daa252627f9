package qradar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/cli"
)

// events are CloudTrail records as QRadar has them: its own fields, and the
// custom properties read from the payload.
func events(t *testing.T, file string) []row {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Records []json.RawMessage }
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var list []row
	set := backend.Fields().Logs["cloudtrail.management"].Set
	for _, raw := range doc.Records {
		var payload bytes.Buffer
		var record map[string]any
		if json.Compact(&payload, raw) != nil || json.Unmarshal(raw, &record) != nil {
			continue
		}
		text, _ := record["eventTime"].(string)
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			continue
		}
		r := row{"devicetype": int64(347), "devicetime": when.UnixMilli(), "eventcount": int64(1)}
		for key, expr := range set {
			how, name, _ := strings.Cut(key, " ")
			switch how {
			case "json":
				var v any = record
				for _, step := range strings.Split(strings.Trim(expr, `/"`), `"/"`) {
					m, _ := v.(map[string]any)
					v = m[step]
				}
				if s, ok := v.(string); ok {
					r[name] = s
				}
			case "regex":
				if m := expression(expr).FindStringSubmatch(payload.String()); m != nil {
					r[name] = m[1]
				}
			}
		}
		list = append(list, r)
	}
	return list
}

func program(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(args, cli.IO{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
	if code != cli.ExitDone && code != cli.ExitLost {
		t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
	}
	return out.String()
}

// result is what a row of the query and one of the engine have in common.
type result struct {
	Time, Identity, Account                string
	Events, APIs, Regions, Addresses, Risk int64
	First, Last                            string
}

// TestCases runs compiled queries over the cases and compares the rows with
// the engine's. Both readings of everything that the guide leaves open must
// give them.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("../../../testdata/cases/*/case.yaml")
	if err != nil || len(dirs) < 30 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	options := map[string][2][]string{ // to compile, to scan
		"principal": {nil, {"--rows", "--window", "tumbling"}},
		"session":   {{"--identity", "session"}, {"--rows", "--window", "tumbling", "--identity", "session"}},
		"records":   {{"--no-dedup"}, {"--rows", "--window", "tumbling", "--no-dedup"}},
		"services":  {{"--include-services"}, {"--rows", "--window", "tumbling", "--include-services"}},
		"seed":      {{"--profile", "seed"}, {"--profile", "seed"}},
	}
	compiled := map[string]*aql{}
	fired := 0
	for _, file := range dirs {
		dir := filepath.Dir(file)
		meta, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		approximate := regexp.MustCompile(`(?m)^approximate: .*\bqradar\b`).Match(meta)
		detection := "T1580"
		if m := regexp.MustCompile(`(?m)^detection: (\S+)`).FindSubmatch(meta); m != nil {
			detection = string(m[1])
		}
		calls := events(t, dir+"/events.json")
		for name, args := range options {
			if approximate || detection != "T1580" && name == "seed" || name == "session" && sharedKeys(calls) {
				continue
			}
			key := detection + " " + name
			if compiled[key] == nil {
				text := program(t, append([]string{"compile", detection, "--target", "qradar"}, args[0]...)...)
				if compiled[key], err = read(text); err != nil {
					t.Fatalf("%s: %v\n%s", key, err, text)
				}
			}
			scan := append([]string{"scan", dir + "/events.json", "-f", "json", "-q"}, args[1]...)
			if detection != "T1580" {
				scan = append(scan, "--detection", dir+"/detection.yaml")
			}
			want := engine(t, program(t, scan...))
			fired += len(want)
			for i, how := range readings {
				if d := cmp.Diff(want, results(how.run(compiled[key], calls))); d != "" {
					t.Errorf("%s, %s, reading %d (-engine +query):\n%s", filepath.Base(dir), name, i, d)
					break
				}
			}
		}
	}
	if fired < 50 {
		t.Errorf("%d rows are no test", fired)
	}
}

// sharedKeys reports whether one access key is of two callers: the engine
// keeps their sessions apart. No key of AWS is.
func sharedKeys(calls []row) bool {
	of := map[any]any{}
	for _, r := range calls {
		key, who := r["AWS Access Key"], r["AWS Identity ARN"]
		if other, ok := of[key]; ok && key != nil && other != who {
			return true
		}
		of[key] = who
	}
	return false
}

func engine(t *testing.T, text string) []result {
	t.Helper()
	var rows []struct {
		TimeGenerated, Identity, AccountId, FirstSeen, LastSeen  string
		DiscoveryCount, DistinctAPIs, DistinctRegions, RiskScore int64
		SourceIPs                                                []string
	}
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatal(err)
	}
	plain := func(s string) string { // fractions of a second are not shown
		s = strings.NewReplacer("T", " ", "Z", "").Replace(s)
		return s[:min(len(s), len("2006-01-02 15:04:05"))]
	}
	var list []result
	for _, r := range rows {
		list = append(list, result{plain(r.TimeGenerated), r.Identity, r.AccountId, r.DiscoveryCount, r.DistinctAPIs, r.DistinctRegions,
			int64(len(r.SourceIPs)), r.RiskScore, plain(r.FirstSeen), plain(r.LastSeen)})
	}
	return inOrder(list)
}

func results(rows []row) []result {
	text := func(v any) string { s, _ := v.(string); return s }
	number := func(v any) int64 { n, _ := v.(int64); return n }
	var list []result
	for _, r := range rows {
		list = append(list, result{text(r["TimeGenerated"]), text(r["Identity"]), text(r["AccountId"]), number(r["DiscoveryCount"]), number(r["DistinctAPIs"]),
			number(r["DistinctRegions"]), min(number(r["DistinctAddresses"]), 10), number(r["RiskScore"]), text(r["FirstSeen"]), text(r["LastSeen"])})
	}
	return inOrder(list)
}

func inOrder(list []result) []result {
	slices.SortFunc(list, func(a, b result) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}
