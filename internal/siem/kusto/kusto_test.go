package kusto

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }

// TestOneRisk holds that a rule with one risk says it without a choice.
func TestOneRisk(t *testing.T) {
	out, err := Backend{}.Compile(siemtest.Rules()["one risk"], Backend{}.Fields())
	if err != nil || !strings.Contains(out.Query, "RiskScore = 50\n") {
		t.Errorf("%v\n%s", err, out.Query)
	}
}

// TestTemplateExpressions holds that no text of a rule is an expression to the
// template language, nor a column to the name of an alert.
func TestTemplateExpressions(t *testing.T) {
	r := siemtest.Rules()["scheduled"]
	r.Title, r.Description = "[concat('x')] {{SourceIPs}}", "[parameters('workspace')]"
	r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	files, err := Backend{}.Package([]*siem.Output{out})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(key string, x any)
	walk = func(key string, x any) {
		switch x := x.(type) {
		case map[string]any:
			for k, v := range x {
				walk(k, v)
			}
		case []any:
			for _, v := range x {
				walk(key, v)
			}
		case string:
			if !strings.HasPrefix(x, "[") || key == "name" || key == "dependsOn" {
				break
			}
			seen++
			if !strings.HasPrefix(x, "[[") {
				t.Errorf("%s is an expression: %s", key, x)
			}
			if strings.Contains(x, "{{SourceIPs}}") && key == "alertDisplayNameFormat" {
				t.Errorf("%s shows a column: %s", key, x)
			}
		}
	}
	for _, f := range files {
		if f.Path == "azuredeploy.json" {
			var doc any
			if err := json.Unmarshal(f.Data, &doc); err != nil {
				t.Fatal(err)
			}
			walk("", doc)
		}
	}
	if seen < 3 {
		t.Errorf("%d texts begin with a bracket", seen)
	}
}

// TestExceptions holds that entries of the watchlist end.
func TestExceptions(t *testing.T) {
	for name, scheduled := range map[string]bool{"scheduled": true, "all logs": false} {
		out, err := Backend{}.Compile(siemtest.Rules()[name], Backend{}.Fields())
		if err != nil {
			t.Fatal(err)
		}
		ends := strings.Contains(out.Query, "let Excepted = _GetWatchlist(\"VedetteExceptions\") | where todatetime(Expires) > now() | project tostring(SearchKey);\n")
		if ends != scheduled {
			t.Errorf("%s: entries end: %v", name, ends)
		}
	}
}

// TestPeriod holds that a rule that the product does not run so is an error
// that says so: one that looks back more than 14 days, and one that looks back
// two and runs oftener than each hour.
func TestPeriod(t *testing.T) {
	for _, c := range []struct {
		length, every time.Duration
		said          bool
	}{
		{23 * time.Hour, 15 * time.Minute, true},
		{24 * time.Hour, 15 * time.Minute, false},
		{24 * time.Hour, time.Hour, true},
		{167 * time.Hour, time.Hour, true},
		{192 * time.Hour, time.Hour, false},
	} {
		r := siemtest.Rules()["scheduled"]
		r.Window.Length, r.Schedule = c.length, &siem.Schedule{Every: c.every, Settle: 15 * time.Minute}
		if _, err := (Backend{}).Compile(r, Backend{}.Fields()); c.said && err != nil || !c.said && !errors.Is(err, siem.ErrNotSaid) {
			t.Errorf("windows of %s, every %s: %v", c.length, c.every, err)
		}
		r.Schedule = nil // a person's query has no period of its own
		if _, err := (Backend{}).Compile(r, Backend{}.Fields()); err != nil {
			t.Errorf("windows of %s: %v", c.length, err)
		}
	}
}

// TestISO holds that durations are written as Azure's SDK writes them.
func TestISO(t *testing.T) {
	for d, want := range map[time.Duration]string{
		15 * time.Minute: "PT15M", time.Hour: "PT1H", 75 * time.Minute: "PT1H15M", 24 * time.Hour: "P1D", 49*time.Hour + 15*time.Minute: "P2DT1H15M", 48*time.Hour + 30*time.Minute: "P2DT30M",
	} {
		if got := iso(d); got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
	}
}
