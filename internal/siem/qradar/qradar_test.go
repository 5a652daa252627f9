package qradar_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem/qradar"
	"vedette/internal/siem/siemtest"
)

var backend = qradar.Backend{}

func TestSuite(t *testing.T) { siemtest.Run(t, backend) }

// TestRead reads every text that rules of the suite are compiled to.
func TestRead(t *testing.T) {
	for name, r := range siemtest.Rules() {
		out, err := backend.Compile(r, backend.Fields())
		if err != nil {
			if len(r.Legs) > 1 || backend.Fields().Logs[r.Legs[0].Log.String()] != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		queries, filter := texts(out)
		for form, text := range queries {
			if _, err := read(text); err != nil {
				t.Errorf("%s, %s: %v\n%s", name, form, err, text)
			}
		}
		if _, err := readFilter(filter); err != nil {
			t.Errorf("%s, filter: %v\n%s", name, err, filter)
		}
	}
}

// TestReadRejects holds that the reader sees what is wrong.
func TestReadRejects(t *testing.T) {
	const tail = " FROM events LAST 5 MINUTES"
	if _, err := read("SELECT /* body */ devicetime AS t" + tail); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		"/* head */ SELECT devicetime AS t" + tail, "SELECT devicetime AS t" + tail + " /* tail */", "SELECT devicetime AS t /* open" + tail,
		"SELECT devicetime AS t FROM events", "SELECT devicetime AS t FROM flows LAST 5 MINUTES", "SELECT devicetime" + tail + " WHERE 1 = 1",
		"SELECT EVIL(devicetime) AS t" + tail, "SELECT LOWER('a', 'b') AS t" + tail, "SELECT nope AS t" + tail, `SELECT "Nope" AS t` + tail,
		"SELECT 'a AS t" + tail, "SELECT 'a''b' AS t" + tail, `SELECT 'a\b' AS t` + tail, "SELECT (devicetime AS t" + tail, "SELECT devicetime AS t, 1 AS t" + tail,
		"SELECT devicetime = 1 AS t" + tail, "SELECT devicetime AS t FROM events WHERE devicetime LAST 5 MINUTES", "SELECT COUNT(*) AS n" + tail,
		"SELECT devicetime AS t FROM events WHERE MAX(devicetime) > 1 LAST 5 MINUTES", "SELECT devicetime AS t, COUNT(*) AS n FROM events GROUP BY devicetype LAST 5 MINUTES",
		"SELECT IF devicetime THEN 1 ELSE 2 AS t" + tail, "SELECT CASE WHEN devicetime = 1 THEN 1 ELSE 2 END AS t" + tail, "SELECT devicetime AS t; SELECT" + tail,
		"SELECT t AS u FROM (SELECT devicetime AS t FROM events LAST 5 MINUTES) LAST 5 MINUTES", "SELECT devicetime AS t FROM events ORDER BY u LAST 5 MINUTES",
	} {
		if _, err := read(wrong); err == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}

// FuzzNames holds that a name of a detection file, whatever it is, leaves the
// texts what they are, selects itself, and shows nothing that cannot be seen.
func FuzzNames(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || s == "" || s == plan.Any {
			t.Skip("names are UTF-8, and one stands for all")
		}
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Title, r.FalsePositives = "T "+s, []string{s}
		r.Legs[0].Select = &plan.Predicate{Names: []plan.Name{{Cloud: event.AWS, Service: "x.amazonaws.com", API: s}}}
		out, err := backend.Compile(r, backend.Fields())
		if err != nil {
			t.Fatal(err)
		}
		queries, filter := texts(out)
		for form, text := range queries {
			if _, err := read(text); err != nil {
				t.Fatalf("%s: %v\n%s", form, err, text)
			}
			if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) && form != "query" }) {
				t.Fatalf("%s: %q holds what cannot be seen", form, text)
			}
		}
		n, err := readFilter(filter)
		if err != nil {
			t.Fatalf("%v\n%s", err, filter)
		}
		for _, how := range readings {
			for name, want := range map[string]bool{s: true, s + "x": false, "x" + s: false} {
				call := row{"devicetype": int64(347), "Cloud Service": "x.amazonaws.com", "Cloud Operation": name, "AWS Identity Type": "IAMUser", "Cloud Address": "192.0.2.1", "AWS Event Type": "AwsApiCall"}
				if got := how.holds(n, call); got != want {
					t.Fatalf("%q selected: %v\n%s", name, got, filter)
				}
			}
		}
	})
}
