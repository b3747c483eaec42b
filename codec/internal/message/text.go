package message

import (
	"strings"
	"unicode/utf8"
)

// Text is s as it may travel: valid UTF-8, with one U+FFFD in the place of each byte that is not, as encoding/json has
// it.
func Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}
