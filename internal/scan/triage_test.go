package scan

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/finding"
	"vedette/internal/history"
)

// raw are the records of the real set.
func raw(t *testing.T, dir string) []map[string]any {
	t.Helper()
	var all []map[string]any
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
		all = append(all, file.Records...)
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	return all
}

// scanRaw scans records as one file.
func scanRaw(t *testing.T, records []map[string]any) *Result {
	t.Helper()
	data, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return scanText(t, string(data))
}

// reasons writes a judgement in short.
func reasons(f *finding.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s:", f.Priority, f.Level, f.Actor.Name)
	for _, r := range f.Reasons {
		fmt.Fprintf(&b, " %s%+d", r.Factor, r.Points)
	}
	return b.String()
}

// TestStatement7_9_DeniedRolesFirst: on the real set the two roles whose calls
// were all refused stand first, at high, also when every client says that it is
// one and the same; the operator stands below, with nothing above low but what
// names an event that followed; the sweep over buckets is named as one.
func TestStatement7_9_DeniedRolesFirst(t *testing.T) {
	records := raw(t, invictus(t))
	for _, agent := range []string{"", "Boto3/1.26.165 Python/3.11.4 Linux/5.15 Botocore/1.29.165"} {
		for _, r := range records {
			if agent != "" {
				r["userAgent"] = agent
			}
		}
		res := scanRaw(t, records)
		found := res.Report.Findings
		for i := range found {
			t.Log(reasons(&found[i]))
		}
		if len(found) < 4 {
			t.Fatalf("%d findings", len(found))
		}
		for i, name := range []string{"stratus-red-team-ec2-get-password-data-role", "stratus-red-team-get-usr-data-role"} {
			if f := &found[i]; f.Actor.Name != name || f.Level != "high" {
				t.Errorf("number %d is %s, want %s at high", i+1, reasons(f), name)
			}
		}
		operator := actorOf(res, "bert-jan")[0]
		if operator.Priority >= found[1].Priority {
			t.Errorf("the operator stands with the intruders: %s", reasons(&operator))
		}
		plain := 0
		for _, r := range operator.Reasons {
			if !strings.HasPrefix(r.Factor, "follow_") {
				plain += r.Points
			} else if !strings.Contains(r.Text, " at ") {
				t.Errorf("%s names no event: %s", r.Factor, r.Text)
			}
		}
		if plain >= 35 {
			t.Errorf("the operator's breadth and volume come to %d: %s", plain, reasons(&operator))
		}
		benjamin := actorOf(res, "benjamin")[0]
		said := false
		for _, r := range benjamin.Reasons {
			said = said || strings.Contains(r.Text, "a sweep over 8 resources")
		}
		if !said || benjamin.Priority >= 60 {
			t.Errorf("the sweep over eight buckets: %s", reasons(&benjamin))
		}
	}
}

// TestStatement8_17_TerraformAndConsoleAreLow: what Terraform did and what the
// console did in the real set, each cut out, come to low at most, though the
// original query gives them 90.
func TestStatement8_17_TerraformAndConsoleAreLow(t *testing.T) {
	records := raw(t, invictus(t))
	for name, is := range map[string]func(agent, console string) bool{
		"terraform": func(agent, _ string) bool { return strings.Contains(agent, "Terraform/") },
		"console": func(agent, console string) bool {
			return console == "true" || strings.Contains(agent, "S3Console") || strings.HasPrefix(agent, "Mozilla") || strings.HasPrefix(agent, "AWS Internal")
		},
	} {
		var cut []map[string]any
		for _, r := range records {
			agent, _ := r["userAgent"].(string)
			console, _ := r["sessionCredentialFromConsole"].(string)
			if is(agent, console) {
				cut = append(cut, r)
			}
		}
		res := scanRaw(t, cut)
		if len(cut) == 0 || len(res.Report.Findings) == 0 {
			t.Fatalf("%s: %d records, %d findings", name, len(cut), len(res.Report.Findings))
		}
		for i := range res.Report.Findings {
			f := &res.Report.Findings[i]
			t.Log(name, reasons(f))
			if f.Level != "low" && f.Level != "informational" {
				t.Errorf("%s: %s", name, reasons(f))
			}
		}
	}
}

