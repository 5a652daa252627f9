package siem

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// Header returns the lines that stand before a query, without comment signs:
// what the rule looks for, how it counts, what it needs, and what is lost.
// They hold no line break and no control character.
func Header(out *Output) []string { return header(out, whole) }

// ShortHeader is [Header] without what the detection file says too, and with
// no more than the names of what is lost, for queries near their product's
// limit. What it leaves out belongs into the package's description.
func ShortHeader(out *Output) []string { return header(out, short) }

// BareHeader is [ShortHeader] with the number of warnings in place of their
// texts, for queries nearer still.
func BareHeader(out *Output) []string { return header(out, bare) }

// size is how much of the header is printed.
type size uint8

const (
	bare size = iota
	short
	whole
)

func header(out *Output, size size) []string {
	r := out.Rule
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, wrap(PlainLine(fmt.Sprintf(format, args...)), 110)...)
	}
	add("%s", r.Title)
	add("%s %s (%s), profile %s. ATT&CK %s. Severity %s%s%s.", r.Detection, r.Version, r.ID, r.Profile,
		strings.Join(r.Techniques, ", "), r.Severity, says(r), confidence(r.Confidence))
	// The description is the name again where the detection has no other.
	if size == whole && !strings.HasPrefix(r.Title, strings.TrimSuffix(r.Description, ".")) {
		add("%s", r.Description)
	}
	add("Window: %s of %s. Fires at %s.", r.Window.Kind, Duration(r.Window.Length), TriggerText(r.Trigger))
	switch {
	case r.KeepCopies:
		add("Every record counts, copies of one act too.")
	case allAre(out, Duplicates, Exact):
		add("Copies of one act, known by the log's own id of it, count once.")
	}
	if len(r.FalsePositives) > 0 && size == whole {
		add("Known false positives: %s.", strings.Join(r.FalsePositives, "; "))
	}
	for _, p := range out.Parameters {
		if value := PlainLine(p.Value); len(value) <= 40 {
			add("CHECK %s %s: %s (%s).", p.Log, p.Name, value, p.Why)
		} else {
			add("CHECK %s %s, below (%s).", p.Log, p.Name, p.Why)
		}
	}
	warnings := slices.Concat(r.Warnings, out.Warnings)
	if size == bare && len(warnings) > 0 {
		add("WARNING: %d (compile --format json says what).", len(warnings))
		warnings = nil
	}
	for _, w := range warnings {
		add("WARNING: %s", w)
	}
	if size != whole {
		for _, said := range []Said{Approximated, Impossible} {
			if list := Lost(out, said); len(list) > 0 {
				add("%s: %s (compile --format json says how).", said, strings.Join(list, ", "))
			}
		}
		return lines
	}
	for _, l := range Losses(out) {
		add("%s", l)
	}
	return lines
}

// says is why a rule has another severity than its detection.
func says(r *Rule) string {
	if r.Says == "" {
		return ""
	}
	return " (a building block; the detection says " + r.Says + ")"
}

func confidence(c string) string {
	if c == "" {
		return ""
	}
	return ", confidence " + c
}

// allAre reports whether every leg says the feature that well.
func allAre(out *Output, f Feature, s Said) bool {
	for _, g := range out.Grades {
		if g.Feature == f && g.Said != s {
			return false
		}
	}
	return true
}

// Lost names the features that at least one leg says no better than said.
func Lost(out *Output, said Said) []string {
	var list []string
	for _, f := range Features() {
		if slices.ContainsFunc(out.Grades, func(g Grade) bool { return g.Feature == f && g.Said == said }) {
			list = append(list, string(f))
		}
	}
	return list
}

// Losses says, a line a feature, what the text does not say as the rule means
// it. Legs that lose the same are named together.
func Losses(out *Output) []string {
	var lines []string
	for _, f := range Features() {
		type loss struct {
			said Said
			how  string
		}
		var order []loss
		logs := map[loss][]event.Log{}
		for _, g := range out.Grades {
			if g.Feature != f || g.Said == Exact || g.Said == Unused {
				continue
			}
			l := loss{g.Said, g.How}
			if logs[l] == nil {
				order = append(order, l)
			}
			logs[l] = append(logs[l], g.Log)
		}
		for _, l := range order {
			where := ""
			if len(logs[l]) < len(out.Rule.Legs) {
				var names []string
				for _, log := range logs[l] {
					names = append(names, log.String())
				}
				where = " of " + strings.Join(names, ", ")
			}
			lines = append(lines, fmt.Sprintf("%s%s: %s: %s.", f, where, l.said, l.how))
		}
	}
	return lines
}

// TriggerText says a condition in words: "10 calls, or 5 distinct APIs".
func TriggerText(c plan.Condition) string {
	var alternatives []string
	for _, t := range c {
		var parts []string
		if t.Events > 0 {
			parts = append(parts, fmt.Sprintf("%d calls", t.Events))
		}
		if t.DistinctAPIs > 0 {
			parts = append(parts, fmt.Sprintf("%d distinct APIs", t.DistinctAPIs))
		}
		if t.DistinctTargets > 0 {
			parts = append(parts, fmt.Sprintf("%d distinct targets", t.DistinctTargets))
		}
		alternatives = append(alternatives, strings.Join(parts, " and "))
	}
	return strings.Join(alternatives, ", or ")
}

// Duration writes a duration as people do: 15m, 1h, 90s.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// PlainLine makes text fit for one line of a comment: control characters, line
// and paragraph separators become spaces, and what could end a comment is
// taken apart.
func PlainLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\u202e' || r == '\u2066' || r == '\u2067' {
			return ' '
		}
		return r
	}, s)
	s = strings.ReplaceAll(s, "*/", "* /")
	return strings.Join(strings.Fields(s), " ")
}

// wrap breaks a line between words, and indents what goes on; a word that is
// wider stays whole.
func wrap(s string, width int) []string {
	const indent = "  "
	var lines []string
	start := 0 // of the first word
	for len(s) > width {
		i := strings.LastIndexByte(s[start:width+1], ' ')
		if i < 0 {
			if i = strings.IndexByte(s[start:], ' '); i < 0 {
				break
			}
		}
		lines = append(lines, s[:start+i])
		s = indent + s[start+i+1:]
		start = len(indent)
	}
	return append(lines, s)
}

// AskedHeader returns the lines that stand before a question's query, without
// comment signs, as [Header] does for rules.
func AskedHeader(a *Asked) []string {
	q := a.Query
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, wrap(PlainLine(fmt.Sprintf(format, args...)), 110)...)
	}
	add("%s", q.Title)
	add("Question %s. ATT&CK %s. %s", q.ID, strings.Join(q.Techniques, ", "), q.Asks)
	if !q.Range.IsZero() {
		add("Asks about calls %s.", q.Range)
	}
	for _, c := range a.Check {
		if value := PlainLine(c); len(value) <= 60 {
			add("CHECK %s: no public source confirms it.", value)
		}
	}
	for _, d := range a.Differs {
		add("Approximated: %s.", d)
	}
	return lines
}
