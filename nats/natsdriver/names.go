package natsdriver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxToken is the length in bytes of the longest name that is readable in a subject. A server refuses lines of more
// than 4096 bytes.
const maxToken = 1024

// token returns one token of a subject for a text. Other texts have other tokens.
func token(text string) string {
	if text == "" {
		return "%"
	}
	plain := true
	for i := 0; i < len(text) && plain; i++ {
		plain = isPlain(text[i])
	}
	if !plain {
		var b strings.Builder
		for i := range len(text) {
			if isPlain(text[i]) {
				b.WriteByte(text[i])
			} else {
				fmt.Fprintf(&b, "%%%02X", text[i])
			}
		}
		text = b.String()
	}
	if len(text) > maxToken {
		sum := sha256.Sum256([]byte(text))
		return "%h" + hex.EncodeToString(sum[:]) // no other text has an h after %
	}
	return text
}

// isPlain reports whether a byte stands for itself in a subject: it has no meaning there, and is easy to read.
func isPlain(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || strings.IndexByte("-_/#:@+=", c) >= 0
}

// encodePrefix returns the beginning of all subjects, with the dot at its end. A prefix may have several tokens.
func encodePrefix(prefix string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(prefix, ".") {
		b.WriteString(token(part))
		b.WriteByte('.')
	}
	return b.String()
}

// subject returns the subject of a channel. It has one token more than the prefix, so no prefix makes it that of
// another one.
func (d *Driver) subject(channel string) string { return d.prefix + token(channel) }
