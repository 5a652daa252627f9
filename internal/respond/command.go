package respond

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// A command of a playbook is a line of words. Blanks separate words, single
// quotes keep one together, and a word > sends the output into the file that
// follows. Nothing else of a shell has a meaning: what is not a plain word is
// quoted when the line is written.
//
//	{{name}}         a value of the finding, see blanks in values.go
//	{{NAME}}         a blank that somebody must fill in
//	{{policy:name}}  a policy of the playbook's file, as JSON
type word struct {
	text string
	into bool // the word > that sends the output into a file
}

var placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// plain are the words that a POSIX shell takes as they stand.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// split cuts a template into words. Errors say what a line may not hold.
func split(template string) ([]word, error) {
	var words []word
	var b strings.Builder
	in, quoted := false, false
	end := func() {
		if in {
			words = append(words, word{text: b.String(), into: b.String() == ">" && !quoted})
		}
		b.Reset()
		in, quoted = false, false
	}
	for i := 0; i < len(template); i++ {
		switch c := template[i]; c {
		case ' ':
			end()
		case '\'':
			n := strings.IndexByte(template[i+1:], '\'')
			if n < 0 {
				return nil, fmt.Errorf("a single quote has no end")
			}
			b.WriteString(template[i+1 : i+1+n])
			in, quoted = true, true
			i += n + 1
		default:
			b.WriteByte(c)
			in = true
		}
	}
	end()
	for i, w := range words {
		if w.into && i != len(words)-2 {
			return nil, fmt.Errorf("one word must follow >, and nothing after it")
		}
	}
	if len(words) == 0 || words[0].into || !plain.MatchString(words[0].text) {
		return nil, fmt.Errorf("the line does not begin with the name of a program")
	}
	return words, nil
}

// now stands in a word for the time at which the line is run.
const now = "\x00"

// mostLines bounds the lines that one command makes.
const mostLines = 20

// command fills a template, which was checked when it was loaded. It returns a
// line for each value of the names that have several, and for each pair where
// two names have: a key in each region. Beyond [mostLines] lines are counted
// in more. The blanks that were left come in order.
func (b *Book) command(template string, v values) (lines []string, more int, left []string) {
	words, err := split(template)
	if err != nil {
		panic("respond: " + template + ": " + err.Error()) // load refuses it
	}
	// The last of several values changes first, so that the first sets are
	// made of the first ones: no more than those are kept.
	sets, all := []values{{"paths": v["paths"]}}, 1
	for _, name := range b.names(template) {
		if name == "paths" || len(v[name]) == 0 {
			continue
		}
		all *= len(v[name])
		var next []values
		for _, one := range sets {
			for _, value := range v[name][:min(len(v[name]), mostLines-len(next))] {
				with := maps.Clone(one)
				with[name] = []string{value}
				next = append(next, with)
			}
		}
		sets = next
	}
	for _, one := range sets {
		fill := filler{book: b, v: one}
		if line := fill.line(words); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
		for _, l := range fill.left {
			if !slices.Contains(left, l) {
				left = append(left, l)
			}
		}
	}
	return lines, all - len(sets), left
}

