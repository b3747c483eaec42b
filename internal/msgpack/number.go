package msgpack

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/backplane-go/backplane/codec"
)

// Number is a number as a parser of messages needs it.
type Number struct {
	I       int64
	F       float64
	Integer bool // the number is I; otherwise it is F
}

// FloatNumber returns f, as an integer if it is one that JavaScript represents exactly.
func FloatNumber(f float64) Number {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return Number{I: int64(f), Integer: true}
	}
	return Number{F: f}
}

// Text returns the number as JavaScript's String writes it.
func (n Number) Text() string {
	switch {
	case n.Integer:
		return strconv.FormatInt(n.I, 10)
	case math.IsNaN(n.F):
		return "NaN"
	case math.IsInf(n.F, 1):
		return "Infinity"
	case math.IsInf(n.F, -1):
		return "-Infinity"
	}
	return codec.FromTree(n.F).String()
}

// Float returns the number as a float64, the only type of numbers in JavaScript.
func (n Number) Float() float64 {
	if n.Integer {
		return float64(n.I)
	}
	return n.F
}

// ReadNumber reads the number with the head h, whose first byte is first.
func ReadNumber(p []byte, h Head, first byte) Number {
	if h.Kind == KindFix {
		return Number{I: int64(int8(first)), Integer: true}
	}
	u, _ := readUint(p, h.At, h.N)
	switch h.Kind {
	case KindUint:
		if u > math.MaxInt64 {
			return Number{F: float64(u)}
		}
		return Number{I: int64(u), Integer: true}
	case KindInt:
		shift := 64 - 8*h.N
		return Number{I: int64(u<<shift) >> shift, Integer: true}
	}
	if h.N == 4 {
		return Number{F: float64(math.Float32frombits(uint32(u)))}
	}
	return Number{F: math.Float64frombits(u)}
}

// readUint reads a big-endian integer of 1, 2, 4 or 8 bytes.
func readUint(p []byte, i, size int) (uint64, bool) {
	if size > len(p)-i {
		return 0, false
	}
	switch size {
	case 1:
		return uint64(p[i]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(p[i:])), true
	case 4:
		return uint64(binary.BigEndian.Uint32(p[i:])), true
	}
	return binary.BigEndian.Uint64(p[i:]), true
}
