package scratch

// maxDigits bounds the whole numbers that are written out: an int64 has no
// more digits.
const maxDigits = 19

// Whole gives a whole number its digits alone: 403 for 403.0 and 4.03e2, as
// tools write it that keep numbers in floating point, for instance where the
// column of a table has gaps. Every other text, and a number below zero, is
// given as it stands. Only an exponent costs an allocation.
func Whole(text []byte) []byte {
	n := digits(text)
	if n == 0 || n == len(text) {
		return text
	}
	units, parts, rest := text[:n], []byte(nil), text[n:]
	if rest[0] == '.' {
		if n = digits(rest[1:]); n == 0 {
			return text
		}
		parts, rest = rest[1:1+n], rest[1+n:]
	}
	if len(rest) == 0 && zeros(parts) {
		return units
	}
	shift, ok := exponent(rest)
	point := len(units) + shift // where it moves to
	if !ok || point < 1 || point > maxDigits {
		return text
	}
	all := append(append(make([]byte, 0, len(text)+maxDigits), units...), parts...)
	for len(all) < point {
		all = append(all, '0')
	}
	if !zeros(all[point:]) {
		return text
	}
	for all = all[:point]; len(all) > 1 && all[0] == '0'; {
		all = all[1:]
	}
	return all
}

// digits is how many digits a text begins with.
func digits(text []byte) int {
	for i, c := range text {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(text)
}

func zeros(text []byte) bool {
	for _, c := range text {
		if c != '0' {
			return false
		}
	}
	return true
}

// exponent reads the exponent of a number, of two digits at most.
func exponent(text []byte) (n int, ok bool) {
	if len(text) < 2 || text[0]|0x20 != 'e' {
		return 0, false
	}
	sign, text := 1, text[1:]
	switch text[0] {
	case '-':
		sign, text = -1, text[1:]
	case '+':
		text = text[1:]
	}
	if len(text) == 0 || len(text) > 2 || digits(text) != len(text) {
		return 0, false
	}
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	return sign * n, true
}