// names are the values that a template takes, each once: those of its policies
// as well.
func (b *Book) names(template string) []string {
	var list []string
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		within := []string{m[1]}
		if policy, ok := strings.CutPrefix(m[1], "policy:"); ok {
			within = b.policyNames(b.policies[policy])
		}
		for _, name := range within {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// policyNames are the values that a policy takes, in an order of their own.
func (b *Book) policyNames(x any) []string {
	var list []string
	switch x := x.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			list = append(list, b.policyNames(x[k])...)
		}
	case []any:
		for _, e := range x {
			list = append(list, b.policyNames(e)...)
		}
	case string:
		for _, m := range placeholder.FindAllStringSubmatch(x, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

type filler struct {
	book *Book
	v    values
	left []string
	file bool // the word is the name of a file that is written
}

func (f *filler) line(words []word) string {
	var out []string
	for i, w := range words {
		// A value is a part of a file's name, never a way to another folder.
		f.file = i > 0 && words[i-1].into
		switch {
		case w.into:
			out = append(out, ">")
		case w.text == "{{paths}}":
			out = append(out, f.paths()...)
		default:
			out = append(out, quote(f.word(w.text)))
		}
	}
	return strings.Join(out, " ")
}

// paths are words of their own, so that one which begins with a dash must not
// look like a flag.
func (f *filler) paths() []string {
	var out []string
	for _, p := range f.v["paths"] {
		switch {
		case p == "-" || !shows(p):
			// Standard input cannot be read again.
			p = f.blank("PATH")
		case strings.HasPrefix(p, "-"):
			p = "./" + p
		}
		out = append(out, quote(p))
	}
	if len(out) == 0 {
		return []string{f.blank("PATH")}
	}
	return out
}

// word replaces the placeholders of a word. What a value must be made of so
// that it stays a value depends on where it stands.
func (f *filler) word(text string) string {
	var b strings.Builder
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		before, name := text[:m[0]], text[m[2]:m[3]]
		b.WriteString(text[at:m[0]])
		at = m[1]
		if policy, ok := strings.CutPrefix(name, "policy:"); ok {
			b.WriteString(f.policy(policy))
			continue
		}
		value, known := f.value(name)
		switch {
		case !known:
		case f.file:
			value = strings.ReplaceAll(value, "/", "_")
		case strings.Contains(before, "https://"):
			value = url.PathEscape(value)
		case strings.HasSuffix(before, `"`):
			// A string of JSON or of a filter: both escape with a backslash.
			value = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
		}
		b.WriteString(value)
	}
	b.WriteString(text[at:])
	return b.String()
}

// value returns a value, or its blank and false. Logs are written in part by
// whoever made the calls. No real name holds characters that do not show
// themselves, and a value that a client would take for a flag (-x), or for a
// file to read (@x of the Azure CLI, file://x of the AWS CLI), is left to a
// person.
func (f *filler) value(name string) (string, bool) {
	if strings.ToUpper(name) == name {
		return f.blank(name), false
	}
	list := f.v[name]
	if len(list) > 0 && shows(list[0]) && !strings.HasPrefix(list[0], "-") && !strings.HasPrefix(list[0], "@") && !scheme.MatchString(list[0]) {
		return list[0], true
	}
	if name == "partition" {
		return blanks[name], false
	}
	return f.blank(blanks[name]), false
}

var scheme = regexp.MustCompile(`(?i)^(file|fileb|https?)://`)

func (f *filler) blank(name string) string {
	if !slices.Contains(f.left, name) {
		f.left = append(f.left, name)
	}
	return name
}

// policy is a policy of IAM as JSON in one line. A value in it stands for
// itself: the characters that policies give a meaning are escaped ("IAM policy
// elements: variables and tags", IAM User Guide), else a session that is called
// * would have everyone denied.
func (f *filler) policy(name string) string {
	literal := strings.NewReplacer("$", "${$}", "*", "${*}", "?", "${?}")
	var walk func(any) any
	walk = func(x any) any {
		switch x := x.(type) {
		case map[string]any:
			out := map[string]any{}
			for k, e := range x {
				out[k] = walk(e)
			}
			return out
		case []any:
			out := make([]any, len(x))
			for i, e := range x {
				out[i] = walk(e)
			}
			return out
		case string:
			return placeholder.ReplaceAllStringFunc(x, func(m string) string {
				name := m[2 : len(m)-2]
				if name == "now" {
					return m
				}
				value, known := f.value(name)
				if known {
					value = literal.Replace(value)
				}
				return value
			})
		}
		return x
	}
	text, err := json.Marshal(walk(f.book.policies[name]), json.Deterministic(true))
	if err != nil {
		panic("respond: policy " + name + ": " + err.Error()) // load tries it
	}
	return strings.ReplaceAll(string(text), "{{now}}", now)
}

// quote makes one word of a POSIX shell of a text. Nothing has a meaning
// between single quotes but the quote itself ("Quoting", POSIX.1-2017).
func quote(text string) string {
	if plain.MatchString(text) {
		return text
	}
	flag := flagBefore.FindString(text) // for the eye: --flag='value'
	parts := strings.Split(text[len(flag):], now)
	for i, p := range parts {
		parts[i] = "'" + strings.ReplaceAll(p, "'", `'\''`) + "'"
	}
	return flag + strings.Join(parts, `"$(date -u +%Y-%m-%dT%H:%M:%SZ)"`)
}

var flagBefore = regexp.MustCompile(`^--[a-z-]+=`)

// longest bounds a value, in bytes; ids of resources of Azure are the longest
// real ones.
const longest = 2048

// shows reports whether a text is made of characters that show themselves.
func shows(s string) bool {
	if s == "" || len(s) > longest || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
	})
}
