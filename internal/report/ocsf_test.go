package report

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"vedette/internal/finding"
)

// ocsfTable is testdata/ocsf-1.8.0.json: the part of the OCSF schema that
// the output may use. conformance/ocsf/ocsf.py writes it.
type ocsfTable struct {
	Source   string                `json:"source"`
	Version  string                `json:"version"`
	Types    map[string]string     `json:"types"`
	Entities map[string]ocsfEntity `json:"entities"`
}

type ocsfEntity struct {
	Attributes map[string]struct {
		Type     string            `json:"type"`
		Array    bool              `json:"array"`
		Required bool              `json:"required"`
		Enum     map[string]string `json:"enum"`
	} `json:"attributes"`
	AtLeastOne []string `json:"at_least_one"`
}

func readOCSF(t *testing.T) *ocsfTable {
	t.Helper()
	b, err := os.ReadFile("testdata/ocsf-" + ocsfVersion + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var table ocsfTable
	if err := json.Unmarshal(b, &table); err != nil {
		t.Fatal(err)
	}
	if table.Version != ocsfVersion {
		t.Fatalf("the table is of OCSF %s, the output of %s", table.Version, ocsfVersion)
	}
	return &table
}

// check returns what is wrong with v as an entity of that name.
func (o *ocsfTable) check(name string, v any, path string) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, path+": "+fmt.Sprintf(format, args...)) }
	m, ok := v.(map[string]any)
	if !ok {
		bad("not an object")
		return wrong
	}
	if name == "object" {
		return nil
	}
	entity, ok := o.Entities[name]
	if !ok {
		bad("the table has no object %q", name)
		return wrong
	}
	for attribute, a := range entity.Attributes {
		if _, ok := m[attribute]; a.Required && !ok {
			bad("no %s", attribute)
		}
		// An enumeration's caption stands beside its number.
		if caption, ok := m[captionOf(attribute)].(string); ok && a.Enum != nil && captionOf(attribute) != "" {
			if id, ok := m[attribute].(float64); ok && id != 99 && a.Enum[strconv.Itoa(int(id))] != caption {
				bad("%s is %v, whose caption is %q and not %q", attribute, id, a.Enum[strconv.Itoa(int(id))], caption)
			}
		}
	}
	if len(entity.AtLeastOne) > 0 && !slices.ContainsFunc(entity.AtLeastOne, func(s string) bool { _, ok := m[s]; return ok }) {
		bad("has none of %v", entity.AtLeastOne)
	}
	for attribute, value := range m {
		at := path + "." + attribute
		a, ok := entity.Attributes[attribute]
		if !ok {
			bad("%s has no attribute %q", name, attribute)
			continue
		}
		values := []any{value}
		if a.Array {
			list, ok := value.([]any)
			if !ok {
				bad("%s is not an array", attribute)
				continue
			}
			values = list
		}
		for _, v := range values {
			primitive, isScalar := o.Types[a.Type]
			if !isScalar {
				wrong = append(wrong, o.check(a.Type, v, at)...)
				continue
			}
			if msg := scalar(a.Type, primitive, v); msg != "" {
				bad("%s %s: %v", attribute, msg, v)
			}
			if a.Enum != nil {
				if _, ok := a.Enum[fmt.Sprint(v)]; !ok {
					bad("%s has no value %v", attribute, v)
				}
			}
		}
	}
	return wrong
}

// captionOf is the attribute that holds the caption of an enumeration.
func captionOf(attribute string) string {
	switch attribute {
	case "activity_id":
		return "activity_name"
	case "class_uid":
		return "class_name"
	case "category_uid":
		return "category_name"
	case "type_uid":
		return "type_name"
	}
	if n := len(attribute); n > 3 && attribute[n-3:] == "_id" {
		return attribute[:n-3]
	}
	return ""
}

func scalar(typ, primitive string, v any) string {
	switch primitive {
	case "string_t":
		s, ok := v.(string)
		if !ok {
			return "is not a string"
		}
		if typ == "ip_t" {
			if _, err := netip.ParseAddr(s); err != nil || len(s) > 40 {
				return "is not an address"
			}
		}
	case "integer_t", "long_t":
		if n, ok := v.(float64); !ok || n != math.Trunc(n) {
			return "is not an integer"
		}
	case "boolean_t":
		if _, ok := v.(bool); !ok {
			return "is not a boolean"
		}
	case "json_t":
	default:
		return "is of a type that the test does not know"
	}
	return ""
}

