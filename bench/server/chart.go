package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// chart draws how many times better than Node.js's server ours is, one bar for each figure, on a logarithmic scale, with floor
// and aim as marks. It is SVG without scripts or fonts of its own, and readable on light and dark backgrounds.
func chart(file resultFile) []byte {
	const (
		left, top, width = 400, 64, 560
		bar, gap         = 16, 10
		least, most      = 0.5, 32.0
	)
	x := func(ratio float64) float64 {
		r := math.Log(min(max(ratio, least), most)/least) / math.Log(most/least)
		return left + r*width
	}
	var rows bytes.Buffer
	y := float64(top)
	for _, r := range file.Cases {
		if r.BaseName != node || r.Ratio == 0 {
			continue
		}
		y += gap
		better := r.better(r.Ratio)
		from, to := x(1), x(better)
		fmt.Fprintf(&rows, `<text x="%d" y="%.0f" text-anchor="end">%s</text>`, left-12, y+bar-4, html.EscapeString(r.About))
		fmt.Fprintf(&rows, `<rect x="%.1f" y="%.0f" width="%.1f" height="%d" rx="2" fill="#0f766e"/>`, min(from, to), y, max(math.Abs(to-from), 1), bar-2)
		fmt.Fprintf(&rows, `<text x="%.1f" y="%.0f" class="n">%.1f×</text>`+"\n", max(from, to)+6, y+bar-5, better)
		if r.Floor > 0 {
			for i, goal := range []float64{r.Floor, r.Aim} {
				at := x(r.better(goal))
				fmt.Fprintf(&rows, `<line x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f" stroke="%s" stroke-width="2"/>`+"\n", at, at, y-2, y+bar, []string{"#b45309", "#1d4ed8"}[i])
			}
		}
		y += bar
	}
	height := y + 44
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img" aria-label="backplane's Socket.IO server compared with Node.js's">
<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.n{font-size:11px}.a{font-size:11px;fill:#6b7280}.h{font-weight:600;font-size:15px}</style>
<rect width="100%%" height="100%%" rx="6" fill="#ffffff"/>
<text x="20" y="28" class="h">How many times better than Node.js's socket.io %s</text>
<text x="20" y="48" class="a">One core each, medians of %v rounds; marks: <tspan fill="#b45309">floor</tspan>, <tspan fill="#1d4ed8">aim</tspan></text>
`, left+width+70, height, left+width+70, height, html.EscapeString(file.Versions["socket.io"]), file.Settings["rounds"])
	for _, tick := range []float64{0.5, 1, 2, 4, 8, 16, 32} {
		dash := ` stroke-dasharray="2 4"`
		if tick == 1 {
			dash = ""
		}
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.0f" stroke="#9ca3af"%s/><text x="%.1f" y="%.0f" text-anchor="middle" class="a">%g×</text>`+"\n",
			x(tick), x(tick), top, y+8, dash, x(tick), y+24, tick)
	}
	b.Write(rows.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}
