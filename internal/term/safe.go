package term

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Safe returns s as text that can do nothing to a terminal but occupy cells
// from left to right. Logs are written in part by whoever made the calls, so
// every character that is not plainly visible is replaced by its escape, in
// the form of a Go string: control characters (and with them every ANSI
// sequence), the bidirectional overrides U+202A-202E and U+2066-2069, zero
// width and other invisible characters, private and unassigned ones, and
// bytes that are not UTF-8. The result is visible evidence of what was there.
func Safe(s string) string { return escape(s, false) }

// SafeASCII is [Safe] for a terminal that does not speak UTF-8: every
// character beyond ASCII is escaped as well.
func SafeASCII(s string) string { return escape(s, true) }

func escape(s string, ascii bool) string {
	i := 0
	for i < len(s) && s[i] >= ' ' && s[i] < 0x7f {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	marks := 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b.WriteString(`\x` + hex(uint64(s[i]), 2))
			i++
			continue
		}
		i += n
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			marks++
		} else {
			marks = 0
		}
		// More than two marks on one letter write over the lines above it.
		if Visible(r) && marks <= 2 && !(ascii && r > 0x7e) {
			b.WriteRune(r)
			continue
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80:
			b.WriteString(`\x` + hex(uint64(r), 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(uint64(r), 4))
		default:
			b.WriteString(`\U` + hex(uint64(r), 8))
		}
	}
	return b.String()
}

// Visible reports whether r shows itself as itself: a printable character
// that is not among those Unicode tells renderers to ignore.
func Visible(r rune) bool {
	if r >= ' ' && r < 0x7f {
		return true
	}
	return unicode.IsPrint(r) &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) &&
		!unicode.Is(unicode.Variation_Selector, r)
}

func hex(v uint64, digits int) string {
	s := strconv.FormatUint(v, 16)
	return strings.Repeat("0", max(0, digits-len(s))) + s
}

// Width is the number of terminal cells that s, which must be safe, takes.
func Width(s string) int { return displaywidth.String(s) }

// Clip shortens s to at most width cells. What was cut is marked by mark at
// the end, which is part of the width.
func Clip(s string, width int, mark string) string {
	if Width(s) <= width {
		return s
	}
	return displaywidth.TruncateString(s, max(width, Width(mark)), mark)
}

// ClipMiddle shortens s to at most width cells by cutting from its middle:
// the ends of an ARN or a path say more than what lies between.
func ClipMiddle(s string, width int, mark string) string {
	if Width(s) <= width {
		return s
	}
	keep := width - Width(mark)
	if keep < 2 {
		return Clip(s, width, mark)
	}
	head := displaywidth.TruncateString(s, keep-keep/2, "")
	return head + mark + lastCells(s[len(head):], keep/2)
}

// lastCells returns the longest tail of s of at most width cells.
func lastCells(s string, width int) string {
	var ends []int // where each grapheme begins
	var widths []int
	g := displaywidth.StringGraphemes(s)
	for at := 0; g.Next(); {
		ends = append(ends, at)
		widths = append(widths, g.Width())
		at += len(g.Value())
	}
	from := len(s)
	for i := len(ends) - 1; i >= 0 && widths[i] <= width; i-- {
		width -= widths[i]
		from = ends[i]
	}
	return s[from:]
}
