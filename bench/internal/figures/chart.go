package figures

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// Chart compares ratios as bars on a logarithmic scale that begins at 1.
type Chart struct {
	Label       string // what the picture shows, for screen readers
	Title       string
	Subtitle    string // SVG: may hold tspan elements
	Left        int    // pixels for the text at the left of the bars
	Least, Most float64
	BarHeight   int
	Bars        []Bar
	Legend      []Key // at the top right
}

// Bar is one ratio.
type Bar struct {
	Text  string // what is compared, at the left of the bar; empty: this bar belongs to the one before
	Ratio float64
	Color string
	Marks []Mark
}

// Mark is a vertical line over a bar, at a ratio to compare the bar with.
type Mark struct {
	Ratio float64
	Color string
}

// Key explains a color.
type Key struct{ Color, Text string }

// SVG draws the chart. It uses no scripts or embedded fonts, and is readable on light and dark backgrounds.
func (c Chart) SVG() []byte {
	const top, width, gap = 64, 560, 10
	x := func(ratio float64) float64 {
		r := math.Log(min(max(ratio, c.Least), c.Most)/c.Least) / math.Log(c.Most/c.Least)
		return float64(c.Left) + r*width
	}
	var bars bytes.Buffer
	y := top
	for _, bar := range c.Bars {
		if bar.Text != "" {
			y += gap
			fmt.Fprintf(&bars, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n",
				c.Left-12, y+c.BarHeight-3, html.EscapeString(bar.Text))
		}
		from, to := x(1), x(bar.Ratio)
		fmt.Fprintf(&bars, `<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`,
			min(from, to), y, max(math.Abs(to-from), 1), c.BarHeight-2, bar.Color)
		fmt.Fprintf(&bars, `<text x="%.1f" y="%d" class="n">%.1f×</text>`+"\n",
			max(from, to)+6, y+c.BarHeight-3, bar.Ratio)
		for _, m := range bar.Marks {
			fmt.Fprintf(&bars, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="2"/>`+"\n",
				x(m.Ratio), x(m.Ratio), y-2, y+c.BarHeight, m.Color)
		}
		y += c.BarHeight
	}
	total, height := c.Left+width+70, y+42
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"
 role="img" aria-label="%s">
<style>text{font:13px system-ui,sans-serif;fill:#1f2937}
.n{font-size:11px}.a{font-size:11px;fill:#6b7280}.h{font-weight:600;font-size:15px}</style>
<rect width="100%%" height="100%%" rx="6" fill="#ffffff"/>
<text x="20" y="28" class="h">%s</text>
<text x="20" y="48" class="a">%s</text>
`, total, height, total, height, html.EscapeString(c.Label), html.EscapeString(c.Title), c.Subtitle)
	for tick := c.Least; tick <= c.Most; tick *= 2 {
		dash := ` stroke-dasharray="2 4"`
		if tick == 1 {
			dash = ""
		}
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#9ca3af"%s/>`, x(tick), x(tick), top, y+8,
			dash)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" class="a">%g×</text>`+"\n", x(tick), y+24, tick)
	}
	for i, key := range c.Legend {
		at := c.Left + width - 70*(len(c.Legend)-1-i)
		fmt.Fprintf(&b, `<rect x="%d" y="18" width="12" height="12" fill="%s"/><text x="%d" y="29">%s</text>`+"\n",
			at, key.Color, at+18, html.EscapeString(key.Text))
	}
	b.Write(bars.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}
