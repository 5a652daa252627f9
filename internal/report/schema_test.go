package report

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"vedette/internal/finding"
)

const (
	schemaPath = "../../docs/findings.schema.json"
	docsPath   = "../../docs/output.md"
)

// node is the part of a JSON Schema that findings.schema.json uses.
type node struct {
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Type        string           `json:"type"`
	Ref         string           `json:"$ref"`
	Properties  map[string]*node `json:"properties"`
	Required    []string         `json:"required"`
	Items       *node            `json:"items"`
	Additional  *node            `json:"additionalProperties"`
	Enum        []string         `json:"enum"`
	Minimum     *int             `json:"minimum"`
	Maximum     *int             `json:"maximum"`
	Defs        map[string]*node `json:"$defs"`
}

func readSchema(t testing.TB) *node {
	t.Helper()
	b, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	var n node
	if err := json.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	return &n
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	s, err := c.Compile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (root *node) resolve(n *node) *node {
	if n.Ref != "" {
		return root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
	}
	return n
}

// The schema has exactly the fields of the Go types, with their types, and
// requires those that are always written.
func TestSchemaHasTheFieldsOfTheTypes(t *testing.T) {
	root := readSchema(t)
	used := map[*node]bool{}
	var walk func(typ reflect.Type, n *node, path string)
	walk = func(typ reflect.Type, n *node, path string) {
		if n == nil {
			t.Errorf("%s: not in the schema", path)
			return
		}
		if n.Description == "" && n.Ref == "" && !strings.HasSuffix(path, "[]") && !strings.HasSuffix(path, "{}") {
			t.Errorf("%s: no description", path)
		}
		n = root.resolve(n)
		if n == nil {
			t.Errorf("%s: refers to nothing", path)
			return
		}
		want := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Int64: "integer",
			reflect.Bool: "boolean", reflect.Slice: "array", reflect.Map: "object", reflect.Struct: "object"}
		switch typ.Kind() {
		case reflect.Pointer:
			walk(typ.Elem(), n, path)
			return
		case reflect.Slice:
			walk(typ.Elem(), n.Items, path+"[]")
		case reflect.Map:
			walk(typ.Elem(), n.Additional, path+"{}")
		case reflect.Struct:
			if used[n] {
				return
			}
			used[n] = true
			names, required := []string{}, []string{}
			for _, f := range fieldsOf(typ) {
				name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
				names = append(names, name)
				if options == "" {
					required = append(required, name)
				}
				walk(f.Type, n.Properties[name], path+"."+name)
			}
			slices.Sort(names)
			slices.Sort(required)
			if diff := cmp.Diff(names, slices.Sorted(maps.Keys(n.Properties))); diff != "" {
				t.Errorf("%s: fields of the type (-) and the schema (+):\n%s", path, diff)
			}
			if diff := cmp.Diff(required, slices.Sorted(slices.Values(n.Required)), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: fields always written (-) and required (+):\n%s", path, diff)
			}
		}
		if n.Type != want[typ.Kind()] {
			t.Errorf("%s: %s in the schema for a Go %s", path, n.Type, typ.Kind())
		}
	}
	walk(reflect.TypeFor[finding.Report](), root, "report")
	for name, n := range root.Defs {
		if !used[n] {
			t.Errorf("$defs/%s is of no type", name)
		}
	}
}

// fieldsOf are the fields of a struct as JSON has them: those of an embedded
// struct stand in its place.
func fieldsOf(typ reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(typ), func(f reflect.StructField) bool { return f.Anonymous || f.Tag.Get("json") == "-" })
}

// draw fills v with anything its type and its schema allow.
func draw(t *rapid.T, root, n *node, v reflect.Value, label string) {
	n = root.resolve(n)
	switch v.Kind() {
	case reflect.Pointer:
		if rapid.Bool().Draw(t, label) {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, root, n, v.Elem(), label)
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			child := n.Properties[tag]
			if options != "" && !rapid.Bool().Draw(t, label) {
				continue
			}
			draw(t, root, child, v.FieldByIndex(f.Index), label+"."+tag)
		}
	case reflect.Slice:
		for range rapid.IntRange(0, 2).Draw(t, label) {
			e := reflect.New(v.Type().Elem()).Elem()
			draw(t, root, n.Items, e, label)
			v.Set(reflect.Append(v, e))
		}
	case reflect.Map:
		for range rapid.IntRange(0, 2).Draw(t, label) {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			e := reflect.New(v.Type().Elem()).Elem()
			draw(t, root, n.Additional, e, label)
			v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, label)), e)
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, label))
	case reflect.Int, reflect.Int64:
		low, top := -100, 1<<40
		if n.Minimum != nil {
			low = *n.Minimum
		}
		if n.Maximum != nil {
			top = *n.Maximum
		}
		v.SetInt(int64(rapid.IntRange(low, top).Draw(t, label)))
	case reflect.String:
		if len(n.Enum) > 0 {
			v.SetString(rapid.SampledFrom(n.Enum).Draw(t, label))
		} else {
			v.SetString(rapid.String().Draw(t, label))
		}
	default:
		panic("a kind that findings do not have: " + v.Kind().String())
	}
}

