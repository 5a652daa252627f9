package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/siem"
	"vedette/internal/term"
)

// gradeColumns are the columns of the table of grades. The last two take what
// the others leave of the width, over as many lines as they need.
var gradeColumns = []string{"TARGET", "RULE", "EXACT", "TO CHECK", "APPROXIMATED", "IMPOSSIBLE"}

// writeGrades prints a line a target and rule, of at most width cells where
// words allow: what is lost.
func writeGrades(results []compiled, w io.Writer, width int) error {
	const fixed, gap = 4, 2
	rows := make([][]string, len(results))
	widths := make([]int, fixed)
	for j := range fixed {
		widths[j] = len(gradeColumns[j])
	}
	for i, r := range results {
		rows[i] = gradeRow(r)
		for j := range min(fixed, len(rows[i])) {
			if len(rows[i]) == len(gradeColumns) || j < 2 {
				widths[j] = max(widths[j], term.Width(rows[i][j]))
			}
		}
	}
	rest := width - fixed*gap
	for _, n := range widths {
		rest -= n
	}
	rest = max(rest, 2*len(gradeColumns[fixed])+gap)
	last := len(gradeColumns[fixed+1])
	for _, row := range rows {
		if len(row) == len(gradeColumns) {
			last = max(last, len(row[fixed+1]))
		}
	}
	last = min(last, max(rest/3, len(gradeColumns[fixed+1])))
	widths = append(widths, rest-last-gap, last)

	var b strings.Builder
	for _, row := range append([][]string{gradeColumns}, rows...) {
		if len(row) < len(gradeColumns) { // it says why, in one piece
			fmt.Fprintf(&b, "%s  %s  %s\n", padded(row[0], widths[0]), padded(row[1], widths[1]), row[2])
			continue
		}
		cells := make([][]string, len(row))
		lines := 1
		for j, s := range row {
			cells[j] = []string{s}
			if j >= fixed {
				cells[j] = broken(s, widths[j])
			}
			lines = max(lines, len(cells[j]))
		}
		for n := range lines {
			line := ""
			for j := range row {
				cell := ""
				if n < len(cells[j]) {
					cell = cells[j][n]
				}
				line += padded(cell, widths[j]+gap)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// gradeRow is a line of the table, or why there is none.
func gradeRow(r compiled) []string {
	if r.err != nil {
		return []string{r.backend.Name(), r.rule.ID, "not compiled: " + term.Safe(r.err.Error())}
	}
	exact := 0
	for _, f := range siem.Features() {
		if slices.ContainsFunc(r.out.Grades, func(g siem.Grade) bool { return g.Feature == f && g.Said == siem.Exact }) {
			exact++
		}
	}
	return []string{r.backend.Name(), r.rule.ID, strconv.Itoa(exact), strconv.Itoa(len(r.out.Parameters)),
		lost(r.out, siem.Approximated), lost(r.out, siem.Impossible)}
}

func lost(out *siem.Output, said siem.Said) string {
	if list := siem.Lost(out, said); len(list) > 0 {
		return strings.Join(list, ", ")
	}
	return "-"
}

// broken breaks a list between its members.
func broken(s string, width int) []string {
	var lines []string
	for i, part := range strings.SplitAfter(s, ", ") {
		if n := len(lines) - 1; i > 0 && len(lines[n])+len(strings.TrimRight(part, " ")) <= width {
			lines[n] += part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}

func padded(s string, width int) string { return s + strings.Repeat(" ", max(0, width-term.Width(s))) }
