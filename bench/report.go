package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// print writes the medians of a case to w.
func print(w io.Writer, c benchCase, contenders []string, results map[string][]outcome) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintln(w, c.About)
	fmt.Fprintf(t, "%s\t\tper s\tof node\tp50 µs\tp99 µs\tCPU µs: pub\trecv\tpg\tall\tof "+
		"node\tmissing\tdouble\terrors\t\n", c.Name)
	node := results["node"]
	for _, name := range contenders {
		all := results[name]
		if len(all) == 0 {
			continue
		}
		rate, cpu := figures.Median(all, perSecond), figures.Median(all, totalCPU)
		fmt.Fprintf(t, "\t%s\t%.0f\t%s\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%d\t%d\t%d\t\n", name, rate,
			ratio(rate, figures.Median(node, perSecond)),
			figures.Median(all, p50), figures.Median(all, p99),
			1e6*figures.Median(all, part(cpuPublisher)), 1e6*figures.Median(all, part(cpuReceiver)),
			1e6*figures.Median(all, part(cpuPostgres)),
			1e6*cpu, ratio(figures.Median(node, totalCPU), cpu),
			figures.Sum(all, func(o outcome) int { return o.Missing }),
			figures.Sum(all, func(o outcome) int { return o.Duplicated }),
			figures.Sum(all, func(o outcome) int { return o.Errors }))
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