func drawReport(t *rapid.T, root *node) *finding.Report {
	r := &finding.Report{}
	draw(t, root, root, reflect.ValueOf(r).Elem(), "report")
	r.SchemaVersion = finding.SchemaVersion
	for i := range r.Findings {
		balance(&r.Findings[i].Judgement)
	}
	r.Tally()
	return r
}

// balance has the reasons add up to the priority, as those of a judge do.
func balance(j *finding.Judgement) {
	rest := j.Priority
	for _, r := range j.Reasons {
		rest -= r.Points
	}
	if rest != 0 {
		j.Reasons = append(j.Reasons, finding.Reason{Factor: "limit", Points: rest, Text: "the rest"})
	}
}

// Any report as JSON is valid against the schema, reads back as itself, and
// has in NDJSON the very findings that it has in JSON.
func TestJSONIsValidAndReadsBack(t *testing.T) {
	root, schema := readSchema(t), compileSchema(t)
	check := func(t interface{ Fatalf(string, ...any) }, r *finding.Report) {
		var out bytes.Buffer
		if err := Write(&out, "json", r, Options{}); err != nil {
			t.Fatalf("%v", err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("not JSON: %v\n%s", err, out.Bytes())
		}
		if err := schema.Validate(doc); err != nil {
			t.Fatalf("not valid: %v", err)
		}
		var got finding.Report
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v", err)
		}
		var lines bytes.Buffer
		if err := Write(&lines, "ndjson", &got, Options{}); err != nil {
			t.Fatalf("%v", err)
		}
		n := 0
		for line := range bytes.Lines(lines.Bytes()) {
			var f finding.Finding
			if err := json.Unmarshal(line, &f); err != nil {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(got.Findings[n], f, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("ndjson differs from json:\n%s", diff)
			}
			n++
		}
		if n != len(r.Findings) {
			t.Fatalf("%d lines for %d findings", n, len(r.Findings))
		}
		if strings.Contains(fmt.Sprint(r), "\ufffd") || !validStrings(reflect.ValueOf(*r)) {
			return // replaced characters do not read back
		}
		if diff := cmp.Diff(*r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("reads back as another (-wrote +read):\n%s", diff)
		}
	}
	for _, r := range fixtures() {
		r := *r
		if len(r.Findings) > 0 && r.Findings[0].ID == "deadbeef00000001" {
			// The hostile report breaks the enumerations on purpose.
			r.Coverage[0].Verdict, r.Findings[0].Evidence[0].Outcome = "not_seen", "ok"
			r.Findings[0].Tools[0].Confidence, r.Findings[0].Incidents[0].Confidence = "low", "high"
		}
		check(t, &r)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, drawReport(t, root)) })
}

// validStrings reports whether every string below v is UTF-8.
func validStrings(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || validStrings(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if !validStrings(v.Field(i)) {
				return false
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if !validStrings(v.Index(i)) {
				return false
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if !validStrings(k) || !validStrings(v.MapIndex(k)) {
				return false
			}
		}
	case reflect.String:
		return v.String() == strings.ToValidUTF8(v.String(), "")
	}
	return true
}

// The schema refuses what is not a report.
func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	for name, spoil := range map[string]func(r map[string]any){
		"a missing field":    func(r map[string]any) { delete(r["findings"].([]any)[0].(map[string]any), "risk_score") },
		"a negative count":   func(r map[string]any) { r["findings"].([]any)[0].(map[string]any)["events"] = -1 },
		"a finding unjudged": func(r map[string]any) { delete(r["findings"].([]any)[0].(map[string]any), "priority") },
		"an unknown level":   func(r map[string]any) { r["findings"].([]any)[0].(map[string]any)["level"] = "dire" },
		"half a point": func(r map[string]any) {
			r["findings"].([]any)[0].(map[string]any)["reasons"].([]any)[0].(map[string]any)["points"] = 0.5
		},
		"a risk over 100":     func(r map[string]any) { r["findings"].([]any)[0].(map[string]any)["risk_score"] = 101 },
		"an unknown verdict":  func(r map[string]any) { r["coverage"].([]any)[0].(map[string]any)["verdict"] = "covered" },
		"a count as a string": func(r map[string]any) { r["summary"].(map[string]any)["records"] = "5" },
		"another version":     func(r map[string]any) { r["schema_version"] = "2.0.0" },
		"no coverage":         func(r map[string]any) { delete(r, "coverage") },
		"null for a list":     func(r map[string]any) { r["findings"] = nil },
	} {
		var out bytes.Buffer
		if err := Write(&out, "json", threeClouds(), Options{}); err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Fatal(err)
		}
		spoil(doc)
		if schema.Validate(doc) == nil {
			t.Errorf("the schema accepts %s", name)
		}
	}
}

