package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// levelStyle is how a level stands out.
func levelStyle(level string) term.Style {
	switch level {
	case "critical", "high":
		return term.High
	case "medium":
		return term.Medium
	case "low":
		return term.Low
	}
	return term.Plain
}

// priorityText is a priority with its level, the figures one below the other.
func priorityText(j *finding.Judgement) string {
	return fmt.Sprintf("%3d %s", j.Priority, j.Level)
}

// The reasons that a table has room for: the weightiest, and more of them
// where those left out weigh together.
const (
	fewReasons  = 3
	mostReasons = 5
	weighty     = 5 // points
)

// mainReasons are the weightiest reasons in the order of the finding, and
// what the others come to together. Of those without points the one on
// exceptions is always shown, the others never: [Explain] has them.
func mainReasons(all []finding.Reason) (shown []finding.Reason, others, points int) {
	var order []int
	rest := 0
	for i, r := range all {
		if r.Points != 0 {
			order = append(order, i)
			rest += abs(r.Points)
		} else if r.Factor == "exception" {
			defer func() { shown = append(shown, r) }()
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return abs(all[b].Points) - abs(all[a].Points) })
	n := 0
	for n < len(order) && (n < fewReasons || n < mostReasons && rest >= weighty) {
		rest -= abs(all[order[n]].Points)
		n++
	}
	if n == len(order)-1 && n < mostReasons {
		n++ // the line takes no more room than the count of it
	}
	for _, i := range order[n:] {
		points += all[i].Points
	}
	others = len(order) - n
	slices.Sort(order[:n])
	for _, i := range order[:n] {
		shown = append(shown, all[i])
	}
	return shown, others, points
}

func abs(n int) int { return max(n, -n) }

// why gives the weightiest reasons, a line each with its points.
func (p *page) why(f *finding.Finding) {
	const label = "why"
	shown, others, points := mainReasons(f.Reasons)
	if len(shown) == 0 {
		p.field(label, "nothing in it adds a point")
		return
	}
	lines := make([]string, 0, len(shown)+1)
	for _, r := range shown {
		lines = append(lines, p.reason(r.Points, reasonText(&r), p.width-detailIndent-labelWidth)...)
	}
	if others > 0 {
		lines = append(lines, p.reason(points, "by "+term.Plural(others, "further reason"), p.width-detailIndent-labelWidth)...)
	}
	p.labelled(label, lines, term.Plain)
}

// reasonLines bounds how many lines of the table one reason may fill;
// [Explain] has all of it.
const reasonLines = 2

// reason sets points with their sign and a text side by side, in safe lines.
func (p *page) reason(points int, text string, width int) []string {
	head := fmt.Sprintf("%+3d", points)
	lines := p.wrap(p.words(text), " ", width-len(head)-1)
	if len(lines) == 0 {
		return []string{head}
	}
	if len(lines) > reasonLines {
		last := lines[reasonLines-1] + " " + lines[reasonLines]
		lines = append(lines[:reasonLines-1], term.Clip(last, width-len(head)-1, p.mark))
	}
	for i, l := range lines {
		lines[i] = head + " " + l
		head = strings.Repeat(" ", len(head))
	}
	return lines
}

// reasonText is the evidence for a person, who needs no domain to know a
// service.
func reasonText(r *finding.Reason) string {
	words := strings.Split(r.Text, " ")
	for i, w := range words {
		name, comma := strings.CutSuffix(w, ",")
		if words[i] = shortService(name); comma {
			words[i] += ","
		}
	}
	return strings.Join(words, " ")
}

// judgedText says which slice was judged, with its figures where the finding
// lists it; "" where the whole was.
func judgedText(f *finding.Finding) string {
	if f.Slice == "" {
		return ""
	}
	if s := judgedSlice(f); s != nil {
		return sliceText(s)
	}
	if f.Slice == "-" {
		return "the calls that name no session or network"
	}
	return f.Slice
}

// judgedSlice is the slice that was judged, where the finding lists it.
func judgedSlice(f *finding.Finding) *finding.Slice {
	for i := range f.Slices {
		if s := &f.Slices[i]; f.Slice != "" && f.Slice != "-" && s.Name == f.Slice {
			return s
		}
	}
	return nil
}

