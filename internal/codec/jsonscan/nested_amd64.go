package jsonscan

import "golang.org/x/sys/cpu"

// nestedFast says that the processor has what nestedEnd uses.
var nestedFast = cpu.X86.HasAVX2 && cpu.X86.HasPCLMULQDQ && cpu.X86.HasPOPCNT && cpu.X86.HasBMI1

// nestedEnd returns the length of the object or array that starts at text, of
// which n bytes may be read, or a negative number: it does not end within the
// whole blocks of 64 bytes of n, it is nested deeper than 448, or a backslash
// stands outside a string. Brackets are counted and not told apart.
//
//go:noescape
func nestedEnd(text *byte, n int) int

// knownMembers is [Object.Known] over the n bytes at text, from pos on, for
// count keys. It returns how many members it took and where the next one is.
//
//go:noescape
func knownMembers(text *byte, n, pos int, keys *Key, count int, vals *Span) (taken, end int)
