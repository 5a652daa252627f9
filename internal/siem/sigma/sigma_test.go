package sigma

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }

// read takes a text apart into its documents.
func read(text string) ([]map[string]any, error) {
	var docs []map[string]any
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc map[string]any
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
}

// The patterns and words of the JSON schemas of the specification, version 2.
var (
	uuid      = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	tagged    = regexp.MustCompile(`^attack\.([a-z-]+|t[0-9]{4}(\.[0-9]{3})?)$`)
	spans     = regexp.MustCompile(`^[1-9][0-9]*[smhd]$`)
	named_    = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	word      = regexp.MustCompile(`[A-Za-z0-9_]+`)
	modifiers = []string{"re", "i", "contains", "startswith", "lt"}
	known     = map[bool][]string{
		false: {"title", "id", "name", "status", "description", "references", "author", "tags", "logsource", "detection", "level"},
		true:  {"title", "id", "name", "status", "description", "references", "author", "tags", "correlation", "falsepositives", "level"},
	}
)

// strict collects what is wrong with documents.
type strict struct {
	faults []string
	seen   map[string]bool // ids, names and titles
	names  []string
}

func (s *strict) want(ok bool, format string, args ...any) {
	if !ok {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	}
}

// strings reads a list of texts, each of which stands once.
func (s *strict) strings(v any, what string) []string {
	list, ok := v.([]any)
	s.want(ok && len(list) > 0, "%s is no list", what)
	var out []string
	for _, x := range list {
		text, ok := x.(string)
		s.want(ok && !slices.Contains(out, text), "%s has %v", what, x)
		out = append(out, text)
	}
	return out
}

// check holds documents against the schemas, and against each other.
func check(text string) []string {
	docs, err := read(text)
	if err != nil {
		return []string{err.Error()}
	}
	s := &strict{seen: map[string]bool{}}
	s.want(len(docs) > 1, "%d documents", len(docs))
	for _, d := range docs {
		s.rule(d)
	}
	return s.faults
}

func (s *strict) rule(d map[string]any) {
	title, _ := d["title"].(string)
	s.want(title != "" && len([]rune(title)) <= 256, "title %q", title)
	_, over := d["correlation"]
	for k := range d {
		s.want(slices.Contains(known[over], k), "%s has the key %q", title, k)
	}
	id, _ := d["id"].(string)
	name, _ := d["name"].(string)
	s.want(uuid.MatchString(id), "%s has the id %q", title, id)
	s.want(named_.MatchString(name), "%s has the name %q", title, name)
	for _, x := range []string{title, id, name} {
		s.want(!s.seen[x], "%q stands twice", x)
		s.seen[x] = true
	}
	s.want(d["status"] == "experimental" && d["author"] == "Vedette", "%s: status %v, author %v", name, d["status"], d["author"])
	s.want(slices.Contains(levels, fmt.Sprint(d["level"])), "%s: level %v", name, d["level"])
	for _, tag := range s.strings(d["tags"], "tags of "+name) {
		s.want(tagged.MatchString(tag), "%s: tag %q", name, tag)
	}
	if known, ok := d["falsepositives"]; ok {
		for _, f := range s.strings(known, "falsepositives of "+name) {
			s.want(len(f) >= 2, "%s: false positive %q", name, f)
		}
	}
	if over {
		s.correlation(name, d["correlation"].(map[string]any))
	} else {
		s.base(name, d)
	}
	s.names = append(s.names, name)
}

func (s *strict) base(name string, d map[string]any) {
	source, _ := d["logsource"].(map[string]any)
	s.want(len(source) == 3 && source["product"] != nil && source["service"] != nil && source["definition"] != nil, "%s: logsource %v", name, source)
	detection, _ := d["detection"].(map[string]any)
	condition, _ := detection["condition"].(string)
	used := word.FindAllString(condition, -1)
	for _, w := range used {
		s.want(detection[w] != nil || w == "and" || w == "or" || w == "not", "%s: no search %q", name, w)
	}
	for search, x := range detection {
		if search == "condition" {
			continue
		}
		s.want(slices.Contains(used, search), "%s: nothing asks for %q", name, search)
		list, ok := x.([]any)
		if !ok {
			list = []any{x}
		}
		for _, m := range list {
			items, _ := m.(map[string]any)
			s.want(len(items) > 0, "%s: %s is empty", name, search)
			for key, value := range items {
				s.item(name+": "+key, strings.Split(key, "|")[1:], value)
			}
		}
	}
}

func (s *strict) item(what string, mods []string, value any) {
	for _, m := range mods {
		s.want(slices.Contains(modifiers, m), "%s: no modifier %q", what, m)
	}
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			if slices.Contains(mods, "re") {
				_, err := regexp.Compile(v)
				s.want(err == nil, "%s: %v", what, err)
			}
		case int, nil:
		default:
			s.want(false, "%s is %T", what, v)
		}
	}
}

