package legacy_test

import (
	"math"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var instant = time.Date(2024, 2, 29, 12, 30, 15, 123e6, time.UTC)

// wideValues has values of every kind, and wideTree what they are on the other side.
func wideValues() []any {
	return []any{
		nil, true, false, "", "ü 世 🎉 \x00\n\"\\", []byte{}, []byte{0, 255},
		0, 127, 128, 1 << 16, int64(1 << 32), int64(math.MaxInt64), uint64(math.MaxUint64), -1, -32, -33, math.MinInt32,
		int64(math.MinInt64), 1.5, math.SmallestNonzeroFloat64, math.MaxFloat64, math.Copysign(0, -1),
		codec.FromTree(instant),
		codec.FromTree(codec.Object{{Key: "z", Value: int64(1)}, {Key: "a", Value: []any{[]byte("x")}}}),
	}
}

func wideTree() any {
	return []any{
		"event",
		nil, true, false, "", "ü 世 🎉 \x00\n\"\\", []byte{}, []byte{0, 255},
		int64(0), int64(127), int64(128), int64(1 << 16), int64(1 << 32), int64(math.MaxInt64), uint64(math.MaxUint64),
		int64(-1), int64(-32), int64(-33), int64(math.MinInt32), int64(math.MinInt64),
		1.5, math.SmallestNonzeroFloat64, math.MaxFloat64, math.Copysign(0, -1),
		instant, codec.Object{{Key: "z", Value: int64(1)}, {Key: "a", Value: []any{[]byte("x")}}},
	}
}
