// Package localdate reads dates as consoles write them for their user: the
// Azure portal exports the time columns of a table in the order and with the
// separators of the reader's locale, and says no more than "[UTC]" about it.
package localdate

import (
	"bytes"
	"time"
)

// Order says whether the day or the month is written first.
type Order uint8

// The orders. Unknown also stands for year first, which needs no telling.
const (
	Unknown Order = iota
	DayFirst
	MonthFirst
)

// Parse reads a date and a time of day such as "16/04/2025, 05:50:00.000",
// "6/3/2021, 4:11:48.323 PM", "16.4.2025, 05:50:00" or "2025-04-16, 5:50:00
// a.m.", as UTC. Both must be there, and nothing else.
//
// A number above 12 tells day from month. Where none does, prefer decides;
// where that is Unknown too, an upper-case AM or PM means month first, as in
// American English, and everything else day first.
func Parse(text []byte, prefer Order) (t time.Time, ok bool) {
	d, ok := scan(text)
	if !ok {
		return time.Time{}, false
	}
	order := d.told()
	if order == Unknown {
		order = prefer
	}
	if order == Unknown {
		if order = DayFirst; d.upper {
			order = MonthFirst
		}
	}
	year, month, day := d.date[2], d.date[1], d.date[0]
	switch {
	case d.yearFirst:
		year, month, day = d.date[0], d.date[1], d.date[2]
	case order == MonthFirst:
		month, day = day, month
	}
	t = time.Date(year, time.Month(month), day, d.hour, d.minute, d.second, d.nano, time.UTC)
	if month < 1 || month > 12 || t.Day() != day || day < 1 {
		return time.Time{}, false
	}
	return t, true
}

// OrderOf returns the order that the text itself leaves no doubt about, or
// Unknown.
func OrderOf(text []byte) Order {
	d, ok := scan(text)
	if !ok {
		return Unknown
	}
	return d.told()
}

// Is reports whether the text is a local date and time.
func Is(text []byte) bool {
	_, ok := Parse(text, Unknown)
	return ok
}

type parts struct {
	date                       [3]int
	hour, minute, second, nano int
	yearFirst                  bool
	dots                       bool // separated by dots, which only day-first locales do
	upper                      bool // AM or PM in capitals
}

func (d *parts) told() Order {
	switch {
	case d.yearFirst:
		return Unknown
	case d.date[0] > 12 || d.dots:
		return DayFirst
	case d.date[1] > 12:
		return MonthFirst
	}
	return Unknown
}

// maxLen is longer than any such text.
const maxLen = 48

func scan(b []byte) (d parts, ok bool) {
	if len(b) < 14 || len(b) > maxLen || b[0] < '0' || b[0] > '9' {
		return d, false
	}
	// No-break spaces stand before AM and PM in newer locale data.
	b = bytes.ReplaceAll(b, []byte("\u202f"), []byte(" "))
	b = bytes.ReplaceAll(b, []byte("\u00a0"), []byte(" "))
	var digits [3]int
	var sep byte
	for i := range d.date {
		if d.date[i], digits[i], b = number(b); digits[i] == 0 {
			return d, false
		}
		if i == 2 {
			break
		}
		if len(b) == 0 || b[0] != '/' && b[0] != '.' && b[0] != '-' || i == 1 && b[0] != sep {
			return d, false
		}
		sep = b[0]
		b = bytes.TrimLeft(b[1:], " ")
	}
	switch {
	case digits[0] == 4 && digits[2] <= 2:
		d.yearFirst = true
	case digits[0] <= 2 && digits[2] == 4:
	case digits[0] <= 2 && digits[2] == 2:
		d.date[2] += 2000
	default:
		return d, false
	}
	d.dots = sep == '.' && !d.yearFirst
	rest := bytes.TrimLeft(bytes.TrimPrefix(b, []byte(",")), " ")
	if len(rest) == len(b) {
		return d, false
	}
	return d, d.clock(rest)
}

func (d *parts) clock(b []byte) bool {
	var n [3]int
	d.hour, n[0], b = number(b)
	if n[0] == 0 || n[0] > 2 || len(b) == 0 || b[0] != ':' {
		return false
	}
	d.minute, n[1], b = number(b[1:])
	if n[1] != 2 {
		return false
	}
	if len(b) > 0 && b[0] == ':' {
		if d.second, n[2], b = number(b[1:]); n[2] != 2 {
			return false
		}
		if len(b) > 1 && (b[0] == '.' || b[0] == ',') {
			frac, digits, after := number(b[1:])
			if digits == 0 || digits > 9 {
				return false
			}
			for ; digits < 9; digits++ {
				frac *= 10
			}
			d.nano, b = frac, after
		}
	}
	switch string(bytes.TrimLeft(b, " ")) {
	case "":
	case "AM", "PM", "am", "pm", "a.m.", "p.m.":
		half := bytes.TrimLeft(b, " ")
		d.upper = half[0] == 'A' || half[0] == 'P'
		if d.hour < 1 || d.hour > 12 {
			return false
		}
		d.hour %= 12
		if half[0]|0x20 == 'p' {
			d.hour += 12
		}
	default:
		return false
	}
	return d.hour < 24 && d.minute < 60 && d.second < 60
}

// number reads decimal digits, at most nine.
func number(b []byte) (v, digits int, rest []byte) {
	for digits < len(b) && digits < 9 && b[digits] >= '0' && b[digits] <= '9' {
		v = v*10 + int(b[digits]-'0')
		digits++
	}
	return v, digits, b[digits:]
}