// TestRealSetsInOrder: brute force that was refused is medium or higher, the
// polling of one API low, in the recorded detonations of Stratus Red Team.
func TestRealSetsInOrder(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "logs", "aws", "DataDog__stratus-red-team")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real logs are not beside the checkout:", err)
	}
	res := run(t, options(t, dir))
	denied, polling := 0, 0
	for i := range res.Report.Findings {
		f := &res.Report.Findings[i]
		t.Log(reasons(f))
		switch {
		case f.Outcomes.Denied == f.Events:
			denied++
			if f.Priority < 35 {
				t.Errorf("refused brute force: %s", reasons(f))
			}
		case f.DistinctAPIs == 1 && f.Outcomes.Denied == 0:
			polling++
			if f.Priority >= 35 {
				t.Errorf("polling of one API: %s", reasons(f))
			}
		}
	}
	if denied == 0 || polling == 0 {
		t.Errorf("%d refused, %d polling", denied, polling)
	}
}

// TestLearningOnItselfChangesNothing: a baseline of the attack's own trail is
// cut at its first day, and no priority changes.
func TestLearningOnItselfChangesNothing(t *testing.T) {
	dir := invictus(t)
	opts := options(t, dir)
	opts.Engine.Learn = true
	first := run(t, opts)
	h, profiles := history.Learn(nil, first.Profiles, 90, nil)
	if h.Profiles == 0 {
		t.Fatal("nothing was learned")
	}
	opts = options(t, dir)
	opts.Engine.Baseline = written(t, h, profiles)
	again := run(t, opts)
	if a, b := findings(t, first), findings(t, again); a != b {
		t.Error("findings with a baseline of the same trail differ from those without")
	}
	if len(again.Report.Summary.Notes) == 0 {
		t.Error("nothing is said of the baseline that overlaps")
	}
}

