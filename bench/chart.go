package main

import (
	"fmt"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

var driverColors = map[string]string{"pgx": "#0f766e", "pq": "#b45309"}

// chart draws how many times better than Node.js each driver is, one bar for each case and driver.
func chart(file resultFile) []byte {
	c := figures.Chart{
		Label: "backplane compared with the Node.js adapter",
		Title: "How many times better than Node.js's Postgres adapter " + file.Versions["@socket.io/postgres-adapter"],
		Subtitle: fmt.Sprintf("Messages per second, or p99 latency at a fixed rate; medians of %v rounds on %v cores",
			file.Settings["rounds"], file.Machine["cpus"]),
		Left: 330, Least: 0.5, Most: 64, BarHeight: 14,
		Legend: []figures.Key{{Color: driverColors["pgx"], Text: "pgx"}, {Color: driverColors["pq"], Text: "pq"}},
	}
	for i, result := range file.Cases {
		bar := figures.Bar{Ratio: result.RatioNode, Color: driverColors[result.Driver]}
		if i == 0 || file.Cases[i-1].Name != result.Name {
			bar.Text = result.About
		}
		c.Bars = append(c.Bars, bar)
	}
	return c.SVG()
}
