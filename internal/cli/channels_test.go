package cli

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"vedette/internal/term"
)

// checkScreen holds that a terminal shows a text and obeys none of it.
func checkScreen(t *testing.T, what, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); term.Safe(line) != line {
			t.Errorf("%s: a terminal obeys %q", what, line)
		}
	}
}

// checkSheet holds that no cell is a formula.
func checkSheet(t *testing.T, what, out string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for _, row := range rows {
		for _, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) && strings.Trim(c, "-0123456789") != "" {
				t.Errorf("%s: a formula: %.60q", what, c)
			}
			checkScreen(t, what, c)
		}
	}
}

// checkJSON holds that a text is JSON, a line each or as a whole, which may
// stand in a page and on a screen.
func checkJSON(t *testing.T, what, out string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(out))
	for dec.More() {
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if strings.ContainsAny(out, "<>\x1b\x07\u202e\u009b") {
		t.Errorf("%s: JSON with characters that act where it is shown", what)
	}
}

var (
	ownLinks       = regexp.MustCompile(`\[\d+\]\(<https://[^<>() ]*>\)`)
	actsInMarkdown = regexp.MustCompile(`<|\]\(|@everyone|\n# b|javascript:|://`)
)

// checkMarkdown holds that outside of code nothing of a value is markup, a link
// or a mention, and that no value ends its code.
func checkMarkdown(t *testing.T, what, out string) {
	t.Helper()
	checkScreen(t, what, out)
	plain := withoutCode(ownLinks.ReplaceAllString(out, ""))
	if at := actsInMarkdown.FindStringIndex(plain); at != nil {
		t.Errorf("%s: markup in Markdown: %q", what, plain[max(0, at[0]-60):min(len(plain), at[1]+60)])
	}
}

// withoutCode takes fenced code and code spans out of a text (CommonMark
// 0.31.2, 4.5 and 6.1): a run of backticks goes to the next of the same length,
// a fence to a line of at least as many.
func withoutCode(text string) string {
	var out strings.Builder
	fence := 0
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		ticks := len(trimmed) - len(strings.TrimLeft(trimmed, "`"))
		switch {
		case fence == 0 && ticks >= 3 && !strings.Contains(trimmed[ticks:], "`"):
			fence = ticks
			continue
		case fence > 0 && ticks >= fence && ticks == len(trimmed):
			fence = 0
			continue
		case fence > 0:
			continue
		}
		for rest := line; rest != ""; {
			at := strings.IndexByte(rest, '`')
			if at < 0 {
				out.WriteString(rest)
				break
			}
			out.WriteString(rest[:at])
			rest = rest[at:]
			n := len(rest) - len(strings.TrimLeft(rest, "`"))
			end := -1
			for i := n; i < len(rest); {
				k := len(rest[i:]) - len(strings.TrimLeft(rest[i:], "`"))
				if k == n {
					end = i + k
					break
				}
				i += max(k, 1)
			}
			if end < 0 {
				out.WriteString(rest[:n])
				end = n
			}
			rest = rest[end:]
		}
	}
	return out.String()
}

// checkHTML holds that a page has no element and no attribute that a value
// made, and that values stay in the strings of the queries that it shows. It
// returns its lines of shell.
func checkHTML(t *testing.T, what, out string) (shell []string) {
	t.Helper()
	checkScreen(t, what, out)
	doc, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	language := ""
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if slices.Contains([]string{"script", "img", "iframe", "object", "embed", "form", "link", "base"}, n.Data) {
			t.Errorf("%s: the page has an element %s", what, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%s: the page has the attribute %s=%q", what, a.Key, a.Val)
			}
		}
		switch {
		case n.Data == "h4" && n.LastChild != nil && n.LastChild.FirstChild != nil:
			language = n.LastChild.FirstChild.Data
		case n.Data == "summary", n.Data == "li":
			language = "shell"
		case n.Data == "pre" && n.FirstChild != nil:
			code := n.FirstChild.Data
			if literals, ok := queryLiterals[language]; ok {
				if rest := literals.ReplaceAllString(code, ""); strings.Contains(rest, "CANARY") {
					t.Errorf("%s: a value leaves its string in %s: %s", what, language, code)
				}
			} else {
				shell = append(shell, code)
			}
		}
	}
	return shell
}

// queryLiterals are the strings of languages that queries of a page are in:
// the SQL standard's, and those with backslashes.
var queryLiterals = map[string]*regexp.Regexp{
	"SQL": regexp.MustCompile(`'(?:[^']|'')*'`),
	"KQL": regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`),
	"SPL": regexp.MustCompile(`"(?:[^"\\]|\\.)*"`),
}
