package report

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"vedette/internal/investigate"
	"vedette/internal/term"
)

const walkSchemaPath = "../../docs/investigate.schema.json"

// hostileText acts on a terminal, a page, a spreadsheet, Markdown or a shell where
// it is not made safe.
const hostileText = "\x1b[2J\u202e<script>alert(1)</script> **b** [x](https://evil.example) | `id` $(id) '; rm -rf / # @all \u0085\x07 http://evil.example www.evil.example {{.}} a_b_"

// hostileWalk has nasty text in every string, everywhere.
func hostileWalk() *investigate.Walk {
	w := &investigate.Walk{}
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(hostileText)
		case reflect.Int:
			v.SetInt(3)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range 2 {
				fill(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					fill(v.Field(i))
				}
			}
		}
	}
	fill(reflect.ValueOf(w).Elem())
	for i := range w.Steps {
		for j := range w.Steps[i].Tables {
			w.Steps[i].Tables[j].Head = []string{"ONE", "TWO"} // the program's own words
		}
	}
	return w
}

func written(t *testing.T, format string, w *investigate.Walk, terminal term.Terminal) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteWalk(&b, format, w, Options{Terminal: terminal}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHostileWalk: no character acts on the terminal, and no line is wider
// than it; Markdown shows text as text; JSON is safe in a page and true.
func TestHostileWalk(t *testing.T) {
	w := hostileWalk()
	for _, width := range []int{50, 80, 200} {
		for _, unicode := range []bool{true, false} {
			out := written(t, "text", w, term.Terminal{Interactive: true, Width: width, Unicode: unicode})
			for i, l := range strings.Split(out, "\n") {
				if term.Width(l) > width {
					t.Errorf("width %d: line %d has %d cells: %q", width, i, term.Width(l), l)
				}
			}
			if strings.ContainsAny(out, "\x1b\u202e\u0085\x07") {
				t.Error("a control character reaches the terminal")
			}
		}
	}
	colour := written(t, "text", w, term.Terminal{Interactive: true, Width: 80, Color: true})
	if rest := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(colour, ""); rest == colour || strings.Contains(rest, "\x1b") {
		t.Error("colours, and nothing but colours")
	}

	// In Markdown all that has a meaning is in code spans and code blocks.
	md := written(t, "markdown", w, term.Terminal{})
	if strings.ContainsAny(md, "\x1b\u202e\u0085\x07") {
		t.Error("a control character is in the Markdown")
	}
	plain := regexp.MustCompile("(?s)```.*?```|`+[^`]+`+").ReplaceAllString(md, "")
	for _, bad := range []string{"<", "](", "**b", "://", "www.", "@all"} {
		if strings.Contains(plain, bad) {
			t.Errorf("Markdown has %q outside of code", bad)
		}
	}

	text := written(t, "json", w, term.Terminal{})
	if strings.ContainsAny(text, "\x1b\u202e\u0085\x07<>") {
		t.Error("json is not safe to embed")
	}
	var back investigate.Walk
	if err := json.Unmarshal([]byte(text), &back); err != nil || back.Subject.Principal != hostileText {
		t.Errorf("json does not hold what was there: %v, %q", err, back.Subject.Principal)
	}
	if err := WriteWalk(&bytes.Buffer{}, "csv", w, Options{}); err == nil || !strings.Contains(err.Error(), "text, json, markdown") {
		t.Errorf("an unknown format: %v", err)
	}
}

// TestWalkSchema: docs/investigate.schema.json is made of the types and of what
// their comments say, and what is written keeps to it.
func TestWalkSchema(t *testing.T) {
	comments := commentsOf(t, "../investigate", "../finding")
	defs := map[string]any{}
	root := schemaOf(reflect.TypeFor[investigate.Walk](), comments, defs)
	want, err := json.Marshal(map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "investigate.schema.json", "title": "Investigation",
		"description": "What vedette investigate --format json writes. Fields may be added within a major version: readers pass over those they do not know.",
		"$ref":        root["$ref"], "$defs": defs}, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	have, err := os.ReadFile(walkSchemaPath)
	if (err != nil || !bytes.Equal(have, want)) && *update {
		if err := os.WriteFile(walkSchemaPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(have, want) {
		t.Fatalf("docs/investigate.schema.json is behind the types: run go test ./internal/report -update (%v)", err)
	}

	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	s, err := c.Compile(walkSchemaPath)
	if err != nil {
		t.Fatal(err)
	}
	text := written(t, "json", hostileWalk(), term.Terminal{})
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Error(err)
	}
	if doc, err = jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(text, `"calls": 3`, `"calls": "3"`, 1))); err != nil || s.Validate(doc) == nil {
		t.Errorf("the schema takes a text for a number (%v)", err)
	}
}

