package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/cli"
)

type row struct {
	Cloud                      string
	Priority                   string // with its level
	Risk, Events, APIs, Denied int
}

// TestTheVerdictIsTheReadmes scans the samples and compares every finding, in
// order, with the table.
func TestTheVerdictIsTheReadmes(t *testing.T) {
	readme, err := os.ReadFile("../../../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []row
	var names []string
	for line := range strings.Lines(string(readme)) {
		cell := strings.Split(line, "|")
		if len(cell) != 9 {
			continue
		}
		n := make([]int, 4)
		whole := true
		for i := range n {
			v, err := strconv.Atoi(strings.TrimSpace(cell[4+i]))
			whole = whole && err == nil
			n[i] = v
		}
		if whole {
			cloud, name, _ := strings.Cut(strings.TrimSpace(cell[1]), " ")
			want = append(want, row{cloud, strings.TrimSpace(cell[3]), n[0], n[1], n[2], n[3]})
			names = append(names, name)
		}
	}
	if len(want) != 5 {
		t.Fatalf("the table has %d rows", len(want))
	}

	var out, errs bytes.Buffer
	if code := cli.Main([]string{"scan", "../../../examples", "--format", "json", "--quiet"},
		cli.IO{Stdin: bytes.NewReader(nil), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}); code != cli.ExitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var report struct {
		Findings []struct {
			Cloud        struct{ Provider string }
			Actor        struct{ Kind, Name, UID string }
			Priority     int
			Level        string
			Reasons      []struct{ Points int }
			RiskScore    int `json:"risk_score"`
			Events       int
			DistinctAPIs int `json:"distinct_apis"`
			Outcomes     struct{ Denied int }
			Chain        []json.RawMessage
		}
	}
	if err := json.NewDecoder(&out).Decode(&report); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	var got []row
	for _, f := range report.Findings {
		got = append(got, row{f.Cloud.Provider, strconv.Itoa(f.Priority) + " " + f.Level, f.RiskScore, f.Events, f.DistinctAPIs, f.Outcomes.Denied})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("README.md (-) and the program (+) differ:\n%s", d)
	}
	for i, f := range report.Findings {
		for _, r := range f.Reasons {
			f.Priority -= r.Points
		}
		if f.Priority != 0 {
			t.Errorf("the reasons of %q do not add up to its priority: %d are missing", f.Actor.UID, f.Priority)
		}
		actor := strings.Trim(names[i][strings.LastIndexByte(strings.Trim(names[i], "`"), ' ')+1:], "`…")
		if _, tail, ok := strings.Cut(actor, "/"); ok {
			actor = tail
		}
		if f.Cloud.Provider == "aws" && f.Actor.Name != actor || f.Cloud.Provider == "gcp" && i == 3 && !strings.HasPrefix(f.Actor.UID, actor) {
			t.Errorf("finding %d is %q, README.md says %q", i+1, f.Actor.UID, names[i])
		}
	}
	if len(report.Findings[0].Chain) == 0 {
		t.Error("the stolen role's finding has no chain to the user who took the role")
	}
	if report.Findings[1].Actor.UID == "" || strings.Contains(out.String(), "visitor@") {
		t.Error("the caller without a name has no stand-in, or has a name")
	}
}
