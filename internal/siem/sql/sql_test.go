package sql

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) {
	for _, b := range Backends() {
		t.Run(b.Name(), func(t *testing.T) { siemtest.Run(t, b) })
	}
}

// TestExceptions holds that entries of the table end, and that a row without
// a caller does not leave out everybody.
func TestExceptions(t *testing.T) {
	for _, b := range Backends() {
		out, err := b.Compile(siemtest.Rules()["scheduled"], b.Fields())
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(out.Query, "NOT IN (SELECT caller FROM vedette_exceptions WHERE caller <> '' AND expires > CAST(")
		if n == 0 || n != strings.Count(out.Query, "FROM vedette_exceptions") {
			t.Errorf("%s: %d entries end of\n%s", b.Name(), n, out.Query)
		}
		files, err := b.Package([]*siem.Output{out})
		if err != nil {
			t.Fatal(err)
		}
		if readme := string(files[0].Data); files[0].Path != "README.md" || !strings.Contains(readme, siem.ExceptionNote) || !strings.Contains(readme, "| cloudtrail.management | ") {
			t.Errorf("%s: the README is\n%s", b.Name(), readme)
		}
		table := string(files[1].Data)
		if files[1].Path != "exceptions.sql" || !strings.Contains(table, "expires DATE)") && !strings.Contains(table, "expires Nullable(Date))") {
			t.Errorf("%s: the table is %s", b.Name(), table)
		}
	}
}

// TestOften holds that the page of a package says of each statement how often
// to run it.
func TestOften(t *testing.T) {
	b := Backends()[0]
	var outputs []*siem.Output
	for _, every := range []time.Duration{15 * time.Minute, time.Hour} {
		r := siemtest.Rules()["scheduled"]
		r.ID, r.Schedule = "every-"+siem.Duration(every), &siem.Schedule{Every: every, Settle: 15 * time.Minute}
		outputs = append(outputs, compileRule(t, b, r, b.Fields()))
	}
	files, err := b.Package(outputs)
	if err != nil || !strings.Contains(string(files[0].Data), "Have a scheduler run each\n   every 15m, every-1h every 1h, and alert on its rows.") {
		t.Errorf("%v\n%s", err, files[0].Data)
	}
}