func TestOCSFIsValid(t *testing.T) {
	table := readOCSF(t)
	check := func(t interface{ Errorf(string, ...any) }, r *finding.Report) {
		var out bytes.Buffer
		if err := Write(&out, "ocsf", r, Options{Version: "1.2.3"}); err != nil {
			t.Errorf("%v", err)
		}
		n := 0
		for line := range bytes.Lines(out.Bytes()) {
			var v any
			if err := json.Unmarshal(line, &v); err != nil {
				t.Errorf("%v", err)
			}
			for _, wrong := range table.check("detection_finding", v, "finding") {
				t.Errorf("%s", wrong)
			}
			n++
		}
		if n != len(r.Findings) {
			t.Errorf("%d lines for %d findings", n, len(r.Findings))
		}
	}
	for _, r := range fixtures() {
		check(t, r)
	}
	root := readSchema(t)
	rapid.Check(t, func(t *rapid.T) { check(t, drawReport(t, root)) })
}

// The check itself finds what is wrong.
func TestOCSFCheckRefuses(t *testing.T) {
	table := readOCSF(t)
	for name, spoil := range map[string]func(f map[string]any){
		"a missing attribute": func(f map[string]any) { delete(f, "metadata") },
		"an unknown one":      func(f map[string]any) { f["bogus"] = 1.0 },
		"a wrong enum":        func(f map[string]any) { f["severity_id"] = 7.0 },
		"a wrong caption":     func(f map[string]any) { f["severity"] = "Dire" },
		"a wrong type":        func(f map[string]any) { f["time"] = "now" },
		"an empty evidence":   func(f map[string]any) { f["evidences"] = []any{map[string]any{"name": "x"}} },
		"a bad address": func(f map[string]any) {
			f["evidences"].([]any)[0].(map[string]any)["src_endpoint"] = map[string]any{"ip": "somewhere"}
		},
	} {
		var out bytes.Buffer
		if err := writeLine(&out, ocsfOf(&threeClouds().Findings[0], threeClouds(), "1")); err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(out.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if wrong := table.check("detection_finding", v, "finding"); len(wrong) > 0 {
			t.Fatal(wrong)
		}
		spoil(v)
		if len(table.check("detection_finding", v, "finding")) == 0 {
			t.Errorf("the check accepts %s", name)
		}
	}
}

func TestOCSFMeaning(t *testing.T) {
	r := threeClouds()
	o := ocsfOf(&r.Findings[0], r, "1.2.3")
	if o.Time != 1688990919250 || o.StartTime != 1688989356000 || o.TypeUID != 200401 || o.SeverityID != 5 || o.RiskLevelID != 3 || !o.IsAlert || o.Cloud.Provider != "AWS" {
		t.Errorf("head: %+v", o)
	}
	if a := o.FindingInfo.Attacks[1]; a.Technique.UID != "T1087" || a.SubTechnique == nil || a.SubTechnique.UID != "T1087.004" || a.Tactic.UID != "TA0007" {
		t.Errorf("sub-technique: %+v", a)
	}
	if e := o.Evidences[0]; e.SrcEndpoint.AS == nil || e.SrcEndpoint.AS.Number != 64500 || e.SrcEndpoint.Location.Country != "NL" {
		t.Errorf("endpoint: %+v", e.SrcEndpoint)
	}
	if e := ocsfOf(&r.Findings[2], r, "").Evidences[0].SrcEndpoint; e.IP != "" || e.Name != "gce-internal-ip" {
		t.Errorf("an address that is none: %+v", e)
	}
	if !o.Metadata.IsTruncated || ocsfOf(&r.Findings[1], r, "").Metadata.IsTruncated {
		t.Error("is_truncated says whether evidence was left out")
	}
	if a := ocsfOf(&r.Findings[2], r, ""); a.StatusID != 3 || a.IsAlert || a.StatusDetail != r.Findings[2].Aside || a.SeverityID != 1 {
		t.Errorf("put aside: %+v", a)
	}
	if got := ocsfOf(&r.Findings[1], r, "").FindingInfo.RelatedEvents; len(got) != 1 || got[0].UID != "9999aaaabbbbcccc" {
		t.Errorf("related: %+v", got)
	}
}
