package elastic

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }

func TestLucene(t *testing.T) {
	for in, want := range map[string]string{
		`^(Get|List)$`:          `(Get|List)`,
		`(^|[.])(get)$`:         `(.*[.])?(get)`,
		`/(list)[a-z]*/action$`: `.*/(list)[a-z]*/action`,
		`^x`:                    `x.*`,
	} {
		if got := lucene(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// commands takes an ES|QL text apart ("ES|QL syntax reference"): comments to
// the line's end, strings in double quotes, commands between pipes.
func commands(text string) ([]string, error) {
	var list []string
	var b strings.Builder
	depth := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				return nil, fmt.Errorf("a comment has no end")
			}
			i += n
		case c == '"':
			j := i + 1
			for j < len(text) && text[j] != '"' {
				if text[j] == '\\' {
					j++
				}
				if j < len(text) && text[j] == '\n' {
					return nil, fmt.Errorf("a line break in a string")
				}
				j++
			}
			if j >= len(text) {
				return nil, fmt.Errorf("a string has no end")
			}
			b.WriteString(`""`)
			i = j + 1
		case c == '|':
			if depth != 0 {
				return nil, fmt.Errorf("brackets are not even before a pipe")
			}
			list = append(list, strings.TrimSpace(b.String()))
			b.Reset()
			i++
		default:
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth < 0 || strings.ContainsRune("`'{};$#\\", rune(c)) {
				return nil, fmt.Errorf("%q has no place here", c)
			}
			b.WriteByte(c)
			i++
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("brackets are not even")
	}
	return append(list, strings.TrimSpace(b.String())), nil
}

var (
	known     = []string{"FROM", "WHERE", "EVAL", "MV_EXPAND", "STATS", "SORT", "KEEP", "LIMIT"}
	functions = []string{"CASE", "CONCAT", "REPLACE", "COALESCE", "TO_LOWER", "TO_STRING", "MV_FIRST", "MV_APPEND", "MV_SLICE", "MV_SORT", "DATE_TRUNC", "NOW",
		"COUNT_DISTINCT", "COUNT", "VALUES", "MIN", "MAX", "FROM_BASE64", "IN", "NOT", "AND", "OR", "WHERE", "EVAL"}
)

// check holds that commands and functions exist, stand in order, and give the
// columns of a row.
func check(text string) error {
	list, err := commands(text)
	if err != nil {
		return err
	}
	made, grouped := map[string]bool{}, false
	for i, c := range list {
		name, _, _ := strings.Cut(strings.ReplaceAll(c, "\n", " "), " ")
		if !slices.Contains(known, name) || (name == "FROM") != (i == 0) {
			return fmt.Errorf("no command %q here", name)
		}
		for j := strings.IndexByte(c, '('); j >= 0; {
			k := j
			for k > 0 && (c[k-1] == '_' || c[k-1] >= '0' && c[k-1] <= '9' || c[k-1] >= 'A' && c[k-1] <= 'Z') {
				k--
			}
			if f := c[k:j]; f != "" && !slices.Contains(functions, f) {
				return fmt.Errorf("no function %q", f)
			}
			n := strings.IndexByte(c[j+1:], '(')
			if n < 0 {
				break
			}
			j += 1 + n
		}
		switch name {
		case "STATS":
			grouped, made = true, map[string]bool{}
			body, by, ok := strings.Cut(c[len("STATS"):], "BY")
			if !ok {
				return fmt.Errorf("STATS without BY")
			}
			for _, part := range strings.Split(by, ",") {
				made[strings.TrimSpace(part)] = true
			}
			for _, part := range strings.Split(body, "=") {
				f := strings.Fields(strings.ReplaceAll(part, ",", " "))
				if len(f) > 0 {
					made[f[len(f)-1]] = true
				}
			}
		case "EVAL":
			for _, part := range strings.Split(c, " = ") {
				f := strings.Fields(strings.ReplaceAll(part, ",", " "))
				made[f[len(f)-1]] = true
			}
		case "KEEP":
			if !grouped {
				return fmt.Errorf("KEEP before STATS")
			}
			var names []string
			for _, n := range strings.Split(strings.TrimPrefix(c, "KEEP"), ",") {
				n = strings.TrimSpace(n)
				if !made[n] {
					return fmt.Errorf("KEEP names %s, which no command made", n)
				}
				names = append(names, n)
			}
			for _, want := range siem.Columns() {
				if !slices.Contains(names, want) {
					return fmt.Errorf("no column %s", want)
				}
			}
		}
	}
	if !grouped {
		return fmt.Errorf("no STATS")
	}
	return nil
}

func TestRead(t *testing.T) {
	for name, r := range siemtest.Rules() {
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if errors.Is(err, siem.ErrNotSaid) {
			continue // a log that Elastic has no documented place for
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := check(out.Query); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out.Query)
		}
		for _, f := range out.Further {
			if f.Ext == ".json" && !json.Valid([]byte(f.Text)) {
				t.Errorf("%s: %s is no JSON", name, f.Name)
			}
		}
	}
}

