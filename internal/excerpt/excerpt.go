// Package excerpt shortens texts that come from clients and other nodes before they become a part of an error or
// a log record, so that no message can fill a log.
package excerpt

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// Max is the maximum number of bytes of a text that Of returns.
	Max = 256
	// MaxError is the maximum number of bytes of an error's text that Error returns. It is larger than Max,
	// because the text may quote a message.
	MaxError = 1024
	// maxListed is the maximum number of names that List returns.
	maxListed = 8
)

// Of returns s. If s has more than Max bytes, it returns the beginning of s and its length.
func Of(s string) string { return cut(s, Max) }

// Error returns err's text. If the text has more than MaxError bytes, it returns the beginning of the text and
// its length.
func Error(err error) string { return cut(Text(err), MaxError) }

// Text returns the text of v, or Opaque if a method of v panics, as methods of a nil pointer may.
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

// Opaque is the text of a value whose methods panic.
func Opaque(v any) string { return fmt.Sprintf("(a %T whose methods panic)", v) }

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > limit-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n-- // do not cut a character
	}
	return s[:n] + "… (" + strconv.Itoa(len(s)) + " bytes)"
}

// List returns names, separated by commas. If there are more than eight, it returns the first eight and the
// number of the others.
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
