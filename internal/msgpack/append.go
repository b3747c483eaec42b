package msgpack

import (
	"encoding/binary"
	"math"
	"time"
)

// The first byte of a msgpack value (https://github.com/msgpack/msgpack/blob/master/spec.md). The codes whose names
// begin with codeFix are combined with a length in the lower bits.
const (
	CodeFixMap   = 0x80 // to 0x8f
	CodeFixArray = 0x90 // to 0x9f
	codeFixStr   = 0xa0 // to 0xbf
	codeNil      = 0xc0
	codeFalse    = 0xc2
	CodeTrue     = 0xc3
	codeBin8     = 0xc4
	codeBin16    = 0xc5
	codeBin32    = 0xc6
	codeExt8     = 0xc7
	codeExt16    = 0xc8
	codeExt32    = 0xc9
	codeFloat32  = 0xca
	codeFloat64  = 0xcb
	codeUint8    = 0xcc
	codeUint16   = 0xcd
	codeUint32   = 0xce
	codeUint64   = 0xcf
	codeInt8     = 0xd0
	codeInt16    = 0xd1
	codeInt32    = 0xd2
	codeInt64    = 0xd3
	codeFixExt1  = 0xd4
	codeFixExt2  = 0xd5
	codeFixExt4  = 0xd6
	codeFixExt8  = 0xd7
	codeFixExt16 = 0xd8
	codeStr8     = 0xd9
	codeStr16    = 0xda
	codeStr32    = 0xdb
	codeArray16  = 0xdc
	codeArray32  = 0xdd
	codeMap16    = 0xde
	codeMap32    = 0xdf
	codeNegative = 0xe0 // to 0xff: -32 to -1
)

// appendLength appends the head of a map, an array, a string or bytes. A length below short is combined with fix
// into one byte. code8 precedes a length of one byte; it is 0 if the type has no such form. code16 precedes a length
// of two bytes, and code16+1 a length of four.
func appendLength(dst []byte, n, short int, fix, code8, code16 byte) []byte {
	switch {
	case n < short:
		return append(dst, fix|byte(n))
	case n <= math.MaxUint8 && code8 != 0:
		return append(dst, code8, byte(n))
	case n <= math.MaxUint16:
		return append(dst, code16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code16+1), uint32(n))
}

func AppendMapHead(dst []byte, n int) []byte {
	return appendLength(dst, n, 16, CodeFixMap, 0, codeMap16)
}

func AppendArrayHead(dst []byte, n int) []byte {
	return appendLength(dst, n, 16, CodeFixArray, 0, codeArray16)
}

func AppendStringHead(dst []byte, n int) []byte {
	return appendLength(dst, n, 32, codeFixStr, codeStr8, codeStr16)
}

func AppendBytesHead(dst []byte, n int) []byte {
	return appendLength(dst, n, 0, 0, codeBin8, codeBin16)
}

// AppendInt appends n in the shortest form.
func AppendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return AppendUint(dst, uint64(n))
	case n >= -32:
		return append(dst, byte(n))
	case n >= math.MinInt8:
		return append(dst, codeInt8, byte(n))
	case n >= math.MinInt16:
		return append(dst, codeInt16, byte(n>>8), byte(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt32), uint32(n))
	}
	return appendUint64(dst, codeInt64, uint64(n))
}

func AppendUint(dst []byte, n uint64) []byte {
	switch {
	case n < CodeFixMap:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, codeUint8, byte(n))
	case n <= math.MaxUint16:
		return append(dst, codeUint16, byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint32), uint32(n))
	}
	return appendUint64(dst, codeUint64, n)
}

// appendUint64 appends code and the eight bytes of n.
func appendUint64(dst []byte, code byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, code), n)
}

func AppendFloat64(dst []byte, f float64) []byte {
	return appendUint64(dst, codeFloat64, math.Float64bits(f))
}

// AppendTime appends t as a timestamp of 4, 8 or 12 bytes.
func AppendTime(dst []byte, t time.Time) []byte {
	sec, nsec := uint64(t.Unix()), uint64(t.Nanosecond())
	switch {
	case sec>>32 == 0 && nsec == 0:
		return binary.BigEndian.AppendUint32(append(dst, codeFixExt4, extTime), uint32(sec))
	case sec>>34 == 0:
		return binary.BigEndian.AppendUint64(append(dst, codeFixExt8, extTime), nsec<<34|sec)
	}
	dst = binary.BigEndian.AppendUint32(append(dst, codeExt8, 12, extTime), uint32(nsec))
	return binary.BigEndian.AppendUint64(dst, sec)
}
