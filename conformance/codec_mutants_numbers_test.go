package conformance_test

import (
	"math"
	"strconv"

	"github.com/backplane-go/backplane/conformance"
)

// integers returns a mutant that changes integers.
func integers(bug string, change func(int64) any) mutant[conformance.CodecHarness] {
	return data("NumbersRoundTrip", bug, func(tree any) any {
		if n, ok := tree.(int64); ok {
			return change(n)
		}
		return tree
	})
}

// floats returns a mutant that changes floats.
func floats(bug string, change func(float64) any) mutant[conformance.CodecHarness] {
	return data("NumbersRoundTrip", bug, func(tree any) any {
		if f, ok := tree.(float64); ok {
			return change(f)
		}
		return tree
	})
}

func reformat(f float64, format byte, digits int) any {
	out, _ := strconv.ParseFloat(strconv.FormatFloat(f, format, digits, 64), 64)
	return out
}

var numberMutants = []mutant[conformance.CodecHarness]{
	data("NumbersRoundTrip", "keeps numbers as float32", func(tree any) any {
		switch n := tree.(type) {
		case int64:
			return float64(float32(n))
		case float64:
			return float64(float32(n))
		}
		return tree
	}),
	integers("keeps integers as float64", func(n int64) any {
		if f := float64(n); f < 1<<63 {
			return int64(f)
		}
		return int64(math.MaxInt64 - 1023)
	}),
	integers("turns integers beyond 2^53 into floats", func(n int64) any {
		if n > 1<<53 || n < -1<<53 {
			return float64(n)
		}
		return n
	}),
	integers("overflows above 2^31", func(n int64) any {
		if n > math.MaxInt32 {
			return int64(int32(n))
		}
		return n
	}),
	integers("overflows above 2^32", func(n int64) any {
		if n > math.MaxUint32 {
			return int64(uint32(n))
		}
		return n
	}),
	integers("overflows at 2^63-1", func(n int64) any {
		if n == math.MaxInt64 {
			return int64(math.MinInt64)
		}
		return n
	}),
	integers("turns 2^32-1 into -1", func(n int64) any {
		if n == math.MaxUint32 {
			return int64(-1)
		}
		return n
	}),
	integers("turns -129 into 127", func(n int64) any {
		if n < -128 && n >= -256 {
			return n + 256
		}
		return n
	}),
	integers("turns integers beyond 2^53 into texts", func(n int64) any {
		if n > 1<<53 {
			return strconv.FormatInt(n, 10)
		}
		return n
	}),
	data("NumbersRoundTrip", "keeps integers beyond 2^63 as float64", func(tree any) any {
		if n, ok := tree.(uint64); ok {
			return float64(n)
		}
		return tree
	}),
	data("NumbersRoundTrip", "turns integers beyond 2^63 into negative ones", func(tree any) any {
		if n, ok := tree.(uint64); ok {
			return int64(n)
		}
		return tree
	}),
	floats("drops the sign of -0", func(f float64) any { return f + 0 }),
	floats("writes 6 digits after the point", func(f float64) any { return reformat(f, 'f', 6) }),
	floats("writes 15 digits", func(f float64) any { return reformat(f, 'g', 15) }),
	floats("writes 16 digits", func(f float64) any { return reformat(f, 'g', 16) }),
	floats("does not support denormal numbers", func(f float64) any {
		if math.Abs(f) < 2.2250738585072014e-308 {
			return math.Copysign(0, f)
		}
		return f
	}),
	floats("loses the last bit of one in 256", func(f float64) any {
		if bits := math.Float64bits(f); bits&0xff == 1 {
			return math.Float64frombits(bits - 1)
		}
		return f
	}),
	floats("turns the largest numbers into null", func(f float64) any {
		if math.Abs(f) > 1e308 {
			return nil
		}
		return f
	}),
}
