package rows

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// leaf is how the values of a leaf column of a Parquet file are written as
// JSON: as what the column is annotated to hold, so that a table that a lake
// has typed says what the logs said that it was made of.
type leaf struct {
	holds
	unit  time.Duration // of timestamps
	scale int           // of decimals: digits behind the point
}

// holds is what values are beyond their physical type.
type holds uint8

const (
	asStored holds = iota
	timestamp
	date
	decimal
	unsigned
	uuid
	document // a text of JSON
	opaque   // bytes that are no text, whatever they look like
)

// leafOf reads a column's annotation. Of the converted types of older writers
// the library makes logical types, but for the interval.
func leafOf(t parquet.Type) leaf {
	if c := t.ConvertedType(); c != nil && *c == deprecated.Interval {
		return leaf{holds: opaque}
	}
	logical := t.LogicalType()
	if logical == nil {
		return leaf{}
	}
	switch v := logical.Value.(type) {
	case *format.TimestampType:
		switch v.Unit.String() {
		case (&format.MilliSeconds{}).String():
			return leaf{holds: timestamp, unit: time.Millisecond}
		case (&format.MicroSeconds{}).String():
			return leaf{holds: timestamp, unit: time.Microsecond}
		}
		return leaf{holds: timestamp, unit: time.Nanosecond}
	case *format.DateType:
		return leaf{holds: date}
	case *format.DecimalType:
		if v.Scale >= 0 && v.Scale <= maxScale {
			return leaf{holds: decimal, scale: int(v.Scale)}
		}
	case *format.IntType:
		if !v.IsSigned {
			return leaf{holds: unsigned}
		}
	case *format.UUIDType:
		return leaf{holds: uuid}
	case *format.JsonType:
		return leaf{holds: document}
	case *format.Float16Type:
		return leaf{holds: opaque}
	}
	return leaf{}
}

// append writes a value. That an annotation stands on a type that it is not
// for does no harm: it is then not heeded.
func (l leaf) append(dst []byte, v parquet.Value) []byte {
	if v.IsNull() {
		return append(dst, "null"...)
	}
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean())
	case parquet.Int32:
		switch l.holds {
		case date:
			day := time.Unix(int64(v.Int32())*86400, 0).UTC()
			return append(day.AppendFormat(append(dst, '"'), time.DateOnly), '"')
		case decimal:
			return l.appendDecimal(dst, big.NewInt(int64(v.Int32())))
		case unsigned:
			return strconv.AppendUint(dst, uint64(v.Uint32()), 10)
		}
		return strconv.AppendInt(dst, int64(v.Int32()), 10)
	case parquet.Int64:
		switch l.holds {
		case timestamp:
			return appendTime(dst, unixIn(v.Int64(), l.unit))
		case decimal:
			return l.appendDecimal(dst, big.NewInt(v.Int64()))
		case unsigned:
			return strconv.AppendUint(dst, v.Uint64(), 10)
		}
		return strconv.AppendInt(dst, v.Int64(), 10)
	case parquet.Int96:
		return appendTime(dst, int96Time(v.Int96()))
	case parquet.Float:
		return appendFloat(dst, float64(v.Float()), 32)
	case parquet.Double:
		return appendFloat(dst, v.Double(), 64)
	}
	return l.appendBytes(dst, v.ByteArray(), v.Kind() == parquet.FixedLenByteArray)
}

func (l leaf) appendBytes(dst, b []byte, fixed bool) []byte {
	switch {
	case l.holds == decimal && len(b) > 0 && len(b) <= maxDecimal:
		return l.appendDecimal(dst, twosComplement(b))
	case l.holds == uuid && len(b) == 16:
		dst = hex.AppendEncode(append(dst, '"'), b[:4])
		for i := 4; i < 10; i += 2 {
			dst = hex.AppendEncode(append(dst, '-'), b[i:i+2])
		}
		return append(hex.AppendEncode(append(dst, '-'), b[10:]), '"')
	case l.holds == document:
		if out := bytes.NewBuffer(dst); json.Compact(out, b) == nil {
			return out.Bytes()
		}
	case fixed:
		// Text of one length, or filled up to it, or bytes that are none.
		text := bytes.TrimRight(b, "\x00")
		if l.holds == opaque || len(text) == 0 || !printable(text) {
			return append(hex.AppendEncode(append(dst, '"'), b), '"')
		}
		b = text
	}
	return quote(dst, b)
}

func printable(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// The largest decimals that anything writes have 256 bits, which are 76
// digits.
const (
	maxDecimal = 32
	maxScale   = 76
)

func twosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// appendDecimal writes a number of so many units of its last digit. Zeros at
// the end of a fraction say how wide the column is, and are left out: 403.00
// is the code 403.
func (l leaf) appendDecimal(dst []byte, units *big.Int) []byte {
	digits := new(big.Int).Abs(units).String()
	if short := l.scale + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	if units.Sign() < 0 {
		dst = append(dst, '-')
	}
	point := len(digits) - l.scale
	dst = append(dst, digits[:point]...)
	if fraction := strings.TrimRight(digits[point:], "0"); fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst
}

func unixIn(n int64, unit time.Duration) time.Time {
	per := int64(time.Second / unit)
	return time.Unix(n/per, n%per*int64(unit))
}

// int96Time reads the timestamps of older writers: nanoseconds of a day, and
// the day by its Julian number.
func int96Time(v deprecated.Int96) time.Time {
	const epoch = 2440588 // 1970-01-01
	nanos := int64(uint64(v[1])<<32 | uint64(v[0]))
	return time.Unix((int64(v[2])-epoch)*86400, nanos)
}

func appendTime(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

// appendFloat writes a number as JSON can hold it; what it cannot is null. As
// in encoding/json only what is very large or small has an exponent: a status
// code or a time in seconds is written as the integer that it is.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, bits)
}
