//go:build !amd64

package jsonscan

var nestedFast = false

func nestedEnd(*byte, int) int { return -1 }

func knownMembers(*byte, int, int, *Key, int, *Span) (taken, end int) {
	panic("not for this processor")
}
