package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// print writes the medians of a case.
func print(w io.Writer, c benchCase, contenders []string, results map[string][]outcome) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintln(w, c.About)
	fmt.Fprintf(t, "%s\t\tper s\tof node\tp50 µs\tp99 µs\tCPU µs: pub\trecv\tpg\tall\tof node\tmissing\tdouble\terrors\t\n", c.Name)
	node := results["node"]
	for _, name := range contenders {
		all := results[name]
		if len(all) == 0 {
			continue
		}
		rate, cpu := median(all, perSecond), median(all, totalCPU)
		fmt.Fprintf(t, "\t%s\t%.0f\t%s\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%d\t%d\t%d\t\n", name, rate,
			ratio(rate, median(node, perSecond)),
			median(all, p50), median(all, p99),
			1e6*median(all, part(cpuPublisher)), 1e6*median(all, part(cpuReceiver)), 1e6*median(all, part(cpuPostgres)),
			1e6*cpu, ratio(median(node, totalCPU), cpu), sum(all, func(o outcome) int { return o.Missing }),
			sum(all, func(o outcome) int { return o.Duplicated }), sum(all, func(o outcome) int { return o.Errors }))
	}
}

// progress shows what is under way in place of what it showed before: on a terminal only, so that logs stay readable.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	}
}

func perSecond(o outcome) float64 { return o.PerSecond }
func p50(o outcome) float64       { return o.P50 }
func p99(o outcome) float64       { return o.P99 }
func totalCPU(o outcome) float64  { return o.CPU[0] + o.CPU[1] + o.CPU[2] }

func part(n int) func(outcome) float64 { return func(o outcome) float64 { return o.CPU[n] } }

func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", a/b)
}

func median(all []outcome, f func(outcome) float64) float64 {
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

func sum(all []outcome, f func(outcome) int) (n int) {
	for _, o := range all {
		n += f(o)
	}
	return n
}
