package figures

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Paragraph formats a paragraph for Markdown, with lines of at most 116 characters and an empty line at the end.
func Paragraph(format string, args ...any) string {
	const width = 116
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(fmt.Sprintf(format, args...)) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String() + "\n\n"
}
