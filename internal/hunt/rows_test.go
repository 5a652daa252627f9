package hunt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/finding"
)

const good = `{"TimeGenerated":1715000400000000,"CloudProvider":"AWS","Identity":"arn:aws:iam::111122223333:user/ada","AccountId":"111122223333","DiscoveryCount":12,"DistinctAPIs":2,"APIList":["ec2.amazonaws.com/DescribeVpcs","s3.amazonaws.com/ListBuckets"],"DistinctRegions":1,"SourceIPs":["198.51.100.7"],"FirstSeen":1715000401000000,"LastSeen":1715000412500000,"RiskScore":50}`

func want() finding.Row {
	return finding.Row{
		TimeGenerated: "2024-05-06T13:00:00Z", CloudProvider: "AWS", Identity: "arn:aws:iam::111122223333:user/ada", AccountID: "111122223333",
		DiscoveryCount: 12, DistinctAPIs: 2, APIList: []string{"ec2.amazonaws.com/DescribeVpcs", "s3.amazonaws.com/ListBuckets"},
		DistinctRegions: 1, SourceIPs: []string{"198.51.100.7"}, FirstSeen: "2024-05-06T13:00:01Z", LastSeen: "2024-05-06T13:00:12.5Z", RiskScore: 50,
	}
}

// with is a good row with a member put in other words.
func with(old, new string) string {
	if !strings.Contains(good, old) {
		panic(old)
	}
	return strings.Replace(good, old, new, 1)
}

// Engines write one row in their own ways.
func TestReadRows(t *testing.T) {
	for name, line := range map[string]string{
		"as it is":             good,
		"blank lines":          "\n" + good + "\r\n\n",
		"numbers in quotes":    with(`1715000400000000`, `"1715000400000000"`),
		"lists as JSON text":   with(`["198.51.100.7"]`, `"[\"198.51.100.7\"]"`),
		"blanks within":        strings.ReplaceAll(good, `":`, `" : `),
		"members out of order": `{"RiskScore":50,` + strings.TrimPrefix(strings.Replace(good, `,"RiskScore":50`, "", 1), "{"),
	} {
		rows, err := readRows(strings.NewReader(line), usual)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff([]finding.Row{want()}, rows); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, none := range []string{"null", "[]", `"[]"`, `"null"`} {
		rows, err := readRows(strings.NewReader(with(`["198.51.100.7"]`, none)), usual)
		if err != nil || len(rows) != 1 || rows[0].SourceIPs == nil || len(rows[0].SourceIPs) != 0 {
			t.Errorf("addresses %s: %v, %v", none, rows, err)
		}
	}
	if rows, err := readRows(strings.NewReader(""), usual); err != nil || len(rows) != 0 {
		t.Errorf("nothing: %v, %v", rows, err)
	}
}

func TestRowsInOrder(t *testing.T) {
	lines := []string{
		with(`"RiskScore":50`, `"RiskScore":90`), with(`"DiscoveryCount":12`, `"DiscoveryCount":13`), with(`:user/ada`, `:user/Ada`), good,
		with(`1715000400000000`, `1715001300000000`), with(`"AWS"`, `"GCP"`),
	}
	inOrder, err := readRows(strings.NewReader(strings.Join(lines, "\n")), usual)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if row, err := readRow([]byte(lines[i])); err != nil || cmp.Diff(row, inOrder[i]) != "" {
			t.Errorf("row %d is not the one of line %d: %v", i, i, err)
		}
	}
	var back []string
	for _, l := range lines {
		back = append([]string{l}, back...)
	}
	again, err := readRows(strings.NewReader(strings.Join(back, "\n")), usual)
	if d := cmp.Diff(inOrder, again); err != nil || d != "" {
		t.Error(d, err)
	}
}

// What a client prints is no result unless all of it is.
func TestReadRowsRefuses(t *testing.T) {
	for line, said := range map[string]string{
		"BEGIN":            `line 1: "BEGIN" is no row`,
		good + "\n(1 row)": "line 2: ",
		"[" + good + "]":   "is no row",
		`"` + "x" + `"`:    "is no row",
		"null":             "it has no column",
		"{}":               "it has no column",
		good + good:        "is no row",
		good[:len(good)-1]: "is no row",
		with(`"RiskScore":50`, `"RiskScore":101`):                           "RiskScore is 101",
		with(`"RiskScore":50`, `"RiskScore":-1`):                            "RiskScore",
		with(`"RiskScore":50`, `"RiskScore":5e1`):                           "RiskScore",
		with(`"RiskScore":50`, `"RiskScore":null`):                          "RiskScore",
		with(`"RiskScore":50`, `"RiskScore":50,"DistinctTargets":4`):        "is no column",
		with(`"DistinctAPIs":2,`, ``):                                       "no column DistinctAPIs",
		with(`"DistinctAPIs":2`, `"DistinctAPIs":[2]`):                      "DistinctAPIs",
		with(`"DiscoveryCount":12`, `"DiscoveryCount":9223372036854775807`): "DiscoveryCount",
		with(`"AWS"`, `"aws"`):                                              "CloudProvider",
		with(`"AWS"`, `null`):                                               "CloudProvider",
		with(`"111122223333"`, `111122223333`):                              "AccountId",
		with(`["198.51.100.7"]`, `"198.51.100.7"`):                          "SourceIPs",
		with(`["198.51.100.7"]`, `[7]`):                                     "SourceIPs",
		with(`1715000400000000`, `9223372036854775807`):                     "TimeGenerated",
		with(`1715000400000000`, `"2024-05-06"`):                            "TimeGenerated",
		strings.Repeat("x", maxLine+1):                                      "longer than",
	} {
		rows, err := readRows(strings.NewReader(line), usual)
		if err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%.120s: %d rows, error %v, want %q", line, len(rows), err, said)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%.120s: an error of %d bytes", line, len(err.Error()))
		}
	}
}

// A result has an end, in rows and in bytes.
func TestLimits(t *testing.T) {
	lines := strings.Repeat(good+"\n", 3)
	if rows, err := readRows(strings.NewReader(lines), limits{rows: 3, bytes: len(lines)}); err != nil || len(rows) != 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if _, err := readRows(strings.NewReader(lines), limits{rows: 2, bytes: len(lines)}); err == nil || !strings.Contains(err.Error(), "more than 2 rows: narrow") {
		t.Error(err)
	}
	if _, err := readRows(strings.NewReader(lines), limits{rows: 3, bytes: len(lines) - 1}); err == nil || !strings.Contains(err.Error(), "bytes: narrow") {
		t.Error(err)
	}
}

// Whatever a client prints, rows are whole and can be written.
func FuzzReadRows(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(good + "\n" + good))
	f.Add([]byte(with(`["198.51.100.7"]`, `"[\"\\u0000\xff\"]"`)))
	f.Add([]byte(with(`1715000400000000`, `-62135596800000000`)))
	f.Add([]byte("{\"TimeGenerated\":"))
	f.Fuzz(func(t *testing.T, out []byte) {
		rows, err := readRows(bytes.NewReader(out), usual)
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.APIList == nil || r.SourceIPs == nil || r.RiskScore < 0 || r.RiskScore > 100 || r.CloudProvider == "" || len(r.TimeGenerated) < len("0001-01-01T00:00:00Z") {
				t.Fatalf("%+v", r)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Fatal(fmt.Errorf("%+v: %w", r, err))
			}
		}
	})
}
