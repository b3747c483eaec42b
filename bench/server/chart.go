package main

import (
	"fmt"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

const (
	barColor   = "#0f766e"
	floorColor = "#b45309"
	aimColor   = "#1d4ed8"
)

// chart draws how many times better than Node.js's server ours is, one bar for each figure, with floor and aim as
// marks.
func chart(file resultFile) []byte {
	c := figures.Chart{
		Label: "backplane's Socket.IO server compared with Node.js's",
		Title: "How many times better than Node.js's socket.io " + file.Versions["socket.io"],
		Subtitle: fmt.Sprintf("One core each, medians of %v rounds; marks: "+
			`<tspan fill="%s">floor</tspan>, <tspan fill="%s">aim</tspan>`,
			file.Settings["rounds"], floorColor, aimColor),
		Left: 400, Least: 0.5, Most: 32, BarHeight: 16,
	}
	for _, r := range file.Cases {
		if r.BaseName != node || r.Ratio == 0 {
			continue
		}
		bar := figures.Bar{Text: r.About, Ratio: r.better(r.Ratio), Color: barColor}
		if r.Floor > 0 {
			bar.Marks = []figures.Mark{{Ratio: r.better(r.Floor), Color: floorColor},
				{Ratio: r.better(r.Aim), Color: aimColor}}
		}
		c.Bars = append(c.Bars, bar)
	}
	return c.SVG()
}
