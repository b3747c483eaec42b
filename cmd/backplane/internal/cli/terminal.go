package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Terminal is where a command reads and writes.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Colour: escape sequences are welcome on Out.
	Colour bool
	// Width is how many characters fit on a line of Out, 0 if it is no terminal.
	Width int
}

// newTerminal uses colours only if its output is a terminal and nobody has asked for none: see no-color.org.
func newTerminal(s Streams) *Terminal {
	t := &Terminal{In: s.In, Out: s.Out, Err: s.Err}
	if f, ok := s.Out.(*os.File); ok && isTerminal(f) {
		t.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		t.Width = width(f)
	}
	return t
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// width is how wide a terminal is: as COLUMNS says, as the terminal says, or 80.
func width(f *os.File) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n := terminalWidth(f); n > 0 {
		return n
	}
	return helpWidth
}

// Note writes a line about what is going on to Err.
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

// Paint returns text in a style, if colours are welcome.
func (t *Terminal) Paint(style, text string) string {
	if !t.Colour || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// Printable returns s with everything escaped that a terminal might act on: names and data come from strangers.
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
