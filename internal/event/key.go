package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// Key identifies an act: copies of one act have equal keys. It is the log's
// own event id where that is a UUID, bit for bit, and otherwise the first 128
// bits of a SHA-256 over the parts that identify the act. Ordering by Key
// breaks ties between events of the same instant.
type Key struct{ Hi, Lo uint64 }

// Compare orders keys as unsigned 128-bit numbers.
func (k Key) Compare(o Key) int {
	switch {
	case k.Hi < o.Hi:
		return -1
	case k.Hi > o.Hi:
		return 1
	case k.Lo < o.Lo:
		return -1
	case k.Lo > o.Lo:
		return 1
	}
	return 0
}

// Less reports whether k orders before o.
func (k Key) Less(o Key) bool { return k.Hi < o.Hi || k.Hi == o.Hi && k.Lo < o.Lo }

// AppendUUID appends the key in the 8-4-4-4-12 form of RFC 9562, lower case.
func (k Key) AppendUUID(dst []byte) []byte {
	const hex = "0123456789abcdef"
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.Hi)
	binary.BigEndian.PutUint64(b[8:], k.Lo)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}

// ParseUUID reads an id of the form 8-4-4-4-12 hexadecimal digits in lower
// case. ok is false for every other text, so that a key turns back into
// exactly the id it came from.
func ParseUUID(id []byte) (k Key, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return Key{}, false
	}
	a, b, c, d := hex8(id), hex4(id[9:])<<16|hex4(id[14:]), hex4(id[19:])<<16|hex4(id[24:]), hex8(id[28:])
	if (a|b|c|d)>>32 != 0 {
		return Key{}, false
	}
	return Key{a<<32 | b, c<<32 | d}, true
}

// hex8 reads eight digits; bits above the lowest 32 are set if one is wrong.
func hex8(b []byte) uint64 { return hex4(b)<<16 | hex4(b[4:]) }

// hex4 reads four digits; bits from the 32nd on are set if one is wrong,
// also once the result is shifted by 16.
func hex4(b []byte) uint64 {
	_ = b[3]
	return hexDigit[b[0]]<<12 | hexDigit[b[1]]<<8 | hexDigit[b[2]]<<4 | hexDigit[b[3]]
}

// hexDigit is the value of a digit; for another byte, only bits far above.
var hexDigit = func() (t [256]uint64) {
	for i := range t {
		t[i] = 1 << 32
	}
	for i, c := range "0123456789abcdef" {
		t[c] = uint64(i)
	}
	return t
}()

// Digest is the key of an act that has no UUID: a SHA-256 over the parts,
// each preceded by its length so that no two lists of parts read alike. A
// long part enters by its own hash, which keeps the whole off the heap.
func Digest(parts ...[]byte) Key {
	var stack [512]byte
	buf := stack[:0]
	for _, p := range parts {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p)))
		if len(p) > 64 {
			h := sha256.Sum256(p)
			buf = append(buf, h[:]...)
			continue
		}
		buf = append(buf, p...)
	}
	return sum(buf)
}

func sum(b []byte) Key {
	h := sha256.Sum256(b)
	return Key{binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:16])}
}

// IDKey is the key of an act known by one id: the UUID itself, or a digest
// that is scoped so that equal ids of two kinds of log do not meet.
func IDKey(scope string, id []byte) Key {
	if k, ok := ParseUUID(bytes.TrimSpace(id)); ok {
		return k
	}
	return Digest([]byte(scope), id)
}
