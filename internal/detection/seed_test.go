package detection

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/plan"
)

func TestSeedProfile(t *testing.T) {
	s, err := LoadSeedProfile()
	if err != nil {
		t.Fatal(err)
	}
	// 28 entries, 27 names: ListBuckets stands twice.
	if names := slices.Compact(slices.Sorted(slices.Values(s.AWS.Names))); len(s.AWS.Names) != 28 || len(names) != 27 {
		t.Errorf("AWS has %d entries and %d names, want 28 and 27", len(s.AWS.Names), len(names))
	}
	if len(s.Azure.Names) != 7 {
		t.Errorf("Azure has %d operations, want 7", len(s.Azure.Names))
	}
	for _, n := range s.Azure.Names {
		if !strings.HasPrefix(n, "microsoft.") || !strings.HasSuffix(n, "/read") {
			t.Errorf("Azure operation %q", n)
		}
	}
	s.AWS.Names, s.Azure.Names = nil, nil
	want := &Seed{
		ID: "T1580", Name: "Cloud Infrastructure Discovery", Bin: 15 * time.Minute,
		AWS:     SeedLeg{Provider: "AWS", NeedsIdentity: true},
		Azure:   SeedLeg{Provider: "Azure", Status: "Success"},
		Trigger: plan.Condition{{Events: 10}, {DistinctAPIs: 5}},
		Bands: []plan.Band{
			{Risk: 90, When: plan.Condition{{Events: 50, DistinctAPIs: 10}}},
			{Risk: 70, When: plan.Condition{{Events: 20, DistinctAPIs: 7}}},
			{Risk: 50, When: plan.Condition{{DistinctAPIs: 5}, {Events: 10}}},
			{Risk: 30},
		},
		MaxAPIs: 50, MaxAddresses: 10,
		Columns: []string{"TimeGenerated", "CloudProvider", "Identity", "AccountId", "DiscoveryCount", "DistinctAPIs",
			"APIList", "DistinctRegions", "SourceIPs", "FirstSeen", "LastSeen", "RiskScore"},
		Sort: []SortKey{{"RiskScore", true}, {"DiscoveryCount", true}, {"CloudProvider", false}, {"Identity", false}, {"AccountId", false}, {"TimeGenerated", false}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("seed (-want +got):\n%s", diff)
	}
}

// Statement 45's counterpart: in the seed, what fires never gets 30.
func TestSeedBandOutOfReach(t *testing.T) {
	s, err := LoadSeedProfile()
	if err != nil {
		t.Fatal(err)
	}
	w := plan.Window{Bands: s.Bands}
	for events := 1; events <= 60; events++ {
		for apis := 1; apis <= min(events, 27); apis++ {
			if s.Trigger.Holds(plan.Figures{Events: events, DistinctAPIs: apis}) && w.Risk(plan.Figures{Events: events, DistinctAPIs: apis}) == 30 {
				t.Errorf("%d events of %d APIs get 30", events, apis)
			}
		}
	}
}

func TestSeedErrors(t *testing.T) {
	text, ok := Source(seedFile)
	if !ok {
		t.Fatal("no seed.yaml")
	}
	for _, c := range []struct{ old, new, want string }{
		{"profile: seed", "profile: other", `profile is one of seed, not "other"`},
		{"bin: 15m", "bin: 15", "bin is a span of time such as 15m, not the number 15"},
		{"microsoft.sql/servers/read", "Microsoft.Sql/servers/read", `"Microsoft.Sql/servers/read" is compared with lower-cased operations and would never match`},
		{"  - {risk: 30}\n", "", `the last band has no condition: it is the query's "else"`},
		{"  - RiskScore\n", "", "columns are TimeGenerated, CloudProvider"},
		{"{column: AccountId,", "{column: Account,", "column is one of TimeGenerated"},
		{"max_apis: 50\n", "", `the seed profile lacks "max_apis"`},
		{"  provider: AWS\n", "", `aws lacks "provider"`},
	} {
		if !strings.Contains(string(text), c.old) {
			t.Fatalf("%q is not in the file", c.old)
		}
		_, err := loadSeed("s.yaml", []byte(strings.Replace(string(text), c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: got %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

// No file but the built-in ones can be asked for.
func TestSource(t *testing.T) {
	for _, name := range []string{"../detection.go", "builtin/seed.yaml", "none.yaml", ""} {
		if text, ok := Source(name); ok {
			t.Errorf("Source(%q) gave %d bytes", name, len(text))
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"high", "Converse", "aws", "version"}
	for s, want := range map[string]string{"hihg": "high", "Nonsense": "", "asw": "aws", "versoin": "version", "HIGH": "high", "": "", "a": ""} {
		if got := nearest(s, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", s, got, want)
		}
	}
}
