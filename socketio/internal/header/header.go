// Package header parses the lists and tokens in the headers of HTTP requests (RFC 9110, 5.6).
package header

import (
	"iter"
	"net/http"
	"strings"
)

// Members returns the members of a header that is a list (RFC 9110, 5.6.1), the last one first. A list may span
// several lines. Empty members are left out. Commas within quotes do not separate members. The list is parsed
// from its end. The part from the client comes first, so it cannot change how the members that proxies have
// appended are parsed.
func Members(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				var member string
				rest, member, more = CutLast(rest, ',')
				if member = strings.Trim(member, " \t"); member != "" && !yield(member) {
					return
				}
			}
		}
	}
}

// CutLast cuts text at the last separator that is not within quotes. If there is none, last is text.
func CutLast(text string, separator byte) (before, last string, found bool) {
	quoted := false
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '"':
			quoted = quoted != !escapesNext(text[:i])
		case separator:
			if !quoted {
				return text[:i], text[i+1:], true
			}
		}
	}
	return "", text, false
}

// escapesNext reports whether a backslash at the end of text escapes the next character.
func escapesNext(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// Has reports whether a header that is a list has the member token, in any case.
func Has(lines []string, token string) bool {
	for member := range Members(lines) {
		if strings.EqualFold(member, token) {
			return true
		}
	}
	return false
}

// ConsistsOf reports whether s has only ASCII letters, digits, and characters in others.
func ConsistsOf(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c | 0x20
		if (letter < 'a' || letter > 'z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// IsToken reports whether s is a token (RFC 9110, 5.6.2).
func IsToken(s string) bool { return s != "" && ConsistsOf(s, "!#$%&'*+-.^_`|~") }

// IsWebSocket reports whether r asks for a WebSocket (RFC 9110, 7.8). It does not check the rest of the
// handshake.
func IsWebSocket(r *http.Request) bool {
	return r.ProtoMajor == 1 && Has(r.Header["Upgrade"], "websocket") && Has(r.Header["Connection"], "upgrade")
}
