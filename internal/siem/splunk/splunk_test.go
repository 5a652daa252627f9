package splunk

import (
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

// spl is a search taken apart by the rules of the Search Manual: comments in
// three backticks, commands between pipes, string literals in double quotes,
// field names in single ones.
type spl struct {
	commands []command
}

type command struct {
	name string
	args []token
}

type token struct {
	kind byte // 'w' word, 's' string, 'f' quoted field, or the sign itself
	text string
}

// read takes a search apart, strictly: what it does not know is an error.
func read(text string) (*spl, error) {
	var s spl
	var tokens []token
	depth := 0
	flush := func() error {
		if depth != 0 {
			return fmt.Errorf("brackets are not even before a pipe")
		}
		if len(s.commands) == 0 {
			s.commands = append(s.commands, command{"search", tokens})
		} else {
			if len(tokens) == 0 || tokens[0].kind != 'w' {
				return fmt.Errorf("no command after a pipe")
			}
			s.commands = append(s.commands, command{tokens[0].text, tokens[1:]})
		}
		tokens = nil
		return nil
	}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case strings.HasPrefix(text[i:], "```"):
			j := strings.Index(text[i+3:], "```")
			if j < 0 {
				return nil, fmt.Errorf("a comment has no end")
			}
			i += 3 + j + 3
		case c == ' ' || c == '\n':
			i++
		case c == '|':
			if err := flush(); err != nil {
				return nil, err
			}
			i++
		case c == '"' || c == '\'':
			j := i + 1
			for j < len(text) && text[j] != c {
				if text[j] == '\\' && c == '"' {
					j++
				}
				j++
			}
			if j >= len(text) {
				return nil, fmt.Errorf("a quote has no end: %q", text[i:min(i+30, len(text))])
			}
			kind := byte('s')
			if c == '\'' {
				kind = 'f'
			}
			tokens = append(tokens, token{kind, text[i+1 : j]})
			i = j + 1
		case c == '(':
			depth++
			tokens = append(tokens, token{c, "("})
			i++
		case c == ')':
			if depth--; depth < 0 {
				return nil, fmt.Errorf("a bracket closes what none opened")
			}
			tokens = append(tokens, token{c, ")"})
			i++
		case strings.ContainsRune("=!<>+-*/%.,", rune(c)):
			j := i + 1
			for j < len(text) && strings.ContainsRune("=", rune(text[j])) {
				j++
			}
			tokens = append(tokens, token{c, text[i:j]})
			i = j
		case c == '_' || c < 0x80 && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c))):
			j := i
			for j < len(text) && (text[j] == '_' || text[j] < 0x80 && (unicode.IsLetter(rune(text[j])) || unicode.IsDigit(rune(text[j])))) {
				j++
			}
			tokens = append(tokens, token{'w', text[i:j]})
			i = j
		default:
			return nil, fmt.Errorf("%q has no place in a search", c)
		}
	}
	return &s, flush()
}

var functions = []string{"case", "match", "in", "isnotnull", "isnull", "null", "true", "lower", "replace", "coalesce", "if", "floor", "mvrange", "mvindex",
	"strftime", "strptime", "now", "json_extract", "dc", "values", "min", "max", "AND", "OR", "NOT", "BY", "AS"}

