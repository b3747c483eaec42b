// Package excerpt shortens what clients and other nodes have sent before it becomes a part of an error's text or of a log: nobody's
// message should be able to fill a log.
package excerpt

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// Max is the most bytes that are shown of a text.
	Max = 256
	// MaxError is the most bytes that are shown of another error's text, which may quote what was sent.
	MaxError = 1024
	// maxListed is the most names that are shown of a list.
	maxListed = 8
)

// Of returns s, or the beginning of it and its length if it has more than Max bytes.
func Of(s string) string { return cut(s, Max) }

// Error returns err's text, or the beginning of it and its length if it has more than MaxError bytes.
func Error(err error) string { return cut(Text(err), MaxError) }

// Text returns what v says of itself, whatever its methods do: one that panics cannot be used, such as those of a nil pointer.
func Text(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = Opaque(v)
		}
	}()
	if err, is := v.(error); is {
		return err.Error()
	}
	return fmt.Sprint(v)
}

// Opaque is the text of what cannot say what it is.
func Opaque(v any) string { return fmt.Sprintf("(a %T that cannot say what it is)", v) }

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > limit-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n-- // no character is shown in part
	}
	return s[:n] + "… (" + strconv.Itoa(len(s)) + " bytes)"
}

// List returns names with commas between them, or the first few of them and how many there are more.
func List(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == maxListed {
			b.WriteString(" and " + strconv.Itoa(len(names)-i) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Of(name))
	}
	return b.String()
}
