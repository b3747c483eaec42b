package figures

import (
	"fmt"
	"os"
	"slices"
)

// Median returns the median of f over all, 0 if all is empty.
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

// Sum returns the sum of f over all.
func Sum[T any](all []T, f func(T) int) (n int) {
	for _, o := range all {
		n += f(o)
	}
	return n
}

// Quotient returns a/b rounded to two decimal places, 0 if b is 0.
func Quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return float64(int(a/b*100+0.5)) / 100
}

// Progress replaces the progress line on the terminal. It prints nothing if standard error is not a terminal.
func Progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	}
}