// claimsText says what the client says it is.
func claimsText(f *finding.Finding) string {
	if len(f.Claims) == 0 {
		return ""
	}
	list := make([]string, len(f.Claims))
	for i, c := range f.Claims {
		list[i] = strings.TrimPrefix(c, "claims ") // the label says it
	}
	return strings.Join(list, ", ") + ": anyone can say so, it lowers nothing"
}

// resemblances names what the calls resemble, in a line.
func resemblances(list []finding.Resemblance) string {
	const most = 3
	names := make([]string, 0, most+1)
	for _, r := range list[:min(len(list), most)] {
		against := ""
		if r.Against != "" {
			against = " by its calls; the client speaks against it"
		}
		names = append(names, r.Name+" ("+r.Confidence+" confidence"+against+")")
	}
	if rest := len(list) - len(names); rest > 0 {
		names = append(names, term.Count(rest)+" more")
	}
	return strings.Join(names, ", ")
}

// againstText says what of the client speaks against a resemblance, and how
// little that is; "" where nothing does.
func againstText(r *finding.Resemblance) string {
	if r.Against == "" {
		return ""
	}
	return "But " + r.Against + ". A client can say anything: that changes neither confidence nor priority."
}

// incidentsText names published incidents that the calls resemble.
func incidentsText(f *finding.Finding) string {
	if len(f.Incidents) == 0 {
		return ""
	}
	return "published incidents: " + resemblances(f.Incidents) + "; no attribution"
}

// levelsText counts findings by level, the worst first.
func levelsText(l finding.Levels) string {
	var parts []string
	for _, c := range []struct {
		n    int
		name string
	}{{l.Critical, "critical"}, {l.High, "high"}, {l.Medium, "medium"}, {l.Low, "low"}, {l.Informational, "informational"}} {
		if c.n > 0 {
			parts = append(parts, term.Count(c.n)+" "+c.name)
		}
	}
	return strings.Join(parts, ", ")
}

// judgement writes every reason with its points, down to the priority.
func (p *page) judgement(f *finding.Finding) {
	p.section("Why (the points add up to the priority)")
	if len(f.Reasons) == 0 {
		p.paragraph("Nothing in it adds a point.", "  ", term.Plain)
		p.blank()
		return
	}
	rows := append(slices.Clone(f.Reasons), finding.Reason{Factor: "priority", Points: f.Priority, Text: f.Level})
	const most = 24 // cells of a factor's name
	points, factors := make([]string, len(rows)), make([]string, len(rows))
	wide, width := len("POINTS"), len("FACTOR")
	for i, r := range rows {
		points[i], factors[i] = strconv.Itoa(r.Points), term.ClipMiddle(p.safe(r.Factor), most, p.mark)
		wide, width = max(wide, len(points[i])), max(width, term.Width(factors[i]))
	}
	write := func(points, factor, text string, style term.Style) {
		if text != "" {
			factor += strings.Repeat(" ", width-term.Width(factor)+2)
		}
		p.w.WriteString("  " + strings.Repeat(" ", wide-len(points)) + style.Paint(points+"  "+factor+text, p.color) + "\n")
	}
	write("POINTS", "FACTOR", "EVIDENCE", term.Strong)
	for i := range rows {
		style := term.Plain
		if i == len(f.Reasons) {
			style = levelStyle(f.Level)
		}
		lines := p.wrap(p.words(rows[i].Text), " ", p.width-wide-width-6)
		if len(lines) == 0 {
			lines = []string{""}
		}
		write(points[i], factors[i], lines[0], style)
		for _, l := range lines[1:] {
			write("", "", l, style)
		}
	}
	p.blank()
	p.resembling("Tools that make calls like these", f.Tools)
	p.resembling("Published incidents with calls like these: similarity, no attribution, no weight", f.Incidents)
}

// resembling lists what the calls resemble, with what that rests on.
func (p *page) resembling(title string, list []finding.Resemblance) {
	if len(list) == 0 {
		return
	}
	p.paragraph(title, "", term.Strong)
	for _, r := range list {
		p.paragraph(r.Name+": "+r.Confidence+" confidence, "+r.Basis, "  ", term.Plain)
		p.paragraph(againstText(&r), "    ", term.Medium)
		if r.Link != "" {
			p.paragraph(r.Link, "    ", term.Faint)
		}
	}
	p.blank()
}