// TestOneRisk holds that a rule with one risk says it without a choice.
func TestOneRisk(t *testing.T) {
	out, err := Backend{}.Compile(siemtest.Rules()["one risk"], Backend{}.Fields())
	if err != nil || !strings.Contains(out.Query, "RiskScore = 50\n") {
		t.Errorf("%v\n%s", err, out.Query)
	}
}

// TestReadRejects holds that the reader sees what is wrong.
func TestReadRejects(t *testing.T) {
	for _, wrong := range []string{
		`FROM a | WHERE "x`, `FROM a | WHERE (x`, `FROM a | WHERE x)`, `FROM a | EVIL x`, `WHERE x | FROM a`, `FROM a | WHERE EVIL(x)`,
		"FROM a | WHERE `x`", `FROM a | STATS n = COUNT(*)`, `FROM a | STATS n = COUNT(*) BY x | KEEP y`, `FROM a | KEEP x`, `FROM a | WHERE x == 'y'`,
	} {
		if check(wrong) == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}

// TestPackage holds that every line is a rule with what Kibana asks for.
func TestPackage(t *testing.T) {
	r := siemtest.Rules()["scheduled"]
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	files, err := Backend{}.Package([]*siem.Output{out})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, f := range files {
		if !strings.HasPrefix(f.Path, "rules") {
			continue
		}
		for _, text := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
			var rule map[string]any
			if err := json.Unmarshal([]byte(text), &rule); err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			for _, key := range []string{"rule_id", "name", "description", "type", "language", "query", "risk_score", "severity", "from", "interval", "threat", "tags"} {
				if rule[key] == nil || rule[key] == "" {
					t.Errorf("%s: %v has no %s", f.Path, rule["name"], key)
				}
			}
			if rule["type"] == "esql" && rule["index"] != nil {
				t.Errorf("%v: an ES|QL rule takes no index", rule["name"])
			}
			if id := fmt.Sprint(rule["rule_id"]); ids[id] {
				t.Errorf("%v: the id %s stands twice", rule["name"], id)
			} else {
				ids[id] = true
			}
		}
	}
}

// FuzzQuote holds that a literal says what it was made of and ends where it
// ends, in ES|QL and EQL.
func FuzzQuote(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names are UTF-8")
		}
		for _, lit := range []string{quote(s), eqlQuote(s)} {
			if strings.ContainsFunc(lit, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				t.Fatalf("%q holds what cannot be seen", lit)
			}
			if rest, ok := strings.CutPrefix(lit, `FROM_BASE64("`); ok && s != lit {
				b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, `")`))
				if err != nil || string(b) != s {
					t.Errorf("%q reads back as %q, %v", lit, b, err)
				}
				continue
			}
			var b strings.Builder
			i := 1
			for ; i < len(lit) && lit[i] != '"'; i++ {
				if lit[i] == '\\' {
					i++
					if lit[i] == 'u' {
						var r rune
						var n int
						if _, err := fmt.Sscanf(lit[i:], "u{%x}%n", &r, &n); err != nil && r == 0 && !strings.HasPrefix(lit[i:], "u{0}") {
							t.Fatal(err)
						}
						b.WriteRune(r)
						i += strings.IndexByte(lit[i:], '}')
						continue
					}
				}
				b.WriteByte(lit[i])
			}
			if i != len(lit)-1 || b.String() != s {
				t.Errorf("%q reads back as %q", lit, b.String())
			}
		}
		// A phrase of Lucene ends at the first quote without a backslash.
		phrase := luceneQuote(s)
		i := 1
		for ; i < len(phrase) && phrase[i] != '"'; i++ {
			if phrase[i] == '\\' {
				i++
			}
		}
		if i != len(phrase)-1 || strings.ContainsFunc(phrase, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q of %q does not end where it ends", phrase, s)
		}
	})
}
