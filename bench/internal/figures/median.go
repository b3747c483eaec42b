package figures

import (
	"fmt"
	"os"
	"slices"
)

// Median returns the median of what f finds in all, 0 if there is nothing.
func Median[T any](all []T, f func(T) float64) float64 {
	if len(all) == 0 {
		return 0
	}
	values := make([]float64, len(all))
	for i, o := range all {
		values[i] = f(o)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// Sum adds up what f finds in all.
func Sum[T any](all []T, f func(T) int) (n int) {
	for _, o := range all {
		n += f(o)
	}
	return n
}

// Quotient is a/b to two digits, 0 if b is.
func Quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return float64(int(a/b*100+0.5)) / 100
}

// Progress shows what is under way in place of what it showed before: on a terminal only, so that logs stay readable.
func Progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	}
}
