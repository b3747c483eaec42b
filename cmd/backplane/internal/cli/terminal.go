package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Terminal has the standard streams of a command.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Color allows escape sequences for colors on Out.
	Color bool
	// Width is the number of characters on a line of Out. It is 0 if Out is not a terminal.
	Width int
}

// newTerminal allows colors if the output is a terminal and the user has not disabled them (see no-color.org).
func newTerminal(s Streams) *Terminal {
	t := &Terminal{In: s.In, Out: s.Out, Err: s.Err}
	if f, ok := s.Out.(*os.File); ok && isTerminal(f) {
		t.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		t.Width = width(f)
	}
	return t
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// width returns the width of a terminal: the variable COLUMNS, or what the terminal reports, or 80.
func width(f *os.File) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n := terminalWidth(f); n > 0 {
		return n
	}
	return helpWidth
}

// Note writes a message for the user to Err.
func (t *Terminal) Note(format string, args ...any) {
	fmt.Fprintln(t.Err, Printable(fmt.Sprintf(format, args...)))
}

// Styles of text.
const (
	Bold   = "1"
	Faint  = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// Paint returns text in a style, if colors are allowed.
func (t *Terminal) Paint(style, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// Printable escapes all unprintable characters. Names and data come from others, and a terminal might act on them.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && strconv.IsPrint(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
