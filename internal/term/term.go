// Package term is what stands between the program and the screen: what the
// terminal can show, text made safe for it, colour, and the progress line.
package term

import (
	"io"
	"runtime"
	"strconv"
	"strings"

	xterm "golang.org/x/term"
)

// DefaultWidth is the width of output whose reader is unknown: a file, a
// pipe.
const DefaultWidth = 120

// Terminal is what the reader of an output can show.
type Terminal struct {
	Interactive bool // a person's terminal, not a file or a pipe
	Width       int  // in cells
	Color       bool // ANSI colours
	Unicode     bool // UTF-8
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && xterm.IsTerminal(int(f.Fd()))
}

// Detect finds out what w can show. env is [os.Getenv] or a stand-in for it.
//
// Colour needs a terminal, no NO_COLOR (https://no-color.org) and a TERM that
// is not "dumb". The width is the terminal's, else that of COLUMNS, else 120.
// UTF-8 is taken from LC_ALL, LC_CTYPE or LANG, the first that is set, and
// from Windows.
func Detect(w io.Writer, env func(string) string) Terminal {
	t := Terminal{Interactive: IsTerminal(w), Width: DefaultWidth, Unicode: speaksUTF8(env)}
	if n, err := strconv.Atoi(env("COLUMNS")); err == nil && n > 0 {
		t.Width = n
	}
	if !t.Interactive {
		return t
	}
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		if n, _, err := xterm.GetSize(int(f.Fd())); err == nil && n > 0 {
			t.Width = n
		}
	}
	t.Color = env("NO_COLOR") == "" && env("TERM") != "dumb" && showsANSI(env)
	return t
}

// showsANSI is false for a Windows console of the old kind, which prints
// escape sequences as they stand.
func showsANSI(env func(string) string) bool {
	return runtime.GOOS != "windows" || env("WT_SESSION") != "" || env("ANSICON") != "" || env("TERM") != ""
}

func speaksUTF8(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return runtime.GOOS == "windows"
}

// Style is how a piece of text stands out.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Heading
	Faint
	Strong
	High   // what must be seen first
	Medium // what must be seen
	Low    // what may be seen
)

// The sequences are of the sixteen colours that every terminal lets its user
// choose, so that they are legible on light and dark grounds alike.
var styleCodes = [...]string{Heading: "1;4", Faint: "2", Strong: "1", High: "1;31", Medium: "33", Low: "36"}

// Paint wraps s, which must be safe, in the style's colour if color is set.
func (st Style) Paint(s string, color bool) string {
	if !color || st == Plain || s == "" {
		return s
	}
	return "\x1b[" + styleCodes[st] + "m" + s + "\x1b[0m"
}
