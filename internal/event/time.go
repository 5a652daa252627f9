package event

import "time"

// The instants that are taken for a time, in whole seconds: those of the years
// 1900 to 2149. No log holds others but by mistake, and nanoseconds of these,
// the difference of any two, and any two and a window of decades beside it fit
// in an int64.
const (
	minUnix = -2208988800
	maxUnix = 5680281600 - 1
)

// ParseTime reads a timestamp as RFC 3339 writes it and gives nanoseconds
// since the Unix epoch. It allocates nothing.
//
// Beyond RFC 3339 it takes what audit logs really hold: a space or a
// lower-case t between date and time, a comma before the fraction, an offset
// without colon ("+0100") or of hours alone ("+01"), and no zone at all,
// which counts as UTC. Digits of the fraction beyond the ninth are cut. A leap second
// ("23:59:60") counts as the first instant of the next minute. ok is false
// for every other text, for dates that do not exist, and for instants before
// 1900 or after 2149.
func ParseTime(b []byte) (unixNano int64, ok bool) {
	// 2006-01-02T15:04:05
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	if c := b[10]; c != 'T' && c != 't' && c != ' ' {
		return 0, false
	}
	century, ok1 := twoDigits(b[0:])
	yy, ok2 := twoDigits(b[2:])
	month, ok3 := twoDigits(b[5:])
	day, ok4 := twoDigits(b[8:])
	hour, ok5 := twoDigits(b[11:])
	minute, ok6 := twoDigits(b[14:])
	second, ok7 := twoDigits(b[17:])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) {
		return 0, false
	}
	year := century*100 + yy
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 60 || second == 60 && minute != 59 {
		return 0, false
	}
	b = b[19:]

	var nano int64
	if len(b) > 0 && (b[0] == '.' || b[0] == ',') {
		i, scale := 1, int64(time.Second)
		for i < len(b) && b[i]-'0' < 10 {
			if scale > 1 {
				scale /= 10
				nano += int64(b[i]-'0') * scale
			}
			i++
		}
		if i == 1 {
			return 0, false
		}
		b = b[i:]
	}
	offset, ok := zoneOffset(b)
	if !ok {
		return 0, false
	}
	unix := daysSinceEpoch(year, month, day)*86400 + int64(hour*3600+minute*60+second-offset)
	if unix < minUnix || unix > maxUnix {
		return 0, false
	}
	return unix*int64(time.Second) + nano, true
}

// zoneOffset reads what follows the seconds: seconds east of UTC.
func zoneOffset(b []byte) (seconds int, ok bool) {
	if len(b) > 0 && b[0] == ' ' { // "2022-02-08 09:23:37 +11:00", "... UTC"
		b = b[1:]
		if string(b) == "UTC" {
			return 0, true
		}
		if len(b) == 0 {
			return 0, false
		}
	}
	switch {
	case len(b) == 0:
		return 0, true
	case len(b) == 1:
		return 0, b[0] == 'Z' || b[0] == 'z'
	case b[0] != '+' && b[0] != '-':
		return 0, false
	}
	hour, ok := twoDigits(b[1:])
	if !ok || hour > 23 {
		return 0, false
	}
	minute, rest := 0, b[3:]
	if len(rest) > 0 {
		if rest[0] == ':' {
			rest = rest[1:]
		}
		minute, ok = twoDigits(rest)
		if !ok || len(rest) != 2 || minute > 59 {
			return 0, false
		}
	}
	seconds = hour*3600 + minute*60
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func twoDigits(b []byte) (int, bool) {
	if len(b) < 2 {
		return 0, false
	}
	hi, lo := b[0]-'0', b[1]-'0'
	return int(hi)*10 + int(lo), hi < 10 && lo < 10
}

// daysIn is the length of a month in the proleptic Gregorian calendar.
func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSinceEpoch counts the days from 1970-01-01 to a date. Years begin in
// March here, so that the leap day is the last of its year.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	leaps := 0
	if year >= 0 {
		leaps = year/4 - year/100 + year/400
	} else { // January and February of the year 0
		leaps = -1
	}
	return int64(365*year+leaps+(153*(month-3)+2)/5+day-1) - 719468
}