// schemaOf is the schema of a type, its structs under defs.
func schemaOf(typ reflect.Type, comments map[string]string, defs map[string]any) map[string]any {
	switch typ.Kind() {
	case reflect.Pointer:
		return schemaOf(typ.Elem(), comments, defs)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(typ.Elem(), comments, defs)}
	case reflect.Struct:
		name := strings.ToLower(typ.Name()[:1]) + typ.Name()[1:]
		ref := map[string]any{"$ref": "#/$defs/" + name}
		if defs[name] != nil {
			return ref
		}
		properties, required := map[string]any{}, []string{}
		def := map[string]any{"title": typ.Name(), "type": "object", "properties": properties}
		defs[name] = def
		if text := comments[typ.Name()]; text != "" {
			def["description"] = text
		}
		for _, f := range fieldsOf(typ) {
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if field == "-" || !f.IsExported() {
				continue
			}
			if options == "" {
				required = append(required, field)
			}
			p := schemaOf(f.Type, comments, defs)
			if text := comments[typ.Name()+"."+f.Name]; text != "" {
				p["description"] = text
			}
			properties[field] = p
		}
		def["required"] = required
		return ref
	}
	return map[string]any{"type": map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean"}[typ.Kind()]}
}

// commentsOf reads what comments say of types and their fields.
func commentsOf(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	note := func(name string, groups ...*ast.CommentGroup) {
		for _, g := range groups {
			if g != nil && out[name] == "" {
				out[name] = strings.Join(strings.Fields(g.Text()), " ")
			}
		}
	}
	for _, dir := range dirs {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), dir+"/"+file.Name(), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range g.Specs {
					s, ok := spec.(*ast.TypeSpec)
					if !ok {
						continue
					}
					note(s.Name.Name, s.Doc, g.Doc)
					if fields, ok := s.Type.(*ast.StructType); ok {
						for _, x := range fields.Fields.List {
							for _, n := range x.Names {
								note(s.Name.Name+"."+n.Name, x.Doc, x.Comment)
							}
						}
					}
				}
			}
		}
	}
	return out
}

// What to ask next leads to a step by the number that stands before it.
func TestNextNamesTheHeading(t *testing.T) {
	w := &investigate.Walk{Steps: []investigate.Step{
		{ID: "first", Question: "One?", Next: []investigate.Next{{Ask: "On?", Step: "third"}, {Ask: "Known?", Hunt: "h"}}},
		{ID: "second", Question: "Two?"},
		{ID: "third", Question: "Three?", Next: []investigate.Next{{Ask: "Gone?", Step: "none"}}},
	}}
	for format, want := range map[string][]string{
		"text":     {"3. Three?\n", "next: On? (step 3)\n", "next: Known? (hunt h)\n", "next: Gone? (step none)\n"},
		"markdown": {"## 3. Three?\n", "next: On? (step 3)\n"},
	} {
		out := written(t, format, w, term.Terminal{Width: 80})
		for _, s := range want {
			if !strings.Contains(out, s) {
				t.Errorf("%s: no %q in\n%s", format, s, out)
			}
		}
	}
}
