package scan

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/detection"
	"vedette/internal/finding"
)

// invictus is a public set of CloudTrail files of one hour of attacks
// (invictus-ir/aws_dataset), kept beside the checkout.
func invictus(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "logs", "aws", "invictus-ir__aws_dataset", "CloudTrail")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real logs are not beside the checkout:", err)
	}
	return dir
}

func seedRows(t *testing.T, paths ...string) []finding.Row {
	t.Helper()
	opts := options(t, paths...)
	profile, err := detection.LoadSeedProfile()
	if err != nil {
		t.Fatal(err)
	}
	opts.Seed = profile
	return run(t, opts).Rows
}

// TestStatement46_SeedProfileOnRealLogs: the seed's four rows, in its order,
// and each as a plain evaluation of the query over the raw records gives it.
func TestStatement46_SeedProfileOnRealLogs(t *testing.T) {
	dir := invictus(t)
	rows := seedRows(t, dir)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%d/%d/%d", r.DiscoveryCount, r.DistinctAPIs, r.RiskScore))
	}
	if want := "297/13/90 142/20/90 33/11/70 26/4/50"; strings.Join(got, " ") != want {
		t.Fatalf("rows %s, want %s", strings.Join(got, " "), want)
	}
	checkSeed(t, rows, evaluateSeed(t, dir))
}

