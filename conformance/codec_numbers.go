package conformance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var numberChecks = []check[*codecChecker]{
	{"NumbersRoundTrip", "codec.Codec",
		"A number arrives as the same number, to the last digit: exactly if it is an integer of up to 64 bits, " +
			"otherwise as the same float64, including the sign of -0. Ids of other systems are such integers.",
		numbersRoundTrip},
}

// sampleNumbers returns numbers of all sizes, as they are in a tree.
func sampleNumbers() (all []any) {
	random := rand.New(rand.NewPCG(1, 2)) // the same in each run
	for bits := range 65 {
		for _, n := range []uint64{1<<bits - 1, 1 << bits, 1<<bits + 1, random.Uint64() >> (64 - min(bits, 64))} {
			if n > math.MaxInt64 {
				all = append(all, n)
				continue
			}
			all = append(all, int64(n), -int64(n))
		}
	}
	for n := int64(-200); n < 300; n++ {
		all = append(all, n)
	}
	all = append(all, int64(math.MinInt64), int64(9223372036854774784), int64(-9223372036854774784),
		uint64(math.MaxUint64-1023), int64(4611686018427388000), int64(1e15), int64(1e18))
	for _, f := range []float64{0, math.Copysign(0, -1), 0.1, 0.2, 0.1 + 0.2, 1.0 / 3, 1.5, 1e15, 1e16, 1e20, 1e21,
		1e22, 1.5e21, 1e-5, 1e-6, 1e-7, 1e-10, 123456.789, 5e-324, 2.2250738585072011e-308,
		2.2250738585072014e-308, 1e300, math.MaxFloat64, math.MaxFloat32, math.SmallestNonzeroFloat32,
		float64(float32(0.1)), 1<<53 + 2, 1 << 62, 1 << 63, 1 << 64, math.Pi, 65504, 65505} {
		all = append(all, f, -f)
	}
	for range 500 {
		if f := math.Float64frombits(random.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			all = append(all, f, float64(float32(f)+float32(random.IntN(1000))/8))
		}
	}
	return slices.DeleteFunc(all,
		func(n any) bool { f, ok := n.(float64); return ok && (math.IsInf(f, 0) || math.IsNaN(f)) })
}

// numberTexts are numbers as other programs write them.
var numberTexts = []string{
	"0", "-0", "-0.0", "0e0", "-0e5", "0.000", "1.0", "1e2", "1E2", "1e+2", "1E-2", "1.50e+1", "100e-2", "0.1e1",
	"12345678901234567890", "18446744073709551615", "18446744073709551616",
	"-9223372036854775808", "-9223372036854775809", "9223372036854775807", "9223372036854775808", "9007199254740991",
	"9007199254740992", "9007199254740993", "-9007199254740993",
	"123456789012345678901234567890", "3.141592653589793238462643383279502884197",
	"0.1000000000000000055511151231257827", "2.2250738585072012e-308", "4.9e-324", "1e-400",
	"1.7976931348623157e308", "1.7976931348623157E+308", "9007199254740993.0", "1e18", "1.0e3", "123456789012345e3",
}

func numbersRoundTrip(c *codecChecker) {
	all := sampleNumbers()
	c.roundTrip(append(c.carriers("numbers", codec.FromTree(all), false),
		c.carriers("numbers next to bytes", codec.FromTree([]any{[]byte{1}, all}), true)...)...)
	texts := c.rawJSON("[" + strings.Join(numberTexts, " , ") + "]")
	c.roundTrip(append(c.carriers("numbers as JSON", texts, false),
		c.carriers("numbers as JSON next to bytes", []any{[]byte{1}, texts}, true)...)...)
	alone := slices.Clone(numberTexts)
	for _, n := range all {
		text, _ := codec.FromTree(n).JSON() // cannot fail
		alone = append(alone, string(text))
		c.roundTrip(c.ackSample("the number "+string(text), codec.FromTree(n)))
	}
	for _, text := range alone {
		s := c.ackSample("the number "+text+" as JSON", c.rawJSON(text))
		c.roundTrip(s)
		c.expectDecoded(s, text)
	}
}

// expectDecoded decodes a number that has arrived, as programs do.
func (c *codecChecker) expectDecoded(s sample, text string) {
	c.Helper()
	for _, f := range forms {
		p, _ := c.mustAppend(s, f)
		called := fmt.Sprintf("Append %s, %v form, Parse, Value.Decode", s.name, f)
		got := c.mustParse(called, p, f).Value
		var err error
		came := ""
		switch {
		case strings.ContainsAny(text, ".eE"):
			var v float64
			err = got.Decode(&v)
			want, _ := strconv.ParseFloat(text, 64)
			if math.Float64bits(v) != math.Float64bits(want) {
				came = fmt.Sprint(v)
			}
		default:
			if want, parse := strconv.ParseInt(text, 10, 64); parse == nil {
				var v int64
				if err = got.Decode(&v); v != want {
					came = fmt.Sprint(v)
				}
			} else if want, parse := strconv.ParseUint(text, 10, 64); parse == nil {
				var v uint64
				if err = got.Decode(&v); v != want {
					came = fmt.Sprint(v)
				}
			}
		}
		if came != "" || err != nil {
			c.fail(called, text, "%s and the error %v", came, err)
		}
	}
}