// The tables of fields and columns in docs/output.md are those of the schema
// and of the CSV format; -update writes them.
func TestDocsListEveryField(t *testing.T) {
	root := readSchema(t)
	var b strings.Builder
	section := func(name string, n *node) {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| Field | Type | Meaning |\n| --- | --- | --- |\n", name, n.Description)
		for _, field := range fieldOrder(name, n) {
			p := n.Properties[field]
			mark := ""
			if !slices.Contains(n.Required, field) {
				mark = ", optional"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | %s |\n", field, typeName(root, p), mark, meaning(p))
		}
	}
	section("report", root)
	for _, name := range slices.Sorted(maps.Keys(root.Defs)) {
		section(name, root.Defs[name])
	}
	fields := b.String()
	b.Reset()
	b.WriteString("\n")
	for _, c := range csvColumns {
		fmt.Fprintf(&b, "`%s` ", c.name)
	}
	b.WriteString("\n")
	docs, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, between(t, string(docs), "fields", fields+"\n"), "columns", b.String()+"\n")
	if *update {
		if err := os.WriteFile(docsPath, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(docs)); diff != "" {
		t.Errorf("docs/output.md is behind; run with -update:\n%s", diff)
	}
}

// between replaces what stands between the marks of that name.
func between(t *testing.T, s, name, with string) string {
	t.Helper()
	begin, end := "<!-- "+name+": generated, do not edit -->", "<!-- "+name+": end -->"
	head, rest, ok1 := strings.Cut(s, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("docs/output.md has no marks for %s", name)
	}
	return head + begin + with + end + tail
}

// fieldOrder is the order of the fields in the Go type, which is the order
// of the output.
func fieldOrder(name string, n *node) []string {
	var order []string
	for _, typ := range []reflect.Type{reflect.TypeFor[finding.Report](), reflect.TypeFor[finding.Finding](), reflect.TypeFor[finding.Summary](),
		reflect.TypeFor[finding.Exception](),
		reflect.TypeFor[finding.Detection](), reflect.TypeFor[finding.Technique](), reflect.TypeFor[finding.CloudRef](), reflect.TypeFor[finding.Account](),
		reflect.TypeFor[finding.Actor](), reflect.TypeFor[finding.Origin](), reflect.TypeFor[finding.Link](), reflect.TypeFor[finding.Window](),
		reflect.TypeFor[finding.Outcomes](), reflect.TypeFor[finding.API](), reflect.TypeFor[finding.Count](), reflect.TypeFor[finding.Address](),
		reflect.TypeFor[finding.Client](), reflect.TypeFor[finding.Slice](), reflect.TypeFor[finding.Evidence](), reflect.TypeFor[finding.At](),
		reflect.TypeFor[finding.LogCount](), reflect.TypeFor[finding.Reason](), reflect.TypeFor[finding.Resemblance](), reflect.TypeFor[finding.Levels](),
		reflect.TypeFor[finding.Problem](), reflect.TypeFor[finding.Coverage]()} {
		if typ.Name() != n.Title && !(typ.Name() == "CloudRef" && n.Title == "Cloud") {
			continue
		}
		for _, f := range fieldsOf(typ) {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			order = append(order, tag)
		}
	}
	if len(order) != len(n.Properties) {
		panic("no type for " + name)
	}
	return order
}

func typeName(root *node, n *node) string {
	switch {
	case n.Ref != "":
		name := strings.TrimPrefix(n.Ref, "#/$defs/")
		return "[" + name + "](#" + name + ")"
	case n.Items != nil:
		return "list of " + typeName(root, n.Items)
	}
	return n.Type
}

func meaning(n *node) string {
	if len(n.Enum) == 0 {
		return n.Description
	}
	return n.Description + " One of `" + strings.Join(n.Enum, "`, `") + "`."
}