// evaluateSeed is the query for AWS done over again, by the plainest means:
// encoding/json, maps, and the names as the profile lists them.
func evaluateSeed(t *testing.T, dir string) []finding.Row {
	t.Helper()
	profile, err := detection.LoadSeedProfile()
	if err != nil {
		t.Fatal(err)
	}
	type key struct{ identity, account, bin string }
	type row struct {
		finding.Row
		regions []string
	}
	table := map[key]*row{}
	put := func(list []string, s string) []string {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
		return list
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var file struct{ Records []map[string]any }
		if err := json.Unmarshal(data, &file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, r := range file.Records {
			text := func(m map[string]any, k string) string { s, _ := m[k].(string); return s }
			who, _ := r["userIdentity"].(map[string]any)
			arn, name := text(who, "arn"), text(r, "eventName")
			if arn == "" || !slices.Contains(profile.AWS.Names, name) {
				continue
			}
			at, err := time.Parse(time.RFC3339, text(r, "eventTime"))
			if err != nil {
				return err
			}
			k := key{arn, text(who, "accountId"), at.Truncate(15 * time.Minute).UTC().Format(time.RFC3339)}
			x := table[k]
			if x == nil {
				x = &row{Row: finding.Row{TimeGenerated: k.bin, CloudProvider: "AWS", Identity: k.identity, AccountID: k.account, FirstSeen: "9999"}}
				table[k] = x
			}
			x.DiscoveryCount++
			x.APIList = put(x.APIList, name)
			x.SourceIPs = put(x.SourceIPs, text(r, "sourceIPAddress"))
			x.regions = put(x.regions, text(r, "awsRegion"))
			stamp := at.UTC().Format(time.RFC3339)
			x.FirstSeen, x.LastSeen = min(x.FirstSeen, stamp), max(x.LastSeen, stamp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []finding.Row
	for _, x := range table {
		x.DistinctAPIs, x.DistinctRegions = len(x.APIList), len(x.regions)
		n, a := x.DiscoveryCount, x.DistinctAPIs
		if n < 10 && a < 5 {
			continue
		}
		switch {
		case n >= 50 && a >= 10:
			x.RiskScore = 90
		case n >= 20 && a >= 7:
			x.RiskScore = 70
		default:
			x.RiskScore = 50
		}
		slices.Sort(x.APIList)
		slices.Sort(x.SourceIPs)
		x.APIList, x.SourceIPs = x.APIList[:min(50, len(x.APIList))], x.SourceIPs[:min(10, len(x.SourceIPs))]
		out = append(out, x.Row)
	}
	slices.SortFunc(out, func(a, b finding.Row) int {
		for _, c := range []int{b.RiskScore - a.RiskScore, b.DiscoveryCount - a.DiscoveryCount, strings.Compare(a.Identity, b.Identity),
			strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.TimeGenerated, b.TimeGenerated)} {
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func checkSeed(t *testing.T, got, want []finding.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if g, w := fmt.Sprintf("%+v", got[i]), fmt.Sprintf("%+v", want[i]); g != w {
			t.Errorf("row %d:\n%s\nwant\n%s", i, g, w)
		}
	}
}

// TestStatement46_SeedProfileOnMadeSets: the same on sets with copies, case
// variants, callers without an ARN, ties, and bursts across a bin's edge.
func TestStatement46_SeedProfileOnMadeSets(t *testing.T) {
	total := 0
	for set := range 20 {
		var calls []call
		for i := range 150 {
			names := []string{"DescribeInstances", "describeinstances", "ListBuckets", "ListUsers", "ListRoles", "DescribeVpcs", "GetBucketAcl", "ListTables", "GetObject"}
			c := call{
				At: time.Duration((i*i*7+set*131)%1900) * time.Second, Source: "x.amazonaws.com", Name: names[(i*5+set)%len(names)], ID: uuid(i % 120),
				User: []string{"ada", "bob", "", "Ada"}[(i+set)%4], Account: []string{"111122223333", "444455556666"}[i/3%2],
				IP: fmt.Sprintf("198.51.100.%d", (i*set)%17), Region: []string{"eu-west-1", "us-east-1", "EU-WEST-1"}[i%3], Code: []string{"", "AccessDenied"}[i%2],
			}
			calls = append(calls, c)
		}
		dir := folder(t, map[string]string{"a.json": trail(texts(calls[:70])...), "b.json": trail(texts(calls[70:])...)})
		rows := seedRows(t, dir)
		total += len(rows)
		checkSeed(t, rows, evaluateSeed(t, dir))
	}
	if total < 40 {
		t.Errorf("only %d rows in all sets: they show little", total)
	}
}

// actorOf returns the findings whose actor's name ends in name.
func actorOf(res *Result, name string) []finding.Finding {
	var out []finding.Finding
	for _, f := range res.Report.Findings {
		if strings.HasSuffix(f.Actor.ID, "/"+name) {
			out = append(out, f)
		}
	}
	return out
}

// TestDeniedRolesOnRealLogs: the two roles that were refused everything have
// a finding each, with the chain to the user who assumed them, and that
// user's own finding stands apart.
func TestDeniedRolesOnRealLogs(t *testing.T) {
	res := run(t, options(t, invictus(t)))
	if res.Lost() {
		t.Errorf("problems: %v", res.Report.Summary.Problems)
	}
	counts(t, res, 2900, 2900, 0, 0)
	for _, want := range []struct {
		role, api string
		denied    int
		within    time.Duration
	}{
		{"get-password-data", "GetPasswordData", 29, 3 * time.Second},
		{"get-usr-data-role", "DescribeInstanceAttribute", 15, 2 * time.Second},
	} {
		found := actorOf(res, want.role)
		if len(found) == 0 {
			// Role names carry a suffix that the tool made.
			for _, f := range res.Report.Findings {
				if strings.Contains(f.Actor.ID, want.role) {
					found = append(found, f)
				}
			}
		}
		if len(found) != 1 {
			t.Errorf("%s: %d findings among %v", want.role, len(found), verdicts(res))
			continue
		}
		f := found[0]
		if f.Actor.Kind != "aws_role" && !strings.Contains(f.Actor.ID, ":role/") {
			t.Errorf("%s: the actor is %+v", want.role, f.Actor)
		}
		if f.Outcomes.Denied < want.denied {
			t.Errorf("%s: %d denied", want.role, f.Outcomes.Denied)
		}
		denied := 0
		for _, a := range f.APIs {
			if a.Name == want.api {
				denied = a.Outcomes.Denied
			}
		}
		if denied != want.denied {
			t.Errorf("%s: %d refused %s, want %d", want.role, denied, want.api, want.denied)
		}
		var first, last string
		for _, e := range f.Evidence {
			if e.Operation == want.api {
				if first == "" || e.Time < first {
					first = e.Time
				}
				last = max(last, e.Time)
			}
		}
		a, err1 := time.Parse(time.RFC3339Nano, first)
		b, err2 := time.Parse(time.RFC3339Nano, last)
		if err1 != nil || err2 != nil || b.Sub(a) > want.within {
			t.Errorf("%s: %s from %s to %s", want.role, want.api, first, last)
		}
		if f.Origin == nil || !strings.HasSuffix(f.Origin.ID, ":user/bert-jan") || len(f.Chain) == 0 || !strings.HasSuffix(f.Chain[0].From, ":user/bert-jan") {
			t.Errorf("%s: origin %+v, chain %+v", want.role, f.Origin, f.Chain)
		}
	}
	own := actorOf(res, "bert-jan")
	if len(own) == 0 {
		t.Fatalf("the operator has no finding of his own: %v", verdicts(res))
	}
	for _, f := range own {
		for _, a := range f.APIs {
			if a.Name == "GetPasswordData" && a.Outcomes.Denied > 0 {
				t.Errorf("the role's calls are in the operator's own finding: %+v", a)
			}
		}
	}
}

// TestStatement18_ClientSettableFieldsOnRealLogs rewrites every user agent
// and every session name of the real set.
func TestStatement18_ClientSettableFieldsOnRealLogs(t *testing.T) {
	dir := invictus(t)
	want := strings.Join(verdicts(run(t, options(t, dir))), "\n")
	for _, agent := range []string{"AWS Internal", "cloudformation.amazonaws.com"} {
		files := map[string]string{}
		n := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var file struct{ Records []map[string]any }
			if err := json.Unmarshal(data, &file); err != nil {
				return err
			}
			for _, r := range file.Records {
				r["userAgent"] = agent
				n += renameSession(r)
			}
			b, err := json.Marshal(file)
			files[d.Name()] = string(b)
			return err
		})
		if err != nil || n == 0 {
			t.Fatalf("%d sessions renamed, %v", n, err)
		}
		if got := strings.Join(verdicts(run(t, options(t, folder(t, files)))), "\n"); got != want {
			t.Errorf("agent %q:\n%s\nwant\n%s", agent, got, want)
		}
	}
}

// renameSession gives the sessions in a record one name, but for those whose
// name the provider sets.
func renameSession(r map[string]any) int {
	const name = "renamed"
	swap := func(m map[string]any, k, sep string) int {
		s, ok := m[k].(string)
		if i := strings.LastIndex(s, sep); ok && i >= 0 {
			m[k] = s[:i] + sep + name
			return 1
		}
		return 0
	}
	n := 0
	if who, ok := r["userIdentity"].(map[string]any); ok && who["type"] == "AssumedRole" {
		if arn, _ := who["arn"].(string); !strings.Contains(arn, "AWSReservedSSO_") {
			n += swap(who, "arn", "/")
			swap(who, "principalId", ":")
		}
	}
	if p, ok := r["requestParameters"].(map[string]any); ok && p["roleSessionName"] != nil {
		p["roleSessionName"] = name
	}
	if p, ok := r["responseElements"].(map[string]any); ok {
		if u, ok := p["assumedRoleUser"].(map[string]any); ok {
			swap(u, "arn", "/")
			swap(u, "assumedRoleId", ":")
		}
	}
	return n
}