func (s *strict) correlation(name string, c map[string]any) {
	for k := range c {
		s.want(slices.Contains([]string{"type", "rules", "aliases", "group-by", "timespan", "condition"}, k), "%s has the key %q", name, k)
	}
	rules := s.strings(c["rules"], "rules of "+name)
	for _, r := range rules {
		s.want(slices.Contains(s.names, r), "%s: no rule %q before it", name, r)
	}
	group := s.strings(c["group-by"], "group-by of "+name)
	s.want(len(group) == 2, "%s groups by %v", name, group)
	span, _ := c["timespan"].(string)
	s.want(spans.MatchString(span), "%s: timespan %v", name, c["timespan"])
	condition, _ := c["condition"].(map[string]any)
	field, least := condition["field"], condition["gte"]
	switch c["type"] {
	case "temporal":
		s.want(len(condition) == 1 && least == len(rules) && len(rules) > 1, "%s: condition %v over %d rules", name, condition, len(rules))
	case "event_count":
		s.want(len(condition) == 1 && least != nil, "%s: condition %v", name, condition)
	case "value_count":
		s.want(len(condition) == 2 && field != nil && field != "" && least != nil, "%s: condition %v", name, condition)
	default:
		s.want(false, "%s: type %v", name, c["type"])
	}
	if least != nil {
		n, ok := least.(int)
		s.want(ok && n > 0, "%s: least %v", name, least)
	}
	aliases, _ := c["aliases"].(map[string]any)
	for a, m := range aliases {
		fields, _ := m.(map[string]any)
		s.want(slices.Equal(slices.Sorted(maps.Keys(fields)), slices.Sorted(slices.Values(rules))), "%s: alias %s of %v", name, a, fields)
	}
}

// texts are all texts of an output.
func texts(out *siem.Output) map[string]string {
	list := map[string]string{"": out.Query}
	for _, f := range out.Further {
		list[f.Name] = f.Text
	}
	return list
}

func compile(t *testing.T, r *siem.Rule) *siem.Output {
	t.Helper()
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTexts holds all texts against the schemas.
func TestTexts(t *testing.T) {
	for name, r := range siemtest.Rules() {
		for form, text := range texts(compile(t, r)) {
			for _, f := range check(text) {
				t.Errorf("%s %s: %s", name, form, f)
			}
		}
	}
	for _, wrong := range []string{
		"title: a\n", "a: [", strings.Replace(compile(t, siemtest.Rule(siemtest.Logs()[0])).Query, "gte: 10", "gte: none", 1),
		strings.Replace(compile(t, siemtest.Rule(siemtest.Logs()[0])).Query, "value_count", "count", 1),
		strings.Replace(compile(t, siemtest.Rule(siemtest.Logs()[0])).Query, "condition: ", "condition: nothing and ", 1),
	} {
		if len(check(wrong)) == 0 {
			t.Errorf("%.40q has no faults", wrong)
		}
	}
}

// correlations lists what a text correlates: type, field, least, level.
func correlations(t *testing.T, text string) []string {
	t.Helper()
	docs, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, d := range docs {
		if c, ok := d["correlation"].(map[string]any); ok {
			condition, _ := c["condition"].(map[string]any)
			list = append(list, fmt.Sprintln(c["type"], condition["field"], condition["gte"], d["level"]))
		}
	}
	return list
}

func TestCorrelations(t *testing.T) {
	r := siemtest.Rule(siemtest.Logs()[0])
	out := compile(t, r)
	if got, want := strings.Join(correlations(t, out.Query), ""), strings.Repeat("value_count eventID 10 low\nvalue_count eventName 5 low\n", 2); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	bands := "value_count eventID 20 informational\nvalue_count eventName 7 informational\ntemporal <nil> 2 medium\n" +
		"value_count eventID 50 informational\nvalue_count eventName 10 informational\ntemporal <nil> 2 high\n"
	if got, want := strings.Join(correlations(t, texts(out)["bands"]), ""), strings.Repeat(bands, 2); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	r.KeepCopies = true
	if got := correlations(t, compile(t, r).Query)[0]; got != "event_count <nil> 10 low\n" {
		t.Errorf("copies count by %s", got)
	}
	if got := correlations(t, compile(t, siemtest.Rules()["sweep"]).Query)[0]; got != "value_count requestParameters 40 low\n" {
		t.Errorf("targets count by %s", got)
	}
}

// TestPackage holds that filters name rules that the package has, and all of
// them.
func TestPackage(t *testing.T) {
	out := compile(t, siemtest.Rules()["scheduled"])
	files, err := Backend{}.Package([]*siem.Output{out})
	if err != nil {
		t.Fatal(err)
	}
	ids, filtered := map[string]string{}, map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Path, ".yml") {
			continue
		}
		docs, err := read(string(f.Data))
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		for _, d := range docs {
			if d["detection"] != nil {
				ids[d["id"].(string)] = d["name"].(string)
			}
			filter, ok := d["filter"].(map[string]any)
			if !ok {
				continue
			}
			if filter["condition"] != "not selection" || d["logsource"] == nil || !uuid.MatchString(d["id"].(string)) {
				t.Errorf("filter %v", d)
			}
			for _, id := range filter["rules"].([]any) {
				if filtered[id.(string)] {
					t.Errorf("%v has two filters", id)
				}
				filtered[id.(string)] = true
			}
			for field := range filter["selection"].(map[string]any) {
				if field == "" {
					t.Errorf("filter %v has no field", d["title"])
				}
			}
		}
	}
	if len(ids) == 0 || len(ids) != len(filtered) {
		t.Errorf("%d base rules, %d filtered", len(ids), len(filtered))
	}
	for id, name := range ids {
		if !filtered[id] {
			t.Errorf("%s has no filter", name)
		}
	}
}
