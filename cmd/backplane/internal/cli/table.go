package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table writes rows in columns under a header. On a terminal it cuts lines that are too long. It writes nothing if
// there are no rows.
func (t *Terminal) Table(header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := make([]int, len(header))
	clean := make([][]string, 0, 1+len(rows))
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(header))
		for i := range header {
			cells[i] = Printable(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
		clean = append(clean, cells)
	}
	for i, cells := range clean {
		line := t.line(cells, widths)
		if i == 0 {
			line = t.Paint(Bold, line)
		}
		fmt.Fprintln(t.Out, line)
	}
}

func (t *Terminal) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	return t.Fit(strings.TrimRight(b.String(), " "))
}

// Fit cuts text to the width of the terminal, if the output is a terminal.
func (t *Terminal) Fit(text string) string {
	if t.Width == 0 || utf8.RuneCountInString(text) <= t.Width {
		return text
	}
	return string([]rune(text)[:t.Width-1]) + "…"
}
