package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// Sizes of the picture, in its own units.
const (
	lineHeight = 26
	labelWidth = 270
	barWidth   = 480
	pictureTop = 62
)

// picture draws the CPU time of a request of each row, as a multiple of the
// bare handler's, as a bar on a logarithmic scale, with
// a stroke at its target. It is an SVG without scripts, styles from elsewhere
// or fonts.
func (r report) picture() string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, m := range r.Rows {
		for _, v := range []float64{m.Ratio, m.Wanted} {
			if v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	low, high = math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	x := func(v float64) float64 {
		if v <= 0 || high <= low {
			return labelWidth
		}
		return labelWidth + barWidth*(math.Log10(v)-low)/(high-low)
	}
	var b strings.Builder
	height := pictureTop + lineHeight*len(r.Rows) + 34
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img">`+"\n", labelWidth+barWidth+90, height)
	b.WriteString("<title>Server CPU time of a request, as a multiple of the bare handler</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n")
	text(&b, 12, 22, "#111", "start", "Server CPU time of a request, as a multiple of the bare net/http handler (logarithmic; the stroke is the target)")
	if high > low {
		for d := low; d <= high; d++ {
			at := x(math.Pow(10, d))
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`+"\n", at, pictureTop-8, at, height-28)
			text(&b, at, pictureTop-14, "#666", "middle", fmt.Sprintf("%g", math.Pow(10, d)))
		}
	}
	for i, m := range r.Rows {
		y := pictureTop + i*lineHeight
		c := m.cells()
		label, color := c[0], "#9aa5b1"
		if m.Wanted > 0 {
			color = "#2f6f4f"
			if m.Ratio > m.Wanted {
				color = "#b5652a"
			}
			label += " (" + m.Engine + ")"
		}
		text(&b, labelWidth-8, float64(y+14), "#111", "end", label)
		end := max(x(m.Ratio), labelWidth+1)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y+2, end-labelWidth, lineHeight-8, color)
		if m.Wanted > 0 {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#111" stroke-width="2"/>`+"\n", x(m.Wanted), y-1, x(m.Wanted), y+lineHeight-3)
		}
		text(&b, max(end, x(m.Wanted))+6, float64(y+15), "#111", "start", c[8])
	}
	text(&b, 12, float64(height-10), "#666", "start", fmt.Sprintf("%s, %s. Orange: above the target in this run.", r.Version, r.Date))
	b.WriteString("</svg>\n")
	return b.String()
}

func text(b *strings.Builder, x, y float64, color, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" text-anchor="%s">`, x, y, color, anchor)
	_ = xml.EscapeText(b, []byte(s)) // a strings.Builder never fails
	b.WriteString("</text>\n")
}
