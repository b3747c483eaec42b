package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// chart draws how many times better than Node.js each driver is, one bar for each case, on a logarithmic scale. It is SVG
// without scripts or fonts of its own, and readable on light and dark backgrounds.
func chart(file resultFile) []byte {
	const (
		left, top, width = 330, 64, 560
		bar, gap         = 14, 10
		least, most      = 0.5, 64.0
	)
	x := func(ratio float64) float64 {
		r := math.Log(min(max(ratio, least), most)/least) / math.Log(most/least)
		return left + r*width
	}
	colours := map[string]string{"pgx": "#0f766e", "pq": "#b45309"}
	var rows []string
	y := float64(top)
	for i, c := range file.Cases {
		if i == 0 || file.Cases[i-1].Name != c.Name {
			y += gap
			rows = append(rows, fmt.Sprintf(`<text x="%d" y="%.0f" text-anchor="end" class="t">%s</text>`, left-12, y+bar, html.EscapeString(c.About)))
		}
		from, to := x(1), x(c.RatioNode)
		rows = append(rows, fmt.Sprintf(`<rect x="%.1f" y="%.0f" width="%.1f" height="%d" rx="2" fill="%s"/><text x="%.1f" y="%.0f" class="n">%.1f×</text>`,
			min(from, to), y, max(math.Abs(to-from), 1), bar-2, colours[c.Driver], max(from, to)+6, y+bar-3, c.RatioNode))
		y += bar
	}
	height := y + 40
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img" aria-label="backplane compared with the Node.js adapter">
<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.n{font-size:11px}.a{font-size:11px;fill:#6b7280}.h{font-weight:600;font-size:15px}</style>
<rect width="100%%" height="100%%" rx="6" fill="#ffffff"/>
<text x="20" y="28" class="h">How many times better than Node.js's Postgres adapter %s</text>
<text x="20" y="48" class="a">Messages per second, or p99 latency at a fixed rate; medians of %v rounds on %v cores</text>
`, left+width+70, height, left+width+70, height, html.EscapeString(file.Versions["@socket.io/postgres-adapter"]), file.Settings["rounds"], file.Machine["cpus"])
	for _, tick := range []float64{0.5, 1, 2, 4, 8, 16, 32, 64} {
		dash := ` stroke-dasharray="2 4"`
		if tick == 1 {
			dash = ""
		}
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.0f" stroke="#9ca3af"%s/><text x="%.1f" y="%.0f" text-anchor="middle" class="a">%g×</text>`+"\n",
			x(tick), x(tick), top, y+8, dash, x(tick), y+24, tick)
	}
	for i, driver := range []string{"pgx", "pq"} {
		fmt.Fprintf(&b, `<rect x="%d" y="18" width="12" height="12" fill="%s"/><text x="%d" y="29">%s</text>`+"\n",
			left+width-70+i*70, colours[driver], left+width-52+i*70, driver)
	}
	for _, row := range rows {
		b.WriteString(row + "\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
