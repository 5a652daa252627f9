package hub

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"

	"vedette/internal/term"
)

//go:embed hub.css
var style string

//go:embed hub.tmpl
var page string

// The templates are part of the program and a test runs them, so that they
// cannot be wrong at run time.
var tmpl = template.Must(template.New("hub").Funcs(template.FuncMap{
	// safe shows characters that do not show themselves.
	"safe": term.Safe, "logs": logs, "rehearsed": rehearsed, "parts": Parts, "some": some,
	"siems": func(t *Technique) [2]int { whole, all := t.Targets(); return [2]int{whole, all} },
}).Parse(page))

// WriteHTML writes the hub as one page that asks for nothing: no script, no
// picture, no font, and a policy that would forbid them.
func WriteHTML(w io.Writer, h *Hub, version string) error {
	sum := sha256.Sum256([]byte(style))
	var b bytes.Buffer
	err := tmpl.Execute(&b, map[string]any{
		"Hub": h, "Version": version, "Style": template.CSS(style),
		"Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
	})
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