func written(t *testing.T, h *history.Header, profiles iter.Seq[*history.Profile]) *history.Baseline {
	t.Helper()
	var b strings.Builder
	if err := history.Write(&b, h, profiles, true); err != nil {
		t.Fatal(err)
	}
	base, err := history.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// usual is a fortnight of the same few reads, some a day.
func usual(like call) []call {
	var all []call
	for day := 14; day > 0; day-- {
		like.At = -time.Duration(day) * 24 * time.Hour
		all = append(all, burst(100000+day*10, 4, 2, time.Hour, like)...)
	}
	return all
}

// TestStatement41_History: without history nothing is said of what is new;
// with a fortnight of it what is new is said, and what was always done weighs
// less; a baseline file does as the trail's own earlier days do; what fired is
// not learned.
func TestStatement41_History(t *testing.T) {
	attack := burst(0, 24, 12, time.Second, call{User: "ada", IP: "203.0.113.9", Agent: "Boto3/1.34"})
	cold := scanCalls(t, attack).Report.Findings[0]
	before := usual(call{User: "ada"})
	own := scanCalls(t, join(before, attack)).Report.Findings[0]
	factor := func(f *finding.Finding, name string) (points int, text string) {
		for _, r := range f.Reasons {
			if r.Factor == name {
				return r.Points, r.Text
			}
		}
		return 0, ""
	}
	if _, text := factor(&cold, "cold_start"); text == "" {
		t.Errorf("no cold start is declared: %s", reasons(&cold))
	}
	for _, name := range []string{"new_apis", "new_services", "new_network"} {
		if p, _ := factor(&cold, name); p != 0 {
			t.Errorf("without history %s says something: %s", name, reasons(&cold))
		}
		if p, _ := factor(&own, name); p <= 0 {
			t.Errorf("with a fortnight of history %s says nothing: %s", name, reasons(&own))
		}
	}
	if own.Priority <= cold.Priority {
		t.Errorf("%s is not above %s", reasons(&own), reasons(&cold))
	}

	// The same from a baseline.
	learn := func(calls []call) *history.Baseline {
		opts := options(t, folder(t, map[string]string{"log.json": lines(calls)}))
		opts.Engine.Learn = true
		h, profiles := history.Learn(nil, run(t, opts).Profiles, 90, nil)
		return written(t, h, profiles)
	}
	opts := options(t, folder(t, map[string]string{"log.json": lines(attack)}))
	opts.Engine.Baseline = learn(before)
	based := run(t, opts).Report.Findings[0]
	if reasons(&based) != reasons(&own) {
		t.Errorf("from a baseline: %s\nfrom the trail: %s", reasons(&based), reasons(&own))
	}

	// A burst that fired the day before is not learned: what it did stays new.
	yesterday := burst(50000, 24, 12, time.Second, call{User: "ada", IP: "203.0.113.9", Agent: "Boto3/1.34", At: -24 * time.Hour})
	opts = options(t, folder(t, map[string]string{"log.json": lines(attack)}))
	opts.Engine.Baseline = learn(join(before, yesterday))
	again := run(t, opts).Report.Findings[0]
	for _, name := range []string{"new_apis", "new_network"} {
		a, _ := factor(&again, name)
		b, _ := factor(&own, name)
		if a != b {
			t.Errorf("%s is %d after a burst that fired, %d before: %s", name, a, b, reasons(&again))
		}
	}

	// A caller without history of its own is compared with its account.
	opts = options(t, folder(t, map[string]string{"log.json": lines(burst(0, 24, 12, time.Second, call{User: "eve"}))}))
	opts.Engine.Baseline = learn(before)
	other := run(t, opts).Report.Findings[0]
	if _, text := factor(&other, "new_apis"); !strings.Contains(text, "this account") {
		t.Errorf("a caller that is new: %q", text)
	}
}

// TestStatement27_Poller: one read every ninety seconds for a day is low at
// most.
func TestStatement27_Poller(t *testing.T) {
	res := scanCalls(t, burst(0, 960, 1, 90*time.Second, call{Role: "poller", Session: "s"}))
	for i := range res.Report.Findings {
		if f := &res.Report.Findings[i]; f.Priority >= 35 {
			t.Error(reasons(f))
		}
	}
	if len(res.Report.Findings) > 1 {
		t.Errorf("%d findings", len(res.Report.Findings))
	}
}

// TestForeignSliceRanksAsAlone: thirty calls of a thief amid nine hundred of
// the user, and amid four hundred sessions of a role, have the priority that
// they have alone, give or take five.
func TestForeignSliceRanksAsAlone(t *testing.T) {
	user := scanCalls(t, foreign(call{User: "ada"})).Report.Findings[0]
	amid := scanCalls(t, join(burst(0, 900, 4, time.Second, call{User: "ada"}), foreign(call{User: "ada"}))).Report.Findings[0]
	near := func(what string, alone, amid *finding.Finding) {
		t.Log(what, reasons(alone), "|", amid.Judgement.Slice, reasons(amid))
		if d := amid.Priority - alone.Priority; d < -5 || d > 5 {
			t.Errorf("%s: %d alone, %d amid others", what, alone.Priority, amid.Priority)
		}
	}
	near("user", &user, &amid)

	// Amid what the owner builds, too: the deployment's changes excuse its own
	// reads and not those of the thief.
	var built []call
	for i := range 200 {
		built = append(built, call{
			At: time.Duration(i) * time.Second, ID: uuid(200000 + i), User: "ada", Source: "ec2.amazonaws.com",
			Name: []string{"CreateVpc", "CreateSubnet", "CreateRoute", "RunInstances", "CreateTags", "CreateSecurityGroup", "AllocateAddress", "CreateVolume",
				"AttachVolume", "CreateKeyPair", "CreateNatGateway", "ModifyVpcAttribute"}[i%12], Write: true, Params: map[string]any{"n": i},
		}, call{
			At: time.Duration(i) * time.Second, ID: uuid(300000 + i), User: "ada", Source: "ec2.amazonaws.com",
			Name: []string{"DescribeVpcs", "DescribeSubnets", "DescribeRouteTables"}[i%3], Params: map[string]any{"vpcId": fmt.Sprint(i)},
		})
	}
	builder := scanCalls(t, join(built, foreign(call{User: "ada"}))).Report.Findings[0]
	near("builder", &user, &builder)

	stolen := call{Role: "app", Session: fmt.Sprintf("i-%017x", 7), Key: fmt.Sprintf("ASIA%016d", 7)}
	alone := scanCalls(t, foreign(stolen)).Report.Findings[0]
	var calls []call
	for i := range 400 {
		calls = append(calls, burst(i*2, 2, 2, time.Second, call{Role: "app", Session: fmt.Sprintf("i-%017x", i), Key: fmt.Sprintf("ASIA%016d", i), At: time.Duration(i) * time.Second})...)
	}
	among := scanCalls(t, join(calls, foreign(stolen))).Report.Findings[0]
	near("role", &alone, &among)
}

// TestReasonsAddUp: in every finding of the real set and of the tests' own.
func TestReasonsAddUp(t *testing.T) {
	results := []*Result{scanCalls(t, foreign(call{User: "ada"})), scanCalls(t, burst(0, 400, 12, time.Second, call{User: "root", Code: "AccessDenied"}))}
	if dir := filepath.Join("..", "..", "..", "shared", "logs", "aws"); exists(dir) {
		results = append(results, run(t, options(t, dir)))
	}
	for _, res := range results {
		for i := range res.Report.Findings {
			f := &res.Report.Findings[i]
			sum := 0
			for _, r := range f.Reasons {
				sum += r.Points
			}
			if sum != f.Priority || f.Priority < 0 || f.Priority > 100 {
				t.Errorf("%s: the reasons come to %d", reasons(f), sum)
			}
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }
