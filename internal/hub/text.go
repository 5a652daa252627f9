package hub

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"vedette/internal/guide"
	"vedette/internal/term"
)

// WriteText writes the hub for a terminal: a table of all techniques.
func WriteText(w io.Writer, h *Hub, t term.Terminal) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s: ATT&CK %s, technique by cloud by log by rehearsal\n\n", h.Tactic, h.Attack)
	rows := [][]string{{"TECHNIQUE", "DETECTED BY", "SIEMS", "CLOUD", "AS EXPECTED", "SHOWN IN (APIS)"}}
	for _, t := range h.Techniques {
		var ids []string
		for _, d := range t.Detections {
			ids = append(ids, d.ID)
		}
		whole, all := t.Targets()
		for i, c := range t.Clouds {
			row := []string{"", "", "", c.Name, rehearsed(c), logs(c)}
			switch i {
			case 0:
				row[0], row[1], row[2] = t.ID, first(ids, 2), fmt.Sprintf("%d of %d", whole, all)
			case 1:
				row[0] = t.Name
			}
			rows = append(rows, row)
		}
	}
	table(b, rows, t.Width)
	b.WriteByte('\n')
	for _, line := range []string{
		"One technique in full: vedette hub T1613.",
		"AS EXPECTED: runs of rehearsals that came to what they must, of those played, benign ones and those that must stay silent among them; and how many attacks had a finding. " +
			"Not logged: no log of the cloud shows any of it. Cannot fire: its logs show fewer kinds of call than the detection asks for.",
		"APIS: those that the technique's own detections select, of those that the catalogue counts for it.",
	} {
		paragraph(b, "", line, t.Width)
	}
	return b.Flush()
}

// WriteTechniques writes each technique in full.
func WriteTechniques(w io.Writer, h *Hub, t term.Terminal) error {
	b := bufio.NewWriter(w)
	for i, x := range h.Techniques {
		if i > 0 {
			b.WriteString("\n\n")
		}
		writeTechnique(b, x, t.Width)
	}
	return b.Flush()
}

func writeTechnique(b *bufio.Writer, t *Technique, width int) {
	fmt.Fprintf(b, "%s %s\n\n", t.ID, t.Name)
	paragraph(b, "", t.Guide.What, width)
	b.WriteString("\nDetections\n")
	for _, d := range t.Detections {
		paragraph(b, "  ", fmt.Sprintf("%s: %s. Runs %s. Fires at %s.", d.ID, d.Name, d.Runs, strings.Join(d.Fires, "; ")), width)
	}
	if len(t.Also) > 0 {
		paragraph(b, "  ", "Named by "+strings.Join(t.Also, ", ")+" as well.", width)
	}
	for _, c := range t.Clouds {
		fmt.Fprintf(b, "\n%s: %s\n", c.Name, logs(c))
		paragraph(b, "  ", c.Shows, width)
		if c.CannotFire != "" {
			paragraph(b, "  ", "Nothing of its own can fire here: "+c.CannotFire+".", width)
		}
		for _, l := range c.Logs {
			paragraph(b, "  ", fmt.Sprintf("%s, such as %s", l.Class, strings.Join(l.Some, ", ")), width)
		}
		if len(c.Runs) == 0 {
			paragraph(b, "  ", rehearsed(c), width)
		}
		for _, r := range c.Runs {
			how := ""
			if r.Synthetic {
				how = ", made and not recorded"
			}
			paragraph(b, "  ", fmt.Sprintf("%s: %s, run %s (%s%s): must be %s, %s", r.Status, r.Test, r.Run, r.Kind, how, r.Want, r.Came()), width)
		}
	}
	b.WriteByte('\n')
	WriteGuide(b, t.Guide, width)
	if len(t.Rules) > 0 {
		b.WriteString("\nSIEMs\n")
		rows := [][]string{{"TARGET", "RULE", "EXACT", "APPROXIMATED", "IMPOSSIBLE"}}
		for _, r := range t.Rules {
			if r.Why != "" {
				rows = append(rows, []string{r.Target, r.ID, "-", "no rule", r.Why})
				continue
			}
			rows = append(rows, []string{r.Target, r.ID, fmt.Sprint(r.Exact), some(r.Approximated), some(r.Impossible)})
		}
		table(b, rows, width)
	}
}

// WriteGuide writes the lists of a guide.
func WriteGuide(w io.Writer, g *guide.Guide, width int) {
	for _, part := range Parts(g) {
		fmt.Fprintln(w, part.Title)
		for _, s := range part.Lines {
			paragraph(w, "  - ", s, width)
		}
	}
}

// WriteGuideAlone writes a whole guide for a terminal.
func WriteGuideAlone(w io.Writer, g *guide.Guide, t term.Terminal) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, g.Technique)
	paragraph(b, "", g.What, t.Width)
	for _, c := range []string{"aws", "azure", "gcp"} {
		fmt.Fprintf(b, "\n%s\n", c)
		paragraph(b, "  ", g.Looks(c), t.Width)
	}
	fmt.Fprintln(b)
	WriteGuide(b, g, t.Width)
	return b.Flush()
}

// Part is a list of a guide under its title.
type Part struct {
	Title string
	Lines []string
}

// Parts are the lists of a guide in the order in which they are read.
func Parts(g *guide.Guide) []Part {
	return []Part{{"Confused with", g.Confused}, {"Ask first", g.Ask}, {"Tuning", g.Tune}, {"Next", g.Next}, {"Related", g.Related}, {"Sources", g.Sources}}
}

func logs(c *Cloud) string {
	var list []string
	for _, l := range c.Logs {
		if l.Selected == l.APIs {
			list = append(list, fmt.Sprintf("%s (%d)", l.Class, l.APIs))
		} else {
			list = append(list, fmt.Sprintf("%s (%d/%d)", l.Class, l.Selected, l.APIs))
		}
	}
	switch {
	case c.Unlogged > 0 && list == nil:
		return fmt.Sprintf("no log (%d)", c.Unlogged)
	case c.Unlogged > 0:
		list = append(list, fmt.Sprintf("no log (%d)", c.Unlogged))
	case list == nil:
		return "no log"
	}
	return strings.Join(list, ", ")
}

// rehearsed is what the rehearsals of a cloud came to, or why there is none:
// "4 of 4, 2 found", "2 of 2, not logged", "not rehearsed".
func rehearsed(c *Cloud) string {
	passed, played := c.Passed()
	found, silent := c.Found(), c.Silent()
	switch {
	case played == 0 && silent == "":
		return "not rehearsed"
	case played == 0:
		return silent
	case found > 0:
		silent = fmt.Sprintf("%d found", found)
	case silent == "":
		silent = "none found"
	}
	return fmt.Sprintf("%d of %d, %s", passed, played, silent)
}

func first(list []string, n int) string {
	if len(list) > n {
		return strings.Join(list[:n], ", ") + fmt.Sprintf(" +%d", len(list)-n)
	}
	return some(list)
}

func some(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// table writes rows under a head; the last column takes what the others leave
// of the width, over as many lines as it needs.
func table(w io.Writer, rows [][]string, width int) {
	if width <= 0 {
		width = 120
	}
	last := len(rows[0]) - 1
	widths := make([]int, last)
	left := width
	for j := range last {
		for _, r := range rows {
			widths[j] = max(widths[j], term.Width(term.Safe(r[j])))
		}
		widths[j] = min(widths[j], max(24, width/3))
		left -= widths[j] + 2
	}
	for _, r := range rows {
		cells := make([][]string, len(r))
		lines := 1
		for j, s := range r {
			if j == last {
				cells[j] = wrap(term.Safe(s), max(left, 24))
			} else {
				cells[j] = wrap(term.Safe(s), widths[j])
			}
			lines = max(lines, len(cells[j]))
		}
		for n := range lines {
			line := ""
			for j := range r {
				cell := ""
				if n < len(cells[j]) {
					cell = cells[j][n]
				}
				line += cell
				if j < last {
					line += strings.Repeat(" ", max(0, widths[j]+2-term.Width(cell)))
				}
			}
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
}

// paragraph writes words of a text below one another's beginning.
func paragraph(w io.Writer, indent, text string, width int) {
	if width <= 0 {
		width = 120
	}
	for _, line := range wrap(term.Safe(text), min(width, 100)-len(indent)) {
		fmt.Fprintln(w, indent+line)
		indent = strings.Repeat(" ", len(indent))
	}
}

// wrap breaks a text between words; one that is wider stays whole.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && term.Width(line)+1+term.Width(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
