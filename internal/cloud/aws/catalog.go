package aws

import (
	_ "embed"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
)

//go:embed catalog.tsv
var catalogTSV []byte

// LoadCatalog enters the AWS API catalogue in reg and returns the names under
// which CloudTrail logs its operations.
func LoadCatalog(reg *event.Registry) (*catalog.Names, error) {
	return catalog.Load(reg, event.AWS, catalogTSV, func(logged []byte) []byte { return Canonical(nil, logged) })
}

// Canonical returns the name of an operation without the API date that some
// services log after it: 20150331, 20150331v2 or 2020_05_31 (Lambda and
// CloudFront are known to). The result is a part of logged. No service gives
// a date at the end of a name another meaning, so the first argument, the
// event source, does not matter yet.
func Canonical(_, logged []byte) []byte {
	name := logged
	if i := lastV(name); i > 0 {
		name = name[:i]
	}
	for _, layout := range [...]string{"dddddddd", "dddd_dd_dd"} {
		n := len(name) - len(layout)
		if n > 0 && fits(name[n:], layout) && isDate(name[n:]) {
			return logged[:n]
		}
	}
	return logged
}

// lastV returns where a version such as "v2" begins at the end of b, or 0.
func lastV(b []byte) int {
	i := len(b)
	for i > 0 && '0' <= b[i-1] && b[i-1] <= '9' {
		i--
	}
	if i == len(b) || i == 0 || b[i-1] != 'v' {
		return 0
	}
	return i - 1
}

func fits(b []byte, layout string) bool {
	for i := range b {
		digit := '0' <= b[i] && b[i] <= '9'
		if layout[i] == 'd' && !digit || layout[i] == '_' && b[i] != '_' {
			return false
		}
	}
	return true
}

// isDate reports whether the digits of b, underscores apart, are a date of
// this century: that tells an API date from any other number of eight digits.
func isDate(b []byte) bool {
	n := 0
	for _, c := range b {
		if c != '_' {
			n = n*10 + int(c-'0')
		}
	}
	year, month, day := n/10000, n/100%100, n%100
	return 2000 <= year && year < 2100 && 1 <= month && month <= 12 && 1 <= day && day <= 31
}
