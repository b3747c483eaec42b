package cli

import (
	"io"
	"os"
)

// Terminal is where a command writes for people.
type Terminal struct {
	Out io.Writer
	// Colour: escape sequences are welcome.
	Colour bool
}

// newTerminal uses colours only if out is a terminal and nobody has asked for none: see no-color.org.
func newTerminal(out io.Writer) *Terminal {
	return &Terminal{Out: out, Colour: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Styles of text.
const (
	Bold  = "1"
	Faint = "2"
	Green = "32"
	Cyan  = "36"
)

// Paint returns text in a style, if colours are welcome.
func (t *Terminal) Paint(style, text string) string {
	if !t.Colour || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