// check follows the fields through the commands.
func check(s *spl) error {
	known := map[string]bool{"_time": true, "_raw": true, "sourcetype": true}
	for i, c := range s.commands {
		for k, t := range c.args {
			if t.kind == 'w' && k+1 < len(c.args) && c.args[k+1].kind == '(' && !slices.Contains(functions, t.text) {
				return fmt.Errorf("no function %s", t.text)
			}
		}
		uses := func(args []token) error {
			for k, t := range args {
				if t.kind != 'w' || t.text[0] >= '0' && t.text[0] <= '9' || slices.Contains(functions, t.text) || k+1 < len(args) && args[k+1].kind == '(' {
					continue
				}
				if !known[t.text] {
					return fmt.Errorf("%s uses the field %s, which no command made", c.name, t.text)
				}
			}
			return nil
		}
		switch c.name {
		case "search":
			if i != 0 {
				return fmt.Errorf("search stands further down")
			}
		case "eval":
			depth, start := 0, 0
			for k := 0; k <= len(c.args); k++ {
				if k < len(c.args) {
					switch c.args[k].kind {
					case '(':
						depth++
					case ')':
						depth--
					}
				}
				if k < len(c.args) && (c.args[k].kind != ',' || depth > 0) {
					continue
				}
				part := c.args[start:k]
				if len(part) < 3 || part[0].kind != 'w' || part[1].text != "=" {
					return fmt.Errorf("eval without a field: %v", part)
				}
				if err := uses(part[2:]); err != nil {
					return err
				}
				known[part[0].text] = true
				start = k + 1
			}
		case "where":
			if err := uses(c.args); err != nil {
				return err
			}
		case "stats":
			now := map[string]bool{}
			by := slices.IndexFunc(c.args, func(t token) bool { return t.text == "BY" })
			if by < 0 {
				return fmt.Errorf("stats without BY")
			}
			for k, t := range c.args[:by] {
				if t.text == "AS" {
					now[c.args[k+1].text] = true
				} else if t.kind == 'w' && k > 0 && c.args[k-1].kind == '(' && !known[t.text] {
					return fmt.Errorf("stats counts the field %s, which no command made", t.text)
				}
			}
			for _, t := range c.args[by+1:] {
				if !known[t.text] {
					return fmt.Errorf("stats groups by %s, which no command made", t.text)
				}
				now[t.text] = true
			}
			known = now
		case "table":
			var names []string
			for _, t := range c.args {
				if !known[t.text] {
					return fmt.Errorf("table shows %s, which no command made", t.text)
				}
				names = append(names, t.text)
			}
			for _, want := range siem.Columns() {
				if !slices.Contains(names, want) {
					return fmt.Errorf("no column %s", want)
				}
			}
			if i != len(s.commands)-1 {
				return fmt.Errorf("table is not last")
			}
		case "lookup":
			known["ExceptedUntil"] = true
		case "mvexpand", "sort":
		default:
			return fmt.Errorf("no command %s", c.name)
		}
	}
	if s.commands[len(s.commands)-1].name != "table" {
		return fmt.Errorf("no table at the end")
	}
	return nil
}

func TestRead(t *testing.T) {
	for name, r := range siemtest.Rules() {
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if errors.Is(err, siem.ErrNotSaid) {
			continue // a log that Splunk has no documented place for
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := read(out.Query)
		if err == nil {
			err = check(s)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out.Query)
		}
	}
}

// TestReadRejects holds that the reader sees what is wrong.
func TestReadRejects(t *testing.T) {
	for _, wrong := range []string{
		`a="x`, `(a | table b`, `a) | table b`, `a | | table b`, "a ``` b", `a | evil x=1`, `a | eval x=evil(1) | table x`,
		`a | eval x=y | table x`, `a | stats dc(Nope) AS n BY _time | table n`, `a | eval x=1`, "a | where `m`",
	} {
		s, err := read(wrong)
		if err == nil {
			err = check(s)
		}
		if err == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}

// FuzzQuote holds that a condition on hostile values ends where it ends.
func FuzzQuote(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names are UTF-8")
		}
		text := in("Name", []string{s})
		for _, r := range text {
			if !unicode.IsGraphic(r) || r == '`' {
				t.Fatalf("%q holds what cannot be seen, or what begins a macro", text)
			}
		}
		parsed, err := read("x | where " + text)
		if err != nil || len(parsed.commands) != 2 {
			t.Fatalf("%q: %v", text, err)
		}
		args := parsed.commands[1].args
		if args[0].text == "Name" { // Name=="…"
			if len(args) != 3 || args[2].kind != 's' {
				t.Fatalf("%q is %v", text, args)
			}
			var b strings.Builder
			for i := 0; i < len(args[2].text); i++ {
				if args[2].text[i] == '\\' {
					i++
				}
				b.WriteByte(args[2].text[i])
			}
			if b.String() != s {
				t.Errorf("%q reads back as %q", s, b.String())
			}
		}
	})
}

// TestExceptions holds that entries of the lookup end, and that the README
// says so.
func TestExceptions(t *testing.T) {
	r := siemtest.Rules()["scheduled"]
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	want := "| lookup vedette_exceptions Identity OUTPUT Expires AS ExceptedUntil\n" +
		`| where coalesce(strptime(ExceptedUntil." +0000", "%Y-%m-%d %z"), 0)<=now()` + "\n"
	if !strings.Contains(out.Query, want) {
		t.Errorf("no entry ends:\n%s", out.Query)
	}
	if !strings.Contains(readme, siem.ExceptionNote) {
		t.Error("the README does not say when entries end")
	}
}
