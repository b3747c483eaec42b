package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// page writes what the demo shows: sections of aligned lines.
type page struct {
	*cli.Terminal
	digits int // of the largest node number
}

// line is what happened at one client or server.
type line struct {
	node int
	name string // of the client, empty for a server
	text string
	took time.Duration // 0: not shown
}

// section writes a title, what is done, and the lines in the order of the nodes they belong to.
func (p page) section(title, deed string, lines []line, outcome string) {
	fmt.Fprintf(p.Out, "\n%s: %s\n", p.Paint(cli.Bold, title), deed)
	names, texts := 0, 0
	for _, l := range lines {
		names, texts = max(names, len(l.name)), max(texts, len(l.text))
	}
	for _, l := range lines {
		fmt.Fprintf(p.Out, "  %s", p.node(l.node))
		if names > 0 {
			fmt.Fprintf(p.Out, "  %-*s", names, l.name)
		}
		if l.took > 0 {
			fmt.Fprintf(p.Out, "  %-*s  %s\n", texts, l.text, p.Paint(cli.Faint, fmt.Sprintf("%9s", millis(l.took))))
		} else {
			fmt.Fprintf(p.Out, "  %s\n", l.text)
		}
	}
	fmt.Fprintf(p.Out, "  %s\n", p.Paint(cli.Green, outcome))
}

func (p page) node(number int) string {
	return p.Paint(cli.Cyan, fmt.Sprintf("node %-*d", p.digits, number))
}

// millis writes a duration the same way at every size, so that columns can be compared.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// shorten cuts text that would not fit beside the rest of a line.
func shorten(text string) string {
	const most = 44
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}

// list joins words with commas.
func list(words []string) string { return strings.Join(words, ", ") }

// count writes a number and a noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
