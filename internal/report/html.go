package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"strconv"
	"strings"
	"sync"

	"vedette/internal/finding"
	"vedette/internal/term"
)

//go:embed html.tmpl
var htmlText string

//go:embed html.css
var htmlCSS string

// contentPolicy lets a page do nothing but show itself: no script, no request,
// no frame, no form; the one style sheet that it may use is named by its hash
// (CSP Level 3, W3C).
func contentPolicy() string {
	sum := sha256.Sum256([]byte(htmlCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// htmlPage is read once. The file is part of the program and tests execute it,
// so it cannot be wrong at run time.
var htmlPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"count":   func(n int) string { return term.Count(n) },
		"signed":  signed,
		"clip":    clipped,
		"against": func(r finding.Resemblance) string { return againstText(&r) },
	}).Parse(htmlText))
})

// writeHTML writes the report as one page that needs nothing beside it.
//
// Every string of the logs passes html/template, which knows where in the page
// it stands. Characters that do not show themselves are replaced by their
// escapes in the page as a whole, so that none can be forgotten.
func writeHTML(w *bufio.Writer, r *finding.Report, opts Options) error {
	var page bytes.Buffer
	if err := htmlPage().Execute(&page, newDocument(r, opts)); err != nil {
		return err
	}
	return writeVisible(w, page.String())
}

// writeVisible writes lines as [term.Safe] shows them.
func writeVisible(w *bufio.Writer, text string) error {
	for line := range strings.Lines(text) {
		w.WriteString(term.Safe(strings.TrimSuffix(line, "\n")))
		if err := w.WriteByte('\n'); err != nil {
			return err
		}
	}
	return nil
}

// maxText bounds a string of the logs in a page or a ticket, in cells: whoever
// made the calls may have named things at any length.
const maxText = 240

// clipped is a string of the logs, bounded.
func clipped(s string) string {
	if s = term.Safe(s); len(s) <= maxText {
		return s // no cell is less than a byte
	}
	return term.ClipMiddle(s, maxText, "…")
}

// signed is a number of points with its sign.
func signed(n int) string {
	if n > 0 {
		return "+" + strconv.Itoa(n)
	}
	return strings.Replace(strconv.Itoa(n), "-", "−", 1)
}

// Style is what the page declares; the template asks for it beside the policy.
func (*document) Style() template.CSS { return template.CSS(htmlCSS) }

// Policy is the page's content security policy.
func (*document) Policy() string { return contentPolicy() }
